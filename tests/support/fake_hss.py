"""An HSS in few lines, for tests of a BSF: Zh over HTTP/1.1 by mutual TLS (TS 29.562), with the AuC in the same hand. Shares
nothing with the C under test; AKA is aka.py's. `spoil` may change or replace what it answers.
"""
import http.server
import json
import re
import secrets
import ssl
import threading
import urllib.parse

import aka


class Subscriber:
    def __init__(self, k, opc, uss=None, uicc_type="GBA", lifetime=None, sqn=0x1000):
        self.k, self.opc, self.sqn = k, opc, sqn
        self.fixed = None               # (RAND, SQN, AMF): a published vector instead of a fresh one
        self.uicc_type, self.lifetime = uicc_type, lifetime
        self.uss = uss if uss is not None else [uss_of("m2m", "//sp.example.com/CSE000001")]

    def vector(self):
        if self.fixed:
            rand, sqn, amf = self.fixed
        else:
            self.sqn += 32
            rand, sqn, amf = secrets.token_bytes(16), self.sqn, bytes(2)
        m = aka.Milenage(self.k, self.opc, rand)
        return {"rand": rand.hex(), "autn": m.autn(sqn, amf).hex(), "xres": m.res.hex(), "ck": m.ck.hex(), "ik": m.ik.hex()}

    def guss(self):
        info = {"uiccType": self.uicc_type, **({"lifeTime": self.lifetime} if self.lifetime else {})}
        return {"guss": {"bsfInfo": info, "ussList": [{"uss": u} for u in self.uss]}}


def uss_of(group, *ids, gsid=1000001):
    return {"gsId": gsid, "gsType": 0, "ueIds": [{"ueId": i} for i in ids], **({"nafGroup": group} if group else {})}


class FakeHss:
    """`log`: who asked for what, in order. `clients`: common and alternative names of the certificates that were shown. `suites`: what was
    agreed on."""

    def __init__(self, certificate, key, anchors):
        self.subscribers, self.log, self.clients, self.suites, self.spoil = {}, [], set(), set(), None
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.tls.load_verify_locations(anchors)
        self.tls.verify_mode = ssl.CERT_REQUIRED

    def vector(self, subscriber, impi, body):
        ask = json.loads(body)
        assert ask["authenticationScheme"] == "DIGEST_AKAV1_MD5", ask
        again = ask.get("resynchronizationInfo")
        if again:
            self.log.append(("resync", impi))
            m = aka.Milenage(subscriber.k, subscriber.opc, bytes.fromhex(again["rand"]))
            sqn = m.sqn_of_auts(bytes.fromhex(again["auts"]))
            if sqn is None:
                return 403, {"title": "Forbidden", "status": 403, "cause": "AUTS_INVALID"}
            subscriber.sqn = max(subscriber.sqn, sqn)
        else:
            self.log.append(("vector", impi))
        return 200, {"impi": impi, "3gAkaAv": subscriber.vector()}

    def answer(self, method, path, body):
        found = re.fullmatch(r"/nhss-gba-(ueau|sdm)/v1/impi-([^/]+)/(security-information/generate-auth-data|subscriber-data)", path)
        assert found and (method, found[1]) in (("POST", "ueau"), ("GET", "sdm")), (method, path)
        impi = urllib.parse.unquote(found[2])
        subscriber = self.subscribers.get(impi)
        if subscriber is None:
            self.log.append(("unknown", impi))
            return 404, {"title": "Not Found", "status": 404, "cause": "USER_NOT_FOUND"}
        return self.vector(subscriber, impi, body) if method == "POST" else (200, subscriber.guss())

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.clients |= {v for _, v in self.connection.getpeercert().get("subjectAltName", ())}
                outer.suites.add(self.connection.cipher()[0])
                given = outer.spoil(self.command, self.path, body) if outer.spoil else None
                status, content, *more = given or outer.answer(self.command, self.path, body)
                octets = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status < 300 else "application/problem+json")
                self.send_header("Content-Length", str(len(octets)))
                for name, value in (more[0] if more else {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(octets)

            do_GET = do_POST = do

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def get_request(self):
                peer, address = super().get_request()
                # the handshake is the handler's thread's
                return outer.tls.wrap_socket(peer, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, *_):
                pass                    # a peer that does not trust us, or whom we do not

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
