"""Every example of the README and of the manual pages is run as it stands. What a test has to adapt (ports,
places under /etc) is in ADAPT, and nowhere else.
"""
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import threading

import pytest

from support import AGENT, BUILD, MUSTER, MUSTERD, START_SECONDS, free_port, run, until

SOURCE = pathlib.Path(os.environ.get("MST_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PORTS = {name: free_port() for name in ("mef", "maf", "bbn", "metrics")}
ADAPT = {
    # our own ports: others may run on this machine
    "muster init provider --sp sp.example.com":
        "muster init provider --sp sp.example.com --mef-port {mef} --maf-port {maf} --bbn-port {bbn} --metrics 127.0.0.1:{metrics}",
    # places that only root has
    "/etc/muster/": "{dir}/",
    "/var/lib/muster-agent/": "{dir}/",
    "/run/muster-agent": "{dir}/run",
    # the page's provider is ours
    "https://mef.example.com:8443": "https://mef.sp.example.com:{mef}",
    '"maf.example.com"': '"maf.sp.example.com"',
    # the page means the installed configuration
    "muster-agent trigger": "muster-agent -c node.conf trigger",
    # the daemon stays: run by the test, which also waits for its end
    "musterd -c provider/musterd.conf &": "",
}


def adapt(text, directory):
    for said, done in ADAPT.items():
        text = text.replace(said, done.format(dir=directory, **PORTS))
    return text


def shell(script, directory):
    path = os.pathsep.join([str(pathlib.Path(p).parent) for p in (MUSTER, MUSTERD, AGENT)] + [os.environ["PATH"]])
    return run("bash", "-euo", "pipefail", "-c", adapt(script, directory), cwd=directory,
               env={**os.environ, "PATH": path, "HOME": str(directory)}).stdout


def readme_blocks():
    use = re.search(r"^## Use it\n(.*?)(?=^## )", (SOURCE / "README.md").read_text(), re.M | re.S).group(1)
    return re.findall(r"^```sh\n(.*?)^```", use, re.M | re.S)


def page_examples(page):
    """The examples of a page: (kind, text); kind is `shell`, or `file` for what a file holds."""
    source = (SOURCE / "man" / f"{page}.scd").read_text()
    part = re.search(r"^# EXAMPLES\n(.*?)(?=^# |\Z)", source, re.M | re.S)
    if not part:
        return []
    found = []
    for fenced, indented in re.findall(r"^```\n(.*?)^```|^\t(\S[^\n]*)$", part.group(1), re.M | re.S):
        text = fenced or indented.replace("\\", "")
        found.append(("shell" if indented or re.match(r"[$#] ", text) else "file", text))
    return found


class Place:
    """A directory in which the README has been followed up to the node's own part."""

    def __init__(self, directory):
        self.dir = directory
        self.daemon = self.reader = None
        self.said = queue.Queue()

    def start(self):
        self.daemon = subprocess.Popen([MUSTERD, "-c", "provider/musterd.conf"], cwd=self.dir, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=lambda: [self.said.put(line) for line in self.daemon.stderr])
        self.reader.start()

    def reload(self):
        """SIGHUP; back when the daemon says that it is done."""
        self.daemon.send_signal(signal.SIGHUP)
        while "reloaded" not in self.said.get(timeout=START_SECONDS):
            pass

    def stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            status = self.daemon.wait(START_SECONDS)
            self.reader.join(START_SECONDS)
            self.daemon.stderr.close()
            self.daemon = None
            assert status == 0

    def node_files(self, node_id):
        """Both files of muster-agent(1), word by word, beside a certificate that `muster cert issue` made."""
        files = [text for kind, text in page_examples("muster-agent.1") if kind == "file"]
        config, = [f for f in files if "certificate =" in f]
        instructions, = [f for f in files if '"instructions"' in f]
        dial = ", ".join(f'{{ name = "{name}.sp.example.com:{said}"; address = "127.0.0.1:{PORTS[name]}"; }}'
                         for name, said in (("mef", PORTS["mef"]), ("maf", 8444), ("maf", 443), ("maf", PORTS["maf"])))
        (self.dir / "muster-agent.conf").write_text(adapt(config, self.dir) + f"connect_to = ( {dial} );\n")
        shutil.copy(self.dir / "muster-agent.conf", self.dir / "node.conf")
        (self.dir / "instructions.json").write_text(adapt(instructions, self.dir))
        shutil.copy(self.dir / "instructions.json", self.dir / "new-provider.json")
        shutil.copy(self.dir / "provider/keeper/ca.pem", self.dir / "anchors.pem")
        if not (self.dir / "node.pem").exists():
            shell(f"muster cert issue --ca acme --node-id {node_id} --out node", self.dir)


@pytest.fixture
def place(tmp_path):
    p = Place(tmp_path)
    yield p
    p.stop()


def follow_readme(place):
    first, second, _ = readme_blocks()
    before, after = first.split("musterd -c provider/musterd.conf &\n")
    shell(before, place.dir)
    place.start()
    said = shell(after, place.dir)
    shell(second, place.dir)
    # "The maker's CA goes into provider/anchors/ (kill -HUP the daemon after adding one)"
    shutil.copy(place.dir / "acme.pem", place.dir / "provider/anchors/acme.pem")
    place.reload()
    return said


def test_readme(place):
    third = readme_blocks()[2]
    follow_readme(place)
    place.node_files("urn:dev:ops:00004C-acme-000001")
    said = shell(third, place.dir)
    assert "enrolled" in said
    assert "mef.register" in said
    shell("muster -C provider doctor", place.dir)


def test_readme_names_every_block():
    assert [b.splitlines()[0].split()[0:2] for b in readme_blocks()] == [
        ["muster", "init"], ["muster", "cert"], ["muster-agent", "-c"]]


@pytest.mark.parametrize("page", ["muster.1", "musterd.8", "musterd.conf.5"])
def test_page(page, place):
    examples = page_examples(page)
    assert [kind for kind, _ in examples].count("shell"), f"{page} has no example"
    for kind, text in examples:
        if kind == "file":
            # the page says what it is called there
            (place.dir / "provider/musterd.conf").write_text(text)
        else:
            said = shell(commands(text), place.dir)
            assert [line for line in answers(text) if line not in said] == []


def commands(text):
    """Without prompts and answers."""
    if not re.match(r"[$#] ", text):
        return text
    return "\n".join(line[2:] for line in text.splitlines() if re.match(r"[$#] ", line))


def answers(text):
    return [line for line in text.splitlines() if not re.match(r"[$#] ", line)] if re.match(r"[$#] ", text) else []


def test_agent_page(place):
    follow_readme(place)
    for old in ("node.pem", "node.key"):
        (place.dir / old).unlink()
    node = "urn:dev:ops:32473-pump-0042"
    place.node_files(node)
    shell(f"muster -C provider node add {node} --cse-id //sp.example.com/CSE000042 --subscription gold", place.dir)
    running = None
    try:
        for kind, text in page_examples("muster-agent.1"):
            if kind != "shell":
                continue
            if "trigger" in text:
                # "a running node"
                running = subprocess.Popen([AGENT, "-c", "node.conf", "run"], cwd=place.dir, stderr=subprocess.PIPE, text=True)
                until("the agent listens", lambda: (place.dir / "run/agent.sock").exists() or running.poll() is not None)
                assert running.poll() is None, running.stderr.read()
            said = shell(commands(text), place.dir)
            for line in answers(text):
                # an attempt's id is another one each time
                want = re.sub(r"[0-9a-f]{32}", "[0-9a-f]{32}", re.escape(adapt(line, place.dir)))
                assert re.search(f"^{want}$", said, re.M), (line, said)
    finally:
        if running:
            running.terminate()
            running.wait(START_SECONDS)
            running.stderr.close()


def test_naf_page(place):
    shell("muster init provider --sp sp.example.com", place.dir)
    place.start()
    until("the provider is there", lambda: (place.dir / "provider/run/admin.sock").exists())
    shutil.copy(place.dir / "provider/keeper/ca.pem", place.dir / "operator-ca.pem")
    shutil.copy(place.dir / "provider/crls/ca.crl", place.dir / "operator-ca.crl")
    *before, (kind, front) = page_examples("muster-naf.1")
    assert [k for k, _ in before] + [kind] == ["shell"] * 4
    for _, text in before:
        shell(text, place.dir)
    command = [str(BUILD / "src/naf/muster-naf"), *front.replace("0.0.0.0:443", "127.0.0.1:0").split()[1:]]
    with subprocess.Popen(command, cwd=place.dir, stderr=subprocess.PIPE, text=True) as naf:
        said = naf.stderr.readline()
        naf.terminate()
        assert naf.wait(START_SECONDS) == 0
    assert said.startswith('muster-naf: listening name="in-cse.sp.example.com" port="'), said
