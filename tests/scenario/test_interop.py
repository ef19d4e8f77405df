"""Story: strangers. curl, openssl s_client and gnutls-cli run Mmef and Mmaf operations against the daemon,
and the exporter value that OpenSSL's own tool computes is the one that the MEF uses.
"""
import base64
import contextlib
import hashlib
import hmac
import json
import re
import sqlite3
import subprocess

import pytest

from stranger import gnutls
from support import RUN_SECONDS, Installation, run, until


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("interop") / "inst")
    it.start()
    it.maker("acme")
    it.subscription()
    yield it
    it.stop()


def primitive(method, path, node, body=None, ty=None, close=True):
    data = json.dumps(body) if body is not None else ""
    host = ("maf" if path.startswith("/MAFBase") else "mef") + ".sp.example.com"
    kind = f"Content-Type: application/json;ty={ty}\r\n" if ty else "Content-Type: application/json\r\n" if body else ""
    return (f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-M2M-Origin: {node.id}\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n{kind}"
            f"Content-Length: {len(data)}\r\n{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n{data}")


def registration(inst):
    return {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}


def key_registration(inst):
    return {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": inst.sp, "SUID": 21, "targetIDs": [inst.maf]}}


def test_curl_runs_every_registration_operation(inst):
    node = inst.node(1)
    origin = f"https://{inst.mef}:{inst.mef_port}"

    def curl(method, path, body=None, ty=None):
        words = ["curl", "-sS", "-i", "--resolve", f"{inst.mef}:{inst.mef_port}:127.0.0.1", "--cacert", inst.dir / "keeper/ca.pem",
                 "--cert", node.dir / "node.pem", "--key", node.dir / "node.key", "-X", method, "-H", f"X-M2M-Origin: {node.id}",
                 "-H", "X-M2M-RI: c1", "-H", "X-M2M-RVI: 3", "-H", "Accept: application/json"]
        if body is not None:
            words += ["-H", "Content-Type: application/json" + (f"; ty={ty}" if ty else ""), "-d", json.dumps(body)]
        head, _, content = run(*words, origin + path).stdout.replace("\r\n", "\n").partition("\n\n")
        rsc = int(re.search(r"^X-M2M-RSC: (\d+)$", head, re.M | re.I).group(1))
        assert re.search(r"^X-M2M-RI: c1$", head, re.M | re.I), "the request id is echoed"
        return rsc, next(iter(json.loads(content).values())) if content.strip() else None

    rsc, made = curl("POST", "/MEFBase", registration(inst), 65001)
    assert rsc == 2001 and made["adminFQDN"] == inst.sp
    path = f"/MEFBase/{made['ri']}"
    assert curl("GET", path)[0] == 2000
    rsc, command = curl("GET", path + "/cmd")
    assert rsc == 2000 and command["cmdDescription"]["cmdClassID"] == 0, command
    rsc, configuration = curl("GET", path + "/cfg")
    assert rsc == 2000 and json.dumps(configuration).find(inst.maf) > 0
    assert curl("PUT", path, {"sec:mefClientReg": {"lbl": ["site:7"]}})[0] == 2004
    assert curl("PUT", path, {"sec:mefClientReg": {}})[0] == 4000, "an update needs one of its members"
    assert curl("DELETE", path)[0] == 2002
    assert curl("GET", path)[0] == 4004


def s_client(inst, node, text, version):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{inst.mef_port}", "-servername", inst.mef, version,
               "-cert", str(node.dir / "node.pem"), "-key", str(node.dir / "node.key"), "-CAfile", str(inst.dir / "keeper/ca.pem"),
               "-verify_return_error", "-keymatexport", "EXPORTER-oneM2M-Bootstrap", "-keymatexportlen", "48", "-ign_eof"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=RUN_SECONDS).stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_the_exporter_of_openssl_is_ours(inst, version):
    """TS-0003 10.3.1: the first 16 octets are the RelativeKeyID that the MEF answers; the rest is Ke, from which
    the key that a MAF is given follows (10.3.7)."""
    node = inst.node(2 if version == "-tls1_2" else 3)
    text = primitive("POST", "/MEFBase", node, registration(inst), 65001, close=False) + \
        primitive("POST", "/MEFBase", node, key_registration(inst), 65003)
    out = s_client(inst, node, text, version)
    exported = re.search(r"Keying material: ([0-9A-F]{96})", out)
    assert exported, out
    relative = re.search(r'"relativeKeyID":"([0-9A-F]+)"', out)
    assert relative and relative.group(1) == exported.group(1)[:32], out
    # the MAF, played by curl with the MAF's certificate, is given the key that follows from that Ke
    ke = bytes.fromhex(exported.group(1)[32:])
    expected = hmac.new(ke, b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation" + b"21" + inst.maf.encode(),
                        hashlib.sha256).digest()
    got = run("curl", "-sS", "--resolve", f"{inst.mef}:{inst.mef_port}:127.0.0.1", "--cacert", inst.dir / "keeper/ca.pem",
              "--cert", inst.dir / "tls/maf.pem", "--key", inst.dir / "tls/maf.key", "-H", f"X-M2M-Origin: {inst.maf}",
              "-H", "X-M2M-RI: m", "-H", "X-M2M-RVI: 3",
              f"https://{inst.mef}:{inst.mef_port}/fetchCredentials/{relative.group(1)}%40{inst.mef}/21").stdout
    assert base64.b64decode(json.loads(got)["credential"]) == expected


def test_a_foreign_enrolee_reaches_the_maf(inst):
    """openssl as enrolee: certificate at the MEF, its own HMAC, then TLS-PSK with KeID at the MAF (suspended there while
    the MAF fetches Km), and KmID afterwards."""
    node = inst.node(4)
    text = primitive("POST", "/MEFBase", node, registration(inst), 65001, close=False) + \
        primitive("POST", "/MEFBase", node, key_registration(inst), 65003)
    exported = re.search(r"Keying material: ([0-9A-F]{96})", s_client(inst, node, text, "-tls1_2")).group(1)
    km = hmac.new(bytes.fromhex(exported[32:]), b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation" +
                  b"21" + inst.maf.encode(), hashlib.sha256).hexdigest()

    def psk(identity, cipher, text):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{inst.maf_port}", "-servername", inst.maf, "-tls1_2",
                               "-psk_identity", identity, "-psk", km, "-cipher", cipher, "-ign_eof"],
                              input=text, capture_output=True, text=True, timeout=RUN_SECONDS).stdout

    body = {"sec:mafClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}
    out = psk(f"{exported[:32]}@{inst.mef}", "PSK-AES128-CBC-SHA256",
              primitive("POST", "/MAFBase", node, body, 65002).replace(node.id, node.cse_id[len(inst.sp) + 2:]))
    km_id = re.search(r'"assignedSymmKeyID":"([^"]+)"', out)
    assert km_id, out + inst.log_text()
    record = re.search(r'"ri":"([^"]+)"', out).group(1)
    out = psk(km_id.group(1), "ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-CBC-SHA256",
              primitive("GET", f"/MAFBase/{record}", node).replace(node.id, node.cse_id[len(inst.sp) + 2:]))
    assert "X-M2M-RSC: 2000" in out, out


class Idle:
    """A session of `openssl s_client` that was answered and is kept; it ends when the server ends it."""

    def __init__(self, path, port, name, *words):
        self.path = path
        with open(path, "wb") as out:
            self.process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-tls1_2", "-ign_eof",
                                             *[str(w) for w in words]], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)

    def said(self):
        return self.path.read_text(errors="replace")

    def ask(self, text, answer):
        """The `answer`-th answer that it gets."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()
        return until("an answer", lambda: self.said().count("HTTP/1.1 ") >= answer and self.said().endswith("}") and self.said(), RUN_SECONDS, self.said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.stdin.close()
        self.process.wait(RUN_SECONDS)


def idle_sessions(inst, node, stack, path):
    """At the MEF, at the MAF and at the briefing node, each with an answer and nothing going on."""
    cert = ("-cert", node.dir / "node.pem", "-key", node.dir / "node.key", "-keymatexport", "EXPORTER-oneM2M-Bootstrap", "-keymatexportlen", 48)
    relative = node.cse_id[len(inst.sp) + 2:]
    mef = stack.enter_context(Idle(path / "mef", inst.mef_port, inst.mef, *cert))
    mef.ask(primitive("POST", "/MEFBase", node, registration(inst), 65001, close=False), 1)
    exported = re.search(r"Keying material: ([0-9A-F]{96})", mef.ask(primitive("POST", "/MEFBase", node, key_registration(inst), 65003,
                                                                              close=False), 2))[1]
    km = hmac.new(bytes.fromhex(exported[32:]), b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation" +
                  b"21" + inst.maf.encode(), hashlib.sha256).hexdigest()
    psk = ("-psk", km, "-cipher", "PSK-AES128-CBC-SHA256", "-psk_identity")
    body = {"sec:mafClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}
    first = stack.enter_context(Idle(path / "maf-ke", inst.maf_port, inst.maf, *psk, f"{exported[:32]}@{inst.mef}"))
    said = first.ask(primitive("POST", "/MAFBase", node, body, 65002, close=False).replace(node.id, relative), 1)
    km_id, record = re.search(r'"assignedSymmKeyID":"([^"]+)"', said)[1], re.search(r'"ri":"([^"]+)"', said)[1]
    maf = stack.enter_context(Idle(path / "maf", inst.maf_port, inst.maf, *psk, km_id))
    maf.ask(primitive("GET", f"/MAFBase/{record}", node, close=False).replace(node.id, relative), 1)
    bbn = stack.enter_context(Idle(path / "bbn", inst.bbn_port, inst.bbn, *cert[:4]))
    ask = '{"briefingVersion":1}'
    bbn.ask(f"POST /briefing HTTP/1.1\r\nHost: {inst.bbn}\r\nContent-Type: application/json\r\nContent-Length: {len(ask)}\r\n\r\n{ask}", 1)
    silent = stack.enter_context(Idle(path / "silent", inst.maf_port, inst.maf, *psk, km_id))       # nothing but the handshake
    until("a handshake", lambda: "Verif" in silent.said(), RUN_SECONDS, silent.said)
    return {"mef": mef, "maf": maf, "bbn": bbn, "silent": silent}


def gone(inst, act, sessions):
    for where, one in sessions.items():
        try:
            one.process.wait(45)         # limits.idle is 60 s
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{act}: the session at {where} goes on\n{one.said()}{inst.log_text()}") from None


def run_out(inst, name):
    """The subscription's end is now, as if that had been its contract."""
    with contextlib.closing(sqlite3.connect(inst.dir / "store/muster.db", timeout=20)) as db:
        db.execute("UPDATE subscription SET not_after = unixepoch(), due = unixepoch() WHERE id = ?", (name,))
        db.commit()


def test_open_sessions_end(inst, tmp_path):
    """Who is revoked or suspended, or whose subscription is, ends, or has expired, is not told so at its next request: its sessions end
    at once, everybody else's go on."""
    acts = {"revoke": [41], "suspend": [42], "sub-suspend": [43, 44], "sub-end": [45], "sub-expire": [46]}
    with contextlib.ExitStack() as stack:
        def sessions_of(number, subscription):
            path = tmp_path / str(number)
            path.mkdir()
            return idle_sessions(inst, inst.node(number, subscription=subscription), stack, path)
        for act in acts:
            if act.startswith("sub-"):
                inst.subscription(act)
        sessions = {act: [sessions_of(n, act if act.startswith("sub-") else "sub-1") for n in numbers] for act, numbers in acts.items()}
        bystander = sessions_of(47, "sub-1")
        for act, sets in sessions.items():
            assert [one.process.poll() for s in sets for one in s.values()] == [None] * 4 * len(sets), inst.log_text()
            if act == "sub-expire":
                run_out(inst, act)
            elif act.startswith("sub-"):
                inst.muster("subscription", act[4:], act)
            else:
                inst.muster("node", act, f"//{inst.sp}/CSE{acts[act][0]:06d}", "--reason", "lost")
            for one in sets:
                gone(inst, act, one)
        assert [s.process.poll() for s in bystander.values()] == [None] * 4
        said = bystander["mef"].ask(primitive("GET", "/MEFBase/none", inst.node(48, known=False), close=False), 3)
        assert "X-M2M-RSC: 4" in said


VERSIONS = {"tls1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "tls1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}
# with ECDHE-PSK below TLS 1.3 gnutls-cli 3.7.9 crashes, whatever the server
PSK_SUITES = {"mandatory": "NONE:+VERS-TLS1.2:+AES-128-CBC:+PSK:+SHA256:+SIGN-ALL:+COMP-NULL:+MAC-ALL:+GROUP-ALL",
              "tls1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK"}


def gnutls_at_the_mef(inst, node, version, text):
    status, out = gnutls(text, "--port", inst.mef_port, "--x509cafile", inst.dir / "keeper/ca.pem", "--x509certfile", node.dir / "node.pem",
                         "--x509keyfile", node.dir / "node.key", "--sni-hostname", inst.mef, "--verify-hostname", inst.mef, "--priority",
                         VERSIONS[version], "--keymatexport", "EXPORTER-oneM2M-Bootstrap", "--keymatexportsize", 48)
    assert status == 0, out + inst.log_text()
    return out, bytes.fromhex(re.search(r"Key material: *([0-9a-fA-F]{96})", out).group(1))


def gnutls_at_the_maf(inst, suite, identity, key, text):
    return gnutls(text, "--port", inst.maf_port, "--pskusername", identity, "--pskkey", key, "--priority", PSK_SUITES[suite],
                  "--sni-hostname", inst.maf)


def results(out):
    return [int(n) for n in re.findall(r"X-M2M-RSC: (\d+)", out)]


@pytest.mark.parametrize("number, version, suites", [(5, "tls1.2", ("mandatory",)), (6, "tls1.3", ("mandatory", "tls1.3"))])
def test_gnutls_enrols(inst, number, version, suites):
    """Another TLS library as enrolee, from the certificate to the credential in use. Mmef: registration, its update, a key
    registration whose RelativeKeyID is the exporter's; Mmaf: with KeID, which the MAF fetches meanwhile, then with KmID."""
    node = inst.node(number)
    out, exported = gnutls_at_the_mef(inst, node, version, primitive("POST", "/MEFBase", node, registration(inst), 65001))
    assert results(out) == [2001], out
    made = re.search(r'"ri":"([^"]+)"', out).group(1)
    path = f"/MEFBase/{made}"
    out, exported = gnutls_at_the_mef(inst, node, version, primitive("GET", path, node, close=False) + primitive(
        "PUT", path, node, {"sec:mefClientReg": {"lbl": ["site:7"]}}, close=False) + primitive(
            "POST", "/MEFBase", node, registration(inst), 65001, close=False) + primitive(
                "POST", "/MEFBase", node, key_registration(inst), 65003))
    assert results(out) == [2000, 2004, 2001, 2001] and '"site:7"' in out, out
    relative = re.search(r'"relativeKeyID":"([0-9A-F]+)"', out).group(1)
    assert relative == exported[:16].hex().upper(), out
    km = hmac.new(exported[16:], b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation" + b"21" + inst.maf.encode(),
                  hashlib.sha256).hexdigest()
    body = {"sec:mafClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}
    short = node.cse_id[len(inst.sp) + 2:]
    status, out = gnutls_at_the_maf(inst, suites[0], f"{relative}@{inst.mef}", km,
                                    primitive("POST", "/MAFBase", node, body, 65002).replace(node.id, short))
    assert status == 0 and results(out) == [2001], out + inst.log_text()
    km_id, record = (re.search(rf'"{name}":"([^"]+)"', out).group(1) for name in ("assignedSymmKeyID", "ri"))
    for suite in suites:
        status, out = gnutls_at_the_maf(inst, suite, km_id, km, primitive("GET", f"/MAFBase/{record}", node).replace(node.id, short))
        assert status == 0 and results(out) == [2000] and inst.sp in out, out + inst.log_text()
    shown = inst.ask("node", "show", node.id)
    assert shown["state"] == "enrolled" and [c["keyID"] for c in shown["credentials"] if c["role"] == "maf"] == [km_id], shown


def test_gnutls_is_refused_by_the_maf(inst):
    """An identity nobody has, with the only mandatory PSK suite: the refusal does not say which was wrong."""
    status, out = gnutls_at_the_maf(inst, "mandatory", f"{'0' * 32}@{inst.maf}", "00" * 32, "")
    assert status != 0 and "X-M2M" not in out, out
    event = inst.wait_event("maf.handshake-failed", who=f"{'0' * 32}@{inst.maf}")
    assert "unknown" in event["why"], "the operator is told what the peer is not (lesson 21)"
