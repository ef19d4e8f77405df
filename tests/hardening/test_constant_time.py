"""Secret paths under valgrind: a branch or an address that depends on a secret is found (constant-time.c)."""
import pathlib
import subprocess

import pytest

from support import BUILD

HERE = pathlib.Path(__file__).parent

CASES = {"leaky-compare", "leaky-table", "equal", "km", "trigger", "seal", "seal-key", "milenage", "tuak", "digest", "naf-keys", "hex", "secret-text",
         "hex-read", "base64", "base64-read", "secret-read", "open"}


@pytest.fixture(scope="module")
def found():
    """All cases in one run, which valgrind makes long: (kind, done, errors) by name, and what valgrind said."""
    done = subprocess.run(["valgrind", "--quiet", f"--suppressions={HERE / 'constant-time.supp'}", BUILD / "tests/hardening/constant-time"], capture_output=True, text=True, timeout=170, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: (kind, did, int(errors)) for name, kind, did, errors in lines}, done.stderr


def test_each_case_was_run(found):
    assert set(found[0]) == CASES
    assert all(did == "did" for _, did, _ in found[0].values()), found[0]


def test_nothing_depends_on_a_secret(found):
    wrong = {name: errors for name, (kind, _, errors) in found[0].items() if kind == "tight" and errors}
    assert not wrong, found[1]


def test_a_leak_is_found(found):
    leaks = {name: errors for name, (kind, _, errors) in found[0].items() if kind == "leaks"}
    assert set(leaks) == {"leaky-compare", "leaky-table"} and all(leaks.values()), found[1]
