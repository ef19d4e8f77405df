#!/usr/bin/python3
"""SIPp, which has its own Milenage and its own Digest, against our AKAv1-MD5: its response fits our XRES.

It never resynchronises: its branch for that is compiled out (`if (1)` stands before it, and "auts" in none of its strings), and would have
written AUTS in hex. AUTS is judged elsewhere: osmo-auc-gen reads ours (test_hss.py), a card and a UE in Python make them for our HSS and
BSF (test_card.py, test_bsf.py), hostapd and wpa_supplicant carry them.

usage: test-sipp.py SIP-DIGEST ; prints TAP.
"""
import os
import subprocess
import sys
import tempfile

SERVER = os.path.abspath(sys.argv[1])
DEADLINE = 60
SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="Digest AKA">
  <send>
    <![CDATA[
%(head)s
CSeq: 1 REGISTER
Content-Length: 0

    ]]>
  </send>
  <recv response="401" auth="true" timeout="20000"/>
  <send>
    <![CDATA[
%(head)s
CSeq: 2 REGISTER
[authentication username=001010000000001@ims.example.com aka_OP=0x%(op)s aka_AMF=0x%(amf)s aka_K=0x%(k)s]
Content-Length: 0

    ]]>
  </send>
  <recv response="200" timeout="20000"/>
</scenario>
"""
HEAD = """REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:user@example.com>;tag=[call_number]
To: <sip:user@example.com>
Call-ID: [call_id]
Contact: <sip:user@[local_ip]:[local_port]>
Max-Forwards: 5"""


def octets(n):
    """SIPp turns them into raw octets and then reads them as text: a mark of its own, a quote, a blank among them ends the value."""
    fit = [x for x in range(256) if x >= 0x80 or chr(x).isalnum()]
    return bytes(fit[x % len(fit)] for x in os.urandom(n)).hex()


def call(k, op, amf, sqn, told_k=None):
    """What our side says of one call, and SIPp's exit status."""
    server = subprocess.Popen([SERVER, k, op, amf, str(sqn), "1"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        with open("scenario.xml", "w") as f:
            f.write(SCENARIO % {"head": HEAD, "op": op, "amf": amf, "k": told_k or k})
        sipp = subprocess.run(["sipp", f"127.0.0.1:{port}", "-i", "127.0.0.1", "-sf", "scenario.xml", "-m", "1", "-nostdin"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE)
        if sipp.returncode and server.poll() is None:
            server.terminate()               # SIPp gave up before it answered
        said = server.stdout.read().strip()
        server.wait(DEADLINE)
    finally:
        if server.poll() is None:
            server.kill()
        server.stdout.close()
    return said, sipp.returncode, sipp.stdout.decode(errors="replace")


def published():
    """Milenage test set 3; set 1 has an octet that SIPp cannot be told."""
    return call("fec86ba6eb707ed08905757b1bb44b8f", "dbc59adcb6f9a0ef735477b7fadf8374", "725c", 0x9d0277595ffc), "RES"


def random_keys():
    return call(octets(16), octets(16), octets(2), 0x123456789a21), "RES"


def other_key():
    """It notices that MAC is not of its key, and sends nothing."""
    return call(octets(16), octets(16), octets(2), 0x21, told_k=octets(16)), ""


def main():
    tests = (published, random_keys, random_keys, random_keys, other_key)
    print(f"1..{len(tests)}")
    bad, home = 0, os.getcwd()
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="sipp-") as scratch:
            os.chdir(scratch)
            try:
                (said, status, out), want = test()
            finally:
                os.chdir(home)
        right = said.startswith(want) and (status == 0) == bool(want) and bool(said) == bool(want)
        bad += not right
        print(f"{'ok' if right else 'not ok'} {number} - {test.__name__}: {said or 'nothing said'}, SIPp {status}")
        if not right:
            print("\n".join("# " + line for line in out.splitlines()[-40:]))
    return bad > 0


sys.exit(main())
