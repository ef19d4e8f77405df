"""Story: a node sits in the field behind a network that lets datagrams in, and is told to dial out now. What reaches it
is a hint that proves itself, or it is a counter (lesson 30).
"""
import base64
import json
import os
import re
import signal
import socket

import pytest

from support import RUN_SECONDS, START_SECONDS, at, secret_text, until
from trigger_support import door, enrolled_node, make, pushed, send, wait_pushed, wait_refused


def test_a_datagram_starts_a_run(installation):
    node, address = enrolled_node(installation)
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        first = node.status()["credential"]["keyID"]
        said = installation.muster("trigger", node.id, "--what", "renew", "--via", "datagram", "--to", address).stdout
        assert "sent to" in said and "counter" in said
        agent.wait_log("triggered by=datagram what=renew")
        again = agent.wait_log(r" enrolled key=(\S+)").group(1)
        status = node.status()
        assert again != first and status["state"] == "enrolled" and status["trigger"] == "datagram"
        assert status["pushed"]["accepted"] == 1 and status["pushed"]["refused"] == {}
        # a new credential, a new key: the next one is made with it without anybody's doing
        installation.muster("trigger", node.id, "--what", "check", "--via", "datagram", "--to", address)
        agent.wait_log("checked .*result=good")
    events = installation.events("--what", "node.triggered")
    assert len(events) == 2 and "renew" in events[0]["why"] and "datagram" in events[0]["why"], events
    assert installation.ask("node", "show", node.id)["triggered"]


def test_a_node_that_waits_for_its_next_try_does_not_wait_any_more(installation):
    """Its run failed; that it has a credential is no less true, and who calls it knows that the next try is worth it."""
    node, address = enrolled_node(installation)
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace('backoff_first = "1s";\nbackoff_max = "2s"', 'backoff_first = "86400s";\nbackoff_max = "86400s"'))
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        first = node.status()["credential"]["keyID"]
        installation.muster("node", "suspend", node.id, "--reason", "unpaid")
        node.agent("trigger", check=True)
        agent.wait_log("instruction-failed")
        until("the wait for the next try", lambda: node.status()["state"] == "waiting", RUN_SECONDS)
        installation.muster("node", "resume", node.id, "--reason", "paid")
        before = pushed(node)["accepted"]
        installation.muster("trigger", node.id, "--what", "renew", "--via", "datagram", "--to", address)
        agent.wait_log("triggered by=datagram what=renew")
        assert agent.wait_log(r" enrolled key=(\S+)").group(1) != first
        assert pushed(node)["accepted"] == before + 1


def test_every_bad_one_has_its_reason_and_the_next_good_one_is_served(installation):
    node, address = enrolled_node(installation)
    other = installation.node(2)
    other_door = door(other)
    assert other.run_once().returncode == 0
    good, _ = make(installation, node, "--what", "check")
    foreign, _ = make(installation, other, "--what", "check")
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        changed = bytes([*good[:-1], good[-1] ^ 1])
        for reason, octets in (("malformed", b"hello"), ("malformed", good[:20]), ("oversized", good + bytes(100)),
                               ("unsigned", good[:-17]), ("wrong-mac", changed), ("other-node", foreign)):
            before = pushed(node)["refused"].get(reason, 0)
            send(address, octets)
            after = wait_refused(node, reason, before + 1)
            assert after["last"][0]["reason"] == reason and after["last"][0]["source"] == "datagram"
        send(address, b'{"m2m:tgp":{"tpe":4,"tia":"https://%s/MEFBase"}}' % installation.mef.encode())
        wait_refused(node, "unsigned", 2)
        send(address, good)
        agent.wait_log("triggered by=datagram what=check")
        agent.wait_log("checked .*result=good")
        send(address, good)
        wait_refused(node, "replayed")
        # its reasons are there for the technician, too
        text = node.agent("status", check=True).stdout
        assert "1 followed" in text and "1 replayed" in text and "1 wrong-mac" in text, text
    assert other_door != address


@pytest.mark.faketime
def test_a_trigger_is_over_after_its_window(installation):
    node, address = enrolled_node(installation)
    octets, made = make(installation, node, "--window", "60s", "--what", "check")
    assert made["issued"] < made["expires"]
    # the agent's clock is a day ahead; its timers run as ever
    with node.running(env=at("+1d")) as agent:
        agent.wait_log("enrolled-already")
        send(address, octets)
        wait_refused(node, "expired")


def test_a_key_of_yesterday_opens_nothing(installation):
    """After a renewal the old root credential's triggers are for a key that the node does not have."""
    node, address = enrolled_node(installation)
    old, _ = make(installation, node)
    assert node.agent("run", "--once").returncode == 0
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        installation.muster("trigger", node.id, "--via", "datagram", "--to", address)
        agent.wait_log(r" enrolled key=")
        send(address, old)
        wait_refused(node, "other-key")


def test_a_flood_costs_counters_only(installation):
    """5000 datagrams of five kinds: not one octet of the state directory changes. A good trigger among them, on the same
    way in, is followed: forged MACs crowd it out no more than junk does."""
    node, address = enrolled_node(installation)
    good, _ = make(installation, node, "--what", "check")
    last, _ = make(installation, node, "--what", "check")
    forged = bytes([*last[:-1], last[-1] ^ 1])
    state = node.dir / "state"

    def look():
        return {p.name: (p.stat().st_mtime_ns, p.stat().st_ino, p.read_bytes()) for p in state.rglob("*") if p.is_file()}

    with node.running() as agent:
        agent.wait_log("enrolled-already")
        until("its first visit is over, and kept", (state / "blob-managed.a").exists)
        before, seen = look(), 0
        # in steps that fit into the socket's buffer: what the kernel drops would not be counted
        for i in range(100):
            for kind in (b"junk %d" % i, forged, good[:-17], b"\xff" + os.urandom(59), bytes(500)) * 10:
                send(address, kind)
            seen += 50
            wait_pushed(node, lambda p, n=seen: sum(p["refused"].values()) == n)
            if i == 50:
                assert look() == before
                send(address, good)
                agent.wait_log("triggered by=datagram what=check")
                agent.wait_log("checked .*result=good")
        counts = pushed(node)["refused"]
        assert counts["unsigned"] == 1000 and counts["oversized"] == 1000, counts
        assert counts["wrong-mac"] == 1000 and "rate" not in counts, counts
        # 1st, 2nd, 4th, 8th … of a kind: nothing that fills a disk
        assert agent.log.read_text().count("trigger-refused") < 100
        push = node.dir / "last.bin"
        push.write_bytes(last)
        assert node.agent("trigger", "--push", push, "--source", "sms").returncode == 0
        agent.wait_log("triggered by=sms what=check")


def test_power_goes_after_the_counter_was_kept(installation):
    """Lessons 14 and 30: the counter is durable before the effect. The trigger is lost with the power; it is not followed
    a second time when somebody plays it again, and the next one is."""
    node, address = enrolled_node(installation)
    octets, _ = make(installation, node, "--what", "check")
    door_settings = (node.dir / "muster-agent.conf").read_text()
    (node.dir / "muster-agent.conf").write_text(door_settings + 'crash_at = "trigger-kept";\n')
    agent = node.running().__enter__()          # it does not end as an agent should
    try:
        agent.wait_log("enrolled-already")
        send(address, octets)
        assert agent.process.wait(START_SECONDS) == -signal.SIGKILL
    finally:
        if agent.process.poll() is None:
            agent.process.kill()
            agent.process.wait()
    (node.dir / "muster-agent.conf").write_text(door_settings)
    with node.running() as again:
        again.wait_log("enrolled-already")
        send(address, octets)
        wait_refused(node, "replayed")
        installation.muster("trigger", node.id, "--what", "check", "--via", "datagram", "--to", address)
        again.wait_log("triggered by=datagram what=check")


def test_a_signed_trigger_reaches_a_node_that_was_never_enrolled(installation):
    """Nobody shares a key with it yet; it has the certificate of whom it listens to."""
    makers = installation.maker("acme")
    installation.subscription()
    installation.muster("cert", "ca", "dispatch", cwd=makers)
    node = installation.node(1)
    (node.dir / "signers.pem").write_text((makers / "dispatch.pem").read_text())
    address = door(node, 'signers = "signers.pem";', add="")
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace('backoff_first = "1s"', 'backoff_first = "1h"').replace('backoff_max = "2s"', 'backoff_max = "1h"'))
    assert node.agent("--check").returncode == 0
    installation.stop()
    with node.running() as agent:
        agent.wait_log("instruction-failed reason=unreachable")
        assert node.status()["state"] == "waiting"
        installation.start()
        refused = installation.muster("trigger", node.id, check=False)
        assert refused.returncode == 1 and "--signer" in refused.stderr, refused.stderr
        # somebody else's signature first
        installation.muster("cert", "ca", "stranger", cwd=makers)
        installation.muster("trigger", node.id, "--signer", makers / "stranger", "--via", "datagram", "--to", address)
        wait_refused(node, "other-key")
        installation.muster("trigger", node.id, "--signer", makers / "dispatch", "--via", "datagram", "--to", address)
        agent.wait_log("triggered by=datagram what=run")
        agent.wait_log(r" enrolled key=")


def test_a_makers_secret_makes_a_trigger_good(installation):
    """Never enrolled, and nobody's signature: node and briefing node share what the maker gave it."""
    installation.subscription()
    node = installation.node(1)
    secret = "00112233445566778899aabbccddeeff"
    identity = json.loads(installation.muster("--json", "node", "secret", node.id, "--file", "-", stdin=secret_text(secret) + "\n").stdout)["identity"]
    (node.dir / "psk.hex").write_text(secret_text(secret) + "\n")
    (node.dir / "psk.hex").chmod(0o600)
    address = door(node, "", add=f'psk_identity = "{identity}";\npsk_file = "psk.hex";\n')
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace('backoff_first = "1s"', 'backoff_first = "1h"').replace('backoff_max = "2s"', 'backoff_max = "1h"'))
    installation.stop()
    with node.running() as agent:
        agent.wait_log("instruction-failed reason=unreachable")
        installation.start()
        installation.muster("trigger", node.id, "--via", "datagram", "--to", address)
        agent.wait_log("triggered by=datagram what=run")
        agent.wait_log(r" enrolled key=")


def test_an_instruction_in_a_trigger(installation):
    """One SMS carries where to go: MEF, MAF and stakeholder; whom to trust it cannot bring."""
    node, address = enrolled_node(installation)
    node.instruct(installation.instruction(uri=f"https://{installation.mef}:1"))
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        # the MAF is told by the MEF where it listens
        octets, made = make(installation, node, "--instruction", f"cert=https://{installation.mef}:{installation.mef_port}",
                            "--target", installation.maf, "--admin-fqdn", installation.sp)
        assert len(octets) <= 140 and made["octets"] == len(octets)
        send(address, octets)
        agent.wait_log("triggered by=datagram what=instruction")
        agent.wait_log(r" enrolled key=")


def test_device_triggers_of_onem2m(installation):
    """Spec 7.4: purpose enrolmentRequest. In a frame that proves itself always; bare only from local helpers, and only when
    the configuration says so; never to a MEF that the node has no instruction for."""
    node, address = enrolled_node(installation)
    tgp = {"m2m:tgp": {"tpe": 4, "tia": f"https://{installation.mef}/MEFBase"}}
    bare = node.dir / "bare.json"

    def write(**changes):
        poa = {"tipa": [f"https://{installation.mef}:{installation.mef_port}"]} if "tipa" in changes else {}
        bare.write_text(json.dumps({"m2m:tgp": {**tgp["m2m:tgp"], **changes, **poa}}, separators=(",", ":")))
        return bare

    short = node.dir / "short.json"
    short.write_text('{"m2m:tgp":{"tpe":4,"tia":"https://%s:%d"}}' % (installation.mef, installation.mef_port))
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        refused = node.agent("trigger", "--push", write(tipa=True))
        assert refused.returncode == 1 and "unsigned" in refused.stderr, refused.stderr
        octets, _ = make(installation, node, "--payload", short)
        assert len(octets) <= 140
        send(address, octets)
        agent.wait_log("triggered by=datagram what=onem2m")
        agent.wait_log(r" enrolled key=")
    door(node, 'onem2m = "push";')
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        for changes, reason in (({"tpe": 2}, "wrong-purpose"), ({"tia": "https://mef.evil.example/MEFBase"}, "unknown-mef"),
                                ({"tia": "mef"}, "malformed")):
            refused = node.agent("trigger", "--push", write(**changes))
            assert refused.returncode == 1 and reason in refused.stderr, refused.stderr
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        assert node.agent("trigger", "--push", write(tipa=True)).returncode == 0
        agent.wait_log("triggered by=push what=onem2m")
        agent.wait_log(r" enrolled key=")


def test_a_helper_of_another_user_uses_the_local_door(installation):
    node, _ = enrolled_node(installation, 1, 'socket = "door.sock";', listen=False)
    octets, _ = make(installation, node, "--what", "check")
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        assert (node.dir / "door.sock").stat().st_mode & 0o777 == 0o666
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"m1:" + base64.b64encode(octets) + b"\n", str(node.dir / "door.sock"))
        agent.wait_log("triggered by=socket what=check")
    assert not (node.dir / "door.sock").exists()


def test_the_local_door_of_somebody_else_stays(split):
    """The lock is that of `run`; `trigger.socket` may be anywhere, and what lies there is another agent's, or no socket at all."""
    split.start()
    first, _ = enrolled_node(split, 1, 'socket = "door.sock";', listen=False)
    second = split.node(2)
    door(second, f'socket = "{first.dir}/door.sock";', listen=False)
    with first.running() as agent:
        agent.wait_log("enrolled-already")
        done = second.agent("run")
        assert done.returncode == 3 and re.search(r"door address=\S*door\.sock why=\W?Address already in use", done.stderr), done.stderr
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(str(first.dir / "door.sock"))
    # left over from one that was killed: replaced
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(first.dir / "door.sock"))
    with second.running() as agent:
        agent.wait_log(" enrolled key=")
    (first.dir / "door.sock").write_text("a file")
    with second.running() as agent:          # in service by now: it goes on without that door
        agent.wait_log(r"door address=\S*door\.sock why=\W?Address already in use")
        agent.wait_log("enrolled-already")
    assert (first.dir / "door.sock").read_text() == "a file"


def test_what_the_command_refuses_moves_no_counter(installation):
    node, _ = enrolled_node(installation)
    before = len(installation.events("--what", "node.triggered"))
    for args, word, code in (
            ((node.id, "--via", "pigeon"), "--via is", 2), ((node.id, "--via", "datagram"), "--to", 2),
            ((node.id, "--via", "datagram", "--to", "nowhere"), "HOST:PORT", 2),
            ((node.id, "--via", "sms", "--to", "0170"), "international", 2),
            ((node.id, "--via", "sms", "--to", "+491701234567"), "trigger.conf", 1),
            ((node.id, "--what", "dance"), "one of run", 1), ((node.id, "--window", "40d"), "31 days", 1),
            ((node.id, "--instruction", "bbn"), "METHOD=URI", 2),
            ((node.id, "--instruction", "carrier=https://x.example.com"), "one of psk", 1),
            ((node.id, "--instruction", "bbn=https://192.0.2.1"), "FQDN", 1),
            ((node.id, "--instruction", "bbn=https://" + 50 * "a" + "." + 50 * "b" + ".example.com"), "140 octets", 1),
            ((node.id, "--instruction", "cert=https://mef.example.com"), "target", 1),
            (("urn:nobody",), "no such node", 1)):
        done = installation.muster("trigger", *args, check=False)
        assert done.returncode == code and word in done.stderr, (args, done.stderr)
    assert len(installation.events("--what", "node.triggered")) == before
    for number in ("49170", "+49-170", "+1", "+" + 22 * "1"):
        assert installation.muster("node", "number", node.id, number, check=False).returncode == 1
    installation.muster("node", "number", node.id, "+491701234567")
    assert installation.ask("node", "show", node.id)["number"] == "+491701234567"
    installation.muster("node", "revoke", node.id, "--reason", "stolen")
    refused = installation.muster("trigger", node.id, check=False)
    assert refused.returncode == 1 and "revoked" in refused.stderr


def test_settings_that_make_no_sense(installation):
    installation.maker("acme")
    node = installation.node(1, known=False)
    for settings, word in (('listen = "here";', "trigger.listen"), ('listen = "127.0.0.1";', "trigger.listen"),
                           ('signers = "nothing.pem";', "No such file"), ('onem2m = "always";', "framed"),
                           ('modem_manager = "maybe";', "off"), ('port = "1";', "unknown setting"),
                           ('signers = "node.key";', "")):
        node.configure(add=f"trigger = {{ {settings} }};\n")
        done = node.agent("--check")
        assert done.returncode == 1 and word in done.stderr, (settings, done.stderr)
