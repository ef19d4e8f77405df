"""The memory proof for musterd-diameter: what passes on Diameter, both ways and inside of TLS, vectors of a subscriber and keys for a NAF, is in
nobody's memory once it has been answered. Its TLS key is in memory of GnuTLS, and nowhere else.
"""
import os
import secrets
import stat

import pytest

from avps import BIR, MAR, ZH, ZN, Message, avp, gpp, message, u32, vsai
from processes import engine, peer, reach
from residue import Keys, scan
from residue_world import nobody_has_it, scalar_of
from support import free_port
from taken import Taken
from test_diameter import BTID, GUSS, GUSS_XML, IMPI, NAF_ID, NTP_1970, VECTOR, compact, holes
from test_tls import BSF, HSS, OURS, certificates, revoke, tls

ZN_ANSWER = compact({"meKeyMaterial": "", "uiccKeyMaterial": "", "keyExpiryTime": "2030-01-01T00:00:00Z", "gbaType": "3G_GBA"})


class World:
    """Ours in the middle, a foreign BSF that dials us, and a foreign HSS that we dial. `keys`: what passed, and is to be forgotten."""

    def __init__(self, d):
        certificates(d, OURS, BSF, HSS)
        revoke(d)
        secure, hss_port = free_port(), free_port()
        self.keys, self.dir = Keys(), d
        self.hss = peer(d, HSS, "operator.example", OURS, 1, port=hss_port, dial=False, tls=tls(d, HSS))
        self.engine = engine(d, OURS, f'listen = ["127.0.0.1"]; port = 0; secure_port = {secure}; certificate = "{d}/{OURS}.pem"; key = "{d}/{OURS}.key"; '
                             f'anchors = ["{d}/ca.pem"]; crls = ["{d}/crl.pem"];', [
                                 f'{{ identity = "{BSF}"; realm = "foreign.example"; }}',
                                 f'{{ identity = "{HSS}"; realm = "operator.example"; connect_to = "127.0.0.1:{hss_port}"; }}'])
        self.engine.line("ready")
        self.bsf = peer(d, BSF, "foreign.example", OURS, secure, tls=tls(d, BSF))
        self.bsf.line("open " + OURS)
        self.engine.line("peers 2")
        found, = [p for p in os.listdir("/proc") if p.isdigit() and parent_of(p) == self.engine.p.pid]
        self.pid = int(found)
        self.target = f"pid:{self.pid}"
        reach(self.bsf, self.asks(BIR, ZN, []))

    def asks(self, command, app, avps):
        return message(command, app, [avp(263, f"{BSF};0;1"), vsai(app), avp(264, BSF), avp(296, "foreign.example"), avp(283, "ours.example"), avp(293, OURS)] + avps)

    def made(self, name, n):
        key = secrets.token_bytes(n)
        self.keys.add(name, key)
        return key

    def vector(self, where):
        """RES of 16 octets, CK and IK."""
        return [self.made(f"{where}-{name}", 16) for name in ("res", "ck", "ik")]

    def mar(self):
        """A foreign BSF has a vector of ours, and the settings of the subscriber."""
        res, ck, ik = self.vector("given")
        self.bsf.tell("send", self.asks(MAR, ZH, [avp(277, u32(1)), avp(1, IMPI)]).hex())
        number = self.engine.line("exchange").split()[0]
        self.engine.tell("answer", number, 200, (res + ck + ik).hex(), holes(VECTOR, ("xres", 16), ("ck", 16), ("ik", 16)), VECTOR)
        self.engine.tell("answer", self.engine.line("exchange").split()[0], 200, "-", "-", compact(GUSS))
        m = Message(self.bsf.line("answer"))
        assert (m.result(), m.get(610, 612), m.get(625, 612), m.get(626, 612)) == (2001, res, ck, ik)

    def bir(self):
        """A foreign NAF has a key of ours, of both kinds."""
        ext, internal = self.made("given-naf", 32), self.made("given-int", 32)
        self.bsf.tell("send", self.asks(BIR, ZN, [gpp(401, BTID), gpp(402, NAF_ID), gpp(407, u32(1))]).hex())
        self.engine.tell("answer", self.engine.line("exchange").split()[0], 200, (ext + internal).hex(), holes(ZN_ANSWER, ("meKeyMaterial", 32), ("uiccKeyMaterial", 32)),
                         ZN_ANSWER)
        m = Message(self.bsf.line("answer"))
        assert (m.result(), m.get(405), m.get(406)) == (2001, ext, internal)

    def answered(self, avps):
        """What a foreign server says to our question; gives what our engine has of it, opened."""
        number, text = self.hss.line("request").split()
        m = Message(text)
        self.hss.tell("reply", number, message(m.command, m.app, [avp(263, m.get(263)), vsai(m.app), avp(264, HSS), avp(296, "operator.example"), *avps], request=False).hex())
        words = self.engine.line("result").split()
        assert words[0] == "ok", words
        return bytes.fromhex(words[8])

    def zh(self):
        res, ck, ik = self.vector("had")
        item = gpp(608, "Digest-AKAv1-MD5") + gpp(609, secrets.token_bytes(32)) + gpp(610, res) + gpp(625, ck) + gpp(626, ik)
        self.engine.tell("zh", HSS, IMPI)
        assert self.answered([avp(277, u32(1)), avp(268, u32(2001)), avp(1, IMPI), gpp(612, item), gpp(400, GUSS_XML)]) == res + ck + ik

    def zn(self):
        ext, internal = self.made("had-naf", 32), self.made("had-int", 32)
        self.engine.tell("zn", HSS, BTID, "maf.sp.example", "01000100ae", 1)
        assert self.answered([avp(268, u32(2001)), gpp(405, ext), gpp(406, internal), gpp(404, u32(1893456000 + NTP_1970)), gpp(410, u32(0))]) == ext + internal


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("residue"))
    yield w
    w.bsf.end()
    assert w.engine.end() == 0, w.engine.said()
    w.hss.end()


def test_what_passed_is_forgotten(world):
    """Neither freed memory nor a thread's stack has any of it, while its peers stay connected."""
    for ask in (world.mar, world.bir, world.zh, world.zn):
        ask()
    assert len(world.keys.keys) == 10
    needles = world.keys.write(world.dir / "needles")
    nobody_has_it(needles, {world.target: "diameter"})
    # and it is found where it is put
    with Taken(world.pid) as t:
        for name in ("given-ck", "had-naf"):
            assert t.call("write", -1, world.keys.keys[name][:16], 16) < 0
            assert name in {h.name for h in scan(needles, [world.target])[0]}


def test_its_tls_key(world):
    """GnuTLS has it, where pages are not locked: so much is found. The files in memory that the library read it from are gone, and none of it is in a
    file that is open."""
    keys = Keys()
    keys.add("tls", scalar_of(world.dir / f"{OURS}.key"))
    needles = keys.write(world.dir / "needles-tls")
    assert {h.name for h in scan(needles, [world.target])[0]} == {"tls"}
    fds = [f"/proc/{world.pid}/fd/{fd}" for fd in os.listdir(f"/proc/{world.pid}/fd")]
    assert not [fd for fd in fds if os.readlink(fd).startswith("/memfd:")]
    looked = [fd for fd in fds if stat.S_ISREG(os.stat(fd).st_mode)]
    assert looked and not scan(needles, looked)[0]
