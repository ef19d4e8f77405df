"""Nodes whose keys lie in a TPM, in a PKCS#11 token and in files: they enrol by certificate with a key that was made there, get another
one by CERT_PROV, and tools of others show that both are in the device and cannot leave it."""
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from key_card import PAIR, KeyCard
from support import MUSTER, Installation, Running, free_port, run, until
from test_card import Reader

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "246813"


class Tpm:
    """swtpm on loopback, and tpm2-tools on it."""
    backend = "tpm"
    wrap = ()

    def __init__(self, path):
        self.dir = path / "tpm"
        self.dir.mkdir()
        self.start()

    def start(self):
        def look():
            if self.process.poll() is not None:
                raise OSError("swtpm has ended")
            with socket.socket() as s:       # whose own port the kernel may choose to be this one where there is no other
                return s.connect_ex(("127.0.0.1", self.port + 1)) == 0 and s.getsockname() != s.getpeername()
        while True:
            self.port = free_port(2)         # as the TCTI wants them
            with open(self.dir / "log", "ab") as log:
                self.process = subprocess.Popen(
                    ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.dir}", "--server", f"type=tcp,port={self.port}", "--ctrl",
                     f"type=tcp,port={self.port + 1}", "--flags", "not-need-init,startup-clear"], stdout=log, stderr=log)
            try:
                until("swtpm", look)
            except OSError:
                continue                                 # somebody else has taken a port meanwhile
            self.tcti = f"swtpm:host=127.0.0.1,port={self.port}"
            return

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def settings(self, kind="tpm"):
        return f'secenv = {{ backend = "{kind}"; tcti = "{self.tcti}"; }};\n'

    env = None

    def tool(self, *words):
        return run(*words, cwd=self.dir, env={**os.environ, "TPM2TOOLS_TCTI": self.tcti, "TSS2_LOG": "all+NONE"}).stdout

    @contextlib.contextmanager
    def loaded(self, record):
        """The wrapped key of `record`: under this TPM's storage key alone, as key.ctx."""
        assert record[0:1] == b"T", record[:1]
        n = struct.unpack(">H", record[5:7])[0]
        (self.dir / "key.pub").write_bytes(record[7:7 + n])
        (self.dir / "key.priv").write_bytes(record[9 + n:])
        self.tool("tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc", "-c", "parent.ctx", "-a",
                  "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt")
        self.tool("tpm2_flushcontext", "-t")
        self.tool("tpm2_load", "-Q", "-C", "parent.ctx", "-u", "key.pub", "-r", "key.priv", "-c", "key.ctx")
        yield
        self.tool("tpm2_flushcontext", "-t")

    def shows(self, record, spki):
        """It is our public key, and bound to this TPM."""
        with self.loaded(record):
            text = self.tool("tpm2_readpublic", "-c", "key.ctx", "-f", "der", "-o", "key.der")
        attributes = re.search(r"^attributes:\s*\n\s*value: (\S+)", text, re.M).group(1).split("|")
        assert {"fixedtpm", "fixedparent", "sensitivedataorigin", "sign"} <= set(attributes), attributes
        assert (self.dir / "key.der").read_bytes() == spki


class Token:
    """A token of SoftHSM2, and pkcs11-tool on it."""
    backend = "pkcs11"
    wrap = ()

    def __init__(self, path, pin=PIN):
        self.dir, self.pin = path / "token", pin
        (self.dir / "tokens").mkdir(parents=True)
        (self.dir / "softhsm2.conf").write_text(f"directories.tokendir = {self.dir}/tokens\nobjectstore.backend = file\n")
        (self.dir / "pin").write_text(pin + "\n")
        (self.dir / "pin").chmod(0o600)
        self.env = {**os.environ, "SOFTHSM2_CONF": str(self.dir / "softhsm2.conf")}
        run("softhsm2-util", "--init-token", "--free", "--label", "node", "--pin", pin, "--so-pin", "97531", env=self.env)

    def stop(self):
        pass

    def settings(self, kind="pkcs11"):
        return f'secenv = {{ backend = "{kind}"; module = "{MODULE}"; token = "node"; pin_file = "{self.dir}/pin"; module_state = "{self.dir}"; }};\n'

    def tool(self, *words):
        return run("pkcs11-tool", "--module", MODULE, "--token-label", "node", "--login", "--pin", self.pin, *words, env=self.env)

    def shows(self, record, spki):
        assert record[0:1] == b"K" and len(record) == 17
        name = record[1:].hex()
        objects = self.tool("--list-objects").stdout
        private = [o for o in re.split(r"\n(?=\S)", objects) if o.startswith("Private Key") and name in o.lower()]
        assert len(private) == 1, objects
        assert "sensitive, always sensitive, never extractable, local" in private[0], private
        self.tool("--read-object", "--type", "pubkey", "--id", name, "--output-file", self.dir / "key.der")
        assert (self.dir / "key.der").read_bytes() == spki
        got = subprocess.run(["pkcs11-tool", "--module", MODULE, "--token-label", "node", "--login", "--pin", self.pin, "--read-object", "--type",
                              "privkey", "--id", name, "--output-file", self.dir / "private"], env=self.env,
                             capture_output=True, check=False)
        assert got.returncode != 0 or not (self.dir / "private").exists()


    def pairs(self):
        """Names of the private keys in it."""
        objects = [o for o in re.split(r"\n(?=\S)", self.tool("--list-objects").stdout) if o.strip()]
        return {re.search(r"ID:\s+(\S+)", o).group(1).lower() for o in objects if o.startswith("Private Key")}, len(objects)


class Card:
    """A UICC with a key applet (ours: tests/support/key_card.py) in the virtual reader of a pcscd."""
    backend = "card"
    env = None

    def __init__(self, path):
        self.dir = path / "card"
        self.dir.mkdir()
        (self.dir / "pin").write_text(PIN + "\n")
        (self.dir / "pin").chmod(0o600)
        self.reader = Reader(self.dir)
        self.card = KeyCard(key_pin=PIN)
        self.put_in = self.reader.card(self.card)
        self.put_in.__enter__()
        self.wrap = self.reader.beside()

    def stop(self):
        self.put_in.__exit__(None, None, None)
        self.reader.close()

    def pairs(self):
        return {name.hex() for kind, name in self.card.objects if kind == PAIR}, len(self.card.objects)

    def settings(self, kind="card"):
        return f'secenv = {{ backend = "{kind}"; reader = "Virtual"; pin_file = "{self.dir}/pin"; }};\n'

    def shows(self, record, spki):
        """The card has the pair of our public key under that name, has signed with it, and gave nothing of any of its keys away."""
        assert record[0:1] == b"U" and len(record) == 17
        key = self.card.objects[PAIR, record[1:]].public_key()
        assert key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == spki
        assert [c for c, answer in self.card.log if c.startswith("809e000030" + record[1:].hex())]
        assert not self.card.holds_secret_of(b"".join(bytes.fromhex(c) + bytes.fromhex(answer) for c, answer in self.card.log))


class Files:
    backend = "file"
    wrap = ()
    env = None

    def __init__(self, path):
        del path

    def stop(self):
        pass

    def settings(self, kind="file"):
        return f'secenv = {{ backend = "{kind}"; }};\n'

    def shows(self, record, spki):
        """Sealed: neither the key nor anything like PKCS#8 is to be seen."""
        assert record[0:1] == b"F" and spki not in record and b"\x2a\x86\x48\xce\x3d" not in record


@pytest.fixture(name="inst", scope="module")
def installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("secenv") / "inst", "single")
    inst.start()
    inst.subscription()
    yield inst
    assert inst.stop() == 0, inst.log_text()


def record_of(path):
    text = path.read_text()
    assert "PRIVATE KEY" not in text
    return base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))


def spki_of(certificate):
    pem = run("openssl", "x509", "-in", certificate, "-noout", "-pubkey").stdout
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))


def born(inst, device, number, known=True):
    """A node that makes its first key itself; its maker certifies what it asks for."""
    node = inst.node(number, known=known)
    for name in ("node.key", "node.pem"):
        (node.dir / name).unlink()
    node.env = device.env
    node.configure(add=f'node_id = "{node.id}";\n' + device.settings())
    node.agent("request", "--out", node.dir / "node.csr", check=True, env=device.env, wrap=device.wrap)
    run(MUSTER, "cert", "sign", node.dir / "node.csr", "--ca", "acme", "--out", node.dir / "node", cwd=inst.dir / "makers")
    assert "this node is " + node.id in node.agent("--check", check=True, env=device.env, wrap=device.wrap).stdout
    return node


def gives_it_all_back(node, device):
    """A factory reset, which is cut, and tried with the device away: the pair that the MEF certified goes with the store; that of the initial credential stays."""
    initial = record_of(node.dir / "node.key")[1:].hex()
    settings = f'node_id = "{node.id}";\n' + device.settings("auto")
    assert initial in device.pairs()[0] and len(device.pairs()[0]) == 2, device.pairs()
    node.configure(add=settings + 'crash_at = "reset-slots";\n')
    assert node.agent("reset", "--yes", env=device.env, wrap=device.wrap).returncode < 0
    node.configure(add=settings)
    away = {**os.environ, "SOFTHSM2_CONF": "/dev/null", "PCSCLITE_CSOCK_NAME": str(node.dir / "none")}
    told = node.agent("reset", "--yes", env=away)
    assert told.returncode == 3 and "state" in told.stderr and "as it was delivered" not in told.stdout, told
    assert len(device.pairs()[0]) == 2 and (node.dir / "state.key").exists()
    done = node.agent("reset", "--yes", env=device.env, wrap=device.wrap)
    assert done.returncode == 0 and not done.stderr, done
    # of a pair PKCS#11 has two objects
    assert device.pairs() == ({initial}, 2 if isinstance(device, Token) else 1), device.pairs()
    assert "this node is " + node.id in node.agent("--check", check=True, env=device.env, wrap=device.wrap).stdout


@pytest.mark.parametrize("kind, number", [(Tpm, 1), (Token, 2), (Files, 3), (Card, 4)])
def test_a_node_enrols_with_a_key_that_never_leaves(inst, tmp_path, kind, number):
    device = kind(tmp_path)
    try:
        node = born(inst, device, number)
        inst.muster("command", "cert-prov", node.id)
        done = node.run_once(env=device.env, wrap=device.wrap)
        assert done.returncode == 0, done.stderr
        assert "certificate-in-use" in done.stderr, done.stderr      # the second key was made there, too, and has been used
        device.shows(record_of(node.dir / "node.key"), spki_of(node.dir / "node.pem"))
        assert node.agent("check", env=device.env, wrap=device.wrap).returncode == 0   # Km: unsealed for this handshake
        doctor = json.loads(node.agent("doctor", "--json", check=True, env=device.env, wrap=device.wrap).stdout)
        assert doctor["chosen"] == device.backend, doctor
        # the same request again: the same key
        again = node.agent("request", check=True, env=device.env, wrap=device.wrap).stdout
        assert again.startswith("-----BEGIN CERTIFICATE REQUEST-----")
        look = [run("openssl", "req", "-noout", "-pubkey", stdin=text).stdout for text in (again, (node.dir / "node.csr").read_text())]
        assert look[0] == look[1]
        # for an enrolled node another back end is refused, whichever way it is asked for
        other = Files(tmp_path) if device.backend != "file" else Token(tmp_path)
        before = hashlib.sha256((node.dir / "state.key").read_bytes()).digest()
        node.configure(add=f'node_id = "{node.id}";\n' + other.settings())
        refused = node.agent("status", env=other.env, wrap=other.wrap)
        assert refused.returncode == 3 and "bound to another back end" in refused.stderr and "what to do" in refused.stderr, refused
        assert node.run_once(env=other.env, wrap=other.wrap).returncode == 1
        # … and with "auto" it stays where it is
        node.configure(add=f'node_id = "{node.id}";\n' + device.settings("auto"))
        assert json.loads(node.agent("status", "--json", check=True, env=device.env, wrap=device.wrap).stdout)["state"] == "enrolled"
        assert hashlib.sha256((node.dir / "state.key").read_bytes()).digest() == before
        if isinstance(device, (Token, Card)):
            gives_it_all_back(node, device)
    finally:
        device.stop()


def test_the_best_is_chosen_and_its_loss_is_told(inst, tmp_path):
    device = Tpm(tmp_path)
    try:
        node = inst.node(11)
        settings = f'node_id = "{node.id}";\n'
        node.configure(add=settings + device.settings("auto"))
        assert node.run_once().returncode == 0
        said = json.loads(node.agent("doctor", "--json", check=True).stdout)
        assert said["chosen"] == "tpm" and [o["backend"] for o in said["offers"]][:1] == ["tpm"], said
        # an older copy of the disk is recognised, and the newest goes on serving
        shutil.copytree(node.dir / "state", node.dir / "copy")
        old = node.status()["credential"]["keyID"]
        with node.running() as agent:
            agent.wait_log("enrolled-already")
            node.agent("trigger", node.dir / "instructions.json", check=True)
            until("another credential", lambda: node.status()["state"] == "enrolled" and node.status()["credential"]["keyID"] != old)
        (node.dir / "state").rename(node.dir / "newest")
        shutil.copytree(node.dir / "copy", node.dir / "state")
        told = node.run_once()
        assert told.returncode == 1 and "older copy" in told.stderr and "newest" in told.stderr, told.stderr
        shutil.rmtree(node.dir / "state")
        (node.dir / "newest").rename(node.dir / "state")
        # away: nothing is begun anew beside it
        device.stop()
        gone = node.run_once()
        assert gone.returncode == 1 and "no TPM answers" in gone.stderr and "muster-agent doctor" in gone.stderr, gone.stderr
        device.start()
        node.configure(add=settings + device.settings("auto"))
        assert node.agent("check").returncode == 0
        # cleared: told as that
        device.tool("tpm2_clear", "-c", "lockout")
        cleared = node.run_once()
        assert cleared.returncode == 1 and "it was cleared, or is another one" in cleared.stderr, cleared.stderr
        # a person's decision: begin anew
        assert node.agent("reset", "--yes").returncode == 0
        inst.muster("node", "reenrol", node.id, "--window", "1h", "--reason", "its TPM was cleared")
        fresh = node.run_once()
        assert fresh.returncode == 0, fresh.stderr
    finally:
        device.stop()


def test_what_no_setting_names_is_told(inst, tmp_path):
    """A token that p11-kit knows and a reader: neither is taken unasked, and doctor does not say that there is nothing else."""
    device, card = Token(tmp_path), Card(tmp_path)
    try:
        node = inst.node(14)
        node.configure(add=f'node_id = "{node.id}";\n')
        said = json.loads(node.agent("doctor", "--json", check=True, env=device.env, wrap=card.wrap).stdout)
        assert said["chosen"] == "file" and said["ok"] and [o["backend"] for o in said["offers"]] == ["file"], said
        token, *_, reader = said["unnamed"]              # SoftHSM2 has one more, which is not initialised
        assert (token["backend"], token["name"]) == ("pkcs11", "node") and 'token = "node"' in token["remedy"], said
        assert reader["backend"] == "card" and reader["name"].startswith("Virtual") and 'reader = "Virtual' in reader["remedy"], said
        text = node.agent("doctor", check=True, env=device.env, wrap=card.wrap).stdout
        assert "nothing else" not in text and re.search(r"^pkcs11 +not looked at, as no setting names it: node$", text, re.M), text
        # what they name is an offer, and not among these
        node.configure(add=f'node_id = "{node.id}";\n' + device.settings("auto"))
        said = json.loads(node.agent("doctor", "--json", check=True, env=device.env, wrap=card.wrap).stdout)
        assert said["chosen"] == "pkcs11" and "node" not in [u["name"] for u in said["unnamed"]], said
        # a machine without either
        empty = {**os.environ, "SOFTHSM2_CONF": "/dev/null", "PCSCLITE_CSOCK_NAME": str(tmp_path / "none")}
        node.configure(add=f'node_id = "{node.id}";\n')
        said = json.loads(node.agent("doctor", "--json", check=True, env=empty).stdout)
        assert {u["name"] for u in said["unnamed"]} <= {"one that is not initialised"}, said
    finally:
        card.stop()
        device.stop()


@pytest.mark.memlock
def test_memory_that_cannot_be_locked_is_told(inst):
    """Where the limits do not allow it keys pass through memory that may be swapped out; the node works, and says so."""
    node = inst.node(13)
    root = ("setpriv", "--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock") if os.geteuid() == 0 else ()
    with Running(node, wrap=(*root, "prlimit", "--memlock=0:0")) as agent:
        agent.wait_log("enrolled key")
        log = agent.log.read_text()
        assert "memory-not-locked" in log and "may be swapped out" in log and "LimitMEMLOCK" in log, log
        assert "may be swapped out" in node.status()["memory"]["warning"]
        shown = node.agent("status").stdout
        assert "warning: memory: " in shown and "what to do: raise the limit" in shown, shown
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        assert node.status()["memory"] == {"warning": None} and "memory-not-locked" not in node.agent("status").stdout


def test_a_tpm_that_is_out_of_reach_is_told(inst):
    """As under a unit that hides devices: the kernel has a TPM, and its device is not to be had here. No preset takes files in silence."""
    node = inst.node(12)
    node.configure(add=f'node_id = "{node.id}";\n')
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    seen = ("unshare", *root, "--mount", "sh", "-c", "mount -t tmpfs none /sys/class && mkdir -p /sys/class/tpmrm/tpmrm0 && exec \"$@\"", "sh")
    doctor = json.loads(node.agent("doctor", "--json", wrap=seen).stdout)
    tpm = doctor["offers"][0]
    assert doctor["chosen"] == "file" and tpm["backend"] == "tpm" and not tpm["usable"], doctor
    assert "cannot use /dev/tpmrm0" in tpm["why"] and "group tss" in tpm["remedy"], tpm
    done = node.run_once(wrap=seen)
    assert done.returncode == 0 and "secure-environment" in done.stderr and "cannot use /dev/tpmrm0" in done.stderr, done.stderr
    told = json.loads(node.agent("status", "--json", wrap=seen).stdout)["secureEnvironment"]
    assert told["backend"] == "file" and "cannot use /dev/tpmrm0" in told["warning"], told
    text = node.agent("status", wrap=seen).stdout
    assert "keys are in   file" in text and "warning: TPM" in text and "what to do: put the agent's user into the group tss" in text, text
    # who has said "file" is not told; nor on a machine without
    node.configure(add=f'node_id = "{node.id}";\n' + Files(None).settings())
    assert json.loads(node.agent("status", "--json", wrap=seen).stdout)["secureEnvironment"] == {"backend": "file", "warning": None}
    assert "cannot use" not in node.run_once(wrap=seen).stderr
    node.configure(add=f'node_id = "{node.id}";\n')
    assert json.loads(node.agent("status", "--json").stdout)["secureEnvironment"] == {"backend": "file", "warning": None}
