"""Story: the power goes at any point, on either side. A node ends enrolled, or cleanly refused, or retrying
with a reason; never with two truths: what the node holds is what the MAF holds (lessons 4, 10, 11, 14).
"""
import concurrent.futures
import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

from briefer import Briefer, der, dial
from support import AGENT, MUSTERD, RUN_SECONDS, START_SECONDS, AlertServer, Installation, passages_of, run, until

COUNT = iter(range(1, 100000))
# A sanitized build looks for other faults than the ordinary one, and is slow: every point there too, fewer passages.
PASSAGES = (1, 3) if os.environ.get("MST_SANITIZED") else (1, 2, 3, 6)
TRIES = 4


def points_of(program):
    """The names of the crash points, from the program's own table: none can be forgotten here."""
    names = run(program, "--crash-points").stdout.split()
    assert len(names) >= 3, names
    return names


# without the points that only a bundle, a pushed trigger or a SIM reaches: test_bundle.py, test_trigger_datagram.py, test_gba_agent.py
AGENT_POINTS = [p for p in points_of(AGENT) if p not in ("bundle-noted", "trigger-kept", "bootstrapped", "naf-keyed")]
SERVER_POINTS = points_of(MUSTERD)


def status(node):
    return json.loads(node.agent("status", "--json").stdout)


def key_of(node):
    return status(node)["credential"]["keyID"]


def at_the_maf(inst, node):
    return {c["keyID"]: c["state"] for c in inst.ask("node", "show", node.id)["credentials"] if c["role"] == "maf"}


def one_truth(inst, node):
    """The credential in the node's active slot is the one live credential that the MAF has for it, and works."""
    shown, theirs = status(node), at_the_maf(inst, node)
    assert shown["state"] == "enrolled" and not shown["pending"], shown
    assert [k for k, state in theirs.items() if state == "active"] == [shown["credential"]["keyID"]], (shown, theirs)


def works(node):
    """A handshake with the MAF under the credential in the active slot."""
    return node.agent("check").returncode == 0


def store_is_whole(inst):
    """The database itself, and the chain of the audit log."""
    done = run("sqlite3", inst.dir / "store/muster.db", "PRAGMA integrity_check; PRAGMA foreign_key_check;")
    assert done.stdout.strip() == "ok", done.stdout
    assert "whole" in inst.muster("events", "verify").stdout


def enrol(node, inst, tries=TRIES):
    """A node whose attempt was cut asks again, as its backoff would have it do."""
    for _ in range(tries):
        done = node.run_once()
        if done.returncode == 0:
            return
    raise AssertionError(f"{node.id} is not enrolled after {tries} tries: {done.stderr}{inst.log_text()}")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("cut") / "inst")
    inst.start()
    inst.subscription()
    yield inst
    inst.stop()


# --- the node's power ---

@pytest.fixture(scope="module")
def bbn(shared):
    with Briefer(shared.dir / "bbn-cut", f"bbn.owner.{shared.sp}", lambda q: [shared.instruction()],
                 makers=(shared.dir / "makers/acme.pem",)) as one:
        yield one


def new_node(inst, bbn, point):
    """Points of the dialogue with a briefing node need one; the others are reached without."""
    node = inst.node(next(COUNT))
    if point.startswith("brief"):
        node.instruct(bbn.instruction())
    return node


def configure(node, bbn, point, add=""):
    if point.startswith("brief"):
        dial(node, bbn, add=add)
    else:
        node.configure(add=add)


@pytest.mark.parametrize("point", AGENT_POINTS)
def test_agent_killed_at_every_durable_point(shared, bbn, point):
    node = new_node(shared, bbn, point)
    configure(node, bbn, point, add=f'crash_at = "{point}";\n')
    cut = node.run_once()
    assert cut.returncode == -signal.SIGKILL, f"{point} was never reached: {cut.stderr}"
    configure(node, bbn, point)
    done = node.run_once()
    assert done.returncode == 0, f"after {point}: {done.stderr}{shared.log_text()}"
    one_truth(shared, node)
    # and once more: an enrolled node stays as it is
    before = key_of(node)
    assert node.run_once().returncode == 0 and works(node)
    assert key_of(node) == before
    one_truth(shared, node)


@pytest.mark.parametrize("point", AGENT_POINTS)
def test_agent_killed_while_it_replaces_a_credential(shared, bbn, point):
    """Lesson 4: the credential in use is given up only for one that has been used."""
    node = new_node(shared, bbn, point)
    configure(node, bbn, point)
    assert node.run_once().returncode == 0
    old = key_of(node)
    configure(node, bbn, point, add=f'crash_at = "{point}";\n')
    with subprocess.Popen([AGENT, "-c", str(node.dir / "muster-agent.conf"), "run"], stderr=subprocess.PIPE, text=True) as agent:
        assert any("enrolled-already" in line for line in agent.stderr), "it starts with what it has"
        node.agent("trigger")
        agent.stderr.read()
        assert agent.wait(RUN_SECONDS) == -signal.SIGKILL, f"{point} was never reached"
    configure(node, bbn, point)
    if point not in ("confirmed", "proof-saved", "promoted", "briefing-reported"):
        assert key_of(node) == old and at_the_maf(shared, node)[old] == "active"
        assert works(node), f"the old credential does not work after {point}: {shared.log_text()}"
    enrol(node, shared, tries=1)
    one_truth(shared, node)
    assert works(node)
    enrol(node, shared, tries=1)
    one_truth(shared, node)


def test_where_a_credential_came_from_survives_those_that_did_not_come(shared):
    """Where the pending one comes from is written in front of it, and the power goes between the two, again and again: what
    is known of the MEF of the one in use stays. Only the instruction ever knew whom to trust there; it is gone, and so is the
    MAF. The MEF is asked all the same."""
    node, anchors = shared.node(next(COUNT)), shared.dir / "keeper/ca.pem"
    (node.dir / "anchors.pem").write_text((shared.dir / "makers/acme.pem").read_text())
    good = shared.instruction(anchors=[der(anchors)])
    node.instruct(good)
    assert node.run_once().returncode == 0
    old, conf = key_of(node), node.dir / "muster-agent.conf"
    plain = conf.read_text()
    for _ in range(3):
        conf.write_text(plain + 'crash_at = "origin-kept";\n')
        with subprocess.Popen([AGENT, "-c", str(conf), "run"], stderr=subprocess.PIPE, text=True) as agent:
            if any("enrolled-already" in line or "resuming" in line for line in agent.stderr):
                node.agent("trigger")           # joins what was resumed; or nobody is there any more
            agent.stderr.read()
            assert agent.wait(RUN_SECONDS) == -signal.SIGKILL
        conf.write_text(plain)
        assert key_of(node) == old and not status(node)["pending"] and works(node)
    node.instruct(shared.instruction(uri=f"https://{shared.mef}:1"))
    with AlertServer() as forger:
        node.configure(instead={shared.maf_port: forger.port})
        done = node.agent("check", "--json")
        assert done.returncode == 1 and json.loads(done.stdout)["result"] == "refused", done.stdout + done.stderr
    node.configure()
    node.instruct(good)
    enrol(node, shared, tries=1)
    one_truth(shared, node)


# --- the servers' power ---

@pytest.fixture(scope="module", params=["split", "single"])
def daemon(request, tmp_path_factory):
    """A prepared installation that does not run; one listener for each role, so that passages can be counted."""
    inst = Installation(tmp_path_factory.mktemp(f"power-{request.param}") / "inst", processes=request.param)
    inst.one_listener = re.sub(r"(?m)^listeners = \d+;", "listeners = 1;", inst.plain_config)
    inst.config.write_text(inst.one_listener)
    inst.start()
    inst.subscription()
    inst.stop()
    yield inst
    inst.stop()


@pytest.mark.parametrize("point", SERVER_POINTS)
def test_daemon_killed_at_every_durable_point(daemon, point):
    """MEF, MAF and all that serves them lose their power at the n-th passage of a point."""
    daemon.config.write_text(daemon.one_listener)
    daemon.start()
    nodes = {passage: [daemon.node(next(COUNT)) for _ in range(2)] for passage in passages_of(point, PASSAGES)}
    daemon.stop()
    for passage, pair in nodes.items():
        cut_while(daemon, pair, point, passage)
        daemon.config.write_text(daemon.one_listener)
        daemon.start()
        for node in pair:
            enrol(node, daemon)
            one_truth(daemon, node)
        store_is_whole(daemon)
        daemon.stop()


def cut_while(inst, nodes, point, passage):
    """Run nodes until the daemon has died of it; a node that is enrolled already is told to enrol again."""
    inst.config.write_text(inst.one_listener + f'test = {{ crash_at = "{point}"; crash_after = {passage}; }};\n')
    inst.start()
    for k in range(4 * passage):
        node = nodes[k % len(nodes)]
        served = again(node) if status(node)["credential"] else node.run_once().returncode == 0
        if dead(inst, 0 if served else 0.2):
            return
    raise AssertionError(f"{point} was not passed {passage} times: {inst.log_text()}")


def dead(inst, seconds):
    """The kernel tells the supervisor of a child's death a moment after the peer sees its socket close. Who was served to
    the end need not wait for it: if there is one, the next run meets it."""
    try:
        code = inst.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    assert code == -signal.SIGKILL, (code, inst.log_text())
    inst.process = None
    return True


def again(node):
    """An enrolled node is told by a person to enrol once more, and does until it has (True) or its server is gone."""
    command = [AGENT, "-c", str(node.dir / "muster-agent.conf"), "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        assert any("enrolled-already" in line for line in agent.stderr)
        node.agent("trigger")
        served = None
        for line in agent.stderr:
            if " enrolled " in line or "instruction-failed" in line:
                served = " enrolled " in line
                break
        agent.terminate()
        agent.stderr.read()
        agent.wait(RUN_SECONDS)
    return served


def test_a_running_agent_gets_there_by_itself(daemon):
    """Nobody helps: the daemon dies in the middle, comes back, and the agent's backoff does the rest."""
    daemon.config.write_text(daemon.one_listener)
    daemon.start()
    node = daemon.node(next(COUNT))
    daemon.stop()
    daemon.config.write_text(daemon.one_listener + 'test = { crash_at = "commit-after"; crash_after = 5; };\n')
    daemon.start()
    command = [AGENT, "-c", str(node.dir / "muster-agent.conf"), "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        try:
            assert any("instruction-failed" in line for line in agent.stderr)
            assert daemon.process.wait(RUN_SECONDS) == -signal.SIGKILL
            daemon.config.write_text(daemon.one_listener)
            daemon.start()
            assert any(" enrolled " in line for line in agent.stderr)
        finally:
            agent.terminate()
            agent.stderr.read()
            agent.wait(RUN_SECONDS)
    one_truth(daemon, node)
    store_is_whole(daemon)
    daemon.stop()


# --- one process of many ---

@pytest.mark.parametrize("kind", ["listener", "connector", "engine", "keeper"])
def test_a_killed_process_comes_back(shared, kind):
    """Killed in the middle of the work of eight nodes: some fail then, all are enrolled afterwards."""
    nodes = [shared.node(next(COUNT)) for _ in range(8)]
    before = shared.children()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(n.run_once) for n in nodes]
        next(concurrent.futures.as_completed(running)).result()
        for pid in before[kind]:
            os.kill(pid, signal.SIGKILL)
        concurrent.futures.wait(running)
        wait_ready(shared, before, before[kind])
        for done in pool.map(lambda n: enrol(n, shared), nodes):
            assert done is None
    for node in nodes:
        one_truth(shared, node)
    after = shared.children()
    assert {k: len(p) for k, p in after.items()} == {k: len(p) for k, p in before.items()}
    assert not set(before[kind]) & set(after[kind])
    assert all(before[k] == after[k] for k in before if k != kind), "the others live on"
    store_is_whole(shared)


def test_a_keeper_that_hangs_is_replaced(shared):
    """It answers no more and does nothing of its own either: the engine gives it up after five seconds, and it is ended."""
    before = shared.children()
    (keeper,) = before["keeper"]
    os.kill(keeper, signal.SIGSTOP)
    try:
        node = shared.node(next(COUNT))
        assert node.run_once().returncode
        wait_ready(shared, before, [keeper])
        assert enrol(node, shared) is None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGCONT)
    after = shared.children()
    assert all(before[k] == after[k] for k in before if k != "keeper"), "the others live on"


def wait_ready(inst, before, gone):
    def look():
        now = inst.children()
        return {k: len(p) for k, p in now.items()} == {k: len(p) for k, p in before.items()} and \
            not set(gone) & {pid for pids in now.values() for pid in pids}
    until("all are there again, and none that was killed", look, START_SECONDS, inst.log_text)
    assert inst.muster("status", "--wait", START_SECONDS, check=False, timeout=RUN_SECONDS).returncode == 0, inst.log_text()


def test_the_whole_daemon_killed_and_started_again(shared):
    first, second = shared.node(next(COUNT)), shared.node(next(COUNT))
    assert first.run_once().returncode == 0
    shared.process.kill()
    shared.process.wait(RUN_SECONDS)
    shared.start()
    done = second.run_once()
    assert done.returncode == 0, done.stderr + shared.log_text()
    assert works(first), "a credential from before the cut"
    one_truth(shared, first)
    one_truth(shared, second)
    store_is_whole(shared)
