"""A UE on Ub, for tests of a BSF: Digest AKA of RFC 3310 and TS 24.109 by hand, with a SIM of aka.py's. Shares nothing with the C
under test; each message may be bent before it is sent.
"""
import base64
import hashlib
import http.client
import re
import secrets
import xml.etree.ElementTree

import aka

OURS = "{urn:uuid:fa5410ff-74bf-4d3b-9c60-39ec6b3666e5}"
GBA = "{uri:3gpp-gba}"


def md5(*parts):
    return hashlib.md5(b":".join(p.encode() if isinstance(p, str) else p for p in parts)).hexdigest()


def parameters(header):
    return {k: q if q else w for k, q, w in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]*))', header or "")}


class Ue:
    """`sqn`: the highest that the card has taken; None takes any. After a grant: `btid`, `ks`, `rand`, `tmpi`."""

    def __init__(self, port, k, opc, impi, realm, agent="test; 3gpp-gba-tmpi", gba_u=False):
        self.port, self.k, self.opc, self.impi, self.realm, self.agent, self.gba_u = port, k, opc, impi, realm, agent, gba_u
        self.name, self.sqn, self.tmpi = impi, 0, None
        self.btid = self.ks = self.rand = self.last = None

    def send(self, authorization, method="GET", path="/", headers=None, body=None):
        """Status, headers, body. A connection of its own each time, as the messages of Ub may take."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            more = {"User-Agent": self.agent, **({"Authorization": authorization} if authorization else {}), **(headers or {})}
            c.request(method, path, body=body, headers=more)
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read()
        finally:
            c.close()

    def first(self, **more):
        return self.send(f'Digest username="{self.name}", realm="{self.realm}", nonce="", uri="/", response=""', **more)

    # --- the card ---

    def milenage(self, nonce):
        raw = base64.b64decode(nonce)
        return aka.Milenage(self.k, self.opc, raw[:16]), raw[16:32]

    def sqn_of(self, m, autn):
        """SQN, or None when MAC is wrong: then a UE says nothing more."""
        sqn = int.from_bytes(aka.xor(autn[:6], m.ak), "big")
        return sqn if m.autn(sqn, autn[6:8], self.gba_u) == autn else None

    # --- message 3 ---

    def digest(self, p, password, method, body=b""):
        ha2 = md5(method, p["uri"], hashlib.md5(body).hexdigest()) if p["qop"] == "auth-int" else md5(method, p["uri"])
        return md5(md5(p["username"], p["realm"], password), p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2)

    def answer_to(self, challenge, auts=None, password=None, **bent):
        c = parameters(challenge)
        m, _ = self.milenage(c["nonce"])
        p = {"username": self.name, "realm": c["realm"], "nonce": c["nonce"], "uri": "/", "qop": "auth-int", "nc": "00000001",
             "cnonce": secrets.token_hex(16), "opaque": c["opaque"], "algorithm": "AKAv1-MD5", **bent}
        p["response"] = bent.get("response") or self.digest(p, b"" if auts else m.res if password is None else password, "GET")
        if auts:
            p["auts"] = base64.b64encode(auts).decode()
        unquoted = ("qop", "nc", "algorithm")
        return "Digest " + ", ".join(f"{k}={v}" if k in unquoted else f'{k}="{v}"' for k, v in p.items()), p, m

    def respond(self, challenge, **bent):
        """Message 3 and what comes of it; a granted answer is checked as a UE must."""
        text, p, m = self.answer_to(challenge, **bent)
        self.last = text
        status, headers, body = self.send(text)
        if status == 200:
            self.take(p, m, headers, body)
        return status, headers, body

    def take(self, p, m, headers, body):
        info = parameters(headers["Authentication-Info"])
        assert info["rspauth"] == self.digest(p, m.res, "", body), "the BSF does not prove itself"
        assert (info["cnonce"], info["nc"], info["nonce"], info["opaque"]) == (p["cnonce"], p["nc"], p["nonce"], p["opaque"]), info
        tree = xml.etree.ElementTree.fromstring(body)
        assert tree.tag == GBA + "BootstrappingInfo"
        self.btid, self.lifetime = tree.find(GBA + "btid").text, tree.find(GBA + "lifetime").text
        extension = tree.find(GBA + "Extension")
        self.instructions, self.configuration = (None if extension is None else extension.findtext(OURS + n) for n in ("instructions", "configuration"))
        self.ks, self.rand = m.ck + m.ik, m.rand
        domain = self.btid.split("@", 1)[1]
        self.tmpi = base64.b64encode(aka.kdf(self.ks, 1, b"gba-me", self.rand, self.impi.encode(),
                                             domain.encode() + bytes.fromhex("0100000100"))[:24]).decode() + "@tmpi.bsf.3gppnetwork.org"

    def bootstrap(self):
        """A whole run, resynchronisation included."""
        status, headers, body = self.first()
        for _ in range(4):
            if status != 401:
                break
            challenge = headers["WWW-Authenticate"]
            m, autn = self.milenage(parameters(challenge)["nonce"])
            sqn = self.sqn_of(m, autn)
            assert sqn is not None, "MAC failure: not our AuC, or AUTN for the other context"
            if sqn > self.sqn:
                self.sqn = sqn
                status, headers, body = self.respond(challenge)
            else:
                status, headers, body = self.respond(challenge, auts=m.auts(self.sqn))
        return status, headers, body

    def ks_naf(self, fqdn, ua="01000100ae", use=b"gba-me"):
        return aka.ks_naf(self.ks, self.rand, self.impi, fqdn.encode() + bytes.fromhex(ua), use)
