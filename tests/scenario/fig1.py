"""What scenarios with SIMs share: a node with nothing but a SIM, two operators that ask each other, and a gate before a server."""
import binascii
import json
import re
import secrets
import socket
import threading

from support import AGENT, RUN_SECONDS, free_port, run

PLMN = "00101"
NUMBERS = iter(range(1, 10000))
DISCOVERY = {"kind": "discovery", "method": "bsf"}


def sim_line(sim):
    """A SIM's keys, in the words of sim.json, as `muster sim add` takes them; the check code by the library."""
    what = next(w for w in ("opc", "op", "topc", "top") if w in sim)
    options = "".join(f":{w}{sim[w]}" for w in ("res", "times") if w in sim)
    return f"{sim['algorithm']}:{sim['k']}:{what}:{sim[what]}{options}={binascii.crc_hqx(bytes.fromhex(sim['k'] + sim[what]), 0xFFFF):04X}\n"


class SimNode:
    """A card, the names of the settings, and `muster-agent`. What it is called and whom it joins its operator knows."""

    def __init__(self, inst, subscription="sub-1", uicc=None, card_gba=None, naf_group=None, lifetime=None, number=None, sim=None, known=True):
        self.inst, self.number = inst, number or next(NUMBERS)
        self.id, self.cse_id = f"urn:dev:ops:00004C-sim-{self.number:06d}", f"//{inst.sp}/SIM{self.number:06d}"
        self.imsi = f"{PLMN}{self.number:010d}"
        self.impi = f"{self.imsi}@ims.mnc001.mcc001.3gppnetwork.org"
        self.k, self.opc = secrets.token_bytes(16), secrets.token_bytes(16)
        self.keys = sim or {"algorithm": "milenage", "k": self.k.hex(), "opc": self.opc.hex()}
        self.dir = inst.dir / "nodes" / f"sim-{self.number:06d}"
        self.dir.mkdir(parents=True)
        (self.dir / "sim.json").write_text(json.dumps(self.keys))
        (self.dir / "sim.json").chmod(0o600)
        self.subscription, self.wrap = subscription, ()
        self.options = [w for name, value in (("--uicc", uicc), ("--naf-group", naf_group), ("--lifetime", lifetime)) if value for w in (name, value)]
        if known:
            self.add()
        self.card = f'kind = "software"; imsi = "{self.imsi}"; key_file = "sim.json";' + (f' gba = "{card_gba}";' if card_gba else "")
        self.instruct({**DISCOVERY, "uri": f"http://{inst.bsf}"})
        self.configure()

    def add(self, check=True):
        """The operator makes it known, and whose SIM is in it; what came of that, or of the first that did not go."""
        done = self.inst.muster("node", "add", self.id, "--cse-id", self.cse_id, "--subscription", self.subscription, "--anchor", "none", check=check)
        return done if done.returncode and "exists" not in done.stderr else self.sim(check)

    def sim(self, check=True):
        """The operator makes it known, and where it is."""
        return self.inst.muster("sim", "add", self.imsi, "--file", "-", "--node", self.id, *self.options, stdin=sim_line(self.keys), check=check)

    def live_for(self, seconds):
        """What its sessions live for, less than the command takes; 0 = as the BSF has it."""
        run("sqlite3", "-cmd", ".timeout 10000", self.inst.dir / "store/muster.db", f"UPDATE sim SET lifetime = {seconds} WHERE imsi = '{self.imsi}'")

    def instruct(self, *instructions):
        (self.dir / "instructions.json").write_text(json.dumps({"version": 1, "instructions": list(instructions)}))

    def configure(self, more=""):
        inst, others = self.inst, getattr(self.inst, "others", ())
        names = [(name, *to) for i in (inst, *others) for name, *to in ((i.bsf, 80, i.bsf_port), (i.maf, i.maf_port, i.maf_port))]
        dial = ",\n".join(f'  {{ name = "{name}:{port}"; address = "127.0.0.1:{to}"; }}' for name, port, to in names)
        (self.dir / "muster-agent.conf").write_text(
            'bootstrap = "instructions.json";\nbackoff_first = "1s";\nbackoff_max = "2s";\nlog = { level = "debug"; };\n'
            f"card = {{ {self.card} }};\nconnect_to = (\n{dial}\n);\n{more}")

    def agent(self, *args, check=False, wrap=(), env=None):
        return run(*(wrap or self.wrap), AGENT, "-c", self.dir / "muster-agent.conf", *args, check=check, env=env)

    def run_once(self, **more):
        return self.agent("run", "--once", **more)

    def status(self):
        return json.loads(self.agent("status", "--json", check=True).stdout)

    def reports(self):
        return [(r["method"], r["reason"]) for r in self.status()["reports"]]

    def key(self):
        return self.status()["credential"]["keyID"]

    def works(self):
        return self.agent("check").returncode == 0

    def shown(self):
        return self.inst.ask("sim", "show", self.imsi)

    def sqn(self):
        return int(self.shown()["sqn"], 16)

    def sessions(self):
        return self.inst.ask("gba", "show", self.impi)["sessions"]

    def at_the_maf(self, inst=None):
        return {c["keyID"]: c["state"] for c in (inst or self.inst).ask("node", "show", self.id)["credentials"] if c["role"] == "maf"}

    def enrolled(self):
        """Node, MAF and BSF hold the same, and it works."""
        shown = self.status()
        c, theirs = shown["credential"], self.at_the_maf()
        assert shown["state"] == "enrolled" and not shown["pending"] and c["method"] == "gba" and c["confirmed"], shown
        assert [k for k, state in theirs.items() if state == "active"] == [c["keyID"]], (c, theirs)
        assert c["keyID"] in [s["btid"] for s in self.sessions()] and self.works()
        return c


def rule(inst, name="sims", prefix=PLMN, maf=None, **more):
    maf = maf or inst
    extra = [w for k, v in more.items() for w in (f"--{k.replace('_', '-')}", v)]
    inst.muster("rule", "add", name, "--imsi-prefix", prefix, "--mef-uri", f"http://{inst.bsf}", "--method", "gba", "--sp", maf.sp, "--maf", maf.maf,
                "--maf-uri", f"https://{maf.maf}:{maf.maf_port}", *extra)


DIAMETER = """
diameter = {{ identity = "dia.{us}"; realm = "{us}"; listen = [{listen}]; port = {port}; secure_port = 0; retry = "1s";
  peers = ( {{ identity = "dia.{them}"; realm = "{them}"; tls = false;{dial} }} ); }};
"""


def settle(inst, changes, add=""):
    """The configuration that init made, changed: patterns that each fit once. And SIMs may bootstrap often."""
    text = inst.plain_config
    for old, new in [("(?m)^  mnc_digits = 2;$", '  mnc_digits = 2;\n  vector_burst = 1000;\n  vector_interval = "1s";'), *changes]:
        text, n = re.subn(old, lambda m, new=new: new, text)
        assert n == 1, (old, n, text)
    inst.plain_config = text + add
    inst.configure()


def bsf_at(other, sp, how=None):
    """An entry of maf.bsfs: whose B-TIDs end in that BSF's name, for the clients of that provider."""
    how = how or f'fqdn = "zn.{other.sp}"; uri = "https://zn.{other.sp}:{other.zn_port}"; connect_to = "127.0.0.1:{other.zn_port}";'
    return f'{{ {how} domains = ["{other.bsf}"]; sps = ["{sp}"]; }}'


def two_operators(inst, south):
    """Each has everything. A MAF of south's asks our BSF by SBI; a BSF of south's asks our HSS, and our MAF asks that BSF, by Diameter."""
    port, ours, theirs = free_port(), inst.sp, south.sp
    settle(inst, [
        ('level = "info"', 'level = "debug"'),       # what is said then, too, is looked at (nothing_secret_is_kept_or_said)
        (f'connect_to = "127.0.0.1:{inst.hss_port}"', f'connect_to = "127.0.0.1:{inst.hss.port}"'),
        (f'(?m)^  bsfs = \\["{inst.bsf}"\\];$', f'  bsfs = ["{inst.bsf}", "dia.{theirs}"];'),
        (r"(?m)^  bsfs = \( .*$", f"  bsfs = ( {bsf_at(inst, ours)},\n    " + bsf_at(south, ours, f'fqdn = "dia.{theirs}"; binding = "diameter";') + " );"),
        (r'(?s)(?<="tls/zn.key";\n)  client_anchors = \["keeper/ca.pem"\]', f'  client_anchors = ["keeper/ca.pem", "{south.dir}/keeper/ca.pem"]')],
        DIAMETER.format(us=ours, them=theirs, listen='"127.0.0.1"', port=port, dial=""))
    settle(south, [
        (r"(?m)^  bsfs = \( .*$", f"  bsfs = ( {bsf_at(south, theirs)},\n    {bsf_at(inst, ours)} );"),
        (r'bsf_anchors = \["keeper/ca.pem"\];', f'bsf_anchors = ["keeper/ca.pem", "{inst.dir}/keeper/ca.pem"];'),
        (r"(?m)^  hss = \{.*$", f'  hss = {{ fqdn = "dia.{ours}"; binding = "diameter"; }};'),
        (r"(?m)^  nafs = \( .*$", f'  nafs = ( {{ fqdn = "dia.{ours}"; names = ["{inst.maf}"]; }} );')],
        DIAMETER.format(us=theirs, them=ours, listen="", port=0, dial=f' connect_to = "127.0.0.1:{port}";'))


class Gate:
    """A way to a port that can be shut: who is behind it is not reachable then, and what was open ends."""

    def __init__(self, to):
        self.to, self.open, self.pairs = to, True, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            if not self.open:
                peer.close()
                continue
            there = socket.create_connection(("127.0.0.1", self.to))
            self.pairs.append((peer, there))
            for one, other in ((peer, there), (there, peer)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one, other):
        try:
            while octets := one.recv(65536):
                other.sendall(octets)
        except OSError:
            pass
        for s in (one, other):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def shut(self):
        self.open = False
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.shut()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(RUN_SECONDS)
