"""A crypto library that computes wrongly, as a package that was changed on the way may do: nobody begins to work with it, and nothing is changed."""
import os

from support import BUILD, MUSTER, MUSTERD, Installation, run

LIES = {**os.environ, "LD_PRELOAD": f"{BUILD}/tests/hardening/libliar-preload.so"}


def test_it_does_not_start(tmp_path):
    inst = Installation(tmp_path / "inst", processes="single")
    done = run("env", f"LD_PRELOAD={LIES['LD_PRELOAD']}", MUSTERD, "-c", inst.config, check=False)
    assert done.returncode == 3 and "SHA-256 of nothing: the crypto library gives a wrong answer" in done.stderr, done
    assert inst.start().stop() == 0, inst.log_text()         # and with another one it does


def test_a_node_does_nothing_with_it(tmp_path):
    inst = Installation(tmp_path / "inst", processes="single")
    inst.maker("acme")
    node = inst.node(1, known=False)
    before = {p: p.read_bytes() for p in node.dir.rglob("*") if p.is_file()}
    for command in (["run", "--once"], ["reset", "--yes"], ["secenv", "move", "--yes"], ["request", "--out", node.dir / "node.csr"]):
        done = node.agent(*command, env=LIES)
        assert done.returncode == 3 and "SHA-256 of nothing" in done.stderr, (command, done.stderr)
    assert {p: p.read_bytes() for p in node.dir.rglob("*") if p.is_file()} == before


def test_a_person_is_told(tmp_path):
    done = run(MUSTER, "init", "provider", cwd=tmp_path, check=False, env=LIES)
    assert done.returncode == 3 and 'the crypto self-test failed at "SHA-256 of nothing"; nothing was done' in done.stderr, done
    assert not list(tmp_path.iterdir())
