"""Strangers: a client and a server that share no code with ours (Python's ssl), and files that others made."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading

from support import RUN_SECONDS, run, until

FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
TELL_SECONDS = 60


def gnutls(text, *words):
    """gnutls-cli: its exit status and all that it said. Its input stays open until it ends, for it ends with that, answer or
    no answer; so `text` asks the server to close."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        with subprocess.Popen(["gnutls-cli", *[str(w) for w in words], "127.0.0.1"], stdin=subprocess.PIPE, stdout=said, stderr=said,
                              text=True) as p:
            try:
                with contextlib.suppress(BrokenPipeError):         # a refused handshake waits for nobody
                    p.stdin.write(text)
                    p.stdin.flush()
                p.wait(RUN_SECONDS)
            finally:
                p.kill()
                with contextlib.suppress(BrokenPipeError):
                    p.stdin.close()
        said.seek(0)
        return p.returncode, said.read()


class Client:
    """A node's own TLS session and HTTP."""

    def __init__(self, inst, prefix, sni=True, role="mef", ciphers=None, port=None):
        context = ssl.create_default_context(cafile=str(inst.dir / "keeper/ca.pem"))
        context.check_hostname = sni is True
        if prefix:
            context.load_cert_chain(f"{prefix}.pem", f"{prefix}.key")
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
        name = self.name = inst.mef if role == "mef" else inst.maf
        raw = socket.create_connection(("127.0.0.1", port or (inst.mef_port if role == "mef" else inst.maf_port)), timeout=20)
        try:
            self.sock = context.wrap_socket(raw, server_hostname=name if sni is True else (sni or None))
        except BaseException:
            raw.close()
            raise

    def raw(self, octets):
        self.sock.sendall(octets)
        return self.answer()

    def answer(self):
        """(status, headers, content), or None when the server closes without a word."""
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

    def request(self, method, path, origin, body=None, ty=None, **change):
        headers = {"Host": self.name, "X-M2M-Origin": origin, "X-M2M-RI": "r1", "X-M2M-RVI": "3", "Accept": "application/json"}
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = "application/json" + (f"; ty={ty}" if ty else "")
        headers["Content-Length"] = str(len(data))
        headers.update(change)
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if v is not None)
        return self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)

    def rsc(self, *args, **more):
        status, headers, _ = self.request(*args, **more)
        return int(headers["x-m2m-rsc"]), status

    def register(self, inst, origin):
        body = {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}
        return self.request("POST", "/MEFBase", origin, body, ty=65001)

    def register_key(self, inst, origin):
        body = {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": inst.sp, "SUID": 21, "targetIDs": [inst.maf]}}
        return self.request("POST", "/MEFBase", origin, body, ty=65003)

    def close(self):
        self.sock.close()

    __enter__ = lambda self: self

    def __exit__(self, *_):
        self.close()


def content(answer):
    return next(iter(json.loads(answer[2]).values()))


def rows(inst):
    """Every row of the store but the audit log and its seals, which are put by the clock: what a refusal must leave alone."""
    with contextlib.closing(sqlite3.connect(inst.dir / "store/muster.db", timeout=20)) as db:
        db.execute("PRAGMA query_only = 1")
        names = [n for (n,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('event', 'event_seal')")]
        return {n: sorted(db.execute(f"SELECT * FROM {n}").fetchall(), key=repr) for n in names}


@contextlib.contextmanager
def nothing_changes(inst):
    before = rows(inst)
    yield
    after = rows(inst)
    assert after == before, {t: (before[t], after[t]) for t in before if before[t] != after[t]}


@contextlib.contextmanager
def told(inst, what, *words, **match):
    """The operator gets an event of that kind whose text has the words."""
    last = max((e["seq"] for e in inst.events()), default=0)
    yield

    def new():
        return [e for e in inst.events() if e["seq"] > last]
    until(f"{what} {words} {match}", lambda: any(e["what"] == what and all(w in e["why"] for w in words) and
                                                 all(e.get(k) == v for k, v in match.items()) for e in new()),
          TELL_SECONDS, lambda: f"{new()} {inst.log_text()[-1500:]}")


def reload(inst):
    """SIGHUP, and wait until every listener and the engine have said, in a log with level "debug", that they go on with what is new."""
    seen = inst.log.stat().st_size
    inst.process.send_signal(signal.SIGHUP)
    listeners = int(re.search(r"listeners = (\d+)", inst.config.read_text())[1])
    wanted = {"engine", *(f"listener-{role}-{i}" for role in ("mef", "maf") for i in range(listeners))}
    until("all have reloaded", lambda: wanted <= set(re.findall(r"debug (\S+): reloaded", inst.log.read_text(errors="replace")[seen:])),
          context=inst.log_text)


class Impostor:
    """A TLS server that says it is the MEF. `heard` is what its callers sent inside the session."""

    def __init__(self, directory, name, expired=False):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir()
        openssl = ("openssl",)
        at = {**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME": "@2020-01-01 00:00:00"}
        run(*openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "ca.key", "-out",
            "ca.pem", "-days", "36500", "-subj", "/CN=impostor", "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=self.dir, env=at)
        run(*openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "mef.key", "-out", "mef.csr",
            "-subj", f"/CN={name}", cwd=self.dir)
        (self.dir / "ext").write_text(f"subjectAltName=DNS:{name}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n")
        run(*openssl, "x509", "-req", "-in", "mef.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "ext", "-days", "30", "-out",
            "mef.pem", cwd=self.dir, env=at if expired else None)
        self.anchor = self.dir / "ca.pem"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.dir / "mef.pem", self.dir / "mef.key")
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.calls, self.heard = 0, b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                raw, _ = self.listening.accept()
            except OSError:
                return
            self.calls += 1
            raw.settimeout(RUN_SECONDS)
            try:
                with self.context.wrap_socket(raw, server_side=True) as s:
                    self.heard += s.recv(4096)
            except OSError:
                raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(RUN_SECONDS)
