import os

import pytest

from support import Installation


MARKS = {"faketime": "its programs live at other moments, by libfaketime", "memlock": "its programs may not lock memory"}


def pytest_configure(config):
    for name, words in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {words}")


def pytest_collection_modifyitems(config, items):
    """libfaketime and the sanitizers' runtime do not get along, and under it nothing locks memory: such tests are of the ordinary builds, as
    whole files are in meson.build."""
    if "MST_SANITIZED" in os.environ:
        out = [i for i in items if any(i.get_closest_marker(m) for m in MARKS)]
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]


@pytest.fixture(params=["split", "single"])
def installation(request, tmp_path):
    inst = Installation(tmp_path / "inst", processes=request.param)
    inst.start()
    yield inst
    inst.stop()


@pytest.fixture
def split(tmp_path):
    """One installation with a process for each duty, not yet started."""
    inst = Installation(tmp_path / "inst")
    yield inst
    inst.stop()
