"""Somebody who runs as the same user as musterd's processes, as anybody does who took one of them over and got out of its sandbox:
he cannot attach to another one, read its memory or take its descriptors, and nobody gets a core of it. What is dumpable belongs
to its user in /proc; what is not, to root. The keeper's own pages are neither swapped nor dumped nor inherited.
"""
import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

from support import AGENT, MUSTERD, Installation, run, until
from taken import Taken

USER = pwd.getpwnam("nobody")
SECONDS = 60
PR_GET_DUMPABLE = 3

# Becomes the user: the interpreter itself may lie where he does not get to. Tries everything on a process of its own first, which has to work: so it is not this machine that refuses.
ATTACH = r"""
import ctypes, errno, json, os, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
ATTACH, SEIZE, INTERRUPT, DETACH, PIDFD_OPEN, PIDFD_GETFD = 16, 0x4206, 0x4207, 17, 434, 438

os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
libc.prctl(4, 1, 0, 0, 0)            # PR_SET_DUMPABLE: who changes his user is not, and his own child has to be

class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("n", ctypes.c_size_t)]

def ok(r):
    if r < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return r

def attach(pid, how):
    ok(libc.ptrace(how, pid, None, None))
    if how == SEIZE:
        ok(libc.ptrace(INTERRUPT, pid, None, None))
    os.waitpid(pid, 0)
    ok(libc.ptrace(DETACH, pid, None, None))

def copy(pid, call):
    room = ctypes.create_string_buffer(16)
    # of his own: in a process that was forked from here it is at the same place, in others the leave is asked for first
    there = Vector(ctypes.addressof(room), 16)
    ok(call(pid, ctypes.byref(Vector(ctypes.addressof(room), 16)), 1, ctypes.byref(there), 1, 0))

def descriptor(pid):
    pidfd = ok(libc.syscall(PIDFD_OPEN, pid, 0))
    try:
        os.close(ok(libc.syscall(PIDFD_GETFD, pidfd, 0, 0)))
    finally:
        os.close(pidfd)

WAYS = {"ptrace attach": lambda p: attach(p, ATTACH), "ptrace seize": lambda p: attach(p, SEIZE),
        "process_vm_readv": lambda p: copy(p, libc.process_vm_readv), "process_vm_writev": lambda p: copy(p, libc.process_vm_writev),
        "mem": lambda p: open(f"/proc/{p}/mem", "rb").close(), "maps": lambda p: open(f"/proc/{p}/maps", "rb").read(1),
        "environ": lambda p: open(f"/proc/{p}/environ", "rb").read(1), "auxv": lambda p: open(f"/proc/{p}/auxv", "rb").read(1),
        "fd": lambda p: os.listdir(f"/proc/{p}/fd"), "exe": lambda p: os.readlink(f"/proc/{p}/exe"), "pidfd_getfd": descriptor}

def what(way, pid):
    try:
        WAYS[way](pid)
    except OSError as e:
        return errno.errorcode[e.errno]
    return "done"

r, w = os.pipe()
child = os.fork()
if not child:
    os.close(w)
    os.read(r, 1)
    os._exit(0)
print(json.dumps({"child": {way: what(way, child) for way in WAYS}, "owner": os.stat(f"/proc/{child}/mem").st_uid,
                  **{pid: {way: what(way, int(pid)) for way in WAYS} for pid in sys.argv[3:]}}))
os.close(w)
os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def world():
    """All of the processes, as a user who is not root. Not below pytest's directory, which is root's alone."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="mst-attach-", dir="/tmp"))
    top.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, top)
        inst = Installation(top / "inst", gba="00101")
        inst.configure(add=f'user = "{USER.pw_name}";\n')
        for at in (inst.dir, *(p for name in ("store", "keeper") for p in (inst.dir / name, *(inst.dir / name).rglob("*")))):
            os.chown(at, USER.pw_uid, USER.pw_gid)
        inst.start()
        stack.callback(inst.stop)
        inst.found = {str(pid): kind for kind, pids in inst.children().items() for pid in pids}
        assert {"keeper", "engine", "listener", "connector"} <= set(inst.found.values())
        yield inst


def test_the_same_user_cannot_look_in(world):
    for pid, kind in world.found.items():
        assert set(re.search(r"^Uid:(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1].split()) == {str(USER.pw_uid)}, kind
    tried = subprocess.run([sys.executable, "-c", ATTACH, str(USER.pw_uid), str(USER.pw_gid), *world.found], cwd="/",
                           capture_output=True, text=True, timeout=SECONDS, check=False)
    assert tried.returncode == 0, tried.stderr
    tried = json.loads(tried.stdout)
    assert set(tried["child"].values()) == {"done"} and tried["owner"] == USER.pw_uid, tried["child"]
    wrong = {(world.found[pid], way): got for pid in world.found for way, got in tried[pid].items() if got not in ("EPERM", "EACCES")}
    assert not wrong


def test_nobody_gets_a_core(world):
    """Neither a file, by the limit, nor one through a pipe, where the kernel does not look at the limit: they are not dumpable."""
    for pid, kind in {**world.found, str(world.process.pid): "supervisor"}.items():
        assert kind == "supervisor" or os.stat(f"/proc/{pid}/mem").st_uid == 0, kind
        assert re.search(r"^Max core file size +0 +0 ", pathlib.Path(f"/proc/{pid}/limits").read_text(), re.M), kind
    # the supervisor is root's anyway, of whom its files in /proc tell nothing: it is asked itself, and so is one that is dumpable
    with Taken(world.process.pid) as t, subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other, Taken(other.pid) as dumpable:
        assert t.call("prctl", PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
        assert dumpable.call("prctl", PR_GET_DUMPABLE, 0, 0, 0, 0) == 1


def test_the_keepers_pages(world):
    """Those that its children would find empty are the ones with the keys: locked, all of them, and left out of cores."""
    pid = next(p for p, kind in world.found.items() if kind == "keeper")
    pages = [{k: v.strip() for k, v in (line.split(":", 1) for line in text.splitlines()[1:])}
             for text in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", pathlib.Path(f"/proc/{pid}/smaps").read_text(), flags=re.M)[1:]]
    ours = [p for p in pages if "wf" in p["VmFlags"].split()]
    assert len(ours) == 1
    assert {"lo", "dd"} <= set(ours[0]["VmFlags"].split())
    assert ours[0]["Locked"] == ours[0]["Size"] and ours[0]["Swap"] == "0 kB", ours[0]


UNLOCKED = ("setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "prlimit", "--memlock=65536:65536")


def test_keys_that_could_get_into_swap(world, tmp_path):
    """Who may not lock memory is told; musterd does not start."""
    tried = subprocess.run([*UNLOCKED, MUSTERD, "-c", world.dir / "musterd.conf"], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert tried.returncode == 3 and "raise the limit of locked memory" in tried.stderr, tried.stderr
    tried = subprocess.run([*UNLOCKED, AGENT, "-c", tmp_path / "none", "status"], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert "raise the limit of locked memory" in tried.stderr, tried.stderr


@pytest.mark.parametrize("kind", ("listener", "connector", "engine", "keeper", "signer", "diameter"))
def test_before_it_has_heard_a_word(kind):
    """A process gets its keys from the supervisor before it is told to start: it is closed before both. Begun as the supervisor begins one, and told nothing."""
    program = os.open(pathlib.Path(MUSTERD).with_name("musterd-diameter" if kind == "diameter" else "musterd"), os.O_RDONLY)
    ours, its = socket.socketpair()
    pid = os.fork()
    if not pid:
        try:
            os.dup2(its.fileno(), 3)
            os.setgroups([])
            os.setgid(USER.pw_gid)
            os.setuid(USER.pw_uid)
            os.execve(program, ["musterd", f"--process={kind}", "--name=early", "--role=none", "--sockets=0"], {})
        finally:
            os._exit(99)
    its.close()
    os.close(program)
    with ours:
        until("the program", lambda: b"--process" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
        until("it is closed", lambda: os.stat(f"/proc/{pid}/mem").st_uid == 0 or os.waitpid(pid, os.WNOHANG)[0])
        assert re.search(r"^Max core file size +0 +0 ", pathlib.Path(f"/proc/{pid}/limits").read_text(), re.M)
        assert re.search(r"^NoNewPrivs:\s+1$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


def test_the_door_is_opened_as_its_owner(world):
    """By a reload, of somebody else's socket, without the capability for it; and what lies in its place by then is not followed into what is root's."""
    sock, plain, secret = world.dir / "run/admin.sock", world.config.read_text(), world.dir / "roots"
    people = 'listen = ["unix:run/admin.sock"]; providers = ( { sp = "sp.example.com"; uid = 1201; } );'

    def reload(text, said):
        seen = world.log.stat().st_size
        world.config.write_text(text)
        world.process.send_signal(signal.SIGHUP)
        until(said, lambda: said in world.log.read_text(errors="replace")[seen:], context=world.log_text)

    assert sock.stat().st_uid == USER.pw_uid and sock.stat().st_mode & 0o777 == 0o600
    opened = plain.replace('listen = ["unix:run/admin.sock"];', people)
    assert opened != plain
    reload(opened, "info supervisor: reloaded")
    assert sock.stat().st_mode & 0o777 == 0o666
    reload(plain, "info supervisor: reloaded")
    assert sock.stat().st_mode & 0o777 == 0o600
    secret.touch(0o600)
    sock.rename(sock.with_name("aside"))
    sock.symlink_to(secret)
    try:
        reload(opened, "not reloaded; the old configuration stays")
        assert secret.stat().st_uid == 0 and secret.stat().st_mode & 0o777 == 0o600
    finally:
        sock.with_name("aside").rename(sock)
    reload(plain, "info supervisor: reloaded")
    status = pathlib.Path(f"/proc/{world.process.pid}/status").read_text()
    assert re.search(r"^Uid:\t0\t0\t0\t0$", status, re.M), "root again"


def test_root_without_capabilities_is_a_user_as_any_other(world):
    """So what belongs to somebody else is said before anything starts."""
    other = world.dir / "other.conf"
    other.write_text(world.config.read_text().replace(f'user = "{USER.pw_name}";\n', ""))
    said = run(MUSTERD, "--check", "-c", other, check=False)
    assert said.returncode and re.search("keeper: .*does not belong to root, who is to use it; chown -R root it, or name its owner in user", said.stderr), said.stderr
    for pid, kind in world.found.items():
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert set(re.findall(r"^Cap\w+:\s+(\w+)$", status, re.M)) == {"0" * 16}, kind
