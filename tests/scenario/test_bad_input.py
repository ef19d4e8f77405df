"""Story: everything that a hostile or broken peer, a bad file or a full disk can do gives its own clear error
to whom it concerns and an event for the operator, and changes nothing else.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from stranger import TELL_SECONDS, Client, Impostor, content, nothing_changes, reload, rows, told
from support import AGENT, MUSTER, RUN_SECONDS, Installation, run, until

COUNT = iter(range(100, 10000))
LIMITS = 'limits = { body_octets = 65536; header = "4s"; body = "4s"; handshake = "8s"; fetch = "7s"; };\n'


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("bad") / "inst")
    it.configure(add=LIMITS, replace={'level = "info"': 'level = "debug"'})
    it.start()
    it.subscription()
    yield it
    it.stop()


@pytest.fixture
def node(inst):
    return inst.node(next(COUNT))


def status(node):
    return json.loads(node.agent("status", "--json").stdout)


def reasons(done):
    """Why an agent's instructions failed, from its log."""
    return re.findall(r"instruction-failed reason=(\S+)", done.stderr)


# --- the handshake ---

def certificate(inst, node, *how, ca="acme", name=None):
    prefix = node.dir / "bad"
    run(MUSTER, "cert", "issue", "--ca", ca, "--out", prefix, "--node-id", name or node.id, *how, cwd=inst.dir / "makers")
    return prefix


def refused_handshake(inst, alert, why, *args, role="mef", **more):
    """The peer gets an alert and nothing else; the operator the reason."""
    with told(inst, f"{role}.handshake-failed", why, "127.0.0.1:", "what to do: "), nothing_changes(inst):
        with pytest.raises((ssl.SSLError, ConnectionError)) as said:
            with Client(inst, *args, role=role, **more) as client:
                # TLS 1.3: the server's verdict on the client's certificate comes after our own Finished
                if client.sock.recv(1) == b"":
                    raise ConnectionResetError("closed")
        assert alert in str(said.value).lower().replace("_", " "), said.value


def test_wrong_anchor(inst, node):
    run(MUSTER, "cert", "ca", "stranger", cwd=inst.dir / "makers")
    refused_handshake(inst, "unknown ca", "not trusted", certificate(inst, node, ca="stranger"))


def test_a_stranger_under_the_makers_name(inst, node):
    """The issuer's name is the maker's, its key is not."""
    run(MUSTER, "cert", "ca", "faker", "--cn", "acme", cwd=inst.dir / "makers")
    refused_handshake(inst, "alert", "not trusted", certificate(inst, node, ca="faker"))


def test_expired_certificate(inst, node):
    refused_handshake(inst, "certificate expired", "expired", certificate(inst, node, "--expired"))


def test_certificate_from_the_future(inst, node):
    refused_handshake(inst, "bad certificate", "not yet valid", certificate(inst, node, "--not-before", "20900101T000000"))


def test_no_client_certificate(inst):
    refused_handshake(inst, "certificate required", "no client certificate", None)


def test_missing_sni(inst, node):
    refused_handshake(inst, "unrecognized name", "server name", node.dir / "node", sni=False)


def test_sni_of_somebody_else(inst, node):
    refused_handshake(inst, "unrecognized name", "server name", node.dir / "node", sni="mef.elsewhere.example")


def test_wrong_suite(inst, node):
    refused_handshake(inst, "handshake failure", "no common", node.dir / "node", ciphers="AES256-SHA:@SECLEVEL=0")


def test_wrong_suite_at_the_maf(inst):
    refused_handshake(inst, "handshake failure", "no common", None, role="maf", ciphers="AES256-SHA:@SECLEVEL=0")


def test_neither_key_nor_certificate_at_the_maf(inst):
    refused_handshake(inst, "certificate required", "no client certificate", None, role="maf")


def test_revoked_certificate(inst, node):
    prefix = certificate(inst, node)
    run(MUSTER, "cert", "revoke", f"{prefix}.pem", "--ca", "acme", "--out", inst.dir / "crls/acme.crl", cwd=inst.dir / "makers")
    reload(inst)
    try:
        refused_handshake(inst, "certificate revoked", "revoked", prefix)
        with Client(inst, node.dir / "node") as other:
            assert other.register(inst, node.id)[0] == 201, "the list names one certificate, not its issuer"
    finally:
        (inst.dir / "crls/acme.crl").unlink()
        reload(inst)


def test_a_reload_that_cannot_be_is_told_and_changes_nothing(inst, node):
    anchor = inst.dir / "keeper/ca.pem"
    seen, octets = inst.log.stat().st_size, anchor.read_bytes()
    anchor.write_bytes(b"not a certificate")
    try:
        inst.process.send_signal(signal.SIGHUP)
        until("refused", lambda: "not reloaded; the old configuration stays" in inst.log.read_text(errors="replace")[seen:],
              context=inst.log_text)
        assert re.search(r"ca\.pem: no certificate", inst.log.read_text(errors="replace")[seen:])
    finally:
        anchor.write_bytes(octets)
    assert node.run_once().returncode == 0


def test_slow_handshake(inst):
    with told(inst, "mef.handshake-failed", "timed out"), nothing_changes(inst):
        with socket.create_connection(("127.0.0.1", inst.mef_port), timeout=20) as s:
            s.sendall(b"\x16\x03\x01\x02")
            assert s.recv(100) in (b"", b"\x15\x03\x01\x00\x02\x02\x5a"), "closed, perhaps with an alert"


def test_garbage_instead_of_tls(inst):
    for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 500, b"\x00" * 100):
        with told(inst, "mef.handshake-failed", "protocol error"), nothing_changes(inst):
            with socket.create_connection(("127.0.0.1", inst.mef_port), timeout=20) as s:
                s.sendall(octets)
                while s.recv(4096):
                    pass


# --- the servers, as the node sees them: nothing is told to a stranger ---

@pytest.mark.parametrize("what", ["name", "expired", "anchor", "role"])
def test_the_node_refuses_an_impostor(inst, node, tmp_path, what):
    name, words = inst.mef, {"name": "names somebody else", "expired": "certificate expired", "anchor": "not trusted", "role": "names somebody else"}[what]
    with Impostor(tmp_path / "impostor", f"{name}.evil.example" if what == "name" else name, expired=what == "expired") as it:
        if what == "role":                           # the MAF's own key, of the same CA: of no use in the MEF's name
            it.context.load_cert_chain(inst.dir / "tls/maf.pem", inst.dir / "tls/maf.key")
        elif what != "anchor":
            shutil.copy(it.anchor, node.dir / "anchors.pem")
        node.instruct(inst.instruction(uri=f"https://{name}:{it.port}"))
        node.configure(ports=[it.port])
        with nothing_changes(inst):
            done = node.run_once()
        assert done.returncode == 1 and reasons(done) == ["expired" if what == "expired" else "untrusted"], done.stderr
        assert words in done.stderr and "what to do" in done.stderr, done.stderr
        assert it.calls == 1 and it.heard == b"", "called, and told nothing"


def test_the_mef_learns_that_it_is_not_trusted(inst, node):
    shutil.copy(inst.dir / "makers/owner.pem", node.dir / "anchors.pem")
    with told(inst, "mef.handshake-failed", "refused by the peer", "unknown CA"), nothing_changes(inst):
        done = node.run_once()
    assert done.returncode == 1 and reasons(done) == ["untrusted"], done.stderr
    shutil.copy(inst.dir / "keeper/ca.pem", node.dir / "anchors.pem")
    assert node.run_once().returncode == 0


# --- who it is and what it may ---

def test_wrong_name_in_the_certificate(inst, node):
    """A good certificate of a trusted maker, for a name that nobody has."""
    prefix = certificate(inst, node, name=f"{node.id}-other")
    with told(inst, "mef.refused", "register", outcome=4103, who=f"{node.id}-other"), nothing_changes(inst):
        with Client(inst, prefix) as client:
            status, headers, body = client.register(inst, node.id)
    assert (int(headers["x-m2m-rsc"]), status) == (4103, 403)
    assert b"not known here" in body


@pytest.mark.parametrize("role", ["mef", "bbn"])
def test_a_role_is_no_node(inst, node, role):
    """Who has the key of a role's listener is no node with it, nor the MAF that fetches keys."""
    name = f"{role}.{inst.sp}"
    with Client(inst, node.dir / "node") as client:
        assert client.register(inst, node.id)[0] == 201
        relative = content(client.register_key(inst, node.id))["relativeKeyID"]
    fetch = f"/fetchCredentials/{relative}%40{inst.mef}/21"
    with told(inst, "mef.refused", "no name in the certificate is known", outcome=4103, who=name), nothing_changes(inst):
        with Client(inst, inst.dir / "tls" / role) as client:
            assert client.register(inst, name)[0] == 403
    for path in (f"/MEFBase/{relative}", fetch):
        with told(inst, "mef.refused", outcome=4103, who=name), nothing_changes(inst), Client(inst, inst.dir / "tls" / role) as client:
            assert client.rsc("GET", path, name) == (4103, 403)
    with Client(inst, inst.dir / "tls/maf") as client:
        assert client.request("GET", fetch, inst.maf)[0] == 200, "the key is there, for the MAF"


def test_from_is_not_the_identity(inst, node):
    with told(inst, "mef.refused", "From", outcome=4106, who=node.cse_id), nothing_changes(inst):
        with Client(inst, node.dir / "node") as client:
            status, headers, body = client.register(inst, "urn:dev:ops:somebody-else")
    assert (int(headers["x-m2m-rsc"]), status) == (4106, 403)
    assert b"From" in body


def test_unknown_registration(inst, node):
    with told(inst, "mef.refused", outcome=4004), nothing_changes(inst), Client(inst, node.dir / "node") as client:
        assert client.rsc("GET", "/MEFBase/reg-unknown", node.id) == (4004, 404)


def test_somebody_elses_registration(inst, node):
    """It is there, but not for the asker, who cannot tell the two cases apart."""
    with Client(inst, node.dir / "node") as client:
        mine = content(client.register(inst, node.id))["ri"]
    other = inst.node(next(COUNT))
    with told(inst, "mef.refused", outcome=4004), nothing_changes(inst), Client(inst, other.dir / "node") as client:
        for method in ("GET", "DELETE"):
            assert client.rsc(method, f"/MEFBase/{mine}", other.id) == (4004, 404)


def test_unknown_node(inst):
    stranger = inst.node(next(COUNT), known=False)
    with told(inst, "mef.refused", outcome=4103, who=stranger.id), nothing_changes(inst):
        done = stranger.run_once()
    assert done.returncode == 1 and reasons(done) == ["refused"], done.stderr
    assert "not known here" in done.stderr and "what to do" in done.stderr, done.stderr


def test_suspended_subscription(inst):
    inst.subscription("sub-suspended")
    node = inst.node(next(COUNT), subscription="sub-suspended")
    inst.muster("subscription", "suspend", "sub-suspended")
    with told(inst, "mef.refused", "suspended", outcome=4128), nothing_changes(inst):
        with Client(inst, node.dir / "node") as client:
            status, headers, body = client.register(inst, node.id)
    assert (int(headers["x-m2m-rsc"]), status) == (4128, 403)
    assert b"sub-suspended" not in body, "the subscription's name never leaves"
    with nothing_changes(inst):
        done = node.run_once()
    assert done.returncode == 1 and reasons(done) == ["refused"], done.stderr
    inst.muster("subscription", "resume", "sub-suspended")
    assert node.run_once().returncode == 0


def test_target_not_listed(inst, node):
    with Client(inst, node.dir / "node") as client:
        assert client.register(inst, node.id)[0] == 201
        answer = client.register_key(inst, node.id)
    assert answer[0] == 201, answer
    relative = content(answer)["relativeKeyID"]
    other = inst.node(next(COUNT))
    with told(inst, "mef.refused", "key-retrieve", outcome=4103), nothing_changes(inst), Client(inst, other.dir / "node") as client:
        assert client.rsc("GET", f"/MEFBase/{relative}", other.id) == (4103, 403)
    with told(inst, "mef.refused", "fetch", outcome=4103), nothing_changes(inst), Client(inst, other.dir / "node") as client:
        status, headers, body = client.request("GET", f"/fetchCredentials/{relative}%40{inst.mef}/21", other.id)
    assert (int(headers["x-m2m-rsc"]), status, json.loads(body)["status"]) == (4103, 403, False), body


def test_second_exporter_registration_in_one_session(inst, node):
    with Client(inst, node.dir / "node") as client:
        assert client.register(inst, node.id)[0] == 201
        assert client.register_key(inst, node.id)[0] == 201
        with told(inst, "mef.refused", "key-register", outcome=4105), nothing_changes(inst):
            status, headers, _ = client.register_key(inst, node.id)
        assert (int(headers["x-m2m-rsc"]), status) == (4105, 409)


# --- the requests ---

MALFORMED = {
    "open": b"{", "empty": b"", "array": b"[]", "no member": b'{"sec:mefClientReg":{}}',
    "time": b'{"sec:mefClientReg":{"et":"tomorrow","adminFQDN":"sp.example.com"}}',
    "name": b'{"sec:mefClientReg":{"et":"20990101T000000","adminFQDN":"not a name"}}',
    "twice": b'{"sec:mefClientReg":{"et":"20990101T000000","et":"20990101T000000","adminFQDN":"sp.example.com"}}',
    "trailing": b'{"sec:mefClientReg":{"et":"20990101T000000","adminFQDN":"sp.example.com"}} trailing',
    "utf-8": b'{"sec:mefClientReg":{"et":"20990101T000000","adminFQDN":"\xff"}}',
    "deep": b'{"x":' * 100 + b"1" + b"}" * 100,
    "another": b'{"sec:symmKeyReg":{"et":"20990101T000000","adminFQDN":"sp.example.com","SUID":21}}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_content(inst, node, body):
    with Client(inst, node.dir / "node") as client:
        with told(inst, "mef.refused", who=node.cse_id), nothing_changes(inst):
            status, headers, said = client.request("POST", "/MEFBase", node.id, body, ty=65001)
        assert (int(headers["x-m2m-rsc"]), status) in ((4000, 400), (4102, 400)), headers
        assert len(said) > len('{"m2m:dbg":""}'), "the answer says what is wrong"
        # the session goes on
        assert client.register(inst, node.id)[0] == 201


PRIMITIVES = {
    "no RVI": ({"X-M2M-RVI": None}, 4000), "RVI of another release": ({"X-M2M-RVI": "99"}, 4001), "no RI": ({"X-M2M-RI": None}, 4000),
    "no From": ({"X-M2M-Origin": None}, 4000), "text": ({"Content-Type": "text/plain; ty=65001"}, 4015),
    "no type": ({"Content-Type": "application/json"}, 4005), "unknown type": ({"Content-Type": "application/json; ty=65999"}, 4000),
}


@pytest.mark.parametrize("change,rsc", PRIMITIVES.values(), ids=PRIMITIVES)
def test_malformed_primitive(inst, node, change, rsc):
    body = {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}
    method, path = ("POST", "/MEFBase") if "X-M2M-Origin" not in change else ("GET", "/MEFBase/reg-1")
    with told(inst, "mef.refused", outcome=rsc), nothing_changes(inst), Client(inst, node.dir / "node") as client:
        status, headers, said = client.request(method, path, node.id, body if method == "POST" else None,
                                               ty=65001 if method == "POST" else None, **change)
    assert int(headers["x-m2m-rsc"]) == rsc and status >= 400, (status, headers, said)
    if "65999" in change.get("Content-Type", ""):
        assert json.loads(said) == {"m2m:dbg": "ty: 65999 is not made here; 65001 (sec:mefClientReg) or 65003 (sec:symmKeyReg) is"}


def test_operation_not_allowed(inst, node):
    with told(inst, "mef.refused", outcome=4005), nothing_changes(inst), Client(inst, node.dir / "node") as client:
        assert client.rsc("DELETE", "/MEFBase", node.id) == (4005, 405)


# --- HTTP and the connection ---

def head_of(length, node):
    return (f"POST /MEFBase HTTP/1.1\r\nHost: mef.sp.example.com\r\nContent-Type: application/json; ty=65001\r\nX-M2M-Origin: {node.id}\r\n"
            f"X-M2M-RI: 1\r\nX-M2M-RVI: 3\r\nContent-Length: {length}\r\n\r\n").encode()


def test_oversize_body(inst, node):
    with told(inst, "mef.refused", "longer than allowed", outcome=413), nothing_changes(inst), Client(inst, node.dir / "node") as client:
        answer = client.raw(head_of(1000000, node))
    assert answer[0] == 413 and answer[1]["x-m2m-rsc"] == "4000", answer


HTTP = {
    "bare LF": (b"GET /MEFBase HTTP/1.1\nHost: mef\n\n", 400),
    "space before colon": (b"GET /MEFBase HTTP/1.1\r\nHost : mef\r\n\r\n", 400),
    "no Host": (b"GET /MEFBase HTTP/1.1\r\n\r\n", 400),
    "Host twice": (b"GET /MEFBase HTTP/1.1\r\nHost: mef.sp.example.com\r\nHost: mef.sp.example.com\r\n\r\n", 400),
    "no length": (b"POST /MEFBase HTTP/1.1\r\nHost: mef.sp.example.com\r\n\r\n", 411),
    "old version": (b"GET /MEFBase HTTP/1.0\r\nHost: mef.sp.example.com\r\n\r\n", 505),
    "folded": (b"GET /MEFBase HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    "two lengths": (b"POST /MEFBase HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "many headers": (b"GET /MEFBase HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(500)) + b"\r\n", 431),
}


@pytest.mark.parametrize("octets,status", HTTP.values(), ids=HTTP)
def test_strict_http(inst, node, octets, status):
    with told(inst, "mef.refused", outcome=status), nothing_changes(inst), Client(inst, node.dir / "node") as client:
        answer = client.raw(octets)
    assert answer[0] == status and answer[1]["x-m2m-rsc"] == "4000" and "m2m:dbg" in json.loads(answer[2]), "with the reason in words"


def test_strict_http_where_no_primitives_are_spoken(inst, node):
    """The briefing node is no oneM2M role: no RSC, and its own form of the reason."""
    with Client(inst, node.dir / "node", sni=inst.bbn, port=inst.bbn_port) as client:
        status, headers, body = client.raw(HTTP["no Host"][0])
    assert status == 400 and "x-m2m-rsc" not in headers and json.loads(body)["why"] == "malformed", (headers, body)


def test_which_content_it_is_where_no_primitives_are_spoken(inst, node):
    """A header that says it twice, in two ways, says it in none."""
    types = b"Content-Type: application/json\r\nContent-Type: application/cbor\r\n"
    with Client(inst, node.dir / "node", sni=inst.bbn, port=inst.bbn_port) as client:
        status, _, body = client.raw(b"POST /briefing HTTP/1.1\r\nHost: bbn.sp.example.com\r\n" + types + b"Content-Length: 2\r\n\r\n{}")
    answer = json.loads(body)
    assert (status, answer["why"]) == (400, "malformed") and answer["text"].startswith("Content-Type"), answer


@pytest.mark.parametrize("where", ["header", "body"])
def test_slow_client_is_cut_off(inst, node, where):
    with told(inst, "mef.refused", "not complete in time", outcome=408), nothing_changes(inst), Client(inst, node.dir / "node") as client:
        client.sock.sendall(b"GET /MEFBase HTTP/1.1\r\nHost: " if where == "header" else head_of(100, node) + b"{")
        answer = client.answer()
    assert answer[0] == 408 and answer[1]["x-m2m-rsc"] == "4008", answer


def test_half_closed_connection_still_gets_its_answer(inst, node):
    with nothing_changes(inst), Client(inst, node.dir / "node", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256") as client:
        client.sock.sendall(f"GET /MEFBase/none HTTP/1.1\r\nHost: mef.sp.example.com\r\nX-M2M-Origin: {node.id}\r\nX-M2M-RI: 1\r\n"
                            "X-M2M-RVI: 3\r\n\r\n".encode())
        socket.socket.shutdown(client.sock, socket.SHUT_WR)
        assert client.answer()[0] == 404


def test_half_a_request_and_no_more(inst, node):
    with told(inst, "mef.refused", "broke off"), nothing_changes(inst), Client(inst, node.dir / "node") as client:
        client.sock.sendall(head_of(100, node) + b'{"sec:mefClientReg"')
        socket.socket.shutdown(client.sock, socket.SHUT_WR)
        try:
            assert client.answer() is None
        except ssl.SSLError as error:
            assert "ALERT" in str(error), "or an alert, for the session had no proper end"
    with Client(inst, node.dir / "node") as client:
        assert client.register(inst, node.id)[0] == 201


# --- the disk is full ---

class Cramped:
    """A directory as a file system of its own, far too small, for one program (root or an unprivileged user
    namespace: `unshare -rm`). The program is started by self.wrap; a line in the FIFO is done inside."""

    def __init__(self, directory, size, prepare=""):
        self.fifo = directory.parent / f"{directory.name}.orders"
        self.done = directory.parent / f"{directory.name}.done"
        os.mkfifo(self.fifo)
        self.orders = os.open(self.fifo, os.O_RDWR | os.O_CLOEXEC)      # where there are no namespaces nobody reads: it must not wait
        script = (f'set -e; keep=$(mktemp -d); cp -a "{directory}/." $keep; mount -t tmpfs -o size={size},mode=0700 none "{directory}"; '
                  f'cp -a $keep/. "{directory}"; rm -r $keep; {prepare} '
                  f'(set +e; exec >/dev/null 2>&1 <>"{self.fifo}"; while read -r order; do [ "$order" = end ] && break; '
                  f'eval "$order"; echo x >>"{self.done}"; done) & exec "$@"')
        self.dir, self.count = directory, 0
        self.wrap = ["unshare", "-rm", "sh", "-c", script, "sh"]

    def order(self, text):
        self.count += 1
        os.write(self.orders, text.encode() + b"\n")
        if text != "end":
            until(text, lambda: self.done.exists() and self.done.stat().st_size >= 2 * self.count)

    def fill(self):
        self.order(f'cat /dev/zero >"{self.dir}/filler"')

    def room(self):
        self.order(f'rm -f "{self.dir}/filler"')


def readiness(inst):
    line = http.client.HTTPConnection("127.0.0.1", inst.metrics_port, timeout=20)
    try:
        line.request("GET", "/readyz")
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


def test_the_servers_disk_is_full(tmp_path):
    """5000 with Retry-After, nothing half done, everything as before when there is room again, and then the
    operator can be told, which a full disk did not allow."""
    inst = Installation(tmp_path / "inst")
    cramped = Cramped(inst.dir / "store", "3m")
    inst.wrap = cramped.wrap
    inst.start()
    try:
        inst.subscription()
        first, second = inst.node(1), inst.node(2)
        assert first.run_once().returncode == 0
        cramped.fill()
        shown = inst.ask("node", "show", second.id)
        with Client(inst, second.dir / "node") as client:
            for _ in range(3):
                status, headers, _ = client.register(inst, second.id)
                assert (headers["x-m2m-rsc"], status) == ("5000", 500) and int(headers["retry-after"]) > 0, headers
        done = second.run_once()
        assert done.returncode == 1 and set(reasons(done)) <= {"busy", "internal"}, done.stderr
        refused = inst.muster("node", "add", "urn:dev:ops:later", "--anchor", "any", check=False)
        assert refused.returncode != 0, refused
        for words in ("not carried out, nothing was changed", "no space left", "make room on the disk of the store"):
            assert words in refused.stderr, "the operator's own command says what happened, and what to do"
        status, body = until("not ready", lambda: (lambda s, b: (s, b) if s == 503 else None)(*readiness(inst)))
        assert "not ready" in body and "full" in body, body
        assert inst.ask("node", "show", second.id) == shown, "reading goes on; nothing half done"
        many = tmp_path / "many.csv"
        many.write_text("nodeID\n" + "".join(f"urn:dev:many:{i}\n" for i in range(1200)))
        stopped = inst.muster("node", "import", many, "--anchor", "any", "--answers", tmp_path / "answers.csv", check=False)
        assert stopped.returncode == 3 and "stopped before row" in stopped.stderr, stopped.stderr
        assert "1200 rows" in stopped.stdout and "not carried out" in stopped.stdout, stopped.stdout
        answers = [line.split(",")[:2] for line in (tmp_path / "answers.csv").read_text().splitlines()[1:]]
        added = [word for _, word in answers].count("yes")
        assert [int(row) for row, _ in answers] == list(range(1, 1201)) and added < 1200, "an answer for each row"
        assert f"{added} added" in stopped.stdout
        cramped.room()
        # by itself: whoever spreads the load sends nobody until then
        until("ready again", lambda: readiness(inst)[0] == 200, context=lambda: str(readiness(inst)))
        assert second.run_once().returncode == 0
        lost = inst.wait_event("server.decisions-lost", TELL_SECONDS)
        assert lost["outcome"] == 5000 and "full" in lost["why"] and "nothing of them remains" in lost["why"], lost
        assert "whole" in inst.muster("events", "verify").stdout
        assert inst.ask("node", "show", second.id)["state"] == "enrolled"
        assert "full" in inst.log_text(), "and the log had it at once"
    finally:
        cramped.order("end")
        inst.stop()


def test_the_nodes_disk_is_full(inst, node):
    """The reason is "storage"; the old credential stays and is the one in use; with room the renewal goes on."""
    assert node.run_once().returncode == 0
    old = status(node)["credential"]["keyID"]
    cramped = Cramped(node.dir / "state", "200k")
    with open(node.dir / "agent.log", "w") as log:
        agent = subprocess.Popen([*cramped.wrap, AGENT, "-c", str(node.dir / "muster-agent.conf"), "run"], stderr=log, stdout=log)
    try:
        wait_log(node, "enrolled-already")
        cramped.fill()
        with nothing_changes(inst):
            node.agent("trigger")
            wait_log(node, "No space left")
            wait_log(node, "reason=storage")
            # between two tries: each begins without reports
            now = until("the reason", lambda: (lambda s: s if [r["reason"] for r in s["reports"]] == ["storage"] else None)(status(node)),
                        context=lambda: str(status(node)))
        assert now["credential"]["keyID"] == old
        assert "space" in now["reports"][0]["remedy"]
        cramped.room()
        wait_log(node, " enrolled ")
        assert status(node)["credential"]["keyID"] != old
    finally:
        cramped.order("end")
        agent.terminate()
        agent.wait(RUN_SECONDS)


def wait_log(node, pattern):
    def log():
        return (node.dir / "agent.log").read_text(errors="replace")
    until(pattern, lambda: re.search(pattern, log()), context=lambda: log()[-3000:])


def test_no_room_for_a_first_enrolment(inst, node):
    (node.dir / "state").mkdir(mode=0o700)
    cramped = Cramped(node.dir / "state", "16k", prepare=f'cat /dev/zero >"{node.dir}/state/filler" 2>/dev/null || true;')
    with nothing_changes(inst):
        done = run(*cramped.wrap, AGENT, "-c", node.dir / "muster-agent.conf", "run", "--once", check=False)
    cramped.order("end")
    assert done.returncode != 0 and "No space left" in done.stderr, done.stderr
    assert node.run_once().returncode == 0


# --- files on the node ---

def damage(paths):
    for path in paths:
        octets = bytearray(path.read_bytes())
        octets[len(octets) // 2] ^= 0xff
        path.write_bytes(octets)


@pytest.mark.parametrize("suffix", ["a", "b"])
def test_one_damaged_copy_of_the_slots_is_survived(inst, node, suffix):
    assert node.run_once().returncode == 0
    old = status(node)["credential"]["keyID"]
    damage((node.dir / "state").glob(f"*.{suffix}"))
    with nothing_changes(inst):
        done = node.run_once()
    assert done.returncode == 0, done.stderr
    assert status(node)["credential"]["keyID"] == old


def test_corrupt_slot_files_are_told_and_never_taken_for_fresh(inst, node):
    """Lesson 16: both copies broken is "damaged", with a remedy; not a silent new enrolment."""
    assert node.run_once().returncode == 0
    damage(p for p in (node.dir / "state").glob("*.[ab]"))
    with nothing_changes(inst):
        done = node.run_once()
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "damaged" in done.stderr and "remedy" in done.stderr, done.stderr
    assert status(node)["state"] == "damaged"


INSTRUCTIONS = {
    "none": ('{"version":1,"instructions":[]}', "instructions"), "open": ("{", ""), "missing": ('{"version":1}', "instructions"),
    "method": ('{"version":1,"instructions":[{"kind":"bootstrap","method":"pks","uri":"https://a","target":"b.c","adminFQDN":"c.d"}]}',
               "method"),
    "trailing": ('{"version":1,"instructions":[{"kind":"bootstrap","method":"cert","uri":"https://a.b"}]} x', ""),
    "twice": ('{"version":1,"version":1,"instructions":[]}', "version"),
}


@pytest.mark.parametrize("text,field", INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_bad_instructions_name_file_and_field(inst, node, text, field):
    (node.dir / "instructions.json").write_text(text)
    with nothing_changes(inst):
        done = node.run_once()
    assert done.returncode == 1
    assert "instructions.json" in done.stderr and field in done.stderr, done.stderr


def test_bad_agent_configuration_names_file_line_and_field(node):
    path = node.dir / "muster-agent.conf"
    path.write_text(path.read_text() + 'backoff_firts = "1s";\n')
    done = node.agent("--check")
    assert done.returncode != 0
    assert re.search(r"muster-agent\.conf:\d+: backoff_firts", done.stderr), done.stderr


@pytest.mark.parametrize("what,why", [("nowhere.conf", "No such file"), ("", "no regular file"), ("pipe", "no regular file")])
def test_an_agent_configuration_that_is_no_file(node, what, why):
    if what == "pipe":
        os.mkfifo(node.dir / "pipe")
    done = run(AGENT, "-c", node.dir / what, "--check", check=False, timeout=20)
    assert done.returncode == 1 and why in done.stderr and "-c" in done.stderr, done.stderr


def test_the_log_of_all_this_is_whole(inst):
    assert "whole" in inst.muster("events", "verify").stdout
    assert rows(inst)["node"], "the rows that were compared are there"
