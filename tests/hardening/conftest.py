import pathlib
import sys

for place in ("support", "scenario"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / place))
