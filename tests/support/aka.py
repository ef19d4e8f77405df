"""AKA as an independent second opinion: Milenage (TS 35.206), AUTN and AUTS (TS 33.102 6.3), the GBA keys (TS 33.220
annex B). Written from the formulas in Python, sharing nothing with the C under test. Not for use outside tests.
"""
import base64
import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def xor(a, b):
    assert len(a) == len(b)
    return bytes(x ^ y for x, y in zip(a, b))


def rotate(block, bits):
    n = int.from_bytes(block, "big")
    return (((n << bits) | (n >> (128 - bits))) & (1 << 128) - 1).to_bytes(16, "big")


def aes(key, block):
    box = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return box.update(block) + box.finalize()


def opc(k, op):
    return xor(aes(k, op), op)


@dataclass(frozen=True)
class Milenage:
    """All functions of one K and OPc for one RAND."""
    k: bytes
    opc: bytes
    rand: bytes

    @property
    def temp(self):
        return aes(self.k, xor(self.rand, self.opc))

    def out(self, rotation, constant):
        block = xor(rotate(xor(self.temp, self.opc), rotation), bytes(15) + bytes([constant]))
        return xor(aes(self.k, block), self.opc)

    def mac(self, sqn, amf):
        """f1 and f1*, sixteen octets together."""
        block = xor(self.temp, rotate(xor((sqn.to_bytes(6, "big") + amf) * 2, self.opc), 64))
        return xor(aes(self.k, block), self.opc)

    def f1(self, sqn, amf):
        return self.mac(sqn, amf)[:8]

    def f1star(self, sqn):
        return self.mac(sqn, bytes(2))[8:]

    res = property(lambda self: self.out(0, 1)[8:])
    ak = property(lambda self: self.out(0, 1)[:6])
    ck = property(lambda self: self.out(32, 2))
    ik = property(lambda self: self.out(64, 4))
    ak_star = property(lambda self: self.out(96, 8)[:6])

    def autn(self, sqn, amf=bytes(2), gba_u=False):
        mac = self.f1(sqn, amf)
        return xor(sqn.to_bytes(6, "big"), self.ak) + amf + (xor(mac, hashlib.sha1(self.ik).digest()[:8]) if gba_u else mac)

    def auts(self, sqn_ms):
        return xor(sqn_ms.to_bytes(6, "big"), self.ak_star) + self.f1star(sqn_ms)

    def sqn_of_auts(self, auts):
        """SQN_MS of an AUTS, or None when it was not made with this K and RAND."""
        sqn = int.from_bytes(xor(auts[:6], self.ak_star), "big")
        return sqn if self.f1star(sqn) == auts[6:] else None


def kdf(key, fc, *parts):
    return hmac.new(key, bytes([fc]) + b"".join(p + len(p).to_bytes(2, "big") for p in parts), hashlib.sha256).digest()


def ks_naf(ks, rand, impi, naf_id, use=b"gba-me"):
    return kdf(ks, 1, use, rand, impi.encode(), naf_id)


def btid(rand, bsf):
    return base64.b64encode(rand).decode() + "@" + bsf
