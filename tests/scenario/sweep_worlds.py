"""What the failure sweeps go over (tests/scenario/sweeping.py): installations whose every process can be told what fails, and ways in which
a node is brought into service there."""
import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import time

import sweeping
from fig1 import PLMN, SimNode, rule, settle
from support import MUSTERD, RUN_SECONDS, Installation, until
from test_power_cut import one_truth, store_is_whole, works
from test_card import Reader
from test_secenv import Token, Tpm, born
from usim import Usim

WHOLE = int(os.environ.get("MST_SWEEP", 0))
# Of what happens to one connection the other end tells; that the store's files are not to be found is said once, until they are.
BETWEEN = ("send", "recv", "epoll_ctl", "sockopt", "sockname", "accept", "stat")
# What a start that met a fault must not say: there is no other musterd, and the files are good.
FALSE = r"\(null\)|another musterd|a PEM file is wanted"
ROLES = ("mef", "maf", "hss", "bsf", "zn")
SERVERS = ("engine", "keeper", "connector", *(f"listener-{r}-0" for r in ROLES), "listener-local")


def crashed(text):
    return re.search(r"with=\"?signal (?!9\b)|Sanitizer|runtime error|stack smashing|Assertion|corrupted |free\(\): |malloc\(\): ", text)


class Home:
    """An installation whose every process can be told what fails."""

    def __init__(self, path, store=None):
        faults = path / "faults"
        faults.mkdir()
        self.pages = {name: sweeping.Page(faults, name) for name in ("musterd", *SERVERS, "muster-agent")}
        self.inst = Installation(path / "inst", gba=PLMN)
        settle(self.inst, [("listeners = 2;", "listeners = 1;")])
        if store:
            self.inst.configure(replace={"sqlite:store/muster.db": store})
        self.sqlite = not store
        self.env = sweeping.environment(faults)
        self.plain_wrap = self.inst.wrap = ["env", f"LD_PRELOAD={self.env['LD_PRELOAD']}", f"MST_FAULT_DIR={faults}"]
        self.inst.start()
        self.inst.subscription()
        rule(self.inst)
        self.rows = []
        self.count = itertools.count(1)

    def said(self, since):
        return self.inst.log.read_bytes()[since:].decode(errors="replace")

    def is_whole(self):
        if self.sqlite:
            store_is_whole(self.inst)
        else:
            assert "whole" in self.inst.muster("events", "verify").stdout

    def restart(self):
        """Processes as young as at first: who has died often is waited for."""
        assert self.inst.stop() == 0, self.inst.log_text()
        self.inst.start()
        self.is_whole()


class World:
    """A node with a maker's certificate, its keys in files."""
    label = ""                          # in the figures, behind the process
    # Connections to other servers are kept open: only a young process opens one, and one is opened only to a young one.
    young = ("connector",)
    each = False                        # of each kind of call one at least, in a sample, too

    def __init__(self, home):
        self.home, self.inst, self.pages = home, home.inst, home.pages
        self.agent_env = home.env

    def new(self):
        """A node that nobody knows yet."""
        return self.inst.node(next(self.home.count), known=False)

    def enrol(self, node, process):
        """What an operator and a node do; the results of both."""
        return node.add(check=False), node.run_once(env=self.agent_env if process == "muster-agent" else None)

    def one_truth(self, node):
        one_truth(self.inst, node)

    def works(self, node):
        return works(node)

    def counted(self, process):
        """What is called without a fault, each time: a process that has begun just now does more."""
        counts = self.counted_once(process)
        again = self.counted_once(process)
        return {kind: min(n, again.get(kind, 0)) for kind, n in counts.items() if again.get(kind)}

    def counted_once(self, process):
        if process in self.young:
            self.home.restart()
        node = self.new()
        self.pages[process].arm()
        added, done = self.enrol(node, process)
        self.pages[process].disarm()
        assert added.returncode == 0 and done.returncode == 0, added.stderr + done.stderr
        return self.pages[process].counts()

    def attempt(self, process, fault):
        """One fault while a node is brought into service, and what came of it: "missed" when it was not reached."""
        inst, home, page, node = self.inst, self.home, self.pages[process], self.new()
        if process in self.young:
            home.restart()
        since = inst.log.stat().st_size
        page.arm(*fault)
        try:
            added, done = self.enrol(node, process)
        finally:
            page.disarm()
        # what comes while a process begins anew is another fault
        until("who has ended is there again", lambda: home.said(since).count("another process begins") <= home.said(since).count("ready again"), RUN_SECONDS,
              lambda: home.said(since))
        log = home.said(since)
        for r in (added, done):
            assert r.returncode >= 0 and not crashed(r.stderr), f"{r.returncode} {r.stderr[-3000:]}"
            assert r.returncode == 0 or r.stderr.strip(), "a failure without a word"
        assert not crashed(log), log
        if done.returncode == 0:
            self.one_truth(node)
        elif process == "muster-agent":
            assert re.search(r" warn | error |^muster-agent: |^/[^ ]+: ", done.stderr, re.M), done.stderr
            assert not re.search(r'(?m)^(?!.*reason=ok).*(detail|why)=""|\(null\)', done.stderr), done.stderr
        elif page.hits and added.returncode == 0 and fault[0] not in BETWEEN:
            # at once, or at the end of the second in which it has told of another
            until("the daemon says something of it", lambda: re.search(r"\b(warning|error)\b|refused|failed", home.said(since)), RUN_SECONDS,
                  lambda: f"{home.said(since)}\n{done.stderr[-3000:]}")
        self.recover(node)
        log = home.said(since)
        died = "a process has ended" in log
        assert not crashed(log), log
        if died:
            home.restart()
        if not page.hits:
            return "missed"
        return "ended" if died else "went on" if done.returncode == 0 and added.returncode == 0 else "refused"

    def recover(self, node):
        """The fault is gone: the operator and the node try again, as they would, until it is in service."""
        said = []

        def known():
            added = node.add(check=False)
            said.append(added.stderr)
            return added.returncode == 0 or "exists" in added.stderr

        def enrolled():
            done = node.run_once()
            said.append(done.stderr[-3000:])
            return done.returncode == 0

        until("the node is known", known, RUN_SECONDS, context=lambda: said[-1] + self.inst.log_text())
        until("the node is enrolled", enrolled, RUN_SECONDS, context=lambda: said[-1] + self.inst.log_text())
        self.one_truth(node)
        assert self.works(node), self.inst.log_text()


class SimWorld(World):
    """A node with nothing but a SIM: Ub, Zh, Zn and Ua, all of it at one operator."""
    label = ", SIM"
    young = ("connector", "listener-hss-0", "listener-zn-0")

    def new(self):
        return SimNode(self.inst, known=False)


class CardWorld(SimWorld):
    """That SIM is a card behind pcscd. There is one reader: who is asked is in it."""
    label = ", SIM in a reader"

    def __init__(self, home, path):
        super().__init__(home)
        self.reader = Reader(path)
        self.stack = contextlib.ExitStack()
        self.put_in = self.stack.enter_context(self.reader.card(Usim(f"{PLMN}0000000001")))

    def new(self):
        node = super().new()
        self.put_in.card = Usim(node.imsi, node.k, node.opc, sqn=0x90000)
        node.card, node.wrap = 'kind = "pcsc"; reader = "Virtual";', self.reader.beside()
        node.configure()
        return node

    def close(self):
        self.stack.close()
        self.reader.close()


class PgWorld(World):
    """As World, and the database is a server."""
    label = ", PostgreSQL"

    def close(self):
        assert self.inst.stop() == 0, self.inst.log_text()


class DeviceWorld(World):
    """A node whose keys are in a device, from the first on. What a module does in the agent's process is the module's."""

    def __init__(self, home, path, kind, spare=""):
        super().__init__(home)
        self.device = kind(path)
        self.label = f", {kind.__name__.upper() if kind is Tpm else 'token'}"
        self.agent_env = {**(self.device.env or os.environ), **{k: v for k, v in home.env.items() if k not in os.environ}, "MST_FAULT_SPARE": spare}

    def new(self):
        if isinstance(self.device, Tpm):
            self.device.tool("tpm2_clear", "-c", "lockout")         # each node has a TPM of its own; a counter of each would fill this one
        return born(self.inst, self.device, next(self.home.count), known=False)

    def make_room(self):
        """What the kernel does behind /dev/tpmrm0 when a process ends: objects of one that could not flush them are no longer there."""
        if isinstance(self.device, Tpm):
            self.device.tool("tpm2_flushcontext", "-t")

    def one_truth(self, node):
        self.make_room()
        super().one_truth(node)

    def recover(self, node):
        self.make_room()
        super().recover(node)

    def close(self):
        self.device.stop()


class StartWorld(World):
    """The start of musterd: it serves then, or has ended and said why."""
    label = ", start"
    young = ()
    seconds = 30

    def __init__(self, home):
        super().__init__(home)
        self.turn = itertools.cycle((World(home), SimWorld(home)))

    def counted_once(self, process):
        assert self.inst.stop() == 0, self.inst.log_text()
        self.pages[process].arm()
        self.inst.start()
        self.pages[process].disarm()
        return self.pages[process].counts()

    def starts(self):
        """True: it is ready; False: it has ended. Neither, and it hangs."""
        inst = self.inst
        notify = inst.dir / "notify.sock"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            ready.settimeout(0.1)
            with open(inst.log, "ab") as log:
                inst.process = subprocess.Popen([*inst.wrap, MUSTERD, "-c", str(inst.config)], stdout=log, stderr=log,
                                                env={**os.environ, "NOTIFY_SOCKET": str(notify)})
            deadline = time.monotonic() + self.seconds
            while time.monotonic() < deadline:
                try:
                    if b"READY=1" in ready.recv(4096):
                        return True
                except socket.timeout:
                    if inst.process.poll() is not None:
                        return False
        raise AssertionError(f"it neither serves nor ends: {inst.log_text()[-2500:]}")

    def attempt(self, process, fault):
        inst, home, page = self.inst, self.home, self.pages[process]
        assert not inst.process or inst.process.poll() is not None or inst.stop() == 0, inst.log_text()
        since = inst.log.stat().st_size
        inst.wrap = [*home.plain_wrap, "MST_FAIL_SPARE=libcrypto libssl libfreebl"]
        page.arm(*fault)
        try:
            ready = self.starts()
        except AssertionError:
            inst.process.send_signal(signal.SIGKILL)
            inst.process.wait()
            page.disarm()
            inst.process, inst.wrap = None, home.plain_wrap
            inst.start()
            raise
        finally:
            page.disarm()
            inst.wrap = home.plain_wrap
        log = home.said(since)
        assert not crashed(log), log
        if not ready:
            status, inst.process = inst.process.returncode, None
            assert status > 0, status
            told = re.findall(r"(?m)^(?!.* (?:info|debug) |.*runs as root|ready |.*a process has ended|.*cannot run process).*\S.*$", log)
            inst.start()
            self.serves()
            assert told and not re.search(FALSE, log), f"it ended with {status} and said nothing of it: {log}"
            return "refused"
        self.serves()
        log = home.said(since)
        assert not crashed(log), log
        return "missed" if not page.hits else "ended" if "a process has ended" in log else "went on"

    def serves(self):
        """In one of both ways, in turn: what a role is wanted for is there."""
        world = next(self.turn)
        world.recover(world.new())
