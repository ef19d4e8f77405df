import pytest

from support import Installation


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
