"""Waiting for events of other processes, with a deadline. Everything that tests in Python wait for and that cannot be
read from a descriptor is waited for here: tools/check-house lets no other file pause.
"""
import errno
import pathlib
import random
import socket
import time

DEADLINE = 60
PAUSE = 0.02


def until(what, check, seconds=DEADLINE, context=str):
    """What `check` gives as soon as it gives something. When it does not in time, the failure has `what` and, from
    `context`, what there was instead. A `check` that raises ends the waiting: what cannot come is not waited for."""
    end = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= end          # before the last look: a machine that stood still is no failure
        got = check()
        if got:
            return got
        if late:
            raise AssertionError(f"not within {seconds} s: {what}\n{context()}")
        time.sleep(PAUSE)


LOWEST = 12288          # before them are those of `muster demo`
TAKEN = {}              # port: what holds it for this process until it ends


def candidates(first):
    """Ports that the kernel, which begins at `first`, gives to nobody who asks for any: a daemon's port that is free now is so when it starts.
    Where it begins so low that hardly any are left, all."""
    return range(LOWEST, first) if first - LOWEST >= 1000 else range(LOWEST, 65536)


def _free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _take(port):
    """None when somebody has it."""
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0muster-test-port-{port}")
    except OSError as e:
        mark.close()
        if e.errno != errno.EADDRINUSE:
            raise
        return None
    if _free(port):
        return mark
    mark.close()
    return None


def free_port(row=1):
    """A port for TCP and UDP on loopback which no other test on this machine is given while this process lives: the name
    of a socket is held for it, which is one to a network namespace as the port is, and goes with us however we end.
    `row`: the first of so many, one after the other."""
    ports = candidates(int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]))
    for _ in range(4 * len(ports)):
        port = random.choice(ports)
        marks = {}
        for p in range(port, min(port + row, ports.stop)):
            if not (mark := _take(p)):
                break
            marks[p] = mark
        if len(marks) == row:
            TAKEN.update(marks)
            return port
        for mark in marks.values():
            mark.close()
    raise AssertionError("no port is free")
