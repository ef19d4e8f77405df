import os
import pathlib
import sys

for place in ("support", "scenario", "diameter"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / place))

# Meson has the C library overwrite what is freed, so that what uses it fails. Here it would hide what our programs leave behind.
os.environ.pop("MALLOC_PERTURB_", None)


def pytest_configure(config):
    """Marks of the scenarios whose parts are used here."""
    config.addinivalue_line("markers", "memlock: its programs may not lock memory")
    config.addinivalue_line("markers", "faketime: its programs live at other moments, by libfaketime")
