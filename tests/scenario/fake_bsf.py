"""A BSF of a mobile operator, as far as a NAF sees it: Nbsp_GBA (TS 29.309) over HTTP/1.1 and mutual TLS, on Python's own
stack and keys of its own reckoning (tests/support/aka.py). Its subscribers have bootstrapped already.
"""
import http.server
import json
import os
import socketserver
import ssl
import threading
import time

from aka import btid, ks_naf
from support import RUN_SECONDS, run

DOMAIN = "bsf.mnc001.mcc001.pub.3gppnetwork.org"
PATH = "/nbsp-gba/v1/bootstrapping-info-retrieval"


class Subscriber:
    """Somebody with a SIM whose Ub run is over."""

    def __init__(self, uid, ks=None, rand=None, impi="001010000000001@ims.mnc001.mcc001.3gppnetwork.org", life=3600):
        self.uid, self.impi = uid, impi
        self.ks, self.rand = ks or os.urandom(32), rand or os.urandom(16)
        self.until = time.time() + life
        self.btid = btid(self.rand, DOMAIN)
        self.uss = [{"uss": {"gsId": 1000001, "gsType": 0, "ueIds": [{"ueId": uid}]}}] if uid else []

    def key(self, naf, ua):
        """Ks_NAF in hex, as the UE reckons it."""
        return ks_naf(self.ks, self.rand, self.impi, naf.encode() + bytes.fromhex(ua)).hex()


class FakeBsf:
    """`asked` is what NAFs have asked: (who their certificate says they are, the question)."""

    def __init__(self, directory, client_anchor, name="bsf.operator.example"):
        directory.mkdir()
        self.name, self.subscribers, self.asked, self.answer = name, {}, [], None
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "30", "-subj", "/CN=operator", "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=directory)
        self.anchor = directory / "ca.pem"
        for host in (name, "impostor.example"):
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", f"{host}.key", "-out", "csr",
                "-subj", f"/CN={host}", cwd=directory)
            (directory / "ext").write_text(f"subjectAltName=DNS:{host}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n")
            run("openssl", "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "ext", "-days", "30", "-out",
                f"{host}.pem", cwd=directory)
        self.context, self.impostor = (self._context(directory / host, client_anchor) for host in (name, "impostor.example"))
        self.shown = self.context
        bsf = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = RUN_SECONDS

            def do_POST(self):      # noqa: N802 the library's name for it
                bsf._serve(self)

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address):
                try:
                    request.settimeout(RUN_SECONDS)
                    with bsf.shown.wrap_socket(request, server_side=True) as tls:
                        self.RequestHandlerClass(tls, client_address, self)
                except OSError:
                    pass            # one that does not trust us, or that we do not

            def shutdown_request(self, request):
                self.close_request(request)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @staticmethod
    def _context(prefix, client_anchor):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{prefix}.pem", f"{prefix}.key")
        context.load_verify_locations(client_anchor)
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")       # of TLS 1.2: with nothing else there is HTTP/2 (RFC 9113 9.2.2)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def list(self, *revoked, seconds=86400):
        """Its CA's list: the certificates of those names are revoked; it ends in so many seconds, or has ended so long ago."""
        where = self.anchor.parent
        (where / "index").write_text("")
        (where / "ca.conf").write_text("[ca]\ndefault_ca = d\n[d]\ndatabase = index\ndefault_md = sha256\n")
        ca = ("openssl", "ca", "-config", "ca.conf", "-keyfile", "ca.key", "-cert", "ca.pem")
        for name in revoked:
            run(*ca, "-revoke", f"{name}.pem", cwd=where)
        times = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + t)) for t in (-3600, seconds)]
        run(*ca, "-gencrl", "-crl_lastupdate", times[0], "-crl_nextupdate", times[1], "-out", "operator.crl", cwd=where)
        return where / "operator.crl"

    def add(self, subscriber):
        self.subscribers[subscriber.btid] = subscriber
        return subscriber

    def _serve(self, request):
        question = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        question["nafId"]["uaSecProtId"] = question["nafId"]["uaSecProtId"].upper()      # either case will do
        naf = dict(request.connection.getpeercert()["subjectAltName"])["DNS"]
        self.asked.append((naf, question))
        status, body = self.answer or self._decide(naf, request.path, question)
        data = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json" if status == 200 else "application/problem+json")
        if status == 503:
            request.send_header("Retry-After", "3")
        if self.answer:             # the next one comes on a session of its own
            request.send_header("Connection", "close")
            request.close_connection = True
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _decide(self, naf, path, q):
        s = self.subscribers.get(q["btId"])
        if path != PATH or not s or s.until <= time.time():
            return 404, {"title": "no such bootstrapping", "status": 404}
        if naf != q["nafId"]["nafFqdn"]:
            return 403, {"title": "not your name", "status": 403}
        return 200, {"meKeyMaterial": s.key(naf, q["nafId"]["uaSecProtId"]), "gbaType": "3G_GBA", "impi": s.impi, "ussList": s.uss,
                     "keyExpiryTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s.until))}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(RUN_SECONDS)

    def settings(self, connect_to=None):
        """What stands in the group of a NAF."""
        return (f'\n  bsfs = ( {{ fqdn = "{self.name}"; uri = "https://{self.name}:{self.port}"; connect_to = "{connect_to or f"127.0.0.1:{self.port}"}";'
                f' domains = [ "{DOMAIN}" ]; }} );\n  bsf_anchors = [ "{self.anchor}" ];')
