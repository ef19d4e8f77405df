"""The process of Diameter with a test for its engine, and foreign peers: started, spoken to by lines, ended."""
import os
import select
import subprocess
import time

from avps import Message
from waiting import DEADLINE, until

BUILD = os.environ["MST_BUILD"]


class Talker:
    def __init__(self, argv, log):
        self.log = open(log, "wb")
        self.p = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.name, self.path, self.rest, self.lines = argv[0], log, b"", []

    def tell(self, *words):
        self.p.stdin.write((" ".join(str(w) for w in words) + "\n").encode())
        self.p.stdin.flush()

    def line(self, word, seconds=DEADLINE):
        """The next line that begins so; others stay for later."""
        return first_of((self, word), seconds=seconds)[1]

    def kept(self, word):
        """Such a line, if it has come; None."""
        for i, line in enumerate(self.lines):
            if line == word or line.startswith(word + " "):
                return self.lines.pop(i)[len(word) + 1:]
        return None

    def read(self):
        """Some of what has come; false when nothing comes any more."""
        got = os.read(self.p.stdout.fileno(), 65536)
        *whole, self.rest = (self.rest + got).split(b"\n")
        self.lines += [w.decode() for w in whole]
        return bool(got)

    def said(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def end(self, politely=True):
        """Of one that was turned away the library waits long for a goodbye that nobody will say: it goes without."""
        if not politely:
            self.p.kill()
        if not self.p.stdin.closed:
            self.p.stdin.close()
        try:
            return self.p.wait(DEADLINE)
        finally:
            self.p.kill()
            self.p.stdout.close()
            self.log.close()


def first_of(*wanted, seconds=DEADLINE):
    """Of several talkers and words the one whose line comes first, and that line."""
    end = time.monotonic() + seconds
    while True:
        for talker, word in wanted:
            if (line := talker.kept(word)) is not None:
                return talker, line
        left = end - time.monotonic()
        ready = select.select([t.p.stdout for t, _ in wanted], [], [], left)[0] if left > 0 else []
        if not ready or not all(t.read() for t, _ in wanted if t.p.stdout in ready):
            raise AssertionError("\n".join(f"{t.name}: no line {word!r}; there were {t.lines}\n{t.said()}" for t, word in wanted))


def peer(directory, identity, realm, ours, our_port, port=0, our_address="127.0.0.1", tls="", dial=True, more="", says=None):
    """`tls`: settings of it; "" = in clear, and then `port` listens in clear."""
    conf = directory / f"{identity}.conf"
    conf.write_text(f'''Identity = "{identity}"; Realm = "{realm}"; No_SCTP; NoRelay; TcTimer = 1; TwTimer = 6;
Port = {0 if tls else port}; SecPort = {port if tls else 0}; ListenOn = "127.0.0.1"; AppServThreads = 1;
{tls}{more}
ConnectPeer = "{ours}" {{ No_SCTP; {"" if tls else "No_TLS; "}ConnectTo = "{our_address}"; Port = {our_port}; }};
''' if dial else f'''Identity = "{identity}"; Realm = "{realm}"; No_SCTP; NoRelay; TcTimer = 1; TwTimer = 6;
Port = {0 if tls else port}; SecPort = {port if tls else 0}; ListenOn = "127.0.0.1"; AppServThreads = 1;
{tls}{more}
ConnectPeer = "{ours}" {{ No_SCTP; {"" if tls else "No_TLS; "}ConnectTo = "127.0.0.1"; Port = 1; TcTimer = 3600; }};
''')
    t = Talker([f"{BUILD}/tests/diameter/diameter-peer", conf, *([says] if says else [])], directory / f"{identity}.log")
    t.identity = identity if not says else says
    t.line("ready")
    return t


def reach(p, raw):
    """The answer of the node that it is for: for a moment after "open" the peer's own library may say that it has no way."""
    name = p.identity.encode()

    def there():
        p.tell("send", raw.hex())
        m = Message(p.line("answer"))
        return m if m.get(264) != name else None
    return until(f"{p.identity} has a way", there)


HEAD = '''store = "sqlite:store/x.db"; keeper = "keeper"; metrics = ""; {more}
admin = {{ listen = ["unix:run/admin.sock"]; }};
limits = {{ fetch = "5s"; {limits} }};
diameter = {{ identity = "{identity}"; realm = "ours.example"; retry = "1s"; watchdog = "6s"; {settings}
  peers = ( {peers} ); }};
'''


def engine(directory, identity, settings, peers, duties=4 | 32 | 64, more="", limits=""):
    conf = directory / "musterd.conf"
    conf.write_text(HEAD.format(identity=identity, settings=settings, peers=", ".join(peers), more=more, limits=limits))
    return Talker([f"{BUILD}/tests/diameter/diameter-engine", f"{BUILD}/src/musterd/musterd-diameter", conf, duties],
                  directory / "engine.log")
