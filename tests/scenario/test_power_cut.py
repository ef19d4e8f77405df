"""Story: the power goes at any point, on either side. A node ends enrolled, or cleanly refused, or retrying
with a reason; never with two truths: what the node holds is what the MAF holds (lessons 4, 10, 11, 14).
"""
import os
import re
import signal
import subprocess

import pytest

from support import AGENT, MUSTERD, RUN_SECONDS, START_SECONDS, run


def points_of(program):
    """The names of the crash points, from the program's own table: none can be forgotten here."""
    text = run(program, "--crash-points").stdout
    names = text.split()
    assert len(names) >= 3, text
    return names


def one_truth(installation, node):
    """The credential in the node's active slot is the one live credential that the MAF has for it."""
    mine = node.status()["credential"]["keyID"]
    theirs = [c for c in installation.ask("node", "show", node.id)["credentials"]
              if c["role"] == "maf" and c["state"] == "active"]
    assert [c["keyID"] for c in theirs] == [mine], (mine, theirs)


def prepared(installation):
    installation.maker("acme")
    installation.subscription()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from support import Installation
    inst = Installation(tmp_path_factory.mktemp("cut") / "inst")
    inst.start()
    prepared(inst)
    yield inst
    inst.stop()


@pytest.mark.parametrize("number,point", list(enumerate(points_of(AGENT), 1)), ids=lambda x: str(x))
def test_agent_killed_at_every_durable_point(shared, number, point):
    node = shared.node(number)
    node.configure(add=f'crash_at = "{point}";\n')
    cut = node.run_once()
    assert cut.returncode == -signal.SIGKILL, f"{point} was never reached: {cut.stderr}"
    node.configure()
    done = node.run_once()
    assert done.returncode == 0, f"after {point}: {done.stderr}{shared.log_text()}"
    one_truth(shared, node)
    # and once more: an enrolled node stays as it is
    before = node.status()["credential"]["keyID"]
    assert node.run_once().returncode == 0
    assert node.status()["credential"]["keyID"] == before


@pytest.mark.parametrize("point", points_of(MUSTERD))
@pytest.mark.parametrize("after", [1, 3, 5, 7])
def test_engine_killed_around_its_commits(split, point, after):
    """The engine decides for MEF and MAF alike; it dies at its after-th commit and is restarted."""
    split.configure(add=f'test = {{ crash_at = "{point}"; crash_after = {after}; }};\n')
    split.start()
    # the preparation itself may be hit: an operator repeats a command whose answer was lost
    for step in (lambda: split.maker("acme"), split.subscription, lambda: setattr(split, "one", split.node(1))):
        repeat(split, step)
    node = split.one
    for _ in range(6):
        done = node.run_once()
        if done.returncode == 0:
            break
        wait_for_engine(split)
    assert done.returncode == 0, f"{point} after {after}: {done.stderr}{split.log_text()}"
    one_truth(split, node)
    assert "whole" in split.muster("events", "verify").stdout


def repeat(installation, step):
    for _ in range(4):
        try:
            step()
            return
        except (AssertionError, FileExistsError) as error:
            if re.search(r"there already|exists|taken|\(409\)", str(error)):
                if "node" in str(error):
                    node_dir = next((installation.dir / "nodes").iterdir())
                    adopt(installation, node_dir)
                return
            wait_for_engine(installation)
    raise AssertionError("an operator's command failed four times")


def adopt(installation, node_dir):
    """The node was added, only the answer got lost: go on with its directory."""
    from support import Node
    node = Node.__new__(Node)
    node.inst, node.dir = installation, node_dir
    node.id = "urn:dev:ops:00004C-acme-000001"
    node.cse_id = f"//{installation.sp}/CSE000001"
    node.instruct(installation.instruction())
    if not (node_dir / "anchors.pem").exists():
        (node_dir / "anchors.pem").write_text((installation.dir / "keeper/ca.pem").read_text())
    node.configure()
    installation.one = node


def wait_for_engine(installation):
    """The supervisor restarts a child that died; a power cut takes the whole daemon, and is over by now."""
    try:
        code = installation.process.wait(1)
        assert code == -signal.SIGKILL, f"the daemon ended with {code}:\n{installation.log_text()}"
        installation.configure()
        installation.start()
    except subprocess.TimeoutExpired:
        pass
    done = installation.muster("status", "--wait", START_SECONDS, check=False, timeout=RUN_SECONDS)
    assert done.returncode == 0, f"the engine did not come back:\n{installation.log_text()}"


@pytest.mark.parametrize("kind", ["listener", "connector", "keeper", "engine"])
def test_a_killed_process_comes_back(split, kind):
    split.start()
    prepared(split)
    for pid in split.children()[kind]:
        os.kill(pid, signal.SIGKILL)
    wait_for_engine(split)
    node = split.node(1)
    for _ in range(5):
        done = node.run_once()
        if done.returncode == 0:
            break
        wait_for_engine(split)
    assert done.returncode == 0, done.stderr + split.log_text()
    one_truth(split, node)


def test_the_whole_daemon_killed_and_started_again(split):
    split.start()
    prepared(split)
    first = split.node(1)
    assert first.run_once().returncode == 0
    split.process.kill()
    split.process.wait(RUN_SECONDS)
    split.start()
    second = split.node(2)
    done = second.run_once()
    assert done.returncode == 0, done.stderr + split.log_text()
    assert first.agent("run", "--once", "--confirm").returncode == 0
    one_truth(split, first)
    one_truth(split, second)
