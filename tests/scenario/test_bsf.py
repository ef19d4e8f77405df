"""The BSF as a real daemon: Ub by a UE of ours, Zh to an HSS in Python by mutual TLS, Zn by curl over HTTP/2. Whatever a UE or a
NAF may say that it should not, and the worked values of spec gba 17.
"""
import http.client
import json
import pathlib
import signal
import sys

import pytest

from support import Installation, free_port, run, until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import aka  # noqa: E402 the path comes first
from fake_hss import FakeHss, Subscriber, uss_of  # noqa: E402
from gba_ue import Ue, parameters  # noqa: E402
from operator_ca import OperatorCa  # noqa: E402

REALM = "bsf.mnc001.mcc001.pub.3gppnetwork.org"
# TS 35.208 set 1, as all the worked values have it; the other one is set 19
K, OPC = bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
K2, OPC2 = bytes.fromhex("5122250214c33e723a5dd523fc145fc0"), bytes.fromhex("981d464c7c52eb6e5036234984ad0bcf")
RAND = bytes.fromhex("23553cbe9637a89d218ae64dae47bf35")


def impi(number):
    return f"00101{number:010d}@ims.mnc001.mcc001.3gppnetwork.org"


class World:
    """An installation with bsf and zn, an HSS beside it, certificates of an operator's CA for all of them."""

    def __init__(self, path, **more):
        self.inst = inst = Installation(path, **more)
        self.ca = inst.dir / "operator"
        self.operator = operator = OperatorCa(self.ca)
        for name, fqdn in (("hss", "hss.example.com"), ("bsf", REALM), ("zn", "zn.example.com"), ("maf", "maf.sp.example"),
                           ("other", "mef.sp.example"), ("stranger", "evil.example.com")):
            operator.issue(name, fqdn)
        OperatorCa(self.ca, "foreign").issue("foreign-maf", "maf.sp.example")
        self.hss = FakeHss(self.ca / "hss.pem", self.ca / "hss.key", self.ca / "operator.pem")
        self.ub, self.zn = free_port(), free_port()

    def settings(self, more="", of_bsf=""):
        self.inst.configure(add=more + f"""
bsf = {{
  fqdn = "{REALM}";
  listen = [ "127.0.0.1:{self.ub}" ];
  hss = {{ fqdn = "hss.example.com"; uri = "https://hss.example.com:{self.hss.port}"; connect_to = "127.0.0.1:{self.hss.port}"; amf = "any"; }};
  certificate = "operator/bsf.pem"; key = "operator/bsf.key"; hss_anchors = [ "operator/operator.pem" ]; {of_bsf}
  lock_after = 3; lock_time = "1h"; trigger_naf = "maf.sp.example";
  nafs = ( {{ fqdn = "maf.sp.example"; names = [ "in-cse.sp.example" ]; groups = [ "m2m" ]; }},
           {{ fqdn = "mef.sp.example"; impi = true; }} );
}};
zn = {{
  fqdn = "zn.example.com"; listen = [ "127.0.0.1:{self.zn}" ];
  certificate = "operator/zn.pem"; key = "operator/zn.key"; client_anchors = [ "operator/operator.pem" ];
}};
""")

    def subscriber(self, number, **more):
        self.hss.subscribers[impi(number)] = s = Subscriber(K, OPC, **more)
        return s

    def ue(self, number, **more):
        return Ue(self.ub, K, OPC, impi(number), REALM, **more)

    def naf(self, btid, fqdn="maf.sp.example", ua="01000100AE", who="maf", path="bootstrapping-info-retrieval", check=True, how="--http2", **more):
        """Status and what came, as a NAF asks: curl, HTTP/2."""
        ask = json.dumps({"btId": btid, "nafId": {"nafFqdn": fqdn, "uaSecProtId": ua}, **more})
        done = run("curl", "-sS", how, "--connect-to", f"zn.example.com:{self.zn}:127.0.0.1:{self.zn}", "--cacert", self.ca / "operator.pem",
                   "--cert", self.ca / f"{who}.pem", "--key", self.ca / f"{who}.key", "-H", "Content-Type: application/json", "-d", ask,
                   "-w", "\n%{http_code} %{http_version}", f"https://zn.example.com:{self.zn}/nbsp-gba/v1/{path}", check=check)
        if not check:
            return done
        body, _, last = done.stdout.rpartition("\n")
        status, version = last.split()
        assert version == ("2" if how == "--http2" else "1.1"), last
        return int(status), json.loads(body)

    def refused(self, **match):
        found = [e for e in self.inst.events("--what", "bsf.") if all(e.get(k) == v for k, v in match.items())]
        return found


@pytest.fixture(name="world", scope="module")
def the_world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("bsf") / "inst")
    with w.hss:
        w.settings()
        w.inst.start()
        w.inst.subscription()
        yield w
        assert w.inst.stop() == 0, w.inst.log_text()


def test_a_sim_bootstraps_and_its_naf_has_the_same_key(world):
    world.subscriber(1, lifetime=7200)
    ue = world.ue(1)
    status, headers, _ = ue.bootstrap()
    assert status == 200, (status, headers, world.inst.log_text())
    assert ue.btid == aka.btid(ue.rand, REALM)
    assert "3gpp-gba-tmpi" in headers["Server"] and headers["Cache-Control"] == "no-store"
    assert REALM in world.hss.clients
    assert all("GCM" in s or "CHACHA20" in s for s in world.hss.suites), "HTTP/2 wants an AEAD (RFC 9113 9.2.2): with another there is none"
    for how in ("--http2", "--http1.1"):
        status, got = world.naf(ue.btid, how=how)
        assert status == 200, got
        assert got["meKeyMaterial"] == ue.ks_naf("maf.sp.example").hex() and "uiccKeyMaterial" not in got
        assert "impi" not in got and got["gbaType"] == "3G_GBA"
        assert got["keyExpiryTime"].rstrip("Z") == ue.lifetime.rstrip("Z")
        assert got["ussList"] == [{"uss": uss_of("m2m", "//sp.example.com/CSE000001")}]
    # under another name of its own, and for another protocol, it is another key
    status, got = world.naf(ue.btid, "in-cse.sp.example", "0100000007")
    assert status == 200 and got["meKeyMaterial"] == ue.ks_naf("in-cse.sp.example", "0100000007").hex()


def test_the_worked_values_of_the_sheet(world):
    """Spec gba 17.1 to 17.3: this vector, and it has these keys at these NAFs."""
    s = world.subscriber(10, uss=[uss_of(None, "x")])
    s.fixed = (RAND, 0xff9bb4d0b607, bytes.fromhex("b9b9"))
    s.uss = [uss_of(None, "//sp.example.com/CSE000010")]
    world.hss.subscribers["001010000000001@ims.mnc001.mcc001.3gppnetwork.org"] = s
    ue = Ue(world.ub, K, OPC, "001010000000001@ims.mnc001.mcc001.3gppnetwork.org", REALM)
    status, headers, _ = ue.first()
    assert status == 401
    c = parameters(headers["WWW-Authenticate"])
    assert c["nonce"] == "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=" and c["qop"] == "auth-int" and c["algorithm"] == "AKAv1-MD5"
    # the response of 17.2, to the letter
    status, _, body = ue.respond(headers["WWW-Authenticate"], cnonce="6629fae49393a05397450978507c4ef1",
                                 response="89908cbf89ab0dd80f68724fea78576a")
    assert status == 200, body
    assert ue.btid == "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"
    assert ue.tmpi == "7g8A0RHDuCXlCTm8IzQ29xYou4F13lIQ@tmpi.bsf.3gppnetwork.org"
    for who, fqdn, ua, key in (("maf", "maf.sp.example", "01000100ae", "78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0"),
                               ("maf", "maf.sp.example", "0100000007", "c74e85dfc9aefce01caf93d44722258feda7b3796a24eea2897b221e5bbdb66f"),
                               ("maf", "in-cse.sp.example", "010001c0a8", "3b9f113422db6a0f4271e0a7cff23cc7f82789dc1b0fcd78c5daa9524eee2491"),
                               ("other", "mef.sp.example", "01000100ae", "6aa69249e8d7ab28aeb9ddf96d6a4444b0690b79534e4a3d755a0590493890dc"),
                               ("other", "mef.sp.example", "010001d001", "c1b3ad2518bd7c4464847a6af1861bb03bd19e758ae05ea517363c859e8a76d4")):
        status, got = world.naf(ue.btid, fqdn, ua, who)
        assert status == 200 and got["meKeyMaterial"] == key, (fqdn, ua, got)
    # an HSS that gives the same RAND again: two keys would have one name
    status, headers, _ = ue.first()
    assert status == 503 and int(headers["Retry-After"]) > 0
    assert any("RAND" in e["why"] for e in world.refused(outcome=503))


def test_gba_u_by_the_subscribers_settings(world):
    world.subscriber(2, uicc_type="GBA_U")
    # a card in 3G context finds a wrong MAC, and says nothing (spec gba 8.1)
    with pytest.raises(AssertionError, match="MAC failure"):
        world.ue(2).bootstrap()
    ue = world.ue(2, gba_u=True)
    assert ue.bootstrap()[0] == 200
    status, got = world.naf(ue.btid)
    assert status == 200 and got["meKeyMaterial"] == ue.ks_naf("maf.sp.example").hex() and "uiccKeyMaterial" not in got
    status, got = world.naf(ue.btid, gbaUAware=True)
    assert status == 200 and got["uiccKeyMaterial"] == ue.ks_naf("maf.sp.example", use=b"gba-u").hex()
    # a service that is to have the card's key: both for who uses it, and told which; for the others, and of a card without it, none
    own = {**uss_of("m2m", "x"), "keyChoice": "UICC_BASED_KEY"}
    for number, kind in ((70, "GBA_U"), (71, "GBA")):
        world.subscriber(number, uicc_type=kind, uss=[own])
        ue = world.ue(number, gba_u=kind == "GBA_U")
        assert ue.bootstrap()[0] == 200
        assert world.naf(ue.btid)[0] == 403
        status, got = world.naf(ue.btid, gbaUAware=True)
        assert status == (200 if kind == "GBA_U" else 403), got
        assert status == 403 or (got["ussList"] == [{"uss": own}] and got["uiccKeyMaterial"] == ue.ks_naf("maf.sp.example", use=b"gba-u").hex())
    told = [e["why"] for e in world.inst.events("--what", "zn.refused") if "UICC_BASED_KEY" in e["why"]]
    assert len(told) == 3 and len([w for w in told if "GBA_ME" in w]) == 2, told


def test_resynchronisation_and_its_limits(world):
    s = world.subscriber(3)
    ue = world.ue(3)
    ue.sqn = 0x7777_7760
    assert ue.bootstrap()[0] == 200
    assert s.sqn > 0x7777_7760 and ("resync", impi(3)) in world.hss.log
    # forged AUTS: the AuC sees it, nothing moves, and the card may still answer
    before = s.sqn
    _, headers, _ = ue.first()
    challenge = headers["WWW-Authenticate"]
    status, _, _ = ue.respond(challenge, auts=bytes(range(14)))
    assert status == 403 and s.sqn <= before + 32
    assert ue.respond(challenge)[0] == 200
    # the very same AUTS message again is one with a used nonce: no second resynchronisation
    _, headers, _ = ue.first()
    m, _ = ue.milenage(parameters(headers["WWW-Authenticate"])["nonce"])
    first = ue.respond(headers["WWW-Authenticate"], auts=m.auts(s.sqn))
    count = world.hss.log.count(("resync", impi(3)))
    again = ue.send(ue.last)
    assert first[0] == 401 and again[0] == 401 and world.hss.log.count(("resync", impi(3))) == count
    assert parameters(first[1]["WWW-Authenticate"])["nonce"] == parameters(again[1]["WWW-Authenticate"])["nonce"]
    assert ue.respond(first[1]["WWW-Authenticate"])[0] == 200
    # a card that never settles costs two vectors and no more
    _, headers, _ = ue.first()
    for status in (401, 401, 403):
        m, _ = ue.milenage(parameters(headers["WWW-Authenticate"])["nonce"])
        got, headers, _ = ue.respond(headers["WWW-Authenticate"], auts=m.auts(s.sqn))
        assert got == status, got


def test_one_answer_for_each_nonce_and_a_lost_one_again(world):
    world.subscriber(4)
    ue = world.ue(4)
    assert ue.bootstrap()[0] == 200
    btid, lifetime, asked = ue.btid, ue.lifetime, len(world.hss.log)
    # the answer was lost: the same question has the same session, and the HSS is not asked
    text, p = ue.last, parameters(ue.last[7:])
    status, headers, body = ue.send(text)
    assert status == 200 and len(world.hss.log) == asked
    ue.take(p, aka.Milenage(K, OPC, ue.rand), headers, body)
    assert (ue.btid, ue.lifetime) == (btid, lifetime)
    # another answer with that nonce is too late, be it right
    m = aka.Milenage(K, OPC, ue.rand)
    p["cnonce"] = "another"
    status, headers, _ = ue.send(text.replace(parameters(text[7:])["cnonce"], "another").replace(p["response"], ue.digest(p, m.res, "GET")))
    assert status == 401 and "stale=true" in headers["WWW-Authenticate"].lower()
    assert world.naf(btid)[0] == 200


def test_the_name_for_next_time(world):
    world.subscriber(5, uss=[uss_of(None, "x")])
    ue = world.ue(5)
    assert ue.bootstrap()[0] == 200
    first = ue.name = ue.tmpi
    assert ue.bootstrap()[0] == 200, "a TMPI is an identity"
    assert ue.tmpi != first
    assert world.naf(ue.btid, "mef.sp.example", who="other")[1]["impi"] == impi(5)
    # it was replaced: who comes with the old one must say who it is
    assert ue.first()[0] == 403
    ue.name = impi(5)
    assert ue.bootstrap()[0] == 200
    # who does not know of TMPI gets none kept
    plain = world.ue(5, agent="old")
    assert plain.bootstrap()[0] == 200
    plain.name = plain.tmpi
    assert plain.first()[0] == 403


def test_what_a_bsf_does_not_take(world):
    world.subscriber(6)
    ue = world.ue(6)
    asked = len(world.hss.log)
    assert ue.send(None)[0] == 400
    assert ue.send("Basic eA==")[0] == 400
    assert ue.first(method="POST")[0] == 405
    assert ue.first(path="/elsewhere")[0] == 404
    assert ue.first(path="/?x")[0] == 400                  # the uri of the digest is not the target
    assert ue.send('Digest username="x", realm="other", nonce="", uri="/", response=""')[0] == 400
    assert ue.first(body="x")[0] == 413
    assert len(world.hss.log) == asked, "none of these is the HSS's business"
    assert Ue(world.ub, K, OPC, impi(999), REALM).first()[0] == 403
    assert any("HSS does not know" in e["why"] and e["who"] == impi(999) for e in world.refused(outcome=403))
    assert impi(999) not in world.inst.log_text(), "strangers write no lines into the log; the event tells, as far as there is room"
    assert Ue(world.ub, K, OPC, "nobody@tmpi.bsf.3gppnetwork.org", REALM).first()[0] == 403


@pytest.mark.parametrize("bent", [{"uri": "/"}, {"qop": "auth"}, {"nc": "00000002"}, {"opaque": "00"}, {"username": impi(7)},
                                  {"algorithm": "MD5"}], ids=lambda b: next(iter(b)))
def test_an_answer_to_something_else_burns_nothing(world, bent):
    """Spec gba 0.4, decision 0021: other name, opaque, algorithm, qop or nc is no answer, and the right one still counts."""
    world.subscriber(7)
    world.subscriber(8)
    ue = world.ue(8)
    challenge = ue.first()[1]["WWW-Authenticate"]
    if bent != {"uri": "/"}:
        assert ue.respond(challenge, **bent)[0] == 403
    else:
        text, _, _ = ue.answer_to(challenge, uri="/other")
        assert ue.send(text)[0] == 400
    assert ue.respond(challenge)[0] == 200


def test_wrong_answers_lock_out_for_a_while(world):
    world.subscriber(9)
    ue = world.ue(9)
    asked = len(world.hss.log)
    for i in range(3):
        challenge = ue.first()[1]["WWW-Authenticate"]
        # hex text of RES is the classical mistake (spec gba 17.2), the others are guesses
        m, _ = ue.milenage(parameters(challenge)["nonce"])
        assert ue.respond(challenge, password=m.res.hex().encode() if not i else b"guess")[0] == 403
    assert world.hss.log[asked:] == [("vector", impi(9))], "whoever guesses costs the HSS nothing"
    assert world.inst.wait_event("bsf.locked-out", who=impi(9))
    for bent in ({"password": b"guess"}, {"auts": bytes(14)}):
        status, headers, _ = ue.respond(challenge, **bent)
        assert status == 403 and 0 < int(headers["Retry-After"]) <= 3600, bent
    assert world.hss.log[asked:] == [("vector", impi(9))]
    # at the same address the card is heard all the same, and then nothing counts any more
    assert ue.first()[0] == 401
    assert ue.respond(challenge)[0] == 200
    assert ue.bootstrap()[0] == 200
    # it is this subscriber's alone
    world.subscriber(41)
    assert world.ue(41).bootstrap()[0] == 200


def test_an_hss_that_is_down_or_talks_nonsense(world):
    """What cannot be used has cost a vector: who asks again at once has the same answer, and the HSS is not asked. One that gives none may be."""
    av = world.subscriber(11).vector()
    broken = [(503, {"title": "busy", "status": 503}, {"Retry-After": "77"}), (500, {"title": "oh"}), (200, b"not json"), (200, {"impi": impi(72)}),
              (200, {"3gAkaAv": {**av, "xres": "00"}})]
    asked = []
    try:
        for number, given in enumerate(broken, 70):
            world.subscriber(number)
            world.hss.spoil = lambda method, path, body, g=given: asked.append(path) or (g if method == "POST" else None)
            for again in (False, True):
                del asked[:]
                status, headers, _ = world.ue(number).first()
                assert status == 503, (given, status)
                assert int(headers["Retry-After"]) == 77 if given[0] == 503 else 0 < int(headers["Retry-After"]) <= 10
                assert "WWW-Authenticate" not in headers
                assert bool(asked) == (not again or given[0] != 200), (given, again, asked)
        # a vector without its settings is half an answer, which is none
        for number, settings in ((75, (200, b"{}")), (76, (404, {"title": "x", "status": 404})), (77, (503, {"title": "busy", "status": 503}))):
            world.subscriber(number)
            world.hss.spoil = lambda method, path, body, g=settings: g if method == "GET" else None
            for _ in range(3):
                assert world.ue(number).first()[0] == 503
            assert world.hss.log.count(("vector", impi(number))) == 1
    finally:
        world.hss.spoil = None
    assert world.ue(11).bootstrap()[0] == 200


def test_a_realm_in_capitals(world):
    """A stranger asks in another spelling, the HSS answers in its own: it is one subscriber, with one challenge and its own keys."""
    s = world.subscriber(78)
    shouted = impi(78).replace("ims.mnc001", "IMS.MNC001")
    world.hss.subscribers[shouted] = s
    world.hss.spoil = lambda method, path, body: (200, {"impi": impi(78), "3gAkaAv": s.vector()}) if method == "POST" and "IMS" in path else None
    try:
        assert Ue(world.ub, K, OPC, shouted, REALM).first()[0] == 401
    finally:
        world.hss.spoil = None
    asked, ue = len(world.hss.log), world.ue(78)
    assert ue.bootstrap()[0] == 200
    assert len(world.hss.log) == asked, "the challenge that waits is its own"
    status, got = world.naf(ue.btid)
    assert status == 200 and got["meKeyMaterial"] == ue.ks_naf("maf.sp.example").hex()


def test_which_naf_has_a_key_for_whom(world):
    world.subscriber(12)                                   # group m2m
    world.subscriber(13, uss=[uss_of("payment", "x")])     # a group that nobody here is in
    world.subscriber(14, uss=[])                           # nothing for anybody
    world.subscriber(15, uss=[uss_of(None, "x", gsid=7), uss_of("payment", "x")])
    ues = {n: world.ue(n) for n in (12, 13, 14, 15)}
    for ue in ues.values():
        assert ue.bootstrap()[0] == 200
    assert world.naf(ues[12].btid)[0] == 200
    for n in (13, 14):
        status, got = world.naf(ues[n].btid)
        assert status == 403 and got["status"] == 403 and "meKeyMaterial" not in got, got
    # in no group, so the subscriber's settings do not let it in
    assert world.naf(ues[12].btid, "mef.sp.example", who="other")[0] == 403
    # a name that is not its own
    status, got = world.naf(ues[12].btid, "maf.sp.example", who="other")
    assert status == 403 and "nafFqdn" in got["detail"]
    assert world.naf(ues[12].btid, "maf.sp.example", who="stranger")[0] == 403
    # what calls nodes is for whom bsf.nafs.names gives it to, whatever a certificate says
    status, got = world.naf(ues[12].btid, ua="FF00000001")
    assert status == 403 and "not for you" in got["detail"]
    # by the services that the NAF asks for
    assert world.naf(ues[15].btid)[0] == 403
    status, got = world.naf(ues[15].btid, gsIds=[7, 8])
    assert status == 200 and [u["uss"]["gsId"] for u in got["ussList"]] == [7]
    assert world.naf("unknown@" + REALM)[0] == 404
    assert world.naf(aka.btid(bytes(16), REALM))[0] == 404
    assert world.naf(ues[12].btid, ua="00000000ff")[0] == 400
    assert world.naf(ues[12].btid, "no name")[0] == 400
    status, got = world.naf(ues[12].btid, path="push-info-retrieval")
    assert status == 501 and "Push" in got["detail"]
    assert world.naf(ues[12].btid, path="elsewhere")[0] == 404
    events = world.inst.events("--what", "zn.")
    assert any(e["what"] == "zn.key-given" and e["who"] == "maf.sp.example" for e in events)
    assert any("none of the groups" in e["why"] for e in events) and any("nothing for the service" in e["why"] for e in events)


def test_a_certificate_of_nobody_that_counts_ends_at_the_handshake(world):
    world.subscriber(42)
    ue = world.ue(42)
    assert ue.bootstrap()[0] == 200
    done = world.naf(ue.btid, who="foreign-maf", check=False)
    assert done.returncode != 0, done
    assert world.inst.wait_event("zn.handshake-failed")


def test_the_bsf_briefs_by_the_owners_rules(world):
    inst = world.inst
    rule = {"name": "sims", "when": {"imsiPrefixes": ["001010000000020"], "authentication": ["gba"]},
            "then": {"instructions": [{"kind": "bootstrap", "method": "gba", "uri": f"http://{REALM}"}]}}
    (inst.dir / "rule.json").write_text(json.dumps(rule))
    inst.muster("rule", "add", "sims", "--file", inst.dir / "rule.json")
    node = inst.node(20)
    world.subscriber(20, uss=[uss_of("m2m", node.cse_id)])
    ue = world.ue(20)
    assert ue.bootstrap()[0] == 200
    told = json.loads(ue.instructions)
    assert [(i["method"], i["target"], i["adminFQDN"]) for i in told["instructions"]] == [("gba", inst.maf, inst.sp)]
    configuration = json.loads(ue.configuration)["sec:mefClientCfg"]
    assert (configuration["nodeID"], configuration["cseID"]) == (node.id, node.cse_id) and inst.maf in configuration.values()
    event = inst.wait_event("bsf.bootstrapped", who=impi(20))
    assert "rule sims" in event["why"] and told["id"] in event["why"]
    shown = inst.ask("node", "show", node.id)
    assert shown["state"] == "briefed" and [(b["id"], b["rule"]) for b in shown["briefings"]] == [(told["id"], "sims")]
    # the answer is lost: the same again
    text = ue.last
    status, headers, body = ue.send(text)
    assert status == 200
    ue.take(parameters(text[7:]), aka.Milenage(K, OPC, ue.rand), headers, body)
    assert json.loads(ue.instructions) == told and json.loads(ue.configuration)
    # another SIM is told nothing, and bootstraps all the same
    world.subscriber(43)
    other = world.ue(43)
    assert other.bootstrap()[0] == 200 and other.instructions is None


def test_the_operator_sees_and_ends_it(world):
    inst = world.inst
    world.subscriber(50)
    world.subscriber(51)
    ue = world.ue(50)
    assert ue.bootstrap()[0] == 200 and world.naf(ue.btid)[0] == 200
    assert world.ue(51).bootstrap()[0] == 200
    first = inst.ask("gba", "show", ue.btid)["sessions"]
    assert first == inst.ask("gba", "show", impi(50))["sessions"] and len(first) == 1
    assert first[0]["impi"] == impi(50) and first[0]["guss"]["ussList"] and first[0]["used"]
    assert len(inst.ask("gba", "show")["sessions"]) > 2
    assert ue.btid in inst.muster("gba", "show").stdout
    assert ue.ks.hex() not in (inst.dir / "store/muster.db").read_bytes().hex()
    for _ in range(3):
        challenge = ue.first()[1]["WWW-Authenticate"]
        assert ue.respond(challenge, password=b"guess")[0] == 403
    assert "locked out after 3" in inst.muster("gba", "show", impi(50)).stdout
    assert inst.muster("gba", "flush", check=False).returncode != 0
    assert inst.ask("gba", "flush", impi(50)) == {"sessions": 1}
    assert world.naf(ue.btid)[0] == 404
    assert "no session of that" in inst.muster("gba", "show", impi(50)).stdout
    assert ue.bootstrap()[0] == 200, "the lock-out is over, too"
    assert "no session" in inst.muster("gba", "show", "nobody@ims.example.com").stdout
    assert "there is no such SIM" in inst.muster("gba", "show", "nobody", check=False).stderr
    told = {(f["check"], f["detail"].split(" on ")[0]): f["ok"] for f in json.loads(inst.muster("--json", "doctor", check=False).stdout)}
    assert told["listener", "bsf"] and told["listener", "zn"]
    assert {w for w, _ in told} >= {"key of bsf", "certificate of bsf", "key of zn", "certificate of zn"}
    inst.muster("gba", "flush", "--all")
    assert inst.ask("gba", "show")["sessions"] == []


def reload_connector(world):
    seen = world.inst.log.stat().st_size
    world.inst.process.send_signal(signal.SIGHUP)
    until("the connector has reloaded", lambda: "debug connector: reloaded" in world.inst.log.read_text(errors="replace")[seen:], context=world.inst.log_text)


def test_an_hss_is_asked_only_under_a_current_list(world):
    """bsf.require_crl_of: without a list, with one that has ended, and with one that has the HSS on it nothing goes to it."""
    world.subscriber(50)
    of_bsf = 'crls = [ "operator/crls/" ]; require_crl_of = [ "operator/operator.pem" ];'
    (world.ca / "crls").mkdir()

    def told(words, **change):
        (world.ca / "crls/operator.crl").unlink(missing_ok=True)
        if change:
            world.operator.list(*change.pop("revoked", ()), **change).rename(world.ca / "crls/operator.crl")
        reload_connector(world)
        asked = len(world.hss.log)
        status, headers, _ = world.ue(50).first()
        if not words:
            return status
        assert status == 503 and "Retry-After" in headers and len(world.hss.log) == asked, (status, words)
        until(words, lambda: any(words in e["why"] for e in world.inst.events("--what", "bsf.refused")), context=world.inst.log_text)
        return status
    plain = world.inst.plain_config
    world.inst.plain_config = plain.replace('level = "info"', 'level = "debug"')
    try:
        world.settings(of_bsf=of_bsf)
        told("no revocation list of the issuer")
        told("revocation list is out of date", seconds=-60)
        told("certificate revoked", revoked=("hss",), seconds=3600)
        assert told(None, seconds=3600) == 401
    finally:
        world.settings()
        reload_connector(world)
        world.inst.plain_config = plain          # from the next start on


def test_killed_at_any_moment_it_forgets_nothing_that_it_said(world):
    """kill -9 between the two round trips, and after the grant: what was answered stands."""
    world.subscriber(30)
    ue = world.ue(30)
    challenge = ue.first()[1]["WWW-Authenticate"]
    kill_all(world)
    assert ue.respond(challenge)[0] == 200
    btid, text, rand = ue.btid, ue.last, ue.rand
    kill_all(world)
    assert world.naf(btid)[1]["meKeyMaterial"] == ue.ks_naf("maf.sp.example").hex()
    status, headers, body = ue.send(text)
    assert status == 200
    ue.take(parameters(text[7:]), aka.Milenage(K, OPC, rand), headers, body)
    assert ue.btid == btid


# Each is passed in a whole run (two round trips and Zn); the second passage is a later message of it.
@pytest.mark.parametrize("point", ["decided", "commit-before", "commit-after", "fetch-after", "answer-before"])
def test_the_power_goes_within_a_run(world, point):
    inst = world.inst
    world.subscriber(60)
    ue = world.ue(60)
    kill_all(world, f'\ntest = {{ crash_at = "{point}"; crash_after = {1 if "fetch" in point else 3}; }};\n')
    for _ in range(30):                        # a listener that is not asked does not come to its point
        try:
            ue.bootstrap()
        except (OSError, http.client.HTTPException):
            break                              # the daemon went away in the middle, as it was told to
        if world.naf(ue.btid or "x", check=False).returncode:
            break
    inst.process.wait(60)
    kill_all(world, "")
    # what it said still holds, and a new run succeeds; no session is without a key
    if ue.btid:
        assert world.naf(ue.btid)[1]["meKeyMaterial"] == ue.ks_naf("maf.sp.example").hex()
    again = world.ue(60)
    assert again.bootstrap()[0] == 200
    assert world.naf(again.btid)[1]["meKeyMaterial"] == again.ks_naf("maf.sp.example").hex()
    for session in inst.ask("gba", "show", impi(60))["sessions"]:
        assert world.naf(session["btid"])[0] == 200
    assert run("sqlite3", inst.dir / "store/muster.db", "PRAGMA integrity_check;").stdout.strip() == "ok"


def lives(pid):
    """As a process of the daemon: neither gone, also while this looks, nor only waited for, nor another one of that number."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "(musterd)" in stat and stat.rsplit(")", 1)[1].split()[0] != "Z"


def kill_all(world, test=None):
    """The whole daemon at once, as a power cut does it."""
    running = world.inst.process.poll() is None
    pids = [p for ids in world.inst.children().values() for p in ids] if running else []
    if running:
        world.inst.process.send_signal(signal.SIGKILL)
    world.inst.process.wait(60)
    until("the daemon's processes gone", lambda: not any(map(lives, pids)), 60)
    if test is not None:
        world.settings(test)
    world.inst.start()
