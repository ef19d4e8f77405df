"""A BSF in few lines, for tests of a UE: Ub of TS 24.109 on plain HTTP/1.1, with the HSS in the same hand. Shares nothing with
the C under test; AKA is aka.py's. `spoil` may change or replace what it answers.
"""
import base64
import datetime
import hashlib
import http.server
import re
import secrets
import threading
from xml.sax.saxutils import escape

import aka

OURS = "urn:uuid:fa5410ff-74bf-4d3b-9c60-39ec6b3666e5"


def md5(*parts):
    return hashlib.md5(b":".join(p.encode() if isinstance(p, str) else p for p in parts)).hexdigest()


def parameters(header):
    return {k: q if q else w for k, q, w in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]*))', header)}


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class StrangeBsf:
    """`sqn` is the last one given out. `log` has, in order, who asked and what for. After a grant: `btid`, `ks`, `rand`."""

    def __init__(self, k, opc, imsi="001010000000001", gba_u=False, lifetime=3600, instructions=None, configuration=None, close=False,
                 tell_time=True, realm=None, qop="auth-int", tmpi=True, granted=None):
        self.k, self.opc, self.gba_u, self.lifetime, self.close, self.tell_time, self.qop, self.tmpi = k, opc, gba_u, lifetime, close, tell_time, qop, tmpi
        mcc, mnc = imsi[:3], imsi[3:5].zfill(3)
        self.impi = f"{imsi}@ims.mnc{mnc}.mcc{mcc}.3gppnetwork.org"
        self.fqdn = f"bsf.mnc{mnc}.mcc{mcc}.pub.3gppnetwork.org"
        self.realm = realm or self.fqdn
        self.instructions, self.configuration, self.granted = instructions, configuration, granted
        self.sqn, self.pending, self.known_tmpi, self.spoil = 0x1000, {}, None, None
        self.log, self.btid, self.ks, self.rand, self.grants = [], None, None, None, 0
        self.shift, self.amf = datetime.timedelta(0), bytes(2)

    # --- AuC and BSF ---

    def challenge(self, stale=False):
        self.sqn += 32
        rand = secrets.token_bytes(16)
        autn = aka.Milenage(self.k, self.opc, rand).autn(self.sqn, self.amf, self.gba_u)
        nonce, opaque = base64.b64encode(rand + autn).decode(), secrets.token_hex(8)
        self.pending[nonce] = (rand, opaque)
        return 401, {"WWW-Authenticate": f'Digest realm="{self.realm}", nonce="{nonce}", algorithm=AKAv1-MD5, qop="{self.qop}", opaque="{opaque}"'
                     + (", stale=true" if stale else "")}, b""

    def body(self, btid, now):
        inside = f"<currenttime>{stamp(now)}</currenttime>" if self.tell_time else ""
        for name, text in (("instructions", self.instructions), ("configuration", self.configuration)):
            if text:
                inside += f'<{name} xmlns="{OURS}">{escape(text)}</{name}>'
        return (f'<?xml version="1.0" encoding="UTF-8"?>\n<BootstrappingInfo xmlns="uri:3gpp-gba">\n<btid>{btid}</btid>\n'
                f"<lifetime>{stamp(now + datetime.timedelta(seconds=self.lifetime))}</lifetime>\n"
                + (f"<Extension>{inside}</Extension>\n" if inside else "") + "</BootstrappingInfo>\n").encode()

    def digest(self, p, password, method, body):
        ha2 = md5(method, p["uri"], hashlib.md5(body).hexdigest()) if p["qop"] == "auth-int" else md5(method, p["uri"])
        return md5(md5(p["username"], p["realm"], password), p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2)

    def answer(self, p):
        name = p.get("username", "")
        if name not in (self.impi, self.known_tmpi):
            self.log.append(("unknown", name))
            return 403, {}, b""
        if not p.get("nonce"):
            self.log.append(("asked", "tmpi" if name != self.impi else "impi"))
            return self.challenge()
        rand, opaque = self.pending.pop(p["nonce"], (None, None))
        if rand is None:
            return self.challenge(stale=True)
        m = aka.Milenage(self.k, self.opc, rand)
        resync = "auts" in p
        if p["opaque"] != opaque or p["response"] != self.digest(p, b"" if resync else m.res, "GET", b""):
            self.log.append(("wrong", name))
            return 403, {}, b""
        if resync:
            self.sqn = m.sqn_of_auts(base64.b64decode(p["auts"]))
            self.log.append(("resync", self.sqn))
            return self.challenge()
        return self.grant(p, m)

    def grant(self, p, m):
        now = datetime.datetime.now(datetime.timezone.utc) + self.shift
        self.btid = aka.btid(m.rand, self.fqdn)
        self.ks, self.rand = m.ck + m.ik, m.rand
        body = self.body(self.btid, now)
        self.grants += 1
        self.log.append(("granted", self.btid))
        if self.tmpi:
            self.known_tmpi = base64.b64encode(aka.kdf(self.ks, 1, b"gba-me", self.rand, self.impi.encode(),
                                                       self.fqdn.encode() + bytes.fromhex("0100000100"))[:24]).decode() + "@tmpi.bsf.3gppnetwork.org"
        if self.granted:
            self.granted()
        return 200, {"Authentication-Info": f'qop={p["qop"]}, rspauth="{self.digest(p, m.res, "", body)}", cnonce="{p["cnonce"]}", nc={p["nc"]}, '
                     f'opaque="{p["opaque"]}", nonce="{p["nonce"]}"', "Content-Type": "application/vnd.3gpp.bsf+xml"}, body

    def ks_naf(self, fqdn, ua="01000100ae"):
        return aka.ks_naf(self.ks, self.rand, self.impi, fqdn.encode() + bytes.fromhex(ua))

    # --- the server ---

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def version_string(self):
                return "3gpp-gba-tmpi" if outer.tmpi else "fake"

            def do_GET(self):
                given = outer.answer(parameters(self.headers.get("Authorization", "")))
                if outer.spoil:
                    given = outer.spoil(*given)
                if given is None:
                    self.close_connection = True
                    return
                if isinstance(given, bytes):
                    self.wfile.write(given)
                    self.close_connection = True
                    return
                status, headers, body = given
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                if outer.close:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
