"""An agent of the operator between (RFC 6733 2.8.1): the packaged freeDiameterd as a relay, which speaks for others, in both directions."""
import signal
import subprocess

import pytest

from avps import BIR, MAR, ZH, ZN, Message, avp, gpp, message, u32, vsai
from processes import engine, peer
from waiting import DEADLINE, free_port, until

OURS, DRA, FAR = "node.ours.example", "dra.foreign.example", "far.foreign.example"
IMPI = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"


class World:
    """We dial nobody: the agent dials us, and somebody behind it whom we have no connection with."""

    def __init__(self, d):
        self.ours, self.far_port = free_port(), free_port()
        (d / "routes.conf").write_text(f'* : "{DRA}" += 50 ;\n')             # it knows nobody else
        self.far = peer(d, FAR, "foreign.example", DRA, 1, port=self.far_port, dial=False,
                        more=f'LoadExtension = "rt_default.fdx" : "{d}/routes.conf";\n')
        self.engine = engine(d, OURS, f'listen = ["127.0.0.1"]; port = {self.ours}; secure_port = 0;', [
            f'{{ identity = "{DRA}"; realm = "foreign.example"; tls = false; relay = true; }}'])
        self.engine.line("ready")
        conf = d / "dra.conf"
        conf.write_text(f'''Identity = "{DRA}"; Realm = "foreign.example"; No_SCTP; TcTimer = 1; TwTimer = 6;
Port = {free_port()}; SecPort = 0; ListenOn = "127.0.0.1"; TLS_Cred = "{d}/dra.pem", "{d}/dra.key"; TLS_CA = "{d}/dra.pem"; TLS_DH_Bits = 512;
ConnectPeer = "{OURS}" {{ No_SCTP; No_TLS; ConnectTo = "127.0.0.1"; Port = {self.ours}; }};
ConnectPeer = "{FAR}" {{ No_SCTP; No_TLS; ConnectTo = "127.0.0.1"; Port = {self.far_port}; }};
''')
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", d / "dra.key", "-out",
                        d / "dra.pem", "-days", "9", "-subj", f"/CN={DRA}"], check=True, capture_output=True)
        self.log = open(d / "dra.log", "wb")
        self.dra = subprocess.Popen(["freeDiameterd", "-c", conf], stdout=self.log, stderr=self.log)
        self.far.line("open " + DRA)
        self.engine.line("peers 1")

    def asks(self, *avps):
        """What our engine gets to see. It has a way through the agent a moment after both connections are open; before, somebody says no."""
        raw = message(BIR, ZN, [avp(263, f"{FAR};0;1"), vsai(ZN), avp(264, FAR), avp(296, "foreign.example"), avp(283, "ours.example"), avp(293, OURS), *avps])
        self.far.tell("send", raw.hex())
        try:
            return self.engine.line("exchange", 3)
        except AssertionError:
            return Message(self.far.line("answer")).result() and None

    def end(self):
        self.dra.send_signal(signal.SIGTERM)
        try:
            self.dra.wait(DEADLINE)
        finally:
            self.dra.kill()
            self.log.close()
        self.far.end(politely=False)
        self.engine.end()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("relay"))
    yield w
    w.end()


def test_somebody_behind_the_agent_asks_us(world):
    """It is known by its own name: what it may is settled by that, and not by the agent's."""
    seen = until("a way through the agent", lambda: world.asks(gpp(401, "x@bsf.example"), gpp(402, b"maf.sp.example\x01\x00\x01\x00\xae")))
    number, role, who, op, path, _ = seen.split(" ", 5)
    assert (role, who, op, path) == ("zn", FAR, "POST", "/nbsp-gba/v1/bootstrapping-info-retrieval")
    world.engine.tell("answer", number, 404, "-", "-", "{}")
    m = Message(world.far.line("answer"))
    assert m.result() == (10415, 5403) and m.get(264).decode() == OURS, "the answer is ours, and came back through the agent"


def test_we_ask_somebody_behind_the_agent(world):
    world.engine.tell("zh", FAR, IMPI)
    number, text = world.far.line("request").split(" ")
    m = Message(text)
    assert (m.command, m.app, m.get(264).decode(), m.get(293).decode(), m.get(283).decode()) == (MAR, ZH, OURS, FAR, "foreign.example")
    assert m.get(282).decode() == OURS, "Route-Record: it came through the agent"
    world.far.tell("reply", number, message(MAR, ZH, [avp(263, m.get(263)), vsai(ZH), avp(264, FAR), avp(296, "foreign.example"), avp(277, u32(1)),
                                                      avp(268, u32(3004))], request=False).hex())
    assert world.engine.line("result").split(" ")[0] == "busy"
    # who is nowhere: the agent says so, and nobody is taken for the HSS that was asked
    world.engine.tell("zh", "hss.nowhere.foreign.example", IMPI)
    assert world.engine.line("result").split(" ")[0] in ("unreachable", "refused", "malformed")


def test_an_answer_in_anothers_name(world):
    """The agent may say who asks; but who answers must be who was asked."""
    world.engine.tell("zh", FAR, IMPI)
    number, text = world.far.line("request").split(" ")
    m = Message(text)
    item = gpp(608, "Digest-AKAv1-MD5") + gpp(609, bytes(32)) + gpp(610, bytes(8)) + gpp(625, bytes(16)) + gpp(626, bytes(16))
    world.far.tell("reply", number, message(MAR, ZH, [avp(263, m.get(263)), vsai(ZH), avp(264, "liar.foreign.example"), avp(296, "foreign.example"),
                                                      avp(277, u32(1)), avp(268, u32(2001)), avp(1, IMPI), gpp(612, item)], request=False).hex())
    end, _, xres_n = world.engine.line("result").split(" ")[:3]
    assert (end, xres_n) == ("untrusted", "8"), "that one was given is known: it has cost somebody a number"


def test_the_agent_goes_away(world):
    world.dra.send_signal(signal.SIGTERM)
    world.engine.line("peers 0")
    world.engine.tell("zh", FAR, IMPI)
    assert "no agent is connected" in world.engine.line("result")
    until("the agent has ended", lambda: world.dra.poll() is not None)
