"""Train Slider without a server, on a tiny model: a small training that writes its files."""

from pathlib import Path

import folder_paths
from comfy.model_management import InterruptProcessingException
from concept_sliders.slider_core.architectures import select
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.runs import Parts, TrainingRun
from concept_sliders.slider_core.settings import TrainSettings, settings_of
from small_training import buckets


class Progress:
    """Records what the page is shown; `cancel_at` is where the user presses cancel."""

    def __init__(self, cancel_at=None):
        self.steps, self.lines, self.pictures, self.cancel_at = [], [], [], cancel_at

    def step(self, done):
        self.steps.append(done.step)
        if done.step == self.cancel_at:
            raise InterruptProcessingException

    def line(self, text):
        self.lines.append(text)

    def picture(self, image):
        self.pictures.append(image)


def run(model, progress=None, cycle=None, **settings):
    given = {"steps": 4, "file_name": "loras/smile", "gradient_checkpointing": False, **settings}
    parts = {name: given.pop(name) for name in given.keys() - settings_of(TrainSettings)}
    parts = Parts(model, select(model), cycle or Cycle(buckets()), **parts)
    output = Path(folder_paths.get_output_directory())
    return TrainingRun(parts, TrainSettings(**given), output, progress or Progress())


class Vae:
    def decode(self, latents):
        return latents[:, :3].movedim(1, -1).repeat_interleave(8, 1).repeat_interleave(8, 2).sigmoid()
