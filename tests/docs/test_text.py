"""Nothing that is written down is untrue: names of files, options, versions, manual pages."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from support import AGENT, BUILD, MUSTER, MUSTERD, run

NAF = str(BUILD / "src/naf/muster-naf")
SOURCE = pathlib.Path(os.environ.get("MST_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PAGES = sorted(p.name.removesuffix(".scd") for p in (SOURCE / "man").glob("*.scd"))
PROSE = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
OPTION = re.compile(r"(?<![\w-])(--?[a-zA-Z][a-z-]*)")


def page_text(page):
    """A manual page without scdoc's marks."""
    text = (SOURCE / "man" / f"{page}.scd").read_text()
    return text.replace("\\", "").replace("*", "").replace("++\n", "\n")


def section(page, title):
    return re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", page_text(page), re.M | re.S).group(1)


def terms(page, title):
    """The entries of a section: its lines that are not indented and are followed by one that is."""
    return re.findall(r"^(?!\t)(\S.*)\n(?=\t)", section(page, title), re.M)


def options(text):
    return set(OPTION.findall(re.sub(r"_[^_\s]+_", "X", text)))


def usage(*command):
    return run(*command, "--help").stdout


def leaves():
    """Every command of muster with its usage line, as its help tells them."""
    for name in re.findall(r"^  ([a-z]+) ", usage(MUSTER), re.M):
        said = usage(MUSTER, name)
        group = re.findall(r"^  muster (\S+ \S+) ?(.*)$", said, re.M)
        yield from group or [(name, re.match(rf"usage: muster {name} ?(.*)", said).group(1))]


@pytest.mark.parametrize("page", PAGES)
def test_manual_page_has_no_warning(page, tmp_path):
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"}
    source = (SOURCE / "man" / f"{page}.scd").read_text()
    built = run("scdoc", stdin=source, env=env)
    assert not built.stderr
    # a page carries the day of its making; that one may be another
    undated = [re.sub(r'"\d{4}-\d\d-\d\d"', '""', text) for text in (built.stdout, (BUILD / "man" / page).read_text())]
    assert undated[0] == undated[1], "the page in the build tree is another one"
    shown = run("man", "--warnings", "-E", "UTF-8", "-l", str(BUILD / "man" / page), env=env)
    assert not shown.stderr
    assert "NAME" in shown.stdout and "SEE ALSO" in shown.stdout


def test_pages_refer_to_pages_that_exist():
    for page in PAGES:
        for name, number in re.findall(r"\b(muster[a-z.-]*)\((\d)\)", page_text(page)):
            assert f"{name}.{number}" in PAGES, f"{page} refers to {name}({number})"


def test_every_page_is_built():
    assert {f"{p}" for p in PAGES} == {"libmuster.3", "muster.1", "muster-agent.1", "muster-naf.1", "musterd.8", "musterd.conf.5"}
    assert all((BUILD / "man" / p).exists() for p in PAGES)


def test_files_that_pages_name_are_installed():
    plan = json.loads(run("meson", "introspect", "--installed", BUILD).stdout)
    there = [pathlib.Path(p) for p in plan.values()]
    named = {name for page in PAGES for name in re.findall(r"/usr/share/(doc/muster/[a-z0-9./-]*[a-z])", page_text(page))}
    assert {"doc/muster/openapi.yaml", "doc/muster/schema/rule.schema.json"} <= named
    for name in named:
        # a directory of the plan stands for what is in it
        assert [p for p in there if p.match(name) or (name.startswith(f"doc/muster/{p.name}/") and (SOURCE / name.replace("/muster", "")).is_file())], name
    assert not [page for page in PAGES if re.search(r"(?<![/\w])doc/[a-z]", page_text(page))], "a page names a file of the source tree"


def test_muster_commands_stand_in_the_page_and_in_help():
    said = dict(leaves())
    # "subscription list, show ID, end ID": several commands in one entry
    written = {}
    for entry in terms("muster.1", "COMMANDS"):
        first, *more = entry.split(", ")
        words = re.match(r"[a-z]+( [a-z-]+)?(?= |$)", first).group(0)
        written[words] = first
        for other in more:
            written[f"{words.split()[0]} {other.split()[0]}"] = other
    assert set(written) == set(said)
    for name, entry in written.items():
        assert options(entry) == options(said[name]), f"muster {name}: page {entry!r}, help {said[name]!r}"


def test_muster_general_options():
    assert {w for t in terms("muster.1", "OPTIONS") for w in options(t)} == options(usage(MUSTER))


def test_every_command_explains_itself():
    for name, _ in leaves():
        assert usage(MUSTER, *name.split()).startswith(f"usage: muster {name}")


def test_musterd_options():
    said = options(usage(MUSTERD))
    assert {w for t in terms("musterd.8", "OPTIONS") for w in options(t)} == said
    assert options(section("musterd.8", "SYNOPSIS")) <= said


def test_agent_options():
    said = options(usage(AGENT))
    entries = terms("muster-agent.1", "COMMANDS") + terms("muster-agent.1", "OPTIONS")
    assert {w for t in entries for w in options(t)} == said
    assert options(section("muster-agent.1", "SYNOPSIS")) <= said


def test_naf_options():
    said = options(usage(NAF))
    assert {w for t in terms("muster-naf.1", "OPTIONS") for w in options(t)} == said
    assert options(section("muster-naf.1", "SYNOPSIS")) == said


def test_every_reason_is_explained():
    """Rules go by them (`failed`): one that nobody can read up is one that nobody can use."""
    code = (SOURCE / "lib/proto/provisioning/provisioning-report.c").read_text()
    said = {r for row in re.findall(r"^\|  (.*)$", section("muster-agent.1", "REASONS"), re.M) for r in row.split(", ")}
    assert said == set(re.findall(r'\[PROV_\w+\] = "(.*?)"', code)) - {"ok"}


def test_every_metric_is_explained():
    """In the words that the page of metrics has itself."""
    table, histograms = ((SOURCE / f"lib/server/metrics.{x}").read_text() for x in "hc")
    known = dict(re.findall(r'\tX\(\w+, "(\w+)", "\w+", "(.*?)"\)', table) + re.findall(r'\[MST_H_\w+\] = \{ "(\w+)", "(.*?)"', histograms))
    assert {"muster_store_gone", "muster_request_seconds"} <= set(known)
    assert dict(re.findall(r"^\|  (muster_\w+)\n:  (.*)$", section("musterd.8", "METRICS"), re.M)) == known


def kinds_of_events():
    """(whole names, names of one role, last words of any role) as the code has them."""
    texts = {p.relative_to(SOURCE): p.read_text() for d in ("lib/role", "lib/server", "lib/store") for p in (SOURCE / d).rglob("*.c") if not p.name.startswith("test-")}
    settings = re.findall(r'"([a-z_.]+)"', texts.pop(pathlib.Path("lib/server/config-table.c")))
    dotted = {w for text in texts.values() for w in re.findall(r'"([a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*)"', text)} - set(settings)
    # files, and a beginning of names (scope.c)
    whole = {w for w in dotted if not re.search(r"^(ca|kek)\.|\.(pem|key|conf|pid|sock)$", w)} - {"node.place"}
    # composed of a role and a word: in a statement that assigns it, or hands it to who writes it
    teller = re.compile(r"\b(?:what = |ret_event = |(?:mst_role_event|tell|refusal|released)\(|refuse\(v, \d)")
    one, some = set(), set()
    for path, text in texts.items():
        role = path.parts[2] if path.parts[1] == "role" else ""
        for statement in filter(teller.search, text.split(";")):
            words = re.findall(r'(?:what = |\? |: |, |= )"([a-z]+(?:-[a-z]+)*)"', statement[teller.search(statement).start():])
            one |= {f"{role}.{w}" for w in words if role in ("mef", "maf", "bbn", "hss", "bsf", "zn")}
            some |= {w for w in words if role == "common"}
    common = texts[pathlib.Path("lib/role/common/decide.c")]
    some |= set(re.findall(r'\[MST_CALL_\w+\] = "(.*?)"', common)) | set(re.findall(r'"(key-end\w+)"', common))
    one |= {f"mef.{w}" for w in re.findall(r'\[MST_EST_\w+\] = "(.*?)"', texts[pathlib.Path("lib/role/mef/decide-est.c")])}
    some |= set(re.findall(r'\[UNTOLD_\w+\] = \{ "(.*?)"', texts[pathlib.Path("lib/server/engine-untold.c")]))
    return whole, one, some


def test_every_event_is_explained():
    whole, one, some = kinds_of_events()
    assert {"node.added", "audit.shortened", "keeper.alarm"} <= whole and {"mef.certificate", "bsf.locked-out", "zn.key-given"} <= one and "fetch" in some
    events = section("musterd.8", "EVENTS")
    said = set(re.findall(r"[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*", " ".join(re.findall(r"^\|  (.*)$", events, re.M))))
    shared = {w for w in re.findall(r"[a-z-]+", events)} | {s.split(".")[1] for s in said}
    assert sorted(w for w in (whole | one) - said if w.split(".")[1] not in some) == []
    assert sorted(some - shared) == []
    # node.resume-refused and its like are made of two words
    assert sorted(w for w in said - whole - one if w.split(".")[1] not in some and not re.search(r"\.(resume|release)-refused$", w)) == []


def test_every_point_of_the_agent_is_explained():
    """The agent sends whoever mistypes one to the page."""
    log, words = ((SOURCE / p).read_text() for p in ("src/agent/log.c", "lib/enrolee/words.c"))
    known = set(re.findall(r'#define POINT_\w+ "(.*?)"', log)) | set(re.findall(r'\[ENROLEE_AT_\w+\] = "([^"]+)"', words))
    known |= set(re.findall(r'"(.*?)"', re.search(r"cert_points\[\] = \{(.*?)\};", log, re.S).group(1)))
    said = [p for row in re.findall(r"^\|  (.*)$", section("muster-agent.1", "POINTS"), re.M) for p in row.split(", ")]
    assert {"triggered", "promoted", "left-mef"} <= known and sorted(said) == sorted(known)


@pytest.mark.parametrize("program", [MUSTER, MUSTERD, AGENT, NAF])
def test_documented_options_work(program):
    version = re.search(r"version: '([^']+)'", (SOURCE / "meson.build").read_text()).group(1)
    assert run(program, "--version").stdout == f"{pathlib.Path(program).name} {version}\n"
    assert run(program, "--no-such-option", check=False).returncode == 2


def test_every_setting_of_musterd_is_explained(tmp_path):
    run(MUSTER, "init", tmp_path / "i", "--sp", "sp.example.com")
    said = run(MUSTERD, "-c", tmp_path / "i/musterd.conf", "--print-config").stdout
    groups, names = [], set()
    for line in said.splitlines():
        got = re.match(r"\s*(\w+) = (.*)$", line)
        if got:
            names.add(".".join([*groups, got.group(1)]))
            if got.group(2).endswith("{"):
                groups.append(got.group(1))
        elif line.strip().startswith("}") and groups and "(" not in line:
            groups.pop()
    assert {"mef.fqdn", "log.level", "admin.listen"} <= names
    page = page_text("musterd.conf.5")
    missing = [n for n in names if not re.search(rf"^{re.escape(n)}\b", page, re.M)]
    assert not missing


def test_changelog_has_this_version():
    version = re.search(r"version: '([^']+)'", (SOURCE / "meson.build").read_text()).group(1)
    first = re.search(r"^## (\S+)", (SOURCE / "CHANGELOG.md").read_text(), re.M).group(1)
    assert first == version


@pytest.mark.parametrize("name", PROSE)
def test_named_files_exist(name):
    text = (SOURCE / name).read_text()
    targets = {t.split("#")[0] for t in re.findall(r"\]\(([^)]+)\)", text) if "://" not in t}
    targets |= {t for t in re.findall(r"`([^`\s]+)`", text) if re.match(r"(lib|src|doc|tools|tests|fuzz|sql|conf|man|include)/", t)}
    for target in filter(None, targets):
        several = re.match(r"(.*)\{(.*)\}(.*)", target)
        for one in [several[1] + m + several[3] for m in several[2].split(",")] if several else [target]:
            assert list(SOURCE.glob(one)), f"{name} names {one}"


@pytest.mark.parametrize("name", PROSE)
def test_named_make_targets_exist(name):
    rules = set(re.findall(r"^([a-z]+):", (SOURCE / "Makefile").read_text(), re.M))
    said = set(re.findall(r"(?:^|`)make ([a-z]+)", (SOURCE / name).read_text(), re.M))
    assert said <= rules
    listed = set(re.findall(r"make ([a-z]+)", run("make", "-s", "-C", SOURCE, "help").stdout))
    assert listed <= rules


def test_fuzz_campaign_is_what_was_counted():
    """The figures of the campaign are those of its account, for every target that there is."""
    assert run("/usr/bin/python3", SOURCE / "tools" / "fuzz-campaign", "--check").returncode == 0
    text = (SOURCE / "doc" / "fuzz-campaign.md").read_text()
    for source in (SOURCE / "fuzz").glob("fuzz-*.c"):
        assert f"| `{source.stem}` |" in text
