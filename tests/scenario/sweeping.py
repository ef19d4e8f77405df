"""Failure sweeps: in turn the n-th call of a kind fails in one process while a node enrols (tests/support/failcall.h)."""
import ctypes
import errno
import mmap
import os
import pathlib
import subprocess
import zlib

from support import AGENT, BUILD, RUN_SECONDS, run

PRELOAD = BUILD / "tests/support/libfailcall-preload.so"
KINDS = 48
MEMORY = "memory"
SHORT = 0               # half of it is read, or written
# What does not last: half of it for ever goes on; and for a lock SQLite has a patience of its own, minutes of it in all.
PASSING = (SHORT, "EINTR", "ENOLCK", "ECONNABORTED")
# What a call may plausibly end with; where nothing is said, EIO and ENOMEM.
ERRORS = {
    "open": ("EIO", "EMFILE", "ENFILE", "EACCES", "ENOSPC"), "fopen": ("EIO", "EMFILE", "EACCES"), "fread": ("EIO",),
    "read": ("EIO", "EINTR", SHORT), "pread": ("EIO", SHORT), "write": ("ENOSPC", "EIO", "EINTR", SHORT), "pwrite": ("ENOSPC", "EIO", SHORT),
    "log": ("ENOSPC", SHORT), "fsync": ("EIO", "ENOSPC"), "ftruncate": ("EIO", "ENOSPC"), "rename": ("EIO", "ENOSPC", "EACCES"),
    "link": ("EIO", "EMLINK"), "unlink": ("EIO", "EACCES"), "mkdir": ("ENOSPC", "EACCES"), "stat": ("EIO", "EACCES"), "access": ("EACCES",),
    "opendir": ("EMFILE", "ENOMEM"), "readdir": ("EIO",), "chmod": ("EIO", "EPERM"), "flock": ("EINTR", "ENOLCK"), "lock": ("ENOLCK", "EINTR"), "dup": ("EMFILE",), "fcntl": ("EIO",),
    "mmap": ("ENOMEM",), "mlock": ("ENOMEM",), "socket": ("EMFILE", "ENFILE", "ENOBUFS"), "connect": ("ECONNREFUSED", "ENETUNREACH"),
    "bind": ("EADDRINUSE",), "listen": ("EADDRINUSE",), "accept": ("EMFILE", "ENFILE", "ECONNABORTED", "EINTR"), "sockopt": ("ENOBUFS",),
    "sockname": ("ENOBUFS",), "send": ("ECONNRESET", "EPIPE", "EINTR", SHORT), "recv": ("ECONNRESET", "EINTR", "ENOMEM", SHORT),
    "sendmsg": ("ENOBUFS", "ENOMEM", "EINTR"), "recvmsg": ("ENOMEM", "EINTR"), "socketpair": ("EMFILE",), "pipe": ("EMFILE",), "epoll_ctl": ("ENOMEM", "ENOSPC"), "eventfd": ("EMFILE",), "timerfd": ("EMFILE",),
    "epoll_wait": ("EINTR",), "getrandom": ("EINTR", "ENOSYS"), "fork": ("EAGAIN", "ENOMEM"), "pthread": ("EAGAIN",), MEMORY: ("ENOMEM",),
}


class _Calls(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 12), ("count", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [("armed", ctypes.c_bool), ("lasting", ctypes.c_bool), ("count", ctypes.c_uint), ("fail_at", ctypes.c_uint)]


class _Page(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint) for n in ("armed", "kind", "at", "error", "lasting", "hits", "pid")] + [
        ("memory", _Memory), ("calls", _Calls * KINDS), ("trace", ctypes.c_char * 2048)]


class Page:
    """What one process shares with us."""

    def __init__(self, directory, process):
        self.process = process
        path = pathlib.Path(directory) / process
        path.write_bytes(bytes(ctypes.sizeof(_Page)))
        with open(path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), ctypes.sizeof(_Page))
        self.page = _Page.from_buffer(self.memory)

    def arm(self, kind=None, at=0, error=SHORT, lasting=False):
        """Nothing fails without a kind; what is called is counted."""
        p = self.page
        self.disarm()
        for c in p.calls:
            c.count = 0
        p.memory.count, p.hits, p.trace = 0, 0, b""
        p.kind = 0
        p.memory.fail_at = at if kind == MEMORY else 0
        p.memory.lasting = lasting
        if kind and kind != MEMORY:
            p.kind = [c.name.decode() for c in p.calls].index(kind)
        p.at, p.lasting, p.error = at, lasting, error and getattr(errno, error)
        p.armed, p.memory.armed = 1, True

    def disarm(self):
        self.page.armed, self.page.memory.armed = 0, False

    @property
    def hits(self):
        return self.page.hits

    @property
    def trace(self):
        return self.page.trace.decode(errors="replace")

    def counts(self):
        found = {c.name.decode(): c.count for c in self.page.calls if c.count}
        if self.page.memory.count:
            found[MEMORY] = self.page.memory.count
        return found


def environment(directory):
    # not while OpenSSL 3.0 begins; once it runs, in musterd and in test-tls-memory
    return {**os.environ, "LD_PRELOAD": str(PRELOAD), "MST_FAULT_DIR": str(directory), "MST_FAIL_SPARE": "libcrypto libssl"}


def write_figures(path, rows):
    """Put them into the table between the marks; what was not swept this time stays as it is."""
    text = pathlib.Path(path).read_text()
    mark, end = "<!-- figures: make sweep -->\n", "\n<!-- end of figures -->\n"
    assert mark in text and end in text, path
    head, old, tail = text.split(mark)[0], text.split(mark)[1].split(end)[0], text.split(end)[1]
    table = {tuple(line.split(" | ")[:2]): line for line in old.strip().splitlines()[2:]}
    for process, what, calls, faults, found in rows:
        table[f"| {process}", what] = f"| {process} | {what} | {calls:,} | {faults:,} | " + " | ".join(
            f"{found.get(o, 0):,}" for o in ("went on", "refused", "ended", "missed")) + " |"
    lines = ["", "| process | what fails | calls | faults | went on | refused | a process ended | not reached |",
             "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |", *table.values()]
    pathlib.Path(path).write_text(head + mark + "\n".join(lines) + "\n" + end + tail)


def points(counts, step=1, each=True, for_ever=True):
    """(kind, n, errno, lasting) of every fault: each call once and from then on, with one errno after the other of those that it
    may end with. With a `step`, every so manieth of each kind, and of `each` kind one at least; otherwise every
    so manieth of all. Which ones does not depend on how many there are: one call more or less is chance, and what was never tried
    is not tried first in somebody's CI. Not `for_ever`: only once, which is what a process recovers from without a pause of its
    supervisor's."""
    chosen = []
    for kind, n in sorted(counts.items()):
        every = []
        lasting = [e for e in ERRORS[kind] if e not in PASSING]
        for at in range(1, n + 1):
            every.append((kind, at, ERRORS[kind][at % len(ERRORS[kind])], False))
            # without memory for ever each question waits for its deadline, a minute of it
            if for_ever and lasting and (kind != MEMORY or step == 1 and at % 500 == 1):
                every.append((kind, at, lasting[at % len(lasting)], True))
        chosen += (every[step // 2::step] or every[len(every) // 2:][:1]) if each else every
    if each:
        return chosen
    return [f for f in chosen if zlib.crc32(repr(f).encode()) % step == 0] or chosen[len(chosen) // 2:][:1]
