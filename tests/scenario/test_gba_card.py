"""Story: the SIM of a node is a real card, to the node: behind pcscd and its virtual reader, and behind a modem's AT port."""
import signal
import subprocess
import threading

import pytest

from simnode import IMSI, K, OPC, SimNode, bsf, enrolled, maf  # noqa: F401 the fixtures among them
from support import AGENT, RUN_SECONDS, until
from test_card import Modem, Reader
from usim import Usim


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    r = Reader(tmp_path_factory.mktemp("pcsc"))
    yield r
    r.close()


def test_with_a_card_in_a_reader(tmp_path, reader, bsf, maf):
    bsf.gba_u = True
    card = Usim(IMSI, K, OPC, pin="2468", sqn=0x90000)
    card.seq = [0x90000 >> 5] * 32       # and the operator's counter lies below
    node = SimNode(tmp_path / "n", maf, bsf, card='kind = "pcsc"; reader = "Virtual"; pin_file = "pin";')
    (node.dir / "pin").write_text("2468\n")
    (node.dir / "pin").chmod(0o600)
    with reader.card(card):
        done = node.run_once(wrap=reader.beside())
        assert done.returncode == 0, done.stderr
    enrolled(node, bsf, maf)
    assert [what for what, _ in bsf.log] == ["asked", "resync", "granted"]
    assert all(bsf.ks[:16].hex() not in answer for _, answer in card.log), "Ks never leaves the card"
    assert bsf.btid.encode() in card.apps[next(iter(card.apps))][0x6FD6], "B-TID is noted in EF_GBABP"


class Mute(Usim):
    """It answers until AUTHENTICATE, and then never."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.free = threading.Event()

    def authenticate(self, *args):
        self.free.wait(RUN_SECONDS)
        return super().authenticate(*args)


def test_what_is_missing_at_the_card(tmp_path, reader, bsf, maf):
    """Lesson 23: each has a reason of its own, and what to do next; a wrong PIN is given once."""
    node = SimNode(tmp_path / "n", maf, bsf, card='kind = "pcsc"; reader = "Gemalto";')
    rows = [('kind = "pcsc"; reader = "Gemalto";', None, "no reader"), ('kind = "pcsc";', None, "no card"),
            ('kind = "pcsc"; application = "isim";', Usim(IMSI, K, OPC), "no application"), ('kind = "pcsc";', Usim(IMSI, K, OPC, pin="2468"), "card pin")]
    for settings, card, reason in rows:
        node.card = settings
        node.configure()
        if card:
            with reader.card(card):
                done = node.run_once(wrap=reader.beside())
        else:
            done = node.run_once(wrap=reader.beside())
        report = node.status()["reports"][0]
        assert done.returncode == 1 and report["reason"] == reason and report["remedy"], (report, done.stderr)
    assert not bsf.log
    assert node.agent("--check").returncode == 0, "what a start begins with does not hang on a card"
    node.card = 'kind = "pcsc"; pin_file = "pin";'
    node.configure()
    (node.dir / "pin").write_text("1111")
    (node.dir / "pin").chmod(0o600)
    card = Usim(IMSI, K, OPC, pin="2468")
    with reader.card(card):
        for _ in range(3):
            assert node.run_once(wrap=reader.beside()).returncode == 1
            assert node.reports() == [("gba", "card pin")]
        assert len([c for c, _ in card.log if c.startswith("0020")]) == 1, "the third would block it"
        assert "card.pin_file" in node.status()["reports"][0]["detail"]
        (node.dir / "pin").write_text("2468")
        assert node.run_once(wrap=reader.beside()).returncode == 0


def test_a_card_that_hangs(tmp_path, reader, bsf, maf):
    """The agent lives on beside it, and says what is the matter."""
    card = Mute(IMSI, K, OPC)
    node = SimNode(tmp_path / "n", maf, bsf, card='kind = "pcsc"; timeout = "2s";')
    with reader.card(card):
        node_agent = [*reader.beside(), AGENT, "-c", str(node.dir / "muster-agent.conf"), "run"]
        with open(node.dir / "log", "wb") as log, subprocess.Popen(node_agent, stdout=log, stderr=log) as agent:
            said = lambda: (node.dir / "log").read_text()      # noqa: E731 a name for what is looked at
            until("the card is asked", lambda: "ub-challenged" in said(), RUN_SECONDS, said)
            assert node.status()["running"], "it answers meanwhile"
            until("it is given up", lambda: 'reason="no card"' in said(), RUN_SECONDS, said)
            until("it is not asked again meanwhile", lambda: "has not come back" in said(), RUN_SECONDS, said)
            card.free.set()
            until("the card is back", lambda: "enrolled key" in said(), RUN_SECONDS, said)
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(RUN_SECONDS) == 0
    enrolled(node, bsf, maf)


def test_with_the_card_of_a_modem(tmp_path, bsf, maf):
    with Modem(Usim(IMSI, K, OPC, gba=False)) as modem:
        node = SimNode(tmp_path / "n", maf, bsf, card=f'kind = "at"; device = "{modem.name}";')
        done = node.run_once()
        assert done.returncode == 0, done.stderr
    enrolled(node, bsf, maf)
