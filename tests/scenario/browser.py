"""A real browser without a window: Debian's Chromium, with the screen of a phone. Everybody finds each other by address:
on a machine without /etc/hosts chromedriver and its library do not know `localhost`, which they say by themselves.
"""
import contextlib
import http.server
import socket
import socketserver
import subprocess
import threading

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common import utils

from support import START_SECONDS, free_port, until

WIDTH, HEIGHT = 390, 844
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--ignore-certificate-errors")


class Driver(Service):
    @property
    def service_url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self):
        return utils.is_connectable(self.port, "127.0.0.1")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def phone(directory):
    port = free_port()
    directory.mkdir()
    with open(directory / "log", "wb") as log:
        chromium = subprocess.Popen(["/usr/bin/chromium", *FLAGS, f"--user-data-dir={directory}/profile", f"--remote-debugging-port={port}",
                                     "about:blank"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until("Chromium listens", lambda: listens(port) or chromium.poll() is not None, START_SECONDS, (directory / "log").read_text)
        o = Options()
        o.debugger_address = f"127.0.0.1:{port}"
        o.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(service=Driver("/usr/bin/chromedriver", port=free_port()), options=o)
        try:
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                   {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 2, "mobile": True})
            yield driver
        finally:
            driver.quit()
    finally:
        chromium.terminate()
        chromium.wait(START_SECONDS)


class Neighbour(socketserver.ThreadingTCPServer):
    """Whoever else listens on this host, at a port of its own: what browsers send there, line and headers. It sets a cookie for the host."""
    daemon_threads = True            # browsers open connections ahead and say nothing there

    def __init__(self):
        super().__init__(("127.0.0.1", 0), NeighbourHandler)
        self.port = self.server_address[1]
        self.url, self.seen = f"http://127.0.0.1:{self.port}/", []


class NeighbourHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(f"{self.requestline}\n{self.headers}")
        self.send_response(200)
        self.send_header("Set-Cookie", f"neighbour{self.server.port}=1; SameSite=Strict; Path=/")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>neighbour</title><link rel=icon href=data:,>")

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def neighbour():
    with Neighbour() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def neighbours_get_nothing(driver, url, data, token):
    """A browser with a session at the page `url` goes to others on other ports of its host: they see no token, have none in their storage, and neither
    read `data` nor send anything that wants more than a form. That one of them sees the cookie of another shows that they would."""
    mine = driver.current_window_handle
    with neighbour() as first, neighbour() as second:
        driver.switch_to.new_window("tab")
        for server in (first, second):
            driver.get(server.url)
        said = driver.execute_async_script("""
            const [url, data, done] = arguments, json = { 'Content-Type': 'application/json' };
            const asks = [['', {}], [data, { credentials: 'include' }], [data, { headers: { 'Muster-Page': '0'.repeat(32) } }],
                          ['session', { method: 'POST', headers: json, body: '{"code":"00000000"}' }], ['leave', { method: 'POST', headers: json, body: '{}' }]];
            Promise.all(asks.map(([path, how]) => fetch(url + path, how).then(() => path, (e) => e.name)))
              .then((all) => done([...all, localStorage.length, sessionStorage.length, document.cookie]))""", url, data)
        driver.get_log("browser")                    # that it was refused, in the browser's words
        driver.close()
        driver.switch_to.window(mine)
        seen = "".join(first.seen + second.seen)
    assert said[:-1] == ["TypeError"] * 5 + [0, 0], said
    assert f"neighbour{first.port}=1" in second.seen[0], second.seen
    assert len(token) == 32 and token.upper() not in seen.upper(), seen
    assert "muster" not in (said[-1] + seen).lower(), (said, seen)
