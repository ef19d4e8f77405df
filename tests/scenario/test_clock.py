"""Story: clocks that are wrong must not lock a node out (lesson 15). The programs live at another moment through
libfaketime, which does not get along with the sanitizers' runtime: this file runs in the ordinary builds.
"""
import json

from briefer import Briefer, dial, stamp
from support import FAKETIME, Installation, at, until


def test_a_clock_at_1970_locks_nobody_out(installation):
    """Lesson 15: no battery, no network time; the certificates' dates must not keep the node out."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    done = node.run_once(env=at("@1970-01-01 00:00:10"))
    assert done.returncode == 0, done.stderr + installation.log_text()
    assert node.status()["state"] == "enrolled"


def test_a_secret_needs_no_clock(installation):
    """Lesson 15: with its maker's secret a node enrols whatever its clock says; the provider's time ends the credential."""
    installation.subscription()
    for number, moment in enumerate(("@1970-01-01 00:00:10", "@2090-01-01 00:00:00"), 1):
        node = installation.node(number)
        for name in ("node.pem", "node.key"):
            (node.dir / name).unlink()
        identity = json.loads(installation.muster("--json", "node", "secret", node.id, "--new", node.dir / "psk").stdout)["identity"]
        node.instruct(installation.instruction(method="psk"))
        node.configure(add=f'psk_identity = "{identity}";\npsk_file = "psk";\n')
        done = node.run_once(env=at(moment))
        if number == 1:
            assert done.returncode == 0, done.stderr + installation.log_text()
            assert node.status()["state"] == "enrolled"
        else:
            # the handshake is no matter of dates; what was given ended long ago by this clock, and that is told
            assert done.returncode == 1 and node.status()["reports"][0]["reason"] == "expired", done.stderr
            assert installation.ask("node", "show", node.id)["state"] == "enrolling"


def test_a_clock_far_ahead_is_told(installation):
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    done = node.run_once(env=at("@2090-01-01 00:00:00"))
    assert done.returncode == 1
    assert "expired" in done.stderr and "clock" in done.stderr, done.stderr
    assert [r["reason"] for r in node.status()["reports"]] == ["expired"]
    # lesson 3: that the clock was wrong once is no state
    assert node.run_once().returncode == 0


def test_old_entries_of_the_audit_log_go(tmp_path):
    """A daemon that ran 500 days ago; today the default of 400 days counts, but not before something new was written."""
    one = Installation(tmp_path / "inst", processes="single")       # its processes do not hand the preload on
    one.wrap = ["env", f"LD_PRELOAD={FAKETIME}", "FAKETIME=-500d", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
    one.start()
    one.subscription()
    old = one.ask("status")
    assert old["firstEvent"] == 1 and old["events"] > 0
    one.stop()
    one.wrap = []
    one.start()
    assert one.ask("status")["firstEvent"] == 1, "the clock may be what is wrong"
    one.subscription("sub-2")
    one.stop()
    one.start()
    now = until("shortened", lambda: (lambda s: s if s["firstEvent"] > old["lastEvent"] else None)(one.ask("status")), context=one.log_text)
    assert now["oldestEvent"][:4] >= old["time"][:4] and "audit.shortened" in [e["what"] for e in one.events()], one.events()
    assert "is whole" in one.muster("events", "verify").stdout
    one.stop()


def test_the_briefing_node_tells_the_time(installation):
    """Lesson 15: a clock at 1970, instructions with a validity; the time of an authenticated briefing counts from then on."""
    installation.subscription()
    node = installation.node(1)
    with Briefer(installation.dir / "bbn-clock", "bbn.owner.example.com", lambda q: [],
                 makers=(installation.dir / "makers/acme.pem",)) as bbn:
        node.instruct(bbn.instruction())
        dial(node, bbn)
        env = at("@1970-01-01 00:00:10")
        # no instruction: refused as a whole, and so is its word about the time
        assert node.run_once(env=env).returncode == 1
        bbn.script = lambda q: [{**installation.instruction(), "uri": "https://bbn.invalid"}]
        assert node.run_once(env=env).returncode == 1
        # nothing but the briefing could have told it: no other server was reached
        reports = node.status()["reports"]
        assert [r["reason"] for r in reports] == ["ok", "unreachable"]
        assert reports[-1]["when"][:4] == stamp()[:4], reports
        bbn.script = lambda q: [installation.instruction()]
        assert node.run_once(env=env).returncode == 0
