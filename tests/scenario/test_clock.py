"""Story: clocks that are wrong must not lock a node out (lesson 15). The programs live at another moment through
libfaketime, which does not get along with the sanitizers' runtime: this file runs in the ordinary builds.
"""
from support import at


def test_a_clock_at_1970_locks_nobody_out(installation):
    """Lesson 15: no battery, no network time; the certificates' dates must not keep the node out."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(1)
    done = node.run_once(env=at("@1970-01-01 00:00:10"))
    assert done.returncode == 0, done.stderr + installation.log_text()
    assert node.status()["state"] == "enrolled"


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
