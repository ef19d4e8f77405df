"""Story: the node has a modem. The provider sends a short message, the node dials out. With the real programs: gammu-smsd
with gammu's dummy phone at both ends, Kannel with its fake message centre.
"""
import pathlib
import re
import signal
import socket
import subprocess
import urllib.parse

import pytest

from support import AGENT, START_SECONDS, free_port, until
from trigger_support import enrolled_node, make, wait_refused

SOURCE = pathlib.Path(__file__).resolve().parents[2]
NUMBER = "+491701234567"
SMS_SECONDS = 150          # smsd looks once a second on a machine that has nothing else to do
FAKESMSC = "/usr/lib/kannel/test/fakesmsc"


class Program:
    """One process of a real gateway; ended when the test is over."""

    def __init__(self, log, *args):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(a) for a in args], stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(START_SECONDS)


class Smsd:
    """gammu-smsd with files and a dummy phone; `hook` is run on receive."""

    def __init__(self, path, hook=""):
        self.dir = path
        for name in ("in", "out", "sent", "err", *(f"phone/sms/{n}" for n in range(1, 6))):
            (path / name).mkdir(parents=True)
        self.conf = path / "smsdrc"
        self.conf.write_text(
            f"[gammu]\nmodel = dummy\nconnection = none\nport = {path}/phone\ngammuloc = /dev/null\n\n[smsd]\nservice = files\n"
            f"inboxpath = {path}/in/\noutboxpath = {path}/out/\nsentsmspath = {path}/sent/\nerrorsmspath = {path}/err/\n"
            f"logfile = {path}/smsd.log\ncommtimeout = 1\nloopsleep = 1\nreceivefrequency = 1\nchecksecurity = 0\ncheckbattery = 0\nchecksignal = 0\nhangupcalls = 0\n"
            + (f"RunOnReceive = {hook}\n" if hook else ""))

    def start(self):
        self.program = Program(self.dir / "smsd.out", "gammu-smsd", "-c", self.conf)
        return self

    def stop(self):
        self.program.stop()

    def receive(self, *, text=None, octets=None, name="1"):
        """A message arrives in the phone, as its network would put it there."""
        body = text.encode("utf-16-be") if text else octets
        new = self.dir / "phone/sms/1" / f".{name}"
        new.write_text("[SMSBackup000]\nPDU = Deliver\nDateTime = 20261128T064013Z\nState = UnRead\n"
                       "Number = \"+49800\"\n" f"Text00 = {body.hex().upper()}\nCoding = {'Default_No_Compression' if text else '8bit'}\nFolder = 1\n"
                       f"Length = {len(text or octets)}\nClass = -1\n")
        new.rename(new.with_name(name))

    def wait_sent(self):
        """The text of the message that the phone has sent. smsd copies it, then takes away what it has copied."""
        def look():
            sent = [p for p in (self.dir / "sent").iterdir() if p.is_file()]
            return sent if not any((self.dir / "out").iterdir()) else None
        found = until("a message that was sent", look, SMS_SECONDS, lambda: (self.dir / "smsd.log").read_text()[-3000:])
        return found[0]


@pytest.fixture
def ends():
    """Everything that was started ends with the test."""
    started = []
    yield started
    for one in reversed(started):
        one.stop()


def hook_of(node):
    """The shipped RunOnReceive script, as gammu-smsdrc would name it."""
    return (f"MUSTER_AGENT={AGENT} MUSTER_AGENT_CONF={node.dir}/muster-agent.conf MUSTER_INBOX={node.dir}/modem/in "
            f"MUSTER_SMS_LOG={node.dir}/hook.log {SOURCE}/conf/sms/muster-gammu-receive")


def test_gammu_end_to_end(split, ends):
    """outbox → gammu-smsd → the air → gammu-smsd → RunOnReceive → agent → a run."""
    split.start()
    node, _ = enrolled_node(split, listen=False)
    provider = Smsd(split.dir / "gammu").start()
    ends.append(provider)
    (split.dir / "trigger.conf").write_text('sms = { method = "outbox"; outbox = "gammu/out"; };\n')
    split.muster("node", "number", node.id, NUMBER)
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        modem = Smsd(node.dir / "modem", hook_of(node)).start()
        ends.append(modem)
        said = split.muster("trigger", node.id, "--what", "renew", "--via", "sms").stdout
        assert NUMBER in said
        sent = provider.wait_sent()
        assert NUMBER in sent.name
        text = sent.read_text()
        assert text.startswith("m1:") and len(text) <= 160
        modem.receive(text=text)
        agent.wait_log("triggered by=sms what=renew", SMS_SECONDS)
        agent.wait_log(r" enrolled key=", SMS_SECONDS)
        # somebody's letter, and the same message once more
        modem.receive(text="Are you coming home?", name="2")
        wait_refused(node, "malformed", seconds=SMS_SECONDS)
        modem.receive(text=text, name="3")
        wait_refused(node, "other-key", seconds=SMS_SECONDS)
        # 8-bit coding: the octets lie in a file of the inbox
        octets, _ = make(split, node, "--what", "check")
        modem.receive(octets=octets, name="4")
        agent.wait_log("triggered by=sms what=check", SMS_SECONDS)
    log = (node.dir / "hook.log").read_text()
    assert "triggered, attempt" in log and "refused: malformed" in log, log
    event = split.events("--what", "node.triggered")[0]
    assert "via sms" in event["why"], event


def test_gammu_smsd_inject(split, ends):
    split.start()
    node, _ = enrolled_node(split, listen=False)
    provider = Smsd(split.dir / "gammu")
    (split.dir / "trigger.conf").write_text('sms = { method = "inject"; gammu_config = "gammu/smsdrc"; };\n')
    split.muster("trigger", node.id, "--via", "sms", "--to", NUMBER)
    ends.append(provider.start())
    sent = provider.wait_sent()
    assert NUMBER in sent.name and "; m1:" in sent.read_text()


class Kannel:
    """bearerbox, smsbox and the fake message centre on loopback."""

    def __init__(self, path):
        self.dir = path
        path.mkdir()
        self.admin, self.box, self.smsc, self.http = (free_port() for _ in range(4))
        self.conf = path / "kannel.conf"
        self.conf.write_text(
            f"group = core\nadmin-port = {self.admin}\nadmin-password = admin\nadmin-interface = 127.0.0.1\nsmsbox-port = {self.box}\n"
            f"smsbox-interface = 127.0.0.1\nlog-level = 0\nbox-deny-ip = \"*.*.*.*\"\nbox-allow-ip = \"127.0.0.1\"\n\n"
            f"group = smsc\nsmsc = fake\nsmsc-id = fake\nport = {self.smsc}\nconnect-allow-ip = 127.0.0.1\n\n"
            f"group = smsbox\nbearerbox-host = 127.0.0.1\nbearerbox-port = {self.box}\nsendsms-port = {self.http}\nsendsms-interface = 127.0.0.1\nlog-level = 0\n\n"
            "group = sendsms-user\nusername = muster\npassword = s3cret&=\nuser-allow-ip = \"127.0.0.1\"\nmax-messages = 1\nconcatenation = false\n\n"
            "group = sms-service\nkeyword = default\nmax-messages = 0\ntext = \"\"\n")
        self.password = path / "password"
        self.password.write_text("s3cret&=\n")
        self.password.chmod(0o600)

    def listens(self, port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def start(self, ends):
        def begin(name, port, *args):
            program = Program(self.dir / f"{name}.log", *args)
            ends.append(program)
            if port:
                until(f"{name} listens", lambda: self.listens(port), START_SECONDS, program.text)
            return program

        begin("bearerbox", self.smsc, "/usr/sbin/bearerbox", "-v", "0", self.conf)
        begin("smsbox", self.http, "/usr/sbin/smsbox", "-v", "0", self.conf)
        # it sends one message of its own, then waits for what is sent to it
        self.centre = begin("fakesmsc", None, FAKESMSC, "-H", "127.0.0.1", "-r", self.smsc, "-m", "1", "-i", "1", "800 801 text hello")
        return self

    def received(self):
        """Messages that the centre got: (number, kind, text)."""
        return re.findall(r"(?:received|got) message [^<]*<\S+ (\S+) (text|data) ([^>]*)>", self.centre.text(), re.I)

    def wait_received(self):
        return until("a message at the centre", self.received, SMS_SECONDS,
                     lambda: self.centre.text() + (self.dir / "smsbox.log").read_text()[-3000:])[-1]


@pytest.mark.parametrize("form", ["text", "binary"])
def test_kannel_end_to_end(split, ends, form):
    """HTTP gateway: sendsms → bearerbox → message centre → the node's modem → agent → a run."""
    split.start()
    node, _ = enrolled_node(split, listen=False)
    kannel = Kannel(split.dir / "kannel").start(ends)
    (split.dir / "trigger.conf").write_text(
        f'sms = {{ method = "http"; url = "http://127.0.0.1:{kannel.http}/cgi-bin/sendsms"; username = "muster";\n'
        f'  password_file = "kannel/password"; from = "+49800"; form = "{form}"; }};\n')
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        modem = Smsd(node.dir / "modem", hook_of(node)).start()
        ends.append(modem)
        split.muster("trigger", node.id, "--what", "renew", "--via", "sms", "--to", NUMBER)
        number, kind, text = kannel.wait_received()
        assert number.replace("%2B", "+") == NUMBER, (number, kind, text)
        # the centre writes text as it is and octets percent-encoded
        if form == "text":
            assert kind == "text"
            modem.receive(text=text)
        else:
            assert kind == "data"
            modem.receive(octets=urllib.parse.unquote_to_bytes(text.replace("+", " ")))
        agent.wait_log("triggered by=sms what=renew", SMS_SECONDS)
        agent.wait_log(r" enrolled key=", SMS_SECONDS)
    # what the gateway refuses is said, with its words
    kannel.password.write_text("wrong\n")
    refused = split.muster("trigger", node.id, "--via", "sms", "--to", NUMBER, check=False)
    assert refused.returncode == 1 and "403" in refused.stderr, refused.stderr


def test_settings_of_the_way_out(split):
    """Bad settings: file, line and what would be right; no counter moves."""
    split.start()
    node, _ = enrolled_node(split, listen=False)
    conf = split.dir / "trigger.conf"
    secret = split.dir / "secret"
    secret.write_text("x\n")
    secret.chmod(0o600)
    http = 'method = "http"; username = "u"; password_file = "secret"; url = '
    for settings, word in (
            ("sms = {", "syntax"), ("", "sms = {"), ('sms = { };', "sms.method"), ('sms = { method = "pigeon"; };', "outbox, inject or http"),
            ('sms = { method = "outbox"; };', "sms.outbox"), ('sms = { method = "outbox"; outbox = "o"; colour = "red"; };', "sms.colour"),
            ('sms = { method = "outbox"; outbox = "o"; form = "binary"; };', "8-bit"),
            (f'sms = {{ {http}"https://gateway.example.com/sendsms"; }};', "http://host"),
            (f'sms = {{ {http}"http://user@127.0.0.1/"; }};', "http://host"),
            (f'sms = {{ {http}"http://127.0.0.1:99999/"; }};', "http://host"),
            ('sms = { method = "http"; username = "u"; url = "http://127.0.0.1/"; };', "password_file")):
        conf.write_text(settings + "\n")
        done = split.muster("trigger", node.id, "--via", "sms", "--to", NUMBER, check=False)
        assert done.returncode == 1 and word in done.stderr, (settings, done.stderr)
    secret.chmod(0o644)
    conf.write_text(f'sms = {{ {http}"http://127.0.0.1/"; }};\n')
    done = split.muster("trigger", node.id, "--via", "sms", "--to", NUMBER, check=False)
    assert done.returncode == 1 and "chmod 600" in done.stderr, done.stderr
    assert split.events("--what", "node.triggered") == []
    # from here on the trigger is made, and cannot be sent
    secret.chmod(0o600)
    for url, word in (("http://192.0.2.1/sendsms", "not on this machine"), (f"http://127.0.0.1:{free_port()}/sendsms", "refused")):
        conf.write_text(f'sms = {{ {http}"{url}"; }};\n')
        done = split.muster("trigger", node.id, "--via", "sms", "--to", NUMBER, check=False)
        assert done.returncode == 3 and word in done.stderr.lower() + done.stderr, done.stderr
    conf.write_text('sms = { method = "outbox"; outbox = "nowhere"; };\n')
    done = split.muster("trigger", node.id, "--via", "sms", "--to", NUMBER, check=False)
    assert done.returncode == 3 and "nowhere" in done.stderr, done.stderr
    done = split.muster("trigger", node.id, "--via", "sms", check=False)
    assert done.returncode == 1 and "muster node number" in done.stderr, done.stderr
