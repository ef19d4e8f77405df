"""Hosts on a LAN of their own: a network namespace each on one bridge, with the real daemons of a LAN.
Root makes the namespaces (CI and this project's tests run as root; `ip netns` needs it).
"""
import os
import pathlib
import signal
import subprocess

from support import START_SECONDS, run, until

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
"""


class Lan:
    """One bridge in a namespace of its own; hosts are 10.77.0.1, .2, …"""

    def __init__(self, path, names):
        self.dir, self.tag = pathlib.Path(path), f"mu{os.getpid()}"
        self.hosts = {}
        self.switch = f"{self.tag}-sw"
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")
        for i, name in enumerate(names, 1):
            self.hosts[name] = Host(self, name, i)

    def __getitem__(self, name):
        return self.hosts[name]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for host in self.hosts.values():
            host.close()
        run("ip", "netns", "del", self.switch)


class Host:
    def __init__(self, lan, name, number):
        self.name, self.ns, self.address = name, f"{lan.tag}-{name}", f"10.77.0.{number}"
        self.dir = lan.dir / f"host-{name}"
        self.dir.mkdir(parents=True)
        self.env = dict(os.environ)
        self.processes = []
        self.port = f"v{lan.tag[2:]}{number}"           # at most 15 octets
        run("ip", "netns", "add", self.ns)
        run("ip", "link", "add", self.port, "netns", lan.switch, "type", "veth", "peer", "name", "eth0", "netns", self.ns)
        run("ip", "-n", lan.switch, "link", "set", self.port, "master", "br0", "up")
        run("ip", "-n", self.ns, "link", "set", "lo", "up")
        run("ip", "-n", self.ns, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.ns, "link", "set", "eth0", "up")
        run("ip", "-n", self.ns, "route", "add", "224.0.0.0/4", "dev", "eth0")

    def inside(self, *args):
        return ["ip", "netns", "exec", self.ns, *[str(a) for a in args]]

    def start(self, *args, log, ready=None):
        """A daemon; `ready`: words in its log that say that it serves."""
        path = self.dir / log
        with open(path, "wb") as out:
            p = subprocess.Popen(self.inside(*args), stdout=out, stderr=out, env=self.env, cwd=self.dir)
        self.processes.append(p)

        def said():
            return path.read_text(errors="replace")

        def is_ready():
            ended = p.poll() is not None
            assert ready in said() or not ended, f"{args} ended with {p.returncode}: {said()[-3000:]}"
            return ready in said()
        if ready:
            until(f"{args} is ready", is_ready, START_SECONDS, lambda: said()[-3000:])
        return p

    def bus(self):
        """A system bus that only this host's programs know."""
        path = self.dir / "bus"
        (self.dir / "bus.conf").write_text(BUS.format(path=path))
        self.start("dbus-daemon", f"--config-file={self.dir / 'bus.conf'}", "--nofork", "--print-address=1", log="bus.log",
                   ready="unix:path=")
        self.env["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={path}"

    def avahi(self):
        """The real mDNS daemon; its directory in /run is a mount that only it sees."""
        self.bus()
        (self.dir / "avahi.conf").write_text(
            f"[server]\nhost-name={self.name}\nallow-interfaces=eth0\n[publish]\npublish-workstation=no\n")
        os.makedirs("/run/avahi-daemon", exist_ok=True)
        self.start("unshare", "-m", "sh", "-c", "mount -t tmpfs none /run/avahi-daemon && exec avahi-daemon -f "
                   f"{self.dir / 'avahi.conf'} --no-chroot --no-drop-root --no-rlimits", log="avahi.log",
                   ready="Server startup complete")

    def publish(self, instance, kind, port, *txt):
        return self.start("avahi-publish", "-s", instance, kind, port, *txt, log=f"publish-{len(self.processes)}.log",
                          ready="Established under name")

    def close(self):
        for p in reversed(self.processes):
            p.send_signal(signal.SIGTERM)
        for p in self.processes:
            try:
                p.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait(START_SECONDS)
        run("ip", "netns", "del", self.ns)
