"""Story: a constrained node asks its briefing node over CoAP, DTLS under it (architecture 2, TS-0003 10.2): by certificate, by
its maker's secret, over a network that loses, doubles and turns round, through a power cut, and beside somebody who lies.
Strangers see the same: libcoap over OpenSSL and over GnuTLS.
"""
import itertools
import json
import os
import pathlib
import re
import select
import signal
import subprocess

import pytest

from briefer import Briefer, der, dial
from coaps import BLOCK2, Cutter, Relay, libcoap, option, parse
from stranger import told
from support import AGENT, MUSTERD, RUN_SECONDS, Installation, free_port, run, secret_text, until

# coap-client 4.3.1 sends "localhost" as the server's name unless the host's name has 3 or 9 characters
SP = "sp.ex"
SECRET = b"sixteen letters!".hex()           # coap-client takes a key as text
COUNT = itertools.count(1)


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("coap") / "inst", sp=SP)
    made.coap_port = free_port()
    made.plain_config = made.plain_config.replace("bbn = {", f'bbn = {{\n    coap_listen = ["127.0.0.1:{made.coap_port}"];', 1)
    made.plain_config = made.plain_config.replace("listeners = 2", "listeners = 1")      # so that counters stand in one place
    made.configure(add='\nlimits = { handshake = "6s"; fetch = "5s"; };\n')
    made.start()
    made.subscription()
    # a briefing of several datagrams, whatever the encoding: with trust anchors in it
    anchors = [der(p) for p in (made.dir / "keeper/ca.pem", *(made.dir / f"makers/{name}.pem" for name in ("acme", "globex", "owner")))]
    (made.dir / "rule.json").write_text(json.dumps({"name": "everybody", "then": {"instructions": [
        {"kind": "bootstrap", "method": m, "uri": f"https://{made.mef}:{made.mef_port}", **({"anchors": anchors} if m == "cert" else {})}
        for m in ("cert", "psk")]}}))
    made.muster("rule", "add", "everybody", "--file", made.dir / "rule.json")
    yield made
    assert made.stop() == 0, made.log_text()


def coaps(inst, port=None):
    return {"kind": "discovery", "method": "bbn", "uri": f"coaps://{inst.bbn}:{port or inst.coap_port}/briefing"}


def configure(node, add="", at=None, port=None):
    """`at`: where the briefing node's CoAP really is, for this node."""
    node.configure(add)
    conf = node.dir / "muster-agent.conf"
    port = port or node.inst.coap_port
    conf.write_text(conf.read_text().replace("connect_to = (", f'connect_to = (\n  {{ name = "{node.inst.bbn}:{port}"; '
                                             f'address = "127.0.0.1:{at or port}"; }},', 1))


def new(inst, add="", at=None, **more):
    node = inst.node(next(COUNT), **more)
    node.instruct(coaps(inst))
    configure(node, add, at)
    return node


def reasons(node):
    return [(r["method"], r["reason"]) for r in node.status()["reports"]]


@pytest.mark.parametrize("form", ["cbor", "json"])
@pytest.mark.parametrize("profile", ["both", "onem2m"])
def test_by_certificate(inst, form, profile):
    node = new(inst, f'briefing_format = "{form}";\ntls_profile = "{profile}";\n')
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert reasons(node) == [("bbn", "ok"), ("cert", "ok")]
    assert [e for e in inst.events("--node", node.id) if e["what"] == "bbn.enrolled"], "its report has come"
    assert inst.ask("node", "show", node.id)["state"] == "enrolled"


def with_secret(inst, node, secret=SECRET):
    identity = json.loads(inst.muster("--json", "node", "secret", node.id, "--file", "-", stdin=secret_text(SECRET)).stdout)["identity"]
    (node.dir / "psk").write_text(secret_text(secret))
    (node.dir / "psk").chmod(0o600)
    return f'psk_identity = "{identity}";\npsk_file = "psk";\n', identity


def use_secret(node, add):
    """Of a node without a certificate."""
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace('certificate = "node.pem";\nkey = "node.key";\n', "") + add)
    for name in ("node.pem", "node.key"):
        (node.dir / name).unlink()


@pytest.mark.parametrize("profile", ["modern", "onem2m"])
def test_by_secret(inst, profile):
    node = new(inst, f'tls_profile = "{profile}";\n')
    add, _ = with_secret(inst, node)
    use_secret(node, add)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert reasons(node) == [("bbn", "ok"), ("psk", "ok")]
    assert inst.ask("node", "show", node.id)["state"] == "enrolled"


@pytest.fixture(scope="module")
def wrong_secret(inst):
    """A node that came with one, and by which name."""
    node = new(inst, 'open_timeout = "5s";\n')
    add, identity = with_secret(inst, node, secret="ff" * 16)
    use_secret(node, add)
    node.run_once()
    return node, identity


def test_a_wrong_secret_is_silence(wrong_secret):
    """A record that does not open is no record: neither side says more. What the operator hears when the handshake's time is over is looked
    at later, in test_counted()."""
    node, _ = wrong_secret
    assert reasons(node) == [("bbn", "timeout")]
    assert "wrong identity or key" in node.status()["reports"][0]["detail"]


def test_over_a_bad_network(inst):
    with Relay(inst.coap_port, loss=0.04, double=0.3, turn=0.3, seed=4) as path:
        node = new(inst, 'open_timeout = "60s";\nanswer_timeout = "60s";\n', at=path.port)
        for _ in range(5):               # as an agent does that is let down: a handshake has six seconds here
            done = node.run_once(timeout=180)
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stderr + inst.log_text()
    assert reasons(node) == [("bbn", "ok"), ("cert", "ok")]
    # however often its datagrams came, it was asked once, and no datagram had to be cut on its way (RFC 8200 5)
    assert len([e for e in inst.events("--node", node.id) if e["what"] == "bbn.briefed"]) == 1
    assert path.largest <= 1232 and path.passed > 15


def test_power_cut_while_it_is_asked(inst):
    """The node dies with its question under way; the same question again gets the same briefing."""
    for point in ("briefing-asked", "briefed"):
        node = new(inst, f'crash_at = "{point}";\n')
        assert node.run_once().returncode == -signal.SIGKILL, point
        configure(node)
        done = node.run_once()
        assert done.returncode == 0, done.stderr + inst.log_text()
        assert reasons(node)[-1] == ("cert", "ok")


def test_a_dead_server_is_told_from_a_refusal(inst):
    dead = free_port()
    node = new(inst, 'open_timeout = "5s";\n', at=dead)
    node.instruct(coaps(inst), inst.instruction())
    assert node.run_once().returncode == 0
    assert reasons(node) == [("bbn", "unreachable"), ("cert", "ok")]
    with Relay(inst.coap_port) as path:              # somebody listens, and nothing comes back
        path.cut.set()
        node = new(inst, 'open_timeout = "5s";\n', at=path.port)
        node.instruct(coaps(inst), inst.instruction())
        assert node.run_once().returncode == 0
        assert reasons(node) == [("bbn", "timeout"), ("cert", "ok")]
    stranger = inst.node(next(COUNT), known=False)
    stranger.instruct(coaps(inst))
    configure(stranger)
    assert stranger.run_once().returncode == 1
    assert reasons(stranger) == [("bbn", "unknown")]


def test_a_liar_makes_nobody_trust_it(inst, tmp_path):
    """Its own certificate in the briefing node's name, and its own anchors would come in its answer: it is not asked."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "liar.key", "-out", "liar.pem",
        "-days", "30", "-subj", f"/CN={inst.bbn}", "-addext", f"subjectAltName=DNS:{inst.bbn}", "-addext", "keyUsage=digitalSignature", cwd=tmp_path)
    port = free_port()
    liar = subprocess.Popen(["openssl", "s_server", "-dtls1_2", "-accept", f"127.0.0.1:{port}", "-cert", "liar.pem", "-key", "liar.key"],
                            cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until("the liar listens", lambda: b"ACCEPT" in liar.stdout.readline())
        node = new(inst, at=port)
        before = (node.dir / "anchors.pem").read_text()
        assert node.run_once().returncode == 1
        assert reasons(node) == [("bbn", "untrusted")]
        assert (node.dir / "anchors.pem").read_text() == before
    finally:
        liar.kill()
        liar.communicate()


class Strange:
    """A briefing node over CoAP that shares no code with ours: OpenSSL's DTLS, and messages made here. `answer` makes the code,
    the options and the content out of the number of the block that is asked for."""

    @classmethod
    def serve(cls, node, answer, prepare=None):
        """One run of the agent against it: it has our certificate, and another mind."""
        port = free_port()
        (prepare or (lambda at: configure(node, at=at)))(port)
        with subprocess.Popen(["openssl", "s_server", "-dtls1_2", "-accept", f"127.0.0.1:{port}", "-cert", "tls/bbn.pem", "-key", "tls/bbn.key",
                               "-quiet"], cwd=node.inst.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            try:
                until("it listens", lambda: f":{port:04X} " in pathlib.Path("/proc/net/udp").read_text())
                with subprocess.Popen([AGENT, "-c", node.dir / "muster-agent.conf", "run", "--once"], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE) as agent:
                    while True:
                        ready, _, _ = select.select([server.stdout, agent.stderr], [], [], RUN_SECONDS)
                        assert ready, "neither a question nor an end"
                        if agent.stderr in ready and not os.read(agent.stderr.fileno(), 65536):
                            break
                        asked = os.read(server.stdout.fileno(), 4096) if server.stdout in ready else b""
                        if asked and asked[1]:
                            server.stdin.write(cls.reply(asked, answer))
                            server.stdin.flush()
            finally:
                server.kill()

    @staticmethod
    def reply(asked, answer):
        _, mid, token, options, _ = parse(asked)
        kind, code, rest = answer(int.from_bytes(dict(options).get(BLOCK2, b""), "big") >> 4)
        token = token if code else b""
        return bytes((0x40 | kind << 4 | len(token), code)) + mid.to_bytes(2, "big") + token + (rest if code else b"")


AS_JSON = b"\xc1\x32"


def content(value, code=0x44, options=AS_JSON):
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lambda block: (2, code, options + (b"\xff" + octets if octets else b""))


def sequence(*instructions, **more):
    return content({"version": 1, "serverTime": "20260101T000000", "sequence": {"version": 1, "id": "x", "instructions": instructions, **more}})


def without_end(block):
    return 2, 0x44, AS_JSON + option(11, (block << 4 | 0xe).to_bytes(2, "big")) + b"\xff" + b" " * 1024


def test_answers_that_are_none(inst):
    """Each its own reason, for the technician and in the next question; the next instruction is tried."""
    good = inst.instruction()
    rows = [
        ("not JSON", content(b"{"), "malformed", "a member name in quotes"),
        ("another format", content(b"<h1>hello</h1>", options=b"\xc0"), "wrong service", "Content-Type"),
        ("nothing", content(b"", options=b""), "empty", "without content"),
        ("no instructions", sequence(), "empty", "must be 1..16"),
        ("an unknown method", sequence({**good, "method": "magic"}), "unknown method", 'unknown value "magic"'),
        ("ended", sequence(good, validUntil="20200101T000000"), "expired", ""),
        ("not begun", sequence(good, validFrom="20900101T000000"), "not yet valid", ""),
        ("not there", content(b"?", 0x84, b""), "wrong service", "404"),
        ("without an end", without_end, "oversized", ""),
        ("blocks out of step", lambda block: (2, 0x44, AS_JSON + option(11, b"\x5e") + b"\xff" + b" " * 1024), "malformed", ""),
        ("a reset", lambda block: (3, 0, b""), "malformed", "(reset)"),
    ]
    node = new(inst)
    for what, answer, reason, words in rows:
        node.instruct(coaps(inst), inst.instruction(uri=f"https://{inst.mef}:{free_port()}"))
        Strange.serve(node, answer)
        reports = node.status()["reports"]
        assert (reports[0]["reason"], len(reports)) == (reason, 2) and words in reports[0]["detail"] and reports[0]["remedy"], (what, reports)
    # the operator hears of it with the next question, and that is answered
    node.instruct(coaps(inst))
    Strange.serve(node, rows[0][1])
    configure(node)
    done = node.run_once()
    assert done.returncode == 0, done.stderr
    assert [e for e in inst.events("--node", node.id) if e["what"] == "bbn.briefed" and "malformed" in e["why"]]


def test_a_node_that_cannot_prove_itself(inst):
    """An initial certificate that is over, and none where one is wanted: each with its reason on both sides; the next instruction is tried."""
    old = new(inst, issue=("--expired",))
    bare = new(inst)
    use_secret(bare, with_secret(inst, bare)[0].replace(f"@{inst.bbn}", "@elsewhere.example.com"))
    for node, said, words in ((old, "certificate expired", "certificate expired"), (bare, "alert", "no client certificate")):
        node.instruct(coaps(inst), inst.instruction(uri=f"https://{inst.mef}:{free_port()}"))
        with told(inst, "bbn.handshake-failed", words, "127.0.0.1:", "what to do: "):
            assert node.run_once().returncode == 1
        reports = node.status()["reports"]
        assert reports[0]["reason"] == "not authenticated" and len(reports) == 2, reports
        assert said in reports[0]["detail"] and "is not over" in reports[0]["remedy"], reports


def test_redirected_too_deep_and_in_a_circle(inst):
    """Over CoAPS alone: the owner's briefing node sends to strange ones, each to the next, and to itself."""
    hops = [free_port() for _ in range(12)]        # more than three: what is sent again is asked again
    asked = iter(hops)
    for name, to in (("deep", coaps(inst, next(asked))), ("circle", coaps(inst))):
        (inst.dir / f"{name}.json").write_text(json.dumps({"name": name, "when": {"sites": [name]}, "then": {"instructions": [to]}}))
        inst.muster("rule", "add", name, "--file", inst.dir / f"{name}.json", "--position", "1")
    node = new(inst)

    def at(site, port):
        configure(node, f'location = {{ site = "{site}"; }};\n')
        conf = node.dir / "muster-agent.conf"
        ways = "".join(f'\n  {{ name = "{inst.bbn}:{hop}"; address = "127.0.0.1:{port}"; }},' for hop in hops)
        conf.write_text(conf.read_text().replace("connect_to = (", "connect_to = (" + ways, 1))

    at("circle", inst.coap_port)
    assert node.run_once().returncode == 1
    assert [r for _, r in reasons(node)] == ["ok", "loop"]
    Strange.serve(node, lambda block: sequence(coaps(inst, next(asked, hops[-1])))(block), prepare=lambda port: at("deep", port))
    assert [r for _, r in reasons(node)] == ["ok", "ok", "ok", "too deep"]
    # who gave the circle hears of it at once; of what others gave with the next question
    at("elsewhere", inst.coap_port)
    assert node.run_once().returncode == 0
    heard = [(e["what"], e.get("why", "")) for e in inst.events("--node", node.id)]
    for reason in ("loop", "too deep"):
        assert [why for _, why in heard if reason in why], heard


def test_redirected_from_https_and_back(inst):
    """The maker's briefing node (HTTPS, a stranger's) names the owner's, which is reached by CoAP; both are told how it went."""
    with Briefer(inst.dir / "bbn-maker", "bbn.maker.example.com", lambda q: [coaps(inst)], makers=(inst.dir / "makers/acme.pem",)) as maker:
        node = new(inst)
        node.instruct(maker.instruction())
        dial(node, maker)
        conf = node.dir / "muster-agent.conf"
        conf.write_text(conf.read_text().replace("connect_to = (", f'connect_to = (\n  {{ name = "{inst.bbn}:{inst.coap_port}"; '
                                                 f'address = "127.0.0.1:{inst.coap_port}"; }},', 1))
        done = node.run_once()
        assert done.returncode == 0, done.stderr + inst.log_text()
        assert reasons(node) == [("bbn", "ok"), ("bbn", "ok"), ("cert", "ok")]
        assert maker.asked[0].body["transports"] == ["https", "coaps"]
        assert maker.reports()[-1]["done"]


# --- strangers ---

def coap_client(inst, tmp_path, library, *args, path="/briefing", ask=None):
    """What came back of a question, code and all."""
    question = tmp_path / "ask.json"
    question.write_text(json.dumps({"version": 1, "attempt": f"{next(COUNT):032x}", "methods": ["cert"]} if ask is None else ask))
    return libcoap(tmp_path, library, inst.bbn, f"coaps://{inst.bbn}:{inst.coap_port}{path}", "-m", "post", "-f", question, *args, context=inst.log_text)


def body_of(out):
    """What stands behind the last message that it tells of, in one piece."""
    return json.loads(out[out.rindex('{"version":1,'):].split("\n")[0].rstrip("'"))


JSON_BOTH = ("-t", "50", "-A", "50")


@pytest.mark.parametrize("library", ["openssl", "gnutls"])
def test_libcoap_by_certificate(inst, tmp_path, library):
    node = inst.node(next(COUNT))
    mine = ("-c", node.dir / "node.pem", "-j", node.dir / "node.key", "-C", inst.dir / "keeper/ca.pem")
    code, out, _ = coap_client(inst, tmp_path, library, *JSON_BOTH, "-b", "512", *mine)
    assert code == "2.04" and "Block2:" in out, out
    assert inst.ask("node", "show", node.id)["state"] == "briefed"
    # refusals, each with its code, and its words for the operator
    for args, path, ask, want, words in (
            (("-t", "0", "-A", "50"), "/briefing", None, "4.15", "Content-Type: application/json or application/cbor is taken"),
            (("-t", "50", "-A", "11542"), "/briefing", None, "4.06", "Accept: application/json or application/cbor can be given"),
            (JSON_BOTH, "/other", None, "4.04", ""), (JSON_BOTH, "/briefing", {"version": 1}, "4.00", "attempt"),
            (JSON_BOTH, "/briefing", {"version": 1, "attempt": "0" * 32, "methods": ["cert"], "nodeID": "urn:dev:ops:other"}, "4.03",
             "what it says of itself is not what it proved"),
            ((*JSON_BOTH, "-O", "2049,x"), "/briefing", None, "4.02", "option 2049"),
            ((*JSON_BOTH, "-b", "64"), "/briefing", {"x": "y" * 9000}, "4.13", "more octets than are taken")):
        with told(inst, "bbn.refused", words, who=node.cse_id):
            code, out, err = coap_client(inst, tmp_path, library, *args, *mine, path=path, ask=ask)
        assert code == want, (args, out[-2000:], err)


@pytest.mark.parametrize("library", ["openssl", "gnutls"])
def test_libcoap_by_secret(inst, tmp_path, library):
    node = inst.node(next(COUNT))
    _, identity = with_secret(inst, node)
    key = ("-u", identity, "-k", bytes.fromhex(SECRET).decode())
    code, out, err = coap_client(inst, tmp_path, library, *JSON_BOTH, *key)
    assert code == "2.04", out + err
    assert inst.ask("node", "show", node.id)["state"] == "briefed"


def message(content):
    """POST /briefing, JSON in and out, as RFC 7252 has it: 0x41 CON with a token of one octet."""
    return bytes((0x41, 2, 0x12, 0x34, 0x77)) + b"\xb8briefing" + b"\x11\x32" + b"\x51\x32" + b"\xff" + content


def raw(inst, args, content):
    """A DTLS client that knows nothing of CoAP: one message goes in, what comes back is returned, or what the client says."""
    p = subprocess.Popen([str(a) for a in args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=inst.dir)
    said = b""
    os.set_blocking(p.stdout.fileno(), False)

    def answered():
        nonlocal said
        ended = p.poll() is not None     # before the last look: what it said while it ended counts
        said += p.stdout.read() or b""
        return b'"sequence"' in said or ended
    try:
        p.stdin.write(message(content))
        p.stdin.flush()
        until("an answer", answered, context=lambda: repr(said[-2000:]) + inst.log_text())
    except BrokenPipeError:
        until("its last words", answered)
    finally:
        p.kill()
        p.wait()
        p.stdin.close()
        p.stdout.close()
    return said


# a message, code and all that is behind its id: what the event says, and its status
BAD = {
    "malformed": (b"\x40\x02\x50\x01\xff", "payload: a marker, and none behind it", 0),
    "no-coap": (b"\x80\x02\x50\x02", "version: not CoAP, version 1", 0),
    "option": (b"\x40\x02\x50\x03" + b"\xe1\x06\xf4x", "option 2049: an option that cannot be taken", 400),
    "incomplete": (b"\x40\x02\x50\x04" + b"\xb8briefing" + option(16, b"\x16") + b"\xffx", "Block1: not the next block of this request", 408),
    "oversized": (b"\x40\x02\x50\x05" + b"\xb8briefing" + option(16, b"\x06") + option(33, b"\x01\0\0") + b"\xffx",
                  "content: more octets than are taken", 413),
    "in one piece": (b"\x40\x02\x50\x06" + b"\xb8briefing" + b"\xff" + b"x" * 5000, "datagram: longer than is taken in one piece", 413),
    "host": (b"\x40\x02\x50\x07" + b"\x32\x01\x02" + b"\x88briefing", "Uri-Host: no host's name", 400),
    "proxy": (b"\x40\x02\x50\x08" + option(35, b"coap://x"), "Proxy-Uri: this is no proxy", 505),
}


def test_every_refusal_has_its_event(inst):
    """What the CoAP machine refuses by itself the operator hears, each with its reason; the same session is then briefed."""
    node = inst.node(next(COUNT))
    content = json.dumps({"version": 1, "attempt": f"{next(COUNT):032x}", "methods": ["cert"]}).encode()
    with subprocess.Popen([str(a) for a in (
            "openssl", "s_client", "-connect", f"127.0.0.1:{inst.coap_port}", "-servername", inst.bbn, "-quiet", "-no_ign_eof", "-dtls1_2", "-CAfile",
            inst.dir / "keeper/ca.pem", "-cert", node.dir / "node.pem", "-key", node.dir / "node.key")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        try:
            os.set_blocking(p.stdout.fileno(), False)
            for octets, why, status in BAD.values():
                with told(inst, "bbn.refused", why, who=node.cse_id):
                    p.stdin.write(octets)
                    p.stdin.flush()
                event = next(e for e in inst.events("--what", "bbn.refused") if why in e["why"] and e["who"] == node.cse_id)
                assert event.get("outcome", 0) == status, event
            p.stdin.write(message(content))
            p.stdin.flush()
            said = b""

            def answered():
                nonlocal said
                said += p.stdout.read() or b""
                return b'"sequence"' in said
            until("the briefing", answered, context=lambda: repr(said[-2000:]) + inst.log_text())
            with told(inst, "bbn.refused", "request: broke off between two blocks"):
                p.stdin.write(b"\x40\x02\x50\x09" + b"\xb8briefing" + option(16, b"\x0e") + b"\xff" + b"x" * 1024)
                p.stdin.flush()
                until("2.31", lambda: b"\x60\x5f\x50\x09" in (p.stdout.read() or b""))
                p.stdin.close()              # s_client says good-bye
                p.wait(RUN_SECONDS)
        finally:
            p.kill()
    assert inst.ask("node", "show", node.id)["state"] == "briefed"


OPENSSL = ["PSK-AES128-CCM8", "ECDHE-PSK-CHACHA20-POLY1305", "ECDHE-PSK-AES128-CBC-SHA256", "ECDHE-ECDSA-AES128-CCM8",
           "ECDHE-ECDSA-AES128-GCM-SHA256"]
# gnutls-cli 3.7.9 itself falls over ECDHE-PSK, before it has answered
GNUTLS = {"PSK-AES128-CCM8": "+PSK:+AES-128-CCM-8", "ECDHE-ECDSA-AES128-CCM8": "+ECDHE-ECDSA:+AES-128-CCM-8"}
REFUSED = [("-dtls1", "ALL:@SECLEVEL=0"), ("-dtls1_2", "PSK-AES128-CBC-SHA256"), ("-dtls1_2", "ECDHE-ECDSA-AES128-SHA256"), ("-dtls1_2", "ECDHE-ECDSA-AES256-SHA")]


def test_every_suite_by_itself(inst):
    """TS-0003 10.2.2 and 10.2.3 for DTLS, and what is better, with `openssl s_client` and gnutls-cli; nothing else is taken."""
    node = inst.node(next(COUNT))
    _, identity = with_secret(inst, node)
    content = json.dumps({"version": 1, "attempt": f"{next(COUNT):032x}", "methods": ["cert"]}).encode()
    start = ("openssl", "s_client", "-connect", f"127.0.0.1:{inst.coap_port}", "-servername", inst.bbn, "-quiet", "-CAfile", inst.dir / "keeper/ca.pem")
    mine = {True: ("-psk_identity", identity, "-psk", SECRET), False: ("-cert", node.dir / "node.pem", "-key", node.dir / "node.key")}
    for suite in OPENSSL:
        said = raw(inst, (*start, "-dtls1_2", "-cipher", suite, *mine["PSK" in suite]), content)
        assert b"\x61\x44\x12\x34\x77" in said, (suite, said, inst.log_text())
    for suite, priority in GNUTLS.items():
        how = ("--pskusername", identity, "--pskkey", SECRET) if "PSK" in suite else \
            ("--x509certfile", node.dir / "node.pem", "--x509keyfile", node.dir / "node.key", "--x509cafile", inst.dir / "keeper/ca.pem")
        said = raw(inst, ("gnutls-cli", "--udp", "--port", inst.coap_port, "--sni-hostname", inst.bbn, "--verify-hostname", inst.bbn, *how, "--priority",
                          f"NONE:+VERS-DTLS1.2:+SIGN-ALL:+COMP-NULL:+MAC-ALL:+GROUP-ALL:+CTYPE-X509:{priority}", "127.0.0.1"), content)
        assert b"\x61\x44\x12\x34\x77" in said, (suite, said, inst.log_text())
    for version, suite in REFUSED:
        said = raw(inst, (*start, version, "-cipher", suite, *mine["PSK" in suite]), content)
        assert b"sequence" not in said and b"alert" in said, (version, suite, said)


def test_an_open_session_ends_with_its_subscription(inst):
    """By certificate with an answer, by secret with nothing but the handshake; somebody else's goes on."""
    inst.subscription("short")
    content = json.dumps({"version": 1, "attempt": f"{next(COUNT):032x}", "methods": ["cert"]}).encode()
    clients = []
    try:
        for subscription, secret in (("short", False), ("short", True), ("sub-1", False)):
            node = inst.node(next(COUNT), subscription=subscription)
            mine = ("-psk_identity", with_secret(inst, node)[1], "-psk", SECRET, "-cipher", "PSK-AES128-CCM8") if secret else \
                ("-cert", node.dir / "node.pem", "-key", node.dir / "node.key")
            log = node.dir / "s_client"
            with open(log, "wb") as out:
                p = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{inst.coap_port}", "-servername", inst.bbn, "-CAfile",
                                      inst.dir / "keeper/ca.pem", "-dtls1_2", "-ign_eof", *map(str, mine)], stdin=subprocess.PIPE, stdout=out,
                                     stderr=subprocess.STDOUT)
            clients.append(p)
            until("a session", lambda log=log: b"Verif" in log.read_bytes(), context=inst.log_text)
            if not secret:
                p.stdin.write(message(content))
                p.stdin.flush()
                until("an answer", lambda log=log: b'"sequence"' in log.read_bytes(), context=inst.log_text)
        assert [p.poll() for p in clients] == [None] * 3
        inst.muster("subscription", "suspend", "short")
        for p in clients[:2]:
            p.wait(45)           # limits.idle is 60 s
        assert clients[2].poll() is None
    finally:
        for p in clients:
            p.kill()
            p.stdin.close()
            p.wait()


def test_counted(inst, wrong_secret):
    text = run("curl", "-sS", f"http://127.0.0.1:{inst.metrics_port}/metrics").stdout
    assert "identity known, key wrong" in inst.wait_event("bbn.handshake-failed", who=wrong_secret[1])["why"]
    value = {name: int(v) for name, v in re.findall(r'^(muster_coap_\w+)\{process="listener-bbn-0"\} (\d+)', text, re.M)}
    assert value["muster_coap_cookies_total"] >= 1, value
    assert set(value) == {"muster_coap_sessions_open", "muster_coap_cookies_total", "muster_coap_evicted_total", "muster_coap_repeated_total",
                          "muster_coap_resent_total"}


@pytest.mark.parametrize("wrong, said", [
    ('["unix:/tmp/x"]', "bbn.coap_listen[0]"), ('["127.0.0.1:5684", "127.0.0.1:5684"]', "stands there twice"),
    ('["127.0.0.1"]', "coap_listen"), ('"127.0.0.1:1"', "coap_listen")])
def test_settings_that_are_none(inst, tmp_path, wrong, said):
    conf = tmp_path / "musterd.conf"
    conf.write_text(re.sub(r"coap_listen = \[[^]]*\]", f"coap_listen = {wrong}", inst.plain_config))
    done = run(MUSTERD, "-c", conf, "--check", check=False)
    assert done.returncode != 0 and said in done.stdout + done.stderr, done.stdout + done.stderr


def test_power_cut_of_the_server_between_blocks(inst):
    """It dies with half of a question, then with half of an answer; nobody helps the agent, and it is briefed in the end."""
    with Cutter(inst.coap_port) as path:
        # failures make a long question
        facts = "".join(f'{name} = "{name[0] * 60}";\n' for name in ("model", "serial", "batch", "firmware"))
        node = new(inst, facts + 'open_timeout = "3s";\nanswer_timeout = "3s";\n', at=path.port)
        dead = [inst.instruction(uri=f"https://{inst.mef}:{free_port()}") for _ in range(8)]
        node.instruct(*dead, coaps(inst))
        path.inst, path.at = inst, True
        with node.running() as agent:
            for at in (False, None):
                assert inst.process.wait(RUN_SECONDS) == -signal.SIGKILL
                inst.start()
                path.at = at
                path.cut.clear()
            agent.wait_log(" enrolled ")
    assert len(re.findall("briefing-failed", agent.log.read_text())) >= 2
    assert [r["reason"] for r in node.status()["reports"]][-2:] == ["ok", "ok"]
