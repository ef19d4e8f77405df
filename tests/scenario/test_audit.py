"""Story: the audit log is kept for as long as the operator says, copies of it are taken before that, and whoever
changes or cuts off anything, in the installation or in a copy, is found out.
"""
import json
import re
import signal

import pytest

from support import MUSTER, Installation, run, until


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("audit") / "inst", processes="single")
    it.start()
    it.maker("acme")
    it.subscription()
    for i in range(30):
        it.muster("node", "add", f"urn:dev:ops:00004C-acme-{i:06d}", "--subscription", "sub-1", "--anchor", "any")
    yield it
    it.stop()


def verify(*files):
    done = run(MUSTER, "events", "verify", *files, check=False)
    return done.returncode, done.stdout + done.stderr


def shorten(inst, keep):
    before = inst.ask("status")["lastEvent"]
    inst.configure(add=f"\naudit = {{ max_events = {keep}; }};\n")
    inst.process.send_signal(signal.SIGHUP)
    until("shortened", lambda: inst.ask("status")["firstEvent"] > before - keep, context=inst.log_text)


def test_copies_join_over_a_shortening(inst, tmp_path):
    first, second, third = (tmp_path / f"{n}.jsonl" for n in "123")
    inst.muster("events", "export", "--out", first)
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    last = inst.ask("status")["lastEvent"]
    assert lines[0] == {"anchor": {"seq": 0, "hash": "0" * 64}}
    assert lines[1:-1] == inst.events() and len(lines) == last + 2
    assert lines[-1] == {"end": {"seq": last, "hash": lines[-2]["hash"]}}
    assert verify(first) == (0, f"the audit log is whole up to entry {last}: {last} entries, every hash fits\n")
    assert first.stat().st_mode & 0o777 == 0o600 and not (tmp_path / "1.jsonl.part").exists()

    inst.muster("node", "add", "urn:dev:ops:00004C-acme-000030", "--subscription", "sub-1", "--anchor", "any")
    shorten(inst, 10)
    inst.muster("events", "export", "--out", second, "--after", last)       # what the first does not have
    assert verify(first, second)[0] == 0
    assert verify(second, first)[0] == 1
    inst.muster("events", "export", "--out", third)                         # the log that is left
    assert json.loads(third.read_text().splitlines()[0])["anchor"]["told"] == inst.ask("status")["lastEvent"]
    assert verify(third)[0] == 0
    assert "is whole" in inst.muster("events", "verify").stdout

    refused = inst.muster("events", "export", "--out", tmp_path / "4", "--after", 1, check=False)
    assert refused.returncode == 3 and "there is no such entry in the log" in refused.stderr
    assert not list(tmp_path.glob("4*"))


FORGERIES = {
    "a word": (lambda t: [*t[:3], t[3].replace("uid 0", "uid 1"), *t[4:]], ":4: the entry does not fit its hash"),
    "an entry left out": (lambda t: [*t[:3], *t[4:]], ":4: the entry does not fit its hash, or its number"),
    "two entries in another order": (lambda t: [*t[:3], t[4], t[3], *t[5:]], ":4: the entry does not fit"),
    "the end cut off": (lambda t: t[:-1], "the file was cut off"),
    "the last entries": (lambda t: [*t[:-3], t[-1]], "the end names another entry than the last"),
    "the beginning": (lambda t: [t[0], *t[2:]], ":2: the entry does not fit"),
    "no anchor": (lambda t: t[1:], ":1: no anchor before it"),
    "no JSON": (lambda t: [t[0], t[1][:-4], *t[2:]], ":2: no JSON object"),
    "nothing": (lambda t: [], "the file was cut off"),
    "an anchor without its hash": (lambda t: [t[0].replace('"hash":"', '"hash":"f'), *t[1:]], ":1: an anchor without a hash"),
    "another hash before it": (lambda t: [re.sub('"hash":"....', '"hash":"0000', t[0]), *t[1:]], ":2: the entry does not fit"),
    "a hash that is too short": (lambda t: [t[0], t[1][:-3] + '"}', *t[2:]], ":2: no entry of an audit log"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_changed_copy_is_found_out(inst, tmp_path, name):
    forge, words = FORGERIES[name]
    shorten(inst, 8)
    good, bad = tmp_path / "good", tmp_path / "bad"
    inst.muster("events", "export", "--out", good)
    text = forge(good.read_text().splitlines())
    bad.write_text("".join(line + "\n" for line in text))
    status, said = verify(bad)
    assert status == 1 and words in said, said


def test_an_anchor_that_no_entry_tells_of(inst, tmp_path):
    """Entries cut off at the beginning and the anchor moved after them: the entry that told of the old one does not fit."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    inst.muster("events", "export", "--out", good)
    text = good.read_text().splitlines()
    gone, anchor = json.loads(text[2]), json.loads(text[0])["anchor"]
    assert gone["seq"] < anchor["told"]
    bad.write_text("\n".join([json.dumps({"anchor": {**anchor, "seq": gone["seq"], "hash": gone["hash"]}}), *text[3:]]) + "\n")
    status, said = verify(bad)
    assert status == 1 and "this entry tells of another" in said, said


def test_mistakes_of_the_operator(inst, tmp_path):
    for args in ((), ("--out",), ("--out", tmp_path / "x", "--after", "many"), ("--out", tmp_path / "x", "more")):
        assert inst.muster("events", "export", *args, check=False).returncode == 2
    done = inst.muster("events", "export", "--out", tmp_path / "no/such/file", check=False)
    assert done.returncode == 3 and "No such file" in done.stderr
    assert verify(tmp_path / "absent")[0] == 3
