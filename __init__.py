"""Concept sliders for ComfyUI: train them on the loaded model, apply them at any strength, per prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comfy_api.latest import ComfyExtension

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> ComfyExtension:
    from .slider_core import internals

    internals.check()
    from .nodes import SliderExtension

    return SliderExtension()
