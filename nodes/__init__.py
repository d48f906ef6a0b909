"""What the user sees: schemas, widgets, sockets. The work is done in slider_core."""

from comfy_api.latest import ComfyExtension, io


class SliderExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return []
