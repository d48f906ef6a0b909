"""Measures a slider that is trained, on seeds that training has not seen, and writes the figures into its file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..applying.sampling import empty_latent
from ..config import SweepPlan
from ..data import Cycle
from ..evaluation.prompts import Prompt
from ..evaluation.response import measured_slider
from ..evaluation.sweep import Sweep, Variant, decode, report_on, sample_sweep, sampler_of
from ..files import Slider, load, save
from ..files.beside import write_beside
from ..lora.reading import deltas_for
from .pictures import Pictures

MEASURED = "concept_sliders.sweep"  # metadata: the report of a sweep as JSON, with what it was made with
MOST_PROMPTS = 2  # captions that are taken where no prompts are named


def measured(
    path: Path, plan: SweepPlan, cycle: Cycle, pictures: Pictures, check: Callable[..., None]
) -> Mapping[str, Any]:
    """The figures of a slider file, as `Report.as_dict` has them; from the file where the same sweep has been made.

    Args:
        check: called after every step of the sampler; may raise.
    """
    slider = load(path)
    prompts = tuple(replace(p, conditioning=pictures.prompt(p.text)) for p in plan.prompts or captions(cycle))
    sweep = Sweep.of(plan.settings, prompts)
    made_with = repr((plan, [prompt.text for prompt in prompts]))
    known = json.loads(slider.metadata.get(MEASURED, "{}"))
    if known.get("made_with") == made_with:
        return dict(known)
    report = report_on(sweep, _pictures(sweep, slider, plan, cycle, pictures, check))
    figures = {**report.as_dict(), "made_with": made_with}
    with_figures = measured_slider(slider, report, store=plan.settings.store_curve)
    save(Slider(with_figures, {**with_figures.metadata, MEASURED: json.dumps(figures)}), path)
    write_beside(path, with_figures.metadata, before=slider.metadata)
    return figures


def _pictures(
    sweep: Sweep,
    slider: Slider,
    plan: SweepPlan,
    cycle: Cycle,
    pictures: Pictures,
    check: Callable[..., None],
) -> Tensor:
    model, settings = pictures.loaded.model, plan.settings
    with torch.inference_mode():
        deltas, _ = deltas_for(model, slider)
        latent = torch.zeros_like(cycle.buckets[0].examples[0].latent)
        if plan.sized:
            latent = empty_latent(model, settings.width, settings.height, settings.length)
        negative, limit = pictures.prompt(plan.negative), settings.batch_limit
        latents = sample_sweep(
            [Variant(model, deltas)], sweep, negative, latent, sampler_of(settings), limit, on_step=check
        )
        return decode(latents, pictures.loaded.vae.decode)


def captions(cycle: Cycle) -> Sequence[Prompt]:
    """A few captions of the training, and one that is neutral if there are any."""
    found = []
    for neutral, most in ((False, MOST_PROMPTS), (True, 1)):
        texts = [e.caption for b in cycle.buckets if (b.sign == 0) == neutral for e in b.examples]
        found += [Prompt(text, text, neutral=neutral) for text in list(dict.fromkeys(texts))[:most]]
    return found
