"""Zh and Zn over Diameter against a foreign node: both directions, what is refused, TLS, and what tshark makes of it."""
import json
import re
import subprocess

import pytest

from avps import BIR, GPP, MAR, ZH, ZN, Message, avp, gpp, message, u32, vsai
from processes import engine, peer, reach
from waiting import free_port

IMPI = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
BTID = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"
RAND, AUTN = "23553cbe9637a89d218ae64dae47bf35", "55f328b43577b9b94a9ffac354dfafb3"
AUTS = "ba853f3c121cb55edb820040ab41"
XRES, CK, IK = "a54211d5e3ba50bf", "b40ba9a3c58b2a05bbf0d987b21bf8cb", "f769bcd751044604127672711c6d3441"
# gba.md 17.3: keys of this Ks for maf.sp.example and Ua 01000100ae
KS_NAF = "78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0"
KS_INT = "5afa4478bb25f29aa87a068174036eaaec26b4e59f066230c489dbade4d1f5b3"
NAF_ID = b"maf.sp.example\x01\x00\x01\x00\xae"
NTP_1970 = 2208988800
OURS, BSF, HSS = "node.ours.example", "bsf.foreign.example", "hss.operator.example"
GUSS = {"guss": {"bsfInfo": {"uiccType": "GBA", "lifeTime": 86400},
                 "ussList": [{"uss": {"gsId": 1000001, "gsType": 0, "nafGroup": "m2m", "ueIds": [{"ueId": "/CSE01"}]}}]}}
GUSS_XML = ('<?xml version="1.0" encoding="UTF-8"?><guss xmlns="guss-schema-of-3gpp-gaa" id="' + IMPI + '"><bsfInfo><uiccType>GBA'
            '</uiccType><lifeTime>3600</lifeTime></bsfInfo><ussList><uss id="1000001" type="0"><uids><uid>/CSE01</uid></uids><flags/>'
            '</uss></ussList></guss>')


def compact(x):
    return json.dumps(x, separators=(",", ":"))


def holes(text, *parts):
    """The text without the values of those members, and where octets of the secret go."""
    places, at = [], 0
    for name, octets in parts:
        mark = f'"{name}":"'
        places.append(f"{text.index(mark) + len(mark)}:{at}:{octets}")
        at += octets
    return ",".join(places)


VECTOR = compact({"impi": IMPI, "3gAkaAv": {"avType": "3G_AKA", "rand": RAND, "xres": "", "autn": AUTN, "ck": "", "ik": ""}})


class World:
    """Ours in the middle; a foreign BSF and NAF that dials us; a foreign HSS and BSF that we dial."""

    def __init__(self, d):
        self.ours, self.hss_port = free_port(), free_port()
        self.hss = peer(d, HSS, "operator.example", OURS, 1, port=self.hss_port, dial=False)
        self.engine = engine(d, OURS, f'listen = ["127.0.0.1"]; port = {self.ours}; secure_port = 0;', [
            f'{{ identity = "{BSF}"; realm = "foreign.example"; tls = false; }}',
            f'{{ identity = "{HSS}"; realm = "operator.example"; tls = false; connect_to = "127.0.0.1:{self.hss_port}"; }}'])
        self.engine.line("ready")
        self.bsf = peer(d, BSF, "foreign.example", OURS, self.ours)
        self.bsf.line("open " + OURS)
        self.hss.line("open " + OURS)
        self.engine.line("peers 2")
        reach(self.bsf, message(BIR, ZN, [avp(263, f"{BSF};0;0"), avp(264, BSF), avp(296, "foreign.example"), avp(283, "ours.example"), avp(293, OURS)]))
        self.seen = []                  # messages as they were on the wire, for tshark

    def send(self, command, app, avps, origin=BSF):
        raw = message(command, app, [avp(263, f"{BSF};{len(self.seen)};1"), vsai(app), avp(264, origin), avp(296, "foreign.example"),
                                     avp(283, "ours.example"), avp(293, OURS)] + avps)
        self.seen.append(raw)
        self.bsf.tell("send", raw.hex())

    def answer(self):
        m = Message(self.bsf.line("answer"))
        self.seen.append(m.raw)
        return m

    def exchange(self):
        number, role, who, op, path, content = (self.engine.line("exchange") + " ").split(" ", 5)
        assert who == BSF
        return number, role, op, path, content.strip()

    def request(self):
        number, text = self.hss.line("request").split(" ")
        m = Message(text)
        self.seen.append(m.raw)
        return number, m

    def reply(self, number, m, avps, origin=HSS):
        raw = message(m.command, m.app, [avp(263, m.get(263)), vsai(m.app), avp(264, origin), avp(296, "operator.example")] + avps, request=False)
        self.seen.append(raw)
        self.hss.tell("reply", number, raw.hex())

    def result(self):
        names = "end rsc xres_n rand autn has_int lifetime impi key text detail".split(" ")
        return dict(zip(names, self.engine.line("result").split(" ", len(names) - 1)))

    def end(self):
        self.bsf.end()
        self.engine.end()
        self.hss.end()
        wrong = [s for s in self.engine.said().splitlines() if " error diameter:" in s and "cannot be told" not in s]
        assert not wrong, wrong


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("diameter"))
    yield w
    w.end()


def mar(*more):
    return [avp(277, u32(1)), avp(1, IMPI), *more]


def bir(*more, naf=NAF_ID):
    return [gpp(401, BTID), gpp(402, naf), *more]


def test_mar_is_answered(world):
    """A foreign BSF has a vector and the settings from our HSS, also after a failed synchronisation."""
    for more, asked in (([], {}), ([gpp(612, gpp(608, "Digest-AKAv1-MD5") + gpp(610, bytes.fromhex(RAND + AUTS)))],
                                   {"resynchronizationInfo": {"rand": RAND, "auts": AUTS}})):
        world.send(MAR, ZH, mar(*more))
        number, role, op, path, content = world.exchange()
        assert (role, op) == ("hss", "POST") and path.startswith("/nhss-gba-ueau/v1/impi-001010000000001")
        assert json.loads(content) == {"authenticationScheme": "DIGEST_AKAV1_MD5", **asked}
        world.engine.tell("answer", number, 200, XRES + CK + IK, holes(VECTOR, ("xres", 8), ("ck", 16), ("ik", 16)), VECTOR)
        number, role, op, path, content = world.exchange()
        assert (role, op, content) == ("hss", "GET", "") and path.endswith("/subscriber-data")
        world.engine.tell("answer", number, 200, "-", "-", compact(GUSS))
        m = world.answer()
        assert m.result() == 2001 and m.number(277) == 1 and m.get(1).decode() == IMPI and m.get(264).decode() == OURS
        assert m.get(609, 612).hex() == RAND + AUTN and m.get(610, 612).hex() == XRES
        assert m.get(625, 612).hex() == CK and m.get(626, 612).hex() == IK
        assert b'id="1000001"' in m.get(400) and b"<lifeTime>86400</lifeTime>" in m.get(400) and IMPI.encode() in m.get(400)


def test_bir_is_answered(world):
    """A foreign NAF has its key from our BSF: the vectors of gba.md 17 through BIA, without and with Ks_int_NAF."""
    uss = [{"uss": {"gsId": 1000001, "gsType": 0, "ueIds": [{"ueId": "/CSE01"}]}}]
    for aware, secret, names in ((0, KS_NAF, [("meKeyMaterial", 32)]), (1, KS_NAF + KS_INT, [("meKeyMaterial", 32), ("uiccKeyMaterial", 32)])):
        world.send(BIR, ZN, bir(gpp(403, "1000001"), gpp(407, u32(aware))))
        number, role, op, path, content = world.exchange()
        assert (role, op, path) == ("zn", "POST", "/nbsp-gba/v1/bootstrapping-info-retrieval")
        asked = json.loads(content)
        assert asked["btId"] == BTID and asked["nafId"]["nafFqdn"] == "maf.sp.example" and asked["nafId"]["uaSecProtId"].lower() == "01000100ae"
        assert asked.get("gbaUAware", False) == bool(aware) and asked["gsIds"] == [1000001]
        text = compact({"meKeyMaterial": "", **({"uiccKeyMaterial": ""} if aware else {}), "keyExpiryTime": "2030-01-01T00:00:00Z",
                        "bootstrappingInfoCreationTime": "2029-12-31T00:00:00Z", "ussList": uss, "gbaType": "3G_GBA",
                        **({} if aware else {"impi": IMPI})})
        world.engine.tell("answer", number, 200, secret, holes(text, *names), text)
        m = world.answer()
        assert m.result() == 2001 and m.get(1) == (None if aware else IMPI.encode()) and m.get(405).hex() == KS_NAF
        assert m.get(406) == (bytes.fromhex(KS_INT) if aware else None)
        assert m.number(404) == 1893456000 + NTP_1970 and m.number(408) == 1893456000 - 86400 + NTP_1970 and m.number(410) == 0
        assert b"<ussList" in m.get(400) and b"<guss" not in m.get(400)


@pytest.mark.parametrize("status,app,result", [(404, ZN, (GPP, 5403)), (403, ZN, (GPP, 5402)), (404, ZH, (GPP, 5401)), (503, ZN, 3004),
                                              (500, ZH, 5012), (400, ZN, 5004)])
def test_refusals_are_translated(world, status, app, result):
    world.send(BIR if app == ZN else MAR, app, bir() if app == ZN else mar())
    number = world.exchange()[0]
    world.engine.tell("answer", number, status, "-", "-", compact({"title": "no", "status": status, "detail": "for a reason"}))
    m = world.answer()
    assert m.result() == result and m.error == (result == 3004) and m.get(281) == b"for a reason"


def test_busy(world):
    world.send(BIR, ZN, bir())
    world.engine.tell("busy", world.exchange()[0])
    assert world.answer().result() == 3004


def test_settings_are_optional_and_broken_ones_are_refused(world):
    for status, content, result in ((404, "{}", 2001), (200, '{"guss":{"ussList":7}}', 5012)):
        world.send(MAR, ZH, mar())
        world.engine.tell("answer", world.exchange()[0], 200, XRES + CK + IK, holes(VECTOR, ("xres", 8), ("ck", 16), ("ik", 16)), VECTOR)
        world.engine.tell("answer", world.exchange()[0], status, "-", "-", content)
        m = world.answer()
        assert m.result() == result and m.get(400) is None


@pytest.mark.parametrize("command,app,avps,result,about", [
    (MAR, ZH, [avp(277, u32(1))], 5005, 1),                                # whose vector?
    (BIR, ZN, [gpp(402, NAF_ID)], 5005, 401),
    (BIR, ZN, [gpp(401, BTID)], 5005, 402),
    (BIR, ZN, bir(naf=b"x"), 5014, 402),
    (BIR, ZN, bir(naf=b"-no name-\x01\x00\x01\x00\xae"), 5004, None),
    (BIR, ZN, bir(gpp(401, BTID)), 5009, 401),
    (BIR, ZN, bir(gpp(407, u32(2))), 5004, 407),
    (BIR, ZN, bir(gpp(4711, "what is that?")), 5001, None),
    (MAR, ZH, mar(gpp(612, gpp(608, "NTLM"))), 5004, 608),
    (MAR, ZH, mar(gpp(612, gpp(608, "Digest-AKAv1-MD5") + gpp(610, bytes(29)))), 5004, 610),
])
def test_bad_requests(world, command, app, avps, result, about):
    """Refused with the result and the AVP that it is about, before the engine hears of anything."""
    world.send(command, app, avps)
    world.seen.pop()                # not for tshark
    m = world.answer()
    assert m.result() == result
    failed = m.get(279)
    if about:
        assert Message((bytes(20) + failed).hex()).avps[0][0] == about


def test_wrong_application(world):
    """BIR as if it were of Zh: nobody here is for that. The library answers, as of any application that it does not know."""
    world.send(BIR, ZH, bir())
    world.seen.pop()
    assert world.answer().result() in (3001, 3007)


def test_nobody_speaks_for_another(world):
    world.send(BIR, ZN, bir(), origin="naf.other.example")
    assert world.answer().result() == 5012


def test_unknown_avps_without_m_are_passed_over(world):
    world.send(BIR, ZN, bir(gpp(4711, "never mind", m=False)))
    world.seen.pop()
    world.engine.tell("answer", world.exchange()[0], 404, "-", "-", "{}")
    assert world.answer().result() == (GPP, 5403)


def test_we_ask_an_hss(world):
    """Our BSF has vector and settings from the operator's HSS, keys sealed for the engine's keeper."""
    for extra in ((), (RAND, AUTS)):
        world.engine.tell("zh", HSS, IMPI, *extra)
        number, m = world.request()
        assert (m.command, m.app, m.get(1).decode(), m.get(293).decode()) == (MAR, ZH, IMPI, HSS) and m.number(277) == 1
        assert m.get(608, 612) == b"Digest-AKAv1-MD5" and m.get(610, 612) == (bytes.fromhex(RAND + AUTS) if extra else None)
        item = gpp(608, "Digest-AKAv1-MD5") + gpp(609, bytes.fromhex(RAND + AUTN)) + gpp(610, bytes.fromhex(XRES)) + gpp(625, bytes.fromhex(CK)) + gpp(626, bytes.fromhex(IK))
        # however it writes the realm, it is whom we asked for
        name = IMPI.replace("ims.", "IMS.") if extra else IMPI
        world.reply(number, m, [avp(277, u32(1)), avp(268, u32(2001)), avp(1, name), gpp(612, item), gpp(400, GUSS_XML.replace(IMPI, name))])
        r = world.result()
        assert (r["end"], r["rand"], r["autn"], r["xres_n"], r["key"]) == ("ok", RAND, AUTN, "8", XRES + CK + IK)
        assert json.loads(r["text"])["guss"]["bsfInfo"]["lifeTime"] == 3600


def test_we_ask_a_bsf(world):
    for aware in (0, 1):
        world.engine.tell("zn", HSS, BTID, "maf.sp.example", "01000100ae", aware)
        number, m = world.request()
        assert (m.command, m.app, m.get(401).decode(), m.get(402), m.number(407)) == (BIR, ZN, BTID, NAF_ID, aware)
        world.reply(number, m, [avp(268, u32(2001)), *([] if aware else [avp(1, IMPI)]), gpp(405, bytes.fromhex(KS_NAF)), gpp(406, bytes.fromhex(KS_INT)),
                                gpp(404, u32(1893456000 + NTP_1970)), gpp(410, u32(0))])
        r = world.result()
        assert (r["end"], r["impi"], r["lifetime"], r["has_int"]) == ("ok", "-" if aware else IMPI, "1893456000", str(aware))
        assert r["key"] == KS_NAF + (KS_INT if aware else "")


def experimental(code, vendor=GPP):
    return avp(297, avp(266, u32(vendor)) + avp(298, u32(code)))


@pytest.mark.parametrize("avps,end,words", [
    ([experimental(5403)], "unknown", "5403 TRANSACTION_IDENTIFIER_INVALID"),
    ([experimental(5402), avp(281, "not you")], "refused", "5402 NOT_AUTHORIZED: not you"),
    ([avp(268, u32(3004))], "busy", "TOO_BUSY"),
    ([avp(268, u32(5012))], "busy", "5012"),
    ([avp(268, u32(5003))], "refused", "5003"),
    ([avp(268, u32(2001))], "malformed", "ME-Key-Material: is missing"),
    ([avp(268, u32(2001)), avp(1, IMPI), gpp(404, u32(1)), gpp(405, bytes(31))], "malformed", "ME-Key-Material"),
    ([avp(268, u32(2001)), avp(1, IMPI), gpp(404, u32(1)), gpp(405, bytes(32)), gpp(400, "<ussList>")], "malformed", "GBA-UserSecSettings"),
    ([avp(268, u32(2001)), avp(1, IMPI), gpp(404, u32(1)), gpp(405, bytes(32)), gpp(400, "<!DOCTYPE x><ussList/>")], "malformed", "GBA-UserSecSettings"),
    ([], "malformed", "Result-Code: is missing"),
])
def test_bad_answers(world, avps, end, words):
    """An operator's BSF that refuses or talks nonsense: an outcome with words, and no key."""
    world.engine.tell("zn", HSS, BTID, "maf.sp.example", "01000100ae", 0)
    world.reply(*world.request(), avps)
    r = world.result()
    assert (r["end"], r["key"], r["text"]) == (end, "-", "-") and words in r["detail"], r


def test_answers_of_another(world):
    world.engine.tell("zh", HSS, IMPI)
    world.reply(*world.request(), [avp(268, u32(2001))], origin="hss.other.example")
    assert world.result()["end"] in ("malformed", "untrusted")


def test_settings_of_another_subscriber(world):
    world.engine.tell("zh", HSS, IMPI)
    item = gpp(609, bytes(32)) + gpp(610, bytes(8)) + gpp(625, bytes(16)) + gpp(626, bytes(16))
    world.reply(*world.request(), [avp(277, u32(1)), avp(268, u32(2001)), gpp(612, item), gpp(400, GUSS_XML.replace(IMPI, "other@x.example"))])
    r = world.result()
    assert r["end"] == "malformed" and "another subscriber" in r["detail"]


def test_nobody_to_ask(world):
    world.engine.tell("zh", "hss.nowhere.example", IMPI)
    r = world.result()
    assert r["end"] == "unreachable" and "no peer of diameter.peers" in r["detail"]


def test_slow_server(world):
    world.engine.tell("zh", HSS, IMPI)
    world.request()
    r = world.result()
    assert r["end"] == "unreachable" and "no answer in time" in r["detail"]


def test_no_peer_takes_all_places(tmp_path):
    """One asks more than is answered: there is room for the other, and for itself again as soon as it has an answer."""
    port, naf = free_port(), "naf.foreign.example"
    e = engine(tmp_path, OURS, f'listen = ["127.0.0.1"]; port = {port}; secure_port = 0;',
               [f'{{ identity = "{name}"; realm = "foreign.example"; tls = false; }}' for name in (BSF, naf)], limits="requests = 8;")
    e.line("ready")
    two = [peer(tmp_path, name, "foreign.example", OURS, port) for name in (BSF, naf)]
    count = iter(range(1000))

    def ask(p):
        p.tell("send", message(BIR, ZN, [avp(263, f"{p.identity};{next(count)};1"), vsai(ZN), avp(264, p.identity), avp(296, "foreign.example"),
                                         avp(283, "ours.example"), avp(293, OURS), *bir()]).hex())

    def taken(p):
        ask(p)
        number, role, who, _ = e.line("exchange").split(" ", 3)
        assert (role, who) == ("zn", p.identity)
        return number

    def turned_away(p):
        ask(p)
        m = Message(p.line("answer"))
        assert (m.get(264).decode(), m.result()) == (OURS, 3004)

    try:
        for p in two:
            p.line("open " + OURS)
            reach(p, message(BIR, ZN, [avp(263, f"{p.identity};0;0"), avp(264, p.identity), avp(296, "foreign.example"), avp(283, "ours.example"), avp(293, OURS)]))
        e.line("peers 2")
        of = [[taken(two[0]) for _ in range(4)]]
        turned_away(two[0])
        of.append([taken(two[1]) for _ in range(4)])
        turned_away(two[1])
        for p, numbers in zip(two, of):
            e.tell("busy", numbers.pop())
            assert Message(p.line("answer")).result() == 3004
            numbers.append(taken(p))
            turned_away(p)
    finally:
        for p in (*two, e):
            p.end()


def test_tshark_names_them(world, tmp_path):
    """A stranger's dissector knows every command and AVP of what went over the wire, and finds nothing malformed."""
    assert len(world.seen) > 20
    dump, pcap = tmp_path / "dump", tmp_path / "zh-zn.pcap"
    good = [m for m in world.seen if Message(m.hex()).result() in (None, 2001)]
    dump.write_text("".join("000000 " + " ".join(f"{b:02x}" for b in m) + "\n\n" for m in good if len(m) > 100))
    subprocess.run(["text2pcap", "-q", "-T", "40000,3868", dump, pcap], check=True, capture_output=True)
    said = subprocess.run(["tshark", "-r", pcap, "-V", "-O", "diameter"], check=True, capture_output=True, text=True).stdout
    for word in ("Multimedia-Auth (303)", "Boostrapping-Info (310)", "3GPP Zh (16777221)", "3GPP Zn (16777220)", "AVP: GBA-UserSecSettings(400)", "AVP: Transaction-Identifier(401)",
                 "AVP: NAF-Hostname(402)", "AVP: ME-Key-Material(405)", "AVP: UICC-Key-Material(406)", "AVP: Key-ExpiryTime(404)",
                 "AVP: BootstrapInfoCreationTime(408)", "AVP: GBA-Type(410)", "AVP: GBA_U-Awareness-Indicator(407)", "AVP: 3GPP-SIP-Auth-Data-Item(612)",
                 "AVP: 3GPP-SIP-Authorization(610)", "AVP: Confidentiality-Key(625)", "AVP: Integrity-Key(626)"):
        assert word in said, word + "; these were named: " + " ".join(sorted(set(re.findall(r"AVP: [^ ]*|[^ ]* .[0-9]+.$", said, re.M))))
    assert "Malformed" not in said and "Unknown" not in said
