import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from test_install import install  # noqa: E402  (the path comes first)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """Where `make install` laid everything down."""
    return install(tmp_path_factory.mktemp("root"))
