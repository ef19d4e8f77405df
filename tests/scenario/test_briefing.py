"""The briefing node seen by strangers: curl with the node's certificate, `openssl s_client` with its maker's secret,
and somebody who shows nothing. What is asked, what is answered, what the operator reads.
"""
import json
import re
import subprocess
import time

import pytest

from support import MUSTERD, RUN_SECONDS, Installation, run, secret_text, until

A1, A2 = "0123456789abcdef" * 2, "1" * 32
SECRET = "00112233445566778899aabbccddeeff"


def ask_text(attempt=A1, **more):
    return json.dumps({"version": 1, "attempt": attempt, "methods": ["cert", "bbn"], **more})


def add_rule(inst, name, **more):
    rule = {"name": name, "then": {"instructions": [
        {"kind": "bootstrap", "method": "cert", "uri": f"https://{inst.mef}:{inst.mef_port}"}]}, **more}
    done = run("curl", "-sS", "--unix-socket", inst.dir / "run/admin.sock", "-H", "Content-Type: application/json",
               "--data-binary", json.dumps({"rule": rule}), "-w", "\n%{http_code}", "http://admin/v1/rules").stdout
    assert done.splitlines()[-1] == "201", done


def post(inst, path, body, node=None, media="application/json", extra=(), tries=0):
    """Status, headers and content, as curl sees them."""
    cert = ("--cert", node.dir / "node.pem", "--key", node.dir / "node.key") if node else ()
    done = run("curl", "-sS", "-i", "--resolve", f"{inst.bbn}:{inst.bbn_port}:127.0.0.1", "--cacert", inst.dir / "keeper/ca.pem",
               "--max-time", RUN_SECONDS, *cert, "-H", f"Content-Type: {media}", *extra, "--data-binary", body,
               f"https://{inst.bbn}:{inst.bbn_port}{path}", check=False)
    if done.returncode:
        return None, {}, done.stderr
    head, _, content = done.stdout.partition("\n\n")
    lines = head.splitlines()
    return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line), content


def psk(inst, identity, key, body, version="-tls1_2"):
    text = f"POST /briefing HTTP/1.1\r\nHost: {inst.bbn}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n" \
           f"Connection: close\r\n\r\n{body}"
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{inst.bbn_port}", "-servername", inst.bbn, version,
                           "-psk_identity", identity, "-psk", key, "-ign_eof"] +
                          (["-cipher", "ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-CBC-SHA256"] if version == "-tls1_2" else []),
                          input=text, capture_output=True, text=True, timeout=RUN_SECONDS)


def alert_of(done):
    return re.sub(r"^[0-9A-F]+:", "", "\n".join(line for line in done.stderr.splitlines() if "alert" in line), flags=re.M)


def test_by_certificate(installation):
    """known → briefed; the same question has one answer; a report shows the failing step beside the other arrows."""
    inst = installation
    inst.subscription()
    node = inst.node(1)
    status, head, content = post(inst, "/briefing", ask_text(), node)
    assert status == 404 and json.loads(content)["why"] == "no-rule" and head["retry-after"] == "3600", content
    assert inst.ask("node", "show", node.id)["state"] == "known"
    add_rule(inst, "all")
    status, head, content = post(inst, "/briefing", ask_text(nodeID=node.id), node)
    answer = json.loads(content)
    assert status == 200 and head["content-type"] == "application/json", content
    one = answer["sequence"]["instructions"][0]
    assert (one["target"], one["adminFQDN"], one["mafURI"]) == (inst.maf, inst.sp, f"https://{inst.maf}:{inst.maf_port}")
    assert "sub-1" not in content
    assert inst.ask("node", "show", node.id)["state"] == "briefed"
    assert json.loads(post(inst, "/briefing", ask_text(nodeID=node.id), node)[2])["sequence"] == answer["sequence"]

    briefing = answer["sequence"]["id"]
    failed = {"resource": inst.mef, "method": "cert", "reason": "refused", "step": "mef-register", "detail": "403"}
    report = json.dumps({"version": 1, "attempt": A1, "done": False, "enrolled": False, "failures": [failed]})
    for _ in range(2):      # repeated: nothing changes
        status, head, content = post(inst, f"/briefing/{briefing}/report", report, node)
        assert status == 204 and "content-length" not in head and not content
    other = inst.node(2)
    status, _, content = post(inst, f"/briefing/{briefing}/report", report, other)
    assert status == 404 and json.loads(content)["why"] == "mismatch"
    # the MEF's arrow of the same attempt stands in the same list
    run("curl", "-sS", "--resolve", f"{inst.mef}:{inst.mef_port}:127.0.0.1", "--cacert", inst.dir / "keeper/ca.pem",
        "--cert", node.dir / "node.pem", "--key", node.dir / "node.key", "-H", "X-M2M-RI: 1", "-H", "X-M2M-RVI: 3",
        "-H", f"X-M2M-Origin: {node.id}", "-H", f"X-M2M-VSI: attempt={A1}", f"https://{inst.mef}:{inst.mef_port}/MEFBase/reg-none")
    what = [(e["what"], e["why"]) for e in inst.events("--attempt", A1)]
    assert [w for w, _ in what if w == "bbn.briefed"] and what[-1][0] == "mef.refused", what
    assert len([w for w, _ in what if w == "bbn.step-failed"]) == 1, what
    assert ("bbn.step-failed", f"cert {inst.mef}: refused at mef-register (403)") in what, what
    done = json.dumps({"version": 1, "attempt": A1, "done": True, "enrolled": True, "target": inst.maf})
    assert post(inst, f"/briefing/{briefing}/report", done, node)[0] == 204
    shown = inst.ask("node", "show", node.id)["briefings"][0]
    assert (shown["state"], shown["target"], shown["rule"]) == ("enrolled", inst.maf, "all"), shown

    inst.muster("node", "revoke", node.id, "--reason", "stolen")
    status, _, content = post(inst, "/briefing", ask_text(nodeID=node.id), node)
    assert status == 403 and json.loads(content)["why"] == "not-active"


def test_bad_input(split):
    """Refused with words, and the next question is served."""
    inst = split.start()
    inst.subscription()
    node, nobody = inst.node(1), inst.node(3, known=False)
    add_rule(inst, "all")
    good = ask_text()
    rows = [
        ("not JSON", "{", {}, 400, "malformed"),
        ("unknown member", ask_text(rule="all"), {}, 400, "malformed"),
        ("half a place", ask_text(location={"latitude": 1}), {}, 400, "malformed"),
        ("another node", ask_text(nodeID="urn:dev:ops:other"), {}, 403, "mismatch"),
        ("media type", good, {"media": "text/plain"}, 415, "malformed"),
        ("accept", good, {"extra": ("-H", "Accept: text/html")}, 406, "malformed"),
        ("too long", ask_text(firmware="x" * 9000), {}, 413, "malformed"),
        ("another host", good, {"extra": ("-H", "Host: elsewhere.example.com")}, 400, "malformed"),
        ("unknown node", good, {"node": nobody}, 403, "unknown-node"),
    ]
    said = []
    for name, body, more, status, why in rows:
        got, _, content = post(inst, "/briefing", body, **{"node": node, **more})
        assert got == status and json.loads(content)["why"] == why and json.loads(content)["text"], (name, got, content)
        said.append({"another node": "what it says of itself is not what it proved", "unknown node": "nobody has made it known"}.get(
            name, json.loads(content)["text"]))
    # each has an event of its own, for the operator
    for words in said:
        until(words, lambda w=words: [e for e in inst.events("--what", "bbn.refused") if w in e["why"]], RUN_SECONDS)
    assert post(inst, "/brief", good, node)[0] == 404
    assert post(inst, "/briefing", good, node, extra=("-X", "PUT"))[0] == 405
    assert inst.ask("node", "show", node.id)["state"] == "known"
    assert post(inst, "/briefing", good, node)[0] == 200
    # nobody is let in as nobody (decision 0005)
    assert post(inst, "/briefing", good)[0] is None
    inst.wait_event("bbn.handshake-failed")


def test_by_secret(installation):
    """TLS-PSK with the maker's secret: the handshake waits for the keeper; unknown and wrong look alike to the peer."""
    inst = installation
    inst.subscription()
    node = inst.node(1)
    add_rule(inst, "all", when={"authentication": ["psk"]})
    said = inst.muster("node", "secret", node.id, "--file", "-", stdin=secret_text(SECRET) + "\n").stdout
    identity = re.search(r"(\S+@bbn\.\S+)", said).group(1)
    credential = [c for c in inst.ask("node", "show", node.id)["credentials"] if c["role"] == "bbn"]
    assert [(c["keyID"], c["purpose"]) for c in credential] == [(identity, "Kpm")]
    for version in ("-tls1_2", "-tls1_3"):
        out = psk(inst, identity, SECRET, ask_text(), version).stdout
        assert "HTTP/1.1 200" in out and '"sequence"' in out, out + inst.log_text()
    assert inst.ask("node", "show", node.id)["state"] == "briefed"

    unknown = psk(inst, "nobody@" + inst.bbn, SECRET, ask_text())
    wrong = psk(inst, identity, "ff" * 16, ask_text())
    assert "HTTP/1.1" not in unknown.stdout + wrong.stdout
    assert alert_of(unknown) == alert_of(wrong) != "", (unknown.stderr, wrong.stderr)
    assert "unknown" in inst.wait_event("bbn.handshake-failed", who="nobody@" + inst.bbn)["why"]
    assert "identity known, key wrong" in inst.wait_event("bbn.handshake-failed", who=identity)["why"]

    for bad in ("", "0011", "zz" * 16, secret_text("00" * 65), secret_text("00" * 15), SECRET, secret_text(SECRET) + "0",
                secret_text(SECRET).replace("11", "12")):
        assert inst.muster("node", "secret", node.id, "--file", "-", stdin=bad, check=False).returncode == 2
    other = inst.node(2)
    refused = inst.muster("node", "secret", other.id, "--file", "-", "--identity", identity, stdin=secret_text(SECRET), check=False)
    assert refused.returncode == 1 and "another node" in refused.stderr
    # nothing of it anywhere in clear
    stored = b"".join(p.read_bytes() for p in (inst.dir / "store").iterdir()) + inst.log.read_bytes()
    assert bytes.fromhex(SECRET) not in stored and secret_text(SECRET).encode() not in stored and SECRET.encode() not in stored
    inst.muster("node", "revoke", node.id, "--reason", "stolen")
    assert "HTTP/1.1" not in psk(inst, identity, SECRET, ask_text()).stdout


def test_strangers(split):
    """`bbn.strangers`: public rules alone answer, and nothing stays but a bounded number of events."""
    inst = split
    inst.configure(replace={"bbn = {": "bbn = {\n  strangers = true;"})
    inst.start()
    inst.subscription()
    node = inst.node(1)

    def refused():
        status, head, content = post(inst, "/briefing", ask_text())
        said = json.loads(content)
        said.pop("serverTime")
        head.pop("date", None)
        return status, head, said

    nothing = refused()
    add_rule(inst, "all")
    assert refused() == nothing, "whether there is a rule is none of its business"
    assert nothing[0] == 403 and nothing[2]["why"] == "not-authenticated"
    for words in ("no rule holds for it", "a rule that is not public would hold for it"):
        until(words, lambda w=words: [e for e in inst.events("--what", "bbn.refused") if w in e["why"]], RUN_SECONDS)
    to = "https://owner.example.com/briefing"
    add_rule(inst, "sim", public=True, when={"models": ["sim-*"]},
             then={"instructions": [{"kind": "discovery", "method": "bbn", "uri": to}]})
    status, _, content = post(inst, "/briefing", ask_text())
    assert status == 403 and json.loads(content)["why"] == "not-authenticated"
    status, _, content = post(inst, "/briefing", ask_text(model="sim-1", nodeID=node.id))
    assert status == 200 and json.loads(content)["sequence"]["instructions"][0]["uri"] == to
    again = json.loads(post(inst, "/briefing", ask_text(model="sim-1", nodeID=node.id))[2])
    assert again["sequence"]["id"] == json.loads(content)["sequence"]["id"]
    shown = inst.ask("node", "show", node.id)
    assert shown["state"] == "known" and not shown["briefings"]
    # a certificate that is shown is verified, and one of nobody's CA ends the handshake
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=self",
        "-keyout", inst.dir / "self.key", "-out", inst.dir / "self.pem")
    assert post(inst, "/briefing", ask_text(model="sim-1"), extra=("--cert", inst.dir / "self.pem", "--key", inst.dir / "self.key"))[0] is None
    assert post(inst, "/briefing", ask_text(nodeID=node.id), node)[0] == 200
    # a flood: the token bucket has room for 100, and for 5 more each second
    begun, before = time.monotonic(), len(inst.events("--what", "bbn.refused"))

    def flood():
        run("curl", "-sS", "--resolve", f"{inst.bbn}:{inst.bbn_port}:127.0.0.1", "--cacert", inst.dir / "keeper/ca.pem",
            "-H", "Content-Type: application/json", "--data-binary", ask_text(), "-o", "/dev/null",
            *[f"https://{inst.bbn}:{inst.bbn_port}/briefing"] * 150)
        return inst.events("--what", "bbn.strangers")
    told = until("the rest is counted together", flood)[0]
    assert re.match(r"\d+ more requests of peers that have shown nothing", told["why"])
    assert len(inst.events("--what", "bbn.refused")) - before <= 101 + 5 * (time.monotonic() - begun)


def test_place(split):
    """The technician's step of fig. 3: the place decides which rule, and it is shown."""
    inst = split.start()
    inst.subscription()
    node = inst.node(1)
    add_rule(inst, "north", when={"circle": {"latitude": 525200000, "longitude": 134050000, "radius": 1000}})
    add_rule(inst, "south", when={"sites": ["south*"]})
    assert post(inst, "/briefing", ask_text(), node)[0] == 404
    inst.muster("node", "place", node.id, "--at", "52.5200066,13.404954,20", "--cell", "262-01-4711-1234567")
    place = inst.ask("node", "show", node.id)["place"]
    assert (place["latitude"], place["longitude"], place["accuracy"]) == (525200066, 134049540, 20) and place["who"].startswith("uid ")
    assert "52.5200066,13.4049540" in inst.muster("node", "show", node.id).stdout
    before = len(inst.events("--what", "node.placed"))
    inst.muster("node", "place", node.id, "--at", "52.5200066,13.404954,20", "--cell", "262-01-4711-1234567")
    assert len(inst.events("--what", "node.placed")) == before == 1
    assert post(inst, "/briefing", ask_text(), node)[0] == 200
    assert inst.ask("node", "show", node.id)["briefings"][0]["rule"] == "north"
    inst.muster("node", "place", node.id, "--site", "south-1")
    assert post(inst, "/briefing", ask_text(A2), node)[0] == 200
    assert inst.ask("node", "show", node.id)["briefings"][0]["rule"] == "south"
    for bad in ("91,0", "1,181", "1", "1,2,3,4", "a,b", "1.00000001,2", "1,2,-3", "--1,2", "1,,2"):
        assert inst.muster("node", "place", node.id, "--at", bad, check=False).returncode in (1, 2), bad
    assert inst.muster("node", "place", node.id, "--cell", "here", check=False).returncode == 1
    assert inst.muster("node", "place", "urn:nobody", "--site", "s", check=False).returncode == 1
    assert inst.ask("node", "show", node.id)["place"]["site"] == "south-1"
    inst.muster("node", "place", node.id, "--clear")
    assert "place" not in inst.ask("node", "show", node.id)
    assert [e["why"] for e in inst.events("--what", "node.place-cleared")] == ["site south-1"]


POINTS = [p for p in run(MUSTERD, "--crash-points").stdout.split() if not p.startswith(("fetch-", "release-", "psk-"))]


@pytest.mark.parametrize("point", POINTS)
def test_power_cut(tmp_path, point):
    """Killed on the way: the same question gets one answer, and the node is briefed once."""
    inst = Installation(tmp_path / "inst")
    try:
        inst.start()
        inst.subscription()
        node = inst.node(1)
        add_rule(inst, "all")
        inst.stop()
        inst.configure(add=f'\ntest = {{ crash_at = "{point}"; crash_after = 1; }};\n')
        inst.start()
        first = post(inst, "/briefing", ask_text(), node)
        inst.process.wait(RUN_SECONDS)
        assert inst.process.returncode != 0
        inst.configure()
        inst.start()
        status, _, content = post(inst, "/briefing", ask_text(), node)
        assert status == 200, content
        sequence = json.loads(content)["sequence"]
        if first[0] == 200:
            assert json.loads(first[2])["sequence"] == sequence
        shown = inst.ask("node", "show", node.id)
        assert shown["state"] == "briefed" and [b["id"] for b in shown["briefings"]] == [sequence["id"]], shown
        assert run("sqlite3", inst.dir / "store/muster.db", "PRAGMA integrity_check;").stdout.strip() == "ok"
        assert inst.ask("events", "verify")["ok"]
    finally:
        inst.stop()


def test_psk_power_cut(tmp_path):
    """Killed before the key goes to the handshake, and before the keeper lets it out: the next one works."""
    inst = Installation(tmp_path / "inst")
    try:
        inst.start()
        inst.subscription()
        node = inst.node(1)
        add_rule(inst, "all")
        identity = json.loads(inst.muster("--json", "node", "secret", node.id, "--file", "-", stdin=secret_text(SECRET)).stdout)["identity"]
        for point in ("release-before", "psk-before"):
            inst.stop()
            inst.configure(add=f'\ntest = {{ crash_at = "{point}"; crash_after = 1; }};\n')
            inst.start()
            assert "HTTP/1.1" not in psk(inst, identity, SECRET, ask_text()).stdout
            inst.process.wait(RUN_SECONDS)
            inst.configure()
            inst.start()
            assert "HTTP/1.1 200" in psk(inst, identity, SECRET, ask_text()).stdout
    finally:
        inst.stop()
