"""CoAP over DTLS for the scenarios: a network between the ends, and a client that shares no code with ours (OpenSSL's DTLS, and
messages made here by RFC 7252, RFC 7959 and TS-0008).
"""
import contextlib
import json
import os
import random
import re
import select
import socket
import subprocess
import threading

from support import RUN_SECONDS, run, until


class Relay:
    """A network path for datagrams, for several clients: loses, doubles, turns round; can be cut."""

    def __init__(self, to, loss=0, double=0, turn=0, seed=1):
        self.to, self.loss, self.double, self.turn, self.random = to, loss, double, turn, random.Random(seed)
        self.passed = self.lost = self.largest = 0
        self.cut = threading.Event()
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.front.setblocking(False)
        self.port = self.front.getsockname()[1]
        self.backs, self.late, self.ended = {}, [], False
        self.wake = socket.socketpair()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.wake[0].send(b"x")
        self.thread.join()
        for s in (self.front, *self.backs.values(), *self.wake):
            s.close()

    def seen(self, to_server, data):
        pass

    def give(self, send, data):
        self.largest = max(self.largest, len(data))
        if self.cut.is_set() or self.random.random() < self.loss:
            self.lost += 1
            return
        self.passed += 1
        for _ in range(2 if self.random.random() < self.double else 1):
            if self.random.random() < self.turn:
                self.late.append((send, data))
            else:
                send(data)

    def run(self):
        while True:
            ready, _, _ = select.select([self.front, self.wake[1], *self.backs.values()], [], [], 0.03)
            if self.wake[1] in ready:
                return
            if not ready:
                self.random.shuffle(self.late)
                for send, data in self.late:
                    with contextlib.suppress(ConnectionRefusedError, BlockingIOError):
                        send(data)
                self.late = []
            for s in ready:
                try:
                    if s is self.front:
                        data, client = s.recvfrom(65536)
                        if client not in self.backs:
                            back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                            back.connect(("127.0.0.1", self.to))
                            back.setblocking(False)      # what made it readable may be an error that sending has met first
                            self.backs[client] = back
                        self.seen(True, data)
                        self.give(self.backs[client].send, data)
                    else:
                        data = s.recv(65536)
                        client = next(c for c, b in self.backs.items() if b is s)
                        self.seen(False, data)
                        self.give(lambda d, c=client: self.front.sendto(d, c), data)
                except (ConnectionRefusedError, BlockingIOError):
                    pass


class Cutter(Relay):
    """The server's power goes while a content is under way in blocks: a record that is as large as a block shows it. Nothing passes
    then until somebody lets it."""
    at, inst = None, None                # True: the question's blocks; False: the answer's

    def seen(self, to_server, data):
        if self.at is to_server and data[0] == 23 and len(data) > 1000 and not self.cut.is_set():
            self.cut.set()
            self.inst.process.kill()


def option(delta, value):
    return bytes((delta << 4 | len(value),)) + value if delta < 13 else bytes((0xd0 | len(value), delta - 13)) + value


# TS-0008 table 6.2.2.4-1, and what was before V3.7.0
IANA = {"FR": 279, "RQI": 283, "RVI": 271, "TY": 267, "RSC": 307}
EARLY = {"FR": 256, "RQI": 257, "RVI": 271, "TY": 267, "RSC": 265}
CODES = {"GET": 1, "POST": 2, "PUT": 3, "DELETE": 4, "FETCH": 5}
URI_HOST, LOCATION_PATH, URI_PATH, FORMAT, URI_QUERY, ACCEPT, BLOCK2, BLOCK1 = 3, 8, 11, 12, 15, 17, 23, 27
JSON = b"\x32"


def number(x):
    return x.to_bytes((x.bit_length() + 7) // 8, "big")


def extended(x):
    """RFC 7252 3.1: a nibble, and what extends it."""
    return (x, b"") if x < 13 else (13, bytes((x - 13,))) if x < 269 else (14, (x - 269).to_bytes(2, "big"))


def message(code, mid, token, options, payload=b""):
    """A confirmable one; `options`: (number, value), in any order."""
    out, last = bytes((0x40 | len(token), code)) + mid.to_bytes(2, "big") + token, 0
    for n, value in sorted(options, key=lambda o: o[0]):
        (d, more), (size, long) = extended(n - last), extended(len(value))
        out += bytes((d << 4 | size,)) + more + long + value
        last = n
    return out + (b"\xff" + payload if payload else b"")


def parse(data):
    """Code, id, token, options and content of a message."""
    at, last, options = 4 + (data[0] & 15), 0, []

    def extend(nibble):
        nonlocal at
        size = {13: 1, 14: 2}.get(nibble, 0)
        more = int.from_bytes(data[at:at + size], "big")
        at += size
        return more + {13: 13, 14: 269}.get(nibble, nibble)
    while at < len(data) and data[at] != 0xff:
        head, at = data[at], at + 1
        last += extend(head >> 4)
        size = extend(head & 15)
        options.append((last, data[at:at + size]))
        at += size
    return data[1], int.from_bytes(data[2:4], "big"), data[4:4 + (data[0] & 15)], options, data[at + 1:]


class Answer:
    def __init__(self, code, options, content, numbers):
        self.code = f"{code >> 5}.{code & 31:02d}"
        self.options, self.content = options, content
        self.rsc = int.from_bytes(self.option(numbers["RSC"]) or b"", "big")
        self.rqi = (self.option(numbers["RQI"]) or b"").decode()
        self.location = "".join("/" + v.decode() for n, v in options if n == LOCATION_PATH)

    def option(self, n):
        return next((v for k, v in self.options if k == n), None)

    def json(self):
        return next(iter(json.loads(self.content).values()))


class Foreign:
    """A session of `openssl s_client`, and primitives over it. `exported`: what the label's exporter gave at this end."""

    def __init__(self, port, name, *words, label="EXPORTER-oneM2M-Bootstrap", numbers=None):
        self.numbers, self.mid, self.said = numbers or IANA, 0x1000, b""
        self.process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-dtls1_2", "-ign_eof",
                                         "-keymatexport", label, "-keymatexportlen", "48", *map(str, words)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        try:
            opened = until("a session", lambda: self.read() and re.search(rb"Keying material: ([0-9A-F]{96})\n---\n", self.said), RUN_SECONDS,
                           lambda: repr(self.said[-2000:]))
        except BaseException:
            self.close()
            raise
        self.exported, self.said = opened[1].decode(), self.said[opened.end():]

    def read(self):
        ended = self.process.poll() is not None      # before the last look: what it said while it ended counts
        self.said += self.process.stdout.read() or b""
        assert self.said or not ended, "the session ended"
        return self.said

    def write(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def exchange(self, code, options, payload=b""):
        """One message and its response, which may come by itself (RFC 7252 5.2.2)."""
        self.mid += 1
        token = self.mid.to_bytes(2, "big")

        def come():
            self.read()
            while self.said[:1] == b"\x60" and self.said[1:2] == b"\0":
                self.said = self.said[4:]
            return len(self.said) > 5
        self.write(message(code, self.mid, token, options, payload))
        until("a response", come, RUN_SECONDS, lambda: repr(self.said[-500:]))
        data, self.said = self.said, b""
        got, mid, back, options, content = parse(data)
        assert back == token, data
        if data[0] >> 4 == 4:
            self.write(b"\x60\0" + mid.to_bytes(2, "big"))
        return got, options, content

    def whole(self, code, options, body=b"", szx=5):
        """In blocks, both ways, as long as either side has some (RFC 7959)."""
        size = 16 << szx
        for at in range(0, max(len(body), 1), size):
            more = at + size < len(body)
            block = [(BLOCK1, number(at // size << 4 | more << 3 | szx))] if len(body) > size else []
            got, back, content = self.exchange(code, options + block, body[at:at + size])
            if more and got != 0x5f:
                break
        while True:
            block = int.from_bytes(next((v for n, v in back if n == BLOCK2), b""), "big")
            if not block & 8:
                return Answer(got, back, content, self.numbers)
            got, back, rest = self.exchange(code, [*options, (BLOCK2, number(((block >> 4) + 1) << 4 | block & 7))])
            content += rest

    def ask(self, method, path, origin, body=None, ty=None, more=(), without=(), szx=5):
        """A primitive. `more`: options besides; `without`: numbers of some that are to be left out."""
        path, _, query = path.partition("?")
        options = [(URI_PATH, s.encode()) for s in path.strip("/").split("/")] + [(ACCEPT, JSON)]
        options += [(URI_QUERY, q.encode()) for q in query.split("&") if q]
        options += [(self.numbers["FR"], origin.encode()), (self.numbers["RQI"], b"r%d" % self.mid), (self.numbers["RVI"], b"3")]
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        options += [(FORMAT, JSON)] if body is not None else []
        options += [(self.numbers["TY"], number(ty))] if ty else []
        return self.whole(CODES[method], [o for o in options if o[0] not in without] + list(more), data, szx)

    def close(self):
        self.process.kill()
        self.process.stdin.close()
        self.process.wait(RUN_SECONDS)
        self.process.stdout.close()

    __enter__ = lambda self: self

    def __exit__(self, *_):
        self.close()


# In a namespace of its own. A machine with nothing but the base has no hosts file to put another one over: there it is all of /etc.
NAMED = """if [ -e /etc/hosts ]; then mount --bind "$0" /etc/hosts
else cp -a /etc "$0.etc" && cp "$0" "$0.etc/hosts" && mount --bind "$0.etc" /etc; fi && exec "$@"
"""


def libcoap_words(tmp_path, library, name, uri, *args):
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {name}\n")
    return ["unshare", "-m", "sh", "-c", NAMED, str(hosts), f"coap-client-{library}", "-v", "6", "-B", "20", *args, uri]


def libcoap(tmp_path, library, name, uri, *args, context=lambda: ""):
    """libcoap's client, which takes the server's name from a hosts file of its own: the last code that came, and what it said."""
    done = run(*libcoap_words(tmp_path, library, name, uri, *args), check=False)
    # the last answer: what was fetched block by block has one for each
    codes = re.findall(r"t:(?:ACK|CON|NON) c:(\d\.\d\d)", done.stdout)
    assert codes, done.stdout + done.stderr + context()
    return codes[-1], done.stdout, done.stderr
