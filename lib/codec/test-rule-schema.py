#!/usr/bin/python3
"""The committed JSON Schema of a rule is the table's, and it judges samples as the decoder does.

usage: test-rule-schema.py GEN_SCHEMA TEST_DECODE SCHEMA_FILE DICT_FILE
"""
import copy
import json
import subprocess
import sys

import jsonschema

gen, decode, schema_file, dict_file = sys.argv[1:]
failed = 0
count = 0


def check(ok, name):
    global failed, count
    count += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {count} - {name}")


def generated(*what):
    return subprocess.run([gen, *what], check=True, capture_output=True, timeout=30).stdout


BOOT = {"kind": "bootstrap", "method": "cert", "uri": "https://mef.example.com:8443"}
FIND = {"kind": "discovery", "method": "bbn", "uri": "https://bbn.example.com/brief"}
THEN = {"instructions": [BOOT]}
POINT = {"latitude": 525200000, "longitude": 134050000}
CORNERS = [POINT, {"latitude": 0, "longitude": 0}, {"latitude": 0, "longitude": 9}]


def rule(then=THEN, drop=(), **more):
    return {k: v for k, v in {"name": "north", "then": copy.deepcopy(then), **more}.items() if k not in drop}


def when(**more):
    return rule(when=more)


VALID = [
    rule(), rule({"deny": "closed"}), rule({"instructions": [BOOT, FIND], "validFor": "PT1H", "order": "node"}),
    rule(note="K\u00f6ln", disabled=True, public=True, validFrom="20260101T000000", validUntil="20270101T000000"),
    when(), when(circle={**POINT, "radius": 500}, maxAccuracy=5, placeFrom="registry"), when(polygon=CORNERS),
    when(sites=["north*", "a b"], cells=["262-01-*"], issuers=["CN=x"], makers=["*"], models=["m"], batches=["b"], subscriptions=["s"]),
    when(serials={"from": "1", "to": "10"}, nodePrefixes=["urn:"], devicePrefixes=["0.2"], imsiPrefixes=["26201"], stated=True),
    when(failed={"reason": "un*", "method": "cert", "resource": "https://"}, authentication=["cert", "psk"], methods=["psk"]),
]
INVALID = [
    [], None, {}, rule(drop=["name"]), rule(drop=["then"]), rule(more=1), rule(name=""), rule(name="x" * 65), rule(name=7), rule({}),
    rule({"deny": "x", "instructions": [BOOT]}), rule({"deny": "x", "order": "node"}), rule({"deny": ""}), rule({"instructions": []}),
    rule({"instructions": [BOOT] * 17}), rule({"instructions": [{**BOOT, "method": "bbn"}]}), rule({"instructions": [{**FIND, "target": "a.b"}]}),
    rule({"instructions": [BOOT], "order": "mine"}), rule({"instructions": [BOOT], "validFor": 60}), rule(disabled="yes"),
    when(circle=POINT), when(circle={**POINT, "radius": 0}), when(polygon=CORNERS[:2]), when(polygon=CORNERS * 30), when(sites=[]),
    when(sites="north"), when(sites=["x"] * 17), when(placeFrom="me", sites=["x"]), when(serials={"from": "1"}), when(methods=["pks"]),
    when(authentication=["tls"]), when(circle={"latitude": 900000001, "longitude": 0, "radius": 1}),
]
DECODER_ONLY = [
    rule(name="a b"), when(sites=["a*b"]), when(cells=["x"]), when(failed={}), when(stated=True), when(maxAccuracy=5), when(authentication=["none"]),
    when(serials={"from": "2", "to": "1"}), rule({"instructions": [BOOT], "validFor": "PT1S"}), when(polygon=[POINT] * 3),
    rule(validFrom="20270101T000000", validUntil="20260101T000000"), rule({"instructions": [{**BOOT, "SUID": 22}]}),
]

committed = open(schema_file, "rb").read()
check(generated("schema", "rule") == committed, "committed schema is what the table gives")
check(generated("rule-dict") == open(dict_file, "rb").read(), "committed dictionary is what the tables give")
schema = json.loads(committed)
jsonschema.Draft202012Validator.check_schema(schema)
judge = jsonschema.Draft202012Validator(schema)
for title, samples, by_schema, by_us in (("valid", VALID, True, True), ("invalid", INVALID, False, False),
                                         ("beyond a schema", DECODER_ONLY, True, False)):
    text = "".join(json.dumps(s) + "\n" for s in samples)
    out = subprocess.run([decode, "rule"], input=text, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()
    check(len(out) == len(samples), f"{title}: one outcome a sample")
    for i, (sample, line) in enumerate(zip(samples, out)):
        code, outcome, field, why = line.split("\t")
        said = judge.is_valid(sample)
        check(said == by_schema and (code == "0") == by_us and (by_us or bool(why)),
              f"{title} {i}: schema {'takes' if said else 'refuses'} it, decoder says {outcome} {field}: {why}")
print(f"1..{count}")
sys.exit(failed != 0)
