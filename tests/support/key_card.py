#!/usr/bin/python3
"""A virtual UICC with a key applet: the simulator of what lib/secenv/applet.h describes, which is ours and nobody's standard. Nothing in it is
shared with the C under test.

As a program (key_card.py DIR) it puts such a card into the reader of a pcscd of its own, says "ready SOCKET", and does what lines on its
input say, with "ok" for each: remove, return, clear, fill, free, unblock, list FILE. It ends with its input.
"""
import hashlib
import hmac
import pathlib
import secrets
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from pcscd import PORT, Pcscd
from usim import OK, SW, Usim, VpcdCard

KEY_AID = bytes.fromhex("f06d757374657201")
PAIR, SECRET, COUNTER = 1, 2, 3
NO_ROOM, NO_OBJECT, THERE, BLOCKED = (bytes.fromhex(sw) for sw in ("6a84", "6a88", "6a89", "6983"))


class KeyCard(Usim):
    """The applet beside a subscription; its PIN is its own."""

    def __init__(self, *args, key_pin=None, room=20, **more):
        self.key_pin, self.room, self.tries = key_pin, room, 3
        self.objects = {}                        # (kind, id): the key, the secret, the count
        self.verified, self.sum = False, None
        super().__init__(*args, **more)

    def answer(self, c):
        if len(c) >= 7 and c[1] == 0xA4 and c[2] == 4:
            chosen = c[5:5 + c[4]] == KEY_AID
            self.verified, self.sum = self.key_pin is None, None
            if chosen:
                self.app, self.file = KEY_AID, None
                return OK
            self.app = None
        if self.app == KEY_AID and len(c) >= 4 and (c[0] == 0x80 or c[1] == 0x20):
            return self.command(c)
        return super().answer(c)

    def command(self, c):
        ins, p1 = c[1], c[2]
        body = c[5:5 + c[4]] if len(c) > 5 else b""
        if ins == 0xCA:
            return bytes([1, self.key_pin is not None, self.tries, max(0, min(255, self.room - len(self.objects)))]) + OK
        if ins == 0x20:
            return self.verify_key_pin(body)
        handler = {0x46: self.make, 0xDB: self.take, 0xCB: self.public, 0x9E: self.sign, 0x2A: self.mac, 0x32: self.count, 0xE4: self.drop}.get(ins)
        if not handler:
            return SW["no-ins"]
        if not self.verified:
            return SW["no-pin"]
        got = handler(p1, body)
        return got if isinstance(got, bytes) else self.hand_over(got[0], len(c) == 5)

    def hand_over(self, data, at_once):
        return data + OK if at_once else self.give(data)

    def verify_key_pin(self, body):
        if not self.tries:
            return BLOCKED
        self.verified = self.key_pin is None or body == self.key_pin.encode().ljust(8, b"\xff")
        self.tries = 3 if self.verified else self.tries - 1
        return OK if self.verified else bytes([0x63, 0xC0 | self.tries])

    def put(self, kind, name, value):
        if (kind, name) in self.objects:
            return THERE
        if len(self.objects) >= self.room:
            return NO_ROOM
        self.objects[kind, name] = value
        return OK

    def make(self, kind, body):
        if len(body) != 16 or kind not in (PAIR, SECRET, COUNTER):
            return SW["bad-data"]
        value = ec.generate_private_key(ec.SECP256R1()) if kind == PAIR else secrets.token_bytes(32) if kind == SECRET else 1
        return self.put(kind, body, value)

    def take(self, kind, body):
        return self.put(SECRET, body[:16], body[16:]) if kind == SECRET and 17 <= len(body) <= 80 else SW["bad-data"]

    def find(self, kind, name):
        if (kind, name) in self.objects:
            return self.objects[kind, name], None
        return None, SW["conditions"] if any(n == name for _, n in self.objects) else NO_OBJECT

    def public(self, _p1, body):
        key, sw = self.find(PAIR, body)
        if sw:
            return sw
        n = key.public_key().public_numbers()
        return [n.x.to_bytes(32, "big") + n.y.to_bytes(32, "big")]

    def sign(self, _p1, body):
        key, sw = self.find(PAIR, body[:16])
        if sw or len(body) != 48:
            return sw or SW["bad-data"]
        r, s = decode_dss_signature(key.sign(body[16:], ec.ECDSA(Prehashed(hashes.SHA256()))))
        return [r.to_bytes(32, "big") + s.to_bytes(32, "big")]

    def mac(self, part, body):
        if part == 0:
            key, sw = self.find(SECRET, body)
            self.sum = None if sw else hmac.new(key, digestmod=hashlib.sha256)
            return sw or OK
        if not self.sum:
            return SW["conditions"]
        self.sum.update(body)
        if part == 1:
            return OK
        got, self.sum = self.sum.digest(), None
        return [got]

    def count(self, step, body):
        n, sw = self.find(COUNTER, body)
        if sw:
            return sw
        self.objects[COUNTER, body] = n + step
        return [(n + step).to_bytes(8, "big")]

    def drop(self, _p1, body):
        here = [o for o in self.objects if o[1] == body]
        for o in here:
            del self.objects[o]
        return OK if here else NO_OBJECT

    def holds_secret_of(self, octets):
        """Is any private key or symmetric key of the card among these octets?"""
        keys = [v if k == SECRET else v.private_numbers().private_value.to_bytes(32, "big") for (k, _), v in self.objects.items() if k != COUNTER]
        return any(key in octets for key in keys)


def serve(pcscd):
    card = KeyCard(key_pin="246813")
    inserted = VpcdCard(card, PORT, inside=pcscd.p.pid)
    print("ready", pcscd.socket, flush=True)
    filler = [(COUNTER, bytes([i]) * 16) for i in range(card.room)]
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "remove":
            inserted.close()
        elif word == "return":
            inserted = VpcdCard(card, PORT, inside=pcscd.p.pid)
        elif word == "clear":
            card.objects.clear()
        elif word == "fill":
            card.objects.update({o: 0 for o in filler[len(card.objects):]})
        elif word == "free":
            for o in filler:
                card.objects.pop(o, None)
        elif word == "unblock":
            card.tries = 3
        elif word == "list":
            pathlib.Path(rest[0]).write_text("".join(sorted(f"{k} {n.hex()}\n" for k, n in card.objects)))
        else:
            raise ValueError(line)
        print("ok", flush=True)
    inserted.close()


def main():
    pcscd = Pcscd(pathlib.Path(sys.argv[1]))
    try:
        serve(pcscd)
    finally:
        pcscd.close()


if __name__ == "__main__":
    main()
