"""What sliders are measured on: two small trained models of faces, concepts, pictures of them, and the regressor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "scripts" / "demo"
sys.path[:0] = [str(ROOT / "scripts"), str(DEMO), str(DEMO / "custom_nodes")]

import demo  # noqa: E402
import measure  # noqa: E402
import results  # noqa: E402
from comfy import sd, utils  # noqa: E402
from comfyui_tiny_faces.clip import load_clip  # noqa: E402
from concept_sliders.slider_core.applying.sampling import SamplerSettings  # noqa: E402
from concept_sliders.slider_core.data import Bucket, Example  # noqa: E402
from concept_sliders.slider_core.evaluation.prompts import Prompt  # noqa: E402
from concept_sliders.slider_core.evaluation.sweep import Sweep, Variant, decode, sample_sweep, stills  # noqa: E402
from concept_sliders.slider_core.lora.reading import deltas_for  # noqa: E402
from draw_faces import draw  # noqa: E402
from faces import Face, random_faces  # noqa: E402

MODELS = ("flow", "noise")
NOISE_FILE = ROOT / "benchmarks" / "model" / "tiny_noise.safetensors"
STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
CONCEPTS = {
    **demo.CONCEPTS,
    "eye_size": demo.Concept("eye_size", 1.2, 0.8),
    "face_size": demo.Concept("face_size", 1.1, 0.9),
    "x": demo.Concept("x", 0.08, -0.08),
    "y": demo.Concept("y", 0.06, -0.06),
}


@dataclass(frozen=True)
class Ground:
    """A model with its text encoder and VAE."""

    model: Any
    clip: Any
    vae: Any
    name: str = "flow"
    encode: Callable[[str], list[Any]] | None = field(default=None, compare=False)

    def text(self, caption: str) -> list[Any]:
        if self.encode is not None:
            return self.encode(caption)
        conditioning: list[Any] = self.clip.encode_from_tokens_scheduled(self.clip.tokenize(caption))
        return conditioning

    def example(self, number: int, face: Face, caption: str | None = None) -> Example:
        caption = face.caption() if caption is None else caption
        latent = self.vae.encode(torch.from_numpy(draw(face))[None].float())
        return Example(f"{number:02}", caption, latent, self.text(caption))


@torch.inference_mode()
def load_ground(name: str = "flow", noise_model: Path = NOISE_FILE) -> Ground:
    """`flow`: the demo's model. `noise`: the one that predicts noise and has words for smile and eyes, with its VAE."""
    file = str(DEMO / "model" / "tiny_faces.safetensors")
    model, _, vae, _ = sd.load_checkpoint_guess_config(file, output_clip=False)
    if name == "flow":
        return Ground(model, load_clip(utils.load_torch_file(file)), vae)
    from functools import partial

    import tiny_noise

    model, text = tiny_noise.load(noise_model)
    return Ground(model, None, vae, name, partial(tiny_noise.conditioning, text))


@dataclass(frozen=True)
class Setup:
    """The pictures of a training.

    Attributes:
        pictures: a side.
        paired: whether both sides show the same faces.
        named: whether captions name the concept (its word is in the vocabulary of `noise` only).
        graded: whether each side has a second bucket, of half the concept at half the strength.
        neutral: whether there is a third bucket, of other faces.
    """

    pictures: int = 6
    paired: bool = True
    named: bool = False
    graded: bool = False
    neutral: bool = False


def faces_for(count: int) -> list[Face]:
    return [
        face for face in random_faces(3 * count + 40, seed=7) if face.caption() not in demo.HELD_OUT.values()
    ]


def with_amount(face: Face, concept: demo.Concept, amount: float) -> Face:
    """The face with `amount` of the concept, −1 (its least) to 1 (its most)."""
    middle, half = (concept.more + concept.less) / 2, (concept.more - concept.less) / 2
    return replace(face, **{concept.attribute: middle + amount * half})


@torch.inference_mode()
def buckets(ground: Ground, concept: demo.Concept, setup: Setup) -> tuple[Bucket, ...]:
    """The sides at ±0.5, and what else the setup has."""
    faces, count = faces_for(setup.pictures), setup.pictures
    made = []
    for name, sign, first in (("more", 1, 0), ("less", -1, 0 if setup.paired else count)):
        for amount in (1.0, 0.5) if setup.graded else (1.0,):
            shown = [with_amount(face, concept, sign * amount) for face in faces[first : first + count]]
            examples = tuple(ground.example(i, face, caption_of(face, setup)) for i, face in enumerate(shown))
            made.append(Bucket(f"{name} {amount:g}", examples, 0.5 * sign * amount))
    if setup.neutral:
        others = faces[2 * count : 3 * count]
        made.append(Bucket("neutral", tuple(ground.example(i, face) for i, face in enumerate(others))))
    return tuple(made)


def caption_of(face: Face, setup: Setup) -> str:
    if not setup.named:
        return face.caption()
    from named_faces import named_caption, words_for

    return named_caption(face.caption(), **words_for(face))


@torch.inference_mode()
def look(
    ground: Ground,
    slider: Any,
    concept: demo.Concept,
    strengths: Sequence[float] = STRENGTHS,
    seeds: int = 2,
    steps: int = 12,
) -> tuple[results.Results, torch.Tensor]:
    """Every attribute of the held-out faces at each strength, and the pictures [rows, strengths, H, W, 3]."""
    prompts = tuple(Prompt(name, text, conditioning=ground.text(text)) for name, text in demo.HELD_OUT.items())
    sweep = Sweep(prompts, tuple(range(1, 1 + seeds)), tuple(strengths))
    deltas, _ = deltas_for(ground.model, slider)
    settings = SamplerSettings(steps=steps, cfg=2.5)
    variants = [Variant(ground.model, deltas)]
    latents = sample_sweep(variants, sweep, ground.text(""), torch.zeros(1, 16, 16, 16), settings)
    pictures = stills(decode(latents, ground.vae.decode))
    found = measure.measure(measure.load(), pictures.flatten(0, 1))
    in_rows = {name: values.reshape(-1, len(strengths)) for name, values in found.items()}
    return results.Results(concept.attribute, list(strengths), in_rows), pictures


def inside(concept: demo.Concept) -> torch.Tensor:
    """Where drawn faces change with the concept, and a little around it: bool [128, 128]."""
    changes = [
        draw(with_amount(face, concept, 1.0)) - draw(with_amount(face, concept, -1.0))
        for face in faces_for(6)[:12]
    ]
    change = torch.stack([torch.from_numpy(one).float().abs().mean(-1) for one in changes]).mean(0)
    return torch.nn.functional.max_pool2d((change > 0.02).float()[None], 7, 1, 3)[0] > 0
