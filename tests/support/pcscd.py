"""A pcscd with one virtual reader that listens on the loopback of a network of its own, so that no other pcscd of the machine is met; needs
root or unprivileged user namespaces."""
import os
import subprocess

from waiting import until

DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
PORT = 0x8C7B


class Pcscd:
    def __init__(self, path):
        conf = path / "readers"
        conf.mkdir()
        (conf / "vpcd").write_text(f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH {DRIVER}\nCHANNELID 0x8C7B\n')
        self.log = path / "pcscd.log"
        script = f"mount -t tmpfs none /run && mkdir /run/pcscd && ip link set lo up && exec pcscd --foreground --error --config {conf}"
        root = [] if os.geteuid() == 0 else ["--map-root-user"]
        with open(self.log, "wb") as out:
            self.p = subprocess.Popen(["unshare", *root, "--mount", "--net", "sh", "-c", script], stdout=out, stderr=out)
        until("pcscd is there", self.is_there, context=self.said)

    def said(self):
        return self.log.read_text(errors="replace")

    def inside(self, *args):
        root = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self.p.pid}", "--mount", "--net", *root, "--", *args]

    def beside(self):
        """Before a command: it sees this pcscd; network and user stay the test's."""
        root = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ("nsenter", f"--target={self.p.pid}", "--mount", *root, "--")

    @property
    def socket(self):
        """Where programs outside find it (PCSCLITE_CSOCK_NAME), those in a sandbox excepted."""
        return f"/proc/{self.p.pid}/root/run/pcscd/pcscd.comm"

    def is_there(self):
        assert self.p.poll() is None, self.said()
        listing = subprocess.run(self.inside("ss", "-Hltn", "sport", "=", str(PORT)), capture_output=True, text=True, check=False)
        return str(PORT) in listing.stdout and subprocess.run(self.inside("test", "-S", "/run/pcscd/pcscd.comm"), check=False).returncode == 0

    def close(self):
        self.p.terminate()
        self.p.wait(timeout=60)
