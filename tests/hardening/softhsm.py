"""What a token of SoftHSM2 holds, read from its files with the user's PIN and without any of its code: object store of version 2 (attributes as
type, kind and value, all numbers of 8 octets), values under a key that is itself under one made of the PIN."""
import hashlib

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CLASS, PRIVATE, VALUE, IDENTIFIER = 0, 2, 0x11, 0x102       # CKA_…
PRIVATE_KEY, SECRET_KEY = 3, 4                              # CKO_…
USER_PIN = 0x80000000 + 0x5348 + 5
FIRST_ITERATIONS = 1500


def opened(key, octets):
    """AES-256-CBC, the initial vector first."""
    box = Cipher(algorithms.AES(key), modes.CBC(octets[:16])).decryptor()
    plain = padding.PKCS7(128).unpadder()
    return plain.update(box.update(octets[16:]) + box.finalize()) + plain.finalize()


def attributes(path):
    octets, at, found = path.read_bytes(), 8, {}            # a generation stands first

    def number():
        nonlocal at
        at += 8
        return int.from_bytes(octets[at - 8:at], "big")
    while at < len(octets):
        name, kind = number(), number()
        n = {1: 1, 2: 8}.get(kind) or number()              # a truth, a number, or what has a length
        found[name] = octets[at:at + n]
        at += n
    return found


def keys_of(token, pin):
    """Private and secret keys by (class, CKA_ID): of the one token in that directory."""
    directory, = {p.parent for p in token.rglob("token.object")}
    sealed = attributes(directory / "token.object")[USER_PIN]
    key = hashlib.sha256(sealed[:8] + pin.encode()).digest()
    for _ in range(FIRST_ITERATIONS + sealed[7] - 1):
        key = hashlib.sha256(key).digest()
    key = opened(key, sealed[8:])
    assert key[:3] == b"RJR" and len(key) == 35
    found = {}
    for path in directory.glob("*.object"):
        a = attributes(path)
        kind = int.from_bytes(a.get(CLASS, b""), "big")
        if kind in (PRIVATE_KEY, SECRET_KEY):
            name, value = (opened(key[3:], a[x]) if a[PRIVATE] == b"\xff" else a[x] for x in (IDENTIFIER, VALUE))
            found[kind, name] = value.rjust(32, b"\0")
    return found
