"""Story: a node asks a briefing node whom to join (architecture 3.4), and tells it how that went. The briefing node is
one that shares no code with ours; MEF and MAF are real.
"""
import json
import re
import socket
import time

import pytest

from briefer import Briefer, dial, stamp
from support import free_port, run, secret_text


@pytest.fixture
def world(split):
    split.start()
    split.subscription()
    split.maker_pem = split.dir / "makers/acme.pem"
    return split


def briefer(inst, name, script, **more):
    return Briefer(inst.dir / f"bbn-{name}", name, script, makers=(inst.maker_pem,), **more)


def reasons(node):
    return [(r["method"], r["reason"]) for r in node.status()["reports"]]


@pytest.mark.parametrize("form", ["cbor", "json"])
def test_briefed_by_certificate(world, form):
    node = world.node(1)
    with briefer(world, "bbn.owner.example.com", lambda q: [world.instruction()]) as bbn:
        node.instruct(bbn.instruction())
        dial(node, bbn, add=f'briefing_format = "{form}";\nmaker = "Acme";\nmodel = "Pump 7";\nserial = "0042";\nbatch = "b1";\n'
             'firmware = "1.2.3";\nlocation = { latitude = "-33.8567844"; longitude = "151.2152967"; accuracy = "20"; site = "Opera"; };\n')
        done = node.run_once()
        assert done.returncode == 0, done.stderr
        asked, told = bbn.asked[0], bbn.reports()
    assert asked.cbor == (form == "cbor") and asked.headers["accept"] == f"application/{form}"
    assert asked.subject[0][1].endswith(node.id), asked.subject
    q = asked.body
    assert q["nodeID"] == node.id and q["maker"] == "Acme" and q["firmware"] == "1.2.3" and q["methods"][:2] == ["cert", "bbn"], q
    assert q["location"] == {"latitude": -338567844, "longitude": 1512152967, "accuracy": 20, "site": "Opera"}, q
    assert q["failures"] == [] and q["attempt"] == node.status()["attempt"]
    # one report: the run has ended well, with whom
    assert [(t["done"], t["enrolled"], t["target"], t["failures"]) for t in told] == [(True, True, world.maf, [])], told
    assert told[0]["attempt"] == q["attempt"]
    assert reasons(node) == [("bbn", "ok"), ("cert", "ok")]


def test_server_is_proven_by_pin_or_by_own_anchors(world):
    with briefer(world, "bbn.owner.example.com", lambda q: [world.instruction()]) as bbn:
        node = world.node(1)
        node.instruct(bbn.instruction(anchor=False, pins=[bbn.pin()]))
        dial(node, bbn)
        assert node.run_once().returncode == 0
        node = world.node(2)
        (node.dir / "anchors.pem").write_text((node.dir / "anchors.pem").read_text() + (bbn.dir / "ca.pem").read_text())
        node.instruct(bbn.instruction(anchor=False))
        dial(node, bbn)
        assert node.run_once().returncode == 0
        assert len(bbn.asked) == 2


def key_pin(pem):
    spki = run("openssl", "x509", "-in", pem, "-noout", "-pubkey").stdout
    digest = run("sh", "-c", "openssl pkey -pubin -in /dev/stdin -outform DER | openssl dgst -sha256 -binary | base64", stdin=spki).stdout
    return "ni:///sha-256;" + digest.strip().rstrip("=").replace("+", "-").replace("/", "_")


def test_the_mef_is_proven_by_the_pin_of_an_instruction(world):
    """With pins alone nothing else counts: neither the node's own anchors, nor another key of the same CA."""
    node = world.node(1)
    (node.dir / "anchors.pem").write_text((world.dir / "makers/globex.pem").read_text())
    node.instruct(world.instruction())
    assert node.run_once().returncode == 1
    assert reasons(node) == [("cert", "untrusted")], "its own anchors do not know this provider"
    node.instruct(world.instruction(pins=[key_pin(world.dir / "tls/maf.pem")]))
    assert node.run_once().returncode == 1
    assert reasons(node) == [("cert", "untrusted")]
    node.instruct(world.instruction(pins=[key_pin(world.dir / "tls/maf.pem"), key_pin(world.dir / "tls/mef.pem")]))
    assert node.run_once().returncode == 0, node.status()["reports"]
    other = world.node(2)
    other.instruct(world.instruction(pins=[key_pin(world.dir / "tls/maf.pem")]))
    assert other.run_once().returncode == 1
    assert reasons(other) == [("cert", "untrusted")], "the pin replaces what the node would have trusted"


def test_who_cannot_prove_its_name_is_told_nothing(world):
    with briefer(world, "bbn.owner.example.com", lambda q: [world.instruction()]) as bbn, \
         briefer(world, "other.owner.example.com", lambda q: [world.instruction()], cert_name="else.example.com") as other:
        rows = [
            ("wrong anchor", {**bbn.instruction(), "anchors": other.instruction()["anchors"]}),
            ("no anchor of ours", bbn.instruction(anchor=False)),
            ("wrong pin", bbn.instruction(anchor=False, pins=[other.pin()])),
            ("wrong name", other.instruction()),
        ]
        for i, (what, one) in enumerate(rows):
            node = world.node(i + 1)
            node.instruct(one)
            dial(node, bbn, other)
            assert node.run_once().returncode == 1, what
            assert reasons(node) == [("bbn", "untrusted")], what
        assert not bbn.asked and not other.asked and not bbn.reports()


REFUSALS = [
    (404, "no-rule", "refused"), (403, "unknown-node", "unknown"), (403, "not-authenticated", "not authenticated"),
    (403, "mismatch", "not authenticated"), (403, "not-active", "refused"), (409, "no-method", "refused"), (400, "malformed", "refused"),
    (503, "busy", "busy"),
]


def test_every_refusal_has_its_reason(world):
    """Shown to the technician with a remedy, and the next instruction is still tried."""
    current = []
    with briefer(world, "bbn.owner.example.com", lambda q: current[-1]) as bbn:
        for i, (status, why, reason) in enumerate(REFUSALS):
            node = world.node(i + 1)
            node.instruct(bbn.instruction(), world.instruction())
            dial(node, bbn, add='briefing_format = "json";\n' if i % 2 else "")
            current.append((status, {"version": 1, "why": why, "text": f"because {i}"}))
            assert node.run_once().returncode == 0, why
            report = node.status()["reports"][0]
            assert report["reason"] == reason and f"because {i}" in report["detail"] and report["remedy"], report
        assert not bbn.reports(), "who gave nothing is told nothing"


def test_busy_holds_back_the_next_try(world):
    node = world.node(1)
    answers, asked = [(503, b"full", {"Retry-After": "3"})], []
    with briefer(world, "bbn.owner.example.com", lambda q: asked.append(time.monotonic()) or
                 (answers.pop() if answers else [world.instruction()])) as bbn:
        node.instruct(bbn.instruction())
        dial(node, bbn)
        with node.running() as agent:
            agent.wait_log("reason .*reason=busy")
            agent.wait_log("enrolled key")
        assert asked[1] - asked[0] > 2, "backoff_first is 1 s: Retry-After counts"
        runs = node.status()["attempts"]
        assert [r["outcome"] for r in runs] == ["enrolled", "failed"], runs
        assert runs[1]["reports"][0]["reason"] == "busy" and runs[1]["ended"] and runs[0]["trigger"] == "retry", runs
        assert [f["reason"] for f in bbn.asked[1].body["failures"]] == ["busy"], "what failed before is told"


def test_answers_that_are_none(world):
    good = world.instruction()
    rows = [
        ("not JSON", (200, b"{", {"Content-Type": "application/json"}), "malformed"),
        ("a web page", (200, b"<h1>hello</h1>", {"Content-Type": "text/html"}), "wrong service"),
        ("too large", (200, b" " * 17000, {"Content-Type": "application/json"}), "oversized"),
        ("far too large", (200, b" " * 70000, {"Content-Type": "application/json"}), "oversized"),
        ("nothing", (200, b"", {"Content-Type": "application/json"}), "empty"),
        ("no instruction", (200, {"version": 1, "serverTime": stamp(), "sequence": {"version": 1, "id": "x", "instructions": []}}), "empty"),
        ("an unknown method", (200, json.dumps({"version": 1, "serverTime": stamp(), "sequence": {
            "version": 1, "id": "x", "instructions": [{**good, "method": "magic"}]}}).encode(), {"Content-Type": "application/json"}), "unknown method"),
        ("no id", (200, json.dumps({"version": 1, "serverTime": stamp(), "sequence": {
            "version": 1, "instructions": [good]}}).encode(), {"Content-Type": "application/json"}), "malformed"),
        ("ended", (200, json.dumps({"version": 1, "serverTime": stamp(), "sequence": {
            "version": 1, "id": "x", "validUntil": "20200101T000000", "instructions": [good]}}).encode(), {"Content-Type": "application/json"}), "expired"),
        ("not begun", (200, json.dumps({"version": 1, "serverTime": stamp(), "sequence": {
            "version": 1, "id": "x", "validFrom": "20900101T000000", "instructions": [good]}}).encode(), {"Content-Type": "application/json"}),
         "not yet valid"),
        ("elsewhere", (302, b"", {"Location": "https://evil.example.com/"}), "wrong service"),
        ("nothing there", (404, b"?", {"Content-Type": "text/plain"}), "wrong service"),
    ]
    # each its own reason, and its own words for people
    own = {"not JSON": "a member name in quotes", "a web page": "Content-Type", "too large": "more octets than a briefing may have",
           "far too large": "longer than allowed", "nothing": "without content",
           "no instruction": "must be 1..16", "an unknown method": 'unknown value "magic"', "no id": "a briefing has an id", "ended": "", "not begun": "",
           "elsewhere": "HTTP 302", "nothing there": "HTTP 404"}
    current = []
    with briefer(world, "bbn.owner.example.com", lambda q: current[-1]) as bbn:
        node = world.node(1, known=False)
        node.instruct(bbn.instruction())
        dial(node, bbn)
        for what, answer, reason in rows:
            current.append(answer)
            assert node.run_once().returncode == 1, what
            report = node.status()["reports"][0]
            assert report["reason"] == reason and own[what] in report["detail"], (what, report)
        # lesson 3: none of it is kept
        current.append([good])
        node.run_once()
        assert reasons(node)[0] == ("bbn", "ok")


def test_nobody_there(world):
    node = world.node(1)
    node.instruct({"kind": "discovery", "method": "bbn", "uri": f"https://localhost:{free_port()}/"},
                  {"kind": "discovery", "method": "bbn", "uri": "https://bbn.invalid/"},
                  {"kind": "discovery", "method": "bbn", "uri": f"coaps://localhost:{free_port()}/"},
                  {"kind": "discovery", "method": "bbn", "uri": "coaps://bbn.invalid/"},
                  world.instruction(uri=f"coaps://{world.mef}"))        # this MEF has HTTPS only
    assert node.run_once().returncode == 1
    assert [r for _, r in reasons(node)] == ["unreachable"] * 5


def test_makers_node_sends_to_owners(world):
    """Fig. 2: the maker's briefing node knows the owner's; anchors travel in its word. Each hears of what it gave."""
    node = world.node(1)
    lost = {"uri": f"https://{world.mef}:{free_port()}"}
    with briefer(world, "bbn.owner.example.com", lambda q: [world.instruction(**lost), world.instruction()]) as owner, \
         briefer(world, "bbn.maker.example.com", lambda q: [owner.instruction("/ask")]) as maker:
        node.instruct(maker.instruction())
        dial(node, owner, maker)
        assert node.run_once().returncode == 0
        assert owner.asked[0].path == "/ask" and owner.asked[0].body["attempt"] == maker.asked[0].body["attempt"]
        to_owner, to_maker = owner.reports(), maker.reports()
    assert reasons(node) == [("bbn", "ok"), ("bbn", "ok"), ("cert", "unreachable"), ("cert", "ok")]
    assert [t["done"] for t in to_owner] == [False, True], to_owner
    assert all([(f["method"], f["reason"], f["step"]) for f in t["failures"]] == [("cert", "unreachable", "mef.open")] for t in to_owner)
    assert to_owner[-1]["target"] == world.maf and to_owner[-1]["enrolled"]
    assert [(t["done"], t["enrolled"], t.get("target"), t["failures"]) for t in to_maker] == [(True, True, None, [])], to_maker


def test_too_deep_and_in_a_circle(world):
    node = world.node(1, known=False)
    chain = [briefer(world, f"b{i}.example.com", lambda q, i=i: [chain[(i + 1) % 5].instruction()]) for i in range(5)]
    circle = briefer(world, "circle.example.com", lambda q: [circle.instruction(), world.instruction()])
    try:
        node.instruct(chain[0].instruction(), circle.instruction())
        dial(node, *chain, circle)
        assert node.run_once().returncode == 1
        assert [len(b.asked) for b in chain] == [1, 1, 1, 0, 0]
        assert [r for _, r in reasons(node)] == ["ok", "ok", "ok", "too deep", "ok", "loop", "refused"], reasons(node)
        assert [f["reason"] for f in chain[2].report()["failures"]] == ["too deep"]
        last = circle.reports()[-1]
        assert [f["reason"] for f in last["failures"]] == ["loop", "refused"] and last["done"] and not last["enrolled"], last
    finally:
        for b in (*chain, circle):
            b.__exit__()


def test_fallback_over_mixed_instructions(world):
    """file → briefing node → bootstrap: each fails for its own reason, the last one succeeds."""
    node = world.node(1)
    inner = node.dir / "inner.json"
    with briefer(world, "bbn.owner.example.com", lambda q: (404, {"version": 1, "why": "no-rule"})) as bbn:
        inner.write_text(json.dumps({"version": 1, "instructions": [bbn.instruction(), world.instruction(method="psk")]}))
        node.instruct({"kind": "discovery", "method": "file", "uri": str(node.dir / "nowhere.json")},
                      {"kind": "discovery", "method": "file", "uri": str(inner)}, world.instruction())
        dial(node, bbn)
        assert node.run_once().returncode == 0
    assert reasons(node) == [("file", "unreachable"), ("file", "ok"), ("bbn", "refused"), ("psk", "unsupported"), ("cert", "ok")]


def test_what_is_wrong_with_a_file_of_instructions(world):
    """Not only that it could not be used: each fault its own reason, and the next instruction is tried."""
    good = world.instruction()
    rows = [(b"", "empty"), (b"{", "malformed"), (b" " * 40000, "oversized"), (b"\xa0", "malformed"),
            (json.dumps({"version": 1, "instructions": []}).encode(), "empty"),
            (json.dumps({"version": 1, "instructions": [{**good, "method": "magic"}]}).encode(), "unknown method"),
            (json.dumps({"version": 1, "instructions": [{**good, "adminFQDN": 7}]}).encode(), "malformed"),
            (json.dumps({"version": 1, "validUntil": "20200101T000000", "instructions": [good]}).encode(), "expired"),
            (json.dumps({"version": 1, "validFrom": "20900101T000000", "instructions": [good]}).encode(), "not yet valid")]
    node = world.node(1, known=False)
    files = [node.dir / f"inner-{i}.json" for i in range(len(rows))]
    for file, (octets, _) in zip(files, rows):
        file.write_bytes(octets)
    node.instruct(*[{"kind": "discovery", "method": "file", "uri": str(file)} for file in files])
    assert node.run_once().returncode == 1
    reports = node.status()["reports"]
    assert [r["reason"] for r in reports] == [reason for _, reason in rows], reports
    assert all(r["remedy"] for r in reports), reports


def test_what_is_wrong_with_the_nodes_own_instructions(world):
    """The file that the agent begins with, the sequence that a person hands in: each fault its own reason, in the status with what to do,
    after a restart, too; and the operator hears of the last ones with the next question, once."""
    good = world.instruction()
    node = world.node(1)
    file, given = node.dir / "instructions.json", node.dir / "given.json"

    def text(**more):
        return json.dumps({"version": 1, "instructions": [good], **more}).encode()

    rows = [(b"", "empty"), (b"{", "malformed"), (b" " * 40000, "oversized"), (text(instructions=[]), "empty"),
            (text(instructions=[{**good, "method": "magic"}]), "unknown method"), (text(validFrom="20900101T000000"), "not yet valid"),
            (text(instructions=[bbn_uri("https://" + "x" * 600)]), "malformed"), (text(validUntil="20200101T000000"), "expired")]
    with briefer(world, "bbn.owner.example.com", lambda q: [good]) as bbn:
        dial(node, bbn)
        for octets, reason in rows:
            file.write_bytes(octets)
            assert node.run_once().returncode == 1
            said = node.status()
            assert [(r["by"], r["reason"]) for r in said["refused"]] == [("file", reason)], (octets, said["refused"])
            assert str(file.name) in said["refused"][0]["resource"] and said["refused"][0]["remedy"] and said["refused"][0]["words"], said["refused"]
            assert said["reports"] == [], "no run was begun"
        shown = node.agent("status", check=True).stdout
        assert "instructions.json" in shown and "validUntil" in shown and "what to do" in shown, shown
        with node.running() as agent:
            agent.wait_log("no-instructions")
            given.write_bytes(text(validFrom="20900101T000000"))
            assert node.agent("trigger", given).returncode == 1
            assert [(r["by"], r["reason"]) for r in node.status()["refused"]] == [("file", "expired"), ("control", "not yet valid")]
            given.write_bytes(b"{")          # the agent is told of what its command alone has read
            assert node.agent("trigger", given).returncode == 1
            assert [(r["by"], r["reason"]) for r in node.status()["refused"]] == [("file", "expired"), ("control", "malformed")]
            node.instruct(bbn.instruction())
            node.agent("trigger", check=True)
            agent.wait_log(" enrolled key=")
            assert [(r["by"], r["reason"]) for r in node.status()["refused"]] == [("control", "malformed")], "the file is good now"
            told = [(f["resource"], f["reason"]) for f in bbn.asked[0].body["failures"]]
            assert told == [(f"file {file}"[:95], "expired"), (f"file {given}"[:95], "malformed")], told
            node.agent("trigger", check=True)
            agent.wait_log(" enrolled key=")
            assert bbn.asked[1].body["failures"] == []


def bbn_uri(uri):
    return {"kind": "discovery", "method": "bbn", "uri": uri}


def test_reports_wait_for_nobody(world):
    """A briefing node that is gone when the run ends costs seconds, and neither the run nor its success."""
    node = world.node(1)
    bbn = briefer(world, "bbn.owner.example.com", lambda q: [world.instruction()])

    def gone(q):
        bbn.listening.shutdown(socket.SHUT_RDWR)
        bbn.listening.close()
        return [world.instruction()]

    bbn.script = gone
    node.instruct(bbn.instruction())
    dial(node, bbn)
    done = node.run_once()
    assert done.returncode == 0 and "briefing-not-told" in done.stderr, done.stderr
    assert node.status()["state"] == "enrolled"


@pytest.mark.parametrize("point", ["briefing-asked", "briefed", "briefing-reported"])
def test_power_cut(world, point):
    """Lesson 14 in the dialogue with a briefing node: enrolled after the next start, and the end is told."""
    node = world.node(1)
    with briefer(world, "bbn.owner.example.com", lambda q: [world.instruction()]) as bbn:
        node.instruct(bbn.instruction())
        dial(node, bbn, add=f'crash_at = "{point}";\n')
        assert node.run_once().returncode == -9, f"{point} was never reached"
        dial(node, bbn)
        assert node.run_once().returncode == 0
        told = bbn.reports()
        assert told and told[-1]["enrolled"] and told[-1]["done"], told
        assert len({q.body["attempt"] for q in bbn.asked}) == 1, "one attempt, before and after"
        assert node.status()["state"] == "enrolled" and node.agent("check").returncode == 0


def test_the_last_report_survives_a_power_cut(world):
    """The power goes when the credential is good and nobody has told the briefing node: the next start does."""
    node = world.node(1)
    with briefer(world, "bbn.owner.example.com", lambda q: [world.instruction()]) as bbn:
        node.instruct(bbn.instruction())
        dial(node, bbn, add='crash_at = "promoted";\n')
        assert node.run_once().returncode == -9
        assert not bbn.reports()
        dial(node, bbn)
        assert node.run_once().returncode == 0
        told = bbn.reports()
        assert [(t["done"], t["enrolled"], t["target"]) for t in told] == [(True, True, world.maf)], told
        assert node.run_once().returncode == 0 and not bbn.reports(), "once"


def test_place(world):
    """Fig. 3: the technician says where the node hangs, before or while the agent runs."""
    node = world.node(1)
    settings = 'location = { latitude = "1"; longitude = "2"; site = "store"; };\n'
    with briefer(world, "bbn.owner.example.com", lambda q: [world.instruction()]) as bbn:
        node.instruct(bbn.instruction())
        dial(node, bbn, add=settings)
        assert json.loads(node.agent("place", "--json", check=True).stdout) == {"latitude": 10000000, "longitude": 20000000, "site": "store"}
        assert node.agent("place", "--at", "-33.8567844,151.2152967,15", check=True).stdout.startswith("at            -33.8567844,151.2152967, within 15 m")
        assert "--at: latitude: must be -90 to 90 degrees" in node.agent("place", "--at", "91,0").stderr
        assert "--at: longitude: must be -180 to 180 degrees" in node.agent("place", "--at", "0,-180.0000001").stderr
        for bad in (("--at", "91,0"), ("--at", "1"), ("--at", "1,2,3,4"), ("--at", "1,x"), ("--site", "x" * 65), ("--site", "")):
            refused = node.agent("place", *bad)
            assert refused.returncode == 1 and refused.stderr, (bad, refused)
        assert node.run_once().returncode == 0
        assert bbn.asked[-1].body["location"] == {"latitude": -338567844, "longitude": 1512152967, "accuracy": 15, "site": "store"}
        with node.running() as agent:
            agent.wait_log("enrolled-already")
            node.agent("place", "--site", "roof", check=True)
            agent.wait_log("placed site=roof")
            assert node.status()["place"] == {"latitude": 10000000, "longitude": 20000000, "site": "roof"}
            assert node.agent("place", "--at", "91,0").returncode == 1
            node.agent("trigger", check=True)
            agent.wait_log("briefing-told")
            assert bbn.asked[-1].body["location"]["site"] == "roof"
            node.agent("place", "--clear", check=True)
            agent.wait_log("place-cleared")
            assert node.status()["place"]["site"] == "store"


def test_one_run_for_many_triggers(world):
    """The same instructions again join the run that is going on; other ones replace it; the attempts tell it all."""
    node = world.node(1)
    first = []
    with briefer(world, "bbn.owner.example.com", lambda q: first.append(q) or [world.instruction()]) as bbn:
        hole = {"kind": "bootstrap", "method": "cert", "uri": f"https://{world.mef}:1", "target": world.maf, "adminFQDN": world.sp}
        node.instruct(hole, bbn.instruction())
        dial(node, bbn, add='open_timeout = "600s";\n')
        conf = node.dir / "muster-agent.conf"
        with socket.create_server(("127.0.0.1", 0)) as silent:      # takes connections, says nothing
            conf.write_text(conf.read_text().replace("connect_to = (\n", f'connect_to = (\n  {{ name = "{world.mef}:1"; address = '
                                                     f'"127.0.0.1:{silent.getsockname()[1]}"; }},\n'))
            with node.running() as agent:
                agent.wait_log("triggered by=boot")
                agent.wait_log("opening")
                attempt = node.status()["attempt"]
                for _ in range(5):
                    assert attempt in node.agent("trigger", check=True).stdout
                agent.wait_log("joined by=control")
                other = node.dir / "other.json"
                other.write_text(json.dumps({"version": 1, "instructions": [bbn.instruction()]}))
                replaced = node.agent("trigger", other, check=True).stdout
                assert attempt not in replaced
                agent.wait_log("enrolled key")
                agent.wait_log("briefing-told")
                runs = node.status()["attempts"]
    assert [(r["trigger"], r["outcome"]) for r in runs] == [("control", "enrolled"), ("boot", "replaced")], runs
    assert runs[1]["joined"] == ["control"] * 5 and runs[1]["attempt"] == attempt, runs
    assert len(first) == 1
    text = node.agent("status", check=True).stdout
    assert re.search(rf"attempts .*enrolled .*\(control\)\n.*replaced +{attempt} \(boot\)", text), text


def test_a_manual_trigger_overrides_the_backoff(world):
    node = world.node(1, known=False)
    answers = [(429, b"", {"Retry-After": "86400"})]
    with briefer(world, "bbn.owner.example.com", lambda q: answers.pop() if answers else [world.instruction()]) as bbn:
        node.instruct(bbn.instruction())
        dial(node, bbn)
        with node.running() as agent:
            agent.wait_log("reason .*reason=busy")
            assert node.status()["nextTry"] > 80000
            node.agent("trigger", check=True)
            agent.wait_log("reason .*reason=refused")
    runs = node.status()["attempts"]    # newest first; after a refusal the agent's own retry may have begun already
    assert [(r["trigger"], r["outcome"]) for r in runs][-2:] == [("control", "failed"), ("boot", "failed")], runs


def test_configuration(world):
    node = world.node(1, known=False)
    rows = [
        ('methods = "cert magic";\n', "methods: not a list"), ('methods = "cert cert";\n', "methods: not a list"),
        ('maker = "' + "x" * 64 + '";\n', "maker: too long"), ('briefing_format = "xml";\n', "briefing_format: unknown value"),
        ('location = "here";\n', "location: must be a group"), ('location = { latitude = "95"; longitude = "1"; };\n', "location.latitude: must be -90 to 90 degrees"),
        ('location = { latitude = "5"; };\n', "location: latitude and longitude"), ('location = { street = "x"; };\n', "location.street: no member"),
        ('location = { latitude = 5.0; };\n', "location.latitude: must be a text"), ('location = { cell = "1-2"; };\n', "location: "),
        ('psk_identity = "a@b.example.com";\n', "psk_identity: psk_identity and psk_file belong together"),
        ('psk_identity = "a@b.example.com";\npsk_file = "none";\n', "none"),
    ]
    for text, words in rows:
        node.configure(add=text)
        done = node.agent("--check")
        assert done.returncode == 1 and words in done.stderr, (text, done.stderr)
    secret = node.dir / "psk.hex"
    for content, mode, words in ((secret_text("00" * 15), 0o600, "16 to 64 octets"), (secret_text("00" * 65), 0o600, "16 to 64 octets"),
                                 ("zz" * 16, 0o600, "16 to 64 octets"), ("00" * 16, 0o600, "no check code"),
                                 (secret_text("00" * 16)[:-1] + "1", 0o600, "does not fit its check code"),
                                 (secret_text("00" * 16), 0o640, "read or changed by others"), (secret_text("00" * 16) + "\n", 0o600, "")):
        secret.write_text(content)
        secret.chmod(mode)
        node.configure(add='psk_identity = "a@b.example.com";\npsk_file = "psk.hex";\n')
        done = node.agent("--check")
        assert done.returncode == (1 if words else 0) and words in done.stderr, (content, done.stderr)


def add_rule(inst, name, **more):
    rule = {"name": name, "then": {"instructions": [
        {"kind": "bootstrap", "method": "cert", "uri": f"https://{inst.mef}:{inst.mef_port}"}]}, **more}
    done = run("curl", "-sS", "--unix-socket", inst.dir / "run/admin.sock", "-H", "Content-Type: application/json",
               "--data-binary", json.dumps({"rule": rule}), "-w", "\n%{http_code}", "http://admin/v1/rules").stdout
    assert done.splitlines()[-1] == "201", done


class Real:
    """The briefing node of musterd, as `dial` wants it."""

    def __init__(self, inst):
        self.name, self.port = inst.bbn, inst.bbn_port

    def instruction(self):
        return {"kind": "discovery", "method": "bbn", "uri": f"https://{self.name}:{self.port}"}


def test_by_musterd(world):
    """The owner's rule chooses by the technician's place; one attempt id ties briefing, MEF and MAF together."""
    add_rule(world, "north", when={"sites": ["north"]})
    node, bbn = world.node(1), Real(world)
    node.instruct(bbn.instruction())
    dial(node, bbn)
    assert node.run_once().returncode == 1
    assert reasons(node) == [("bbn", "refused")]
    node.agent("place", "--site", "north", check=True)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + world.log_text()
    what = [e["what"] for e in world.events("--attempt", node.status()["attempt"])]
    assert [w for w in what if w == "bbn.briefed"] and [w for w in what if w.startswith("mef.")], what
    shown = world.ask("node", "show", node.id)["briefings"][0]
    assert (shown["state"], shown["target"], shown["rule"]) == ("enrolled", world.maf, "north"), shown


@pytest.mark.parametrize("profile", ["onem2m", "modern"])
def test_by_musterd_with_the_makers_secret(world, profile):
    """A node that was born with a secret: it is told what to do, and cannot do it without a certificate; the owner sees that."""
    secret = "00112233445566778899aabbccddeeff"
    add_rule(world, "all")
    node, bbn = world.node(1), Real(world)
    said = world.muster("--json", "node", "secret", node.id, "--file", "-", stdin=secret_text(secret) + "\n").stdout
    identity = json.loads(said)["identity"]
    for name in ("node.pem", "node.key"):
        (node.dir / name).unlink()
    (node.dir / "psk.hex").write_text(secret_text(secret) + "\n")
    (node.dir / "psk.hex").chmod(0o600)
    hole = {"kind": "bootstrap", "method": "cert", "uri": f"https://{world.mef}:{world.mef_port}", "target": world.maf, "adminFQDN": world.sp}
    node.instruct(bbn.instruction(), hole)
    add = f'psk_identity = "{identity}";\npsk_file = "psk.hex";\ntls_profile = "{profile}";\nmethods = "cert bbn";\n'
    dial(node, bbn, add=add)
    assert node.run_once().returncode == 1
    assert reasons(node) == [("bbn", "refused"), ("cert", "unsupported")], node.status()["reports"]
    assert "allows can this node do" in node.status()["reports"][0]["detail"], node.status()["reports"]
    # a wrong secret looks like an unknown one
    (node.dir / "psk.hex").write_text(secret_text("ff" * 16))
    assert node.run_once().returncode == 1
    assert reasons(node)[0] == ("bbn", "not authenticated"), node.status()["reports"]
    assert "its secret and identity" in node.status()["reports"][0]["remedy"], node.status()["reports"]
