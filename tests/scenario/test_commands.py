"""The command channel of Mmef (TS-0003 8.3.9) with real daemons and agents, and its registration and key procedures with all
their parameters spoken by curl. One installation for all; every test has nodes of its own.
"""
import base64
import hashlib
import http.server
import json
import re
import ssl
import threading

import pytest

from support import Installation, at, run, until

MTE = "trust.example.org"                # a stakeholder that is no provider
PSK = ["TLS_PSK_WITH_AES_128_CBC_SHA256"]
ECDHE = ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"]


@pytest.fixture(scope="module", name="inst")
def installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("commands") / "inst", "single")
    inst.configure(replace={"mef = {": f'mef = {{\n  retry_duration = "1s";\n  stakeholders = ( "{MTE}" );\n'})
    inst.start()
    inst.subscription()
    yield inst
    assert inst.stop() == 0, inst.log_text()


def command(inst, number):
    return inst.ask("command", "show", number)


def ended(inst, number):
    """Until the node has reported; its cmdStatusCode."""
    return until(f"the end of command {number}", lambda: command(inst, number)["state"] == "ended" and command(inst, number)["status"],
                 context=lambda: json.dumps(command(inst, number)))


def mo_node(inst, node, path, kind="authenticationProfile", suid=None, *more):
    return inst.ask("command", "mo-node", node.id, "--path", path, "--type", kind, *(("--suid", suid) if suid else ()), *more)["commands"][0]["id"]


def dev_cfg(inst, node, objects, *more):
    file = node.dir / "objects.json"
    file.write_text(json.dumps({"objects": objects}))
    return inst.ask("command", "dev-cfg", node.id, "--objects", file, *more)["commands"][0]["id"]


def fingerprint(pem):
    text = pem.read_text()
    return hashlib.sha256(base64.b64decode(re.search(r"CERTIFICATE-----(.*?)-----END", text, re.S).group(1))).hexdigest()


def profile(path, suid, **members):
    return {"path": path, "mgmtDefinition": 1022, "SUID": suid, **members}


def tree(inst, node, target, anchor_uri, anchor):
    mef = {"mgmtDefinition": 1026, "fqdn": inst.mef, "adminFQDN": inst.sp}
    maf = {"mgmtDefinition": 1025, "fqdn": inst.maf, "adminFQDN": inst.sp}
    lasting = {"keyRegDuration": "P30D", "TLSCiphersuites": PSK}
    return [
        {"path": "reg", "mgmtDefinition": 1020, "CSE-ID": target.cse_id, "pointOfAccess": ["https://in.example.com"]},
        profile("reg/mef", 22, keyRegLabels=["site:7"], **lasting), {"path": "reg/mef/at", **mef},
        profile("reg/mte", 22, **lasting), {"path": "reg/mte/at", **mef, "adminFQDN": MTE, "labels": ["by:mte"]},
        profile("reg/maf", 32, **lasting), {"path": "reg/maf/at", **maf},
        profile("reg/cert", 42, TLSCiphersuites=ECDHE, myCertFingerprint=fingerprint(node.dir / "node.pem")),
        {"path": "reg/cert/ca", "mgmtDefinition": 1024, "certFingerprint": fingerprint(inst.dir / "keeper/ca.pem")},
        profile("reg/othercert", 42, TLSCiphersuites=ECDHE, myCertFingerprint="00" * 32),
        {"path": "reg/othercert/ca", "mgmtDefinition": 1024, "certFingerprint": "11" * 32, "URI": anchor_uri},
        profile("reg/nosuite", 22, keyRegDuration="P30D"), {"path": "reg/nosuite/at", **mef},
        profile("reg/elsewhere", 22, **lasting), {"path": "reg/elsewhere/at", **mef, "fqdn": "mef.example.net"},
        {"path": "data", "mgmtDefinition": 1021, "containerPath": target.cse_id + "/base/readings"},
        profile("data/mef", 23, keyRegDuration="P1D"), {"path": "data/mef/at", **mef},
        {"path": "anchor", "mgmtDefinition": 1024, "certFingerprint": anchor, "URI": anchor_uri},
        {"path": "maf", **maf, "labels": ["again"]},
    ]


@pytest.fixture(name="anchors")
def anchor_server(inst):
    """An HTTPS server under the MEF's name that has one of the makers' CAs; /nothing is nothing."""
    pem = inst.dir / "makers/globex.pem"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = pem.read_bytes() if self.path == "/ca.pem" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(inst.dir / "tls/mef.pem", inst.dir / "tls/mef.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], fingerprint(pem)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_node_is_configured_and_acts_on_its_objects(inst, anchors):
    port, anchor = anchors
    node, target = inst.node(1), inst.node(2)
    node.configure(ports=[port])
    first = dev_cfg(inst, node, tree(inst, node, target, f"https://{inst.mef}:{port}/ca.pem", anchor))
    # what is done, and what each failure is called
    good = {p: mo_node(inst, node, *a) for p, a in {
        "reg/mef": ("reg/mef", "authenticationProfile", 22), "reg/mte": ("reg/mte", "authenticationProfile", 22),
        "reg/maf": ("/reg/maf", "authenticationProfile", 32), "reg/cert": ("reg/cert", "authenticationProfile", 42),
        "data/mef": ("data/mef", "authenticationProfile", 23), "anchor": ("anchor", "trustAnchorCred"),
        "reg/cert/ca": ("reg/cert/ca", "trustAnchorCred"), "maf": ("maf", "MAFClientRegCfg")}.items()}
    bad = {mo_node(inst, node, *a): status for a, status in (
        (("nowhere", "authenticationProfile", 22), 300), (("reg/mef", "trustAnchorCred"), 301),
        (("reg/mef", "authenticationProfile", 23), 303), (("reg/nosuite", "authenticationProfile", 22), 304),
        (("reg/othercert", "authenticationProfile", 42), 305), (("reg/othercert/ca", "trustAnchorCred"), 305),
        (("reg/elsewhere", "authenticationProfile", 22), 305))}
    bad[inst.ask("command", "dev-cfg", node.id, "--uri", "3:coaps://mef.sp.example.com")["commands"][0]["id"]] = 43
    with node.running():
        last = max(bad)
        assert ended(inst, last) == 43
        status = node.status()["managed"]
    assert command(inst, first)["status"] == 20
    told = {c["id"]: (c["status"], c["path"]) for c in inst.ask("command", "list", node.id)["commands"]}
    assert {p: told[i][0] for p, i in good.items()} == dict.fromkeys(good, 20), (told, status["commands"])
    assert {i: told[i][0] for i in bad} == bad, (told, status["commands"])
    # the effects, as the node itself shows them
    keys = {(k["path"], k["SUID"], k["target"], k["adminFQDN"]): k["keyID"] for k in status["keys"]}
    assert set(keys) == {("reg/mef", 22, target.cse_id, inst.sp), ("reg/mte", 22, target.cse_id, MTE), ("reg/maf", 32, target.cse_id, inst.sp),
                         ("data/mef", 23, target.cse_id, inst.sp)}
    assert len(set(keys.values())) == 4 and keys[("reg/maf", 32, target.cse_id, inst.sp)].endswith("@" + inst.maf)
    assert [(a["path"], a["fingerprint"].lower()) for a in status["anchors"]] == [("anchor", anchor)]
    assert {(r["path"], r["fqdn"], r["adminFQDN"]) for r in status["registrations"]} == {("reg/mte/at", inst.mef, MTE), ("maf", inst.maf, inst.sp)}
    assert {o["path"] for o in status["objects"]} >= {"reg/mef/at", "anchor"}
    assert "MO_NODE reg/mef: 20 OK" in node.agent("status").stdout
    # the target has the key that was registered for it, and nobody else gets it
    taken = Client(inst, target).key(keys[("reg/mef", 22, target.cse_id, inst.sp)])
    assert taken["SUID"] == 22 and taken["lbl"] == ["site:7"] and taken["sourceClientID"] == node.cse_id and len(base64.b64decode(taken["keyValue"])) == 32
    assert Client(inst, node).ask("GET", "/MEFBase/" + keys[("reg/mef", 22, target.cse_id, inst.sp)].split("@")[0])[0] == 4103
    # the operator's history and the audit log
    steps = command(inst, good["reg/mef"])["history"]
    assert [s["what"] for s in steps if s["what"] != "reissued"] == ["added", "issued", "reported"], steps
    assert steps[-1]["status"] == 20 and steps[-1]["words"] == "OK"
    assert any(f"command {good['maf']} ended with 20 OK" in e["why"] for e in inst.events("--what", "mef.command-status"))
    assert any(f"(command {first})" in e["why"] for e in inst.events("--what", "command.added"))


@pytest.mark.parametrize("power", ["cut", "kept"])
def test_a_command_is_carried_out_once(inst, power):
    node, target = inst.node(3 if power == "cut" else 4), inst.node(5 if power == "cut" else 6)
    dev_cfg(inst, node, [{"path": "reg", "mgmtDefinition": 1020, "CSE-ID": target.cse_id},
                         profile("reg/a", 22, keyRegDuration="P1D", TLSCiphersuites=PSK),
                         {"path": "reg/a/at", "mgmtDefinition": 1026, "fqdn": inst.mef, "adminFQDN": inst.sp}])
    number = mo_node(inst, node, "reg/a", "authenticationProfile", 22)
    if power == "cut":
        node.configure(add='crash_at = "command-done";\n')
        for _ in range(2):                       # after each of the two
            with pytest.raises(AssertionError), node.running() as agent:
                agent.wait_log("never said")
            assert agent.process.returncode == -9
        node.configure()
    with node.running():
        assert ended(inst, number) == 20
    registered = [e for e in inst.events("--what", "mef.key-register") if e["who"] == node.cse_id and e["outcome"] == 2001]
    assert len(registered) == 2, registered      # the enrolment's own, and this one
    what = [s["what"] for s in command(inst, number)["history"]]
    assert what == (["added", "issued", "reissued", "reported"] if power == "cut" else ["added", "issued", "reported"]), what
    assert [c["status"] for c in node.status()["managed"]["commands"]] == [20, 20]


@pytest.mark.faketime
def test_a_registration_with_somebody_else_is_prolonged(inst):
    """What MO_NODE led to is prolonged like the node's own before it ends (8.3.5.2.5): by the agent that runs, and by one that runs
    once, with the node's clock near the end; one that is gone at the MEF is told and left alone."""
    node, target = inst.node(90), inst.node(91)
    dev_cfg(inst, node, [{"path": "reg", "mgmtDefinition": 1020, "CSE-ID": target.cse_id},
                         profile("reg/mte", 22, keyRegDuration="P30D", TLSCiphersuites=PSK),
                         {"path": "reg/mte/at", "mgmtDefinition": 1026, "fqdn": inst.mef, "adminFQDN": MTE}])
    number = mo_node(inst, node, "reg/mte", "authenticationProfile", 22)
    with node.running():
        assert ended(inst, number) == 20

    def registered():
        one, = node.status()["managed"]["registrations"]
        assert one["adminFQDN"] == MTE
        return one["id"], one["until"]
    number, until_when = registered()

    def short():
        assert node.agent("register", "update", number, "--lifetime", "1h", "--mef").returncode == 0
        assert registered()[1] < until_when, "it has heard of it"
    short()
    with node.running(env=at("+55m")) as agent:
        agent.wait_log(f"registration-renewed at=mef .*with={MTE}")
    assert registered() == (number, until_when)
    short()
    done = node.run_once(env=at("+55m"))
    assert done.returncode == 0 and f"renewed       registration with {MTE} at the MEF: until {until_when}" in done.stdout, done.stdout
    assert registered() == (number, until_when)
    short()
    assert Client(inst, node).ask("DELETE", f"/MEFBase/{number}")[0] == 2002
    done = node.run_once(env=at("+55m"))
    assert done.returncode == 1 and f"not renewed   registration with {MTE} at the MEF" in done.stderr, done.stderr
    assert node.status()["managed"]["registrations"] == [] and node.agent("check").returncode == 0
    assert node.run_once(env=at("+55m")).returncode == 0, "told once"


def test_a_node_with_a_secret_alone_takes_commands(inst):
    node, target = inst.node(50), inst.node(51)
    for name in ("node.pem", "node.key"):
        (node.dir / name).unlink()
    identity = inst.ask("node", "secret", node.id, "--new", node.dir / "psk")["identity"]
    node.instruct(inst.instruction(method="psk"))
    node.configure(add=f'psk_identity = "{identity}";\npsk_file = "psk";\n')
    dev_cfg(inst, node, [{"path": "reg", "mgmtDefinition": 1020, "CSE-ID": target.cse_id},
                         profile("reg/a", 22, keyRegDuration="P1D", TLSCiphersuites=PSK),
                         {"path": "reg/a/at", "mgmtDefinition": 1026, "fqdn": inst.mef, "adminFQDN": inst.sp}])
    number = mo_node(inst, node, "reg/a", "authenticationProfile", 22)
    # what its maker put on it, which may hold keys; and the file is looked at beforehand
    own = [{"path": "own", "mgmtDefinition": 1020}, profile("own/k", 12, symmKeyID="k@x.example.com", TLSCiphersuites=PSK,
                                                            symmKeyValue=base64.b64encode(bytes(32)).decode()),
           profile("own/kpm", 12, symmKeyID=identity, TLSCiphersuites=PSK), profile("own/n", 12, symmKeyID="n@x.example.com", TLSCiphersuites=PSK)]
    node.configure(add=f'psk_identity = "{identity}";\npsk_file = "psk";\nobjects = "own.json";\n')
    (node.dir / "own.json").write_text(json.dumps({"objects": own + own[:1]}))
    refused = node.agent("--check")
    assert refused.returncode == 1 and "own.json: own: path: there are two objects of this path" in refused.stderr, refused.stderr
    (node.dir / "own.json").write_text(json.dumps({"objects": own}))
    assert node.agent("--check").returncode == 0
    here = {mo_node(inst, node, path, "authenticationProfile", 12): status for path, status in (("own/k", 20), ("own/kpm", 20), ("own/n", 305))}
    with node.running():
        assert ended(inst, number) == 20
        assert {n: ended(inst, n) for n in here} == here
        assert node.status()["managed"]["keys"][0]["target"] == target.cse_id


def test_a_key_is_registered_anew_before_its_end(inst):
    node, target = inst.node(8), inst.node(9)
    dev_cfg(inst, node, [{"path": "reg", "mgmtDefinition": 1020, "CSE-ID": target.cse_id},
                         profile("reg/a", 22, keyRegDuration="PT8S", TLSCiphersuites=PSK),
                         {"path": "reg/a/at", "mgmtDefinition": 1026, "fqdn": inst.mef, "adminFQDN": inst.sp}])
    number = mo_node(inst, node, "reg/a", "authenticationProfile", 22)
    with node.running():
        assert ended(inst, number) == 20
        first = node.status()["managed"]["keys"][0]["keyID"]
        second = until("another key", lambda: [k for k in node.status()["managed"]["keys"] if k["keyID"] != first])
    assert len(second) == 1 and second[0]["path"] == "reg/a" and [s["what"] for s in command(inst, number)["history"]][-1] == "reported"


def test_commands_are_taken_back(inst):
    node = inst.node(7)
    waits, goes = mo_node(inst, node, "a", "trustAnchorCred"), mo_node(inst, node, "b", "trustAnchorCred")
    assert "cancelled command" in inst.muster("command", "cancel", waits, "--reason", "a mistake").stdout
    assert inst.muster("command", "cancel", waits).returncode == 0       # again: the same answer
    client = Client(inst, node)
    reg = client.register()["ri"]
    out = client.command(reg)
    assert (out["cmdID"], out["cmdStatusCode"], out["cmdDescription"]["cmdArgs"]["MONodeCmdArgs"]["objectPath"]) == ("c-1", 10, "b")
    assert client.command(reg)["cmdStatusCode"] == 11
    inst.muster("command", "cancel", goes)
    again = client.command(reg)                  # it is not given again; what follows has an id of its own
    assert (again["cmdID"], again["cmdDescription"]["cmdClassID"]) == ("c-2", 0)
    assert client.command(reg)["cmdID"] == "c-2"
    assert [s["what"] for s in command(inst, goes)["history"]] == ["added", "issued", "reissued", "cancelled"]
    assert command(inst, goes)["state"] == "cancelled" and [e["why"] for e in inst.events("--what", "command.cancelled", "--node", node.id)][0].endswith("a mistake")
    third = mo_node(inst, node, "c", "trustAnchorCred")
    assert client.command(reg)["cmdID"] == "c-3"
    inst.muster("command", "cancel", third)
    assert client.report(reg, "c-3", 300)[0] == 2004     # carried out all the same: written down, no more
    assert command(inst, third)["state"] == "cancelled" and command(inst, third)["history"][-1]["what"] == "reported-late"
    ids = [inst.ask("command", "cert-prov", node.id)["commands"][0]["id"] for _ in range(3)]
    assert [(c["id"], c["state"]) for c in inst.ask("command", "cancel", ids[0])["commands"]] == [(ids[0], "cancelled")]
    # what was done before one was refused is told
    done = inst.muster("--json", "command", "cancel", *ids[1:], 999999, check=False)
    assert done.returncode == 1 and "there is no such command" in done.stderr, done
    assert [(c["id"], c["state"]) for c in json.loads(done.stdout)["commands"]] == [(i, "cancelled") for i in ids[1:]]
    refused = inst.muster("command", "cancel", 999999, check=False)
    assert refused.returncode == 1 and "there is no such command" in refused.stderr


def test_many_nodes_at_once_all_or_none(inst):
    inst.subscription("sub-many")
    nodes = [inst.node(n, subscription="sub-many") for n in (10, 11, 12)]
    given = inst.ask("command", "mo-node", "--subscription", "sub-many", "--path", "x", "--type", "trustAnchorCred")["commands"]
    assert [c["node"] for c in given] == [n.id for n in nodes] and {c["state"] for c in given} == {"waiting"}
    before = len(inst.ask("command", "list")["commands"])
    done = inst.muster("command", "cert-prov", nodes[0].id, "urn:nobody", nodes[1].id, check=False)
    assert done.returncode == 1 and "nodes[1].id" in done.stderr, done.stderr
    assert len(inst.ask("command", "list")["commands"]) == before
    assert nodes[2].id in inst.muster("command", "list").stdout


def objects_like(*objects):
    return json.dumps({"objects": list(objects)})


BAD_COMMANDS = [
    # words of the operator, what is wrong
    (("mo-node", "NODE", "--type", "trustAnchorCred"), "--path"),
    (("mo-node", "NODE", "--path", "a b", "--type", "trustAnchorCred"), "path: expected the path of a management object"),
    (("mo-node", "NODE", "--path", "a", "--type", "profile"), "type: expected authenticationProfile, trustAnchorCred or MAFClientRegCfg"),
    (("mo-node", "NODE", "--path", "a", "--type", "authenticationProfile"), "SUID: expected the SUID"),
    (("mo-node", "NODE", "--path", "a", "--type", "authenticationProfile", "--suid", "31"), "SUID: expected the SUID"),
    (("mo-node", "NODE", "--path", "a", "--type", "authenticationProfile", "--suid", "x"), "--suid wants a number"),
    (("mo-node", "NODE", "--path", "a", "--type", "MAFClientRegCfg", "--suid", "21"), "SUID: belongs to authenticationProfile"),
    (("mo-node", "NODE", "--path", "a", "--type", "trustAnchorCred", "--target", "//x/y"), "target: expected the CSE-ID or AE-ID of the node"),
    (("mo-node", "NODE", "--path", "a", "--type", "trustAnchorCred", "--stakeholder", "other.example.net"), "adminFQDN: neither the node's provider"),
    (("mo-node", "urn:nobody", "--path", "a", "--type", "trustAnchorCred"), "there is no such node"),
    (("mo-node", "--path", "a", "--type", "trustAnchorCred"), "give nodes"),
    (("cert-prov", "NODE", "--subject", "car"), "subject: expected node, cse or ae"),
    (("dev-cfg", "NODE"), "--objects FILE"),
    (("dev-cfg", "NODE", "--uri", "9:http://x"), "uri: expected devMgmtID:URI"),
    (("dev-cfg", "NODE", "--uri", "http://x"), "uri: expected devMgmtID:URI"),
    (("dev-cfg", "NODE", "--objects", "FILE", "{"), "no JSON"),
    (("dev-cfg", "NODE", "--objects", "FILE", '{"object":[]}'), 'expected {"objects":'),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like({"path": "a"})), "objects[0].mgmtDefinition"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like({"path": "a/", "mgmtDefinition": 1020})), "objects[0].path"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like({"path": "a", "mgmtDefinition": 1023})), "a: mgmtDefinition"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like({"path": "a", "mgmtDefinition": 1022})), "a: SUID is missing"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like(profile("a", 31))), "a: SUID"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like(profile("a", 11, symmKeyID="k@x.example.com"))), "TS-0003 8.3.8"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like({"path": "a", "mgmtDefinition": 1024, "certFingerprint": "12"})), "certFingerprint"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like({"path": "a", "mgmtDefinition": 1020, "fqdn": "x.example.com"})), "a: fqdn does not belong to registration"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like({"path": "a/b", "mgmtDefinition": 1020})), "a/b: path: the object above it"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like(*[{"path": "a", "mgmtDefinition": 1020}] * 2)), "a: path: there are two"),
    (("dev-cfg", "NODE", "--objects", "FILE", objects_like(*[{"path": f"a{i}", "mgmtDefinition": 1020} for i in range(25)])), "objects"),
    (("show", "x"), "there is no such command"),
    (("cancel",), "give numbers of commands"),
    (("list", "urn:nobody"), "there is no such node"),
]


def test_every_bad_command_is_refused_for_its_own_reason(inst):
    node = inst.node(20)
    before = inst.ask("command", "list")
    file = node.dir / "bad.json"
    for words, why in BAD_COMMANDS:
        words = list(words)
        if "FILE" in words:
            file.write_text(words.pop())
        done = inst.muster("command", *[{"NODE": node.id, "FILE": str(file)}.get(w, w) for w in words], check=False)
        assert done.returncode in (1, 2) and why in done.stderr, (words, why, done.returncode, done.stderr)
    assert inst.ask("command", "list") == before


class Client:
    """A foreign MEF client: curl."""

    def __init__(self, inst, node):
        self.inst, self.node = inst, node

    def ask(self, method, path, body=None, ty=None, origin=None, raw=None):
        words = ["curl", "-sS", "-i", "--resolve", f"{self.inst.mef}:{self.inst.mef_port}:127.0.0.1", "--cacert", self.inst.dir / "keeper/ca.pem",
                 "--cert", self.node.dir / "node.pem", "--key", self.node.dir / "node.key", "-X", method, "-H",
                 f"X-M2M-Origin: {origin or self.node.id}", "-H", "X-M2M-RI: c1", "-H", "X-M2M-RVI: 3"]
        if body is not None or raw is not None:
            words += ["-H", "Content-Type: application/json" + (f"; ty={ty}" if ty else ""), "-d", json.dumps(body) if raw is None else raw]
        head, _, content = run(*words, f"https://{self.inst.mef}:{self.inst.mef_port}{path}").stdout.replace("\r\n", "\n").partition("\n\n")
        value = json.loads(content) if content.strip() else None
        return int(re.search(r"^X-M2M-RSC: (\d+)$", head, re.M | re.I).group(1)), next(iter(value.values())) if value else None

    def must(self, rsc, *args, **more):
        got, value = self.ask(*args, **more)
        assert got == rsc, (args, got, value)
        return value

    def register(self, admin=None, **more):
        return self.must(2001, "POST", "/MEFBase", {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": admin or self.inst.sp, **more}}, 65001)

    def key(self, key_id):
        return self.must(2000, "GET", "/MEFBase/" + key_id.split("@")[0])

    def command(self, reg):
        return self.must(2000, "GET", f"/MEFBase/{reg}/cmd")

    def report(self, reg, cmd, status, **more):
        return self.ask("PUT", f"/MEFBase/{reg}/cmd", {"sec:mefClientCmd": {"cmdID": cmd, "cmdStatusCode": status, **more}})


def test_a_foreign_client_uses_every_parameter(inst):
    node, target, other = inst.node(30), inst.node(31), inst.node(32)
    client = Client(inst, node)
    made = client.register(lbl=["site:7", "line:2"])
    assert made["lbl"] == ["site:7", "line:2"] and made["clientID"] == node.cse_id and made["ch"][0]["val"] == f"/MEFBase/{made['ri']}/cmd"
    # 8.3.5.1: one registration for each stakeholder, apart from each other
    mte = client.register(MTE)
    assert mte["ri"] != made["ri"] and mte["adminFQDN"] == MTE and client.register(MTE)["ri"] == mte["ri"]
    assert client.ask("POST", "/MEFBase", {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": "x.example.net"}}, 65001)[0] == 4103
    number = mo_node(inst, node, "x", "trustAnchorCred", None, "--stakeholder", MTE, "--target", node.cse_id)
    assert client.command(made["ri"])["cmdDescription"]["cmdClassID"] == 0
    given = client.command(mte["ri"])
    assert given["cmdDescription"]["cmdClassID"] == 3 and given["cmdDescription"]["targetID"] == node.cse_id
    for bad in ({"cmdStatusCode": 10}, {"cmdStatusCode": 100}, {"cmdStatusCode": 21}, {"cmdStatusCode": "20"}, {"cmdStatusCode": 20, "x": 1},
                {"cmdStatusCode": 20, "cmdDescription": given["cmdDescription"]}):
        assert client.report(mte["ri"], given["cmdID"], **{"status": bad.pop("cmdStatusCode"), **bad})[0] == 4000, bad
    assert command(inst, number)["state"] == "issued"
    assert client.report(mte["ri"], "c-77", 20)[1]["cmdStatusCode"] == 11       # not the latest: ignored, and given again
    assert client.report(mte["ri"], given["cmdID"], 300)[1]["cmdDescription"]["cmdClassID"] == 0
    assert command(inst, number)["status"] == 300
    # update: only what was asked for comes back
    assert client.must(2004, "PUT", f"/MEFBase/{made['ri']}", {"sec:mefClientReg": {"lbl": ["new"]}}) == {"lbl": ["new"]}
    assert set(client.must(2004, "PUT", f"/MEFBase/{made['ri']}", {"sec:mefClientReg": {"et": "20990101T000000"}})) == {"et"}
    assert client.ask("PUT", f"/MEFBase/{made['ri']}", {"sec:mefClientReg": {}})[0] == 4000
    assert client.ask("PUT", f"/MEFBase/{made['ri']}", {"sec:mefClientReg": {"adminFQDN": MTE}})[0] == 4000
    assert client.must(2000, "GET", f"/MEFBase/{made['ri']}/cfg")["cseID"] == node.cse_id
    # keys: the client's own value for several targets, and the session's for one
    value = base64.b64encode(bytes(range(32))).decode()
    key = client.must(2001, "POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": inst.sp, "SUID": 24, "lbl": ["k"],
                      "targetIDs": [target.cse_id, other.cse_id], "keyValue": value}}, 65003)
    assert set(key) == {"rn", "relativeKeyID", "et", "sourceClientID", "adminFQDN", "SUID", "targetIDs", "lbl"} and key["SUID"] == 24
    for reader in (target, other):
        assert Client(inst, reader).key(key["relativeKeyID"])["keyValue"] == value
    path = "/MEFBase/" + key["relativeKeyID"]
    assert client.must(2004, "PUT", path, {"sec:symmKeyReg": {"targetIDs": [other.cse_id], "lbl": []}}) == {"targetIDs": [other.cse_id], "lbl": []}
    assert Client(inst, target).ask("GET", path)[0] == 4103
    assert client.ask("PUT", path, {"sec:symmKeyReg": {}})[0] == 4000
    assert Client(inst, other).ask("DELETE", path)[0] == 4103
    assert client.ask("DELETE", path)[0] == 2002 and client.ask("DELETE", path)[0] == 4004
    mine = client.must(2001, "POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": MTE, "SUID": 22,
                       "targetIDs": [target.cse_id]}}, 65003)
    assert mine["adminFQDN"] == MTE and Client(inst, target).key(mine["relativeKeyID"])["keyValue"] != value
    # de-registration takes what hangs on it
    assert client.ask("DELETE", f"/MEFBase/{mte['ri']}")[0] == 2002
    assert client.ask("GET", "/MEFBase/" + mine["relativeKeyID"])[0] == 4004 and client.ask("GET", f"/MEFBase/{mte['ri']}")[0] == 4004
    assert client.must(2000, "GET", f"/MEFBase/{made['ri']}")["lbl"] == ["new"]


def test_keys_by_hand_at_the_mef(inst):
    """Key procedures of Mmef by the agent (8.3.5.2.7 to 8.3.5.2.10): the session's key and one of its own, who may and who may not."""
    a, b, other = inst.node(60), inst.node(61), inst.node(62)
    for node in (a, b):
        assert node.run_once().returncode == 0

    def key(node, *words, good=True):
        done = node.agent("key", *words, "--mef", "--json")
        assert done.returncode == (0 if good else 1), (words, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def octets(node, key_id):
        return node.agent("key", "retrieve", key_id, "--mef", "--out", "-", check=True).stdout.split("=")[0].replace("-", "").strip()
    # of the session: both ends have the same, and it is for nobody else
    made = key(a, "register", "--target", b.cse_id, "--lifetime", "1h", "--label", "meter")
    assert made["SUID"] == 22 and made["targets"] == [b.cse_id] and made["keyID"].endswith("@" + inst.mef) and "key" not in made, made
    got = key(b, "retrieve", made["keyID"])
    assert got["source"] == a.cse_id and got["SUID"] == 22 and "key" not in got
    assert len(octets(a, made["keyID"])) == 64 and octets(a, made["keyID"]) == octets(b, made["keyID"])
    assert Client(inst, other).ask("GET", "/MEFBase/" + made["keyID"].split("@")[0])[0] == 4103
    refused = key(a, "update", made["keyID"], "--target", other.cse_id, good=False)
    assert "made for its target" in refused["error"]["text"]
    assert key(a, "update", made["keyID"], "--lifetime", "2h")["until"] == made["until"], "nothing derived outlives Ke (10.7)"
    sooner = key(a, "update", made["keyID"], "--lifetime", "30m")
    assert sooner["until"] < made["until"] and sooner["targets"] == [b.cse_id]
    # of one's own, from a file, for several; and while the agent runs
    own = a.dir / "own"
    own.write_text("0123-4567-89AB-CDEF-FEDC-BA98-7654-3210=296E\n")
    own.chmod(0o644)
    assert a.agent("key", "register", "--mef", "--suid", "24", "--target", b.cse_id, "--value", own).returncode == 1
    own.chmod(0o600)
    with a.running() as agent:
        agent.wait_log("enrolled-already")
        mine = key(a, "register", "--suid", "24", "--target", b.cse_id, "--target", other.cse_id, "--value", own)
        assert mine["SUID"] == 24 and octets(a, mine["keyID"]) == octets(b, mine["keyID"]) == "0123456789ABCDEFFEDCBA9876543210"
        assert Client(inst, other).key(mine["keyID"])["keyValue"] == base64.b64encode(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")).decode()
        changed = key(a, "update", mine["keyID"], "--target", other.cse_id, "--lifetime", "2d")
        assert changed["targets"] == [other.cse_id] and changed["until"] > mine["until"]
        assert "4103" in key(b, "retrieve", mine["keyID"], good=False)["detail"]
        assert {k["keyID"] for k in key(a, "list")["keys"]} == {made["keyID"], mine["keyID"]}
        assert json.loads(a.agent("key", "list", "--json", check=True).stdout)["keys"] == [], "those of the MAF"
    assert not key(b, "delete", made["keyID"], good=False)["ok"], "of its source only"
    for one in (made, mine):
        assert key(a, "delete", one["keyID"])["ok"] and "4004" in key(a, "retrieve", one["keyID"], good=False)["detail"]
    assert key(a, "list")["keys"] == []
    for words, why in ((["register", "--target", inst.maf, "--suid", "21"], "root credential"), (["register", "--target", "/CSE2"], "absolute"),
                       (["register", "--target", b.cse_id, "--suid", "32"], "21 to 25"), (["retrieve", "AB@" + inst.maf], "another MEF"),
                       (["register", "--target", b.cse_id, "--target", other.cse_id], "one target"), (["retrieve", "nonsense"], "key identifier"),
                       (["update", made["keyID"]], "at least one")):
        assert why in key(a, *words, good=False)["error"]["text"], words
    # the root credential is as it was
    assert a.agent("check").returncode == 0
    assert {e["who"] for e in inst.events("--what", "mef.key-retrieve")} >= {b.cse_id}


BAD_REQUESTS = [
    ("POST", "/MEFBase", {"sec:mefClientReg": {"adminFQDN": "sp.example.com"}}, 65001, 4000),
    ("POST", "/MEFBase", {"sec:mefClientReg": {"et": "20990101T000000"}}, 65001, 4000),
    ("POST", "/MEFBase", {"sec:mefClientReg": {"et": "20200101T000000", "adminFQDN": "sp.example.com"}}, 65001, 4000),
    ("POST", "/MEFBase", {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com", "clientID": "x"}}, 65001, 4000),
    ("POST", "/MEFBase", {"sec:mafClientReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com"}}, 65001, 4000),
    ("POST", "/MEFBase", {"sec:mefClientReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com"}}, 65002, 4000),
    ("POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com", "SUID": 32, "targetIDs": ["//a.b/C1"]}}, 65003, 4000),
    ("POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com", "SUID": 22, "targetIDs": ["//a.b/C1", "//a.b/C2"]}}, 65003, 4000),
    ("POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com", "SUID": 22}}, 65003, 4000),
    ("POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com", "SUID": 22, "targetIDs": ["a.example.com"]}}, 65003, 4000),
    ("POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": "sp.example.com", "targetIDs": ["//a.b/C1"]}}, 65003, 4000),
    ("POST", "/MEFBase", {"sec:symmKeyReg": {"et": "20990101T000000", "adminFQDN": "x.example.net", "SUID": 22, "targetIDs": ["//a.b/C1"]}}, 65003, 4103),
    ("GET", "/MEFBase", None, None, 4005), ("DELETE", "/MEFBase", None, None, 4005), ("PUT", "/MEFBase/reg-x/cfg", {}, None, 4005),
    ("GET", "/MEFBase/reg-0", None, None, 4004), ("GET", "/MEFBase/reg-0/cmd", None, None, 4004), ("GET", "/MEFBase/AB", None, None, 4004),
    ("GET", "/MEFBase/deviceConfig/sp.example.com", None, None, 4004), ("GET", "/MEFBase/deviceConfig/x", None, None, 4004),
    ("PUT", "/MEFBase/deviceConfig/sp.example.com", {}, None, 4005), ("GET", "/Other", None, None, 4004),
]


def test_every_bad_request_has_its_own_status(inst):
    node = inst.node(40)
    client = Client(inst, node)
    reg = client.register()
    for method, path, body, ty, rsc in BAD_REQUESTS:
        got = client.ask(method, path, body, ty)
        assert got[0] == rsc, (method, path, body, got)
    assert client.ask("GET", f"/MEFBase/{reg['ri']}", origin="/somebody")[0] == 4106
    assert client.must(2000, "GET", f"/MEFBase/{reg['ri']}") == {k: v for k, v in reg.items() if k != "ch"}
    assert [r["id"] for r in inst.ask("node", "show", node.id)["registrations"]] == [reg["ri"]]


def test_registrations_by_hand(inst):
    """8.3.5.2.3 to 8.3.5.2.6 and their twins at the MAF, asked for by a person: the node's own registration is shown and changed,
    one with another stakeholder made and given up; with an agent that runs, and without."""
    node = inst.node(70)
    assert node.run_once().returncode == 0, inst.log_text()

    def reg(*words, code=0):
        done = node.agent("register", *words, "--json")
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def all_of_it():
        for at in ((), ("--mef",)):
            own = reg("show", *at)
            assert own["own"] and own["adminFQDN"] == inst.sp and own["until"] and own["at"] == ("mef" if at else "maf"), own
            assert reg("update", *at, "--label", "site:9", "--lifetime", "30d")["own"]
            refused = reg("delete", own["id"], *at, code=1)
            assert refused["error"]["field"] == "id" and "root credential" in refused["error"]["text"]
            assert reg("new", "--admin-fqdn", inst.sp, *at, code=1)["error"]["field"] == "adminFQDN"
            assert "4004" in reg("show", "nobody", *at, code=1)["detail"], "as the server says"
            made = reg("new", *at, "--admin-fqdn", MTE, "--lifetime", "10d", "--label", "by:hand")
            assert made["adminFQDN"] == MTE and made["until"] and not made["own"], made
            held = {(r["role"], r["adminFQDN"]) for r in inst.ask("node", "show", node.id)["registrations"]}
            assert {(own["at"], MTE), (own["at"], inst.sp)} <= held, held
            assert reg("show", made["id"], *at)["adminFQDN"] == MTE
            assert reg("update", made["id"], *at, "--lifetime", "5d")["until"] < made["until"]
            reg("delete", made["id"], *at)
            assert "4004" in reg("show", made["id"], *at, code=1)["detail"], inst.events("--node", node.id)[-6:]

    all_of_it()
    with node.running() as agent:
        agent.wait_log("enrolled-already")
        all_of_it()
        shown = node.agent("register", "show", "--mef").stdout
        assert f"with {inst.sp}" in shown and "this node's own" in shown, shown
    for words in (("new",), ("show", "--label", "x"), ("delete",), ("paint", "x"), ("new", "ID", "--admin-fqdn", MTE)):
        assert node.agent("register", *words).returncode == 2, words
    assert node.agent("check").returncode == 0 and node.run_once().returncode == 0
