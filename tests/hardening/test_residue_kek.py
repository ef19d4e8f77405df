"""The memory proof for a key-encryption key that comes of a secret, a token or a TPM: neither what the keeper is given there, nor the PIN or the secret,
nor what is inside, is left in any process or file; what it makes of it, and the next one while that waits, are in locked pages of the keeper.
"""
import contextlib
import hashlib
import hmac
import secrets

import pytest

import softhsm
from residue import files, scan
from residue_world import World, dig, in_store, is_found_when_planted, nothing_is_left
from support import Installation, secret_text
from test_residue_devices import LockedTpm
from test_secenv import MODULE, Token

HEAD = b"muster kek 1\n"               # and one octet for the place (lib/keeper/kek-device.c)
STORE_KEY = b"muster store key 1"


class Places:
    """One PIN for token and TPM, as there is one setting for it."""

    def __init__(self, path, stack):
        self.tpm = LockedTpm(path)
        stack.callback(self.tpm.stop)
        self.pin, self.pin_file = self.tpm.pin, path / "tpm-pin"
        self.token = Token(path, self.pin)
        self.secret, self.secret_file = secrets.token_urlsafe(24), path / "secret"
        self.secret_file.write_text(self.secret + "\n")
        self.secret_file.chmod(0o600)
        self.settings = (f'secret_file = "{self.secret_file}"; pin_file = "{self.pin_file}"; tcti = "{self.tpm.tcti}"; module = "{MODULE}"; '
                         f'module_state = "{self.token.dir}/tokens"; token = "node";')

    def key(self, file):
        """What the place makes of that record, by others' means; and what it is made of, by name."""
        octets = file.read_bytes()
        assert octets.startswith(HEAD), octets[:16]
        kind, record = octets[len(HEAD)], octets[len(HEAD) + 1:]
        if kind == 2:
            salt = record[:16]
            return hashlib.scrypt(self.secret.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32), {
                "stretch": hashlib.pbkdf2_hmac("sha256", self.secret.encode(), salt, 1, 1024)}
        if kind == 4:
            secret = softhsm.keys_of(self.token.dir, self.pin)[softhsm.SECRET_KEY, record[1:17]]
            return hmac.digest(secret, STORE_KEY + record[17:], hashlib.sha256), {"inside": secret}
        with self.tpm.loaded(record[21:]):
            (self.tpm.dir / "message").write_bytes(b"muster store key 2" + record[1:21])     # the counter's index, and a salt
            self.tpm.tool("tpm2_hmac", "-Q", "-c", "key.ctx", "-p", f"str:{self.pin}", "-o", "mac", "message")
        return (self.tpm.dir / "mac").read_bytes(), {}


@pytest.fixture(name="w", scope="module")
def a_world(tmp_path_factory):
    path = tmp_path_factory.mktemp("residue")
    with contextlib.ExitStack() as stack:
        places = Places(path, stack)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SOFTHSM2_CONF", places.token.env["SOFTHSM2_CONF"])
        w = World(Installation(path / "inst"))
        stack.callback(w.inst.stop)
        w.places, w.needles = places, path / "needles"
        w.belongs("pin", places.pin.encode())
        w.belongs("secret", places.secret.encode())
        w.belongs("file-kek", dig(w.inst.dir / "keeper")["kek"])
        yield w


def look(w, *places):
    """Where its keys are: in locked pages that are in no core, or not at all."""
    w.keys.write(w.needles)
    found = w.targets()
    assert {"keeper", "engine", "supervisor", "listener-none"} < set(found.values())
    hits = nothing_is_left(w, found)
    assert all("dd" in h.flags for h in hits)
    assert {h.name for h in hits} == set(places)


# each place after the other: what the one before has made is opened at the start, and given up
@pytest.mark.parametrize("kind, before", [("secret", None), ("pkcs11", "secret"), ("tpm", "pkcs11")])
def test_of_a_device(w, kind, before):
    inst, keeper = w.inst, w.inst.dir / "keeper"
    assert inst.stop() == 0, inst.log_text()
    inst.configure(add=f'\nkeeper_key = {{ backend = "{kind}"; {w.places.settings} }};\n')
    inst.start()
    if before is None:
        inst.subscription()
        w.belongs("kpm", given := secrets.token_bytes(32))
        inst.muster("node", "secret", inst.node(1).id, "--file", "-", stdin=secret_text(given.hex()))
    key, inside = w.places.key(keeper / "kek.spare")
    w.belongs(f"{kind}-kek", key, "keeper")
    for name, octets in inside.items():
        w.belongs(f"{kind}-{name}", octets)
    look(w, f"{kind}-kek", *([f"{before}-wrap"] if before else []))
    inst.muster("keeper", "rotate", "--wait")
    file, = keeper.glob("kek*.key")
    assert w.places.key(file)[0] == key
    w.belongs(f"{kind}-wrap", wrap := hmac.digest(key, b"muster keeper: wrapping 1", hashlib.sha256), "keeper")
    assert [octets for _, _, octets in in_store(w, wrap, "SELECT purpose, key_id, hex(key) FROM credential")] == [w.keys.keys["kpm"]]
    w.own[f"{kind}-kek"] = set()
    look(w, f"{kind}-wrap")


def test_after_a_start(w):
    """With the key of a TPM, and what was given up before."""
    assert w.inst.stop() == 0
    w.inst.start()
    look(w, "tpm-wrap")
    is_found_when_planted(w, "keeper", "tpm-kek", "pkcs11-inside", "secret")
    is_found_when_planted(w, "engine", "pin")


def test_files(w):
    looked = [p for p in files(w.inst.dir, w.places.token.dir, w.places.tpm.dir) if p.name not in ("pin", "mac")]
    assert {"muster.db", "musterd.log", "token.object"} < {p.name for p in looked} and any(p.name.startswith("kek") for p in looked)
    hits, searched = scan(w.needles, looked)
    assert len(searched) == len(looked) and not hits, hits
    assert {h.name for h in scan(w.needles, [w.places.pin_file, w.places.secret_file, w.places.tpm.dir / "mac"])[0]} == {"pin", "secret", "tpm-kek"}
