"""The pairs of a cycle as one picture: more, less, where they differ, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data.pair_check import Pair
from .grid import PAPER, render_grid

SIDE = 192  # pixels of the longer side of a picture on the sheet
COLUMNS = ("more", "less", "difference")


def contact_sheet(pairs: Sequence[Pair], decode: Callable[[Tensor], Tensor]) -> Image.Image:
    """A row for each pair: both pictures, their difference (its largest value is white), files and fault.

    Args:
        decode: latents to pictures, as ComfyUI's VAE; of a clip, the middle frame is shown.
    """
    rows, labels = [], []
    for pair in pairs:
        more, less = (_picture(decode(example.latent)) for example in (pair.example, pair.other))
        difference = (more - less).abs().mean(-1, keepdim=True).expand_as(more)
        shown = (more, less, difference / difference.max().clamp(min=1e-6))
        rows.append([_cell(picture) for picture in shown])
        labels.append(
            (
                f"{pair.example.name} · {pair.other.name}",
                pair.fault or f"like the others ({pair.agreement:.2f})",
            )
        )
    return render_grid(rows, [(f"{name}: {said}", "") for name, said in labels], COLUMNS)


def _picture(decoded: Tensor) -> Tensor:
    """The middle one of what the VAE gave, [H, W, 3] in 0..1."""
    frames = decoded.detach().float().cpu().reshape(-1, *decoded.shape[-3:])
    return frames[len(frames) // 2][..., :3].clamp(0, 1)


def _cell(picture: Tensor) -> Image.Image:
    """Scaled to fit into a square."""
    image = Image.fromarray((picture.numpy() * 255).round().astype(np.uint8))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    if max(image.size) < SIDE:
        scale = SIDE / max(image.size)
        image = image.resize(
            (round(image.width * scale), round(image.height * scale)), Image.Resampling.NEAREST
        )
    cell = Image.new("RGB", (SIDE, SIDE), PAPER)
    cell.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return cell


def as_image(sheet: Image.Image) -> Tensor:
    """As ComfyUI's IMAGE, [1, H, W, 3]."""
    return torch.from_numpy(np.asarray(sheet, dtype=np.float32) / 255)[None]
