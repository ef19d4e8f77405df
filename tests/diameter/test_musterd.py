"""A whole musterd with an HSS and Diameter: a foreign BSF has vectors of a real SIM, an operator looks, and everything ends."""
import binascii
import json
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from avps import BIR, MAR, ZH, ZN, avp, gpp, message, u32, vsai  # noqa: E402
from processes import peer, reach  # noqa: E402
from gba_ue import Ue  # noqa: E402
from aka import Milenage, opc, xor  # noqa: E402
from support import MUSTER, Installation, free_port, run, until  # noqa: E402

# TS 35.208 set 3
K, OP = bytes.fromhex("fec86ba6eb707ed08905757b1bb44b8f"), bytes.fromhex("dbc59adcb6f9a0ef735477b7fadf8374")
IMSI = "001010000000001"
IMPI = IMSI + "@ims.mnc001.mcc001.3gppnetwork.org"
SECOND, NAF = "second.ours.example", "maf.sp.example"
OURS, BSF, OTHER = "node.ours.example", "bsf.foreign.example", "other.foreign.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    d = tmp_path_factory.mktemp("musterd")
    inst = Installation(d / "inst", gba="00101")
    port, secure = free_port(), free_port()
    run(MUSTER, "cert", "issue", "--ca", "acme", "--fqdn", OURS, "--out", inst.dir / "tls/diameter", cwd=inst.dir / "makers")
    inst.configure(replace={f'bsfs = ["{inst.bsf}"]': f'bsfs = ["{inst.bsf}", "{BSF}", "{SECOND}"]',
                            "  mnc_digits = 2;\n": '  mnc_digits = 2;\n  vector_burst = 1000;\n  vector_interval = "1s";\n'}, add=f'''
diameter = {{ identity = "{OURS}"; realm = "ours.example"; listen = ["127.0.0.1"]; port = {port}; secure_port = {secure}; retry = "1s";
  certificate = "tls/diameter.pem"; key = "tls/diameter.key"; anchors = ["keeper/ca.pem", "makers/acme.pem"]; crls = ["crls/"];
  peers = ( {{ identity = "{BSF}"; realm = "foreign.example"; tls = false; }}, {{ identity = "{inst.bbn}"; realm = "sp.example"; }},
            {{ identity = "{SECOND}"; realm = "ours.example"; tls = false; ipsec = true; }} ); }};
''')
    inst.start()
    inst.subscription()
    run(MUSTER, "-C", inst.dir, "sim", "add", IMSI, "--file", "-", "--node", inst.node(1).id, "--naf-group", "m2m", "--lifetime", "1h",
        stdin=f"milenage:{K.hex()}:op:{OP.hex()}={binascii.crc_hqx(K + OP, 0xFFFF):04X}\n")
    inst.peer = peer(d, BSF, "foreign.example", OURS, port)
    inst.peer.line("open " + OURS)
    inst.port, inst.secure, inst.work = port, secure, d
    yield inst
    inst.peer.end()
    assert inst.stop() == 0, inst.log_text()


def send(p, who, command, app, avps):
    return reach(p, message(command, app, [avp(263, f"{who};1;1"), vsai(app), avp(264, who), avp(296, "foreign.example"), avp(283, "ours.example"),
                                           avp(293, OURS)] + avps))


def test_unknown_subscriber(world):
    m = send(world.peer, BSF, MAR, ZH, [avp(277, u32(1)), avp(1, "999990000000001@ims.mnc099.mcc999.3gppnetwork.org")])
    assert m.result() == (10415, 5401)


def test_vector(world):
    """A vector of the keeper's, which a card of ours computes as well, and the settings of this subscriber."""
    m = send(world.peer, BSF, MAR, ZH, [avp(277, u32(1)), avp(1, IMPI)])
    assert m.result() == 2001 and m.get(1).decode() == IMPI
    rand, autn = m.get(609, 612)[:16], m.get(609, 612)[16:]
    card = Milenage(K, opc(K, OP), rand)
    assert (m.get(610, 612), m.get(625, 612), m.get(626, 612)) == (card.res, card.ck, card.ik)
    assert card.autn(int.from_bytes(xor(autn[:6], card.ak), "big"), autn[6:8]) == autn
    assert b'nafGroup="m2m"' in m.get(400) and b"<lifeTime>3600</lifeTime>" in m.get(400)


def test_who_may_not_ask(world):
    """None of diameter.peers."""
    p = peer(world.work, OTHER, "foreign.example", OURS, world.port)
    p.line("closed")
    p.end(politely=False)


def test_unknown_btid(world):
    m = send(world.peer, BSF, BIR, ZN, [gpp(401, "bm9ib2R5IGhhcyBpdA==@" + world.bsf), gpp(402, b"maf.sp.example\x01\x00\x01\x00\xae")])
    assert m.result() in ((10415, 5403), (10415, 5402))


def test_doctor_and_metrics(world):
    """One of three peers is connected, which doctor does not like."""
    def found():
        said = json.loads(world.muster("--json", "doctor", check=False).stdout)
        return [f for f in said if f["check"] == "Diameter" and f["detail"] == "1 of 3 peers connected"]
    assert until("doctor sees one peer of three", found)[0]["ok"] is False
    said = [f["detail"] for f in json.loads(world.muster("--json", "doctor", check=False).stdout)]
    assert [s.split()[0] for s in said if "believed by its word" in s] == [SECOND], "one that is not on loopback needs IPsec, and one should see it"
    assert any("is true" in s and SECOND in s for s in world.log_text().splitlines() if "believed by its word" in s)
    assert "no NAF is told the IMPI of subscribers" in said


def test_it_is_started_again(world):
    """The process of Diameter dies: the others go on, and it comes back with its connections."""
    pids = [int(p.parent.name) for p in pathlib.Path("/proc").glob("[0-9]*/stat") if children(p, world.process.pid)]
    assert len(pids) == 1
    os.kill(pids[0], signal.SIGKILL)
    world.peer.line("open " + OURS)
    test_unknown_subscriber(world)


@pytest.fixture(scope="module")
def second(world, tmp_path_factory):
    """Another installation, whose BSF asks the HSS of the first over Diameter, and which a foreign NAF asks over Diameter."""
    d = tmp_path_factory.mktemp("second")
    inst = Installation(d / "inst", gba="00101")
    port = free_port()
    text = inst.plain_config
    at = text.index("  hss = {", text.index("\nbsf = {"))
    inst.configure(replace={text[at:text.index("\n", at)]: f'  hss = {{ fqdn = "{OURS}"; binding = "diameter"; }};',
                            f'nafs = ( {{ fqdn = "{inst.maf}"': f'nafs = ( {{ fqdn = "{NAF}"; groups = ["m2m"]; impi = true; }}, {{ fqdn = "{inst.maf}"'}, add=f'''
diameter = {{ identity = "{SECOND}"; realm = "ours.example"; listen = ["127.0.0.1"]; port = {port}; secure_port = 0; retry = "1s";
  peers = ( {{ identity = "{OURS}"; realm = "ours.example"; tls = false; connect_to = "127.0.0.1:{world.port}"; }},
            {{ identity = "{NAF}"; realm = "sp.example"; tls = false; }} ); }};
''')
    inst.start()
    inst.naf = peer(d, NAF, "sp.example", SECOND, port)
    inst.naf.line("open " + SECOND)
    yield inst
    inst.naf.end()
    assert inst.stop() == 0, inst.log_text()


def test_two_musterds(second):
    """Ub at the second, Zh between the two, Zn by a foreign NAF, all of it real: NAF and UE have the same key."""
    def bootstrapped():
        ue = Ue(second.bsf_port, K, opc(K, OP), IMPI, second.bsf)
        return ue if ue.bootstrap()[0] == 200 else None
    until("both are open", lambda: second.log_text().count("a Diameter peer is open") >= 2, context=second.log_text)
    ue = until("the vector comes", bootstrapped, context=second.log_text)
    q = [avp(263, f"{NAF};1;1"), vsai(ZN), avp(264, NAF), avp(296, "sp.example"), avp(283, "ours.example"), avp(293, SECOND)]
    m = reach(second.naf, message(BIR, ZN, q + [gpp(401, ue.btid), gpp(402, NAF.encode() + b"\x01\x00\x01\x00\xae")]))
    assert m.result() == 2001 and m.get(405) == ue.ks_naf(NAF) and m.get(1).decode() == IMPI and b"<ussList" in m.get(400)
    m = reach(second.naf, message(BIR, ZN, q + [gpp(401, ue.btid), gpp(402, b"other.sp.example\x01\x00\x01\x00\xae")]))
    assert m.result() == (10415, 5402)
    m = reach(second.naf, message(BIR, ZN, q + [gpp(401, "x" + ue.btid), gpp(402, NAF.encode() + b"\x01\x00\x01\x00\xae")]))
    assert m.result() == (10415, 5403)


def test_a_peer_under_our_own_ca_is_revoked(world):
    """Nobody sends a signal: its connection ends, and it does not come back; the others do."""
    d, name = world.dir, world.bbn
    tls = f'TLS_Cred = "{d}/tls/bbn.pem", "{d}/tls/bbn.key"; TLS_CA = "{d}/keeper/ca.pem"; TLS_CA = "{d}/makers/acme.pem"; TLS_DH_Bits = 512;\n'
    p = peer(world.work, name, "sp.example", OURS, world.secure, tls=tls)
    p.line("open " + OURS)
    world.muster("cert", "revoke", d / "tls/bbn.pem", "--reason", "key-compromise")
    p.line("closed")
    until("it is refused", lambda: f"the certificate of {name} is revoked" in world.log_text(), context=world.log_text)
    test_unknown_subscriber(world)
    p.end(politely=False)


def children(stat, parent):
    try:
        text = stat.read_text()
        return "(musterd-diamete)" in text and int(text.rsplit(")", 1)[1].split()[1]) == parent
    except OSError:
        return False
