import pathlib
import sys

# the installation and its ports: what the scenarios use
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
