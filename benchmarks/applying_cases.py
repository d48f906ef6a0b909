"""What a slider costs when pictures are made: against the same file patched into the weights by ComfyUI's loader."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import comfy.sd
import meter
import torch
from comfy import sample
from comfy.model_patcher import ModelPatcher
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.applying.sampling import SamplerSettings, sample_strengths
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import to_slider
from concept_sliders.slider_core.lora.reading import deltas_for
from measured import Case, Row
from torch import Tensor

STEPS, TIMES, SWEEP = 4, 3, [-2 + 4 * i / 6 for i in range(7)]


def random_slider(case: Case) -> dict[str, Tensor]:
    plan = uniform_plan(select_targets(case.patcher), AdapterConfig(rank=16))
    adapters = make_adapters(case.patcher, plan)
    torch.manual_seed(0)
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.parameters():
                torch.nn.init.normal_(parameter, std=0.01)
    return dict(to_slider(adapters))


def pictures(case: Case, model: ModelPatcher, count: int = 1) -> Tensor:
    """So many pictures of one batch by a few steps of euler."""
    latent = torch.zeros_like(case.size.latents(1, case.pixels, case.tiny)).repeat(
        count, *[1] * (4 if case.size.frames else 3)
    )
    prompt = case.size.conditioning(case.tiny)
    return sample.sample(
        model, sample.prepare_noise(latent, 0), STEPS, case.size.cfg, "euler", "simple", prompt, prompt, latent,
        disable_pbar=True, seed=0,
    )  # fmt: skip


def seconds_of(work: Callable[[], object]) -> float:
    started = meter.now()
    work()
    return meter.now() - started


def warm(work: Callable[[], object]) -> float:
    work()
    return statistics.median(seconds_of(work) for _ in range(TIMES))


def apply(case: Case) -> Iterator[Row]:
    """One picture a run: without a slider, with it applied, with it patched into the weights; and a new strength."""
    slider = random_slider(case)
    deltas, _ = deltas_for(case.patcher, slider)
    routes: dict[str, Callable[[float], ModelPatcher]] = {
        "picture, stock LoRA": lambda s: comfy.sd.load_lora_for_models(case.patcher, None, slider, s, 0)[0],
        "picture, Apply Slider": lambda s: apply_slider(case.patcher, AppliedSlider(deltas, s)),
    }
    peak = meter.Peak()
    with peak.watched(case.others):
        plain = warm(lambda: pictures(case, case.patcher))
    yield case.row("picture, no slider", plain, peak)
    for what, applied in routes.items():
        peak = meter.Peak()
        with peak.watched(case.others):
            same, change = strength_change(case, applied)
        yield {**case.row(what, same, peak), **case.ratio(what, "picture, stock LoRA")}
        yield case.row(f"{what}: new strength", change, meter.Peak())


def strength_change(case: Case, applied: Callable[[float], ModelPatcher]) -> tuple[float, float]:
    """Seconds of a picture at the strength before, and how much longer one at a new strength takes."""
    model = applied(1.0)
    same = warm(lambda: pictures(case, model))
    changed = [seconds_of(lambda s=s: pictures(case, applied(s))) for s in (0.9, 0.8, 0.7)]
    return same, statistics.median(changed) - same


def sweep(case: Case) -> Iterator[Row]:
    """Seven strengths in a batch, against one stock batch of seven pictures."""
    slider = random_slider(case)
    deltas, _ = deltas_for(case.patcher, slider)
    peak = meter.Peak()
    with peak.watched(case.others):
        stock = comfy.sd.load_lora_for_models(case.patcher, None, slider, 1.0, 0)[0]
        seconds = warm(lambda: pictures(case, stock, len(SWEEP)))
    yield case.row("batch of 7, stock LoRA", seconds, peak)
    settings = SamplerSettings(STEPS, case.size.cfg)
    prompt, latent = case.size.conditioning(case.tiny), case.size.latents(1, case.pixels, case.tiny)
    model = apply_slider(case.patcher, AppliedSlider(deltas, 0.0, "swept"))

    def swept() -> Tensor:
        return sample_strengths(model, "swept", prompt, prompt, torch.zeros_like(latent), 0, SWEEP, settings)

    peak = meter.Peak()
    with peak.watched(case.others):
        seconds = warm(swept)
    yield {**case.row("sweep of 7", seconds, peak), **case.ratio("sweep of 7", "batch of 7, stock LoRA")}
