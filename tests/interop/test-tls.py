#!/usr/bin/python3
"""TLS programs of others against our server: the mandatory suites, TLS 1.3, the exporter, refusals.

usage: test-interop.py BARE-SERVER ; prints TAP.
"""
import os
import re
import select
import subprocess
import sys
import tempfile
import time

SERVER = os.path.abspath(sys.argv[1])
LABEL = "EXPORTER-oneM2M-Bootstrap"
IDENTITY = "0123456789ABCDEF@mef.example.com"
# TS-0013 8.4, TD_M2M_SE_01: KpsaId and Kpsa as the document has them; the digits are six ASCII octets
TD_IDENTITY, TD_KEY = "test@onem2m.com", b"123456".hex()
REQUEST = b"GET / HTTP/1.1\r\nHost: mef.example.com\r\nConnection: close\r\n\r\n"
DEADLINE = 60


def sh(*args, **kw):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE, **kw)


def make_pki():
    with open("ext", "w") as f:
        f.write("[server]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                "subjectAltName=DNS:mef.example.com\n"
                "[client]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"
                "subjectAltName=URI:urn:dev:ops:1-2-3\n")
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
       "-out", "ca.pem", "-days", "2", "-subj", "/CN=Interop CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for who in ("server", "client"):
        sh("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", who + ".key",
           "-out", who + ".csr", "-subj", "/CN=" + who)
        sh("openssl", "x509", "-req", "-in", who + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "1", "-out",
           who + ".pem", "-extfile", "ext", "-extensions", who)
    key = os.urandom(32).hex()
    with open("psk", "w") as f:
        f.write(IDENTITY + ":" + key + "\n")
    with open("psk-td", "w") as f:
        f.write(TD_IDENTITY + ":" + TD_KEY + "\n")
    return key


class Server:
    def __init__(self, *args):
        self.p = subprocess.Popen([SERVER, "-t", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.port = self.p.stdout.readline().split()[1]

    def end(self):
        _, err = self.p.communicate(timeout=DEADLINE)
        assert self.p.returncode == 0, (self.p.returncode, err)
        return err


def talk(args):
    """Run a client with its standard input kept open until it ends; what it said on both outputs."""
    p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, until = b"", time.monotonic() + DEADLINE
    try:
        p.stdin.write(REQUEST)
        p.stdin.flush()
    except BrokenPipeError:
        pass
    while time.monotonic() < until:
        ready, _, _ = select.select([p.stdout], [], [], 1)
        if ready:
            piece = os.read(p.stdout.fileno(), 65536)
            if not piece:
                break
            said += piece
    else:
        p.kill()
        raise AssertionError("client did not end: " + said.decode(errors="replace"))
    try:
        p.stdin.close()
    except BrokenPipeError:
        pass
    p.wait(DEADLINE)
    return said.decode(errors="replace")


def s_client(server, *args):
    return talk(["openssl", "s_client", "-connect", "127.0.0.1:" + server.port, "-servername", "mef.example.com", "-CAfile",
                 "ca.pem", "-verify_return_error", "-keymatexport", LABEL, "-keymatexportlen", "48", "-ign_eof", *args])


def gnutls(server, priority, *args):
    return talk(["gnutls-cli", "--port", server.port, "--sni-hostname", "mef.example.com", "--verify-hostname",
                 "mef.example.com", "--priority", priority, "--keymatexport", LABEL, "--keymatexportsize", "48", *args,
                 "127.0.0.1"])


def same_export(said, identity):
    theirs = re.search(r"(?:Keying material|Key material): ([0-9A-Fa-f]{96})", said)
    ours = re.search(r"^export ([0-9A-F]{96})$", said, re.M)
    assert theirs and ours, said
    assert theirs.group(1).upper() == ours.group(1), said
    assert "identity " + identity in said, said


def want_in(said, what):
    assert what in said, said
    return said


CERT = ["-c", "server.pem", "-k", "server.key", "-a", "ca.pem"]
CLIENT = ["-cert", "client.pem", "-key", "client.key"]
GCLIENT = ["--x509cafile", "ca.pem", "--x509certfile", "client.pem", "--x509keyfile", "client.key"]
NODE = "urn:dev:ops:1-2-3"
G12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256:-KX-ALL:"
G13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3"


def good(key):
    """(name, server's arguments, client, identity)"""
    psk = ["-psk", key, "-psk_identity", IDENTITY]
    gpsk = ["--pskusername", IDENTITY, "--pskkey", key]
    for profile in ("onem2m", "both"):
        s = ["-P", profile]
        yield (f"spec 2.5.3 suite, openssl, {profile}", CERT + s,
               lambda v: s_client(v, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256", *CLIENT), NODE)
        yield (f"spec 2.5.3 suite, gnutls, {profile}", CERT + s,
               lambda v: gnutls(v, G12 + "+ECDHE-ECDSA", *GCLIENT), NODE)
        yield (f"spec 2.5.2 suite, openssl, {profile}", CERT + s + ["-p", "psk"],
               lambda v: s_client(v, "-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256", *psk), IDENTITY)
        yield (f"spec 2.5.2 suite, gnutls, {profile}", ["-p", "psk"] + s, lambda v: gnutls(v, G12 + "+PSK", *gpsk), IDENTITY)
    td, suite = ["-p", "psk-td", "-P", "onem2m"], "PSK-AES128-CBC-SHA256"
    yield ("TD_M2M_SE_01, openssl", td,
           lambda v: want_in(s_client(v, "-tls1_2", "-cipher", suite, "-psk", TD_KEY, "-psk_identity", TD_IDENTITY), suite), TD_IDENTITY)
    yield ("TD_M2M_SE_01, gnutls", td,
           lambda v: gnutls(v, G12 + "+PSK", "--pskusername", TD_IDENTITY, "--pskkey", TD_KEY), TD_IDENTITY)
    # gotcha 7
    yield ("PSK hint of GBA, openssl", ["-p", "psk", "-P", "onem2m", "-h", "3GPP-bootstrapping"],
           lambda v: want_in(s_client(v, "-tls1_2", *psk), "PSK identity hint: 3GPP-bootstrapping"), IDENTITY)
    for profile in ("modern", "both"):
        s = ["-P", profile, "-e"]
        yield (f"TLS 1.3, openssl, {profile}", CERT + s, lambda v: s_client(v, "-tls1_3", *CLIENT), NODE)
        yield (f"TLS 1.3, gnutls, {profile}", CERT + s, lambda v: gnutls(v, G13, *GCLIENT), NODE)
        # the client's default list begins with a SHA-384 suite: gotcha 1
        yield (f"TLS 1.3 PSK, openssl's default suites, {profile}", CERT + s + ["-p", "psk"],
               lambda v: s_client(v, "-tls1_3", *psk), IDENTITY)
        yield (f"TLS 1.3 PSK, P-256 by HelloRetryRequest, {profile}", CERT + s + ["-p", "psk"],
               lambda v: s_client(v, "-tls1_3", "-groups", "P-521:P-256", *psk), IDENTITY)
        yield (f"TLS 1.3 PSK, gnutls, {profile}", CERT + s + ["-p", "psk"],
               lambda v: gnutls(v, G13 + ":-KX-ALL:+DHE-PSK:+ECDHE-PSK", *gpsk), IDENTITY)
        # gotcha 6: OpenSSL's alias leaves it out
        yield (f"ECDHE-PSK CBC, openssl, {profile}", CERT + s + ["-p", "psk"],
               lambda v: s_client(v, "-tls1_2", "-cipher", "ECDHE-PSK-AES128-CBC-SHA256", *psk), IDENTITY)


def refused(key):
    """(name, server's arguments, client, what the server says)"""
    psk = ["-psk", key, "-psk_identity", IDENTITY]
    bad = ["-psk", "00" * 32, "-psk_identity", IDENTITY]
    yield "no certificate", CERT, lambda v: s_client(v, "-tls1_2"), "no client certificate"
    yield "no certificate, TLS 1.3", CERT, lambda v: s_client(v, "-tls1_3"), "no client certificate"
    yield "TLS 1.1", CERT, lambda v: s_client(v, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", *CLIENT), "no common TLS version"
    yield ("a modern suite at onem2m", CERT + ["-P", "onem2m"],
           lambda v: s_client(v, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", *CLIENT), "no common TLS version")
    yield ("mandatory PSK suite at modern", CERT + ["-p", "psk", "-P", "modern"],
           lambda v: s_client(v, "-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256", *psk), "no common TLS version")
    yield ("TD_M2M_SE_01, digits read as hex", ["-p", "psk-td", "-P", "onem2m"],
           lambda v: s_client(v, "-tls1_2", "-psk", "123456", "-psk_identity", TD_IDENTITY), "identity known, key wrong")
    for version in ("-tls1_2", "-tls1_3"):
        yield "wrong key " + version, CERT + ["-p", "psk"], lambda v, o=version: s_client(v, o, *bad), "identity known, key wrong"
        yield ("unknown identity " + version, CERT + ["-p", "psk"],
               lambda v, o=version: s_client(v, o, "-psk", key, "-psk_identity", "nobody"), "identity unknown")
    yield ("no extended master secret", CERT + ["-e"],
           lambda v: gnutls(v, G12 + "+ECDHE-ECDSA:%NO_SESSION_HASH", *GCLIENT), "RFC 7627")


def main():
    n, failures = 0, 0
    with tempfile.TemporaryDirectory() as d:
        os.chdir(d)
        key = make_pki()
        cases = [(c, True) for c in good(key)] + [(c, False) for c in refused(key)]
        print(f"1..{len(cases)}")
        for (name, args, client, want), fine in cases:
            n += 1
            server = Server(*args)
            try:
                said = client(server)
                err = server.end()
                if fine:
                    same_export(said, want)
                else:
                    assert want in err, (err, said)
                    assert "HTTP/1.1 200" not in said, said
                print(f"ok {n} - {name}")
            except AssertionError as e:
                failures += 1
                print(f"not ok {n} - {name}")
                print("# " + str(e).replace("\n", "\n# "))
            finally:
                if server.p.poll() is None:
                    server.p.kill()
            sys.stdout.flush()
    return 1 if failures else 0


sys.exit(main())
