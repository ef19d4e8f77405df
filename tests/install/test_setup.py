"""tools/setup and what the targets ask of it, on a machine where no package is installed: what dpkg says is a script's word here."""
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ["MST_SOURCE"])


@pytest.fixture(name="setup")
def on_a_bare_machine(tmp_path):
    dpkg = tmp_path / "dpkg-query"
    dpkg.write_text("#!/bin/sh\nexit 1\n")
    dpkg.chmod(0o755)

    def run(*args):
        return subprocess.run([SOURCE / "tools/setup", *args], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    return run


def missing(done):
    assert done.returncode == 1, done
    return set(re.fullmatch(r"missing Debian packages: (.*)\n", done.stderr).group(1).split())


def test_sections(setup):
    everything = missing(setup("--check"))
    build, tests, tools = (missing(setup("--check", s)) for s in ("build", "tests", "tools"))
    assert {"gcc", "meson", "libssl-dev", "scdoc"} <= build and {"libcmocka-dev", "chromium"} <= tests and {"clang", "git"} <= tools
    assert build | tests | tools == everything and not build & tests and not build & tools and not tests & tools
    assert missing(setup("--check", "build", "tests")) == build | tests
    wrong = setup("--check", "kitchen")
    assert wrong.returncode == 2 and 'no section "kitchen"' in wrong.stderr and "build tests tools" in wrong.stderr, wrong


def test_the_demo_needs_no_test(tmp_path):
    """A fresh clone: four programs, in a build without tests; where there is a build already, that one."""
    for build, where in (("build-none", "build-demo"), (os.environ["MST_BUILD"], os.environ["MST_BUILD"])):
        said = subprocess.run(["make", "-n", "demo", f"BUILD={build}"], cwd=SOURCE, capture_output=True, text=True, timeout=60, check=True).stdout
        assert re.findall(r"tools/setup.*", said) == ["tools/setup build"], said
        assert f"-C {where} src/muster/muster src/musterd/musterd src/agent/muster-agent src/naf/muster-naf" in said and f"tools/demo {where}" in said, said
        assert f"setup {where} -Dwerror=true -Dtests=false" in said


def test_a_build_without_the_tests_libraries(tmp_path):
    """meson finds neither; what is left are the programs."""
    env = {**os.environ, "PKG_CONFIG_LIBDIR": str(tmp_path / "pc")}
    pc = tmp_path / "pc"
    pc.mkdir()
    for where in subprocess.run(["pkg-config", "--variable", "pc_path", "pkg-config"], capture_output=True, text=True, check=True).stdout.strip().split(":"):
        for file in pathlib.Path(where).glob("*.pc"):
            if file.name not in ("cmocka.pc", "libcbor.pc", "libcoap-3-notls.pc") and not (pc / file.name).exists():
                (pc / file.name).symlink_to(file)
    done = subprocess.run(["meson", "setup", tmp_path / "b", SOURCE, "-Dtests=false"], env=env, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    ninja = (tmp_path / "b/build.ninja").read_text()
    assert re.search(r"^build src/muster/muster:", ninja, re.M) and "test-crypto" not in ninja
    with_tests = subprocess.run(["meson", "setup", tmp_path / "c", SOURCE], env=env, capture_output=True, text=True, timeout=150)
    assert with_tests.returncode != 0 and "cmocka" in with_tests.stdout + with_tests.stderr
