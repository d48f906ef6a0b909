"""Runs a script with ComfyUI and the pack importable: in_comfyui.py FILE [ARGS]."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

if __name__ == "__main__":
    del sys.argv[0]
    import conftest  # noqa: F401

    runpy.run_path(sys.argv[0], run_name="__main__")
