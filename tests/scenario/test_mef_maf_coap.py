"""Story: Mmef and Mmaf over CoAP (TS-0008), DTLS under it. A node enrols and is authenticated by the MAF over CoAPS alone, by
certificate and by its maker's secret, over a network that loses, doubles and turns round, and through power cuts. Strangers do
the same: OpenSSL's DTLS with messages made here, and libcoap.
"""
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import select
import signal
import subprocess

import pytest

from coaps import EARLY, FORMAT, IANA, JSON, URI_HOST, URI_PATH, Foreign, Relay, libcoap_words, message, number, parse
from stranger import nothing_changes, reload, told
from support import AGENT, MUSTERD, RUN_SECONDS, Installation, free_port, run, secret_text, until

# coap-client 4.3.1 sends "localhost" as the server's name unless the host's name has 3 or 9 characters
SP = "sp.ex"
COUNT = itertools.count(1)
SECRET = b"sixteen letters!".hex()
LIMITS = '\nlimits = { handshake = "10s"; fetch = "5s"; body_octets = 8192; };\n'
DEBUG = {'level = "info"': 'level = "debug"'}
PSK_SUITE = ("-cipher", "PSK-AES128-CCM8")
DERIVE = b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation"


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("mef-maf-coap") / "inst", sp=SP)
    made.coap = {role: free_port() for role in ("mef", "maf")}
    for role, port in made.coap.items():
        assert f"\n{role} = {{" in made.plain_config
        made.plain_config = made.plain_config.replace(f"\n{role} = {{", f'\n{role} = {{\n    coap_listen = ["127.0.0.1:{port}"];', 1)
    made.configure(add=LIMITS, replace=DEBUG)
    made.start()
    made.muster("subscription", "add", "sub-1", "--sp", made.sp, "--maf", made.maf, "--maf-uri", f"coaps://{made.maf}:{made.coap['maf']}", "--until", "+365d")
    yield made
    assert made.stop() == 0, made.log_text()


def coaps(inst, node, add="", at=None, **changes):
    """A node that knows MEF and MAF by nothing but CoAPS. `at`: where they really are, for this one."""
    instruction = inst.instruction(uri=f"coaps://{inst.mef}:{inst.coap['mef']}", mafURI=f"coaps://{inst.maf}:{inst.coap['maf']}", **changes)
    node.instruct({k: v for k, v in instruction.items() if v is not None})
    node.configure(add)
    conf = node.dir / "muster-agent.conf"
    head, _, rest = conf.read_text().partition("connect_to = (\n")
    dial = ",\n".join(f'  {{ name = "{getattr(inst, role)}:{port}"; address = "127.0.0.1:{(at or inst.coap)[role]}"; }}' for role, port in inst.coap.items())
    conf.write_text(f"{head}connect_to = (\n{dial}\n);\n{rest.partition(');')[2].lstrip()}")
    return node


def at_mef(inst, node, **more):
    return Foreign(inst.coap["mef"], inst.mef, "-CAfile", inst.dir / "keeper/ca.pem", "-cert", node.dir / "node.pem", "-key", node.dir / "node.key",
                   "-cipher", "ECDHE-ECDSA-AES128-CCM8", **more)


def at_maf(inst, identity, km, **more):
    return Foreign(inst.coap["maf"], inst.maf, "-psk_identity", identity, "-psk", km.hex(), *PSK_SUITE, **more)


def registration(inst, of="mef", **more):
    return {f"sec:{of}ClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp, **more}}


def key_registration(inst, **more):
    return {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": inst.sp, "SUID": 21, "targetIDs": [inst.maf], **more}}


def enrolled_by_hand(inst, node):
    """Registered at the MEF, its key from the session: KeID and Km as the stranger itself comes to them."""
    with at_mef(inst, node) as mef:
        assert mef.ask("POST", "/MEFBase", node.id, registration(inst), 65001).code == "2.01"
        made = mef.ask("POST", "/MEFBase", node.id, key_registration(inst), 65003)
        assert (made.code, made.rsc) == ("2.01", 2001), made.content
        # TS-0003 10.3.1: the exporter of a DTLS session is that of TLS
        assert made.json()["relativeKeyID"] == mef.exported[:32]
    km = hmac.new(bytes.fromhex(mef.exported[32:]), DERIVE + b"21" + inst.maf.encode(), hashlib.sha256).digest()
    return f"{mef.exported[:32]}@{inst.mef}", km


def test_a_foreign_enrolee_reaches_the_maf(inst):
    """Every registration procedure of both; KeID at the MAF suspends the handshake while the MAF asks the MEF; then KmID."""
    node = inst.node(next(COUNT))
    origin = node.cse_id[len(inst.sp) + 2:]
    with at_mef(inst, node) as mef:
        made = mef.ask("POST", "/MEFBase", node.id, registration(inst), 65001)
        record = made.json()["ri"]
        assert (made.code, made.rsc, made.rqi) == ("2.01", 2001, "r4096") and made.location == f"/MEFBase/{record}", made.options
        got = mef.ask("GET", f"/MEFBase/{record}", node.id)
        assert (got.code, got.rsc, got.json()["adminFQDN"]) == ("2.05", 2000, inst.sp)
        assert mef.ask("GET", f"/MEFBase/{record}/cmd", node.id).json()["cmdDescription"]["cmdClassID"] == 0
        assert inst.maf in json.dumps(mef.ask("GET", f"/MEFBase/{record}/cfg", node.id).json())
        labels = {"sec:mefClientReg": {"lbl": [f"a label of many, number {i}" for i in range(15)]}}
        put = mef.ask("PUT", f"/MEFBase/{record}", node.id, labels, szx=2)
        assert (put.code, put.rsc, put.json()) == ("2.04", 2004, labels["sec:mefClientReg"]), put.content
        # a key of its own, which the target gets, and no second one of the session
        assert mef.ask("POST", "/MEFBase", node.id, key_registration(inst), 65003).code == "2.01"
        with told(inst, "mef.refused", "key-register", outcome=4105, who=node.cse_id), nothing_changes(inst):
            twice = mef.ask("POST", "/MEFBase", node.id, key_registration(inst), 65003)
        assert (twice.code, twice.rsc) == ("4.03", 4105), "a conflict has no code of its own (TS-0008 6.2.4)"
        again = mef.ask("DELETE", f"/MEFBase/{record}", node.id)
        assert (again.code, again.rsc, again.content) == ("2.02", 2002, b"")
        assert mef.ask("GET", f"/MEFBase/{record}", node.id).code == "4.04"
    ke_id, km = enrolled_by_hand(inst, node)
    with at_maf(inst, ke_id, km) as maf:
        made = maf.ask("POST", "/MAFBase", origin, registration(inst, "maf"), 65002)
        assert made.code == "2.01", (made.content, inst.log_text())
        km_id = made.json()["assignedSymmKeyID"]
    with at_maf(inst, km_id, km, label="EXPORTER-oneM2M-Connection") as maf:
        assert maf.ask("GET", made.location, origin).json()["adminFQDN"] == inst.sp
        key = maf.ask("POST", "/MAFBase", origin, key_registration(inst, SUID=32, targetIDs=[f"//{inst.sp}/CSE999"]), 65003)
        assert key.json()["relativeKeyID"] == maf.exported[:32]
        got = maf.ask("GET", f"/MAFBase/{maf.exported[:32]}", origin)
        assert (got.code, got.rsc) == ("4.03", 4103), "who registered it is not whom it is for"
        assert maf.ask("DELETE", f"/MAFBase/{maf.exported[:32]}", origin).rsc == 2002
        assert inst.ask("node", "show", node.id)["state"] == "enrolled"
        assert maf.ask("DELETE", made.location, origin).rsc == 2002


# what is asked, and the code, RSC, and the operator's words that come of it
def bad_rows(inst, node):
    good, early = registration(inst), EARLY["RQI"]
    reg = ("POST", "/MEFBase", node.id, good, 65001)
    return {
        "From is somebody else": (("POST", "/MEFBase", "urn:dev:ops:somebody-else", good, 65001), {}, "4.03", 4106, "From"),
        "no From": (("GET", "/MEFBase/reg-1", ""), {}, "4.00", 4000, "From"),
        "no request identifier": (reg, {"without": [IANA["RQI"]]}, "4.00", 4000, "X-M2M-RI"),
        "no release": (reg, {"without": [IANA["RVI"]]}, "4.00", 4000, "X-M2M-RVI"),
        "another release": (reg, {"without": [IANA["RVI"]], "more": [(IANA["RVI"], b"9")]}, "5.01", 4001, "X-M2M-RVI"),
        "no resource type": (reg[:4], {}, "4.05", 4005, ""),
        "unknown resource type": (reg[:4] + (65000,), {}, "4.00", 4000, ""),
        "XML": (reg, {"without": [FORMAT], "more": [(FORMAT, number(41))]}, "4.15", 4015, "Content-Type"),
        "no format": (reg, {"without": [FORMAT]}, "4.15", 4015, "Content-Type"),
        "a type and no content": (("POST", "/MEFBase", node.id), {"more": [(IANA["TY"], number(65001))]}, "4.00", 4000, "Content-Type"),
        "another host": (reg, {"more": [(URI_HOST, b"other.example.com")]}, "4.00", 4000, "Host"),
        "a query": (("GET", "/MEFBase?fu=1", node.id), {}, "5.01", 5001, "query"),
        "unknown registration": (("GET", "/MEFBase/reg-unknown", node.id), {}, "4.04", 4004, ""),
        "not allowed": (("DELETE", "/MEFBase", node.id), {}, "4.05", 4005, ""),
        "FETCH": (("FETCH", "/MEFBase", node.id), {}, "4.05", 4005, "method"),
        "not JSON": (("POST", "/MEFBase", node.id, b"{", 65001), {}, "4.00", 4000, ""),
        "a member too little": (("POST", "/MEFBase", node.id, b'{"sec:mefClientReg":{}}', 65001), {}, "4.00", 4000, ""),
        "certificates": (("GET", "/.well-known/est/cacerts", node.id), {}, "5.01", 5001, "over HTTPS alone"),
        # before it is a primitive: no RSC
        "unknown option": (reg, {"more": [(2049, b"x")]}, "4.02", 0, "option 2049"),
        "not at once": (reg, {"more": [(263, b"coaps://me/notify")]}, "4.02", 0, "option 263"),
        "a group's": (reg, {"more": [(311, b"g")]}, "4.02", 0, "option 311"),
        "an answer's": (reg, {"more": [(IANA["RSC"], number(2000))]}, "4.02", 0, f"option {IANA['RSC']}"),
        "twice": (reg, {"more": [(IANA["RQI"], b"b")]}, "4.02", 0, f"option {IANA['RQI']}"),
        "the early edition": (reg, {"more": [(early, b"b")]}, "4.02", 0, f"option {early}"),
        "more than is taken": (("POST", "/MEFBase", node.id, b" " * 9000, 65001), {}, "4.13", 0, "more octets than are taken"),
        "a text that is none": (("GET", "/MEFBase", "/CSE\r\nX: y"), {}, "4.00", 0, "oneM2M options"),
    }


def test_each_bad_request_has_its_code_and_its_event(inst):
    """And the session goes on."""
    node = inst.node(next(COUNT))
    with at_mef(inst, node) as mef:
        for what, (words, more, code, rsc, why) in bad_rows(inst, node).items():
            with told(inst, "mef.refused", why, who=node.cse_id), nothing_changes(inst):
                got = mef.ask(*words, **more)
            assert (got.code, got.rsc) == (code, rsc), (what, got.code, got.rsc, got.content)
        assert mef.ask("POST", "/MEFBase", node.id, registration(inst), 65001).code == "2.01"


def with_text_as_key(inst, node):
    """As enrolled_by_hand(), until the key can be a word of a command line: without a NUL."""
    while True:
        ke_id, km = enrolled_by_hand(inst, node)
        if 0 not in km:
            return ke_id, km


@pytest.mark.parametrize("library", ["openssl", "gnutls"])
def test_libcoap_asks_the_maf(inst, tmp_path, library):
    """By KmID, for its registration: options by number, the key as it is. Its own program then drops the answer, whose options are
    critical and strange to it (RFC 7252 5.4.1); the MAF has given it."""
    node = inst.node(next(COUNT))
    origin = node.cse_id[len(inst.sp) + 2:]
    ke_id, km = with_text_as_key(inst, node)
    with at_maf(inst, ke_id, km) as maf:
        made = maf.ask("POST", "/MAFBase", origin, registration(inst, "maf"), 65002)
    words = libcoap_words(tmp_path, library, inst.maf, f"coaps://{inst.maf}:{inst.coap['maf']}{made.location}", "-m", "get", "-A", "50",
                          "-O", f"{IANA['FR']},{origin}", "-O", f"{IANA['RQI']},r1", "-O", f"{IANA['RVI']},3",
                          "-u", made.json()["assignedSymmKeyID"], "-k", km)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        try:
            assert inst.wait_event("maf.registration", who=node.cse_id)["outcome"] == 2000
        finally:
            client.kill()


def test_settings_that_are_none(inst, tmp_path):
    conf = tmp_path / "musterd.conf"
    mef, maf = (f"127.0.0.1:{inst.coap[role]}" for role in ("mef", "maf"))
    for old, new, said in ((maf, mef, f'maf.coap_listen[0]: "{mef}" is an address of the role mef already'),
                           (f'"{mef}"', f'"{mef}", "{mef}"', "mef.coap_listen[1]: "), (f'"{mef}"', '"unix:/x"', "mef.coap_listen[0]")):
        conf.write_text(inst.plain_config.replace(old, new))
        done = run(MUSTERD, "-c", conf, "--check", check=False)
        assert done.returncode != 0 and said in done.stdout + done.stderr, done.stdout + done.stderr



def steps(node):
    return [(r["method"], r["reason"]) for r in node.status()["reports"]]


@pytest.mark.parametrize("profile", ["both", "onem2m"])
def test_a_node_enrols_by_certificate(inst, profile):
    """From the box to a KmID without one connection of TCP, and it is there at the MAF from then on."""
    node = coaps(inst, inst.node(next(COUNT)), f'tls_profile = "{profile}";\n')
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert steps(node) == [("cert", "ok")] and inst.ask("node", "show", node.id)["state"] == "enrolled"
    assert node.agent("check").returncode == 0
    last = inst.events("--node", node.id)[-1]
    assert last["what"] == "maf.registration" and last["outcome"] == 2000


def with_secret(inst, node, add=""):
    """Of a node without a certificate, known by its maker's secret."""
    identity = json.loads(inst.muster("--json", "node", "secret", node.id, "--file", "-", stdin=secret_text(SECRET)).stdout)["identity"]
    (node.dir / "psk").write_text(secret_text(SECRET))
    (node.dir / "psk").chmod(0o600)
    coaps(inst, node, add + f'psk_identity = "{identity}";\npsk_file = "psk";\n', method="psk")
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace('certificate = "node.pem";\nkey = "node.key";\n', ""))
    for name in ("node.pem", "node.key"):
        (node.dir / name).unlink()
    return node


@pytest.mark.parametrize("profile", ["modern", "onem2m"])
def test_a_node_enrols_by_secret(inst, profile):
    node = with_secret(inst, inst.node(next(COUNT)), f'tls_profile = "{profile}";\n')
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert steps(node) == [("psk", "ok")] and inst.ask("node", "show", node.id)["state"] == "enrolled"


@pytest.fixture(scope="module")
def wrong_secret(inst):
    """A node that came with one."""
    node = with_secret(inst, inst.node(next(COUNT)), 'open_timeout = "5s";\n')
    (node.dir / "psk").write_text(secret_text("ff" * 16))
    assert node.run_once().returncode == 1
    return node


def test_a_wrong_secret_is_silence(wrong_secret):
    """A record that does not open is no record; what it was the operator hears when the handshake's time is over: test_what_the_operator_hears_late()."""
    assert steps(wrong_secret) == [("psk", "timeout")]


def test_silence_of_the_maf_leads_to_the_mef(inst):
    """Lessons 5 and 6: by HTTPS an alert sends a node to ask its MEF; silence says as much by CoAP, and as little."""
    node = coaps(inst, inst.node(next(COUNT)))
    assert node.run_once().returncode == 0, inst.log_text()
    coaps(inst, node, 'open_timeout = "4s";\n')
    inst.muster("node", "revoke", node.id, "--reason", "stolen from a van")
    asked = node.agent("check", "--json")
    said = json.loads(asked.stdout)
    assert asked.returncode == 1 and (said["result"], said["ok"]) == ("lost", False), (asked.stdout, asked.stderr)
    assert "MEF" in said["words"], said


def test_over_a_bad_network(inst):
    """Lost, doubled, turned round: every step is done once, and no datagram had to be cut on its way."""
    with contextlib.ExitStack() as stack:
        paths = {role: stack.enter_context(Relay(port, loss=0.03, double=0.3, turn=0.3, seed=5)) for role, port in inst.coap.items()}
        node = coaps(inst, inst.node(next(COUNT)), 'open_timeout = "60s";\nanswer_timeout = "60s";\n', at={r: p.port for r, p in paths.items()})
        for _ in range(5):               # as an agent does that is let down: a handshake has ten seconds here
            done = node.run_once(timeout=180)
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stderr + inst.log_text()
        assert all(p.largest <= 1232 for p in paths.values()) and sum(p.passed for p in paths.values()) > 30
    assert inst.ask("node", "show", node.id)["state"] == "enrolled"


# behind what is on the wire; those of the agent's own disk are the same for either binding (test_power_cut.py)
@pytest.mark.parametrize("point", ["mef-keyed", "maf-registered", "kmid-saved"])
def test_the_nodes_power_goes(inst, point):
    node = coaps(inst, inst.node(next(COUNT)), f'crash_at = "{point}";\n')
    assert node.run_once().returncode == -signal.SIGKILL
    coaps(inst, node)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert inst.ask("node", "show", node.id)["state"] == "enrolled"
    assert len([r for r in inst.ask("node", "show", node.id)["registrations"] if r["role"] == "maf"]) == 1


def test_by_hand_and_by_command(inst):
    """The other procedures: registrations and keys asked for by a person at both, what the MEF commands, with a certificate among it."""
    a, b = (coaps(inst, inst.node(next(COUNT)), httpPort=inst.mef_port) for _ in range(2))
    for node in (a, b):
        assert node.run_once().returncode == 0, inst.log_text()

    def agent(node, *words):
        done = node.agent(*words, "--json")
        assert done.returncode == 0, (words, done.stdout, done.stderr, inst.log_text())
        return json.loads(done.stdout)
    for at in ((), ("--mef",)):
        assert agent(a, "register", "show", *at)["adminFQDN"] == inst.sp
        assert agent(a, "register", "update", *at, "--label", "site:9", "--lifetime", "30d")["own"]
        made = agent(a, "key", "register", *at, "--suid", "22" if at else "32", "--target", b.cse_id, "--lifetime", "1h")
        got = agent(b, "key", "retrieve", made["keyID"], *at)
        assert got["source"] == a.cse_id
        both = [n.agent("key", "retrieve", made["keyID"], *at, "--out", "-").stdout for n in (a, b)] if at else []
        assert not both or both[0] == both[1]
        assert agent(a, "key", "update", made["keyID"], *at, "--lifetime", "30m")["until"] < made["until"]
        agent(a, "key", "delete", made["keyID"], *at)
    # commands come and are reported over CoAP; a key at the MAF is made in a session of CoAP, at coapPort
    maf = {"mgmtDefinition": 1025, "fqdn": inst.maf, "adminFQDN": inst.sp, "coapPort": inst.coap["maf"]}
    (a.dir / "objects.json").write_text(json.dumps({"objects": [
        {"path": "reg", "mgmtDefinition": 1020, "CSE-ID": b.cse_id, "pointOfAccess": [f"coaps://in.{inst.sp}"]},
        {"path": "reg/maf", "mgmtDefinition": 1022, "SUID": 32, "keyRegDuration": "P30D", "TLSCiphersuites": ["TLS_PSK_WITH_AES_128_CCM_8"]}, {"path": "reg/maf/at", **maf},
        {"path": "maf", **maf, "labels": ["again"]}, {"path": "ws", **maf, "coapPort": None, "websocketPort": 443}]}).replace('"coapPort": null, ', ""))
    orders = [inst.ask("command", "dev-cfg", a.id, "--objects", a.dir / "objects.json")["commands"][0]["id"]]
    orders += [inst.ask("command", "mo-node", a.id, "--path", path, "--type", kind, *suid)["commands"][0]["id"] for path, kind, suid in (
        ("reg/maf", "authenticationProfile", ("--suid", "32")), ("maf", "MAFClientRegCfg", ()), ("ws", "MAFClientRegCfg", ()))]
    # what EST does goes over HTTPS, where httpPort says
    inst.muster("command", "cert-prov", a.id)
    conf = a.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace("connect_to = (\n", f'connect_to = (\n  {{ name = "{inst.mef}:{inst.mef_port}"; address = "127.0.0.1:{inst.mef_port}"; }},\n'))
    with a.running() as running:
        running.wait_log("enrolled-already")
        running.wait_log("certificate-in-use")
        until("the command's end", lambda: inst.ask("command", "list", a.id)["commands"][-1]["state"] == "ended", context=inst.log_text)
    assert [c["status"] for c in inst.ask("command", "list", a.id)["commands"]] == [20, 20, 20, 305, 20]
    # and the certificate is shown over CoAP
    assert agent(a, "register", "show", "--mef")["own"]


def test_the_early_numbers(inst):
    """By quirk on both ends (TS-0008 before V3.7.0); a reload changes what is spoken from then on."""
    node, other = (inst.node(next(COUNT)) for _ in range(2))
    try:
        inst.configure(add=LIMITS, replace={f"\n{role} = {{": f'\n{role} = {{\n    quirks = {{ coap = "early"; }};' for role in inst.coap} | DEBUG)
        reload(inst)
        with at_mef(inst, node, numbers=EARLY) as mef:
            assert mef.ask("POST", "/MEFBase", node.id, registration(inst), 65001).rsc == 2001
        with told(inst, "mef.refused", "option 279"), at_mef(inst, node) as mef:
            assert mef.ask("GET", "/MEFBase", node.id).code == "4.02"
        coaps(inst, other, 'quirks = { coap = "early"; };\n')
        done = other.run_once()
        assert done.returncode == 0, done.stderr + inst.log_text()
    finally:
        inst.configure(add=LIMITS, replace=DEBUG)
        reload(inst)


@pytest.mark.usefixtures("wrong_secret")
def test_what_the_operator_hears_late(inst):
    until("the reason", lambda: any("identity known, key wrong" in e["why"] for e in inst.events("--what", "mef.handshake-failed")), context=inst.log_text)


CSE_SAID = {"m2m:ae": {"api": "NAPP01", "rr": False, "srv": ["3"], "pi": "id-in", "ri": "CieGnADevma", "rn": "ae_bcUGXu1sGf", "ty": 2,
                       "aei": "CieGnADevma", "ct": "20261128T163020,711577", "lt": "20261128T163020,711577", "et": "20311127T163020,724424"}}


@contextlib.contextmanager
def registrar(port):
    """A registrar CSE behind OpenSSL's DTLS, with the suite that TS-0013 8.4 wants."""
    with subprocess.Popen(["openssl", "s_server", "-dtls1_2", "-accept", f"127.0.0.1:{port}", "-nocert", "-psk", b"123456".hex(), "-psk_identity",
                           "test@onem2m.com", *PSK_SUITE, "-quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as cse:
        try:
            until("it listens", lambda: f":{port:04X} " in pathlib.Path("/proc/net/udp").read_text())
            yield cse
        finally:
            cse.kill()


def heard(cse):
    """The one request, and what it says; the whole of it is one datagram."""
    assert select.select([cse.stdout], [], [], RUN_SECONDS)[0], "no request"
    code, mid, token, options, content = parse(os.read(cse.stdout.fileno(), 4096))
    return code, mid, token, options, json.loads(content)


def test_an_ae_registers_over_coap(inst, tmp_path):
    """TD_M2M_SE_01 (TS-0013 8.4) with its other suite: DTLS 1.2, TLS_PSK_WITH_AES_128_CCM_8, KpsaId test@onem2m.com, Kpsa the six
    ASCII digits 123456; Create (op 1) of an <AE> (ty 2)."""
    node, port = inst.node(next(COUNT)), free_port()
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace("connect_to = (", f'connect_to = (\n  {{ name = "in.{inst.sp}:5684"; address = "127.0.0.1:{port}"; }},', 1))
    for name, octets in (("ascii", b"123456"), ("hex", bytes.fromhex("123456"))):
        (tmp_path / name).write_bytes(octets)
        (tmp_path / name).chmod(0o600)
    rows = ((IANA, 0x41, 2001, CSE_SAID, 0, "CieGnADevma  registered at "), (EARLY, 0x41, 2001, CSE_SAID, 0, "CieGnADevma  registered at "),
            (IANA, 0x83, 4126, {"m2m:dbg": "no rule for NAPP01"}, 1, "no rule for NAPP01"))
    plain = conf.read_text()
    for numbers, code, rsc, said, status, words in rows:
        conf.write_text(plain + ('quirks = { coap = "early"; };\n' if numbers is EARLY else ""))
        with registrar(port) as cse, subprocess.Popen(
                [AGENT, "-c", conf, "register-ae", "--app-id", "NAPP01", "--psk-identity", "test@onem2m.com", "--psk-raw", "--psk-file",
                 tmp_path / "ascii", f"coaps://in.{inst.sp}/cse-in"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ae:
            method, mid, token, options, content = heard(cse)
            value = dict(options)
            assert method == 2 and value[URI_PATH] == b"cse-in" and value[URI_HOST] == b"in." + inst.sp.encode(), options
            assert (value[numbers["FR"]], value[numbers["TY"]], value[numbers["RVI"]], value[FORMAT]) == (b"C", b"\x02", b"3", JSON), options
            assert content == {"m2m:ae": {"api": "NAPP01", "rr": False, "srv": ["3"]}}
            back = message(code, mid, token, [(numbers["RSC"], number(rsc)), (numbers["RQI"], value[numbers["RQI"]]), (FORMAT, JSON)], json.dumps(said).encode())
            cse.stdin.write(bytes((back[0] | 0x20,)) + back[1:])          # in the acknowledgement
            cse.stdin.flush()
            out, err = ae.communicate(timeout=RUN_SECONDS)
        assert ae.returncode == status and words in out + err, (out, err)
    # the digits read as hex are another key: nothing is said
    conf.write_text(plain + 'open_timeout = "5s";\n')
    with registrar(port) as cse:
        done = node.agent("register-ae", "--app-id", "NAPP01", "--psk-identity", "test@onem2m.com", "--psk-raw", "--psk-file", tmp_path / "hex",
                          f"coaps://in.{inst.sp}/cse-in")
        assert done.returncode == 1 and "wrong identity or key" in done.stderr, done.stderr
        assert not select.select([cse.stdout], [], [], 0)[0]


class Killer(Relay):
    """The server's power goes with the `left`-th datagram of a session's content towards it."""
    left, inst = 0, None

    def seen(self, to_server, data):
        if to_server and data[0] == 23 and not self.cut.is_set():
            self.left -= 1
            if self.left == 0:
                self.cut.set()
                self.inst.process.kill()


def test_the_servers_power_goes(inst):
    """In the middle of what is said to the MEF, then to the MAF; nobody helps the agent."""
    with contextlib.ExitStack() as stack:
        paths = {role: stack.enter_context(Killer(port)) for role, port in inst.coap.items()}
        for path in paths.values():
            path.inst = inst
        node = coaps(inst, inst.node(next(COUNT)), 'open_timeout = "2s";\nanswer_timeout = "2s";\n', at={r: p.port for r, p in paths.items()})
        paths["mef"].left = 3
        with node.running() as agent:
            for role, left in (("maf", 2), (None, 0)):
                assert inst.process.wait(RUN_SECONDS) == -signal.SIGKILL
                inst.start()
                if role:
                    paths[role].left = left
                for path in paths.values():
                    path.cut.clear()
            agent.wait_log(" enrolled ")
    assert inst.ask("node", "show", node.id)["state"] == "enrolled"
