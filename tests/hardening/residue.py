"""Where is a key? Every 16-octet window of it, in the encodings that our programs write (tests/support/scan.c)."""
import base64
import collections
import ctypes
import pathlib
import re
import socket
import struct
import threading

from residue_ca import public_point
from support import BUILD, run

WINDOW = 16
PADS = (0x36, 0x5c)                     # what HMAC begins with: the key and one of these


def windows(octets, n):
    return {octets[i:i + n] for i in range(len(octets) - n + 1)}


def encodings(key):
    """As octets, as a number whose least octet is the first, as libraries compute with it, as HMAC begins with it, and SHA-256 (its words), as
    hexadecimal digits of either case, in groups as a person types them, in base64 of either alphabet."""
    found = windows(key, WINDOW) | windows(key[::-1], WINDOW)
    for text in (key, *(bytes(octet ^ pad for octet in key) for pad in PADS)):
        found |= windows(text, WINDOW) | windows(b"".join(text[i:i + 4][::-1] for i in range(0, len(text), 4)), WINDOW)
    for text in (key.hex(), key.hex().upper()):
        found |= {w for i, w in enumerate(text[i:i + 2 * WINDOW].encode() for i in range(0, len(text) - 2 * WINDOW + 1, 2))}
    digits = key.hex().upper()
    grouped = "-".join(digits[i:i + 4] for i in range(0, len(digits), 4)).encode()
    found |= windows(grouped, min(39, len(grouped)))             # eight groups: 16 octets
    for code in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):                                  # what stands in front of it in the same text moves it
            text = code(bytes(before) + key + bytes(-(before + len(key)) % 3))
            found |= windows(text[4 if before else 0:-4], min(20, len(text) - (8 if before else 4)))
    return found


class Keys:
    """What is looked for, by name."""

    def __init__(self):
        self.keys, self.pins = {}, {}

    def add(self, name, key):
        assert len(key) >= WINDOW and key not in self.keys.values(), name
        self.keys[name] = key

    def add_pin(self, name, pin):
        """Of a SIM, too short for a window: all of it, as the card is told it, and in the digits that a modem is sent."""
        assert len(pin) == 8 and pin.isdigit()
        self.pins[name] = pin.encode()

    def write(self, path):
        path.write_text("".join(f"{name} {w.hex()}\n" for name, key in self.keys.items() for w in encodings(key)) +
                        "".join(f"{name} {w.hex()}\n" for name, pin in self.pins.items() for w in (pin, pin.hex().encode())))
        path.chmod(0o600)
        return path


Hit = collections.namedtuple("Hit", "target name flags")


def scan(needles, targets):
    """Hits, and how many octets were searched of each target."""
    out = run(BUILD / "tests/hardening/scan", needles, *targets, timeout=150).stdout
    hits = [Hit(m.group(1), m.group(2), m.group(3).split()) for m in re.finditer(r"^(\S+) (\S+) at [0-9a-f]+ flags(.*)$", out, re.M)]
    return hits, {m.group(1): int(m.group(2)) for m in re.finditer(r"^(\S+) searched (\d+) octets$", out, re.M)}


def numbers_in(octets):
    """What could be a private number of P-256 there: as OpenSSL computes with it, in whole words from the least on; in DER; or as a TPM has it,
    behind its length."""
    for at in range(0, len(octets), 4096):
        page = octets[at:at + 4096]
        if page.count(0) < len(page):
            yield from (page[i + 31:i - 1 if i else None:-1] for i in range(0, len(page) - 31, 8))
    yield from (m.group(1) for m in re.finditer(rb"(?s)(?=(?:\x04\x20|\x20\x00)(.{32}))", octets))


def private_half(pid, point):
    """The private number of that public point (64 octets), out of a process's memory; where it came from is no matter, it fits or does not."""
    seen = set()
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for start, end in re.findall(r"(?m)^([0-9a-f]+)-([0-9a-f]+) rw", maps.read()):
            try:
                mem.seek(int(start, 16))
                seen |= {n for n in numbers_in(mem.read(int(end, 16) - int(start, 16))) if len(set(n)) > 16}
            except OSError:
                continue
    for n in seen:
        if public_point(n) == point:
            return n
    raise AssertionError(f"of {len(seen)} numbers in process {pid} none fits")


def files(*places):
    return [p for place in places for p in sorted(pathlib.Path(place).rglob("*")) if p.is_file() and p.stat().st_size]


def only(ports):
    """For the kernel: packets of IPv4 without options from or to these ports, whole. Others' tests use loopback as well."""
    n = len(ports)
    code = [(0x30, 0, 0, 0), (0x15, 0, 2 * n + 2, 0x45)]                   # the first octet, else: the end but one
    for at in (20, 22):
        code.append((0x28, 0, 0, at))                                       # a port
        code += [(0x15, 2 * n + 4 - len(code) - i, 0, p) for i, p in enumerate(ports)]
    code += [(0x06, 0, 0, 0), (0x06, 0, 0, 0xffff)]
    return b"".join(struct.pack("HBBI", *c) for c in code), len(code)


class Capture:
    """All that passes on loopback from or to these ports, as it is."""

    def __init__(self, path, ports):
        self.path, self.ports, self.octets = path, set(ports), 0

    def __enter__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)             # SO_RCVBUFFORCE
        octets, n = only(sorted(self.ports))
        room = ctypes.create_string_buffer(octets)
        self.socket.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxQ", n, ctypes.addressof(room)))      # SO_ATTACH_FILTER
        self.socket.bind(("lo", 0x0003))
        self.thread = threading.Thread(target=self.take)
        self.thread.start()
        return self

    def take(self):
        self.socket.settimeout(0.2)
        with open(self.path, "wb") as out:
            while True:             # to the end: what has passed before is still to be taken
                try:
                    packet = self.socket.recv(1 << 17)
                except socket.timeout:
                    if self.stopped:
                        break
                    continue
                head = 4 * (packet[0] & 15) if packet and packet[0] >> 4 == 4 else 40
                if len(packet) >= head + 4 and self.ports & set(struct.unpack("!HH", packet[head:head + 4])):
                    out.write(packet)
                    self.octets += len(packet)

    stopped = False

    def __exit__(self, *exc):
        self.stopped = True
        self.thread.join()
        taken, lost = struct.unpack("II", self.socket.getsockopt(263, 6, 8))    # PACKET_STATISTICS
        self.socket.close()
        self.lost = lost
        assert taken or exc[0]
