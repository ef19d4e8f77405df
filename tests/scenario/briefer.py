"""A briefing node that shares no code with ours: Python's TLS and json, cbor2. It answers by a script and writes down
what it was asked and told. Its certificate is signed by a CA of its own, so instructions must bring the anchor.
"""
import base64
import datetime
import itertools
import json
import pathlib
import queue
import socket
import ssl
import threading

import cbor2

from support import RUN_SECONDS, run

KEYS = {"version": 1, "serverTime": 2, "sequence": 3}
SEQUENCE = {"version": 1, "id": 2, "validFrom": 3, "validUntil": 4, "instructions": 5}
INSTRUCTION = ("kind", "method", "uri", "anchors", "pins", "target", "SUID", "adminFQDN", "mafURI", "expires", "httpPort",
               "coapPort", "websocketPort", "label")
METHODS = {"psk": 1, "cert": 2, "gba": 3, "file": 16, "bbn": 17, "bsf": 18, "dns-sd": 19, "dns-srv": 20, "dhcp": 21}
WHY = ("no-rule", "unknown-node", "not-authenticated", "mismatch", "not-active", "no-method", "malformed", "busy")
ASK = ("version", "attempt", "nodeID", "deviceID", "imsi", "maker", "model", "serial", "batch", "firmware", "methods",
       "transports", "location", "failures")
REPORT = ("version", "attempt", "done", "enrolled", "target", "failures")
FAILURE = ("resource", "method", "reason", "step", "detail", "when")
LOCATION = ("latitude", "longitude", "accuracy", "cell", "site")


def der(pem):
    return base64.b64encode(ssl.PEM_cert_to_DER_cert(pathlib.Path(pem).read_text())).decode()


def stamp(moment=None):
    return (moment or datetime.datetime.now(datetime.timezone.utc)).strftime("%Y%m%dT%H%M%S")


def seconds(text):
    return int(datetime.datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=datetime.timezone.utc).timestamp())


def cbor_instruction(one):
    out = {}
    for key, name in enumerate(INSTRUCTION, 1):
        value = one.get(name)
        if value is None:
            continue
        value = {"kind": lambda v: {"bootstrap": 1, "discovery": 2}[v], "method": METHODS.get, "expires": seconds,
                 "anchors": lambda v: [base64.b64decode(a) for a in v]}.get(name, lambda v: v)(value)
        out[key] = value
    return out


def cbor_answer(answer):
    if "why" in answer:
        return cbor2.dumps({1: 1, 2: WHY.index(answer["why"]) + 1, **({3: answer["text"]} if "text" in answer else {})})
    s = answer["sequence"]
    return cbor2.dumps({1: 1, 2: seconds(answer["serverTime"]),
                        3: {1: 1, 2: s["id"], 5: [cbor_instruction(i) for i in s["instructions"]]}})


def names(table, value):
    return {table[k - 1]: v for k, v in value.items()}


def from_cbor(octets, table):
    value = names(table, cbor2.loads(octets))
    turned = {v: k for k, v in METHODS.items()}
    if "methods" in value:
        value["methods"] = [turned[m] for m in value["methods"]]
    if "location" in value:
        value["location"] = names(LOCATION, value["location"])
    value["failures"] = [{k: turned[v] if k == "method" else v for k, v in names(FAILURE, f).items()}
                         for f in value.get("failures", [])]
    return value


class Asked:
    def __init__(self, path, headers, body, subject, who):
        self.path, self.headers, self.raw, self.subject, self.by = path, headers, body, subject, who
        self.cbor = headers.get("content-type") == "application/cbor"
        table = REPORT if path.endswith("/report") else ASK
        self.body = from_cbor(body, table) if self.cbor else {"failures": [], **json.loads(body)}


class Briefer:
    """`script`: called with each question; gives (status, body as a dict or octets[, headers]) or instructions."""

    COUNT = itertools.count(1)

    def __init__(self, directory, name, script, makers=(), cert_name=None, moment=None):
        self.dir, self.name, self.script = pathlib.Path(directory), name, script
        self.dir.mkdir()
        self.asked, self.told, self.handshakes = [], queue.Queue(), 0
        openssl = ("openssl",)
        run(*openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "ca.key", "-out",
            "ca.pem", "-days", "3650", "-subj", f"/CN=CA of {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=self.dir)
        run(*openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "bbn.key", "-out", "bbn.csr",
            "-subj", f"/CN={name}", cwd=self.dir)
        (self.dir / "ext").write_text(f"subjectAltName=DNS:{cert_name or name}\nkeyUsage=critical,digitalSignature\n"
                                      "extendedKeyUsage=serverAuth\n")
        run(*openssl, "x509", "-req", "-in", "bbn.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "ext", "-days", "3600", "-out",
            "bbn.pem", cwd=self.dir)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.dir / "bbn.pem", self.dir / "bbn.key")
        self.context.verify_mode = ssl.CERT_OPTIONAL
        for maker in makers:
            self.context.load_verify_locations(maker)
        self.moment = moment
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def instruction(self, path="/briefing", anchor=True, **more):
        one = {"kind": "discovery", "method": "bbn", "uri": f"https://{self.name}:{self.port}{path}", **more}
        if anchor:
            one["anchors"] = [der(self.dir / "ca.pem")]
        return one

    def pin(self):
        """The public key identifier of TS-0003 10.3: ni:///sha-256;…"""
        spki = run("openssl", "x509", "-in", self.dir / "bbn.pem", "-noout", "-pubkey").stdout
        digest = run("sh", "-c", f"openssl pkey -pubin -in /dev/stdin -outform DER | openssl dgst -sha256 -binary | base64", stdin=spki).stdout
        return "ni:///sha-256;" + digest.strip().rstrip("=").replace("+", "-").replace("/", "_")

    def answer_to(self, q):
        made = self.script(q)
        if isinstance(made, list):
            made = (200, {"version": 1, "serverTime": stamp(self.moment),
                          "sequence": {"version": 1, "id": f"{next(self.COUNT):032x}", "instructions": made}})
        status, body, headers = (*made, {})[:3]
        if isinstance(body, dict):
            headers = {"Content-Type": "application/cbor" if q.cbor else "application/json", **headers}
            body = cbor_answer(body) if q.cbor else json.dumps(body).encode()
        return status, body, headers

    def one(self, s):
        data = b""
        while b"\r\n\r\n" not in data:
            got = s.recv(65536)
            if not got:
                return False
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            body += s.recv(65536)
        peer = s.getpeercert() or {}
        q = Asked(lines[0].split()[1], headers, body, peer.get("subjectAltName", ()), self.name)
        if q.path.endswith("/report"):
            self.told.put(q)            # before the answer: who has it may have ended already
            s.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return True
        self.asked.append(q)
        status, out, extra = self.answer_to(q)
        text = "".join(f"{k}: {v}\r\n" for k, v in {"Content-Length": len(out), **extra}.items())
        s.sendall(f"HTTP/1.1 {status} So\r\n{text}\r\n".encode() + out)
        return True

    def connection(self, raw):
        raw.settimeout(RUN_SECONDS)
        try:
            with self.context.wrap_socket(raw, server_side=True) as s:
                self.handshakes += 1
                while self.one(s):
                    pass
        except OSError:
            raw.close()

    def serve(self):
        while True:
            try:
                raw, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.connection, args=(raw,), daemon=True).start()

    def report(self):
        return self.told.get(timeout=RUN_SECONDS).body

    def reports(self):
        """All that were told until now."""
        out = []
        while not self.told.empty():
            out.append(self.told.get().body)
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(RUN_SECONDS)


def dial(node, *briefers, add=""):
    """The node dials these names here."""
    node.configure(add=add)
    conf = node.dir / "muster-agent.conf"
    more = "".join(f'  {{ name = "{b.name}:{b.port}"; address = "127.0.0.1:{b.port}"; }},\n' for b in briefers)
    conf.write_text(conf.read_text().replace("connect_to = (\n", "connect_to = (\n" + more))
