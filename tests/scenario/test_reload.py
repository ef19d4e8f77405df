"""Story: an operator changes the configuration of what runs. "Reloaded" is a promise about every process; what cannot be taken over at once is told
and tried again. Nobody's socket goes with a start that fails, and the door is as open as the configuration of now says.
"""
import contextlib
import os
import pathlib
import re
import signal
import stat
import subprocess

import pytest

from support import MUSTER, MUSTERD, RUN_SECONDS, Installation, run, until
from sweeping import Page, environment

TLS = {f"listener-{role}-{k}" for role in ("bbn", "mef", "maf") for k in (0, 1)} | {"connector"}
ALL = TLS | {"keeper", "engine", "listener-local"}
DOOR = 'listen = ["unix:run/admin.sock"];'
PEOPLE = ' providers = ( { sp = "sp.example.com"; uid = 1201; } );'


class Failing:
    """An installation in whose supervisor a call can be made to fail."""

    def __init__(self, path):
        self.inst = Installation(path / "inst")
        pages = path / "pages"
        pages.mkdir()
        self.page = Page(pages, "musterd")
        self.inst.wrap = ["env", *(f"{k}={v}" for k, v in environment(pages).items() if k in ("LD_PRELOAD", "MST_FAULT_DIR", "MST_FAIL_SPARE"))]
        self.inst.configure(replace={'level = "info"': 'level = "debug"'})
        self.inst.start()
        self.seen = 0

    def said(self):
        return self.inst.log.read_text(errors="replace")[self.seen:]

    def from_here(self):
        self.seen = len(self.inst.log.read_text(errors="replace"))

    def wait(self, what, processes):
        """Until each of them has said that it goes on with what is new."""
        until(what, lambda: processes <= set(re.findall(r"debug (\S+): reloaded", self.said())), context=self.said)

    def reloaded(self):
        self.from_here()
        self.inst.process.send_signal(signal.SIGHUP)
        until("reloaded", lambda: "info supervisor: reloaded" in self.said(), context=self.said)


    def refused(self, setting):
        self.from_here()
        self.inst.process.send_signal(signal.SIGHUP)
        until("refused", lambda: "not reloaded" in self.said(), context=self.said)
        assert f"needs a restart; the old configuration stays setting={setting}" in self.said()


@pytest.fixture(name="failing", scope="module")
def failing_installation(tmp_path_factory):
    one = Failing(tmp_path_factory.mktemp("reload"))
    yield one
    assert one.inst.stop() == 0, one.inst.log_text()


def test_who_could_not_be_told_is_told_later(failing):
    """A file that cannot be read at the moment in which a process is told, after all was well when it was looked at."""
    failing.page.arm()
    failing.reloaded()
    assert ALL <= set(re.findall(r"debug (\S+): reloaded", failing.said())), "each has said so before"
    last = failing.page.counts()["fopen"]
    failing.page.arm("fopen", last - 1, "EACCES")
    failing.reloaded()
    assert failing.page.hits == 1
    failing.page.disarm()
    told = set(re.findall(r"debug (\S+): reloaded", failing.said()))
    assert ALL <= told, f"not reloaded: {ALL - told}\n{failing.said()}"
    event = failing.inst.wait_event("server.reload-failed")
    assert "has the old settings still" in event["why"] and "listener-maf-1" in event["why"], event


def test_who_could_not_be_told_of_a_list_is_told_later(failing):
    """A revocation list that is lost here stays lost until the next one is made, days later."""
    failing.page.arm()
    failing.from_here()
    failing.inst.ask("cert", "revoke", failing.inst.dir / "tls/bbn.pem")
    failing.wait("the list is taken over", TLS)
    last = failing.page.counts()["fopen"]
    failing.page.arm("fopen", last, "EACCES")
    failing.from_here()
    failing.inst.ask("cert", "revoke", failing.inst.dir / "tls/mef.pem")
    until("the call fails", lambda: failing.page.hits, context=failing.said)
    failing.page.disarm()
    failing.wait("that list, too", TLS)
    assert "info supervisor: reloaded" not in failing.said(), "nobody asked for a reload"


def test_somebody_who_is_just_ending_begins_with_it(failing):
    """The link of a process is gone, and nobody has said yet that it is."""
    inst = failing.inst
    victim = inst.children()["connector"][0]
    failing.from_here()
    inst.process.send_signal(signal.SIGSTOP)
    try:
        os.kill(victim, signal.SIGKILL)
        until("it is dead", lambda: pathlib.Path(f"/proc/{victim}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")
        inst.process.send_signal(signal.SIGHUP)
    finally:
        inst.process.send_signal(signal.SIGCONT)
    until("reloaded", lambda: "info supervisor: reloaded" in failing.said() or inst.process.poll() is not None, context=failing.said)
    assert inst.process.poll() is None, failing.said()
    said = failing.said()
    assert said.index("ready again process=connector") < said.index("info supervisor: reloaded"), said


def test_a_start_that_fails_leaves_the_sockets_of_others(failing, tmp_path):
    inst = failing.inst
    other = inst.dir / "other.conf"
    other.write_text(inst.config.read_text().replace('run = "run";', 'run = "run-2";'))
    done = run(MUSTERD, "-c", other, check=False)
    assert done.returncode == 3 and "another musterd keeps its records there" in done.stderr, done.stderr
    assert inst.ask("status"), "whose store it is has its door still"
    # bound: one's own, and then there is somebody
    second = Installation(tmp_path / "second")
    second.configure(replace={'["unix:run/admin.sock"]': f'["unix:run/admin.sock", "unix:{inst.dir}/run/admin.sock"]'})
    done = run(MUSTERD, "-c", second.config, check=False)
    assert done.returncode == 3 and "another server listens there" in done.stderr, done.stderr
    assert inst.ask("status"), "whose socket it is has its door still"
    assert not (second.dir / "run/admin.sock").exists(), "what it bound it takes with it"


def test_the_door_is_as_open_as_the_configuration_says(failing):
    inst, plain = failing.inst, failing.inst.config.read_text()
    sock = inst.dir / "run/admin.sock"
    assert stat.S_IMODE(sock.stat().st_mode) == 0o600
    inst.config.write_text(plain.replace(DOOR, DOOR + PEOPLE))
    failing.reloaded()
    assert stat.S_IMODE(sock.stat().st_mode) == 0o666, "the first people of a provider"
    inst.config.write_text(plain)
    failing.reloaded()
    assert stat.S_IMODE(sock.stat().st_mode) == 0o600, "and the last ones gone"


def test_a_list_that_could_not_be_written_has_no_file_any_more(failing):
    inst, plain = failing.inst, failing.inst.config.read_text()
    failing.from_here()
    failing.page.arm("open", 1, "ENOSPC", lasting=True)
    inst.ask("cert", "revoke", inst.dir / "tls/maf.pem")
    until("no room", lambda: "the new revocation list cannot be written; tried again" in failing.said(), context=failing.said)
    failing.page.disarm()
    inst.config.write_text(plain.replace('file = "crls/ca.crl"', 'file = ""'))
    failing.reloaded()
    assert "a revocation list that could not be written is given up" in failing.said()
    # and when there is one again, it is not taken for the newest
    inst.config.write_text(plain)
    failing.reloaded()
    serial = run("openssl", "x509", "-in", inst.dir / "tls/maf.pem", "-noout", "-serial").stdout.strip().split("=")[1]
    until("the list has it", lambda: serial in run("openssl", "crl", "-in", inst.dir / "crls/ca.crl", "-noout", "-text").stdout, context=failing.said)


def test_the_keeper_has_it_first(failing):
    """What it permits follows the configuration: who asks by the new one, a list that is good for so long, say, must not be refused by the old."""
    keeper, = failing.inst.children()["keeper"]
    failing.reloaded()
    failing.from_here()
    os.kill(keeper, signal.SIGSTOP)
    failing.inst.process.send_signal(signal.SIGHUP)
    failing.inst.muster("node", "list")             # the engine would have had the time
    with contextlib.suppress(ProcessLookupError):   # on a slow machine it was given up, and another one has begun
        os.kill(keeper, signal.SIGCONT)
    failing.wait("the others", ALL - {"keeper"})
    said = failing.said()
    assert re.search(r"keeper: (reloaded|ready)", said).start() < said.index("engine: reloaded"), said


def shown(inst, name, port):
    """What that server shows: serial number and issuer, as openssl sees them."""
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-CAfile", inst.dir / "keeper/ca.pem"], input="",
                          capture_output=True, text=True, timeout=RUN_SECONDS, check=False).stdout
    assert "Verify return code: 0 (ok)" in said, said
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=said, capture_output=True, text=True, check=True).stdout


def test_new_certificates_for_the_servers(failing):
    """By who may read the keeper's files, while it runs; a reload takes them over. What is lost is made, what is another CA's stays."""
    inst, tls, before = failing.inst, failing.inst.dir / "tls", shown(failing.inst, failing.inst.mef, failing.inst.mef_port)
    keys = {p.name: p.read_text() for p in tls.glob("*.key")}
    renew = (MUSTERD, "-c", inst.config, "--renew-certificates")
    for name in ("bbn.pem", "bbn.key"):
        (tls / name).unlink()
    run(MUSTER, "cert", "ca", "other", cwd=inst.dir)
    run(MUSTER, "cert", "issue", "--ca", "other", "--fqdn", inst.maf, "--out", "theirs", cwd=inst.dir)
    theirs = (inst.dir / "theirs.pem").read_text()
    (inst.dir / "tls/maf.pem").rename(inst.dir / "maf.was")
    (tls / "maf.pem").write_text(theirs)
    done = run(*renew, "--days", "40")
    mef, bbn, maf, then = (next(line for line in done.stdout.splitlines() if line.startswith(what)) for what in ("mef:", "bbn:", "maf:", "now"))
    assert f"renewed for {inst.mef}, until 2" in mef and f"made for {inst.bbn}, until" in bbn and "is of another CA" in maf and "reload" in then, done
    assert (tls / "maf.pem").read_text() == theirs and "with a new key" in bbn and "with a new key" not in mef, done
    (inst.dir / "maf.was").rename(tls / "maf.pem")
    for name in ("mef", "bbn"):
        text = run("openssl", "x509", "-in", tls / f"{name}.pem", "-noout", "-text", "-checkend", str(39 * 86400)).stdout
        assert "TLS Web Server Authentication, TLS Web Client Authentication" in text and f"DNS:{name}.{inst.sp}" in text, text
        assert run("openssl", "x509", "-in", tls / f"{name}.pem", "-noout", "-checkend", str(41 * 86400), check=False).returncode == 1
        assert (tls / f"{name}.key").stat().st_mode & 0o777 == 0o600
    # a node may have been told the key (pins): it is the same, but of what was lost
    assert {p.name for p in tls.glob("*.key") if p.read_text() != keys[p.name]} == {"bbn.key"}
    assert shown(inst, inst.mef, inst.mef_port) == before
    failing.reloaded()
    until("it is shown", lambda: shown(inst, inst.mef, inst.mef_port) != before, context=failing.said)
    # neither or both, and the rest goes on
    (tls / "mef.pem").rename(inst.dir / "mef.was")
    (tls / "mef.pem").mkdir()
    was = (tls / "mef.key").read_text()
    done = run(*renew, "--new-keys", check=False)
    assert done.returncode == 3 and f"mef: {tls}/mef.pem: " in done.stderr and "maf: " in done.stdout and "now reload" in done.stdout, done
    assert (tls / "mef.key").read_text() == was
    (tls / "mef.pem").rmdir()
    (inst.dir / "mef.was").rename(tls / "mef.pem")
    assert run(MUSTERD, "-c", inst.config, "--check").stdout == "good\n"
    for words, says in ((("--days", "0"), "1 to 3650"), (("--days", "x"), "1 to 3650")):
        done = run(*renew, *words, check=False)
        assert done.returncode == 2 and says in done.stderr, done
    done = run(MUSTERD, "-c", inst.config, "--check", "--days", "3", check=False)
    assert done.returncode == 2 and "--days is for --renew-certificates" in done.stderr, done
    done = run(MUSTERD, "-c", inst.config, "--check", "--new-keys", check=False)
    assert done.returncode == 2 and "--new-keys is for --renew-certificates" in done.stderr, done
    failing.reloaded()


def test_a_key_goes_with_its_own_certificate_alone(tmp_path):
    """The key in a role's place may be another's, too, or wait for what another CA has been asked for: then it stays, and it is said what to do."""
    config, tls = tmp_path / "i/musterd.conf", tmp_path / "i/tls"
    run(MUSTER, "init", tmp_path / "i")
    plain, first = config.read_text(), {p.name: p.read_bytes() for p in tls.iterdir()}

    def stays(text, changed, *says, new_keys="--new-keys"):
        """By that configuration these files alone are new; each of the messages is there."""
        config.write_text(text)
        before = {p.name: p.read_bytes() for p in tls.iterdir()}
        done = run(MUSTERD, "-c", config, "--renew-certificates", *([new_keys] if new_keys else []), check=not says)
        assert (done.returncode == 3 or not says) and all(one in done.stderr for one in says), done
        after = {p.name: p.read_bytes() for p in tls.iterdir()}
        assert set(after) >= set(before) and {n for n in after if after[n] != before.get(n)} == set(changed), done
        return done

    def again():
        for path in tls.iterdir():
            path.unlink()
        for name, octets in first.items():
            (tls / name).write_bytes(octets)
            (tls / name).chmod(0o600)

    def keeps(text, changed, *says):
        done = stays(text, changed, *says, new_keys=None)
        assert run(MUSTERD, "-c", config, "--check").stdout == "good\n", done
        return done

    # one key, certified by the keeper's CA for one role and by another for the other
    (tls / "mef.key").rename(tls / "server.key")
    run(MUSTER, "cert", "ca", "other", cwd=tmp_path)
    run("openssl", "req", "-new", "-key", tls / "server.key", "-subj", "/CN=maf", "-addext", "subjectAltName=DNS:maf.sp.example.com", "-out", tmp_path / "req")
    run("openssl", "x509", "-req", "-in", tmp_path / "req", "-CA", tmp_path / "other.pem", "-CAkey", tmp_path / "other.key", "-copy_extensions", "copy",
        "-out", tls / "maf.pem")
    shared = plain.replace("tls/mef.key", "tls/server.key").replace("tls/maf.key", "tls/server.key")
    done = stays(shared, ["bbn.key", "bbn.pem"], f"mef: {tls}/mef.pem: {tls}/server.key is the maf's, too: ")
    assert "is of another CA" in done.stdout and run(MUSTERD, "-c", config, "--check").stdout == "good\n", done
    keeps(shared, ["bbn.pem", "mef.pem"])
    again()
    # under another name it is the same
    (tls / "maf.key").unlink()
    (tls / "maf.key").hardlink_to(tls / "mef.key")
    (tls / "maf.pem").unlink()
    stays(plain, ["bbn.key", "bbn.pem"], f"mef: {tls}/mef.pem: {tls}/mef.key is the maf's, too: ", f"maf: {tls}/maf.pem: {tls}/maf.key is the mef's, too: ")
    (tls / "maf.pem").write_bytes(first["maf.pem"])
    keeps(plain, ["bbn.pem", "mef.pem", "maf.pem"])
    again()
    # two roles that have both together are renewed as one
    done = stays(plain.replace("tls/maf.", "tls/mef."), ["bbn.key", "bbn.pem", "mef.key", "mef.pem"])
    assert "mef: " in done.stdout and "maf: " not in done.stdout, done
    again()
    # a key of another kind is nobody's to replace, and is not certified
    run("openssl", "genpkey", "-algorithm", "RSA", "-out", tls / "mef.key")
    stays(plain, ["bbn.pem", "maf.pem"], f"mef: {tls}/mef.pem: {tls}/mef.key holds no key on P-256", new_keys=None)
    again()
    # the certificate is still to come; or the key of the next one is there
    (tls / "bbn.pem").unlink()
    (tls / "mef.key").write_bytes(first["maf.key"])
    stays(plain, ["maf.key", "maf.pem"], f"bbn: {tls}/bbn.pem: is not there, and {tls}/bbn.key is; put it aside", f"mef: {tls}/mef.pem: {tls}/mef.key is not its key; put it aside")
    # so it is when the power went between the two, and then musterd does not start
    (tls / "bbn.pem").write_bytes(first["bbn.pem"])
    done = run(MUSTERD, "-c", config, "--check", check=False)
    assert done.returncode == 2 and "musterd --renew-certificates certifies the key that is there" in done.stderr, done
    keeps(plain, ["bbn.pem", "mef.pem", "maf.pem"])
    (tls / "mef.key").unlink()
    keeps(plain, ["bbn.pem", "mef.pem", "mef.key", "maf.pem"])
    again()
    # and both in one file, which musterd takes
    (tls / "mef.pem").write_bytes(first["mef.pem"] + first["mef.key"])
    one = plain.replace("tls/mef.key", "tls/mef.pem")
    stays(one, ["bbn.key", "bbn.pem", "maf.key", "maf.pem"], f"mef: {tls}/mef.pem: its key is in the same file; ")
    stays(one, ["bbn.pem", "maf.pem"], f"mef: {tls}/mef.pem: its key is in the same file; ", new_keys=None)
    assert run(MUSTERD, "-c", config, "--check").stdout == "good\n"


def test_what_the_processes_cannot_take_over_is_refused(failing):
    """Memory for more connections is locked at the start."""
    inst, plain = failing.inst, failing.inst.config.read_text()
    inst.config.write_text(plain.replace("run =", "limits = { connections = 8192; };\nrun ="))
    failing.reloaded()
    inst.config.write_text(plain.replace("run =", "limits = { connections = 8193; };\nrun ="))
    failing.refused("limits.connections")
    inst.config.write_text(plain)
    failing.reloaded()


def test_nobody_would_ask(failing):
    """A MEF alone has no connector; with BSFs that it asks it wants one."""
    inst = failing.inst
    assert inst.stop() == 0, inst.log_text()
    plain = re.sub(r"(?ms)^maf = \{.*?^\};\n", "", inst.config.read_text())
    inst.config.write_text(plain)
    inst.start()
    assert "connector" not in inst.children()
    asks = '  bsfs = ( { fqdn = "bsf.example.com"; } );\n  bsf_anchors = ["keeper/ca.pem"];\n'
    inst.config.write_text(plain.replace("mef = {\n", "mef = {\n" + asks))
    failing.refused("mef.bsf_anchors")
