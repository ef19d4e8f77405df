"""Story: the audit log is kept for as long as the operator says, copies of it are taken before that, and whoever
changes or cuts off anything, in the installation or in a copy, is found out.
"""
import json
import os
import re
import signal
import sqlite3
import urllib.request

import pytest

from support import MUSTER, Installation, run, until
import audit_check


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
    done = run(MUSTER, "audit", "verify", *files, check=False)
    return done.returncode, done.stdout + done.stderr


def lines_of(path):
    """Each is ended by one LF; what str.splitlines() ends lines at, too, may stand in an entry."""
    *lines, rest = path.read_text().split("\n")
    assert not rest
    return lines


def shorten(inst, keep):
    before = inst.ask("status")["lastEvent"]
    inst.configure(add=f"\naudit = {{ max_events = {keep}; }};\n")
    inst.process.send_signal(signal.SIGHUP)
    until("shortened", lambda: inst.ask("status")["firstEvent"] > before - keep, context=inst.log_text)


def last_line_gone(lines):
    """A copy that ends one entry earlier, by somebody who knows what the end looks like."""
    lines = [line for line in lines[:-1] if "seal" not in json.loads(line)][:-1]
    last = json.loads(lines[-1])
    return [*lines, json.dumps({"end": {"seq": last["seq"], "hash": last["hash"]}})]


def test_seals_of_a_copy(inst, tmp_path):
    copy, other, kept = tmp_path / "copy", inst.dir / "makers/acme.pem", tmp_path / "kept"
    ca = inst.dir / "keeper/ca.pem"
    sealed = inst.ask("audit", "seal", "--out", kept)
    assert set(sealed) == {"seq", "text"} and sealed["text"] == kept.read_text(), sealed
    inst.muster("audit", "export", "--out", copy)
    assert verify(copy, "--ca", ca, "--seal", kept)[0] == 0
    assert audit_check.verify([copy], ca.read_bytes(), audit_check.read_seal_file(kept, ca.read_bytes()))
    status, said = verify(copy, "--ca", other)
    assert status == 1 and "the seal is not of that CA" in said, said
    with pytest.raises(audit_check.Wrong):
        audit_check.verify([copy], other.read_bytes())
    text = copy.read_text()
    found = re.search('"signature":"(..)', text)
    copy.write_text(text.replace(found[0], found[0][:-2] + f"{int(found[1], 16) ^ 1:02x}"))
    assert verify(copy)[0] == 0 and verify(copy, "--ca", ca)[0] == 1
    # the entry that was sealed elsewhere is cut off
    copy.write_text("".join(line + "\n" for line in last_line_gone(text.split("\n")[:-1])))
    assert verify(copy)[0] == 0
    status, said = verify(copy, "--seal", kept)
    assert status == 1 and "the end is missing" in said, said
    # one that nobody has sealed is none that the installation's CA stands for, but for a seal that was kept
    status, said = verify(copy, "--ca", ca)
    assert status == 1 and "no seal in it" in said and "is whole" not in said, said
    copy.write_text("".join(line + "\n" for line in text.split("\n")[:-1] if "seal" not in json.loads(line)))
    assert verify(copy, "--ca", ca)[0] == 1 and verify(copy, "--ca", ca, "--seal", kept)[0] == 0
    kept.write_text(kept.read_text().replace("seq=", "seq=1"))
    assert verify(copy, "--ca", ca, "--seal", kept)[0] == 3 and verify(copy, "--seal", other)[0] == 3


def test_copies_join_over_a_shortening(inst, tmp_path):
    first, second, third = (tmp_path / f"{n}.jsonl" for n in "123")
    inst.muster("audit", "export", "--out", first)
    lines = [json.loads(line) for line in lines_of(first)]
    last = inst.ask("status")["lastEvent"]
    assert lines[0] == {"anchor": {"seq": 0, "hash": "0" * 64}}
    seals = [line for line in lines if "seal" in line]
    assert [line for line in lines[1:-1] if "seal" not in line] == inst.events() and len(lines) == last + 2 + len(seals)
    assert lines[-2]["seal"]["seq"] == last
    assert lines[-1] == {"end": {"seq": last, "hash": lines[-3]["hash"]}}
    status, said = verify(first, "--ca", inst.dir / "keeper/ca.pem")
    assert status == 0 and said.startswith(f"the audit log is whole up to entry {last}: {last} entries, every hash fits\n"
                                           f"sealed up to entry {last}, at "), said
    assert "give --ca" in verify(first)[1]
    assert audit_check.verify([first], (inst.dir / "keeper/ca.pem").read_bytes()) == (last, last)
    assert first.stat().st_mode & 0o777 == 0o600 and not (tmp_path / "1.jsonl.part").exists()

    inst.muster("node", "add", "urn:dev:ops:00004C-acme-000030", "--subscription", "sub-1", "--anchor", "any")
    shorten(inst, 10)
    inst.muster("audit", "export", "--out", second, "--after", last)       # what the first does not have
    assert verify(first, second)[0] == 0
    assert audit_check.verify([first, second], (inst.dir / "keeper/ca.pem").read_bytes())[0] > last
    assert verify(second, first)[0] == 1
    inst.muster("audit", "export", "--out", third)                         # the log that is left
    assert json.loads(lines_of(third)[0])["anchor"]["told"] == inst.ask("status")["lastEvent"]
    assert verify(third)[0] == 0
    assert audit_check.verify([third], (inst.dir / "keeper/ca.pem").read_bytes())[1] >= last
    assert "is whole" in inst.muster("audit", "verify").stdout

    refused = inst.muster("audit", "export", "--out", tmp_path / "4", "--after", 1, check=False)
    assert refused.returncode == 3 and "there is no such entry in the log" in refused.stderr
    assert not list(tmp_path.glob("4*"))


def beside(line, members):
    entry = json.loads(line)
    return json.dumps({**entry, **members(entry)})


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
    "other words than the octets beside them": (lambda t: [*t[:3], beside(t[3], lambda e: {"who": "somebody else", "whoOctets": e["who"].encode().hex()}), *t[4:]],
                                                ":4: no entry of an audit log"),
    "a member that is not hashed": (lambda t: [*t[:3], beside(t[3], lambda e: {"note": "it was the other one"}), *t[4:]], ":4: no entry of an audit log"),
    "a number where a text is": (lambda t: [*t[:3], beside(t[3], lambda e: {"attempt": 5}), *t[4:]], ":4: no entry of an audit log"),
    "a text where a number is": (lambda t: [*t[:3], beside(t[3], lambda e: {"node": "5"}), *t[4:]], ":4: no entry of an audit log"),
    "a number that is too large": (lambda t: [*t[:3], beside(t[3], lambda e: {"outcome": e.get("outcome", 0) + 2 ** 32}), *t[4:]],
                                   ":4: no entry of an audit log"),
    "a word behind a NUL": (lambda t: [*t[:3], t[3] + "\0, and it was the other one", *t[4:]], ":4: no JSON object"),
    "a fraction of a second": (lambda t: [*t[:3], beside(t[3], lambda e: {"when": e["when"] + ",123456"}), *t[4:]], ":4: no entry of an audit log"),
    "a member twice, the other one first": (lambda t: [*t[:3], '{"who":"somebody else",' + t[3][1:], *t[4:]], ":4: no JSON object"),
    "octets that are none": (lambda t: [*t[:3], beside(t[3], lambda e: {"whoOctets": ""}), *t[4:]], ":4: no entry of an audit log"),
    "a hash in upper case": (lambda t: [*t[:3], beside(t[3], lambda e: {"hash": e["hash"].upper()}), *t[4:]], ":4: no entry of an audit log"),
    "an entry on the line of the end": (lambda t: [*t[:-1], beside(t[-1], lambda e: {"what": "node.revoked"})], "more than an anchor, a seal or an end"),
    "a hash that is too short": (lambda t: [t[0], t[1][:-3] + '"}', *t[2:]], ":2: no entry of an audit log"),
}


@pytest.fixture(scope="module")
def short(inst, tmp_path_factory):
    """Lines of a copy whose beginning retention removed, without seals. Nothing more is removed while copies are made."""
    shorten(inst, 8)
    inst.stop()
    inst.configure()
    inst.start()
    copy = tmp_path_factory.mktemp("short") / "copy"
    inst.muster("audit", "export", "--out", copy)
    assert verify(copy)[0] == 0 and audit_check.verify([copy], (inst.dir / "keeper/ca.pem").read_bytes())
    return [line for line in lines_of(copy) if "seal" not in json.loads(line)]


@pytest.mark.parametrize("name", FORGERIES)
def test_a_changed_copy_is_found_out(inst, short, tmp_path, name):
    forge, words = FORGERIES[name]
    refused(inst, tmp_path / "bad", forge(short), words)


def put(path, lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines))


def refused(inst, path, lines, words, *more):
    """By the one reader and by the other one."""
    put(path, lines)
    status, said = verify(path, *more)
    assert status == 1 and words in said, said
    with pytest.raises((audit_check.Wrong, ValueError, KeyError)):
        audit_check.verify([path], (inst.dir / "keeper/ca.pem").read_bytes())


FRAMES = {
    "a member of the end": ("end", lambda e: {"note": "entry 17 was a mistake"}, "no end as muster audit export writes it"),
    "a member of the anchor": ("anchor", lambda e: {"note": "entry 17 was a mistake"}, ":1: no anchor as muster audit export writes it"),
    "a member of the seal": ("seal", lambda e: {"note": "of another log"}, "no seal as muster audit export writes it"),
    "an entry that tells, of the end": ("end", lambda e: {"told": e["seq"]}, "no end as"),
    "a text where the told number is": ("anchor", lambda e: {"told": "by entry 17"}, "no anchor as"),
    "a told number that no entry has": ("anchor", lambda e: {"told": 0}, "no anchor as"),
    "a number below zero": ("anchor", lambda e: {"seq": -1}, "no anchor as"),
    "a number with a point": ("end", lambda e: {"seq": float(e["seq"])}, "no end as"),
    "a fraction of a second": ("seal", lambda e: {"when": e["when"] + ",123456"}, "no seal"),
    "a time that is a number": ("seal", lambda e: {"when": 20260101}, "no seal as"),
    "a hash in upper case": ("end", lambda e: {"hash": e["hash"].upper()}, "the end names another entry"),
    "a signature in upper case": ("seal", lambda e: {"signature": e["signature"].upper()}, "no seal"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_what_stands_around_the_entries_is_what_an_export_writes(inst, old, tmp_path, name):
    kind, change, words = FRAMES[name]
    lines = [json.loads(line) for line in old]
    at = [i for i, line in enumerate(lines) if kind in line][-1]
    refused(inst, tmp_path / "bad", [*lines[:at], {kind: {**lines[at][kind], **change(lines[at][kind])}}, *lines[at + 1:]], words,
            "--ca", inst.dir / "keeper/ca.pem")


def test_another_hash_before_the_first_entry_of_all(inst, tmp_path):
    """Nothing is hashed with it where there is no entry."""
    none = {"seq": 0, "hash": "0" * 64}
    put(tmp_path / "good", [{"anchor": none}, {"end": none}])
    assert verify(tmp_path / "good")[0] == 0
    none = {"seq": 0, "hash": "c0ffee" + "0" * 58}
    refused(inst, tmp_path / "bad", [{"anchor": none}, {"end": none}], ":1: no anchor as")


# --- entries from before a text was UTF-8 at once, and characters that end a line elsewhere ---

OLD = b"caf\xe9 \xff", b"a name that was cut within a character: caf\xc3"
LINES = "one\x85two\u2028three\u2029four"


def put_entry(db, who, why):
    seq, before = db.execute("SELECT seq, hash FROM event ORDER BY seq DESC").fetchone()
    row = {"seq": seq + 1, "at": 1700000000, "role": b"admin", "what": b"node.renamed", "node": 0, "who": who, "attempt": b"", "outcome": 0, "why": why}
    text = "".join(f"{n}={audit_check.percent(v) if isinstance(v, bytes) else v}\n" for n, v in row.items())
    places = ", ".join("CAST(? AS TEXT)" if isinstance(v, bytes) else "?" for v in row.values())
    db.execute(f"INSERT INTO event ({', '.join(row)}, hash) VALUES ({places}, ?)",
               (*row.values(), audit_check.hashlib.sha256(before + text.encode()).digest()))


@pytest.fixture(scope="module")
def old(inst, short, tmp_path_factory):
    """Lines of a copy with such entries, and with seals."""
    inst.stop()
    with Store(inst) as db:
        put_entry(db, *OLD)
        put_entry(db, LINES.encode(), LINES.encode())
    inst.start()
    copy = tmp_path_factory.mktemp("old") / "copy"
    inst.muster("audit", "export", "--out", copy)
    assert verify(copy, "--ca", inst.dir / "keeper/ca.pem")[0] == 0
    assert audit_check.verify([copy], (inst.dir / "keeper/ca.pem").read_bytes())
    return lines_of(copy)


def where_octets_are(lines):
    return next(i for i, line in enumerate(lines) if '"whoOctets"' in line)


def test_a_copy_with_octets_and_ends_of_lines_in_it(old):
    at = where_octets_are(old)
    one, other = (json.loads(line) for line in old[at:at + 2])
    assert (one["who"], bytes.fromhex(one["whoOctets"])) == ("caf? ?", OLD[0]) and bytes.fromhex(one["whyOctets"]) == OLD[1]
    assert (other["who"], other["why"]) == (LINES, LINES) and "\u2028" in old[at + 1]


OCTETS = {
    "another text beside them": lambda e: {"who": "caf\xe9 ?"},
    "no text beside them": lambda e: {"why": ""},
    "a NUL in them, and a text behind it": lambda e: {"whoOctets": e["whoOctets"] + "00" + b" was told to".hex()},
    "the same, which is shown": lambda e: {"whyOctets": e["whyOctets"] + "00" + b" it".hex(), "why": e["why"] + " it"},
    "upper case": lambda e: {"whoOctets": e["whoOctets"].upper()},
    "half of one": lambda e: {"whoOctets": e["whoOctets"] + "0"},
}


@pytest.mark.parametrize("name", OCTETS)
def test_another_text_than_the_octets(inst, old, tmp_path, name):
    at = where_octets_are(old)
    refused(inst, tmp_path / "bad", [*old[:at], beside(old[at], OCTETS[name]), *old[at + 1:]], f":{at + 1}: no entry of an audit log")


# --- entries that nobody has sealed ---

def invent(seq, digest, n):
    """Entries that fit behind that one, which anybody can write, and the end."""
    for seq in range(seq + 1, seq + n + 1):
        entry = {"seq": seq, "when": "20260101T000000", "role": "admin", "what": "node.revoked", "who": "uid 0"}
        digest = audit_check.entry_hash(digest, entry)
        yield {**entry, "hash": digest.hex()}
    yield {"end": {"seq": seq, "hash": digest.hex()}}


def verify_json(*files):
    done = run(MUSTER, "--json", "audit", "verify", *files, check=False)
    return done.returncode, json.loads(done.stdout)


def test_entries_behind_the_last_seal(inst, short, tmp_path):
    """An early seal was kept: it stands for nothing behind its entry, nor does a CA that sealed nothing there."""
    copy, kept, ca = tmp_path / "copy", tmp_path / "kept", inst.dir / "keeper/ca.pem"
    inst.muster("audit", "seal", "--out", kept)
    seq, digest = audit_check.read_seal_file(kept, ca.read_bytes())
    inst.muster("audit", "export", "--out", copy)
    lines = [json.loads(line) for line in lines_of(copy)]
    assert lines[-1] == {"end": {"seq": seq, "hash": digest.hex()}}
    anchor, seal, entries = {"anchor": lines[-1]["end"]}, lines[-2], [line for line in lines[:-1] if "seal" not in line]
    words = f"entries {seq + 1} to {seq + 5} have nobody's seal"

    # the anchor is the kept entry, or all before it is as it was; and a seal of the anchor is of none of these entries
    for begin in ([anchor], entries, [anchor, seal]):
        put(copy, [*begin, *invent(seq, digest, 5)])
        status, said = verify(copy, "--ca", ca, "--seal", kept)
        assert status == 1 and "no seal in it" in said and "every hash fits" not in said, said
        status, told = verify_json(copy, "--ca", ca, "--seal", kept)
        assert status == 1 and not told["ok"] and (told["sealed"], told["unsealed"]) == (seq, 5), told
        status, said = verify(copy, "--seal", kept)
        assert status == 0 and f"sealed up to entry {seq}, at " in said and words in said, said
        assert audit_check.verify([copy], ca.read_bytes(), (seq, digest)) == (seq + 5, seq)
    # seals are in it, and end before it does: as when entries came in while the copy was made
    put(copy, [*lines[:-1], *invent(seq, digest, 5)])
    for more in (("--ca", ca), ("--ca", ca, "--seal", kept), ()):
        status, said = verify(copy, *more)
        assert status == 0 and f"sealed up to entry {seq}, at " in said and words in said, said
        status, told = verify_json(copy, *more)
        assert status == 0 and told["ok"] and (told["last"], told["sealed"], told["unsealed"]) == (seq + 5, seq, 5), told
    put(copy, [*lines[:-1], *invent(seq, digest, 1)])
    assert f"entry {seq + 1} has nobody's seal" in verify(copy, "--ca", ca)[1]
    # no seal at all, nor a CA: whole, and nobody's
    put(copy, [*entries, lines[-1]])
    status, said = verify(copy)
    assert status == 0 and f" to {seq} have nobody's seal" in said and "sealed up to" not in said, said
    # the kept one is of the last entry: it stands for all
    status, said = verify(copy, "--ca", ca, "--seal", kept)
    assert status == 0 and f"sealed up to entry {seq}, at " in said and "nobody's" not in said, said
    assert verify_json(copy, "--ca", ca, "--seal", kept)[1]["unsealed"] == 0


def test_an_anchor_that_no_entry_tells_of(inst, tmp_path):
    """Entries cut off at the beginning and the anchor moved after them: the entry that told of the old one does not fit."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    inst.muster("audit", "export", "--out", good)
    text = [line for line in lines_of(good) if "seal" not in json.loads(line)]
    gone, anchor = json.loads(text[2]), json.loads(text[0])["anchor"]
    assert gone["seq"] < anchor["told"]
    bad.write_text("\n".join([json.dumps({"anchor": {**anchor, "seq": gone["seq"], "hash": gone["hash"]}}), *text[3:]]) + "\n")
    status, said = verify(bad)
    assert status == 1 and "this entry tells of another" in said, said


def test_a_beginning_that_nothing_accounts_for(inst, tmp_path):
    """Entries cut off at the beginning and the anchor written as if the copy went on where another one ends: then that one is wanted, or a seal."""
    whole, bad, kept = tmp_path / "whole", tmp_path / "bad", tmp_path / "kept"
    ca = inst.dir / "keeper/ca.pem"
    inst.muster("audit", "seal", "--out", kept)
    inst.muster("audit", "export", "--out", whole)
    text = lines_of(whole)
    at = next(i for i in range(len(text) // 2, len(text)) if "what" in json.loads(text[i]))
    gone = json.loads(text[at])
    bad.write_text("\n".join([json.dumps({"anchor": {"seq": gone["seq"], "hash": gone["hash"]}}), *text[at + 1:]]) + "\n")
    for more in ((), ("--ca", ca)):
        status, said = verify(bad, *more)
        assert status == 1 and f"begins behind entry {gone['seq']}, and nothing accounts for what was before" in said, said
        assert "is whole" not in said
    with pytest.raises(audit_check.Wrong):
        audit_check.verify([bad], ca.read_bytes())
    # a copy that was made so is told from it by the one before it, or by a seal that was kept
    first, second = tmp_path / "first", tmp_path / "second"
    inst.muster("audit", "export", "--out", first)
    last = json.loads(lines_of(first)[-1])["end"]["seq"]
    inst.muster("audit", "export", "--out", second, "--after", last)
    assert verify(second)[0] == 1 and verify(first, second)[0] == 0
    status, said = verify(bad, "--seal", kept)
    assert status == 0 and f"entries {gone['seq'] + 1} to " in said, said


def test_mistakes_of_the_operator(inst, tmp_path):
    for args in ((), ("--out",), ("--out", tmp_path / "x", "--after", "many"), ("--out", tmp_path / "x", "more")):
        assert inst.muster("audit", "export", *args, check=False).returncode == 2
    done = inst.muster("audit", "export", "--out", tmp_path / "no/such/file", check=False)
    assert done.returncode == 3 and "No such file" in done.stderr
    assert verify(tmp_path / "absent")[0] == 3


def test_a_copy_goes_through_nobody_elses_file(inst, tmp_path):
    part = tmp_path / "copy.part"
    part.touch()
    part.chmod(0o666)
    with part.open() as theirs:
        inst.muster("audit", "export", "--out", tmp_path / "copy")
        assert theirs.read() == "" and not part.exists()
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


# --- the log itself, in the hands of somebody who can write to the store ---

class Store:
    """The schema is as before when he leaves."""

    def __init__(self, inst):
        self.db = sqlite3.connect(inst.dir / "store/muster.db")

    def __enter__(self):
        self.triggers = self.db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name LIKE 'event%'").fetchall()
        for name, _ in self.triggers:
            self.db.execute(f"DROP TRIGGER {name}")
        return self.db

    def __exit__(self, *what):
        for _, sql in self.triggers:
            self.db.execute(sql)
        self.db.commit()
        self.db.close()


def cut_the_end(db):
    db.execute("DELETE FROM event WHERE seq > (SELECT max(seq) - 2 FROM event)")
    db.execute("DELETE FROM event_seal WHERE seq > (SELECT max(seq) FROM event)")


def write_anew(db):
    """Another name in the middle, and every hash behind it made to fit: a chain without a fault."""
    names = "seq", "at", "role", "what", "node", "who", "attempt", "outcome", "why"
    rows = [dict(zip(names, row)) for row in db.execute(f"SELECT {', '.join(names)} FROM event ORDER BY seq")]
    rows[len(rows) // 2]["who"] = "somebody else"
    before = bytes(32)
    for row in rows:
        text = "".join(f"{n}={audit_check.percent(row[n].encode()) if isinstance(row[n], str) else row[n] or 0}\n" for n in names)
        before = audit_check.hashlib.sha256(before + text.encode()).digest()
        db.execute("UPDATE event SET who = ?, hash = ? WHERE seq = ?", (row["who"], before, row["seq"]))
    db.execute("DELETE FROM event_seal")


def forge_a_beginning(db):
    """All is gone, and an entry tells of it in the program's own words: as if retention had gone beyond what was sealed."""
    last = db.execute("SELECT max(seq) FROM event").fetchone()[0]
    gone, hash = last + 3, bytes(range(32))
    why = f"removed up to {gone}, hash {hash.hex().upper()}: {gone} entries"
    row = {"seq": gone + 1, "at": 1700000000, "role": "server", "what": "audit.shortened", "node": None, "who": "engine", "attempt": "",
           "outcome": 0, "why": why}
    text = "".join(f"{n}={audit_check.percent(v.encode()) if isinstance(v, str) else v or 0}\n" for n, v in row.items())
    db.execute("DELETE FROM event")
    db.execute("DELETE FROM event_seal")
    db.execute(f"INSERT INTO event ({', '.join(row)}, hash) VALUES ({', '.join('?' * 10)})",
               (*row.values(), audit_check.hashlib.sha256(hash + text.encode()).digest()))
    db.execute("UPDATE event_anchor SET seq = ?, hash = ?, told = ?", (gone, hash, gone + 1))


def metric(inst, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{inst.metrics_port}/metrics") as page:
        return max(float(line.split()[-1]) for line in page.read().decode().splitlines() if line.startswith(name + "{"))


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("audit") / "split")
    it.configure(add='\naudit = { seal = "1s"; };\n')
    it.start()
    it.subscription()
    it.muster("node", "add", NODE, "--subscription", "sub-1", "--anchor", "any")
    yield it
    it.stop()


NODE = "urn:dev:ops:00004C-acme-000001"


@pytest.mark.parametrize("harm, seen", [(cut_the_end, "missing or another one"), (write_anew, "missing or another one"),
                                        (forge_a_beginning, "given up by now; look into a copy")])
def test_a_log_that_is_not_the_one_that_was_sealed(split, tmp_path, harm, seen):
    ca = (split.dir / "keeper/ca.pem").read_bytes()
    split.muster("node", "number", NODE, "+491701234567")
    split.muster("audit", "seal", "--out", tmp_path / "kept")
    kept = audit_check.read_seal_file(tmp_path / "kept", ca)
    assert kept[0] == split.ask("status")["lastEvent"]
    assert "sealed up to entry" in split.muster("audit", "verify", "--seal", tmp_path / "kept").stdout
    split.stop()
    with Store(split) as db:
        harm(db)
    split.start()
    until("told", lambda: split.events("--what", "audit.mismatch"), context=split.log_text)
    until("the metric", lambda: metric(split, "muster_audit_mismatch") == 1)
    done = split.muster("audit", "verify", check=False)
    assert done.returncode == 1 and "not the one that the keeper sealed" in done.stderr, done.stderr
    assert split.muster("--json", "doctor", check=False).returncode == 1
    assert split.muster("audit", "seal", check=False).returncode == 1
    assert split.muster("audit", "accept", check=False).returncode == 2
    said = split.muster("audit", "accept", "--reason", "a backup was brought back").stdout
    assert f"entry {kept[0]} was sealed" in said
    assert "sealed up to entry" in split.muster("audit", "verify").stdout
    until("the metric", lambda: metric(split, "muster_audit_mismatch") == 0)
    assert split.muster("audit", "accept", "--reason", "again", check=False).returncode == 1
    event = split.events("--what", "audit.accepted")[-1]
    assert event["why"] == f"instead of the one whose entry {kept[0]} was sealed: a backup was brought back" and event["who"].startswith("uid ")
    # who has kept the seal elsewhere sees it for ever
    split.muster("audit", "export", "--out", tmp_path / "copy")
    audit_check.verify([tmp_path / "copy"], ca)
    with pytest.raises(audit_check.Wrong):
        audit_check.verify([tmp_path / "copy"], ca, kept)
    assert verify(tmp_path / "copy", "--seal", tmp_path / "kept")[0] == 1
    done = split.muster("audit", "verify", "--seal", tmp_path / "kept", check=False)
    assert done.returncode == 1 and seen in done.stderr
    done = split.muster("--json", "audit", "verify", "--seal", tmp_path / "kept", check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 1 and (told["ok"], told["firstBad"]) == (False, kept[0]), done


def test_the_power_goes_and_the_log_is_still_the_one_that_was_sealed(split):
    """Everything is killed while entries are written and sealed: never a chain that does not verify, nor a seal without its entry."""
    for i in range(3):
        before = split.ask("status")["lastEvent"]
        for k in range(4):
            split.muster("node", "number", NODE, f"+49170999{i}{k}")
        until("sealed", lambda: metric(split, "muster_audit_sealed") > before)
        for pid in [split.process.pid, *(pid for pids in split.children().values() for pid in pids)]:
            os.kill(pid, signal.SIGKILL)
        split.process.wait(60)
        split.start()
        assert "every hash fits" in split.muster("audit", "verify").stdout
    assert metric(split, "muster_audit_mismatch") == 0
