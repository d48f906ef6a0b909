"""Processes that tests start."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def import_path(folder: Path) -> str:
    """`folder`, and behind it what this process was given (`run.py test --comfyui` puts parts of ComfyUI there)."""
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def in_comfyui(*words, **environment) -> str:
    """What a script with ComfyUI importable prints."""
    command = [sys.executable, ROOT / "scripts" / "in_comfyui.py", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
