"""Story: a node with a SIM comes to the provider's MAF with the key of its mobile operator (3GPP GBA; TS 33.222 5.4, TS-0003 8.3.2.3).
MAF and MEF are NAFs of the operator's BSF; node and BSF are none of ours: openssl, gnutls, Python.
"""
import base64
import hashlib
import hmac
import json
import re
import signal
import subprocess

import pytest

from coaps import Foreign
from fake_bsf import FakeBsf, Subscriber
from stranger import gnutls, told
from support import RUN_SECONDS, Installation, free_port, until

COUNT = iter(range(1, 100000))
UA_AE, UA_CCM, UA_13 = "01000100AE", "010001C0A8", "0100000007"
AE = ("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256")
ECDHE = ("-tls1_2", "-cipher", "ECDHE-PSK-AES128-CBC-SHA256")
GCM = ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("naf") / "inst", sp="sp.example")
    inst.bsf = FakeBsf(inst.dir / "operator", inst.dir / "keeper/ca.pem")
    inst.coap = free_port()
    inst.configure(replace={"maf = {": f'maf = {{ coap_listen = ["127.0.0.1:{inst.coap}"];' + inst.bsf.settings(), "mef = {": "mef = {" + inst.bsf.settings()})
    inst.start()
    inst.subscription()
    yield inst
    inst.stop()
    inst.bsf.close()


def subscriber(inst, subscription="sub-1", life=3600, **more):
    """A node in the registry, and its SIM."""
    n = next(COUNT)
    cse, node = f"//{inst.sp}/CSE{n:06d}", f"urn:dev:ops:00004C-sim-{n:06d}"
    inst.muster("node", "add", node, "--cse-id", cse, "--subscription", subscription, "--anchor", "none")
    s = inst.bsf.add(Subscriber(cse, life=life, **more))
    s.node = node
    return s


def primitive(inst, role, s, op="POST", path="", body=None, ty=65002):
    data = json.dumps(body) if body else ""
    name = inst.mef if role == "mef" else inst.maf
    return (f"{op} /{role.upper()}Base{path} HTTP/1.1\r\nHost: {name}\r\nX-M2M-Origin: {s.uid[len(inst.sp) + 2:]}\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n"
            + (f"Content-Type: application/json;ty={ty}\r\nContent-Length: {len(data)}\r\n" if data else "")
            + f"Connection: close\r\n\r\n{data}")


def register(inst, s, role="maf"):
    return primitive(inst, role, s, body={f"sec:{role}ClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}, ty=65002 if role == "maf" else 65001)


def s_client(inst, text, identity, key, *how, role="maf"):
    port, name = (inst.mef_port, inst.mef) if role == "mef" else (inst.maf_port, inst.maf)
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-psk_identity", identity, "-psk", key,
                           "-keymatexport", "EXPORTER-oneM2M-Bootstrap", "-keymatexportlen", "48", "-ign_eof", *how],
                          input=text, capture_output=True, text=True, timeout=RUN_SECONDS).stdout


def refused(inst, s, *words, identity=None, key=None, role="maf", what="psk-refused"):
    """By what the BSF says; here, without a question to it, the handshake's end tells why ("handshake-failed")."""
    with told(inst, f"{role}.{what}", *words):
        out = s_client(inst, register(inst, s, role), identity or s.btid, key or s.key(inst.mef if role == "mef" else inst.maf, UA_AE), *AE, role=role)
        assert "X-M2M-RSC" not in out, out


FORMS = {"bare": "{}", "semicolon": "3GPP-bootstrapping;{}", "dot": "3GPP-bootstrapping.{}", "colon": "3GPP-bootstrapping:{}", "none": "3GPP-bootstrapping{}"}


@pytest.mark.parametrize("form", FORMS)
def test_openssl_comes_with_its_sim(world, form):
    """TLS 1.2 with the suite that oneM2M demands; KmID is the B-TID, and the next handshake asks nobody."""
    s = subscriber(world)
    identity, key = FORMS[form].format(s.btid), s.key(world.maf, UA_AE)
    out = s_client(world, register(world, s), identity, key, *AE)
    assert "X-M2M-RSC: 2001" in out and f'"assignedSymmKeyID":"{s.btid}"' in out, out + world.log_text()
    if form == "bare":
        assert "3GPP-bootstrapping" in re.search(r"PSK identity hint: (.*)", out).group(1), out
    asked = [q for naf, q in world.bsf.asked if q["btId"] == s.btid]
    assert [q["nafId"] for q in asked] == [{"nafFqdn": world.maf, "uaSecProtId": UA_AE}], asked
    ri = re.search(r'"ri":"([^"]+)"', out).group(1)
    out = s_client(world, primitive(world, "maf", s, "GET", f"/{ri}"), s.btid, key, *AE)
    assert "X-M2M-RSC: 2000" in out, out
    assert len([1 for naf, q in world.bsf.asked if q["btId"] == s.btid]) == 1
    shown = world.ask("node", "show", s.node)
    assert shown["state"] == "enrolled", shown
    assert [(c["keyID"], c["state"]) for c in shown["credentials"] if c["role"] == "maf"] == [(s.btid, "active")], shown


def test_published_key(world):
    """The key of the vector (spec gba 17.3), of published AKA data, opens the MAF's session."""
    ks = "b40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441"
    s = subscriber(world, ks=bytes.fromhex(ks), rand=bytes.fromhex("23553cbe9637a89d218ae64dae47bf35"))
    out = s_client(world, register(world, s), "3GPP-bootstrapping;I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org",
                   "78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0", *AE)
    assert "X-M2M-RSC: 2001" in out, out + world.log_text()


@pytest.mark.parametrize("ua, how", [("01000100A8", GCM), ("010001C037", ECDHE), (UA_13, ("-tls1_3",))])
def test_each_suite_has_its_key(world, ua, how):
    s = subscriber(world)
    out = s_client(world, register(world, s), "3GPP-bootstrapping;" + s.btid, s.key(world.maf, ua), *how)
    assert "X-M2M-RSC: 2001" in out, out + world.log_text()
    assert world.bsf.asked[-1][1]["nafId"]["uaSecProtId"] == ua
    # the key for another suite is wrong here, and the operator is told where to look
    with told(world, "maf.handshake-failed", "B-TID known, key wrong"):
        assert "X-M2M-RSC" not in s_client(world, register(world, s), s.btid, s.key(world.maf, UA_AE), *how)
    # and at a MEF of the older arrangement
    out = s_client(world, register(world, s, "mef"), s.btid, s.key(world.mef, ua), *how, role="mef")
    assert "X-M2M-RSC: 2001" in out, out + world.log_text()
    assert world.bsf.asked[-1] == (world.mef, {"btId": s.btid, "nafId": {"nafFqdn": world.mef, "uaSecProtId": ua}})


def test_over_datagrams_another_suite(world):
    """TS-0003 10.2.2: DTLS has TLS_PSK_WITH_AES_128_CCM_8, whose key is another one (TS 33.220 H.3)."""
    s = subscriber(world)
    with Foreign(world.coap, world.maf, "-psk_identity", s.btid, "-psk", s.key(world.maf, UA_CCM), "-cipher", "PSK-AES128-CCM8") as maf:
        made = maf.ask("POST", "/MAFBase", s.uid[len(world.sp) + 2:], {"sec:mafClientReg": {"et": "20990101T000000", "adminFQDN": world.sp}}, 65002)
    assert made.code == "2.01" and made.json()["assignedSymmKeyID"] == s.btid, (made.content, world.log_text())
    assert [q["nafId"] for naf, q in world.bsf.asked if q["btId"] == s.btid] == [{"nafFqdn": world.maf, "uaSecProtId": UA_CCM}]


@pytest.mark.parametrize("ua, priority", [
    (UA_AE, "NONE:+VERS-TLS1.2:+AES-128-CBC:+PSK:+SHA256:+SIGN-ALL:+COMP-NULL:+MAC-ALL:+GROUP-ALL"),
    (UA_13, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+DHE-PSK:+ECDHE-PSK")])
def test_gnutls_comes_with_its_sim(world, ua, priority):
    s = subscriber(world)
    out = gnutls(register(world, s), "--port", world.maf_port, "--pskusername", "3GPP-bootstrapping;" + s.btid, "--pskkey",
                 s.key(world.maf, ua), "--priority", priority, "--sni-hostname", world.maf)[1]
    assert "X-M2M-RSC: 2001" in out, out + world.log_text()


# --- who is not let in, and what the operator reads ---

def test_what_the_bsf_does_not_give(world):
    s = subscriber(world)
    del world.bsf.subscribers[s.btid]
    refused(world, s, "does not know the B-TID", "bootstrap anew")
    world.bsf.add(s)                     # and nothing of it stays: lesson 3 bounds what is remembered to seconds
    until("it is let in", lambda: "X-M2M-RSC: 2001" in s_client(world, register(world, s), s.btid, s.key(world.maf, UA_AE), *AE))
    for answer, words in (((403, {"title": "no", "status": 403, "cause": "NAF_NOT_ALLOWED"}), ("gives us no key", "NAF_NOT_ALLOWED")),
                          ((503, {"title": "later", "status": 503}), ("busy",)),
                          ((200, {"impi": "x"}), ("malformed",))):
        s = subscriber(world)
        world.bsf.answer = answer
        try:
            refused(world, s, *words)
        finally:
            world.bsf.answer = None
    s = subscriber(world)
    s.uss = []
    refused(world, s, "told no USS", "at the HSS")
    refused(world, s, "no BSF that is configured", identity="3GPP-bootstrapping;a@elsewhere.example", what="handshake-failed")
    refused(world, s, "stay in the card", identity="3GPP-bootstrapping-uicc;" + s.btid, what="handshake-failed")


def test_who_may_not(world):
    """Node and subscription count as for everybody else, and a key that has ended is refused until the next Ub run."""
    name = world.subscription("sub-sim")
    s = subscriber(world, subscription=name)
    out = s_client(world, register(world, s), s.btid, s.key(world.maf, UA_AE), *AE)
    assert "X-M2M-RSC: 2001" in out, out
    world.muster("subscription", "suspend", name)
    refused(world, s, "suspended", what="handshake-failed")
    world.muster("subscription", "resume", name)
    assert "X-M2M-RSC" in s_client(world, register(world, s), s.btid, s.key(world.maf, UA_AE), *AE)
    world.muster("node", "revoke", s.node, "--reason", "stolen")
    with told(world, "maf.handshake-failed", "revoked"):
        assert "X-M2M-RSC" not in s_client(world, register(world, s), s.btid, s.key(world.maf, UA_AE), *AE)
    for life in (4, 20, 60):         # on a slow machine the key has ended before the node is in
        s = subscriber(world, life=life)
        if "X-M2M-RSC: 2001" in s_client(world, register(world, s), s.btid, s.key(world.maf, UA_AE), *AE):
            break
    else:
        raise AssertionError(world.log_text())
    with told(world, "maf.handshake-failed", "bootstrap anew"):
        until("it ends", lambda: "X-M2M-RSC" not in s_client(world, register(world, s), s.btid, s.key(world.maf, UA_AE), *AE),
              life + RUN_SECONDS)
    # bootstrapped anew, the same enrolee, and the old key is replaced
    again = world.bsf.add(Subscriber(s.uid))
    assert "X-M2M-RSC: 2001" in s_client(world, register(world, again), again.btid, again.key(world.maf, UA_AE), *AE)
    again.node = s.node
    shown = world.ask("node", "show", again.node)["credentials"]
    assert [c["keyID"] for c in shown if c["role"] == "maf" and c["state"] == "active"] == [again.btid], shown


# --- HTTPS and Digest ---

def curl(inst, s, key, *how, user=None, role="maf"):
    """The body and the headers, of all answers of the exchange; Digest is curl's own."""
    port, name = (inst.mef_port, inst.mef) if role == "mef" else (inst.maf_port, inst.maf)
    password = base64.b64encode(bytes.fromhex(key)).decode()
    data = json.dumps({f"sec:{role}ClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}})
    done = subprocess.run(["curl", "-sS", "-i", "--cacert", str(inst.dir / "keeper/ca.pem"), "--resolve", f"{name}:{port}:127.0.0.1", "--tls-max", "1.2",
                           "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", *how, "-u", f"{user or s.btid}:{password}", "-H", "X-M2M-RI: 1",
                           "-H", "X-M2M-RVI: 3", "-H", f"X-M2M-Origin: {s.uid[len(inst.sp) + 2:]}", "-H",
                           f"Content-Type: application/json;ty={65002 if role == 'maf' else 65001}", "--data-binary", data,
                           f"https://{name}:{port}/{role.upper()}Base"], capture_output=True, text=True, timeout=RUN_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def test_digest_inside_tls(world):
    """TS 33.222 5.3: challenge, B-TID and base64 of the key, rspauth; the Ua identifier is that of the negotiated suite (C02B)."""
    s = subscriber(world)
    key = s.key(world.maf, "010001C02B")
    said = curl(world, s, key, "--digest")
    assert "X-M2M-RSC: 2001" in said and f'"assignedSymmKeyID":"{s.btid}"' in said, said + world.log_text()
    assert f'realm="3GPP-bootstrapping@{world.maf}"' in said and said.count("HTTP/1.1 401") == 1, said
    assert world.bsf.asked[-1][1]["nafId"] == {"nafFqdn": world.maf, "uaSecProtId": "010001C02B"}
    # the server proves the key, too: RFC 2617 3.2.3, reckoned here
    nonce, cnonce = (re.search(rf'(?i){name}="?([^",\r]+)', said).group(1) for name in (r"\bnonce", "cnonce"))
    a1 = md5(s.btid, f"3GPP-bootstrapping@{world.maf}", base64.b64encode(bytes.fromhex(key)).decode())
    assert re.search(r'rspauth="([0-9a-f]+)"', said).group(1) == md5(a1, nonce, "00000001", cnonce, "auth", md5("", "/MAFBase")), said
    # once more: it is cached, and it is the same registration
    asked = len(world.bsf.asked)
    assert "X-M2M-RSC: 2001" in curl(world, s, key, "--digest") and len(world.bsf.asked) == asked
    # a MEF of the older arrangement, too
    assert "X-M2M-RSC: 2001" in curl(world, s, s.key(world.mef, "010001C02B"), "--digest", role="mef"), world.log_text()


def test_who_does_not_prove_it(world):
    s = subscriber(world)
    right = s.key(world.maf, "010001C02B")
    assert "X-M2M-RSC" not in curl(world, s, right)                     # Basic is no answer to this challenge
    last = max((e["seq"] for e in world.events()), default=0)
    # a first message, as on Ub, answers no challenge yet: it gets one, and nobody is told of a refusal
    said = curl(world, s, right, "-H", f'Authorization: Digest username="{s.btid}", realm="r", qop=auth, nonce="", uri="/MAFBase", response=""')
    assert said.count("HTTP/1.1 401") == 1 and 'algorithm=MD5' in said and "stale" not in said and "X-M2M-RSC" not in said, said
    with told(world, "maf.refused", "the Digest is not made with its key"):
        said = curl(world, s, "00" * 32, "--digest")
        assert said.count("HTTP/1.1 401") == 2 and "X-M2M-RSC" not in said, said
    assert len([e for e in world.events() if e["seq"] > last and e["what"] == "maf.refused"]) == 1
    stranger = Subscriber(s.uid)
    with told(world, "maf.psk-refused", "does not know the B-TID"):
        said = curl(world, stranger, right, "--digest")
        assert said.count("HTTP/1.1 401") == 2 and "X-M2M-RSC" not in said, said
    # identities of other keys are none here
    with told(world, "maf.handshake-failed", "of no BSF that is configured", "HTTP Digest"):
        assert "X-M2M-RSC" not in curl(world, s, right, "--digest", user=f"00112233445566778899AABBCCDDEEFF@{world.mef}")
    # another's name in From, with a proof of one's own: lesson 25
    other = subscriber(world)
    s.uid = other.uid
    assert "X-M2M-RSC: 4" in curl(world, s, right, "--digest"), world.log_text()


# --- the older arrangement ---

def test_the_mef_as_naf(world):
    """The key for the MEF stands in for a maker's secret: enrolment by PSK, Ke by the session's exporter, and on to the MAF."""
    s = subscriber(world)
    text = register(world, s, "mef").replace("Connection: close\r\n", "") + primitive(world, "mef", s, body={
        "sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": world.sp, "SUID": 21, "targetIDs": [world.maf]}}, ty=65003)
    out = s_client(world, text, "3GPP-bootstrapping;" + s.btid, s.key(world.mef, UA_AE), *AE, role="mef")
    exported = re.search(r"Keying material: ([0-9A-F]{96})", out)
    assert exported and out.count("X-M2M-RSC: 2001") == 2, out + world.log_text()
    assert world.bsf.asked[-1][0] == world.mef
    km = hmac.new(bytes.fromhex(exported.group(1)[32:]), b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation" +
                  b"21" + world.maf.encode(), hashlib.sha256).hexdigest()
    out = s_client(world, register(world, s), f"{exported.group(1)[:32]}@{world.mef}", km, *AE)
    assert "X-M2M-RSC: 2001" in out, out + world.log_text()
    # a subscriber who is no node here is nobody at the MEF
    stranger = world.bsf.add(Subscriber(f"//{world.sp}/CSE999999"))
    refused(world, stranger, "no node here", role="mef")


# --- last: these change the BSF ---

def test_a_bsf_that_is_another(world):
    """One that cannot prove its name gets no question, and one that is not there is told apart from it."""
    s, kept = subscriber(world), subscriber(world)
    assert "X-M2M-RSC: 2001" in s_client(world, register(world, kept), kept.btid, kept.key(world.maf, UA_AE), *AE)
    world.bsf.shown = world.bsf.impostor
    world.stop()
    world.start()                        # sessions that were kept go
    asked = len(world.bsf.asked)
    refused(world, s, "could not prove who it is")
    assert len(world.bsf.asked) == asked
    world.bsf.close()
    refused(world, subscriber(world), "not reachable")
    # whose key is kept needs no BSF, and it is kept durably
    assert "X-M2M-RSC: 2001" in s_client(world, register(world, kept), kept.btid, kept.key(world.maf, UA_AE), *AE)


def test_all_in_one_process(tmp_path):
    """And the BSF is asked only while its issuer's list is here: maf.require_bsf_crl_of."""
    inst = Installation(tmp_path / "inst", processes="single", sp="sp.example")
    inst.bsf = FakeBsf(inst.dir / "operator", inst.dir / "keeper/ca.pem")
    inst.configure(replace={"maf = {": f'maf = {{ require_bsf_crl_of = [ "{inst.bsf.anchor}" ];' + inst.bsf.settings(), 'level = "info"': 'level = "debug"'})
    inst.start()
    inst.subscription()
    refused(inst, subscriber(inst), "no current revocation list to judge the BSF's certificate by (require_bsf_crl)")
    assert not inst.bsf.asked
    inst.bsf.list().rename(inst.dir / "crls/operator.crl")
    seen = inst.log.stat().st_size
    inst.process.send_signal(signal.SIGHUP)
    until("the connector has it", lambda: "debug connector: reloaded" in inst.log.read_text()[seen:], context=inst.log_text)
    s = subscriber(inst)
    assert "X-M2M-RSC: 2001" in s_client(inst, register(inst, s), s.btid, s.key(inst.maf, UA_AE), *AE), inst.log_text()
    assert "X-M2M-RSC: 2001" in curl(inst, s, s.key(inst.maf, "010001C02B"), "--digest"), inst.log_text()
    inst.stop()
    inst.bsf.close()
