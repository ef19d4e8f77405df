"""Story: an owner makes rules, sees what they would do to a node and to what was asked before, and only then lets them.
"""
import json
import os
import pathlib
import re

import pytest

from support import Installation


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    it = Installation(tmp_path_factory.mktemp("rules") / "inst", processes="split")
    it.start()
    it.maker("acme")
    it.subscription()
    it.muster("node", "add", "urn:dev:r:1", "--subscription", "sub-1", "--maker", "acme", "--anchor", it.dir / "makers/acme.pem")
    yield it
    it.stop()


def names(inst):
    return [r["rule"]["name"] for r in inst.ask("rule", "list")["rules"]]


def refused(inst, *words, status=1, says):
    done = inst.muster("rule", *words, check=False)
    assert done.returncode == status and says in done.stderr, (done.returncode, done.stdout, done.stderr)


def test_a_rule_by_flags(inst):
    assert "no rule yet" in inst.muster("rule", "list").stdout
    done = inst.muster("rule", "add", "north", "--site", "north*,pier", "--circle", "52.52,13.405,2km", "--max-accuracy", "100",
                       "--method", "cert,psk", "--mef-uri", "https://mef.sp.example.com:8443", "--anchor",
                       inst.dir / "keeper/ca.pem", "--valid-for", "12h", "--note", "the harbour", "--until", "+30d")
    assert "number 1 of set 1" in done.stdout
    rule = inst.ask("rule", "show", "north")["rule"]
    assert rule["when"] == {"circle": {"latitude": 525200000, "longitude": 134050000, "radius": 2000}, "maxAccuracy": 100,
                            "sites": ["north*", "pier"]}
    assert [i["method"] for i in rule["then"]["instructions"]] == ["cert", "psk"]
    assert rule["then"]["validFor"] == "PT12H" and len(rule["then"]["instructions"][0]["anchors"]) == 1
    text = inst.muster("rule", "show", "north").stdout
    assert "site north*|pier, circle 52.52,13.405,2000m, accuracy 100" in text and "number 1 of set 1" in text


def test_every_flag(inst):
    inst.muster("rule", "add", "full", "--position", "1", "--cell", "262-01-*", "--polygon", "52.0,13.0 52.0,14.0 53.0,-0.5",
                "--place-from", "node", "--model", "m*", "--batch", "b1", "--serials", "100..250", "--subscription", "sub-1",
                "--issuer", inst.dir / "makers/acme.pem", "--node-prefix", "urn:dev:", "--device-prefix", "0.2.481",
                "--imsi-prefix", "26201", "--stated", "--failed", "un*", "--auth", "cert,psk", "--can", "cert", "--from",
                "2026-01-01", "--public", "--disabled", "--redirect", "https://bbn.other.example.com", "--order", "node", "--label", "x")
    rule = inst.ask("rule", "show", "full")["rule"]
    assert rule["when"]["polygon"][2] == {"latitude": 530000000, "longitude": -5000000}
    assert rule["when"]["serials"] == {"from": "100", "to": "250"} and rule["when"]["failed"] == {"reason": "un*"}
    assert len(rule["when"]["issuers"][0]) == 64 and rule["when"]["stated"] is True
    assert rule["public"] and rule["disabled"] and rule["validFrom"].startswith("20260101")
    assert rule["then"]["instructions"] == [{"kind": "discovery", "method": "bbn", "uri": "https://bbn.other.example.com", "label": "x"}]
    assert names(inst) == ["full", "north"]
    assert "off" in inst.muster("rule", "list").stdout
    inst.muster("rule", "delete", "full")


def test_a_rule_by_file_and_two_editors(inst, tmp_path):
    file = tmp_path / "rule.json"
    file.write_text(json.dumps({"name": "all", "then": {"deny": "nobody knows what to do with this one"}}))
    inst.muster("rule", "add", "all", "--file", file)
    shown = inst.ask("rule", "show", "north")
    shown["rule"]["note"] = "by a file"
    file.write_text(json.dumps(shown))
    inst.muster("rule", "edit", "north", "--site", "north*")        # somebody else was faster
    refused(inst, "edit", "north", "--file", file, says="look again, then decide")
    assert inst.ask("rule", "show", "north")["rule"]["when"]["sites"] == ["north*"]
    fresh = inst.ask("rule", "show", "north")
    fresh["rule"]["note"] = "by a file"
    file.write_text(json.dumps(fresh))
    inst.muster("rule", "edit", "north", "--file", file)
    assert inst.ask("rule", "show", "north")["rule"]["note"] == "by a file"
    changes = [e["why"] for e in inst.events("--what", "rule.edited")]
    assert 'north: note "the harbour" → "by a file"' in changes, changes


def test_order_and_switches(inst):
    assert names(inst) == ["north", "all"]
    inst.muster("rule", "move", "all", "--before", "north")
    assert names(inst) == ["all", "north"]
    found = inst.muster("rule", "check", check=False)
    assert "never reached: rule all (1)" in found.stdout and found.returncode == 0
    inst.muster("rule", "move", "all", "--after", "north")
    inst.muster("rule", "disable", "all")
    assert inst.ask("rule", "show", "all")["rule"]["disabled"] is True
    inst.muster("rule", "enable", "all")
    assert "nothing to say" in inst.muster("rule", "check").stdout


def test_try_tells_why(inst, tmp_path):
    done = inst.muster("rule", "try", "urn:dev:r:1", check=False)
    assert done.returncode == 1, "refused: the last rule"
    assert "rule all (number 2) decides: denied" in done.stdout and "nobody knows" in done.stdout
    assert "has not asked yet" in done.stdout
    assert "north: no: site is not known, wanted north*" in done.stdout
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"location": {"site": "north-3", "latitude": 525200000, "longitude": 134000000, "accuracy": 50}}))
    done = inst.muster("rule", "try", "urn:dev:r:1", "--facts", facts)
    assert "rule north (number 1) decides: instructions" in done.stdout
    assert "1. cert https://mef.sp.example.com:8443" in done.stdout and inst.maf in done.stdout
    assert "site is north-3, as north*" in done.stdout and "within 2000 m" in done.stdout
    told = inst.ask("rule", "try", "urn:dev:r:1", "--facts", facts)
    assert told["sequence"]["instructions"][0]["target"] == inst.maf


def test_a_candidate_changes_nothing(inst, tmp_path):
    file = tmp_path / "candidate.json"
    file.write_text(json.dumps([{"name": "acme", "when": {"makers": ["acme"], "subscriptions": ["gone"]}, "then": {"deny": "later"}}]))
    before = inst.ask("rule", "list")
    done = inst.muster("rule", "check", "--with", file, "--position", "1", check=False)
    assert done.returncode == 1 and "there is no subscription gone" in done.stdout
    file.write_text(json.dumps({"name": "acme", "when": {"makers": ["acme"]}, "then": {"deny": "later"}}))
    done = inst.muster("rule", "try", "urn:dev:r:1", file, "--position", "1", check=False)
    assert "rule acme (number 1) decides: denied" in done.stdout and "later" in done.stdout
    done = inst.muster("rule", "replay", "--with", file, "--position", "1")
    assert "0 briefings judged again" in done.stdout
    assert inst.ask("rule", "list") == before


def test_history_and_the_way_back(inst):
    before = inst.ask("rule", "list")
    inst.muster("rule", "delete", "north")
    sets = inst.ask("rule", "history")["sets"]
    assert sets[0]["what"] == "rule.deleted north" and sets[0]["who"].startswith("uid ")
    inst.muster("rule", "rollback", before["set"])
    assert inst.ask("rule", "list")["rules"] == before["rules"]
    assert "rules.rolled-back to set" in inst.muster("rule", "history").stdout
    inst.muster("events", "verify")


@pytest.mark.parametrize("words,status,says", [
    ([], 2, "missing"), (["add"], 2, "one name"), (["add", "x"], 2, "what do the nodes get"),
    (["add", "x", "--circle", "52,13"], 2, "LATITUDE,LONGITUDE,RADIUS"), (["add", "x", "--serials", "5"], 2, "FIRST..LAST"),
    (["add", "x", "--polygon", "1,2;3,4"], 2, "corners"), (["add", "x", "--method", "cert"], 2, "--mef-uri"),
    (["add", "x", "--anchor", "/nonexistent.pem", "--mef-uri", "https://a.b"], 2, "cannot read"),
    (["add", "x", "--mef-uri", "http://a.b"], 1, "then.instructions[0].uri"),
    (["add", "x", "--deny", "no", "--position", "first"], 2, "1 is first"),
    (["add", "x", "--deny", "no", "--auth", "none"], 1, "when.authentication"),
    (["add", "x", "--deny", "no", "--polygon", "1,1 2,2"], 1, "3..64"),
    (["add", "x", "--deny", "no", "--circle", "91,0,5m"], 1, "when.circle.latitude"),
    (["add", "north", "--deny", "no"], 1, "exists already"), (["add", "x", "--file", "/nonexistent"], 1, "cannot read"),
    (["edit", "north"], 2, "what is to change"), (["edit", "nope", "--note", "x"], 1, "no rule of this name"),
    (["edit", "north", "--note", "x", "--position", "1"], 2, "muster rule move"), (["move", "north"], 2, "where to"),
    (["show", "nope"], 1, "no rule of this name"), (["delete", "nope"], 1, "no rule of this name"), (["try"], 2, "give a node"),
    (["try", "urn:none"], 1, "no such node"), (["check", "--only"], 1, "--only wants files"), (["rollback", "x"], 2, "history"),
    (["rollback", "9999"], 1, "still kept"), (["replay", "--since", "soon"], 2, "a date is"), (["replay", "--limit", "0"], 1, "limit"),
])
def test_mistakes_are_answered(inst, words, status, says):
    before = inst.ask("rule", "list")["set"]
    refused(inst, *words, status=status, says=says)
    assert inst.ask("rule", "list")["set"] == before


def test_the_rule_of_the_manual_page(inst, tmp_path):
    page = (pathlib.Path(os.environ["MST_SOURCE"]) / "man/muster.1.scd").read_text()
    example, = re.findall(r"^```\n(.*?)^```", page.split("# RULES")[1].split("\n# ")[0], re.M | re.S)
    file = tmp_path / "rule.json"
    file.write_text(example)
    inst.muster("rule", "add", "harbour", "--file", file)
    assert inst.ask("rule", "show", "harbour")["rule"] == json.loads(example)
    inst.muster("rule", "delete", "harbour")


def test_a_file_that_is_none(inst, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text('{"name": "x",\n "then": }')
    refused(inst, "add", "x", "--file", file, says="bad.json:2")
    file.write_text("[1]")
    refused(inst, "add", "x", "--file", file, says="list of rules")
    file.write_text('[{"name": "x", "then": {"deny": "y"}}, {"name": "z", "then": {"deny": "y"}}]')
    refused(inst, "add", "x", "--file", file, says="expected one rule, there are 2")
