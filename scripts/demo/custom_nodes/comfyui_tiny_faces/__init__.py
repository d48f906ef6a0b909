"""A loader for the text encoder of the demo's tiny face model, the one part that ComfyUI's own nodes cannot load.

Not part of the slider pack: the demo and the tests make it known to ComfyUI through extra_model_paths.yaml.
"""

from __future__ import annotations

import comfy.utils
import folder_paths
from comfy_api.latest import ComfyExtension, io
from typing_extensions import override


class TinyFacesCLIPLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TinyFacesCLIPLoader",
            display_name="Load CLIP (Tiny Faces)",
            category="model/loaders",
            description="Loads the word-by-word text encoder from the tiny face model's checkpoint.",
            inputs=[io.Combo.Input("ckpt_name", options=folder_paths.get_filename_list("checkpoints"))],
            outputs=[io.Clip.Output()],
        )

    @classmethod
    def execute(cls, ckpt_name: str) -> io.NodeOutput:
        from .clip import load_clip

        path = folder_paths.get_full_path_or_raise("checkpoints", ckpt_name)
        return io.NodeOutput(load_clip(comfy.utils.load_torch_file(path, safe_load=True)))


class TinyFacesExtension(ComfyExtension):
    @override
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [TinyFacesCLIPLoader]


async def comfy_entrypoint() -> TinyFacesExtension:
    return TinyFacesExtension()
