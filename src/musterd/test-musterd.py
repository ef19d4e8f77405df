#!/usr/bin/python3
"""The real musterd, its processes and signals: start, service, restarts, reload, drain, power cut.

Usage: test-musterd.py MUSTERD TEST-LAY (split|single). Prints TAP. Waits for events, never for time.
"""
import base64, hashlib, hmac, http.client, json, os, pwd, re, shutil, signal, socket, ssl, subprocess, sys, time

from test_rig import (DEADLINE, MODE, MUSTERD, NODE, REG, Installation, exporter_session, gone, low_port, proc_status, psk_answer, psk_begin,
                      read_answer, s_client, stranger, until)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/support"))
from given import give  # noqa: E402  (the path comes first)


def test_service(i):
    i.start()
    i.provision()
    st, b = i.admin("GET", "/v1/status")
    assert st == 200 and b["nodes"]["known"] == 1, (st, b)
    st, rsc, body = i.register()
    assert (st, rsc) == (201, "2001"), (st, rsc, body, i.log())
    again = i.register()
    assert json.loads(again[2])["sec:mefClientReg"]["ri"] == json.loads(body)["sec:mefClientReg"]["ri"], "lesson 11"
    st, b = i.admin("GET", "/v1/events?limit=50&attempt=0123456789abcdef0123456789abcdef")
    assert st == 200 and b["events"], b
    assert i.admin("GET", "/v1/nowhere")[0] == 404
    assert i.admin("PATCH", "/v1/nodes")[0] == 405
    until("ready page", lambda: i.page("/readyz")[0] == 200)
    assert i.page("/healthz")[0] == 200 and i.page("/x")[0] == 404
    until("requests counted", lambda: re.search(r'muster_requests_total\{process="listener-mef-\d"\} [12]', i.page("/metrics")[1]))
    until("commits counted", lambda: re.search(r'muster_commits_total\{process="engine"\} [1-9]', i.page("/metrics")[1]))
    # no client certificate: refused in the handshake, and the operator sees it
    try:
        with i.tls(cert=None) as s:
            s.sendall(i.request())
            s.recv(1)
            raise AssertionError("served without a certificate")
    except (ssl.SSLError, ConnectionError):
        pass
    told = until("log line", lambda: next((l for l in i.log().splitlines() if "handshake failed" in l), None))
    assert '"remedy":"' in told
    until("event", lambda: "handshake" in json.dumps(i.admin("GET", "/v1/events?limit=100")[1]["events"]))
    for line in i.log().rpartition("\n")[0].splitlines():        # the last one may be under way
        json.loads(line)


def test_outward_trust(i):
    """A session to a MEF that was opened under old certificates and lists ends with the answer that was under way."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(i.dir + "/tls/mef.pem", i.dir + "/tls/mef.key")
    ctx.load_verify_locations(i.dir + "/anchors/ca.pem")
    ctx.verify_mode = ssl.CERT_REQUIRED
    with socket.socket() as mef:
        mef.bind(("127.0.0.1", 0))
        mef.listen(8)
        mef.settimeout(DEADLINE)
        i.mef_at = mef.getsockname()[1]
        i.write_conf()
        i.start()
        s = None
        for reload in (False, True, True):
            waiting = psk_begin(i, stranger("mef.example.com"))
            if not s:
                s = ctx.wrap_socket(mef.accept()[0], server_side=True)
                s.settimeout(DEADLINE)
            asked = s.recv(4096)
            assert asked.startswith(b"GET /fetchCredentials/") and b"Host: mef.example.com:" in asked, asked
            if reload:
                done = i.log().count('"process":"supervisor","message":"reloaded"')
                i.proc.send_signal(signal.SIGHUP)
                until("reloaded", lambda: i.log().count('"process":"supervisor","message":"reloaded"') > done)
            rqi = re.search(rb"X-M2M-RI: (\S+)", asked).group(1)
            s.sendall(b"HTTP/1.1 404 Not Found\r\nX-M2M-RSC: 4004\r\nX-M2M-RVI: 3\r\nX-M2M-RI: " + rqi + b"\r\nContent-Length: 0\r\n\r\n")
            waiting.settimeout(DEADLINE)
            assert waiting.recv(100)[:1] == b"\x15", "the answer counts"
            waiting.close()
            if reload:
                assert s.recv(100) == b"", "and then it is over"
                s.close()
                s = None


def test_no_such_host(i):
    """A name is looked up inside the connector's sandbox, which lets the resolver do what it does."""
    i.mef_host = "no-such-host.invalid"
    i.extra = "limits = { fetch = 3; };"
    i.write_conf()
    i.start()
    before = i.children()
    with psk_begin(i, stranger("mef.example.com")) as s:
        s.settimeout(DEADLINE)
        assert s.recv(100) == b"", "no alert: a key that could not be asked for is not an unknown one (lesson 6)"
    until("told", lambda: "another server did not give what was asked for" in i.log() and "name does not resolve" in i.log())
    assert i.children() == before and "not permitted" not in i.log(), i.log()


def test_audit_log_is_shortened(i):
    """A reload makes the engine look at once; what is left says what went, and still verifies."""
    i.start()
    i.provision()
    for _ in range(3):
        assert i.register()[0] == 201
    before = i.admin("GET", "/v1/status")[1]
    assert before["firstEvent"] == 1 and before["events"] > 4, before
    i.extra = "audit = { max_events = 2; };"
    i.write_conf()
    i.proc.send_signal(signal.SIGHUP)
    told = until("told", lambda: i.admin("GET", "/v1/events?what=audit.")[1]["events"])[0]
    assert told["seq"] == before["lastEvent"] + 1, (told, before)
    assert re.fullmatch(r"removed up to %d, hash [0-9a-f]{64}: %d entries" % ((before["lastEvent"] - 2,) * 2), told["why"], re.I), told
    after = i.admin("GET", "/v1/status")[1]
    assert after["firstEvent"] == before["lastEvent"] - 1 and after["events"] == 3, after
    status, whole = i.admin("GET", "/v1/events/verify")
    assert status == 200 and whole["ok"] and whole["entries"] == 3 and whole["end"], whole
    assert [e["seq"] for e in i.admin("GET", "/v1/events")[1]["events"]] == [told["seq"] - 2, told["seq"] - 1, told["seq"]]
    until("the gauge", lambda: 'muster_audit_events{process="engine"} 3' in i.page("/metrics")[1])
    assert i.register()[0] == 201 and i.stop() == 0
    i.start()
    assert i.admin("GET", "/v1/events/verify")[1]["ok"]


def test_slots(i):
    """Handshakes that wait for a key and go away leave nothing behind, and do not take the requests' room."""
    with socket.socket() as hole:        # a MEF that accepts and never says a word
        hole.bind(("127.0.0.1", 0))
        hole.listen(64)
        i.listeners, i.mef_at = 1, hole.getsockname()[1]
        i.extra = "limits = { requests = 1; handshakes = 4; fetch = 50; handshake = 60; };"
        i.write_conf()
        i.start()
        i.provision()
        for turn in range(3):
            waiting = [psk_begin(i, stranger("mef.example.com"), finish=False) for _ in range(4)]
            until("all wait", lambda: 'muster_engine_asked{process="listener-maf-0"} 4' in i.page("/metrics")[1])
            until("not ready while full", lambda: i.page("/readyz")[0] == 503)
            for s in waiting:
                s.close()
            until("none waits", lambda: 'muster_engine_asked{process="listener-maf-0"} 0' in i.page("/metrics")[1])
        until("ready again", lambda: i.page("/readyz")[0] == 200)
        with psk_begin(i, stranger()) as s:
            s.settimeout(DEADLINE)
            assert s.recv(100)[:1] == b"\x15", "an alert at once, no silence"


def test_strict_sessions(i):
    """Nobody is served as nobody, and no session whose exporter another session could share (RFC 7627)."""
    i.start()
    i.provision()
    with open(i.dir + "/ems.cnf", "w") as f:
        f.write("openssl_conf=o\n[o]\nssl_conf=s\n[s]\nsystem_default=d\n[d]\nOptions=-ExtendedMasterSecret\n")
    node = ["-cert", i.dir + "/node.pem", "-key", i.dir + "/node.key", "-tls1_2"]
    mef = "127.0.0.1:%d" % i.mef_port
    text = i.request().replace(b"Accept:", b"Connection: close\r\nAccept:")
    assert "X-M2M-RSC: 2001" in s_client(i, mef, "mef.example.com", *node, text=text)
    out = s_client(i, mef, "mef.example.com", *node, text=text, OPENSSL_CONF=i.dir + "/ems.cnf")
    assert "X-M2M-RSC" not in out and "Extended master secret: no" in out, out
    until("the end is named", lambda: "extended master secret" in json.dumps(i.admin("GET", "/v1/events?limit=100")[1]))
    for version in ("-tls1_2", "-tls1_3"):
        text = b"GET /MAFBase/x HTTP/1.1\r\nHost: maf.example.com\r\nX-M2M-Origin: //a/b\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n\r\n"
        out = s_client(i, i.at["maf"], "maf.example.com", version, text=text)
        assert "HTTP/1.1" not in out, out
    until("both are told", lambda: len([l for l in i.log().splitlines()
                                        if "handshake failed" in l and "listener-maf" in l and "certificate" in l]) >= 2)


def test_what_is_asked(i):
    """Requests for another name, header splitting by the request identifier, keys outside of key registrations."""
    i.start()
    i.provision()

    def ask(target="/MEFBase", host="mef.example.com", rqi="r1", ty=65001, body=REG, method="POST"):
        kind = ("application/json;ty=%d" % ty) if ty else "application/json"
        with i.tls() as s:
            s.sendall(("%s %s HTTP/1.1\r\nHost: %s\r\nX-M2M-Origin: %s\r\nX-M2M-RI: %s\r\nX-M2M-RVI: 3\r\nContent-Type: %s\r\n"
                       "Content-Length: %d\r\n\r\n%s" % (method, target, host, NODE, rqi, kind, len(body), body)).encode("latin-1"))
            r = http.client.HTTPResponse(s)
            r.begin()
            return r.status, r.getheader("X-M2M-RSC"), r.getheader("X-M2M-RI"), r.read().decode("latin-1")
    for host in ("mef.example.com", "MEF.example.com:8443"):
        assert ask(host=host)[1] == "2001"
    for host in ("maf.example.com", "mef.example.com.evil.org", "mef.example.com:x", "127.0.0.1"):
        assert ask(host=host)[:3] == (400, "4000", "r1"), host
    assert ask("https://mef.example.com:8443/MEFBase")[1] == "2001"
    assert ask("https://evil.org/MEFBase")[1] == "4000"
    assert ask("https://evil.org@mef.example.com/MEFBase")[1] == "4000"
    st, rsc, rqi, body = ask(rqi="r\xe9\x80")
    assert (st, rsc) == (400, "4000") and not rqi, (rqi, body)
    # a text of that name is no key
    ri = json.loads(ask()[3])["sec:mefClientReg"]["ri"]
    answer = ask(body=REG.replace('"et"', '"lbl":["keyValue","key\\u0056alue"],"et"'))
    assert answer[1] == "2001", answer
    # however it is written, a key goes on sealed only
    key = ('{"sec:symmKeyReg":{"et":"20990101T000000","adminFQDN":"sp.example.com","SUID":22,"targetIDs":["//sp.example.com/CSE1"],'
           '"%s":"' + base64.b64encode(b"k" * 32).decode() + '"}}')
    for name in ("keyValue", "key\\u0056alue", "\\u006beyValue"):
        answer = ask(body=key % name, ty=65003)
        assert answer[1] == "2001", (name, answer)
    for name in ("keyValue", "key\\u0056alue"):
        for body, ty in ((REG.replace('"et"', '"%s":"AAAA","et"' % name), 65001), ((key % name)[:-1], 65003), ('{"x":{"%s":1}}' % name, 65003)):
            answer = ask(body=body, ty=ty)
            assert answer[1] == "4000" and "keyValue" in answer[3], (body, answer)
    assert ask("/MEFBase/" + ri.rsplit("/", 1)[-1], method="PUT", ty=0, body='{"sec:mefClientReg":{"%s":"AAAA"}}' % "key\\u0056alue")[1] == "4000"


def test_maf_fetches(i):
    """A MAF handshake is suspended while the connector fetches Km from the MEF: the whole way round."""
    i.start()
    i.provision()
    identity, ke = exporter_session(i)
    # usage-constrained key (10.3.7): the derivation is this project's choice of spec 3.4.3
    km = hmac.new(ke, b"oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation" + b"21" + b"maf.example.com",
                  hashlib.sha256).digest()
    out = psk_answer(i, identity, km)
    assert "X-M2M-RSC: 2001" in out and "assignedSymmKeyID" in out, (out, i.log()[-3000:])
    # an unknown identity and a wrong key look alike
    a = psk_answer(i, "00" * 16 + "@mef.example.com", km)
    b = psk_answer(i, identity, b"\1" * 32)
    assert "2001" not in a + b
    assert [l for l in a.splitlines() if "alert" in l][0].split(":", 1)[1] == [l for l in b.splitlines() if "alert" in l][0].split(":", 1)[1], (a, b)


def test_restarts(i):
    i.start()
    i.provision()
    for name in ("listener-mef-0", "listener-mef-1", "engine", "keeper", "connector", "listener-local"):
        before = i.children()
        os.kill(before[name], signal.SIGKILL)
        until(name + " again", lambda: i.children().get(name, before[name]) != before[name])
        until("ready again after " + name, lambda: i.page("/readyz")[0] == 200 if i.children().get("listener-local") else False)
        st, rsc, body = until("service after " + name, lambda: (lambda a: a if a[0] == 201 else None)(i.register()))
        assert rsc == "2001"
    until("restarts counted", lambda: 'muster_process_restarts_total{process="supervisor"} 6' in i.page("/metrics")[1])
    zombies = [p for p in i.children().values() if gone([p])]
    assert not zombies, zombies


def years(answer):
    assert answer[0] == 201, answer
    return int(json.loads(answer[2])["sec:mefClientReg"]["et"][:4]) - time.gmtime().tm_year + \
        (int(json.loads(answer[2])["sec:mefClientReg"]["et"][4:6]) - time.gmtime().tm_mon) / 12


def test_reload(i):
    i.start()
    i.provision()
    with i.tls() as s:
        old = hashlib.sha256(s.getpeercert(True)).hexdigest()
    i.write_conf("nonsense = 1;")
    i.proc.send_signal(signal.SIGHUP)
    until("refusal", lambda: "not reloaded; the old configuration stays" in i.log() and "nonsense: unknown setting" in i.log())
    told = until("the operator's event", lambda: i.admin("GET", "/v1/events?what=server.reload-failed")[1]["events"])
    assert len(told) == 1 and told[0]["who"] == "supervisor" and told[0]["role"] == "server", told
    assert "the old configuration stays" in told[0]["why"] and "musterd.conf:" in told[0]["why"] and "nonsense: unknown setting" in told[0]["why"], told
    os.rename(i.dir + "/tls/mef.key", i.dir + "/tls/mef.key.kept")
    shutil.copy(i.dir + "/tls/other.key", i.dir + "/tls/mef.key")
    os.chmod(i.dir + "/tls/mef.key", 0o600)
    i.maf_anchor, i.lifetime = "anchors/ca.pem", "30d"
    i.write_conf()
    i.proc.send_signal(signal.SIGHUP)
    until("a key that does not fit", lambda: i.log().count("not reloaded; the old configuration stays") == 2)
    assert years(i.register()) > 0.5 and '"process":"supervisor","message":"reloaded"' not in i.log(), "and nothing has changed"
    os.rename(i.dir + "/tls/mef.key.kept", i.dir + "/tls/mef.key")
    i.proc.send_signal(signal.SIGHUP)
    until("all have taken it over", lambda: '"process":"supervisor","message":"reloaded"' in i.log())
    assert years(i.register()) < 0.5, "the engine too, which opens no file any more"
    i.listeners = 5
    i.write_conf()
    i.proc.send_signal(signal.SIGHUP)
    until("restart wanted", lambda: "needs a restart" in i.log())
    until("and told", lambda: any("listeners: needs a restart" in e["why"] for e in i.admin("GET", "/v1/events?what=server.reload-failed")[1]["events"]))
    i.listeners = 2
    assert i.register()[0] == 201
    i.write_conf()
    shutil.copy(i.dir + "/tls/other.pem", i.dir + "/tls/mef.pem")
    os.rename(i.dir + "/tls/other.key", i.dir + "/tls/mef.key")
    taken_over = '"process":"supervisor","message":"reloaded"'
    before = i.log().count(taken_over)
    i.proc.send_signal(signal.SIGHUP)

    def fresh():
        with i.tls() as s:
            return hashlib.sha256(s.getpeercert(True)).hexdigest() != old
    until("the new certificate", fresh)
    # who comes to one that has not taken it over yet is sent away when it does
    until("all have it", lambda: i.log().count(taken_over) > before)
    assert i.register()[0] == 201
    i.write_conf('crl = { file = "store/ca.crl"; };')
    i.proc.send_signal(signal.SIGHUP)
    until("the engine's own directory", lambda: re.search(r"crl.file: \S*store\S+ca.crl: lies in the directory of store", i.log()))
    i.write_conf()
    os.unlink(i.dir + "/tls/mef.pem")
    i.proc.send_signal(signal.SIGHUP)
    until("missing certificate", lambda: "tls/mef.pem: No such file" in i.log())
    assert i.register()[0] == 201


def test_drain(i):
    """SIGTERM: what has begun is finished, then nothing is left over."""
    i.start()
    i.provision()
    pids = list(i.children().values())
    s = i.tls()
    req = i.request()
    head, body = req.split(b"\r\n\r\n", 1)
    s.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
    assert s.recv(100).startswith(b"HTTP/1.1 100"), "the head has been read"
    i.proc.send_signal(signal.SIGTERM)
    until("draining", lambda: "draining" in i.log())
    s.sendall(body)
    st, rsc, body = read_answer(s)
    assert (st, rsc) == (201, "2001"), (st, body)
    s.close()
    assert i.proc.wait(timeout=DEADLINE) == 0
    until("nobody left", lambda: gone(pids))
    assert not os.path.exists(i.dir + "/run/admin.sock")
    loud = [json.loads(l)["message"] for l in i.log().splitlines() if '"level":"debug"' not in l]
    assert not [m for m in loud if "is gone" in m], loud
    i.start()                            # and durable
    assert i.admin("GET", "/v1/nodes")[1]["nodes"]
    assert i.stop() == 0


def test_killed(i):
    i.start()
    pids = list(i.children().values())
    assert i.stop(signal.SIGKILL) == -signal.SIGKILL
    until("nobody left", lambda: gone(pids))
    i.start()
    other = subprocess.run([MUSTERD, "-c", i.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
    assert other.returncode == 3 and b"another musterd runs" in other.stderr, other
    assert i.stop(signal.SIGINT) == 0


def test_power_cut(i):
    i.extra = 'test = { crash_at = "commit-after"; crash_after = 3; };'
    i.write_conf()
    i.start()
    pids = list(i.children().values())
    i.provision()                        # two commits
    try:
        answer = i.register()
        assert answer[0] == 503, answer  # or the listener outlived the engine for a moment
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        pass
    assert i.proc.wait(timeout=DEADLINE) == -signal.SIGKILL
    until("nobody left", lambda: gone(pids))
    i.extra = ""
    i.write_conf()
    i.start()
    assert i.register()[0] == 201        # the repeated request gets its answer: lesson 11
    assert i.stop() == 0


def test_bad_start(i):
    def run():
        return subprocess.run([MUSTERD, "-c", i.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
    os.chmod(i.dir + "/tls/mef.key", 0o644)
    p = run()
    assert p.returncode == 3 and b"may be read by others" in p.stderr and not p.stdout, p
    give(i.dir + "/tls/mef.key", os.geteuid() + 1)                    # a list that lets another user in is no better
    p = run()
    assert p.returncode == 3 and b"may be read by others" in p.stderr and not p.stdout, p
    give(i.dir + "/tls/mef.key", os.geteuid())                        # … one that names its reader alone is a service manager's credential
    shutil.copy(i.dir + "/tls/maf.pem", i.dir + "/tls/mef.pem")       # does not fit the key
    p = run()
    assert p.returncode == 3 and b"may be read" not in p.stderr and not p.stdout, p
    i.write_conf("x = 1;")
    p = run()
    assert p.returncode == 2 and b"x: unknown setting" in p.stderr, p


def test_address_taken(i):
    """SO_REUSEPORT would let two installations share one port and each other's connections."""
    i.start()
    other = Installation()
    try:
        other.mef_port = i.mef_port
        other.write_conf()
        p = subprocess.run([MUSTERD, "-c", other.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        assert p.returncode == 3 and not p.stdout, p
        assert b"127.0.0.1:%d" % i.mef_port in p.stderr and b"another process listens there" in p.stderr, p
        assert b"choose another port" in p.stderr, p
    finally:
        other.remove()
    assert i.stop() == 0
    i.start()                            # its own past connections are no obstacle
    assert i.stop() == 0


# What is done to a good installation, and what --check, a start and a reload must say to it.
WRONG = [
    (lambda d: shutil.copy(d + "/tls/other.key", d + "/tls/mef.key"), "mef.key: ", "is not the key of "),
    (lambda d: [shutil.copy(d + "/tls/maf." + e, d + "/tls/mef." + e) for e in ("pem", "key")],
     "mef.certificate: ", "names maf.example.com, not mef.example.com"),
    (lambda d: os.unlink(d + "/anchors/ca.pem"), "mef.client_anchors: ", "nobody could be trusted"),
    (lambda d: shutil.copy(d + "/node.pem", d + "/crls/x.pem"), "mef.crls: ", "/crls/x.pem: holds no revocation list"),
    (lambda d: open(d + "/crls/x.der", "wb").write(ssl.PEM_cert_to_DER_cert(open(d + "/node.pem").read())),
     "mef.crls: ", "/crls/x.der: not a DER revocation list"),
    (lambda d: open(d + "/anchors/x.der", "wb").write(b"0\x82nothing"), "mef.client_anchors: ", "/anchors/x.der: not a DER certificate"),
    (lambda d: os.rename(d + "/keeper", d + "/gone"), "keeper: ", "/keeper: No such file or directory; `muster init` makes one"),
    (lambda d: os.unlink(d + "/keeper/kek.key"), "keeper: ", "/keeper/kek.key: No such file or directory"),
    (lambda d: os.chmod(d + "/keeper/kek.key", 0o644), "keeper: ", "may be read by others; chmod 600 it"),
    (lambda d: os.rename(d + "/store", d + "/gone"), "store: ", "/store: No such file or directory; mkdir -m 700 it"),
    (lambda d: os.chmod(d + "/store", 0o777), "store: ", "/store: everybody may write here; chmod 700 it"),
    (lambda d: os.chmod(d + "/run", 0o777), "run: ", "/run: everybody may write here"),
    (lambda d: say(d, 'store = "sqlite:muster.db";'), ":1: store: ", "/muster.db: musterd.conf lies in its directory, too, and the engine reads and writes everything there"),
    (lambda d: [os.rename(d + "/keeper", d + "/store/keeper"), say(d, 'keeper = "store/keeper";')], ":1: keeper: ", "/store/keeper: lies in the directory of store"),
    (lambda d: [os.rename(d + "/keeper", d + "/store/keeper"), os.symlink("store/keeper", d + "/keeper")], "keeper: ", "/keeper: lies in the directory of store"),
    (lambda d: [os.rename(d + "/store", d + "/keeper/store"), os.symlink("keeper", d + "/store")], "keeper: ", "/keeper: lies in the directory of store"),
    (lambda d: [os.mkdir(d + "/store/crls"), say(d, 'crl = { file = "store/crls/ca.crl"; };')], ":1: crl.file: ", "/store/crls/ca.crl: lies in the directory of store"),
    (lambda d: [os.mkdir(d + "/store/anchors"), say(d, "", "anchors/", "store/anchors/")], ":3: mef.client_anchors[0]: ", "/store/anchors/: lies in the directory of store"),
]


def say(d, line, was="", now=""):
    """Another first line of the configuration, other words in it."""
    with open(d + "/musterd.conf") as f:
        text = f.read()
    with open(d + "/musterd.conf", "w") as f:
        f.write(line + "\n" + (text.replace(was, now) if was else text))


def test_check(i):
    """--check looks at what the configuration names, and a start refuses the same things."""
    good = i.dir + "-good"
    shutil.copytree(i.dir, good)
    try:
        for spoil, field, want in WRONG:
            shutil.rmtree(i.dir)
            shutil.copytree(good, i.dir)
            i.write_conf()
            with open(i.conf) as f:
                text = f.read().replace(' mafs =', ' crls = ["crls/"]; mafs =')
            with open(i.conf, "w") as f:
                f.write(text)
            p = subprocess.run([MUSTERD, "-c", i.conf, "--check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
            assert (p.returncode, p.stdout, p.stderr) == (0, b"good\n", b""), p
            spoil(i.dir)
            for args, status in (["--check"], 2), ([], 3):
                p = subprocess.run([MUSTERD, "-c", i.conf, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
                said = p.stderr.decode().replace("\\/", "/")
                assert p.returncode == status and not p.stdout and field in said and want in said, (args, field, want, p)
    finally:
        shutil.rmtree(good)


BSF = """
bsf = { fqdn = "bsf.example.com"; listen = ["127.0.0.1:0"]; hss = { fqdn = "hss.example.com"; }; certificate = "tls/mef.pem"; key = "tls/mef.key";
  hss_anchors = ["anchors/ca.pem"]; %s };
"""
DIAMETER = """
diameter = { identity = "maf.example.com"; realm = "example.com"; listen = ["127.0.0.1"]; port = 0; certificate = "tls/maf.pem"; key = "tls/maf.key";
  anchors = ["anchors/ca.pem"]; %s peers = ( { identity = "hss.example.net"; realm = "example.net"; } ); };
"""


def test_check_of_lists_that_are_required(i):
    """Of whom no list can be required, and for whom there is none: nobody would be asked, or heard."""
    own, other = 'require_crl_of = ["anchors/ca.pem"];', 'require_crl_of = ["node.pem"];'
    for text, says in ((BSF % "", None), (BSF % own, "bsf.crls: no list in any of them, but bsf.require_crl_of is set, so no HSS would be asked"),
                       (BSF % "require_crl = true;", "bsf.crls: no list in any of them, but bsf.require_crl is set"),
                       (DIAMETER % "", None), (DIAMETER % own, "diameter.crls: no list in any of them"),
                       (DIAMETER % other, "diameter.require_crl_of: certificate 1 in it is none of diameter.anchors")):
        i.write_conf()
        with open(i.conf, "a") as f:
            f.write(text)
        p = subprocess.run([MUSTERD, "-c", i.conf, "--check"], capture_output=True, text=True, timeout=DEADLINE)
        assert (p.returncode, p.stdout) == ((2, "") if says else (0, "good\n")) and (says or "") in p.stderr, (says, p)


def test_one_owner(i):
    """Two daemons on one store, or on one keeper, are refused: run/ alone does not tell."""
    i.start()
    other = Installation()
    try:
        for name in ("store", "keeper"):
            other.extra = 'store = "sqlite:%s/store/muster.db";' % i.dir if name == "store" else 'keeper = "%s/keeper";' % i.dir
            other.write_conf()
            p = subprocess.run([MUSTERD, "-c", other.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
            assert p.returncode == 3 and not p.stdout, p
            assert b"is locked: another musterd" in p.stderr and i.dir.encode() in p.stderr.replace(b"\\/", b"/"), p
        other.extra = ""
        other.write_conf()
        other.start()
        assert other.stop() == 0
    finally:
        other.remove()
    pids = list(i.children().values())
    assert i.stop(signal.SIGKILL) == -signal.SIGKILL
    until("nobody left", lambda: gone(pids))
    i.start()                            # no lock outlives its holder
    assert i.stop() == 0


def test_environment(i):
    """A process gets what it needs, not what somebody exported in the shell that started the daemon."""
    os.environ["MUSTER_TEST_SECRET"] = "s3cret"
    try:
        i.start()
    finally:
        del os.environ["MUSTER_TEST_SECRET"]
    with open("/proc/%d/environ" % i.proc.pid, "rb") as f:
        assert b"s3cret" in f.read()
    for name, pid in i.children().items():
        with open("/proc/%d/environ" % pid, "rb") as f:
            names = {e.split(b"=")[0].decode() for e in f.read().split(b"\0") if e}
        assert names <= {"PATH", "TZ", "LANG", "LC_ALL", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}, (name, names)


def test_user(i):
    """Started as root, the processes that hear peers run as somebody else; an ordinary user is who he is."""
    root = os.geteuid() == 0
    i.start()
    i.stop()
    assert ("runs as root; give user" in i.log()) == root, i.log()
    i.extra = 'user = "nobody";'
    i.write_conf()
    if root:
        p = subprocess.run([MUSTERD, "-c", i.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        assert p.returncode == 3 and b"chown -R nobody" in p.stderr, p
        nobody = pwd.getpwnam("nobody")
        os.chmod(i.dir, 0o755)
        for name in ("store", "keeper") + (("tls", "anchors", "run") if MODE == "single" else ()):
            for at, _, files in os.walk(i.dir + "/" + name):
                for n in [at] + [at + "/" + f for f in files]:
                    os.chown(n, nobody.pw_uid, nobody.pw_gid)
    i.start()
    i.provision()
    assert i.register()[0] == 201
    for name, pid in i.children().items():
        st = proc_status(pid)
        want = str(nobody.pw_uid if root else os.geteuid())
        assert set(st["Uid"].split()) == {want}, (name, st)
        if root:
            assert set(st["Gid"].split()) | set(st["Groups"].split()) == {str(nobody.pw_gid)}, (name, st)
            assert {st[c] for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, (name, st)
    if root and MODE == "split":
        caps = int(proc_status(i.proc.pid)["CapEff"], 16)
        assert not caps & (1 << 21 | 1 << 12 | 1 << 19), "no CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYS_PTRACE: %x" % caps
        i.proc.send_signal(signal.SIGHUP)
        until("reload", lambda: '"reloaded"' in i.log())
    elif root:
        assert set(proc_status(i.proc.pid)["Uid"].split()) == {str(nobody.pw_uid)}
    assert i.stop() == 0
    i.extra = 'user = "no-such-user";'
    i.write_conf()
    p = subprocess.run([MUSTERD, "-c", i.conf, "--check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
    assert p.returncode == 2 and b"user: no-such-user is nobody here" in p.stderr, p


def test_low_port(i):
    """As with the drop-in of musterd(8), SYSTEMD: bound by the one capability, of which nobody keeps anything. Without it the remedy is told."""
    root = os.geteuid() == 0
    i.mef_port = i.mef_at = low_port()
    i.write_conf()
    command = ["setpriv", "--no-new-privs"]
    # where nobody gets at it
    shutil.copy(MUSTERD, i.dir + "/musterd")
    if root:
        subprocess.run(["chown", "-R", "nobody", i.dir], check=True)
        command += ["--reuid=nobody", "--clear-groups", "--bounding-set=-all,+net_bind_service"]
    run = [i.dir + "/musterd", "-c", i.conf]
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
        free_for_all = i.mef_port >= int(f.read())          # as in most containers
    if not free_for_all:
        p = subprocess.run(command + run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        assert p.returncode == 3 and b"CAP_NET_BIND_SERVICE" in p.stderr and b"AmbientCapabilities=" in p.stderr, p
    if not root:
        return
    command += ["--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service"]
    i.proc = subprocess.Popen(command + run, stdout=subprocess.PIPE, stderr=open(i.err, "ab"))
    line = i.proc.stdout.readline().decode()
    assert " mef=127.0.0.1:%d " % i.mef_port in line, (line, i.log())
    for pid in [i.proc.pid, *i.children().values()]:
        st = proc_status(pid)
        assert {st[c] for c in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}, (pid, st)
    assert i.stop() == 0


def test_store_removed(i):
    """rm store/* under a running daemon: said, not ready, and nothing is acknowledged that nobody could find again."""
    i.start()
    i.provision()
    assert i.register()[0] == 201
    until("ready", lambda: i.page("/readyz")[0] == 200)
    for name in os.listdir(i.dir + "/store"):
        os.unlink(i.dir + "/store/" + name)
    st, rsc, _ = i.register()
    assert st in (500, 503) and rsc in (None, "5000"), (st, rsc)
    st, body = i.admin("POST", "/v1/nodes", {"nodeID": "urn:dev:ops:test-2"})
    assert st == 500 and "was removed or replaced" in body["error"]["text"], (st, body)
    until("not ready", lambda: i.page("/readyz")[0] == 503)
    assert "the store is gone" in i.log() and i.dir + "/store/muster.db" in i.log().replace("\\/", "/")
    assert i.page("/healthz")[0] == 200
    if MODE == "split":                  # an engine that starts again would begin with an empty store
        os.kill(i.children()["engine"], signal.SIGKILL)
        assert i.proc.wait(timeout=DEADLINE) == 3
        assert "not started again" in i.log() and not os.path.exists(i.dir + "/store/muster.db")
    else:
        assert i.stop() == 0


def test_quirks(i):
    """Each switch changes what the daemon does; without it nothing of that happens (test_service, test_maf_fetches)."""
    def again(old, new):
        with open(i.conf) as f:
            text = f.read()
        assert old in text
        with open(i.conf, "w") as f:
            f.write(text.replace(old, new))
        if i.proc:
            i.proc.send_signal(signal.SIGHUP)
            until("reload", lambda: '"supervisor","message":"reloaded"' in i.log())
    again(' mafs =', ' quirks = { repeat_conflicts = true; km = "registered"; }; mafs =')
    again('connect_to = "localhost:%d"; }' % i.mef_port, 'connect_to = "localhost:%d"; quirks = { km = "registered"; }; }' % i.mef_port)
    i.start()
    i.provision()
    identity, ke = exporter_session(i)
    out = psk_answer(i, identity, ke)    # the registered key itself
    assert "X-M2M-RSC: 2001" in out, (out, i.log()[-3000:])
    st, rsc, body = i.register()
    assert rsc == "4117", (st, rsc, body)
    again('repeat_conflicts = true;', '')
    assert i.register()[1] == "2001"
    assert i.stop() == 0


def test_refusals(i):
    """What never reaches a role is refused in that role's format all the same."""
    i.start()
    head = "POST %s HTTP/1.1\r\nHost: mef.example.com\r\n%s\r\n"
    for extra, status in ("Content-Length: 99999999\r\n", 413), ("Transfer-Encoding: gzip\r\n", None), ("", 411), ("Content-Length: x\r\n", 400):
        for mef in True, False:
            if mef:
                s = i.tls()
            else:
                s = socket.socket(socket.AF_UNIX)
                s.connect(i.dir + "/run/admin.sock")
            with s:
                s.settimeout(DEADLINE)
                s.sendall((head % ("/MEFBase" if mef else "/v1/nodes", extra)).encode())
                r = http.client.HTTPResponse(s)
                r.begin()
                body = json.loads(r.read())
                assert (r.status == status or not status and r.status >= 400) and r.getheader("Content-Type") == "application/json", (r.status, body)
                said = body["m2m:dbg"] if mef else body["error"]["text"] + body["error"]["field"]
                assert said, body
    st, body = i.admin("PATCH", "/v1/nodes")
    assert st == 405 and body == {"error": {"field": "method", "text": "one of GET, POST, PUT, DELETE is wanted"}}, body
    with i.tls() as s:                   # decoded by the listener, refused there
        s.sendall(b"POST /MEFBase HTTP/1.1\r\nHost: mef.example.com\r\nContent-Length: 0\r\n\r\n")
        st, rsc, body = read_answer(s)
        assert rsc and json.loads(body)["m2m:dbg"], (st, rsc, body)


def test_command_line(i):
    def run(*a):
        return subprocess.run([MUSTERD, *a], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
    assert run("--check", "-c", i.conf).stdout == b"good\n"
    p = run("--print-config", "-c", i.conf)
    assert p.returncode == 0 and b'fqdn = "mef.example.com"' in p.stdout
    i.write_conf("listners = 2;")
    p = run("--check", "-c", i.conf)
    assert p.returncode == 2 and b'did you mean "listeners"?' in p.stderr and b"1 error" in p.stderr
    assert run("--version").stdout.startswith(b"musterd ")
    p = run("--process=keeper")          # by hand: no supervisor at the other end of fd 3
    assert p.returncode == 2 and b"start it without" in p.stderr, p
    assert run("--help").returncode == 0 and run("--nonsense").returncode == 2 and run("x").returncode == 2


def main():
    tests = [test_service, test_maf_fetches, test_outward_trust, test_no_such_host, test_audit_log_is_shortened, test_slots, test_strict_sessions, test_what_is_asked,
             test_reload, test_drain, test_killed, test_power_cut, test_bad_start, test_command_line,
             test_address_taken, test_check, test_one_owner, test_environment, test_user, test_low_port, test_store_removed,
             test_quirks, test_refusals]
    if MODE == "split":
        tests.insert(2, test_restarts)
    print("1..%d" % len(tests), flush=True)
    bad = 0
    only = os.environ.get("MST_ONLY", "")
    for n, t in enumerate(tests, 1):
        if only and t.__name__ not in only.split(","):
            continue
        i = Installation()
        try:
            t(i)
            assert "Sanitizer" not in i.log() and "not permitted" not in i.log(), "see the log"
            print("ok %d - %s" % (n, t.__name__), flush=True)
        except Exception as e:           # each test is reported, then the next one runs
            bad = 1
            print("not ok %d - %s" % (n, t.__name__), flush=True)
            import traceback
            for l in (traceback.format_exc() + (i.log()[-6000:] if os.path.exists(i.err) else "")).splitlines():
                print("# " + l, flush=True)
        finally:
            i.remove()
    return bad


sys.exit(main())
