"""Diameter messages for tests, written and read by themselves: RFC 6733 3 and 4.1, TS 29.109 6.1."""
import struct

GPP = 10415
ZN, ZH = 16777220, 16777221
BIR, MAR = 310, 303


def u32(x):
    return struct.pack(">I", x)


def avp(code, data, vendor=0, m=True):
    if isinstance(data, str):
        data = data.encode()
    n = (12 if vendor else 8) + len(data)
    head = struct.pack(">II", code, ((0x80 if vendor else 0) | (0x40 if m else 0)) << 24 | n)
    return head + (u32(vendor) if vendor else b"") + data + bytes(-n % 4)


def gpp(code, data, m=True):
    return avp(code, data, GPP, m)


def message(command, app, avps, request=True):
    body = b"".join(avps)
    return struct.pack(">IIIII", 1 << 24 | 20 + len(body), (0xC0 if request else 0x40) << 24 | command, app, 1, 1) + body


def vsai(app):
    return avp(260, avp(266, u32(GPP)) + avp(258, u32(app)))


def read(octets):
    """[(code, vendor, data), …] of AVPs."""
    out, at = [], 0
    while at < len(octets):
        code, word = struct.unpack_from(">II", octets, at)
        n, head, vendor = word & 0xFFFFFF, 8, 0
        if word >> 31:
            vendor, head = struct.unpack_from(">I", octets, at + 8)[0], 12
        out.append((code, vendor, octets[at + head:at + n]))
        at += n + -n % 4
    return out


class Message:
    def __init__(self, text):
        self.raw = bytes.fromhex(text)
        _, word, self.app = struct.unpack_from(">III", self.raw)
        self.request, self.error, self.command = word >> 31, word >> 29 & 1, word & 0xFFFFFF
        self.avps = read(self.raw[20:])

    def get(self, code, inside=None):
        for c, _, data in read(self.get(inside)) if inside else self.avps:
            if c == code:
                return data
        return None

    def number(self, code, inside=None):
        data = self.get(code, inside)
        return None if data is None else struct.unpack(">I", data)[0]

    def result(self):
        """2001, or (10415, 5403)."""
        if self.get(297):
            return self.number(266, 297), self.number(298, 297)
        return self.number(268)
