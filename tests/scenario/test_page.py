"""The agent's local page (architecture 3.3): in a real browser with a phone's screen, and by curl as a stranger would."""
import base64
import json
import re
import socket

import cbor2
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from browser import WIDTH, neighbours_get_nothing, phone
from support import AGENT, MUSTER, RUN_SECONDS, Installation, free_port, run


@pytest.fixture
def installation(tmp_path):
    inst = Installation(tmp_path / "inst", processes="single")
    inst.start()
    inst.subscription()
    yield inst
    inst.stop()


@pytest.fixture
def node(installation):
    """A node that was told nothing, with its page on loopback."""
    made = installation.node(1)
    (made.dir / "instructions.json").unlink()
    made.page = free_port()
    made.configure(f'page = "127.0.0.1:{made.page}";\n')
    with made.running() as agent:
        agent.wait_log("page-listens")
        yield made


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with phone(tmp_path_factory.mktemp("browser") / "chromium") as driver:
        yield driver


@pytest.fixture
def browser(chromium, node):        # leaves the page before the node ends: it asks that every other second
    yield chromium
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chromium.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": f"http://127.0.0.1:{node.page}", "storageTypes": "local_storage"})
    severe = [e for e in chromium.get_log("browser") if e["level"] == "SEVERE" and "the server responded with a status" not in e["message"]]
    assert not severe, severe


def code(node):
    told = json.loads(node.agent("page", "--json", check=True).stdout)
    node.path = told["url"].split(f":{node.page}")[1].rstrip("/")
    return told


def wait(browser, what):
    return WebDriverWait(browser, RUN_SECONDS, poll_frequency=0.05).until(what)


def text(browser, name):
    return browser.find_element(By.ID, name).text


def enter(browser, node, fragment=""):
    told = code(node)
    browser.get(told["url"] + fragment)
    wait(browser, lambda b: b.find_element(By.ID, "login").is_displayed())
    browser.find_element(By.ID, "code").send_keys(told["code"].lower())
    browser.find_element(By.CSS_SELECTOR, "#login button").click()
    wait(browser, lambda b: text(b, "state") != "")
    return told


def start(browser, words):
    field = browser.find_element(By.ID, "text")
    browser.execute_script("arguments[0].value = arguments[1]", field, words)
    browser.find_element(By.CSS_SELECTOR, "#join button").click()


def fits(browser):
    return browser.execute_script("return document.scrollingElement.scrollWidth") <= WIDTH


def test_a_technician_joins_a_device(browser, installation, node):
    """First a name that leads nowhere, told in plain words with what to do; then the instructions themselves."""
    enter(browser, node)
    assert text(browser, "state") == "Not in service"
    assert fits(browser)
    start(browser, json.dumps({"version": 1, "instructions": [installation.instruction(uri=f"https://{installation.mef}:1")]}))
    wait(browser, lambda b: re.search("while opening the session with the MEF(?s:.*)What to do:", text(b, "reports")))
    assert fits(browser)
    start(browser, json.dumps({"version": 1, "instructions": [installation.instruction()]}))
    wait(browser, lambda b: text(b, "state") == "In service")
    assert node.id in text(browser, "credential") and installation.maf in text(browser, "credential")
    assert fits(browser)
    assert node.status()["trigger"] == "page"


def test_every_run_and_every_refusal_is_shown(browser, installation, node):
    """Outcomes per attempt, and what came in and was not followed: instructions, a bundle and a pushed trigger, each with its reason."""
    for name, end in (("instructions", "20200101T000000"), ("given", "20200102T000000")):
        (node.dir / f"{name}.json").write_text(json.dumps({"version": 1, "validUntil": end, "instructions": [installation.instruction()]}))
        assert node.agent("trigger", *([node.dir / "given.json"] if name == "given" else [])).returncode == 1
    (node.dir / "stick.bundle").write_bytes(b"\x30\x03\x02\x01\x00")
    assert "no-anchors" in node.agent("trigger", node.dir / "stick.bundle").stderr
    (node.dir / "message").write_bytes(b"\xff" * 60)
    assert node.agent("trigger", "--push", node.dir / "message", "--source", "sms").returncode == 1
    enter(browser, node)
    wait(browser, lambda b: "A trigger by sms: it is no trigger" in text(b, "refused"))
    assert "stick.bundle cannot be judged: no signer is trusted here" in text(browser, "refused")
    assert "What to do: set bundle_anchors" in text(browser, "refused")
    for name in ("instructions.json", "given.json"):
        assert re.search(f"file .*/{name}: something has expired(?s:.*?)validUntil(?s:.*?)What to do: check this device's clock", text(browser, "refused")), name
    assert not browser.find_element(By.ID, "runs-part").is_displayed()
    for port, outcome in ((1, "Failed"), (installation.mef_port, "Succeeded")):
        start(browser, json.dumps({"version": 1, "instructions": [installation.instruction(uri=f"https://{installation.mef}:{port}")]}))
        wait(browser, lambda b, o=outcome: o in text(b, "runs"))
    # in one look: the page draws its lists anew every other second
    shown = browser.execute_script("return [...document.querySelectorAll('#runs > li')].map((e) => e.innerText)")
    assert [s.split(",")[0] for s in shown][::len(shown) - 1] == ["Succeeded", "Failed"], shown
    assert "begun by page" in shown[-1] and ":1: the server could not be reached, while opening the session with the MEF" in shown[-1]
    assert all(re.search("attempt [0-9a-f]{32}", s) for s in shown), shown
    assert fits(browser)


def test_a_code_that_comes_when_the_page_is_open(browser, installation, node):
    """The next code that is scanned, with the page still open, and with a new page of the same browser."""
    enter(browser, node)
    browser.execute_script("location.hash = arguments[0]", "#MUSTER:AAAA")
    wait(browser, lambda b: b.find_element(By.ID, "text").get_attribute("value") == "MUSTER:AAAA")
    browser.get("about:blank")
    browser.get(f"http://127.0.0.1:{node.page}/#MUSTER:BBBB")
    wait(browser, lambda b: b.find_element(By.ID, "text").get_attribute("value") == "MUSTER:BBBB")


def test_a_session_is_of_the_page_and_of_nobody_else(browser, node):
    """It goes on when the page is loaded again, and in another tab, as a phone's camera opens one for each code; other ports of the host have nothing of
    it; and it ends for all of them."""
    told = enter(browser, node)
    token = browser.execute_script("return localStorage.getItem('muster-page')")
    browser.refresh()
    wait(browser, lambda b: text(b, "state") != "")
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(f"http://127.0.0.1:{node.page}/#MUSTER:CCCC")
    wait(browser, lambda b: b.find_element(By.ID, "text").get_attribute("value") == "MUSTER:CCCC")
    assert token not in browser.current_url and not browser.get_cookies()
    neighbours_get_nothing(browser, told["url"], "status", token)
    browser.find_element(By.ID, "leave").click()
    wait(browser, lambda b: b.find_element(By.ID, "login").is_displayed())
    browser.close()
    browser.switch_to.window(first)
    browser.refresh()
    wait(browser, lambda b: b.find_element(By.ID, "login").is_displayed())
    assert not browser.execute_script("return localStorage.length")
    assert curl(node, "/status", "-H", f"Muster-Page: {token}")[0] == 401


def test_a_scanned_code_carries_the_instructions(browser, installation, node, tmp_path):
    """What `muster qr` draws, read by another program than ours, opens the page with the instructions in it."""
    (node.dir / "scan.json").write_text(json.dumps({"version": 1, "instructions": [installation.instruction()]}))
    url = f"http://127.0.0.1:{node.page}/"
    drawn = run(MUSTER, "qr", node.dir / "scan.json", "--page", url).stdout
    scanned = scan(drawn, tmp_path)
    assert scanned == f"{url}#MUSTER:{encoded(installation)}"
    enter(browser, node, scanned[len(url):])
    assert browser.find_element(By.ID, "text").get_attribute("value").startswith("MUSTER:")
    browser.find_element(By.CSS_SELECTOR, "#join button").click()
    wait(browser, lambda b: text(b, "state") == "In service")


def scan(drawn, tmp_path):
    """The terminal's picture as pixels, light as drawn, four for each module; zbarimg reads it."""
    rows = []
    for line in drawn.splitlines():
        for half in ("▀█", "▄█"):
            rows.append(" ".join("255" if c in half else "0" for c in line for _ in range(4)))
    (tmp_path / "qr.pgm").write_text(f"P2\n{4 * len(drawn.splitlines()[0])} {4 * len(rows)}\n255\n" +
                                     "\n".join(r for r in rows for _ in range(4)) + "\n")
    return run("zbarimg", "--quiet", "--raw", tmp_path / "qr.pgm").stdout.strip()


def test_a_printed_code(browser, installation, node, tmp_path):
    (node.dir / "scan.json").write_text(json.dumps({"version": 1, "instructions": [installation.instruction()]}))
    run(MUSTER, "qr", node.dir / "scan.json", "--svg", tmp_path / "qr.svg")
    browser.get(f"file://{tmp_path}/qr.svg")
    browser.save_screenshot(str(tmp_path / "qr.png"))
    assert run("zbarimg", "--quiet", "--raw", tmp_path / "qr.png").stdout.strip() == "MUSTER:" + encoded(installation)


def test_what_is_no_sequence_gives_no_code(tmp_path):
    (tmp_path / "bad.json").write_text('{"version": 1, "instructions": [{"kind": "bootstrap", "method": "magic", "uri": "x"}]}')
    done = run(MUSTER, "qr", tmp_path / "bad.json", check=False)
    assert done.returncode == 1 and "bad.json: instructions[0].method" in done.stderr
    anchor = base64.b64encode(bytes([0x30, 0x82, 0x07, 0x00]) + bytes(0x700)).decode()
    (tmp_path / "big.json").write_text(json.dumps({"version": 1, "instructions": [
        {"kind": "discovery", "method": "bbn", "uri": "https://bbn.example.com", "anchors": [anchor] * 2}]}))
    done = run(MUSTER, "qr", tmp_path / "big.json", check=False)
    assert done.returncode == 1 and "more than a QR code can hold" in done.stderr


def encoded(installation):
    """The sequence in CBOR by another library than ours; the keys are those of doc/schema."""
    i = installation.instruction()
    one = {1: 1, 2: 2, 3: i["uri"], 6: i["target"], 7: 21, 8: i["adminFQDN"], 9: i["mafURI"]}
    return base64.urlsafe_b64encode(cbor2.dumps({1: 1, 5: [one]})).decode().rstrip("=")


def test_a_photo_where_the_browser_reads_codes(browser, installation, node, tmp_path):
    """Chromium on this machine has no BarcodeDetector; the page's use of one is what is tested."""
    words = "https://192.0.2.1/#MUSTER:" + encoded(installation)
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source":
        f"window.BarcodeDetector = class {{ async detect() {{ return [{{ rawValue: {json.dumps(words)} }}]; }} }};"})
    enter(browser, node)
    photo = tmp_path / "photo.png"
    photo.write_bytes(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="))
    browser.find_element(By.ID, "photo").send_keys(str(photo))
    wait(browser, lambda b: b.find_element(By.ID, "text").get_attribute("value").startswith("MUSTER:"))
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_what_is_wrong_is_said_and_the_next_is_served(browser, installation, node):
    enter(browser, node)
    for words, said in (("not a name!", "neither a name"), ("{\"version\":2}", "version"), ("MUSTER:%%%", "base64url"),
                        ("http://bbn.example.com/", "neither a name"), ("MUSTER:AAAA", ""),
                        ("{\"version\":1,\"instructions\":[]}", "must be 1..16"),
                        (json.dumps({"version": 1, "instructions": [installation.instruction(method="magic")]}), "unknown value"),
                        (json.dumps({"version": 1, "validUntil": "20200101T000000", "instructions": [installation.instruction()]}), "validUntil"),
                        ("x" * 40000, "body: longer than allowed")):
        start(browser, words)
        wait(browser, lambda b: text(b, "message") != "" and said in text(b, "message"))
        assert text(browser, "state") == "Not in service"
    # … and kept for the operator, who is told with the next question
    assert [(r["by"], r["reason"]) for r in node.status()["refused"] if r["by"] == "page"] == [("page", "oversized")]
    start(browser, json.dumps({"version": 1, "instructions": [installation.instruction()]}))
    wait(browser, lambda b: text(b, "state") == "In service")


def test_the_technician_says_where_it_is(browser, node):
    """Figure 3's installation technician: by the site's label, and by the phone's own position."""
    enter(browser, node)
    assert "Nobody has said" in text(browser, "place")
    browser.find_element(By.ID, "site").send_keys("north-7")
    browser.find_element(By.CSS_SELECTOR, "#site-form button").click()
    wait(browser, lambda b: "north-7" in text(b, "place"))
    browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["geolocation"]})
    browser.execute_cdp_cmd("Emulation.setGeolocationOverride", {"latitude": 52.52, "longitude": 13.405, "accuracy": 12})
    browser.find_element(By.ID, "here").click()
    wait(browser, lambda b: "52.52000, 13.40500 within 12 m" in text(b, "place"))
    assert node.status()["place"] == {"latitude": 525200000, "longitude": 134050000, "accuracy": 12, "site": "north-7"}
    assert fits(browser)


@pytest.mark.parametrize("body, field", [({"latitude": 525200000}, "longitude"), ({"latitude": 9525200000, "longitude": 1}, "latitude"),
                                         ({"planet": "mars"}, "planet"), ({"site": ""}, "site"), ({"site": "a\u202eb"}, "site")])
def test_no_place_at_all(node, body, field):
    ours = session(node)
    status, _, said = curl(node, "/place", *ours, *JSON, "-d", json.dumps(body), method="POST")
    assert status == 400 and field in said
    assert not node.status()["place"]


def test_texts_of_strangers_are_no_markup(browser, node):
    enter(browser, node)
    start(browser, json.dumps({"version": 1, "instructions": [
        {"kind": "discovery", "method": "file", "uri": "/nowhere/<img src=x onerror=document.title='owned'>"}]}))
    wait(browser, lambda b: "<img" in text(b, "reports"))
    assert browser.title == "muster: this device"


# --- by hand, as strangers do ---

def curl(node, path, *args, method="GET"):
    """`/session` is at the path that `muster-agent page` told last."""
    path = node.path + path if path == "/session" else path
    done = run("curl", "-sS", "-i", "-X", method, *args, f"http://127.0.0.1:{node.page}{path}")
    head, _, body = done.stdout.partition("\n\n" if "\r\n\r\n" not in done.stdout else "\r\n\r\n")
    return int(head.split()[1]), head, body


JSON = ("-H", "Content-Type: application/json")


def session(node):
    status, head, body = curl(node, "/session", *JSON, "-d", json.dumps({"code": code(node)["code"]}), method="POST")
    assert status == 200, head
    return ("-H", f"Muster-Page: {json.loads(body)['token']}")


def test_nothing_without_the_code(node):
    assert curl(node, "/status")[0] == 401
    assert curl(node, "/trigger", *JSON, "-d", "{}", method="POST")[0] == 401
    assert curl(node, "/status", "-H", "Muster-Page: " + "0" * 32)[0] == 401
    assert curl(node, "/")[0] == 200
    assert "attempt" not in node.status() or not node.status()["attempt"]


def test_a_session_is_no_cookie(node):
    """Cookies go to every port of a host (RFC 6265 8.5). The token goes in a header that no other origin's page can send: nobody answers its browser,
    which asks first whether it may."""
    status, head, body = curl(node, "/session", *JSON, "-d", json.dumps({"code": code(node)["code"]}), method="POST")
    assert status == 200 and "cookie" not in head.lower() and "Cache-Control: no-store" in head, head
    token = json.loads(body)["token"]
    assert re.fullmatch("[0-9A-F]{32}", token)
    assert curl(node, "/status", "-H", f"Muster-Page: {token}")[0] == 200
    for no in (f"Cookie: muster={token}", f"Cookie: Muster-Page={token}", f"Cookie: {token}", f"Authorization: Bearer {token}", f"Muster-Page: {token}0",
               f"Muster-Page: {token[:-1]}", "Muster-Page;", f"X-Muster-Page: {token}"):
        assert curl(node, "/status", "-H", no)[0] == 401, no
        assert curl(node, "/trigger", "-H", no, *JSON, "-d", "{}", method="POST")[0] == 401, no
    assert curl(node, f"/status?Muster-Page={token}")[0] == 401
    status, head, _ = curl(node, "/status", "-H", "Origin: http://127.0.0.1:1", "-H", "Access-Control-Request-Method: GET",
                           "-H", "Access-Control-Request-Headers: muster-page", method="OPTIONS")
    assert status == 401 and "access-control" not in head.lower(), head
    # … until its owner leaves
    other = session(node)
    assert curl(node, "/leave", "-H", f"Muster-Page: {token}", *JSON, "-d", "{}", method="POST")[0] == 200
    assert curl(node, "/status", "-H", f"Muster-Page: {token}")[0] == 401
    assert curl(node, "/status", *other)[0] == 200
    assert token not in (node.dir / "agent.log").read_text()


def test_a_code_is_good_once_and_guesses_are_few(node):
    good = code(node)["code"]
    body = json.dumps({"code": good})
    assert curl(node, "/session", *JSON, "-d", body, method="POST")[0] == 200
    status, _, said = curl(node, "/session", *JSON, "-d", body, method="POST")
    assert status == 403 and "muster-agent page" in said
    good = code(node)["code"]
    wrong = json.dumps({"code": "0" * 8 if good != "0" * 8 else "1" * 8})
    assert [curl(node, "/session", *JSON, "-d", wrong, method="POST")[0] for _ in range(5)] == [403] * 5
    assert curl(node, "/session", *JSON, "-d", json.dumps({"code": good}), method="POST")[0] == 403, "guessed too often"
    assert session(node), "and a new one is served"


def test_on_loopback_only_who_was_told_the_path_guesses(node):
    """All users of a machine have one address there: five wrong codes of one would take every code away from its owner."""
    told = code(node)
    assert re.fullmatch(rf"http://127\.0\.0\.1:{node.page}/[0-9A-HJKMNP-TV-Z]{{16}}/", told["url"])
    body = json.dumps({"code": "0" * 8 if told["code"] != "0" * 8 else "1" * 8})
    good, node.path = node.path, ""
    for path in ["", "/", "/" + "0" * 16, good[:-1], good + "0", "/" + good, good.lower()] * 2:
        status, _, said = curl(node, path + "/session", *JSON, "-d", body, method="POST")
        assert status == 404 and "muster-agent page" in said, path
    assert [curl(node, path)[0] for path in ("/", good + "/", good + "/page.js")] == [200] * 3
    assert "page-code-refused" not in (node.dir / "agent.log").read_text()
    assert curl(node, good + "/session", *JSON, "-d", body, method="POST")[0] == 403, "that one counts"
    assert "page-code-refused" in (node.dir / "agent.log").read_text()
    assert curl(node, good + "/session", *JSON, "-d", json.dumps({"code": told["code"]}), method="POST")[0] == 200


def test_a_stranger_who_guesses_does_not_lock_the_technician_out(node):
    good = code(node)["code"]
    wrong = json.dumps({"code": "0" * 8 if good != "0" * 8 else "1" * 8})

    def guess(address, body=wrong):
        return curl(node, "/session", "--interface", address, *JSON, "-d", body, method="POST")

    said = [guess("127.0.0.2")[2] for _ in range(6)]
    assert all("is not right" in s for s in said[:4]) and all("too often" in s for s in said[4:]), said
    assert guess("127.0.0.2", json.dumps({"code": good}))[0] == 403, "also with the right one"
    assert guess("127.0.0.1", json.dumps({"code": good}))[0] == 200
    # many together use it up for everybody
    good = code(node)["code"]
    for last in range(2, 11):
        assert guess(f"127.0.0.{last}", wrong)[0] == 403
    assert guess("127.0.0.1", json.dumps({"code": good}))[0] == 403
    assert session(node)


def test_idle_connections_do_not_hold_the_page(node):
    """Twice as many as there are places, silent or in the middle of a request, from the technician's own address and from
    others: he is served at once, before any of their deadlines."""
    told, held = code(node), []
    try:
        for i in range(32):
            s = socket.create_connection(("127.0.0.1", node.page), RUN_SECONDS, (f"127.0.0.{1 + i % 3}", 0))
            held.append(s)
            if i % 2:
                s.sendall(b"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n")
        assert curl(node, "/")[0] == 200
        assert curl(node, "/session", *JSON, "-d", json.dumps({"code": told["code"]}), method="POST")[0] == 200
    finally:
        for s in held:
            s.close()


def test_other_sites_cannot_use_the_technicians_browser(node):
    ours = session(node)
    assert curl(node, "/status", *ours)[0] == 200
    assert curl(node, "/status", *ours, "-H", "Host: evil.example.com")[0] == 421
    assert curl(node, "/trigger", *ours, "-H", "Content-Type: text/plain", "-d", "{}", method="POST")[0] == 415
    _, head, _ = curl(node, "/")
    assert "default-src 'none'" in head and "frame-ancestors 'none'" in head and "nosniff" in head
    assert curl(node, "/nothing", *ours)[0] == 404


@pytest.mark.parametrize("body, status", [("{", 400), ("[]", 400), ("{\"text\":\"\"}", 400), ("{\"text\":7}", 400),
                                          ("{\"a\":1,\"a\":2}", 400), ("{\"text\":\"" + "x" * 40000 + "\"}", 413)])
def test_bad_bodies_change_nothing(node, tmp_path, body, status):
    ours = session(node)
    (tmp_path / "body").write_text(body)
    assert curl(node, "/trigger", *ours, *JSON, "--data-binary", f"@{tmp_path}/body", method="POST")[0] == status
    assert not node.status().get("attempt")


def test_elsewhere_than_on_loopback_it_is_https(installation):
    """With a key of this run: the fingerprint that the command shows is what the browser sees."""
    made = installation.node(2)
    made.page = free_port()
    made.configure(f'page = "0.0.0.0:{made.page}";\n')
    with made.running() as agent:
        agent.wait_log("page-listens")
        told = code(made)
        assert told["url"] == f"https://0.0.0.0:{made.page}/", "people type it"
        shown = run("openssl", "s_client", "-connect", f"127.0.0.1:{made.page}", "-servername", "x.local", stdin="")
        pem = re.search("-----BEGIN.*END CERTIFICATE-----", shown.stdout, re.S).group()
        print_ = run("openssl", "x509", "-noout", "-fingerprint", "-sha256", stdin=pem)
        assert told["certificate"] in print_.stdout
        assert run("curl", "-sSk", f"https://127.0.0.1:{made.page}/").stdout.startswith("<!doctype html>")


def test_without_the_setting_there_is_no_page(installation):
    made = installation.node(3)
    with made.running() as agent:
        agent.wait_log("triggered")
        done = made.agent("page")
        assert done.returncode == 1 and "page = " in done.stderr
    done = run(AGENT, "-c", made.dir / "muster-agent.conf", "page", check=False)
    assert done.returncode == 3 and "is the agent running" in done.stderr
