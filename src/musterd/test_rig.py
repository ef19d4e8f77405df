"""An installation for test-musterd.py, and who talks to it: made by test-lay, without the operator's tools that the
scenarios use (tests/scenario/support.py), so that each process can be spoiled. Arguments: MUSTERD TEST-LAY MODE.
"""
import http.client, json, os, pathlib, re, shutil, signal, socket, ssl, struct, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
import waiting
from waiting import free_port

ASAN_ON_FIBRES = re.compile(r"^(==\d+==WARNING: ASan is ignoring requested __asan_handle_no_return.*|"
                            r"False positive error reports may follow|For details see https://github.com/google/sanitizers.*)\n", re.M)

MUSTERD, LAY, MODE = sys.argv[1:4]
DEADLINE = 60
NODE = "urn:dev:ops:test-1"
REG = '{"sec:mefClientReg":{"et":"20990101T000000","adminFQDN":"sp.example.com"}}'


def until(what, check):
    return waiting.until(what, check, DEADLINE)


class Installation:
    def __init__(self, extra="", mode=MODE):
        self.dir = tempfile.mkdtemp(prefix="musterd-")
        subprocess.run([LAY, self.dir], check=True, timeout=30)
        self.mef_port, self.extra, self.mode = free_port(), extra, mode
        self.listeners, self.mef_host, self.mef_at = 2, "localhost", self.mef_port
        self.maf_anchor, self.lifetime = "", "3650d"
        self.conf, self.proc, self.err = self.dir + "/musterd.conf", None, self.dir + "/err"
        open(self.err, "w").close()
        self.write_conf()

    def write_conf(self, add=""):
        with open(self.conf, "w") as f:
            f.write('processes = "%s"; listeners = %d; metrics = "127.0.0.1:0"; log = { level = "debug"; format = "json"; };\n'
                    'mef = { fqdn = "mef.example.com"; listen = ["127.0.0.1:%d"]; certificate = "tls/mef.pem"; key = "tls/mef.key";'
                    ' client_anchors = ["anchors/"]; mafs = ["maf.example.com"]; maf_anchor = "%s"; registration_lifetime = "%s"; };\n'
                    'maf = { fqdn = "maf.example.com"; listen = ["127.0.0.1:0"]; certificate = "tls/maf.pem"; key = "tls/maf.key";'
                    ' client_anchors = []; mef_anchors = ["anchors/"]; require_mef_crl = false;'
                    ' mefs = ( { fqdn = "mef.example.com"; uri = "https://mef.example.com:%d"; connect_to = "%s:%d"; } ); };\n'
                    'admin = { listen = ["unix:run/admin.sock"]; };\n%s\n%s\n'
                    % (self.mode, self.listeners, self.mef_port, self.maf_anchor, self.lifetime, self.mef_port, self.mef_host, self.mef_at, self.extra, add))

    def start(self):
        self.proc = subprocess.Popen([MUSTERD, "-c", self.conf], stdout=subprocess.PIPE, stderr=open(self.err, "ab"))
        line = self.proc.stdout.readline().decode()
        assert line.startswith("ready pid=%d " % self.proc.pid), (line, self.log())
        self.at = dict(w.split("=", 1) for w in line.split()[1:])
        return self

    def log(self):
        with open(self.err, errors="replace") as f:
            text = f.read()
        # AddressSanitizer tells that it cannot follow a handshake's fibre; that is no line of the daemon's
        return ASAN_ON_FIBRES.sub("", text) if "MST_SANITIZED" in os.environ else text

    def children(self):
        try:
            with open("/proc/%d/task/%d/children" % (self.proc.pid, self.proc.pid)) as f:
                pids = [int(p) for p in f.read().split()]
        except FileNotFoundError:
            return {}
        out = {}
        for p in pids:
            try:
                with open("/proc/%d/cmdline" % p, "rb") as f:
                    m = re.search(rb"--name=([^\0]+)", f.read())
                if m:
                    out[m.group(1).decode()] = p
            except (FileNotFoundError, ProcessLookupError):
                pass
        return out

    def stop(self, sig=signal.SIGTERM):
        self.proc.send_signal(sig)
        return self.proc.wait(timeout=DEADLINE)

    def admin(self, method, path, body=None):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(DEADLINE)
        s.connect(self.dir + "/run/admin.sock")
        c = http.client.HTTPConnection("localhost")
        c.sock = s
        c.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read()
        c.close()
        return r.status, json.loads(text) if text else None

    def page(self, path):
        host, port = self.at["metrics"].rsplit(":", 1)
        c = http.client.HTTPConnection(host, int(port), timeout=DEADLINE)
        c.request("GET", path)
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r.status, text

    def tls(self, cert="node.pem", key="node.key"):
        ctx = ssl.create_default_context(cafile=self.dir + "/anchors/ca.pem")
        if cert:
            ctx.load_cert_chain(self.dir + "/" + cert, self.dir + "/" + key)
        raw = socket.create_connection(("127.0.0.1", self.mef_port), timeout=DEADLINE)
        return ctx.wrap_socket(raw, server_hostname="mef.example.com")

    def request(self):
        return ("POST /MEFBase HTTP/1.1\r\nHost: mef.example.com\r\nX-M2M-Origin: %s\r\nX-M2M-RI: r1\r\nX-M2M-RVI: 3\r\n"
                "X-M2M-VSI: attempt=0123456789abcdef0123456789abcdef\r\nContent-Type: application/json;ty=65001\r\n"
                "Accept: application/json\r\nContent-Length: %d\r\n\r\n%s" % (NODE, len(REG), REG)).encode()

    def register(self):
        with self.tls() as s:
            s.sendall(self.request())
            return read_answer(s)

    def provision(self):
        st, b = self.admin("POST", "/v1/subscriptions", {"id": "sub-1", "spFQDN": "sp.example.com", "mafFQDN": "maf.example.com",
                           "mafURI": "https://maf.example.com:8444", "registrarCSE": "//sp.example.com/IN-CSE",
                           "registrarPoA": "https://cse.example.com", "notBefore": "20200101T000000", "notAfter": "20990101T000000",
                           "keyLifetime": 31536000})
        assert st == 201, (st, b)
        st, b = self.admin("POST", "/v1/nodes", {"nodeID": NODE, "cseID": "//sp.example.com/CSE0001", "subscription": "sub-1"})
        assert st == 201, (st, b)

    def remove(self):
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        shutil.rmtree(self.dir)


def low_port():
    """A free one below 1024; for who may not look, 1."""
    # others look for one at the same moment: each begins somewhere else
    for port in (512 + (os.getpid() + k) % 512 for k in range(512)):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except PermissionError:
                return 1
            except OSError:
                pass
    raise AssertionError("no port below 1024 is free")


def read_answer(s):
    r = http.client.HTTPResponse(s)
    r.begin()
    return r.status, r.getheader("X-M2M-RSC"), r.read().decode()


def gone(pids):
    def dead(p):
        try:
            with open("/proc/%d/stat" % p) as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    return all(dead(p) for p in pids)


def exporter_session(i):
    """Registration over openssl s_client, whose exporter gives Ke as the node would have it (TS-0003 10.3.4)."""
    reg = i.request().decode()
    key = '{"sec:symmKeyReg":{"et":"20990101T000000","adminFQDN":"sp.example.com","SUID":21,"targetIDs":["maf.example.com"]}}'
    reg2 = ("POST /MEFBase HTTP/1.1\r\nHost: mef.example.com\r\nX-M2M-Origin: %s\r\nX-M2M-RI: r2\r\nX-M2M-RVI: 3\r\n"
            "Content-Type: application/json;ty=65003\r\nAccept: application/json\r\nContent-Length: %d\r\n"
            "Connection: close\r\n\r\n%s" % (NODE, len(key), key))
    p = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % i.mef_port, "-servername", "mef.example.com",
                          "-cert", i.dir + "/node.pem", "-key", i.dir + "/node.key", "-CAfile", i.dir + "/anchors/ca.pem",
                          "-keymatexport", "EXPORTER-oneM2M-Bootstrap", "-keymatexportlen", "48", "-ign_eof", "-tls1_2"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = p.communicate((reg + reg2).encode(), timeout=DEADLINE)[0].decode(errors="replace")
    m = re.search(r"Keying material: ([0-9A-F]{96})", out)
    assert m and out.count("X-M2M-RSC: 2001") == 2, out
    material = bytes.fromhex(m.group(1))
    return material[:16].hex().upper() + "@mef.example.com", material[16:]


def record(kind, body):
    return bytes([kind]) + b"\x03\x03" + struct.pack(">H", len(body)) + body


def message(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def client_hello(name, ems=True):
    n = name.encode()
    names = struct.pack(">HBH", len(n) + 3, 0, len(n)) + n
    ext = struct.pack(">HH", 0, len(names)) + names + (struct.pack(">HH", 0x17, 0) if ems else b"")
    return record(22, message(1, b"\x03\x03" + os.urandom(32) + b"\0" + struct.pack(">HH", 2, 0x00AE) + b"\x01\0" +
                              struct.pack(">H", len(ext)) + ext))


def psk_begin(i, identity, finish=True, source="127.0.0.1"):
    """A TLS-PSK handshake (TLS_PSK_WITH_AES_128_CBC_SHA256) by hand, up to the identity; `finish` with nonsense."""
    host, port = i.at["maf"].rsplit(":", 1)
    s = socket.create_connection((host, int(port)), timeout=DEADLINE, source_address=(source, 0))
    s.sendall(client_hello("maf.example.com"))
    buf = b""
    while message(14, b"") not in buf:
        got = s.recv(4096)
        assert got, "the server ended the handshake"
        buf += got
    s.sendall(record(22, message(16, struct.pack(">H", len(identity)) + identity.encode())))
    if finish:
        s.sendall(record(20, b"\1") + record(22, os.urandom(80)))
    return s


def stranger(fqdn="maf.example.com"):
    return os.urandom(16).hex().upper() + "@" + fqdn


def s_client(i, endpoint, name, *args, text=b"", **env):
    p = subprocess.Popen(["openssl", "s_client", "-connect", endpoint, "-servername", name, "-CAfile", i.dir + "/anchors/ca.pem",
                          "-ign_eof", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env=dict(os.environ, **env))
    return p.communicate(text, timeout=DEADLINE)[0].decode(errors="replace")


def psk_answer(i, identity, key, path="/MAFBase"):
    body = '{"sec:mafClientReg":{"et":"20990101T000000","adminFQDN":"sp.example.com"}}'
    req = ("POST %s HTTP/1.1\r\nHost: maf.example.com\r\nX-M2M-Origin: /CSE0001\r\nX-M2M-RI: r3\r\nX-M2M-RVI: 3\r\n"
           "Content-Type: application/json;ty=65002\r\nAccept: application/json\r\nContent-Length: %d\r\n"
           "Connection: close\r\n\r\n%s" % (path, len(body), body))
    p = subprocess.Popen(["openssl", "s_client", "-connect", i.at["maf"], "-servername", "maf.example.com", "-psk", key.hex(),
                          "-psk_identity", identity, "-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256:ECDHE-PSK-AES128-CBC-SHA256",
                          "-ign_eof", "-quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.communicate(req.encode(), timeout=DEADLINE)[0].decode(errors="replace")


def proc_status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
