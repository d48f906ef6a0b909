"""Tiny models of each kind of prediction that have learned a concept: a bright or dark square in the latent."""

from dataclasses import replace
from functools import cache

import torch
from comfy.model_patcher import ModelPatcher
from concept_sliders.slider_core.data import Bucket, Cycle, Example, Words
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.training.model_call import ModelCalls
from concept_sliders.slider_core.training.timesteps import draw_levels, sigmas_at
from families import TINY
from tiny_models import tiny_model

ROWS = 4
AMOUNTS = (-1.0, 0.0, 1.0)
SAYS = 8  # numbers of a text that name the amount


def channels(name: str) -> int:
    return TINY[name].x[1]


def square(name: str) -> torch.Tensor:
    """The concept: what a latent [1, C, 8, 8] has more or less of."""
    concept = torch.zeros(1, channels(name), 8, 8)
    concept[..., 2:6, 2:6] = 1
    return concept


def conditioning(name: str, amount: float) -> list:
    """Text whose last number says the amount."""
    shapes, random = TINY[name].call, torch.Generator().manual_seed(1)
    text = torch.randn(1, *shapes["c_crossattn"][1:], generator=random)
    text[..., -SAYS:] = 2 * amount
    return [
        [text, {"pooled_output": torch.randn(1, shapes["y"][1], generator=random)} if "y" in shapes else {}]
    ]


def example(name: str, file: str, amount: float, seed: int, named: float = 0.0) -> Example:
    """A latent with `amount` of the square over a faint ground of its own, and a caption that says `named`."""
    ground = 0.3 * torch.randn(1, channels(name), 8, 8, generator=torch.Generator().manual_seed(seed))
    return Example(file, "a square", amount * square(name) + ground, conditioning(name, named))


def cycle(name: str, paired: bool) -> Cycle:
    """Four pictures a side, of the same grounds or of others."""
    of_less = range(4) if paired else range(4, 8)
    more = tuple(example(name, f"{i}", 0.9, seed=i) for i in range(4))
    less = tuple(example(name, f"{i}", -0.9, seed=i) for i in of_less)
    return Cycle(
        (Bucket("more", more, 0.5), Bucket("less", less, -0.5)), pairing="auto" if paired else "random"
    )


def graded_cycle(name: str, paired: bool = True) -> Cycle:
    """Two strengths a side, of pairs or of other grounds: half of the square at half the strength."""
    buckets = [
        Bucket(
            f"{strength:+g}",
            tuple(
                example(name, f"{abs(strength)}{i}", 0.9 * strength, seed=i if paired else 100 * place + i)
                for i in range(2)
            ),
            strength,
        )
        for place, strength in enumerate((1.0, 0.5, -0.5, -1.0))
    ]
    return Cycle(tuple(buckets), pairing="name" if paired else "random")


def mixed_cycle(name: str) -> Cycle:
    """Pictures of the square and prompts that name it, in one cycle."""
    return Cycle((*cycle(name, True).buckets, *words_cycle(name).buckets), pairing="random")


def words_cycle(name: str, words: Words | None = None) -> Cycle:
    """No pictures of the concept: faint grounds, and prompts that say more and less of the square."""
    words = words or Words((conditioning(name, 1.0),), (conditioning(name, -1.0),))
    practice = tuple(replace(example(name, f"{i}", 0.0, seed=20 + i), words=words) for i in range(4))
    return Cycle((Bucket("more", practice, 1.0), Bucket("less", practice, -1.0)))


def named_model(name: str) -> ModelPatcher:
    """As `learned_model`, of captions that say the amount in two of three pictures."""
    return learned_model(name, 70, named=True)


@cache
def learned_model(name: str, steps: int = 50, named: bool = False) -> ModelPatcher:
    """The random model of this name, trained for a moment on squares of every amount from −1 to 1."""
    model, random = tiny_model(name), torch.Generator().manual_seed(0)
    with trainable(model) as network:
        calls, weights = ModelCalls(model), list(network.diffusion_model.parameters())
        examples = [example(name, "", 0.0, seed=0, named=amount) for amount in AMOUNTS]
        rows = [calls.row(one) for one in examples]
        for weight in weights:
            weight.requires_grad_(True)
        optimiser = torch.optim.Adam(weights)
        rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
        for _ in range(steps):
            amount = torch.rand(ROWS, 1, 1, 1, generator=random) * 2 - 1
            latents = amount * square(name) + 0.3 * torch.randn(ROWS, channels(name), 8, 8, generator=random)
            noise = torch.randn(latents.shape, generator=random)
            levels = draw_levels(ROWS, "auto", calls.is_flow, random)
            sigmas = sigmas_at(levels, calls.sampling.percent_to_sigma)
            said = [rows[nearest(float(a), named)] for a in amount]
            prediction = calls.predict(said, calls.noised(latents, noise, sigmas), sigmas)
            calls.backward((prediction - calls.target(latents, noise, sigmas)).square().mean())
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            rates.step()
        for weight in weights:
            weight.requires_grad_(False)
    return model


def nearest(amount: float, named: bool) -> int:
    """Which of AMOUNTS a caption says; the middle one, which is unsaid, for small amounts."""
    return min(range(len(AMOUNTS)), key=lambda i: abs(AMOUNTS[i] - amount)) if named else len(AMOUNTS) // 2


@torch.no_grad()
def amount_seen(name: str, model: ModelPatcher, level: float, count: int = 8) -> torch.Tensor:
    """How much of the square the denoised pictures [count] have, of noised pictures that have none of it."""
    random = torch.Generator().manual_seed(99)
    ground = 0.3 * torch.randn(count, channels(name), 8, 8, generator=random)
    noise = torch.randn(ground.shape, generator=random)
    with trainable(model):
        calls = ModelCalls(model)
        row = calls.row(example(name, "", 0.0, seed=0))
        sigmas = sigmas_at(torch.full((count,), level), calls.sampling.percent_to_sigma)
        x = calls.noised(ground, noise, sigmas)
        denoised = calls.sampling.calculate_denoised(sigmas, calls.predict([row] * count, x, sigmas), x)
    concept = square(name)
    return (denoised * concept).sum((1, 2, 3)) / concept.square().sum()
