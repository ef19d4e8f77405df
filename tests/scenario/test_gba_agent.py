"""Story: a node with nothing but a SIM (fig. 1, the node's side). BSF and MAF are strangers that share no code with ours: one
in Python on Ub, one behind openssl s_server with the very key that the BSF derives.
"""
import datetime
import json
import os
import re
import secrets
import signal
import threading
import time

import pytest

from strange_bsf import StrangeBsf
from simnode import CSE, IMSI, K, MAF, OPC, SimNode, StrangeMaf, Wire, bsf, enrolled, maf  # noqa: F401 the fixtures among them
from support import FAKETIME, RUN_SECONDS, AlertServer, Running, at, free_port, until


def test_a_node_with_nothing_but_a_sim(tmp_path, bsf, maf):
    node = SimNode(tmp_path / "n", maf, bsf)
    good = node.agent("--check")
    assert good.returncode == 0 and bsf.impi in good.stdout, good
    done = node.run_once()
    assert done.returncode == 0, done.stderr
    c = enrolled(node, bsf, maf)
    assert c["cseID"] == CSE and c["mefFQDN"] == bsf.fqdn
    assert [s["arrow"] for s in node.status()["steps"]][:3] == ["bsf.bootstrap", "node.save", "maf.open"], node.status()["steps"]
    assert bsf.log == [("asked", "impi"), ("granted", bsf.btid)]
    assert node.agent("check").returncode == 0
    # again: by TMPI, and with the counter of the card where it was
    old = bsf.btid
    with Running(node) as agent:
        agent.wait_log("enrolled-already")
        assert node.agent("trigger").returncode == 0
        agent.wait_log("enrolled key")
        c = node.status()["credential"]
    begun, ends, renews = (datetime.datetime.strptime(c[w], "%Y%m%dT%H%M%S") for w in ("obtained", "notAfter", "renewAt"))
    assert 3300 < (ends - begun).total_seconds() <= 3600 and 0.79 < (renews - begun) / (ends - begun) < 0.91, c
    assert bsf.btid != old and bsf.log[2] == ("asked", "tmpi"), bsf.log
    enrolled(node, bsf, maf)
    secret = (bsf.ks.hex(), bsf.ks_naf(MAF).hex(), K.hex())
    told = node.agent("status", "--json").stdout + (node.dir / "agent.log").read_text()
    assert not any(s in told.lower() for s in secret)


def test_resynchronisation_and_a_bsf_that_closes(tmp_path, bsf, maf):
    """The card is ahead of the operator's counter; each answer ends its connection; the identity is sent with its prefix."""
    node = SimNode(tmp_path / "n", maf, bsf, gba='identity = "prefix"; separator = ":";')
    bsf.close, bsf.tmpi, bsf.sqn = True, False, 0x90000
    assert node.run_once().returncode == 0
    bsf.sqn = 0x1000
    with Wire(maf.port) as wire:
        node.configure('identity = "prefix"; separator = ":";', maf_port=wire.port)
        with Running(node) as agent:
            agent.wait_log("enrolled-already")
            assert node.agent("trigger").returncode == 0
            agent.wait_log("enrolled key")
    assert b"3GPP-bootstrapping:" + bsf.btid.encode() in wire.heard and MAF.encode() in wire.heard
    assert [what for what, _ in bsf.log] == ["asked", "granted", "asked", "resync", "granted"], bsf.log


def spoiled(status=None, change=None):
    """Only what grants is spoilt."""
    def spoil(s, headers, body):
        if s != 200:
            return s, headers, body
        return change(headers, body) if change else (status, headers, body)
    return spoil


def header(name, value):
    return spoiled(change=lambda h, b: (200, {**h, name: value(h[name])}, b))


def past(bsf):
    bsf.tell_time, bsf.lifetime = False, -4000 * 86400


BAD = [
    ("wrong rspauth", header("Authentication-Info", lambda v: re.sub('(?<=rspauth=")..', lambda m: f"{int(m[0], 16) ^ 1:02x}", v)), "not proven"),
    ("no rspauth", spoiled(change=lambda h, b: (200, {}, b)), "not proven"),
    ("changed body", spoiled(change=lambda h, b: (200, h, b.replace(b"<lifetime>2", b"<lifetime>3"))), "not proven"),
    ("another realm", lambda s, h, b: (s, {k: v.replace("realm=\"bsf.", "realm=\"fsb.") for k, v in h.items()}, b), "malformed"),
    ("huge", spoiled(change=lambda h, b: (200, h, b + b" " * 70000)), "oversized"),
    ("not HTTP", lambda *_: b"SSH-2.0-OpenSSH_9.2\r\n", "malformed"),
    ("nothing", lambda *_: None, "unreachable"),
    ("a login page", lambda *_: (200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"), "wrong service"),
    ("elsewhere", lambda *_: (302, {"Location": "http://portal.example/"}, b""), "wrong service"),
    ("unknown subscriber", lambda *_: (403, {}, b""), "unknown subscriber"),
    ("refused after RES", spoiled(status=403), "refused"),
    ("garbage as challenge", lambda s, h, b: (401, {"WWW-Authenticate": "Digest realm=\"" + "x" * 5000}, b), "malformed"),
    ("no challenge", lambda *_: (401, {}, b""), "malformed"),
    ("the HSS is down", lambda *_: (503, {"Retry-After": "77"}, b""), "busy"),
]


def test_answers_that_are_not_taken(tmp_path, bsf, maf):
    """Each has its reason and what to do next; nothing of it is kept, and the very same node then enrols."""
    node = SimNode(tmp_path / "n", maf, bsf)
    for what, spoil, reason in BAD:
        bsf.spoil = spoil
        done = node.run_once()
        assert done.returncode == 1, what
        report = node.status()["reports"][0]
        assert report["reason"] == reason and report["remedy"] and report["step"] == "bsf.bootstrap", (what, report)
        assert node.status()["credential"] is None and node.status()["pending"] is None
    # forged on the way, as anybody can do over HTTP: a week is not what it gets
    bsf.spoil = lambda *_: (503, {"Retry-After": "604800"}, b"")
    with Running(node) as agent:
        agent.wait_log("bootstrapping-failed")
        until("a short wait", lambda: (left := node.status()["nextTry"]) is not None and left <= 4)     # twice backoff_max
    bsf.spoil = None
    past(bsf)
    assert node.run_once().returncode == 1 and node.reports() == [("gba", "expired")], node.status()["reports"]
    assert not maf.seen
    bsf.tell_time, bsf.lifetime = True, 3600
    assert node.run_once().returncode == 0
    enrolled(node, bsf, maf)


def test_broken_xml_under_a_right_rspauth(tmp_path, bsf, maf):
    node = SimNode(tmp_path / "n", maf, bsf)
    whole = bsf.body
    for body in (b"", b"<a", b'<!DOCTYPE a [<!ENTITY b "c">]><BootstrappingInfo xmlns="uri:3gpp-gba"/>', b"<x/>"):
        bsf.body = lambda *_, body=body: body
        assert node.run_once().returncode == 1 and node.reports() == [("gba", "malformed")], node.status()["reports"]
    bsf.body, bsf.configuration = whole, '{"sec:mefClientCfg":{"cseID":7}}'
    assert node.run_once().returncode == 1
    assert "the BSF's configuration: sec:mefClientCfg.cseID: " in node.status()["reports"][0]["detail"], node.status()["reports"]


def test_a_false_network_is_said_loudly(tmp_path, maf):
    with StrangeBsf(secrets.token_bytes(16), OPC, IMSI) as stranger:
        node = SimNode(tmp_path / "n", maf, stranger)
        done = node.run_once()
        assert done.returncode == 1 and "FALSE-NETWORK" in done.stderr and "THE NETWORK IS NOT THE CARD'S OPERATOR" in done.stderr, done.stderr
        assert node.reports() == [("gba", "false network")]
        assert [what for what, _ in stranger.log] == ["asked"], "neither RES nor AUTS was sent"


def test_a_challenge_for_another_kind_of_access(tmp_path, bsf, maf):
    """The separation bit in AMF (TS 33.102 annex H), which a vector for GBA does not have: gba.amf says whether that counts."""
    node = SimNode(tmp_path / "n", maf, bsf, gba='amf = "gba";')
    bsf.amf = bytes.fromhex("8000")
    done = node.run_once()
    assert done.returncode == 1 and "FALSE-NETWORK" in done.stderr, done.stderr
    assert node.reports() == [("gba", "false network")] and "another kind of access: AMF 8000" in node.status()["reports"][0]["detail"], node.status()
    assert [what for what, _ in bsf.log] == ["asked"], "neither RES nor AUTS was sent"
    node.configure("")
    assert node.run_once().returncode == 0
    enrolled(node, bsf, maf)


def test_a_counter_that_never_agrees(tmp_path, bsf, maf):
    node = SimNode(tmp_path / "n", maf, bsf)
    assert node.run_once().returncode == 0
    whole = bsf.challenge

    def stuck(stale=False):
        bsf.sqn = 0x1000 - 32
        return whole(stale)
    bsf.challenge = stuck
    with Running(node) as agent:
        agent.wait_log("enrolled-already")
        assert node.agent("trigger").returncode == 0
        agent.wait_log('reason="card out of step"')
    assert [what for what, _ in bsf.log].count("resync") == 2, bsf.log
    assert node.status()["credential"]["keyID"] == maf.btid, "the key in use stays"


def test_the_bsf_as_briefing_node(tmp_path, bsf, maf):
    """Discovery and bootstrap by one run on Ub; the configuration says who the node is; not so without auth-int."""
    node = SimNode(tmp_path / "n", maf, bsf)
    node.instruct(node.discovery())
    bsf.instructions = json.dumps({"version": 1, "instructions": [node.instruction()]})
    bsf.configuration = json.dumps({"sec:mefClientCfg": {"cseID": "//sp.example.com/C9", "registrarPoA": ["https://in.sp.example.com"]}})
    done = node.run_once()
    assert done.returncode == 0, done.stderr
    c = node.status()["credential"]
    assert c["cseID"] == "//sp.example.com/C9" and c["registrarPoA"] == ["https://in.sp.example.com"], c
    assert bsf.grants == 1 and c["keyID"] == bsf.btid, "the same Ks serves both"
    assert node.reports() == [("bsf", "ok"), ("gba", "ok")]
    for i, (change, says) in enumerate(((("qop", "auth"), "not protected"), (("instructions", None), "no instructions"),
                                        (("instructions", "{}"), ""))):
        other = SimNode(tmp_path / f"m{i}", maf, bsf)
        other.instruct(other.discovery())
        before = getattr(bsf, change[0])
        setattr(bsf, *change)
        bsf.sqn += 0x10000
        assert other.run_once().returncode == 1
        report = other.status()["reports"][0]
        assert report["method"] == "bsf" and says in report["detail"], report
        setattr(bsf, change[0], before)


def test_what_fails_behind_the_bsf_asks_it_nothing_again(tmp_path, bsf, maf):
    """TS-0003 8.3.2.3: no handshake while there is a valid Ks. A MAF that is down costs one run on Ub, not one for each attempt."""
    node = SimNode(tmp_path / "n", maf, bsf)
    node.instruct(node.discovery())
    bsf.instructions = json.dumps({"version": 1, "instructions": [node.instruction()]})
    whole, bsf.granted = bsf.granted, lambda: None
    with Running(node) as agent:
        for _ in range(3):
            agent.wait_log("instruction-failed .*maf.open")
        assert bsf.grants == 1 and bsf.log == [("asked", "impi"), ("granted", bsf.btid)], bsf.log
        maf.know(bsf)
        agent.wait_log("enrolled key")
        enrolled(node, bsf, maf)
        # once it has served, the next time is another one
        bsf.granted = whole
        assert bsf.grants == 1 and node.agent("trigger").returncode == 0
        agent.wait_log("enrolled key")
        assert bsf.grants == 2
    enrolled(node, bsf, maf)
    # a key that is not taken is of no use any more
    other = SimNode(tmp_path / "m", maf, bsf)
    other.instruct(other.discovery())
    bsf.sqn += 0x10000
    with AlertServer(115) as alert:
        other.configure(maf_port=alert.port)
        with Running(other) as agent:
            for _ in range(2):
                agent.wait_log("instruction-failed .*maf.open")
            assert bsf.grants >= 4
            told = until("what came of a try, and no other one has begun", lambda: next((s for s in [other.status()] if s["reports"]), None))
    report = told["reports"][-1]
    assert (report["method"], report["reason"]) == ("gba", "not authenticated"), report
    assert "BSF must give this server keys" in report["remedy"] and "certificate" not in report["remedy"], report
    assert next(a for a in told["attempts"] if a["reports"])["reports"][-1]["remedy"] == report["remedy"]


def test_a_maf_without_the_suite_costs_no_vector(tmp_path, bsf):
    """TS 33.220 H.3: a key is for one suite. That the MAF has another one says nothing about the key, and is no reason to bootstrap anew."""
    maf = StrangeMaf("01000100a8")
    bsf.granted = lambda: maf.know(bsf)
    try:
        node = SimNode(tmp_path / "n", maf, bsf)
        with Running(node) as agent:
            for _ in range(3):
                agent.wait_log("instruction-failed .*maf.open")
        # nor after a start, when all that there is of it is what was saved
        assert node.run_once().returncode == 1
        assert bsf.log == [("asked", "impi"), ("granted", bsf.btid)], bsf.log
        report = node.status()["reports"][-1]
        assert (report["method"], report["reason"]) == ("gba", "unsupported") and "gba.ua" in report["remedy"], report
        assert "no common TLS version or cipher suite" in report["detail"] and node.status()["pending"], report
        # once it is set right, a key for that suite is wanted
        node.configure('ua = "01000100a8";')
        done = node.run_once()
        assert done.returncode == 0, done.stderr
        assert bsf.grants == 2
        enrolled(node, bsf, maf)
    finally:
        maf.close()


@pytest.mark.parametrize("ua", ["01000100ae", "01000100a8", "0100000007"])
def test_the_card_keeps_ks(tmp_path, ua):
    """GBA_U, with the key for the MAF from the card; and TLS 1.3, where the key is another one."""
    maf = StrangeMaf(ua)
    with StrangeBsf(K, OPC, IMSI, gba_u=True) as bsf:
        bsf.granted = lambda: maf.know(bsf)
        node = SimNode(tmp_path / "n", maf, bsf, card=f'kind = "software"; imsi = "{IMSI}"; key_file = "sim.json"; gba = "yes";',
                       gba=f'ua = "{"tls13" if ua == "0100000007" else ua}";')
        done = node.run_once()
        assert done.returncode == 0, done.stderr
        enrolled(node, bsf, maf)
        assert "card.naf-key" in [s["arrow"] for s in node.status()["steps"]]
        # an operator that knows nothing of the card's GBA is served as well
        bsf.gba_u = False
        with Running(node) as agent:
            agent.wait_log("enrolled-already")
            assert node.agent("trigger").returncode == 0
            agent.wait_log('keys="in this node"')
            agent.wait_log("enrolled key")
        maf.close()


POINTS = ["ub-challenged", "ub-card-answered", "ub-granted", "bootstrapped", "naf-keyed", "pending-saved", "maf-opened", "maf-registered", "kmid-saved",
          "maf-reopened", "confirmed", "proof-saved", "promoted"]


def test_the_power_goes_at_every_point(tmp_path, bsf, maf):
    """Lesson 14. From the pending slot on the BSF is not needed any more; before, a new run is one that the counters allow."""
    for i, point in enumerate(POINTS):
        if point == "bootstrapped":
            continue             # with Ks here the key follows in the same step; with GBA_U below
        node = SimNode(tmp_path / f"n{i}", maf, bsf)
        bsf.sqn += 0x10000
        node.configure(more=f'crash_at = "{point}";\n')
        cut = node.run_once()
        assert cut.returncode == -signal.SIGKILL, (point, cut.stderr)
        node.configure()
        grants = bsf.grants
        done = node.run_once()
        assert done.returncode == 0, (point, done.stderr)
        assert node.status()["credential"]["keyID"] == maf.btid and node.status()["pending"] is None
        assert bsf.grants == grants + (i < POINTS.index("pending-saved")), point


def test_the_power_goes_between_bsf_and_card(tmp_path):
    maf = StrangeMaf()
    with StrangeBsf(K, OPC, IMSI, gba_u=True) as bsf:
        bsf.granted = lambda: maf.know(bsf)
        node = SimNode(tmp_path / "n", maf, bsf, card=f'kind = "software"; imsi = "{IMSI}"; key_file = "sim.json"; gba = "yes";',
                       more='crash_at = "bootstrapped";\n')
        assert node.run_once().returncode == -signal.SIGKILL
        node.configure()
        assert node.run_once().returncode == 0
        enrolled(node, bsf, maf)
    maf.close()


def test_what_the_maf_does_not_take_any_more(tmp_path, bsf, maf):
    """Lesson 6: unreachable is no reason to bootstrap again; a key that is not taken is, and the old one stays until then."""
    node = SimNode(tmp_path / "n", maf, bsf, more='check_every = "1s";\n')
    assert node.run_once().returncode == 0
    with AlertServer(115) as alert:
        node.configure(more='check_every = "1s";\n', maf_port=free_port())
        with Running(node) as agent:
            for _ in range(2):
                agent.wait_log("checked .*unreachable")
            assert bsf.grants == 1
        maf_port = maf.port
        node.configure(more='check_every = "1s";\n', maf_port=alert.port)
        granted = threading.Event()

        def back():
            maf.know(bsf)
            granted.set()
        bsf.granted = back
        with Running(node) as agent:
            agent.wait_log("re-bootstrapping")
            assert granted.wait(RUN_SECONDS) and bsf.grants == 2
            agent.wait_log("instruction-failed .*maf.open")
        kept = node.status()["credential"]["keyID"]
        assert kept != bsf.btid, "what is not proven replaces nothing"
    node.configure(maf_port=maf_port)
    assert node.run_once().returncode == 0
    enrolled(node, bsf, maf)


def test_settings_that_cannot_be(tmp_path, bsf, maf):
    rows = [
        ('kind = "software";', "", "card.kind: a card in software needs card.imsi and card.key_file"),
        ('kind = "at";', "", "card.kind: needs card.device"),
        ('kind = "sim";', "", "card.kind: unknown value"),
        ('kind = "software"; imsi = "12a456"; key_file = "sim.json";', "", "card.imsi: must be 6 to 15 digits"),
        (None, 'ua = "0100010005";', "gba.ua: one of"),
        (None, 'ua = "010001c0a8";', "gba.ua: one of"),         # of DTLS, and no key of GBA goes over CoAP
        (None, 'bsf = "ftp://x";', "gba.bsf: not http(s)"),
        (None, 'separator = "/";', "gba.separator: unknown value"),
        ('kind = "software"; imsi = "001010000000001"; key_file = "open.json";', "", "open.json"),
        ('kind = "software"; imsi = "001010000000001"; key_file = "bad.json";', "", "k: missing, or not hexadecimal"),
        ('kind = "pcsc"; pin_file = "pin"; reader = "x";', "", "a PIN has 4 to 8 digits"),
    ]
    k, top = '"k": "' + 32 * "4" + '"', '"topc": "' + 64 * "5" + '"'
    keys = [
        ('{"algorithm": "tuak", ' + k + "}", "topc: missing, or not hexadecimal"),
        ('{"algorithm": "tuak", ' + k + ', "opc": "' + 32 * "5" + '"}', "topc: missing, or not hexadecimal"),
        ('{"algorithm": "tuak", ' + k + ', "topc": "55"}', "k: K has 16 octets"),
        ('{"algorithm": "tuak", ' + k + ', "top": "' + 32 * "5" + '"}', "k: K has 16 octets"),
        ('{"algorithm": "tuak", "k": "' + 34 * "4" + '", ' + top + "}", "k: K has 16 octets"),
        ('{"algorithm": "tuak", ' + k + ", " + top + ', "times": 0}', "times: must be 1 to 255"),
        ('{"algorithm": "tuak", ' + k + ", " + top + ', "times": "2"}', "times: must be 1 to 255"),
        ('{"algorithm": "tuak", ' + k + ", " + top + ', "res": 5}', "res: must be the octets of RES"),
        ('{"algorithm": "tuak", ' + k + ", " + top + ', "res": 32}', "res: must be the octets of RES"),
        ("{" + k + ', "opc": "' + 32 * "5" + '", "times": 2}', "with milenage there are none"),
        ('{"algorithm": "comp128", ' + k + "}", "algorithm: neither milenage nor tuak"),
    ]
    node = SimNode(tmp_path / "keys", maf, bsf, card='kind = "software"; imsi = "001010000000001"; key_file = "bad.json";')
    (node.dir / "bad.json").touch(0o600)
    for text, says in keys:
        (node.dir / "bad.json").write_text(text)
        done = node.agent("--check")
        assert done.returncode == 1 and says in done.stderr and 8 * "4" not in done.stderr, (text, done.stderr)
    (node.dir / "bad.json").write_text('{"algorithm": "tuak", ' + k + ", " + top + ', "res": 16, "times": 255}')
    assert node.agent("--check").returncode == 0
    for i, (card, gba, says) in enumerate(rows):
        node = SimNode(tmp_path / f"n{i}", maf, bsf, card=card, gba=gba)
        for name, text, mode in (("open.json", "{}", 0o644), ("bad.json", '{"k":"xx"}', 0o600), ("pin", "12", 0o600)):
            (node.dir / name).write_text(text)
            (node.dir / name).chmod(mode)
        done = node.agent("--check")
        assert done.returncode == 1 and says in done.stderr, (says, done.stderr)


@pytest.mark.faketime
def test_with_the_clock_at_1970(tmp_path, bsf, maf):
    """Lesson 15: the BSF's clock counts, and is proven by the key."""
    node = SimNode(tmp_path / "n", maf, bsf)
    env = {**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME": "1970-01-01 00:10:00", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    done = node.run_once(env=env)
    assert done.returncode == 0, done.stderr
    c = enrolled(node, bsf, maf)
    assert abs(time.time() + 3600 - datetime.datetime.strptime(c["notAfter"], "%Y%m%dT%H%M%S").replace(tzinfo=datetime.timezone.utc).timestamp()) < 300, c


@pytest.mark.faketime
def test_a_sim_key_is_renewed_on_the_way_elsewhere(tmp_path, bsf, maf):
    """Decision 0030 with a SIM: told to go to a provider who does not answer, the node bootstraps again with its operator between two
    tries, when its key comes to its end as its own clock sees it."""
    node = SimNode(tmp_path / "n", maf, bsf)
    assert node.run_once().returncode == 0
    old = enrolled(node, bsf, maf)
    node.instruct(node.instruction("http://bsf.nowhere.example:1", target="maf.nowhere.example", adminFQDN="nowhere.example"))
    with Running(node) as agent:
        agent.wait_log("enrolled-already")
        node.agent("trigger", check=True)
        until("it waits", lambda: node.status()["state"] == "waiting")
    with Running(node, env=at("+55m")) as agent:
        agent.wait_log("renewing-between")
        agent.wait_log("enrolled key")
    new = enrolled(node, bsf, maf)
    assert new["keyID"] != old["keyID"] and new["mafFQDN"] == MAF
    assert node.agent("check").returncode == 0
