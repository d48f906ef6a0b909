"""The methods of the slider table, and how one of them is trained on one model, concept and set of pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import grounds
import peers
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.sampling import SamplerSettings
from concept_sliders.slider_core.applying.steering import practice_latents
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Example, Words, kept_values, phrases
from concept_sliders.slider_core.training import TrainRequest, train
from grounds import CONCEPTS, Ground, Setup

STEPS, RATE = 120, 5e-4
WORD_PAIRS = {
    "smile": ("a smiling person", "a frowning person"),
    "eyes": ("a person with bright eyes", "a person with dull eyes"),
    "eye_size": ("a person with large eyes", "a person with small eyes"),
}
PRESERVE = {"smile": "bright eyes, dull eyes\nlarge eyes, small eyes"}


@dataclass(frozen=True)
class Method:
    """How a slider is trained.

    Attributes:
        settings: of the request, where they are not the bench's.
        cycle: settings of the cycle.
        setup: changes to the pictures.
        step: another trainer's; ours if there is none.
        words: whether prompts are used: `alone`, with `preserve`, or `together` with pictures.
        longer: times as many steps, for methods whose step sees one row and not two.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    cycle: Mapping[str, Any] = field(default_factory=dict)
    setup: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "slider"
    adapter: AdapterConfig = AdapterConfig("lora", rank=4)
    step: Callable[[peers.Run], None] | None = None
    words: str = ""
    guidance: float = 3.0
    longer: int = 1


LOW, DIFFERENCE = {"noise_levels": "low"}, {"objective": "difference"}
METHODS: dict[str, Method] = {
    "denoise": Method(),
    "denoise, low noise": Method(LOW),
    "difference": Method(DIFFERENCE),
    "difference, low noise": Method({**LOW, **DIFFERENCE}),
    "denoise, low noise, 3 × rate": Method({**LOW, "learning_rate": 3 * RATE}),
    "difference, 3 × rate": Method({**DIFFERENCE, "learning_rate": 3 * RATE}),
    "difference, low noise, 3 × rate": Method({**LOW, **DIFFERENCE, "learning_rate": 3 * RATE}),
    "denoise, mlp": Method(preset="mlp"),
    "difference, low noise, mlp": Method({**LOW, **DIFFERENCE}, preset="mlp"),
    "denoise, neutral anchor": Method(cycle={"neutral": "anchor"}, setup={"neutral": True}),
    "denoise, neutral plain": Method(cycle={"neutral": "plain"}, setup={"neutral": True}),
    "denoise, two strengths a side": Method(setup={"graded": True}),
    "alternate": Method(cycle={"mode": "alternate"}, longer=2),
    "SimpleTuner": Method(step=peers.simpletuner, longer=2),
    "Concept Sliders, pictures": Method(step=peers.concept_sliders_pictures),
    "Fizgig": Method(step=peers.fizgig),
    "ADDifT": Method(step=peers.addift, longer=2),
    "T2ITrainer": Method(step=peers.t2itrainer),
    "words": Method({"objective": "prompts"}, words="alone"),
    "words, guidance 1": Method({"objective": "prompts"}, words="alone", guidance=1.0),
    "words, preserve": Method({"objective": "prompts"}, words="preserve"),
    "words and pictures": Method(words="together", cycle={"pairing": "random"}),
    "Concept Sliders, words": Method(step=peers.concept_sliders_words, longer=2),
    "FLUX sliders": Method(step=peers.flux_sliders, longer=2),
    "LECO": Method(step=peers.leco, longer=2),
    "ai-toolkit": Method(step=peers.ai_toolkit),
    "musubi-tuner, words": Method(step=peers.musubi),
}
KINDS = {
    "dora": AdapterConfig("lora", rank=4, options={"dora": True}),
    "rslora": AdapterConfig("lora", rank=4, options={"rslora": True}),
    **{kind: AdapterConfig(kind, rank=4) for kind in "loha lokr oft glora ia3 dylora full".split()},
    "boft": AdapterConfig("boft", rank=8),
}
METHODS |= {f"denoise, {kind}": Method(adapter=adapter) for kind, adapter in KINDS.items()}
METHODS["denoise, attention"] = Method(preset="attention")


@torch.inference_mode()
def word_buckets(ground: Ground, concept: str, method: Method, seed: int) -> tuple[Bucket, ...]:
    """What Slider from Words makes: the model's own pictures of a person, trained on at ±1."""
    more, less = WORD_PAIRS[concept]
    preserve = PRESERVE.get(concept, "") if method.words == "preserve" else ""
    pairs = phrases(more, less, preserve)
    words = Words(
        tuple(ground.text(one) for one, _ in pairs),
        tuple(ground.text(other) for _, other in pairs),
        method.guidance,
        kept_values(preserve),
    )
    neutral, empty = ground.text("a person"), ground.text("")
    seeds = [1000 * seed + 100 + i for i in range(6)]
    latents = practice_latents(
        ground.model, neutral, empty, torch.zeros(1, 16, 16, 16), seeds, SamplerSettings(12, 2.5)
    )
    shown = tuple(Example(f"{i}", "a person", one, neutral, words=words) for i, one in enumerate(latents))
    return Bucket("words more", shown, 1.0), Bucket("words less", shown, -1.0)


def trained(ground: Ground, concept: str, setup: Setup, method: Method, seed: int) -> tuple[Any, float]:
    """The slider, of rank 4, and the seconds that it took."""
    started = time.perf_counter()
    setup = replace(setup, **method.setup)
    pictures = (
        () if method.words in ("alone", "preserve") else grounds.buckets(ground, CONCEPTS[concept], setup)
    )
    if method.words in ("alone", "preserve"):
        pictures = word_buckets(ground, concept, method, seed)
    elif method.words == "together":
        pictures += word_buckets(ground, concept, method, seed)
    pairing = "order" if setup.paired or method.words == "alone" else "random"
    cycle = Cycle(pictures, seed=seed, **{"pairing": pairing, "neutral": "off", **method.cycle})
    plan = uniform_plan(select_targets(ground.model, preset=method.preset), method.adapter)
    settings = {"learning_rate": RATE, **method.settings}
    request = TrainRequest(ground.model, plan, cycle, steps=STEPS * method.longer, seed=seed, **settings)
    if method.step is None:
        slider = train(request).slider
    else:
        sides = [bucket.examples for bucket in pictures[:2]]
        slider = peers.train_peer(
            request, method.step, list(zip(*sides, strict=True)), spoken(ground, concept, sides[0][0])
        )
    return slider, time.perf_counter() - started


@torch.inference_mode()
def spoken(ground: Ground, concept: str, like: Example) -> dict[str, Example]:
    more, less = WORD_PAIRS.get(concept, ("a person", "a person"))
    texts = {"more": more, "less": less, "neutral": "a person", "empty": ""}
    return {name: Example(name, text, like.latent, ground.text(text)) for name, text in texts.items()}
