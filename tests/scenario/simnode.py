"""What the stories of a node with a SIM share: that node, and a MAF that shares no code with ours."""
import datetime
import json
import os
import secrets
import socket
import subprocess
import threading

import pytest

from strange_bsf import StrangeBsf
from support import AGENT, RUN_SECONDS, free_port, run, until

K, OPC = secrets.token_bytes(16), secrets.token_bytes(16)
IMSI = "001010000000001"
MAF, CSE = "maf.sp.example.com", "//sp.example.com/C7"
UA_SUITE = {"01000100ae": ("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256"), "01000100a8": ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256"),
            "0100000007": ("-tls1_3",)}


class StrangeMaf:
    """`openssl s_server` with one PSK; the primitives it is sent are answered as a MAF does. Its state is the last B-TID it was told."""

    def __init__(self, ua="01000100ae"):
        self.ua, self.port, self.process, self.btid, self.seen = ua, free_port(), None, None, []
        self.stranger = False       # it forgot: an identity that it does not know

    def know(self, bsf):
        """The key of Zn, as a NAF gets it."""
        self.close()
        self.btid = bsf.btid
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-nocert", "-psk", bsf.ks_naf(MAF, self.ua).hex(), "-psk_identity",
             self.btid, *UA_SUITE[self.ua], "-quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        until("the MAF listens", lambda: self.port_open(), RUN_SECONDS)
        self.thread = threading.Thread(target=self.serve, args=(self.process,), daemon=True)
        self.thread.start()

    def port_open(self):
        return f":{self.port}" in run("ss", "-Hltn", "sport", "=", str(self.port)).stdout

    def serve(self, process):
        octets = b""
        while piece := os.read(process.stdout.fileno(), 65536):
            octets += piece
            while b"\r\n\r\n" in octets:
                head, rest = octets.split(b"\r\n\r\n", 1)
                fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
                fields = {k.lower(): v for k, v in fields.items()}
                n = int(fields.get("content-length", 0))
                if len(rest) < n:
                    break
                octets = rest[n:]
                process.stdin.write(self.answer(head.decode().split("\r\n")[0], fields))

    def answer(self, line, fields):
        method, path, _ = line.split(" ")
        self.seen.append((method, path, fields["x-m2m-origin"]))
        until_ = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=400)
        body = json.dumps({"sec:mafClientReg": {"ri": "r7", "et": until_.strftime("%Y%m%dT%H%M%S"), "adminFQDN": "sp.example.com", "clientID": CSE,
                                                "assignedSymmKeyID": self.btid}}).encode()
        status = "201 Created" if method == "POST" else "200 OK"
        return (f"HTTP/1.1 {status}\r\nX-M2M-RI: {fields['x-m2m-ri']}\r\nX-M2M-RSC: {2001 if method == 'POST' else 2000}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait(RUN_SECONDS)
            self.thread.join(RUN_SECONDS)
            for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
                pipe.close()
            self.process = None


class SimNode:
    """No certificate, no secret: a card and the names of the settings."""

    def __init__(self, path, maf, bsf, card=None, gba="", more="", instructions=None):
        self.dir, self.maf, self.bsf = path, maf, bsf
        path.mkdir()
        (path / "sim.json").write_text(json.dumps({"k": K.hex(), "opc": OPC.hex()}))
        (path / "sim.json").chmod(0o600)
        self.card = card or f'kind = "software"; imsi = "{IMSI}"; key_file = "sim.json";'
        self.instruct(*(instructions or [self.instruction()]))
        self.configure(gba, more)

    def instruction(self, uri=None, **more):
        return {"kind": "bootstrap", "method": "gba", "uri": uri or f"http://{self.bsf.fqdn}/", "target": MAF, "adminFQDN": "sp.example.com", **more}

    def discovery(self):
        return {"kind": "discovery", "method": "bsf", "uri": f"http://{self.bsf.fqdn}"}

    def instruct(self, *instructions):
        (self.dir / "instructions.json").write_text(json.dumps({"version": 1, "instructions": list(instructions)}))

    def configure(self, gba="", more="", bsf_port=None, maf_port=None):
        (self.dir / "muster-agent.conf").write_text(
            'bootstrap = "instructions.json";\nbackoff_first = "1s";\nbackoff_max = "2s";\nlog = { level = "debug"; };\n'
            f'card = {{ {self.card} }};\ngba = {{ cse_id = "{CSE}"; {gba} }};\n'
            f'connect_to = ( {{ name = "{self.bsf.fqdn}:80"; address = "127.0.0.1:{bsf_port or self.bsf.port}"; }},\n'
            f'  {{ name = "{MAF}:443"; address = "127.0.0.1:{maf_port or self.maf.port}"; }} );\n{more}')

    def agent(self, *args, check=False, env=None, wrap=()):
        return run(*wrap, AGENT, "-c", self.dir / "muster-agent.conf", *args, check=check, env=env)

    def run_once(self, **more):
        return self.agent("run", "--once", **more)

    def status(self):
        return json.loads(self.agent("status", "--json", check=True).stdout)

    def reports(self):
        return [(r["method"], r["reason"]) for r in self.status()["reports"]]


class Wire:
    """What a client says on its way to a port, octet for octet."""

    def __init__(self, port):
        self.to, self.heard = port, b""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self.to))
            back = threading.Thread(target=self.pump, args=(there, peer, False), daemon=True)
            back.start()
            self.pump(peer, there, True)
            back.join(RUN_SECONDS)

    def pump(self, one, other, note):
        try:
            while octets := one.recv(65536):
                self.heard += octets if note else b""
                other.sendall(octets)
        except OSError:
            pass
        finally:
            for s in (one, other):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(RUN_SECONDS)


@pytest.fixture
def maf():
    m = StrangeMaf()
    yield m
    m.close()


@pytest.fixture
def bsf(maf):
    with StrangeBsf(K, OPC, IMSI) as b:
        b.granted = lambda: maf.know(b)
        yield b


def enrolled(node, bsf, maf):
    c = node.status()["credential"]
    assert c["keyID"] == bsf.btid == maf.btid and c["method"] == "gba" and c["confirmed"], c
    assert maf.seen[-2:] == [("POST", "/MAFBase", "/C7"), ("GET", "/MAFBase/r7", "/C7")], maf.seen
    return c
