"""Is the private half of a P-256 key in a process? Every place that looks like an EC private key is tried: its number times the base point."""
import re

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
A, N = P - 3, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
PIECE, OVERLAP, LARGEST = 1 << 24, 64, 1 << 32
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296, 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k):
    point, step = None, G
    while k:
        if k & 1:
            point = add(point, step)
        step, k = add(step, step), k >> 1
    return point


def candidates(octets):
    """ECPrivateKey (RFC 5915): version 1, an OCTET STRING of 32."""
    return {m.group(1) for m in re.finditer(rb"(?s)\x02\x01\x01\x04\x20(.{32})", octets)}


def private_scalars(pid, public):
    """Of one process: all numbers there whose public half this is (64 octets)."""
    want, seen = (int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")), set()
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if not m or "[v" in line:
                continue
            start, end = (int(x, 16) for x in m.groups())
            if end - start > LARGEST:                    # a sanitizer's shadow
                continue
            for at in range(start, end, PIECE - OVERLAP):
                try:
                    mem.seek(at)
                    seen |= candidates(mem.read(min(PIECE, end - at)))
                except OSError:
                    break
    return [s for s in seen if 0 < int.from_bytes(s, "big") < N and times(int.from_bytes(s, "big")) == want]
