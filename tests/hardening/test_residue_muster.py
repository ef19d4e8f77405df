"""The memory proof for `muster`, at the moments when it has nothing more to do with a key: it has made CAs and certificates and is about to say so, or it
imports and waits for an answer. Nobody has any of it then, neither its memory nor a file that the key does not belong to; of an import what was said
is gone, and what was not said yet is there, which shows that it would be found.
"""
import contextlib
import fcntl
import http.server
import json
import os
import pathlib
import secrets
import socketserver
import subprocess
import threading

import pytest

import softhsm
from fig1 import PLMN
from residue import Keys, files, scan
from residue_world import dig, point_of, scalar, scalar_of
from residue_ca import public_point
from support import MUSTER, RUN_SECONDS, run, secret_text, until
from taken import Taken
from test_residue_devices import LockedTpm
from test_secenv import MODULE, Token

WRITE, POLL = ["1", "0x1"], ["7"]           # their numbers among the calls of x86-64; to its standard output


@contextlib.contextmanager
def told_to_nobody(*words, cwd):
    """`muster`, of which nobody hears what it says in the end."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(into, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(into, b"x"):
            pass
    os.set_blocking(into, True)
    with subprocess.Popen([MUSTER, *map(str, words)], cwd=cwd, stdout=into, stderr=subprocess.PIPE, text=True) as muster:
        os.close(into)
        with open(out, "rb") as rest:
            try:
                yield muster
                said = rest.read()
            except BaseException:
                muster.kill()
                raise
        assert muster.wait(RUN_SECONDS) == 0, muster.stderr.read()
        assert said.strip(b"x"), said


@contextlib.contextmanager
def about_to_say(*words, cwd):
    """… and which has done all but to say so."""
    with told_to_nobody(*words, cwd=cwd) as muster:
        waits_in(muster, WRITE)
        yield muster


def waits_in(muster, call):
    def look():
        assert muster.poll() is None, muster.stderr.read()
        return pathlib.Path(f"/proc/{muster.pid}/syscall").read_text().split()[:len(call)] == call
    until("it waits", look)


def found_in(muster, needles):
    target = f"pid:{muster.pid}"
    hits, searched = scan(needles, [target])
    assert searched[target] > 100_000
    return {h.name for h in hits}


def is_found_when_planted(muster, needles, name, key):
    with Taken(muster.pid) as t:
        assert t.call("write", -1, key[:16], 16) < 0
        assert name in found_in(muster, needles)


def in_files(needles, *places):
    """Names of files, and what is in each."""
    hits, _ = scan(needles, files(*places))
    return {(pathlib.Path(h.target).name, h.name) for h in hits}


@pytest.fixture(name="needles")
def apart(tmp_path_factory):
    """A file beside what is looked at."""
    return tmp_path_factory.mktemp("apart") / "needles"


@pytest.fixture(name="ca", params=["file", "token", "tpm"])
def where_its_key_is(request, tmp_path, monkeypatch):
    """How init is told so, the PIN, the file with it, and what gives the key where that is not in the device for good."""
    if request.param == "file":
        yield (), None, None, lambda kept: scalar(kept["ca"])
    elif request.param == "token":
        token = Token(tmp_path, secrets.token_hex(12))
        monkeypatch.setenv("SOFTHSM2_CONF", token.env["SOFTHSM2_CONF"])
        yield (("--ca-key", f"pkcs11:token=node?module-path={MODULE}&pin-source={token.dir}/pin"), token.pin, "pin",
               lambda _: next(iter(softhsm.keys_of(token.dir, token.pin).values())))
    else:
        tpm = LockedTpm(tmp_path)
        yield ("--ca-key", f"tpm:{tpm.tcti}", "--ca-pin-file", tmp_path / "tpm-pin"), tpm.pin, "tpm-pin", None
        tpm.stop()


def test_init(tmp_path, needles, ca):
    """The keys of a new installation: of its CA, of each server, and what the keeper wraps with; the PIN of the device that has the CA's, too."""
    inst, keys, (how, pin, pin_file, ca_key) = tmp_path / "inst", Keys(), ca
    if pin:
        keys.add("pin", pin.encode())
    with about_to_say("init", inst, "--gba", PLMN, *how, cwd=tmp_path) as muster:
        kept = dig(inst / "keeper")
        if ca_key:
            keys.add("ca", ca_key(kept))
            assert public_point(keys.keys["ca"]) == point_of((inst / "keeper/ca.pem").read_text())
        for name, octets in (("kek", kept["kek"]), ("wrap", kept["wrap"]), *((f"tls-{p.stem}", scalar_of(p)) for p in (inst / "tls").glob("*.key"))):
            keys.add(name, octets)
        keys.write(needles)
        assert not found_in(muster, needles)
        for name in {"ca", "kek", "pin"} & set(keys.keys):
            is_found_when_planted(muster, needles, name, keys.keys[name])
    assert in_files(needles, tmp_path) == {(f"{role}.key", f"tls-{role}") for role in ("mef", "maf", "bbn", "hss", "zn", "bsf")} | {("kek.key", "kek")} | (
        {(pin_file, "pin")} if pin else set())


def test_cert(tmp_path, needles):
    """Of a CA and of a node, each time that one is made or used."""
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "made-by-them.pem", "-out", tmp_path / "theirs.csr",
        "-subj", "/CN=node", "-addext", "subjectAltName=URI:urn:dev:ops:00004C-acme-2")
    keys = Keys()
    for made, words in (("acme", ("ca", "acme")), ("node", ("issue", "--ca", "acme", "--out", "node", "--node-id", "urn:dev:ops:00004C-acme-1")),
                        (None, ("sign", "theirs.csr", "--ca", "acme", "--out", "theirs")), (None, ("crl", "--ca", "acme", "--out", "acme.crl"))):
        with about_to_say("cert", *words, cwd=tmp_path) as muster:
            if made:
                keys.add(made, scalar_of(tmp_path / f"{made}.key"))
            keys.write(needles)
            assert not found_in(muster, needles), words
            is_found_when_planted(muster, needles, "acme", keys.keys["acme"])
    assert {p.name for p in tmp_path.iterdir()} > {"theirs.pem", "made-by-them.pem", "acme.crl"}
    assert in_files(needles, tmp_path) == {("acme.key", "acme"), ("node.key", "node")}


# --- imports ---

class Daemon(socketserver.ThreadingUnixStreamServer):
    """Says yes to everything, one request after the other, and to the one of number `hold` when it is let."""
    daemon_threads = True

    def __init__(self, path, hold):
        super().__init__(str(path), Answers)
        self.hold, self.asked, self.held, self.go = hold, [], threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.go.set()
        self.shutdown()
        self.server_close()


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, body))
        if len(self.server.asked) == self.server.hold:
            self.server.held.set()
            self.server.go.wait(RUN_SECONDS)
        answer = json.dumps({"rows": [{"ok": True}] * len(json.loads(body)["rows"])} if self.path.endswith("/import") else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def address_string(self):
        return "local"

    def log_message(self, *what):
        pass


@contextlib.contextmanager
def importing(path, hold, *words):
    """`muster`, which waits for the answer to its request of number `hold`, and who is to answer it."""
    with Daemon(path / "socket", hold) as daemon, told_to_nobody("--socket", path / "socket", *words, cwd=path) as muster:
        assert daemon.held.wait(RUN_SECONDS)
        waits_in(muster, POLL)
        yield muster, daemon


PAGE, ROWS = 500, 510


def encrypted(path, text, how):
    """The file that a maker sends, and how it is opened: with a password, or with the key of a certificate."""
    (path / "plain").write_text(text)
    words, secret = ["openssl", "cms", "-encrypt", "-aes-256-cbc", "-binary", "-outform", "DER", "-in", path / "plain", "-out", path / "sealed"], None
    if how == "password":
        secret = secrets.token_hex(16)
        (path / "password").write_text(secret + "\n")
        (path / "password").chmod(0o600)
        run(*words, "-pwri_password", secret)
        secret, opened = secret.encode(), ("--password-file", path / "password")
    else:
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path / "own.key", "-out", path / "own.pem",
            "-subj", "/CN=own", "-days", "30")
        (path / "own.key").chmod(0o600)
        run(*words, path / "own.pem")
        secret, opened = scalar_of(path / "own.key"), ("--certificate", path / "own.pem", "--key", path / "own.key")
    (path / "plain").unlink()
    return secret, ("sealed", *opened)


def sims(keys, form):
    """K and OPc of each."""
    rows = [(f"{PLMN}{i:010d}", *(keys(f"{i}-{what}", 16).hex() for what in ("k", "opc"))) for i in range(ROWS)]
    return "imsi,k,opc\n" + "".join(",".join(row) + "\n" for row in rows)


def nodes(keys, form):
    """The makers' secrets."""
    rows = [{"nodeID": f"urn:dev:ops:00004C-acme-{i:06d}", "cseID": f"//sp.example.com/C{i}", "subscription": "sub-1", "secret": secret_text(keys(f"{i}-kpm", 32).hex())}
            for i in range(ROWS)]
    return json.dumps(rows) if form == "json" else ",".join(rows[0]) + "\n" + "".join(",".join(row.values()) + "\n" for row in rows)


@pytest.mark.parametrize("what, form, how, hold, said", [
    (sims, "csv", None, 1, PAGE), (sims, "csv", "password", 1, PAGE), (nodes, "csv", "certificate", 5, 4), (nodes, "json", "password", 5, 4)])
def test_import(tmp_path, needles, what, form, how, hold, said):
    """Rows that were said are gone, those that are left are there; and all are gone once it has the last answer, as is what opened the file."""
    keys = Keys()
    shown = {*range(3), said - 1, said, PAGE - 1, PAGE, ROWS - 1}

    def made(name, n):
        key = secrets.token_bytes(n)
        if int(name.split("-")[0]) in shown:
            keys.add(name, key)
        return key
    text = what(made, form)
    rows, opener, words = set(keys.keys), None, ("-",)
    if how:
        opener, words = encrypted(tmp_path, text, how)
        keys.add("opener", opener)
    else:
        (tmp_path / "plain").write_text(text)
        (tmp_path / "plain").chmod(0o600)
        words = ("plain",)
    keys.write(needles)
    gone = {name for name in rows if int(name.split("-")[0]) < said}
    with importing(tmp_path, hold, "sim" if what is sims else "node", "import", "--answers", "answers", *words) as (muster, daemon):
        assert found_in(muster, needles) == rows - gone and rows - gone
        daemon.go.set()
        waits_in(muster, WRITE)
        assert not found_in(muster, needles)
        is_found_when_planted(muster, needles, "0-k" if what is sims else "0-kpm", keys.keys["0-k" if what is sims else "0-kpm"])
    (tmp_path / "plain").unlink(missing_ok=True)
    assert len(daemon.asked) == (2 if what is sims else 2 + ROWS), len(daemon.asked)
    kept = {(name, "opener") for name in ("password", "own.key") if how} & in_files(needles, tmp_path)
    assert in_files(needles, tmp_path) == kept and len(kept) == bool(how)
