"""Story: a maker prints serial number and secret on a node and gives both to the owner (architecture 7, psk-serial;
TS-0003 8.3.2.1). The node has nothing else: no certificate, no name of its own. Everything happens to it that happens
to a node: a typing mistake, an unknown identity, a wrong key, a subscription that is suspended, a lost answer, a power
cut anywhere; and foreign TLS stacks enrol in its place.
"""
import hashlib
import hmac
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from given import give
from stranger import gnutls
from support import AGENT, MUSTER, MUSTERD, RUN_SECONDS, Installation, passages_of, run, secret_text, until

COUNT = iter(range(1, 100000))
KPM = "5a17" * 16
# those that this way in passes by; without briefings, bundles, pushed triggers and SIMs, which have stories of their own
AGENT_POINTS = [p for p in run(AGENT, "--crash-points").stdout.split() if not p.startswith(("brief", "bundle", "trigger", "bootstrapped", "naf"))]
SERVER_POINTS = run(MUSTERD, "--crash-points").stdout.split()
# what is saved, and when, is as with a certificate (test_power_cut.py); here it is each point, and one that is passed more than once
PASSAGES = (1,) if os.environ.get("MST_SANITIZED") else (1, 3)


def born(inst, secret=None, profile="both", stored=True, subscription="sub-1"):
    """A node with a secret and nothing else. Without one given, the operator has it made."""
    node = inst.node(next(COUNT), subscription=subscription)
    for name in ("node.pem", "node.key"):
        (node.dir / name).unlink()
    node.psk_file = node.dir / "psk"
    if secret:
        node.psk_file.write_text(secret_text(secret))
        node.psk_file.chmod(0o600)
    if stored:
        how = ("--file", node.psk_file) if secret else ("--new", node.psk_file)
        node.identity = json.loads(inst.muster("--json", "node", "secret", node.id, *how).stdout)["identity"]
    else:
        node.identity = f"nobody-{node.dir.name}@{inst.bbn}"
    node.profile = profile
    node.instruct(inst.instruction(method="psk"))
    return plain(node)


def plain(node, add=""):
    node.configure(add=f'psk_identity = "{node.identity}";\npsk_file = "psk";\ntls_profile = "{node.profile}";\n{add}')
    return node


def reports(node):
    return [(r["method"], r["reason"]) for r in node.status()["reports"]]


def one_truth(inst, node):
    shown = node.status()
    theirs = {c["keyID"]: c["state"] for c in inst.ask("node", "show", node.id)["credentials"] if c["role"] == "maf"}
    assert shown["state"] == "enrolled" and not shown["pending"], shown
    assert [k for k, state in theirs.items() if state == "active"] == [shown["credential"]["keyID"]], (shown, theirs)
    assert node.agent("check").returncode == 0


def enrol(node, inst, tries=4):
    for _ in range(tries):
        done = node.run_once()
        if done.returncode == 0:
            return
    raise AssertionError(f"{node.id} is not enrolled after {tries} tries: {done.stderr}{inst.log_text()}")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("psk") / "inst")
    inst.start()
    inst.subscription()
    yield inst
    inst.stop()


# --- the good way ---

@pytest.mark.parametrize("profile", ["onem2m", "modern", "both"])
def test_serial_number_and_secret(installation, profile):
    """From the box to a credential in use; the operator sees every arrow, nobody sees a key."""
    inst = installation
    inst.subscription()
    node = born(inst, profile=profile)
    assert node.psk_file.stat().st_mode & 0o777 == 0o600
    text = node.psk_file.read_text().strip()
    octets = text.split("=")[0].replace("-", "")
    assert len(octets) == 64 and secret_text(octets) == text, "32 octets, in the one encoding"
    node.agent("--check", check=True)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert " warn " not in done.stderr, "lesson 20: nothing is wrong"
    one_truth(inst, node)
    assert inst.ask("node", "show", node.id)["state"] == "enrolled"
    what = [e["what"] for e in inst.events("--attempt", node.status()["attempt"])]
    for arrow in ("mef.register", "mef.command", "mef.config", "mef.key-register", "maf.register", "maf.activated"):
        assert arrow in what, what
    # it stays as it is, and renews by the same way in
    assert node.run_once().returncode == 0
    one_truth(inst, node)
    everything = b"".join(p.read_bytes() for p in (inst.dir / "store").iterdir()) + inst.log.read_bytes() + done.stderr.encode()
    for clear in (bytes.fromhex(octets), octets.encode(), octets.lower().encode(), text.encode()):
        assert clear not in everything


def test_its_mef_is_asked_with_the_secret(shared):
    """Lesson 6: MEF and MAF have lost the node; only the MEF's word, in a session by the secret, sends the node back."""
    node = born(shared, KPM)
    assert node.run_once().returncode == 0
    first = node.status()["credential"]["keyID"]
    shared.stop()
    mine = f"(SELECT id FROM node WHERE node_id = '{node.id}')"
    run("sqlite3", shared.dir / "store/muster.db", f"PRAGMA foreign_keys = ON; DELETE FROM registration WHERE node = {mine}; "
        f"DELETE FROM credential WHERE node = {mine} AND purpose <> 1;")      # all but Kpm
    shared.start()
    with plain(node, 'check_every = "1s";\n').running() as agent:
        agent.wait_log("asked-mef result=lost")
        agent.wait_log(" enrolled key=")
    assert node.status()["credential"]["keyID"] != first
    one_truth(shared, node)


# --- mistakes ---

def test_a_typing_mistake_is_found_where_it_is_made(shared):
    """Lesson 21: at the operator's keyboard and in the node's settings, not in a handshake that fails in silence."""
    node = shared.node(next(COUNT))
    good = secret_text(KPM)
    for bad, words in ((good[:-1] + "0", "check code"), (good.replace("5A17-5A17", "5A17-A517", 1), "check code"),
                       (KPM, "has no check code"), ("correct horse battery staple", "not in hex")):
        done = shared.muster("node", "secret", node.id, "--file", "-", stdin=bad, check=False)
        assert done.returncode == 2 and words in done.stderr and bad not in done.stderr, done.stderr
        # by the interface itself, too
        done = run("curl", "-sS", "--unix-socket", shared.dir / "run/admin.sock", "-H", "Content-Type: application/json", "--data-binary",
                   json.dumps(bad), "-w", "\n%{http_code}", f"http://admin/v1/nodes/{node.id}/secret").stdout
        assert done.splitlines()[-1] == "400" and words in done, done
    assert not [c for c in shared.ask("node", "show", node.id)["credentials"] if c["purpose"] == "Kpm"]
    device = born(shared, KPM)
    device.psk_file.write_text(good[:-1] + "0")
    done = device.agent("--check")
    assert done.returncode == 1 and "check code" in done.stderr, done.stderr
    done = device.run_once()
    assert done.returncode != 0 and "check code" in done.stderr, done.stderr
    device.psk_file.write_text(good)
    assert device.run_once().returncode == 0, "lesson 3: nothing of it stays"
    done = shared.muster("node", "secret", device.id, "--new", device.psk_file, check=False)
    assert done.returncode == 2 and "is there already" in done.stderr and device.psk_file.read_text() == good


@pytest.mark.parametrize("profile", ["onem2m", "modern"])
def test_unknown_and_wrong_look_alike(shared, profile):
    """Lesson 21: to the node both are one; the operator is told which of the two it was."""
    unknown, wrong = born(shared, KPM, profile, stored=False), born(shared, KPM, profile)
    wrong.psk_file.write_text(secret_text("11" * 32))
    said = []
    for node in (unknown, wrong):
        assert node.run_once().returncode == 1
        assert reports(node) == [("psk", "not authenticated")], node.status()["reports"]
        said.append(node.status()["reports"][0]["detail"].replace(node.identity, ""))
        assert "this device's secret" in node.status()["reports"][0]["remedy"], node.status()["reports"]
    assert said[0] == said[1]
    assert "identity unknown" in shared.wait_event("mef.handshake-failed", who=unknown.identity)["why"]
    event = shared.wait_event("mef.handshake-failed", who=wrong.identity)
    assert "identity known, key wrong" in event["why"] and "what to do" in event["why"], event
    wrong.psk_file.write_text(secret_text(KPM))
    assert wrong.run_once().returncode == 0, "the right one, and it goes on"


def test_who_may_not(shared):
    """A subscription that is suspended, a node that is revoked, and what helps."""
    name = shared.subscription("sub-psk")
    node = born(shared, KPM, subscription=name)
    shared.muster("subscription", "suspend", name)
    assert node.run_once().returncode == 1
    assert reports(node) == [("psk", "refused")], node.status()["reports"]
    shared.muster("subscription", "resume", name)
    assert node.run_once().returncode == 0
    one_truth(shared, node)
    shared.muster("node", "revoke", node.id, "--reason", "stolen")
    stolen = born(shared, KPM, stored=False)
    stolen.identity = node.identity
    assert plain(stolen).run_once().returncode == 1
    assert reports(stolen) == [("psk", "not authenticated")]
    assert "its secret is revoked" in shared.wait_event("mef.handshake-failed", who=node.identity)["why"]


@pytest.mark.parametrize("cert, psk", [(True, True), (True, False), (False, True)])
def test_each_method_by_itself(split, cert, psk):
    """Lesson 27: what is switched off does not work, and what is not does, in every combination."""
    inst = split
    inst.configure(replace={"mef = {": "mef = {\n  psk = %s;\n  node_certificates = %s;" % (str(psk).lower(), str(cert).lower())})
    inst.start()
    inst.subscription()
    with_cert, with_psk = inst.node(next(COUNT)), born(inst, KPM)
    assert (with_cert.run_once().returncode == 0) == cert
    assert (with_psk.run_once().returncode == 0) == psk
    # and a node that has both takes what is there
    both = inst.node(next(COUNT))
    both.profile, both.psk_file = "both", both.dir / "psk"
    both.identity = json.loads(inst.muster("--json", "node", "secret", both.id, "--new", both.psk_file).stdout)["identity"]
    both.instruct(inst.instruction(), inst.instruction(method="psk"))
    done = plain(both).run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    one_truth(inst, both)


def test_neither_method(split):
    split.configure(replace={"mef = {": "mef = {\n  psk = false;\n  node_certificates = false;"})
    done = run(MUSTERD, "-c", split.config, "--check", check=False)
    assert done.returncode != 0 and "mef.psk" in done.stderr and "no node could enrol" in done.stderr, done.stderr


# --- foreign enrolees ---

SUITES = {"mandatory": ("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256"), "ecdhe": ("-tls1_2", "-cipher", "ECDHE-PSK-AES128-CBC-SHA256"),
          "tls13": ("-tls1_3",)}
GNUTLS = {"mandatory": "NONE:+VERS-TLS1.2:+AES-128-CBC:+PSK:+SHA256:+SIGN-ALL:+COMP-NULL:+MAC-ALL:+GROUP-ALL",
          "tls13": "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+DHE-PSK:+ECDHE-PSK"}


def primitive(inst, node, body, ty, close=False, base="/MEFBase"):
    data = json.dumps(body)
    return (f"POST {base} HTTP/1.1\r\nHost: {inst.mef if base == '/MEFBase' else inst.maf}\r\nX-M2M-Origin: {node.cse_id[len(inst.sp) + 2:]}\r\n"
            f"X-M2M-RI: 1\r\nX-M2M-RVI: 3\r\nContent-Type: application/json;ty={ty}\r\nContent-Length: {len(data)}\r\n"
            f"{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n{data}")


def registration(inst, kind="mef"):
    return {f"sec:{kind}ClientReg": {"et": "20990101T000000", "adminFQDN": inst.sp}}


def s_client(port, name, identity, key, text, *how):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-psk_identity", identity, "-psk", key,
                           "-keymatexport", "EXPORTER-oneM2M-Bootstrap", "-keymatexportlen", "48", "-ign_eof", *how],
                          input=text, capture_output=True, text=True, timeout=RUN_SECONDS)


@pytest.mark.parametrize("suite", SUITES)
def test_openssl_enrols_with_a_secret(shared, suite):
    """KpmID and Kpm at the MEF, Ke from its exporter, Km by its own HMAC, KeID at the MAF."""
    node = born(shared, KPM)
    text = primitive(shared, node, registration(shared), 65001) + primitive(
        shared, node, {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": shared.sp, "SUID": 21, "targetIDs": [shared.maf]}}, 65003, True)
    out = s_client(shared.mef_port, shared.mef, node.identity, KPM, text, *SUITES[suite]).stdout
    exported = re.search(r"Keying material: ([0-9A-F]{96})", out)
    assert exported, out + shared.log_text()
    assert re.search(r'"relativeKeyID":"([0-9A-F]+)"', out).group(1) == exported.group(1)[:32], out
    km = hmac.new(bytes.fromhex(exported.group(1)[32:]), b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation" +
                  b"21" + shared.maf.encode(), hashlib.sha256).hexdigest()
    out = s_client(shared.maf_port, shared.maf, f"{exported.group(1)[:32]}@{shared.mef}", km,
                   primitive(shared, node, registration(shared, "maf"), 65002, True, "/MAFBase"), *SUITES["mandatory"]).stdout
    assert '"assignedSymmKeyID"' in out, out + shared.log_text()


def test_a_lost_answer(shared):
    """Lessons 10, 11: asked again, in a new session, it is the same registration; Kpm is no key to register (lesson 26)."""
    node = born(shared, KPM)
    text = primitive(shared, node, registration(shared), 65001, True)
    ri = [re.search(r'"ri":"([^"]+)"', s_client(shared.mef_port, shared.mef, node.identity, KPM, text, *SUITES["mandatory"]).stdout).group(1)
          for _ in range(2)]
    assert ri[0] == ri[1]

    def value(key):
        body = {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": shared.sp, "SUID": 24, "targetIDs": [f"//{shared.sp}/CSE-X"],
                                   "keyValue": run("sh", "-c", f"printf {key} | xxd -r -p | base64 -w0").stdout}}
        return s_client(shared.mef_port, shared.mef, node.identity, KPM, primitive(shared, node, body, 65003, True), *SUITES["mandatory"]).stdout
    assert "X-M2M-RSC: 4000" in value(KPM)
    assert "the secret that the node's maker gave it" in shared.wait_event("mef.refused", who=node.cse_id)["why"]
    assert "X-M2M-RSC: 2001" in value("5a18" * 16)
    # and the other way round: what is registered for a use is no secret to be born with
    (node.dir / "service").write_text(secret_text("5a18" * 16))
    done = shared.muster("node", "secret", node.id, "--file", node.dir / "service", check=False)
    assert done.returncode == 1 and "registered for a use already" in done.stderr, done.stderr


def test_a_stolen_secret_is_replaced(shared):
    """Whoever has a session open by the old one is out with it: by its identity he would be the node in it still."""
    node = born(shared, KPM)
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{shared.mef_port}", "-servername", shared.mef, "-psk_identity", node.identity,
                           "-psk", KPM, *SUITES["mandatory"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as thief:
        said = ""
        while "Verify return code" not in said:
            said += thief.stdout.readline() or pytest.fail(said)
        shared.muster("node", "secret", node.id, "--new", node.dir / "new")
        thief.wait(30)       # half of limits.idle: it has not said anything


@pytest.mark.parametrize("suite", GNUTLS)
def test_gnutls_enrols_with_a_secret(shared, suite):
    node = born(shared, KPM)

    def cli(key, identity=node.identity):
        return gnutls(primitive(shared, node, registration(shared), 65001, True), "--port", shared.mef_port, "--pskusername", identity,
                      "--pskkey", key, "--priority", GNUTLS[suite], "--sni-hostname", shared.mef)[1]
    out = cli(KPM)
    assert "X-M2M-RSC: 2001" in out, out + shared.log_text()
    said = [re.findall(r"(?i)alert[^\n]*", out) for out in (cli("22" * 32), cli(KPM, "nobody@" + shared.mef))]
    assert said[0] == said[1] != [], said


# --- power cuts ---

@pytest.mark.parametrize("point", AGENT_POINTS)
def test_agent_killed_at_every_durable_point(shared, point):
    node = plain(born(shared, KPM), f'crash_at = "{point}";\n')
    cut = node.run_once()
    assert cut.returncode == -signal.SIGKILL, f"{point} was never reached: {cut.stderr}"
    done = plain(node).run_once()
    assert done.returncode == 0, f"after {point}: {done.stderr}{shared.log_text()}"
    one_truth(shared, node)


@pytest.fixture(scope="module", params=["split", "single"])
def daemon(request, tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp(f"psk-power-{request.param}") / "inst", processes=request.param)
    inst.one_listener = re.sub(r"(?m)^listeners = \d+;", "listeners = 1;", inst.plain_config)
    inst.config.write_text(inst.one_listener)
    inst.start()
    inst.subscription()
    inst.stop()
    yield inst
    inst.stop()


@pytest.mark.parametrize("point", SERVER_POINTS)
def test_daemon_killed_at_every_durable_point(daemon, point):
    daemon.config.write_text(daemon.one_listener)
    daemon.start()
    nodes = {passage: [born(daemon, KPM), born(daemon, KPM)] for passage in passages_of(point, PASSAGES)}
    daemon.stop()
    for passage, pair in nodes.items():
        cut_while(daemon, pair, point, passage)
        daemon.config.write_text(daemon.one_listener)
        daemon.start()
        for node in pair:
            enrol(node, daemon)
            one_truth(daemon, node)
        done = run("sqlite3", daemon.dir / "store/muster.db", "PRAGMA integrity_check; PRAGMA foreign_key_check;")
        assert done.stdout.strip() == "ok" and "whole" in daemon.muster("events", "verify").stdout
        daemon.stop()


def cut_while(inst, nodes, point, passage):
    """Until the daemon has died of it. A node that is enrolled meanwhile has forgotten all (a factory reset)."""
    inst.config.write_text(inst.one_listener + f'test = {{ crash_at = "{point}"; crash_after = {passage}; }};\n')
    inst.start()
    for k in range(4 * passage):
        node = nodes[k % len(nodes)]
        served = node.run_once().returncode == 0
        if served:
            run("rm", "-rf", node.dir / "state", node.dir / "state.key")
        # who was served to the end need not wait for a death: if there is one, the next run meets it
        try:
            code = inst.process.wait(0 if served else 0.2)
        except subprocess.TimeoutExpired:
            continue
        assert code == -signal.SIGKILL, (code, inst.log_text())
        inst.process = None
        return
    raise AssertionError(f"{point} was not passed {passage} times: {inst.log_text()}")


# --- a maker's list ---

def encrypted(inst, text, *how, cipher="-aes-256-gcm", form="DER"):
    out = inst.dir / f"list-{next(COUNT)}"
    run("openssl", "cms", "-encrypt", cipher, "-binary", "-outform", form, "-out", out, *how, stdin=text)
    return out


def transport(inst, kind):
    """What the operator gives to makers: a certificate for this alone."""
    cert, key = inst.dir / f"transport-{kind}.pem", inst.dir / f"transport-{kind}.key"
    if not cert.exists():
        new = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256") if kind == "ec" else ("rsa:2048",)
        run("openssl", "req", "-x509", "-newkey", *new, "-nodes", "-subj", "/CN=secrets for sp", "-days", "30", "-keyout", key, "-out", cert)
        key.chmod(0o600)
    return cert, key


def rows_of(inst, n, **more):
    nodes = [(f"urn:dev:ops:00004C-list-{next(COUNT):06d}", os.urandom(32).hex()) for _ in range(n)]
    head = "nodeID,cseID,subscription,kpmID,secret\n"
    return nodes, head + "".join(f"{node},//{inst.sp}/L{node[-6:]},sub-1,,{secret_text(key)}\n" for node, key in nodes)


@pytest.mark.parametrize("kind, cipher, form", [("ec", "-aes-256-gcm", "DER"), ("rsa", "-aes-256-cbc", "PEM"), ("password", "-aes-256-cbc", "DER")])
def test_secrets_from_an_encrypted_list(shared, kind, cipher, form):
    """Bulk import: in clear only inside the two ends; every node of the list proves itself afterwards."""
    nodes, text = rows_of(shared, 5)
    if kind == "password":
        word = shared.dir / "password"
        word.write_text("correct horse\n")
        word.chmod(0o600)
        made = encrypted(shared, text, "-pwri_password", "correct horse", cipher=cipher, form=form)
        how = ("--password-file", word)
    else:
        cert, key = transport(shared, kind)
        made = encrypted(shared, text, cert, cipher=cipher, form=form)
        how = ("--certificate", cert, "--key", key)
    said = shared.muster("node", "import", made, *how, "--anchor", "none")
    assert "5 rows: 5 added, 0 refused" in said.stdout, said.stdout + said.stderr
    for node, key in nodes[:2]:
        identity = [c["keyID"] for c in shared.ask("node", "show", node)["credentials"] if c["purpose"] == "Kpm"][0]
        assert identity == node.replace(":", "-") + "@" + shared.bbn
        done = s_client(shared.mef_port, shared.mef, identity, key, f"POST /MEFBase HTTP/1.1\r\nHost: {shared.mef}\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n"
                        f"Content-Type: application/json;ty=65001\r\nContent-Length: {len(json.dumps(registration(shared)))}\r\n"
                        f"Connection: close\r\n\r\n{json.dumps(registration(shared))}", *SUITES["mandatory"])
        assert "X-M2M-RSC: 2001" in done.stdout, done.stdout + shared.log_text()
    everything = b"".join(p.read_bytes() for p in (shared.dir / "store").iterdir()) + shared.log.read_bytes() + said.stdout.encode() + said.stderr.encode()
    for _, key in nodes:
        for clear in (bytes.fromhex(key), key.encode(), key.upper().encode(), secret_text(key).encode()):
            assert clear not in everything


SECRET_OPTION = re.compile(r"--([a-z-]*(?:secret|key|pin|password|opc|token)[a-z-]*)[ =]\W*(\S+)")
NO_SECRET = ("FILE", "PREFIX", "KEY-ID", "ID", "gba", "file|best", "ME_BASED_KEY")     # the last: which of its keys a card gives out


def command_lines(pid):
    """What every user of the machine can read of a process and what it began: arguments; and the environment."""
    found, left = b"", [pid]
    while left:
        one = pathlib.Path(f"/proc/{left.pop()}")
        found += (one / "cmdline").read_bytes() + b"\n" + (one / "environ").read_bytes() + b"\n"
        left += [int(c) for t in (one / "task").iterdir() for c in (t / "children").read_text().split()]
    return found


def test_no_secret_on_a_command_line(shared):
    """None is where every user reads it while the command runs, and no option and no argument takes one."""
    node, secret = rows_of(shared, 1)[0][0][0], "5e" * 32
    k, opc = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"
    shared.muster("node", "add", node, "--anchor", "any")
    for args, said in ((("node", "secret", node, "--file", "-"), secret_text(secret)), (("sim", "add", "001010000000077", "--file", "-"), f"milenage:{k}:opc:{opc}")):
        with subprocess.Popen([MUSTER, "-C", shared.dir, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as it:
            it.stdin.write(said[:-3])
            it.stdin.flush()
            # it waits for the rest: what it was begun with is what everybody sees
            until("it is begun", lambda it=it: pathlib.Path(f"/proc/{it.pid}/cmdline").read_bytes())
            seen = command_lines(it.pid)
            out, _ = it.communicate(said[-3:] + "\n", timeout=60)
        assert args[0].encode() in seen, out
        assert not [s for s in (secret, secret.upper(), said, k, opc) if s.encode() in seen], args
        assert secret not in out and k not in out and opc not in out, out
        assert it.returncode == 0 or args[0] == "sim", out
    for args in (("node", "secret", node, secret_text(secret)), ("sim", "add", "001010000000078", "--k", k), ("sim", "add", "001010000000078", k)):
        assert shared.muster(*args, check=False).returncode == 2, args
    told = [run(program, "help", check=False) for program in (MUSTER, AGENT)]
    told += [run(MUSTER, word, check=False) for word in ("node", "sim", "cert", "command", "bundle", "audit", "approve", "keeper")]
    options = SECRET_OPTION.findall("".join(t.stdout + t.stderr for t in told))
    assert len(options) > 8 and not [o for o in options if not o[1].startswith(NO_SECRET)], options


def test_a_list_with_mistakes(shared):
    """A bad row stops no good one, says what is wrong without the secret, and leaves nothing of itself."""
    cert, key = transport(shared, "ec")
    how = ("--certificate", cert, "--key", key)
    nodes, text = rows_of(shared, 4)
    lines = text.splitlines()
    good = secret_text(nodes[1][1])
    lines[2] = lines[2].replace(good, good[:-1] + ("0" if good[-1] != "0" else "1"))
    lines[3] = lines[3].replace(secret_text(nodes[2][1]), nodes[2][1])
    lines[4] = lines[4].replace(",,", ",no identity,")
    answers = shared.dir / "answers.csv"
    done = shared.muster("node", "import", encrypted(shared, "\n".join(lines), cert), *how, "--anchor", "none", "--answers", answers, check=False)
    assert done.returncode == 1 and "4 rows: 1 added, 3 refused" in done.stdout, done.stdout + done.stderr
    said = answers.read_text().splitlines()
    assert said[1] == "1,yes," and "check code" in said[2] and "no check code" in said[3] and "identity" in said[4], said
    assert not any(k in answers.read_text() for _, k in nodes)
    for node, _ in nodes[1:3]:
        assert shared.muster("node", "show", node, check=False).returncode == 1, "no such node was made"
    # the last one is there, without its secret: what was mended goes in by itself
    lines = [lines[0], lines[4].replace("no identity", f"sn-4711@{shared.mef}")]
    done = shared.muster("node", "import", encrypted(shared, "\n".join(lines), cert), *how, "--secrets-only")
    assert "1 rows: 1 added" in done.stdout
    assert [c["keyID"] for c in shared.ask("node", "show", nodes[3][0])["credentials"]] == [f"sn-4711@{shared.mef}"]


def test_a_list_that_does_not_open(shared):
    cert, key = transport(shared, "ec")
    other, other_key = transport(shared, "rsa")
    nodes, text = rows_of(shared, 2)
    plain_list = shared.dir / "plain.csv"
    plain_list.write_text(text)
    made = encrypted(shared, text, cert)
    broken = shared.dir / "broken"
    octets = bytearray(made.read_bytes())
    octets[-100] ^= 1
    broken.write_bytes(octets)
    loose = shared.dir / "loose.key"
    loose.write_bytes(key.read_bytes())
    loose.chmod(0o644)
    lent = shared.dir / "lent.key"
    lent.write_bytes(key.read_bytes())
    give(lent, os.geteuid() + 1)
    ours = shared.dir / "ours.key"
    ours.write_bytes(other_key.read_bytes())
    give(ours, os.geteuid())             # a service manager's credential: looked into, and found to be another certificate's
    signed = shared.dir / "signed"
    run("openssl", "cms", "-sign", "-signer", cert, "-inkey", key, "-nodetach", "-binary", "-outform", "DER", "-out", signed, stdin=text)
    pair = ("--certificate", cert, "--key", key)
    for args, words in (((plain_list,), "encrypted file only"), ((plain_list, *pair), "is not encrypted"), ((made,), "is encrypted: give"),
                        ((made, "--certificate", cert), "is encrypted: give"), ((made, "--certificate", other, "--key", key), "not of one pair"),
                        ((made, "--certificate", other, "--key", other_key), "not encrypted to this certificate"),
                        ((broken, *pair), "does not open"), ((signed, *pair), "none that is encrypted"),
                        ((made, "--certificate", cert, "--key", loose), "others may read it"),
                        ((made, "--certificate", cert, "--key", lent), "others may read it"),
                        ((made, "--certificate", cert, "--key", ours), "not of one pair"),
                        ((made, "--password-file", shared.dir / "none"), "cannot read")):
        done = shared.muster("node", "import", *args, check=False)
        assert done.returncode != 0 and words in done.stderr, (args, done.stderr)
    for node, _ in nodes:
        assert shared.muster("node", "show", node, check=False).returncode == 1
