"""TLS between peers, by the certificates of one CA: who proves the name that it gives is heard, nobody else."""
import subprocess
import time

import pytest

from avps import BIR, ZN, Message, avp, gpp, message, vsai
from processes import engine, peer, reach
from waiting import free_port, until

OURS, BSF, HSS, LIAR = "node.ours.example", "bsf.foreign.example", "hss.operator.example", "liar.foreign.example"
GONE, LOST = "gone.foreign.example", "lost.operator.example"      # whose certificates are revoked


def openssl(*words, **more):
    subprocess.run(["openssl", *words], check=True, capture_output=True, **more)


def certificates(d, *names):
    p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *p256, "-keyout", d / "ca.key", "-out", d / "ca.pem", "-days", "30", "-subj", "/CN=ca", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name in names:
        openssl("req", *p256, "-keyout", d / f"{name}.key", "-out", d / f"{name}.csr", "-subj", f"/CN={name}")
        (d / "ext").write_text(f"subjectAltName=DNS:{name}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("x509", "-req", "-in", d / f"{name}.csr", "-CA", d / "ca.pem", "-CAkey", d / "ca.key", "-CAcreateserial", "-days", "20", "-extfile", d / "ext",
                "-out", d / f"{name}.pem")
        (d / f"{name}.key").chmod(0o600)


def revoke(d, *names, times=None):
    """The CA's list, with those on it. `times`: of which to which it is good."""
    (d / "index").write_text("")
    (d / "ca.conf").write_text(f"[ca]\ndefault_ca = d\n[d]\ndatabase = {d}/index\ndefault_md = sha256\ndefault_crl_days = 9\n")
    ca = ["ca", "-config", d / "ca.conf", "-keyfile", d / "ca.key", "-cert", d / "ca.pem"]
    for name in names:
        openssl(*ca, "-revoke", d / f"{name}.pem")
    between = ("-crl_lastupdate", times[0], "-crl_nextupdate", times[1]) if times else ()
    openssl(*ca, "-gencrl", *between, "-out", d / "crl.pem")


def tls(d, name):
    return f'TLS_Cred = "{d}/{name}.pem", "{d}/{name}.key"; TLS_CA = "{d}/ca.pem"; TLS_DH_Bits = 512;\n'


class World:
    def __init__(self, d):
        self.d = d
        certificates(d, OURS, BSF, HSS, LIAR, GONE, LOST)
        revoke(d, GONE, LOST)
        self.clear, self.secure, self.hss_port, self.lost_port = free_port(), free_port(), free_port(), free_port()
        self.peers = [f'{{ identity = "{BSF}"; realm = "foreign.example"; }}', f'{{ identity = "{LIAR}"; realm = "foreign.example"; }}',
                      f'{{ identity = "{HSS}"; realm = "operator.example"; connect_to = "127.0.0.1:{self.hss_port}"; }}',
                      f'{{ identity = "{GONE}"; realm = "foreign.example"; }}',
                      f'{{ identity = "{LOST}"; realm = "operator.example"; connect_to = "127.0.0.1:{self.lost_port}"; }}']
        self.settings = (f'listen = ["127.0.0.1"]; port = {self.clear}; secure_port = {self.secure}; certificate = "{d}/{OURS}.pem"; '
                         f'key = "{d}/{OURS}.key"; anchors = ["{d}/ca.pem"]; crls = ["{d}/crl.pem"];')
        self.engine = engine(d, OURS, self.settings, self.peers, limits='answer = "60s";')
        self.engine.line("ready")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("tls"))
    yield w
    w.engine.end()


def said(world, *words):
    return until(f"the log says {words}", lambda: all(w in world.engine.said() for w in words), context=world.engine.said)


def question(identity):
    return message(BIR, ZN, [avp(263, f"{identity};1;1"), vsai(ZN), avp(264, identity), avp(296, "foreign.example"), avp(283, "ours.example"),
                                        avp(293, OURS), gpp(401, "x@bsf.example"), gpp(402, b"maf.sp.example\x01\x00\x01\x00\xae")])


def test_a_name_that_is_not_in_the_certificate(world):
    """A configured name and a good certificate of the same CA, but another's. One that dials us is turned away; of one that
    we dial ourselves the library would take it, so that it is not heard and gets nothing."""
    liar = peer(world.d, LIAR, "foreign.example", OURS, world.secure, tls=tls(world.d, LIAR), says=BSF)
    liar.line("closed")
    liar.end(politely=False)
    liar = peer(world.d, LIAR, "operator.example", OURS, world.secure, tls=tls(world.d, LIAR), says=HSS)
    liar.line("open " + OURS)
    said(world, "its certificate is of another name")
    assert reach(liar, question(HSS)).result() == 3010
    world.engine.tell("zh", HSS, "somebody@x.example")
    assert "is not connected" in world.engine.line("result")
    liar.end()


def test_a_certificate_that_is_revoked(world):
    """Neither of a peer that dials us nor of one that we dial: the CA's list (diameter.crls) is looked at."""
    gone = peer(world.d, GONE, "foreign.example", OURS, world.secure, tls=tls(world.d, GONE))
    gone.line("closed")
    gone.end(politely=False)
    lost = peer(world.d, LOST, "operator.example", OURS, 1, port=world.lost_port, tls=tls(world.d, LOST), dial=False)
    said(world, "revoked")
    world.engine.tell("zh", LOST, "somebody@x.example")
    assert "is not connected" in world.engine.line("result")
    lost.end(politely=False)


def test_without_tls(world):
    p = peer(world.d, BSF, "foreign.example", OURS, world.clear)
    assert OURS in p.line("closed")
    p.end(politely=False)


def test_both_directions(world):
    hss = peer(world.d, HSS, "operator.example", OURS, 1, port=world.hss_port, tls=tls(world.d, HSS), dial=False)
    bsf = peer(world.d, BSF, "foreign.example", OURS, world.secure, tls=tls(world.d, BSF))
    bsf.line("open " + OURS)
    hss.line("open " + OURS)
    world.engine.line("peers 2")
    bsf.tell("send", question(BSF).hex())          # both are open, as ours sees it
    world.engine.tell("answer", world.engine.line("exchange").split(" ")[0], 404, "-", "-", "{}")
    assert Message(bsf.line("answer")).result() == (10415, 5403)
    world.engine.tell("zh", HSS, "somebody@x.example")
    number, text = hss.line("request").split(" ")
    m = Message(text)
    hss.tell("reply", number, message(m.command, m.app, [avp(263, m.get(263)), avp(264, HSS), avp(296, "operator.example"), avp(268, b"\0\0\x0b\xbc")],
                                      request=False).hex())
    assert world.engine.line("result").split(" ")[0] == "busy"
    bsf.end()
    world.engine.line("peers 1")
    hss.end()
    world.engine.line("peers 0")
    world.engine.tell("zh", HSS, "somebody@x.example")
    assert "is not connected" in world.engine.line("result")


def test_reload(world):
    """Nothing new: it goes on. A new peer: it has said that it takes the settings over, and ends to begin anew with them. What is under way
    holds that up for five seconds and not longer, and nothing new begins."""
    world.engine.tell("reload")
    world.engine.line("ready")
    bsf = peer(world.d, BSF, "foreign.example", OURS, world.secure, tls=tls(world.d, BSF))
    bsf.line("open " + OURS)
    world.engine.line("peers 1")
    bsf.tell("send", question(BSF).hex())
    world.engine.line("exchange")
    conf = world.d / "musterd.conf"
    conf.write_text(conf.read_text().replace("peers = ( ", 'peers = ( { identity = "new.foreign.example"; realm = "foreign.example"; }, '))
    world.engine.tell("reload")
    world.engine.line("ready")
    bsf.tell("send", question(BSF).hex())
    assert Message(bsf.line("answer")).result() == 3004 and world.engine.kept("exchange") is None
    world.engine.tell("zh", BSF, "somebody@x.example")
    assert world.engine.line("result").split(" ")[0] == "busy"
    assert world.engine.line("ended", 15) == "0"
    assert Message(bsf.line("answer")).result() == 3004, "the first one's, which nobody has answered"
    assert "begins again with the new settings" in world.engine.said()
    bsf.end()


def test_a_new_list(world, tmp_path):
    """A list that revokes nobody who is here cuts nobody, and counts for who comes. Who is here and on it is not heard from then on,
    and his connection ends."""
    hss = peer(world.d, HSS, "operator.example", OURS, 1, port=world.hss_port, tls=tls(world.d, HSS), dial=False)
    secure = free_port()
    settings = world.settings.replace(str(world.secure), str(secure)).replace(str(world.clear), "0")
    ours = engine(tmp_path, OURS, settings, world.peers[:3])
    ours.line("ready")
    bsf = peer(world.d, BSF, "foreign.example", OURS, secure, tls=tls(world.d, BSF))
    bsf.line("open " + OURS)
    ours.line("peers 2")
    revoke(world.d, GONE, LOST, LIAR)
    ours.tell("reload")
    ours.line("ready")
    liar = peer(world.d, LIAR, "foreign.example", OURS, secure, tls=tls(world.d, LIAR))
    liar.line("closed")
    liar.end(politely=False)
    ours.tell("zn", HSS, "x@y.example", "naf.sp.example", "0100000001", 0)
    number, text = hss.line("request").split(" ")              # over the same connection
    m = Message(text)
    hss.tell("reply", number, message(m.command, m.app, [avp(263, m.get(263)), avp(264, HSS), avp(296, "operator.example"), avp(268, b"\0\0\x0b\xbc")],
                                      request=False).hex())
    assert ours.line("result").split(" ")[0] == "busy"
    assert "begins again" not in ours.said() and bsf.kept("closed") is None
    revoke(world.d, GONE, LOST, LIAR, HSS)
    ours.tell("reload")
    ours.line("ready")
    until("it is told", lambda: f'not open peer={HSS} why="a certificate of its name is revoked"' in ours.said(), context=ours.said)
    assert ours.line("ended", 15) == "0" and "begins again with the lists of now" in ours.said()
    bsf.line("closed")
    ours.end()
    bsf.end()
    hss.end(politely=False)


def test_peers_under_a_ca_without_a_current_list(world, tmp_path):
    """diameter.require_crl_of: they are heard while there is one. When it ends everything ends, and begins anew without them."""
    (tmp_path / "other").mkdir()
    certificates(tmp_path / "other", HSS)
    peers = [f'{{ identity = "{BSF}"; realm = "foreign.example"; }}', f'{{ identity = "{HSS}"; realm = "operator.example"; }}']
    for seconds in (5, 30, 60):          # a slow machine has not even begun when that is over
        now = time.time()
        revoke(world.d, GONE, LOST, times=[time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now + t)) for t in (-3600, seconds)])
        secure = free_port()
        settings = (f'listen = ["127.0.0.1"]; port = 0; secure_port = {secure}; certificate = "{world.d}/{OURS}.pem"; key = "{world.d}/{OURS}.key"; '
                    f'anchors = ["{world.d}/ca.pem", "{tmp_path}/other/ca.pem"]; crls = ["{world.d}/crl.pem"]; require_crl_of = ["{world.d}/ca.pem"];')
        ours = engine(tmp_path, OURS, settings, peers)
        ours.line("ready")
        p = peer(world.d, BSF, "foreign.example", OURS, secure, tls=tls(world.d, BSF))
        late = "peers are not heard" in ours.said()
        if not late:
            p.line("open " + OURS)
            assert ours.line("ended") == "0" and "begins again with the lists of now" in ours.said()
        p.end(politely=False)
        ours.end()
        if not late:
            break
    assert not late
    # nor is one that we dial, which is there before we are
    dialled = peer(world.d, HSS, "operator.example", OURS, 1, port=world.hss_port, tls=tls(world.d, HSS), dial=False)
    for anchors, heard in ((f'"{world.d}/ca.pem"', False), (f'"{world.d}/ca.pem", "{tmp_path}/other/ca.pem"', True)):
        if heard:
            dialled.end(politely=False)
        else:
            peers[1] = peers[1].replace("; }", f'; connect_to = "127.0.0.1:{world.hss_port}"; }}')
        ours = engine(tmp_path, OURS, settings.replace(f'"{world.d}/ca.pem", "{tmp_path}/other/ca.pem"', anchors), peers)
        ours.line("ready")
        if not heard:
            until("it is refused", lambda: f'is not open peer={HSS} why=' in ours.said().replace('"', ""), context=ours.said)
            assert "peer is open" not in ours.said()
            peers[1] = peers[1].replace(f' connect_to = "127.0.0.1:{world.hss_port}";', "")
        assert "peers are not heard" in ours.said()
        p = peer(world.d, BSF, "foreign.example", OURS, secure, tls=tls(world.d, BSF))
        p.line("closed")
        p.end(politely=False)
        if heard:
            p = peer(tmp_path, HSS, "operator.example", OURS, secure, tls=tls(tmp_path / "other", HSS) + f'TLS_CA = "{world.d}/ca.pem";\n')
            p.line("open " + OURS)
            p.end()
        ours.end()
