"""Story: instructions travel on a stick. The owner signs a bundle for certain nodes; the agent finds it on a medium that
anybody may have prepared, and takes it once. Whatever is wrong with one is refused with its own reason, which the
technician sees, and the next good one is served (lessons 10, 15, 16).
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from support import AGENT, BUILD, MUSTER, RUN_SECONDS, Installation, at, free_port, run

SOURCE = pathlib.Path(__file__).resolve().parents[2]
COUNT = iter(range(1, 10000))
CMS_MAX = 49152


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("bundle") / "inst")
    it.start()
    it.subscription()
    makers = it.dir / "makers"
    run(MUSTER, "cert", "ca", "thief", cwd=makers)
    signer(makers, "owner", "workshop")
    signer(makers, "owner", "old", "--expired")
    signer(makers, "thief", "thief-signer")
    run(MUSTER, "cert", "issue", "--ca", "owner", "--fqdn", "mef.sp.example.com", "--out", "tls", cwd=makers)
    run(MUSTER, "cert", "issue", "--ca", "owner", "--node-id", "urn:dev:ops:00004C-owner-1", "--out", "node", cwd=makers)
    yield it
    it.stop()


def signer(makers, ca, name, *more):
    run(MUSTER, "cert", "issue", "--ca", ca, "--bundle-signer", "--cn", name, "--out", name, *more, cwd=makers)


class Stick:
    """A node without instructions of its own, its medium, and what one puts on that."""

    def __init__(self, inst, bootstrap=False, add=""):
        self.inst, self.makers = inst, inst.dir / "makers"
        self.node = inst.node(next(COUNT))
        self.media = self.node.dir / "media"
        self.dir = self.media / "usb"
        self.dir.mkdir(parents=True)
        self.file = self.dir / "muster.bundle"
        shutil.copy(self.makers / "owner.pem", self.node.dir / "owner.pem")
        self.node.configure(add=f'bundle_anchors = "owner.pem";\nmedia = [ "{self.media}/*" ];\nmaker = "acme";\nmodel = "pump";\n'
                                f'batch = "7";\n{add}')
        if not bootstrap:
            config = self.node.dir / "muster-agent.conf"
            config.write_text(config.read_text().replace('bootstrap = "instructions.json";\n', ""))

    def make(self, *more, to=("--any",), until="+1d", by="workshop", instructions=None, out=None):
        sequence = self.node.dir / "sequence.json"
        sequence.write_text(json.dumps({"version": 1, "instructions": instructions or [self.inst.instruction()]}))
        run(MUSTER, "bundle", "make", "--sequence", sequence, *to, "--until", until, "--key", self.makers / f"{by}.key", "--cert",
            self.makers / f"{by}.pem", "--out", out or self.file, *more)
        return out or self.file

    def sign(self, content, by="workshop", out=None):
        """By a stranger's hand: what `muster bundle make` would never sign."""
        source = self.node.dir / "content"
        source.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        run("openssl", "cms", "-sign", "-binary", "-nodetach", "-md", "sha256", "-in", source, "-signer", self.makers / f"{by}.pem",
            "-inkey", self.makers / f"{by}.key", "-outform", "DER", "-out", out or self.file)

    def content(self, **changes):
        return {"version": 1, "id": "b", "number": 7, "validUntil": "20990101T000000", "any": True,
                "sequence": {"version": 1, "instructions": [self.inst.instruction()]}, **changes}

    def trigger(self):
        return self.node.agent("trigger", self.file)

    def refused(self, outcome, count):
        """Refused with that reason, told by the command, by status for machines and by status for people."""
        before = self.node.status()
        done = self.trigger()
        assert done.returncode == 1 and outcome in done.stderr, (outcome, done)
        status = self.node.status()
        assert status["bundle"]["outcome"] == outcome and status["bundle"]["file"] == str(self.file), status["bundle"]
        assert status["bundle"]["remedy"] and status["bundle"]["detail"] and status["bundle"]["refused"] == count
        # the state may go on by itself meanwhile: a run of before waits and tries again
        assert status["attempt"] == before["attempt"] and status["trigger"] in (before["trigger"], "retry")
        text = self.node.agent("status", check=True).stdout
        assert status["bundle"]["words"] in text and status["bundle"]["remedy"] in text

    def accepted(self, agent):
        done = self.trigger()
        assert done.returncode == 0, done
        attempt = done.stdout.split()[-1]
        agent.wait_log(f"enrolled key=.*attempt={attempt}")
        return attempt


@pytest.fixture
def stick(inst):
    return Stick(inst)


def test_from_the_workshop_to_the_node(inst, stick):
    """Made, looked at, carried, taken: the node enrols, and MEF and MAF know the attempt."""
    stick.make("--label", "site 7", to=("--for", stick.node.id))
    shown = run(MUSTER, "bundle", "show", stick.file, "--anchors", stick.makers / "owner.pem").stdout
    assert stick.node.id in shown and "site 7" in shown and inst.maf in shown and "good" in shown
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        attempt = stick.accepted(agent)
        status = stick.node.status()
        assert status["state"] == "enrolled" and status["trigger"] == "bundle" and status["attempt"] == attempt
        assert status["bundle"]["outcome"] == "accepted" and "workshop" in status["bundle"]["signer"]
    assert {e["role"] for e in inst.events("--attempt", attempt)} >= {"mef", "maf"}


def put_link(stick):
    stick.make(out=stick.node.dir / "elsewhere")
    stick.file.symlink_to(stick.node.dir / "elsewhere")


def put_text(stick, text):
    stick.file.write_bytes(text)


def turn_an_octet(stick):
    stick.make("--label", "site 7")
    octets = stick.file.read_bytes()
    assert octets.count(b"site 7") == 1
    stick.file.write_bytes(octets.replace(b"site 7", b"site 8"))


BAD = {
    "unsigned": [("a plain sequence", lambda s: put_text(s, (s.node.dir / "instructions.json").read_bytes())),
                 ("a bundle without envelope", lambda s: put_text(s, json.dumps(s.content()).encode()))],
    "wrongly-signed": [("an octet turned", turn_an_octet)],
    "signer-untrusted": [("somebody else's CA", lambda s: s.make(by="thief-signer"))],
    "signer-expired": [("an old certificate", lambda s: s.make(by="old"))],
    "wrong-purpose": [("a server's certificate", lambda s: s.sign(s.content(), by="tls")),
                      ("a node's certificate", lambda s: s.sign(s.content(), by="node"))],
    "expired": [("a year too late", lambda s: s.make("--from", "20250101T000000", until="20260101T000000"))],
    "not-yet-valid": [("too early", lambda s: s.make("--from", "20980101T000000", until="20990101T000000"))],
    "other-node": [("another node", lambda s: s.make(to=("--for", "urn:dev:ops:00004C-acme-999999"))),
                   ("another batch", lambda s: s.make(to=("--maker", "acme", "--batch", "8")))],
    "oversized": [("a huge file", lambda s: put_text(s, b"0" * (CMS_MAX + 1))),
                  ("a huge content", lambda s: s.sign(b"{" + b" " * 40000))],
    "too-deep": [("nested", lambda s: s.sign(json.dumps(s.content()).replace('"b"', "[" * 50 + "]" * 50).encode()))],
    "unknown-method": [("pks", lambda s: s.sign(s.content(sequence={
        "version": 1, "instructions": [{**s.inst.instruction(), "method": "pks"}]})))],
    "empty": [("no octets", lambda s: put_text(s, b"")), ("nothing signed", lambda s: s.sign(b"")),
              ("no instructions", lambda s: s.sign(s.content(sequence={"version": 1, "instructions": []})))],
    "malformed": [("cut", lambda s: put_text(s, s.make().read_bytes()[:-9])), ("noise", lambda s: put_text(s, b"0\x80" + b"\xff" * 99)),
                  ("no bundle in it", lambda s: s.sign(b"hello"))],
    "unreadable": [("a link out of the medium", put_link), ("a pipe", lambda s: os.mkfifo(s.file)),
                   ("a directory", lambda s: s.file.mkdir())],
}


def test_each_bad_one_has_its_reason_and_the_next_good_one_is_served(stick):
    count = 0
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        for outcome, ways in BAD.items():
            for what, put in ways:
                if stick.file.is_dir():
                    stick.file.rmdir()
                stick.file.unlink(missing_ok=True)
                put(stick)
                count += 1
                try:
                    stick.refused(outcome, count)
                except AssertionError as e:
                    raise AssertionError(f"{what}: {e}") from e
        stick.file.rmdir()
        stick.make(to=("--maker", "acme", "--model", "pump", "--batch", "7"))
        stick.accepted(agent)
        assert stick.node.status()["state"] == "enrolled"
        assert len(agent.log.read_text().split("bundle-refused")) - 1 == count


def test_the_operator_hears_what_was_refused(inst):
    """A bundle, a pushed trigger and a text on the page that a node has refused stand in the events of its next briefing, once."""
    inst.muster("rule", "add", "heard", "--method", "cert", "--mef-uri", f"https://{inst.mef}:{inst.mef_port}")
    page = free_port()
    stick = Stick(inst, add=f'page = "127.0.0.1:{page}";\n')
    dial = f'  {{ name = "{inst.bbn}:{inst.bbn_port}"; address = "127.0.0.1:{inst.bbn_port}"; }},\n'
    conf = stick.node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace("connect_to = (\n", "connect_to = (\n" + dial))
    (stick.node.dir / "ask.json").write_text(json.dumps({"version": 1, "instructions": [
        {"kind": "discovery", "method": "bbn", "uri": f"https://{inst.bbn}:{inst.bbn_port}"}, inst.instruction()]}))
    stick.make(by="thief-signer")
    (stick.node.dir / "message").write_bytes(b"no trigger")

    def ask(agent):
        attempt = stick.node.agent("trigger", stick.node.dir / "ask.json", check=True).stdout.split()[-1]
        agent.wait_log(f" enrolled key=.*attempt={attempt}")
        return [e["why"] for e in inst.events("--attempt", attempt) if e["what"] == "bbn.briefed"][0]

    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        stick.refused("signer-untrusted", 1)
    # switched off in between: it is still known, and told
    assert stick.node.status()["bundle"]["outcome"] == "signer-untrusted"
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        assert f"; before: bundle {str(stick.file)[:80]}: signer-untrusted" in ask(agent)
        assert stick.node.agent("trigger", "--push", stick.node.dir / "message", "--source", "sms").returncode == 1
        assert "; before: trigger by sms: malformed" in ask(agent)
        (stick.node.dir / "given.json").write_text("{")
        assert stick.node.agent("trigger", stick.node.dir / "given.json").returncode == 1
        told = json.loads(stick.node.agent("page", "--json", check=True).stdout)
        old = {"version": 1, "validUntil": "20200101T000000", "instructions": [inst.instruction()]}
        session = run("curl", "-sS", "--json", json.dumps({"code": told["code"]}), f"{told['url']}session").stdout
        said = run("curl", "-sS", "-H", f"Muster-Page: {json.loads(session)['token']}", "--json", json.dumps({"text": json.dumps(old)}),
                   f"{told['url']}trigger").stdout
        assert json.loads(said)["error"]["field"] == "validUntil", said
        assert "; before: what was typed on the page: expired; earlier: malformed" in ask(agent)
        assert "before:" not in ask(agent)


def test_used_once(inst, stick):
    """The same again while its run goes on; not after that; never an older one, also after a restart."""
    nowhere = inst.instruction(uri="https://mef.sp.example.com:1")
    older = stick.make("--number", "10", out=stick.node.dir / "older")
    newer = stick.make("--number", "20", instructions=[nowhere], out=stick.node.dir / "newer")
    twin = stick.make("--number", "20", "--label", "twin", out=stick.node.dir / "twin")
    good = stick.make("--number", "30", out=stick.node.dir / "good")
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        shutil.copy(newer, stick.file)
        assert stick.trigger().returncode == 0
        agent.wait_log("reason resource=")
        assert stick.trigger().returncode == 0, "its run has not ended: the stick was pulled out and put in again"
        shutil.copy(older, stick.file)
        stick.refused("replayed", 1)
        shutil.copy(twin, stick.file)
        stick.refused("replayed", 2)
        shutil.copy(good, stick.file)
        stick.accepted(agent)
        stick.refused("replayed", 3)
    with stick.node.running() as agent:
        agent.wait_log("enrolled-already")
        stick.refused("replayed", 4)             # counted on
        shutil.copy(newer, stick.file)
        stick.refused("replayed", 5)
        stick.make("--number", "31")
        stick.accepted(agent)


def test_what_bounds_a_replay_when_the_state_was_reset(inst, stick):
    """Decision 0012: nothing is remembered then. An older bundle comes back, as long as it is valid and its signer trusted;
    what has ended does not, unless the node knows no time at all."""
    older = stick.make("--number", "10", until="+1d", out=stick.node.dir / "older")
    newer = stick.make("--number", "20", until="+1d", out=stick.node.dir / "newer")
    plain, anchors = (stick.node.dir / "muster-agent.conf").read_text(), stick.node.dir / "owner.pem"

    def reset():
        shutil.rmtree(stick.node.dir / "state")

    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        shutil.copy(newer, stick.file)
        stick.accepted(agent)
        shutil.copy(older, stick.file)
        stick.refused("replayed", 1)
    reset()
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        stick.sign(stick.content(number=30, validUntil="20200101T000000"))
        stick.refused("expired", 1)
        stick.make("--number", "30", by="old")
        stick.refused("signer-expired", 2)
        shutil.copy(older, stick.file)
        stick.accepted(agent)
        # and from now on it remembers again
        stick.refused("replayed", 3)
    reset()
    anchors.write_text((stick.makers / "thief.pem").read_text())
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        stick.refused("signer-untrusted", 1)
    if "MST_SANITIZED" in os.environ:           # libfaketime and the sanitizers' runtime do not get along
        return
    reset()
    anchors.write_text((stick.makers / "owner.pem").read_text())
    (stick.node.dir / "muster-agent.conf").write_text(plain)
    with stick.node.running(env=at("+2d")) as agent:
        agent.wait_log("no-instructions")
        stick.refused("expired", 1)
    reset()
    with stick.node.running(env=at("@1970-01-01 00:00:10")) as agent:
        agent.wait_log("no-instructions")
        stick.accepted(agent)
        shutil.copy(older, stick.file)
        stick.refused("replayed", 1)


@pytest.mark.parametrize("point", ["bundle-noted", "triggered", "progress-saved"])
def test_a_cut_of_the_power_burns_no_bundle(stick, point):
    """Killed after the bundle was noted as used, and before or after its run was durable (lesson 10)."""
    config = stick.node.dir / "muster-agent.conf"
    plain = config.read_text()
    config.write_text(plain + f'crash_at = "{point}";\n')
    stick.make("--number", "10")
    with subprocess.Popen([AGENT, "-c", str(config), "run"], stderr=subprocess.PIPE, text=True) as agent:
        assert any("no-instructions" in line for line in agent.stderr)
        stick.trigger()
        agent.stderr.read()
        assert agent.wait(RUN_SECONDS) == -signal.SIGKILL, f"{point} was never reached"
    config.write_text(plain)
    with stick.node.running() as agent:
        if point == "bundle-noted":
            agent.wait_log("no-instructions")
            stick.accepted(agent)
        else:
            agent.wait_log("enrolled key=")         # by itself: the run was begun
        stick.refused("replayed", 1)
        stick.make("--number", "9")
        stick.refused("replayed", 2)


def test_without_anchors_nobody_is_believed(inst):
    stick = Stick(inst)
    config = stick.node.dir / "muster-agent.conf"
    config.write_text(config.read_text().replace('bundle_anchors = "owner.pem";\n', ""))
    stick.make()
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        stick.refused("no-anchors", 1)


def test_a_file_of_somebody_else_must_be_signed(inst):
    """Not on a medium: a plain sequence counts by its owner, a bundle by its signature."""
    stick = Stick(inst)
    plain = stick.node.dir / "plain.json"
    shutil.copy(stick.node.dir / "instructions.json", plain)
    plain.chmod(0o666)
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        done = stick.node.agent("trigger", plain)
        assert done.returncode == 1 and "written by others" in done.stderr
        bundle = stick.make(out=stick.node.dir / "loose.bundle")
        bundle.chmod(0o666)
        assert stick.node.agent("trigger", bundle).returncode == 0
        agent.wait_log("enrolled key=")


def test_discovery_by_file_finds_it(inst):
    """A node's own instructions say: look on the medium; also again after the credential is lost (0012)."""
    stick = Stick(inst, bootstrap=True)
    stick.node.instruct({"kind": "discovery", "method": "file", "uri": "muster.bundle"},
                        {"kind": "discovery", "method": "file", "uri": str(stick.file)})
    done = stick.node.run_once()
    assert done.returncode == 1 and "no medium" in done.stderr, done
    stick.make(by="thief-signer")
    done = stick.node.run_once()
    assert done.returncode == 1 and "signer-untrusted" in done.stderr, done
    stick.make(to=("--for", stick.node.id))
    assert stick.node.run_once().returncode == 0
    with stick.node.running() as agent:
        agent.wait_log("enrolled-already")
        assert stick.node.agent("trigger").returncode == 0
        agent.wait_log("enrolled key=")


def test_what_is_put_in_is_found_when_it_is_mounted(stick):
    """The command that udev and systemd run, in a namespace where a medium is mounted meanwhile."""
    source = stick.node.dir / "medium"
    source.mkdir()
    with stick.node.running() as agent:
        agent.wait_log("no-instructions")
        done = stick.node.agent("trigger", "--media")
        assert done.returncode == 1 and "no muster.bundle on any medium" in done.stderr
        done = stick.node.agent("trigger", "--media", "--device", "/dev/null")
        assert done.returncode == 1 and "no block device" in done.stderr
        stick.make(out=source / "muster.bundle")
        conf = stick.node.dir / "muster-agent.conf"
        script = f'"{AGENT}" -c "{conf}" trigger --media --wait 60 & mount --bind "{source}" "{stick.dir}" && wait $!'
        done = run("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
        assert "triggered, attempt" in done.stdout
        agent.wait_log("enrolled key=")


# --- what the system is given to run it: as far as that can be checked without a running systemd ---

def test_the_unit_is_sound(tmp_path):
    """With the program that was built in place of the one that will be installed."""
    text = (BUILD / "conf/systemd/muster-medium@.service").read_text()
    command = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert command.endswith("/muster-agent trigger --media --device /dev/%I --wait 60")
    unit = tmp_path / "muster-medium@.service"
    unit.write_text(text.replace(command.split()[0], f"ExecStart={AGENT}"))
    done = run("systemd-analyze", "verify", "--man=no", unit)
    assert not done.stderr, done.stderr


UDEV = """set -e
mount -t tmpfs none /mnt
for n in null zero urandom; do touch /mnt/$n; mount --bind /dev/$n /mnt/$n; done
mount --move /mnt /dev
mount -t tmpfs none /run
mkdir -p /run/udev/rules.d
cp "$1" /run/udev/rules.d/70-muster-medium.rules
echo "$2" >/run/udev/rules.d/00-device.rules
for device in /sys/class/block/*; do break; done
udevadm test --action="$3" "$device"
"""


@pytest.mark.parametrize("properties, action, wanted", [
    ('ENV{ID_FS_USAGE}="filesystem", ENV{ID_BUS}="usb"', "add", True),
    ('ENV{ID_FS_USAGE}="filesystem", ENV{ID_DRIVE_FLASH_SD}="1"', "change", True),
    ('ENV{ID_FS_USAGE}="filesystem", ENV{ID_BUS}="usb"', "remove", False),
    ('ENV{ID_FS_USAGE}="crypto", ENV{ID_BUS}="usb"', "add", False),
    ('ENV{ID_FS_USAGE}="filesystem", ENV{ID_BUS}="ata"', "add", False),
])
def test_the_rule_wants_the_unit(properties, action, wanted):
    """udev itself reads the rule, in a namespace whose /dev and /run are its own, for a device dressed up as a stick."""
    rule = SOURCE / "conf/udev/70-muster-medium.rules"
    done = run("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", UDEV, "udev", rule, properties, action)
    assert "ID_FS_USAGE=" in done.stdout, done
    assert ("SYSTEMD_WANTS=muster-medium@" in done.stdout) == wanted, done.stdout
    assert "$" not in done.stdout.partition("SYSTEMD_WANTS=")[2].partition("\n")[0]
    assert "70-muster-medium" not in done.stderr.replace("Reading rules file: /run/udev/rules.d/70-muster-medium.rules", ""), done.stderr
