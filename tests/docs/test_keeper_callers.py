"""The test of the keeper's permits lists the callers of each operation that touches keys: these are all that there are."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALLS = {"BY_GIVER": r"ops->wrap\(", "BY_MADE": r"ops->create\(", "BY_COMPARED": r"ops->differs\(", "BY_DERIVE": r"ops->derive\(",
         "BY_TRIGGER": r"ops->trigger\(", "BY_GETTER": r"ops->(aka_vector|gba_naf_keys)\(",
         "BY_RELEASE": r"->authorisation = mst_authorise_release\("}         # the engine releases what a role's decision says


def callers(pattern):
    files = (f for d in ("lib", "src") for f in (ROOT / d).rglob("*.c") if not f.name.startswith("test-") and f.parent.name != "keeper")
    return {str(f.relative_to(ROOT)) for f in files if re.search(pattern, f.read_text())}


def test_every_caller_is_listed():
    rows = re.findall(r"\{ (BY_\w+), P\(\w+\), [^\"]*\"([^\"]+)\"", (ROOT / "lib/keeper/test-keeper-permits.c").read_text())
    assert {by for by, _ in rows} == set(CALLS)
    for by, pattern in CALLS.items():
        assert {f for b, f in rows if b == by} == callers(pattern), by


def test_the_engine_releases_nothing_else():
    assert callers(r"ops->release\(e->keeper|keeper->ops->release\(") == {"lib/server/engine-group.c"}
