"""Story: a node with nothing but a SIM is told to dial out. While it is enrolled, by its root credential, which is a key of GBA; and by its
session at the BSF alone, when it is enrolled nowhere or its credential is none of ours any more.
"""
import base64
import binascii

import pytest

from simnode import K, OPC, SimNode
from support import MUSTER, Installation, Running, free_port, run
from trigger_support import send, wait_pushed, wait_refused

NAF = "trigger.sp.example.com"


class At:
    """What a SimNode needs to know of a BSF or a MAF."""

    def __init__(self, fqdn, port):
        self.fqdn, self.port = fqdn, port


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    i = Installation(tmp_path_factory.mktemp("trigger") / "inst", gba="00101")
    i.configure(replace={f'  fqdn = "{i.bsf}";\n': f'  fqdn = "{i.bsf}";\n  trigger_naf = "{NAF}";\n'})
    i.start()
    i.subscription()
    yield i
    i.stop()


class Node(SimNode):
    """With a door, which hears on UDP; the MAF may be one that is not there."""

    def __init__(self, inst, path, number, uicc=None, naf=NAF):
        self.inst, self.known, imsi = inst, inst.node(number), f"0010100000000{number:02d}"
        secret = f"milenage:{K.hex()}:opc:{OPC.hex()}={binascii.crc_hqx(K + OPC, 0xFFFF):04X}\n"
        run(MUSTER, "-C", inst.dir, "sim", "add", imsi, "--file", "-", "--node", self.known.id, "--naf-group", "m2m",
            *(("--uicc", uicc) if uicc else ()), stdin=secret)
        self.door, self.naf = f"127.0.0.1:{free_port()}", naf
        super().__init__(path, At(inst.maf, inst.maf_port), At(inst.bsf, inst.bsf_port),
                         card=f'kind = "software"; imsi = "{imsi}"; key_file = "sim.json"; gba = "{"yes" if uicc else "no"}";')
        self.instruct(self.instruction(f"http://{inst.bsf}:{inst.bsf_port}", target=inst.maf, mafURI=f"https://{inst.maf}:{inst.maf_port}"))

    def configure(self, gba="", more="", bsf_port=None, maf_port=None):
        i = self.inst
        (self.dir / "muster-agent.conf").write_text(
            f'node_id = "{self.known.id}";\nbootstrap = "instructions.json";\nbackoff_first = "1h";\nlog = {{ level = "debug"; }};\n'
            f'card = {{ {self.card} }};\ngba = {{ bsf = "http://{i.bsf}:{i.bsf_port}"; {gba} }};\n'
            f'trigger = {{ listen = "{self.door}"; {f"naf = {chr(34)}{self.naf}{chr(34)};" if self.naf else ""} }};\n'
            f'connect_to = ( {{ name = "{i.bsf}:{i.bsf_port}"; address = "127.0.0.1:{i.bsf_port}"; }},\n'
            f'  {{ name = "{i.maf}:{i.maf_port}"; address = "127.0.0.1:{maf_port or i.maf_port}"; }} );\n{more}')

    def make(self, *args):
        made = self.inst.ask("trigger", self.known.id, *args)
        return base64.b64decode(made["trigger"]), made


def test_enrolled_by_gba(inst, tmp_path):
    """The credential's key id is the B-TID, and so is the session's; each MAC is checked with the key that made it."""
    node = Node(inst, tmp_path / "n", 1)
    assert node.run_once().returncode == 0, inst.log_text()[-3000:]
    btid = node.status()["credential"]["keyID"]
    by_key, made = node.make("--what", "check")
    assert made["keyID"] == btid and btid.endswith("@" + inst.bsf)
    by_session, made = node.make("--what", "check", "--key", "gba")
    assert made["keyID"] == "trigger:" + btid
    with Running(node) as agent:
        agent.wait_log("enrolled-already")
        send(node.door, by_key)
        wait_pushed(node, lambda p: p["accepted"] == 1)
        send(node.door, by_session)
        wait_pushed(node, lambda p: p["accepted"] == 2)
        for octets in (by_key, by_session):
            send(node.door, octets)
        wait_refused(node, "replayed", 2)
        late, made = node.make("--what", "run", "--key", "gba")
        send(node.door, late[:-1] + bytes([late[-1] ^ 1]))
        wait_refused(node, "wrong-mac")
        # a new bootstrap, asked for by the session's key: other keys, and those of before count no more
        send(node.door, late)
        agent.wait_log("bootstrapped-with-bsf")
        agent.wait_log("enrolled key")
    new = node.status()["credential"]["keyID"]
    assert new != btid
    again, made = node.make("--what", "check", "--key", "gba")
    assert made["keyID"] == "trigger:" + new
    text = (node.dir / "agent.log").read_text() + node.agent("status", "--json").stdout
    assert not any(s in text.lower() for s in (K.hex(), OPC.hex()))


def test_nothing_but_a_session(inst, tmp_path):
    """Its MAF was never reached. The key is there after a start of the agent, too; a session that was flushed makes no trigger."""
    node = Node(inst, tmp_path / "n", 2)
    refused = inst.muster("trigger", node.known.id, check=False)
    assert refused.returncode != 0 and "no key of this node" in refused.stderr, refused
    node.configure(maf_port=free_port())
    assert node.run_once().returncode == 1
    assert node.status()["credential"] is None
    octets, made = node.make("--what", "run")
    assert made["keyID"].startswith("trigger:") and made["keyID"].endswith("@" + inst.bsf)
    node.configure()
    with Running(node) as agent:
        wait_pushed(node, lambda p: True)
        other = Node(inst, tmp_path / "other", 3)
        other.configure(maf_port=free_port())
        assert other.run_once().returncode == 1
        send(node.door, other.make("--what", "run")[0])
        wait_refused(node, "other-node")
        send(node.door, octets)
        wait_pushed(node, lambda p: p["accepted"] == 1)
        agent.wait_log("enrolled key")
    run(MUSTER, "-C", inst.dir, "gba", "flush", "001010000000002@ims.mnc001.mcc001.3gppnetwork.org")
    refused = inst.muster("trigger", node.known.id, "--key", "gba", check=False)
    assert refused.returncode != 0 and "no session at the BSF" in refused.stderr, refused


def test_who_has_no_such_key(inst, tmp_path):
    """No setting, another name, and Ks in the card."""
    silent = Node(inst, tmp_path / "silent", 4, naf="")
    assert silent.run_once().returncode == 0
    mistaken = Node(inst, tmp_path / "mistaken", 5, naf="trigger.other.example.com")
    assert mistaken.run_once().returncode == 0
    for node, reason in ((silent, "other-key"), (mistaken, "wrong-mac")):
        with Running(node) as agent:
            agent.wait_log("enrolled-already")
            send(node.door, node.make("--what", "check", "--key", "gba")[0])
            wait_refused(node, reason)
    card = Node(inst, tmp_path / "card", 6, "GBA_U")
    assert card.run_once().returncode == 0
    refused = inst.muster("trigger", card.known.id, "--key", "gba", check=False)
    assert refused.returncode != 0 and "Ks in the node" in refused.stderr, refused
    assert card.make("--what", "check")[1]["keyID"].endswith("@" + inst.bsf), "its root credential serves"
    for args, words in ((("--key", "km"), "gba"), (("--key", "gba", "--window", "32d"), "31 days")):
        refused = inst.muster("trigger", card.known.id, *args, check=False)
        assert refused.returncode != 0 and words in refused.stderr, refused
    mistaken.naf = "no name"
    mistaken.configure()
    checked = mistaken.agent("--check")
    assert checked.returncode != 0 and "trigger.naf" in checked.stderr + checked.stdout, checked
