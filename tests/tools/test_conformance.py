"""tools/conformance on a small project of its own: what it says of code, tests and their last run is so."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(os.environ["MST_SOURCE"])
SOURCE = ("/* TS-0003 1.2.3 */\nint shown;\n#include <stdio.h>\n"
          "int main(void) { printf(\"1..1\\nok 1 - shown\\n\"); return 0; }\n")
LINE = "1a | TS-0003 1.2.3 | lib/x.c | unit:shown | something"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with one test."""
    tmp_path = tmp_path_factory.mktemp("conformance")
    for name in ("tools", "doc", "lib"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "tools/conformance", tmp_path / "tools/conformance")
    (tmp_path / "lib/x.c").write_text(SOURCE)
    (tmp_path / "meson.build").write_text("project('small', 'c', meson_version: '>=1.0')\n"
                                          "test('unit', executable('unit', 'lib/x.c'), protocol: 'tap')\n")
    write(tmp_path, LINE)
    subprocess.run(["/usr/bin/meson", "setup", tmp_path / "build", tmp_path], check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def small(project):
    """The same with one line about it, each time anew."""
    write(project, LINE)
    (project / "lib/x.c").write_text(SOURCE)
    (project / "doc/conformance.md").unlink(missing_ok=True)
    return project


def write(where, *lines):
    (where / "doc/conformance.list").write_text("# a comment\n= 1 An item\n" + "".join(line + "\n" for line in lines))


def say(where, *flags):
    done = subprocess.run([where / "tools/conformance", where / "build", *flags], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_in_order(small):
    status, said = say(small)
    assert status == 1 and "is behind" in said
    assert say(small, "--write") == (0, "conformance: ok; 1 items, 1 lines with a test, 0 missing\n")
    assert "| 1a | TS-0003 1.2.3 | `lib/x.c` | `unit`: shown | something |" in (small / "doc/conformance.md").read_text()
    assert say(small)[0] == 0
    write(small, LINE.replace("1.2.3", "1.2"))
    assert say(small, "--write")[0] == 0, "a clause is named by naming a part of it"


@pytest.mark.parametrize("line, words", [
    (LINE.replace("unit:", "other:"), ":3: the build has no test other"),
    (LINE.replace(":shown", ":unheard"), ":3: unit has no 'unheard'"),
    (LINE.replace("lib/x.c", "lib/y.c"), ":3: lib/y.c does not exist"),
    (LINE.replace("1.2.3", "1.2.4"), ":3: lib/x.c names none of: TS-0003 1.2.4"),
    (LINE.replace("1.2.3", "1.2.3.4"), ":3: lib/x.c names none of: TS-0003 1.2.3.4"),
    (LINE.replace("1a", "2a"), ":3: item 2 has no heading"),
    ("1a | nothing", ":3: want PART"),
])
def test_what_is_wrong_is_told_with_its_line(small, line, words):
    write(small, line)
    status, said = say(small, "--write")
    assert status == 1 and words in said, said


def test_what_is_missing_says_so(small):
    write(small, LINE, "1b | TS-0003 1.2.3 | lib/x.c | - | not built")
    assert say(small, "--write") == (0, "conformance: ok; 1 items, 1 lines with a test, 1 missing\n")
    assert "**missing** | not built" in (small / "doc/conformance.md").read_text()


@pytest.mark.parametrize("printed, good", [("ok 1 - shown", True), ("not ok 1 - shown", False), ("ok 1 - another", False),
                                           ("ok 1 - shown # SKIP no server", False)])
def test_only_what_ran_and_passed_counts(small, printed, good):
    source = small / "lib/x.c"
    source.write_text(source.read_text().replace("ok 1 - shown", printed))
    say(small, "--write")
    subprocess.run(["/usr/bin/meson", "test", "-C", small / "build"], check=False, capture_output=True)
    status, said = say(small, "--ran")
    assert (status == 0) == good and ("did not run, or did not pass" in said) != good, said
