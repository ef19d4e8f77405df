"""Story: a new key-encryption key, a revocation and a copy of the audit log want two persons. Whoever asks waits; another one says yes to exactly
that, or no; the power may go in between. The one is root with `muster`, the others are users who speak with the socket themselves."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from browser import WIDTH, neighbours_get_nothing, phone
from support import FAKETIME, MUSTER, RUN_SECONDS, Installation, run, until

BERT, CARL, STRANGER = 1301, 1302, 1400
FOUR = """
four_eyes = {
  keeper = true; audit = true; certificates = true; subscriptions = true; export = true;
  people = ( { uid = 0; }, { uid = 1301; }, { uid = 1302; } );
};
"""
CLIENT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
body = sys.argv[4].encode()
s.sendall(f"{sys.argv[2]} {sys.argv[3]} HTTP/1.1\\r\\nHost: muster\\r\\nConnection: close\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n".encode() + body)
answer = b""
while part := s.recv(65536):
    answer += part
sys.stdout.buffer.write(answer)
"""


@pytest.fixture(name="inst", scope="module")
def installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("four") / "inst")
    inst.place = pathlib.Path(tempfile.mkdtemp(prefix="mst-four-"))
    inst.place.chmod(0o755)                          # other users reach the socket
    inst.sock = inst.place / "admin.sock"
    inst.configure(replace={"unix:run/admin.sock": f"unix:{inst.sock}"}, add=FOUR)
    inst.start()
    inst.subscription_at = lambda: run_muster(inst, "subscription", "add", "sub-1", "--sp", inst.sp, "--maf", inst.maf, "--maf-uri",
                                              f"https://{inst.maf}:{inst.maf_port}", "--until", "+30d")
    yield inst
    assert inst.stop() == 0, inst.log_text()
    shutil.rmtree(inst.place)


def run_muster(inst, *args, check=True):
    return inst.muster("--socket", inst.sock, *args, check=check)


def ask(inst, *args, status=0):
    done = run_muster(inst, "--json", *args, check=False)
    assert done.returncode == status, done
    return json.loads(done.stdout)


def say(inst, uid, method, path, body=None):
    """What a user of that number gets from the socket."""
    text = "" if body is None else json.dumps(body, ensure_ascii=False)
    done = subprocess.run(["/usr/bin/python3", "-c", CLIENT, str(inst.sock), method, path, text], user=uid, group=uid, extra_groups=[], cwd="/",
                          capture_output=True, check=True, timeout=60)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


def digest(a):
    inner = hashlib.sha256(f"{a['request']}\n{a['body']}".encode()).hexdigest().upper()
    text = f"muster approval 1\nuid={a['askedBy']}\nat={a['at']}\nnonce={a['nonce']}\nrequest={inner}\n"
    return hashlib.sha256(text.encode()).hexdigest().upper()


def give(inst, uid, a, **changes):
    return say(inst, uid, "POST", f"/v1/approvals/{a['id']}/give", {"digest": digest({**a, **changes})})


def what(inst, prefix="approval."):
    return [json.loads(line)["what"] for line in run_muster(inst, "--json", "events", "--what", prefix, "--limit", "500").stdout.splitlines()]


def generation(inst):
    return ask(inst, "keeper", "show")["generation"]


def kill(inst):
    for pid in [inst.process.pid, *(pid for pids in inst.children().values() for pid in pids)]:
        os.kill(pid, signal.SIGKILL)
    inst.process.wait(60)


def test_one_asks_and_another_one_says_yes(inst):
    before = generation(inst)
    a = ask(inst, "keeper", "rotate", status=4)["approval"]
    assert a["state"] == "waiting" and a["askedBy"] == 0 and a["request"] == "POST /v1/keeper/rotate", a
    # asked again it is the same one; nothing has happened
    assert ask(inst, "keeper", "rotate", status=4)["approval"]["id"] == a["id"]
    assert generation(inst) == before and f"{a['id']}  waiting  uid 0" in run_muster(inst, "approve", "list").stdout
    shown = ask(inst, "approve", "show", a["id"])
    assert shown["digest"] == digest(a), "both make the same of what is shown"
    # oneself, a stranger, something else
    done = run_muster(inst, "approve", "give", a["id"], "--digest", digest(a)[:8], check=False)
    assert done.returncode == 1 and "you asked for it yourself" in done.stderr, done
    assert say(inst, STRANGER, "GET", "/v1/approvals")[0] == 403
    assert give(inst, STRANGER, a)[0] == 403
    status, body = give(inst, BERT, a, body='{"x":1}')
    assert status == 409 and "not what was asked for" in body["error"]["text"], body
    done = run_muster(inst, "approve", "give", a["id"], "--digest", "00000000", check=False)
    assert done.returncode == 1 and "another one" in done.stderr, done
    assert generation(inst) == before
    assert what(inst) == ["approval.asked", "approval.same-person", "approval.mismatch"], what(inst)
    # the power goes; what was asked for is there still
    other = say(inst, BERT, "POST", "/v1/events/export", {})[1]["approval"]
    kill(inst)
    inst.start()
    status, body = give(inst, BERT, a)
    assert status == 200 and body["generation"] == before + 1, (status, body)
    until("the end", lambda: "before" not in ask(inst, "keeper", "show"), context=inst.log_text)
    done = ask(inst, "approve", "show", a["id"])
    assert done["state"] == "done" and done["endedBy"] == BERT, done
    (event,) = [e for e in map(json.loads, run_muster(inst, "--json", "events", "--what", "keeper.rotation").stdout.splitlines())]
    assert event["who"] == f"uid 0, yes by uid {BERT}", event
    # once; also when the power goes before the store has it that it was done, or somebody writes there that it waits
    status, body = give(inst, BERT, a)
    assert status == 409 and "it is done" in body["error"]["text"], body
    with sqlite3.connect(inst.dir / "store/muster.db", timeout=30) as db:
        db.execute("UPDATE approval SET state = 0, reason = '' WHERE id = ?", (a["id"],))
    status, body = give(inst, BERT, a)
    assert status == 409 and "a new key-encryption key is in use since" in body["error"]["text"], body
    assert generation(inst) == before + 1
    # what waited meanwhile is over with it, is told why, and is asked for anew
    assert not ask(inst, "approve", "list")["approvals"]
    shown = run_muster(inst, "approve", "show", other["id"]).stdout
    assert "expired" in shown and "ask for it anew" in shown, shown
    status, body = give(inst, CARL, other)
    assert status == 409 and "it is expired: a new key-encryption key is in use since" in body["error"]["text"], body
    status, body = say(inst, BERT, "POST", "/v1/events/export", {})
    assert status == 202 and body["approval"]["id"] != other["id"], body
    assert give(inst, CARL, body["approval"])[0] == 200


def test_the_kernel_says_who_asks(inst):
    """A user whom nobody named has nothing at the socket, whatever it says it is: not a word about anybody, and nothing is done."""
    before, waits = generation(inst), ask(inst, "approve", "list")
    for uid, status in ((STRANGER, 403), (BERT, 200), (0, 200)):
        assert say(inst, uid, "GET", "/v1/status")[0] == status, uid
    for path in ("/v1/status?uid=0", f"/v1/providers/{inst.sp}/nodes", "/v1/nodes", "/v1/events", "/v1/keeper"):
        status, told = say(inst, STRANGER, "GET", path)
        assert status == 403 and set(told) <= {"error", "field"}, (path, told)
    for path, body in (("/v1/keeper/rotate", {}), ("/v1/events/accept", {"reason": "x", "uid": 0}), ("/v1/subscriptions", {"id": "x"})):
        assert say(inst, STRANGER, "POST", path, body)[0] == 403, path
    text = f"GET /v1/status HTTP/1.1\r\nHost: muster\r\nX-Uid: 0\r\nFrom: uid 0\r\nForwarded: for=uid0\r\nAuthorization: Basic cm9vdDo=\r\nConnection: close\r\n\r\n"
    raw = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ns.sendall(sys.argv[2].encode())\nprint(s.recv(99).decode())"
    for uid, status in ((STRANGER, 403), (BERT, 200)):
        done = subprocess.run(["/usr/bin/python3", "-c", raw, str(inst.sock), text], user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True,
                              text=True, check=True, timeout=60)
        assert done.stdout.startswith(f"HTTP/1.1 {status} "), (uid, done.stdout)
    assert generation(inst) == before and ask(inst, "approve", "list") == waits
    # the place that init gives it is closed to others by itself
    assert (inst.dir / "run").stat().st_mode & 0o077 == 0


def people(inst, was, now):
    """The configuration names other people, and every process goes by it."""
    conf = inst.dir / "musterd.conf"
    assert was in conf.read_text()
    conf.write_text(conf.read_text().replace(was, now))
    seen = inst.log_text().count("supervisor: reloaded")
    inst.process.send_signal(signal.SIGHUP)
    until("the reload", lambda: inst.log_text().count("supervisor: reloaded") > seen, context=inst.log_text)


def test_other_people_by_a_reload(inst):
    """Who is named now says yes, who is not any more does not, and what the latter asked for waits in vain: at the keeper as at the engine, at once."""
    status, body = say(inst, BERT, "POST", "/v1/events/export", {})
    assert status == 202, body
    people(inst, "uid = 1301", "uid = 1400")
    try:
        a = ask(inst, "keeper", "rotate", status=4)["approval"]
        assert give(inst, BERT, a)[0] == 403
        status, told = give(inst, CARL, body["approval"])
        assert status == 409 and "one of you is not of four_eyes.people" in told["error"]["text"], told
        before = generation(inst)
        status, told = give(inst, STRANGER, a)
        assert status == 200 and told["generation"] == before + 1, told
    finally:
        people(inst, "uid = 1400", "uid = 1301")
    until("the end", lambda: "before" not in ask(inst, "keeper", "show"), context=inst.log_text)
    a = ask(inst, "keeper", "rotate", status=4)["approval"]
    assert give(inst, STRANGER, a)[0] == 403
    run_muster(inst, "approve", "refuse", a["id"], "--reason", "once is enough")


def test_what_was_changed_meanwhile_is_not_done(inst):
    """Somebody who writes the store makes another request of it."""
    inst.subscription_at()
    status, body = say(inst, BERT, "POST", "/v1/subscriptions/sub-1/end", {"reason": "over"})
    a = body["approval"]
    assert status == 202 and a["askedBy"] == BERT
    with sqlite3.connect(inst.dir / "store/muster.db", timeout=30) as db:
        db.execute("UPDATE approval SET request = ? WHERE id = ?", (b'POST /v1/gba/flush\n{"of":"x","reason":"over"}', a["id"]))
    a = ask(inst, "approve", "show", a["id"])
    assert a["request"] == "POST /v1/gba/flush"
    status, body = give(inst, CARL, a)
    assert status == 409 and "not what was asked for" in body["error"]["text"], body
    assert ask(inst, "subscription", "show", "sub-1")["state"] == "active"
    assert "refused" in run_muster(inst, "approve", "refuse", a["id"], "--reason", "not so").stdout
    assert ask(inst, "approve", "show", a["id"])["reason"] == "not so"
    status, body = give(inst, CARL, a)
    assert status == 409 and "it is refused" in body["error"]["text"]


def test_a_subscription_and_a_certificate(inst):
    status, body = say(inst, BERT, "POST", "/v1/subscriptions/sub-1/end", {"reason": "over"})
    a = body["approval"]
    done = run_muster(inst, "approve", "give", a["id"], "--digest", digest(a)[:12])
    assert "done" in done.stdout and ask(inst, "subscription", "show", "sub-1")["state"] != "active"
    # what the request itself is refused for is told when it is carried out
    a = ask(inst, "cert", "revoke", "0123456789ABCDEF", status=4)["approval"]
    status, body = give(inst, CARL, a)
    assert status == 404, body
    assert ask(inst, "approve", "show", a["id"])["outcome"] == 4004
    # whoever is none of the people asks for nothing: the daemon's own user, unless it is named, included
    assert say(inst, STRANGER, "POST", "/v1/keeper/rotate", {})[0] == 403


def test_a_yes_is_for_what_was_shown(inst):
    """A request for a certificate by its CSR and its node, whatever has its number when the yes comes; a node by its M2M-Node-ID. What ends
    certificates for good waits, a suspension does not."""
    nodes, a_time = {}, 1795212591
    for name in ("urn:f:1", "urn:f:2"):
        run_muster(inst, "node", "add", name, "--anchor", "none")
        nodes[name] = ask(inst, "node", "show", name)["id"]

    def asks(number, name, what):
        """A row of the store as it is when the node of that name has sent its CSR."""
        with sqlite3.connect(inst.dir / "store/muster.db", timeout=30) as db:
            db.execute("DELETE FROM cert_request WHERE id = ?", (number,))
            db.execute("INSERT INTO cert_request (id, node, csr_sha256, subject, state, renewal, serial, asked, decided, reason)"
                       " VALUES (?, ?, ?, ?, 0, 0, '', ?, 0, '')", (number, nodes[name], what, name, a_time))
    asks(7, "urn:f:1", b"1" * 32)
    assert "urn:f:1" in run_muster(inst, "cert", "requests").stdout and "3131313131313131" in run_muster(inst, "cert", "requests").stdout
    a = ask(inst, "cert", "approve", 7, status=4)["approval"]
    shown = run_muster(inst, "approve", "show", a["id"]).stdout
    assert "urn:f:1" in shown and "31" * 32 in shown, shown
    asks(7, "urn:f:2", b"2" * 32)
    status, body = give(inst, BERT, a)
    assert status == 409 and "is not that of the request with this number" in body["error"]["text"], body
    (request,) = ask(inst, "cert", "requests")["requests"]
    assert request["state"] == "pending" and request["node"] == "urn:f:2", request
    assert give(inst, BERT, ask(inst, "cert", "approve", 7, status=4)["approval"])[0] == 200
    (request,) = ask(inst, "cert", "requests", "--state", "approved")["requests"]
    assert request["sha256"] == "32" * 32, request
    assert ask(inst, "cert", "reject", 7, "--reason", "no")["state"] == "rejected", "a no wants nobody else"
    done = run_muster(inst, "cert", "approve", 8, check=False)
    assert done.returncode == 1 and "there is no such request" in done.stderr, done
    # a node with a certificate
    with sqlite3.connect(inst.dir / "store/muster.db", timeout=30) as db:
        db.execute("INSERT INTO certificate (serial, subject, node, issued, expires, revoked, reason) VALUES (?, 'urn:f:1', ?, ?, ?, 0, 0)",
                   ("F0" * 10, nodes["urn:f:1"], a_time, 4102444800))
    done = run_muster(inst, "node", "revoke", nodes["urn:f:1"], "--reason", "stolen", check=False)
    assert done.returncode == 1 and "M2M-Node-ID: urn:f:1" in done.stderr, done
    done = run_muster(inst, "node", "revoke", "urn:f:1", "--reason", "stolen", check=False)
    assert done.returncode == 4 and "muster node suspend stops it at once" in done.stdout, done
    assert ask(inst, "node", "suspend", "urn:f:1", "--reason", "stolen")["state"] == "suspended"
    (a,) = ask(inst, "approve", "list")["approvals"]
    assert a["request"] == "POST /v1/nodes/urn%3Af%3A1/revoke" and ask(inst, "cert", "list", "urn:f:1")["certificates"][0]["revoked"] is None, a
    assert give(inst, CARL, a)[1]["state"] == "revoked"
    assert ask(inst, "cert", "list", "urn:f:1")["certificates"][0]["revoked"]
    # one that has none
    assert ask(inst, "node", "revoke", "urn:f:2", "--reason", "stolen")["state"] == "revoked"


def test_a_copy_of_the_audit_log(inst):
    out = inst.dir / "copy"
    done = run_muster(inst, "audit", "export", "--out", out, check=False)
    assert done.returncode == 4 and "second person" in done.stdout and not out.exists(), done
    (a,) = ask(inst, "approve", "list")["approvals"]
    assert a["request"] == "POST /v1/events/export"
    done = run_muster(inst, "audit", "export", "--out", out, "--approval", a["id"], check=False)
    assert done.returncode != 0 and "given within the last hour" in done.stderr, done
    assert give(inst, CARL, a)[0] == 200
    assert say(inst, CARL, "GET", f"/v1/events?approval={a['id']}")[0] == 400, "it is for who asked"
    run_muster(inst, "audit", "export", "--out", out, "--approval", a["id"])
    assert "hash" in out.read_text() and out.stat().st_size > 500
    assert "every hash fits" in run_muster(inst, "audit", "verify").stdout
    assert "audit.export" in what(inst, "audit.")


@pytest.fixture(name="page", scope="module")
def page_of_bert(inst):
    """What `muster approve page` is to BERT, with a copy of the program where that user may read it."""
    shutil.copy(MUSTER, inst.place / "muster")
    begun = {"cwd": "/", "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "extra_groups": []}
    args = [inst.place / "muster", "--json", "--socket", inst.sock, "approve", "page"]
    with subprocess.Popen(args, user=STRANGER, group=STRANGER, **begun) as other:
        assert other.wait(RUN_SECONDS) == 1 and "refused (403)" in other.stderr.read(), "who is none of the people has no page"
    with subprocess.Popen(args, user=BERT, group=BERT, **begun) as process:
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            text += line
        try:
            yield json.loads(text)
        finally:
            process.terminate()
            assert process.wait(RUN_SECONDS) == 0, process.stderr.read()


@pytest.fixture(name="browser", scope="module")
def browser_of_bert(tmp_path_factory, page):
    with phone(tmp_path_factory.mktemp("browser") / "chromium") as driver:
        yield driver
        driver.get("about:blank")
        severe = [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "the server responded with a status" not in e["message"]]
        assert not severe, severe


def wait(browser, what):
    return WebDriverWait(browser, RUN_SECONDS, poll_frequency=0.05).until(what)


def shows(browser, name, words):
    wait(browser, lambda b: words in b.find_element(By.ID, name).text)


def card(browser, a):
    return wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, f"article[data-id='{a['id']}']"))[0]


def gone(browser, a):
    wait(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, f"article[data-id='{a['id']}']"))


def button(one, name):
    return next(b for b in one.find_elements(By.TAG_NAME, "button") if b.text == name)


def refuse_at(browser, a, reason, name):
    one = card(browser, a)
    button(one, name).click()
    shows(browser, "message", "Say why")
    one.find_element(By.TAG_NAME, "input").send_keys(reason)
    button(one, name).click()


def test_a_strangers_browser_has_nothing_of_the_page(page):
    """Another user of the machine, another site's page: neither reads nor says anything."""
    def curl(*args):
        return run("curl", "-sS", "--max-time", RUN_SECONDS, "-w", "\n%{http_code}", *args).stdout.rsplit("\n", 1)
    asks = ("-H", "Content-Type: application/json", "-d", json.dumps({"id": 1, "digest": "0" * 64, "reason": "x"}))
    for path, more in (("approvals", ()), ("give", asks), ("refuse", asks)):
        body, status = curl(page["url"] + path, *more)
        assert status == "401" and "enter the one-time code first" in body, (path, body)
        assert curl(page["url"] + path, "-H", "Muster-Page: " + "0" * 32, *more)[1] == "401"
    assert curl(page["url"], "-H", "Host: muster.example.com")[1] == "421"
    # five wrong codes take it away from its owner; nobody guesses who does not know where
    top, secret = re.fullmatch("(http://127.0.0.1:[0-9]+/)([0-9A-Z]{16})/", page["url"]).groups()
    for path in ["session", "0" * 16 + "/session", secret[:-1] + "/session", secret + "0/session"] * 2:
        body, status = curl(top + path, "-H", "Content-Type: application/json", "-d", '{"code":"00000000"}')
        assert status == "404" and "as it was printed" in body, (path, body)
    assert curl(page["url"] + "session", "-d", json.dumps({"code": page["code"]}))[1] == "400", "not as a form would send it"


def test_the_page_that_nobody_uses_ends(inst, tmp_path):
    """A quarter of an hour after the last that its user did; that the page itself looks what is new is nothing that anybody did."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    env = {**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    with subprocess.Popen([MUSTER, "--json", "--socket", inst.sock, "approve", "page"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        try:
            text = ""
            while "}" not in text:
                line = process.stdout.readline()
                assert line, process.stderr.read()
                text += line
            page, token = json.loads(text), ""

            def curl(path, *args, header="Muster-Page: "):
                return run("curl", "-sS", "--max-time", RUN_SECONDS, "-D", tmp_path / "head", "-o", tmp_path / "body", "-w", "%{http_code}", *args,
                           *(("-H", header + token) if token else ()), page["url"] + path).stdout
            asks = ("-H", "Content-Type: application/json", "-d")
            assert curl("session", *asks, json.dumps({"code": page["code"]})) == "200"
            assert "cookie" not in (tmp_path / "head").read_text().lower(), "it would go to every port of this host"
            token = json.loads((tmp_path / "body").read_text())["token"]
            for no in ("Cookie: muster-approve=", "Cookie: Muster-Page=", "Cookie: ", "Muster-Page: 0"):
                assert curl("approvals", header=no) == "401", no
                assert curl("give", *asks, json.dumps({"id": 1, "digest": "0" * 64}), header=no) == "401", no
            clock.write_text("+14m")
            assert curl("give", *asks, json.dumps({"id": 999999, "digest": "0" * 64})) == "404"
            clock.write_text("+28m")
            for _ in range(3):
                assert curl("approvals") == "200"
            clock.write_text("+30m")
            assert process.wait(RUN_SECONDS) == 0
            assert "nobody used the page for a quarter of an hour" in process.stderr.read()
        finally:
            process.kill()


def test_a_second_person_at_the_page(inst, page, browser):
    """Who asked for what, when, until when, and what exactly; yes, no, and taken back. In a real browser, and one yes by the keyboard alone."""
    run_muster(inst, "subscription", "add", "sub-2", "--sp", inst.sp, "--maf", inst.maf, "--maf-uri", f"https://{inst.maf}:{inst.maf_port}", "--until", "+30d")
    a = say(inst, CARL, "POST", "/v1/subscriptions/sub-2/end", {"reason": "<img src=x onerror=document.title=1>"})[1]["approval"]
    own = say(inst, BERT, "POST", "/v1/gba/flush", {"of": "x", "reason": "lost\u202e"})[1]["approval"]
    browser.get(page["url"])
    wait(browser, lambda b: b.find_element(By.ID, "login").is_displayed())
    browser.find_element(By.ID, "code").send_keys("00000000\n")
    shows(browser, "message", "code: is not right")
    assert not browser.find_element(By.ID, "inside").is_displayed()
    browser.find_element(By.ID, "code").send_keys(f"{page['code'][:4]}-{page['code'][4:]}".lower() + "\n")
    shown = card(browser, a).text
    assert "End a subscription\nSubscription sub-2" in shown and f"uid {CARL}" in shown and a["request"] in shown and a["body"] in shown, shown
    assert digest(a) in shown and all(f"{t[:4]}-{t[4:6]}-{t[6:8]} {t[9:11]}:{t[11:13]}:{t[13:15]} UTC" in shown for t in (a["asked"], a["expires"])), shown
    assert f"uid {BERT}" in browser.find_element(By.ID, "device").text and browser.title == "muster: a second person"
    assert a["nonce"] not in browser.page_source and not browser.find_elements(By.TAG_NAME, "img")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= WIDTH
    assert r'"lost\u202e"' in card(browser, own).text, "what nobody sees is shown as what it is"
    # what one asked for oneself one can take back, no more
    assert not [b for b in card(browser, own).find_elements(By.TAG_NAME, "button") if "yes" in b.text.lower()]
    said = browser.execute_async_script("ask('POST', 'give', arguments[0]).catch((e) => e).then((e) => arguments[1](e.message))", {"id": own["id"], "digest": digest(own)})
    assert said == "you asked for it yourself; a second person has to say yes", said
    refuse_at(browser, own, "found again", "Take it back")
    gone(browser, own)
    shows(browser, "done", "taken back")
    assert ask(inst, "approve", "show", own["id"])["reason"] == "found again"
    # a yes, by the keyboard
    button(card(browser, a), "Say yes …").send_keys(Keys.ENTER)
    assert ask(inst, "subscription", "show", "sub-2")["state"] == "active", "asked once more before it is done"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    gone(browser, a)
    shows(browser, "done", "it is done")
    assert ask(inst, "subscription", "show", "sub-2")["state"] == "ended"
    assert ask(inst, "approve", "show", a["id"])["endedBy"] == BERT
    shows(browser, "nothing", "Nothing waits.")


def test_the_session_is_of_that_tab_alone(page, browser):
    """Neither another port of the host nor another tab of the browser is in it."""
    token = browser.execute_script("return sessionStorage.getItem('muster-page')")
    assert token not in browser.current_url and not browser.get_cookies()
    neighbours_get_nothing(browser, page["url"], "approvals", token)
    mine = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(page["url"])
    wait(browser, lambda b: b.find_element(By.ID, "login").is_displayed())
    browser.close()
    browser.switch_to.window(mine)


def test_what_the_page_is_refused(inst, page, browser):
    """Each in words: it was refused meanwhile, it is another content, it was taken and not done, nobody is there."""
    gone_cert, other, late = (say(inst, CARL, "POST", path, body)[1]["approval"] for path, body in (
        ("/v1/certificates/0123456789ABCDEF/revoke", {}), ("/v1/events/export", {}), ("/v1/gba/flush", {"of": "y", "reason": "z"})))
    browser.refresh()                                # its session goes on

    def yes(a):
        button(card(browser, a), "Say yes …").click()
        button(card(browser, a), "Yes, do it").click()
    yes(gone_cert)
    shows(browser, "message", f"Number {gone_cert['id']}: your yes was taken, but it was not done: ")
    assert ask(inst, "approve", "show", gone_cert["id"])["outcome"] == 4004
    said = browser.execute_async_script("ask('POST', 'give', arguments[0]).catch((e) => e).then((e) => arguments[1](e.message))", {"id": other["id"], "digest": digest(late)})
    assert "it is not what you were shown" in said, said
    refuse_at(browser, other, "too much", "Say no")
    gone(browser, other)
    assert ask(inst, "approve", "show", other["id"])["endedBy"] == BERT
    # the page looks every third second; what it still shows may be over
    one = card(browser, late)
    button(one, "Say yes …").click()
    browser.execute_script("cards.clear(); refresh = () => {}; clearTimeout(timer)")
    run_muster(inst, "approve", "refuse", late["id"], "--reason", "not today")
    button(one, "Yes, do it").click()
    shows(browser, "message", "it does not wait any more: it is refused: not today. It has to be asked for anew.")
    with contextlib.ExitStack() as stopped:
        inst.sock.rename(inst.place / "away")
        stopped.callback(lambda: (inst.place / "away").rename(inst.sock))
        said = browser.execute_async_script("ask('GET', 'approvals').catch((e) => e).then((e) => arguments[0](e.message))")
    assert "the installation does not answer; is musterd running?" in said, said


def test_who_leaves_ends_the_page(page, browser):
    """The code is used up, so nobody else could come: the process ends, and with it what a token is good for."""
    browser.find_element(By.ID, "leave").click()
    shows(browser, "done", "This page has ended")
    assert not browser.find_element(By.ID, "inside").is_displayed() and not browser.execute_script("return sessionStorage.length")
    until("the end", lambda: run("curl", "-sS", page["url"], check=False).returncode == 7)
