#!/usr/bin/python3
"""The committed JSON Schemas are the tables', and they judge samples as the decoders do.

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


def outcomes(name, samples):
    text = "".join(json.dumps(s) + "\n" for s in samples)
    out = subprocess.run([decode, name], input=text, check=True, capture_output=True, text=True, timeout=30).stdout
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

ATTEMPT = "00112233445566778899aabbccddeeff"
ASK = {"version": 1, "attempt": ATTEMPT, "methods": ["cert", "bbn"]}
FULL_ASK = {**ASK, "nodeID": "urn:dev:ops:32473-1-2", "deviceID": "0.2.481.1.100.3030.10011", "imsi": "262011234567890",
            "maker": "Acme", "model": "Pump 7", "serial": "0042", "batch": "b-1", "firmware": "1.2.3", "transports": ["https", "coaps"],
            "location": {"latitude": -337654321, "longitude": -1800000000, "accuracy": 20, "cell": "262-01-4711-1234567", "site": "K\u00f6ln"},
            "failures": [{"resource": "https://mef.example.com", "method": "cert", "reason": "refused", "step": "mef.register",
                          "detail": "4128", "when": "20260101T120000"}]}
ANSWER = {"version": 1, "serverTime": "20260101T120000", "sequence": seq(BOOT, id="b-7")}
REFUSAL = {"version": 1, "why": "no-rule"}
REPORT = {"version": 1, "attempt": ATTEMPT, "done": False, "enrolled": False}
LOCATION = FULL_ASK["location"]


def at(**place):
    return {**ASK, "location": place}


TABLES = {
    "instruction-sequence": (VALID, INVALID, DECODER_ONLY),
    "bundle": (BUNDLE_VALID, BUNDLE_INVALID, BUNDLE_DECODER_ONLY),
    "briefing-request": (
        [ASK, FULL_ASK, at(), at(latitude=0, longitude=0), at(latitude=900000000, longitude=1800000000, accuracy=0), at(site="x"),
         at(cell="1-2-3-4"), {**ASK, "failures": []}, {**ASK, "failures": FULL_ASK["failures"] * 16}],
        [{}, [], *[but(ASK, drop=[k]) for k in ASK], {**ASK, "version": 2}, {**ASK, "more": 1}, {**ASK, "methods": []},
         {**ASK, "methods": ["cert", "cert"]}, {**ASK, "methods": ["post"]}, {**ASK, "methods": "cert"}, {**ASK, "attempt": ATTEMPT + "0"},
         {**ASK, "transports": []}, {**ASK, "maker": ""}, {**ASK, "maker": "x" * 64},
         at(latitude=1), at(longitude=1), at(accuracy=1), at(latitude=900000001, longitude=0), at(latitude=0, longitude=-1800000001),
         at(latitude=0, longitude=0, accuracy=-1), at(latitude=1.5, longitude=0), at(site=""), at(site="x" * 65), at(more=1),
         {**ASK, "failures": FULL_ASK["failures"] * 17}, {**ASK, "failures": [{"method": "cert"}]},
         {**ASK, "failures": [{"reason": "x" * 33}]}],
        [{**ASK, "attempt": ATTEMPT.upper()}, {**ASK, "attempt": ATTEMPT[1:]}, {**ASK, "imsi": "12345"}, {**ASK, "imsi": "12345x"},
         {**ASK, "transports": ["http"]}, {**ASK, "nodeID": "a b"},
         {**ASK, "deviceID": "1.x"}, at(cell="262-01-4711"), at(cell="262-01-4711-1-1"), {**ASK, "maker": "a\u0007"},
         {**ASK, "maker": "a\u202eb"}, {**ASK, "maker": "a\u0000"}, {**ASK, "maker": "\u00f6" * 32}]),
    "briefing": (
        [ANSWER, {**ANSWER, "sequence": seq(FIND, BOOT, id="b-8", validUntil="20270101T000000")}],
        [{}, *[but(ANSWER, drop=[k]) for k in ANSWER], {**ANSWER, "sequence": seq(BOOT)}, {**ANSWER, "sequence": seq(id="b-7")},
         {**ANSWER, "sequence": seq(but(BOOT, drop=["target"]), id="b-7")}, {**ANSWER, "serverTime": 5}, {**ANSWER, "more": 1}],
        [{**ANSWER, "sequence": seq(but(BOOT, target="maf_1"), id="b-7")}]),
    "briefing-refusal": (
        [REFUSAL, *[{**REFUSAL, "why": w} for w in ("unknown-node", "not-authenticated", "mismatch", "not-active", "no-method",
                                                    "malformed", "busy")],
         {**REFUSAL, "text": "nobody made a rule", "serverTime": "20260101T120000"}],
        [{}, *[but(REFUSAL, drop=[k]) for k in REFUSAL], {**REFUSAL, "why": "mood"}, {**REFUSAL, "text": "x" * 256}],
        [{**REFUSAL, "text": "a\u001b[2J"}]),
    "briefing-report": (
        [REPORT, {**REPORT, "done": True}, {**REPORT, "done": True, "enrolled": True, "target": "maf.example.com"},
         {**REPORT, "failures": FULL_ASK["failures"]}],
        [{}, *[but(REPORT, drop=[k]) for k in REPORT], {**REPORT, "enrolled": True}, {**REPORT, "done": True, "target": "x"},
         {**REPORT, "done": 1}, {**REPORT, "target": "x" * 256}],
        [{**REPORT, "attempt": "g" * 32}]),
}

PRINT = "0123456789abcdefABCDEF" + "0" * 42
REG = {"path": "reg", "mgmtDefinition": 1020, "CSE-ID": "//sp.example.com/IN"}
AUTH = {"path": "reg/auth", "mgmtDefinition": 1022, "SUID": 22, "TLSCiphersuites": ["TLS_PSK_WITH_AES_128_CCM_8"], "keyRegDuration": "P30D",
        "keyRegLabels": ["site:7"]}
MEF = {"path": "reg/auth/mef", "mgmtDefinition": 1026, "fqdn": "mef.example.com", "adminFQDN": "sp.example.com", "httpPort": 443}


def mos(*objects):
    return {"objects": list(objects)}


TABLES["management-objects"] = (
    [mos(), mos(REG), mos(REG, AUTH, MEF), mos({"path": "d", "mgmtDefinition": 1021, "containerPath": "//sp.example.com/IN/c"}),
     mos({"path": "ca", "mgmtDefinition": 1024, "certFingerprint": PRINT, "URI": "https://ca.example.com"})],
    [{}, [], {"objects": {}}, {**mos(), "more": 1}, mos(but(REG, drop=["path"])), mos(but(REG, drop=["mgmtDefinition"])), mos({**REG, "more": 1}),
     mos({**REG, "mgmtDefinition": 1027}), mos({**REG, "path": ""}), mos(REG, {**AUTH, "SUID": 46}), mos(REG, {**AUTH, "TLSCiphersuites": []}),
     mos(*[{**REG, "path": f"r{i}"} for i in range(25)]), mos({**MEF, "path": "m", "httpPort": 65536}),
     mos({"path": "ca", "mgmtDefinition": 1024, "certFingerprint": PRINT + "0"})],
    [mos({"path": "ca", "mgmtDefinition": 1024, "certFingerprint": PRINT[1:]}), mos(REG, REG), mos(MEF), mos({**REG, "path": "a/"}), mos({**REG, "mgmtDefinition": 1023}), mos({**REG, "fqdn": "x.example.com"}),
     mos(REG, {**AUTH, "SUID": 31}), mos(REG, but(AUTH, drop=["SUID"])), mos(REG, {**AUTH, "symmKeyID": "k@x.example.com"})])

words = generated("dict")
for name in dict_files:
    check(open(name, "rb").read() == words, f"committed dictionary {name.rsplit('/', 1)[1]} is what the tables give")
check(subprocess.run([gen, "schema", "mood"], capture_output=True, timeout=30).returncode == 2, "an unknown name is refused")
for name, (valid, invalid, beyond) in TABLES.items():
    committed = open(f"{schema_dir}/{name}.schema.json", "rb").read()
    check(generated("schema", name) == committed, f"{name}: committed schema is what the table gives")
    schema = json.loads(committed)
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    for title, samples, by_schema, by_us in (("valid", valid, True, True), ("invalid", invalid, False, False),
                                             ("beyond a schema", beyond, True, False)):
        ours = outcomes(name, samples)
        check(len(ours) == len(samples), f"{name}, {title}: one outcome a sample")
        for i, (sample, (code, text, field, why)) in enumerate(zip(samples, ours)):
            said = judge.is_valid(sample)
            check(said == by_schema and (code == "0") == by_us,
                  f"{name}, {title} {i}: schema {'takes' if said else 'refuses'} it, decoder says {text} {field}: {why}")
            if not by_us:
                check(bool(why), f"{name}, {title} {i}: explained")
print(f"1..{count}")
sys.exit(failed != 0)
