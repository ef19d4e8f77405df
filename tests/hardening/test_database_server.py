"""An engine whose database is a server has one way out, and that leads there."""
import os
import pathlib
import re
import signal
import socket

import pytest

from postgres import Postgres
from support import Installation, until
from taken import REFUSED, Taken, address, landlock


@pytest.fixture(name="world", scope="module")
def an_installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("server") / "inst")
    with Postgres(settings=["listen_addresses = '127.0.0.1'"], durable=False) as pg:
        inst.pg = pg
        inst.configure(replace={"sqlite:store/muster.db": pg.create("muster")})
        inst.start()
        inst.outside = socket.create_server(("127.0.0.1", 0))
        inst.outside_port = inst.outside.getsockname()[1]
        yield inst
        inst.outside.close()
        assert inst.stop() == 0, inst.log_text()


def test_the_way_to_the_database_and_no_other(world):
    engine, = world.children()["engine"]
    with Taken(engine) as t:
        fd = t.call("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)
        assert fd >= 0                                       # this is what it has
        assert t.call("close", fd) == 0
        assert t.connect(world.outside_port) in REFUSED      # no port is in its configuration
        for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_DGRAM),
                             (socket.AF_INET, socket.SOCK_RAW), (socket.AF_NETLINK, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW)):
            assert t.call("socket", family, kind, 0) in REFUSED, (family, kind)
        fd = t.call("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)
        assert t.call("bind", fd, address(0), 16) in REFUSED and t.call("listen", fd, 1) in REFUSED
        assert t.call("close", fd) == 0
        for path in ("/etc/passwd", "/etc/resolv.conf", world.config, *sorted((world.dir / "keeper").iterdir())):
            assert t.open(path) in REFUSED, path
        assert t.open(world.dir / "store", os.O_RDONLY) in REFUSED       # its directory is of no use here


def test_no_child_is_an_administrator(world):
    """The engine's local sockets could reach that of administration, which is its own user's. It is turned away as a child of musterd's, and told; muster is not."""
    engine, = world.children()["engine"]
    with Taken(engine) as t:
        assert t.asks_administration(world.dir / "run/admin.sock") == b""
    assert re.search(f"turned away.*pid={engine}", world.log_text())
    assert world.muster("status", check=False).returncode == 0
    # and who has come since: the list is kept up
    os.kill(engine, signal.SIGKILL)
    other, = until("another engine", lambda: [p for p in world.children().get("engine", []) if p != engine])
    until("the daemon serves", lambda: world.muster("status", check=False).returncode == 0, 60, world.log_text)
    with Taken(other) as t:
        assert t.asks_administration(world.dir / "run/admin.sock") == b""
    assert re.search(f"turned away.*pid={other}", world.log_text())
    # nor is the one before it, in a new process that listens there: whose pid was theirs is so for a while
    local = next(p for p in world.children()["listener"] if b"--name=listener-local" in pathlib.Path(f"/proc/{p}/cmdline").read_bytes())
    os.kill(local, signal.SIGKILL)
    until("the daemon serves", lambda: world.muster("status", check=False).returncode == 0, 60, world.log_text)
    with Taken(other) as t:
        assert t.asks_administration(world.dir / "run/admin.sock") == b""


@pytest.mark.parametrize("kind", ("listener", "keeper"))
def test_the_others_have_none(world, kind):
    with Taken(min(world.children()[kind])) as t:
        for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
            assert t.call("socket", family, socket.SOCK_STREAM, 0) in REFUSED
        assert "libpq" not in pathlib.Path(f"/proc/{t.pid}/maps").read_text()


def test_by_tcp_to_its_port_and_no_other(world):
    assert world.stop() == 0, world.log_text()
    local = world.pg.url("muster")
    world.configure(replace={"sqlite:store/muster.db": local.replace(f"host={world.pg.socket}", "host=127.0.0.1")})
    world.start()
    engine, = world.children()["engine"]
    with Taken(engine) as t:
        fd = t.connect(world.pg.port)
        assert fd >= 0                                       # this is what it has
        assert t.call("close", fd) == 0
        if landlock() >= 4:                                  # before, any port: doc/threat-model.md says so
            assert t.connect(world.outside_port) in REFUSED
            assert not t.goes_past_ports(world.outside_port)
        for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_INET, socket.SOCK_RAW),
                             (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM), (socket.AF_NETLINK, socket.SOCK_RAW)):
            assert t.call("socket", family, kind, 0) in REFUSED, (family, kind)
    until("the daemon serves", lambda: world.muster("status", check=False).returncode == 0, 60, world.log_text)
