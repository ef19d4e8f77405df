"""Figure 1, whole and with everything real: a node with nothing but a SIM, its operator's BSF and HSS, and a provider's MAF. Ub, Zh, Zn and
Ua; the owner's rule in the BSF's answer; and what may go wrong on the way.
"""
import base64
import concurrent.futures
import contextlib
import copy
import json
import re
import secrets
import shutil
import signal
import subprocess
import urllib.request

import pytest

import aka
from fig1 import DISCOVERY, Gate, PLMN, SimNode, rule, settle, two_operators
from gba_ue import Ue
from test_card import Reader
from usim import Usim
from support import MUSTER, MUSTERD, RUN_SECONDS, Installation, Running, run, until


@pytest.fixture(scope="module", name="inst")
def the_installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("fig1") / "inst", gba=PLMN)
    inst.hss = Gate(inst.hss_port)
    inst.south = Installation(inst.dir.with_name("south"), sp="south.example.com", gba="00102")
    inst.others = (inst.south,)
    two_operators(inst, inst.south)
    inst.start()
    inst.subscription()
    rule(inst)
    # two whose keys end soon, for the tests that look when they have: by the session, which `sim add` lets live for a minute at least, and by the contract
    inst.fleeting = SimNode(inst)
    inst.fleeting.live_for(10)
    while inst.fleeting.run_once().returncode:     # a slow machine, as below
        pass
    inst.subscription("short", until="+10s")
    inst.brief = SimNode(inst, subscription="short")
    while inst.brief.run_once().returncode:        # a slow machine: it has ended before the node was there
        inst.muster("subscription", "extend", "short", "--until", "+20s")
    with contextlib.ExitStack() as inst.stack:
        yield inst
    assert inst.stop() == 0, inst.log_text()
    inst.hss.close()


def http2_sessions(inst, listener):
    text = urllib.request.urlopen(f"http://127.0.0.1:{inst.metrics_port}/metrics", timeout=RUN_SECONDS).read().decode()
    return sum(int(n) for n in re.findall(rf'(?m)^muster_http2_sessions_total{{process="listener-{listener}-\d"}} (\d+)$', text))


def mark(inst):
    return inst.events()[-1]["seq"]


def told(inst, since, about="", **match):
    """Events behind entry `since` whose members match, and that name that subscriber."""
    return [e for e in inst.events() if e["seq"] > since and about in e.get("who", "") + e.get("why", "") and all(e.get(k) == v for k, v in match.items())]


def again(node, wait="enrolled key"):
    """A person tells an enrolled node to begin anew."""
    with Running(node) as agent:
        agent.wait_log("enrolled-already")
        assert node.agent("trigger").returncode == 0
        agent.wait_log(wait)


def test_the_figure(inst):
    """Ub, Zh, Zn, Ua, as node and servers tell them; the attempt's name is one wherever the wire has room for it."""
    node, begin = SimNode(inst), mark(inst)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    c = node.enrolled()
    assert (c["nodeID"], c["cseID"], c["mafFQDN"]) == (node.id, node.cse_id, inst.maf), "its operator told it who it is"
    shown = node.status()
    assert [s["arrow"] for s in shown["steps"]] == ["bsf.bootstrap", "node.save", "maf.open", "maf.register", "node.save", "maf.activated",
                                                    "maf.registration", "node.save", "node.promote"], shown["steps"]
    assert [(r["method"], r["reason"]) for r in shown["reports"]] == [("bsf", "ok"), ("gba", "ok")]
    events = told(inst, begin)
    story = ["hss.vector", "bsf.bootstrapped", "zn.key-given", "maf.fetched", "maf.register", "maf.activated", "maf.registration"]
    assert [e["what"] for e in events if e["what"] in story][:7] == story, events
    assert [e["what"] for e in events if e["what"].startswith("hss.")] == ["hss.vector"], "one challenge, one event"
    by = {e["what"]: e for e in events}
    assert {by[w].get("attempt") for w in story[4:]} == {shown["attempt"]} == {c["attempt"]}
    number = by["hss.vector"]["node"]
    assert all(by[w].get("node", number) == number for w in story), "and all are about one node"
    assert by["hss.vector"]["who"] == inst.bsf and node.imsi in by["hss.vector"]["why"]
    assert by["bsf.bootstrapped"]["who"] == node.impi and c["keyID"] in by["bsf.bootstrapped"]["why"] and "rule sims" in by["bsf.bootstrapped"]["why"]
    assert by["zn.key-given"]["who"] == inst.maf and by["maf.fetched"]["who"] == c["keyID"]
    assert inst.ask("node", "show", node.id)["briefings"][0]["rule"] == "sims"
    for listener in ("hss", "zn"):
        until(f"HTTP/2 at {listener}", lambda listener=listener: http2_sessions(inst, listener))
    secret = (node.k.hex(), node.opc.hex())
    said = (json.dumps(shown) + json.dumps(events) + inst.log.read_text() + done.stderr).lower()
    assert not any(s in said for s in secret)
    # its K and Ks are wrapped anew, and the vector of a challenge that may wait for long
    ue = Ue(inst.bsf_port, node.k, node.opc, node.impi, inst.bsf)
    challenge = ue.first()[1]["WWW-Authenticate"]
    inst.muster("keeper", "rotate")
    z = until("wrapped anew", lambda: (r := inst.ask("keeper", "show").get("rotation", {})).get("at") == "done" and r)
    assert z["unreadable"] == 0 and z["changed"] >= 5, z
    assert ue.respond(challenge)[0] == 200


def test_a_card_that_keeps_ks(inst):
    node = SimNode(inst, uicc="GBA_U", card_gba="yes")
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    node.enrolled()
    assert "card.naf-key" in [s["arrow"] for s in node.status()["steps"]]
    assert node.sessions()[0]["guss"]["bsfInfo"]["uiccType"] == "GBA_U"


@pytest.mark.parametrize("uicc, sim", [(None, {"topc": 32, "k": 32, "res": 16, "times": 3}), ("GBA_U", {"top": 32, "k": 16, "times": 2})], ids=["topc", "top"])
def test_a_sim_of_tuak(inst, uicc, sim):
    """TS 35.231, from the typed line to the key at the MAF; also with what is not usual in a card, and after the operator has lost its counter."""
    sim = {"algorithm": "tuak", **{w: x if w in ("res", "times") else secrets.token_hex(x) for w, x in sim.items()}}
    node = SimNode(inst, uicc=uicc, card_gba="yes" if uicc else None, sim=sim)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    node.enrolled()
    assert node.shown()["algorithm"] == "tuak"
    if uicc:
        return
    again(node)
    begin, old = mark(inst), node.key()
    inst.muster("sim", "remove", node.imsi, "--reason", "restored from an old copy")
    node.sim()
    again(node)
    assert node.key() != old and told(inst, begin, node.imsi, what="hss.resynchronised")
    node.enrolled()


def test_the_card_is_ahead(inst):
    """The operator has lost its counter: the card says where it stands, and the HSS moves there."""
    node = SimNode(inst)
    assert node.run_once().returncode == 0
    keys = [node.key()]
    for _ in range(2):
        again(node)
        keys.append(node.key())
    before, begin = node.sqn(), mark(inst)
    inst.muster("sim", "remove", node.imsi, "--reason", "restored from an old copy")
    node.sim()
    assert node.sqn() < before
    again(node)
    assert node.key() not in keys and node.sqn() > before
    node.enrolled()
    kinds = [e["what"] for e in told(inst, begin, node.imsi)]
    assert "hss.resynchronised" in kinds and kinds.index("hss.resynchronised") < kinds.index("bsf.bootstrapped"), kinds
    nothing_secret_is_kept_or_said(inst, node, [*keys, node.key()])


def nothing_secret_is_kept_or_said(inst, node, btids):
    """Of all that these runs were about, at log level debug: in no log, ours or the agent's, in no event and no file but the card's own."""
    secret = {"K": node.k, "OPc": node.opc}
    for i, btid in enumerate(btids):
        m = aka.Milenage(node.k, node.opc, base64.b64decode(btid.split("@")[0]))
        ks = m.ck + m.ik
        secret |= {f"{name} {i}": octets for name, octets in (("CK", m.ck), ("IK", m.ik), ("RES", m.res), ("Ks", ks))}
        secret |= {f"Ks_NAF {i} {ua}": aka.ks_naf(ks, m.rand, node.impi, inst.maf.encode() + bytes.fromhex(ua)) for ua in ("01000100ae", "0100000007")}
    given = zn(inst, btids[-1], inst.dir / "tls/maf.pem", inst.dir / "tls/maf.key").stdout
    assert secret[f"Ks_NAF {len(btids) - 1} 01000100ae"].hex() in given, "these are the octets"
    forms = {(name, form): octets for name, raw in secret.items()
             for form, octets in (("raw", raw), ("hex", raw.hex().encode()), ("base64", base64.b64encode(raw)[:len(raw) // 3 * 4]))}
    places = {"events": json.dumps(inst.events()).encode()}
    for path in inst.dir.rglob("*"):
        with contextlib.suppress(FileNotFoundError):       # one that is written beside its place may have moved there meanwhile
            if path.is_file() and path.name != "sim.json":
                places[str(path)] = path.read_bytes()
    assert b" debug " in places[str(inst.log)].lower(), places[str(inst.log)][:300]
    assert not [(name, form, place) for place, text in places.items() for (name, form), octets in forms.items()
                if octets in text or (form == "hex" and octets.upper() in text)]


def test_one_sim_twice_at_once(inst):
    """A copied card: both ends of Ub agree with both, and the MAF ends with one key, which is the last that was used."""
    one = SimNode(inst)
    two = copy.copy(one)
    two.dir = one.dir.with_name(one.dir.name + "-copy")
    shutil.copytree(one.dir, two.dir)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda n: n.run_once(), (one, two)))
    assert 0 in [d.returncode for d in done], [d.stderr for d in done]
    active = [k for k, state in one.at_the_maf().items() if state == "active"]
    keys = {n.key(): n for n in (one, two) if n.status()["credential"]}
    assert len(active) == 1 and active[0] in keys, (active, keys)
    assert keys[active[0]].works()
    assert not any(n.works() for k, n in keys.items() if k != active[0])
    assert run("sqlite3", inst.dir / "store/muster.db", f"SELECT vectors FROM sim WHERE imsi = '{one.imsi}'").stdout.strip() in ("2", "3")


def nothing_half(node):
    """No session, no open challenge, no key at the MAF."""
    assert node.sessions() == [] and node.at_the_maf() == {} and not node.status()["credential"]


def test_the_hss_is_not_there(inst):
    """503 with Retry-After, nothing kept; and by itself the node is through when it is back: see the test of that."""
    node, begin = SimNode(inst), mark(inst)
    sqn = node.sqn()
    inst.hss.shut()
    try:
        status, headers, _ = Ue(inst.bsf_port, node.k, node.opc, node.impi, inst.bsf).first()
        assert status == 503 and int(headers["Retry-After"]) > 0 and "WWW-Authenticate" not in headers
        inst.waiting = inst.stack.enter_context(Running(node))
        inst.waiting.wait_log("bootstrapping-failed .*reason=busy")
        nothing_half(node)
        assert node.sqn() == sqn
        assert {e["outcome"] for e in told(inst, begin, what="bsf.refused", who=node.impi)} == {503}, [e["why"] for e in told(inst, begin)]
    finally:
        inst.hss.open = True


def test_a_sim_that_is_suspended(inst):
    node, begin = SimNode(inst), mark(inst)
    inst.muster("sim", "suspend", node.imsi, "--reason", "stolen")
    done = node.run_once()
    assert done.returncode == 1
    report = node.status()["reports"][0]
    assert report["reason"] == "unknown subscriber" and report["remedy"], report
    nothing_half(node)
    assert any("stolen" in e["why"] for e in told(inst, begin, what="hss.refused", outcome=403))
    assert not [e for e in told(inst, begin, what="bsf.refused") if "stolen" in e["why"]], "the reason is the operator's"
    inst.muster("sim", "resume", node.imsi, "--reason", "found")
    assert node.run_once().returncode == 0
    node.enrolled()


def test_a_naf_in_no_group_of_the_subscriber(inst):
    """Ub is good and Zn gives nothing: the subscriber's settings do not let this MAF in."""
    node, begin = SimNode(inst, naf_group="payment"), mark(inst)
    done = node.run_once()
    assert done.returncode == 1, done.stderr
    assert len(node.sessions()) == 1 and node.at_the_maf() == {}
    assert any("none of the groups" in e["why"] for e in told(inst, begin, what="zn.refused", outcome=403)), told(inst, begin)
    assert any("gives us no key" in e["why"] for e in told(inst, begin, what="maf.psk-refused")), told(inst, begin)
    assert node.reports()[-1] == ("gba", "not authenticated")


def zn(inst, btid, cert, key):
    name = f"zn.{inst.sp}"
    ask = json.dumps({"btId": btid, "nafId": {"nafFqdn": inst.maf, "uaSecProtId": "01000100AE"}})
    return run("curl", "-sS", "--http2", "--connect-to", f"{name}:{inst.zn_port}:127.0.0.1:{inst.zn_port}", "--cacert", inst.dir / "keeper/ca.pem",
               "--cert", cert, "--key", key, "-H", "Content-Type: application/json", "-d", ask, "-w", "\n%{http_code}",
               f"https://{name}:{inst.zn_port}/nbsp-gba/v1/bootstrapping-info-retrieval", check=False)


def test_whoever_is_no_naf_has_no_key(inst):
    node = SimNode(inst)
    assert node.run_once().returncode == 0
    begin, makers = mark(inst), inst.dir / "makers"
    run(MUSTER, "cert", "issue", "--ca", "acme", "--out", inst.dir / "forged", "--fqdn", inst.maf, cwd=makers)
    done = zn(inst, node.key(), inst.dir / "forged.pem", inst.dir / "forged.key")
    assert done.returncode != 0 and "KeyMaterial" not in done.stdout, done
    assert inst.wait_event("zn.handshake-failed")
    for who in ("hss", "mef"):                # of this installation's own CA, and no NAF, or not this one
        done = zn(inst, node.key(), inst.dir / f"tls/{who}.pem", inst.dir / f"tls/{who}.key")
        assert done.stdout.endswith("\n403") and "KeyMaterial" not in done.stdout, done
    assert len(told(inst, begin, what="zn.refused", outcome=403)) == 2
    assert zn(inst, node.key(), inst.dir / "tls/maf.pem", inst.dir / "tls/maf.key").stdout.endswith("\n200"), "as the MAF it is given"
    # the BSF has forgotten it, and the MAF has the key already: that one is good until it ends
    inst.muster("gba", "flush", node.impi)
    assert node.works() and zn(inst, node.key(), inst.dir / "tls/maf.pem", inst.dir / "tls/maf.key").stdout.endswith("\n404")


def test_a_key_that_the_bsf_has_flushed_before_it_was_used(inst):
    """The node holds a key that no NAF can get any more: refused, and by itself it bootstraps anew."""
    node = SimNode(inst)
    node.configure('crash_at = "pending-saved";\n')
    assert node.run_once().returncode == -signal.SIGKILL
    dead = node.sessions()[0]["btid"]
    inst.muster("gba", "flush", node.impi)
    node.configure()
    with Running(node) as agent:
        agent.wait_log("enrolled key")
    assert node.key() != dead and dead not in node.at_the_maf()
    node.enrolled()


@pytest.mark.parametrize("ua, via", [("01000100a8", "01000100A8"), ("010001c037", "010001C037"), ("tls13", "0100000007")])
def test_every_suite_of_the_node_is_one_of_the_maf(inst, ua, via):
    """gba.ua: what muster-agent(1) offers besides the default (TS 33.220 H.3) is taken by a MAF of ours as init makes it."""
    node = SimNode(inst)
    node.configure(f'gba = {{ ua = "{ua}"; }};\n')
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert run("sqlite3", inst.dir / "store/muster.db", f"SELECT via FROM credential WHERE key_id = '{node.enrolled()['keyID']}'").stdout.startswith(f"ua:{via}@")


def test_https_and_digest(inst):
    """TS 33.222 5.3: the MAF shows its certificate, each request is proved with B-TID and key; a key that is not taken is bootstrapped anew."""
    node, begin = SimNode(inst), mark(inst)
    digest = f'anchors = "{inst.dir}/keeper/ca.pem";\ngba = {{ ua = "010001c02b"; }};\n'
    node.configure(digest + 'crash_at = "pending-saved";\n')
    assert node.run_once().returncode == -signal.SIGKILL
    dead = node.sessions()[0]["btid"]
    inst.muster("gba", "flush", node.impi)
    node.configure(digest)
    with Running(node) as agent:
        agent.wait_log("enrolled key")
    c = node.enrolled()
    assert c["keyID"] != dead and dead not in node.at_the_maf(), c
    assert [e["who"] for e in told(inst, begin, dead, what="maf.psk-refused")] == [f"3GPP-bootstrapping;{dead}"], told(inst, begin)
    assert not told(inst, begin, what="maf.refused"), "no answer to a challenge was wrong"
    via = run("sqlite3", inst.dir / "store/muster.db", f"SELECT via FROM credential WHERE key_id = '{c['keyID']}'").stdout
    assert via.startswith("ua:010001C02B@"), via
    # what else goes to the MAF goes so, too
    made = node.agent("key", "register", "--target", f"//{inst.sp}/PEER1", "--json")
    assert made.returncode == 0, made.stderr + inst.log_text()
    assert node.agent("key", "delete", json.loads(made.stdout)["keyID"]).returncode == 0
    # whoever is not the MAF is not even asked for a challenge; nothing replaces what is in use
    node.configure(f'anchors = "{inst.south.dir}/keeper/ca.pem";\ngba = {{ ua = "010001c02b"; }};\n')
    again(node, "instruction-failed .*maf.open")
    assert node.reports()[-1] == ("gba", "untrusted") and node.key() == c["keyID"], node.status()["reports"]
    node.configure(digest)
    assert node.works()
    # a card that keeps Ks derives that key as well; the suite that oneM2M demands
    node = SimNode(inst, uicc="GBA_U", card_gba="yes")
    node.configure(digest.replace("c02b", "c023"))
    done = node.run_once()
    assert done.returncode == 0, done.stderr + inst.log_text()
    node.enrolled()
    assert "card.naf-key" in [s["arrow"] for s in node.status()["steps"]]


@pytest.fixture(scope="module", name="south")
def the_other_operator(inst):
    inst.south.start()
    inst.south.subscription()
    rule(inst.south, maf=inst)
    until("the two have met", lambda: "a Diameter peer is open" in inst.south.log_text(), RUN_SECONDS, inst.south.log_text)
    yield inst.south
    assert inst.south.stop() == 0, inst.south.log_text()


def known_at(south, node):
    """The other provider has it in its registry, by the name that the operator gives it."""
    south.muster("node", "add", node.id, "--cse-id", node.cse_id, "--subscription", "sub-1", "--anchor", "none")


def test_a_node_that_moves(inst, south):
    """Another provider by the owner's rule: a new Ks, a key for the new MAF's name, and the old key is dead."""
    node = SimNode(inst)
    assert node.run_once().returncode == 0
    old, begin = node.enrolled()["keyID"], mark(inst)
    known_at(south, node)
    rule(inst, "moved", node.imsi, south, before="sims")
    inst.muster("node", "release", node.id, "--grace", "2d", "--reason", "sold")
    again(node, "point=left ")
    c = node.status()["credential"]
    assert (c["mafFQDN"], c["adminFQDN"]) == (south.maf, south.sp) and c["keyID"] != old and node.works()
    assert [k for k, state in node.at_the_maf(south).items() if state == "active"] == [c["keyID"]]
    assert node.at_the_maf().get(old, "revoked") == "revoked" and "active" not in node.at_the_maf().values()
    assert {e["who"] for e in told(inst, begin, node.imsi, what="zn.key-given")} == {south.maf}


def test_over_diameter(inst, south):
    """The same story at a BSF of another operator: Zh and Zn go between the two by Diameter; the card is ahead there, too."""
    node = SimNode(inst)
    node.instruct({**DISCOVERY, "uri": f"http://{south.bsf}"})
    begin, there = mark(inst), mark(south)
    with Running(node) as agent:
        agent.wait_log("enrolled key")
        first = node.key()
        assert first.endswith("@" + south.bsf) and node.works()
        assert [k for k, state in node.at_the_maf().items() if state == "active"] == [first]
        assert {e["who"] for e in told(inst, begin, node.imsi, what="hss.vector")} == {f"dia.{south.sp}"}
        assert not told(inst, begin, node.imsi, what="bsf.bootstrapped")
        assert [e["who"] for e in told(south, there, what="bsf.bootstrapped")] == [node.impi]
        assert [e["who"] for e in told(south, there, what="zn.key-given")] == [f"dia.{inst.sp}"]
        inst.muster("sim", "remove", node.imsi, "--reason", "restored from an old copy")
        node.sim()
        assert node.agent("trigger").returncode == 0
        agent.wait_log("enrolled key")
    assert node.key() != first and node.works() and told(inst, begin, node.imsi, what="hss.resynchronised")
    # whom the operator has suspended, and whom nobody knows, over Diameter as well
    inst.muster("sim", "suspend", node.imsi, "--reason", "stolen")
    ue = Ue(south.bsf_port, node.k, node.opc, node.impi, south.bsf)
    assert ue.first()[0] == 403
    ue.name = "001019999999999@ims.mnc001.mcc001.3gppnetwork.org"
    assert ue.first()[0] == 403


def test_a_card_behind_a_reader(inst, tmp_path):
    """The same by PC/SC: Ks stays in the card, and the card's counter lies ahead of the operator's."""
    node, begin = SimNode(inst, uicc="GBA_U"), mark(inst)
    card = Usim(node.imsi, node.k, node.opc, sqn=0x90000)
    card.seq = [0x90000 >> 5] * 32
    node.card = 'kind = "pcsc"; reader = "Virtual";'
    node.configure()
    reader = Reader(tmp_path)
    try:
        with reader.card(card):
            done = node.run_once(wrap=reader.beside())
            assert done.returncode == 0, done.stderr + inst.log_text()
    finally:
        reader.close()
    assert node.enrolled()["keyID"].encode() in card.apps[next(iter(card.apps))][0x6FD6], "B-TID is noted in EF_GBABP"
    assert node.sqn() > 0x90000 and told(inst, begin, node.imsi, what="hss.resynchronised")


AGENT_POINTS = ["ub-challenged", "ub-card-answered", "ub-granted", "bootstrapped", "naf-keyed", "pending-saved", "maf-opened", "maf-registered", "kmid-saved",
                "maf-reopened", "confirmed", "proof-saved", "promoted"]


def test_the_nodes_power_goes_at_every_point(inst):
    """Whatever the card and the operator have counted already: it ends enrolled, with one key."""
    for point in AGENT_POINTS:
        # with Ks in the node the key follows in the same step
        node = SimNode(inst, **({"uicc": "GBA_U", "card_gba": "yes"} if point == "bootstrapped" else {}))
        node.configure(f'crash_at = "{point}";\n')
        cut = node.run_once()
        assert cut.returncode == -signal.SIGKILL, (point, cut.stderr)
        sqn = node.sqn()
        node.configure()
        done = node.run_once()
        assert done.returncode == 0, (point, done.stderr, inst.log_text())
        # what the card has not seen yet waits for it; from the pending slot on the card is not asked any more
        assert (node.sqn() > sqn) == (0 < AGENT_POINTS.index(point) < AGENT_POINTS.index("pending-saved")), point
        node.enrolled()


def test_the_hss_is_back(inst):
    """Who was told to come again later has done so meanwhile."""
    inst.waiting.wait_log("enrolled key")
    inst.waiting.node.enrolled()
    inst.stack.close()


def test_a_key_that_has_ended_with_its_session(inst):
    """The BSF's word counts at the MAF, and on Zn: nothing is fetched again, and the node bootstraps anew by itself."""
    node, begin = inst.fleeting, mark(inst)
    old = node.key()
    until("its key has ended at the MAF", lambda: not node.works(), RUN_SECONDS, inst.log_text)
    until("the operator is told", lambda: told(inst, begin, old, what="maf.handshake-failed"), context=lambda: told(inst, begin))
    assert not told(inst, begin, node.impi, what="zn.key-given")
    node.live_for(0)
    assert node.run_once().returncode == 0
    assert node.enrolled()["keyID"] != old and told(inst, begin, node.impi, what="bsf.bootstrapped")


def test_a_key_that_has_ended(inst):
    """With its subscription. The MAF refuses it and says what to do; the contract is renewed, and the node bootstraps anew by itself."""
    node, begin = inst.brief, mark(inst)
    old = node.key()
    until("its key has ended at the MAF", lambda: not node.works(), RUN_SECONDS, inst.log_text)
    until("the operator is told why", lambda: told(inst, begin, "bootstrap anew", what="maf.handshake-failed"), context=lambda: told(inst, begin))
    assert node.run_once().returncode == 1, "without a contract there is no other"
    inst.muster("subscription", "extend", "short", "--until", "+90d")
    assert not node.works(), "what has ended stays ended"
    assert node.run_once().returncode == 0
    assert node.enrolled()["keyID"] != old


# --- the servers' power ---

SERVER_POINTS = run(MUSTERD, "--crash-points").stdout.split()


def kept(inst, table, what, node=None):
    where = f" WHERE imsi = '{node.imsi}'" if node else ""
    return run("sqlite3", inst.dir / "store/muster.db", f"SELECT {what} FROM {table}{where}").stdout.strip()


def test_the_servers_power_goes_at_every_point(tmp_path):
    """One daemon that is everything dies at the n-th passage of a point while a node comes by its SIM. Numbers never fall, what was said stands."""
    inst = Installation(tmp_path / "inst", processes="single", gba=PLMN)
    settle(inst, [(r"(?m)^listeners = \d+;", "listeners = 1;")])
    inst.start()
    inst.subscription()
    rule(inst)
    # a MEF's key alone is released; the others at an early, a later and a late message
    rounds = [(point, 1 + 2 * (i % 3)) for i, point in enumerate(SERVER_POINTS) if point != "release-before"]
    nodes = [SimNode(inst) for _ in range(4)]
    assert inst.stop() == 0
    for i, (point, passage) in enumerate(rounds):
        inst.configure(add=f'test = {{ crash_at = "{point}"; crash_after = {passage}; }};\n')
        inst.start()
        before = [int(kept(inst, "sim", "sqn", n)) for n in nodes]
        for k in range(3 * passage):
            node = nodes[(i + k) % len(nodes)]
            node.run_once()
            if ended(inst):
                break
            shutil.rmtree(node.dir / "state", ignore_errors=True)      # a new node with that card, so that it asks again
        else:
            raise AssertionError(f"{point} was not passed {passage} times: {inst.log_text()}")
        assert all(int(kept(inst, "sim", "sqn", n)) >= b for n, b in zip(nodes, before)), point
    inst.configure()
    inst.start()
    for node in nodes:
        until("it is enrolled", lambda n=node: n.run_once().returncode == 0, RUN_SECONDS, inst.log_text)
        node.enrolled()
    assert kept(inst, "pragma_integrity_check", "*") == "ok" and "whole" in inst.muster("events", "verify").stdout
    assert inst.stop() == 0


def test_the_power_goes_between_two_operators(inst, south):
    """At the BSF while it asks an HSS by Diameter; at that HSS with a number that is not durable yet; at the MAF while it asks that BSF by Diameter."""
    node = SimNode(inst)
    node.instruct({**DISCOVERY, "uri": f"http://{south.bsf}"})
    for who, point in ((south, "fetch-after"), (inst, "decided"), (inst, "fetch-after"), (inst, None)):
        sqn = int(kept(inst, "sim", "sqn", node))
        assert who.process is None or who.stop() == 0, who.log_text()
        who.configure(add=f'test = {{ crash_at = "{point}"; crash_after = 1; }};\n' if point else "")
        seen = {one: one.log.stat().st_size for one in (inst, south)}      # from here on the two can meet once only
        for one in (inst, south):
            if one.process is None:
                one.start()
        for one, at in seen.items():
            until("the two have met", lambda one=one, at=at: b"a Diameter peer is open" in one.log.read_bytes()[at:], RUN_SECONDS, one.log_text)
        shutil.rmtree(node.dir / "state", ignore_errors=True)         # a new node with that card: it asks from the beginning
        done = node.run_once()
        assert done.returncode == (1 if point else 0), (point, done.stderr, who.log_text())
        if point:
            until("the power is off", lambda: ended(who), RUN_SECONDS, lambda: done.stderr + who.log_text())
            who.configure()
        # a vector that the BSF has lost is none any more; a number that was not written down was never given
        assert (int(kept(inst, "sim", "sqn", node)) > sqn) == (point != "decided"), point
    assert node.key().endswith("@" + south.bsf) and node.works()
    assert [k for k, state in node.at_the_maf().items() if state == "active"] == [node.key()]
    for one in (inst, south):
        assert kept(one, "pragma_integrity_check", "*") == "ok" and "whole" in one.muster("events", "verify").stdout


def ended(inst):
    """The kernel tells of a death a moment after the peer sees its socket close."""
    try:
        code = inst.process.wait(0.2)
    except subprocess.TimeoutExpired:
        return False
    assert code == -signal.SIGKILL, (code, inst.log_text())
    inst.process = None
    return True
