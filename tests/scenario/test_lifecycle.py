"""Story: time passes. Clocks that are wrong, subscriptions that bound lifetimes, revocation, repetition,
several nodes at once.
"""
import concurrent.futures
import datetime
import subprocess

from support import AGENT, RUN_SECONDS


def when(timestamp):
    return datetime.datetime.strptime(timestamp, "%Y%m%dT%H%M%S")


def test_the_subscription_bounds_every_lifetime(installation):
    installation.maker("acme")
    installation.subscription(until="+2d", key_lifetime="90d")
    node = installation.node(1)
    assert node.run_once().returncode == 0
    end = when(installation.ask("subscription", "show", "sub-1")["notAfter"])
    assert when(node.status()["credential"]["notAfter"]) <= end
    for credential in installation.ask("node", "show", node.id)["credentials"]:
        assert when(credential["expires"]) <= end


def test_an_ended_subscription_enrols_nobody(installation):
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    installation.muster("subscription", "end", "sub-1")
    done = node.run_once()
    assert done.returncode == 1
    assert [r["reason"] for r in node.status()["reports"]] == ["refused"]


def test_a_revoked_node_is_out_at_mef_and_maf(installation):
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    assert node.run_once().returncode == 0
    installation.muster("node", "revoke", node.id, "--reason", "stolen from a van")
    shown = installation.ask("node", "show", node.id)
    assert shown["state"] == "revoked" and shown["reason"] == "stolen from a van"
    assert all(c["state"] == "revoked" for c in shown["credentials"]), shown
    # its root credential is refused by the MAF, and a new enrolment by the MEF
    done = node.agent("check")
    assert done.returncode == 1 and "lost" in done.stderr, done.stderr
    node.instruct(installation.instruction(label="again"))
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        assert node.agent("trigger").returncode == 0
        agent.wait_log("instruction-failed")
    runs = node.failed_runs()
    assert runs and [r["reason"] for r in runs[0]["reports"]] == ["refused"], runs


def test_repeated_enrolment_keeps_one_registration(installation):
    """Lessons 10 and 12: asking again is not an error and does not pile anything up."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    assert node.run_once().returncode == 0
    keys = [node.status()["credential"]["keyID"]]
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        for generation in range(3):
            done = node.agent("trigger", str(node.dir / "instructions.json"), check=True)
            attempt = done.stdout.split()[-1]
            agent.wait_log(rf" enrolled .*attempt={attempt}")
            status = node.status()
            assert status["attempt"] == attempt and status["trigger"] == "control"
            assert [r["reason"] for r in status["reports"]] == ["ok"]
            keys.append(status["credential"]["keyID"])
    assert len(set(keys)) == 4, "each enrolment makes a key of its own"
    assert node.agent("check").returncode == 0
    shown = installation.ask("node", "show", node.id)
    assert len([r for r in shown["registrations"] if r["role"] == "mef"]) == 1
    assert len([c for c in shown["credentials"] if c["role"] == "maf" and c["state"] == "active"]) == 1


def test_twenty_at_once(installation):
    installation.maker("acme")
    installation.subscription()
    nodes = [installation.node(n) for n in range(1, 21)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: n.run_once(), nodes))
    assert [r.returncode for r in results] == [0] * 20, [r.stderr for r in results if r.returncode]
    assert installation.ask("status")["nodes"]["enrolled"] == 20


def test_two_runs_of_one_node_do_not_disturb_each_other(installation):
    """Lesson 13: the second agent on the same state sees the lock and says so."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    command = [AGENT, "-c", str(node.dir / "muster-agent.conf"), "run", "--once"]
    pair = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [p.communicate(timeout=RUN_SECONDS) for p in pair]
    codes = sorted(p.returncode for p in pair)
    assert codes[0] == 0, outputs
    assert codes[1] == 0 or any("another" in err or "lock" in err for _, err in outputs), outputs
    assert node.status()["state"] == "enrolled"
