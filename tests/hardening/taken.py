"""A process that somebody has taken over (tests/support/takeover.c): calls are made inside its own sandbox."""
import ctypes
import errno
import os
import signal
import socket
import subprocess

from support import BUILD

FAST_OPEN = 0x20000000            # MSG_FASTOPEN
MPTCP = 262
REFUSED = {-errno.EPERM, -errno.EACCES, -errno.ENOSYS}
AT_FDCWD = -100


class Killed(Exception):
    """It died of the call, by the signal."""


class Taken:
    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.tool = subprocess.Popen([BUILD / "tests/hardening/takeover", str(self.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        assert self.answer() == "attached"
        return self

    def __exit__(self, *exc):
        self.tool.stdin.close()
        status = self.tool.wait()
        self.tool.stdout.close()
        self.tool.stderr.close()
        assert exc[0] or status == 0

    def answer(self):
        line = self.tool.stdout.readline()
        if not line.startswith("= "):
            raise AssertionError(f"takeover of {self.pid}: {line!r} {self.tool.stderr.read()}")
        return line[2:].strip()

    def call(self, name, *args):
        words = [name] + [f"s:{a}" if isinstance(a, (str, os.PathLike)) and not str(a).startswith(("z:", "h:")) else
                          f"h:{a.hex()}" if isinstance(a, bytes) else str(a) for a in args]
        self.tool.stdin.write(" ".join(words) + "\n")
        self.tool.stdin.flush()
        got = self.answer()
        if got.startswith("killed "):
            raise Killed(signal.Signals(int(got.split()[1])).name)
        return int(got)

    def peek(self, n):
        self.tool.stdin.write(f"peek {n}\n")
        self.tool.stdin.flush()
        return bytes.fromhex(self.answer())

    def open(self, path, flags=os.O_RDONLY):
        return self.call("openat", AT_FDCWD, path, flags, 0o600)

    def refused(self, name, *args):
        """None when it was; else what it gave."""
        got = self.call(name, *args)
        return None if got in REFUSED else f"{name}{args} gave {got}"

    def dies_of(self, name, *args):
        try:
            got = self.call(name, *args)
        except Killed as by:
            assert str(by) == "SIGSYS", by
            return True
        raise AssertionError(f"{name}{args} gave {got}")

    def connect(self, port):
        """To a listener on loopback: a descriptor, or what it was refused with."""
        fd = self.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        if fd < 0:
            return fd
        got = self.call("connect", fd, address(port), 16)
        return got if got < 0 else fd

    def goes_out_by_listening(self, fd, outside):
        """The way out without connect(): a socket that listened is shut, so that it is a new one, and told with the first octets where to go. None when
        each step was refused; else what the steps gave, and what came outside."""
        shut = self.call("shutdown", fd, socket.SHUT_RDWR)
        got = self.call("sendto", fd, b"stolen", 6, FAST_OPEN, address(outside.getsockname()[1]), 16)
        if shut == got == -errno.EPERM:
            return None
        outside.settimeout(20)
        with outside.accept()[0] as came:
            came.settimeout(20)
            self.call("sendto", fd, b"stolen", 6, 0, 0, 0)
            return shut, got, came.recv(6)

    def goes_past_ports(self, port):
        """What a rule of Landlock for ports of TCP does not see: the first octets say where to, or it is TCP by another protocol's name. What was not refused."""
        fd = self.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        got = [self.call("sendto", fd, b"stolen", 6, FAST_OPEN, address(port), 16)]
        self.call("close", fd)
        fd = self.call("socket", socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        got.append(self.call("connect", fd, address(port), 16) if fd >= 0 else fd)
        self.call("close", fd)
        return [r for r in got if r not in REFUSED]

    def asks_administration(self, path):
        """What is answered to it at that local socket: None when it does not get there, b"" when it is turned away."""
        fd = self.call("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)
        if fd < 0:
            assert fd in REFUSED
            return None
        where = socket.AF_UNIX.to_bytes(2, "little") + os.fsencode(path) + b"\0"
        try:
            got = self.call("connect", fd, where, len(where))
            if got < 0:
                assert got in REFUSED, got
                return None
            request = b"GET /v1/status HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\r\n"
            self.call("write", fd, request, len(request))
            got = self.call("read", fd, "z:512", 512)
            return self.peek(min(got, 64)) if got > 0 else b""
        finally:
            self.call("close", fd)


def landlock():
    """The version that this kernel has; TCP is its business from the fourth on."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1)


def address(port):
    return socket.AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
