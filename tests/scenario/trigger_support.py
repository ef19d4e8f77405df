"""What the scenarios of pushed triggers share."""
import base64
import json
import socket

from support import RUN_SECONDS, free_port, until


def door(node, *settings, listen=True, add=""):
    """Configure the node's door; returns the UDP address."""
    port = free_port()
    words = ([f'listen = "127.0.0.1:{port}";'] if listen else []) + list(settings)
    node.configure(add=f"trigger = {{ {' '.join(words)} }};\n{add}")
    return f"127.0.0.1:{port}"


def send(address, octets):
    host, port = address.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(octets, (host, int(port)))


def make(installation, node, *args):
    """A trigger as octets, made by `muster trigger`, not sent."""
    made = installation.ask("trigger", node.id, *args)
    return base64.b64decode(made["trigger"]), made


def pushed(node):
    """None while no agent runs, or while one begins: it has the state, and nobody to ask yet."""
    done = node.agent("status", "--json")
    if done.returncode and "in use by another process" in done.stderr:
        return None
    assert done.returncode == 0, done
    return json.loads(done.stdout)["pushed"]


def wait_pushed(node, good, seconds=RUN_SECONDS):
    """Look at the door's counters until they are as wanted: nobody answers a datagram."""
    seen = []

    def look():
        seen[:] = [pushed(node)]
        return seen[0] if seen[0] is not None and good(seen[0]) else None

    return until("counters of the door", look, seconds, lambda: json.dumps(seen, indent=1))


def wait_refused(node, reason, count=1, seconds=RUN_SECONDS):
    return wait_pushed(node, lambda p: p["refused"].get(reason, 0) >= count, seconds)


def enrolled_node(installation, number=1, *settings, **more):
    """A node that is enrolled, with a door."""
    installation.maker("acme")
    installation.subscription()
    node = installation.node(number)
    address = door(node, *settings, **more)
    done = node.run_once()
    assert done.returncode == 0, done.stderr + installation.log_text()
    return node, address
