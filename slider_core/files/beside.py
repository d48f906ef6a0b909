"""What lies beside a slider file for other programs: a picture, and the notes that A1111, Forge and others read."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ..architectures.quirks import webui_of
from .atomic import write_whole
from .metadata import read_facts
from .slider import Slider
from .storage import load

THUMBNAIL = "modelspec.thumbnail"
START = "data:image/jpeg;base64,"
SIZE = (512, 256)  # pixels at most


def with_thumbnail(slider: Mapping[str, Tensor], picture: Image.Image) -> Slider:
    """The slider with a small copy of the picture in its metadata, as a data URI (modelspec's)."""
    small, content = picture.convert("RGB"), BytesIO()
    small.thumbnail(SIZE)
    small.save(content, "JPEG", quality=80, optimize=True)
    uri = START + base64.b64encode(content.getvalue()).decode()
    return Slider(slider, {**getattr(slider, "metadata", {}), THUMBNAIL: uri})


def thumbnail_of(metadata: Mapping[str, str]) -> bytes | None:
    """The JPEG in the metadata of a slider; None if there is none, or something else in its place."""
    uri = metadata.get(THUMBNAIL, "")
    if not uri.startswith(START):
        return None
    try:
        return base64.b64decode(uri.removeprefix(START), validate=True)
    except ValueError:
        return None


def write_beside(path: Path, metadata: Mapping[str, str], before: Mapping[str, str] | None = None) -> None:
    """Writes `NAME.json`, and `NAME.jpg` where there is a thumbnail, beside `NAME.safetensors`.

    Files of these names that are there already stay as they are, unless they are what `before` has written: metadata
    that the slider had until now. A full disk costs these files only.
    """
    old = {} if before is None else contents(before)
    for ending, content in contents(metadata).items():
        place = path.with_suffix(ending)
        with suppress(OSError):
            if ending in old and place.is_file() and place.read_bytes() == old[ending]:
                place.unlink()
            with open(place, "xb") as file:
                file.write(content)


def contents(metadata: Mapping[str, str]) -> dict[str, bytes]:
    """What lies beside a slider of this metadata, by the ending of the file's name."""
    notes = json.dumps(notes_of(metadata), ensure_ascii=False, indent=2).encode()
    picture = thumbnail_of(metadata)
    return {".json": notes, **({".jpg": picture} if picture else {})}


def notes_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The notes in A1111's form. A slider has no trigger words; its preferred weight is the highest usable strength."""
    facts, _ = read_facts(metadata)
    hint = metadata.get("modelspec.usage_hint", "")
    lines = [hint] if hint else []
    if facts.base_model:
        lines.append(f"Trained on {facts.base_model}, {facts.steps} steps.")
    if facts.usable_range:
        lines.append("Usable from {:+.3g} to {:+.3g}, as measured by a sweep.".format(*facts.usable_range))
    high = facts.usable_range[1] if facts.usable_range else 0.0
    return {
        "description": hint,
        "sd version": webui_of(facts.base_model),
        "activation text": "",
        "preferred weight": high or 1.0,
        "notes": "\n".join(lines),
    }


def update(path: Path, slider: Mapping[str, Tensor]) -> Path:
    """Writes a slider's metadata into its file, whose tensors stay as they are; notes beside it follow, if any.

    Raises:
        SliderFileError: if the file cannot be read.
        NotWrittenError: if it cannot be written; it is then as before.
    """
    before, metadata = load(path), getattr(slider, "metadata", {})
    write_whole(path, before, metadata)
    if path.with_suffix(".json").exists():
        write_beside(path, metadata, before=before.metadata)
    return path
