"""The installation that the memory proof looks at: all of its roles, nodes that enrol by every method, and every key that is looked for."""
import base64
import contextlib
import hashlib
import hmac
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time

import aka
from avps import BIR, MAR, ZH, ZN, avp, gpp, message, u32, vsai
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from briefer import dial
from fig1 import SimNode, rule, settle
from processes import peer, reach
from residue import Capture, Keys, private_half, scan
from residue_cards import PIN, TLS_13, Cards
from residue_ca import public_point
from support import AGENT, BUILD, MUSTER, RUN_SECONDS, Installation, Running, free_port, run, until
from taken import Taken
from test_briefing import add_rule
from test_agent_briefed import Real
from gba_ue import Ue
from test_gba_naf import AE, curl, register, s_client
from test_gba_cse import Cse, CseNode, Naf, certificate as certificate_of
from test_mef_maf_coap import coaps
from test_ocsp import openssl as ask_for_status
from test_psk_serial import born
from test_saef import accept, connect, octets_of
from test_secenv import Files, born as made_its_own, record_of

DIAMETER = """
diameter = {{ identity = "node.ours.example"; realm = "ours.example"; listen = ["127.0.0.1"]; port = {port}; secure_port = {secure};
  certificate = "tls/diameter.pem"; key = "tls/diameter.key"; anchors = ["makers/acme.pem"];
  peers = ( {{ identity = "bsf.foreign.example"; realm = "foreign.example"; tls = false; }}, {{ identity = "hss.foreign.example"; realm = "foreign.example"; }} ); }};
"""
OCSP = 'ocsp = {{ fqdn = "ocsp.sp.example.com"; listen = ["127.0.0.1:{port}"]; }};\n'
AT_THE_MEF = """  bsfs = ( {{ fqdn = "zn.{sp}"; uri = "https://zn.{sp}:{zn_port}"; connect_to = "127.0.0.1:{zn_port}"; domains = ["{bsf}"]; }} );
  bsf_anchors = ["keeper/ca.pem"];
"""
UA_AE, UA_ECDHE, UA_13 = bytes.fromhex("01000100ae"), bytes.fromhex("010001c02b"), bytes.fromhex("0100000007")

# The key of a role's certificate: with it the listener meets nodes, and the connector asks other servers for that role. The BSF's
# listener speaks no TLS.
TLS = {"mef": {"listener-mef", "connector"}, "bbn": {"listener-bbn"}, "hss": {"listener-hss"}, "zn": {"listener-zn"},
       "maf": {"listener-maf", "connector"}, "bsf": {"connector"}, "diameter": {"diameter"}}
UNLOCKED = {("diameter", "tls-diameter")}      # memory of GnuTLS


def dig(*what):
    return {k: bytes.fromhex(v) for k, v in (line.split() for line in run(BUILD / "tests/hardening/dig", *what).stdout.splitlines())}


def scalar(der):
    """The private number in a key of P-256."""
    return re.search(rb"\x02\x01\x01\x04\x20(.{32})", der, re.S).group(1)


def scalar_of(pem):
    return scalar(subprocess.run(["openssl", "pkey", "-in", pem, "-outform", "DER"], capture_output=True, check=True).stdout)


def point_of(pem):
    """The public half of a certificate's key: 64 octets."""
    text = run("openssl", "x509", "-noout", "-pubkey", stdin=pem).stdout
    return base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))[-64:]


KPM, KE, KEYREG, KM, SIM, AV, KS = range(1, 8)


def unwrapped(wrap, row, purpose, key_id):
    """What the keeper wrapped (lib/keeper/keeper-local.c), by another AES-GCM than its own; None: it is for another purpose or id."""
    assert row[0] == 2
    with contextlib.suppress(InvalidTag):
        return AESGCM(wrap).decrypt(row[3:15], row[15:], b"muster wrap" + row[:3] + bytes([purpose]) + key_id.encode())
    return None


def in_store(w, wrap, sql):
    """Rows that end with a wrapped key: purpose, id, the key in clear. Through the engine's own database: it goes on meanwhile."""
    for purpose, key_id, row in (line.split("|") for line in w.sql(sql).splitlines()):
        key = unwrapped(wrap, bytes.fromhex(row), int(purpose), key_id)
        assert key, (sql, purpose, key_id)
        yield int(purpose), key_id, key


def role_of(pid):
    return re.search(rb"--role=(\w+)", pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())[1].decode()


class World:
    """An installation with all of its roles, its nodes with their agents, and the keys. `devices`: processes that are none of ours."""
    devices = ()

    def __init__(self, inst):
        self.inst, self.keys, self.own, self.agents, self.others, self.began = inst, Keys(), {}, {}, {}, time.time()

    def belongs(self, name, key, *places):
        self.keys.add(name, key)
        self.own[name] = set(places)

    def root_of(self, who, node):
        copy = self.inst.dir.parent / f"state-{who}"               # the agent has the other one
        shutil.copytree(node.dir / "state", copy)
        record = self.inst.dir.parent / f"record-{who}"
        if who == "agent-own":
            record.write_bytes(record_of(node.dir / "node.key"))
        secret = node.dir / "passphrase"
        held = dig(*(["--secret", secret] if secret.exists() else []), copy, node.dir / "state.key", *([record] if record.exists() else []))
        for what, key in held.items():
            self.belongs(f"{who}-{what}", scalar(key) if what in ("cert", "node.key") else key, who)
        self.belongs(f"{who}-state.key", self.of_a_secret(who, node, secret) if secret.exists() else (node.dir / "state.key").read_bytes(), who)
        return held

    def of_a_secret(self, who, node, file):
        """What is made of a passphrase opens the store; nobody has the passphrase any more, nor what scrypt begins and ends with (lib/secenv/root-file.c)."""
        secret, record = file.read_text().strip().encode(), (node.dir / "state.key").read_bytes()
        assert record[:6] == b"mstK\x01\x02" and not record.count(secret)
        salt = record[8:24]
        self.belongs(f"{who}-secret", secret)
        self.belongs(f"{who}-stretch", hashlib.pbkdf2_hmac("sha256", secret, salt, 1, 1024))
        return hashlib.scrypt(secret, salt=salt, n=1 << 14, r=8, p=1, dklen=32)

    def sql(self, text):
        return run("sqlite3", "-readonly", "-cmd", ".timeout 10000", self.inst.dir / "store/muster.db", text).stdout.strip()

    def targets(self):
        """Who is looked at: name by target."""
        found = {f"pid:{self.inst.process.pid}": "supervisor", **{f"pid:{pid}": who for who, pid in self.others.items()}}
        for kind, pids in self.inst.children().items():
            found.update({f"pid:{pid}": f"listener-{role_of(pid)}" if kind == "listener" else kind for pid in pids})
        found.update({f"pid:{a.process.pid}": who for who, a in self.agents.items()})
        return found

    def pid_of(self, who):
        return next(int(target[4:]) for target, name in self.targets().items() if name == who)


@contextlib.contextmanager
def a_world(path):
    inst = Installation(path / "inst", gba="00101")
    inst.coap = {role: free_port() for role in ("mef", "maf")}
    inst.ocsp, inst.diameter = free_port(), free_port()
    inst.url = f"http://127.0.0.1:{inst.ocsp}/ocsp"
    settle(inst, [(f"(?m)^{role} = {{$", f'{role} = {{\n  coap_listen = ["127.0.0.1:{port}"];') for role, port in inst.coap.items()] +
           [(f'(?m)^  bsfs = \\["{inst.bsf}"\\];$', f'  bsfs = ["{inst.bsf}", "bsf.foreign.example"];'),
            (r"(?m)^  nafs = \( ", '  nafs = ( { fqdn = "bsf.foreign.example"; }, '), ("(?m)^  mafs = ", AT_THE_MEF.format(**vars(inst)) + "  mafs = "), (r'(?s)(?<="tls/zn.key";\n)  client_anchors = \["keeper/ca.pem"\]', '  client_anchors = ["keeper/ca.pem", "cse/ca.pem"]')],
           DIAMETER.format(port=inst.diameter, secure=free_port()) + OCSP.format(port=inst.ocsp))
    run(MUSTER, "cert", "issue", "--ca", "acme", "--out", inst.dir / "tls/diameter", "--fqdn", "node.ours.example", cwd=inst.dir / "makers")
    w = World(inst)
    w.saef = free_port()
    w.cse_id, w.name, w.cse = f"//{inst.sp}/IN-CSE", f"in-cse.{inst.sp}", Cse()
    w.uri = f"https://{w.name}:7443"
    own = certificate_of(inst.dir / "cse", w.name)
    naf_port = free_port()
    ports = [inst.mef_port, inst.maf_port, inst.bbn_port, inst.hss_port, inst.bsf_port, inst.zn_port, *inst.coap.values(), w.saef, inst.ocsp, naf_port]
    w.wire = Capture(inst.dir / "wire", ports)
    with contextlib.ExitStack() as stack:
        stack.callback(w.cse.close)
        with w.wire:
            inst.start()
            stack.callback(inst.stop)
            w.naf = stack.enter_context(Naf(w.name, w.cse, f"https://zn.{inst.sp}:{inst.zn_port}", inst.bsf, own, inst.dir / "keeper/ca.pem",
                                            "--dial", f"127.0.0.1:{inst.zn_port}", port=naf_port))
            w.others["naf"] = w.naf.process.pid
            known(w)
            w.nodes = {"agent-cert": inst.node(901), "agent-peer": inst.node(902), "agent-psk": born(inst), "agent-sim": SimNode(inst),
                       "agent-coap": of_a_passphrase(coaps(inst, inst.node(903, subscription="by-coap"))), "agent-own": made_its_own(inst, Files(None), 904),
                       "agent-briefed": briefed(inst), "agent-kpsa": CseNode(w), "agent-digest": SimNode(inst), "agent-gba-u": SimNode(inst, uicc="GBA_U", card_gba="yes"),
                       "agent-coap-psk": by_secret_over_coap(inst), "agent-via-mef": MefNode(inst)}
            # TLS 1.3: the CSE's NAF has the key until the node has proven that it has it, too
            w.nodes["agent-kpsa"].configure(TLS_13)
            w.nodes["agent-digest"].configure(f'anchors = "{inst.dir}/keeper/ca.pem";\ngba = {{ ua = "010001c02b"; }};\n')
            w.cards = Cards(inst, stack)
            w.nodes |= w.cards.nodes
            w.others["pcscd"], w.devices = w.cards.reader.p.pid, ("pcscd",)
            inst.muster("command", "cert-prov", w.nodes["agent-own"].id)       # the first thing that it is told
            for who, node in w.nodes.items():
                w.agents[who] = stack.enter_context(Running(node, wrap=getattr(node, "wrap", ())))
            for agent in w.agents.values():
                agent.wait_log("enrolled key")
            certificate(w, "agent-cert")
            w.agents["agent-own"].wait_log("point=cert-promoted")              # its first one
            w.guest = Guest(w)
            w.guest.abroad(w, path)
            w.key_id = between(w.nodes["agent-cert"], w.nodes["agent-peer"], w.saef)
            assert "Response verify OK" in (said := ask_for_status(inst, "-serial", "0x0123456789abcdef0123456789abcdef")), said
            w.responder = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", said, re.S)[0]
        gather(w)
        yield w


def known(w):
    """What the operator has made known, before any node comes."""
    inst = w.inst
    inst.subscription()
    inst.muster("subscription", "add", "by-coap", "--sp", inst.sp, "--maf", inst.maf, "--maf-uri", f"coaps://{inst.maf}:{inst.coap['maf']}",
                "--until", "+365d")
    inst.muster("subscription", "add", "sub-cse", "--sp", inst.sp, "--maf", inst.maf, "--until", "+365d", "--registrar", w.cse_id, "--poa", w.uri)
    rule(inst)
    inst.muster("rule", "add", "to-the-cse", "--before", "sims", "--imsi-prefix", "00101000000100", "--mef-uri", f"http://{inst.bsf}", "--method", "gba",
                "--sp", inst.sp, "--cse", w.cse_id)
    add_rule(inst, "born", when={"authentication": ["psk"]}, then={"instructions": [
        {"kind": "bootstrap", "method": "psk", "uri": f"https://{inst.mef}:{inst.mef_port}"}]})


def briefed(inst):
    """A node that knows the briefing node and its maker's secret, and nothing else; it has taken that into its secure environment."""
    node, bbn = born(inst), Real(inst)
    node.instruct(bbn.instruction())
    dial(node, bbn, add=f'psk_identity = "{node.identity}";\npsk_file = "psk";\nmethods = "psk bbn";\n')
    return took(node)


def by_secret_over_coap(inst):
    node = born(inst, subscription="by-coap")
    return coaps(inst, node, f'psk_identity = "{node.identity}";\npsk_file = "psk";\n', method="psk")


class MefNode(SimNode):
    """Its SIM gives the key for a MEF, and the MEF what it gives to everybody."""

    def configure(self, more=""):
        inst = self.inst
        self.instruct(inst.instruction(method="gba"))
        super().configure(f'gba = {{ bsf = "http://{inst.bsf}"; }};\n{more}')
        conf = self.dir / "muster-agent.conf"
        conf.write_text(conf.read_text().replace("connect_to = (\n", f'connect_to = (\n  {{ name = "{inst.mef}:{inst.mef_port}"; address = "127.0.0.1:{inst.mef_port}"; }},\n'))


class Guest:
    """A node with a SIM that is none of ours (the UE of a test, openssl, curl), and comes to MEF and MAF by GBA: by TLS-PSK and, inside of TLS, by Digest."""

    def __init__(self, w):
        self.inst, node = w.inst, SimNode(w.inst)
        ue = Ue(w.inst.bsf_port, node.k, node.opc, node.impi, w.inst.bsf)
        assert ue.bootstrap()[0] == 200
        self.uid, self.btid, self.ue = node.cse_id, ue.btid, ue
        for name, key in (("k", node.k), ("opc", node.opc), ("ks", ue.ks)):
            w.belongs(f"guest-{name}", key)
        for role, name in (("mef", self.inst.mef), ("maf", self.inst.maf)):
            psk, digest = self.key(w, role, name, UA_AE), self.key(w, f"{role}-digest", name, UA_ECDHE)
            said = s_client(self.inst, register(self.inst, self, role), self.btid, psk, *AE, role=role)
            assert "X-M2M-RSC: 2001" in said, said + self.inst.log_text()
            said = curl(self.inst, self, digest, "--digest", role=role)
            assert "X-M2M-RSC: 2001" in said, said + self.inst.log_text()
            w.belongs(f"guest-{role}-a1", a1_of(self.btid, name, bytes.fromhex(digest)))
        self.key(w, "mef-13", self.inst.mef, UA_13)

    def abroad(self, w, path):
        """Another operator asks by Diameter: for a vector of the SIM's as a BSF, and for a key as a NAF."""
        us, them = "node.ours.example", "bsf.foreign.example"
        foreign = peer(path, them, "foreign.example", us, self.inst.diameter)
        try:
            foreign.line("open " + us)
            head = [avp(263, f"{them};1;1"), avp(264, them), avp(296, "foreign.example"), avp(283, "ours.example"), avp(293, us)]
            said = reach(foreign, message(MAR, ZH, [*head, vsai(ZH), avp(277, u32(1)), avp(1, self.ue.impi)]))
            assert said.result() == 2001, said.result()
            for name, code in (("ck", 625), ("ik", 626)):
                w.belongs(f"abroad-{name}", said.get(code, 612))
            said = reach(foreign, message(BIR, ZN, [*head, vsai(ZN), gpp(401, self.btid), gpp(402, them.encode() + UA_AE)]))
            assert said.result() == 2001 and said.get(405).hex() == self.key(w, "abroad-naf", them, UA_AE)
        finally:
            foreign.end()

    def key(self, w, what, name, ua):
        key = self.ue.ks_naf(name, ua.hex())
        w.belongs(f"guest-{what}", key)
        return key.hex()


def of_a_passphrase(node):
    """A node whose store is opened by one."""
    file, conf = node.dir / "passphrase", node.dir / "muster-agent.conf"
    file.write_text(secrets.token_urlsafe(24) + "\n")
    file.chmod(0o600)
    conf.write_text(conf.read_text() + 'secenv = { backend = "file"; secret_file = "passphrase"; };\n')
    return node


def certificate(w, who):
    """Over EST, with a key that the node makes."""
    w.inst.muster("command", "cert-prov", w.nodes[who].id)
    assert w.nodes[who].agent("trigger").returncode == 0
    w.agents[who].wait_log("point=cert-promoted")


def between(a, b, port):
    """A key of the MAF for two nodes (SAEF), used once by both."""
    with accept(b, where=f"127.0.0.1:{port}") as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        opened = called.wait_event("open")
        caller.write(b"good day", close=True)
        called.wait_out(b"good day").write(b"and good bye", close=True).end()
        caller.end()
    return opened["identity"]


def took(node):
    """Its maker's secret is sealed; what is looked for is what it was."""
    node.kpm = maker_secret(node)
    node.agent("secenv", "take", "--yes", check=True)
    return node


def maker_secret(node):
    return getattr(node, "kpm", None) or bytes.fromhex(node.psk_file.read_text().split("=")[0].replace("-", ""))


def by_gba(w, who, naf, ua, btid=None):
    """Ks, which is CK and IK, and the key for a NAF, as the formulas of TS 35.206 and TS 33.220 have them (tests/support/aka.py) for the RAND in the
    B-TID. The node's root key is the second; a third would be the card's own for that NAF (Ks_int_NAF)."""
    node = w.nodes[who]
    rand = base64.b64decode((btid or node.key()).split("@")[0])
    vector = aka.Milenage(node.k, node.opc, rand)
    ks = vector.ck + vector.ik
    keeps = () if who in w.cards.nodes else (who,)
    w.belongs(f"{who}-k", node.k, *keeps)
    w.belongs(f"{who}-opc", node.opc, *keeps)
    w.belongs(f"{who}-ks", ks)
    w.belongs(f"{who}-ks-int-naf", aka.ks_naf(ks, rand, node.impi, naf.encode() + ua, b"gba-u"))
    return aka.ks_naf(ks, rand, node.impi, naf.encode() + ua)


def by_a_sim(w):
    """Whose root key is of GBA: node, whom it is for, and for which protocol."""
    ua = {"agent-kpsa": UA_13, "agent-reader-u": UA_13, "agent-digest": UA_ECDHE}
    return [(who, w.name if who == "agent-kpsa" else w.inst.maf, ua.get(who, UA_AE)) for who, node in w.nodes.items() if isinstance(node, SimNode) and who != "agent-via-mef"]


def through_pcscd(w):
    """What a card in a reader is told, and what it gives, passes pcscd, which is none of ours and forgets it when it likes: the PIN; CK and IK (the two
    halves of Ks), or of a card that keeps these the key for the MAF. What the card keeps is not there either."""
    w.own["agent-reader-ks"].add("pcscd")
    w.own["agent-reader-u-active-km"].add("pcscd")
    w.keys.add_pin("pin", PIN)
    w.own["pin"] = {"pcscd"}


def a1_of(btid, name, key):
    """What HTTP Digest begins with (RFC 2617, as TS 33.222 5.3 has it)."""
    return hashlib.md5(f"{btid}:3GPP-bootstrapping@{name}:{base64.b64encode(key).decode()}".encode()).digest()


def gather(w):
    inst, nodes = w.inst, w.nodes
    for who in ("agent-psk", "agent-briefed", "agent-coap-psk"):
        w.belongs(f"{who}-kpm", maker_secret(nodes[who]))       # between sessions nobody has it, in clear in its file or not
    w.belongs("kc", bytes.fromhex(octets_of(nodes["agent-cert"], w.key_id)), "agent-cert", "agent-peer")
    held = {who: w.root_of(who, node) for who, node in nodes.items()}
    for who, naf, ua in by_a_sim(w):
        assert held[who]["active-km"] == by_gba(w, who, naf, ua), who
    (session,) = nodes["agent-via-mef"].sessions()
    w.belongs("agent-via-mef-ks-naf", by_gba(w, "agent-via-mef", inst.mef, UA_AE, session["btid"]))
    through_pcscd(w)
    w.belongs("agent-digest-a1", a1_of(nodes["agent-digest"].key(), inst.maf, held["agent-digest"]["active-km"]))
    for who in ("agent-cert", "agent-peer", "agent-coap"):
        w.belongs(f"{who}-node.key", scalar_of(nodes[who].dir / "node.key"), who)
    kept = dig(inst.dir / "keeper")
    w.belongs("kek", kept["kek"], "keeper")
    w.belongs("wrap", hmac.digest(kept["kek"], b"muster keeper: wrapping 1", hashlib.sha256), "keeper")
    w.belongs("ca", scalar(kept["ca"]), "keeper")
    # made in the keeper's memory, and nowhere else
    w.belongs("ocsp", private_half(w.pid_of("keeper"), point_of(w.responder)), "keeper")
    for role, places in TLS.items():
        w.belongs(f"tls-{role}", scalar_of(inst.dir / "tls" / f"{role}.key"), *places)
    w.belongs("tls-naf", scalar_of(inst.dir / "cse/cse.key"), "naf")
    by_other_means(w, held, kept)
    w.needles = w.keys.write(inst.dir.parent / "needles")


def by_other_means(w, held, kept):
    """What is looked for are the keys: each is found once more where it was not read from. And those that the servers keep for themselves."""
    inst, key = w.inst, w.keys.keys
    issued = bytes.fromhex("".join(w.sql("SELECT hex(der) FROM certificate_der").split()))
    for who in ("agent-cert-cert", "agent-own-cert"):
        assert public_point(key[who]) in issued, who
    assert public_point(key["agent-own-node.key"]) == point_of((w.nodes["agent-own"].dir / "node.pem").read_text())
    assert public_point(key["ca"]) == point_of((inst.dir / "keeper/ca.pem").read_text()) and kept["wrap"] == key["wrap"]
    theirs = {}
    for purpose, key_id, octets in in_store(w, key["wrap"], "SELECT purpose, key_id, hex(key) FROM credential"):
        theirs.setdefault(purpose, {})[key_id] = octets
        if purpose == KE or octets not in key.values():  # of the MEF alone, as the node has forgotten its own; or another one came after it
            w.belongs(f"{'ke' if purpose == KE else 'former'}-{len(theirs[purpose])}", octets)
    for who, node in w.nodes.items():
        shown = node.status()["credential"]
        assert who == "agent-kpsa" or theirs[KM][shown["keyID"]] == held[who]["active-km"], who
    # of a SIM, the key for the MEF stands in for one, that of the suite that was used last
    assert {key[name] for name in ("agent-psk-kpm", "agent-briefed-kpm", "agent-coap-psk-kpm", "agent-via-mef-ks-naf", "guest-mef-digest")} == set(theirs[KPM].values())
    assert [key["kc"]] == [octets for _, _, octets in in_store(w, key["wrap"], f"SELECT {KEYREG}, rel_key_id || '@{inst.maf}', hex(key) FROM keyreg WHERE length(key)")]
    sims = {i: octets for _, i, octets in in_store(w, key["wrap"], f"SELECT {SIM}, imsi, hex(key) FROM sim")}
    sessions = {i: octets for _, i, octets in in_store(w, key["wrap"], f"SELECT {KS}, btid, hex(ks) FROM gba_session")}
    for who, *_ in by_a_sim(w):
        assert key[f"{who}-k"] in sims[w.nodes[who].imsi] and key[f"{who}-opc"] in sims[w.nodes[who].imsi] and sessions[w.nodes[who].key()] == key[f"{who}-ks"], who
    for who, node in w.cards.nodes.items():
        given = {name for name in ("k", "opc", "ks", "active-km") if key[f"{who}-{name}"][:16].hex() in node.said()}
        assert given == {"active-km" if node.usim.gba else "ks"}, (who, given)      # of Ks that is CK


# --- looks that more than one test takes ---

@contextlib.contextmanager
def stopped(pids):
    """At a standstill, from here to the end."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            until("it stands", lambda p=pid: pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def nobody_has_it(needles, found):
    """Nor will: what is in use goes, what is left stays."""
    hits = []

    def none():
        hits[:] = scan(needles, found)[0]
        return not hits
    until("nobody has it", none, context=lambda: str([(found[h.target], h.name, h.flags) for h in hits]))


def nothing_is_left(w, found):
    """Of any key in a process that it does not belong to, or where it may be swapped out. A key that is in use goes, one that is left stays. Gives
    what is where it belongs. A device may do with its own as it likes."""
    hits = []

    def left():
        hits[:] = scan(w.needles, found)[0]
        return sorted({(found[h.target], h.name, "lo" in h.flags) for h in hits
                       if found[h.target] not in w.own[h.name] or "lo" not in h.flags and found[h.target] not in w.devices and (found[h.target], h.name) not in UNLOCKED})
    until("no key is left", lambda: not left(), context=lambda: str(left()))
    return hits


def is_locked(places):
    """It is there, and only in pages that are neither swapped out nor in a core."""
    assert places and all({"lo", "dd"} <= set(flags) for flags in places), places


def in_a_handshake(w, who, server, key):
    """While a handshake waits for the other side, which may take its time: at the node, from its first message on; at the server, with TLS 1.3
    until the node has proven that it has the key, too. It is there, and all of it is in locked pages."""
    node, agent = w.nodes[who], [w.agents[who].process.pid]
    servers = [int(target[4:]) for target, what in w.targets().items() if what == server]

    def seen(pids):
        """Where the key is in them: the flags of the pages."""
        return [h.flags for h in scan(w.needles, [f"pid:{pid}" for pid in pids])[0] if h.name == key]
    assert servers and not seen(agent) and not seen(servers)
    with contextlib.ExitStack() as later:
        with stopped(servers):
            asked = later.enter_context(subprocess.Popen([AGENT, "-c", node.dir / "muster-agent.conf", "check"], stdout=subprocess.DEVNULL))
            until("the node has begun", lambda: seen(agent))
            later.enter_context(stopped(agent))
            is_locked(seen(agent))
        is_locked(until("the server has the key", lambda: seen(servers)))
    assert asked.returncode == 0
    until("it is forgotten", lambda: not seen(agent) and not seen(servers))


class Silent:
    """A way to a port that lets a client's first words through, and nothing after them."""

    def __init__(self, port):
        self.to, self.socket = port, socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        def pass_on():
            with self.socket.accept()[0] as client, socket.create_connection(("127.0.0.1", self.to)) as server:
                server.sendall(client.recv(65536))
                while client.recv(65536):
                    pass
        self.thread = threading.Thread(target=pass_on)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.thread.join(RUN_SECONDS)
        self.socket.close()


def in_a_handshake_of_the_guest(w, server, key):
    """With TLS 1.3 the server has it until the client has proven that it has it, too: here that proof does not come."""
    inst, found = w.inst, {t: who for t, who in w.targets().items() if who == server}

    def seen():
        return [h.flags for h in scan(w.needles, found)[0] if h.name == key]
    with Silent(inst.mef_port) as way, subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{way.port}", "-servername", inst.mef, "-psk_identity", w.guest.btid, "-psk", w.keys.keys[key].hex(), "-tls1_3"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        try:
            is_locked(until("the server has the key", seen, 15, inst.log_text))
        finally:
            client.kill()
    until("it is forgotten", lambda: not seen())


def is_found_when_planted(w, who, *names):
    """Sixteen octets of a key on the stack of a process that somebody has taken over."""
    pid = w.pid_of(who)
    with Taken(pid) as t:
        for name in names:
            assert t.call("write", -1, w.keys.keys[name][8:24], 16) < 0
            assert name in {h.name for h in scan(w.needles, [f"pid:{pid}"])[0]}
