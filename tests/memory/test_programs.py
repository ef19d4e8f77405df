"""Programs of which each allocation fails in turn: they end with a message and a failure, or as if nothing had
happened; never by a signal, and never with half a result. libconfig 1.5 does not look at what malloc() gives it,
and OpenSSL 3.0 not while it initialises itself: their own allocations are spared (OpenSSL's, once it runs, fail
in test-tls-memory and test-pki-memory).
"""
import os

import pytest

from support import BUILD, MUSTER, MUSTERD, run

SPARED = "libconfig libcrypto libssl"


@pytest.fixture
def place(tmp_path):
    run(MUSTER, "init", "provider", cwd=tmp_path)
    run(MUSTER, "cert", "ca", "acme", cwd=tmp_path)
    return tmp_path


def files(directory):
    return {str(p.relative_to(directory)) for p in directory.rglob("*")}


def attempt(place, command, n):
    env = {**os.environ, "LD_PRELOAD": str(BUILD / "tests/memory/libfailmalloc-preload.so"), "MST_FAIL_AT": str(n),
           "MST_FAIL_SPARE": SPARED, "MST_FAIL_REPORT": str(place.parent / "count")}
    done = run(*command, cwd=place, check=False, env=env)
    return done, int((place.parent / "count").read_text())


@pytest.mark.parametrize("command,made", [
    ([MUSTERD, "-c", "provider/musterd.conf", "--check"], None),
    ([MUSTERD, "-c", "provider/musterd.conf", "--print-config"], None),
    ([MUSTER, "cert", "issue", "--ca", "acme", "--node-id", "urn:dev:ops:00004C-acme-000001", "--out", "node"],
     {"node.pem", "node.key"}),
    ([MUSTER, "cert", "ca", "globex"], {"globex.pem", "globex.key"}),
    ([MUSTER, "cert", "show", "acme.pem"], None),
], ids=["musterd-check", "musterd-print-config", "cert-issue", "cert-ca", "cert-show"])
def test_every_allocation(place, command, made):
    before = files(place)
    good, total = attempt(place, command, 0)
    assert good.returncode == 0, good.stderr
    assert total > 3
    refused = 0
    for n in range(1, total + 1):
        for name in made or ():
            (place / name).unlink(missing_ok=True)
        done, _ = attempt(place, command, n)
        assert done.returncode in (0, 1, 2, 3), (n, done)
        if done.returncode == 0:
            assert done.stdout == good.stdout and files(place) == before | (made or set()), (n, done)
            continue
        refused += 1
        assert done.stderr.strip(), (n, done)
        # what is there is whole: half a pair is taken away again, or replaced by the next try
        for name in (files(place) - before):
            assert (place / name).stat().st_size > 0, (n, name, done)
    # the certificate maker's own allocations are all the C library's and OpenSSL's
    assert refused > 0 or made
