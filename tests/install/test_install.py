"""What `make install` lays down, in a root of its own: units that systemd understands and finds tight enough."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from support import AGENT, Installation

BUILD = pathlib.Path(os.environ["MST_BUILD"])
EXPOSURE = 2.0                  # systemd-analyze's own measure, 0 best to 10
UNITS = ("musterd.service", "muster-agent.service", "muster-medium@.service", "muster-naf.service")


def run(*args, **more):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=120, **more)


def install(where):
    done = run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", where)
    assert done.returncode == 0, done.stderr
    # what the units lean on, from this machine
    (where / "bin").mkdir(exist_ok=True)
    shutil.copy("/bin/kill", where / "bin/kill")
    for name in ("usr/lib/systemd/system", "lib/systemd/system"):
        if pathlib.Path("/", name).is_dir():
            shutil.copytree(pathlib.Path("/", name), where / name, symlinks=True, dirs_exist_ok=True)
    return where


def unit(root, name):
    return next(root.rglob(f"lib/systemd/system/{name}"))


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_the_unit(root, name):
    done = run("systemd-analyze", "verify", f"--root={root}", "--man=no", name)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
    assert not ours, ours


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_is_tight(root, name):
    done = run("systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={int(EXPOSURE * 10)}", unit(root, name))
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert overall and float(overall.group(1)) <= EXPOSURE, done.stdout[-3000:] + done.stderr
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_names_what_is_installed(root, name):
    text = unit(root, name).read_text()
    assert "@" not in re.sub(r"@(system-service|privileged|resources)\b", "", text), "a value was not filled in"
    for program in re.findall(r"^Exec\w+=-?(\S+)", text, re.M):
        if "/" in program:
            assert (root / program.lstrip("/")).is_file(), program


@pytest.mark.parametrize("name", ("musterd.service", "muster-agent.service", "muster-naf.service"))
def test_nothing_is_swapped(root, name):
    """Of no process that has keys, whichever library has them in which memory; and no core file."""
    lines = unit(root, name).read_text().splitlines()
    assert "MemorySwapMax=0" in lines and "LimitCORE=0" in lines


def test_musterd_hears_of_every_user_and_every_user_reaches_it(root):
    """four_eyes.people and admin.providers are user ids by the kernel's word (SO_PEERCRED): in a user namespace of its own musterd would hear 65534 of
    all of them, and in /var/lib/muster, which systemd closes at each start, nobody would reach the socket."""
    lines = unit(root, "musterd.service").read_text().splitlines()
    assert [line for line in lines if line.startswith("PrivateUsers=")] == ["PrivateUsers=no"]
    assert "StateDirectoryMode=0700" in lines and "RuntimeDirectory=muster" in lines and "RuntimeDirectoryMode=0755" in lines
    assert "or /run/muster/admin.sock of musterd.service" in run(BUILD / "src/muster/muster", "--help").stdout


def test_the_agent_reaches_a_tpm_and_no_other_device(root):
    """secenv.backend = "auto" takes the TPM that is there: so its unit must not hide it, and the group has to be there before udev's package."""
    lines = unit(root, "muster-agent.service").read_text().splitlines()
    assert "PrivateDevices=yes" not in lines and "DevicePolicy=closed" in lines
    assert [line for line in lines if line.startswith(("DeviceAllow=", "SupplementaryGroups="))] == ["DeviceAllow=/dev/tpmrm0 rw", "SupplementaryGroups=tss"]
    assert re.search(r"^g tss\s", next(root.rglob("sysusers.d/muster.conf")).read_text(), re.M)


def test_a_check_that_finds_something_keeps_no_node_out_of_service(root):
    """It names what is optional as well; whether the agent can run without, the agent says (lesson 2)."""
    text = unit(root, "muster-agent.service").read_text()
    assert re.findall(r"^ExecStartPre=(.).*--check$", text, re.M) == ["-"], text


def test_the_users_are_made(root):
    done = run("systemd-sysusers", f"--root={root}", "--dry-run", next(root.rglob("sysusers.d/muster.conf")))
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "muster-agent" in said and "'muster'" in said.replace('"', "'"), said


def test_the_directory_of_the_installation_is_made(root, tmp_path):
    """Empty, for `muster init` as user muster, who may not write in /var/lib.."""
    (tmp_path / "etc").mkdir()
    for name, tool in (("sysusers.d", "systemd-sysusers"), ("tmpfiles.d", "systemd-tmpfiles")):
        conf = next(root.rglob(f"{name}/muster.conf"))
        done = run(tool, *(["--create"] if tool == "systemd-tmpfiles" else []), f"--root={tmp_path}", conf)
        assert done.returncode == 0, done
    made, user = (tmp_path / "var/lib/muster").stat(), re.search(r"^muster:x:(\d+):(\d+):", (tmp_path / "etc/passwd").read_text(), re.M)
    assert made.st_mode & 0o7777 == 0o700 and [str(made.st_uid), str(made.st_gid)] == list(user.groups()), made


def test_modems_and_readers_let_the_agent_do_what_it_needs_and_no_more(root, tmp_path):
    """The rule as polkit runs it, with polkit's own two names; Chromium is the JavaScript that is at hand."""
    rule = next(root.rglob("polkit-1/rules.d/50-muster-agent.rules")).read_text()
    asked = [("org.freedesktop.ModemManager1.Messaging", "muster-agent"), ("org.freedesktop.ModemManager1.Messaging", "nobody"),
             ("org.freedesktop.ModemManager1.Voice", "muster-agent"), ("org.freedesktop.ModemManager1.Device.Control", "muster-agent"),
             ("org.debian.pcsc-lite.access_pcsc", "muster-agent"), ("org.debian.pcsc-lite.access_card", "muster-agent"),
             ("org.debian.pcsc-lite.access_card", "nobody")]
    (tmp_path / "page.html").write_text(
        "<script>let f; const polkit = { addRule(g) { f = g; }, Result: { YES: 'yes' } };\n" + rule +
        "\ndocument.write([" + ",".join(f"f({{id: '{a}'}}, {{user: '{u}'}})" for a, u in asked) + "].map(String).join(' '));</script>")
    done = run("chromium", "--headless", "--no-sandbox", f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"file://{tmp_path}/page.html")
    assert "yes undefined undefined undefined yes yes undefined" in done.stdout, done.stdout + done.stderr[-500:]


def allowed(root, name):
    """System calls that the unit's filter lets through, groups resolved by systemd itself."""
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.*)", unit(root, name).read_text(), re.M):
        names = set()
        for word in line.lstrip("~").split():
            names |= resolve(word) if word.startswith("@") else {word}
        calls = calls - names if line.startswith("~") else calls | names
    return calls


def resolve(group):
    shown = run("systemd-analyze", "syscall-filter", "--no-pager", group).stdout
    words = [w for line in shown.splitlines() for w in line.split("#")[0].split()]
    return {call for w in words[1:] for call in (resolve(w) if w.startswith("@") else {w})} if words else set()


def traced(path):
    """Those that were really made; one that our own filter refused or that an ended process left half is none."""
    calls = set()
    for line in path.read_text(errors="replace").splitlines():
        made = re.match(r"\d+ +(?:<\.\.\. )?([a-z0-9_]+)(?:\(| resumed)", line)
        if made:
            calls.add(made.group(1))
    return calls - {"restart_syscall"}


def begin_and_end_a_naf(where):
    """What it calls in between its own list lets through, which is shorter."""
    for words in (("ca", "ca"), ("issue", "--ca", "ca", "--fqdn", "naf.example.com", "--out", "naf")):
        assert run(BUILD / "src/muster/muster", "cert", *words, cwd=where).returncode == 0
    words = ("--name naf.example.com --listen 127.0.0.1:0 --to 127.0.0.1:1 --bsf https://zn.example.com --domain bsf.example.com"
             " --certificate naf.pem --key naf.key --anchors ca.pem").split()
    with subprocess.Popen(["strace", "-D", "-f", "-qq", "-o", where / "naf.strace", BUILD / "src/naf/muster-naf", *words], cwd=where,
                          stderr=subprocess.PIPE, text=True) as naf:
        assert 'sandbox="limits' in naf.stderr.readline()
        naf.terminate()
        assert naf.wait(60) == 0


def test_the_filters_let_a_whole_enrolment_through(root, tmp_path):
    inst = Installation(tmp_path / "inst")
    inst.wrap = ["strace", "-D", "-f", "-qq", "-o", str(tmp_path / "musterd.strace")]
    inst.start()
    inst.subscription()
    node = inst.node(1)
    done = run("strace", "-f", "-qq", "-o", tmp_path / "agent.strace", AGENT, "-c", node.dir / "muster-agent.conf", "run", "--once")
    assert done.returncode == 0, done.stderr
    inst.stop()
    begin_and_end_a_naf(tmp_path)
    for program, name in (("musterd", "musterd.service"), ("agent", "muster-agent.service"), ("naf", "muster-naf.service")):
        made = traced(tmp_path / f"{program}.strace")
        assert {"epoll_wait", "mmap"} & made, made
        made -= {"fchown"}          # SQLite, of files that root makes; the units run as nobody special
        assert not made - allowed(root, name), (name, sorted(made - allowed(root, name)))
