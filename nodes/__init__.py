"""What the user sees: schemas, widgets, sockets. The work is done in slider_core."""

from comfy_api.latest import ComfyExtension, io

from .apply import SliderApply, SliderStrength
from .buckets import BucketLoader
from .cycle import CycleSampler
from .dataset import SliderDataset
from .files import SliderSave
from .loras import SliderLoad
from .mixer import SliderMixer
from .numbers import SliderNumbers
from .pairs import SliderPairs
from .prompts import SliderPromptLibrary
from .routes import add_routes
from .sweep import SliderSweep
from .targets import SliderTargets
from .tiny_faces import offer_tiny_faces
from .train import SliderTrainer
from .words import SliderFromWords


class SliderExtension(ComfyExtension):
    async def on_load(self) -> None:
        add_routes()
        offer_tiny_faces()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            SliderTargets,
            BucketLoader,
            SliderDataset,
            SliderNumbers,
            CycleSampler,
            SliderPairs,
            SliderFromWords,
            SliderTrainer,
            SliderLoad,
            SliderApply,
            SliderMixer,
            SliderStrength,
            SliderPromptLibrary,
            SliderSweep,
            SliderSave,
        ]
