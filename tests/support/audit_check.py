"""An audit log's copies verified by somebody else: written from doc/audit-log.md alone, shares nothing with the product."""
import datetime
import hashlib
import json
import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Wrong(Exception):
    """What does not fit, and where."""


def seconds(text):
    if not re.fullmatch("[0-9]{8}T[0-9]{6}", text):
        raise Wrong(f"{text}: no time")
    moment = datetime.datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp())


def unhex(text):
    raw = bytes.fromhex(text)
    if raw.hex() != text:
        raise Wrong(f"{text}: not as hexadecimal is written here")
    return raw


ENTRY = {"seq": int, "when": str, "role": str, "what": str, "node": int, "who": str, "attempt": str, "outcome": int, "why": str,
         "whoOctets": str, "whyOctets": str, "hash": str}
FRAMES = {"anchor": {"seq": int, "hash": str, "told": int}, "seal": {"seq": int, "hash": str, "when": str, "signature": str},
          "end": {"seq": int, "hash": str}}


def once(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Wrong("a member that is there twice")
    return dict(pairs)


def read_line(text):
    """(kind, object): an entry, or what stands in an anchor, a seal or an end."""
    line = json.loads(text, object_pairs_hook=once)
    if not isinstance(line, dict):
        raise Wrong("no object")
    kind = next((name for name in FRAMES if name in line), "entry")
    inside = line if kind == "entry" else line[kind]
    members = FRAMES.get(kind, ENTRY)
    if (kind != "entry" and len(line) > 1) or not isinstance(inside, dict):
        raise Wrong("more than an anchor, a seal or an end")
    if any(members.get(name) is not type(value) for name, value in inside.items()):
        raise Wrong(f"{kind} {inside.get('seq')}: a member that it does not have")
    if kind != "entry" and set(members) - set(inside) - {"told"}:
        raise Wrong(f"{kind} {inside.get('seq')}: a member is missing")
    return kind, inside


def read_anchor(anchor):
    """(number, hash)"""
    seq, digest = anchor["seq"], unhex(anchor["hash"])
    if seq < 0 or len(digest) != 32 or (seq == 0 and any(digest)) or anchor.get("told", seq + 1) <= seq:
        raise Wrong("no anchor")
    return seq, digest


def looks(raw):
    """As an entry is written: what is no UTF-8 is a question mark for each octet."""
    return raw.decode(errors="surrogateescape").encode(errors="replace").decode()


def octets(entry, name):
    if f"{name}Octets" not in entry:
        return entry.get(name, "").encode()
    raw = unhex(entry[f"{name}Octets"])
    if b"\0" in raw or looks(raw) != entry.get(name) or looks(raw).encode() == raw:
        raise Wrong(f"entry {entry['seq']}: {name} says something else than its octets")
    return raw


def percent(raw):
    return "".join(chr(b) if b in PLAIN else f"%{b:02X}" for b in raw)


def entry_hash(before, entry):
    lines = {"seq": entry["seq"], "at": seconds(entry["when"]) if "when" in entry else 0, "role": percent(octets(entry, "role")),
             "what": percent(octets(entry, "what")), "node": entry.get("node", 0), "who": percent(octets(entry, "who")),
             "attempt": percent(octets(entry, "attempt")), "outcome": entry.get("outcome", 0), "why": percent(octets(entry, "why"))}
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    return hashlib.sha256(before + text.encode()).digest()


def check_signature(ca_pem, seq, digest, at, signature):
    text = f"muster audit seal 1\nseq={seq}\nhash={digest.hex()}\nat={at}\n".encode()
    key = x509.load_pem_x509_certificate(ca_pem).public_key()
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        key.verify(der, text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Wrong(f"seal of {seq}: not of this CA") from None


def read_seal_file(path, ca_pem):
    """(number, hash) of a seal that was kept elsewhere."""
    title, *rest = path.read_text().splitlines()
    one = dict(line.split("=", 1) for line in rest)
    if title != "muster audit seal 1" or list(one) != ["seq", "hash", "at", "signature"]:
        raise Wrong("no seal")
    digest = bytes.fromhex(one["hash"])
    check_signature(ca_pem, int(one["seq"]), digest, int(one["at"]), bytes.fromhex(one["signature"]))
    return int(one["seq"]), digest


def verify(paths, ca_pem, kept=None):
    """Number of the last entry, and of the last one that was sealed; Wrong when anything does not fit. Who is told a lower number of the last
    one that was sealed knows that nobody stands for what is behind it."""
    seq, digest, sealed, found, behind = None, None, 0, False, 0
    for path in paths:
        # not splitlines(), which ends lines at what may stand in an entry
        (first, anchor), *lines = [read_line(line) for line in path.read_bytes().decode().removesuffix("\n").split("\n")]
        if first != "anchor":
            raise Wrong("no anchor")
        begin = read_anchor(anchor)
        if seq is not None and begin != (seq, digest):
            raise Wrong("does not go on where the one before ends")
        if seq is None and "told" not in anchor:
            behind = begin[0]
        seq, digest = begin
        found = found or kept == begin
        told, ended = "told" not in anchor, False
        for kind, line in lines:
            if ended or kind == "anchor":
                raise Wrong("something behind the end, or an anchor in the middle")
            if kind == "end":
                ended = (line["seq"], unhex(line["hash"])) == (seq, digest)
            elif kind == "seal":
                if (line["seq"], unhex(line["hash"])) != (seq, digest):
                    raise Wrong(f"seal of {line['seq']}: of another entry")
                check_signature(ca_pem, seq, digest, seconds(line["when"]), unhex(line["signature"]))
                sealed = seq
            else:
                digest = entry_hash(digest, line)
                if line["seq"] != seq + 1 or digest.hex() != line["hash"]:
                    raise Wrong(f"entry {line['seq']}")
                seq = line["seq"]
                if seq == anchor.get("told"):
                    told = line["what"] == "audit.shortened" and line["why"].startswith(
                        f"removed up to {anchor['seq']}, hash {anchor['hash'].upper()}: ")
                found = found or kept == (seq, digest)
        if not ended or not told:
            raise Wrong("cut off, at its end or its beginning")
    if kept and not found:
        raise Wrong("the entry that was sealed is not there")
    if behind and not found:
        raise Wrong("begins behind an entry that is not there, and no seal speaks for it")
    return seq, max(sealed, kept[0] if kept else 0)
