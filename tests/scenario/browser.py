"""A real browser without a window: Debian's Chromium, with the screen of a phone. Everybody finds each other by address:
on a machine without /etc/hosts chromedriver and its library do not know `localhost`, which they say by themselves.
"""
import contextlib
import socket
import subprocess

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
