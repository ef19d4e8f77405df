"""A crypto library that computes wrongly, as a package that was changed on the way may do: musterd does not begin to serve with it."""
from support import BUILD, MUSTERD, Installation, run


def test_it_does_not_start(tmp_path):
    inst = Installation(tmp_path / "inst", processes="single")
    done = run("env", f"LD_PRELOAD={BUILD}/tests/hardening/libliar-preload.so", MUSTERD, "-c", inst.config, check=False)
    assert done.returncode == 3 and "SHA-256 of nothing: the crypto library gives a wrong answer" in done.stderr, done
    assert inst.start().stop() == 0, inst.log_text()         # and with another one it does
