"""The operator's SIMs at a real installation: a BSF (curl) asks for vectors and settings, others' programs (osmo-auc-gen) say whether they are
right, a card of our own in Python answers; batches are imported; and a number is never given out twice, wherever the power goes.
"""
import base64
import binascii
import json
import pathlib
import re
import sys
import threading

import pytest

from support import MUSTER, MUSTERD, RUN_SECONDS, Installation, run
from tap import Tap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from aka import Milenage, opc as opc_of, xor  # noqa: E402
from gba_ue import Ue  # noqa: E402

# TS 35.208 set 3; OP, so that the keeper makes OPc
K = bytes.fromhex("fec86ba6eb707ed08905757b1bb44b8f")
OP = bytes.fromhex("dbc59adcb6f9a0ef735477b7fadf8374")
OPC = opc_of(K, OP)
IMSI = "001010000000001"
IMPI = f"{IMSI}@ims.mnc001.mcc001.3gppnetwork.org"
AUTH = "/nhss-gba-ueau/v1/impi-{}/security-information/generate-auth-data"
SDM = "/nhss-gba-sdm/v1/impi-{}/subscriber-data"
PLAIN = '{"authenticationScheme":"DIGEST_AKAV1_MD5"}'


def line(k, kind, value, check=None):
    """The library's own CRC, not ours."""
    check = f"{binascii.crc_hqx(k + value, 0xFFFF):04X}" if check is None else check
    return f"milenage:{k.hex()}:{kind}:{value.hex()}={check}"


def add(inst, imsi, *args, text=None, check=True):
    return run(MUSTER, "-C", inst.dir, "sim", "add", imsi, "--file", "-", *args, stdin=text or line(K, "op", OP) + "\n", check=check)


def conf(inst, test=""):
    inst.configure(replace={"  mnc_digits = 2;\n": '  mnc_digits = 2;\n  vector_burst = 1000;\n  vector_interval = "1s";\n'}, add=test)


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("hss") / "inst", gba="00101")
    conf(inst)
    inst.start()
    inst.subscription()
    inst.first = inst.node(1)
    add(inst, IMSI, "--node", inst.first.id, "--msisdn", "491700000001", "--naf-group", "m2m", "--lifetime", "1h", "--uicc", "GBA_U",
        "--key-choice", "ME_UICC_BASED_KEYS")
    yield inst
    inst.stop()


def curl(inst, path, *args, who="bsf", role="hss", tap=None, check=True):
    """`tap`: between the two, to see what is said."""
    tls, port = inst.dir / "tls", getattr(inst, f"{role}_port")
    host = f"{role}.{inst.sp}:{port}"
    done = run("curl", "-sS", "--max-time", RUN_SECONDS, "--cacert", inst.dir / "keeper/ca.pem", "--cert", tls / f"{who}.pem", "--key",
               tls / f"{who}.key", "--connect-to", f"{host}:127.0.0.1:{tap.port if tap else port}", "-w", "\n%{http_code} %{content_type} %{http_version}",
               *args, f"https://{host}{path}", check=check, env=tap and tap.env)
    if done.returncode:
        return 0, done.stderr, "", ""
    body, _, last = done.stdout.rpartition("\n")
    status, media, version = last.split(" ")
    return int(status), json.loads(body) if body else {}, media, version


def ask(inst, body=PLAIN, path=None, **more):
    return curl(inst, path or AUTH.format(IMPI), "-H", "Content-Type: application/json", "--data-binary", body, **more)


def show(inst, imsi=IMSI):
    return inst.ask("sim", "show", imsi)


def vector(inst):
    status, body, media, _ = ask(inst)
    assert (status, media) == (200, "application/json"), body
    return {k: bytes.fromhex(v) for k, v in body["3gAkaAv"].items()}


def sqn_of(v):
    return int.from_bytes(xor(v["autn"][:6], Milenage(K, OPC, v["rand"]).ak), "big")


def test_a_vector_is_what_others_make_of_it(inst):
    v = vector(inst)
    sqn = sqn_of(v)
    assert int(show(inst)["sqn"], 16) == sqn and sqn % 32 == show(inst)["ind"] == 1
    said = run("osmo-auc-gen", "-3", "-a", "milenage", "-k", K.hex(), "-o", OPC.hex(), "-f", "0000", "-s", sqn, "-r",
               v["rand"].hex()).stdout
    theirs = dict(re.findall(r"^(\w+):\s*([0-9a-f]+)\s*$", said, re.M))
    assert {k: theirs[k] for k in ("AUTN", "IK", "CK", "RES")} == {"AUTN": v["autn"].hex(), "IK": v["ik"].hex(), "CK": v["ck"].hex(),
                                                                   "RES": v["xres"].hex()}, said
    mine = Milenage(K, OPC, v["rand"])
    assert (mine.res, mine.ck, mine.ik) == (v["xres"], v["ck"], v["ik"])
    assert v["autn"][6:8] == bytes(2) and v["autn"][8:] == mine.f1(sqn, bytes(2))
    event = inst.events("--what", "hss.vector")[-1]
    assert event["who"] == inst.bsf and IMSI in event["why"] and event["node"], event


def test_the_same_over_http_2(inst):
    status, body, _, version = ask(inst)
    assert status == 200
    status, body, media, version = curl(inst, AUTH.format(IMPI), "--http2", "-H", "Content-Type: application/json", "--data-binary", PLAIN)
    assert (status, media, version) == (200, "application/json", "2"), body
    v = {k: bytes.fromhex(x) for k, x in body["3gAkaAv"].items()}
    assert Milenage(K, OPC, v["rand"]).f1(sqn_of(v), bytes(2)) == v["autn"][8:]


def resync(inst, rand, auts, path=None):
    return ask(inst, json.dumps({"authenticationScheme": "DIGEST_AKAV1_MD5", "resynchronizationInfo": {"rand": rand.hex(), "auts": auts.hex()}}), path)


def test_the_card_is_ahead(inst):
    v = vector(inst)
    mine = Milenage(K, OPC, v["rand"])
    ms = sqn_of(v) + 0x1000
    auts = xor(ms.to_bytes(6, "big"), mine.out(96, 8)[:6]) + mine.f1star(ms)
    said = run("osmo-auc-gen", "-3", "-a", "milenage", "-k", K.hex(), "-o", OPC.hex(), "-f", "0000", "-A", auts.hex(), "-r", v["rand"].hex()).stdout
    assert re.search(rf"SQN\.MS[^\n]*\b{ms}\b", said), said
    status, body, _, _ = resync(inst, v["rand"], auts)
    assert status == 200, body
    after = sqn_of({k: bytes.fromhex(x) for k, x in body["3gAkaAv"].items()})
    assert after == (ms // 32 + 1) * 32 + 1
    # sent again it moves nothing but the one number that its vector costs
    status, body, _, _ = resync(inst, v["rand"], auts)
    assert status == 200 and sqn_of({k: bytes.fromhex(x) for k, x in body["3gAkaAv"].items()}) == after + 32
    # changed it is refused, and no number is lost
    status, body, media, _ = resync(inst, v["rand"], auts[:-1] + bytes([auts[-1] ^ 1]))
    assert (status, media) == (403, "application/problem+json") and "not genuine" in body["detail"], body
    assert int(show(inst)["sqn"], 16) == after + 32


def test_settings(inst):
    status, body, media, _ = curl(inst, SDM.format(IMPI))
    assert (status, media) == (200, "application/json"), body
    assert body["guss"]["bsfInfo"] == {"uiccType": "GBA_U", "lifeTime": 3600}
    (uss,) = (one["uss"] for one in body["guss"]["ussList"])
    assert (uss["gsId"], uss["gsType"], uss["nafGroup"], uss["ueIds"]) == (1000001, 0, "m2m", [{"ueId": inst.first.cse_id}]), uss
    # which key of GBA_U the service is to have, as the operator said it
    assert uss["keyChoice"] == show(inst)["keyChoice"] == inst.ask("sim", "list", "--limit", "1")["sims"][0]["keyChoice"] == "ME_UICC_BASED_KEYS"
    assert "ME_UICC_BASED_KEYS" in inst.muster("sim", "show", IMSI).stdout


def test_tshark_reads_a_vector_and_the_keys_of_a_naf(inst, tmp_path):
    """What a stranger's eyes see on Zh and Zn: these paths, and JSON with the members and values that came."""
    ue = Ue(inst.bsf_port, K, OPC, IMPI, inst.bsf, gba_u=True)
    assert ue.bootstrap()[0] == 200, inst.log_text()
    naf = json.dumps({"btId": ue.btid, "nafId": {"nafFqdn": inst.maf, "uaSecProtId": "01000100AE"}})
    for role, who, path, body in (("hss", "bsf", AUTH.format(IMPI), PLAIN), ("zn", "maf", "/nbsp-gba/v1/bootstrapping-info-retrieval", naf)):
        tap = Tap(getattr(inst, f"{role}_port"), tmp_path)
        status, said, media, version = ask(inst, body, path, who=who, role=role, tap=tap)
        assert (status, media, version) == (200, "application/json", "2"), said
        rows, words = tap.read()
        assert rows[0][:2] == ["POST", path] and rows[-1][2:] == ["200", media], rows
        mine = {**json.loads(body), **said, **said.get("3gAkaAv", {}), **json.loads(body).get("nafId", {})}
        assert set(mine) | {v for v in mine.values() if isinstance(v, str)} <= words, (mine, words)
    assert said["meKeyMaterial"] == ue.ks_naf(inst.maf).hex()


def test_who_and_whom(inst):
    before = show(inst)["sqn"]
    for path, body, who, status in ((AUTH.format(IMPI), PLAIN, "zn", 403), (AUTH.format("nobody@ims.example.com"), PLAIN, "bsf", 404),
                                    (AUTH.format(IMPI), "{", "bsf", 400), ("/nhss-gba-sdm/v1/impi-x/subscriptions", "{}", "bsf", 501),
                                    ("/elsewhere", "{}", "bsf", 404)):
        got, said, media, _ = ask(inst, body, path, who=who)
        assert (got, said["status"], media) == (status, status, "application/problem+json"), (path, said)
        assert inst.events("--what", "hss.refused")[-1]["outcome"] == status
    assert show(inst)["sqn"] == before
    # no certificate, no answer
    done = run("curl", "-sS", "--cacert", inst.dir / "keeper/ca.pem", "--resolve", f"hss.{inst.sp}:{inst.hss_port}:127.0.0.1",
               f"https://hss.{inst.sp}:{inst.hss_port}{SDM.format(IMPI)}", check=False)
    assert done.returncode, done.stdout


def test_what_the_operator_says_counts_at_once(inst):
    node = inst.node(2)
    add(inst, "001010000000002")
    path = AUTH.format("001010000000002@ims.mnc001.mcc001.3gppnetwork.org")
    assert ask(inst, path=path)[0] == 403
    for command, status, why in ((("sim", "bind", "001010000000002", node.id), 200, None),
                                 (("sim", "suspend", "001010000000002", "--reason", "stolen"), 403, "stolen"),
                                 (("sim", "resume", "001010000000002", "--reason", "found"), 200, None),
                                 (("node", "suspend", node.id, "--reason", "unpaid"), 403, "the node is suspended"),
                                 (("node", "resume", node.id, "--reason", "paid"), 200, None),
                                 (("node", "revoke", node.id, "--reason", "gone"), 403, "the node is revoked"),
                                 (("sim", "remove", "001010000000002", "--reason", "gone"), 404, "no SIM")):
        said = inst.muster(*command).stdout
        assert command[2] in said and ask(inst, path=path)[0] == status, (command, said)
        assert not why or why in inst.events("--what", "hss.refused")[-1]["why"], command
    assert "sim:" in inst.muster("node", "show", inst.first.id).stdout
    assert inst.ask("node", "show", inst.first.id)["sim"]["imsi"] == IMSI


def test_keys_are_refused_where_they_are_typed(inst):
    for text, why in ((line(K, "op", OP, "0000"), "check code"), (line(K, "opc", OP[:15]), "32 hex digits"), ("", "names no algorithm"),
                      (line(K, "op", OP)[:-5], "no check code")):
        done = add(inst, "001010000000077", text=text + "\n", check=False)
        assert done.returncode == 2 and why in done.stderr and K.hex() not in done.stderr, done
    done = add(inst, "001010000000077", "--amf", "8000", check=False)
    assert done.returncode == 1 and "separation bit" in done.stderr, done
    # past the command, at the socket itself: the listener refuses, the engine sees no key
    done = run("curl", "-sS", "--unix-socket", inst.dir / "run/admin.sock", "--json", json.dumps({"imsi": "001010000000077", "secret":
               line(K, "op", OP, "0000")}), "http://localhost/v1/sims")
    assert "does not fit its check code" in done.stdout, done.stdout
    assert inst.muster("sim", "show", "001010000000077", check=False).returncode == 1


def test_a_batch(inst):
    rows = 1200
    good = [f"00101{i:010d},{K.hex()},{OPC.hex()}," for i in range(1000, 1000 + rows)]
    good[1] = good[1].replace(OPC.hex(), OPC.hex()[:30])
    good[2] = good[2].replace("00101", "x0101")
    good[3] = good[4]
    good[5] += inst.node(3).id
    text = "imsi,k,opc,node\n" + "\n".join(good) + "\n"
    plain = inst.dir / "batch.csv"
    plain.write_text(text)
    plain.chmod(0o644)
    done = inst.muster("sim", "import", plain, check=False)
    assert done.returncode == 1 and "chmod 600" in done.stderr, done
    (inst.dir / "password").write_text("correct horse\n")
    (inst.dir / "password").chmod(0o600)
    run("openssl", "cms", "-encrypt", "-binary", "-aes256", "-pwri_password", "correct horse", "-in", plain, "-outform", "DER", "-out",
        inst.dir / "batch.cms")
    done = inst.muster("--json", "sim", "import", inst.dir / "batch.cms", "--password-file", inst.dir / "password", "--answers",
                       inst.dir / "answers.csv", check=False)
    assert done.returncode == 1, done
    assert json.loads(done.stdout) == {"rows": rows, "added": rows - 3, "refused": 3, "notCarriedOut": 0}
    answers = (inst.dir / "answers.csv").read_text().splitlines()
    assert len(answers) == rows + 1 and answers[1] == "1,yes,"
    refused = [a for a in answers[1:] if ",no," in a]
    assert [a.split(",")[0] for a in refused] == ["2", "3", "5"] and "wrong length" in refused[0] and "imsi" in refused[1] and \
        "exists already" in refused[2], refused
    assert len(inst.ask("sim", "list")["sims"]) >= rows - 3
    assert ask(inst, path=AUTH.format(f"00101{1005:010d}@ims.mnc001.mcc001.3gppnetwork.org"))[0] == 200
    # TUAK: TOPc, or the operator's TOP; and what is not usual
    done = inst.muster("--json", "sim", "import", "-", stdin="imsi,algorithm,k,topc,top,res,times,keyChoice\n" + "\n".join(
        f"00101{3000 + i:010d},{a},{K.hex() * n},{c},{t},{more}" for i, (a, n, c, t, more) in enumerate((
            ("tuak", 2, K.hex() * 2, "", "16,3,ME_BASED_KEY"), ("", 1, "", OP.hex() * 2, ",,"), ("milenage", 1, K.hex() * 2, "", ",,"), ("tuak", 1, "", OP.hex(), ",,"),
            ("tuak", 1, K.hex() * 2, "", "5,,"), ("tuak", 1, K.hex() * 2, "", ",256,"), ("tuak", 1, K.hex() * 2, "", ",,UICC_BASED_KEY")))) + "\n", check=False)
    assert done.returncode == 1 and json.loads(done.stdout) == {"rows": 7, "added": 2, "refused": 5, "notCarriedOut": 0}, done
    assert "keyChoice: UICC_BASED_KEY is for cards" in done.stderr, done
    assert [(s["algorithm"], s.get("keyChoice")) for s in (inst.ask("sim", "show", f"00101{3000 + i:010d}") for i in range(2))] == [
        ("tuak", "ME_BASED_KEY"), ("tuak", None)]
    # a lifetime as --lifetime takes it
    done = inst.muster("--json", "sim", "import", "-", stdin="imsi,k,opc,lifetime\n" + "\n".join(
        f"00101{3100 + i:010d},{K.hex()},{OPC.hex()},{t}" for i, t in enumerate(("1d", "PT90M", "86400"))) + "\n", check=False)
    assert json.loads(done.stdout) == {"rows": 3, "added": 2, "refused": 1, "notCarriedOut": 0} and "lifetime: a duration" in done.stderr, done
    assert [inst.ask("sim", "show", f"00101{3100 + i:010d}")["lifetime"] for i in range(2)] == [86400, 5400]
    # again: every row is there
    done = run(MUSTER, "-C", inst.dir, "sim", "import", "-", stdin=text, check=False)
    assert done.returncode == 1 and f"{rows} rows: 0 added, {rows} refused" in done.stdout, done


def test_no_key_in_clear_anywhere(inst):
    wanted = [K, OPC, OP, K.hex().encode(), OPC.hex().encode(), base64.b64encode(K)[:20], K.hex().upper().encode()]
    for path in inst.dir.rglob("*"):
        if path.is_file() and path.name not in ("batch.csv",):
            octets = path.read_bytes()
            assert not [w for w in wanted if w in octets], path


def test_one_bsf_after_the_other_and_all_at_once(inst):
    """Whoever asks, in whatever order: no number twice."""
    seen, wrong = [], []

    def one():
        try:
            seen.append(sqn_of(vector(inst)))
        except AssertionError as e:
            wrong.append(str(e))
    threads = [threading.Thread(target=one) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(RUN_SECONDS)
    assert not wrong and len(set(seen)) == 12, (wrong, seen)


def test_no_number_twice_when_the_power_goes(inst):
    """Last in this file: the daemon dies on purpose, wherever it can while a vector is on its way."""
    points = [p for p in run(MUSTERD, "--crash-points").stdout.split() if p.startswith(("request", "decided", "commit", "answer"))]
    assert len(points) >= 6, points
    last = int(show(inst)["sqn"], 16)
    assert inst.stop() == 0
    for point in points:
        conf(inst, test=f'test = {{ crash_at = "{point}"; crash_after = 1; }};')
        inst.start()
        status, body, _, _ = ask(inst, check=False)
        assert inst.process.wait(RUN_SECONDS) != 0, point
        kept = int(run("sqlite3", inst.dir / "store/muster.db", f"SELECT sqn FROM sim WHERE imsi = '{IMSI}'").stdout)
        assert kept >= last, point
        if status == 200:
            n = sqn_of({k: bytes.fromhex(x) for k, x in body["3gAkaAv"].items()})
            assert last < n <= kept, point
        last = kept
    conf(inst)
    inst.start()
    assert sqn_of(vector(inst)) > last
