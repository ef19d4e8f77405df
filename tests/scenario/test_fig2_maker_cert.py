"""Story (seed G, figure 2, as far as instructions from a file go): makers installed certificates; the provider
trusts two makers, and a name is bound to the maker that it was sold by.
"""
import hashlib
import ssl


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
