"""What a slider does for pictures that it was not trained on: their loss with it and without, and no sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Generator

from ..applying.control import sliders_freed
from ..data.bucket import Bucket, Example
from ..data.cycle import SIGN_NAMES, SIGNS
from ..files.slider import Slider
from ..given import counted
from ..gradients.trainable import trainable
from .fit import memory_needed
from .mismatch import other_vae
from .model_call import ModelCalls, load
from .objectives import row_losses
from .on_model import OnModel
from .request import RequestError, TrainRequest
from .rows import TrainRow, stacked
from .step import chunks
from .timesteps import sigmas_at, spread_levels

LEVELS = 4  # noise levels that each picture is looked at under
MOST = 64  # pictures of a side that are measured
ROWS_AT_ONCE = 2  # as a step of the training has at least


@dataclass(frozen=True)
class Side:
    """The held-out pictures of a sign.

    Attributes:
        strengths: that they were measured at.
        with_slider, without: mean loss, as in training.
    """

    sign: int
    pictures: int
    of: int
    strengths: str
    with_slider: float
    without: float

    @property
    def change(self) -> float:
        """Share of the loss that the slider adds; below 0 for one that fits these pictures better."""
        return self.with_slider / self.without - 1 if self.without else 0.0


@dataclass(frozen=True)
class HeldOut:
    """What was measured, of each sign that has pictures."""

    sides: tuple[Side, ...]

    def of(self, sign: int) -> Side:
        return next(side for side in self.sides if side.sign == sign)

    def lines(self) -> list[str]:
        """In sentences."""
        lines = [
            f"Held out, {SIGN_NAMES[side.sign]}: {counted(side.pictures, 'picture')} at {side.strengths}, loss "
            f"{side.with_slider:.4g} with the slider, {side.without:.4g} without ({side.change:+.1%})."
            for side in self.sides
        ]
        most = [f"Held out: {s.pictures} of {s.of} pictures of a side are measured." for s in self.sides
                if s.pictures < s.of]  # fmt: skip
        return [*lines, *most]

    def as_dict(self) -> dict[str, dict[str, float]]:
        """For JSON, by the name of the sign."""
        return {
            SIGN_NAMES[side.sign]: {
                "pictures": side.pictures, "loss": side.with_slider, "loss_without": side.without,
            }
            for side in self.sides
        }  # fmt: skip


def held_out_losses(request: TrainRequest, slider: Slider, buckets: Sequence[Bucket]) -> HeldOut:
    """The losses of pictures under fixed noise at fixed noise levels, with the slider at their strengths and without.

    Neutral pictures are measured at the cycle's largest strength, on both sides.

    Args:
        request: of the training that made the slider.

    Raises:
        RequestError: for pictures of another model's VAE.
    """
    if reason := other_vae(buckets, request.model):
        raise RequestError(reason)
    with _on_model(replace(request, start_from=slider)) as on:
        sides = [_side(sign, buckets, request, on) for sign in SIGNS]
    return HeldOut(tuple(side for side in sides if side))


@contextmanager
def _on_model(request: TrainRequest) -> Iterator[OnModel]:
    """The model of a request with the slider that it starts from, as in a step of its training."""
    controls = request.control_net.get_models() if request.control_net is not None else []
    devices = [request.model.load_device] if request.model.load_device.type == "cuda" else []
    memory = memory_needed(request)
    with torch.inference_mode(False), torch.random.fork_rng(devices=devices), ExitStack() as opened:
        load([request.model, *controls], memory)
        on = OnModel(request, lambda event: None)
        opened.enter_context(sliders_freed(request.control_net))
        opened.enter_context(trainable(request.model, controls, memory))
        opened.enter_context(torch.no_grad())
        yield on


def _side(sign: int, buckets: Sequence[Bucket], request: TrainRequest, on: OnModel) -> Side | None:
    pictures = ((b, e) for b in buckets if b.sign == sign for e in b.examples if e.words is None)
    every = list(pictures)
    if not every:
        return None
    chosen = [every[index * len(every) // MOST] for index in range(MOST)] if len(every) > MOST else every
    strongest = request.cycle.strongest
    totals, strengths = torch.zeros(2, dtype=torch.float64), set[float]()
    for bucket, example in chosen:
        calls = ModelCalls(request.model, request.control_net, request.vae)  # keeps what it has made ready
        own = [bucket.strength_of(example)] if sign else [strongest, -strongest]
        strengths.update(own)
        rows = _rows(example, request, calls)
        *changed, base = (_loss(rows, strength, request, calls, on) for strength in (*own, 0.0))
        totals += torch.tensor([sum(changed) / len(own), base], dtype=torch.float64)
    with_slider, without = (totals / len(chosen)).tolist()
    said = _said(sorted(strengths, key=abs)) if sign else f"±{strongest:g}"
    return Side(sign, len(chosen), len(every), said, with_slider, without)


def _said(strengths: Sequence[float]) -> str:
    return f"{strengths[0]:+g}" if len(strengths) == 1 else f"{strengths[0]:+g} to {strengths[-1]:+g}"


def _loss(
    rows: Sequence[TrainRow], strength: float, request: TrainRequest, calls: ModelCalls, on: OnModel
) -> float:
    """The mean over the noise levels."""
    losses = []
    for indices in chunks(rows, calls, request.rows_at_once or ROWS_AT_ONCE):
        chunk = [rows[index] for index in indices]
        latents, noise, sigmas = stacked(chunk)
        with on.attach(torch.full((len(chunk),), strength)):
            prediction = calls.predict([row.row for row in chunk], calls.noised(latents, noise, sigmas), sigmas)
        losses += row_losses(prediction, calls.target(latents, noise, sigmas), len(chunk)).tolist()
    return sum(losses) / len(losses)


def _rows(example: Example, request: TrainRequest, calls: ModelCalls) -> list[TrainRow]:
    """The picture under the same noise each time, whatever else is measured; its strength is told when it runs."""
    generator, row = Generator().manual_seed(0), calls.row(example)
    levels = spread_levels(LEVELS, request.noise_levels, calls.is_flow, generator)
    sigmas = sigmas_at(levels, calls.sampling.percent_to_sigma).to(calls.device)
    noises = [torch.randn(row.latent.shape, generator=generator).to(calls.device) for _ in range(LEVELS)]
    return [
        TrainRow(row, noise, sigma, 0.0, 1.0, 0) for noise, sigma in zip(noises, sigmas.split(1), strict=True)
    ]
