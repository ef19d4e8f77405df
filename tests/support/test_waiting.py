"""Tests run beside each other, and daemons dial out: neither may be given a port that somebody waits to listen at."""
import pathlib
import subprocess
import sys

from waiting import candidates, free_port

HERE = pathlib.Path(__file__).resolve().parent
OTHERS = "from waiting import free_port\nprint(*(free_port() for _ in range(300)), flush=True)\nimport sys; sys.stdin.read()"


def test_no_port_is_given_twice():
    """To this process, to one that lives at the same time, or by the kernel to a client."""
    mine = [free_port() for _ in range(298)]
    first = free_port(2)
    mine += [first, first + 1]
    with subprocess.Popen([sys.executable, "-c", OTHERS], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        theirs = [int(w) for w in other.stdout.readline().split()]
        mine += [free_port() for _ in range(300)]
        other.communicate("")
    assert other.returncode == 0 and len(theirs) == 300
    assert len(set(mine + theirs)) == 900
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert not set(mine + theirs) - set(candidates(first))


def test_what_the_kernel_gives_is_none_of_them():
    """Whatever this machine's settings are."""
    for first in (13288, 15000, 32768, 60999):
        assert max(candidates(first)) < first and len(candidates(first)) >= 1000
    assert max(candidates(1024)) == 65535
