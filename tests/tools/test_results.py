"""tools/test-run and tools/count-results on a small project of their own: what CI says is what happened."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(os.environ["MST_SOURCE"])
ONCE = "if [ -e {flag} ]; then echo 'ok 1 - it'; else touch {flag}; echo 'not ok 1 - it'; exit 1; fi"


def project(path, tests):
    """A meson project whose tests are these shell texts."""
    path.mkdir()
    rows = []
    for name, text in tests.items():
        (path / f"{name}.sh").write_text("#!/bin/sh\n" + text.format(flag=path / f"{name}.flag") + "\n")
        (path / f"{name}.sh").chmod(0o755)
        rows.append(f"test('{name}', find_program('{name}.sh'))\n")
    (path / "meson.build").write_text("project('small', meson_version: '>=1.0')\n" + "".join(rows))
    subprocess.run(["/usr/bin/meson", "setup", path / "build", path], check=True, capture_output=True)
    return path / "build"


def run(build, again="3"):
    env = {**os.environ, "MST_AGAIN": again}
    done = subprocess.run([ROOT / "tools/test-run", build, "--no-rebuild"], env=env, capture_output=True, text=True, check=False)
    told = subprocess.run([ROOT / "tools/count-results", build / "meson-logs/testlog.json", f"test={done.returncode}"],
                          capture_output=True, text=True, check=False)
    return done, told


GOOD = "echo 'ok 1 - a'; echo 'ok 2 - b'"
BAD = "echo 'not ok 1 - it'; exit 1"
CASES = [   # tests, allowed second runs, exit status, last line, words of the report
    ("all-good", {"good": GOOD}, "3", 0, "3 passed, 0 failed", []),
    ("a-race", {"good": GOOD, "race": ONCE}, "3", 0, "4 passed, 0 failed", ["UNSTEADY build: race"]),
    ("a-race-with-no-second-run", {"race": ONCE}, "0", 1, "0 passed, 2 failed", ["FAIL build: race"]),
    ("failing-twice", {"good": GOOD, "bad": BAD}, "3", 1, "2 passed, 2 failed", ["UNSTEADY", "FAIL build: bad"]),
    ("too-many", {f"race{n}": ONCE for n in range(4)}, "3", 1, "0 passed, 5 failed", ["FAIL build: race0"]),
    ("a-finding", {"leak": "[ -e {flag} ] && exit 0; touch {flag}; echo 'ERROR: LeakSanitizer: detected memory leaks'; exit 1"},
     "3", 1, "0 passed, 2 failed", ["FAIL build: leak"]),
    ("skipped", {"skip": "echo 'ok 1 - it # SKIP no server'"}, "3", 0, "1 passed, 1 failed", ["FAIL build: skip"]),
    ("nothing", {}, "3", 0, "1 passed, 1 failed", ["no test ran"]),
]


@pytest.mark.parametrize("name, tests, again, status, last, words", CASES, ids=[c[0] for c in CASES])
def test_results(tmp_path, name, tests, again, status, last, words):
    done, told = run(project(tmp_path / name, tests), again)
    assert done.returncode == status, done.stdout + done.stderr
    assert told.stdout.splitlines()[-1] == last, told.stdout
    assert all(w in told.stdout for w in words), told.stdout
    assert (told.returncode == 0) == last.endswith(" 0 failed")
