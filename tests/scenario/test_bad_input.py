"""Story: everything that a hostile or broken peer, a bad file or a full disk can do gives its own clear error
to whom it concerns and an event for the operator, and changes nothing else.
"""
import json
import shutil
import socket
import ssl

import pytest

from support import MUSTER, run


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    from support import Installation
    it = Installation(tmp_path_factory.mktemp("bad") / "inst")
    it.configure(add='limits = { body_octets = 65536; header = "2s"; body = "2s"; handshake = "3s"; };\n')
    it.start()
    it.maker("acme")
    it.maker("owner")
    it.subscription()
    yield it
    it.stop()


class Client:
    """A node's own TLS session and HTTP, by Python's ssl: a stranger to our code."""

    def __init__(self, inst, prefix, sni=True, role="mef", ciphers=None, minimum=None, trust=None):
        context = ssl.create_default_context(cafile=str(trust or inst.dir / "keeper/ca.pem"))
        context.check_hostname = sni is not False
        if prefix:
            context.load_cert_chain(f"{prefix}.pem", f"{prefix}.key")
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
        port = inst.mef_port if role == "mef" else inst.maf_port
        name = inst.mef if role == "mef" else inst.maf
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        try:
            self.sock = context.wrap_socket(raw, server_hostname=name if sni is True else (sni or None))
        except BaseException:
            raw.close()
            raise

    def raw(self, octets):
        self.sock.sendall(octets)
        return self.answer()

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            got = self.sock.recv(65536)
            if not got:
                return None if not data else (0, {}, data)
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            got = self.sock.recv(65536)
            if not got:
                break
            body += got
        return int(lines[0].split()[1]), headers, body

    def request(self, method, path, origin, body=None, ty=None, **more):
        headers = {"Host": "mef", "X-M2M-Origin": origin, "X-M2M-RI": "r1", "X-M2M-RVI": "3", "Accept": "application/json", **more}
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = "application/json" + (f"; ty={ty}" if ty else "")
        headers["Content-Length"] = str(len(data))
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if v is not None)
        return self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)

    def rsc(self, *args, **more):
        status, headers, _ = self.request(*args, **more)
        return int(headers["x-m2m-rsc"]), status

    def close(self):
        self.sock.close()


COUNT = iter(range(100, 10000))


@pytest.fixture
def node(inst):
    return inst.node(next(COUNT))


def register(inst, client, node, **more):
    body = {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp, **more}}
    return client.request("POST", "/MEFBase", node.id, body, ty=65001)


def content(answer):
    return next(iter(json.loads(answer[2]).values()))


def unchanged(inst, node):
    shown = inst.ask("node", "show", node.id)
    assert shown["state"] == "known", shown
    assert shown["registrations"] == [] and shown["credentials"] == [], shown


# --- the handshake ---

def certificate(inst, node, *how, ca="acme", name=None):
    prefix = node.dir / "bad"
    run(MUSTER, "cert", "issue", "--ca", ca, "--out", prefix, "--node-id", name or node.id, *how, cwd=inst.dir / "makers")
    return prefix


def refused_handshake(inst, why, *args, **more):
    last = max((e["seq"] for e in inst.events()), default=0)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client = Client(inst, *args, **more)
        # TLS 1.3: the server's verdict on the client's certificate comes after our own Finished
        client.sock.settimeout(20)
        if client.sock.recv(1) == b"":
            raise ConnectionResetError("closed")
    event = inst.wait_event("mef.handshake-failed", 20)
    events = [e for e in inst.events("--what", "mef.handshake-failed") if e["seq"] > last]
    assert any(why in e["why"] for e in events), (why, events, event)


def test_wrong_anchor(inst, node):
    run(MUSTER, "cert", "ca", f"stranger{node.dir.name}", cwd=inst.dir / "makers")
    refused_handshake(inst, "no path to a trusted", certificate(inst, node, ca=f"stranger{node.dir.name}"))
    unchanged(inst, node)


def test_expired_certificate(inst, node):
    refused_handshake(inst, "expired", certificate(inst, node, "--expired"))
    unchanged(inst, node)


def test_certificate_from_the_future(inst, node):
    refused_handshake(inst, "not yet valid", certificate(inst, node, "--not-before", "20900101T000000"))
    unchanged(inst, node)


def test_no_client_certificate(inst, node):
    refused_handshake(inst, "no client certificate", None)


def test_missing_sni(inst, node):
    refused_handshake(inst, "server name", node.dir / "node", sni=False)


def test_wrong_suite(inst, node):
    refused_handshake(inst, "no common", node.dir / "node", ciphers="AES256-SHA:@SECLEVEL=0")


def test_revoked_certificate(inst, node):
    prefix = certificate(inst, node)
    run(MUSTER, "cert", "revoke", f"{prefix}.pem", "--ca", "acme", "--out", inst.dir / "crls/acme.crl", cwd=inst.dir / "makers")
    import signal
    inst.process.send_signal(signal.SIGHUP)
    inst.wait_event("daemon.reloaded", 20)
    try:
        refused_handshake(inst, "revoked", prefix)
    finally:
        (inst.dir / "crls/acme.crl").unlink()
        inst.process.send_signal(signal.SIGHUP)
    unchanged(inst, node)


def test_the_node_refuses_the_wrong_server(inst, node):
    """Wrong anchor and wrong SAN, seen from the node: nothing is sent to a stranger."""
    shutil.copy(inst.dir / "makers/owner.pem", node.dir / "anchors.pem")
    assert node.run_once().returncode == 1
    assert [r["reason"] for r in node.status()["reports"]] == ["untrusted"]
    shutil.copy(inst.dir / "keeper/ca.pem", node.dir / "anchors.pem")
    assert node.run_once().returncode == 0


# --- the requests ---

def test_from_is_not_the_identity(inst, node):
    client = Client(inst, node.dir / "node")
    body = {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}
    assert client.rsc("POST", "/MEFBase", "urn:dev:ops:somebody-else", body, ty=65001) == (4106, 403)
    unchanged(inst, node)


def test_unknown_registration(inst, node):
    assert Client(inst, node.dir / "node").rsc("GET", "/MEFBase/reg-unknown", node.id) == (4004, 404)


def test_unknown_node(inst):
    stranger = inst.node(next(COUNT), known=False)
    client = Client(inst, stranger.dir / "node")
    status, headers, _ = register(inst, client, stranger)
    assert (headers["x-m2m-rsc"], status) == ("4103", 403)
    assert any(stranger.id in (e["who"] + e["why"]) for e in inst.events("--what", "mef.refused"))


def test_suspended_subscription(inst):
    inst.subscription("sub-suspended")
    node = inst.node(next(COUNT), subscription="sub-suspended")
    inst.muster("subscription", "suspend", "sub-suspended")
    status, headers, body = register(inst, Client(inst, node.dir / "node"), node)
    assert headers["x-m2m-rsc"] in ("4103", "4128"), headers
    assert b"sub-suspended" not in body, "the subscription's name never leaves"
    unchanged(inst, node)
    inst.muster("subscription", "resume", "sub-suspended")
    assert node.run_once().returncode == 0


def test_target_not_listed(inst, node):
    client = Client(inst, node.dir / "node")
    assert register(inst, client, node)[0] == 201
    key = {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": inst.sp, "SUID": 21, "targetIDs": [inst.maf]}}
    answer = client.request("POST", "/MEFBase", node.id, key, ty=65003)
    assert answer[0] == 201, answer
    relative = content(answer)["relativeKeyID"]
    other = inst.node(next(COUNT))
    assert Client(inst, other.dir / "node").rsc("GET", f"/MEFBase/{relative}", other.id) == (4103, 403)
    assert Client(inst, other.dir / "node").rsc("GET", f"/fetchCredentials/{relative}%40{inst.mef}/21", other.id)[0] == 4103


def test_second_exporter_registration_in_one_session(inst, node):
    client = Client(inst, node.dir / "node")
    assert register(inst, client, node)[0] == 201
    key = {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": inst.sp, "SUID": 21, "targetIDs": [inst.maf]}}
    assert client.request("POST", "/MEFBase", node.id, key, ty=65003)[0] == 201
    assert client.rsc("POST", "/MEFBase", node.id, key, ty=65003) == (4105, 409)


@pytest.mark.parametrize("body", [
    b"{", b"", b"[]", b'{"sec:mefClientReg":{}}', b'{"sec:mefClientReg":{"et":"tomorrow","adminFQDN":"sp.example.com"}}',
    b'{"sec:mefClientReg":{"et":"20990101T000000","et":"20990101T000000","adminFQDN":"sp.example.com"}}',
    b'{"sec:mefClientReg":{"et":"20990101T000000","adminFQDN":"sp.example.com"}} trailing',
    b'{"sec:mefClientReg":{"et":"20990101T000000","adminFQDN":"\xff"}}', b'{"x":' * 100 + b"1" + b"}" * 100,
    b'{"sec:symmKeyReg":{"et":"20990101T000000","adminFQDN":"sp.example.com","SUID":21}}',
], ids=range(10))
def test_malformed_content(inst, node, body):
    client = Client(inst, node.dir / "node")
    rsc, status = client.rsc("POST", "/MEFBase", node.id, body, ty=65001)
    assert (rsc, status) in ((4000, 400), (4102, 400)), (rsc, status)
    unchanged(inst, node)
    # the session goes on
    assert register(inst, client, node)[0] == 201


@pytest.mark.parametrize("change,rsc", [
    ({"X-M2M-RVI": None}, 4000), ({"X-M2M-RVI": "99"}, 4001), ({"X-M2M-RI": None}, 4000), ({"X-M2M-Origin": None}, 4000),
    ({"Content-Type": "text/plain; ty=65001"}, 4015),
])
def test_malformed_primitive(inst, node, change, rsc):
    client = Client(inst, node.dir / "node")
    body = json.dumps({"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}).encode()
    headers = {"Host": "mef", "X-M2M-Origin": node.id, "X-M2M-RI": "r", "X-M2M-RVI": "3",
               "Content-Type": "application/json; ty=65001", "Content-Length": str(len(body)), **change}
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if v is not None)
    answer = client.raw(f"POST /MEFBase HTTP/1.1\r\n{head}\r\n".encode() + body)
    assert int(answer[1]["x-m2m-rsc"]) == rsc, answer
    unchanged(inst, node)


def test_operation_not_allowed(inst, node):
    assert Client(inst, node.dir / "node").rsc("DELETE", "/MEFBase", node.id) == (4005, 405)


# --- HTTP and the connection ---

def test_oversize_body(inst, node):
    client = Client(inst, node.dir / "node")
    answer = client.raw(b"POST /MEFBase HTTP/1.1\r\nHost: mef\r\nContent-Type: application/json; ty=65001\r\n"
                        b"X-M2M-Origin: x\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\nContent-Length: 1000000\r\n\r\n")
    assert answer[0] == 413, answer
    unchanged(inst, node)


@pytest.mark.parametrize("octets,status", [
    (b"GET /MEFBase HTTP/1.1\nHost: mef\n\n", 400),
    (b"GET /MEFBase HTTP/1.1\r\nHost : mef\r\n\r\n", 400),
    (b"GET /MEFBase HTTP/1.1\r\n\r\n", 400),
    (b"GET /MEFBase HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    (b"POST /MEFBase HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET /MEFBase HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(500)) + b"\r\n", 431),
])
def test_strict_http(inst, node, octets, status):
    assert Client(inst, node.dir / "node").raw(octets)[0] == status


def test_slow_client_is_cut_off(inst, node):
    client = Client(inst, node.dir / "node")
    client.sock.sendall(b"GET /MEFBase HTTP/1.1\r\nHost: ")
    answer = client.answer()
    assert answer is None or answer[0] == 408, answer


def test_half_closed_connection_still_gets_its_answer(inst, node):
    client = Client(inst, node.dir / "node", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    client.sock.sendall(f"GET /MEFBase/none HTTP/1.1\r\nHost: mef\r\nX-M2M-Origin: {node.id}\r\nX-M2M-RI: 1\r\n"
                        "X-M2M-RVI: 3\r\n\r\n".encode())
    socket.socket.shutdown(client.sock, socket.SHUT_WR)
    assert client.answer()[0] == 404
    # and the daemon is as it was
    assert inst.ask("status")["version"]


def test_garbage_instead_of_tls(inst):
    for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 500, b"\x00" * 100):
        with socket.create_connection(("127.0.0.1", inst.mef_port), timeout=20) as s:
            s.sendall(octets)
            s.settimeout(20)
            while s.recv(4096):
                pass
    assert inst.ask("status")["version"]


# --- files on the node ---

def test_corrupt_slot_file_is_told_and_never_taken_for_fresh(inst, node):
    """Lesson 16: both generations broken is `corrupt`, with a remedy; not a silent new enrolment."""
    assert node.run_once().returncode == 0
    for path in (node.dir / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 16:
            octets = bytearray(path.read_bytes())
            octets[len(octets) // 2] ^= 0xff
            path.write_bytes(octets)
    done = node.run_once()
    assert done.returncode == 3, (done.returncode, done.stderr)
    assert "corrupt" in done.stderr.lower(), done.stderr


@pytest.mark.parametrize("text,field", [
    ('{"version":1,"instructions":[]}', "instructions"), ("{", ""), ('{"version":1}', "instructions"),
    ('{"version":1,"instructions":[{"kind":"bootstrap","method":"pks","uri":"https://a","target":"b.c","adminFQDN":"c.d"}]}', "method"),
    ('{"version":1,"instructions":[{"kind":"bootstrap","method":"cert","uri":"https://a.b"}]} x', ""),
    ('{"version":1,"version":1,"instructions":[]}', "version"),
])
def test_bad_instructions_name_file_and_field(inst, node, text, field):
    (node.dir / "instructions.json").write_text(text)
    done = node.run_once()
    assert done.returncode == 1
    assert "instructions.json" in done.stderr and field in done.stderr, done.stderr
    unchanged(inst, node)


def test_bad_agent_configuration_names_file_line_and_field(inst, node):
    path = node.dir / "muster-agent.conf"
    path.write_text(path.read_text() + 'backoff_firts = "1s";\n')
    done = node.agent("--check")
    assert done.returncode == 2
    assert "muster-agent.conf:" in done.stderr and "backoff_firts" in done.stderr, done.stderr
