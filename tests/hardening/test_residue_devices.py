"""The memory proof where keys are in devices: nodes with a token, a TPM and a card, a CA with its key in a token, and a database server. What is
inside of a device is read from there by other means: SoftHSM2's files with the PIN, swtpm's own memory, the card that is a test's. None of it
is in a process that the device is not a part of. pcscd, through which the card's answers pass, is no part of it: it may have what the card gave, which
is what the store is sealed with.
"""
import contextlib
import hashlib
import hmac
import pathlib
import re
import secrets

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import softhsm
from key_card import PAIR, SECRET
from postgres import Postgres
from residue import files, private_half, scan
from residue_ca import public_point
from residue_world import KPM, World, dig, in_a_handshake, in_store, is_found_when_planted, maker_secret, nothing_is_left, point_of, took
from support import Installation, Running, until
from test_psk_serial import born as born_with_secret, plain
from test_secenv import MODULE, Card, Token, Tpm, born, record_of


class Devices(World):
    """`pg` is its database server."""
    devices = ("swtpm", "pcscd")

    def sql(self, text):
        return self.pg.ask(text, "muster")


class LockedTpm(Tpm):
    """Whose keys want a PIN."""

    def __init__(self, path):
        super().__init__(path)
        self.pin = secrets.token_hex(16)
        (path / "tpm-pin").write_text(self.pin + "\n")
        (path / "tpm-pin").chmod(0o600)

    def settings(self, kind="tpm"):
        return super().settings(kind).replace("};", f'pin_file = "{self.dir.parent}/tpm-pin"; }};')


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("residue")
    with contextlib.ExitStack() as stack:
        ca = Token(path / "ca", secrets.token_hex(12))
        pin = path / "ca" / "pin"
        pin.write_text(ca.pin + "\n")
        pin.chmod(0o600)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SOFTHSM2_CONF", ca.env["SOFTHSM2_CONF"])
        w = Devices(Installation(path / "inst", init=("--ca-key", f"pkcs11:token=node?module-path={MODULE}&pin-source={pin}", "--ca-module-state", ca.dir)))
        inst, w.ca = w.inst, ca
        w.pg = stack.enter_context(Postgres(durable=False))
        inst.configure(replace={"sqlite:store/muster.db": w.pg.create("muster")})
        inst.start()
        stack.callback(inst.stop)
        inst.subscription()
        w.device = {"agent-token": Token(path / "node", secrets.token_hex(12)), "agent-tpm": LockedTpm(path), "agent-card": Card(path)}
        w.others |= {"swtpm": w.device["agent-tpm"].process.pid, "pcscd": w.device["agent-card"].reader.p.pid}
        for device in w.device.values():
            stack.callback(device.stop)
        w.nodes = {who: born(inst, device, 901 + i) for i, (who, device) in enumerate(w.device.items())}
        w.nodes["agent-psk"] = born_with_secret(inst)
        stack.callback((tpm := Tpm(path / "node")).stop)
        plain(w.nodes["agent-psk"], tpm.settings())
        took(w.nodes["agent-psk"])
        for who, node in w.nodes.items():
            if who in w.device:
                inst.muster("command", "cert-prov", node.id)
            device = w.device.get(who)
            w.agents[who] = stack.enter_context(Running(node, env=device and device.env, wrap=device.wrap if device else ()))
        for who, agent in w.agents.items():
            agent.wait_log("point=cert-promoted" if who in w.device else "enrolled key")
        gather(w)
        yield w


def gather(w):
    inst, token, card = w.inst, w.device["agent-token"], w.device["agent-card"].card
    held = softhsm.keys_of(token.dir, token.pin)
    inside = {"agent-token": {(kind == softhsm.PRIVATE_KEY, name): key for (kind, name), key in held.items()},
              "agent-card": {(kind == PAIR, name): number_of(key) if kind == PAIR else key for (kind, name), key in card.objects.items() if kind in (PAIR, SECRET)}}
    for who, keys in inside.items():
        named(w, who, keys)
    with w.device["agent-tpm"].loaded(record_of(w.nodes["agent-tpm"].dir / "node.key")):
        w.belongs("agent-tpm-node.key", private_half(w.device["agent-tpm"].process.pid, point_in(w, "agent-tpm")), "swtpm")
    w.belongs("agent-tpm-store", store_key_in(w.pid_of("agent-tpm"), w.nodes["agent-tpm"].dir / "state"), "agent-tpm", "swtpm")
    # the PIN of each token, and what the CA's has inside: its module is in the process that signs
    for who in ("agent-token", "agent-tpm"):
        w.belongs(f"{who}-pin", w.device[who].pin.encode(), who, "swtpm")
    w.belongs("ca-pin", w.ca.pin.encode(), "signer")
    (_, key), = softhsm.keys_of(w.ca.dir, w.ca.pin).items()
    w.belongs("ca", key, "signer")
    assert public_point(key) == point_of((inst.dir / "keeper/ca.pem").read_text())
    kept = dig(inst.dir / "keeper")
    w.belongs("kek", kept["kek"], "keeper")
    w.belongs("wrap", kept["wrap"], "keeper")
    w.belongs("agent-psk-kpm", maker_secret(w.nodes["agent-psk"]))
    whose = {node.status()["credential"]["keyID"]: who for who, node in w.nodes.items()}
    for i, (purpose, key_id, key) in enumerate(in_store(w, kept["wrap"], "SELECT purpose, key_id, encode(key, 'hex') FROM credential")):
        if purpose == KPM:
            assert key == w.keys.keys["agent-psk-kpm"]
        elif key_id in whose:
            who = whose.pop(key_id)
            w.belongs(f"{who}-km", key, who)
        else:
            w.belongs(f"kept-{i}", key)
    assert not whose, whose
    w.needles = w.keys.write(inst.dir.parent / "needles")


HEAD = 14                              # of a sealed file: bound to what is in it, and so is its name (lib/secenv/sealed.c)


def opens(state, key):
    """Is that the key of the store? Its slots are sealed with it."""
    file = sorted(state.glob("slots.?"))[0]
    octets = file.read_bytes()
    with contextlib.suppress(InvalidTag):
        return bool(AESGCM(key).decrypt(octets[HEAD:HEAD + 12], octets[HEAD + 12:], octets[:HEAD] + file.stem.encode()))
    return False


def store_key_in(pid, state):
    """Whatever there opens the store: in the pages that are locked."""
    maps = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", pathlib.Path(f"/proc/{pid}/smaps").read_text())[1:]
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for start, end in (re.match("([0-9a-f]+)-([0-9a-f]+) rw", m).groups() for m in maps if re.search("VmFlags:.* lo ", m) and " rw" in m[:40]):
            mem.seek(int(start, 16))
            octets = mem.read(int(end, 16) - int(start, 16))
            for i in range(len(octets) - 31):
                if octets[i] and len(set(octets[i:i + 32])) > 16 and opens(state, octets[i:i + 32]):
                    return octets[i:i + 32]
    raise AssertionError("nothing there opens the store")


def number_of(key):
    return key.private_numbers().private_value.to_bytes(32, "big")


def point_in(w, who):
    """The first one, which its maker has certified."""
    return point_of((w.nodes[who].dir / "node.pem").read_text())


def named(w, who, keys):
    """Two pairs, that of the maker's certificate and that of the MEF's, and the secret that makes the store's key (lib/secenv/root-named.c)."""
    record = (w.nodes[who].dir / "state.key").read_bytes()[8:41]
    first = keys[True, record_of(w.nodes[who].dir / "node.key")[1:]]
    assert public_point(first) == point_in(w, who) and record[0] == 1
    second, = (key for (pair, _), key in keys.items() if pair and key != first)
    secret = keys[False, record[1:17]]
    w.belongs(f"{who}-node.key", first)
    w.belongs(f"{who}-cert", second)
    w.belongs(f"{who}-secret", secret)
    w.belongs(f"{who}-store", hmac.digest(secret, b"muster store key 1" + record[17:], hashlib.sha256), who, *{"agent-card": ["pcscd"]}.get(who, []))
    assert opens(w.nodes[who].dir / "state", w.keys.keys[f"{who}-store"])


INSIDE = {f"{who}-{what}" for who in ("agent-token", "agent-card") for what in ("node.key", "cert", "secret")} | {"agent-tpm-node.key", "ca"}


def test_memory(world):
    """What is inside of a device is in no process of ours, though the token's module is a library in two of them; PINs and what is made of a
    device's secret are in locked pages, in no core, and where they belong."""
    found = world.targets()
    hits, searched = scan(world.needles, found)
    assert hits and set(searched) == set(found) and min(searched.values()) > 100_000
    assert {"signer", "keeper", "engine", "supervisor", "pcscd", *world.nodes} < set(found.values())
    hits = nothing_is_left(world, found)
    ours = [h for h in hits if found[h.target] not in world.devices]
    assert not [h for h in ours if "dd" not in h.flags or h.name in INSIDE]
    there = {(found[h.target], h.name) for h in hits}
    assert {("agent-token", "agent-token-pin"), ("agent-token", "agent-token-store"), ("agent-card", "agent-card-store"), ("agent-tpm", "agent-tpm-pin"), ("agent-tpm", "agent-tpm-store"),
            ("signer", "ca-pin"), ("keeper", "wrap"), ("swtpm", "agent-tpm-node.key")} <= there, there


def test_nothing_stays_loaded(world):
    """Whatever the library is made to forget the PIN with, the TPM is left as it was found."""
    tpm = world.device["agent-tpm"]
    for what in ("handles-transient", "handles-loaded-session"):
        until(what, lambda w=what: not tpm.tool("tpm2_getcap", w).strip(), context=lambda w=what: tpm.tool("tpm2_getcap", w))


@pytest.mark.parametrize("who", ["agent-token", "agent-tpm", "agent-card"])
def test_in_a_handshake(world, who):
    """Km is sealed by what the device made, and comes into this process for a handshake."""
    in_a_handshake(world, who, "listener-maf", f"{who}-km")


@pytest.mark.parametrize("who", ["signer", "agent-token", "agent-tpm", "agent-card", "pcscd"])
def test_a_planted_key_is_found_in_memory(world, who):
    is_found_when_planted(world, who, "agent-token-cert", "ca")


KEY_FILES = {"pin", "psk", "kek.key"}


def test_files(world):
    """Nothing of them is on the disk: of the servers, of the nodes, or of the token, whose files are sealed with the PIN."""
    looked = [p for p in files(world.inst.dir, world.ca.dir, world.device["agent-token"].dir) if p.name not in KEY_FILES and p.suffix != ".key"]
    assert {"token.object", "musterd.log", "agent.log"} <= {p.name for p in looked}
    looked += [node.dir / "state.key" for who, node in world.nodes.items() if who in world.device]       # a record, worthless without the device
    looked.append(world.nodes["agent-psk"].psk_file)             # sealed with what a TPM has
    hits, searched = scan(world.needles, looked)
    assert len(searched) == len(looked) and not hits, hits


def test_the_database_server(world):
    """Its pages, its log of changes, its files: what it was given is wrapped. And a key that it is given is found there."""
    pg = world.pg
    pids = [f"pid:{pid}" for pid in (pg.process.pid, *pg.ask("SELECT pid FROM pg_stat_activity WHERE application_name <> 'psql'").split())]

    def look():
        pg.psql("CHECKPOINT")
        hits, searched = scan(world.needles, [*pids, *files(pg.data)])
        assert len(pids) > 3 and min(searched[p] for p in pids) > 100_000
        return {("memory" if h.target in pids else "files", h.name) for h in hits}
    assert int(pg.ask("SELECT count(*) FROM credential", "muster")) > len(world.nodes)
    assert not look()
    pg.psql(f"CREATE TABLE planted AS SELECT decode('{world.keys.keys['agent-psk-kpm'].hex()}', 'hex') AS key")
    assert look() == {("memory", "agent-psk-kpm"), ("files", "agent-psk-kpm")}
