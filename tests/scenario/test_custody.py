"""Story: who has the server's disk without its key-encryption key has nothing; that key is changed while nodes come and go, and the power
may go at any moment of it.
"""
import os
import shutil
import signal
import sqlite3

import pytest

from support import MUSTERD, Installation, run, until

# where keys are; how the generation that wrapped one is told: version 2, then the generation (version 1 had none)
WRAPPED = {"credential": "key", "keyreg": "key", "sim": "key", "gba_session": "ks", "gba_run": "av"}
SIMS = 1500
K, OPC = "fec86ba6eb707ed08905757b1bb44b8f", "1006020f0a478bf6b699f15c062e42b3"


def generations(inst):
    """How many keys of which generation there are."""
    found = {}
    with sqlite3.connect(f"file:{inst.dir}/store/muster.db?mode=ro", uri=True) as db:
        for table, column in WRAPPED.items():
            for (blob,) in db.execute(f"SELECT {column} FROM {table} WHERE length({column}) > 0"):
                gen = 1 if blob[0] == 1 else int.from_bytes(blob[1:3], "big")
                found[gen] = found.get(gen, 0) + 1
    return found


def keks(inst):
    return sorted(p.name for p in (inst.dir / "keeper").glob("kek*"))


def import_sims(inst):
    rows = "".join(f"00101{i:010d},{K},{OPC}\n" for i in range(SIMS))
    inst.muster("sim", "import", "-", stdin="imsi,k,opc\n" + rows)


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("custody") / "inst", gba="00101")
    it.start()
    it.subscription()
    it.first, it.second = it.node(1), it.node(2)
    assert it.first.run_once().returncode == 0
    it.muster("node", "secret", it.second.id, "--new", it.dir / "secret")
    import_sims(it)
    yield it
    it.stop()


def works(node):
    return "good: the MAF authenticates this node" in node.agent("check").stdout


def test_a_new_key_while_nodes_come_and_go(inst):
    before = generations(inst)
    assert set(before) == {1} and before[1] >= SIMS + 3 and keks(inst) == ["kek.key"]
    assert inst.ask("keeper", "show") == {"generation": 1}
    shown = inst.ask("keeper", "rotate")
    assert shown["generation"] == 2 and shown["before"] == 1, shown
    assert inst.second.run_once().returncode == 0 and works(inst.first), "while keys are wrapped anew"
    until("one generation", lambda: "before" not in inst.ask("keeper", "show"), context=inst.log_text)
    assert set(generations(inst)) == {2} and keks(inst) == ["kek-2.key"]
    done = inst.ask("keeper", "show")["rotation"]
    assert done["at"] == "done" and done["unreadable"] == 0 and before[1] <= done["keys"], done
    assert works(inst.first) and works(inst.second)
    events = [e["what"] for e in inst.events("--what", "keeper.")]
    assert events == ["keeper.rotation", "keeper.rotated"], events


def kill(inst):
    for pid in [inst.process.pid, *(pid for pids in inst.children().values() for pid in pids)]:
        os.kill(pid, signal.SIGKILL)
    inst.process.wait(60)


def test_the_power_goes_meanwhile(inst):
    """Begun, half through, at the end: each time it goes on, and no key is lost on the way."""
    now = inst.ask("keeper", "rotate")["generation"]
    for least in (0, 200, 700):
        until("that far", lambda least=least: inst.ask("keeper", "show").get("rotation", {}).get("changed", 0) >= least or
              "before" not in inst.ask("keeper", "show"))
        kill(inst)
        assert set(generations(inst)) <= {now, now - 1}
        inst.start()
        assert works(inst.first) and works(inst.second)
    until("the end", lambda: "before" not in inst.ask("keeper", "show"), context=inst.log_text)
    assert set(generations(inst)) == {now} and keks(inst) == [f"kek-{now}.key"]
    assert inst.ask("keeper", "show")["rotation"]["unreadable"] == 0
    assert "every hash fits" in inst.muster("audit", "verify").stdout


def everything(inst):
    """Each file of the keeper, each row of the store."""
    with sqlite3.connect(f"file:{inst.dir}/store/muster.db?mode=ro", uri=True) as db:
        return {p.name: p.read_bytes() for p in (inst.dir / "keeper").iterdir()}, list(db.iterdump())


def test_a_wrong_key_ends_the_start_and_changes_nothing(inst):
    inst.stop()
    right = inst.dir / "keeper" / keks(inst)[0]
    octets = right.read_bytes()
    right.write_bytes(os.urandom(32))
    before = everything(inst)
    done = run(MUSTERD, "-c", inst.config, check=False)
    assert done.returncode not in (0, None) and "ca.key: damaged, or sealed with another kek.key" in done.stderr, done.stderr
    assert everything(inst) == before
    right.unlink()
    done = run(MUSTERD, "-c", inst.config, check=False)
    assert done.returncode not in (0, None) and "kek.key: No such file" in done.stderr, done.stderr
    right.write_bytes(octets)
    right.chmod(0o600)
    inst.start()
    assert works(inst.first)


def test_a_stolen_store(inst, tmp_path):
    """Another installation's keeper opens none of its keys; and nothing of them stands there in clear."""
    inst.stop()
    for path in (inst.dir / "store").iterdir():
        octets = path.read_bytes()
        for secret in (bytes.fromhex(K), bytes.fromhex(OPC), K.encode(), OPC.encode()):
            assert secret not in octets and secret.upper() not in octets, path
    thief = Installation(tmp_path / "thief", gba="00101")
    for path in (inst.dir / "store").iterdir():
        shutil.copy(path, thief.dir / "store")
    inst.start()
    keys = sum(generations(thief).values())
    thief.start()
    done = thief.muster("keeper", "rotate", "--wait", check=False)
    assert done.returncode == 1 and f"{keys} keys cannot be opened by any generation" in done.stdout, done.stdout
    held = thief.ask("keeper", "show")
    assert held["rotation"]["unreadable"] == keys and held["rotation"]["changed"] == 0 and held["before"] == 1
    assert "keeper.rotation-held" in [e["what"] for e in thief.events("--what", "keeper.")]
    # once more, and then they are given up
    assert thief.muster("keeper", "rotate", "--wait", check=False).returncode == 1
    assert thief.muster("keeper", "finish", check=False).returncode == 2
    thief.muster("keeper", "finish", "--reason", "they are not mine")
    until("the end", lambda: "before" not in thief.ask("keeper", "show"), context=thief.log_text)
    assert thief.muster("keeper", "finish", "--reason", "again", check=False).returncode == 1
    assert keks(thief) == ["kek-2.key"]
    thief.stop()
