"""Story: who has the server's disk without its key-encryption key has nothing; that key is changed while nodes come and go, and the power
may go at any moment of it.
"""
import json
import os
import pathlib
import shutil
import signal
import sqlite3

import pytest

from support import MUSTERD, Installation, run, until
from test_audit import metric
from test_secenv import MODULE, Token, Tpm

# where keys are; how the generation that wrapped one is told: version 2, then the generation (version 1 had none)
WRAPPED = {"credential": "key", "keyreg": "key", "sim": "key", "gba_session": "ks", "gba_run": "av"}
SIMS = 600
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
    shown = inst.ask("keeper", "show")
    assert shown.pop("rates") and shown == {"generation": 1, "in": "file", "ca": {"in": "file", "away": False}}
    shown = inst.ask("keeper", "rotate")
    assert shown["generation"] == 2 and shown["before"] == 1, shown
    assert inst.second.run_once().returncode == 0 and works(inst.first), "while keys are wrapped anew"
    until("one generation", lambda: "before" not in inst.ask("keeper", "show"), context=inst.log_text)
    assert set(generations(inst)) == {2} and keks(inst) == ["kek-2.key"]
    done = inst.ask("keeper", "show")["rotation"]
    assert done["at"] == "done" and done["unreadable"] == 0 and before[1] <= done["keys"], done
    assert works(inst.first) and works(inst.second)
    events = [e["what"] for e in inst.events("--what", "keeper.")]
    assert events == ["keeper.rotation", "keeper.rewrapped", "keeper.rotated"], events


def kill(inst):
    for pid in [inst.process.pid, *(pid for pids in inst.children().values() for pid in pids)]:
        os.kill(pid, signal.SIGKILL)
    inst.process.wait(60)


def test_the_power_goes_meanwhile(inst):
    """Begun, half through, at the end: each time it goes on, and no key is lost on the way."""
    now = inst.ask("keeper", "rotate")["generation"]
    for least in (0, 200, 400):
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
        return ({p.name: p.read_bytes() for p in (inst.dir / "keeper").iterdir() if p.suffix != ".refused"},     # which PIN was refused
                list(db.iterdump()))


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


def in_a_tpm(path):
    tpm = Tpm(path)
    return tpm, f'backend = "tpm"; tcti = "{tpm.tcti}";'


def in_a_token(path):
    """What the module needs is said, so the process that asks it has nothing else."""
    token = Token(path)
    return token, f'backend = "pkcs11"; module = "{MODULE}"; module_state = "{token.dir}/tokens"; token = "node"; pin_file = "{token.dir}/pin";'


def of_a_secret(path):
    secret = path / "secret"
    secret.write_text("what systemd would hand over\n")
    secret.chmod(0o600)
    return None, f'backend = "secret"; secret_file = "{secret}";'


@pytest.mark.parametrize("place", [of_a_secret, in_a_token, in_a_tpm])
def test_the_key_is_elsewhere(inst, tmp_path, place, monkeypatch):
    """A rotation takes the key-encryption key there; without it there is no start, and the next one takes it back."""
    device, setting = place(tmp_path)
    for name, value in ((device and device.env) or {}).items():
        monkeypatch.setenv(name, value)
    inst.stop()
    inst.configure(add=f"\nkeeper_key = {{ {setting} }};\n")
    inst.start()
    shown = inst.ask("keeper", "rotate", "--wait")
    kind = setting.split('"')[1]
    assert shown["in"] == kind and "before" not in shown and shown["rotation"]["unreadable"] == 0, shown
    # the token's module, which is strangers' code, is not beside the keys, and the process that asked it is gone
    (keeper,) = inst.children()["keeper"]
    assert "softhsm" not in pathlib.Path(f"/proc/{keeper}/maps").read_text()
    assert pathlib.Path(f"/proc/{keeper}/task/{keeper}/children").read_text() == ""
    (kek,) = keks(inst)[:1]
    assert (inst.dir / "keeper" / kek).read_bytes().startswith(b"muster kek 1\n") and works(inst.first)
    refused = inst.muster("keeper", "rotate", check=False)
    assert refused.returncode == 1 and "restart it, then rotate" in refused.stderr, refused.stderr
    inst.stop()
    # --check asks for it, too, and makes nothing; the device is away
    before = everything(inst)
    assert run(MUSTERD, "-c", inst.config, "--check").stdout == "good\n"
    assert everything(inst) == before
    if kind == "tpm":
        device.stop()
    elif kind == "pkcs11":
        (device.dir / "pin").write_text("111111\n")
    else:
        (tmp_path / "secret").write_text("another\n")
    done = run(MUSTERD, "-c", inst.config, check=False)
    assert done.returncode not in (0, None) and "start: " in done.stderr, done.stderr
    assert everything(inst) == before
    if kind == "tpm":
        device.process = None
        device.start()
        setting = f'backend = "tpm"; tcti = "{device.tcti}";'
    elif kind == "pkcs11":
        (device.dir / "pin").write_text("246813\n")
    else:
        (tmp_path / "secret").write_text("what systemd would hand over\n")
    # back into a file: the settings of the device stay until the rotation is through
    inst.configure(add=f"\nkeeper_key = {{ {setting.replace(kind, 'file', 1)} }};\n")
    inst.start()
    assert inst.ask("keeper", "rotate", "--wait")["in"] == "file"
    inst.stop()
    inst.start()                                     # what is left in the device is given back
    inst.stop()
    assert not [n for n in os.listdir(inst.dir / "keeper") if "spare" in n or "gone" in n]
    if device:
        device.stop()
    inst.configure()
    inst.start()
    assert works(inst.first) and set(generations(inst)) == {shown["generation"] + 1}


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
    # one that says it is of the generation that the thief has, too: wrapped with another key all the same
    db = sqlite3.connect(thief.dir / "store/muster.db")
    with db:
        (imsi,) = db.execute("SELECT imsi FROM sim").fetchone()
        assert db.execute("UPDATE sim SET key = CAST(x'020001' || substr(key, 4) AS BLOB) WHERE imsi = ?", (imsi,)).rowcount == 1
    db.close()
    thief.start()
    # told after the start, before anybody needs one
    told = until("both are told", lambda: len(e := thief.events("--what", "keeper.dead-keys")) == 2 and [x["why"] for x in e], context=thief.log_text)
    assert f"{keys - 1} keys of the store are of no generation" in told[0] and "1 keys of the store do not open" in told[1] and imsi in told[1], told
    until("the metric", lambda: metric(thief, "muster_keeper_dead_keys") == keys)
    (found,) = [f for f in json.loads(thief.muster("--json", "doctor", check=False).stdout) if f["check"] == "keys of the store"]
    assert not found["ok"] and found["detail"].startswith(f"{keys - 1} are of no generation"), found
    assert "1 of a generation that it has do not open" in found["detail"] and imsi in found["detail"], found
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


def rate(inst, what):
    return inst.ask("keeper", "show")["rates"][what]


@pytest.mark.parametrize("processes", ["split", "single"])
def test_alarms_and_limits(tmp_path, processes):
    """What leaves the keeper in a minute is told when it is much, and refused when it is more; who is refused comes again."""
    inst = Installation(tmp_path / "inst", processes=processes)
    inst.configure(add="\nkeeper_limits = { km = 2; km_most = 3; };\n")
    inst.start()
    try:
        inst.subscription()
        node = inst.node(1)
        # enrolled, and seen by the MAF: one handshake at least
        assert node.run_once().returncode == 0, inst.log_text()
        assert 1 <= rate(inst, "km")["minute"] <= 3
        # more than three within a minute, whenever that begins
        until("limited", lambda: node.agent("check").returncode and inst.events("--what", "keeper.limited"))
        told = inst.wait_event("keeper.alarm")
        assert told["role"] == "server" and "master credentials: " in told["why"] and "keeper_limits.km is 2" in told["why"], told
        told = inst.wait_event("keeper.limited")
        assert "keeper_limits.km_most is 3" in told["why"], told
        until("the metric", lambda: metric(inst, "muster_keeper_limited_total") >= 1)
        assert metric(inst, "muster_keeper_alarms_total") >= 1
        km = rate(inst, "km")
        assert km["busiest"] == 3 and km["alarm"] == 2 and km["most"] == 3 and km["alarms"] and km["limited"] and km["ago"] < 3600, km
        assert rate(inst, "vectors") == {"minute": 0, "busiest": 0, "alarm": 6000, "most": 0, "alarms": 0, "limited": 0}
        assert "km: " in inst.muster("keeper", "show").stdout
        said = inst.muster("doctor", check=False).stdout
        assert "keeper_limits.km_most" in said, said
        # nothing else is held up
        assert rate(inst, "keyreg")["limited"] == 0 and inst.muster("node", "show", node.id).returncode == 0
    finally:
        assert inst.stop() == 0, inst.log_text()
