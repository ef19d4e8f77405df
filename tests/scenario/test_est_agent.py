"""A node that is told to get a certificate (CERT_PROV) gets it over EST, uses it, renews it, and survives power cuts."""
import json

import pytest

from support import Installation, at, until


@pytest.fixture(name="make")
def makes(tmp_path):
    made = []

    def one(settings=""):
        inst = Installation(tmp_path / "inst", "single")
        inst.configure(replace={"mef = {": "mef = {\n" + settings})
        made.append(inst.start())
        inst.subscription()
        return inst
    yield one
    for inst in made:
        assert inst.stop() == 0, inst.log_text()


def certificates(inst, node):
    return inst.ask("cert", "list", node.id)["certificates"]


def command(inst, node):
    return inst.ask("command", "list", node.id)["commands"][-1]


def test_a_command_leads_to_a_certificate_that_is_used(make):
    inst = make('  est_lifetime = "1h";\n')
    node = inst.node(1)
    (given,) = inst.ask("command", "cert-prov", node.id)["commands"]
    assert given["subject"] == node.cse_id
    done = node.run_once()
    assert done.returncode == 0, done.stderr
    assert "certificate-in-use" in done.stderr, done.stderr
    assert command(inst, node)["state"] == "ended" and command(inst, node)["status"] == 20, command(inst, node)
    assert len(certificates(inst, node)) == 1
    assert node.status()["certificate"]["name"] == "cse000001.sp.example.com"
    # a second one, for the other name; the session that asks for it shows the first
    inst.muster("command", "cert-prov", node.id, "--subject", "node")
    before = len(inst.events("--what", "mef.certificate"))
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        node.agent("trigger", node.dir / "instructions.json", check=True)
        agent.wait_log("certificate-in-use")
    assert len(inst.events("--what", "mef.certificate")) == before + 1
    assert node.status()["certificate"]["name"] == node.id
    assert [c["subject"] for c in certificates(inst, node)] == ["cse000001.sp.example.com", node.id]
    assert "renewed" not in node.run_once().stdout


@pytest.mark.faketime
def test_an_agent_that_runs_once_renews_a_certificate(make):
    """It comes to its end, and is not for the name that a node has by default: renewed, used, and said so."""
    inst = make('  est_lifetime = "1h";\n')
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id, "--subject", "node")
    assert node.run_once().returncode == 0
    done = node.run_once(env=at("+55m"))
    assert done.returncode == 0 and f"renewed       certificate: {node.id}\n" in done.stdout, done.stdout + done.stderr
    assert [c["subject"] for c in certificates(inst, node)] == [node.id, node.id]


def test_the_node_waits_for_the_operator(make):
    inst = make('  est_approval = true;\n  est_retry = "1s";\n')
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id)
    with node.running() as agent:
        agent.wait_log("end=.*waiting for approval")
        agent.wait_log("end=.*waiting for approval")
        waiting = inst.ask("cert", "requests")["requests"]
        assert len(waiting) == 1, waiting       # the same request, again and again
        assert command(inst, node)["state"] == "issued"
        inst.muster("cert", "approve", waiting[0]["id"])
        agent.wait_log("certificate-in-use")
        until("the command's end", lambda: command(inst, node)["state"] == "ended")
    assert command(inst, node)["status"] == 20


def test_a_rejected_request_is_reported(make):
    inst = make('  est_approval = true;\n  est_retry = "1s";\n')
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id)
    with node.running() as agent:
        agent.wait_log("end=.*waiting for approval")
        inst.muster("cert", "reject", inst.ask("cert", "requests")["requests"][0]["id"], "--reason", "no")
        until("the command's end", lambda: command(inst, node)["state"] == "ended")
    assert command(inst, node)["status"] == 100
    assert node.status()["certificate"] is None


def test_a_certificate_is_renewed_before_its_end(make):
    inst = make('  est_lifetime = "15s";\n')
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id)
    with node.running() as agent:
        for _ in range(2):
            agent.wait_log("certificate-in-use")
    assert len(certificates(inst, node)) >= 2
    assert inst.events("--what", "mef.refused") == []


def by_secret(inst):
    node = inst.node(1)
    for name in ("node.pem", "node.key"):
        (node.dir / name).unlink()
    identity = json.loads(inst.muster("--json", "node", "secret", node.id, "--new", node.dir / "psk").stdout)["identity"]
    node.configure(add=f'psk_identity = "{identity}";\npsk_file = "psk";\n')
    node.instruct(inst.instruction(method="psk"))
    return node


@pytest.mark.parametrize("subject", ["cse", "node"])
def test_a_certificate_of_a_node_by_secret_is_renewed(make, subject):
    """It has no session with the certificate: the secret asks for the next one, too, for the name of the one before."""
    inst = make('  est_lifetime = "15s";\n')
    node = by_secret(inst)
    inst.muster("command", "cert-prov", node.id, "--subject", subject)
    with node.running() as agent:
        for _ in range(2):
            agent.wait_log("certificate-in-use")
    assert len(certificates(inst, node)) >= 2
    assert {c["subject"] for c in certificates(inst, node)} == {node.id if subject == "node" else "cse000001.sp.example.com"}
    assert inst.events("--what", "mef.refused") == [] and inst.events("--what", "mef.est-refused") == []


def approve(inst):
    (waits,) = [r for r in inst.ask("cert", "requests")["requests"] if r["state"] == "pending"]
    inst.muster("cert", "approve", waits["id"])


@pytest.mark.faketime
def test_a_renewal_by_secret_waits_for_the_operator(make):
    """For the name that it has one for, and with the approval that each of its certificates waits for (mef.est_approval)."""
    inst = make('  est_lifetime = "1h";\n  est_approval = true;\n  est_retry = "1s";\n')
    node = by_secret(inst)
    inst.muster("command", "cert-prov", node.id, "--subject", "node")
    with node.running() as agent:
        agent.wait_log("end=.*waiting for approval")
        approve(inst)
        agent.wait_log("certificate-in-use")
        until("the command's end", lambda: command(inst, node)["state"] == "ended")
    waits = node.run_once(env=at("+55m"))
    assert waits.returncode == 1 and "waiting for approval" in waits.stderr, waits.stdout + waits.stderr
    assert len(certificates(inst, node)) == 1
    approve(inst)
    done = node.run_once(env=at("+55m"))
    assert f"renewed       certificate: {node.id}\n" in done.stdout, done.stdout + done.stderr
    assert [c["subject"] for c in certificates(inst, node)] == [node.id, node.id]
    assert inst.events("--what", "mef.refused") == []


def test_a_node_that_was_off_renews_after_the_end_where_the_mef_has_a_window(make):
    """Lesson 35; with last_resort = "no" nothing else could have helped it."""
    inst = make('  est_lifetime = "10s";\n  est_grace = "1h";\n')
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id)
    assert "certificate-in-use" in node.run_once().stderr
    node.configure(add='last_resort = "no";\n')
    until("the certificate's end", lambda: inst.ask("status")["time"] > certificates(inst, node)[0]["notAfter"])
    with node.running() as agent:
        agent.wait_log("certificate-in-use")
    assert inst.events("--what", "mef.refused") == []


def test_the_initial_certificate_is_the_last_resort(make):
    inst = make('  est_lifetime = "20s";\n  retry_duration = "1s";\n')
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id)
    with node.running() as agent:
        agent.wait_log("certificate-in-use")
        inst.muster("cert", "revoke", node.id)
        agent.wait_log("certificate-refused")
        agent.wait_log("for=anew.*end=done")
        agent.wait_log("certificate-in-use")
    good = [c for c in certificates(inst, node) if c["revoked"] is None]
    assert good and node.status()["certificate"]["name"] == "cse000001.sp.example.com"


def test_the_last_resort_is_for_the_name_that_it_had(make):
    """Not the default one, and no window for an ended one: the initial certificate asks for the next."""
    inst = make('  est_lifetime = "10s";\n')
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id, "--subject", "node")
    assert "certificate-in-use" in node.run_once().stderr
    until("the certificate's end", lambda: inst.ask("status")["time"] > certificates(inst, node)[0]["notAfter"])
    with node.running() as agent:
        agent.wait_log("for=anew.*end=done")
        agent.wait_log("certificate-in-use")
    assert node.status()["certificate"]["name"] == node.id


@pytest.mark.parametrize("point", ["cert-requested", "cert-saved", "cert-promoted"])
def test_power_cut(make, point):
    inst = make()
    node = inst.node(1)
    inst.muster("command", "cert-prov", node.id)
    node.configure(add=f'crash_at = "{point}";\n')
    assert node.run_once().returncode == -9
    node.configure(add='check_every = "1s";\n')
    with node.running():
        until("the command's end", lambda: command(inst, node)["state"] == "ended" and node.status()["certificate"])
    assert command(inst, node)["status"] == 20
    assert len(certificates(inst, node)) == 1
