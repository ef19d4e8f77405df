"""Story: a script asks muster. Whatever it asks with --json is answered by one JSON text on standard output, and mistakes go elsewhere."""
import binascii
import json
import re

import pytest

from support import MUSTER, Installation, run

K, OPC = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"           # TS 35.208, set 1
SEQUENCE = ('{"version": 1, "instructions": [{"kind": "bootstrap", "method": "cert", "uri": "https://mef.example.com", "target": "maf.example.com", '
            '"adminFQDN": "sp.example.com"}]}')
# Every command there is, in an order in which each can do something; with a minus those that are refused here and have no answer.
COMMANDS = """
init made --ca-key best:swtpm:path=none
cert ca acme
cert issue --ca acme --node-id urn:n:1 --out node
cert issue --ca acme --bundle-signer --cn workshop --out signer
cert sign node.csr --ca acme --out signed
cert show node.pem
cert crl --ca acme --out acme.crl
cert revoke node.pem --ca acme --out acme.crl
bundle make --sequence s.json --any --until +1d --key signer.key --cert signer.pem --out b
bundle show b
qr s.json
qr s.json --svg s.svg
status
subscription add s1 --sp sp.example.com --maf maf.sp.example.com --until +30d
subscription add s2 --sp sp.example.com --maf maf.elsewhere.example.com --until +30d
subscription list
subscription show s1
subscription extend s1 --until +40d
subscription suspend s1
subscription resume s1
subscription end s2
node add urn:n:1 --subscription s1 --cse-id //sp.example.com/N1 --anchor any
node add urn:n:2 --subscription s1 --anchor any
node import nodes.csv
node bind urn:n:1 --anchor acme.pem
node number urn:n:1 +491701234567
node place urn:n:1 --at 52.5,13.4
node place urn:n:1 --clear
node secret urn:n:1 --new psk
node list
node list --state revoked
node show urn:n:1
node move urn:n:2 --subscription s1 --reason x
node suspend urn:n:1 --reason x
node resume urn:n:1 --reason x
node release urn:n:2 --reason x --grace 1d
node revoke urn:n:2 --reason x
node reenrol urn:n:2 --window 1h --reason x
cert list urn:n:1
cert requests
- cert approve 1
- cert reject 1 --reason x
cert revoke urn:n:1
sim add 001010000000001 --file sim --node urn:n:1
sim import sims.csv
sim list
sim show 001010000000001
sim unbind 001010000000001
sim bind 001010000000001 urn:n:1
sim suspend 001010000000001 --reason x
sim resume 001010000000001 --reason x
sim remove 001010000000001 --reason x
gba show
gba flush --all
rule list
rule check
rule add r1 --mef-uri https://mef.sp.example.com:8443 --method cert --sp sp.example.com --maf maf.sp.example.com
rule add r2 --deny no
rule edit r2 --note x
rule move r2 --before r1
rule disable r2
rule enable r2
rule show r1
rule list
rule check
rule try urn:n:1
rule replay
rule history
rule rollback 1
rule delete r1
command list
command cert-prov urn:n:1
command cert-prov urn:n:1 3
command dev-cfg urn:n:1 --uri 3:coaps://dm.example.com
command mo-node urn:n:1 --path x --type trustAnchorCred
command show 1
command cancel 1
command cancel 2 3 4
command list urn:n:1
trigger urn:n:1
trigger urn:n:1 --via datagram --to 127.0.0.1:9
approve list
- approve show 1
- approve give 1 --digest 00000000
- approve refuse 1 --reason x
keeper show
keeper rotate --wait
- keeper finish --reason x
audit seal
audit seal --out seal
audit export --out log
audit verify
audit verify --seal seal
audit verify log
- audit accept --reason x
doctor
"""
# asked elsewhere: they go on (approve page: test_four_eyes.py; demo: test_cli.py), or answer a line each (events)
ELSEWHERE = {"approve page", "demo", "events"}


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("json") / "inst", "single", gba="00101")
    it.start()
    yield it
    assert it.stop() == 0, it.log_text()


def commands():
    """As the summary names them: "node add"."""
    for name, usage in re.findall(r"^  muster (\S+) (.*)$", run(MUSTER, "nonsense", check=False).stderr, re.M):
        group = re.fullmatch(r"([a-z|-]+) …", usage)
        yield from [f"{name} {one}" for one in group[1].split("|")] if group else [name]


def test_every_command_answers_in_json(inst, tmp_path):
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "own.key", "-subj", "/", "-addext",
        "subjectAltName=URI:urn:n:1", "-out", "node.csr", cwd=tmp_path)
    (tmp_path / "s.json").write_text(SEQUENCE)
    (tmp_path / "nodes.csv").write_text("nodeID,subscription,anchor\nurn:n:3,s1,any\nurn:n:4,none,any\n")
    (tmp_path / "sims.csv").write_text("imsi,secret\n001010000000002,nonsense\n")
    (tmp_path / "sims.csv").chmod(0o600)
    (tmp_path / "sim").write_text(f"milenage:{K}:opc:{OPC}={binascii.crc_hqx(bytes.fromhex(K + OPC), 0xFFFF):04X}")
    words = [line.removeprefix("- ") for line in COMMANDS.strip().splitlines()]
    assert {name for name in commands() if not any(w.split()[:2] == name.split() or w.split()[0] == name for w in words)} == ELSEWHERE
    for line, word in zip(COMMANDS.strip().splitlines(), words):
        done = inst.muster("--json", *word.split(), check=False, cwd=tmp_path)
        if line.startswith("- "):
            assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("muster: "), (word, done)
        else:
            assert done.returncode in (0, 1), (word, done)
            json.loads(done.stdout)


def test_init_in_json_is_one_object(tmp_path):
    """Whatever is to be said of the place of the CA's key: it is told with the rest, or beside it."""
    none = f"best:swtpm:path={tmp_path}/none"
    done = run(MUSTER, "--json", "init", "best", "--ca-key", none, cwd=tmp_path)
    made = json.loads(done.stdout)
    assert made["dir"] == "best" and made["caKey"] == "file" and "no TPM works" in done.stderr, done
    assert json.loads(run(MUSTER, "--json", "init", "preset", cwd=tmp_path).stdout)["caKey"] == "file"
    done = run(MUSTER, "init", "text", "--ca-key", none, cwd=tmp_path)
    assert "the best place that works here is a file; no TPM works" in done.stdout and not done.stderr, done


def test_what_was_made_is_said_in_json(tmp_path):
    def ask(*words):
        return json.loads(run(MUSTER, "--json", *words, cwd=tmp_path).stdout)
    assert ask("cert", "ca", "acme") == {"certificate": "acme.pem", "key": "acme.key"}
    assert ask("cert", "issue", "--ca", "acme", "--node-id", "urn:dev:ops:1", "--out", "node") == {"certificate": "node.pem", "key": "node.key"}
    run("openssl", "req", "-new", "-key", "node.key", "-subj", "/", "-addext", "subjectAltName=URI:urn:dev:ops:1", "-out", "node.csr", cwd=tmp_path)
    assert ask("cert", "sign", "node.csr", "--ca", "acme", "--out", "signed") == {"certificate": "signed.pem"}
    assert ask("cert", "crl", "--ca", "acme", "--out", "acme.crl") == {"crl": "acme.crl"}
    serial = ask("cert", "show", "node.pem")["serial"]
    assert ask("cert", "revoke", "node.pem", "--ca", "acme", "--out", "acme.crl") == {"subject": "CN=urn:dev:ops:1", "serial": serial, "crl": "acme.crl"}
    ask("cert", "issue", "--ca", "acme", "--bundle-signer", "--cn", "workshop", "--out", "signer")
    (tmp_path / "s.json").write_text(SEQUENCE)
    made = ask("bundle", "make", "--sequence", "s.json", "--any", "--until", "+1d", "--key", "signer.key", "--cert", "signer.pem", "--out", "b")
    assert made == {"bundle": "b", "octets": (tmp_path / "b").stat().st_size}
    coded = ask("qr", "s.json")
    assert coded["text"].startswith("MUSTER:") and ask("qr", "s.json", "--svg", "s.svg") == coded
    assert (tmp_path / "s.svg").read_text().startswith("<svg ")
