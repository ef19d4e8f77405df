"""Story: our own servers in the older arrangement, where the MEF stands before the operator's BSF (fig. 1 itself: test_fig1_gba.py)."""
import binascii
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from simnode import K, OPC, SimNode
from support import MUSTER, Installation, run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from gba_ue import Ue  # noqa: E402 the path comes first

CARD = 'kind = "software"; imsi = "{}"; key_file = "sim.json"; gba = "{}";'


class Operator:
    """What a SimNode needs to know of a BSF or a MAF."""

    def __init__(self, fqdn, port):
        self.fqdn, self.port = fqdn, port


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    i = Installation(tmp_path_factory.mktemp("fig1") / "inst", gba="00101")
    i.configure(replace={
        f'  nafs = ( {{ fqdn = "{i.maf}"; groups = ["m2m"]; }} );': f'  nafs = ( {{ fqdn = "{i.maf}"; groups = ["m2m"]; }},\n'
                                                                    f'    {{ fqdn = "{i.mef}"; groups = ["m2m"]; }} );',
        f'  mafs = ["{i.maf}"];\n': f'  mafs = ["{i.maf}"];\n  bsf_anchors = ["keeper/ca.pem"];\n  bsfs = ( {{ fqdn = "zn.{i.sp}"; '
                                    f'uri = "https://zn.{i.sp}:{i.zn_port}"; connect_to = "127.0.0.1:{i.zn_port}"; domains = ["{i.bsf}"]; }} );\n'})
    i.start()
    i.subscription()
    yield i
    i.stop()


def sim_node(inst, path, number, uicc=None, method="gba", uri=None):
    """A registered node that has a SIM and nothing else."""
    known, imsi = inst.node(number), f"0010100000000{number:02d}"
    secret = f"milenage:{K.hex()}:opc:{OPC.hex()}={binascii.crc_hqx(K + OPC, 0xFFFF):04X}\n"
    run(MUSTER, "-C", inst.dir, "sim", "add", imsi, "--file", "-", "--node", known.id, "--naf-group", "m2m", "--lifetime", "1h",
        *(("--uicc", uicc) if uicc else ()), stdin=secret)
    node = SimNode(path, Operator(inst.maf, inst.maf_port), Operator(inst.bsf, inst.bsf_port), card=CARD.format(imsi, "yes" if uicc else "no"),
                   gba=f'bsf = "http://{inst.bsf}:{inst.bsf_port}";')
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace(f'"{inst.bsf}:80"', f'"{inst.bsf}:{inst.bsf_port}"').replace('"maf.sp.example.com:443"', f'"{inst.maf}:{inst.maf_port}"')
                    .replace("connect_to = (", f'connect_to = ( {{ name = "{inst.mef}:{inst.mef_port}"; address = "127.0.0.1:{inst.mef_port}"; }},'))
    there = {"uri": uri or f"http://{inst.bsf}:{inst.bsf_port}"}
    node.instruct({"kind": "discovery", "method": "bsf", **there} if method == "bsf" else instruction(inst, **there))
    node.known, node.imsi = known, imsi
    return node


def instruction(inst, **more):
    return {"kind": "bootstrap", "method": "gba", "target": inst.maf, "adminFQDN": inst.sp, "mafURI": f"https://{inst.maf}:{inst.maf_port}", **more}


def enrolled(inst, node):
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()[-4000:]
    c = node.status()["credential"]
    assert c["method"] == "gba" and c["confirmed"] and c["cseID"] == node.known.cse_id, c
    theirs = [t for t in inst.ask("node", "show", node.known.id)["credentials"] if t["role"] == "maf" and t["state"] == "active"]
    assert [t["keyID"] for t in theirs] == [c["keyID"]], (theirs, c)
    assert node.agent("check").returncode == 0
    return c


def test_a_mef_before_the_operators_bsf(inst, tmp_path):
    """The older arrangement: the MEF is the NAF, and gives what it gives to everybody: KeID, Ke and KmID of its own."""
    node = sim_node(inst, tmp_path / "n", 4, uri=f"https://{inst.mef}:{inst.mef_port}")
    c = enrolled(inst, node)
    assert c["mefFQDN"] == inst.mef and c["keyID"].endswith("@" + inst.maf), c


def test_a_stranger_costs_one_vector(inst, tmp_path):
    """At the usual pace: first messages in numbers, at once and one after another, and the SIM's node is served with what they have brought."""
    node = sim_node(inst, tmp_path / "node", 7)
    ue = Ue(inst.bsf_port, K, OPC, f"{node.imsi}@ims.mnc001.mcc001.3gppnetwork.org", inst.bsf)
    with ThreadPoolExecutor(40) as pool:
        got = list(pool.map(lambda _: ue.first(), range(40)))
    # some may have to come again in a second, while the HSS is asked
    assert {s for s, _, _ in got} <= {401, 503} and all(int(h["Retry-After"]) == 1 for s, h, _ in got if s == 503), got
    more = [ue.first() for _ in range(30)]
    assert {s for s, _, _ in more} == {401} and len({h["WWW-Authenticate"] for s, h, _ in got + more if s == 401}) == 1
    assert inst.ask("sim", "show", node.imsi)["vectors"] == 1
    enrolled(inst, node)
    assert inst.ask("sim", "show", node.imsi)["vectors"] == 1


def test_a_subscriber_that_the_operator_does_not_know(inst, tmp_path):
    node = sim_node(inst, tmp_path / "n", 5)
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace("001010000000005", "001010000000999"))
    assert node.run_once().returncode == 1 and node.reports() == [("gba", "unknown subscriber")], node.status()["reports"]
