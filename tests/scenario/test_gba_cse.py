"""Story: a node with nothing but a SIM gets a key with a CSE and none with a MAF (TS-0003 8.3.2.3 with a CSE as Enrolment Target): Kpsa is the
NAF key for the CSE's public domain name, KpsaId the B-TID. muster-naf is the NAF before a CSE that speaks no GBA. Node, BSF and HSS are ours
in the first half; in the second node and BSF are strangers.
"""
import contextlib
import errno
import json
import os
import pathlib
import re
import resource
import select
import socket
import struct
import threading
import time

import pytest

import sweeping
from coaps import NAMED
from fake_bsf import DOMAIN, FakeBsf, Subscriber
from fig1 import PLMN, Gate, SimNode, settle
from given import give
from test_saef import Process, cse_answer, is_ae_create
from support import AGENT, BUILD, MUSTER, RUN_SECONDS, Installation, Running, run, until

NAF = str(BUILD / "src/naf/muster-naf")
UA_AE, UA_13 = "01000100AE", "0100000007"
AE = ("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256")
NAF_SUITES = {"AE": (UA_AE, AE), "A8": ("01000100A8", ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256")),
              "C037": ("010001C037", ("-tls1_2", "-cipher", "ECDHE-PSK-AES128-CBC-SHA256")), "13": (UA_13, ("-tls1_3",))}
NUMBERS = iter(range(1, 10000))


def proxy_header(octets):
    """As HAProxy's text has it: version 2, command PROXY, TCP over IPv4, and the TLS extension. (what it says, the rest), or None: not all is there."""
    if len(octets) < 16 or len(octets) < 16 + struct.unpack("!H", octets[14:16])[0]:
        return None
    end = 16 + struct.unpack("!H", octets[14:16])[0]
    assert octets[:13] == b"\r\n\r\n\0\r\nQUIT\n\x21" and octets[13] == 0x11, octets
    said, at = {"from": socket.inet_ntoa(octets[16:20]), "port": struct.unpack("!H", octets[26:28])[0]}, 28
    kind, n = struct.unpack("!BH", octets[at:at + 3])
    assert kind == 0x20 and at + 3 + n == end and octets[at + 3:at + 8] == b"\3\0\0\0\0", octets
    at += 8
    while at < end:
        kind, n = struct.unpack("!BH", octets[at:at + 3])
        said[{0x21: "version", 0x22: "cn", 0x23: "cipher"}[kind]] = octets[at + 3:at + 3 + n].decode()
        at += 3 + n
    return said, octets[end:]


class Cse:
    """A CSE behind its NAF: clear octets, each connection after a PROXY header. `answer`: of what came so far, or None."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.came, self.answer = self.socket.getsockname()[1], [], None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.socket.accept()
                threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        with contextlib.suppress(OSError), peer:
            octets, entry = b"", None
            while piece := peer.recv(65536):
                octets += piece
                if entry is None and (said := proxy_header(octets)):
                    entry, octets = {"who": said[0]["cn"], **said[0]}, said[1]
                    self.came.append(entry)
                if entry is not None:
                    entry["said"] = octets
                    reply = self.answer(octets) if self.answer else octets     # an echo, unless it is told to be something else
                    if reply:
                        peer.sendall(reply)
                        octets = b""

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Naf(Process):
    """`muster-naf` before that CSE."""

    def __init__(self, name, cse, bsf, domain, certificate, anchors, *more, port=0, wrap=()):
        super().__init__(*wrap, NAF, "--json", "--name", name, "--listen", f"127.0.0.1:{port}", "--to", f"127.0.0.1:{cse.port}", "--bsf", bsf, "--domain", domain,
                         "--certificate", f"{certificate}.pem", "--key", f"{certificate}.key", "--anchors", anchors, "--proxy", *more)
        self.port, self.seen = int(self.event("listening")["port"]), 0

    def event(self, what, **members):
        """The next of its events of that kind with such texts in its members, behind the one that was waited for last."""
        def look():
            for at, line in enumerate(self.err.decode(errors="replace").splitlines()[getattr(self, "seen", 0):]):
                e = json.loads(line) if line.startswith("{") else {"event": ""}       # sanitizers speak there, too
                if e["event"] == what and all(text in e.get(k, "") for k, text in members.items()):
                    self.seen = getattr(self, "seen", 0) + at + 1
                    return e
            return None
        def whole():
            return self.err.endswith(b"\n") and look()
        return until(f"{what} {members} of muster-naf", whole, RUN_SECONDS, self.what_was)


def certificate(where, name):
    """Of a CA of its own, as the operator of the CSE makes one for the BSF: WHERE/cse.pem, .key and the CA's ca.pem."""
    where.mkdir()
    run(MUSTER, "cert", "ca", "ca", cwd=where)
    run(MUSTER, "cert", "issue", "--ca", "ca", "--fqdn", name, "--out", where / "cse", cwd=where)
    return where / "cse"


class CseNode(SimNode):
    """It knows the BSF and nothing else; where the CSE is, is the network's business."""

    def __init__(self, w, **more):
        self.w = w
        super().__init__(w.inst, subscription="sub-cse", number=1000 + next(NUMBERS), **more)

    def configure(self, more=""):
        super().configure(more)
        path = self.dir / "muster-agent.conf"
        path.write_text(path.read_text().replace("connect_to = (\n", f'connect_to = (\n  {{ name = "{self.w.name}:7443"; address = "127.0.0.1:{self.w.naf.port}"; }},\n'))

    def has_kpsa(self):
        shown = self.status()
        c = shown["credential"]
        assert shown["state"] == "enrolled" and not shown["pending"] and c["method"] == "gba" and c["confirmed"] and c["SUID"] == 22, shown
        assert (c["registrarCSEID"], c["registrarPoA"], c["maf"], c["mafFQDN"], c["cseID"]) == (self.w.cse_id, [self.w.uri], "", "", self.cse_id), c
        assert c["keyID"] in [s["btid"] for s in self.sessions()]
        assert not self.at_the_maf(), "no MAF has a part in it"
        return c


class World:
    pass


@pytest.fixture(scope="module", name="w")
def the_world(tmp_path_factory):
    w = World()
    w.inst = inst = Installation(tmp_path_factory.mktemp("cse") / "inst", gba=PLMN)
    w.cse_id, w.name = f"//{inst.sp}/IN-CSE", f"in-cse.{inst.sp}"
    w.uri = f"https://{w.name}:7443"
    own = certificate(inst.dir / "cse", w.name)
    settle(inst, [(r'(?s)(?<="tls/zn.key";\n)  client_anchors = \["keeper/ca.pem"\]', '  client_anchors = ["keeper/ca.pem", "cse/ca.pem"]')])
    inst.start()
    inst.muster("subscription", "add", "sub-cse", "--sp", inst.sp, "--maf", inst.maf, "--until", "+365d", "--registrar", w.cse_id, "--poa", w.uri)
    inst.muster("rule", "add", "to-the-cse", "--imsi-prefix", PLMN, "--mef-uri", f"http://{inst.bsf}", "--method", "gba", "--sp", inst.sp,
                "--cse", w.cse_id)
    w.zn = Gate(inst.zn_port)
    w.cse = Cse()
    w.start = lambda port=0: Naf(w.name, w.cse, f"https://zn.{inst.sp}:{inst.zn_port}", inst.bsf, own, inst.dir / "keeper/ca.pem",
                                 "--crls", inst.dir / "crls/ca.crl", "--dial", f"127.0.0.1:{w.zn.port}", port=port)
    with w.start() as w.naf:
        yield w
        w.naf.process.terminate()
        w.naf.end()
    w.cse.close()
    assert inst.stop() == 0, inst.log_text()
    w.zn.close()


def test_a_sim_opens_the_cse(w):
    """Instruction of the owner's rule, Ub, Kpsa, and what uses it: check, connect, register-ae. Nobody asks the MAF."""
    node = CseNode(w)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + w.inst.log_text() + w.naf.what_was()
    c = node.has_kpsa()
    assert [s["arrow"] for s in node.status()["steps"]] == ["bsf.bootstrap", "node.save", "cse.open", "node.save", "node.promote"]
    assert re.search(rf"key with +the registrar alone \(Kpsa\), at {w.uri}", node.agent("status").stdout)
    opened = w.naf.event("open", enrolee=node.cse_id)
    assert (opened["btid"], opened["suite"], opened["version"]) == (c["keyID"], "PSK-AES128-CBC-SHA256", "TLSv1.2"), opened
    given = [e for e in w.inst.events() if e["what"] == "zn.key-given" and w.name in e["why"]]
    assert given and node.impi in given[-1]["why"], given
    check = node.agent("check", "--json")
    assert check.returncode == 0 and json.loads(check.stdout)["words"].startswith("the CSE and this node"), check.stdout
    # octets of an application, both ways, and the CSE knows whose they are
    with Process(AGENT, "-c", node.dir / "muster-agent.conf", "connect", "--json", f"127.0.0.1:{w.naf.port}") as caller:
        caller.write(b"x" * 300000 + b"end").wait_out(b"xend").write(b"", close=True)
        caller.end()
        assert len(caller.out) == 300003
        said = json.loads(caller.err.splitlines()[0])
        assert (said["peer"], said["identity"]) == (w.cse_id, c["keyID"]), said
    assert w.cse.came[-1] == {**w.cse.came[-1], "who": node.cse_id, "from": "127.0.0.1", "port": w.naf.port, "version": "TLSv1.2",
                              "cipher": "PSK-AES128-CBC-SHA256"}, w.cse.came[-1]
    # an AE of the node registers there: all that is said is its App-ID
    heard = []

    def cse(octets):
        head, _, content = octets.partition(b"\r\n\r\n")
        if not content.endswith(b"}}"):
            return None
        lines = head.decode().split("\r\n")
        heard.append(({"": lines[0], **dict(line.split(": ", 1) for line in lines[1:])}, json.loads(content)))
        return cse_answer(heard[0][0])
    w.cse.answer = cse
    try:
        done = node.agent("register-ae", "--app-id", "NAPP01")
        assert done.returncode == 0 and done.stdout.startswith("CieGnADevma  registered at "), done.stderr
        is_ae_create(*heard[0], "/~/IN-CSE")
        assert heard[0][0]["Host"] == w.name + ":7443" and w.cse.came[-1]["who"] == node.cse_id
    finally:
        w.cse.answer = None


def test_what_the_one_key_is_not_for(w):
    node = CseNode(w)
    assert node.run_once().returncode == 0
    node.has_kpsa()
    conf = ("-c", node.dir / "muster-agent.conf")
    done = run(AGENT, *conf, "connect", "--json", "--peer", f"//{w.inst.sp}/OTHER", f"127.0.0.1:{w.naf.port}", check=False)
    assert done.returncode == 1 and json.loads(done.stderr)["outcome"] == "no-credential" and w.cse_id in done.stderr, done.stderr
    for words in (("key", "list"), ("key", "register", "--target", w.cse_id), ("register", "show")):
        done = run(AGENT, *conf, *words, "--json", check=False)
        assert done.returncode == (0 if words[1] == "list" else 1), (words, done.stdout, done.stderr)
    # the CSE calls the node: whoever has the key is that CSE
    with Process(AGENT, *conf, "accept", "--json", "--from", w.cse_id, "127.0.0.1:0") as called:
        port = int(re.search(r'"127.0.0.1:(\d+)"', called.wait_err(r"listening.*\n").string).group(1))
        with Process(AGENT, *conf, "connect", "--json", f"127.0.0.1:{port}") as caller:
            caller.write(b"hello", close=True)
            called.wait_out(b"hello").write(b"", close=True)
            caller.end()
        called.end()
        opened = next(json.loads(line) for line in called.err.splitlines() if b'"open"' in line)
        assert opened["peer"] == w.cse_id and opened["suite"] == "PSK-AES128-CBC-SHA256", opened
    with Process(AGENT, *conf, "accept", "--json", "--from", node.cse_id, "127.0.0.1:0") as called:
        port = int(re.search(r'"127.0.0.1:(\d+)"', called.wait_err(r"listening.*\n").string).group(1))
        with Process(AGENT, *conf, "connect", "--json", f"127.0.0.1:{port}") as caller:
            caller.end(1)
        assert "peer-not-wanted" in called.wait_err(r"refused.*\n").string
        called.process.terminate()


@pytest.mark.parametrize("point", ["naf-keyed", "pending-saved", "confirmed", "proof-saved", "promoted"])
def test_the_power_goes(w, point):
    """Wherever it goes, the node comes out with one key that works; the second half of the way needs no second bootstrap."""
    node = CseNode(w)
    node.configure(f'crash_at = "{point}";\n')
    assert node.run_once().returncode != 0
    before = [s["btid"] for s in node.sessions()]
    node.configure()
    assert node.run_once().returncode == 0
    c = node.has_kpsa()
    assert len(before) == 1 and (point == "naf-keyed" or c["keyID"] == before[0]), (before, c)
    assert node.agent("check").returncode == 0


def test_the_bsf_forgets_and_is_away(w):
    """A key that the BSF takes back opens nothing any more, and the node bootstraps again by itself; a BSF that is away is no verdict."""
    node = CseNode(w)
    node.configure('check_every = "1s";\n')
    assert node.run_once().returncode == 0
    old = node.has_kpsa()["keyID"]
    w.zn.shut()
    try:
        check = node.agent("check", "--json")
        assert check.returncode == 1 and json.loads(check.stdout)["result"] == "unclear", check.stdout
        w.naf.event("refused", btid=old, why="the BSF")
    finally:
        w.zn.open = True
    assert node.agent("check").returncode == 0, "it is there again, and so is the key"
    w.inst.muster("gba", "flush", node.impi)
    assert json.loads(node.agent("check", "--json").stdout)["result"] == "refused"
    with Process(AGENT, "-c", node.dir / "muster-agent.conf", "connect", "--json", f"127.0.0.1:{w.naf.port}") as caller:
        caller.end(1)
        assert json.loads(caller.err.splitlines()[-1])["outcome"] == "not-authenticated" and b"bootstraps again" in caller.err, caller.what_was()
    with Running(node) as agent:
        agent.wait_log("re-bootstrapping")
        agent.wait_log("enrolled key")
    assert node.has_kpsa()["keyID"] != old and node.agent("check").returncode == 0


def test_instructions_that_lead_to_no_cse(w):
    node = CseNode(w)
    one = {"kind": "bootstrap", "method": "gba", "uri": f"http://{w.inst.bsf}", "target": w.cse_id, "SUID": 22, "adminFQDN": w.inst.sp}
    for change, words in (({"target": f"//{w.inst.sp}/IN_CSE"}, "letters, digits and hyphens"), ({"SUID": 23}, "SUID 22"),
                          ({"method": "cert", "uri": f"https://{w.inst.mef}"}, "cannot do this method"), ({"uri": f"https://{w.inst.mef}"}, "gba.bsf")):
        node.instruct({**one, **change})
        assert node.run_once().returncode == 1
        last = node.status()["reports"][-1]
        assert last["reason"] == "unsupported" and words in last["detail"], last
    assert not node.sessions(), "nobody was asked"
    done = w.inst.muster("rule", "add", "no-way", "--mef-uri", f"http://{w.inst.bsf}", "--method", "cert", "--cse", w.cse_id, check=False)
    assert done.returncode == 2 and "--method gba" in done.stderr
    # the BSF's operator says another registrar than the instruction does
    node.instruct({**one, "target": f"//{w.inst.sp}/OTHER"})
    assert node.run_once().returncode == 1
    assert "registrarCSEID" in node.status()["reports"][-1]["detail"], node.status()["reports"]


# --- muster-naf by itself: node and BSF are strangers ---

@pytest.fixture(scope="module", name="s")
def the_strangers(tmp_path_factory):
    s, where = World(), tmp_path_factory.mktemp("naf")
    s.name, s.own = "in-cse.sp.example", certificate(where / "cse", "in-cse.sp.example")
    s.bsf = FakeBsf(where / "operator", where / "cse/ca.pem")
    s.cse, s.where = Cse(), where
    with another_naf(s) as s.naf:
        yield s
        s.naf.process.terminate()
        s.naf.end()
    s.cse.close()
    s.bsf.close()


def another_naf(s, *more, **how):
    return Naf(s.name, s.cse, f"https://{s.bsf.name}:{s.bsf.port}", DOMAIN, s.own, s.bsf.anchor, "--dial", f"127.0.0.1:{s.bsf.port}", *more, **how)


def s_client(s, identity, key, *how, naf=None):
    return Process("openssl", "s_client", "-connect", f"127.0.0.1:{(naf or s.naf).port}", "-psk_identity", identity, "-psk", key, "-quiet", *how)


def node_of(s, naf, uid, *how):
    """A node with a key for it, of that other one."""
    x = s.bsf.add(Subscriber(uid))
    return s_client(s, x.btid, x.key(s.name, UA_AE), *AE, *how, naf=naf)


def comes_in(s, identity, key, how, who, naf=None):
    with s_client(s, identity, key, *how, naf=naf) as node:
        node.write(b"ping\n").wait_out(b"ping\n")
    assert s.cse.came[-1]["who"] == who, s.cse.came[-1]


@pytest.mark.parametrize("form", ["{}", "3GPP-bootstrapping;{}", "3GPP-bootstrapping.{}", "3GPP-bootstrapping{}"])
def test_openssl_comes_with_its_sim(s, form):
    x = s.bsf.add(Subscriber("//sp.example/AE1" if "." in form else "//sp.example/CSE1"))
    comes_in(s, form.format(x.btid), x.key(s.name, UA_AE), AE, x.uid)
    assert [q["nafId"] for naf, q in s.bsf.asked if q["btId"] == x.btid] == [{"nafFqdn": s.name, "uaSecProtId": UA_AE}]


def test_each_suite_has_its_key(s):
    x = s.bsf.add(Subscriber("//sp.example/CSE2"))
    for ua, how in NAF_SUITES.values():
        comes_in(s, x.btid, x.key(s.name, ua), how, x.uid)
        assert s.cse.came[-1]["version"] == "TLSv1.3" if ua == UA_13 else s.cse.came[-1]["cipher"] == how[-1]
    s_client(s, x.btid, x.key(s.name, UA_AE), "-tls1_3").end(1)
    assert s.naf.event("refused", btid=x.btid)["why"].startswith("B-TID known, key wrong")


@pytest.mark.parametrize("profile, suites", [("onem2m", ["AE"]), ("modern", ["C037", "13"])])
def test_a_profile_is_for_nodes(s, profile, suites):
    """The suites that muster-agent(1) says of each, and no other; of "both" above. The BSF, which wants an AEAD, is asked whatever it is."""
    x = s.bsf.add(Subscriber("//sp.example/CSE6"))
    with another_naf(s, "--profile", profile) as naf:
        for suite, (ua, how) in NAF_SUITES.items():
            if suite in suites:
                comes_in(s, x.btid, x.key(s.name, ua), how, x.uid, naf=naf)
            else:
                s_client(s, x.btid, x.key(s.name, ua), *how, naf=naf).end(1)
                assert "no common TLS version or cipher suite" in naf.event("refused")["why"]


def refused(s, x, why, identity=None, key=None):
    before = len(s.cse.came)
    s_client(s, identity or x.btid, key or x.key(s.name, UA_AE), *AE).end(1)
    assert why in s.naf.event("refused")["why"], s.naf.what_was()
    assert len(s.cse.came) == before, "the CSE hears nothing of it"


def test_who_is_not_let_in(s):
    def new(**more):
        return s.bsf.add(Subscriber(more.pop("uid", "//sp.example/CSE3"), **more))
    gone = new()
    del s.bsf.subscribers[gone.btid]
    refused(s, gone, "the BSF answers 404")
    # a flood of one B-TID is not passed on; on a slow machine that moment may be over
    def again():
        asked = len(s.bsf.asked)
        s_client(s, gone.btid, gone.key(s.name, UA_AE), *AE).end(1)
        return "refused a moment ago" in s.naf.event("refused", btid=gone.btid)["why"] and len(s.bsf.asked) == asked
    until("it is refused without a question", again, RUN_SECONDS, s.naf.what_was)
    refused(s, new(), "no BSF that is named here", identity="3GPP-bootstrapping;a@elsewhere.example")
    refused(s, new(), "stay in the card", identity="3GPP-bootstrapping-uicc;" + new().btid)
    refused(s, new(), "no B-TID", identity="somebody")
    refused(s, new(uid=None), "told no USS")
    refused(s, new(), "B-TID known, key wrong", key="00" * 32)
    for answer, why in (((403, {"title": "no", "status": 403, "cause": "NAF_NOT_ALLOWED"}), "403 NAF_NOT_ALLOWED: no"),
                        ((200, {"impi": "x"}), "malformed"), ((503, {"title": "later", "status": 503}), "503: later")):
        s.bsf.answer = answer
        try:
            refused(s, new(), why)
        finally:
            s.bsf.answer = None
    # an expired key that the BSF still gives; and one who cannot prove to be the BSF
    old = new()
    s.bsf.answer = (200, {"meKeyMaterial": old.key(s.name, UA_AE), "gbaType": "3G_GBA", "ussList": old.uss, "keyExpiryTime": "2020-01-01T00:00:00Z"})
    try:
        refused(s, old, "the key has ended")
    finally:
        s.bsf.answer = None
    s.bsf.shown = s.bsf.impostor
    try:
        refused(s, new(), "cannot be asked: ")
    finally:
        s.bsf.shown = s.bsf.context
    x = new()
    comes_in(s, x.btid, x.key(s.name, UA_AE), AE, x.uid)


def test_the_bsf_is_asked_only_under_a_current_list(s):
    """--crls: with a list of somebody else's, or that names the BSF, it is not; nor any more when the list has ended, which is told."""
    run(MUSTER, "cert", "crl", "--ca", "ca", "--out", "other.crl", cwd=s.where / "cse")
    for crls, why in ((s.where / "cse/other.crl", "revocation list missing or out of date"), (s.bsf.list(s.bsf.name), "certificate revoked")):
        with another_naf(s, "--crls", crls) as naf:
            node_of(s, naf, "//sp.example/CSE7").end(1)
            assert why in naf.event("refused", btid="@")["why"], naf.what_was()
    for seconds in (4, 20, 60):      # on a slow machine it has ended before the node is in
        with another_naf(s, "--crls", s.bsf.list(seconds=seconds)) as naf:
            assert naf.event("list")["state"] == "ends soon"
            with node_of(s, naf, "//sp.example/CSE8") as node:
                node.write(b"ping\n")
                until("it is in, or not", lambda: b"ping\n" in node.out or node.process.poll() is not None, RUN_SECONDS, node.what_was)
                if b"ping\n" in node.out:
                    assert "start muster-naf anew" in naf.event("list", state="ended")["remedy"]
                    node_of(s, naf, "//sp.example/CSE9").end(1)      # the session that was open is none any more
                    assert "out of date" in naf.event("refused")["why"]
                    return
    raise AssertionError("never as quick as that")


def test_a_connection_ends_with_its_key(s):
    for life in (3, 12, 40):         # on a slow machine the first key has ended before the handshake has
        x = s.bsf.add(Subscriber("//sp.example/CSE4", life=life))
        with s_client(s, x.btid, x.key(s.name, UA_AE), *AE) as node:
            node.write(b"ping\n")
            until("it is in, or refused", lambda: b"ping\n" in node.out or node.process.poll() is not None, RUN_SECONDS, node.what_was)
            if b"ping\n" in node.out:
                assert s.naf.event("closed", enrolee=x.uid)["how"] == "key ended"
                node.end(None)
                return
    raise AssertionError(s.naf.what_was())


def test_descriptors_run_out(s):
    """It waits, without spinning, and whoever waited with it comes in afterwards."""
    x = s.bsf.add(Subscriber("//sp.example/CSE9"))
    pid, before = s.naf.process.pid, resource.prlimit(s.naf.process.pid, resource.RLIMIT_NOFILE)
    assert before[0] >= min(before[1], 2 * 1024)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + 2, before[1]))
    begun = time.monotonic()
    crowd = [socket.create_connection(("127.0.0.1", s.naf.port)) for _ in range(20)]
    try:
        assert s.naf.event("busy")["why"] == os.strerror(errno.EMFILE)
        s.naf.event("busy")                                    # a second later
        assert s.naf.err.count(b'"busy"') <= 3 + time.monotonic() - begun
    finally:
        for c in crowd:
            c.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    comes_in(s, x.btid, x.key(s.name, UA_AE), AE, x.uid)


def test_a_cse_behind_a_local_socket(s, tmp_path):
    """Also one that is not there: the node is in, hears nothing, and the operator is told. Where the BSF is, a hosts file knows."""
    uid, where, hosts = "//sp.example/CSE5", tmp_path / "cse.sock", tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {s.bsf.name}\n")
    with another_naf(s, "--dial", f"{s.bsf.name}:{s.bsf.port}", "--to", f"unix:{where}", wrap=("unshare", "-m", "sh", "-c", NAMED, hosts)) as naf:
        with node_of(s, naf, uid) as alone:
            assert naf.event("closed", enrolee=uid)["how"] == "the CSE is not there"
            alone.end(None)
        with contextlib.ExitStack() as end:
            cse = end.enter_context(socket.socket(socket.AF_UNIX))
            cse.bind(str(where))
            cse.listen()
            caller = end.enter_context(node_of(s, naf, uid))
            caller.write(b"ping\n")
            cse.settimeout(RUN_SECONDS)
            peer = cse.accept()[0]
            with peer:
                octets = b""
                while not octets.endswith(b"ping\n"):
                    octets += peer.recv(4096)
                assert octets.startswith(b"\r\n\r\n\0\r\nQUIT\n\x21") and uid.encode() in octets, octets
                peer.sendall(b"pong\n")
                caller.wait_out(b"pong\n")
        naf.process.terminate()
        naf.end()


def is_answered(s, naf, uid):
    with node_of(s, naf, uid) as node:
        with contextlib.suppress(BrokenPipeError):
            node.write(b"ping\n")
        until("an answer, or the end", lambda: node.out or node.process.poll() is not None, RUN_SECONDS, naf.what_was)
        return bytes(node.out) == b"ping\n"


def test_no_memory_for_a_moment(s, tmp_path):
    """Whichever allocation fails while the first node comes in, the next one does: here, or at the process that begins when this one has said so and ended."""
    page, step = sweeping.Page(tmp_path, "muster-naf"), int(os.environ.get("MST_SWEEP", 0)) or 100

    def first_node(at):
        """Of a process that has just begun, without the at-th allocation: how many there were, and what came of it."""
        with another_naf(s, wrap=("env", f"LD_PRELOAD={sweeping.PRELOAD}", f"MST_FAULT_DIR={tmp_path}")) as naf:
            page.arm(at and sweeping.MEMORY, at)
            first = is_answered(s, naf, "//sp.example/FIRST")
            page.disarm()
            if naf.process.poll() is None and is_answered(s, naf, "//sp.example/NEXT"):
                return page.counts().get(sweeping.MEMORY, 0), "went on" if first else "refused one"
            naf.end(3)
            assert "no memory" in naf.event("fault")["why"], naf.what_was()
            return page.counts()[sweeping.MEMORY], "ended"

    n, how = first_node(0)
    # a sanitized program has an allocator of its own, which is not ours to fail: there it is two nodes, and no more
    assert how == "went on" and bool(n) != ("MST_SANITIZED" in os.environ), (how, n)
    came_of_it = [first_node(at)[1] for at in range(1 + step // 2, n, step)]
    assert "ended" in came_of_it or not n, came_of_it


def test_no_address_takes_all_places(s):
    """Who has said nothing gives way to who comes later from there; who has a key does not."""
    with another_naf(s, "--per-address", "2") as naf, contextlib.ExitStack() as end:
        silent = [end.enter_context(socket.create_connection(("127.0.0.1", naf.port), RUN_SECONDS)) for _ in range(3)]
        assert silent[0].recv(1) == b"", "the oldest"
        assert naf.event("busy", why="gave way")["address"] == f"127.0.0.1:{silent[0].getsockname()[1]}"
        inside = [end.enter_context(node_of(s, naf, f"//sp.example/IN{i}")) for i in range(2)]
        for node in inside:
            node.write(b"ping\n").wait_out(b"ping\n")
        node_of(s, naf, "//sp.example/OUT").end(None)
        assert naf.event("busy", why="--per-address")["address"].startswith("127.0.0.1:")
        inside.append(end.enter_context(node_of(s, naf, "//sp.example/ELSE", "-bind", "127.0.0.2:0")))
        for node in inside:
            node.write(b"still\n").wait_out(b"still\n")
        assert not any(e["who"] == "//sp.example/OUT" for e in s.cse.came)


def test_who_has_most_gives_way(s):
    """All places are taken by handshakes: somebody of the address that has most goes, not the one that has been silent longest."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with another_naf(s, "--per-address", "1024") as naf, contextlib.ExitStack() as end:
        def one(address):
            return end.enter_context(socket.create_connection(("127.0.0.1", naf.port), RUN_SECONDS, source_address=(address, 0)))

        def ended(*among):
            poll, by_fd = select.poll(), {each.fileno(): each for each in among}
            for fd in by_fd:
                poll.register(fd, select.POLLIN)
            return [by_fd[fd] for fd, _ in poll.poll(1000 * RUN_SECONDS) if by_fd[fd].recv(1) == b""]
        slow = one("127.0.0.1")
        crowd = [one("127.0.0.2") for _ in range(1024)]
        assert ended(slow, crowd[0]) == [crowd[0]]
        # and the place is handed on, to whoever has fewer
        assert ended(slow, one("127.0.0.3"), crowd[1]) == [crowd[1]]


def connected(address, port):
    """Is somebody of that address connected to that port?"""
    here = socket.inet_aton(address)[::-1].hex().upper()
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(r[1].startswith(here) and r[2].endswith(f":{port:04X}") and r[3] == "01" for r in rows)


def test_no_address_takes_all_questions(s):
    """The BSF answers one question after the other: nodes of one address do not keep those of another one waiting."""
    one_more, decide = threading.Semaphore(0), s.bsf._decide
    s.bsf._decide = lambda *question: one_more.acquire(timeout=RUN_SECONDS) and decide(*question)
    with another_naf(s) as naf, contextlib.ExitStack() as end:
        try:
            for i in range(17):
                end.enter_context(node_of(s, naf, f"//sp.example/MANY{i}"))
            assert naf.event("refused", why="of its address wait for the BSF")["address"].startswith("127.0.0.1:")
            x = s.bsf.add(Subscriber("//sp.example/ONE"))
            other = end.enter_context(s_client(s, x.btid, x.key(s.name, UA_AE), *AE, "-bind", "127.0.0.2:0", naf=naf))
            before = len(s.bsf.asked)
            until("it is there", lambda: connected("127.0.0.2", naf.port), RUN_SECONDS, naf.what_was)
            while x.btid not in [q["btId"] for _, q in s.bsf.asked]:
                n = len(s.bsf.asked)
                assert n - before < 8, naf.what_was()       # the seventeenth, if who came first were first
                one_more.release()
                until("another question", lambda n=n: len(s.bsf.asked) > n, RUN_SECONDS, naf.what_was)
        finally:
            s.bsf._decide = decide
            one_more.release(100)
        other.write(b"ping\n").wait_out(b"ping\n")
        crowded = [json.loads(line) for line in naf.err.splitlines() if b"of its address" in line]
        assert all(e["address"].startswith("127.0.0.1:") for e in crowded), crowded


def talks(node, until_then):
    """Says something again and again, until then or until it is cut off: was it not, and its longest silence."""
    longest, last, n = 0.0, time.monotonic(), 0
    while not until_then() and node.process.poll() is None:
        n += 1
        with contextlib.suppress(BrokenPipeError):
            node.write(b"%d.\n" % n)
        until("an echo, or the end", lambda: b"\n%d.\n" % n in b"\n" + node.out or node.process.poll() is not None, RUN_SECONDS, node.what_was)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return node.process.poll() is None, longest


def test_who_is_silent_is_ended(s):
    """With a key or before it; who talks meanwhile stays. On a slow machine that needs more than a second."""
    for idle in (1, 6, 36):
        with another_naf(s, "--idle", str(idle)) as naf, node_of(s, naf, "//sp.example/TALKS") as talker, \
                socket.create_connection(("127.0.0.1", naf.port), RUN_SECONDS) as nobody, node_of(s, naf, "//sp.example/SILENT") as silent:
            stayed, longest = talks(talker, lambda: silent.process.poll() is not None)
            if stayed and b"SILENT" in naf.err:
                assert naf.event("closed", enrolee="//sp.example/SILENT")["how"] == "idle"
                assert nobody.recv(1) == b""
                until("that is told", lambda: b"handshake not finished in time" in naf.err, RUN_SECONDS, naf.what_was)
                return
            assert longest > idle / 2 or b"SILENT" not in naf.err, naf.what_was()
    raise AssertionError("never as quick as that")


def test_settings_that_cannot_be(s, tmp_path):
    good = {"--name": s.name, "--listen": "127.0.0.1:0", "--to": "127.0.0.1:1", "--bsf": "https://zn.example.com", "--domain": DOMAIN,
            "--certificate": f"{s.own}.pem", "--key": f"{s.own}.key", "--anchors": s.bsf.anchor}
    (tmp_path / "open.key").write_bytes((s.own.parent / "cse.key").read_bytes())
    (tmp_path / "open.key").chmod(0o644)
    (tmp_path / "empty").write_text("")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "strange.key").write_bytes((s.own.parent / "cse.key").read_bytes())
    (tmp_path / "strange.key").chmod(0o600)
    os.chown(tmp_path / "strange.key", 54321, -1)
    (tmp_path / "lent.key").write_bytes((s.own.parent / "cse.key").read_bytes())
    give(tmp_path / "lent.key", 54321)
    for change, code, words in (({"--name": "10.0.0.1"}, 2, "public domain name"), ({"--bsf": "http://zn.example.com"}, 2, "https://FQDN"),
                                ({"--domain": "a b"}, 2, "expected an FQDN"), ({"--profile": "old"}, 2, "one of onem2m, modern, both"),
                                ({"--to": None}, 2, "usage:"), ({"--dial": "zn"}, 2, "HOST:PORT"),
                                ({"--idle": "0"}, 2, "expected seconds, 1 to 604800"), ({"--per-address": "1025"}, 2, "expected connections, 1 to 1024"),
                                ({"--to": "localhost:80"}, 2, "numeric"), ({"--to": "127.0.0.1"}, 2, "numeric"), ({"--to": "unix:"}, 2, "unix:PATH"),
                                ({"--key": tmp_path / "open.key"}, 1, "chmod 600"), ({"--key": tmp_path / "lent.key"}, 1, "chmod 600"),
                                ({"--key": tmp_path / "strange.key"}, 1, "belongs to neither root nor"), ({"--key": tmp_path / "pipe"}, 1, "regular file"),
                                ({"--key": tmp_path / "none"}, 1, "cannot be read"), ({"--anchors": tmp_path / "empty"}, 1, "holds none"),
                                ({"--crls": tmp_path / "none"}, 1, "cannot be read"), ({"--crls": s.bsf.anchor}, 1, "X509 CRL"),
                                ({"--certificate": s.bsf.anchor}, 1, "--certificate"), ({"--listen": "nowhere"}, 3, "--listen")):
        words_ = [w for k, v in {**good, **change}.items() if v is not None for w in (k, v)]
        done = run(NAF, *words_, check=False)
        assert done.returncode == code and words in done.stderr, (change, done.returncode, done.stderr)
    # as a service manager gives it: root's, and in a list this user's, too
    give(tmp_path / "lent.key", os.geteuid())
    with another_naf(s, "--key", tmp_path / "lent.key") as naf:
        naf.process.terminate()
        naf.end()
    assert run(NAF, "--version").stdout.startswith("muster-naf ")
