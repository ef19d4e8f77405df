"""Nodes enrol by every method: by certificate and by maker's secret, over HTTPS and over CoAP, briefed or not; by a SIM for a MAF, with TLS-PSK and with
Digest, for a CSE and for a MEF, where it gives CK and IK and where it keeps Ks, in software, in a reader and behind a modem. (Keys in a TPM, a token
or a card's applet: test_residue_devices.py.) Then every long-term key of theirs and of the servers is looked for, each 16-octet window of it,
in the memory of every process, in the database and its journal, in logs, in all other files, and in what passed over the
wire. A key is where it belongs, the keeper or the secure environment of its own node, and nowhere else (issue 6).

The card in a reader or a modem is a simulator in the tests' own process: it is the secure environment, and not looked at. pcscd, between it and the node,
is looked at, and is none of ours: it may have what the card gave for good, and nothing that the card keeps.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import urllib.parse

import pytest
import yaml

import aka
from residue import Capture, Keys, files, scan
from residue_cards import CardNode, Held, at
from residue_world import TLS, UNLOCKED, a_world, dig, in_a_handshake, in_a_handshake_of_the_guest, is_found_when_planted, nobody_has_it, nothing_is_left, scalar, scalar_of, stopped
from fig1 import PLMN, sim_line
from support import MUSTER, RUN_SECONDS, Installation, Running, run, secret_text, until
from taken import Taken
from test_card import Modem
from test_saef import accept, connect

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with a_world(tmp_path_factory.mktemp("residue")) as w:
        yield w


def test_memory(world):
    """Nobody's key is in a process that it does not belong to; where it belongs, it is in no page that may be swapped out."""
    found = world.targets()
    hits, searched = scan(world.needles, found)
    assert hits and set(searched) == set(found) and min(searched.values()) > 100_000
    assert {"keeper", "engine", "connector", "diameter", "supervisor", "naf", *(f"listener-{role}" for role in ("none", "mef", "maf", "bbn", "bsf", "hss", "zn"))} < set(found.values())

    hits = nothing_is_left(world, found)
    # those of musterd are in no core, whoever takes one; and what is looked for is there
    assert not {(found[h.target], h.name) for h in hits if "dd" not in h.flags and found[h.target] not in (*world.agents, *world.devices)} - UNLOCKED
    assert {("keeper", "ca"), ("keeper", "wrap"), ("keeper", "ocsp"), ("naf", "tls-naf")} <= {(found[h.target], h.name) for h in hits}
    # made for certificates that came over EST, for the first one as well; keys of GBA, and whom they were made for
    assert {"agent-cert-cert", "agent-own-cert", "agent-own-node.key", "agent-sim-ks", "agent-kpsa-ks", "agent-kpsa-active-km"} <= set(world.keys.keys)
    assert {(who, f"tls-{role}") for role, places in TLS.items() for who in places} <= {(found[h.target], h.name) for h in hits}
    # of one that came to MEF and MAF by GBA, and by Digest, and what another operator had of it by Diameter
    assert {"abroad-ck", "abroad-ik", "guest-abroad-naf"} <= set(world.keys.keys)
    # of SIMs behind pcscd and modems, of one that gives CK and IK and of one that keeps Ks; who has what of it, residue_world.py says
    assert {f"{who}-{what}" for who in ("agent-gba-u", *world.cards.nodes) for what in ("k", "opc", "ks", "ks-int-naf", "active-km")} <= set(world.keys.keys)
    assert {"agent-digest-a1", "agent-via-mef-ks-naf", "agent-coap-psk-kpm"} <= set(world.keys.keys)
    assert {f"guest-{role}{what}" for role in ("mef", "maf") for what in ("", "-digest", "-a1")} <= set(world.keys.keys)
    assert {f"{who}-state.key" for who in world.agents} <= {h.name for h in hits} and "agent-coap-secret" in world.keys.keys


@pytest.mark.parametrize("who, server", [("agent-psk", "listener-maf"), ("agent-reader-u", "listener-maf"), ("agent-kpsa", "naf")])
def test_in_a_handshake(world, who, server):
    """Km, and Kpsa with the NAF before a CSE."""
    in_a_handshake(world, who, server, f"{who}-active-km")


def test_in_a_bootstrap(world, tmp_path):
    """The card has given CK and IK, and the BSF takes its time: the node has them in locked pages, and what read them from the card has nothing left. K is
    in the card. Then they go: what comes of them is a key for the MAF, which is sealed."""
    node, servers = CardNode(world.inst, False, Held), [int(t[4:]) for t, who in world.targets().items() if who == "listener-bsf"]
    with Modem(node.usim) as modem, Running(node.settle(at(modem))) as agent:
        assert servers and node.usim.asked.wait(RUN_SECONDS)
        keys, vector, found = Keys(), aka.Milenage(node.k, node.opc, node.usim.challenge), {f"pid:{agent.process.pid}": "agent"}
        for name, key in (("k", node.k), ("opc", node.opc), ("ck", vector.ck), ("ik", vector.ik)):
            keys.add(name, key)
        needles = keys.write(tmp_path / "needles")
        with stopped(servers):
            nobody_has_it(needles, found)
            node.usim.free.set()
            agent.wait_log("point=ub-card-answered")

            def seen():
                """What is computed with is on a stack for a moment."""
                hits = scan(needles, found)[0]
                return hits if {h.name for h in hits} == {"ck", "ik"} and all({"lo", "dd"} <= set(h.flags) for h in hits) else None
            until("it waits with CK and IK", seen, context=lambda: str(scan(needles, found)[0]))
        agent.wait_log("enrolled key")
        nobody_has_it(needles, found)


def test_the_mef_as_naf(world):
    """Ks_NAF that the MEF has of the BSF, in place of a maker's secret."""
    in_a_handshake_of_the_guest(world, "listener-mef", "guest-mef-13")


def test_through_the_naf(world):
    """A connection to the CSE that is open: neither muster-naf nor who connects has its key any more."""
    node = world.nodes["agent-kpsa"]
    with connect(node, world.naf.port) as caller:
        caller.write(b"good day").wait_out(b"good day")
        found = {f"pid:{caller.process.pid}": "connect", f"pid:{world.naf.process.pid}": "naf"}
        hits = nothing_is_left(world, found)
        assert {(found[h.target], h.name) for h in hits} == {("naf", "tls-naf")} and all("dd" in h.flags for h in hits), hits
        caller.write(b"", close=True)
        caller.end()


def test_the_tools(world):
    """accept and connect while they run, with a connection that is open: what they had is forgotten."""
    a, b = world.nodes["agent-cert"], world.nodes["agent-peer"]
    with accept(b) as called, connect(a, called.port, "--peer", b.cse_id) as caller:
        called.wait_event("open")
        caller.wait_event("open")
        found = {f"pid:{p.process.pid}": name for name, p in (("accept", called), ("connect", caller))}
        hits, searched = scan(world.needles, found)
        assert set(searched) == set(found) and min(searched.values()) > 100_000
        assert not {(found[h.target], h.name, *h.flags) for h in hits}
        caller.write(b"", close=True)
        called.write(b"", close=True).end()
        caller.end()


POLL = "7"                            # its number among the calls of x86-64


def waiting_since_it_said(process):
    """Whoever has sent its question, and now waits for the answer."""
    until("it waits for an answer", lambda: pathlib.Path(f"/proc/{process.pid}/syscall").read_text().split()[0] == POLL)


def said(by, to):
    """Octets that one process has said to another one over local sockets, and that have not been read yet."""
    lines = [line.split(maxsplit=8) for line in run("ss", "-xHnp").stdout.splitlines()]
    ours = {line[5] for line in lines if f"pid={by}," in line[-1]}
    return sum(int(line[2]) for line in lines if f"pid={to}," in line[-1] and line[7] in ours)


@contextlib.contextmanager
def muster_gives(world, tmp_path, what, by):
    """`muster` with a secret that has not been here before, for a node or a SIM, while nobody answers. Gives what to look for, and the process."""
    inst, keys, secret = world.inst, Keys(), os.urandom(32)
    if what == "sim":
        words, line = ("sim", "add", f"{PLMN}99{os.getpid() % 10**8:08d}", "--file"), sim_line({"algorithm": "milenage", "k": secret[:16].hex(), "opc": secret[16:].hex()})
    else:
        words, line = ("node", "secret", world.nodes["agent-coap"].id, "--file"), secret_text(secret.hex())
    keys.add("given", secret)
    file = tmp_path / "given"
    file.write_text(line)
    file.chmod(0o600)
    with open(file, "rb") as stdin, subprocess.Popen([MUSTER, "-C", inst.dir, *words, file if by == "file" else "-"], stdin=stdin, stdout=subprocess.DEVNULL) as muster:
        yield keys.write(tmp_path / "needles"), muster
    assert muster.returncode == 0


@pytest.mark.parametrize("what, by", [("node", "file"), ("sim", "-")])
def test_muster_gives_a_secret(world, tmp_path, what, by):
    """At the command, while it waits for the answer; then at the listener that took it, which waits for the engine: neither has it any more. What is
    looked for would be found there: in the file, and where it is put into the command's memory."""
    local, engine = world.pid_of("listener-none"), world.pid_of("engine")
    with contextlib.ExitStack() as later:
        with stopped([local]):
            needles, muster = later.enter_context(muster_gives(world, tmp_path, what, by))
            target = f"pid:{muster.pid}"
            waiting_since_it_said(muster)
            hits, searched = scan(needles, [target])
            assert searched[target] > 100_000 and not hits, hits
            with Taken(muster.pid) as t:
                assert t.call("write", -1, (tmp_path / "given").read_bytes(), 16) < 0
                assert {h.name for h in scan(needles, [target, tmp_path / "given"])[0] if h.target == target} == {"given"}
            until("the engine has read all", lambda: not said(local, engine))
            later.enter_context(stopped([engine]))
        until("the engine is asked", lambda: said(local, engine))
        nobody_has_it(needles, {f"pid:{local}": "listener-none", f"pid:{world.inst.process.pid}": "supervisor"})
    nobody_has_it(needles, world.targets())


def test_open_files(world):
    """What a process has open and nobody sees: files without a name, in memory or removed."""
    looked = {f"/proc/{target[4:]}/fd/{fd}": who for target, who in world.targets().items() for fd in os.listdir(f"/proc/{target[4:]}/fd")
              if stat.S_ISREG(os.stat(f"/proc/{target[4:]}/fd/{fd}").st_mode)}
    assert "diameter" in looked.values() or "engine" in looked.values()
    assert not {(looked[h.target], h.name) for h in scan(world.needles, looked)[0]}


def gcore(pid, path, everything=False):
    """A core of a process that runs. `everything`: also of pages that ask to be in none, as whoever writes one himself may have it."""
    run("gdb", "--nx", "--batch", "-iex", "set auto-solib-add off", "-iex", "set debuginfod enabled off", "-p", pid,
        "-ex", f"set dump-excluded-mappings {'on' if everything else 'off'}", "-ex", f"gcore {path}", check=False)
    return path


def test_a_core_has_none(world, tmp_path):
    """Of those that have keys for good, and of these keys. Root takes it, nobody else can (test_attach.py), and the kernel writes none."""
    found = {who: target for target, who in world.targets().items() if who in ("keeper", "listener-maf", "connector", "naf")}
    cores = [gcore(target[4:], tmp_path / who) for who, target in found.items()]
    whole = gcore(found["keeper"][4:], tmp_path / "whole", True)
    hits, searched = scan(world.needles, [*cores, whole])
    assert len(searched) == 5 and min(searched.values()) > 100_000
    # what passes through a listener just now may be in a register
    assert not [h for h in hits if h.target != str(whole) and pathlib.Path(h.target).name in world.own[h.name]]
    assert {"ca", "wrap"} <= {h.name for h in hits if h.target == str(whole)}


def test_in_one_process(tmp_path):
    """`processes = "single"`: all keys of the servers are in it, and not otherwise."""
    keys = Keys()
    inst = Installation(tmp_path / "inst", processes="single").start()
    try:
        held = dig(inst.dir / "keeper")
        for name, key in (("ca", scalar(held["ca"])), ("wrap", held["wrap"]), *((r, scalar_of(inst.dir / "tls" / f"{r}.key")) for r in ("mef", "maf", "bbn"))):
            keys.add(name, key)
        needles = keys.write(tmp_path / "needles")
        hits, _ = scan(needles, [f"pid:{inst.process.pid}"])
        assert {h.name for h in hits} == set(keys.keys)
        assert not [h for h in hits if not {"lo", "dd"} <= set(h.flags)]
    finally:
        assert inst.stop() == 0, inst.log_text()


def test_no_core(world):
    for target, who in ((t, who) for t, who in world.targets().items() if who not in world.devices):
        limits = pathlib.Path(f"/proc/{target[4:]}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M), who


KEY_FILES = {"node.key", "psk", "pin", "sim.json", "state.key", "kek.key", "passphrase"}


def left_elsewhere(world, copies):
    """Copies of what was put since the beginning where everybody may put something; others' tests do, too, and take it away."""
    copies.mkdir()
    for place in map(pathlib.Path, ("/tmp", "/var/tmp", "/dev/shm")):
        for p in place.iterdir() if place.is_dir() else ():
            with contextlib.suppress(OSError):
                if p.is_file() and not p.is_symlink() and p.stat().st_mtime >= world.began and 0 < p.stat().st_size < 1 << 26:
                    shutil.copy(p, copies / f"{len(list(copies.iterdir()))}-{p.name}")
    return sorted(copies.iterdir())


def at_rest(world):
    """Also the record of a store that a passphrase opens, and a maker's secret that was taken."""
    return [p for p in files(world.inst.dir) if p.name not in KEY_FILES and p.suffix != ".key"] + [world.nodes["agent-coap"].dir / "state.key", world.nodes["agent-briefed"].psk_file]


def test_files(world, tmp_path):
    """Database, its journal, logs, sealed states, configuration, what lies in /tmp and in shared memory, and the wire as it was."""
    mark = pathlib.Path(f"/dev/shm/mst-residue-{os.getpid()}")
    mark.write_bytes(b"looked at")
    elsewhere = left_elsewhere(world, tmp_path / "elsewhere")
    mark.unlink()
    assert mark.name in {p.name.split("-", 1)[1] for p in elsewhere}
    looked = at_rest(world) + elsewhere
    names = {p.name for p in looked}
    assert {"muster.db", "muster.db-wal", "musterd.log", "wire", "agent.log"} <= names, names
    assert world.wire.octets > 20_000 and not world.wire.lost
    hits, searched = scan(world.needles, looked)
    assert len(searched) == len(looked)
    assert not hits


def test_key_files_hold_them(world):
    """The search finds what is there: the files that a key is kept in, by whoever has it."""
    hits, _ = scan(world.needles, [p for p in files(world.inst.dir) if p.name in KEY_FILES])
    assert "agent-briefed-kpm" in world.keys.keys and "agent-briefed-kpm" not in {h.name for h in hits}
    assert {"agent-psk-kpm", "agent-sim-k", "agent-sim-opc", "kek", "agent-sim-state.key", "agent-coap-secret"} <= {h.name for h in hits}


WRITTEN = [bytes, lambda k: k.hex().encode(), lambda k: k.hex().upper().encode(), lambda k: base64.b64encode(b"x" + k),
           lambda k: base64.urlsafe_b64encode(b"xy" + k), lambda k: k[5:21],
           lambda k: "-".join(re.findall("....", k.hex().upper())).encode(), lambda k: bytes(octet ^ 0x5c for octet in k),
           lambda k: b"".join(bytes(octet ^ 0x36 for octet in k[i:i + 4])[::-1] for i in range(0, len(k), 4))]


@pytest.mark.parametrize("how", range(len(WRITTEN)))
def test_a_planted_key_is_found_in_a_file(world, tmp_path, how):
    """In each file of the kinds above: a key in any of the ways, or sixteen octets of one."""
    key = world.keys.keys["agent-psk-active-km"]
    for name in ("muster.db", "muster.db-wal", "musterd.log"):
        copy = tmp_path / name
        octets = next(p for p in at_rest(world) if p.name == name).read_bytes()
        copy.write_bytes(octets[:len(octets) // 2 + 3] + WRITTEN[how](key) + octets[len(octets) // 2 + 3:])
    hits, _ = scan(world.needles, sorted(tmp_path.iterdir()))
    assert {h.target.rsplit("/", 1)[1] for h in hits} == {"muster.db", "muster.db-wal", "musterd.log"}
    assert {h.name for h in hits} == {"agent-psk-active-km"}


@pytest.mark.parametrize("who", ["listener-none", "listener-bsf", "connector", "engine", "keeper", "diameter", "supervisor", "naf", "agent-sim", "agent-gba-u", "agent-reader", "agent-modem",
                                 "pcscd"])
def test_a_planted_key_is_found_in_memory(world, who):
    """Sixteen octets of one, on the stack of a process that somebody has taken over."""
    is_found_when_planted(world, who, "agent-psk-active-km", "agent-kpsa-ks", "agent-reader-u-ks", "agent-modem-u-active-km")


def test_a_planted_key_is_found_on_the_wire(world, tmp_path):
    with Capture(tmp_path / "wire", [world.inst.mef_port]) as wire, socket.create_connection(("127.0.0.1", world.inst.mef_port)) as s:
        s.sendall(world.keys.keys["agent-psk-kpm"])
        until("it passed", lambda: wire.octets > 300)
    hits, _ = scan(world.needles, [tmp_path / "wire"])
    assert {h.name for h in hits} == {"agent-psk-kpm"}


def every_answer(inst):
    """Whatever can be read at the interface of administration: each path of its description that is read, with all the names that the answers have."""
    paths = yaml.safe_load((ROOT / "doc/openapi.yaml").read_text())["paths"]
    answers, names = {}, set()

    def ask(path):
        done = run("curl", "-sS", "--unix-socket", inst.dir / "run/admin.sock", "-w", "\n%{http_code}", f"http://muster{path}")
        text, _, status = done.stdout.rpartition("\n")
        if status == "200":
            answers[path] = text
            with contextlib.suppress(ValueError):
                collect(json.loads(text), names)

    read = [p for p, what in paths.items() if "get" in what]
    for path in (p for p in read if "{" not in p):
        ask(path)
    for name in sorted(names):
        for path in (p for p in read if "{" in p):
            ask(re.sub(r"\{.*?\}", urllib.parse.quote(name, safe=""), path))
    return read, answers


def collect(j, names):
    """Identifiers of things: what a path could have in it."""
    if isinstance(j, dict):
        names |= {str(v) for k, v in j.items() if k in ("id", "nodeID", "imsi", "name", "seq") and isinstance(v, str | int) and (k != "seq" or v < 3)}
    for x in j.values() if isinstance(j, dict) else j if isinstance(j, list) else ():
        collect(x, names)


def test_the_interface(world, tmp_path):
    """An operator with every right reads all that there is, at the socket and by the command: no key is in it."""
    read, answers = every_answer(world.inst)
    missed = {re.sub(r"\{.*", "", p) for p in read} - {re.sub(r"[^/]*$", "", p) for p in answers} - set(answers)
    assert missed == {"/v1/approvals/"}, (missed, sorted(answers))          # nothing waits for a second person here
    for i, node in enumerate(world.nodes.values()):
        assert any(urllib.parse.quote(node.id, safe="") in p for p in answers), sorted(answers)
        answers[f"show {i}"] = world.inst.muster("--json", "node", "show", node.id).stdout
    world.inst.muster("audit", "export", "--out", tmp_path / "export")
    answers["export"] = (tmp_path / "export").read_text()
    answers["metrics"] = run("curl", "-sS", f"http://127.0.0.1:{world.inst.metrics_port}/metrics").stdout
    answers["log"] = world.inst.log_text()
    for i, text in enumerate(answers.values()):
        (tmp_path / f"answer-{i}").write_text(text)
    hits, searched = scan(world.needles, files(tmp_path))
    assert not hits and sum(searched.values()) > 10_000
    (tmp_path / "planted").write_text(answers["export"] + json.dumps({"key": world.keys.keys["agent-psk-active-km"].hex()}))
    assert {h.name for h in scan(world.needles, [tmp_path / "planted"])[0]} == {"agent-psk-active-km"}
