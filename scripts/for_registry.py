"""Writes into pyproject.toml what the Comfy Registry reads there and this checkout does not know, or has elsewhere.

    python3 scripts/for_registry.py OWNER/REPOSITORY PUBLISHER

The addresses of the repository, the publisher, and the requirements: they stand in requirements.txt, which
ComfyUI-Manager installs from. Standard library only; for a checkout that is published and thrown away.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY, PUBLISHER = "OWNER/concept-sliders", 'PublisherId = ""'
DYNAMIC = 'dynamic = ["dependencies"]'


def filled(pyproject: str, requirements: str, repository: str, publisher: str) -> str:
    """The text of pyproject.toml for the registry.

    Raises:
        ValueError: if one of the places to fill is not there.
    """
    listed = f"dependencies = {json.dumps(requirements.split())}"
    for place, value in (
        (REPOSITORY, repository),
        (PUBLISHER, f"PublisherId = {json.dumps(publisher)}"),
        (DYNAMIC, listed),
    ):
        if place not in pyproject:
            raise ValueError(
                f"pyproject.toml has no {place}: it is filled in already, or the line has changed."
            )
        pyproject = pyproject.replace(place, value)
    return pyproject


def main(repository: str, publisher: str) -> None:
    path = ROOT / "pyproject.toml"
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    path.write_text(
        filled(path.read_text(encoding="utf-8"), requirements, repository, publisher), encoding="utf-8"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
