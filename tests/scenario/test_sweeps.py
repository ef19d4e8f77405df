"""Story: whatever call fails, and whichever allocation, in any process while a node is brought into service, or while musterd starts: no
program ends by a signal, hangs or says nothing; and once the fault is gone that same node enrols, with one credential that both ends hold.

An ordinary run takes every so manieth point, always the same ones. `make sweep` takes each: MST_SWEEP=1, or N for every call and
every N-th allocation, and MST_SWEEP_ONCE=1 none for ever; MST_SWEEP_FIGURES names doc/failure-sweeps.md, where the figures go.
"""
import os
import signal
import subprocess

import pytest

import sweeping
from postgres import Postgres
from support import until
from sweep_worlds import WHOLE, CardWorld, DeviceWorld, Home, PgWorld, SimWorld, StartWorld, Token, Tpm, World, crashed

ONCE = "MST_SWEEP_ONCE" in os.environ
KINDS = os.environ.get("MST_SWEEP_KINDS", "").split()       # of the calls, these only: to try again what was mended
# A sanitized program has an allocator of its own, which is not ours to fail.
SANITIZED = "MST_SANITIZED" in os.environ
CALLS, MEMORY = "calls", sweeping.MEMORY
# world: process: every so manieth point of the calls, of the allocations. None: in a sample not at all; 0: never, for they are not ours, or
# nothing that is not looked at in another world.
STEPS = {
    "certificate": {"muster-agent": (97, 61), "engine": (59, 251), "keeper": (23, 23), "connector": (37, 7), "listener-mef-0": (59, 151),
                    "listener-maf-0": (59, 29), "listener-local": (37, 7)},
    "sim": {"muster-agent": (499, None), "engine": (None, None), "keeper": (None, None), "connector": (None, 0), "listener-bsf-0": (19, None),
            "listener-hss-0": (None, None), "listener-zn-0": (None, None)},
    "card": {"muster-agent": (None, 0)},
    "token": {"muster-agent": (None, 0)},
    "tpm": {"muster-agent": (None, 0)},
    "postgresql": {"engine": (307, None)},
    "start": {"musterd": (None, 0), "engine": (None, None), "keeper": (None, 0), "connector": (None, 0), "listener-mef-0": (None, 0),
              "listener-bsf-0": (None, 0), "listener-local": (None, 0)},
}
POINTS = [(world, process, what) for what in ((CALLS,) if SANITIZED else (CALLS, MEMORY)) for world, steps in STEPS.items()
          for process, step in steps.items() if step[what == MEMORY] or WHOLE and step[what == MEMORY] is None]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    one = Home(tmp_path_factory.mktemp("sweep"))
    yield one
    assert one.inst.stop() == 0, one.inst.log_text()
    figures = os.environ.get("MST_SWEEP_FIGURES")
    if figures:
        sweeping.write_figures(figures, one.rows)


@pytest.fixture(scope="module")
def worlds(home, tmp_path_factory):
    """By name; each is made when it is wanted first."""
    made, devices = {}, []

    def device(kind, spare):
        devices.append(DeviceWorld(home, tmp_path_factory.mktemp("device"), kind, spare))
        return devices[-1]

    def in_reader():
        devices.append(CardWorld(home, tmp_path_factory.mktemp("reader")))
        return devices[-1]

    def on_postgres():
        server = Postgres(durable=False)
        devices.append(server)
        devices.append(PgWorld(Home(tmp_path_factory.mktemp("sweep-pg"), server.create("muster"))))
        return devices[-1]

    makers = {"certificate": lambda: World(home), "sim": lambda: SimWorld(home), "token": lambda: device(Token, "libsofthsm2 libstdc++"),
              "tpm": lambda: device(Tpm, ""), "card": in_reader, "postgresql": on_postgres, "start": lambda: StartWorld(home)}
    yield lambda name: made[name] if name in made else made.setdefault(name, makers[name]())
    for d in reversed(devices):
        d.close()


def swept(world, process, faults):
    """Each fault in turn; all that is wrong is told at the end, of each the place where the call was made. How many calls there are is
    partly chance, so of the few of a sample one that was not reached is tried twice more."""
    outcomes, wrong = {}, []
    for fault in faults:
        try:
            for _ in range(1 if WHOLE else 3):
                outcome = world.attempt(process, fault)
                if outcome != "missed":
                    break
        except (AssertionError, ValueError, subprocess.TimeoutExpired) as e:
            outcome = "wrong"
            wrong.append(f"{process} {fault} at {world.pages[process].trace}\n{e}")
            print(wrong[-1], flush=True)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes, wrong


@pytest.mark.parametrize("name, process, what", POINTS)
def test_every_fault(home, worlds, name, process, what):
    world = worlds(name)
    # how often it waits is chance: the first are enough
    counts = {k: min(n, 24) if k == "epoll_wait" else n for k, n in world.counted(process).items() if (k == MEMORY) == (what == MEMORY)}
    counts = {k: n for k, n in counts.items() if not KINDS or k in KINDS}
    memory = what == MEMORY
    step = (WHOLE if memory else int(os.environ.get("MST_SWEEP_CALLS", 1))) if WHOLE else STEPS[name][process][memory]
    each = bool(WHOLE) if memory or WHOLE or name != "certificate" else not SANITIZED
    lasting = name != "start" and (bool(WHOLE) and not ONCE or not WHOLE and process == "muster-agent")
    faults = sweeping.points(counts, step, each=each, for_ever=lasting)
    outcomes, wrong = swept(world, process, faults)
    row = (process + world.label, what, sum(counts.values()), len(faults), outcomes)
    home.rows += [] if KINDS else [row]
    print(*row, flush=True)
    assert not wrong, f"{len(wrong)} of {len(faults)}:\n" + "\n\n".join(wrong)
    world.home.is_whole()
    # what is read at once, or in two goes, is chance: of each fault, or, where it is tried again, of few
    assert faults and outcomes.get("missed", 0) <= max(1, len(faults) // (2 if WHOLE else 5)), outcomes


def test_a_look_that_fails_decides_nothing(worlds):
    """The copy that was just written cannot be looked at: the older one must not be written over it. Each look near the end, where the
    credential is taken over."""
    world = worlds("certificate")
    looks = world.counted("muster-agent")["stat"]
    faults = [("stat", n, "EACCES", False) for n in range(looks - 16, looks + 1)]
    outcomes, wrong = swept(world, "muster-agent", faults)
    assert not wrong and outcomes.get("missed", 0) <= len(faults) // 5, (outcomes, wrong)


def test_a_crash_is_noticed(home):
    """What else would be an outcome like any other: a process has ended, and there is another one."""
    pid, = home.inst.children()["engine"]
    since = home.inst.log.stat().st_size
    assert not crashed(home.said(0))
    os.kill(pid, signal.SIGSEGV)
    until("it is told", lambda: "a process has ended" in home.said(since))
    assert crashed(home.said(since))
    home.restart()


def test_a_start_that_nobody_could_end(worlds):
    """The supervisor cannot watch its signals, or the link to a process: it has to end there, and not run on deaf."""
    world = worlds("start")
    faults = [("epoll_ctl", n, "ENOMEM", False) for n in (3, 5)]
    outcomes, wrong = swept(world, "musterd", faults)
    assert not wrong and outcomes == {"refused": len(faults)}, (outcomes, wrong)


def test_readiness_is_told_again(worlds):
    """The service manager would end what serves, after a while."""
    outcomes, wrong = swept(worlds("start"), "musterd", [("send", 1, "ENOBUFS", False)])
    assert not wrong and outcomes == {"went on": 1}, (outcomes, wrong)


def test_a_store_that_can_only_be_read(worlds):
    """SQLite opens for reading what it cannot open for writing, and says nothing; the engine would refuse each change from then on."""
    outcomes, wrong = swept(worlds("start"), "engine", [("open", 3, "EACCES", False)])
    assert not wrong and outcomes == {"refused": 1}, (outcomes, wrong)
