"""Story: the CA's private key is made in a token or a TPM and stays there. It certifies over EST, signs the revocation list and answers about
status; when the device goes away that is told, nothing else stops, and it comes back by itself. A PIN that was refused is not tried again."""
import json
import os
import re
import signal
import subprocess

import pytest

from residue_ca import private_scalars
from support import MUSTER, MUSTERD, Installation, free_port, run, until
from test_audit import metric
from test_est import Est, serial
from test_ocsp import good, openssl
from test_secenv import MODULE, PIN, Token, Tpm

HEAD = b"muster ca key in a device 1\n"


class TokenPlace:
    kind = "pkcs11"

    def __init__(self, path):
        self.device = Token(path)
        (path / "pin").mkdir()
        self.pin = path / "pin" / "pin"
        self.pin.write_text(PIN + "\n")
        self.pin.chmod(0o600)
        self.env = {"SOFTHSM2_CONF": str(self.device.dir / "softhsm2.conf")}

    def init(self):
        return ("--ca-key", f"pkcs11:token=node?module-path={MODULE}&pin-source={self.pin}", "--ca-module-state", self.device.dir)

    def away(self):
        (self.device.dir / "tokens").rename(self.device.dir / "gone")
        (self.device.dir / "tokens").mkdir()

    def back(self):
        (self.device.dir / "tokens").rmdir()
        (self.device.dir / "gone").rename(self.device.dir / "tokens")


class LocalTpm(Tpm):
    """swtpm on a socket of its own directory: when it comes back nobody has taken its address."""

    def start(self):
        sock = self.dir / "sock"
        for path in (sock, self.dir / "sock.ctrl"):
            path.unlink(missing_ok=True)
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.dir}", "--server", f"type=unixio,path={sock}", "--ctrl",
                 f"type=unixio,path={sock}.ctrl", "--flags", "not-need-init,startup-clear"], stdout=log, stderr=log)
        until("swtpm", (self.dir / "sock.ctrl").exists)
        self.tcti = f"swtpm:path={sock}"


class TpmPlace:
    kind = "tpm"
    env = {}

    def __init__(self, path):
        self.device = LocalTpm(path)

    def init(self):
        return ("--ca-key", f"tpm:{self.device.tcti}")

    def away(self):
        self.device.stop()

    def back(self):
        self.device.start()


@pytest.fixture(name="inst", scope="module", params=[TokenPlace, TpmPlace], ids=["token", "tpm"])
def installation(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca")
    with pytest.MonkeyPatch.context() as patch:
        place = request.param(path)
        for name, value in place.env.items():
            patch.setenv(name, value)
        inst = Installation(path / "inst", init=place.init())
        inst.place, inst.ocsp = place, free_port()
        inst.url = f"http://127.0.0.1:{inst.ocsp}/ocsp"
        inst.configure(add=f'\nocsp = {{ fqdn = "ocsp.sp.example.com"; listen = ["127.0.0.1:{inst.ocsp}"]; }};\naudit = {{ seal = "1s"; }};\n')
        inst.start()
        inst.subscription()
        yield inst
        assert inst.stop() == 0, inst.log_text()
        place.device.stop()


def ca_of(inst):
    return inst.dir / "keeper/ca.pem"


def spki_of(inst):
    pem = run("openssl", "x509", "-in", ca_of(inst), "-noout", "-pubkey").stdout
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem.encode(), capture_output=True, check=True).stdout


def state(inst):
    return inst.ask("keeper", "show")["ca"]


def finding(inst, what):
    found = inst.muster("--json", "doctor", check=False)
    return [f for f in json.loads(found.stdout) if f["check"] == what]


def test_the_key_is_there_and_nowhere_else(inst):
    octets = (inst.dir / "keeper/ca.key").read_bytes()
    assert octets.startswith(HEAD)
    # a TPM has few slots, and no resource manager stands before this one: its tools empty them all, also of what musterd signs with just now
    assert inst.stop() == 0
    inst.place.device.shows(octets[len(HEAD) + 1:], spki_of(inst))
    # it signs for the servers' own certificates, too
    done = run(MUSTERD, "-c", inst.config, "--renew-certificates")
    assert done.stdout.count(": renewed for ") == 3, done
    for name in ("mef", "maf", "bbn"):
        run("openssl", "verify", "-CAfile", ca_of(inst), "-purpose", "sslserver", inst.dir / f"tls/{name}.pem")
    inst.start()
    until("room in the device", lambda: run(MUSTERD, "--check", "-c", inst.config, check=False).stdout == "good\n")
    until("it signs", lambda: state(inst) == {"in": inst.place.kind, "away": False})
    (found,) = [f for f in finding(inst, "CA key") if "it signs" in f["detail"]]
    assert found["ok"] and "made there, and never here" in found["detail"]
    (found,) = finding(inst, "places for keys")
    assert re.search(f"{inst.place.kind} .*?: works", found["detail"]), found
    (found,) = finding(inst, "place of the CA key")
    assert found["ok"] and found["detail"].startswith(f"{inst.place.kind} (as musterd.conf says)"), found
    # what looks for it finds one that is there: in this process
    own = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-outform", "DER"], capture_output=True, check=True).stdout
    assert private_scalars(os.getpid(), own[-64:]) == [own[7:39]]
    # (a token in software has it in the signer's)
    for name in ("keeper", "engine"):
        for pid in inst.children()[name]:
            assert not private_scalars(pid, spki_of(inst)[-64:]), name


def test_what_it_signs(inst):
    est = Est(inst, inst.node(1))
    cert, _, _ = est.enrol()
    run("openssl", "verify", "-CAfile", ca_of(inst), "-purpose", "sslclient", cert)
    assert good(openssl(inst, "-cert", cert))
    before = (inst.dir / "crls/ca.crl").read_bytes()
    inst.muster("cert", "revoke", serial(cert))
    until("a new list", lambda: (inst.dir / "crls/ca.crl").read_bytes() != before, context=inst.log_text)
    shown = run("openssl", "crl", "-in", inst.dir / "crls/ca.crl", "-CAfile", ca_of(inst), "-noout", "-text")
    assert "verify OK" in shown.stdout + shown.stderr and serial(cert) in shown.stdout
    assert ": revoked" in openssl(inst, "-cert", cert)
    until("a seal", lambda: inst.ask("audit", "verify").get("fits", True) and "every hash fits" in inst.muster("audit", "verify").stdout)


def test_the_device_goes_and_comes_back(inst):
    est = Est(inst, inst.node(2))
    challenge, san = est.attributes()
    der = est.request(san, challenge)
    before = (inst.dir / "crls/ca.crl").read_bytes()
    inst.place.away()
    if inst.place.kind == "pkcs11":
        end_signer(inst)                             # SoftHSM2 keeps what it has open; who begins anew does not find it any more
    status, head, _ = est.post("simpleenroll", der)
    assert status == 503 and "Retry-After: 60" in head, (status, head, est.error)
    inst.wait_event("keeper.ca-away")
    assert state(inst)["away"] and state(inst)["why"], state(inst)
    (found,) = [f for f in finding(inst, "CA key") if not f["ok"]]
    assert "it does not sign" in found["detail"]
    # what does not work now is not the best here, for the other key either
    (found,) = finding(inst, "places for keys")
    assert "tried, and it does not work" in found["detail"], found
    (found,) = finding(inst, "place of the key-encryption key")
    assert found["ok"] and "the best that works here is file" in found["detail"], found
    (found,) = finding(inst, "place of the CA key")
    assert not found["ok"] and "nothing is certified" in found["remedy"], found
    until("the metric", lambda: metric(inst, "muster_keeper_ca_away") == 1)
    # whoever would have it sign by himself is told why not, and nothing has changed
    servers = {p: p.read_bytes() for p in (inst.dir / "tls").iterdir()}
    done = run(MUSTERD, "-c", inst.config, "--renew-certificates", check=False)
    assert done.returncode == 3 and not done.stdout and "; put the device or token back" in done.stderr and "--check says" not in done.stderr, done
    assert {p: p.read_bytes() for p in servers} == servers
    # the rest goes on: what needs no CA, and a revocation, whose list follows
    assert inst.node(3).run_once().returncode == 0
    inst.place.back()
    inst.wait_event("keeper.ca-back")
    until("it signs again", lambda: state(inst) == {"in": inst.place.kind, "away": False})
    status, _, body = est.post("simpleenroll", der)
    assert status == 200, (status, body)
    cert = est.install(body)
    run("openssl", "verify", "-CAfile", ca_of(inst), cert)
    inst.muster("cert", "revoke", serial(cert))
    until("a new list", lambda: (inst.dir / "crls/ca.crl").read_bytes() != before, context=inst.log_text)


def test_a_restart(inst):
    assert inst.stop() == 0, inst.log_text()
    inst.start()
    est = Est(inst, inst.node(4))
    cert, _, _ = est.enrol()
    run("openssl", "verify", "-CAfile", ca_of(inst), cert)


def end_signer(inst):
    (pid,) = inst.children()["signer"]
    os.kill(pid, signal.SIGKILL)
    until("another signer", lambda: inst.children().get("signer", [pid]) != [pid])


def knock(inst):
    """What EST says to a node that asks for a certificate."""
    est = inst.knocks = getattr(inst, "knocks", None) or Est(inst, inst.node(6))
    return est.post("simpleenroll", est.request(*reversed(est.attributes())))[0]


def low(inst):
    """Has the token counted a wrong PIN since the last right one?"""
    return "user PIN count low" in run("pkcs11-tool", "--module", MODULE, "-L").stdout


def test_a_wrong_pin_is_tried_once(inst):
    if inst.place.kind != "pkcs11":
        return                                       # this one has none
    inst.place.pin.write_text("111111\n")
    end_signer(inst)
    until("it is refused", lambda: knock(inst) == 503 and "PIN" in state(inst)["why"])
    end_signer(inst)
    until("it is not tried again", lambda: knock(inst) == 503 and "has refused this PIN" in state(inst)["why"])
    assert low(inst)
    # whoever opens it now uses the right one: the count begins anew, and nothing of ours has counted further meanwhile
    inst.place.device.tool("--list-objects")
    assert not low(inst)
    end_signer(inst)
    until("it is not tried again", lambda: knock(inst) == 503 and "has refused this PIN" in state(inst)["why"])
    assert not low(inst), "the PIN that was refused was tried again"
    # nor by doctor where no musterd answers; nor by what it asks first, the other key's settings, with that PIN under another name
    text = inst.config.read_text()
    (inst.dir / "run/pin").symlink_to(inst.place.pin)
    for more in ("", f'keeper_key = {{ backend = "file"; module = "{MODULE}"; token = "node"; pin_file = "run/pin"; }};\n'):
        inst.config.write_text(text + more)
        said = json.loads(inst.muster("--socket", inst.dir / "run/nobody.sock", "--json", "doctor", check=False).stdout)
        (found,) = [f for f in said if f["check"] == "places for keys"]
        assert "pkcs11 node: tried, and it does not work: the token node has refused this PIN" in found["detail"], found
        assert not low(inst), "doctor tried the PIN that was refused"
    inst.config.write_text(text)
    inst.place.pin.write_text(PIN + "\n")
    until("it signs again", lambda: not state(inst)["away"])
    assert knock(inst) == 200
    # one that doctor is refused first is not tried by musterd, which may be another user's
    signer, owner = inst.dir / "keeper/signer", 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(signer, owner, -1)
    inst.place.pin.write_text("222222\n")
    inst.muster("--socket", inst.dir / "run/nobody.sock", "doctor", check=False)
    assert low(inst) and [(f.name, f.stat().st_uid) for f in signer.iterdir()] == [("ca.refused", owner)]
    os.chown(signer, os.geteuid(), -1)
    inst.place.pin.write_text(PIN + "\n")


def test_a_device_that_hangs_is_the_signers(inst):
    """Nobody else waits for it longer than for others, and the keeper goes on."""
    if inst.place.kind != "pkcs11":
        return                                       # one of them is enough
    (keeper,), (pid,) = inst.children()["keeper"], inst.children()["signer"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert knock(inst) == 503
        assert state(inst)["away"] and inst.children()["keeper"] == [keeper]
    finally:
        os.kill(pid, signal.SIGKILL)
    until("it signs again", lambda: not state(inst)["away"])
    assert inst.children()["keeper"] == [keeper]


def test_settings_that_do_not_fit(inst, tmp_path):
    assert inst.stop() == 0
    text = inst.config.read_text()
    inst.config.write_text(re.sub(r"(?s)\nca_key = \{.*?\};\n", "\n", text))
    for args in (("--check",), ()):
        done = run(MUSTERD, *args, "-c", inst.config, check=False)
        assert done.returncode != 0 and "the CA's key is in a device" in done.stderr, done.stderr
    inst.config.write_text(text)
    # keys are not made where a name is wrong, and a second installation's are beside the first's
    other = tmp_path / "other"
    done = run(MUSTER, "init", other, "--ca-key", "pkcs11:token=node", check=False)
    assert done.returncode == 2 and "pin-source" in done.stderr and not other.exists()
    done = run(MUSTER, "init", other, "--processes", "single", "--ca-key", "tpm", check=False)
    assert done.returncode == 2 and "split" in done.stderr and not other.exists()
    run(MUSTER, "init", other, *inst.place.init(), "--sp", "other.example.com", env=None)
    a, b = ((d / "keeper/ca.key").read_bytes() for d in (inst.dir, other))
    assert a[:len(HEAD) + 2] == b[:len(HEAD) + 2] and a != b
    run("openssl", "verify", "-CAfile", other / "keeper/ca.pem", other / "tls/mef.pem")
    inst.start()
    assert not state(inst)["away"]


def test_the_best_that_works(inst, tmp_path):
    """The other key is in a file, as the preset has it on each machine: told, and what is told to type is right."""
    assert inst.stop() == 0
    if inst.place.kind == "tpm":
        inst.place.device.tool("tpm2_flushcontext", "-t")        # no resource manager here: what a process had that was ended stays
        for where, kind in ((inst.place.device.tcti, "tpm"), (f"swtpm:path={tmp_path}/none", "file")):
            done = run(MUSTER, "init", tmp_path / kind, "--ca-key", f"best:{where}", "--sp", "other.example.com")
            assert f'backend = "{kind}"' in (tmp_path / kind / "musterd.conf").read_text() and "the best place that works here" in done.stdout
    (found,) = finding(inst, "place of the key-encryption key")
    assert not found["ok"] and "file (by preset)" in found["detail"] and f"the best that works here is {inst.place.kind}" in found["detail"], found
    assert "muster keeper rotate" in found["remedy"]
    (group,) = re.findall(r"keeper_key = \{.*?\};", found["remedy"])
    text = inst.config.read_text()
    inst.config.write_text(text + '\nkeeper_key = { backend = "file"; };\n')
    (found,) = finding(inst, "place of the key-encryption key")
    assert found["ok"] and "musterd.conf wants no other" in found["detail"], found
    inst.config.write_text(text)
    # without a resource manager two processes at one TPM have too few slots: what is told is carried out with the token alone
    if inst.place.kind == "pkcs11":
        inst.config.write_text(f"{text}\n{group}\n")
    inst.start()
    if inst.place.kind == "pkcs11":
        inst.muster("keeper", "rotate")
        until("it is there", lambda: "before" not in inst.ask("keeper", "show"), context=inst.log_text)
        assert inst.ask("keeper", "show")["in"] == inst.place.kind
        (found,) = finding(inst, "place of the key-encryption key")
        assert found["ok"] and found["detail"].startswith(f"{inst.place.kind} (as musterd.conf says)"), found
