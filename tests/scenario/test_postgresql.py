"""Two daemons with all roles on one PostgreSQL server: two hosts of a service, one of which may go. What one has done the other goes on
with: a SIM that bootstrapped here has its key there, a number is never given out twice, a node that is revoked there is refused here, and
the audit log is one. The servers are real, a primary and its standby; the power of the first goes, too. One host reaches it by a local
socket, the other over TLS and with a password.
"""
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading

import pytest

from support import MUSTERD, RUN_SECONDS, Installation, free_port, run, until
from test_audit import metric
from test_four_eyes import BERT, CARL, give, say
from test_hss import IMPI, IMSI, K, OPC, add, ask, sqn_of

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from gba_ue import Ue  # noqa: E402 the path comes first
from operator_ca import OperatorCa  # noqa: E402
from postgres import Postgres  # noqa: E402

PORTS = ("mef_port", "maf_port", "bbn_port", "metrics_port", "hss_port", "bsf_port", "zn_port")


class Twin(Installation):
    """A second host: the same names, keys and certificates, as the operator copied them; ports of its own."""

    def __init__(self, first, path):
        shutil.copytree(first.dir, path, ignore=shutil.ignore_patterns("run", "*.log", "*.sock"))
        self.__dict__.update(first.__dict__)
        self.dir = pathlib.Path(path)
        (self.dir / "run").mkdir(mode=0o700)
        self.config, self.log, self.process = self.dir / "musterd.conf", self.dir / "musterd.log", None
        text = first.plain_config
        for name in PORTS:
            port = free_port()
            text = text.replace(f":{getattr(first, name)}\"", f":{port}\"")
            setattr(self, name, port)
        self.plain_config = text

    def naf_key(self, btid):
        """As the MAF asks on Zn."""
        host = f"zn.{self.sp}:{self.zn_port}"
        done = run("curl", "-sS", "--http2", "--max-time", RUN_SECONDS, "--resolve", f"{host}:127.0.0.1", "--cacert", self.dir / "keeper/ca.pem",
                   "--cert", self.dir / "tls/maf.pem", "--key", self.dir / "tls/maf.key", "-H", "Content-Type: application/json", "-d",
                   json.dumps({"btId": btid, "nafId": {"nafFqdn": self.maf, "uaSecProtId": "01000100AE"}}), "-w", "\n%{http_code}",
                   f"https://{host}/nbsp-gba/v1/bootstrapping-info-retrieval")
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body else {}

    def settings(self, url, place):
        self.sock = place / f"{self.dir.name}.sock"         # where people of other user ids reach it, too
        (self.dir / "run/admin.sock").symlink_to(self.sock)
        self.configure(add=FOUR, replace={'store = "sqlite:store/muster.db"': f'store = "{url}"', "unix:run/admin.sock": f"unix:{self.sock}",
                                "  mnc_digits = 2;\n": '  mnc_digits = 2;\n  vector_burst = 1000;\n  vector_interval = "1s";\n'})

    def kill(self):
        """All of it at once, as when the power goes."""
        for pid in [self.process.pid] + [p for some in self.children().values() for p in some]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(RUN_SECONDS)
        self.process = None


PASSWORD = "rather-a-long-one"
FOUR = f"\nfour_eyes = {{ subscriptions = true; people = ( {{ uid = {BERT}; }}, {{ uid = {CARL}; }} ); }};\n"


def store_urls(path, first, second):
    """How each host finds the two servers."""
    secret = path / "password"
    secret.write_text(f"*:*:muster:muster:{PASSWORD}\n")
    secret.chmod(0o600)
    both = f"port={first.port} dbname=muster user=muster"
    return [f"postgresql:host={first.socket},{second.socket} {both}",
            f"postgresql:host=localhost,{second.socket} {both} sslmode=verify-full sslrootcert={path / 'ca/operator.pem'} passfile={secret}"]


@pytest.fixture(name="servers", scope="module")
def primary_and_standby(tmp_path_factory):
    path = tmp_path_factory.mktemp("servers")
    ca = OperatorCa(path / "ca")
    ca.issue("pg", "localhost")
    with Postgres(port=free_port(), tls=(ca.dir / "pg.pem", ca.dir / "pg.key")) as first:
        first.psql(f"CREATE ROLE muster LOGIN PASSWORD '{PASSWORD}'")
        first.psql("CREATE DATABASE muster OWNER muster")
        with Postgres(of=first, port=first.port, settings=("ssl = off",)) as second:
            # a commit is acknowledged when both have it
            first.psql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            first.psql("SELECT pg_reload_conf()")
            until("the standby is at hand", lambda: first.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1")
            yield first, second, store_urls(path, first, second)


@pytest.fixture(name="two", scope="module")
def two_hosts(tmp_path_factory, servers):
    path = tmp_path_factory.mktemp("hosts")
    seed = Installation(path / "seed", gba="00101")
    hosts = [Twin(seed, path / name) for name in ("a", "b")]
    place = pathlib.Path(tempfile.mkdtemp(prefix="mst-two-"))
    place.chmod(0o755)
    for h, url in zip(hosts, servers[2]):
        h.settings(url, place)
        assert run(MUSTERD, "--check", "-c", h.config).stdout == "good\n"
        h.start()
    first = hosts[0]
    first.subscription()
    add(first, IMSI, "--node", first.node(1).id, "--naf-group", "m2m", "--lifetime", "1h")
    yield hosts
    for h in hosts:
        assert h.stop() == 0, h.log_text()
    shutil.rmtree(place)


def ue_at(host):
    return Ue(host.bsf_port, K, OPC, IMPI, host.bsf)


def bootstrapped(host):
    """A SIM, with its session. A list of revocations that is made anew changes settings, which may cost a handshake between the roles: try again."""
    ue = ue_at(host)
    until("a SIM bootstraps", lambda: ue.bootstrap()[0] == 200, context=host.log_text)
    return ue


def number(host):
    """The sequence number of a fresh vector; again where new settings ended the session just before the question came."""
    def fresh():
        status, body, *_ = ask(host, check=False)
        return status == 200 and body["3gAkaAv"]
    given = until("a vector", fresh, context=host.log_text)
    return sqn_of({k: bytes.fromhex(v) for k, v in given.items()})


def test_bootstrapped_here_and_its_key_there(two):
    a, b = two
    ue = ue_at(a)
    status, headers, body = ue.bootstrap()
    assert status == 200, (headers, body, a.log_text())
    for host in two:
        status, got = host.naf_key(ue.btid)
        assert (status, got.get("meKeyMaterial")) == (200, ue.ks_naf(a.maf).hex()), (got, host.log_text())
    # the challenge of one is answered at the other
    status, headers, _ = ue.first()
    ue.port = b.bsf_port
    assert status == 401 and ue.respond(headers["WWW-Authenticate"])[0] == 200, b.log_text()
    assert a.naf_key(ue.btid)[1]["meKeyMaterial"] == ue.ks_naf(a.maf).hex()


def test_no_number_twice(two):
    """The HSSs of both give vectors for one SIM at the same time."""
    seen, wrong = [], []
    before = int(two[0].ask("sim", "show", IMSI)["sqn"], 16)

    def many(host):
        try:
            for _ in range(4):
                seen.append(number(host))
        except AssertionError as e:
            wrong.append(str(e))
    threads = [threading.Thread(target=many, args=(h,)) for h in two for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(RUN_SECONDS)
    assert not wrong and len(set(seen)) == 16 and min(seen) > before, (wrong, seen)
    for host in two:
        assert int(host.ask("sim", "show", IMSI)["sqn"], 16) == max(seen)


def test_enrolled_here_and_revoked_there(two):
    a, b = two
    node = a.node(2)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + a.log_text()
    assert b.ask("node", "show", node.id)["state"] == "enrolled"
    b.muster("node", "revoke", node.id, "--reason", "stolen")
    assert a.ask("node", "show", node.id)["state"] == "revoked"
    assert node.agent("check").returncode != 0
    # each keeps a list of its own, of what both have revoked
    serial = b.ask("cert", "revoke", b.dir / "tls/bbn.pem")["serial"]
    for host in two:
        until("its revocation list names the certificate", lambda h=host: serial in run("openssl", "crl", "-in", h.dir / "crls/ca.crl", "-noout", "-text").stdout)


ONCE = """
CREATE SEQUENCE once;
CREATE FUNCTION once_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF nextval('once') = 1 THEN RAISE SQLSTATE '40001'; END IF; RETURN NEW; END $$;
ALTER SEQUENCE once OWNER TO muster;
CREATE TRIGGER once BEFORE INSERT ON gba_run FOR EACH ROW EXECUTE FUNCTION once_only()
"""


def test_a_lost_group_is_decided_again(two, servers):
    """The database gives a group up as it may; who asked has an answer all the same."""
    def repeated():
        return metric(two[0], "muster_groups_repeated_total")
    before, said = repeated(), len(two[0].log_text())
    servers[0].psql(ONCE, "muster")
    try:
        bootstrapped(two[0])
    finally:                            # a schema with more in it is refused
        servers[0].psql("DROP TRIGGER once ON gba_run; DROP FUNCTION once_only; DROP SEQUENCE once", "muster")
    until("the metric tells of it", lambda: repeated() > before)
    assert "a transaction failed" not in two[0].log_text()[said:], two[0].log_text()


def test_one_audit_log(two):
    """One chain, and each keeper's seals are in it."""
    said = [h.ask("audit", "verify") for h in two]
    assert all(s["ok"] for s in said), said
    numbers = [e["seq"] for e in two[1].events()]
    assert numbers == list(range(1, len(numbers) + 1))
    for host in two:
        host.muster("audit", "seal")
        assert host.ask("audit", "verify")["ok"]


def test_no_key_in_the_database(two, servers):
    """Whoever reads it, a backup of it, or its files, has wrapped keys."""
    pg, ue = servers[0], bootstrapped(two[0])
    text = pg.run("pg_dump", "-h", pg.socket, "-p", pg.port, "-U", "postgres", "muster").lower()
    assert IMSI in text and ue.btid.lower() in text
    for key in (K, OPC, ue.ks, ue.ks_naf(two[0].maf)):
        assert key.hex() not in text
    files = [p for p in pg.data.rglob("*") if p.is_file()]
    assert len(files) > 100 and not [p for p in files for key in (K, OPC, ue.ks) if key in p.read_bytes()]


def goes_on(two):
    """Each has its store again, and what it does there the other finds."""
    for host, other in (two, two[::-1]):
        ue = bootstrapped(host)
        until("its key is at the other", lambda u=ue, o=other: o.naf_key(u.btid)[1].get("meKeyMaterial") == u.ks_naf(o.maf).hex(), context=other.log_text)


def test_the_servers_power_goes(two, servers):
    """Nothing of it is half; both go on by themselves."""
    servers[0].stop(signal.SIGQUIT)
    status, headers, _ = ue_at(two[0]).first()
    assert status >= 500 and int(headers["Retry-After"]) > 0, (status, headers)
    servers[0].start()
    goes_on(two)


@pytest.fixture(name="carried_out", scope="module")
def asked_for_here_and_approved_there(two):
    """What BERT asked for at the one and CARL said yes to at both, at the same time."""
    a, b = two
    a.subscription("sub-2")
    status, body = say(a, BERT, "POST", "/v1/subscriptions/sub-2/end", {"reason": "over"})
    assert status == 202, body
    asked = body["approval"]
    assert b.ask("approve", "list")["approvals"] == [asked]
    assert give(b, BERT, asked)[0] == 403, "he is who asked, wherever he says it"
    answers = [None, None]

    def yes(i):
        answers[i] = give(two[i], CARL, asked)
    threads = [threading.Thread(target=yes, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(RUN_SECONDS)
    assert sorted(status for status, _ in answers) == [200, 409], answers
    return asked


def test_asked_for_here_and_approved_there(two, carried_out):
    """It is carried out once, and a yes that was used is none at the other."""
    for host in two:
        assert host.ask("subscription", "show", "sub-2")["state"] == "ended"
        status, body = give(host, CARL, carried_out)
        assert status == 409 and "it is done" in body["error"]["text"], body
    assert len(two[0].events("--what", "approval.given")) == 1


def test_one_of_them_is_killed(two, carried_out):
    """The other goes on with all of it, and who comes back finds what was done meanwhile."""
    a, b = two
    ue = bootstrapped(a)
    a.kill()
    assert b.naf_key(ue.btid)[1]["meKeyMaterial"] == ue.ks_naf(b.maf).hex()
    ue.port = b.bsf_port
    assert ue.bootstrap()[0] == 200, b.log_text()
    sqn = number(b)
    a.start()
    status, body = give(a, CARL, carried_out)
    assert status == 409 and "it is done" in body["error"]["text"], body
    assert a.naf_key(ue.btid)[1]["meKeyMaterial"] == ue.ks_naf(a.maf).hex()
    assert number(a) > sqn
    for host in two:
        assert host.ask("audit", "verify")["ok"]
        assert not host.events("--what", "audit.mismatch")


def test_a_new_key_while_another_one_is_here(two):
    """It is refused; and with the keys of before there is no way back beside the one that has the new ones. The old key waits for a standby that lags, at
    each of them, until an operator says that there is none."""
    a, b = two
    refused = a.muster("keeper", "rotate", check=False)
    assert refused.returncode == 1 and "end the others first" in refused.stderr, refused.stderr
    assert a.ask("keeper", "show")["generation"] == 1 and not a.events("--what", "keeper.rotation")
    assert b.stop() == 0, b.log_text()
    # challenges that nobody has answered hold its end up for a minute, not what follows
    until("the server has noticed that the other is gone", lambda: a.muster("keeper", "rotate", check=False).returncode == 0, context=a.log_text)
    assert a.ask("keeper", "show")["generation"] == 2
    said = len(b.log_text())
    with pytest.raises(AssertionError):
        b.start()
    assert "copy its keeper's directory" in b.log_text()[said:], b.log_text()
    shutil.rmtree(b.dir / "keeper")
    shutil.copytree(a.dir / "keeper", b.dir / "keeper")
    b.start()
    goes_on(two)
    kept = until("every key is wrapped anew", lambda: a.ask("keeper", "show")["rotation"].get("keptUntil"), context=a.log_text)
    assert a.events("--what", "keeper.rewrapped") and not a.events("--what", "keeper.rotated")
    assert kept in a.muster("keeper", "show").stdout and len(list((a.dir / "keeper").glob("kek*"))) == 2
    assert "muster keeper finish destroys it" in a.muster("keeper", "rotate", check=False).stderr
    a.muster("keeper", "finish", "--reason", "it was stolen")
    for host in two:
        until("the old key is gone", lambda host=host: "before" not in host.ask("keeper", "show"), context=host.log_text)
        assert [p.name for p in (host.dir / "keeper").glob("kek*")] == ["kek-2.key"]
    assert a.muster("keeper", "finish", "--reason", "again", check=False).returncode == 1
    (told,) = a.events("--what", "keeper.finished")
    assert told["why"].endswith("does not wait for a standby: it was stolen"), told
    goes_on(two)
    assert b.ask("audit", "verify")["ok"] and not b.events("--what", "audit.mismatch")


def test_the_standby_takes_over(two, servers):
    """Last in this file: the primary does not come back, and nothing that it has acknowledged is lost."""
    a, b = two
    ue = bootstrapped(b)
    sqn, last = number(a), b.events()[-1]["seq"]
    servers[0].stop(signal.SIGQUIT)
    servers[1].promote()
    goes_on(two)
    assert b.naf_key(ue.btid)[1]["meKeyMaterial"] == ue.ks_naf(b.maf).hex()
    assert number(b) > sqn
    for host in two:
        assert host.ask("audit", "verify")["ok"] and not host.events("--what", "audit.mismatch")
        assert host.events()[-1]["seq"] > last
