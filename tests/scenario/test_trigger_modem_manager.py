"""Story: the node's modem belongs to ModemManager. A text message arrives there, the agent reads it over D-Bus, follows
it and deletes it. The bus is the test's own; ModemManager is a stand-in with its names and signatures, because the real
one needs a modem.
"""
import pathlib
import subprocess
import sys

import pytest

from support import START_SECONDS
from trigger_support import enrolled_node, make, pushed, wait_pushed, wait_refused

HERE = pathlib.Path(__file__).resolve().parent


class Bus:
    """A dbus-daemon of the test's own."""

    def __init__(self, path):
        path.mkdir()
        self.socket = path / "bus.sock"
        self.address = f"unix:path={self.socket}"
        self.conf = path / "bus.conf"
        self.conf.write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
            '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n'
            f'<busconfig><type>session</type><listen>{self.address}</listen><auth>EXTERNAL</auth>'
            '<policy context="default"><allow send_destination="*" eavesdrop="false"/><allow eavesdrop="false"/><allow own="*"/></policy></busconfig>\n')
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.conf}", "--nofork", "--nopidfile", "--print-address"],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().startswith("unix:")
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(START_SECONDS)
            self.process.stdout.close()
            self.socket.unlink(missing_ok=True)
            self.process = None


class ModemManager:
    def __init__(self, bus, *waiting):
        """`waiting`: texts that were received before anybody looked."""
        self.process = subprocess.Popen([sys.executable, str(HERE / "fake_modem_manager.py"), bus.address, *waiting],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.paths = [self.read("added") for _ in waiting]
        self.read("ready")

    def read(self, word):
        line = self.process.stdout.readline()
        assert line.startswith(word + " "), line
        return line.split()[1]

    def put(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read("added")

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(START_SECONDS)
        self.process.stdout.close()


@pytest.fixture
def bus(tmp_path):
    one = Bus(tmp_path / "bus").start()
    yield one
    one.stop()


def test_messages_are_read_followed_and_deleted(split, bus):
    split.start()
    node, _ = enrolled_node(split, 1, f'modem_manager = "on"; bus = "{bus.address}";', listen=False)
    waiting = make(split, node, "--what", "check")[1]["text"]
    modem = ModemManager(bus, waiting)
    try:
        with node.running() as agent:
            # it came while the agent was away
            agent.wait_log("triggered by=mm what=check")
            assert modem.read("deleted") == modem.paths[0]
            assert pushed(node)["modemManager"] == "connected"
            octets, made = make(split, node, "--what", "check")
            path = modem.put("data " + octets.hex())
            agent.wait_log("triggered by=mm what=check")
            assert modem.read("deleted") == path
            # refused, but a trigger in form: deleted as well
            path = modem.put("text " + made["text"])
            wait_refused(node, "replayed")
            assert modem.read("deleted") == path
            # somebody's letter stays, and so does one of which parts are missing
            modem.put("text Are you coming home?")
            wait_refused(node, "malformed")
            modem.put("receiving m1:AAAA")
            path = modem.put("text " + make(split, node, "--what", "renew")[1]["text"])
            agent.wait_log("triggered by=mm what=renew")
            assert modem.read("deleted") == path
            agent.wait_log(r" enrolled key=")
            assert pushed(node)["refused"] == {"replayed": 1, "malformed": 1}
    finally:
        modem.stop()


def test_without_a_bus_and_with_a_modem_that_comes_later(split, bus):
    """The agent needs no bus; ModemManager may start, and start again, when it likes."""
    split.start()
    node, _ = enrolled_node(split, 1, f'modem_manager = "on"; bus = "{bus.address}.not-there";', listen=False)
    with node.running() as agent:
        agent.wait_log("modem-manager why=")
        agent.wait_log("enrolled-already")
        assert pushed(node)["modemManager"] == "no bus"
        assert node.agent("check").returncode == 0
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace(".not-there", ""))
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        wait_pushed(node, lambda p: p["modemManager"] == "connected")
        for _ in range(2):
            modem = ModemManager(bus, make(split, node, "--what", "check")[1]["text"])
            try:
                agent.wait_log("triggered by=mm what=check")
                modem.read("deleted")
            finally:
                modem.stop()
        # the bus goes away under it
        bus.stop()
        agent.wait_log("modem-manager why=")
        assert node.agent("check").returncode == 0
