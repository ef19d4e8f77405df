#!/usr/bin/python3
"""The committed JSON Schema is the table's, and it judges samples as the decoder does.

usage: test-schema.py GEN_SCHEMA TEST_DECODE SCHEMA_DIRECTORY DICT_FILE...
"""
import copy
import json
import subprocess
import sys

import jsonschema

gen, decode, schema_dir, *dict_files = sys.argv[1:]
failed = 0
count = 0


def check(ok, name):
    global failed, count
    count += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {count} - {name}")


def generated(*what):
    return subprocess.run([gen, *what], check=True, capture_output=True, timeout=30).stdout


def outcomes(samples, *kind):
    text = "".join(json.dumps(s) + "\n" for s in samples)
    out = subprocess.run([decode, *kind], input=text, check=True, capture_output=True, text=True, timeout=30).stdout
    return [line.split("\t") for line in out.splitlines()]


BOOT = {"kind": "bootstrap", "method": "cert", "uri": "https://mef.example.com:8443",
        "target": "maf.example.com", "adminFQDN": "sp.example.com"}
FIND = {"kind": "discovery", "method": "bbn", "uri": "https://bbn.example.com/brief"}
DER = "MA4CDAABAgMEBQYHCAkKCw=="
PIN = "ni:///sha-256-120;f4OxZX_x_FO5LcGBSKHW"


def seq(*instructions, **more):
    return {"version": 1, "instructions": list(instructions), **more}


def but(base, drop=(), **more):
    return {**{k: v for k, v in copy.deepcopy(base).items() if k not in drop}, **more}


VALID = [
    seq(BOOT), seq(FIND), seq(FIND, BOOT), seq(*[BOOT] * 16),
    seq(BOOT, id="b-7", validFrom="20260101T000000", validUntil="20270101T000000,5"),
    seq(but(BOOT, method="psk", uri="coaps://mef.example.com", SUID=21, expires="20261231T235959")),
    seq(but(BOOT, method="gba", uri="http://bsf.example.com", mafURI="https://10.0.0.1:8444")),
    seq(but(BOOT, SUID=22, target="//sp.example.com/CSE1")), seq(but(BOOT, SUID=25, target="//sp.example.com/S1")),
    seq(but(BOOT, httpPort=1, coapPort=65535, websocketPort=443, label="K\u00f6ln")),
    seq(but(FIND, anchors=[DER] * 4, pins=[PIN] * 4, label="x")),
    seq(but(FIND, method="dns-sd", uri="_muster._tcp.local"), but(FIND, method="dhcp", uri="eth0"),
        but(FIND, method="file", uri="/media/usb/m.json"), but(FIND, method="bsf", uri="http://bsf.example.com")),
]
INVALID = [
    [], "x", 1, None, {}, {"version": 1}, {"instructions": [BOOT]}, but(seq(BOOT), version=2), but(seq(BOOT), version="1"),
    seq(), seq(*[BOOT] * 17), seq(BOOT, more=1), seq(BOOT, id=""), seq(BOOT, id="x" * 65), seq(BOOT, validFrom="2026-01-01"),
    seq(BOOT, validFrom=1767225600), seq([]), seq(None), seq(but(BOOT, more=1)),
    seq(but(BOOT, kind="boot")), seq(but(BOOT, method="pks")), seq(but(BOOT, method="bbn")), seq(but(FIND, method="psk")),
    *[seq(but(BOOT, drop=[k])) for k in BOOT], *[seq(but(FIND, drop=[k])) for k in FIND],
    *[seq(but(FIND, **{k: v})) for k, v in {"target": "maf.example.com", "SUID": 21, "adminFQDN": "a.b", "httpPort": 1,
                                           "mafURI": "https://a.b", "expires": "20270101T000000", "coapPort": 1,
                                           "websocketPort": 1}.items()],
    seq(but(BOOT, SUID=20)), seq(but(BOOT, SUID=26)), seq(but(BOOT, SUID="21")), seq(but(BOOT, SUID=22)),
    seq(but(BOOT, target="//sp.example.com/CSE1")), seq(but(BOOT, SUID=22, target="//sp.example.com/CSE1", mafURI="https://a.b")),
    seq(but(BOOT, uri="http://mef.example.com")), seq(but(BOOT, uri="mef.example.com")), seq(but(BOOT, uri="")),
    seq(but(BOOT, method="gba", uri="coaps://bsf.example.com")),
    seq(but(BOOT, httpPort=0)), seq(but(BOOT, coapPort=65536)), seq(but(BOOT, websocketPort=1.5)),
    seq(but(BOOT, expires="20261301T000000")), seq(but(BOOT, expires="20260101T250000")),
    seq(but(BOOT, anchors=[])), seq(but(BOOT, anchors=[DER] * 5)), seq(but(BOOT, anchors=["x"])), seq(but(BOOT, anchors=DER)),
    seq(but(BOOT, anchors=["MA=="])), seq(but(BOOT, pins=[])), seq(but(BOOT, pins=[PIN] * 5)), seq(but(BOOT, pins=[7])),
    seq(but(BOOT, label="")), seq(but(BOOT, label="x" * 65)), seq(but(BOOT, target="x" * 256)),
]
# What a schema cannot say; only the decoder refuses it.
DECODER_ONLY = [
    seq(but(BOOT, uri="https://127.0.0.1")), seq(but(BOOT, target="maf_1")), seq(but(BOOT, adminFQDN="a b")),
    seq(but(BOOT, expires="20260230T000000")), seq(but(BOOT, pins=["ni:///md5;x"])), seq(but(BOOT, anchors=["A" * 24])),
    seq(BOOT, validFrom="20270101T000000", validUntil="20260101T000000"), seq(but(BOOT, label="a\u0007")),
]



def bun(**more):
    return {"version": 1, "id": "b-1", "number": 7, "validUntil": "20270101T000000", "any": True, "sequence": seq(BOOT), **more}


NODE = "urn:dev:ops:00004C-acme-000001"
FOR_NODE = but(bun(), drop=["any"], nodes=[NODE])
BUNDLE_VALID = [
    bun(), bun(validFrom="20260101T000000", label="site 7"), FOR_NODE, but(FOR_NODE, nodes=[NODE] * 64), bun(number=2**53 - 1),
    but(bun(), drop=["any"], batch="7"), but(bun(), drop=["any"], maker="acme", model="pump", batch="7"),
]
BUNDLE_INVALID = [
    [], {}, seq(BOOT), *[but(bun(), drop=[k]) for k in bun()], bun(nodes=[NODE]), bun(batch="7"), but(FOR_NODE, maker="acme"),
    bun(any=False), bun(any=1), bun(number=0), bun(number=2**53), bun(number=1.5), bun(id=""), bun(id="x" * 65), bun(version=2),
    but(FOR_NODE, nodes=[]), but(FOR_NODE, nodes=[NODE] * 65), bun(sequence=seq()), bun(sequence=[]), bun(more=1),
    bun(sequence=seq(but(BOOT, method="bbn"))), bun(validUntil="2027-01-01"), but(bun(), drop=["any"], batch=""),
]
BUNDLE_DECODER_ONLY = [
    bun(validFrom="20270101T000000"), but(FOR_NODE, nodes=["a b"]), bun(id="a b"), bun(label="a\u0007"),
    bun(sequence=seq(but(BOOT, uri="https://127.0.0.1"))),
]

words = generated("dict")
for name in dict_files:
    check(open(name, "rb").read() == words, f"committed dictionary {name.rsplit('/', 1)[1]} is what the tables give")


def judged(name, kind, groups):
    committed = open(f"{schema_dir}/{name}.schema.json", "rb").read()
    check(generated("schema", name) == committed, f"committed schema of {name} is what the table gives")
    schema = json.loads(committed)
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    for title, samples, by_schema, by_us in groups:
        title = f"{name}, {title}"
        ours = outcomes(samples, *kind)
        check(len(ours) == len(samples), f"{title}: one outcome a sample")
        for i, (sample, (code, text, field, why)) in enumerate(zip(samples, ours)):
            said = judge.is_valid(sample)
            check(said == by_schema and (code == "0") == by_us,
                  f"{title} {i}: schema {'takes' if said else 'refuses'} it, decoder says {text} {field}: {why}")
            if not by_us:
                check(bool(why), f"{title} {i}: explained")


judged("instruction-sequence", [], (("valid", VALID, True, True), ("invalid", INVALID, False, False),
                                    ("beyond a schema", DECODER_ONLY, True, False)))
judged("bundle", ["bundle"], (("valid", BUNDLE_VALID, True, True), ("invalid", BUNDLE_INVALID, False, False),
                              ("beyond a schema", BUNDLE_DECODER_ONLY, True, False)))
print(f"1..{count}")
sys.exit(failed != 0)
