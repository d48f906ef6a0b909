"""PYTHONPATH for a process that a test starts."""

import os
from pathlib import Path


def import_path(folder: Path) -> str:
    """`folder`, and behind it what this process was given (`run.py test --comfyui` puts parts of ComfyUI there)."""
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
