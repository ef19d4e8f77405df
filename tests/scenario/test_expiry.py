"""Story: time passes. A subscription runs out: the operator is told before, the node renews before, or is refused after; a later
end lets it go on. A key that was not renewed ends by itself at MEF and MAF. Who lost what it had enrols anew when the
operator lets it. The programs live at other moments through libfaketime, so this runs in the ordinary builds.
"""
import json
import re
import urllib.request

import pytest

from stranger import Client
from support import FAKETIME, MUSTER, MUSTERD, Installation, at, run, until


class Later:
    """One installation, at one moment after the other."""

    def __init__(self, path):
        self.inst = Installation(path, processes="single")       # several processes do not hand the preload on
        self.moment, self.policy = None, "open"

    def go(self, moment, reenrol=None):
        """musterd lives at `moment` ("+29d") from now on; no jump while it runs."""
        if (moment, reenrol or self.policy) == (self.moment, self.policy):
            return
        self.moment, self.policy = moment, reenrol or self.policy
        self.inst.stop()
        self.inst.wrap = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME={moment}", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        self.inst.configure(replace={"mef = {\n": f'mef = {{\n    reenrol = "{self.policy}";\n'})
        self.inst.start()

    def metric(self, name):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.inst.metrics_port}/metrics", timeout=20).read().decode()
        return sum(int(n) for n in re.findall(rf"(?m)^{name}{{[^}}]*}} (\d+)$", text))

    def env(self):
        return at(self.moment)


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    one = Later(tmp_path_factory.mktemp("expiry") / "inst")
    one.go("+0d")
    one.inst.subscription("short", until="+30d")
    one.inst.subscription("long", until="+300d", key_lifetime="90d")
    one.nodes = [one.inst.node(n, subscription=s) for n, s in ((1, "short"), (2, "long"), (3, "long"))]
    for node in one.nodes:
        assert node.run_once().returncode == 0, one.inst.log_text()
    yield one
    one.inst.stop()


def told(inst, what, **match):
    return [e for e in inst.events("--what", what) if all(e.get(k) == v for k, v in match.items())]


def test_an_end_that_is_near(later):
    """The operator hears of it once; a later end is given; the agent's own timer renews into it before the old key ends."""
    inst, node = later.inst, later.nodes[0]
    assert not told(inst, "maf.key-") and not told(inst, "subscription.expir")
    later.go("+29d")
    number = inst.ask("node", "show", node.id)["id"]
    inst.wait_event("subscription.expiring", why="short")
    assert inst.wait_event("maf.key-ending", node=number)["who"] == node.cse_id
    assert inst.ask("node", "show", node.id)["state"] == "expiring"
    until("counted", lambda: later.metric("muster_keys_ending_total") == 1)
    until_when = inst.ask("subscription", "extend", "short", "--until", "+120d")["notAfter"]
    assert inst.ask("subscription", "extend", "short", "--until", until_when)["notAfter"] == until_when, "said again"
    assert inst.muster("subscription", "extend", "short", "--until", "+60d", check=False).returncode == 1
    old = node.status()["credential"]
    with node.running(env=later.env()) as agent:
        agent.wait_log("by=renewal")
        agent.wait_log(" enrolled ")
    new = node.status()["credential"]
    assert new["keyID"] != old["keyID"] and old["notAfter"] < new["notAfter"] <= until_when, (old, new)
    shown = inst.ask("node", "show", node.id)
    assert shown["state"] == "enrolled" and [c["state"] for c in shown["credentials"] if c["role"] == "maf"] == ["revoked", "active"]
    assert len(told(inst, "subscription.expiring")) == 1 == len(told(inst, "maf.key-ending"))


def test_what_has_ended(later):
    """By the clock alone, at MEF and MAF, nobody asking; then everything is refused, until the operator gives a later end."""
    inst, node = later.inst, later.nodes[0]
    later.go("+121d", reenrol="ended")
    number = inst.ask("node", "show", node.id)["id"]
    inst.wait_event("subscription.expired", why="short", who="clock")
    for role in ("mef", "maf"):
        inst.wait_event(f"{role}.key-ended", node=number)
    assert len(told(inst, "mef.key-ended", node=number)) == 1, "the end of the one before the renewal is no news"
    assert inst.ask("subscription", "show", "short")["state"] == "active", "its end speaks for itself"
    until("counted", lambda: later.metric("muster_subscriptions_expired_total") == 1 and later.metric("muster_keys_ended_total") >= 4)
    done = node.run_once(env=later.env())
    assert done.returncode == 1, done.stderr
    assert [r["reason"] for r in node.status()["reports"]] == ["refused"]
    assert "the subscription has expired" in inst.wait_event("mef.refused", node=number)["why"]
    # lesson 9: the way back, with the initial credential, as the policy "ended" has it
    inst.muster("subscription", "extend", "short", "--until", "+250d")
    assert node.run_once(env=later.env()).returncode == 0, inst.log_text()
    assert inst.ask("node", "show", node.id)["state"] == "enrolled"


def test_a_window_for_who_has_lost_it(later):
    """Lesson 12: with the policy "window" an enrolled node that comes anew is refused, whether its key has ended or its memory is
    gone, until the operator opens a window; that one closes with the enrolment."""
    inst, ended, reset = later.inst, later.nodes[1], later.nodes[2]
    later.go("+122d", reenrol="window")
    assert ended.run_once(env=later.env()).returncode == 1
    refused = inst.wait_event("mef.refused", who=ended.cse_id)
    assert "no window is open" in refused["why"] and "muster node reenrol" in refused["why"]
    said = inst.ask("node", "reenrol", ended.id, "--window", "1h", "--reason", "was off for months")
    assert said["reenrolUntil"] > said["changed"] and said["state"] == "expiring", said
    assert ended.run_once(env=later.env()).returncode == 0
    assert "reenrolUntil" not in inst.ask("node", "show", ended.id)
    # factory reset
    assert reset.agent("reset").returncode == 2
    with reset.running(env=later.env()) as agent:
        agent.wait_log("instruction-failed")
        done = reset.agent("reset", "--yes")
        assert done.returncode == 1 and "stop it first" in done.stderr
    assert reset.agent("reset", "--yes").returncode == 0 and reset.status()["state"] == "not-enrolled"
    assert reset.run_once(env=later.env()).returncode == 1
    inst.wait_event("mef.refused", who=reset.cse_id)
    inst.muster("node", "reenrol", reset.id, "--window", "1h", "--reason", "sent in for repair")
    assert reset.run_once(env=later.env()).returncode == 0
    # once more, the window is shut, and renewal in time would not need one
    assert reset.agent("reset", "--yes").returncode == 0
    assert reset.run_once(env=later.env()).returncode == 1


def test_a_reset_that_is_cut(later):
    """The power goes in the middle of a factory reset: it has nothing of what it had, and the same command finishes."""
    node = later.inst.node(4, subscription="long")
    later.go("+122d", reenrol="open")
    assert node.run_once(env=later.env()).returncode == 0
    node.configure(add='crash_at = "reset-erased";\n')
    assert node.agent("reset", "--yes").returncode < 0
    node.configure()
    assert node.status()["credential"] is None
    assert node.agent("reset", "--yes").returncode == 0
    assert not [f for f in (node.dir / "state").iterdir() if f.is_file()]
    assert node.run_once(env=later.env()).returncode == 0


def test_registrations_that_end_before_the_key(later):
    """8.3.5.2.5 and 8.8.2.5: cut short by hand, at the MEF and at the MAF; the agent knows each end, over a restart, and when its clock
    comes near them prolongs both by an update up to the key's end. The key stays, and nobody enrols."""
    later.go("+122d", reenrol="open")
    inst, node = later.inst, later.inst.node(9, subscription="long")
    assert node.run_once(env=later.env()).returncode == 0
    had = node.status()["credential"]
    assert had["ends"]["mefRegistration"] == had["ends"]["mafRegistration"] == had["ends"]["key"] == had["notAfter"], had
    for where in ((), ("--mef",)):
        done = node.agent("register", "update", "--lifetime", "1h", *where, env=later.env())
        assert done.returncode == 0, done.stderr + done.stdout
    short = node.status()["credential"]
    assert short["ends"]["key"] == had["notAfter"] > short["ends"]["mafRegistration"] == short["notAfter"], short
    assert short["ends"]["mefRegistration"] < had["notAfter"], short
    with node.running(env=at("+119d")) as agent:         # its clock goes three days back: no reason to do anything
        agent.wait_log("enrolled-already")
    minutes = 122 * 24 * 60 + 55                         # and near their ends: the window is over after 54
    with node.running(env=at(f"+{minutes}m")) as agent:
        for _ in range(2):                               # either may be the first
            agent.wait_log("registration-renewed at=")
    now = node.status()["credential"]
    assert now["ends"] == had["ends"] and now["keyID"] == had["keyID"] and now["obtained"] == had["obtained"], now
    assert now["notAfter"] == had["notAfter"]
    # one that the MAF has forgotten meanwhile: refused, so the node enrols anew
    for where in ((), ("--mef",)):
        assert node.agent("register", "update", "--lifetime", "1h", *where, env=later.env()).returncode == 0
    run("sqlite3", inst.dir / "store/muster.db", f"UPDATE registration SET expires = 1 WHERE client_id = '{node.cse_id}'")
    with node.running(env=at(f"+{minutes}m")) as agent:
        agent.wait_log("registration-not-renewed")
        agent.wait_log("by=renewal")
        agent.wait_log(" enrolled ")
    assert node.status()["credential"]["keyID"] != had["keyID"]


def test_a_clock_that_jumps(later):
    """The server's clock is a year ahead for a while: who asks then is refused, and nothing of it remains; nothing is told of a fleet
    that has ended. The node's clock jumps as well, both ways."""
    later.go("+122d", reenrol="open")
    inst, node = later.inst, later.inst.node(8, subscription="long")
    assert node.run_once(env=later.env()).returncode == 0
    before = len(inst.events())
    inst.stop()
    clock = inst.dir / "clock"
    clock.write_text("+122d")
    inst.wrap = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
    seen = inst.log.stat().st_size
    inst.start()

    def jumps():
        return inst.log.read_text(errors="replace")[seen:].count("the time of day has jumped")
    later.moment = None
    until("it lives", lambda: inst.ask("status")["time"])
    for moment, number in (("+487d", 1), ("+122d", 2)):
        whole = inst.dir / "clock.new"
        whole.write_text(moment)
        whole.rename(clock)
        until("it has seen it", lambda want=number: jumps() >= want, context=inst.log_text)
        if number == 1:
            assert node.agent("check", env=at("+122d")).returncode == 1
    assert not [e for e in inst.events()[before:] if "ended" in e["what"] or "expired" in e["what"]]
    assert node.agent("check", env=at("+122d")).returncode == 0, "its key is as good as it was"
    for moment in ("+121d", "+122d", "+123d", "-3d"):
        assert node.run_once(env=at(moment)).returncode == 0, moment


def test_sessions_that_live_end(later):
    """A node that is suspended, revoked or released has a session open, which ends at once; a new one is refused."""
    later.go("+122d", reenrol="open")
    inst = later.inst
    for number, acts in ((5, ("suspend", "resume")), (6, ("release",)), (7, ("revoke", "reenrol"))):
        node = inst.node(number, subscription="long")
        client = Client(inst, node.dir / "node")
        status, _, _ = client.register(inst, node.cse_id)
        assert status == 201
        inst.muster("node", acts[0], node.id, "--reason", "a test")
        assert client.answer() is None, "cut, without being asked"
        assert inst.ask("node", "show", node.id)["reason"] == "a test"
        again = Client(inst, node.dir / "node")
        assert again.register(inst, node.cse_id)[0] // 100 == 4
        if len(acts) > 1:
            window = ("--window", "1h") if acts[1] == "reenrol" else ()
            inst.muster("node", acts[1], node.id, "--reason", "found again", *window)
            assert Client(inst, node.dir / "node").register(inst, node.cse_id)[0] == 201
    assert json.loads(inst.muster("--json", "events", "verify").stdout)["ok"] is True
    done = run("sqlite3", inst.dir / "store/muster.db", "PRAGMA integrity_check; PRAGMA foreign_key_check;")
    assert done.stdout.strip() == "ok"


def test_no_new_certificates_by_a_clock_that_is_wrong(tmp_path):
    """Of a machine that has no time yet, and when the CA has ended: what is there stays, and the reason is said."""
    run(MUSTER, "init", tmp_path / "i")
    renew, before = (MUSTERD, "-c", tmp_path / "i/musterd.conf", "--renew-certificates"), {p: p.read_text() for p in (tmp_path / "i/tls").iterdir()}
    assert len(before) == 6
    for moment, says in (("2001-01-01 00:00:00", "the clock shows a time before this program was built; set it first"), ("+7400d", "keeper/ca.pem: the CA has ended")):
        done = run(*renew, check=False, env=at(moment))
        assert done.returncode == 3 and says in done.stderr and not done.stdout and "its key is in a device" not in done.stderr, done
        assert {p: p.read_text() for p in before} == before, moment
    run(*renew, "--new-keys")
    assert not [p for p in before if p.read_text() == before[p]]
