"""Waiting for events of other processes, with a deadline. Everything that tests in Python wait for and that cannot be
read from a descriptor is waited for here: tools/check-house lets no other file pause.
"""
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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
