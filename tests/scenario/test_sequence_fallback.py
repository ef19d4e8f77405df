"""Story: a sequence of instructions; the first ones fail for different reasons, the last one succeeds; and
the other way round, all fail and every reason is kept.
"""
from support import free_port


def test_the_last_of_four_succeeds(installation):
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    good = installation.instruction()
    node.instruct(
        {**good, "method": "gba", "label": "no SIM here"},
        {**good, "uri": f"https://{installation.mef}:{free_port()}", "label": "nobody listens"},
        {**good, "uri": f"https://other.{installation.sp}:{installation.mef_port}", "label": "wrong name"},
        good)
    node.configure(add="")
    text = (node.dir / "muster-agent.conf").read_text()
    node.dir.joinpath("muster-agent.conf").write_text(text.replace(
        "connect_to = (", f'connect_to = (\n  {{ name = "other.{installation.sp}:{installation.mef_port}"; '
        f'address = "127.0.0.1:{installation.mef_port}"; }},'))
    done = node.run_once()
    assert done.returncode == 0, done.stderr + installation.log_text()
    reasons = [r["reason"] for r in node.status()["reports"]]
    assert reasons == ["unsupported", "unreachable", "untrusted", "ok"], reasons


def test_all_fail_and_every_reason_is_kept(installation):
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1, known=False)
    good = installation.instruction()
    node.instruct({**good, "uri": f"https://{installation.mef}:{free_port()}"}, {**good, "method": "psk"}, good)
    done = node.run_once()
    assert done.returncode == 1
    reports = node.status()["reports"]
    assert [r["reason"] for r in reports] == ["unreachable", "unsupported", "refused"], reports
    assert all(r["words"] and r["remedy"] for r in reports), reports
    assert [r.get("step") for r in reports] == ["mef.open", None, "mef.register"], reports


def test_a_later_success_is_possible_after_a_rejection(installation):
    """Lesson 3: a negative result is never persisted as state."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1, known=False)
    assert node.run_once().returncode == 1
    installation.muster("node", "add", node.id, "--cse-id", node.cse_id, "--subscription", "sub-1",
                        "--anchor", installation.dir / "makers/acme.pem")
    done = node.run_once()
    assert done.returncode == 0, done.stderr + installation.log_text()
