"""Concept sliders for ComfyUI: train them on the loaded model, apply them at any strength, per prompt."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    from .slider_core import internals

    internals.check()
    from .nodes import SliderExtension

    return SliderExtension()
