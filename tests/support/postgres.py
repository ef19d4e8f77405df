#!/usr/bin/python3
"""A PostgreSQL server of one's own: data and socket in one directory, no port. It does not run as root, so it is nobody's then.

    with Postgres(directory) as pg: ... pg.url("muster") ...

As a program: postgres.py COMMAND ARGUMENT... starts one and runs each COMMAND with the store's URL (the arguments are programs).
"""
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from waiting import until  # noqa: E402 the path comes first

NOBODY = 65534
DEADLINE = 120


def program(name):
    found = next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None) or shutil.which(name)
    if not found:
        sys.exit(f"{name} is not there; tools/setup installs the package postgresql")
    return os.path.realpath(found)


class Postgres:
    """`durable`: what is committed is synced, as in earnest. `settings` are lines of postgresql.conf. `of`: a standby of another one.
    `tls`: a certificate and its key, files; then it listens at `port` of loopback, too, and wants a password there."""

    def __init__(self, durable=True, settings=(), of=None, port=5432, tls=None):
        self.port = port
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mst-pg-", dir="/tmp"))
        self.data, self.socket = self.dir / "data", self.dir / "s"
        self.process = None
        self.root = os.geteuid() == 0
        os.chmod(self.dir, 0o755)
        self.socket.mkdir()
        if self.root:
            os.chown(self.dir, NOBODY, NOBODY)
            os.chown(self.socket, NOBODY, NOBODY)
        if of:
            self.run("pg_basebackup", "-D", self.data, "-h", of.socket, "-p", of.port, "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync")
        else:
            self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as f:
            f.write("\n".join([f"fsync = {'on' if durable else 'off'}", f"port = {port}", f"listen_addresses = '{'127.0.0.1' if tls else ''}'", f"unix_socket_directories = '{self.socket}'",
                               "max_connections = 40", "shared_buffers = 16MB", "max_wal_senders = 4", "wal_retrieve_retry_interval = 100ms", "autovacuum = off", *settings, ""]))
        if tls:
            self.with_tls(*tls)
        self.start()

    def with_tls(self, certificate, key):
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as f:
            f.write(f"ssl = on\nssl_cert_file = '{self.own('server.pem', certificate.read_bytes())}'\n"
                    f"ssl_key_file = '{self.own('server.key', key.read_bytes())}'\n")
        hba = self.data / "pg_hba.conf"
        hba.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\nlocal replication all trust\n")

    def own(self, name, content):
        """A file that the server reads; it insists on its being nobody else's."""
        path = self.dir / name
        path.write_bytes(content)
        path.chmod(0o600)
        if self.root:
            os.chown(path, NOBODY, NOBODY)
        return path

    def promote(self):
        self.run("pg_ctl", "promote", "-D", self.data)

    def as_user(self):
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.root else {}

    def run(self, name, *args):
        done = subprocess.run([program(name), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
                              timeout=DEADLINE, check=False, **self.as_user())
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self):
        log = os.open(self.dir / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self.process = subprocess.Popen([program("postgres"), "-D", str(self.data)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            cwd="/", **self.as_user())
        finally:
            os.close(log)
        until("the database server", self.answers, DEADLINE, (self.dir / "log").read_text)

    def answers(self):
        assert self.process.poll() is None, (self.dir / "log").read_text()
        return not self.psql("SELECT 1", check=False).returncode

    def psql(self, sql, database="postgres", check=True):
        done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket), "-p", str(self.port), "-U", "postgres", "-d", database, "-c", sql],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def ask(self, sql, database="postgres"):
        return self.psql(sql, database).stdout.strip()

    def create(self, name):
        self.psql(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database):
        return f"postgresql:host={self.socket} port={self.port} dbname={database} user=postgres"

    def stop(self, how=signal.SIGINT):
        """SIGINT: at once and in order; SIGQUIT: as when the power goes."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(DEADLINE)
        self.process = None

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def main():
    failed = []
    with Postgres(durable=False) as pg:
        url = pg.create("contract")
        for exe in sys.argv[1:]:
            done = subprocess.run([exe, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=600, check=False)
            name = os.path.basename(exe)
            print(f"# {name}: {'ok' if done.returncode == 0 else 'FAILED'}")
            if done.returncode:
                print(done.stdout)
                failed.append(name)
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
