"""Story: the session at the BSF has ended, and with it the key for triggers: at the node by its own clock."""
from support import Running, at, free_port
from test_trigger_gba import Node, inst  # noqa: F401 the fixture
from trigger_support import send, wait_pushed, wait_refused


def test_the_session_ends(inst, tmp_path):  # noqa: F811
    node = Node(inst, tmp_path / "n", 1)
    node.configure(maf_port=free_port())
    assert node.run_once().returncode == 1
    octets, _ = node.make("--what", "check", "--window", "30d")
    with Running(node, env=at("+3d")):
        wait_pushed(node, lambda p: True)
        send(node.door, octets)
        wait_refused(node, "other-key")
