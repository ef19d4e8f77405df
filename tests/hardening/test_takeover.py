"""A process that is taken over can do its own duty and nothing else. Each kind of musterd's processes, the agent and
muster-naf are real ones that run; calls are made by their own thread inside their own sandbox, as an intruder's code would
make them. All run as root here: what refuses is the sandbox alone, not the owner of a file.
"""
import contextlib
import errno
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import termios

import pytest

from fake_bsf import DOMAIN, FakeBsf, Subscriber
from support import Installation, free_port, until
from taken import FAST_OPEN, MPTCP, REFUSED, Killed, Taken, address, landlock
from test_ca_key import TokenPlace
from test_gba_cse import AE, UA_AE, Cse, Naf, certificate
from test_saef import Process

KINDS = ("listener", "connector", "engine", "keeper", "diameter", "signer")
SIGSYS_TOLD = r"signal[= ]+\"?(31|Bad system call)"
CLONE_FORK = signal.SIGCHLD.value
OURS = "node.ours.example"
TIOCLINUX = 0x541c


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    where = tmp_path_factory.mktemp("taken")
    with pytest.MonkeyPatch.context() as patch:
        token = TokenPlace(where)
        for name, value in token.env.items():
            patch.setenv(name, value)
        inst = Installation(where / "inst", gba="00101", init=token.init())
        inst.token = token
        yield from running(inst)


def running(inst):
    inst.configure(replace={f'module_state = "{inst.token.device.dir}"': f'module_state = "{inst.token.device.dir}/tokens"'}, add=f'''
diameter = {{ identity = "{OURS}"; realm = "ours.example"; listen = ["127.0.0.1"]; port = {free_port()}; secure_port = 0;
  peers = ( {{ identity = "bsf.foreign.example"; realm = "foreign.example"; tls = false; }} ); }};
''')
    inst.start()
    inst.subscription()
    inst.one = inst.node(1)
    assert inst.one.run_once().returncode == 0, inst.log_text()
    inst.outside = socket.create_server(("127.0.0.1", 0))
    inst.outside_port = inst.outside.getsockname()[1]
    yield inst
    inst.outside.close()
    assert inst.stop() == 0, inst.log_text()


@pytest.fixture(scope="module")
def agent(world):
    node = world.node(2)
    with node.running() as running:
        running.wait_log("enrolled key")
        yield running


def pid_of(world, kind):
    """A process of that kind which is up: one that was killed comes again."""
    def one():
        return min(world.children().get(kind, []), default=None)
    return until(f"a {kind}", one)


def probes(world, me):
    """What nobody may: calls that are to be refused, whoever makes them."""
    others = [p for k, pids in world.children().items() for p in pids if p != me] + [world.process.pid, os.getpid()]
    calls = [("openat", -100, path, flags, 0o600) for path, flags in (
        ("/root/.profile", 0), ("/etc/muster-was-here", os.O_WRONLY | os.O_CREAT), ("/tmp/muster-was-here", os.O_WRONLY | os.O_CREAT),
        ("/proc/1/environ", 0), ("/proc/sys/kernel/core_pattern", os.O_WRONLY), (world.config, 0), (world.dir / "musterd.log", os.O_WRONLY))]
    calls += [("openat", -100, p, 0, 0) for p in sorted((world.dir / "keeper").iterdir()) if p.is_file()]
    for pid in others:
        calls += [("openat", -100, f"/proc/{pid}/{what}", os.O_RDWR, 0) for what in ("mem", "environ")]
        calls += [("kill", pid, 0), ("tgkill", pid, pid, signal.SIGKILL.value), ("prlimit64", pid, 7, 0, "z:16"), ("pidfd_open", pid, 0)]
    calls += [("fork",), ("vfork",), ("clone", CLONE_FORK, 0, 0, 0, 0), ("clone3", "z:88", 88),      # a fork bomb begins with one
              ("kill", -1, 0), ("prctl", 4, 1, 0, 0, 0),                                                # dumpable again
              ("mprotect", 0, 4096, 7), ("mmap", 0, 4096, 7, 0x22, -1, 0),                              # code that is written
              ("memfd_create", "code", 0), ("symlink", "/etc/shadow", "here"), ("link", "/etc/shadow", "here"), ("mknod", "here", 0o600, 0),
              ("chmod", world.dir, 0o777), ("setrlimit", 4, "z:16"), ("personality", 0),
              ("socket", socket.AF_PACKET, socket.SOCK_RAW, 0), ("socket", socket.AF_ALG, 5, 0),
              ("seccomp", 0, 0, 0), ("inotify_init1", 0), ("shmget", 0, 4096, 0o600), ("msgget", 0, 0o600), ("settimeofday", "z:16", 0),
              ("clock_settime", 0, "z:16"), ("syslog", 3, "z:64", 64), ("sethostname", "z:1", 1)]
    for flags in (FAST_OPEN, 1 << 32 | FAST_OPEN, FAST_OPEN | socket.MSG_NOSIGNAL):                  # connect() by other names; the kernel reads 32 bits of them
        calls += [("sendto", -1, "z:1", 1, flags, address(9), 16), ("sendmsg", -1, "z:56", flags), ("sendmmsg", -1, "z:64", 1, flags)]
    return calls


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_may(world, kind):
    pid = pid_of(world, kind)
    with Taken(pid) as t:
        wrong = [w for w in (t.refused(*c) for c in probes(world, pid)) if w]
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
def test_no_capability(world, kind):
    """Root without them is a user like any other: what was left of root's powers, and can come back by no program."""
    status = pathlib.Path(f"/proc/{pid_of(world, kind)}/status").read_text()
    assert re.findall(r"^Cap\w+:\s+(\w+)$", status, re.M) == ["0" * 16] * 5


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "engine"])
def test_the_database_is_the_engines(world, kind):
    store = sorted((world.dir / "store").glob("*"))
    assert any(p.name.endswith(".db") or "sqlite" in p.name for p in store) or store
    with Taken(pid_of(world, kind)) as t:
        for path in store:
            for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
                assert t.open(path, flags) in REFUSED, path


def test_the_engine_has_its_database_and_nothing_else(world):
    store = next(p for p in sorted((world.dir / "store").glob("*")) if p.stat().st_size)
    with Taken(pid_of(world, "engine")) as t:
        fd = t.open(store)
        assert fd >= 0                                       # the probe is a real one
        assert t.call("close", fd) == 0
        for path in ("/etc/passwd", world.config, world.dir / "keeper"):
            assert t.open(path) in REFUSED, path
        assert t.connect(world.outside_port) in REFUSED


@pytest.mark.parametrize("kind", ("listener", "engine", "keeper", "signer"))
def test_no_way_out(world, kind):
    with Taken(pid_of(world, kind)) as t:
        assert t.connect(world.outside_port) in REFUSED
        for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
            for how in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                assert t.call("socket", family, how, 0) in REFUSED
        for path in ("/etc/passwd", "/etc/resolv.conf", "/usr/bin/env")[2 * (kind == "signer"):]:      # a module's settings are below /etc
            assert t.open(path) in REFUSED, path


def sockets(pid, table, state):
    """Its descriptors that are sockets in that table of /proc, in that state."""
    rows = [line.split() for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[3] == state}
    return sorted(int(fd.name) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir() for of in [re.match(r"socket:\[(\d+)\]", os.readlink(fd))] if of and of[1] in inodes)


def of_role(inst, role):
    return next(p for p in inst.children()["listener"] if f"--name=listener-{role}".encode() in pathlib.Path(f"/proc/{p}/cmdline").read_bytes())


def test_no_way_out_by_a_socket_that_listened(world):
    """It has no socket(), and no connect(): but it has sockets that are there."""
    pid = of_role(world, "maf")
    fd, *_ = sockets(pid, "tcp", "0A")
    with socket.create_server(("127.0.0.1", 0)) as outside, Taken(pid) as t:
        assert t.goes_out_by_listening(fd, outside) is None
        assert {t.call("shutdown", fd, how) for how in (socket.SHUT_RD, 1 << 32 | socket.SHUT_RD, 1 << 32 | socket.SHUT_RDWR)} == {-errno.EPERM}
        outside.setblocking(False)
        with pytest.raises(BlockingIOError):
            outside.accept()
    assert sockets(pid, "tcp", "0A")                        # and still listens: a shut one would be the next listener's, too
    whole(world)


def test_who_has_no_coap_has_no_datagrams(world):
    """A datagram needs no connection: who has such a socket sends to any address. So only a role's listener with coap_listen has one."""
    assert not [p for kind in ("listener", "engine", "keeper", "signer") for p in world.children()[kind] for table in ("udp", "udp6") if sockets(p, table, "07")]


@pytest.mark.parametrize("kind", KINDS)
def test_no_administrator_and_no_neighbour(world, kind):
    """All run as one user, as which administration is theirs. No local socket leads there, nor to the bus, nor to any other service of the machine."""
    with Taken(pid_of(world, kind)) as t:
        assert t.asks_administration(world.dir / "run/admin.sock") is None
        for how in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            assert t.call("socket", socket.AF_UNIX, how, 0) in REFUSED
        for how in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):       # an end of a pair of those can be connected anew
            assert t.call("socketpair", socket.AF_UNIX, how, 0, "z:8") in REFUSED
    whole(world)


def test_the_signer_has_its_token_and_nothing_else(world):
    """It runs a stranger's module. What it notes of a PIN lies in a directory of its own."""
    token = world.token.device.dir
    with Taken(pid_of(world, "signer")) as t:
        fd = t.open(world.token.pin)
        assert fd >= 0                                       # the probe is a real one
        assert t.call("close", fd) == 0
        for path in (world.dir / "run/x", world.dir / "run/musterd.pid", token / "softhsm2.conf", token / "x", world.token.pin, world.dir / "keeper/x",
                     world.dir / "keeper/ca.key"):
            assert t.open(path, os.O_WRONLY | os.O_CREAT) in REFUSED, path
        for path in (world.dir / "run/admin.sock", world.dir / "run/musterd.pid", token / "softhsm2.conf", world.token.pin, world.dir / "keeper/ca.key"):
            assert t.call("unlinkat", -100, path, 0) in REFUSED, path
            assert t.call("unlink", path) in REFUSED, path
            assert t.call("rename", path, world.dir / "keeper/signer/x") in REFUSED, path
    whole(world)
    assert world.ask("keeper", "show")["ca"] == {"in": "pkcs11", "away": False}


def test_the_connector_goes_out_and_hears_nobody(world):
    with Taken(pid_of(world, "connector")) as t:
        fd = t.connect(world.outside_port)
        assert fd >= 0
        assert t.call("close", fd) == 0
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):         # of each, also where Landlock knows nothing of TCP, and never of datagrams
            fd = t.call("socket", socket.AF_INET, kind, 0)
            assert fd >= 0 and t.call("bind", fd, address(0), 16) == -errno.EPERM
            assert t.call("listen", fd, 1) in REFUSED
            assert t.call("close", fd) == 0
        wide(t)
        for path in ("/etc/shadow", "/etc/passwd", "/etc/ssl/openssl.cnf"):      # root's /etc is not read as a whole
            assert t.open(path) in REFUSED, path
        assert t.open("/etc/hosts") >= 0


def wide(t):
    """What lists that go by the call's name alone would let through: other kinds of sockets, programs in the kernel, other devices' numbers."""
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            assert t.call("socket", family, kind, 0) == -errno.EPERM, (family, kind)
    assert t.call("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0) in REFUSED
    fd = t.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
    for kind, protocol in ((socket.SOCK_STREAM, MPTCP), (socket.SOCK_STREAM, 132), (socket.SOCK_STREAM, 256), (socket.SOCK_DGRAM, 136), (socket.SOCK_DGRAM, 1)):
        assert t.call("socket", socket.AF_INET, kind, protocol) == -errno.EPERM, protocol       # SCTP, SMC, UDP-Lite, ICMP
    for level, name in ((socket.SOL_SOCKET, 26), (socket.SOL_SOCKET, 50), (socket.SOL_SOCKET, 25), (socket.SOL_SOCKET, 36), (0, 64), (socket.IPPROTO_TCP, 31), (263, 1),
                        (socket.IPPROTO_TCP, 19), (socket.IPPROTO_TCP, 23), (socket.IPPROTO_TCP, 30)):
        assert t.call("setsockopt", fd, level, name, "z:64", 64) == -errno.EPERM, (level, name)      # filters, a device, a mark, netfilter, an upper protocol, vsock, repair, fast open
    assert t.call("setsockopt", fd, socket.IPPROTO_TCP, socket.TCP_NODELAY, "z:4", 4) == 0
    assert t.call("ioctl", fd, 0x8913, "z:40") == -errno.EPERM           # SIOCGIFFLAGS
    assert t.call("ioctl", fd, 0x541b, "z:4") >= -errno.EINVAL           # FIONREAD, which is asked
    assert t.call("close", fd) == 0


def test_the_agent(world, agent):
    """It may go out and keep its state; not begin a program or a process, not look into others, not write elsewhere."""
    node, pid = agent.node, agent.process.pid
    with Taken(pid) as t:
        wrong = [w for w in (t.refused(*c) for c in probes(world, pid)) if w]
        assert not wrong
        for path in sorted((world.dir / "store").glob("*")) + [world.one.dir / "node.key", world.dir / "makers/acme.key"]:
            assert t.open(path) in REFUSED, path
        for path in ("/etc/shadow", "/dev/mem", "/dev/kmsg"):
            assert t.open(path) in REFUSED | {-errno.ENOENT}, path
        assert t.open(node.dir / "node.pem") >= 0
        assert t.open(node.dir / "node.pem", os.O_RDWR) in REFUSED
        fd = t.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        assert t.call("bind", fd, address(0), 16) == -errno.EPERM
        assert t.call("listen", fd, 1) in REFUSED
    assert agent.process.poll() is None
    assert node.agent("check").returncode == 0


def test_the_agent_dies_of_a_program(world):
    node = world.node(3)
    with node.running() as running:
        running.wait_log("enrolled key")
        with Taken(running.process.pid) as t:
            t.dies_of("execve", "/bin/true", 0, 0)
        assert running.process.wait(60) == -signal.SIGSYS
        running.seen = 0
        running.__enter__()                      # and begins again with what it has kept
        running.wait_log("enrolled-already|resuming")
        until("it serves", lambda: node.agent("check").returncode == 0)


def at_terminal(slave):
    """What begins a program as the one that its terminal belongs to."""
    return ["sh", "-c", f'exec setsid --ctty "$@" <{os.ttyname(slave)}', "sh"]


def types(t, number=termios.TIOCSTI):
    return t.call("ioctl", 0, number, b"x")


def test_the_agent_types_into_no_terminal(world):
    """Who was begun at a terminal has it open, whatever Landlock says of files: what is typed there is the next command of the shell that began it."""
    master, slave = os.openpty()
    try:
        with subprocess.Popen([*at_terminal(slave), "cat"]) as free:         # the probe is a real one
            until("it has begun, and reads", lambda: pathlib.Path(f"/proc/{free.pid}/syscall").read_text().startswith("0 0x0 "))
            with Taken(free.pid) as t:
                assert types(t, TIOCLINUX) == -errno.ENOTTY                  # that is for screens
                may = types(t)
            assert may == 0 or may == -errno.EIO and pathlib.Path("/proc/sys/dev/tty/legacy_tiocsti").read_text() == "0\n", may
            assert may or select.select([master], [], [], 60)[0] and os.read(master, 1) == b"x"
            free.kill()
        node = world.node(4)
        with node.running(wrap=at_terminal(slave)) as running:
            running.wait_log("enrolled key")
            assert os.readlink(f"/proc/{running.process.pid}/fd/0") == os.ttyname(slave)
            with Taken(running.process.pid) as t:
                assert t.call("ioctl", 0, termios.TCGETS, "z:64") == 0       # a serial line is a terminal, too
                assert t.refused("ioctl", 0, termios.TIOCSETD, "z:4") is None
                t.dies_of("ioctl", 0, 1 << 32 | termios.TIOCSTI, b"x")
            assert running.process.wait(60) == -signal.SIGSYS
            assert not select.select([master], [], [], 0)[0]
            running.seen = 0
            running.__enter__()
            running.wait_log("enrolled-already|resuming")
            until("it serves", lambda: node.agent("check").returncode == 0)
    finally:
        os.close(master)
        os.close(slave)


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """muster-naf between a BSF and a CSE that are strangers, with a node that has come in."""
    where = tmp_path_factory.mktemp("front")
    own = certificate(where / "cse", "in-cse.sp.example")
    bsf, cse = FakeBsf(where / "operator", where / "cse/ca.pem"), Cse()
    with Naf("in-cse.sp.example", cse, f"https://{bsf.name}:{bsf.port}", DOMAIN, own, bsf.anchor, "--dial", f"127.0.0.1:{bsf.port}") as naf:
        naf.bsf, naf.cse, naf.own = bsf, cse, own
        comes_in(naf)
        yield naf
    cse.close()
    bsf.close()


def comes_in(naf):
    x = naf.bsf.add(Subscriber("//sp.example/CSE1"))
    with Process("openssl", "s_client", "-connect", f"127.0.0.1:{naf.port}", "-psk_identity", x.btid, "-psk", x.key("in-cse.sp.example", UA_AE), "-quiet",
                 *AE) as node:
        node.write(b"ping\n").wait_out(b"ping\n")


def test_a_naf_before_a_cse(world, front):
    """It opens nothing, reaches the BSF and the CSE and no other port, hears nobody else, and goes on as if nothing had been."""
    pid = front.process.pid
    with Taken(pid) as t:
        wrong = [w for w in (t.refused(*c) for c in probes(world, pid)) if w]
        assert not wrong
        for path in [*sorted(front.own.parent.iterdir()), front.bsf.anchor, *sorted((world.dir / "store").glob("*")), "/etc/passwd", "/etc/resolv.conf", "/usr/bin/env",
                     "/proc/self/mem", "/dev/urandom"]:
            assert t.open(path) in REFUSED, path
        for port in (front.bsf.port, front.cse.port):
            fd = t.connect(port)
            assert fd >= 0                                       # the probe is a real one
            assert t.call("close", fd) == 0
        if landlock() >= 4:
            assert t.connect(world.outside_port) in REFUSED
            assert not t.goes_past_ports(world.outside_port)
        for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_INET, socket.SOCK_RAW),
                             (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM), (socket.AF_NETLINK, socket.SOCK_RAW)):
            assert t.call("socket", family, kind, 0) in REFUSED, (family, kind)
        fd = t.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        assert t.call("bind", fd, address(0), 16) in REFUSED and t.call("listen", fd, 1) in REFUSED
        assert t.call("close", fd) == 0
    comes_in(front)


def test_a_naf_dies_of_a_program(front):
    with Taken(front.process.pid) as t:
        t.dies_of("execve", "/bin/sh", 0, 0)
    assert front.process.wait(60) == -signal.SIGSYS


def frame(kind, payload=b""):
    return (9 + len(payload)).to_bytes(4, "big") + bytes([kind]) + bytes(8) + payload


def links(pid):
    """Its descriptors that are local streams: the links to other processes."""
    inodes = {line.split()[6] for line in pathlib.Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]}
    found = []
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        inode = re.match(r"socket:\[(\d+)\]", os.readlink(fd))
        if inode and inode.group(1) in inodes:
            found.append(int(fd.name))
    return sorted(found)


def frames():
    text = (pathlib.Path(__file__).resolve().parents[2] / "lib/server/frame.c").read_text()
    return re.findall(r'"([a-z-]+)"', text[text.index("mst_frame_name"):text.index("};", text.index("mst_frame_name"))])


@pytest.mark.parametrize("said,link", [("keeper-call", 1), ("answer", 1), ("fetch-result", 1), ("conf", 1), ("channel", 1), ("crl", 0),
                                       ("start", 0)])
def test_a_listener_says_what_others_may_say(world, said, link):
    """Who hears it drops the link and says so. `link`: 0 is the supervisor's, 1 the engine's."""
    at = world.log.stat().st_size
    pid = pid_of(world, "listener")
    with Taken(pid) as t:
        there = until("its links", lambda: len(links(pid)) == 2 and links(pid))
        try:
            assert t.call("write", there[link], frame(frames().index(said)), 13) == 13
        except Killed as by:                         # the supervisor is quick
            assert str(by) == "SIGKILL"
    until("the frame is refused", lambda: re.search(f"not permitted.*frame={said}.*peer=listener", since(world, at)), 60, world.log_text)
    # it does not stay: the supervisor ends it and begins another one
    until("another one", lambda: pid not in world.children().get("listener", [pid]), 60, world.log_text)
    if link:
        assert re.search("broke the rules.*process=listener", since(world, at)), since(world, at)
    whole(world)


def test_no_crowd_of_those_that_die(world):
    """Who ends soon after it began is begun again after twice the pause."""
    at = world.log.stat().st_size
    for n in range(1, 4):
        os.kill(pid_of(world, "connector"), signal.SIGKILL)
        until("it is told", lambda n=n: len(pauses(world, at)) == n, 60, world.log_text)
        until("all are ready", lambda: "ready again" in since(world, at).rsplit("is started again process=connector", 1)[1], 60, world.log_text)
    first, second, third = pauses(world, at)
    assert first >= 100 and third == 2 * second == 4 * first, pauses(world, at)
    whole(world)


def pauses(world, at):
    return [int(ms) for ms in re.findall(r'is started again process=connector in="(\d+) ms"', since(world, at))]


def since(world, at):
    return world.log.read_bytes()[at:].decode(errors="replace")


def whole(world):
    """Everything is there again, and serves."""
    until("every process", lambda: set(world.children()) == set(KINDS), 60, world.log_text)
    until("the daemon serves", lambda: world.muster("node", "show", world.one.id, check=False).returncode == 0, 60, world.log_text)
    until("the MAF serves", lambda: world.one.agent("check").returncode == 0, 60, world.log_text)


@pytest.mark.parametrize("kind,call", [("listener", ("execve", "/bin/sh", 0, 0)), ("connector", ("ptrace", 16, 1, 0, 0)),
                                       ("engine", ("process_vm_readv", 1, "z:16", 1, "z:16", 1, 0)), ("keeper", ("execve", "/bin/sh", 0, 0)),
                                       ("diameter", ("unshare", 0x10000000)), ("signer", ("execve", "/bin/sh", 0, 0)),
                                       ("signer", ("ioctl", 0, TIOCLINUX, b"\x03"))])
def test_an_intruders_call_kills(world, kind, call):
    """The supervisor tells and starts another one."""
    pid = pid_of(world, kind)
    at = world.log.stat().st_size
    with Taken(pid) as t:
        t.dies_of(*call)
    until("it is told", lambda: re.search(SIGSYS_TOLD, since(world, at)), 60, world.log_text)
    until("another one", lambda: pid not in world.children().get(kind, [pid]))
    whole(world)


@pytest.fixture(scope="module")
def other_ways():
    """Ways of programs of 32 bits into this kernel, each tried in a process that is free: it is answered there. A kernel without one has nothing to refuse."""
    ways = []
    for way in ("i386", "x32"):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as free, contextlib.suppress(Killed):
            until("it has begun, and reads", lambda free=free: pathlib.Path(f"/proc/{free.pid}/syscall").read_text().startswith("0 0x0 "))
            with Taken(free.pid) as t:
                assert t.call(f"{way}:getpid") in (free.pid, -errno.ENOSYS)      # of x32 the sandbox hears first, whether the kernel has it or not
            ways.append(way)
    assert "x32" in ways
    return ways


@pytest.mark.parametrize("kind, way", [("diameter", "i386"), ("keeper", "x32")])
def test_another_way_into_the_kernel_kills(world, other_ways, kind, way):
    """Calls have other numbers there, and no list has them: the process dies whatever is called, with all of its threads."""
    pid = pid_of(world, kind)
    with Taken(pid) as t:
        t.dies_of(f"{way if way in other_ways else 'x32'}:getpid")
    until("another one", lambda: pid not in world.children().get(kind, [pid]))
    whole(world)


USER = pwd.getpwnam("nobody")
OURS_IN_ETC = pathlib.Path("/etc/muster-own")                # in a copy of /etc that only this musterd sees


def give(*places):
    for at in (p for place in places for p in (place, *place.rglob("*"))):
        os.chown(at, USER.pw_uid, USER.pw_gid, follow_symlinks=False)


@pytest.fixture(name="nobodys", scope="module")
def an_installation_of_another_user():
    """Not root's, so that /etc is read as a whole; with its files in a copy of /etc, too. Not below pytest's directory, which is root's alone."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="mst-etc-", dir="/tmp"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, top)
        top.chmod(0o755)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        token = TokenPlace(top)
        for name, value in token.env.items():
            patch.setenv(name, value)
        inst = Installation(top / "inst", init=token.init())
        inst.plain_config = inst.plain_config + f'''user = "{USER.pw_name}";
diameter = {{ identity = "{OURS}"; realm = "ours.example"; listen = ["127.0.0.1"]; port = {free_port()}; secure_port = 0;
  peers = ( {{ identity = "bsf.foreign.example"; realm = "foreign.example"; tls = false; }} ); }};
'''
        shutil.copytree("/etc", top / "etc", symlinks=True)
        (top / "etc" / OURS_IN_ETC.name / "pin").mkdir(parents=True)
        shutil.copy(token.pin, top / "etc" / OURS_IN_ETC.name / "pin/ca")
        shutil.copy(inst.dir / "tls/maf.key", top / "etc" / OURS_IN_ETC.name / "maf.key")
        os.chown(inst.dir, USER.pw_uid, USER.pw_gid)
        os.chown(inst.dir / "tls", USER.pw_uid, USER.pw_gid)                 # whoever may not look into a directory follows no link in it
        give(inst.dir / "store", inst.dir / "keeper", top / "etc" / OURS_IN_ETC.name, token.device.dir, token.pin.parent)
        inst.wrap = ["unshare", "-m", "sh", "-euc", f'mount --bind {top}/etc /etc; exec "$@"', "musterd"]
        inst.pin = token.pin
        yield inst


def reads(t, path):
    fd = t.open(path)
    assert fd >= 0 or fd in REFUSED, (path, fd)
    return fd >= 0 and t.call("close", fd) == 0


# what the configuration names below /etc, and who may still read all of it: to the signer its own PIN is no secret
BELOW_ETC = {"nothing": {"connector", "diameter", "signer"}, "PIN": {"signer"}, "key by a link": set()}


@pytest.mark.parametrize("what", BELOW_ETC)
def test_secrets_below_etc(nobodys, what):
    """Whoever may read /etc as a whole reads what is ours in it, since all run as one user. So where a secret is there, it is the resolver's files by name."""
    key = nobodys.dir / "tls/maf.key"
    kept = key.rename(key.with_suffix(".kept")) if what == "key by a link" else None
    nobodys.configure(replace={str(nobodys.pin): f"{OURS_IN_ETC}/pin/ca"} if what == "PIN" else {})
    if kept:
        key.symlink_to(OURS_IN_ETC / "maf.key")
    nobodys.start()
    try:
        for kind in ("connector", "diameter", "signer"):
            pid = pid_of(nobodys, kind)
            assert set(re.search(r"^Uid:(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1].split()) == {str(USER.pw_uid)}
            with Taken(pid) as t:
                for path in ("/etc/passwd", OURS_IN_ETC / "maf.key"):
                    assert reads(t, path) == (kind in BELOW_ETC[what]), (kind, path)
                assert reads(t, OURS_IN_ETC / "pin/ca") == (kind in BELOW_ETC[what]), kind
                assert reads(t, "/etc/hosts"), kind
                assert kind != "signer" or what == "PIN" or reads(t, nobodys.pin)
    finally:
        assert nobodys.stop() == 0, nobodys.log_text()
        if kept:
            kept.rename(key)


def test_the_supervisor(tmp_path):
    """It begins others, so it has no list of what is allowed: what it never does kills it, or is refused, and with it goes all that it has begun."""
    inst = Installation(tmp_path / "inst").start()
    others = [p for pids in inst.children().values() for p in pids]
    assert others
    with Taken(inst.process.pid) as t:
        assert not [w for w in (t.refused("settimeofday", "z:16", 0), t.refused("socket", socket.AF_PACKET, socket.SOCK_RAW, 0), t.refused("clone3", "z:88", 88),
                                t.refused("sethostname", "z:1", 1)) if w]
        assert t.open(inst.config) >= 0                                      # the probe is a real one: it reads the installation's files anew
        for pid in others:
            assert {t.open(f"/proc/{pid}/{what}", os.O_RDWR) for what in ("mem", "environ")} <= REFUSED
        t.dies_of("unshare", 0x10000000)
    assert inst.process.wait(60) == -signal.SIGSYS
    until("nobody is left", lambda: not [p for p in others if pathlib.Path(f"/proc/{p}").exists()], 60, inst.log_text)
    inst.start()                                                             # and it begins again
    assert inst.stop() == 0, inst.log_text()


HARMLESS = {"sendto", "sendmsg", "sendmmsg", "prlimit64", "pidfd_open", "prctl", "mprotect", "mmap", "memfd_create", "chmod", "setrlimit", "personality", "inotify_init1"}


def test_the_probes_find_a_process_without_a_sandbox(world, tmp_path):
    """The same calls in an installation that has none, those that leave nothing behind: they are answered. So a refusal above is the sandbox's."""
    inst = Installation(tmp_path / "inst")
    inst.configure(add="sandbox = false;\n")
    inst.start()
    try:
        with Taken(pid_of(inst, "listener")) as t:
            for path in sorted((inst.dir / "store").glob("*")) + ["/etc/passwd", inst.dir / "keeper"]:
                assert t.open(path) >= 0, path
            assert t.connect(world.outside_port) >= 0
            assert len(t.goes_past_ports(world.outside_port)) == 2
            assert t.call("kill", inst.process.pid, 0) == 0
            tried = [c for c in probes(inst, t.pid) if c[0] in HARMLESS or c[0] == "kill" and c[1] > 0 or c[0] == "openat" and not c[3] & os.O_CREAT and not str(c[2]).startswith("/proc/")]
            assert {c[0] for c in tried} == HARMLESS | {"kill", "openat"}
            assert not [c for c in tried if not t.refused(*c)]
            assert t.call("mmap", 0, 4096, 7, 0x22, -1, 0) > 0
        pid = of_role(inst, "maf")
        with socket.create_server(("127.0.0.1", 0)) as outside, Taken(pid) as t:         # a socket that listened does go out
            assert t.goes_out_by_listening(sockets(pid, "tcp", "0A")[0], outside)[2] == b"stolen"
    finally:
        assert inst.stop() == 0, inst.log_text()


def say_violation(engine, number):
    """The engine's word that this process broke the rules (MST_FRAME_VIOLATION, lib/server/frame.h), at its socket to the supervisor."""
    frame = (9 + 4).to_bytes(4, "big") + bytes([28]) + bytes(8) + number.to_bytes(4, "big")
    with Taken(engine) as t:
        assert t.call("write", 3, frame, len(frame)) == len(frame)


def test_the_engines_word_makes_no_limit_larger(tmp_path):
    """It may have the keeper ended; the next one gives nothing of what is limited before a minute has passed, and what is not limited at once."""
    inst = Installation(tmp_path / "inst")
    inst.configure(add="\nkeeper_limits = { km = 2; km_most = 2; };\n")
    inst.start()
    try:
        inst.subscription()
        node, new = inst.node(1), inst.node(2)
        assert node.run_once().returncode == 0, inst.log_text()
        until("no more", lambda: node.agent("check").returncode != 0)
        for number in range(3):
            keeper, engine = pid_of(inst, "keeper"), pid_of(inst, "engine")
            say_violation(engine, 0x80000000 + number)
            until("another keeper", lambda was=keeper: inst.children().get("keeper", [was]) != [was], context=inst.log_text)
            until("it is ready", lambda n=number: inst.log_text().count("ready again") > n, context=inst.log_text)
            assert pid_of(inst, "engine") == engine
            assert node.agent("check").returncode != 0, "its makers' allowance was used up by who was before"
        km = inst.ask("keeper", "show")["rates"]["km"]
        assert km["minute"] == 0 and km["limited"] == 1 and 1 <= km["full"] <= 60, km
        told = until("it is told", lambda: [e["why"] for e in inst.events("--what", "keeper.limited") if "has ended" in e["why"]], context=inst.log_text)
        assert "keeper_limits.km_most is 2" in told[-1], told
        # secrets of makers, derived keys and certificates have alarms alone
        new.run_once()
        assert inst.ask("keeper", "show")["rates"]["ke"]["busiest"] >= 1
    finally:
        assert inst.stop() == 0, inst.log_text()
