"""A node that has gone to another provider while the old one is away keeps the old root key, to tell it later: for months, maybe (lesson 4).
The key is in pages of its agent that are neither swapped out nor in a core, and nowhere else."""
import pathlib
import shutil
import signal

from residue import Keys, scan
from residue_world import dig, is_locked
from test_change_provider import holds, northern, settle, triggered, world      # noqa: F401: the fixture

LEAVING = "leaving-old"


def test_the_old_key_is_locked_as_long_as_it_is_kept(world, tmp_path):     # noqa: F811
    node = northern(world)
    _, old = holds(node)
    copy = tmp_path / "state"
    shutil.copytree(node.dir / "state", copy)
    keys = Keys()
    keys.add(LEAVING, dig(copy, node.dir / "state.key")["active-km"])
    needles = keys.write(tmp_path / "needles")
    settle(node, 'crash_at = "promoted";\n')
    assert triggered(node, whole=True) == -signal.SIGKILL
    world.north.stop()
    settle(node)
    try:
        assert node.run_once().returncode == 0
        with node.running() as agent:
            agent.wait_log("enrolled-already")
            assert [x["keyID"] for x in node.status()["leaving"]] == [old]
            hits, searched = scan(needles, [f"pid:{agent.process.pid}"])
        assert {h.name for h in hits} == {LEAVING} and min(searched.values()) > 100_000
        is_locked([h.flags for h in hits])
    finally:
        world.north.start()
    files = [p for p in pathlib.Path(node.dir).rglob("*") if p.is_file()]
    assert files and not scan(needles, files)[0]
