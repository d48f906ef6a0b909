"""Whether a file can have the name that the user gave, known before an hour of training and not after it."""

from __future__ import annotations

import os
from pathlib import PurePosixPath, PureWindowsPath

# Bytes of a name. File systems take 255, and endings as long as _00001_stopped_at_100000.safetensors are added.
LONGEST = 200
NOT_ON_WINDOWS = set('<>:"|?*')
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{name}{i}" for name in ("COM", "LPT") for i in range(1, 10))}


def name_error(file_name: str, windows: bool = os.name == "nt") -> str | None:
    """What is wrong with the name of a file below the output folder, or None."""
    path = (PureWindowsPath if windows else PurePosixPath)(file_name)
    if not path.name.strip(" ."):
        return "file_name is empty. Give a name such as loras/smile."
    for part in path.parts[bool(path.anchor) :]:
        size = len(part.encode("utf-8", "surrogatepass"))
        if size > LONGEST:
            return (
                f"{part[:20]}… in file_name is {size} bytes long, and {LONGEST} is the most (a letter of Hindi or "
                "Chinese takes 3). Give a shorter name."
            )
        bad = {c for c in part if c < " " or "\ud800" <= c <= "\udfff" or (windows and c in NOT_ON_WINDOWS)}
        if bad:
            return f"{part!r} in file_name has {' '.join(map(repr, sorted(bad)))}, which no file's name can have here."
        if windows and (part.split(".")[0].strip().upper() in RESERVED or part != part.rstrip(". ")):
            return f"Windows has no files called {part!r}. Give another name."
    return None
