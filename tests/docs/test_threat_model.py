"""Every test that the threat model names exists, every area is there, and what is missing says so."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
AREAS = {"listener", "connector", "diameter", "engine", "keeper", "signer", "supervisor", "agent", "console", "CLI", "supply chain", "LAN", "SMS", "SIM", "clock",
         "operator insider", "maker"}


def table(heading):
    text = (ROOT / "doc/threat-model.md").read_text()
    part = text[text.index(f"## {heading}\n"):].split("\n## ")[0]
    return [[c.strip() for c in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")][2:]


def defined(path, name):
    text = (ROOT / path).read_text()
    if path.endswith(".py"):
        return re.search(rf"^def {name}\(", text, re.M)
    return re.search(rf"^static void {name}\(void \*\*state\)", text, re.M) and re.search(rf"(cmocka_unit_test\w*|\bT)\({name}\b", text)


def test_rows_are_whole():
    assets, adversaries = ({row[0] for row in table(h)} for h in ("Assets", "Adversaries"))
    rows = table("Paths")
    assert {row[0] for row in rows} == AREAS
    for row in rows:
        assert len(row) == 6 and all(row), row
        assert row[1] == "all" or set(row[1].split()) <= assets, row
        assert set(row[2].split()) <= adversaries, row
    assert {a for row in rows for a in row[2].split()} == adversaries
    assert {a for row in rows for a in row[1].split()} - {"all"} == assets


def test_each_test_exists():
    for row in table("Paths"):
        named = re.findall(r"`([^`]+)`", row[5])
        assert named or row[5] == "**missing**", row
        assert ("**missing**" in row[4]) == (not named), f"what is missing says why, and has no test: {row}"
        for test in named:
            path, _, name = test.partition("::")
            assert (ROOT / path).is_file() and defined(path, name), test
