import os

import pytest

from support import Installation


def pytest_configure(config):
    config.addinivalue_line("markers", "faketime: its programs live at other moments, by libfaketime")


def pytest_collection_modifyitems(config, items):
    """libfaketime and the sanitizers' runtime do not get along: such tests are of the ordinary builds, as whole files are in meson.build."""
    if "MST_SANITIZED" in os.environ:
        config.hook.pytest_deselected(items=[i for i in items if i.get_closest_marker("faketime")])
        items[:] = [i for i in items if not i.get_closest_marker("faketime")]


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
