"""What the service manager keeps from our services, by its own judgement."""
import pathlib
import re

import pytest

from support import BUILD, run

UNITS = ("musterd.service", "muster-agent.service")
MOST = 2.0


def exposure(unit):
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit, env={"SYSTEMD_COLORS": "0", "PATH": "/usr/bin:/bin"})
    return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout).group(1))


@pytest.mark.parametrize("unit", UNITS)
def test_exposure(unit):
    assert exposure(BUILD / "conf/systemd" / unit) <= MOST


@pytest.mark.parametrize("unit", UNITS)
def test_the_judgement_sees_what_is_taken_away(tmp_path, unit):
    text = (BUILD / "conf/systemd" / unit).read_text()
    bare = tmp_path / unit
    bare.write_text("".join(line for line in text.splitlines(True) if not re.match("(Protect|Restrict|Private|NoNew|Capab|SystemCall|User)", line)))
    assert exposure(bare) > 5


@pytest.mark.parametrize("unit", UNITS)
def test_calls_of_the_sandbox_are_let_through(unit):
    """The filter of the unit stands before ours: it must know the calls that lib/sandbox itself makes."""
    text = pathlib.Path(BUILD / "conf/systemd" / unit).read_text()
    allowed = re.search(r"^SystemCallFilter=@system-service(.*)$", text, re.M).group(1).split()
    assert set(allowed) >= {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"} or "@sandbox" in allowed
