"""Story: peers that read the standard otherwise. A switch changes what is on the wire, as OpenSSL's own tool sees it; and both
ends understand each other again when both are switched.
"""
import json
import re
import subprocess

import trigger_support
from support import RUN_SECONDS

SWITCHED = 'quirks = { names = "ts0032"; hex = "lower"; mef_label = "connection"; };\n'
LABELS = {"bootstrap": "EXPORTER-oneM2M-Bootstrap", "connection": "EXPORTER-oneM2M-Connection"}


def start(inst, mef="", maf="", link="", again=False):
    inst.stop()
    inst.configure(replace={'  maf_anchor =': f"  {mef}\n  maf_anchor =", "  mef_anchors =": f"  {maf}\n  mef_anchors =",
                            "; } );\n": f"; {link} }} );\n", 'level = "info"': 'level = "debug"'})
    inst.start()
    inst.maker("acme")
    if not again:
        inst.subscription()


def key_registration(inst, node, label):
    """(what OpenSSL exports under that label, the relativeKeyID that the MEF answers)"""
    def post(body, ty):
        text = json.dumps(body)
        return (f"POST /MEFBase HTTP/1.1\r\nHost: {inst.mef}\r\nX-M2M-Origin: {node.id}\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n"
                f"Content-Type: application/json;ty={ty}\r\nContent-Length: {len(text)}\r\n"
                f"{'Connection: close' + chr(13) + chr(10) if ty == 65003 else ''}\r\n{text}")
    text = post({"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}, 65001) + \
        post({"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": inst.sp, "SUID": 21, "targetIDs": [inst.maf]}}, 65003)
    out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{inst.mef_port}", "-servername", inst.mef, "-CAfile",
                          inst.dir / "keeper/ca.pem", "-cert", node.dir / "node.pem", "-key", node.dir / "node.key", "-tls1_2",
                          "-keymatexport", LABELS[label], "-keymatexportlen", "48", "-ign_eof"],
                         input=text, capture_output=True, text=True, timeout=RUN_SECONDS).stdout
    exported = re.search(r"Keying material: ([0-9A-F]{96})", out)
    answered = re.search(r'"relativeKeyID":"([0-9A-Fa-f]{32})"', out)
    assert exported and answered, out + inst.log_text()
    return exported.group(1)[:32], answered.group(1)


def test_the_mef_as_a_stranger_sees_it(split):
    start(split)
    exported, answered = key_registration(split, split.node(1), "bootstrap")
    assert answered == exported
    # the listener seals Ke twice then, as Ke and as a key that is registered
    start(split, mef='quirks = { hex = "lower"; km = "registered"; };', again=True)
    exported, answered = key_registration(split, split.node(2), "bootstrap")
    assert answered == exported.lower() != exported
    start(split, mef='quirks = { mef_label = "connection"; };', again=True)
    exported, answered = key_registration(split, split.node(3), "bootstrap")
    assert answered != exported, "another label, another key"
    exported, answered = key_registration(split, split.node(4), "connection")
    assert answered == exported


def identities(inst, node):
    """The pre-shared key identities that the node sent, as its own log has them."""
    with_log = node.run_once()
    return with_log, re.findall(r"opening host=\S+ identity=(\S+@\S+)", with_log.stderr + with_log.stdout)


def test_both_ends_switched(installation):
    inst = installation
    both = 'quirks = { names = "ts0032"; hex = "lower"; };'
    start(inst, mef='quirks = { names = "ts0032"; hex = "lower"; mef_label = "connection"; };', maf=both, link=both)
    node = inst.node(1)
    node.configure(add=SWITCHED)
    done, sent = identities(inst, node)
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert node.status()["state"] == "enrolled"
    assert len(sent) >= 2 and all(s == s.lower() for s in sent), sent
    assert {s.split("@")[1] for s in sent} == {inst.mef, inst.maf}, sent
    assert node.agent("check").returncode == 0
    # what is kept does not depend on what is sent: the records have the canonical case
    shown = inst.ask("node", "show", node.id)
    assert all(c["keyID"].split("@")[0].isupper() or c["keyID"].split("@")[0].isdigit() for c in shown["credentials"]), shown
    # and so the node is called by the canonical name of a key that its MAF told it in small letters
    octets, made = trigger_support.make(inst, node, "--what", "check")
    assert made["keyID"] != made["keyID"].lower(), made
    (node.dir / "sms").write_bytes(octets)
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        done = node.agent("trigger", "--push", node.dir / "sms", "--source", "sms")
        assert done.returncode == 0, done
        agent.wait_log("triggered by=sms what=check")


def test_only_one_end_switched(installation):
    """Both cases of hex are taken, so one end is enough; a label needs both."""
    inst = installation
    start(inst)
    node = inst.node(1)
    node.configure(add='quirks = { hex = "lower"; };\n')
    done, sent = identities(inst, node)
    assert done.returncode == 0 and all(s == s.lower() for s in sent) and sent, (sent, done.stderr)
    other = inst.node(2)
    other.configure(add='quirks = { mef_label = "connection"; };\n')
    assert other.run_once().returncode == 1
    assert other.status()["state"] != "enrolled"
    other.configure()
    assert other.run_once().returncode == 0, other.status()


def test_a_wrong_word_is_told_with_its_place(split):
    node = split.node(1, known=False)
    node.configure(add='quirks = { hex = "mixed"; };\n')
    done = node.run_once()
    assert done.returncode != 0 and re.search(r'muster-agent.conf:\d+: quirks.hex: unknown value "mixed"; one of upper, lower', done.stderr)
