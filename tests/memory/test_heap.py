"""Keys shared by two nodes (MAF-based SAEF) are in nobody's memory once they have been used: neither in that of the agents
which asked for them and gave them out, nor in that of the tools that secured a connection with them. Each program looks
through all of its own writable memory when it is told to (tests/support/look.c).
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from support import AGENT, BUILD, RUN_SECONDS, Installation, run, until

# Meson has the C library overwrite what is freed. Here that would hide what is left.
os.environ.pop("MALLOC_PERTURB_", None)
NEEDLES = ("raw", "text", "hex")


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("heap") / "inst", processes="single")
    inst.start()
    inst.subscription()
    yield inst
    inst.stop()


class Looking:
    """The environment of programs that look for the needles of this directory, and what they have found."""

    def __init__(self, path):
        self.dir = path

    def env(self, name):
        return {**os.environ, "LD_PRELOAD": str(BUILD / "tests/memory/liblook-preload.so"), "MST_LOOK_REPORT": str(self.dir / f"{name}.found"),
                "MST_LOOK_FOR": ":".join(str(self.dir / n) for n in NEEDLES)}

    def hide(self, name, octets):
        (self.dir / name).write_bytes(bytes(b ^ 0x5a for b in octets))

    def found(self, name, pid):
        report = self.dir / f"{name}.found"
        report.unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR2)
        lines = until(f"{name} has looked", lambda: report.exists() and report.read_text().count("\n") == len(NEEDLES) and
                      report.read_text().split(), RUN_SECONDS)
        return dict(zip(NEEDLES, map(int, lines)))


@contextlib.contextmanager
def tool(node, looking, name, *args):
    with subprocess.Popen([AGENT, "-c", node.dir / "muster-agent.conf", *map(str, args)], env=looking.env(name), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def event(process, kind):
    for line in process.stderr:
        if line.startswith("{") and json.loads(line)["event"] == kind:
            return json.loads(line)
    raise AssertionError(f"no {kind}: {process.poll()}")


@pytest.mark.parametrize("profile", ["onem2m", "modern"])
def test_nothing_of_a_key_is_left(inst, tmp_path, profile):
    looking = Looking(tmp_path)
    a, b = (inst.node(n) for n in ((1, 2) if profile == "onem2m" else (3, 4)))
    for node in (a, b):
        node.configure(add=f'tls_profile = "{profile}";\nsandbox = "no";\n')       # what looks is none of ours, and writes
        assert node.run_once().returncode == 0, inst.log_text()
    with a.running(env=looking.env("agent-a")) as agent_a, b.running(env=looking.env("agent-b")) as agent_b:
        agent_a.wait_log("enrolled-already")
        agent_b.wait_log("enrolled-already")
        with tool(b, looking, "accept", "accept", "--json", "127.0.0.1:0") as called:
            port = event(called, "listening")["address"].rsplit(":", 1)[1]
            with tool(a, looking, "connect", "connect", "--json", "--peer", b.cse_id, f"127.0.0.1:{port}") as caller:
                key_id = event(called, "open")["identity"]
                event(caller, "open")
                text = run(AGENT, "-c", a.dir / "muster-agent.conf", "key", "retrieve", key_id, "--out", "-").stdout.split("=")[0]
                octets = bytes.fromhex(re.sub("[^0-9A-F]", "", text))
                assert len(octets) >= 16
                looking.hide("raw", octets[:16])
                looking.hide("text", text[:24].encode())
                looking.hide("hex", octets.hex().upper()[:24].encode())
                left = {name: looking.found(name, p.pid) for name, p in
                        (("agent-a", agent_a.process), ("agent-b", agent_b.process), ("accept", called), ("connect", caller))}
                # what is there is found: the program's own name
                looking.hide("raw", pathlib.Path(AGENT).name.encode() + b"\0")
                assert looking.found("connect", caller.pid)["raw"] > 0
    # A's agent keeps it for the next connection, as octets and once
    assert left["agent-a"].pop("raw") == 1, left
    assert not any(sum(found.values()) for found in left.values()), left
