"""Story: two nodes of one provider share nothing but their MAF, and secure a connection between themselves through it
(TS-0003 8.2.2.3; conformance list 5 and 8). One of them may be a foreign TLS stack. Whatever is wrong with a key, the
operator of the node that was called reads a word for it, and the caller learns nothing.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import threading

import pytest

from fig1 import Gate
from support import AGENT, RUN_SECONDS, Installation, free_port, run, until

COUNT = iter(range(1, 100000))
SUITE = "PSK-AES128-CBC-SHA256"


class Process:
    """A program whose streams are read in the background, with deadlines."""

    def __init__(self, *args, stdin=subprocess.PIPE, **more):
        self.args = [str(a) for a in args]
        self.process = subprocess.Popen(self.args, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        self.out, self.err = bytearray(), bytearray()
        self.threads = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _read(stream, into):
        while chunk := os.read(stream.fileno(), 65536):
            into += chunk

    def what_was(self):
        return f"{self.args}: {self.process.poll()}\nstdout: {bytes(self.out[-2000:])!r}\nstderr: {self.err.decode(errors='replace')[-4000:]}"

    def write(self, octets, close=False):
        self.process.stdin.write(octets)
        self.process.stdin.flush()
        if close:
            self.process.stdin.close()
        return self

    def wait_out(self, octets):
        until(f"{octets!r} on standard output", lambda: octets in self.out, RUN_SECONDS, self.what_was)
        return self

    def wait_err(self, pattern):
        return until(f"{pattern!r} on standard error", lambda: re.search(pattern, self.err.decode(errors="replace")), RUN_SECONDS,
                     self.what_was)

    def end(self, code=0):
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"did not end: {self.what_was()}") from None
        for thread in self.threads:
            thread.join(RUN_SECONDS)
        assert code is None or self.process.returncode == code, self.what_was()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.end(None)

    # muster-agent's events
    def events(self, kind=None):
        whole, _, _ = self.err.decode(errors="replace").rpartition("\n")       # a line may be on its way
        lines = [line for line in whole.splitlines() if line.startswith("{")]
        return [e for e in map(json.loads, lines) if kind in (None, e["event"])]

    def wait_event(self, kind, n=1):
        return until(f"event {kind}", lambda: (self.events(kind) or [None] * n)[n - 1] if len(self.events(kind)) >= n else None,
                     RUN_SECONDS, self.what_was)


def accept(node, *more, where="127.0.0.1:0", **kw):
    p = Process(AGENT, "-c", node.dir / "muster-agent.conf", "accept", "--json", *more, where, **kw)
    p.port = int(p.wait_event("listening")["address"].rsplit(":", 1)[1])
    return p


def connect(node, port, *more, **kw):
    return Process(AGENT, "-c", node.dir / "muster-agent.conf", "connect", "--json", *more, f"127.0.0.1:{port}", **kw)


def key(node, *args, check=True):
    return json.loads(run(AGENT, "-c", node.dir / "muster-agent.conf", "key", *args, "--json", check=check).stdout or "{}")


def octets_of(node, key_id):
    """The key itself, in hex, as an application gets it."""
    text = run(AGENT, "-c", node.dir / "muster-agent.conf", "key", "retrieve", key_id, "--out", "-").stdout.strip()
    return text.split("=")[0].replace("-", "")


def member(inst, profile="both"):
    node = inst.node(next(COUNT))
    node.configure(add=f'tls_profile = "{profile}";\n')
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    return node


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("saef") / "inst")
    inst.start()
    inst.subscription()
    yield inst
    inst.stop()


@pytest.fixture(scope="module")
def pair(inst):
    """A, who calls, and B, who is called."""
    return member(inst), member(inst)


# --- the good way ---

def test_two_nodes(inst, pair, tmp_path):
    """5.5, every step; each direction ends by itself; a file and a pipe, more than any buffer holds."""
    a, b = pair
    sent = tmp_path / "sent"
    sent.write_bytes(os.urandom(3_000_001))
    with accept(b) as called, open(sent, "rb") as f, connect(a, called.port, "--peer", b.cse_id, stdin=f) as caller:
        opened = called.wait_event("open")
        assert opened["peer"] == a.cse_id and opened["credentialID"] == "12-" + opened["identity"], opened
        assert caller.wait_event("open")["peer"] == b.cse_id
        until("everything", lambda: len(called.out) == 3_000_001, RUN_SECONDS, called.what_was)
        assert caller.process.poll() is None, "its own direction has ended, the other has not"
        called.write(b"and back" * 100_000, close=True)
        caller.end()
        called.end()
        assert hashlib.sha256(called.out).digest() == hashlib.sha256(sent.read_bytes()).digest()
        assert bytes(caller.out) == b"and back" * 100_000
        closed = called.wait_event("closed")
        assert (closed["how"], closed["received"], closed["sent"]) == ("good-bye", "3000001", "800000"), closed
    # both ends' arrows at the MAF
    assert inst.wait_event("maf.key-register", who=a.cse_id) and inst.wait_event("maf.key-retrieve", who=b.cse_id)
    # the key is kept: the next connection needs no other, and no MAF at A
    before = len([e for e in inst.events() if e["what"] == "maf.key-register"])
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        caller.write(b"again", close=True)
        called.wait_out(b"again").end()
        caller.end()
    assert len([e for e in inst.events() if e["what"] == "maf.key-register"]) == before
    assert [k["targets"] for k in key(a, "list")["keys"]] == [[b.cse_id]]
    everything = b"".join(p.read_bytes() for p in (a.dir / "state").iterdir() if p.is_file())
    assert bytes.fromhex(octets_of(a, opened["identity"])) not in everything, "sealed like the credentials"


@pytest.mark.parametrize("of_a, of_b, version", [("onem2m", "both", "TLSv1.2"), ("both", "onem2m", "TLSv1.2"), ("modern", "both", "TLSv1.3")])
def test_profiles_and_running_agents(inst, of_a, of_b, version):
    """The mandatory suite wherever one side speaks oneM2M's profile only; the agents run, and hold the state."""
    a, b = member(inst, of_a), member(inst, of_b)
    with a.running() as agent_a, b.running() as agent_b:
        agent_a.wait_log("enrolled-already")
        agent_b.wait_log("enrolled-already")
        with accept(b, "--from", a.cse_id) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
            opened = called.wait_event("open")
            assert opened["version"] == version and (version == "TLSv1.3" or opened["suite"] == SUITE), opened
            caller.write(b"to the registrar", close=True)
            called.wait_out(b"to the registrar").write(b"from it", close=True).end()
            caller.end()
            assert bytes(caller.out) == b"from it"
        # to the agent itself, as an application would: the keys that it keeps
        assert key(a, "list")["keys"][0]["keyID"] == opened["identity"]


def test_the_manual_page(inst, pair, tmp_path):
    """Its example, word by word, but for names and the port."""
    a, b = pair
    page = (pathlib.Path(os.environ.get("MST_SOURCE", pathlib.Path(__file__).resolve().parents[2])) / "man/muster-agent.1.scd").read_text()
    block = re.search(r"^# BETWEEN NODES\n.*?^```\n(.*?)^```", page, re.M | re.S)[1]
    port = free_port()
    for said, done in (("a.conf", a.dir / "muster-agent.conf"), ("b.conf", b.dir / "muster-agent.conf"), ("//sp.example.com/CSE2", b.cse_id),
                       ("//sp.example.com/CSE1", a.cse_id), ("gateway.example.com:7443", f"127.0.0.1:{port}"),
                       ("0.0.0.0:7443", f"127.0.0.1:{port}"), ("muster-agent -c", f"{AGENT} -c")):
        assert said in block, said
        block = block.replace(said, str(done))
    register, connects, accepts = block.splitlines()
    (tmp_path / "a").mkdir()
    (tmp_path / "a/readings").write_text("21.5\n")
    run("sh", "-c", register)
    with Process("sh", "-c", accepts, cwd=tmp_path) as called:
        called.wait_err("listening address=127.0.0.1:")
        run("sh", "-c", connects, cwd=tmp_path / "a")
        called.end()
    assert (tmp_path / "readings").read_text() == "21.5\n"


# --- foreign ends ---

def foreign_client(tool, port, identity, secret, version, *more):
    if tool == "openssl":
        how = ["-tls1_2", "-cipher", SUITE] if version == "1.2" else ["-tls1_3"]
        return Process("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-psk_identity", identity, "-psk", secret, "-quiet",
                       "-no_ign_eof", *how, *more)
    priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256" if version == "1.2" else \
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+PSK:+DHE-PSK:+ECDHE-PSK"
    return Process("gnutls-cli", "--pskusername", identity, "--pskkey", secret, "--priority", priority, "-p", port, "127.0.0.1")


@pytest.mark.parametrize("tool, version", [("openssl", "1.2"), ("openssl", "1.3"), ("gnutls", "1.2"), ("gnutls", "1.3")])
def test_a_foreign_caller(inst, pair, tool, version):
    a, b = pair
    identity = key(a, "register", "--target", b.cse_id, "--lifetime", "1h")["keyID"]
    with accept(b) as called, foreign_client(tool, called.port, identity, octets_of(a, identity), version) as caller:
        opened = called.wait_event("open")
        assert opened["peer"] == a.cse_id and opened["version"] == "TLSv" + version, opened
        assert version == "1.3" or opened["suite"] == SUITE
        caller.write(b"hello from afar\n")
        called.wait_out(b"hello from afar\n").write(b"hello to you\n")
        caller.wait_out(b"hello to you\n")
        caller.process.stdin.close()
        called.wait_event("peer-ended")
        called.end()
        assert called.wait_event("closed")["how"] == "good-bye"


@pytest.mark.parametrize("tool, version", [("openssl", "1.2"), ("openssl", "1.3"), ("gnutls", "1.2"), ("gnutls", "1.3")])
def test_a_foreign_one_is_called(inst, pair, tmp_path, tool, version):
    """B's key is got by `key retrieve`, as an application with a TLS stack of its own would."""
    a, b = pair
    key(a, "register", "--target", b.cse_id, "--lifetime", "2h")
    # the one that connect will take: of those for B that are kept, the one that lasts longest
    identity = max(((k["until"], k["keyID"]) for k in key(a, "list")["keys"] if k["targets"] == [b.cse_id]))[1]
    secret = octets_of(b, identity)
    port = free_port()
    if tool == "openssl":
        how = ["-tls1_2", "-cipher", SUITE] if version == "1.2" else ["-tls1_3"]
        server = Process("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-psk_identity", identity, "-psk", secret,
                         "-quiet", *how)
    else:
        passwords = tmp_path / "psk"
        passwords.write_text(f"{identity}:{secret}\n")
        priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256" if version == "1.2" else \
            "NORMAL:-VERS-ALL:+VERS-TLS1.3:+PSK:+DHE-PSK:+ECDHE-PSK"
        server = Process("gnutls-serv", "--echo", "--pskpasswd", passwords, "--priority", priority, "-p", port)
    with server:
        until("the server listens", lambda: server.process.poll() is None and dialled(port), RUN_SECONDS, server.what_was)
        with connect(a, port, "--peer", b.cse_id) as caller:
            opened = caller.wait_event("open")
            assert opened["identity"] == identity and opened["version"] == "TLSv" + version, opened
            caller.write(b"over there\n")
            if tool == "openssl":
                server.wait_out(b"over there\n").write(b"over here\n")
                caller.wait_out(b"over here\n")
            else:
                caller.wait_out(b"over there\n")
            caller.process.stdin.close()
            caller.end(None)
            assert caller.process.returncode in (0, 4), caller.what_was()


def dialled(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


# --- refusals ---

def seen_by_peer(process):
    """What of the failure is the same whoever asks: the alert."""
    process.end(None)
    text = process.err.decode(errors="replace") + process.out.decode(errors="replace")
    found = re.search(r"SSL alert number (\d+)", text)
    return found[1] if found else "none: " + text[-300:]


def test_the_caller_learns_nothing(inst, pair):
    """Lesson 21: unknown, not for us, ended, de-registered, of another use, of another MAF, wrong, not wanted: one alert; and
    eight words for the operator. B asks no MAF but its own, wherever an identity points."""
    a, b = pair
    other = f"//{inst.sp}/CSE777777"
    good, elsewhere, gone, private, short = (key(a, "register", "--target", *more)["keyID"] for more in (
        (b.cse_id,), (other,), (b.cse_id,), (b.cse_id, "--suid", "33"), (b.cse_id,)))
    secret = octets_of(a, good)
    assert key(a, "delete", gone)["ok"]
    run("sqlite3", "-cmd", ".timeout 10000", inst.dir / "store/muster.db",
        f"UPDATE keyreg SET expires = 1800000 WHERE rel_key_id = '{short.split('@')[0]}'")
    evil = socket.create_server(("127.0.0.1", 0))
    evil.setblocking(False)
    conf = b.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace("connect_to = (\n", "connect_to = (\n" + "".join(
        f'  {{ name = "maf.evil.example:{port}"; address = "127.0.0.1:{evil.getsockname()[1]}"; }},\n' for port in (443, inst.maf_port))))
    cases = [(good, "00" * 32, "wrong-key"), ("77AA@" + inst.maf, secret, "key-unknown"), (elsewhere, octets_of(a, elsewhere), "not-a-target"),
             (private, octets_of(a, private), "other-use"), (gone, secret, "key-unknown"), (short, secret, "key-unknown"),
             ("77AA@maf.evil.example", secret, "other-maf"), (f"77AA@evil.example@{inst.maf}", secret, "identity-malformed"),
             ("Client_identity", secret, "identity-malformed")]
    with accept(b) as called:
        for version in ("1.2", "1.3"):
            alerts, before = set(), len(called.events("refused"))
            for n, (identity, psk, word) in enumerate(cases, 1):
                alerts.add(seen_by_peer(foreign_client("openssl", called.port, identity, psk, version)))
                event = called.wait_event("refused", before + n)
                assert (event["outcome"], event.get("identity", identity)) == (word, identity), (n, called.events())
            assert len(alerts) == 1 and alerts.pop().isdigit(), alerts
        # and it still takes the right one
        with connect(a, called.port, "--peer", b.cse_id) as caller:
            caller.write(b"me", close=True)
            called.wait_out(b"me").end()
            caller.end()
    with pytest.raises(BlockingIOError):
        evil.accept()
    evil.close()
    with accept(b, "--from", other) as called:
        seen = seen_by_peer(foreign_client("openssl", called.port, good, secret, "1.2"))
        assert called.wait_event("refused")["outcome"] == "peer-not-wanted" and seen.isdigit()


def greeting():
    """A ClientHello as anybody can say it: TLS 1.2 names the key only after the server's answer."""
    with socket.create_server(("127.0.0.1", 0)) as ear:
        with subprocess.Popen(["openssl", "s_client", "-tls1_2", "-psk", "aa" * 16, "-cipher", "ECDHE-PSK-AES128-CBC-SHA256", "-connect",
                               f"127.0.0.1:{ear.getsockname()[1]}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as caller:
            with ear.accept()[0] as said:
                octets = said.recv(4096)
            caller.kill()
    return octets


@pytest.mark.parametrize("polite", [False, True])
def test_a_silent_crowd_and_nobody(inst, pair, polite):
    """More than it serves at a time and no octet from any, or a greeting and no key: they give way. Then nobody at all."""
    a, b = pair
    hello = greeting()
    with accept(b) as called:
        crowd = [socket.create_connection(("127.0.0.1", called.port)) for _ in range(8 if polite else 20)]
        for s in crowd if polite else ():
            s.sendall(hello)
            assert s.recv(1), "it was answered, and says nothing more"
        with connect(a, called.port, "--peer", b.cse_id) as caller:
            caller.write(b"through", close=True)
            called.wait_out(b"through").end()
            caller.end()
        for s in crowd:
            s.close()
    with accept(b, "--wait", "1") as called:
        called.end(1)
        assert called.events("nobody-came")


class Held(Gate):
    """Who comes through waits until it may."""

    def __init__(self, to):
        self.came, self.may = 0, threading.Event()
        super().__init__(to)

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self.later, args=(peer,), daemon=True).start()

    def later(self, peer):
        self.may.wait(RUN_SECONDS)
        there = socket.create_connection(("127.0.0.1", self.to))
        self.pairs.append((peer, there))
        threading.Thread(target=self.pump, args=(peer, there), daemon=True).start()
        self.pump(there, peer)


def test_strangers_of_one_address(inst):
    """They take every place, and the MAF is slow to say that it does not know the keys that they name: who calls from elsewhere comes in."""
    a, b = member(inst), member(inst)
    gate = Held(inst.maf_port)
    b.configure(add='tls_profile = "both";\n', instead={inst.maf_port: gate.port})
    with contextlib.ExitStack() as end:
        end.callback(gate.close)
        end.enter_context(b.running()).wait_log("enrolled-already")
        called = end.enter_context(accept(b))
        for i in range(8):
            end.enter_context(foreign_client("openssl", called.port, f"77{i:02X}@{inst.maf}", "aa" * 32, "1.2", "-bind", "127.0.0.2:0"))
        until("all of them are asked about", lambda: gate.came == 8, RUN_SECONDS, called.what_was)
        # one of elsewhere that has named no key yet has a place, and keeps it however often they come again
        slow = end.enter_context(socket.create_connection(("127.0.0.1", called.port)))
        slow.sendall(greeting())
        assert slow.recv(4096), "it was answered, and takes its time"
        again = end.enter_context(socket.create_connection(("127.0.0.1", called.port), source_address=("127.0.0.2", 0)))
        assert select.select([again, slow], [], [], RUN_SECONDS)[0] == [again] and not again.recv(1)
        slow.close()
        caller = end.enter_context(connect(a, called.port, "--peer", b.cse_id))
        until("who calls is asked about", lambda: gate.came == 9, RUN_SECONDS, called.what_was)
        assert called.wait_event("refused")["outcome"] == "busy"
        gate.may.set()
        caller.write(b"through", close=True)
        called.wait_out(b"through").end()
        caller.end()


def test_maf_down(inst, pair):
    """A's key is kept, so A needs no MAF; B cannot know, and that is no verdict on the key (lesson 6)."""
    a, b = pair
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        caller.write(b"x", close=True)
        called.wait_out(b"x").end()
        caller.end()
    kept = key(a, "list")["keys"]
    inst.stop()
    try:
        with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
            caller.end(1)
            refused = caller.wait_event("refused")
            assert refused["outcome"] == "connection lost", refused
            assert called.wait_event("refused")["outcome"] == "maf-unreachable"
            assert key(a, "list")["keys"] == kept, "nothing is thrown away for it"
            called.process.terminate()
        assert key(a, "register", "--target", "//sp.example.com/CSE999999", check=False)["outcome"] == "unreachable"
        with connect(a, 9, "--peer", "//sp.example.com/CSE999998") as caller:
            caller.end(1)
            assert caller.wait_event("refused")["outcome"] == "maf-unreachable"
    finally:
        inst.start()


def test_a_key_that_the_maf_has_forgotten(inst, pair):
    """A's kept key is refused by B: A registers another and tries once more, by itself."""
    a, b = pair
    key(a, "register", "--target", b.cse_id, "--lifetime", "3d")
    before = {k["keyID"] for k in key(a, "list")["keys"] if k["targets"] == [b.cse_id]}
    run("sqlite3", "-cmd", ".timeout 10000", inst.dir / "store/muster.db", "DELETE FROM keyreg WHERE targets = '%s'" % b.cse_id)
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        caller.write(b"new", close=True)
        called.wait_out(b"new").end()
        caller.end()
        assert called.events("refused")[0]["outcome"] == "key-unknown"
        assert called.wait_event("open")["identity"] not in before
    for k in key(a, "list")["keys"]:
        key(a, "delete", k["keyID"])


# --- everything else of 5.4 ---

def test_keys_by_hand(inst, pair, tmp_path):
    """Key procedures with every parameter: own values, several targets, labels, update, who may and who may not."""
    a, b = pair
    c = member(inst)
    own = tmp_path / "own"
    own.write_text("0123-4567-89AB-CDEF-FEDC-BA98-7654-3210=296E\n")
    own.chmod(0o600)
    made = key(a, "register", "--suid", "34", "--target", b.cse_id, "--target", c.cse_id, "--label", "meter", "--value", own, "--lifetime", "1h")
    assert made["SUID"] == 34 and made["targets"] == [b.cse_id, c.cse_id] and made["keyID"].endswith("@" + inst.maf), made
    for who in (a, b, c):
        assert octets_of(who, made["keyID"]) == "0123456789ABCDEFFEDCBA9876543210"
    assert inst.ask("keeper", "rotate", "--wait")["rotation"]["unreadable"] == 0, "keys are wrapped anew, each by its own name"
    assert octets_of(b, made["keyID"]) == "0123456789ABCDEFFEDCBA9876543210"
    got = key(b, "retrieve", made["keyID"])
    assert got["source"] == a.cse_id and "key" not in got
    assert key(a, "update", made["keyID"], "--target", c.cse_id, "--lifetime", "2h")["until"] > made["until"]
    refused = key(b, "retrieve", made["keyID"], check=False)
    assert not refused["ok"] and "4103" in refused["detail"], refused
    assert key(c, "retrieve", made["keyID"])["ok"]
    assert not key(c, "delete", made["keyID"], check=False)["ok"], "of its source only"
    assert key(a, "delete", made["keyID"])["ok"] and not key(a, "retrieve", made["keyID"], check=False)["ok"]
    for bad, words in ((["register", "--target", b.cse_id, "--suid", "31"], "32 to 35"), (["register", "--target", "/CSE2"], "absolute"),
                       (["register", "--target", b.cse_id, "--target", c.cse_id], "exactly one"), (["retrieve", "x@maf.evil.example"], "another MAF"),
                       (["retrieve", "nonsense"], "key identifier"), (["update", made["keyID"]], "end, labels or targets")):
        refused = key(a, *bad, check=False)
        assert refused["error"]["text"] and words in refused["error"]["text"], refused
    for misuse in (["register"], ["retrieve"], ["list", "x"], ["list", "--out", "x"], ["frobnicate"]):
        done = run(AGENT, "-c", a.dir / "muster-agent.conf", "key", *misuse, check=False)
        assert done.returncode == 2, (misuse, done.stderr)


@pytest.mark.parametrize("point", ["key-registered", "key-kept"])
def test_power_cut(inst, pair, point):
    """Between the MAF's word and ours, and after: the next try works, with one key or another."""
    a, b = pair
    for k in key(a, "list")["keys"]:
        key(a, "delete", k["keyID"])
    a.configure(add=f'crash_at = "{point}";\n')
    with connect(a, 9, "--peer", b.cse_id) as caller:
        caller.end(3)
    a.configure()
    assert len(key(a, "list")["keys"]) == (point == "key-kept")
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        caller.write(b"after", close=True)
        called.wait_out(b"after").end()
        caller.end()
    assert len(key(a, "list")["keys"]) == 1


def test_a_broken_connection_is_told(inst, pair):
    """Cut, not ended: whoever reads the output must know that something may be missing."""
    a, b = pair
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        caller.write(b"half of")
        called.wait_out(b"half of")
        caller.process.kill()
        called.end(4)
        assert called.wait_event("closed")["how"] == "connection lost"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))        # and listens not
        with connect(a, nobody.getsockname()[1], "--peer", b.cse_id) as caller:
            caller.end(1)
            assert caller.wait_event("refused")["outcome"] == "unreachable"


def test_a_revoked_caller(inst, pair):
    """B asks each time: what the operator revokes is out at once, whatever A still holds."""
    _, b = pair
    a = member(inst)
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        caller.write(b"x", close=True)
        called.wait_out(b"x").end()
        caller.end()
    inst.muster("node", "revoke", a.id, "--reason", "stolen")
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        caller.end(1)
        assert called.wait_event("refused")["outcome"] == "key-unknown"
        assert caller.wait_event("refused")["outcome"] == "not-authenticated", "its MAF does not take it either"
        called.process.terminate()


# --- to the registrar (TS-0013 8.4, TD_M2M_SE_01) ---

# what an unmodified CSE (ACME 2026.05.1, a public one) answered to this very request behind the same `openssl s_server`
CSE_SAID = ('{"m2m:ae": {"api": "NAPP01", "rr": false, "srv": ["3"], "pi": "id-in", "ri": "CieGnADevma", "rn": "ae_bcUGXu1sGf", "ty": 2, '
            '"aei": "CieGnADevma", "ct": "20261128T163020,711577", "lt": "20261128T163020,711577", "et": "20311127T163020,724424"}}')


def request_of(process):
    """The head's fields by name, with the first line as ""; and the content."""
    until("a whole request", lambda: re.search(rb"POST .*\r\n\r\n.*}}", process.out, re.S), RUN_SECONDS, process.what_was)
    head, content = re.search(rb"(POST .*)\r\n\r\n(.*}})", process.out, re.S).groups()
    lines = head.decode().split("\r\n")
    return {"": lines[0], **dict(line.split(": ", 1) for line in lines[1:])}, json.loads(content)


def cse_answer(request, status="201 CREATED", rsc=2001, content=CSE_SAID):
    return (f"HTTP/1.1 {status}\r\nServer: ACME/2026.05.1\r\nX-M2M-RSC: {rsc}\r\nX-M2M-RI: {request['X-M2M-RI']}\r\nX-M2M-RVI: 3\r\n"
            f"X-M2M-OT: 20261128T163020,727980\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
            f"{content}").encode()


def is_ae_create(request, content, path, origin="C", app="NAPP01"):
    """Create (op 1) is POST with a resource type (TS-0009): ty 2 is <AE>."""
    assert request[""] == f"POST {path} HTTP/1.1" and request["X-M2M-Origin"] == origin and request["X-M2M-RVI"] == "3", request
    assert re.fullmatch(r"application/json; ?ty=2", request["Content-Type"]), request
    assert content == {"m2m:ae": {"api": app, "rr": False, "srv": ["3"]}}


def register_ae(node, *more):
    return Process(AGENT, "-c", node.dir / "muster-agent.conf", "register-ae", *more)


def test_an_ae_registers_with_a_given_key(inst, tmp_path):
    """As the document has it: KpsaId test@onem2m.com, Kpsa the six ASCII digits 123456, TLS 1.2, TLS_PSK_WITH_AES_128_CBC_SHA256."""
    node, port = inst.node(next(COUNT)), free_port()
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace("connect_to = (", f'connect_to = (\n  {{ name = "in.{inst.sp}:7443"; address = "127.0.0.1:{port}"; }},', 1))
    for name, octets in (("ascii", b"123456"), ("hex", bytes.fromhex("123456"))):
        (tmp_path / name).write_bytes(octets)
        (tmp_path / name).chmod(0o600)
    uri, mine = f"https://in.{inst.sp}:7443/cse-in", ("--psk-identity", "test@onem2m.com", "--psk-raw", "--psk-file")

    def registrar():
        return Process("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-psk", b"123456".hex(), "-psk_identity", "test@onem2m.com",
                       "-tls1_2", "-cipher", SUITE, "-naccept", "1").wait_out(b"ACCEPT")
    with registrar() as cse, register_ae(node, "--app-id", "NAPP01", *mine, tmp_path / "ascii", uri) as ae:
        request, content = request_of(cse)
        is_ae_create(request, content, "/cse-in")
        cse.write(cse_answer(request))
        ae.end()
        assert ae.out.decode().startswith("CieGnADevma  registered at "), ae.what_was()
        assert f"CIPHER is {SUITE}".encode() in cse.out and b"PSK warning" not in cse.out, cse.what_was()     # else it names another identity
        assert "for a laboratory" in ae.err.decode()
    # refused by the registrar (no rule for that App-ID), with its own words; and what it gives must be what was asked for
    for more, answer, words in ((("--ae-id", "S12"), {"status": "403 FORBIDDEN", "rsc": 4126, "content": '{"m2m:dbg":"no rule for NAPP01"}'}, "no rule for NAPP01"),
                                (("--ae-id", "S12"), {}, "another AE-ID")):
        with registrar() as cse, register_ae(node, "--app-id", "NAPP01", "--json", *more, *mine, tmp_path / "ascii", uri) as ae:
            request, content = request_of(cse)
            is_ae_create(request, content, "/cse-in", "S12")
            cse.write(cse_answer(request, **answer))
            ae.end(1)
            said = json.loads(ae.out)
            assert said["ok"] is False and words in said["detail"], said
    # the digits read as hex are another key; nothing is sent
    with registrar() as cse, register_ae(node, "--app-id", "NAPP01", *mine, tmp_path / "hex", uri) as ae:
        ae.end(1)
        assert b"POST" not in cse.out
    # bad settings: told, nobody is dialled
    for words in (("--app-id", "NAPP01", "--psk-identity", "test@onem2m.com"), ("--psk-raw", uri), ("--app-id", "a b", *mine, tmp_path / "ascii", uri),
                  ("--app-id", "NAPP01", *mine, tmp_path / "ascii", "http://in.sp.example.com"),
                  ("--app-id", "NAPP01", "--ae-id", "X", *mine, tmp_path / "ascii", uri)):
        with register_ae(node, *words) as ae:
            ae.end(2)
    with register_ae(node, "--app-id", "NAPP01", "--psk-identity", "test@onem2m.com", "--psk-file", tmp_path / "ascii", uri) as ae:
        ae.end(1)
        assert "16 to 64 octets" in ae.err.decode()


def test_an_ae_registers_with_what_enrolment_gave(inst):
    """Nothing but an App-ID is said: whom to register with, and where, came with the enrolment; the key is one of the MAF."""
    cse, port, name = member(inst), free_port(), f"registrar.{inst.sp}"
    inst.muster("subscription", "add", "with-registrar", "--sp", inst.sp, "--maf", inst.maf, "--maf-uri", f"https://{inst.maf}:{inst.maf_port}",
                "--until", "+365d", "--registrar", cse.cse_id, "--poa", f"https://{name}:7443")
    node = inst.node(next(COUNT), subscription="with-registrar")
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace("connect_to = (", f'connect_to = (\n  {{ name = "{name}:7443"; address = "127.0.0.1:{port}"; }},', 1))
    with register_ae(node, "--app-id", "NAPP01") as ae:      # it has nothing yet
        ae.end(1)
    assert node.run_once().returncode == 0, inst.log_text()
    with accept(cse, "--from", node.cse_id, where=f"127.0.0.1:{port}") as called, register_ae(node, "--app-id", "NAPP01") as ae:
        request, content = request_of(called)
        is_ae_create(request, content, "/~/" + cse.cse_id.rsplit("/", 1)[1])
        assert request["Host"] == f"{name}:7443"
        called.write(cse_answer(request))
        ae.end()
        assert ae.out.decode().startswith("CieGnADevma  registered at "), ae.what_was()
        called.end(None)
