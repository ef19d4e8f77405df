"""Story (seed G, figure 3): the owner installed certificates and its briefing node's address on its nodes; a technician
mounts a node and says where; the owner's rule chooses the provider; the node enrols at its MEF, and its MAF authenticates
it with Km.
"""
import pytest
from figures import NORTH_SITE, SOUTH_PLACE, World


@pytest.fixture
def world(tmp_path):
    w = World(tmp_path, processes="split")
    yield w
    w.stop()


def test_the_place_decides_the_provider(world):
    """Two sites, two providers that know every node: nothing but the owner's rule decides."""
    nodes = [world.node(number, 3, settings=settings) for number, settings in (
        (1, 'location = { site = "north-gate"; };\n'),
        (2, 'location = { latitude = "48.2"; longitude = "11.6"; accuracy = "15"; };\n'), (3, ""))]
    world.owner.muster("node", "place", nodes[2].id, *SOUTH_PLACE)
    for node, provider, rule in zip(nodes, (world.north, world.south, world.south), ("north-sites", "south-fields", "south-fields")):
        status = node.enrolled_with(provider)
        assert node.reasons() == [("bbn", "ok"), ("cert", "ok")]
        briefed, = [e for e in world.owner.events("--attempt", status["attempt"]) if e["what"] == "bbn.briefed"]
        assert f"rule {rule}," in briefed["why"], briefed
        words, tried = node.tried()
        assert (tried["outcome"], tried["rule"]) == ("instructions", rule), tried
        assert f"rule {rule} (number" in words and f"{rule}: holds: " in words and provider.mef in words, words
    words, _ = nodes[2].tried()
    assert "north-sites: no: site is not known, wanted north*" in words, words
    assert "from the registry" in words, words
    assert "3 the same, 0 different" in world.owner.muster("rule", "replay").stdout
    assert "note:" not in words, "it has asked"


def test_the_technician_is_waited_for_and_believed(world):
    """Without a place: refused, and why. The technician's word goes before the node's own."""
    node = world.node(1, 3)
    assert node.run_once().returncode == 1
    assert node.reasons() == [("bbn", "refused")]
    refused = world.owner.events("--what", "bbn.refused")[-1]
    assert refused["attempt"] == node.status()["attempt"] and "no instructions for this node yet" in refused["why"], refused
    _, tried = node.tried()
    assert tried["outcome"] != "instructions" and len(tried["verdicts"]) == 2, tried
    node.agent("place", *SOUTH_PLACE, check=True)
    world.owner.muster("node", "place", node.id, *NORTH_SITE)
    node.enrolled_with(world.north)


def test_a_clone_is_refused_by_the_owner(world):
    """A known name in a certificate of somebody else who is trusted, for other nodes."""
    node = world.node(1, 3, signer="acme")
    world.owner.muster("node", "place", node.id, *NORTH_SITE)
    assert node.run_once().returncode == 1
    assert node.reasons() == [("bbn", "unknown")]
    assert "another trust anchor" in world.owner.events("--what", "bbn.refused")[-1]["why"]
    assert [inst.ask("node", "show", node.id)["state"] for inst in world.all[1:]] == ["known"] * 3



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
