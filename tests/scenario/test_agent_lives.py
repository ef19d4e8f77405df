"""Story: the agent runs for a long time, and things change around it: the credential's end comes nearer, the
provider's servers are away for a while, the provider revokes the node.
"""
import contextlib
import fcntl
import json
import socket
import subprocess

import pytest

from support import AGENT, RUN_SECONDS, AlertServer, Installation, until


def enrolled(agent):
    return agent.wait_log(r" enrolled key=(\S+)").group(1)


def active_at_maf(installation, node):
    return [c["keyID"] for c in installation.ask("node", "show", node.id)["credentials"]
            if c["role"] == "maf" and c["state"] == "active"]


def test_the_credential_is_renewed_before_it_ends(installation):
    """Lessons 9 and 4: nobody has to come; the old credential is in use until the new one has been proven."""
    installation.maker("acme")
    # renewed in its last fifth: a machine that is slower than that gets more
    for n, seconds in enumerate((15, 60, 240), 1):
        node = installation.node(n, subscription=installation.subscription(f"sub-{n}", key_lifetime=f"{seconds}s"))
        with node.running() as agent:
            first = enrolled(agent)
            old = node.status()["credential"]
            assert old["keyID"] == first
            agent.wait_log("triggered by=renewal", seconds + RUN_SECONDS)
            second = enrolled(agent)
            status = node.status()
            assert second != first and status["credential"]["keyID"] == second
            assert status["state"] == "enrolled" and status["trigger"] == "renewal"
            assert old["renewAt"] <= status["credential"]["obtained"], (old, status["credential"])
            if status["credential"]["obtained"] < old["notAfter"]:
                assert node.agent("check").returncode == 0
                assert active_at_maf(installation, node) == [second]
                return
    raise AssertionError((old, status["credential"]))


def test_servers_that_are_away_change_nothing(installation):
    """Lessons 2 and 6: unreachable is not unknown. The node stays enrolled, and is found good again later."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    node.configure(add='check_every = "1s";\n')
    with node.running() as agent:
        key = enrolled(agent)
        agent.wait_log("checked .*result=good")
        installation.stop()
        for _ in range(4):
            agent.wait_log('checked .*result="?unreachable')
        assert node.status()["state"] == "enrolled"
        asked = node.agent("check")
        assert asked.returncode == 1 and "unclear" in asked.stderr, asked.stderr
        installation.start()
        agent.wait_log("checked .*result=good")
        assert node.agent("check").returncode == 0
    assert node.status()["credential"]["keyID"] == key
    assert "credential-lost" not in agent.log.read_text()
    # and a start without any server, as after a power cut of the whole site
    installation.stop()
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        assert node.status()["state"] == "enrolled"


def test_a_suspended_node_comes_back_by_itself(installation):
    """Lessons 5 and 6: while the subscription is suspended MAF and MEF both refuse, and refused is not unknown: the
    node keeps what it has. Afterwards nobody has to touch it."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    node.configure(add='check_every = "1s";\n')
    with node.running() as agent:
        key = enrolled(agent)
        agent.wait_log("checked .*result=good")
        installation.muster("subscription", "suspend", "sub-1")
        for _ in range(2):
            agent.wait_log("asked-mef result=refused .*4128")
        assert node.status()["credential"]["keyID"] == key
        asked = node.agent("check")
        assert asked.returncode == 1 and "refused" in asked.stderr and "subscription" in asked.stderr, asked.stderr
        installation.muster("subscription", "resume", "sub-1")
        agent.wait_log("checked .*result=good")
        assert node.agent("check").returncode == 0
        assert active_at_maf(installation, node) == [key]
    assert "credential-lost" not in agent.log.read_text()


ALERTS = {"unknown_psk_identity": 115, "handshake_failure": 40, "decrypt_error": 51, "access_denied": 49}


def test_somebody_on_the_path_starts_no_bootstrap(installation):
    """Architecture 6.2, lessons 2, 5 and 6: alerts before the handshake's end are proven by nobody. The node asks the
    MEF, which knows it, and keeps its credential; when the provider revokes it, the MEF's word counts."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    impatient = 'check_every = "1s";\n'
    node.configure(add=impatient)
    with node.running() as agent:
        key = enrolled(agent)
        agent.wait_log("checked .*result=good")
    with AlertServer() as forger:
        node.configure(add=impatient, instead={installation.maf_port: forger.port})
        with node.running() as agent:
            for alert in ALERTS.values():
                forger.alert = alert
                agent.wait_log("asked-mef result=known")
            assert forger.sent > len(ALERTS)
            installation.stop()
            for _ in range(2):
                agent.wait_log("asked-mef result=unclear")
            assert node.status()["state"] == "enrolled"
            installation.start()
            agent.wait_log("asked-mef result=known")
            assert node.status()["credential"]["keyID"] == key
            assert "credential-lost" not in agent.log.read_text()
            assert active_at_maf(installation, node) == [key]
            installation.muster("node", "revoke", node.id, "--reason", "stolen from a van")
            agent.wait_log("asked-mef result=lost")
            agent.wait_log("credential-lost")
            agent.wait_log("instruction-failed reason=refused step=mef.register")


def test_a_revoked_node_asks_again_and_is_refused(installation):
    """Lesson 5: a clear answer leads to bootstrap by itself; there the provider's word counts. The node keeps
    asking, more and more seldom, and says why it is not in."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    node.configure(add='check_every = "1s";\n')
    with node.running() as agent:
        enrolled(agent)
        agent.wait_log("checked .*result=good")
        installation.muster("node", "revoke", node.id, "--reason", "stolen from a van")
        agent.wait_log("credential-lost")
        for _ in range(2):
            agent.wait_log("instruction-failed reason=refused step=mef.register")
        status = node.status()
        assert status["state"] in ("waiting", "bootstrapping"), status
        assert active_at_maf(installation, node) == []
    # the same after a restart, and the status says why without a running agent
    with node.running() as agent:
        agent.wait_log("instruction-failed reason=refused step=mef.register")
    failed = node.failed_runs()[0]
    assert [(r["reason"], r["step"]) for r in failed["reports"]] == [("refused", "mef.register")], failed
    attempt = failed["attempt"]
    assert attempt == attempt.lower()
    refused = installation.events("--attempt", attempt)
    assert refused and {e["what"] for e in refused} == {"mef.refused"}, refused
    assert "revoked" in refused[-1]["why"], refused


def test_a_private_key_for_everybody_is_refused(installation):
    """The initial credential is the node: the agent does not start with a key that others can read."""
    installation.maker("acme")
    node = installation.node(1, known=False)
    key = node.dir / "node.key"
    assert node.agent("--check").returncode == 0
    key.chmod(0o640)
    refused = node.agent("--check")
    assert refused.returncode != 0 and "chmod 600" in refused.stderr, refused


def held(path):
    """Somebody has the lock of that file."""
    with open(path, "r+b") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def ask(node, *command):
    return subprocess.Popen([AGENT, "-c", str(node.dir / "muster-agent.conf"), *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def test_status_while_the_agent_starts(tmp_path):
    """Between its lock and its socket an agent is waited for; one that does not come further is told as what it is. Whoever
    looks into the store for a moment does not make the agent's start fail."""
    installation = Installation(tmp_path / "inst", processes="single")
    installation.start()
    installation.subscription()
    node = installation.node(1)
    assert node.run_once().returncode == 0
    installation.stop()
    lock, store = node.dir / "run/agent.lock", node.dir / "state/lock"
    # an agent that comes no further than its lock
    with open(lock, "r+b") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        waiting = [ask(node, "status"), ask(node, "status", "--json"), ask(node, "check")]
        said = [(p.communicate(timeout=RUN_SECONDS), p.returncode) for p in waiting]
    assert [code for _, code in said] == [4, 4, 4], said
    assert said[0][0][0].startswith("state         starting\n") and "starting" in said[2][0][1], said
    assert json.loads(said[1][0][0])["state"] == "starting"
    # one that is held up at its store until the question has been asked, and then comes through
    with open(store, "r+b") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        with node.running() as agent:
            until("the agent has its lock", lambda: held(lock), RUN_SECONDS)
            question = ask(node, "status", "--json")
            fcntl.flock(f, fcntl.LOCK_UN)
            out, err = question.communicate(timeout=RUN_SECONDS)
            assert question.returncode == 0 and json.loads(out)["state"] == "enrolled", (question.returncode, out, err)
            agent.wait_log("enrolled-already")
    assert node.status()["state"] == "enrolled"


def at_the_socket(node, end, question=None):
    """A program that has connected to the agent's socket, and perhaps asked something."""
    peer = end.enter_context(socket.socket(socket.AF_UNIX))
    peer.connect(str(node.dir / "run/agent.sock"))       # waits while others do
    peer.settimeout(RUN_SECONDS)
    if question:
        peer.sendall(json.dumps(question).encode() + b"\n")
    return peer


def test_who_waits_at_the_agents_socket_keeps_nobody_out(tmp_path):
    """Programs that hold a connection and say nothing, and others whose question waits for a silent MAF: the next command is answered."""
    installation = Installation(tmp_path / "inst", processes="single")
    installation.start()
    installation.subscription()
    node = installation.node(1)
    assert node.run_once().returncode == 0
    installation.stop()
    with contextlib.ExitStack() as end:
        silent = end.enter_context(socket.create_server(("127.0.0.1", 0)))
        node.configure(instead={installation.maf_port: silent.getsockname()[1]})
        agent = end.enter_context(node.running())
        agent.wait_log("enrolled-already")
        idle = [at_the_socket(node, end) for _ in range(40)]
        assert node.status()["state"] == "enrolled"
        assert agent.wait_log("control-full")
        assert idle[0].recv(1) == b""                    # the one that was silent longest
        links = [at_the_socket(node, end, {"op": "saef-connect", "peer": "//sp.example/CSE2"}) for _ in range(20)]
        checks = [at_the_socket(node, end, {"op": "check"}) for _ in range(20)]
        assert node.status()["state"] == "enrolled"
        # who was too many is told so, and no question that waits was given up for others
        assert json.loads(links[19].recv(4096))["outcome"] == "busy"
        assert "wait" in json.loads(checks[19].recv(4096))["error"]["text"]
        for waits in links[0], checks[0]:
            waits.setblocking(False)
            with pytest.raises(BlockingIOError):
                waits.recv(1)
