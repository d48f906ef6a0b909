"""A row of a sweep as a moving picture: from its lowest strength to its highest and back."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from comfy_api.latest import InputImpl, Types
from PIL import Image

SPEED = 8  # frames a second


def write_animation(path: Path, row: torch.Tensor, form: str, metadata: dict[str, Any]) -> None:
    """Writes pictures [strengths, H, W, 3] there and back, as `webp` (which repeats for ever) or `mp4`."""
    count = len(row)
    order = [*range(count), *range(count - 2, 0, -1)]
    if form == "mp4":
        return _write_mp4(path, row[order], metadata)
    as_bytes = (row.clamp(0, 1) * 255).round().byte().numpy()
    first, *others = [Image.fromarray(as_bytes[index]) for index in order]
    exif = first.getexif()
    if (
        "prompt" in metadata
    ):  # as ComfyUI's own node writes it, and reads it when the file is dropped on the page
        exif[0x0110] = f"prompt:{json.dumps(metadata['prompt'])}"
    if "workflow" in metadata:
        exif[0x010F] = f"workflow:{json.dumps(metadata['workflow'])}"
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=1000 // SPEED,
        loop=0,
        quality=90,
        method=4,
        exif=exif,
    )


def _write_mp4(path: Path, pictures: torch.Tensor, metadata: dict[str, Any]) -> None:
    """H.264 takes even sides."""
    height, width = (side // 2 * 2 for side in pictures.shape[1:3])
    parts = Types.VideoComponents(images=pictures[:, :height, :width].clamp(0, 1), frame_rate=Fraction(SPEED))
    InputImpl.VideoFromComponents(parts).save_to(
        str(path), format=Types.VideoContainer.MP4, codec=Types.VideoCodec.H264, metadata=metadata or None
    )
