"""What a thief has of a database without its keeper, and of a node's disk without the machine's secret: names, and no key.
Each attempt is made once more with what was missing, and then succeeds: so it was the missing part that held.
"""
import shutil

import pytest

from residue import Keys, files, scan
from support import BUILD, Installation, run
from test_psk_serial import born, plain


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("stolen") / "inst")
    inst.start()
    inst.subscription()
    inst.with_cert, inst.with_secret = inst.node(901), born(inst)
    for node in (inst.with_cert, inst.with_secret):
        assert node.run_once().returncode == 0, inst.log_text()
    inst.stop()                                    # at rest, as on a disk that is taken out, or in a copy for safety
    yield inst
    inst.stop()


@pytest.fixture(scope="module")
def thief(inst, tmp_path_factory):
    """An installation of the thief's, of the same names, with the stolen records and a keeper of its own."""
    thief = Installation(tmp_path_factory.mktemp("thief") / "inst", sp=inst.sp)
    shutil.rmtree(thief.dir / "store")
    shutil.copytree(inst.dir / "store", thief.dir / "store")
    yield thief
    thief.stop()


def led_to(node, thief, how):
    """The node asks at the thief's, by its own way."""
    node.configure(add=how, instead={node.inst.maf_port: thief.maf_port, node.inst.mef_port: thief.mef_port})


def asks(node, thief):
    led_to(node, thief, 'open_timeout = "5s";\n')
    try:
        return node.agent("check").returncode
    finally:
        node.configure()


def registered(node, thief):
    return sum(e["what"] == "mef.register" for e in thief.events("--node", node.id))


def asks_by_secret(node, thief):
    """A new enrolment by the maker's secret, of a node that has nothing else: does the thief's MEF come to know it?"""
    before = registered(node, thief)
    state = node.dir / "state"
    kept = state.rename(node.dir / "state-kept")
    led_to(node, thief, f'psk_identity = "{node.identity}";\npsk_file = "psk";\nopen_timeout = "5s";\n')
    try:
        node.run_once()                            # further than the MEF it does not come: the thief's MAF has other certificates
        return registered(node, thief) > before
    finally:
        shutil.rmtree(state, ignore_errors=True)
        kept.rename(state)
        plain(node)


def test_a_database_without_its_keeper(inst, thief):
    """Its records are read; neither Km of a node nor Kpm of another one comes of them."""
    thief.start()
    listed = thief.muster("node", "list").stdout
    assert inst.with_cert.id in listed and inst.with_secret.id in listed
    assert asks(inst.with_cert, thief) == 1
    assert not asks_by_secret(inst.with_secret, thief)
    thief.stop()


def test_a_database_with_its_keeper(inst, thief):
    shutil.rmtree(thief.dir / "keeper")
    shutil.copytree(inst.dir / "keeper", thief.dir / "keeper")
    thief.start()
    assert asks(inst.with_cert, thief) == 0
    assert asks_by_secret(inst.with_secret, thief)
    thief.stop()


def copy_of(node, path, *without):
    """The node's disk, without what the machine keeps elsewhere."""
    shutil.copytree(node.dir, path, ignore=lambda d, names: [n for n in names if n in without])
    return path


DAMAGED = "damaged, and there is no older copy that is whole"


def start_of(place):
    return run(BUILD / "src/agent/muster-agent", "-c", place / "muster-agent.conf", "run", "--once", check=False)


def test_a_disk_without_the_machines_secret(inst, tmp_path):
    """The agent does not take it for a new node, either."""
    place = copy_of(inst.with_cert, tmp_path / "disk", "state.key")
    done = start_of(place)
    assert done.returncode == 1 and "sealed with it" in done.stderr + done.stdout
    assert not (place / "state.key").exists()


def test_a_disk_with_another_machines_secret(inst, tmp_path):
    place = copy_of(inst.with_cert, tmp_path / "disk")
    shutil.copy(inst.with_secret.dir / "state.key", place / "state.key")
    done = start_of(place)
    assert done.returncode == 1 and DAMAGED in done.stderr, done
    assert run(BUILD / "tests/hardening/dig", place / "state", place / "state.key", check=False).stdout == ""


def test_a_disk_with_the_machines_secret(inst, tmp_path):
    """The servers are away, and it is enrolled as ever."""
    done = start_of(copy_of(inst.with_cert, tmp_path / "disk"))
    assert "enrolled-already" in done.stderr and DAMAGED not in done.stderr, done


def test_nothing_is_in_clear_on_the_disk(inst, tmp_path):
    keys = Keys()
    for who, node in (("cert", inst.with_cert), ("psk", inst.with_secret)):
        copy = copy_of(node, tmp_path / who)
        for what, key in (line.split() for line in run(BUILD / "tests/hardening/dig", copy / "state", copy / "state.key").stdout.splitlines()):
            keys.add(f"{who}-{what}", bytes.fromhex(key))
    assert set(keys.keys) >= {"cert-active-km", "psk-active-km"}
    hits, searched = scan(keys.write(tmp_path / "needles"), [p for node in (inst.with_cert, inst.with_secret) for p in files(node.dir)])
    assert not hits and searched
