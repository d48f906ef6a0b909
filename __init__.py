"""Concept sliders for ComfyUI: train them on the loaded model, apply them at any strength, per prompt."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    from .nodes import SliderExtension

    return SliderExtension()
