"""The VAE and the text encoder of a bucket; what they gave before is taken from the disk."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..data.faults import PictureError
from ..given import counted, quoted
from .cache import Cache, key_of

EMBEDDING = "embedding:"  # a caption with this takes more from a file than its words say


class Encoders:
    """ComfyUI's VAE and CLIP, asked once for each picture and caption.

    Args:
        vae: needed for pictures only.
        clip: needed for captions only.
        cache: where results are kept; None keeps none.

    Attributes:
        asked: how often one of the two had to encode something.
    """

    def __init__(self, vae: Any = None, clip: Any = None, cache: Cache | None = None):
        self.vae, self.clip, self.cache = vae, clip, cache
        self.asked = 0
        self._captions: dict[str, list[Any]] = {}

    def latent(self, name: str, pixels: Tensor) -> Tensor:
        """The latent of a picture [H, W, 3] or clip [T, H, W, 3].

        Raises:
            PictureError: if the VAE makes none of it.
        """
        key = key_of("latent", self._vae_key, pixels) if self._vae_key else ""
        kept = self._kept(key)
        if isinstance(kept, Tensor):
            return kept
        self.asked += 1
        latent: Tensor = self.vae.encode(pixels if pixels.ndim == 4 else pixels[None])
        if isinstance(latent, Tensor) and not bool(torch.isfinite(latent).all()):
            raise PictureError(
                f"The VAE gives no finite numbers for picture {quoted(name)}. Many VAEs do so in half precision: "
                f"start ComfyUI with --fp32-vae, or take another VAE."
            )
        self._keep(key, latent)
        return latent

    def conditioning(self, caption: str) -> list[Any]:
        """ComfyUI's CONDITIONING of a caption; the same object each time."""
        if caption not in self._captions:
            self._captions[caption] = self._conditioning(caption)
        return self._captions[caption]

    def _conditioning(self, caption: str) -> list[Any]:
        key = key_of("caption", self._clip_key, caption) if self._clip_key and EMBEDDING not in caption else ""
        kept = self._kept(key)
        if isinstance(kept, list):
            return kept
        self.asked += 1
        made: list[Any] = self.clip.encode_from_tokens_scheduled(self.clip.tokenize(caption))
        self._keep(key, made)
        return made

    def finished(self) -> list[str]:
        """Makes room where the disk holds too much; what was taken from there, in sentences."""
        if self.cache is None:
            return []
        if self.asked:
            self.cache.trim()
        found, trouble = self.cache.found, self.cache.trouble
        kept = f"{found} of {counted(found + self.asked, 'encoding')} were kept from before."
        return [*([kept] if found else []), *([f"what was encoded is not kept: {trouble}"] if trouble else [])]

    def size_multiple(self, resolution: float) -> int:
        """What sides are rounded to: two latent pixels (a patch of most models), but 64 where pictures are large."""
        factor: int = self.vae.spacial_compression_encode()
        return max(2 * factor, 64) if resolution >= 512 else 2 * factor

    def _kept(self, key: str) -> Any:
        return self.cache.get(key) if self.cache and key else None

    def _keep(self, key: str, value: Any) -> None:
        if self.cache and key:
            self.cache.put(key, value)

    @cached_property
    def _vae_key(self) -> str:
        return self._fingerprint(self.vae)

    @cached_property
    def _clip_key(self) -> str:
        return self._fingerprint(self.clip)

    def _fingerprint(self, encoder: Any) -> str:
        """Empty where nothing is kept."""
        from .fingerprint import fingerprint_of

        return fingerprint_of(encoder) if self.cache else ""
