"""A virtual UICC for tests: a USIM (and on request an ISIM, and a CSIM that must be left alone) with Milenage, sequence numbers with IND, GBA_U and PIN, as
a T=0 or T=1 card. It stands behind pcscd by the vpcd reader, or behind AT+CSIM on a pseudo-terminal. Nothing in it is
shared with the C under test. References: TS 102 221, TS 31.102, TS 33.220.
"""
import ctypes
import hashlib
import re
import socket
import struct
import threading

import aka

USIM_AID = bytes.fromhex("a0000000871002ff49ff0589")
ISIM_AID = bytes.fromhex("a0000000871004ff49ff0589")
CSIM_AID = bytes.fromhex("a0000003431002ff49ff0589")
OK = bytes.fromhex("9000")
SW = {name: bytes.fromhex(code) for name, code in {
    "not-found": "6a82", "wrong-p1p2": "6a86", "bad-data": "6a80", "no-record": "6a83", "no-ins": "6d00", "no-cla": "6e00", "wrong-length": "6700",
    "no-pin": "6982", "conditions": "6985", "mac": "9862", "no-context": "9864", "pin-wrong": "63c2", "no-file": "6986"}.items()}


def bcd(digits):
    """EF_IMSI: its length, then the digits with the parity in the first nibble."""
    nibbles = [9 if len(digits) % 2 else 1] + [int(d) for d in digits]
    nibbles += [15] * (len(nibbles) % 2)
    octets = bytes(nibbles[i] | nibbles[i + 1] << 4 for i in range(0, len(nibbles), 2))
    return (bytes([len(octets)]) + octets).ljust(9, b"\xff")


def tlv(tag, value):
    return bytes([tag, len(value)]) + value


class Usim:
    """The card's memory and what it does with one APDU. `log` has each command and answer, in order."""

    def __init__(self, imsi="001010000000001", k=bytes(16), opc=bytes(16), mnc_length=2, gba=True, isim=None, pin=None, sqn=0, t1=False,
                 res_length=8, csim=None):
        self.k, self.opc, self.gba, self.pin, self.t1, self.res_length = k, opc, gba, pin, t1, res_length
        self.seq = [0] * 32
        self.top = sqn
        self.ks = self.rand = None
        self.log = []
        table = bytearray(15)
        if gba:
            table[8] |= 0x08        # service 68
        usim = {0x6F07: bcd(imsi), 0x6FAD: bytes([0, 0, 0, mnc_length]), 0x6F38: bytes(table)}
        if gba:
            usim[0x6FD6] = b"\xff" * 160
        self.apps = {USIM_AID: usim}
        if isim:
            files = {0x6F02: tlv(0x80, isim.encode()), 0x6F07: bytes([0x02 if gba else 0])}
            if gba:
                files[0x6FD5] = b"\xff" * 160
            self.apps[ISIM_AID] = files
        if csim:                    # in front of the others; "alone": nothing else
            self.apps = {CSIM_AID: {}, **({} if csim == "alone" else self.apps)}
        self.reset()

    def reset(self):
        self.app, self.file, self.held, self.open = None, None, b"", self.pin is None

    # Answers: T=0 cards keep them until GET RESPONSE.

    def give(self, data):
        if self.t1 or not data:
            return data + OK
        self.held = data
        return bytes([0x61, len(data) & 0xFF])

    def fcp(self, file=None, aid=None):
        inner = tlv(0x82, b"\x78\x21" if file is None else b"\x41\x21")
        if aid:
            inner += tlv(0x84, aid)
        if file is not None:
            inner += tlv(0x80, len(file).to_bytes(2, "big"))
        else:
            inner += tlv(0xC6, bytes.fromhex("900100" if self.pin is None else "900180") + bytes.fromhex("830101"))
        return tlv(0x62, inner)

    def apdu(self, command):
        answer = self.answer(command)
        self.log.append((command.hex(), answer.hex()))
        return answer

    def answer(self, c):
        if len(c) < 4:
            return SW["wrong-length"]
        cla, ins, p1, p2 = c[:4]
        if cla & 0xFC:
            return SW["no-cla"]
        body = c[5:5 + c[4]] if len(c) > 5 else b""
        if len(c) > 5 and len(body) < c[4]:
            return SW["wrong-length"]
        le = c[4] if len(c) == 5 else (c[5 + c[4]] if len(c) == 6 + c[4] else None)
        if ins == 0xC0:
            data, self.held = self.held, b""
            if le and le != len(data):
                self.held = data
                return bytes([0x6C, len(data)])
            return data + OK
        handler = {0xA4: self.select, 0xB0: self.read, 0xB2: self.record, 0xD6: self.update, 0x20: self.verify, 0x88: self.authenticate}.get(ins)
        return handler(p1, p2, body, le) if handler else SW["no-ins"]

    def select(self, p1, p2, body, _le):
        if p1 == 4:
            hit = [aid for aid in self.apps if aid.startswith(body)]
            if not hit:
                return SW["not-found"]
            self.app, self.file = hit[0], None
            return self.give(self.fcp(aid=hit[0]))
        if p1 != 0 or len(body) != 2:
            return SW["wrong-p1p2"]
        number = int.from_bytes(body, "big")
        if number == 0x3F00:
            self.app, self.file = None, None
            return self.give(self.fcp())
        if number == 0x2F00:
            self.app, self.file = None, 0x2F00
            return self.give(self.fcp(file=bytes(38)))
        if self.app is None or number not in self.apps[self.app]:
            return SW["not-found"]
        self.file = number
        return self.give(self.fcp(file=self.apps[self.app][number]))

    def record(self, p1, p2, _body, le):
        if self.file != 0x2F00 or p2 != 4:
            return SW["no-file"]
        aids = list(self.apps)
        if not 1 <= p1 <= len(aids):
            return SW["no-record"]
        data = tlv(0x61, tlv(0x4F, aids[p1 - 1]) + tlv(0x50, b"USIM")).ljust(38, b"\xff")
        if not self.t1 and le != len(data):
            return bytes([0x6C, len(data)])
        return data + OK

    def read(self, p1, p2, _body, le):
        if self.app is None or self.file not in self.apps[self.app]:
            return SW["no-file"]
        if not self.open:
            return SW["no-pin"]
        data = self.apps[self.app][self.file][p1 << 8 | p2:]
        if le == 0 and not self.t1 and len(data) < 256:
            return bytes([0x6C, len(data)])
        return data[:le or 256] + OK

    def update(self, p1, p2, body, _le):
        if self.app is None or self.file not in self.apps[self.app]:
            return SW["no-file"]
        if not self.open:
            return SW["no-pin"]
        old, at = self.apps[self.app][self.file], p1 << 8 | p2
        if at + len(body) > len(old):
            return SW["wrong-length"]
        self.apps[self.app][self.file] = old[:at] + body + old[at + len(body):]
        return OK

    def verify(self, _p1, _p2, body, _le):
        if self.pin is not None and body != self.pin.encode().ljust(8, b"\xff"):
            return SW["pin-wrong"]
        self.open = True
        return OK

    def authenticate(self, p1, p2, body, _le):
        if self.app is None:
            return SW["conditions"]
        if not self.open:
            return SW["no-pin"]
        if p1 == 0 and p2 == 0x81:
            return self.bootstrap(body, gba=False)
        if p1 == 0 and p2 == 0x84:
            if not self.gba:
                return SW["no-context"]
            if body[:1] == b"\xdd":
                return self.bootstrap(body[1:], gba=True)
            return self.naf(body[1:]) if body[:1] == b"\xde" else SW["bad-data"]
        return SW["wrong-p1p2"]

    def bootstrap(self, body, gba):
        if len(body) != 34 or body[0] != 16 or body[17] != 16:
            return SW["bad-data"]
        rand, autn = body[1:17], body[18:]
        m = aka.Milenage(self.k, self.opc, rand)
        sqn, amf = int.from_bytes(aka.xor(autn[:6], m.ak), "big"), autn[6:8]
        mac = aka.xor(autn[8:], hashlib.sha1(m.ik).digest()[:8]) if gba else autn[8:]
        if mac != m.f1(sqn, amf):
            return SW["mac"]
        if sqn >> 5 <= self.seq[sqn & 31] or sqn <= 0:
            return self.give(tlv(0xDC, m.auts(self.top)))
        self.seq[sqn & 31], self.top = sqn >> 5, max(self.top, sqn)
        res = m.res[:self.res_length]
        if gba:
            self.ks, self.rand = m.ck + m.ik, rand
            name = 0x6FD6 if self.app == USIM_AID else 0x6FD5
            self.apps[self.app][name] = (bytes([16]) + rand).ljust(160, b"\xff")
            return self.give(b"\xdb" + bytes([len(res)]) + res)
        return self.give(b"\xdb" + bytes([len(res)]) + res + b"\x10" + m.ck + b"\x10" + m.ik)

    def naf(self, body):
        if self.ks is None:
            return SW["conditions"]
        try:
            n = body[0]
            naf_id, rest = body[1:1 + n], body[1 + n:]
            impi = rest[1:1 + rest[0]].decode()
            if len(naf_id) != n or len(rest) != 1 + rest[0]:
                raise ValueError
        except (IndexError, ValueError):
            return SW["bad-data"]
        return self.give(b"\xdb\x20" + aka.ks_naf(self.ks, self.rand, impi, naf_id))


def socket_in_network_of(pid):
    """A socket belongs to the network in which it was made: a thread of its own goes there and makes it."""
    made = []

    def make():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{pid}/ns/net", "rb") as ns:
            if libc.setns(ns.fileno(), 0):
                made.append(OSError(ctypes.get_errno(), "setns"))
                return
        made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class VpcdCard:
    """The card in the vpcd reader of a pcscd: connects to the reader's port, in the network of process `inside`, and
    answers until closed."""

    def __init__(self, card, port, inside):
        self.card, self.socket = card, socket_in_network_of(inside)
        self.socket.connect(("127.0.0.1", port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def take(self, n):
        data = b""
        while len(data) < n:
            # vpcd writes the length and the command apart: without this each command waits for a late acknowledgement
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data

    def serve(self):
        atr = bytes.fromhex("3b0575534d4d31") if not self.card.t1 else bytes.fromhex("3b850181") + b"uSMM1"
        if self.card.t1:
            check = 0
            for octet in atr[1:]:
                check ^= octet
            atr += bytes([check])
        try:
            while True:
                frame = self.take(struct.unpack(">H", self.take(2))[0])
                if len(frame) == 1:
                    if frame[0] == 4:
                        self.send(atr)
                    else:
                        self.card.reset()
                else:
                    self.send(self.card.apdu(frame))
        except (ConnectionError, OSError):
            return

    def send(self, data):
        self.socket.sendall(struct.pack(">H", len(data)) + data)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def at_answer(card, line):
    """What a modem says to one command line (TS 27.007 8.17, AT+CSIM); None for a line that is none."""
    line = line.strip()
    if not line:
        return None
    got = re.fullmatch(r'AT\+CSIM=(\d+),"([0-9A-Fa-f]*)"', line)
    if got:
        if int(got.group(1)) != len(got.group(2)) or len(got.group(2)) % 2:
            return "\r\n+CME ERROR: 50\r\n"
        answer = card.apdu(bytes.fromhex(got.group(2))).hex().upper()
        return f'\r\n+CSIM: {len(answer)},"{answer}"\r\n\r\nOK\r\n'
    return "\r\nOK\r\n" if line in ("AT", "ATE0", "AT+CMEE=1") else "\r\nERROR\r\n"
