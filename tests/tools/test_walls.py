"""The static walls and the fuzzer's runner on tools that fail: a check that cannot fail is none. And what the Makefile says it does."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(os.environ["MST_SOURCE"])
TIDY = {   # what stands in clang-tidy's place, exit status of ours, a word
    "good": ("#!/bin/sh\nexit 0", 0, ""),
    "silent": ("#!/bin/sh\nexit 1", 1, "did not end well (123)"),
    "crashing": ("#!/bin/sh\nkill -SEGV $$", 1, "did not end well (125)"),
    "warning": ("#!/bin/sh\necho 'a.c:1:1: warning: of something'", 1, "a.c:1:1: warning"),
}


@pytest.mark.parametrize("text, status, word", TIDY.values(), ids=TIDY)
def test_tidy(tmp_path, text, status, word):
    (tmp_path / "compile_commands.json").write_text("[]")
    fake = tmp_path / "clang-tidy-14"
    fake.write_text(text + "\n")
    fake.chmod(0o755)
    done = subprocess.run([ROOT / "tools/tidy", tmp_path], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == status and word in done.stdout, done.stdout + done.stderr


def fuzz(build):
    return subprocess.run([ROOT / "tools/fuzz-all", build, "1"], capture_output=True, text=True, check=False, timeout=60)


def test_fuzzing_nothing_is_a_failure(tmp_path):
    (tmp_path / "fuzz").mkdir()
    done = fuzz(tmp_path)
    assert done.returncode == 1 and "no target in" in done.stderr, done.stdout + done.stderr


def test_what_a_fuzzer_finds_fails_the_run(tmp_path):
    (tmp_path / "fuzz").mkdir()
    for name, text in (("fuzz-good", "echo stat::number_of_executed_units: 7"), ("fuzz-bad", "echo ERROR: it; exit 70")):
        (tmp_path / "fuzz" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "fuzz" / name).chmod(0o755)
    done = fuzz(tmp_path)
    assert done.returncode != 0 and "fuzz-bad: FOUND something" in done.stderr and "ERROR: it" in done.stderr, done.stderr
    assert "fuzz-good: 7 runs, nothing found" in done.stdout


def test_install_goes_where_it_is_told():
    """The units name the programs by their place, so the build has to know it."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS")) and k not in ("BUILD", "PREFIX", "DESTDIR", "JOBS")}

    def steps(*words):
        done = subprocess.run(["make", "--no-print-directory", "-n", "install", *words], cwd=ROOT, env=ours, capture_output=True, text=True,
                              check=True)
        return [line for line in done.stdout.splitlines() if "meson" in line and "setup" not in line]

    configure, install = steps("PREFIX=/opt/m", "DESTDIR=/stage")
    assert configure.split()[1:] == ["configure", "build", "-Dprefix=/opt/m"] and install.split()[1:] == ["install", "-C", "build", "--destdir", "/stage"]
    assert [step.split()[1:] for step in steps()] == [["install", "-C", "build"]]


def mechanisms(*defines):
    """What confines a process of a build with these, as the preprocessor leaves the list."""
    done = subprocess.run(["cc", "-E", "-P", f"-I{ROOT}/lib", *defines, ROOT / "lib/sandbox/null.c"], capture_output=True, text=True, check=True)
    return re.findall(r"&mst_sandbox_(\w+)", done.stdout.split("mst_sandbox_all[]")[-1])


def test_coverage_can_be_written_where_it_is_measured_alone():
    """gcov writes its counters when a process ends, confined as it is then: what would keep it from that is left out of such a
    build, and of no other. `make cov` makes such a build, begins at nothing, and reports what the tests covered."""
    assert mechanisms() == ["limits", "landlock", "seccomp"]
    assert mechanisms("-DMST_COVERED=1") == ["limits", "null"]
    options = (ROOT / "meson.build").read_text()
    assert re.findall(r"if get_option\('b_coverage'\)\n.*'-DMST_COVERED=1'", options) and options.count("MST_COVERED") == 1
    done = subprocess.run(["make", "--no-print-directory", "-n", "cov"], cwd=ROOT, capture_output=True, text=True, check=True,
                          env={k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS")) and k not in ("BUILD", "JOBS")})
    order = [done.stdout.find(step) for step in ("setup build-cov -Db_coverage=true", "-C build-cov", "-name '*.gcda' -delete", "test -C build-cov", "gcovr ")]
    assert -1 not in order and order == sorted(order), done.stdout
