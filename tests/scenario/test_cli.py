"""Story: an operator at the keyboard. Every command does what its help says, in text and in JSON, and every
mistake is answered with what to do.
"""
import csv
import datetime
import fcntl
import http.client
import json
import os
import re
import shutil
import socket
import stat
import subprocess

import pytest

from support import AGENT, MUSTER, MUSTERD, Installation, at, run


PATIENCE = 20          # what a second of it may take on a machine that has much to do


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("cli") / "inst", processes="single")
    it.start()
    it.maker("acme")
    it.subscription()
    yield it
    it.stop()


@pytest.mark.parametrize("program", [MUSTER, MUSTERD, AGENT])
def test_help_and_version(program):
    assert "usage" in run(program, "--help").stdout
    assert re.search(r"\d+\.\d+\.\d+", run(program, "--version").stdout)
    assert run(program, "--nonsense", check=False).returncode == 2


def test_every_command_explains_itself(tmp_path):
    commands = re.findall(r"^  ([a-z]+) +\S", run(MUSTER, "--help").stdout, re.M)
    assert {"init", "node", "subscription", "cert", "events", "status", "doctor", "demo"} <= set(commands)
    for name in commands:
        done, same = (run(MUSTER, name, words, cwd=tmp_path).stdout for words in ("--help", "help"))
        assert name in done and same == done and not list(tmp_path.iterdir()), name


def test_events_verify_explains_itself():
    for name in ("verify", "export"):
        assert run(MUSTER, "events", name, "--help").stdout == run(MUSTER, "audit", name, "--help").stdout
    assert run(MUSTER, "events", "--help").stdout.startswith("usage: muster events [--follow]")


def test_the_summary_names_every_subcommand():
    """Whoever mistypes a command is shown what each group has; what is left out there nobody finds."""
    groups = re.findall(r"^  muster (\S+) ([a-z|-]+) …$", run(MUSTER, "nonsense", check=False).stderr, re.M)
    assert len(groups) > 8
    for group, names in groups:
        told = re.findall(rf"^  muster {group} (\S+)", run(MUSTER, group, "--help").stdout, re.M)
        assert sorted(names.split("|")) == sorted(told), group


def test_init_never_overwrites(inst):
    before = inst.plain_config
    done = run(MUSTER, "init", inst.dir, check=False)
    assert done.returncode == 1 and "never overwrites" in done.stderr
    assert inst.config.read_text() == before


def test_the_configuration_that_init_makes_is_good(inst):
    run(MUSTERD, "-c", inst.config, "--check")


def test_import_answers_every_row(inst, tmp_path):
    rows = tmp_path / "nodes.csv"
    rows.write_text("nodeID,cseID,subscription,maker\n"
                    "urn:dev:ops:1,//sp.example.com/A1,sub-1,acme\n"
                    "urn:dev:ops:1,//sp.example.com/A2,sub-1,acme\n"
                    "urn:dev:ops:2,not an id,sub-1,acme\n"
                    "urn:dev:ops:3,//sp.example.com/A3,no-such,acme\n"
                    "urn:dev:ops:4\n"
                    'urn:dev:ops:5,//sp.example.com/A5,sub-1,"ac,me"\n')
    answers = tmp_path / "answers.csv"
    done = inst.muster("node", "import", rows, "--anchor", inst.dir / "makers/acme.pem", "--answers", answers, check=False)
    assert done.returncode == 1
    got = list(csv.DictReader(answers.open()))
    assert [(int(r["row"]), r["ok"]) for r in got] == [(1, "yes"), (2, "no"), (3, "no"), (4, "no"), (5, "no"), (6, "yes")]
    assert "cseID" in got[2]["error"] and "subscription" in got[3]["error"] and "cells" in got[4]["error"]
    assert inst.ask("node", "show", "urn:dev:ops:5")["maker"] == "ac,me"


def test_import_of_json_and_an_unknown_column(inst, tmp_path):
    good = tmp_path / "nodes.json"
    good.write_text(json.dumps([{"nodeID": f"urn:dev:json:{i}", "subscription": "sub-1"} for i in range(7)]))
    assert "7 added" in inst.muster("node", "import", good, "--anchor", inst.dir / "makers/acme.pem").stdout
    bad = tmp_path / "bad.csv"
    bad.write_text("nodeID,colour\nurn:dev:ops:9,red\n")
    done = inst.muster("node", "import", bad, "--anchor", inst.dir / "makers/globex.pem", check=False)
    assert done.returncode == 1 and "bad.csv:1" in done.stderr and "colour" in done.stderr


def test_import_of_a_hundred_thousand(inst, tmp_path):
    rows = tmp_path / "many.csv"
    with rows.open("w") as f:
        f.write("nodeID,cseID,subscription,maker\n")
        for i in range(100_000):
            f.write(f"urn:dev:many:{i:06d},//sp.example.com/M{i:06d},sub-1,globex\n")
    done = inst.muster("node", "import", rows, "--anchor", inst.dir / "makers/globex.pem", timeout=280)
    assert "100000 added" in done.stdout
    assert "100000 of 100000" in done.stderr, "progress is shown"
    first = inst.ask("node", "list", "--maker", "globex", "--limit", "3")
    assert [n["nodeID"] for n in first] == [f"urn:dev:many:{i:06d}" for i in range(3)]


def test_lists_and_filters(inst):
    inst.muster("node", "add", "urn:dev:list:1", "--subscription", "sub-1", "--maker", "initech", "--anchor", inst.dir / "makers/acme.pem")
    text = inst.muster("node", "list", "--maker", "initech").stdout
    assert "urn:dev:list:1" in text and "\033[" not in text, "no colours in a pipe"
    assert [n["nodeID"] for n in inst.ask("node", "list", "--maker", "initech")] == ["urn:dev:list:1"]
    assert inst.ask("node", "list", "--state", "revoked", "--maker", "initech") == []


@pytest.mark.parametrize("words,status,text", [
    (["node"], 2, "missing"), (["nodes"], 2, "no command"), (["node", "add"], 2, "M2M-Node-ID"),
    (["node", "add", "x", "--cse-id"], 2, "needs a value"), (["node", "add", "urn:dev:x", "--colour", "red"], 2, "--colour"),
    (["node", "show", "urn:dev:nobody"], 1, "404"), (["node", "revoke", "urn:dev:x"], 2, "--reason"),
    (["node", "add", "urn:dev:x", "--cse-id", "no id"], 1, "cseID"), (["subscription", "show", "nope"], 1, "404"),
    (["subscription", "add", "s", "--sp", "a.b", "--maf", "c.d", "--until", "soon"], 2, "a date is"),
    (["events", "--limit", "many"], 2, "many"), (["events", "--node", "nobody"], 1, "no such node"),
    (["node", "list", "--limit", "0"], 2, "1 to 1000000"), (["node", "list", "--limit", "-5"], 2, "1 to 1000000"),
    (["node", "add", "urn:dev:x", "--subscription", "no id"], 1, "M2M-Sub-ID"),
    (["subscription", "add", "no id", "--sp", "a.b", "--maf", "c.d", "--until", "+1d"], 1, "M2M-Sub-ID"), (["cert", "show", "/nonexistent"], 3, "cannot read"),
])
def test_mistakes_are_answered(inst, words, status, text):
    done = inst.muster(*words, check=False)
    assert done.returncode == status, (done.stdout, done.stderr)
    assert text in done.stderr, done.stderr


@pytest.mark.parametrize("words", [
    ["node", "reenrol", "urn:dev:x", "--reason", "r", "--window"], ["node", "release", "urn:dev:x", "--reason", "r", "--grace"],
    ["node", "move", "urn:dev:x", "--subscription", "sub-1", "--reason", "r", "--grace"], ["trigger", "urn:dev:x", "--window"],
    ["subscription", "add", "s", "--sp", "a.b", "--maf", "c.d", "--until", "+1d", "--key-lifetime"],
    ["sim", "add", "001010000000001", "--file", "-", "--lifetime"], ["rule", "add", "r", "--deny", "no", "--valid-for"],
])
def test_a_duration_has_a_unit(inst, words):
    """A bare number was so many days here, and is so many seconds in musterd.conf."""
    for bad in ("24", "0d", "-1d", " 1d", "1w2", "P", "P0D"):
        done = inst.muster(*words, bad, check=False)
        assert done.returncode == 2 and "1d, 24h" in done.stderr and "P1D" in done.stderr, (bad, done.stderr)


def test_durations_are_what_they_say(inst):
    inst.muster("node", "add", "urn:dev:durations:1", "--anchor", inst.dir / "makers/acme.pem")
    for window, seconds in (("90s", 90), ("PT90S", 90), ("30m", 1800), ("24h", 86400), ("P1D", 86400)):
        node = inst.ask("node", "reenrol", "urn:dev:durations:1", "--window", window, "--reason", "a test")
        changed, until = (datetime.datetime.strptime(node[k], "%Y%m%dT%H%M%S") for k in ("changed", "reenrolUntil"))
        assert abs((until - changed).total_seconds() - seconds) <= PATIENCE, (window, node)


def test_no_daemon_is_told_with_the_remedy(tmp_path):
    done = run(MUSTER, "-C", tmp_path, "status", check=False)
    assert done.returncode == 3 and "musterd -c" in done.stderr


def test_a_daemon_that_does_not_take_the_command(tmp_path):
    """Nobody accepts, as when there is no descriptor left; then somebody who reads and says nothing. Each has its own words, within the time."""
    with socket.socket(socket.AF_UNIX) as deaf, socket.socket(socket.AF_UNIX) as mute:
        for admin, name in ((deaf, "deaf"), (mute, "mute")):
            admin.bind(str(tmp_path / name))
            admin.listen(8)
        ask = [MUSTER, "--timeout", "1", "--socket", str(tmp_path / "deaf"), "status"]
        with subprocess.Popen(ask, stderr=subprocess.PIPE, text=True) as one, \
                subprocess.Popen([*ask, "--wait", "1"], stderr=subprocess.PIPE, text=True) as other, \
                subprocess.Popen([w.replace("deaf", "mute") for w in ask], stderr=subprocess.PIPE, text=True) as third:
            peer = mute.accept()[0]
            assert b"/v1/status" in peer.recv(4096)
            said = [p.communicate(timeout=PATIENCE)[1] for p in (one, other, third)]
            peer.close()
        assert [p.returncode for p in (one, other, third)] == [3, 3, 3], said
    assert "not taken the command within 1 s" in said[0] and "What to do" in said[0], said
    assert "did not answer within 1 seconds" in said[1] and "not taken" in said[1], said
    assert "within 1 s" in said[2] and "look before you repeat" in said[2], said
    assert run(MUSTER, "--timeout", "soon", "status", check=False).returncode == 2


def test_doctor(inst, tmp_path):
    findings = inst.ask("doctor")
    assert all(f["ok"] for f in findings), [f for f in findings if not f["ok"]]
    done = run(MUSTER, "-C", tmp_path, "doctor", check=False)
    assert done.returncode == 1 and "muster init" in done.stdout


def test_doctor_looks_at_what_the_configuration_names(tmp_path):
    """A MAF alone, with its files and the keeper's elsewhere: nothing is said of what it has not."""
    run(MUSTER, "init", tmp_path / "i")
    (tmp_path / "i/keeper").rename(tmp_path / "i/safe")
    (tmp_path / "i/tls/maf.key").rename(tmp_path / "i/own.key")
    for name in ("mef", "bbn"):
        (tmp_path / f"i/tls/{name}.key").unlink()
    config = tmp_path / "i/musterd.conf"
    text = config.read_text().replace('"keeper', '"safe').replace("tls/maf.key", "own.key")
    config.write_text(re.sub(r"^(bbn|mef) = \{.*?^\};\n", "", text, flags=re.M | re.S))
    run(MUSTERD, "-c", config, "--check")
    found = json.loads(run(MUSTER, "--json", "-C", tmp_path / "i", "doctor", check=False).stdout)
    assert {f["check"] for f in found if not f["ok"]} == {"listener", "admin API"}, found
    assert [f["detail"] for f in found if f["check"] == "key of maf"] == [f"{tmp_path}/i/own.key"], found
    run(MUSTERD, "-c", config, "--renew-certificates", "--days", "10")
    (ends,) = [f for f in json.loads(run(MUSTER, "--json", "-C", tmp_path / "i", "doctor", check=False).stdout) if f["check"] == "certificate of maf"]
    assert not ends["ok"] and "within 30 days" in ends["remedy"] and "--renew-certificates" in ends["remedy"], ends
    (tmp_path / "i/own.key").unlink()
    (gone,) = [f for f in json.loads(run(MUSTER, "--json", "-C", tmp_path / "i", "doctor", check=False).stdout) if f["check"] == "key of maf"]
    assert not gone["ok"] and "cannot be made again" not in gone["remedy"], gone


def test_doctor_looks_at_the_certificate_of_diameter(tmp_path):
    """Its peers leave on one day when it ends; and nothing is said of files that no peer needs."""
    run(MUSTER, "init", tmp_path / "i")
    config = tmp_path / "i/musterd.conf"
    text = config.read_text() + """
diameter = { identity = "dra.sp.example.com"; realm = "sp.example.com"; listen = ["::1"]; certificate = "tls/diameter.pem"; key = "tls/diameter.key";
  anchors = ["keeper/ca.pem"]; peers = ( { identity = "hss.example.net"; realm = "example.net"; tls = true; } ); };
"""

    def found():
        said = json.loads(run(MUSTER, "--json", "-C", tmp_path / "i", "doctor", check=False).stdout)
        return {f["check"]: f for f in said if f["check"].endswith(" of diameter") or f["detail"].startswith("diameter on ")}

    config.write_text(text)
    missing = found()
    assert set(missing) == {"key of diameter", "certificate of diameter"} and not any(f["ok"] for f in missing.values()), missing
    run(MUSTERD, "-c", config, "--renew-certificates", "--days", "10")
    ends = found()["certificate of diameter"]
    assert not ends["ok"] and re.search("within 30 days; .*--renew-certificates", ends["remedy"]) and found()["key of diameter"]["ok"], ends
    run(MUSTERD, "-c", config, "--renew-certificates")
    assert found()["certificate of diameter"]["ok"], found()
    config.write_text(text.replace("tls = true", "tls = false; ipsec = true"))
    assert found() == {}


def test_events_follow_wakes_for_a_new_event(inst):
    follow = subprocess.Popen([MUSTER, "-C", str(inst.dir), "--json", "events", "--follow", "--what", "node.added"],
                              stdout=subprocess.PIPE, text=True)
    try:
        inst.muster("node", "add", "urn:dev:follow:1", "--anchor", inst.dir / "makers/acme.pem")
        for line in follow.stdout:
            if "urn:dev:follow:1" in line:
                break
    finally:
        follow.kill()
        follow.wait(20)
        follow.stdout.close()


def test_events_by_every_filter(inst):
    inst.muster("node", "add", "urn:dev:filter:1", "--maker", "hooli", "--anchor", inst.dir / "makers/acme.pem")
    inst.muster("node", "add", "urn:dev:filter:2", "--maker", "hooli", "--anchor", inst.dir / "makers/acme.pem")
    mine = inst.events("--node", "urn:dev:filter:1")
    assert [e["what"] for e in mine] == ["node.added"] and "filter:1" in json.dumps(mine)
    assert inst.events("--since", "+1d") == []
    assert len(inst.events("--since", "-1d", "--what", "node.added", "--role", "admin", "--node", "urn:dev:filter:2")) == 1
    everything = inst.events("--limit", "1000000")
    assert inst.events("--limit", "3") == everything[-3:], "the newest are shown"


def test_lists_go_on_to_their_end(inst, tmp_path):
    """One request looks at a thousand rows of the log, and a page of subscriptions is shorter than what there is of them."""
    rows = tmp_path / "many.csv"
    rows.write_text("nodeID\n" + "".join(f"urn:dev:many:{i}\n" for i in range(2100)))
    inst.muster("node", "import", rows, "--anchor", inst.dir / "makers/acme.pem")
    line = http.client.HTTPConnection("muster", timeout=60)
    line.sock = socket.socket(socket.AF_UNIX)
    line.sock.connect(str(inst.dir / "run/admin.sock"))
    for i in range(510):
        line.request("POST", "/v1/subscriptions", json.dumps({"id": f"sub-many-{i:03}", "spFQDN": inst.sp, "mafFQDN": inst.maf, "notAfter": "20991231T235959"}))
        said = line.getresponse()
        assert said.status == 201, said.read()
        said.read()
    line.close()
    # the first stands at the log's beginning, the others behind a page in which there is none
    told = inst.events("--what", "subscription.added", "--limit", "1000")
    assert len(told) == 511 and told[-1]["why"].startswith("sub-many-509"), told[-1:]
    assert len(inst.events("--what", "subscription.added.not", "--role", "nobody")) == 0
    assert len([json.loads(line) for line in inst.muster("--provider", inst.sp, "--json", "events", "--limit", "1000", "--what", "subscription.added").stdout.splitlines()]) == 511
    assert inst.wait_event("subscription.added", why="sub-many-509")
    shown = inst.ask("subscription", "list")
    assert len(shown["subscriptions"]) == 511 and "next" not in shown
    assert inst.muster("subscription", "list").stdout.count("sub-many-") == 510


def test_import_survives_a_monstrous_row(inst, tmp_path):
    rows = tmp_path / "big.csv"
    rows.write_text("nodeID,subscription,model\n" + "".join(f"urn:dev:big:{i},sub-1,m\n" for i in range(300)) +
                    f"urn:dev:big:monster,sub-1,{'x' * 300_000}\n" + "".join(f"urn:dev:big:{i},sub-1,m\n" for i in range(300, 600)))
    done = inst.muster("node", "import", rows, "--anchor", inst.dir / "makers/acme.pem", check=False)
    assert done.returncode == 1 and "600 added, 1 refused" in done.stdout, done.stdout
    assert "row 301" in done.stderr


def test_import_loses_no_cell_silently(inst, tmp_path):
    """A table saved as Latin-1: the row is refused, with its line and column; nothing is added without its cell."""
    rows = tmp_path / "latin.csv"
    rows.write_bytes(b"nodeID,maker,subscription\nurn:dev:utf:1,acme,sub-1\nurn:dev:utf:2,M\xfcller,sub-1\nurn:dev:utf:3,M\xc3\xbcller,sub-1\n"
                     b"urn:dev:utf:4,acme,s\xfcb\n")
    done = inst.muster("node", "import", rows, "--anchor", inst.dir / "makers/globex.pem", check=False)
    assert done.returncode == 1 and "4 rows: 2 added, 2 refused" in done.stdout, done.stdout
    assert "row 2: line 3: maker: no UTF-8 text" in done.stderr and "row 4: line 5: subscription: no UTF-8" in done.stderr, done.stderr
    assert [n["nodeID"] for n in inst.ask("node", "list", "--maker", "M\u00fcller")] == ["urn:dev:utf:3"]
    added = subprocess.run([MUSTER, "-C", str(inst.dir), "node", "add", "urn:dev:utf:5", "--maker", b"M\xfcller", "--anchor", inst.dir / "makers/globex.pem"],
                           capture_output=True, timeout=60)
    assert added.returncode == 2 and b"maker" in added.stderr, added
    assert inst.muster("node", "show", "urn:dev:utf:5", check=False).returncode == 1


def test_import_with_a_stray_quote(inst, tmp_path):
    """Its row is refused with the line; the others are counted and go in."""
    rows = tmp_path / "stray.csv"
    rows.write_text('nodeID,maker,subscription\nurn:dev:stray:1,acme,sub-1\nurn:dev:stray:2,6" pump,sub-1\nurn:dev:stray:3,acme,sub-1\n'
                    'urn:dev:stray:4,acme,sub-1\n')
    done = inst.muster("node", "import", rows, "--anchor", inst.dir / "makers/globex.pem", check=False)
    assert done.returncode == 1 and "4 rows: 3 added, 1 refused" in done.stdout, done.stdout
    assert "row 2: line 3: a quote" in done.stderr and "4 of 4" in done.stderr, done.stderr
    rows.write_text('\nnodeID,"maker"x\nurn:dev:stray:9,acme\n')
    done = inst.muster("node", "import", rows, "--anchor", inst.dir / "makers/globex.pem", check=False)
    assert done.returncode == 1 and "stray.csv:2: text after a closing quote" in done.stderr, done.stderr
    assert inst.muster("node", "show", "urn:dev:stray:9", check=False).returncode == 1


def test_import_of_json_with_a_mark(inst, tmp_path):
    marked = tmp_path / "marked.json"
    marked.write_bytes(b"\xef\xbb\xbf[{\"nodeID\": \"urn:dev:mark:1\"}]")
    assert "1 added" in inst.muster("node", "import", marked, "--anchor", inst.dir / "makers/globex.pem").stdout


def test_import_with_a_column_twice(inst, tmp_path):
    rows = tmp_path / "twice.csv"
    rows.write_text("nodeID,nodeID\nurn:dev:x:7,urn:dev:x:8\n")
    done = inst.muster("node", "import", rows, check=False)
    assert done.returncode == 1 and "twice" in done.stderr


def test_init_leaves_nothing_half_made(tmp_path):
    place = tmp_path / "new"
    assert run(MUSTER, "init", place, "--address", "nonsense", check=False).returncode == 2
    assert run(MUSTER, "init", place, "--mef-port", "1000", "--maf-port", "1000", check=False).returncode == 2
    early = run(MUSTER, "init", place, check=False, env=at("@1970-01-01 00:00:10"))
    assert early.returncode == 1 and "clock" in early.stderr, early.stderr
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("mine")
    assert run(MUSTER, "init", tmp_path / "full", check=False).returncode == 1
    run(MUSTER, "init", place, "--address", "::1")
    run(MUSTERD, "-c", place / "musterd.conf", "--check")


def test_init_takes_nobodys_place(tmp_path):
    """Of many at once one wins; what lies beside the place is nobody's business of init."""
    beside = tmp_path / "one.making"
    beside.mkdir()
    (beside / "precious").write_text("mine")
    many = [subprocess.Popen([MUSTER, "init", tmp_path / "one"], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [(p.communicate(timeout=60)[1], p.returncode) for p in many]
    assert sorted(code for _, code in ended) == [0, 1, 1, 1], ended
    assert all("never overwrites" in text or "not empty" in text for text, code in ended if code), ended
    run(MUSTERD, "-c", tmp_path / "one" / "musterd.conf", "--check")
    assert (beside / "precious").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "one.making"], "nothing is left behind"


def test_an_init_that_died_is_told_of(tmp_path):
    """What it left beside the place may have a CA's key in it. It is nobody else's to remove; and one that runs is no dead one."""
    def init(*wrap):
        return run(*wrap, MUSTER, "init", tmp_path / "one", check=False, env=QUIETLY)
    assert init("strace", "-o", "/dev/null", "-e", "inject=?mkdir,?mkdirat:signal=KILL:when=4").returncode < 0
    left, = tmp_path.iterdir()
    assert left.name.startswith("one.making-") and list(left.iterdir())
    runs = tmp_path / "one.making-RuNs00"
    runs.mkdir()
    held = os.open(runs, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = init()
    os.close(held)
    assert done.returncode == 0 and f"{left}: " in done.stderr and "remove it" in done.stderr and runs.name not in done.stderr, done
    assert list(left.iterdir()) and (tmp_path / "one/musterd.conf").exists()


@pytest.fixture(name="own")
def an_empty_directory_where_nothing_can_be_made_beside(tmp_path):
    """As /var/lib/muster of systemd-tmpfiles. Root without its capabilities may not write in it either."""
    own = tmp_path / "lib/muster"
    own.mkdir(parents=True)
    own.parent.chmod(0o555)
    yield own
    own.parent.chmod(0o755)


PLAINLY = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
QUIETLY = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}      # which cannot be told under strace


def test_init_in_an_empty_directory_of_ones_own(own):
    own.chmod(0o755)
    many = [subprocess.Popen([*PLAINLY, MUSTER, "init", own], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [(p.communicate(timeout=60)[1], p.returncode) for p in many]
    assert sorted(code for _, code in ended) == [0, 1, 1, 1], ended
    assert all("never overwrites" in text or "not empty" in text for text, code in ended if code), ended
    run(MUSTERD, "-c", own / "musterd.conf", "--check")
    assert sorted(p.name for p in own.iterdir()) == ["anchors", "crls", "keeper", "musterd.conf", "run", "store", "tls"]
    assert own.stat().st_mode & 0o777 == 0o700 and [p.name for p in own.parent.iterdir()] == ["muster"]


def test_init_that_fails_or_dies_in_its_own_directory(own):
    """At its last step, which makes an installation of it: all goes again, or the half is recognised and told of."""
    def init(*wrap):
        return run(*PLAINLY, *wrap, MUSTER, "init", own, check=False, env=QUIETLY)
    failed = init("strace", "-o", "/dev/null", "-e", "inject=?link,?linkat:error=EIO")
    assert failed.returncode == 3 and "Input/output error" in failed.stderr and not list(own.iterdir()), failed
    assert init("strace", "-o", "/dev/null", "-e", "inject=?link,?linkat:error=EIO:signal=KILL").returncode < 0
    half = sorted(p.name for p in own.iterdir())
    assert half == [".making", "anchors", "crls", "keeper", "run", "store", "tls"], half
    told = init()
    assert told.returncode == 1 and "half made" in told.stderr and "empty the directory" in told.stderr, told
    assert sorted(p.name for p in own.iterdir()) == half, "init removes nothing that it has not made"
    for path in own.iterdir():
        shutil.rmtree(path)
    assert init().returncode == 0


def test_init_where_it_may_not(own, tmp_path):
    """Neither beside the place nor in it: it is said what would be right, and nothing is made."""
    own.rmdir()
    done = run(*PLAINLY, MUSTER, "init", own, check=False)
    assert done.returncode == 3 and "Permission denied; make an empty directory" in done.stderr, done
    assert not list(own.parent.iterdir())
    if os.geteuid() == 0:
        own.mkdir()
        os.chown(own, 993, 993)
        done = run(*PLAINLY, MUSTER, "init", own, check=False)
        assert done.returncode != 0 and not list(own.iterdir()), done


def test_init_with_a_slash_at_the_end(tmp_path):
    (tmp_path / "two").mkdir()
    run(MUSTER, "init", f"{tmp_path}/two/")
    run(MUSTERD, "-c", tmp_path / "two" / "musterd.conf", "--check")


@pytest.mark.parametrize("words,says", [
    (["."], "a name of its own"), ([""], "a name of its own"), (["new", "--metrics", "nonsense"], "--metrics"),
    (["new", "--metrics", '127.0.0.1:80"; user="x'], "--metrics"),
])
def test_init_refuses(tmp_path, words, says):
    done = run(MUSTER, "init", *words, check=False, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more,said,unsaid", [
    ([], ["only this machine reaches it, at 127.0.0.1", "--address 0.0.0.0"], ["BSF at port 80"]), (["--address", "::1"], ["at ::1;"], []),
    (["--address", "0.0.0.0"], [], ["only this machine"]), (["--gba", "00101"], ["BSF at port 80: --bsf-port 80"], []),
    (["--gba", "00101", "--bsf-port", "80"], [], ["BSF at port 80"]),
])
def test_init_says_who_reaches_it(tmp_path, more, said, unsaid):
    text = run(MUSTER, "init", tmp_path / "i", *more).stdout
    assert [t for t in said if t not in text] == [] and [t for t in unsaid if t in text] == [], text


def test_a_certificate_never_overwrites_a_ca(tmp_path):
    run(MUSTER, "cert", "ca", "acme", cwd=tmp_path)
    before = (tmp_path / "acme.key").read_text()
    issue = ["cert", "issue", "--ca", "acme", "--node-id", "urn:dev:ops:1", "--out"]
    done = run(MUSTER, *issue, "acme", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "never overwritten" in done.stderr, done.stderr
    assert (tmp_path / "acme.key").read_text() == before
    run(MUSTER, *issue, "node", cwd=tmp_path)
    first = (tmp_path / "node.pem").read_text()
    run(MUSTER, *issue, "node", cwd=tmp_path)
    assert (tmp_path / "node.pem").read_text() != first, "a node's certificate is renewed in its place"
    done = run(MUSTER, *issue, "other", "--days", "0", cwd=tmp_path, check=False)
    assert done.returncode == 2 and "--days is" in done.stderr


@pytest.mark.parametrize("there", ["a file", "a link", "a link to nothing"])
def test_a_key_goes_through_nobody_elses_file(tmp_path, there):
    """Somebody else may write in that directory, and guesses the name: what he has put there neither becomes the key nor gets it."""
    theirs, planted = tmp_path / "theirs", tmp_path / "here/acme.key.new"
    planted.parent.mkdir()
    if there == "a file":
        planted.write_text("theirs")
        planted.chmod(0o666)
    else:
        planted.symlink_to(theirs)
        if there == "a link":
            theirs.write_text("theirs")
            theirs.chmod(0o666)
    before = planted.lstat().st_ino
    run(MUSTER, "cert", "ca", "acme", cwd=planted.parent)
    key = planted.parent / "acme.key"
    assert key.lstat().st_ino != before and key.lstat().st_mode == stat.S_IFREG | 0o600
    assert "BEGIN PRIVATE KEY" in key.read_text()
    assert not theirs.exists() if there == "a link to nothing" else planted.read_text() == "theirs"
    assert sorted(p.name for p in planted.parent.iterdir() if p != planted) == ["acme.key", "acme.pem"]


def test_the_file_of_the_process_follows_no_link(tmp_path):
    """`run` need not be musterd's alone: what its file with the number leads to is not emptied."""
    inst, theirs = Installation(tmp_path / "inst", processes="single"), tmp_path / "theirs"
    theirs.write_text("theirs")
    run_dir = inst.dir / re.search(r'^run = "(.*)"', inst.config.read_text(), re.M).group(1)
    run_dir.mkdir(exist_ok=True)
    (run_dir / "musterd.pid").symlink_to(theirs)
    done = run(MUSTERD, "-c", inst.config, check=False, timeout=PATIENCE)
    assert done.returncode != 0 and "musterd.pid" in done.stderr, done.stderr
    assert theirs.read_text() == "theirs"


def test_nothing_stays_behind_where_a_file_cannot_be_written(tmp_path):
    run(MUSTER, "cert", "ca", "acme", cwd=tmp_path)
    (tmp_path / "node.key").mkdir()
    issue = f"{MUSTER} cert issue --ca acme --node-id urn:dev:ops:1 --out"
    for command in (f"{issue} node", f"{issue} no/node", f"ulimit -f 0; trap '' XFSZ; {issue} full"):
        done = run("sh", "-c", command, cwd=tmp_path, check=False)
        assert done.returncode == 3 and "cannot write" in done.stderr, (command, done.returncode, done.stderr)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["acme.key", "acme.pem", "node.key"]


def test_key_and_certificate_come_together_or_not_at_all(tmp_path):
    """The key alone would be of no use, and where there was one, the certificate that stays would no more fit it."""
    run(MUSTER, "cert", "ca", "acme", cwd=tmp_path)
    issue = f"{MUSTER} cert issue --ca acme --node-id urn:dev:ops:1 --out"
    run("sh", "-c", f"{issue} node", cwd=tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    (tmp_path / "dir.pem").mkdir()
    few = f"prlimit --fsize={len(before['node.key']) + 1}"                       # room for a key
    for command in (f"{issue} dir", f"trap '' XFSZ; {few} {issue} node", f"trap '' XFSZ; {few} {issue} new", f"trap '' XFSZ; {few} {MUSTER} cert ca other"):
        done = run("sh", "-c", command, cwd=tmp_path, check=False)
        assert done.returncode != 0 and ".pem" in done.stderr, (command, done.returncode, done.stderr)
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before, command


def test_a_list_overwrites_nothing_but_a_list(tmp_path):
    """--out of `cert crl` and of `cert revoke`: another file stays as it is, and nothing is revoked on the way to that."""
    run(MUSTER, "cert", "ca", "acme", cwd=tmp_path)
    run(MUSTER, "cert", "issue", "--ca", "acme", "--node-id", "urn:dev:ops:1", "--out", "node", cwd=tmp_path)
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "empty").write_text("")
    (tmp_path / "dir").mkdir()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    for out in ("acme.key", "acme.pem", "notes", "empty", "dir"):
        for command in (("crl", "--ca", "acme"), ("revoke", "node.pem", "--ca", "acme")):
            done = run(MUSTER, "cert", *command, "--out", out, cwd=tmp_path, check=False)
            assert done.returncode == 1 and f"{out}: " in done.stderr and "no revocation list" in done.stderr, (out, done)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before
    for _ in range(2):
        run(MUSTER, "cert", "crl", "--ca", "acme", "--out", "acme.crl", cwd=tmp_path)
    run(MUSTER, "cert", "revoke", "node.pem", "--ca", "acme", "--out", "acme.crl", cwd=tmp_path)
    (tmp_path / "acme.crl").write_bytes(subprocess.run(["openssl", "crl", "-in", tmp_path / "acme.crl", "-outform", "DER"], check=True,
                                                       capture_output=True).stdout)
    run(MUSTER, "cert", "crl", "--ca", "acme", "--out", "acme.crl", cwd=tmp_path)
    assert "Serial Number" in run("openssl", "crl", "-in", tmp_path / "acme.crl", "-noout", "-text").stdout


def test_a_pipe_among_the_anchors_stops_nobody(tmp_path):
    run(MUSTER, "init", tmp_path / "p")
    os.mkfifo(tmp_path / "p" / "anchors" / "pipe.pem")
    done = run(MUSTERD, "-c", tmp_path / "p" / "musterd.conf", "--check", check=False, timeout=20)
    assert done.returncode == 2 and "pipe.pem: is no regular file" in done.stderr, done.stderr


def test_what_the_configuration_names_is_told_with_its_line(tmp_path):
    """Not only what is wrong in the text: a file that is missing, or another's, has the line where it is named."""
    run(MUSTER, "init", tmp_path / "p")
    conf = tmp_path / "p" / "musterd.conf"
    for was, now in (("sqlite:store/", "sqlite:shop/"), ("tls/maf.key", "tls/mef.key"), ("crls/ca.crl", "lists/ca.crl")):
        conf.write_text(conf.read_text().replace(was, now))
    done = run(MUSTERD, "-c", conf, "--check", check=False, timeout=20)
    lines = conf.read_text().splitlines()
    told = re.findall(r"^.*musterd\.conf:(\d+): (\S+): ", done.stderr, re.M)
    assert done.returncode == 2 and {field for _, field in told} == {"store", "maf.key", "crl.file"}, done.stderr
    for line, field in told:
        assert field.split(".")[-1] in lines[int(line) - 1], done.stderr


def test_subscription_knows_this_installations_maf(inst):
    inst.muster("subscription", "add", "own-maf", "--sp", inst.sp, "--maf", inst.maf, "--until", "2099-01-01")
    shown = inst.ask("subscription", "show", "own-maf")
    assert shown["mafURI"] == f"https://{inst.maf}:{inst.maf_port}"
    assert shown["notAfter"] == "20990101T000000"
    assert "not this installation's MAF" in inst.muster("subscription", "add", "foreign-maf", "--sp", inst.sp, "--maf",
                                                        "maf.elsewhere.example", "--until", "+1d").stdout
    # what was refused has no remarks
    refused = inst.muster("subscription", "add", "no-maf", "--sp", "not a name", "--maf", "maf.elsewhere.example", "--until", "+1d", check=False)
    assert (refused.returncode, refused.stdout) == (1, "") and "spFQDN" in refused.stderr, refused


def test_doctor_leaves_no_trace(inst):
    before = inst.events("--limit", "1")
    inst.muster("doctor")
    assert inst.events("--limit", "1") == before


def test_status_names_the_roles(inst):
    state = inst.ask("status")
    assert state["roles"] == ["bbn", "mef", "maf", "admin"]
    assert state["firstEvent"] == 1 and state["events"] == state["lastEvent"] == inst.events("--limit", "1")[0]["seq"], state
    assert state["storeOctets"] > 4096 and state["oldestEvent"] <= state["time"], state
    assert "events" in inst.muster("status").stdout and "MiB free" in inst.muster("doctor").stdout


def test_metrics_and_health(inst):
    def get(path):
        return run("curl", "-sf", f"http://127.0.0.1:{inst.metrics_port}{path}").stdout
    assert "muster_" in get("/metrics")
    assert get("/healthz") and get("/readyz")


def test_the_demo_shows_what_happened(tmp_path):
    """Lesson 20: figures 1, 2 and 3, the rule that matched in words, one node's arrows with their times, a refusal from both ends,
    and what each node holds until when."""
    text = run(MUSTER, "demo", "--nodes", "8", "--dir", tmp_path / "d", timeout=110).stdout
    assert "7 of 8 nodes enrolled, 1 refused" in text
    places = re.findall(r"^((?:north|south)-\w+) +(\S+) +(\d) +(\d) +(\d)$", text, re.M)
    assert places == [("north-sites", "north.example.com", "2", "1", "1"), ("north-depot", "north.example.com", "2", "1", "1"),
                      ("south-fields", "south.example.com", "2", "1", "1"), ("south-yard", "south.example.com", "1", "1", "0")], text
    assert "the owner sees:    bbn.refused briefed: the name is known, but under another trust anchor" in text
    assert "the node says:     the provider does not know this device, at https://bbn.owner.example.com:" in text
    assert re.search(r"muster -C owner node place urn:dev:ops:00004C-acme-00001 --at 53\.\d+,9\.\d+,20\n", text), text
    assert "rule north-depot (number 3) decides: instructions" in text
    assert "2 north-sites: no: site is not known, wanted north*" in text
    assert "3 north-depot: holds: place (from the registry)" in text
    picture, sims = text[text.rindex("attempt", 0, text.index("a SIM and nothing else")):].split("a SIM and nothing else")
    sims, cse = sims.split("a SIM for a CSE")
    dialogues = ["TLS, certificates", "whom do I join?", "rule lot-7", "owner's BBN, its CA", "TLS, certificates", "whom do I join?",
                 "rule north-depot", "mef.north.example.com, its CA", "TLS by certificate", "register", "anything to do?", "who am I",
                 "Ke may make a key", "TLS by key, called KeID", "KeID's Km", "Km, the node's name", "the key is right",
                 "register: the MAF gives KmID", "TLS by key, called KmID", "read the registration back", "new credential used",
                 "I am enrolled", "I am enrolled"]
    at = 0
    for words in dialogues:
        at = picture.index(words, at) + len(words)
    assert re.search(r"KmID [0-9A-F]+@maf\.north\.example\.com", picture)
    assert "╌" not in picture, "an arrow that only one end knows of: " + picture
    times = [int(ms) for ms in re.findall(r"(\d+) ms ", picture)]
    assert len(times) >= 19 and times == sorted(times), picture
    lines = [line for line in (picture + sims + cse).splitlines() if "│" in line]
    assert {len(line) for line in lines} == {100}, "the lines of life are straight: " + picture + sims + cse
    at = 0
    for words in ("Ub: who I am", "Zh: a vector", "AKA vector", "Zh: who is it?", "CSE-ID", "Ub: challenge", "RES", "Ub: B-TID", "saved", "Ua: TLS by B-TID",
                  "Zn: its key for me", "Ks_NAF", "the key is right", "Ua: register", "Ua: TLS by B-TID", "Ua: read it back", "new credential used"):
        at = sims.index(words, at) + len(words)
    assert "╌" not in sims, "an arrow that only one end knows of: " + sims
    times = [int(ms) for ms in re.findall(r"(\d+) ms ", sims)]
    assert len(times) == 9 and times == sorted(times), sims
    assert re.search(r"B-TID \(KeID and KmID\) \S{24}@bsf\.mnc001\.mcc001\.pub\.3gppnetwork\.org, good until", sims), sims
    assert len(re.findall(r"^urn:dev:ops:00004C-sim-0000[12] +SIM +south\.example\.com +2\S+ \S+ +- +-$", text, re.M)) == 2, text
    # one more: its key is Kpsa with a CSE (TS-0003 8.3.2.3), which muster-naf stands before; no MAF has a part in it
    at = 0
    for words in ("Ub: B-TID, how long, rule at-the-cse", "saved", "Ua: TLS by B-TID", "Zn: its key for me", "Ks_NAF", "the key is right", "new credential used",
                  "Mca in TLS: an AE", "Mca in clear, and whose key it was", "its AE-ID"):
        at = cse.index(words, at) + len(words)
    assert "╌" not in cse and "MAF" not in cse[:at], "an arrow that only one end knows of: " + cse
    assert re.search(r"B-TID \(KpsaId\) \S{24}@bsf\.mnc001\.mcc001\.pub\.3gppnetwork\.org, good until", cse), cse
    assert "AE-ID CSIM00003, of an application of the node's that is registered at //south.example.com/IN-CSE" in cse, cse
    assert (tmp_path / "d/cse/came.log").read_text() == "//south.example.com/SIM00003 CSIM00003\n"
    assert re.search(r"^urn:dev:ops:00004C-sim-00003 +SIM +in-cse\.south\.example\.com +2\S+ \S+ +- +-$", text, re.M), text
    for command in ("rule add at-the-cse --imsi-prefix 001010000000003", "rule add sims --imsi-prefix 00101", "node import sim-nodes.csv --anchor none", "sim import sims.csv"):
        assert f"$ muster -C south {command}" in text, command
    row = r"^urn:dev:ops:00004C-\w+-0000(\d) +(certificate|secret) +(\S+) +(-|2\S+ \S+) +(-|2\S+ \S+) +(\S.*)$"
    table = {number: rest for number, *rest in re.findall(row, text[text.index("What each node holds"):], re.M)}
    assert sorted(table) == [str(n) for n in range(1, 9)], text
    assert table["4"] == ["certificate", "nobody", "-", "-", "-"], table
    assert (table["6"][1], table["6"][4]) == ("south.example.com", "moved"), table
    assert (table["7"][1], table["7"][4]) == ("north.example.com", "its subscription has ended"), table
    assert table["7"][2] < table["1"][2], "it has no key in force"
    assert "$ muster -C north node release urn:dev:ops:00004C-globex-00006 --grace 2d --reason sold" in text
    assert [n for n, row in table.items() if row[0] == "secret"] == ["2", "8"], "serial number and secret"
    assert [n for n, row in table.items() if row[3] != "-"] == ["5", "8"], "certificates over EST"
    assert all(row[2] != "-" for n, row in table.items() if n != "4"), table
    assert "$ muster -C owner node secret urn:dev:ops:00004C-globex-00002 --new nodes/00002/psk --identity serial-00002@bbn.owner" in text
    assert "$ muster -C south command cert-prov urn:dev:ops:00004C-acme-00005" in text


def test_the_demo_as_data_and_its_bad_input(tmp_path):
    # on a machine that has an installation of musterd.service, which is what is meant where none is named, and is none of the demo's
    service = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", "mount -t tmpfs none /var/lib && mount -t tmpfs none /run && "
               'mkdir /var/lib/muster /run/muster && : >/run/muster/admin.sock && cd / && exec "$@"', "sh"]
    said = json.loads(run(*service, MUSTER, "--json", "demo", "--nodes", "4", "--dir", tmp_path / "d", timeout=110).stdout)
    assert (said["nodes"], said["enrolled"], said["refused"], said["misplaced"]) == (4, 3, 1, 0), said
    assert sum(r["fig2"] + r["fig3"] for r in said["rules"]) == 3 and len(said["rules"]) == 4, said
    assert [(n["node"][-5:], n["bornWith"], n["provider"] is None, n["keyUntil"] is None) for n in said["fleet"]] == [
        ("00001", "certificate", False, False), ("00002", "certificate", True, True), ("00003", "certificate", False, False),
        ("00004", "certificate", False, False), ("00001", "SIM", False, False), ("00002", "SIM", False, False), ("00003", "SIM", False, False)], said
    assert said["sims"] == {"nodes": 2, "enrolled": 2}, said
    assert said["cse"] == {"cseID": "//south.example.com/IN-CSE", "node": "urn:dev:ops:00004C-sim-00003", "aeID": "CSIM00003"}, said
    again = run(MUSTER, "demo", "--nodes", "4", "--dir", tmp_path / "d", check=False, timeout=110)
    assert again.returncode == 1 and "never overwrites" in again.stderr, again
    for bad in ("3", "x", "100000"):
        refused = run(MUSTER, "demo", "--nodes", bad, check=False)
        assert refused.returncode == 2 and "--nodes is 4 to 99999" in refused.stderr, refused
