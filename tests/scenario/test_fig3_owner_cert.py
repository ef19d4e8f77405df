"""Story (seed G, figure 3, as far as instructions from a file go): the owner installed certificates and the
instructions on its nodes; a node is switched on, enrols at the MEF, and the MAF authenticates it with Km.
"""


def test_a_node_comes_out_with_a_root_credential(installation):
    installation.maker("owner")
    installation.subscription()
    node = installation.node(7, maker="owner")

    done = node.run_once()
    assert done.returncode == 0, done.stderr + installation.log_text()

    status = node.status()
    assert status["state"] == "enrolled"
    credential = status["credential"]
    assert credential["keyID"].endswith("@" + installation.maf)
    assert credential["cseID"] == node.cse_id
    assert credential["nodeID"] == node.id
    assert credential["mafFQDN"] == installation.maf

    shown = installation.ask("node", "show", node.id)
    assert shown["state"] == "enrolled"
    ids = {c["keyID"]: c for c in shown["credentials"] if c["role"] == "maf"}
    assert list(ids) == [credential["keyID"]], "the MAF holds exactly the credential that the node holds"


def test_the_attempt_ties_the_arrows_together(installation):
    """Lesson 20: which arrow, who, when, by one id over node, MEF and MAF."""
    installation.maker("owner")
    installation.subscription()
    node = installation.node(7, maker="owner")
    assert node.run_once().returncode == 0
    attempt = node.status()["attempt"]
    what = [e["what"] for e in installation.events("--attempt", attempt)]
    mine = ["mef.register", "mef.command", "mef.config", "mef.key-register", "maf.register", "maf.registration",
            "maf.activated"]
    assert what == mine, what
    # the MAF's fetch is under way before the node can name its attempt there: it is tied by node and KeID
    events = installation.events("--node", node.id)
    fetch = next(e for e in events if e["what"] == "mef.fetch")
    fetched = next(e for e in events if e["what"] == "maf.fetched")
    assert fetch["why"] == fetched["who"] and fetched["who"].endswith("@" + installation.mef)
    what = [e["what"] for e in events]
    assert what.index("mef.key-register") < what.index("mef.fetch") < what.index("maf.fetched") < what.index("maf.register")
    # the node's own record has the same arrows in the same order, each with its time
    steps = node.status()["steps"]
    assert [s["arrow"] for s in steps if s["arrow"] in mine] == [
        "mef.register", "mef.command", "mef.config", "mef.key-register", "maf.register", "maf.activated",
        "maf.registration"]
    assert [s["ms"] for s in steps] == sorted(s["ms"] for s in steps)


def test_once_enrolled_no_bootstrap_server_is_needed(installation):
    """Lesson 2: with every server gone the node still starts and has its credential."""
    installation.maker("owner")
    installation.subscription()
    node = installation.node(7, maker="owner")
    assert node.run_once().returncode == 0
    installation.stop()
    assert node.run_once().returncode == 0
    assert node.status()["state"] == "enrolled"


def test_no_secret_is_seen(installation):
    """The subscription's name never reaches the node; no key is in a log or in an answer."""
    installation.maker("owner")
    installation.subscription("very-secret-subscription")
    node = installation.node(7, maker="owner", subscription="very-secret-subscription")
    done = node.run_once()
    assert done.returncode == 0
    for text in (done.stdout, done.stderr, node.agent("status", "--json").stdout):
        assert "very-secret-subscription" not in text
    state = b"".join(p.read_bytes() for p in (node.dir / "state").rglob("*") if p.is_file())
    assert b"very-secret-subscription" not in state
    assert node.status()["credential"]["keyID"].encode() not in state, "the slots are encrypted at rest"


def test_the_audit_log_is_whole(installation):
    installation.maker("owner")
    installation.subscription()
    assert installation.node(7, maker="owner").run_once().returncode == 0
    assert "whole" in installation.muster("events", "verify").stdout
