"""Nodes of the memory proof whose SIM is a card to them: in the two readers of a pcscd, and behind a modem's AT port. The simulator of the card
is a thread of the tests, and is not looked at: it is the secure environment. What is between it and the agent is.
"""
import secrets
import threading

from fig1 import SimNode
from pcscd import PORT
from support import RUN_SECONDS, START_SECONDS, until
from test_card import Modem, Reader
from usim import Usim, VpcdCard

PIN = f"{secrets.randbelow(10**8):08d}"
READERS = ("Virtual PCD 00 00", "Virtual PCD 00 01")        # the driver's, one port behind the other

TLS_13 = 'gba = { ua = "tls13"; };\n'


class CardNode(SimNode):
    """K and OPc are in its card and in nothing else that it has. `gba_u`: Ks as well."""

    def __init__(self, inst, gba_u, kind=Usim, **card):
        super().__init__(inst, uicc="GBA_U" if gba_u else None)
        (self.dir / "sim.json").unlink()
        self.usim = kind(self.imsi, self.k, self.opc, gba=gba_u, **card)
        (self.dir / "pin").write_text(PIN + "\n")
        (self.dir / "pin").chmod(0o600)

    def said(self):
        """What it has been told and has answered since it was made, as one text of digits."""
        return " ".join(f"{command} {answer}" for command, answer in self.usim.log)

    def settle(self, card, wrap=(), more=""):
        self.card, self.wrap = card + ' pin_file = "pin";', wrap
        self.configure(more)
        return self


class Held(Usim):
    """When it is asked to answer a challenge, it waits to be let."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.asked, self.free, self.challenge = threading.Event(), threading.Event(), None

    def bootstrap(self, body, gba):
        self.challenge = body[1:17]
        self.asked.set()
        self.free.wait(RUN_SECONDS)
        return super().bootstrap(body, gba)


def at(modem):
    return f'kind = "at"; device = "{modem.name}";'


class Cards:
    """That pcscd, the modems, and the nodes by name. Those of T=0 and T=1, with a PIN and without, give CK and IK, or keep Ks."""

    def __init__(self, inst, stack):
        (inst.dir / "pcsc").mkdir()
        self.reader = Reader(inst.dir / "pcsc")
        stack.callback(self.reader.close)
        self.nodes = {}
        for i, (who, gba_u, card) in enumerate([("agent-reader", False, {"t1": True}), ("agent-reader-u", True, {"pin": PIN})]):
            node = CardNode(inst, gba_u, **card)
            stack.enter_context(VpcdCard(node.usim, PORT + i, inside=self.reader.p.pid))
            until("the card is seen", lambda name=READERS[i]: self.ready(name), START_SECONDS)
            self.nodes[who] = node.settle(f'kind = "pcsc"; reader = "{READERS[i]}";', self.reader.beside(), TLS_13 if gba_u else "")
        for who, gba_u, card in [("agent-modem", False, {"pin": PIN}), ("agent-modem-u", True, {})]:
            node = CardNode(inst, gba_u, **card)
            modem = stack.enter_context(Modem(node.usim))
            self.nodes[who] = node.settle(at(modem))

    def ready(self, name):
        with self.reader.shell(name) as shell:
            return shell.greeting == "ready"
