"""Story (seed G, figure 2): makers installed certificates; the maker's briefing node knows to whom it sold a node and
sends it to the owner's, which chooses the provider. A name is bound to the maker that it was sold by.
"""
import hashlib
import ssl

import pytest
from figures import NORTH_SITE, SOUTH_PLACE, World


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("fig2"))
    yield w
    w.stop()


def test_maker_sends_to_owner_and_owner_to_provider(world):
    """The whole figure: the node trusts its maker alone; whom else to trust comes with the instructions."""
    north, south = world.node(1, 2), world.node(2, 2)
    north.agent("place", *NORTH_SITE, check=True)
    south.agent("place", *SOUTH_PLACE, check=True)
    for node, provider, rule in ((north, world.north, "north-sites"), (south, world.south, "south-fields")):
        status = node.enrolled_with(provider)
        assert node.reasons() == [("bbn", "ok"), ("bbn", "ok"), ("cert", "ok")]
        # one attempt at the maker's, the owner's and the provider's, and nothing at the other provider's
        at = {inst.sp: [e["what"] for e in inst.events("--attempt", status["attempt"])] for inst in world.all}
        assert at["acme.example.com"] == ["bbn.briefed", "bbn.enrolled"] == at["owner.example.com"], at
        assert {"mef.register", "maf.activated"} < set(at[provider.sp]), at
        assert not at[({world.north, world.south} - {provider}).pop().sp], at
        told = {inst: inst.ask("node", "show", node.id)["briefings"][0] for inst in (world.maker, world.owner)}
        assert (told[world.maker]["rule"], told[world.maker]["state"]) == ("lot-7", "enrolled"), told
        assert (told[world.owner]["rule"], told[world.owner]["target"]) == (rule, provider.maf), told
        # the node's own record has the same arrows, with whom, and in this order
        steps = [(s["arrow"], s.get("at")) for s in status["steps"] if s["arrow"].startswith("bbn.")]
        assert steps[:4] == [(what, inst.bbn) for inst in (world.maker, world.owner) for what in ("bbn.open", "bbn.ask")], steps
        assert sorted(steps[4:]) == [("bbn.report", inst.bbn) for inst in (world.maker, world.owner)], steps
        assert [s["ms"] for s in status["steps"]] == sorted(s["ms"] for s in status["steps"])
        words = node.agent("status", check=True).stdout
        assert f"asking whom to enrol with: {world.maker.bbn}" in words and f"telling the briefing node how it went: {world.owner.bbn}" in words


def test_a_lot_that_nobody_bought(world):
    node = world.node(3, 2, lot="lot-8")
    node.agent("place", *NORTH_SITE, check=True)
    assert node.run_once().returncode == 1
    assert node.reasons() == [("bbn", "refused")]
    assert [e["what"] for e in world.maker.events("--attempt", node.status()["attempt"])] == ["bbn.refused"]
    assert not world.owner.events("--attempt", node.status()["attempt"])


def test_without_the_owners_anchor_nobody_is_believed(world):
    """The maker's word says where; that alone does not make the owner's briefing node trusted."""
    world.maker.muster("rule", "add", "lot-9", "--batch", "lot-9", "--redirect", world.uri(world.owner))
    node = world.node(4, 2, lot="lot-9")
    node.agent("place", *NORTH_SITE, check=True)
    assert node.run_once().returncode == 1
    assert node.reasons() == [("bbn", "ok"), ("bbn", "untrusted")]
    world.maker.muster("rule", "edit", "lot-9", "--redirect", world.uri(world.owner), "--anchor", world.ca(world.owner))
    node.enrolled_with(world.north)


def anchor(makers, name):
    der = ssl.PEM_cert_to_DER_cert((makers / f"{name}.pem").read_text())
    return hashlib.sha256(der).hexdigest()


def test_two_makers_one_provider(installation):
    installation.maker("acme")
    installation.maker("globex")
    installation.subscription()
    for number, maker in ((1, "acme"), (2, "globex")):
        node = installation.node(number, maker=maker)
        done = node.run_once()
        assert done.returncode == 0, done.stderr + installation.log_text()
        assert node.status()["state"] == "enrolled"


def test_a_name_from_the_wrong_maker_is_refused(installation):
    """The certificate is good and its name is known, but another maker's CA signed it."""
    makers = installation.maker("acme")
    installation.maker("globex")
    installation.subscription()
    node = installation.node(1, maker="globex", known=False)
    installation.muster("node", "add", node.id, "--cse-id", node.cse_id, "--subscription", "sub-1",
                        "--identity", f"node={node.id}@{anchor(makers, 'acme')}")
    done = node.run_once()
    assert done.returncode == 1
    assert installation.ask("node", "show", node.id)["state"] == "known"
    refused = [e for e in installation.events("--what", "mef.refused")]
    assert refused and "anchor" in refused[-1]["why"], refused
    reasons = [r["reason"] for r in node.status()["reports"]]
    assert reasons == ["refused"], reasons


def test_device_certificate_names_hardware(installation):
    """A device certificate names the hardware by its M2M Device ID (TS-0001 annex H)."""
    installation.maker("acme")
    installation.subscription()
    device = "0.2.481.1.100.3030.10011"
    node = installation.node(3, known=False, names=("--device", device))
    installation.muster("node", "add", node.id, "--cse-id", node.cse_id, "--subscription", "sub-1",
                        "--identity", f"device={device}", "--anchor", installation.dir / "makers/acme.pem")
    done = node.run_once()
    assert done.returncode == 0, done.stderr + installation.log_text()
    assert node.status()["credential"]["nodeID"] == node.id, "the provider tells the node its M2M-Node-ID"
    # and one the CSE, by its public domain name: in lower case as every dNSName, whatever its CSE-ID is (TS-0001 6.5.1.1)
    node = installation.node(4, names=("--cse-id", f"//{installation.sp}/CSE000004"), identities=(f"cse=//{installation.sp}/CSE000004",))
    done = node.run_once()
    assert done.returncode == 0, done.stderr + installation.log_text()
