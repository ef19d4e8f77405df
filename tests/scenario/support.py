"""A real installation and real nodes for the scenarios: daemons started for real, on loopback, in a
directory of the test's own. Everything waits for events with a deadline; nothing sleeps.
"""
import binascii
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from waiting import free_port, until  # noqa: E402 the path comes first; the tests have both from here

BUILD = pathlib.Path(os.environ.get("MST_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
MUSTER = str(BUILD / "src/muster/muster")
MUSTERD = str(BUILD / "src/musterd/musterd")
AGENT = str(BUILD / "src/agent/muster-agent")
START_SECONDS = 60
RUN_SECONDS = 60
# Points of a daemon that a whole enrolment passes once or twice: their later passages are the same place again, with one
# more enrolment in front of each. The first node's are cut, and the first of the second node.
LAST_PASSAGE = {"fetch-before": 2, "fetch-after": 2, "psk-before": 3}


def passages_of(point, passages):
    """Those of `passages` at which the power goes at that point."""
    return sorted({min(p, LAST_PASSAGE.get(point, p)) for p in passages})


FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def at(moment):
    """The environment of a program that lives at another moment; timers run as ever."""
    return {**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME": moment, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def run(*args, cwd=None, check=True, timeout=RUN_SECONDS, env=None, stdin=None):
    done = subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, timeout=timeout, env=env, input=stdin)
    if check and done.returncode != 0:
        raise AssertionError(f"{args} ended with {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}")
    return done


def secret_text(octets):
    """A maker's secret (hex) as muster writes it: groups and a check code. The library's own arithmetic, not ours."""
    raw = bytes.fromhex(octets)
    digits = raw.hex().upper()
    return "-".join(digits[i:i + 4] for i in range(0, len(digits), 4)) + f"={binascii.crc_hqx(raw, 0xFFFF):04X}"


class Installation:
    """`muster init` and `musterd`, as an operator would."""

    def __init__(self, path, processes="split", sp="sp.example.com", gba=None, init=()):
        self.dir = pathlib.Path(path)
        self.sp = sp
        self.mef, self.maf, self.bbn = f"mef.{sp}", f"maf.{sp}", f"bbn.{sp}"
        self.mef_port, self.maf_port, self.bbn_port, self.metrics_port = (free_port() for _ in range(4))
        self.process = None
        self.wrap = []          # what musterd is started by: a namespace of its own, limits
        run(MUSTER, "init", self.dir, "--sp", sp, "--mef-port", self.mef_port, "--maf-port", self.maf_port,
            "--bbn-port", self.bbn_port, "--processes", processes, "--metrics", f"127.0.0.1:{self.metrics_port}",
            *self.with_gba(gba), *init)
        self.config = self.dir / "musterd.conf"
        self.plain_config = self.config.read_text()
        self.log = self.dir / "musterd.log"
        # CAs that the MEF trusts from the start; a later one needs a reload
        for name in ("acme", "globex", "owner"):
            self.maker(name)

    def with_gba(self, plmn):
        """`plmn`: MCC and MNC of an operator whose HSS and BSF are here, too."""
        if not plmn:
            return ()
        self.hss_port, self.bsf_port, self.zn_port = (free_port() for _ in range(3))
        self.bsf = f"bsf.mnc{plmn[3:]:0>3}.mcc{plmn[:3]}.pub.3gppnetwork.org"
        return "--gba", plmn, "--hss-port", self.hss_port, "--bsf-port", self.bsf_port, "--zn-port", self.zn_port

    def configure(self, **changes):
        """Replace the configuration's text: add=… appends, or old=new pairs through `replace`."""
        text = self.plain_config
        for old, new in changes.get("replace", {}).items():
            assert old in text, old
            text = text.replace(old, new)
        self.config.write_text(text + changes.get("add", ""))

    def start(self):
        notify = str(self.dir / "notify.sock")
        if os.path.exists(notify):
            os.unlink(notify)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(notify)
            ready.settimeout(0.2)
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen([*self.wrap, MUSTERD, "-c", str(self.config)], stdout=log, stderr=log,
                                                env={**os.environ, "NOTIFY_SOCKET": notify})
            deadline, said = time.monotonic() + START_SECONDS, b""
            while b"READY=1" not in said:
                try:
                    said = ready.recv(4096)
                except socket.timeout:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise AssertionError(f"musterd is not ready ({self.process.returncode}):\n{self.log_text()}") from None
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(START_SECONDS)
                raise AssertionError(f"musterd did not stop:\n{self.log_text()}") from None
        status = self.process.returncode if self.process else 0
        self.process = None
        return status

    def log_text(self):
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def muster(self, *args, check=True, **more):
        return run(MUSTER, "-C", self.dir, *args, check=check, **more)

    def ask(self, *args):
        return json.loads(self.muster("--json", *args).stdout)

    def events(self, *args):
        return [json.loads(line) for line in self.muster("--json", "events", *args).stdout.splitlines()]

    def wait_event(self, what, seconds=RUN_SECONDS, **match):
        """Follow the log until an event of that kind comes whose members match."""
        follow = subprocess.Popen([MUSTER, "-C", str(self.dir), "--json", "events", "--follow", "--what", what],
                                  stdout=subprocess.PIPE, bufsize=0)     # a line that was read ahead select cannot see
        deadline = time.monotonic() + seconds
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([follow.stdout], [], [], left)[0]:
                    raise AssertionError(f"no event {what} {match} within {seconds} s; events: {self.events()[-10:]}")
                event = json.loads(follow.stdout.readline())
                if all(event.get(k) == v for k, v in match.items()):
                    return event
        finally:
            follow.kill()
            follow.wait(RUN_SECONDS)
            follow.stdout.close()

    def children(self):
        """pid by process kind, read from the children's command lines."""
        kinds = {}
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                if int(stat.rsplit(")", 1)[1].split()[1]) != self.process.pid:
                    continue
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            for word in words:
                if word.startswith(b"--process="):
                    kinds.setdefault(word.split(b"=")[1].decode(), []).append(int(pid))
        return kinds

    # --- what an operator prepares ---
    def maker(self, name):
        """A maker's CA whose nodes the MEF accepts; its directory has NAME.pem, NAME.key."""
        makers = self.dir / "makers"
        makers.mkdir(exist_ok=True)
        if (makers / f"{name}.pem").exists():
            return makers
        run(MUSTER, "cert", "ca", name, cwd=makers)
        shutil.copy(makers / f"{name}.pem", self.dir / "anchors" / f"{name}.pem")
        return makers

    def subscription(self, name="sub-1", until="+365d", **more):
        extra = [word for k, v in more.items() for word in (f"--{k.replace('_', '-')}", v)]
        self.muster("subscription", "add", name, "--sp", self.sp, "--maf", self.maf, "--maf-uri",
                    f"https://{self.maf}:{self.maf_port}", "--until", until, "--registrar", f"//{self.sp}/IN-CSE",
                    "--poa", f"https://in.{self.sp}", *extra)
        return name

    def node(self, number, maker="acme", subscription="sub-1", known=True, **more):
        return Node(self, number, maker, subscription, known, **more)

    def instruction(self, **changes):
        """A bootstrap instruction with the certificate method for this installation; None removes a member."""
        one = {"kind": "bootstrap", "method": "cert", "uri": f"https://{self.mef}:{self.mef_port}", "target": self.maf,
               "SUID": 21, "adminFQDN": self.sp, "mafURI": f"https://{self.maf}:{self.maf_port}", **changes}
        return {k: v for k, v in one.items() if v is not None}


class Node:
    """A device with a maker's certificate and `muster-agent`."""

    env = None          # of its agent: what a token's module wants to find there

    def __init__(self, inst, number, maker, subscription, known, names=None, issue=(), identities=()):
        self.inst = inst
        self.id = f"urn:dev:ops:00004C-{maker}-{number:06d}"
        self.cse_id = f"//{inst.sp}/CSE{number:06d}"
        self.dir = inst.dir / "nodes" / f"{maker}-{number:06d}"
        self.dir.mkdir(parents=True)
        names = names or ("--node-id", self.id)
        run(MUSTER, "cert", "issue", "--ca", maker, "--out", self.dir / "node", *names, *issue, cwd=inst.dir / "makers")
        shutil.copy(inst.dir / "keeper/ca.pem", self.dir / "anchors.pem")
        if known:
            self.add(maker, subscription, identities)
        self.instruct(inst.instruction())
        self.configure()

    def add(self, maker="acme", subscription="sub-1", identities=(), check=True):
        """Make it known, as its operator does."""
        extra = [word for i in identities for word in ("--identity", i)]
        return self.inst.muster("node", "add", self.id, "--cse-id", self.cse_id, "--subscription", subscription, "--maker", maker,
                                "--anchor", self.inst.dir / "makers" / f"{maker}.pem", *extra, check=check)

    def instruct(self, *instructions):
        (self.dir / "instructions.json").write_text(json.dumps({"version": 1, "instructions": list(instructions)}))

    def configure(self, add="", ports=(), instead=None):
        """`ports`: more ports of the MEF's name, of those who say they are it. `instead`: where a port leads to."""
        instead = instead or {}
        dial = "".join(f'  {{ name = "{name}:{port}"; address = "127.0.0.1:{instead.get(port, port)}"; }},\n' for name, port in
                       ((self.inst.mef, self.inst.mef_port), (self.inst.maf, self.inst.maf_port),
                        *((self.inst.mef, p) for p in ports)))
        (self.dir / "muster-agent.conf").write_text(
            'state = "state";\nkey_file = "state.key";\ncertificate = "node.pem";\nkey = "node.key";\nanchors = "anchors.pem";\n'
            'bootstrap = "instructions.json";\nrun = "run";\nbackoff_first = "1s";\nbackoff_max = "2s";\n'
            f'log = {{ format = "text"; level = "debug"; }};\nconnect_to = (\n{dial.rstrip().rstrip(",")}\n);\n{add}')

    def agent(self, *args, check=False, timeout=RUN_SECONDS, env=None, wrap=()):
        return run(*wrap, AGENT, "-c", self.dir / "muster-agent.conf", *args, check=check, timeout=timeout, env=env or self.env)

    def run_once(self, **more):
        return self.agent("run", "--once", **more)

    def status(self):
        return json.loads(self.agent("status", "--json", check=True).stdout)

    def failed_runs(self):
        """Runs that have failed, newest first. What `reports` holds may be of a retry that has begun since."""
        return [r for r in self.status()["attempts"] if r["outcome"] == "failed"]

    def running(self, **more):
        return Running(self, **more)


class Running:
    """`muster-agent run` in the background; its log is what is waited for. Leaving stops it, cleanly."""

    def __init__(self, node, env=None, wrap=()):
        self.node, self.env, self.wrap, self.seen = node, env, wrap, 0
        self.log = node.dir / "agent.log"

    def __enter__(self):
        self.log.unlink(missing_ok=True)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*self.wrap, AGENT, "-c", str(self.node.dir / "muster-agent.conf"), "run"], stdout=log,
                                            stderr=log, env=self.env)
        return self

    def wait_log(self, pattern, seconds=RUN_SECONDS):
        """The next line that matches, after the one that was waited for last."""
        def look():
            ended = self.process.poll() is not None         # before the last look: what it said while it ended counts
            text = self.log.read_text(errors="replace")[self.seen:]
            found = re.search(pattern, text[:text.rfind("\n") + 1])          # of a line that is written just now, half is there
            assert found or not ended, self.what_was(pattern)
            return found
        found = until(f"{pattern!r} in the agent's log", look, seconds, lambda: self.what_was(pattern))
        self.seen += found.end()
        return found

    def what_was(self, pattern):
        return f"no {pattern!r} in the agent's log ({self.process.returncode}):\n{self.log.read_text(errors='replace')[-6000:]}"

    def __exit__(self, kind, value, trace):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(START_SECONDS)
            raise AssertionError("the agent did not stop: " + self.log.read_text()[-3000:]) from None
        if kind is None:
            assert self.process.returncode == 0, f"{self.process.returncode}: {self.log.read_text()[-3000:]}"


class AlertServer:
    """Somebody on the path: answers every ClientHello with a fatal alert, and proves nothing."""

    def __init__(self, alert=115):
        self.alert, self.sent = alert, 0

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        return self

    def _serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(START_SECONDS)
                try:
                    if peer.recv(65536):
                        peer.sendall(bytes([21, 3, 3, 0, 2, 2, self.alert]))
                        self.sent += 1
                        peer.recv(65536)
                except OSError:
                    pass

    def __exit__(self, kind, value, trace):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(START_SECONDS)
