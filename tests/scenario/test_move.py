"""A node's store moves from files into a TPM and back: with its power cut at every point of the way, with a certificate that gets another key
in the new place, and with keys that cannot come along."""
import hashlib
import json
import re

import pytest

from support import Installation, run
from test_secenv import Files, Tpm, born, record_of

POINTS = ("move-keyed", "move-built", "move-kept", "move-switched", "move-emptied", "move-taken")


@pytest.fixture(name="inst", scope="module")
def installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("move") / "inst", "single")
    inst.start()
    inst.subscription()
    yield inst
    assert inst.stop() == 0, inst.log_text()


@pytest.fixture(name="tpm")
def device(tmp_path):
    tpm = Tpm(tmp_path)
    yield tpm
    tpm.stop()


def settings(node, tpm, more=""):
    """As the operator leaves them: the best that there is."""
    node.configure(add=f'node_id = "{node.id}";\n' + tpm.settings("auto") + more)


def tells(node):
    said = json.loads(node.agent("status", "--json", check=True).stdout)
    return said["state"], said["credential"]["keyID"], said["secureEnvironment"]["backend"]


def counters(tpm):
    return re.findall(r"0x\w+", tpm.tool("tpm2_getcap", "handles-nv-index"))


def left(node):
    return [p.name for p in [*node.dir.iterdir(), *(node.dir / "state").iterdir()] if re.search(r"mov|\.old$|\.new$", p.name)]


def test_from_files_into_a_tpm_and_back(inst, tpm):
    node = born(inst, Files(None), 1)                    # its initial key is one of the secure environment: sealed, so it can come along
    inst.muster("command", "cert-prov", node.id)
    assert "certificate-in-use" in node.run_once().stderr
    state, key, _ = tells(node)
    settings(node, tpm)
    before = (node.dir / "state.key").read_bytes()
    assert len(before) == 32
    # a question changes nothing, nor does one who is not asked
    asked = node.agent("secenv", "move", "tpm")
    assert asked.returncode == 2 and "say --yes" in asked.stderr, asked
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        busy = node.agent("secenv", "move", "tpm", "--yes")
        assert busy.returncode == 1 and "the agent is running" in busy.stderr, busy
    nowhere = node.agent("secenv", "move", "file", "--yes")
    assert nowhere.returncode == 1 and "in this back end already" in nowhere.stderr, nowhere
    assert node.agent("secenv", "move", "nowhere", "--yes").returncode == 2
    assert (node.dir / "state.key").read_bytes() == before and counters(tpm) == []
    # the power goes: before the step that counts it is the old store, after it the new one, and never something else
    for point in POINTS:
        settings(node, tpm, f'crash_at = "{point}";\n')
        cut = node.agent("secenv", "move", "tpm", "--yes")
        assert cut.returncode == -9, (point, cut)
        settings(node, tpm)
        there = POINTS.index(point) >= POINTS.index("move-switched")
        assert tells(node) == (state, key, "tpm" if there else "file"), point
        assert left(node) == [], point
        assert len(counters(tpm)) == there, point
        assert node.agent("check").returncode == 0, point
        if there:
            back = node.agent("secenv", "move", "file", "--yes")
            assert back.returncode == 0 and counters(tpm) == [], back
            assert tells(node) == (state, key, "file")
    done = node.agent("secenv", "move", "--yes")         # the best: the TPM
    assert done.returncode == 0 and "the store is in tpm now, and nothing of it in file" in done.stdout, done
    assert tells(node) == (state, key, "tpm") and left(node) == [] and len(counters(tpm)) == 1
    assert all(before not in p.read_bytes() for p in node.dir.rglob("*") if p.is_file())
    assert node.agent("check").returncode == 0
    # a key that lay in a file gives way to one that the TPM makes: by EST, with the certificate that is there
    with node.running() as agent:
        agent.wait_log("certificate-in-use")
    assert tells(node) == (state, key, "tpm")
    # and the initial key came along, sealed for the new store: the same one
    assert record_of(node.dir / "node.key")[0:1] == b"F"
    again = node.agent("request", check=True).stdout
    assert run("openssl", "req", "-noout", "-pubkey", stdin=again).stdout == run("openssl", "x509", "-in", node.dir / "node.pem", "-noout",
                                                                                "-pubkey").stdout
    # out again: the certificate's key is the TPM's and stays; the initial credential asks for another one
    node.configure(add=f'node_id = "{node.id}";\n' + tpm.settings())
    moved = node.agent("secenv", "move", "file", "--yes")
    assert moved.returncode == 0 and "another certificate, with a new key" in moved.stdout and counters(tpm) == [], moved
    assert 'set secenv.backend to what it is now, or to "auto"' in moved.stdout and node.run_once().returncode == 1
    settings(node, tpm)
    with node.running() as agent:
        agent.wait_log("its key has stayed in another device")
        agent.wait_log("certificate-in-use")
    assert tells(node) == (state, key, "file")


def test_an_initial_key_that_cannot_leave(inst, tpm):
    node = born(inst, tpm, 2)
    done = node.run_once()
    assert done.returncode == 0, done.stderr
    was = hashlib.sha256((node.dir / "state.key").read_bytes()).digest(), tells(node)
    settings(node, tpm)
    refused = node.agent("secenv", "move", "file", "--yes")
    assert refused.returncode == 1 and "never leaves it" in refused.stderr and "what to do: " in refused.stderr, refused
    assert (hashlib.sha256((node.dir / "state.key").read_bytes()).digest(), tells(node)) == was


def test_where_it_cannot_go(inst, tpm):
    node = inst.node(3)
    assert node.run_once().returncode == 0
    was = tells(node)
    settings(node, tpm)
    tpm.stop()
    gone = node.agent("secenv", "move", "tpm", "--yes")
    assert gone.returncode == 1 and "no TPM answers" in gone.stderr, gone
    secret = node.agent("secenv", "move", "secret", "--yes")
    assert secret.returncode == 1 and "secenv.secret_file has to name it" in secret.stderr, secret
    assert tells(node) == was and left(node) == []
    fresh = inst.node(4)
    nothing = fresh.agent("secenv", "move", "file", "--yes")
    assert nothing.returncode == 1 and "no store yet" in nothing.stderr, nothing
