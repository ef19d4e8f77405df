"""A PIN that a device refused is given to it once, however often the agent, its commands and musterd are started; and what doctor vouches for, a store can
be made in. Devices: swtpm, SoftHSM2, a virtual card."""
import json
import os
import re

import pytest
from support import AGENT, BUILD, MUSTER, MUSTERD, Installation, Running, run, until
from test_secenv import MODULE, PIN, Card, Token, Tpm

HELD = "has refused this PIN, and is not given it again"


class Bare:
    """A node that meets nobody: it has a store, and nothing else."""
    env = None

    def __init__(self, path):
        self.dir = path / "bare"
        self.dir.mkdir()

    def configure(self, settings):
        (self.dir / "muster-agent.conf").write_text('state = "state";\nkey_file = "state.key";\ncertificate = "node.pem";\nkey = "node.key";\nrun = "run";\nnode_id = "bare.node.example.com";\n'
                                                    'log = { format = "text"; level = "debug"; };\n' + settings)

    def agent(self, *words, wrap=(), check=False, env=None):
        return run(*wrap, AGENT, "-c", self.dir / "muster-agent.conf", *words, check=check, env=env or self.env)

    def doctor(self, **more):
        done = self.agent("doctor", "--json", **more)
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(name="node")
def bare(tmp_path):
    return Bare(tmp_path)


def set_pin(path, pin):
    path.write_text(pin + "\n")
    path.chmod(0o600)


class PinTpm(Tpm):
    """With a PIN for its keys."""
    wrong = ("111111", "222222")

    def __init__(self, path):
        super().__init__(path)
        self.pin = self.dir / "pin"
        set_pin(self.pin, PIN)

    def settings(self, kind="tpm"):
        return f'secenv = {{ backend = "{kind}"; tcti = "{self.tcti}"; pin_file = "{self.pin}"; }};\n'

    def counted(self):
        """Wrong ones, since it was cleared."""
        return int(re.search(r"TPM2_PT_LOCKOUT_COUNTER: 0x(\w+)", self.tool("tpm2_getcap", "properties-variable")).group(1), 16)

    def forget(self):
        self.tool("tpm2_dictionarylockout", "--clear-lockout")

    def left(self):
        """What is in it: counters, loaded objects."""
        return self.tool("tpm2_getcap", "handles-nv-index") + self.tool("tpm2_getcap", "handles-transient")


class PinToken(Token):
    wrong = ("111111", "222222")

    def __init__(self, path):
        super().__init__(path)
        self.right, self.pin = self.pin, self.dir / "pin"

    def counted(self):
        """SoftHSM2 says that there was one, and not how many."""
        return int("user PIN count low" in run("pkcs11-tool", "--module", MODULE, "-L", env=self.env).stdout)

    def tool(self, *words):
        return run("pkcs11-tool", "--module", MODULE, "--token-label", "node", "--login", "--pin", self.right, *words, env=self.env)

    def forget(self):
        self.tool("--list-objects")

    def left(self):
        return re.sub(r"(?m)^Using slot.*\n", "", self.tool("--list-objects").stdout)


class PinCard(Card):
    wrong = ("1111", "2222")

    def __init__(self, path):
        super().__init__(path)
        self.pin = self.dir / "pin"

    def counted(self):
        return 3 - self.card.tries

    def forget(self):
        self.card.tries = 3

    def left(self):
        return "".join(map(str, self.card.objects))


@pytest.fixture(name="device", params=[PinTpm, PinToken, PinCard], ids=["tpm", "token", "card"])
def one_of_them(request, tmp_path):
    device = request.param(tmp_path)
    yield device
    device.stop()


def held(node, device, *words):
    """A command that is refused without the device being asked."""
    done = node.agent(*words, wrap=device.wrap)
    assert done.returncode != 0 and HELD in done.stderr + done.stdout and str(device.pin) in done.stderr + done.stdout, (words, done)


def test_a_wrong_pin_costs_one_try(node, device):
    """Of starts and of commands, which the service manager and people repeat."""
    node.env = device.env
    node.configure(device.settings())
    node.agent("request", check=True, wrap=device.wrap)
    assert device.counted() == 0
    set_pin(device.pin, device.wrong[0])
    first = node.agent("run", wrap=device.wrap)
    assert first.returncode != 0 and "PIN" in first.stderr and "what was refused is not tried" in first.stderr, first
    assert device.counted() == 1
    if isinstance(device, PinToken):
        device.forget()                                  # it says only that there was one: from here on there is none
    spent = device.counted()
    for _ in range(2):
        held(node, device, "run")
    for words in (("status",), ("request",), ("reset", "--yes"), ("secenv", "move", "file", "--yes"), ("place",)):
        held(node, device, *words)
    code, said = node.doctor(wrap=device.wrap)
    assert code == 1 and not said["ok"] and HELD in said["offers"][0]["why"] and "put the right PIN" in said["offers"][0]["remedy"], said
    assert device.counted() == spent
    # rights are not the PIN: a file that could not be read is tried when it can be
    set_pin(device.pin, PIN)
    device.pin.chmod(0o644)
    unread = node.agent("run", wrap=device.wrap)
    assert unread.returncode != 0 and "mode 0600 is right" in unread.stderr, unread
    device.pin.chmod(0o600)
    assert node.agent("status", wrap=device.wrap).returncode == 0
    assert not (node.dir / "state/pin.refused").exists()
    # what doctor is refused no agent tries
    set_pin(device.pin, device.wrong[1])
    code, said = node.doctor(wrap=device.wrap)
    assert code == 1 and HELD not in said["offers"][0]["why"] and "PIN" in said["offers"][0]["why"], said
    if isinstance(device, PinToken):
        assert device.counted() == 1
        device.forget()
    spent = device.counted()
    held(node, device, "run")
    assert device.counted() == spent
    set_pin(device.pin, PIN)
    device.forget()
    assert node.agent("reset", "--yes", wrap=device.wrap).returncode == 0


def test_a_first_start_with_a_wrong_pin(node, tmp_path):
    """There is no store and no directory yet."""
    device = PinToken(tmp_path)
    node.env = device.env
    node.configure(device.settings("auto"))
    set_pin(device.pin, "111111")
    assert node.agent("run").returncode != 0 and device.counted() == 1
    device.forget()
    held(node, device, "run")
    held(node, device, "doctor")
    assert device.counted() == 0
    set_pin(device.pin, PIN)
    assert node.agent("request").returncode == 0
    assert not (node.dir / "state/pin.refused").exists()


def test_no_pin_costs_one_try(node, tmp_path):
    """A TPM counts who has none, too."""
    device = PinTpm(tmp_path)
    try:
        node.configure(device.settings())
        node.agent("request", check=True)
        node.configure(Tpm.settings(device))
        for _ in range(3):
            assert node.agent("status").returncode != 0
        assert device.counted() == 1
        told = node.agent("status").stderr
        assert "name the file of its PIN" in told, told
        node.configure(device.settings())
        assert node.agent("status").returncode == 0
    finally:
        device.stop()


def test_one_devices_refusal_is_not_another_ones(node, tmp_path):
    """One file has the PIN for TPM and token: the store's is right, and a token that was added refuses it."""
    tpm, token = PinTpm(tmp_path), PinToken(tmp_path)
    token.right = "975310"
    run("softhsm2-util", "--init-token", "--free", "--label", "other", "--pin", token.right, "--so-pin", "97531", env=token.env)
    node.env = token.env
    try:
        settings = f'tcti = "{tpm.tcti}"; pin_file = "{tpm.pin}"; module = "{MODULE}"; module_state = "{token.dir}";'
        node.configure(f'secenv = {{ {settings} }};\n')
        node.agent("request", check=True)
        node.configure(f'secenv = {{ {settings} token = "other"; }};\n')
        for why in ("does not take this PIN", "the token other " + HELD, "the token other " + HELD):
            code, said = node.doctor()
            assert code == 0 and said["chosen"] == "tpm" and said["offers"][0]["usable"], said
            assert why in said["offers"][1]["why"], said
            assert node.agent("status").returncode == 0          # which the TPM takes, and that is nothing to the token
        assert tpm.counted() == 0 and "other" in (node.dir / "state/pin.refused").read_text()
        # and the other way round
        set_pin(tpm.pin, token.right)
        code, said = node.doctor()
        assert code == 1 and "does not take this PIN" in said["offers"][0]["why"] and said["offers"][1]["usable"], said
        code, said = node.doctor()
        assert code == 1 and f"the TPM {tpm.tcti} {HELD}" in said["offers"][0]["why"] and said["offers"][1]["usable"], said
        assert tpm.counted() == 1
        set_pin(tpm.pin, PIN)
        assert node.agent("status").returncode == 0
    finally:
        tpm.stop()


def test_a_credential_that_is_made_anew(node, tmp_path):
    """By the service manager, at each start: a file with another number, and written just now."""
    device = PinToken(tmp_path)
    credentials, note = tmp_path / "credentials", node.dir / "state/pin.refused"
    device.pin = credentials / "pin"
    node.env = {**device.env, "CREDENTIALS_DIRECTORY": str(credentials)}
    node.configure(device.settings().replace(f"{device.dir}/pin", str(device.pin)))

    def begin(pin):
        if credentials.exists():
            credentials.rename(tmp_path / f"before-{len(list(tmp_path.iterdir()))}")
        credentials.mkdir()
        set_pin(device.pin, pin)
        return node.agent("run")
    first = begin("111111")
    assert first.returncode != 0 and "does not take this PIN" in first.stderr and device.counted() == 1, first
    device.forget()
    for _ in range(2):
        again = begin("111111")
        assert again.returncode != 0 and HELD in again.stderr and "where this credential comes from" in again.stderr and str(note) in again.stderr, again
    assert device.counted() == 0 and PIN not in note.read_text() and "111111" not in note.read_text()
    note.unlink()
    begin(PIN)
    assert node.agent("request").returncode == 0 and not note.exists()


def test_a_token_that_has_no_pin_yet(node, tmp_path):
    """The file is right all the time: what it wants is done to the token."""
    device = PinToken(tmp_path)
    node.env = device.env
    so = ("pkcs11-tool", "--module", MODULE, "--so-pin", "97531")
    run(*so, "--slot-index", "1", "--init-token", "--label", "bare", env=device.env)
    node.configure(device.settings().replace('"node"', '"bare"'))
    for _ in range(2):
        told = node.agent("request")
        assert told.returncode == 1 and "no user's PIN yet" in told.stderr and "no PIN was counted" in told.stderr, told
        assert not (node.dir / "state/pin.refused").exists()
    run(*so, "--token-label", "bare", "--login", "--login-type", "so", "--init-pin", "--new-pin", PIN, env=device.env)
    told = node.agent("request")
    assert told.returncode == 0, told


@pytest.mark.parametrize("full", [True, False], ids=["full", "read-only"])
def test_a_refusal_that_cannot_be_noted(node, tmp_path, full):
    """Nothing can be written where the note is to lie: whoever is refused is told."""
    device = PinToken(tmp_path)
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    disk = node.dir / "state"
    disk.mkdir()
    fill = f"mount -t tmpfs -o size=4k,nr_inodes=2 none {disk} && : > {disk}/x" if full else f"mount -t tmpfs -o ro none {disk}"
    node.env = device.env
    node.configure(device.settings())
    set_pin(device.pin, "111111")
    done = node.agent("request", wrap=("unshare", *root, "--mount", "sh", "-c", fill + ' && "$@"', "sh"))
    assert done.returncode == 1 and "could not be noted in " in done.stderr and str(disk / "pin.refused") in done.stderr, done
    assert ("No space" if full else "Read-only") in done.stderr and "tried again at the next start" in done.stderr, done
    assert device.counted() == 1


@pytest.mark.parametrize("lacks,kek,ca", [("0x350", False, True), ("0x251", False, True), ("0x1040", True, False), ("0x1041", True, False)],
                         ids=["CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA256_HMAC", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA"])
def test_a_servers_token_that_lacks_a_mechanism(tmp_path, monkeypatch, lacks, kek, ca):
    """The CA's key wants pairs of it, the key-encryption key HMAC: it is named for what it can do."""
    device = PinToken(tmp_path)
    for name, value in {**device.env, "TOKEN_LACKS": lacks}.items():
        monkeypatch.setenv(name, value)
    inst = Installation(tmp_path / "inst")
    module = BUILD.resolve() / "lib/secenv/test-token-lacking.so"
    inst.configure(add=f'\nkeeper_key = {{ backend = "file"; module = "{module}"; token = "node"; pin_file = "{device.pin}"; }};\n')
    found = {f["check"]: f for f in json.loads(inst.muster("--json", "doctor", check=False).stdout)}
    works, fails = ("the CA's key", "the key-encryption key") if ca else ("the key-encryption key", "the CA's")
    said = found["places for keys"]["detail"]
    assert re.search(rf"^pkcs11 node: works for {works}, and not for {fails}: ([\w ]+: )?the token cannot do this, file: works", said), said
    for what, good in (("key-encryption key", kek), ("CA key", ca)):
        place = found[f"place of the {what}"]
        assert f"the best that works here is {'pkcs11' if good else 'file'}" in place["detail"] and ("pkcs11" in place["remedy"]) == (good and what == "CA key"), place
    assert not device.left()


@pytest.mark.parametrize("processes", ["split", "single"])
def test_musterd_gives_a_tpm_a_wrong_pin_once(tmp_path, processes, monkeypatch):
    """The key-encryption key's: opening a TPM shows it no PIN, what comes then does."""
    device = PinTpm(tmp_path)
    inst = Installation(tmp_path / "inst", processes)
    try:
        inst.configure(add=f'\nkeeper_key = {{ backend = "tpm"; tcti = "{device.tcti}"; pin_file = "{device.pin}"; }};\n')
        inst.start()
        shown = inst.ask("keeper", "rotate", "--wait")
        assert shown["in"] == "tpm", shown
        assert inst.stop() == 0 and device.counted() == 0
        set_pin(device.pin, "111111")
        first = run(MUSTERD, "-c", inst.config, check=False)
        assert first.returncode != 0 and "does not take this PIN" in first.stderr and device.counted() == 1, first.stderr
        for words in ((), (), ("--check",)):
            again = run(MUSTERD, *words, "-c", inst.config, check=False)
            assert again.returncode != 0 and HELD in again.stderr and str(device.pin) in again.stderr, again.stderr
        found = json.loads(inst.muster("--socket", inst.dir / "run/nobody.sock", "--json", "doctor", check=False).stdout)
        (places,) = [f for f in found if f["check"] == "places for keys"]
        assert HELD in places["detail"], places
        assert device.counted() == 1
        set_pin(device.pin, PIN)
        inst.start()
        assert inst.ask("keeper", "show")["in"] == "tpm" and device.counted() == 1
        assert not list((inst.dir / "keeper").glob("*.refused"))
        assert inst.stop() == 0
        # an owner's password is no PIN's refusal
        device.tool("tpm2_changeauth", "-c", "owner", "secret")
        owned = run(MUSTERD, "-c", inst.config, check=False)
        assert owned.returncode != 0 and "owner hierarchy has a password" in owned.stderr and "PIN" not in owned.stderr, owned.stderr
        device.tool("tpm2_changeauth", "-c", "owner", "-p", "secret")
        inst.start()
        assert inst.stop() == 0 and device.counted() == 1
        # a credential is a new file at each start, also to the processes of musterd
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(device.dir))
        note = inst.dir / "keeper/kek.refused"
        for why in ("does not take this PIN", HELD, HELD):
            device.pin.rename(device.dir / "old")
            set_pin(device.pin, "222222")
            begun = run(MUSTERD, "-c", inst.config, check=False)
            assert begun.returncode != 0 and why in begun.stderr and (why != HELD or f"and remove {note}" in begun.stderr), begun.stderr
        assert device.counted() == 2
        note.unlink()
        set_pin(device.pin, PIN)
        inst.start()
        assert inst.stop() == 0 and not note.exists()
    finally:
        device.stop()


# --- what doctor vouches for ---

def test_a_trial_leaves_nothing(node, device):
    """And a store that is in use stays usable, also beside the agent that has it."""
    node.env = device.env
    node.configure(device.settings("auto"))
    empty = device.left()
    code, said = node.doctor(wrap=device.wrap)
    assert code == 0 and said["ok"] and said["offers"][0]["usable"] and said["chosen"] == device.backend, said
    assert device.left() == empty and not (node.dir / "state").exists()
    node.agent("request", "--out", node.dir / "node.csr", check=True, wrap=device.wrap)
    run(MUSTER, "cert", "ca", "acme", cwd=node.dir)
    run(MUSTER, "cert", "sign", node.dir / "node.csr", "--ca", "acme", "--out", node.dir / "node", cwd=node.dir)
    (node.dir / "acme.pem").rename(node.dir / "anchors.pem")
    with Running(node, env=device.env, wrap=device.wrap) as agent:
        until("it is there", lambda: (node.dir / "run/agent.sock").exists() or agent.process.poll() is not None, context=lambda: agent.log.read_text())
        assert "agent not running" not in node.agent("status", check=True, wrap=device.wrap).stdout
        if isinstance(device, PinCard):
            device.card.room = len(device.card.objects)  # full: of its own
        before = device.left()
        code, said = node.doctor(wrap=device.wrap)
        assert code == 0 and said["ok"] and said["offers"][0]["usable"], said
        assert device.left() == before
    assert "Z error " not in agent.log.read_text() and node.agent("status", wrap=device.wrap).returncode == 0


def refused_owner(node, device):
    code, said = node.doctor()
    tpm = said["offers"][0]
    assert tpm["backend"] == "tpm" and not tpm["usable"] and "owner hierarchy has a password" in tpm["why"] and "tpm2_changeauth" in tpm["remedy"], said
    assert "PIN" not in tpm["remedy"], said
    assert device.counted() == 0
    return code, said


def test_a_tpm_whose_owner_has_a_password(node, tmp_path):
    device = PinTpm(tmp_path)
    try:
        device.tool("tpm2_changeauth", "-c", "owner", "secret")
        for backend in ("auto", "tpm"):                  # `tcti` names it, so that files are not taken
            node.configure(device.settings(backend))
            code, said = refused_owner(node, device)
            assert code == 1 and not said["ok"] and said["chosen"] == (None if backend == "auto" else "tpm"), said
            told = node.agent("request")
            assert told.returncode == 1 and "owner hierarchy has a password" in told.stderr and "tpm2_changeauth" in told.stderr, told
            assert not (node.dir / "state.key").exists() and not (node.dir / "state/pin.refused").exists()
        device.tool("tpm2_changeauth", "-c", "owner", "-p", "secret")
        code, said = node.doctor()
        assert code == 0 and said["ok"], said
        node.agent("request", check=True)
        # and where the password comes later the store is not taken for lost
        device.tool("tpm2_changeauth", "-c", "owner", "secret")
        refused_owner(node, device)
        told = node.agent("reset", "--yes")
        assert told.returncode == 3 and "owner hierarchy has a password" in told.stderr and (node.dir / "state.key").exists(), told
        device.tool("tpm2_changeauth", "-c", "owner", "-p", "secret")
        assert node.agent("status").returncode == 0
    finally:
        device.stop()


def test_an_unnamed_tpm_that_is_not_usable_is_passed_over(node, tmp_path):
    """It is where tpm2-tss looks by itself, in a network of its own."""
    device = PinTpm(tmp_path)
    device.tool("tpm2_changeauth", "-c", "owner", "secret")
    device.stop()
    device.wrap = ()
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    inside = ("unshare", *root, "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", "mount -t tmpfs none /sys/class && mkdir -p /sys/class/tpmrm/tpmrm0 && "
              f"ip link set lo up && swtpm socket --tpm2 --tpmstate dir={device.dir} --server type=tcp,port=2321 --ctrl type=tcp,port=2322 --flags "
              'not-need-init,startup-clear --daemon && "$@"', "sh")
    node.configure("")
    code, said = node.doctor(wrap=inside)
    tpm = said["offers"][0]
    assert tpm["backend"] == "tpm" and "owner hierarchy has a password" in tpm["why"] and "tpm2_changeauth" in tpm["remedy"], said
    assert code == 0 and said["ok"] and said["chosen"] == "file", said
    made = node.agent("request", wrap=inside)
    assert made.returncode == 0 and "tpm is not used" in made.stderr and "tpm2_changeauth" in made.stderr, made
    told = json.loads(node.agent("status", "--json", wrap=inside).stdout)["secureEnvironment"]
    assert told["backend"] == "file" and "owner hierarchy has a password" in told["warning"] and "tpm2_changeauth" in told["remedy"], told
    # the running one says so, too: when it makes the store, and at each start
    (node.dir / "state.key").unlink()
    for f in (node.dir / "state").iterdir():
        f.unlink()
    for words in ("passed-over=tpm", "backend=file"):
        log = node.agent("run", "--once", wrap=inside).stderr
        assert words in log and "owner hierarchy has a password" in log, log


@pytest.mark.parametrize("lacks", ["0x350", "0x251", "0x1040", "0x1041"],
                         ids=["CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA256_HMAC", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA"])
def test_a_token_that_lacks_a_mechanism(node, tmp_path, lacks):
    device = PinToken(tmp_path)
    node.env = {**device.env, "TOKEN_LACKS": lacks}
    def settings(backend):
        return device.settings(backend).replace(MODULE, str(BUILD.resolve() / "lib/secenv/test-token-lacking.so"))
    for backend in ("auto", "pkcs11"):
        node.configure(settings(backend))
        code, said = node.doctor()
        token = said["offers"][0]
        assert code == 1 and not said["ok"] and token["backend"] == "pkcs11" and not token["usable"] and "the token cannot do this" in token["why"], said
        assert "back end that has it" in token["remedy"] and "PIN" not in token["remedy"], said
    assert not device.left() and not (node.dir / "state.key").exists(), device.left()
    node.configure(settings("auto"))
    told = node.agent("request")
    assert told.returncode == 1 and "the token cannot do this" in told.stderr and not (node.dir / "state.key").exists(), told
