"""A subscriber's card through the real ways: pcscd with its virtual reader, a modem's AT port on a pseudo-terminal, and
a stranger (wpa_supplicant's EAP-AKA peer) that finds our card in order. Each keeps a namespace of its own, so that no
other pcscd of the machine is met; needs root or unprivileged user namespaces.
"""
import contextlib
import json
import os
import pathlib
import pty
import secrets
import socket
import subprocess
import threading
import tty

import aka
import pytest
from pcscd import PORT, Pcscd
from support import MUSTER, START_SECONDS, Installation, until
from test_hss import AUTH, ask, line, resync
from usim import CSIM_AID, Usim, VpcdCard, at_answer

SHELL, CARD_VPCD = (pathlib.Path(os.environ["MST_BUILD"]) / "lib/secenv" / name for name in ("card-shell", "card-vpcd"))
K, OPC = secrets.token_bytes(16), secrets.token_bytes(16)
IMSI, IMPI = "001010000000001", "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
NAF_ID = b"maf.sp.example" + bytes.fromhex("01000100ae")


class Shell:
    """A card-shell that one talks to line by line."""

    def __init__(self, *command):
        self.p = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.greeting = self.p.stdout.readline().strip()

    def __call__(self, *words):
        self.p.stdin.write(" ".join(words) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline().strip()
        assert line, f"card-shell ended: {self.p.poll()}"
        return line

    def fields(self, *words):
        line = self(*words)
        assert line.split()[0] in ("ok", "stale"), line
        return dict(f.split("=", 1) for f in line.split()[1:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        self.p.wait(timeout=60)
        self.p.stdout.close()


class Reader(Pcscd):
    """That pcscd, with a card put in and taken out."""

    @contextlib.contextmanager
    def card(self, card):
        """The reader polls: a card is there a moment after it was put in, and missed a moment after it was taken out."""
        with card.put_in(self) if isinstance(card, SoftwareCard) else VpcdCard(card, PORT, inside=self.p.pid) as put_in:
            until("the card is seen", lambda: self.greets("ready"), START_SECONDS)
            yield put_in
        until("the card is missed", lambda: self.greets("no card"), START_SECONDS)

    def greets(self, words):
        with self.shell() as shell:
            return words in shell.greeting

    def shell(self, reader=""):
        return Shell(*self.inside(SHELL, "pcsc", reader))


class SoftwareCard:
    """lib/secenv/card-software.c as a card in the reader; what it remembers is in `path`."""

    def __init__(self, path):
        self.path = path

    @contextlib.contextmanager
    def put_in(self, reader):
        card = subprocess.Popen(reader.inside(CARD_VPCD, str(PORT), IMSI, K.hex(), OPC.hex(), str(self.path)))
        try:
            yield self
        finally:
            assert card.poll() is None, "the card broke"
            card.terminate()
            card.wait(timeout=60)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    r = Reader(tmp_path_factory.mktemp("pcsc"))
    yield r
    r.close()


def goes_through_gba(shell, card, app):
    """One life: 3G context, a stale number, GBA_U with a key for a NAF and what the card remembers."""
    got = shell.fields("open", app)
    assert got == {"app": app, "imsi": IMSI if app == "usim" else "", "mnc": "2" if app == "usim" else "0",
                   "impi": IMPI if app == "isim" else "", "gba": "1"}
    m = aka.Milenage(K, OPC, secrets.token_bytes(16))
    assert "no bootstrapping came before" in shell("naf", NAF_ID.hex(), IMPI)
    got = shell.fields("auth", "3g", m.rand.hex(), m.autn(0x21).hex())
    assert got == {"res": m.res.hex(), "ck": m.ck.hex(), "ik": m.ik.hex()}
    again = shell.fields("auth", "3g", m.rand.hex(), m.autn(0x21).hex())
    assert m.sqn_of_auts(bytes.fromhex(again["auts"])) == 0x21
    assert "MAC incorrect" in shell("auth", "3g", m.rand.hex(), m.autn(0x42, gba_u=True).hex())
    assert "MAC incorrect" in shell("auth", "gba", m.rand.hex(), m.autn(0x42).hex())
    got = shell.fields("auth", "gba", m.rand.hex(), m.autn(0x42, gba_u=True).hex())
    assert got == {"res": m.res.hex(), "ck": "00" * 16, "ik": "00" * 16}      # Ks stays in the card
    got = shell.fields("naf", NAF_ID.hex(), IMPI)
    assert bytes.fromhex(got["key"]) == aka.ks_naf(m.ck + m.ik, m.rand, IMPI, NAF_ID)
    btid = aka.btid(m.rand, "bsf.mnc001.mcc001.pub.3gppnetwork.org")
    assert shell.fields("gbabp") == {"rand": m.rand.hex(), "btid": "", "lifetime": ""}
    assert shell("note", btid, "2030-01-01T00:00:00Z") == "ok"
    assert shell.fields("gbabp") == {"rand": m.rand.hex(), "btid": btid, "lifetime": "2030-01-01T00:00:00Z"}
    assert all(m.ck.hex() not in answer for command, answer in card.log if command.startswith("00880084"))


@pytest.mark.parametrize("t1", [False, True], ids=["t0", "t1"])
@pytest.mark.parametrize("app", ["usim", "isim"])
def test_over_pcsc(reader, app, t1):
    card = Usim(IMSI, K, OPC, t1=t1, isim=IMPI)
    with reader.card(card), reader.shell() as shell:
        goes_through_gba(shell, card, app)


def test_what_is_missing_is_said(reader, tmp_path):
    """Lesson 23: the operator learns which thing is not there."""
    with reader.shell() as shell:
        assert "outcome 2" in shell.greeting and "no card" in shell.greeting, shell.greeting
    with reader.shell("Gemalto") as shell:
        assert "outcome 1 Gemalto: no reader of this name" in shell.greeting
    none = Shell("env", f"PCSCLITE_CSOCK_NAME={tmp_path}/none", SHELL, "pcsc", "")
    with none:
        assert "outcome 1 card reader: the smart card service does not run: start pcscd" in none.greeting
    with reader.card(Usim(IMSI, K, OPC, gba=False)), reader.shell() as shell:
        assert shell.fields("open", "any")["gba"] == "0"
        m = aka.Milenage(K, OPC, secrets.token_bytes(16))
        assert "the card does no GBA" in shell("auth", "gba", m.rand.hex(), m.autn(0x21, gba_u=True).hex())
        assert "no ISIM application" in shell("open", "isim")
    with reader.card(Usim(IMSI, K, OPC, pin="2468")), reader.shell() as shell:
        assert "outcome 4 PIN: the card's PIN is switched on" in shell("open", "any")
        assert "outcome 5 PIN: the card refused it; 2 more tries" in shell("open", "any", "1111")
        assert shell("open", "any", "2468").startswith("ok")
        assert "must be 4 to 8 digits" in shell("open", "any", "24x8")


def test_a_card_taken_out(reader):
    with reader.card(Usim(IMSI, K, OPC)) as card, reader.shell() as shell:
        assert shell("open", "usim").startswith("ok")
        card.close()
        until("the card is missed", lambda: shell("open", "usim").startswith("outcome 2"), START_SECONDS)


class Modem:
    """A modem's AT port: the other end of a pseudo-terminal, with unsolicited lines between the answers."""

    def __init__(self, card, noise=b"\r\n+CREG: 1\r\n", answer=at_answer):
        self.card, self.noise, self.answer = card, noise, answer
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.name, self.slave = os.ttyname(slave), slave
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        held = b""
        while True:
            try:
                held += os.read(self.master, 4096)
            except OSError:
                return
            while b"\r" in held:
                line, held = held.split(b"\r", 1)
                if line.strip() == b"BYE":
                    return
                said = self.answer(self.card, line.decode(errors="replace"))
                if said is not None:
                    os.write(self.master, self.noise + said.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.write(self.slave, b"BYE\r")
        self.thread.join(timeout=60)
        os.close(self.slave)
        os.close(self.master)


@pytest.mark.parametrize("app", ["usim", "isim"])
def test_over_a_modem(app):
    """The card has a CSIM, too, before the others: it takes nothing from them, and is sent no command."""
    card = Usim(IMSI, K, OPC, isim=IMPI, csim="first")
    with Modem(card) as modem, Shell(SHELL, "at", modem.name) as shell:
        assert shell.greeting == "ready"
        goes_through_gba(shell, card, app)
    assert [answer for command, answer in card.log if CSIM_AID.hex() in answer] and not any(CSIM_AID.hex() in command for command, _ in card.log)


def test_a_modem_that_refuses(tmp_path):
    def no_csim(card, line):
        return "\r\n+CME ERROR: 3\r\n" if "CSIM" in line else at_answer(card, line)

    def nonsense(card, line):
        return '\r\n+CSIM: 4,"90zz"\r\n\r\nOK\r\n' if "CSIM" in line else at_answer(card, line)
    with Modem(Usim(), answer=no_csim) as modem, Shell(SHELL, "at", modem.name) as shell:
        assert "outcome 2 modem: it refused AT+CSIM" in shell("open", "usim")
    with Modem(Usim(), answer=nonsense) as modem, Shell(SHELL, "at", modem.name) as shell:
        assert "outcome 10 modem: its +CSIM line" in shell("open", "usim")
    with Modem(Usim(), answer=lambda c, line: "\r\nERROR\r\n") as modem, Shell(SHELL, "at", modem.name) as shell:
        assert "outcome 1 modem: it does not take AT commands" in shell.greeting
    (tmp_path / "file").write_text("")
    with Shell(SHELL, "at", tmp_path / "file") as shell:
        assert "outcome 1 modem: this is no terminal" in shell.greeting
    with Shell(SHELL, "at", tmp_path / "none") as shell:
        assert "No such file" in shell.greeting


def doctor(*args, inside=(), status):
    done = subprocess.run([*inside, MUSTER, "--json", "doctor", *args], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return {f["check"]: f for f in json.loads(done.stdout)}


def test_doctor(reader, tmp_path):
    (tmp_path / "pin").write_text("2468\n")
    (tmp_path / "letters").write_text("none of the kind\n")
    found = doctor("--card", inside=reader.inside(), status=1)
    assert found["reader"]["ok"] and "Virtual PCD" in found["reader"]["detail"]
    assert "no card in the reader" in found["card"]["detail"] and "right way round" in found["card"]["remedy"]
    with reader.card(Usim(IMSI, K, OPC, pin="2468", isim=IMPI)):
        found = doctor("--card", inside=reader.inside(), status=1)
        assert "switched on" in found["PIN"]["detail"] and "--pin-file" in found["PIN"]["remedy"]
        found = doctor("--card=Virtual", "--pin-file", str(tmp_path / "pin"), inside=reader.inside(), status=0)
        assert found["application"]["detail"] == f"ISIM, IMPI {IMPI}" and "GBA_U" in found["GBA"]["detail"]
        found = doctor("--card", "--pin-file", str(tmp_path / "letters"), inside=reader.inside(), status=1)
        assert "4 to 8 digits" in found["PIN"]["detail"]
    found = doctor("--card=Other", inside=reader.inside(), status=1)
    assert "no reader of this name" in [f for f in [found["reader"]] if not f["ok"]][0]["detail"]
    with Modem(Usim(IMSI, K, OPC, gba=False)) as modem:
        found = doctor(f"--card={modem.name}", status=0)
        assert found["modem"]["ok"] and IMSI in found["application"]["detail"] and "GBA_ME" in found["GBA"]["detail"]
    card = Usim(IMSI, K, OPC, csim="alone")
    with Modem(card) as modem:
        found = doctor(f"--card={modem.name}", status=1)
        assert "cannot speak with a CSIM" in found["application"]["detail"] and "a card with a USIM or an ISIM" in found["application"]["remedy"]
        assert not any(CSIM_AID.hex() in command for command, _ in card.log)
    found = doctor("--card", inside=["env", f"PCSCLITE_CSOCK_NAME={tmp_path}/none"], status=1)
    assert "start pcscd" in found["reader"]["detail"]
    for bad in (["--pin-file", "x"], ["--card", "--pin-file"], ["card"]):
        assert subprocess.run([MUSTER, "doctor", *bad], capture_output=True, check=False).returncode == 2


class Auc:
    """What hostapd asks for vectors, on a datagram socket (its AKA-REQ-AUTH and AKA-AUTS): our HSS, as its BSF would be answered. To an AUTS the HSS
    gives the next vector at once; hostapd asks for that apart."""

    def __init__(self, path, hss):
        self.hss, self.asked, self.next, self.wrong = hss, [], None, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            text, sender = self.socket.recvfrom(1000)
            if not text:
                return
            try:
                self.one(sender, *text.decode().split())
            except Exception as e:      # hostapd hears nothing then, and the test what was the matter
                self.wrong.append(repr(e))

    def one(self, sender, what, imsi, *rest):
        self.asked.append(what)
        path = AUTH.replace("impi-", "imsi-").format(imsi)
        if what == "AKA-AUTS":
            auts, rand = map(bytes.fromhex, rest)
            self.next = self.vector(resync(self.hss, rand, auts, path))
        else:
            v, self.next = self.next or self.vector(ask(self.hss, path=path)), None
            self.socket.sendto(" ".join(["AKA-RESP-AUTH", imsi, *(v[name] for name in ("rand", "autn", "ik", "ck", "xres"))]).encode(), sender)

    def vector(self, answer):
        status, body, _, version = answer
        assert (status, version) == (200, "2"), answer
        return body["3gAkaAv"]

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.socket.getsockname())
        self.thread.join(timeout=60)
        self.socket.close()


@pytest.fixture(scope="module")
def hss(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("hss") / "inst", gba="00101")
    inst.start()
    inst.subscription()
    inst.first = inst.node(1)
    yield inst
    assert inst.stop() == 0, inst.log_text()


@pytest.fixture(scope="module")
def operator(reader, hss, tmp_path_factory):
    """hostapd's EAP server, which asks our HSS."""
    path = tmp_path_factory.mktemp("hostapd")
    (path / "users").write_text("* AKA\n")
    (path / "clients").write_text("127.0.0.1/32 muster\n")
    (path / "hostapd.conf").write_text(f"driver=none\nradius_server_clients={path}/clients\nradius_server_auth_port=18120\neap_server=1\n"
                                       f"eap_user_file={path}/users\neap_sim_db=unix:{path}/auc\neap_sim_db_timeout=30\n")
    (path / "peer.conf").write_text(f'network={{\n key_mgmt=WPA-EAP\n eap=AKA\n identity="0{IMSI}@wlan.mnc001.mcc001.3gppnetwork.org"\n'
                                    ' pcsc=""\n pin="0000"\n}\n')
    auc, log = Auc(path / "auc", hss), path / "hostapd.log"
    auc.peer = reader.inside("eapol_test", "-c", str(path / "peer.conf"), "-a", "127.0.0.1", "-p", "18120", "-s", "muster", "-t", "60")
    with open(log, "wb") as out:
        hostapd = subprocess.Popen(reader.inside("hostapd", "-dd", str(path / "hostapd.conf")), stdout=out, stderr=out, cwd=path)
    try:
        def serves():
            assert hostapd.poll() is None, log.read_text(errors="replace")[-3000:]
            return "18120" in subprocess.run(reader.inside("ss", "-Hlun"), capture_output=True, text=True, check=False).stdout
        until("hostapd serves", serves, START_SECONDS)
        yield auc
    finally:
        hostapd.terminate()
        hostapd.wait(timeout=60)
        auc.close()


@pytest.mark.parametrize("ours", [False, True], ids=["usim.py", "card-software.c"])
def test_a_stranger_finds_card_and_hss_in_order(reader, hss, operator, tmp_path, ours):
    """wpa_supplicant's EAP-AKA peer reads our card through pcscd and proves itself with it to hostapd, which has its vectors of our HSS; also when the
    HSS has lost its counter."""
    card = SoftwareCard(tmp_path / "memory") if ours else Usim(IMSI, K, OPC)
    with reader.card(card) as put_in:
        for dialogue, told in ((["AKA-REQ-AUTH"], ["hss.vector"]), (["AKA-REQ-AUTH", "AKA-AUTS", "AKA-REQ-AUTH"], ["hss.vector", "hss.resynchronised"])):
            hss.muster("sim", "remove", IMSI, "--reason", "an operator without a memory", check=False)
            hss.muster("sim", "add", IMSI, "--file", "-", "--node", hss.first.id, stdin=line(K, "opc", OPC) + "\n")
            operator.asked.clear()
            begin = hss.events()[-1]["seq"]
            peer = subprocess.run(operator.peer, capture_output=True, text=True, check=False, timeout=120)
            assert peer.returncode == 0 and peer.stdout.rstrip().endswith("SUCCESS"), (operator.wrong, peer.stdout[-3000:])
            assert operator.asked == dialogue
            assert [e["what"] for e in hss.events("--what", "hss.") if e["seq"] > begin] == told
        if not ours:
            assert any(command.startswith("00880081") for command, _ in put_in.card.log)
