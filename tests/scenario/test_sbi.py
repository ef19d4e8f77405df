"""HTTP/2 at a real HSS: curl, nghttp, h2load and python3-h2 ask it, tshark looks at the octets; what no good peer does ends with
that peer's connection, and the next one is served.
"""
import json
import re
import shutil
import socket
import ssl

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from support import MUSTER, Installation, free_port, run, until
from tap import Tap

PATH = "/nhss-gba-sdm/v1/impi-nobody%40ims.example.com/subscriber-data"
ASK = "/nhss-gba-ueau/v1/impi-nobody%40ims.example.com/security-information/generate-auth-data"


class Hss(Installation):
    def __init__(self, path):
        super().__init__(path)
        self.hss, self.port = f"hss.{self.sp}", free_port()
        self.certs = self.dir / "makers"
        for name, ca, fqdn in (("hss", "operator", self.hss), ("bsf", "operator", f"bsf.{self.sp}"), ("other", "operator", f"naf.{self.sp}"),
                               ("stranger", "globex", f"bsf.{self.sp}")):
            if not (self.certs / f"{ca}.pem").exists():
                run(MUSTER, "cert", "ca", ca, cwd=self.certs)
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{fqdn}", "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "keyUsage=critical,digitalSignature", "-addext", f"extendedKeyUsage={'server' if name == 'hss' else 'client'}Auth",
                "-days", "10", "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=self.certs)
        self.ca = self.certs / "operator.pem"
        tls = self.dir / "tls"
        for kind in ("pem", "key"):
            shutil.copy(self.certs / f"hss.{kind}", tls / f"hss-sbi.{kind}")
        self.configure(add=f'\nhss = {{\n  fqdn = "{self.hss}";\n  listen = ["127.0.0.1:{self.port}"];\n  certificate = "tls/hss-sbi.pem";\n'
                           f'  key = "tls/hss-sbi.key";\n  client_anchors = ["{self.ca}"];\n  bsfs = ["bsf.{self.sp}"];\n}};\n')

    def curl(self, *args, path=PATH, who="bsf", check=True, port=None, **more):
        return run("curl", "-sS", "--cacert", self.ca, "--cert", self.certs / f"{who}.pem", "--key", self.certs / f"{who}.key", "--resolve",
                   f"{self.hss}:{self.port}:127.0.0.1", "--connect-to", f"{self.hss}:{self.port}:127.0.0.1:{port or self.port}", "-w",
                   "\n%{http_version} %{http_code} %{content_type}", *args, f"https://{self.hss}:{self.port}{path}", check=check, **more)

    def tls(self, who="bsf"):
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certs / f"{who}.pem", self.certs / f"{who}.key")
        context.set_alpn_protocols(["h2"])
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 30), server_hostname=self.hss)


@pytest.fixture(name="inst", scope="module")
def installation(tmp_path_factory):
    inst = Hss(tmp_path_factory.mktemp("sbi") / "inst")
    inst.start()
    yield inst
    assert inst.stop() == 0, inst.log_text()


def said(done):
    body, version, status, media = re.fullmatch(r"(.*)\n(\S+) (\d+) (.*)", done.stdout, re.S).groups()
    return json.loads(body), version, int(status), media


def test_curl_gets_the_same_by_either_version(inst):
    answers = []
    for how, version in (("--http2", "2"), ("--http1.1", "1.1")):
        body, spoken, status, media = said(inst.curl(how))
        assert (spoken, status, media) == (version, 404, "application/problem+json"), (body, spoken, status, media)
        answers.append(body)
        assert body["status"] == 404 and body["title"], body
        body, spoken, status, media = said(inst.curl(how, "--json", '{"authenticationScheme":"DIGEST_AKAV1_MD5"}', path=ASK))
        assert (spoken, status) == (version, 404), body
    assert answers[0] == answers[1]


def test_what_is_not_taken_is_told_as_a_problem(inst):
    for args, path, status, word in (
            (["-X", "PUT", "--json", "{}"], PATH, None, ""), (["-X", "PATCH", "--json", "{}"], PATH, 405, "method"),
            (["--json", "x" * 5000], ASK, 413, "content"), (["-H", "Host: other.example.com"], PATH, 400, "Host"),
            (["-H", "X-Long: " + "x" * 20000], PATH, 431, "header"), (["--json", "{"], ASK, 400, "")):
        body, version, code, media = said(inst.curl("--http2", *args, path=path))
        assert version == "2" and media == "application/problem+json" and body["title"], (body, code, media)
        assert code == (status or code) and 400 <= code < 500 and word in json.dumps(body), (args[0], code, body)


def test_only_a_bsf_gets_in(inst):
    body, version, status, media = said(inst.curl("--http2", who="other"))
    assert (version, status, media) == ("2", 403, "application/problem+json"), body
    assert inst.curl("--http2", who="stranger", check=False).returncode in (35, 56)
    inst.wait_event("hss.handshake-failed", seconds=30)


def test_nghttp_asks_many_times_on_one_connection(inst):
    out = run("nghttp", "-v", "-m", "8", f"--cert={inst.certs / 'bsf.pem'}", f"--key={inst.certs / 'bsf.key'}",
              "-H", f":authority: {inst.hss}:{inst.port}", f"https://127.0.0.1:{inst.port}{PATH}")
    assert out.stdout.count(":status: 404") == 8 and "application/problem+json" in out.stdout, out.stdout[-3000:]
    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):64" in out.stdout, out.stdout[:3000]


class Peer:
    """python3-h2 on a TLS session of Python's own."""

    def __init__(self, inst):
        self.sock = inst.tls()
        assert self.sock.selected_alpn_protocol() == "h2"
        self.conn = h2.connection.H2Connection(config=h2.config.H2Configuration(validate_outbound_headers=False))
        self.conn.initiate_connection()
        self.head = [(":method", "GET"), (":scheme", "https"), (":authority", f"{inst.hss}:{inst.port}"), (":path", PATH)]
        self.status, self.done, self.goaway = {}, set(), None
        self.flush()

    def flush(self):
        try:
            self.sock.sendall(self.conn.data_to_send())
            return True
        except OSError:
            return False

    def ask(self, head=None, ends=True):
        stream = self.conn.get_next_available_stream_id()
        self.conn.send_headers(stream, head or self.head, end_stream=ends)
        return stream

    def hear(self):
        """What comes next; False at the end."""
        try:
            octets = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return False
        for event in self.conn.receive_data(octets) if octets else ():
            if isinstance(event, h2.events.ResponseReceived):
                self.status[event.stream_id] = int(dict(event.headers)[b":status"])
            elif isinstance(event, h2.events.StreamEnded):
                self.done.add(event.stream_id)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = event.error_code
        return bool(octets)

    def close(self):
        self.sock.close()


def test_many_streams_on_one_connection_in_any_order(inst):
    peer = Peer(inst)
    streams = [peer.ask() for _ in range(50)]
    half = peer.ask([(":method", "POST"), *peer.head[1:3], (":path", ASK), ("content-type", "application/json")], ends=False)
    peer.flush()
    while not set(streams) <= peer.done:
        assert peer.hear()
    assert {peer.status[s] for s in streams} == {404} and half not in peer.status
    peer.conn.send_data(half, b'{"authenticationScheme":"DIGEST_AKAV1_MD5"}', end_stream=True)
    peer.flush()
    while half not in peer.done:
        assert peer.hear()
    assert peer.status[half] == 404
    peer.close()


def test_rapid_reset_and_floods_end_the_connection_of_who_does_it(inst):
    other = Peer(inst)
    peer = Peer(inst)
    for _ in range(400):
        if peer.conn.state_machine.state == h2.connection.ConnectionState.CLOSED:
            break
        stream = peer.ask()
        peer.conn.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        if not peer.flush():
            break
    while peer.hear():
        pass
    assert peer.goaway in (h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, None), peer.goaway
    flood = Peer(inst)
    for _ in range(3000):
        flood.conn.ping(b"01234567")
        if not flood.flush():
            break
    while flood.hear():
        pass
    assert flood.goaway in (h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, None), flood.goaway
    for word in ("before their time", "bring no message forward"):
        until(word, lambda w=word: any(w in e["why"] for e in inst.events("--what", "hss.refused")))
    # somebody else's connection has felt nothing
    stream = other.ask()
    other.flush()
    while stream not in other.done:
        assert other.hear()
    assert other.status[stream] == 404
    for one in (peer, flood, other):
        one.close()


def test_tshark_reads_what_was_said(inst, tmp_path):
    tap = Tap(inst.port, tmp_path)
    done = inst.curl("--http2", "--json", '{"authenticationScheme":"DIGEST_AKAV1_MD5"}', path=ASK, port=tap.port, env=tap.env)
    assert said(done)[1:3] == ("2", 404)
    rows, words = tap.read()
    assert ["POST", ASK] == rows[0][:2] and rows[-1][2] == "404" and "application/problem+json" in rows[-1][3], rows
    assert {"authenticationScheme", "title", "USER_NOT_FOUND"} <= words, words
