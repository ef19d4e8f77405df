"""The load client counts what failed: a rate is worth nothing when refusals pass for answers."""
import json
import os
import pathlib
import secrets
import subprocess
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "support")]
import measure  # noqa: E402
from strange_bsf import StrangeBsf  # noqa: E402

BUILD = pathlib.Path(os.environ["MST_BUILD"])
CPUS = os.sched_getaffinity(0)


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    made = measure.Tools(BUILD, tmp_path_factory.mktemp("perf"))
    made.make_nodes(5)
    return made


@pytest.fixture(scope="module")
def mtls_port(tools):
    process, port = tools.bare(CPUS)
    yield port
    measure.end(process)


@pytest.fixture(scope="module")
def psk_port(tools):
    process, port = tools.bare(CPUS, "--psk")
    yield port
    measure.end(process)


@pytest.fixture(scope="module")
def coap_ports(tools):
    both = [tools.bare(CPUS, "--coap", *more) for more in ((), ("--psk",))]
    yield [port for _, port in both]
    for process, _ in both:
        measure.end(process)


def test_every_session_over_datagrams_is_counted(tools, coap_ports):
    for answer in (tools.dtls(coap_ports[0], CPUS, 20, nodes=5), tools.dtls(coap_ports[1], CPUS, 20, psk=True)):
        assert answer["count"] == 20 and answer["failed"] == 0 and answer["rate"] > 0


def test_an_answer_over_datagrams_that_is_no_briefing_is_a_failure(tools, coap_ports, tmp_path):
    to = ("--server-name", tools.bare_name, "--count", 2)
    good = ("--ca", tools.certs / "server-ca.pem", "--certs", tools.certs, "--maf", "maf.example.com")
    status, answer, said = client(tools, "--kind", "bbn-coap", "--connect", f"127.0.0.1:{coap_ports[0]}", *to, *good)
    assert (status, answer["failed"]) == (1, 2) and "no briefing" in said
    status, answer, said = client(tools, "--kind", "coap", "--connect", f"127.0.0.1:{coap_ports[0]}", *to, "--ca", tools.certs / "anchor.pem",
                                  "--certs", tools.certs)
    assert (status, answer["failed"]) == (1, 2) and "certificate verify failed" in said
    (tmp_path / "secrets").write_text(f"somebody@example.com {'00' * 32} urn:dev:ops:x\n")
    status, answer, said = client(tools, "--kind", "coap-psk", "--connect", f"127.0.0.1:{measure.free_port()}", *to)
    assert (status, answer["failed"]) == (1, 2), said


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("more", [(), ("--request",)])
def test_every_session_is_counted(tools, mtls_port, psk_port, tls, more):
    for answer in (tools.mtls(mtls_port, CPUS, 20, *more, nodes=5, tls=tls), tools.psk(psk_port, CPUS, 20, *more, tls=tls)):
        assert answer["count"] == 20 and answer["failed"] == 0 and answer["rate"] > 0
        assert 0 < answer["p50_ms"] <= answer["p99_ms"]


def client(tools, *args):
    done = subprocess.run([tools.bin / "load-client", *map(str, args)], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def mtls(tools, port, **other):
    words = {"ca": tools.certs / "server-ca.pem", "certs": tools.certs, "server-name": tools.bare_name, **other}
    return client(tools, "--kind", "mtls", "--connect", f"127.0.0.1:{port}", "--count", 4, "--nodes", 4,
                  *[w for k, v in words.items() for w in (f"--{k}", v)])


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_a_server_that_is_not_who_it_should_be_is_a_failure(tools, mtls_port, tls):
    status, answer, said = mtls(tools, mtls_port, ca=tools.certs / "anchor.pem", tls=tls)
    assert (status, answer["failed"], answer["rate"]) == (1, 4, 0) and "certificate verify failed" in said
    status, answer, said = mtls(tools, mtls_port, **{"server-name": "other.example.com"}, tls=tls)
    assert (status, answer["failed"]) == (1, 4)


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("more", [(), ("--request",)])
def test_a_refused_certificate_is_a_failure(tools, mtls_port, tmp_path, tls, more):
    """In TLS 1.3 the refusal comes after the client's own part of the handshake has gone well."""
    others = measure.Tools(BUILD, tmp_path)
    others.make_nodes(1)
    status, answer, said = client(tools, "--kind", "mtls", "--connect", f"127.0.0.1:{mtls_port}", "--server-name", tools.bare_name,
                                  "--ca", tools.certs / "server-ca.pem", "--certs", others.certs, "--count", 3, "--tls", tls, *more)
    assert (status, answer["failed"], answer["rate"]) == (1, 3, 0)
    assert "alert" in said


def test_an_answer_that_is_no_enrolment_is_a_failure(tools, mtls_port):
    """An empty 200 is good for the bare kind and for nothing else."""
    status, answer, said = client(tools, "--kind", "mef", "--connect", f"127.0.0.1:{mtls_port}", "--server-name", tools.bare_name,
                                  "--ca", tools.certs / "server-ca.pem", "--certs", tools.certs, "--ids", tools.certs / "ids.txt",
                                  "--admin", "sp.example.com", "--maf", "maf.example.com", "--count", 2)
    assert (status, answer["failed"]) == (1, 2) and "not created" in said


def test_an_answer_that_is_no_briefing_is_a_failure(tools, mtls_port, psk_port, tmp_path):
    status, answer, said = client(tools, "--kind", "bbn", "--connect", f"127.0.0.1:{mtls_port}", "--server-name", tools.bare_name,
                                  "--ca", tools.certs / "server-ca.pem", "--certs", tools.certs, "--maf", "maf.example.com", "--count", 2)
    assert (status, answer["failed"]) == (1, 2) and "no briefing" in said
    (tmp_path / "secrets").write_text(f"somebody@example.com {'00' * 32} urn:dev:ops:x\n")
    status, answer, said = client(tools, "--kind", "bbn-psk", "--connect", f"127.0.0.1:{psk_port}", "--server-name", tools.bare_name,
                                  "--keys-in", tmp_path / "secrets", "--maf", "maf.example.com", "--count", 2)
    assert (status, answer["failed"]) == (1, 2), said


def test_an_answer_that_is_no_certificate_is_a_failure(tools, mtls_port):
    status, answer, said = client(tools, "--kind", "est", "--connect", f"127.0.0.1:{mtls_port}", "--server-name", tools.bare_name,
                                  "--ca", tools.certs / "server-ca.pem", "--certs", tools.certs, "--count", 2)
    assert (status, answer["failed"]) == (1, 2) and "no certificate" in said


def test_an_enrolment_by_secret_needs_a_mef(tools, psk_port, tmp_path):
    (tmp_path / "secrets").write_text(f"somebody@example.com {'00' * 32} urn:dev:ops:x\n")
    status, answer, said = client(tools, "--kind", "mef-psk", "--connect", f"127.0.0.1:{psk_port}", "--server-name", tools.bare_name,
                                  "--keys-in", tmp_path / "secrets", "--admin", "sp.example.com", "--maf", "maf.example.com", "--count", 2)
    assert (status, answer["failed"]) == (1, 2), said


def test_an_answer_without_a_key_is_a_failure(tools, psk_port, tmp_path):
    (tmp_path / "secrets").write_text(f"somebody@example.com {'00' * 32} urn:dev:ops:x\n")
    status, answer, said = client(tools, "--kind", "maf-key", "--connect", f"127.0.0.1:{psk_port}", "--server-name", tools.bare_name,
                                  "--keys-in", tmp_path / "secrets", "--maf", "maf.example.com", "--key", "0A", "--count", 2)
    assert (status, answer["failed"]) == (1, 2), said


@pytest.fixture
def operator():
    """A BSF that shares no code with ours, and one SIM of its operator as the client takes it."""
    k, opc = secrets.token_bytes(16), secrets.token_bytes(16)
    with StrangeBsf(k, opc, "001010000000001", tmpi=False) as bsf:
        yield bsf, f"{bsf.impi} {k.hex()} {opc.hex()} //sp.example.com/C1\n"


def bootstrap(tools, bsf, sims, kind="ub", *more):
    return client(tools, "--kind", kind, "--connect", f"127.0.0.1:{bsf.port}", "--server-name", bsf.fqdn, "--sims", sims, "--count", 3,
                  "--concurrency", 1, *more)


def test_bootstraps_are_checked(tools, operator, tmp_path):
    bsf, line = operator
    sims = tmp_path / "sims"
    sims.write_text(line)
    status, answer, said = bootstrap(tools, bsf, sims)
    assert (status, answer["failed"]) == (0, 0) and [what for what, _ in bsf.log] == ["asked", "granted"] * 3, said
    for spoil, words in ((lambda s, h, b: (s, h, b + b" "), "not granted"), (lambda s, h, b: (403, {}, b""), "no challenge"),
                         (lambda s, h, b: (s, {w: v.replace("nonce=", "nonce= ") for w, v in h.items()}, b), "no challenge")):
        bsf.spoil = spoil
        status, answer, said = bootstrap(tools, bsf, sims)
        assert (status, answer["failed"], answer["rate"]) == (1, 3, 0) and words in said, said
    bsf.spoil = None
    sims.write_text(line.replace(bsf.k.hex(), "00" * 16))
    status, answer, said = bootstrap(tools, bsf, sims)
    assert (status, answer["failed"]) == (1, 3) and "no challenge of its operator" in said, said
    sims.write_text("x\n")
    assert bootstrap(tools, bsf, sims)[0] == 3


def test_a_bootstrap_without_enrolment_is_a_failure(tools, operator, psk_port, tmp_path):
    """The key that Ub gave is the MAF's; here there is none, but somebody with another key."""
    bsf, line = operator
    (tmp_path / "sims").write_text(line)
    status, answer, said = bootstrap(tools, bsf, tmp_path / "sims", "gba", "--maf-connect", f"127.0.0.1:{psk_port}", "--maf", "maf.sp.example.com",
                                     "--admin", "sp.example.com")
    assert (status, answer["failed"]) == (1, 3) and bsf.grants == 3 and "handshake" in said, said


def test_nobody_there_is_a_failure(tools):
    status, answer, said = mtls(tools, measure.free_port())
    assert (status, answer["failed"]) == (1, 4) and "refused" in said


NEARLY = ("--kind", "psk", "--server-name", "x", "--connect")


@pytest.mark.parametrize("args", [(), ("--kind", "other"), (*NEARLY, "192.0.2.1:1", "--count", "1"), (*NEARLY, "127.0.0.1:1", "--count", "-1"),
                                  (*NEARLY, "127.0.0.1:1", "--count", "0"), (*NEARLY, "127.0.0.1:1", "--count", "1", "--tls", "1.1")])
def test_wrong_usage(tools, args):
    status, answer, said = client(tools, *args)
    assert status == 2 and answer is None and "usage" in said
