"""Story: an enrolled node moves to another M2M service provider. Its old provider lets it go, the owner's briefing node sends it
to the new one, and it is never without a working credential: the old one is given back, and is dead, only when the new one
has been used (lesson 4). Wherever the power goes, it holds the old one or the new one, and that one works.
"""
import concurrent.futures
import itertools
import json
import os
import shutil
import signal
import subprocess

import pytest

from briefer import der, stamp
from figures import NORTH_SITE, SOUTH_PLACE, World
from support import AGENT, MUSTER, RUN_SECONDS, at, free_port, run, until

COUNT = itertools.count(1)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("change"))
    yield w
    w.stop()


def settle(node, add=""):
    conf = node.dir / "muster-agent.conf"
    plain = node.dir / "plain.conf"
    if not plain.exists():
        plain.write_text(conf.read_text() + 'backoff_max = "2s";\nlog = { format = "text"; level = "info"; };\n')
    conf.write_text(plain.read_text() + add)


def northern(world, certified=False):
    """A node that is enrolled with north, whose owner now wants it to be with south."""
    node = world.node(next(COUNT), 3)
    settle(node)
    if certified:
        world.north.muster("command", "cert-prov", node.id)
    world.owner.muster("node", "place", node.id, *NORTH_SITE)
    assert node.run_once().returncode == 0, world.logs()
    world.owner.muster("node", "place", node.id, *SOUTH_PLACE)
    return node


def holds(node):
    """Whose key is in the active slot, and which; that one works."""
    credential = node.status()["credential"]
    done = node.agent("check")
    assert done.returncode == 0, done.stdout + done.stderr
    return credential["mafFQDN"], credential["keyID"]


def keys_at(inst, node):
    return {c["keyID"]: c["state"] for c in inst.ask("node", "show", node.id)["credentials"] if c["role"] == "maf"}


def triggered(node, whole=False):
    """The agent runs and is told by a person to begin; until it has left, or (`whole`) until it is gone by itself."""
    command = [AGENT, "-c", str(node.dir / "muster-agent.conf"), "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        try:
            for line in agent.stderr:
                if "enrolled-already" in line:
                    node.agent("trigger")
                if "point=left " in line and not whole:
                    break
        finally:
            agent.terminate()
            agent.stderr.read()
            agent.wait(RUN_SECONDS)
    return agent.returncode


def moved(world, node, old):
    """With south, and with nobody else: as the node, south and north see it."""
    maf, key = holds(node)
    assert maf == world.south.maf and node.status()["leaving"] == [], node.status()
    assert [k for k, s in keys_at(world.south, node).items() if s == "active"] == [key]
    assert world.south.ask("node", "show", node.id)["state"] == "enrolled"
    assert keys_at(world.north, node).get(old, "revoked") == "revoked", "the old root key is dead"
    assert "active" not in keys_at(world.north, node).values()


def test_released_briefed_and_gone(world):
    """The whole story, with the words of everybody: release with time to leave, new instructions, new key, old one given back."""
    node = northern(world)
    maf, old = holds(node)
    assert maf == world.north.maf
    said = world.north.ask("node", "release", node.id, "--grace", "2d", "--reason", "sold to south")
    assert said["state"] == "released" and said["leaveBy"] > said["changed"], said
    assert keys_at(world.north, node)[old] == "active" and holds(node)[1] == old, "it works until the node has gone"
    triggered(node)
    moved(world, node, old)
    told = [e["what"] for e in world.north.events("--node", node.id)]
    assert told.index("node.released") < told.index("mef.deregister") < told.index("maf.deregister"), told
    assert world.north.ask("node", "show", node.id)["state"] == "released"
    # once more: nothing is left to leave
    assert node.run_once().returncode == 0
    moved(world, node, old)


def test_a_released_node_gets_nothing_new(world):
    """While it may stay, north gives it no new key; and when it does not go, the clock ends what it has."""
    node = northern(world)
    world.owner.muster("node", "place", node.id, *NORTH_SITE)
    _, old = holds(node)
    world.north.muster("node", "release", node.id, "--grace", "90d", "--reason", "sold")
    settle(node)
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        node.agent("trigger", check=True)
        agent.wait_log("instruction-failed")
    assert holds(node)[1] == old
    refused = [e for e in world.north.events("--node", node.id) if e["what"] == "mef.refused"]
    assert "let go" in refused[-1]["why"], refused
    shorter = world.north.ask("node", "release", node.id, "--grace", "1s", "--reason", "at once after all")
    gone = world.north.wait_event("node.gone", node=shorter["id"])
    assert gone["who"] == "clock"
    done = node.agent("check")
    assert done.returncode == 1, done.stdout
    assert keys_at(world.north, node)[old] == "revoked"


def points():
    names = run(AGENT, "--crash-points").stdout.split()
    return [p for p in names if p not in ("bundle-noted", "trigger-kept", "bootstrapped", "naf-keyed")] + ["leaving-kept", "slots-changed", "left-mef", "left-maf", "left"]


# a sanitized build is slow: there the points where one credential takes the place of the other
CUTS = [p for p in points() if not os.environ.get("MST_SANITIZED") or p in
        ("kmid-saved", "proof-saved", "leaving-kept", "slots-changed", "promoted", "left-mef", "left-maf", "left")]
SOUTHERN = ("slots-changed", "promoted", "briefing-reported", "left-mef", "left-maf", "left")


def cut(world, point):
    node = northern(world, certified=point == "slots-changed")
    assert bool(node.status()["certificate"]) == (point == "slots-changed"), world.logs()
    _, old = holds(node)
    settle(node, f'crash_at = "{point}";\n')
    assert triggered(node, whole=True) == -signal.SIGKILL, f"{point} was never reached"
    settle(node)
    maf, key = holds(node)
    assert (maf == world.south.maf) == (point in SOUTHERN), (point, maf)
    assert maf == world.south.maf or key == old, point
    # with the power back it goes on by itself, or is told again
    said = ""
    for _ in range(3):
        said += node.run_once().stderr
        status = node.status()
        if status["credential"]["mafFQDN"] == world.south.maf and not status["leaving"]:
            break
        triggered(node)
    moved(world, node, old)
    # a certificate of north's is shown to nobody else; and whom it has left it does not ask again
    assert node.status()["certificate"] is None and "certificate-refused" not in said, said
    assert len([e for e in world.north.events("--node", node.id) if e["what"] == "mef.deregister"]) == 1
    if point in ("left-mef", "left-maf"):
        assert world.north.events("--node", node.id)[-1]["what"] in ("maf.deregister", "mef.deregister"), world.north.events("--node", node.id)
    return True


def test_cut_at_every_point(world):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda p: cut(world, p), CUTS))


# --- new instructions by other ways ---

def southern(world):
    """Instructions that lead to south, with what authenticates it."""
    return world.south.instruction(anchors=[der(world.ca(world.south))])


def gone_south(world, node, old, told):
    """The agent runs, is `told` to go, and leaves; it has been with south and with nobody else since."""
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        told()
        agent.wait_log("point=left ")
    moved(world, node, old)


def test_by_a_signed_bundle(world):
    """Somebody comes with a stick: the owner's bundle leads the node to south, and the new key is in use before the old one goes."""
    node = northern(world)
    _, old = holds(node)
    sequence, stick = node.dir / "south.json", node.dir / "south.bundle"
    sequence.write_text(json.dumps({"version": 1, "instructions": [southern(world)]}))
    run(MUSTER, "cert", "issue", "--ca", "owner", "--bundle-signer", "--cn", "workshop", "--out", "workshop", cwd=world.cas)
    run(MUSTER, "bundle", "make", "--sequence", sequence, "--any", "--until", "+1d", "--key", world.cas / "workshop.key", "--cert",
        world.cas / "workshop.pem", "--out", stick)
    shutil.copy(world.cas / "owner.pem", node.dir / "owner.pem")
    settle(node, 'bundle_anchors = "owner.pem";\n')
    world.north.muster("node", "release", node.id, "--grace", "2d", "--reason", "sold to south")
    gone_south(world, node, old, lambda: node.agent("trigger", stick, check=True))
    assert node.status()["trigger"] == "bundle", node.status()


def test_by_a_pushed_trigger(world):
    """The provider that it is with calls it with the node's own key: look for new instructions. The owner's rules say south."""
    node = northern(world)
    _, old = holds(node)
    port = free_port()
    world.north.muster("node", "release", node.id, "--grace", "2d", "--reason", "sold to south")
    settle(node, f'trigger = {{ listen = "127.0.0.1:{port}"; }};\n')
    gone_south(world, node, old, lambda: world.north.muster("trigger", node.id, "--what", "run", "--via", "datagram", "--to", f"127.0.0.1:{port}"))


def test_the_new_provider_is_down(world):
    """Nobody answers at south: the node stays with north, and its key works, until south is back."""
    node = northern(world)
    _, old = holds(node)
    world.south.stop()
    try:
        with node.running() as agent:
            agent.wait_log("enrolled-already")
            node.agent("trigger", check=True)
            agent.wait_log("instruction-failed")
            # it tries again by itself, and in that moment says nothing of the old one
            until("the old key works", lambda: node.agent("check").returncode == 0)
            assert node.status()["credential"]["keyID"] == old
            world.south.start()
            agent.wait_log("point=left ")
    finally:
        if not world.south.process:
            world.south.start()
    moved(world, node, old)


def hourly(world):
    """As `northern`, with a key that lives for an hour only."""
    node = world.node(next(COUNT), 3)
    settle(node)
    world.north.muster("node", "move", node.id, "--subscription", "hourly", "--reason", "short keys")
    world.owner.muster("node", "place", node.id, *NORTH_SITE)
    assert node.run_once().returncode == 0, world.logs()
    world.owner.muster("node", "place", node.id, *SOUTH_PLACE)
    return node, holds(node)[1]


@pytest.mark.faketime
def test_the_new_provider_is_away_for_longer_than_the_key_lives(world):
    """Nobody answers at south, and the key of north comes to its end: it is renewed with north between the tries, wherever the power
    goes, and works all the time; when south is there the move is completed, and what north gave last is dead. Only the node's clock
    is ahead."""
    world.north.subscription("hourly", key_lifetime="1h")
    nodes = [(*hourly(world), point) for point in (None, "slots-changed")]
    world.south.stop()
    try:
        for node, old, point in nodes:
            if point:
                settle(node, f'crash_at = "{point}";\n')
                cut = node.agent("run", env=at("+55m"))
                assert cut.returncode == -signal.SIGKILL, cut.stderr
                settle(node)
            with node.running(env=at("+55m")) as agent:
                if point != "slots-changed":
                    agent.wait_log(" enrolled key=")
                agent.wait_log("instruction-failed")         # south is tried still
            maf, key = holds(node)
            assert maf == world.north.maf and key != old, (point, key)
            assert keys_at(world.north, node) == {old: "revoked", key: "active"}, point
            assert node.status()["credential"]["notAfter"] > stamp()
    finally:
        world.south.start()
    for node, _, _ in nodes:
        _, last = holds(node)
        with node.running() as agent:
            agent.wait_log("point=left ")
        moved(world, node, last)


def test_the_old_provider_is_down(world):
    """It cannot be told: the node is with south all the same, remembers whom it leaves, and tells later."""
    node = northern(world)
    _, old = holds(node)
    settle(node, 'crash_at = "promoted";\n')
    assert triggered(node, whole=True) == -signal.SIGKILL
    world.north.stop()
    settle(node)
    try:
        assert node.run_once().returncode == 0
        status = node.status()
        assert [x["keyID"] for x in status["leaving"]] == [old] and status["credential"]["mafFQDN"] == world.south.maf
        assert holds(node)[0] == world.south.maf
        world.south.muster("command", "cert-prov", node.id)
        with node.running() as agent:
            agent.wait_log("enrolled-already")
            node.agent("trigger", check=True)
            agent.wait_log("certificate-in-use")
            # a new key of the same provider, while the old one is not told yet: what south issued stays
            node.agent("trigger", check=True)
            agent.wait_log("point=promoted")
        assert node.status()["certificate"], "the certificate of the provider that it is with"
        assert [x["keyID"] for x in node.status()["leaving"]] == [old]
    finally:
        world.north.start()
    assert keys_at(world.north, node)[old] == "active"
    assert node.run_once().returncode == 0
    until("it has left", lambda: not node.status()["leaving"])
    moved(world, node, old)


def test_back_before_the_old_provider_was_told(world):
    """North was away when the node went, and is there when it comes back: what it has with north it keeps, and it leaves south."""
    node = northern(world)
    _, old = holds(node)
    world.north.stop()
    try:
        with node.running() as agent:
            agent.wait_log("enrolled-already")
            node.agent("trigger", check=True)
            agent.wait_log("leaving at=maf")
        assert [x["keyID"] for x in node.status()["leaving"]] == [old]
        _, southern_key = holds(node)
    finally:
        world.north.start()
    world.owner.muster("node", "place", node.id, *NORTH_SITE)
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        node.agent("trigger", check=True)
        agent.wait_log("point=promoted")
    assert node.run_once().returncode == 0
    until("it has left south", lambda: not node.status()["leaving"])
    maf, key = holds(node)
    assert maf == world.north.maf and keys_at(world.south, node).get(southern_key, "revoked") == "revoked"
    assert [k for k, s in keys_at(world.north, node).items() if s == "active"] == [key]
    assert not [e for e in world.north.events("--node", node.id) if "deregister" in e["what"]]


# --- two providers on one installation ---

def in_name_of(inst, sp, *args):
    """As the people of one provider ask."""
    return json.loads(inst.muster("--provider", sp, "--json", *args).stdout)


def registered_at_maf(inst, node):
    """Names under which the MAF (role 3 in the store) has the node registered, with the number of keys under each."""
    done = run("sqlite3", "-readonly", "-cmd", ".timeout 10000", inst.dir / "store/muster.db",
               "SELECT r.client_id, count(k.rel_key_id) FROM registration r JOIN node n ON r.node = n.id LEFT JOIN keyreg k "
               f"ON k.reg_id = r.reg_id AND k.role = r.role WHERE r.role = 3 AND n.node_id = '{node.id}' GROUP BY r.client_id;")
    return {name: int(keys) for name, keys in (row.split("|") for row in done.stdout.split())}


def test_within_one_installation(world):
    """West and east have one MEF and one MAF. A node moves from one to the other; neither sees what is the other's."""
    inst, west, east = world.owner, "west.example.com", "east.example.com"
    for sp in (west, east):
        inst.muster("subscription", "add", sp[:4], "--sp", sp, "--maf", inst.maf, "--maf-uri", f"https://{inst.maf}:{inst.maf_port}",
                    "--until", "+100d")
    node, other = (world.node(next(COUNT), 3) for _ in range(2))
    for n, sp in ((node, west), (other, east)):
        settle(n)
        inst.muster("node", "move", n.id, "--subscription", sp[:4], "--cse-id", f"//{sp}/{n.id[-6:]}", "--reason", "first contract")
        n.instruct(inst.instruction(adminFQDN=sp))
        assert n.run_once().returncode == 0, inst.log_text()
    _, old = holds(node)
    assert [n["nodeID"] for n in in_name_of(inst, west, "node", "list")] == [node.id]
    assert in_name_of(inst, west, "node", "show", node.id)["credentials"]
    # west gives it a certificate, and it may never go back to what it was born with
    settle(node, 'last_resort = "no";\n')
    inst.muster("command", "cert-prov", node.id, "--subject", "node")
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        node.agent("trigger", check=True)
        agent.wait_log("certificate-in-use")
    assert node.status()["certificate"]
    _, old = holds(node)
    # it has a key for somebody else, too, and is registered for it
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        node.agent("key", "register", "--suid", "33", "--target", f"//{west}/peer", check=True)
    assert registered_at_maf(inst, node) == {f"//{west}/{node.id[-6:]}": 1}
    # from west to east, with the owner's word; the old key works until the new one does
    inst.muster("node", "move", node.id, "--subscription", "east", "--cse-id", f"//{east}/{node.id[-6:]}", "--grace", "2d", "--reason", "sold")
    assert holds(node)[1] == old
    assert not [c for c in inst.ask("cert", "list", node.id)["certificates"] if c["revoked"]], "it comes to the MEF with it"
    # the new provider's is another one, got with the old one
    inst.muster("command", "cert-prov", node.id, "--subject", "node")
    node.instruct(inst.instruction(adminFQDN=east))
    triggered(node)
    assert node.run_once().returncode == 0
    _, new = holds(node)
    assert new != old and [k for k, s in keys_at(inst, node).items() if s == "active"] == [new] and old not in keys_at(inst, node)
    assert node.status()["leaving"] == [] and node.status()["credential"]["cseID"] == f"//{east}/{node.id[-6:]}"
    assert set(registered_at_maf(inst, node)) == {f"//{east}/{node.id[-6:]}"}      # nobody fetches west's key any more
    assert in_name_of(inst, west, "node", "list") == []
    assert {n["nodeID"] for n in in_name_of(inst, east, "node", "list")} == {node.id, other.id}
    shown = inst.muster("--provider", west, "node", "show", node.id, check=False)
    nowhere = inst.muster("--provider", west, "node", "show", "urn:nobody", check=False)
    assert shown.returncode == nowhere.returncode == 1 and shown.stderr == nowhere.stderr
    for sp, theirs in ((west, east), (east, west)):
        said = inst.muster("--provider", sp, "--json", "events").stdout
        assert said and theirs not in said and other.id not in (said if sp == west else ""), said
    for words in (("rule", "list"), ("status",), ("events", "verify"), ("node", "place", other.id, "--site", "x")):
        assert inst.muster("--provider", east, *words, check=False).returncode != 0, words
    # what the installation has suspended east does not lift; what it suspended itself it does
    for begin, resume in ((("node", "suspend", other.id, "--reason", "stolen"), ("node", "resume", other.id, "--reason", "x")),
                          (("subscription", "suspend", "east"), ("subscription", "resume", "east"))):
        kind, _, name, *_ = begin
        for by in ((), ("--provider", east)):
            inst.muster(*by, *begin)
            who = "provider" if by else "installation"
            assert inst.ask(kind, "show", name)["suspendedBy"] == who
            shown = inst.muster("--provider", east, kind, "show", name).stdout
            assert any(line.split() == ["suspendedBy", who] for line in shown.splitlines()), shown
            done = inst.muster("--provider", east, *resume, check=False)
            assert (done.returncode == 0) == bool(by), done
            assert by or ("installation's own people suspended it" in done.stderr and "ask its operator" in done.stderr), done
            inst.muster(*resume)
            assert "suspendedBy" not in inst.ask(kind, "show", name)
        assert [e["why"].split(": ")[-1] for e in inst.events("--what", f"{kind}.resume-refused")] == ["suspended by the installation"]


# --- at the same time (lesson 13) ---

def twin(world, node, key):
    """A second agent for the same node, with a state of its own; `key`: with another key than the first one's."""
    copy = object.__new__(type(node))
    copy.__dict__.update(node.__dict__)
    copy.dir = node.dir.parent / f"{node.dir.name}-twin"
    shutil.copytree(node.dir, copy.dir)
    if key:
        run(MUSTER, "cert", "issue", "--ca", "owner", "--out", copy.dir / "node2", "--node-id", node.id, cwd=world.cas)
        for end in ("pem", "key"):
            shutil.move(copy.dir / f"node2.{end}", copy.dir / f"node.{end}")
    return copy


@pytest.mark.parametrize("key", [False, True])
def test_two_at_once(world, key):
    """The same node enrols twice at the same moment, with one key or with two: one of the two is enrolled, the MAF has one live
    key of it, which is that one's, and the other knows that it has none that works."""
    first = world.node(next(COUNT), 3)
    settle(first)
    world.owner.muster("node", "place", first.id, *NORTH_SITE)
    pair = [first, twin(world, first, key)]
    for _ in range(2):
        for one in pair:
            run("rm", "-rf", one.dir / "state")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(lambda n: n.run_once().returncode, pair))
        assert 0 in ends, world.logs()
        live = [k for k, s in keys_at(world.north, first).items() if s == "active"]
        good = [n.agent("check").returncode == 0 for n in pair]
        held = [(n.status()["credential"] or {}).get("keyID") for n in pair]
        assert len(live) == 1 and [k == live[0] for k in held] == good and sum(good) == 1, (live, held, good)
        regs = [r for r in world.north.ask("node", "show", first.id)["registrations"] if r["role"] == "mef"]
        assert len(regs) == 1, regs


ACTS = {
    "suspend": (("node", "suspend"), ("node", "resume")),
    "revoke": (("node", "revoke"), None),
    "release": (("node", "release"), None),
}


def between(world, case):
    point, act = case
    node = world.node(next(COUNT), 3)
    settle(node, f'crash_at = "{point}";\n')
    world.owner.muster("node", "place", node.id, *NORTH_SITE)
    assert node.run_once().returncode == -signal.SIGKILL, point
    settle(node)
    world.north.muster(*ACTS[act][0], node.id, "--reason", "while it enrols")
    assert node.run_once().returncode == 1, (point, act)
    assert "active" not in keys_at(world.north, node).values() or act == "suspend", (point, act)
    state = world.north.ask("node", "show", node.id)["state"]
    assert state == {"suspend": "suspended", "revoke": "revoked", "release": "released"}[act], (point, act, state)
    assert node.status()["credential"] is None or point in ("promoted",), (point, act)
    if ACTS[act][1]:
        world.north.muster(*ACTS[act][1], node.id, "--reason", "a mistake")
        assert node.run_once().returncode == 0, (point, world.logs())
        assert [k for k, s in keys_at(world.north, node).items() if s == "active"] == [node.status()["credential"]["keyID"]]
    return True


def test_the_operator_in_the_middle(world):
    """The operator changes his mind while a node enrols: at every point the change stands, and the node is refused cleanly."""
    cases = list(itertools.product(("mef-registered", "pending-saved", "kmid-saved"), ACTS))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda c: between(world, c), cases))


SERVER_POINTS = ("decided", "commit-after")


def test_the_new_provider_loses_its_power(world):
    """South dies in the middle of the node's arrival, at each point once: until it is back north's key works; then the node arrives."""
    for point in SERVER_POINTS:
        node = northern(world)
        _, old = holds(node)
        inst = world.south
        inst.stop()
        inst.configure(add=f'test = {{ crash_at = "{point}"; crash_after = 2; }};\n')
        inst.start()
        with node.running() as agent:
            agent.wait_log("enrolled-already")
            node.agent("trigger", check=True)
            assert inst.process.wait(RUN_SECONDS) == -signal.SIGKILL, point
            assert node.status()["credential"]["keyID"] == old or point == "commit-after"
            inst.process = None
            inst.configure()
            inst.start()
            agent.wait_log("point=left ")
        moved(world, node, old)
