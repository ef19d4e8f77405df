"""A node that was born with its maker's secret takes it into the secure environment: with each back end it enrols, is reset and enrols again; the power
goes at every step; who has the disk without the device, or without what opens the files, is not the node, and would have been with the secret in clear."""
import base64
import contextlib
import json
import os
import re
import shutil

import pytest

from support import AGENT, Installation, run
from sweeping import MEMORY, Page, environment, points
from test_psk_serial import born, plain
from test_secenv import Card, Files, Token, Tpm
from test_secenv import born as made_its_own


class Secret(Files):
    """Files that a secret of the machine opens, which is not on the node's disk."""

    def __init__(self, path):
        super().__init__(path)
        self.file = path / "machine-secret"
        self.file.write_text("of this machine alone\n")
        self.file.chmod(0o600)

    def settings(self, kind="file"):
        return super().settings(kind).replace("};", f'secret_file = "{self.file}"; }};')


BACKENDS = {"file": Files, "secret": Secret, "tpm": Tpm, "pkcs11": Token, "card": Card}
SEALED = "-----BEGIN MUSTER SECRET-----\n"
TAKE_POINTS = ("take-made", "take-written", "take-taken")
MOVE_POINTS = ("move-secret", "move-built", "move-kept", "move-switched", "move-emptied", "move-taken")


@pytest.fixture(name="inst", scope="module")
def installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("taken") / "inst", "single")
    inst.start()
    inst.subscription()
    yield inst
    assert inst.stop() == 0, inst.log_text()


@contextlib.contextmanager
def a_device(kind, path):
    path.mkdir(exist_ok=True)
    device = BACKENDS[kind](path)
    try:
        yield device
    finally:
        device.stop()


class Born:
    """A node with a secret, and its device."""

    def __init__(self, inst, device):
        self.node, self.device = born(inst), device
        self.hex = self.file.read_text()
        self.settings()

    @property
    def file(self):
        return self.node.psk_file

    def settings(self, more="", device=None, kind=None):
        device = device or self.device
        plain(self.node, (device.settings(kind) if kind else device.settings()) + more)

    def agent(self, *words, **more):
        return self.node.agent(*words, env=self.device.env, wrap=self.device.wrap, **more)

    def take(self):
        done = self.agent("secenv", "take", "--yes")
        assert done.returncode == 0, done
        assert self.is_taken() and "no longer in this file in clear" in done.stdout and "the disk may still have" in done.stdout, done

    def is_taken(self):
        """Whole: sealed, or as it was. Nothing else of the secret lies about."""
        text, digits = self.file.read_text(), self.hex.split("=")[0]
        assert self.file.stat().st_mode & 0o777 == 0o600
        if text == self.hex:
            return False
        octets = bytes.fromhex(digits.replace("-", ""))
        assert text.startswith(SEALED) and digits not in text and octets not in b"".join(blocks(self.file)), text
        return True

    def enrols(self):
        done = self.agent("run", "--once")
        assert done.returncode == 0, done.stderr + self.node.inst.log_text()
        assert self.agent("check").returncode == 0

    def status(self):
        return json.loads(self.agent("status", "--json", check=True).stdout)

    def kept(self):
        doctor = json.loads(self.agent("doctor", "--json", check=True).stdout)
        return {b["setting"]: (b["kept"], b["warning"]) for b in doctor["born"]}

    def reset(self):
        done = self.agent("reset", "--yes")
        assert done.returncode == 0, done


def blocks(file):
    """The octets of each."""
    return [base64.b64decode(text) for text in re.findall(rf"{SEALED}(.*?)-----END", file.read_text(), re.S)]


def left(it):
    return sorted(p.name for p in it.node.dir.iterdir() if p.name.startswith("psk"))


@pytest.mark.parametrize("kind", BACKENDS)
def test_a_taken_secret_enrols_and_enrols_again(inst, tmp_path, kind):
    with a_device(kind, tmp_path / "device") as device:
        it = Born(inst, device)
        clear, warning = it.kept()["psk_file"]
        assert clear == "clear" and "who copies the disk is this node" in warning
        text = it.agent("doctor").stdout
        assert "warning: psk_file: the maker's secret lies there in clear" in text and "muster-agent secenv take --yes" in text, text
        asked = it.agent("secenv", "take")
        assert asked.returncode == 2 and "say --yes" in asked.stderr and not it.is_taken(), asked
        it.take()
        assert left(it) == ["psk"]
        sealed = it.file.read_text()
        for words in (("secenv", "take"), ("secenv", "take", "--yes")):
            again = it.agent(*words)
            assert again.returncode == 0 and "in the secure environment already" in again.stdout and it.file.read_text() == sealed, again
        where = "sealed" if kind in ("file", "secret") else "device"
        assert it.kept() == {"psk_file": (where, None)} and "warning: psk_file" not in it.agent("doctor").stdout
        assert "good; this node is" in it.agent("--check", check=True).stdout
        it.enrols()
        shown = it.status()
        assert shown["state"] == "enrolled" and shown["secretRefused"] is None and shown["born"][0]["kept"] == where, shown
        # what it was born with is there after a factory reset, and opens with a store that has begun anew
        key = shown["credential"]["keyID"]
        it.reset()
        assert it.file.read_text() == sealed
        it.enrols()
        assert it.status()["credential"]["keyID"] != key


@pytest.mark.parametrize("kind", ["file", "pkcs11"])
def test_the_power_goes_while_it_is_taken(inst, tmp_path, kind):
    """Either the one file is there or the other, whole; the same command finishes the work."""
    with a_device(kind, tmp_path / "device") as device:
        it = Born(inst, device)
        objects = []
        for point in TAKE_POINTS:
            it.settings(f'crash_at = "{point}";\n')
            cut = it.agent("secenv", "take", "--yes")
            assert cut.returncode == -9, (point, cut)
            it.settings()
            assert it.is_taken() == (point == "take-taken"), point
            it.agent("--check", check=True)
            if kind == "pkcs11":
                objects.append(device.pairs()[1])
        assert left(it) == ["psk"]
        it.enrols()
        # of the first cut a key stays in the token, that nothing names; of the second it is given back, and another one made
        assert not objects or objects[1] == objects[0] + 1 and objects[2] == objects[1], objects


def test_whatever_fails_while_it_is_taken(inst, tmp_path):
    """Each call and each allocation: the one file is there or the other, whole; who says that it is taken has taken it, and who does not says why."""
    it = Born(inst, Files(None))
    it.enrols()
    page, env = Page(tmp_path, "muster-agent"), environment(tmp_path)
    page.arm()
    assert it.node.agent("secenv", "take", "--yes", env=env).returncode == 0 and it.is_taken()
    counts, ended = page.counts(), set()
    assert {"rename", "fsync", "write"} <= set(counts), counts
    for fault in points(counts, for_ever=False):
        it.file.write_text(it.hex)
        page.arm(*fault)
        done = it.node.agent("secenv", "take", "--yes", env=env)
        page.disarm()
        taken = it.is_taken()
        assert done.returncode in (0, 1, 3) and (taken or done.returncode) and (done.returncode == 0 or done.stderr), (fault, done)
        assert it.status()["secretRefused"] is None, (fault, done)
        ended.add((done.returncode == 0, taken))
    assert {(True, True), (False, False)} <= ended, ended
    it.file.write_text(it.hex)
    it.take()
    assert left(it) == ["psk"]


def test_whatever_fails_while_it_moves(inst, tmp_path):
    """There and back again, and a call or an allocation fails on the way: whichever store there is then opens the secret, and what cannot be written is
    named. All calls (MST_SWEEP_STEP=1) are some 400, of which one lost the secret: it was taken for none that is there."""
    it = Born(inst, Secret(tmp_path))
    it.settings(kind="auto")
    it.take()
    it.enrols()
    page, env = Page(tmp_path, "muster-agent"), environment(tmp_path)

    def move():
        to = "file" if it.status()["secureEnvironment"]["backend"] == "file with a secret" else "secret"
        done = it.node.agent("secenv", "move", to, "--yes", env=env)
        page.disarm()
        return to, done

    page.arm()
    to, done = move()
    assert done.returncode == 0, done
    counts, told = page.counts(), ""
    assert {"rename", "fsync", "write"} <= set(counts), counts
    step = int(os.environ.get("MST_SWEEP_STEP", 5))
    for fault in points({k: n for k, n in counts.items() if k != MEMORY}, step, for_ever=False) + points({MEMORY: counts.get(MEMORY, 0)}, 4 * step, for_ever=False):
        page.arm(*fault)
        to, done = move()
        shown = it.status()
        assert done.returncode in (0, 1, 3) and (done.returncode == 0 or done.stderr), (fault, done)
        assert done.returncode or ("secret" in shown["secureEnvironment"]["backend"]) == (to == "secret"), (fault, done, shown)
        assert (shown["state"], shown["secretRefused"]) == ("enrolled", None), (fault, done, shown)
        told += done.stderr
    assert f"{it.file}: No space left" in told and "state/psk" not in told, told
    to, done = move()
    assert done.returncode == 0 and len(blocks(it.file)) == 1 and it.status()["secretRefused"] is None, done


def test_what_cannot_be_taken(inst, tmp_path):
    """Each is told with file and remedy, and changes nothing."""
    it = Born(inst, Files(None))

    def refused(words):
        before = it.file.read_bytes()
        done = it.agent("secenv", "take", "--yes")
        assert done.returncode == 1 and "psk: " in done.stderr and words in done.stderr and "what to do: " in done.stderr, done
        assert it.file.read_bytes() == before and it.hex.split("=")[0] not in done.stderr
        assert left(it) == ["psk"]

    with it.node.running() as agent:
        agent.wait_log("enrolled key")
        busy = it.agent("secenv", "take", "--yes")
        assert busy.returncode == 1 and "the agent is running" in busy.stderr and not it.is_taken(), busy
    it.file.write_text(it.hex[:-2] + "\n")
    refused("check code")
    it.file.write_text(it.hex)
    it.file.chmod(0o644)
    refused("may be read or changed by others")
    it.file.chmod(0o600)
    other = tmp_path / "other"
    it.file.rename(other)
    it.file.symlink_to(other)
    refused("symbolic link")
    it.file.unlink()
    os.link(other, it.file)
    refused("another name")
    other.unlink()
    it.file.rename(other)
    gone = it.agent("secenv", "take", "--yes")
    assert gone.returncode == 1 and "No such file" in gone.stderr and "muster node secret" in gone.stderr, gone
    other.rename(it.file)
    it.node.configure()
    none = it.agent("secenv", "take", "--yes")
    assert none.returncode == 1 and "psk_file is not set" in none.stderr, none


def test_it_says_already_when_that_is_so(inst, tmp_path):
    """The one that took it may have ended before the disk had it: the next one does not vouch for what it does not know."""
    it = Born(inst, Files(None))
    it.take()
    page = Page(tmp_path, "muster-agent")
    page.arm()
    again = it.node.agent("secenv", "take", "--yes", env=environment(tmp_path))
    assert again.returncode == 0 and "already" in again.stdout and page.counts()["fsync"] == 1, again
    page.arm("fsync", 1, "EIO")
    done = it.node.agent("secenv", "take", "--yes", env=environment(tmp_path))
    assert done.returncode == 3 and "psk: Input/output error" in done.stderr and "already" not in done.stdout, done


def test_a_device_out_of_reach_is_not_passed_over(inst):
    """This machine has a TPM that this user does not reach: the secret would be in files, which a maker believes to be in the TPM."""
    it = Born(inst, Files(None))
    it.settings('secenv = { backend = "auto"; };\n', device=NoSettings())
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    hidden = ("unshare", *root, "--mount", "sh", "-c", 'mount -t tmpfs none /sys/class && mkdir -p /sys/class/tpmrm/tpmrm0 && "$@"', "sh")
    done = it.node.agent("secenv", "take", "--yes", wrap=hidden)
    assert done.returncode == 1 and "has a tpm that cannot be used" in done.stderr and "-G tss" in done.stderr and not it.is_taken(), done
    assert not (it.node.dir / "state.key").exists() and it.file.read_text() == it.hex
    it.settings('secenv = { backend = "file"; };\n', device=NoSettings())
    assert it.node.agent("secenv", "take", "--yes", wrap=hidden).returncode == 0 and it.is_taken()


def test_root_takes_nothing_away_from_its_owner(inst):
    """What root writes, another user's agent could not read any more: neither the secret, nor a store that begins with it."""
    if os.geteuid() != 0:
        return                       # only root could
    it = Born(inst, Files(None))
    os.chown(it.file, 65534, -1)
    done = it.agent("secenv", "take", "--yes")
    assert done.returncode == 1 and "psk: belongs to user nobody" in done.stderr and "runuser -u nobody" in done.stderr and it.file.read_text() == it.hex, done
    assert not (it.node.dir / "state.key").exists()
    os.chown(it.file, 0, -1)
    it.take()
    os.chown(it.node.dir / "state", 65534, -1)
    done = it.agent("secenv", "move", "file", "--yes")
    assert done.returncode == 1 and "state: belongs to user nobody" in done.stderr, done


def damages(it, text):
    """The file in which each of these is wrong, and what is said of it."""
    octets = bytearray(blocks(it.file)[0])
    cut = text.splitlines(keepends=True)
    yield "".join(cut[:2] + cut[-1:]), "damaged"
    yield text.replace("-----END MUSTER SECRET-----\n", ""), "file ends inside a block"
    octets[-1] ^= 1
    yield pem(octets), "does not open: it is damaged"
    octets[-1] ^= 1
    octets[3] ^= 1                   # the salt
    yield pem(octets), "does not open: it is damaged"
    octets[3] ^= 1
    octets[0] = 2
    yield pem(octets), "a version that this one does not know"


def pem(octets):
    return SEALED + "".join(base64.b64encode(octets[i:i + 48]).decode() + "\n" for i in range(0, len(octets), 48)) + "-----END MUSTER SECRET-----\n"


def test_a_file_that_is_not_right(inst, tmp_path):
    """Another identity, damage, a store that does not open it: said so, with what to do, at the start and in status."""
    it = Born(inst, Files(None))
    it.take()
    good = it.file.read_text()
    # of another identity: refused, by the settings' check, the command and the start
    mine, it.node.identity = it.node.identity, "somebody-else@" + it.node.identity.split("@")[1]
    it.settings()
    for words in (("--check",), ("secenv", "take", "--yes"), ("run", "--once")):
        other = it.agent(*words)
        assert other.returncode == 1 and f"was taken for psk_identity {mine}" in other.stderr, other
    it.node.identity = mine
    it.settings()
    for text, words in damages(it, good):
        it.file.write_text(text)
        started = it.agent("run", "--once")
        assert started.returncode == 1 and "psk" in started.stderr and words in started.stderr, (words, started)
        assert words in it.status()["secretRefused"]
        assert it.file.read_text() == text
    it.file.write_text(good)
    it.enrols()
    # enrolled, and its secret does not open any more, as when a device was exchanged: it goes on, and says so
    strange = Born(inst, Files(None))
    strange.node.identity = it.node.identity
    strange.settings()
    strange.take()
    shutil.copy(strange.file, it.file)
    with it.node.running() as agent:
        agent.wait_log("enrolled-already")
        log = agent.log.read_text()
        assert re.search(r" error key .*belongs to another back end, or to another device", log) and "put the device back" in log, log
        shown = it.status()
        assert shown["state"] == "enrolled" and "another device" in shown["secretRefused"], shown
        text = it.agent("status").stdout
        assert "the maker's secret cannot be used: " in text, text
        it.agent("trigger", it.node.dir / "instructions.json", check=True)
        agent.wait_log("instruction-failed")
        assert "another device" in str(it.node.failed_runs()[0]), it.node.failed_runs()
        # a good file in its place counts at once
        it.file.write_text(good)
        agent.wait_log("enrolled key")
        assert it.status()["secretRefused"] is None


def known_as(inst, it):
    return sum(e["what"] == "mef.register" for e in inst.events("--node", it.node.id))


@pytest.mark.parametrize("kind", ["tpm", "secret", "pkcs11", "file"])
def test_a_stolen_disk(inst, tmp_path, kind):
    """All files of the node, without its TPM, its token, its machine's secret: the MEF does not come to know the thief. With the secret in clear it would. What opens
    plain files is on the same disk (`file`): nothing is promised there, and nothing is kept back."""
    with a_device(kind, tmp_path / "device") as device:
        it = Born(inst, device)
        stolen = {how: tmp_path / how for how in ("clear", "sealed")}
        shutil.copytree(it.node.dir, stolen["clear"])
        it.take()
        it.enrols()
        shutil.copytree(it.node.dir, stolen["sealed"], ignore=shutil.ignore_patterns("run"))

        def thief(how, *, state_key=False):
            """His own agent, on a machine of his; with a store that begins anew: under the stolen key file, where that opens it, or its own."""
            place, before = stolen[how], known_as(inst, it)
            plain(it.node, Files(None).settings())
            shutil.copy(it.node.dir / "muster-agent.conf", place / "muster-agent.conf")
            it.settings()
            shutil.rmtree(place / "state", ignore_errors=True)
            if not state_key:
                (place / "state.key").unlink(missing_ok=True)
            done = run(AGENT, "-c", place / "muster-agent.conf", "run", "--once", check=False)
            return done, known_as(inst, it) > before

        if kind == "file":
            done, known = thief("sealed", state_key=True)
            assert known and done.returncode == 0, done
            return
        done, known = thief("sealed")
        assert not known and done.returncode == 1, done
        assert re.search(r" error key .*psk: .*belongs to another back end, or to another device", done.stderr) and "instruction-failed" in done.stderr, done
        done, known = thief("clear")
        assert known and done.returncode == 0, done


@pytest.mark.parametrize("there", ["tpm", "pkcs11"])
def test_it_moves_with_the_store(inst, tmp_path, there):
    """From files into a device, its power cut at every point: the store that is there opens it. And into the next device, and out again."""
    with a_device(there, tmp_path / "first") as first, a_device("pkcs11" if there == "tpm" else "tpm", tmp_path / "second") as second:
        it = Born(inst, Files(None))
        it.device.env = {**os.environ, **(first.env or second.env)}
        it.take()
        it.enrols()
        both = first.settings("auto").replace("};", second.settings("auto").split('backend = "auto"; ')[1].strip())
        for point in MOVE_POINTS:
            it.settings(f'crash_at = "{point}";\n' + both, device=NoSettings())
            cut = it.agent("secenv", "move", first.backend, "--yes")
            assert cut.returncode == -9, (point, cut)
            it.settings(both, device=NoSettings())
            shown = it.status()
            moved = MOVE_POINTS.index(point) >= MOVE_POINTS.index("move-switched")
            assert (shown["state"], shown["secureEnvironment"]["backend"], shown["secretRefused"]) == ("enrolled", first.backend if moved else "file", None), (point, shown)
            # one of the two opens with what lies on this disk
            assert len(blocks(it.file)) == 2 and it.kept()["psk_file"] == ("sealed", None)
            if moved:
                back = it.agent("secenv", "move", "file", "--yes")
                assert back.returncode == 0 and len(blocks(it.file)) == 1 and it.status()["secretRefused"] is None, (point, back)
        inside(it, first.backend, both)
        inside(it, second.backend, both)
        token = first if there == "pkcs11" else second
        taken = token.pairs()[1]
        it.settings(both, device=NoSettings())
        home = it.agent("secenv", "move", "file", "--yes")
        assert home.returncode == 0 and it.kept()["psk_file"] == ("sealed", None), home
        it.reset()
        it.enrols()
        # nothing of it is left in the token
        assert token.pairs()[1] == 0 and taken <= 3, (token.pairs(), taken)


def test_an_initial_key_in_clear_is_told(inst, tmp_path):
    """doctor warns of one that its maker has put there as PKCS#8, and not of one that was made inside; status says how it lies there."""
    def told(node):
        (born_with,) = json.loads(node.agent("doctor", "--json", check=True).stdout)["born"]
        text = node.agent("doctor", check=True).stdout
        assert born_with["setting"] == "key" and ("warning: key: " in text) == (born_with["warning"] is not None), text
        return born_with["kept"], born_with["warning"], born_with["remedy"]

    node = inst.node(9001)
    kept, warning, remedy = told(node)
    assert kept == "clear" and "who copies the disk is this node" in warning and "muster-agent request" in remedy
    assert node.run_once().returncode == 0 and "born with     key: in clear\n" in node.agent("status").stdout
    assert told(made_its_own(inst, Files(None), 9002)) == ("sealed", None, None)
    with a_device("tpm", tmp_path / "device") as tpm:
        assert told(made_its_own(inst, tpm, 9003)) == ("device", None, None)


class NoSettings:
    @staticmethod
    def settings():
        return ""


def inside(it, backend, both):
    """Moved, and after a reset the store begins anew there: the settings say so now, since the best of both is the TPM."""
    it.settings(both, device=NoSettings())
    done = it.agent("secenv", "move", backend, "--yes")
    assert done.returncode == 0 and f"the store is in {backend} now" in done.stdout and "another certificate" not in done.stdout, done
    assert it.kept()["psk_file"] == ("device", None) and len(blocks(it.file)) == 1
    it.settings(both.replace('"auto"', f'"{backend}"'), device=NoSettings())
    it.reset()
    it.enrols()
    assert it.status()["secureEnvironment"]["backend"] == backend


def test_one_that_does_not_open_does_not_move(inst, tmp_path):
    with a_device("tpm", tmp_path / "device") as tpm:
        it = Born(inst, Files(None))
        it.take()
        it.enrols()
        octets = bytearray(blocks(it.file)[0])
        octets[-1] ^= 1
        good = it.file.read_text()
        it.settings(device=tpm, kind="auto")

        def refused(words):
            before = it.file.read_bytes(), (it.node.dir / "state.key").read_bytes()
            done = it.agent("secenv", "move", "tpm", "--yes")
            assert done.returncode == 1 and "psk: " + words in done.stderr and "what to do: " in done.stderr, done
            assert (it.file.read_bytes(), (it.node.dir / "state.key").read_bytes()) == before

        it.file.write_text(pem(octets))
        refused("the secret in it does not open")
        # what cannot be read may be one that was taken: nothing would open it after the move
        it.file.write_text(good)
        it.file.chmod(0o644)
        refused("may be read or changed by others")
        it.file.chmod(0o600)
        it.file.write_text(good.replace("BEGIN", "BEGJN", 1))
        refused("")
        # in clear it stays as it is
        it.file.write_text(it.hex)
        done = it.agent("secenv", "move", "tpm", "--yes")
        assert done.returncode == 0 and it.file.read_text() == it.hex, done
