"""Story: whatever call fails, and whichever allocation, in any process while a node is brought into service: no program ends by a
signal, hangs or says nothing; and once the fault is gone that same node enrols, with one credential that both ends hold.

An ordinary run takes every so manieth point, always the same ones. `make sweep` takes each: MST_SWEEP=1, or N for every call and
every N-th allocation; MST_SWEEP_FIGURES names doc/failure-sweeps.md, where the figures go.
"""
import os
import re
import subprocess

import pytest

import sweeping
from support import RUN_SECONDS, Installation, until
from test_power_cut import one_truth, store_is_whole, works

COUNT = iter(range(1, 1000000))
WHOLE = int(os.environ.get("MST_SWEEP", 0))
# Connections to other servers are kept open: only a young process opens one.
YOUNG = ("connector",)
# Of what happens to one connection the other end tells; that the store's files are not to be found is said once, until they are.
BETWEEN = ("send", "recv", "epoll_ctl", "sockopt", "sockname", "accept", "stat")
SERVERS = ("engine", "keeper", "connector", "listener-mef-0", "listener-maf-0", "listener-local")
# A sanitized program has an allocator of its own, which is not ours to fail.
SANITIZED = "MST_SANITIZED" in os.environ
WHAT = ("calls",) if SANITIZED else ("calls", sweeping.MEMORY)
# process: every so manieth point of the calls, of the allocations
STEPS = {"muster-agent": (97, 61), "engine": (59, 251), "keeper": (23, 23), "connector": (37, 7), "listener-mef-0": (59, 151),
         "listener-maf-0": (59, 29), "listener-local": (37, 7)}


class Sweep:
    """An installation whose every process can be told what fails."""

    def __init__(self, path):
        self.faults = path / "faults"
        self.faults.mkdir()
        self.pages = {name: sweeping.Page(self.faults, name) for name in ("musterd", *SERVERS, "muster-agent")}
        self.inst = Installation(path / "inst")
        self.inst.configure(replace={"listeners = 2;": "listeners = 1;"})
        self.env = sweeping.environment(self.faults)
        self.inst.wrap = ["env", f"LD_PRELOAD={self.env['LD_PRELOAD']}", f"MST_FAULT_DIR={self.faults}"]
        self.inst.start()
        self.inst.subscription()
        self.rows = []

    def enrol(self, node, process):
        """What an operator and a node do; the results of both."""
        return node.add(check=False), node.run_once(env=self.env if process == "muster-agent" else None)

    def said(self, since):
        return self.inst.log.read_bytes()[since:].decode(errors="replace")

    def restart(self):
        """Processes as young as at first: who has died often is waited for."""
        assert self.inst.stop() == 0, self.inst.log_text()
        self.inst.start()
        store_is_whole(self.inst)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    one = Sweep(tmp_path_factory.mktemp("sweep"))
    yield one
    assert one.inst.stop() == 0, one.inst.log_text()
    figures = os.environ.get("MST_SWEEP_FIGURES")
    if figures:
        sweeping.write_figures(figures, one.rows)


def crashed(text):
    return re.search(r"with=\"?signal (?!9\b)|Sanitizer|runtime error|stack smashing|Assertion|corrupt", text)


def attempt(sweep, process, fault):
    """One fault while a node is brought into service, and what came of it: "missed" when it was not reached."""
    inst, page, node = sweep.inst, sweep.pages[process], sweep.inst.node(next(COUNT), known=False)
    if process in YOUNG:
        sweep.restart()
    since = inst.log.stat().st_size
    page.arm(*fault)
    try:
        added, done = sweep.enrol(node, process)
    finally:
        page.disarm()
    log = sweep.said(since)
    for r in (added, done):
        assert r.returncode >= 0 and not crashed(r.stderr), f"{r.returncode} {r.stderr[-3000:]}"
        assert r.returncode == 0 or r.stderr.strip(), "a failure without a word"
    assert not crashed(log), log
    if done.returncode == 0:
        one_truth(inst, node)
    elif process == "muster-agent":
        assert re.search(r" warn | error |^muster-agent: |^/[^ ]+: ", done.stderr, re.M), done.stderr
        assert 'detail=""' not in done.stderr and "(null)" not in done.stderr, done.stderr
    elif page.hits and added.returncode == 0 and fault[0] not in BETWEEN:
        assert re.search(r"\b(warning|error)\b|refused|failed", log), f"the daemon says nothing of it: {log}\n{done.stderr[-3000:]}"
    recover(inst, node)
    log = sweep.said(since)
    died = "a process has ended" in log
    assert not crashed(log), log
    if died:
        sweep.restart()
    if not page.hits:
        return "missed"
    return "ended" if died else "went on" if done.returncode == 0 and added.returncode == 0 else "refused"


def recover(inst, node):
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

    until("the node is known", known, RUN_SECONDS, context=lambda: said[-1] + inst.log_text())
    until("the node is enrolled", enrolled, RUN_SECONDS, context=lambda: said[-1] + inst.log_text())
    one_truth(inst, node)
    assert works(node), inst.log_text()


def counted(sweep, process):
    """What is called without a fault; for a sample, what is called each time: a process that has begun just now does more."""
    counts = counted_once(sweep, process)
    again = counts if WHOLE else counted_once(sweep, process)
    return {kind: min(n, again.get(kind, 0)) for kind, n in counts.items() if again.get(kind)}


def counted_once(sweep, process):
    if process in YOUNG:
        sweep.restart()
    sweep.pages[process].arm()
    added, done = sweep.enrol(sweep.inst.node(next(COUNT), known=False), process)
    sweep.pages[process].disarm()
    assert added.returncode == 0 and done.returncode == 0, done.stderr
    return sweep.pages[process].counts()


def swept(sweep, process, faults, attempt_one):
    """Each fault in turn; all that is wrong is told at the end, of each the place where the call was made. How many calls there are is
    partly chance, so of the few of a sample one that was not reached is tried twice more."""
    outcomes, wrong = {}, []
    for fault in faults:
        try:
            for _ in range(1 if WHOLE else 3):
                outcome = attempt_one(sweep, process, fault)
                if outcome != "missed":
                    break
        except (AssertionError, subprocess.TimeoutExpired) as e:
            outcome = "wrong"
            wrong.append(f"{process} {fault} at {sweep.pages[process].trace}\n{e}")
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes, wrong


@pytest.mark.parametrize("process", STEPS)
@pytest.mark.parametrize("what", WHAT)
def test_enrolment(sweep, process, what):
    # how often it waits is chance: the first are enough
    counts = {k: min(n, 24) if k == "epoll_wait" else n for k, n in counted(sweep, process).items() if (k == sweeping.MEMORY) == (what == sweeping.MEMORY)}
    memory = what == sweeping.MEMORY
    step = (WHOLE if memory else 1) if WHOLE else STEPS[process][memory]
    faults = sweeping.points(counts, step, each=bool(WHOLE) or not SANITIZED, for_ever=bool(WHOLE) or process == "muster-agent")
    outcomes, wrong = swept(sweep, process, faults, attempt)
    sweep.rows.append((process, what, sum(counts.values()), len(faults), outcomes))
    print(process, what, sum(counts.values()), len(faults), outcomes)
    assert not wrong, f"{len(wrong)} of {len(faults)}:\n" + "\n\n".join(wrong)
    store_is_whole(sweep.inst)
    assert outcomes.get("missed", 0) <= len(faults) // 2, outcomes        # what is read at once, or in two goes, is chance


def test_a_look_that_fails_decides_nothing(sweep):
    """The copy that was just written cannot be looked at: the older one must not be written over it. Each look near the end, where the
    credential is taken over."""
    looks = counted(sweep, "muster-agent")["stat"]
    faults = [("stat", n, "EACCES", False) for n in range(looks - 16, looks + 1)]
    outcomes, wrong = swept(sweep, "muster-agent", faults, attempt)
    assert not wrong and sum(outcomes.values()) == len(faults), wrong
