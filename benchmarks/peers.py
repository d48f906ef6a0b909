"""What other slider trainers minimise, by their published code, on our model calls: small and faithful in the formula.

All have the same adapter, optimiser and rate as ours, so that what differs is the objective, the order, the noise and
the strength trained at. Sampling on the way (LECO) takes 10 steps here instead of up to 50. Sources: the repositories
named with each function, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from concept_sliders.slider_core.data import Example
from concept_sliders.slider_core.files import to_slider
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.training import TrainRequest
from concept_sliders.slider_core.training.model_call import ModelCalls, Row, load
from concept_sliders.slider_core.training.on_model import OnModel
from concept_sliders.slider_core.training.optimisers import make_optimiser, rate_at
from concept_sliders.slider_core.training.timesteps import draw_levels, sigmas_at
from torch import Tensor


@dataclass
class Run:
    """A training while it lasts: what a peer's step works with.

    Attributes:
        pairs: rows of pictures with more and with less.
        prompts: rows for `more`, `less`, `neutral` and `empty` prompts; only their conditioning counts.
    """

    calls: ModelCalls
    slider: OnModel
    random: torch.Generator
    pairs: list[tuple[Row, Row]]
    prompts: dict[str, Row]
    step: int = 0

    def pick(self) -> tuple[Row, Row]:
        return self.pairs[int(torch.randint(len(self.pairs), (1,), generator=self.random))]

    def noise(self, row: Row) -> Tensor:
        return torch.randn(row.latent.shape, generator=self.random).to(self.calls.device)

    def level(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(torch.rand(1, generator=self.random))

    def usual_level(self) -> float:
        """As this kind of model is usually trained."""
        return float(draw_levels(1, "auto", self.calls.is_flow, self.random))

    def sigma(self, level: float) -> Tensor:
        levels = torch.tensor([level]).clamp(1e-3, 1 - 1e-3)
        return sigmas_at(levels, self.calls.sampling.percent_to_sigma).to(self.calls.device)

    def base(self, x: Tensor, sigma: Tensor, *prompts: Row, strength: float = 0.0) -> list[Tensor]:
        """The predictions for one noised latent under each of the prompts, without gradient."""
        with torch.no_grad(), self.slider.attach(torch.full((len(prompts),), strength)):
            rows = [Row(x, prompt.conditioning) for prompt in prompts]
            stack = self.calls.predict(rows, x.repeat(len(rows), 1, 1, 1), sigma.repeat(len(rows)))
        return list(stack.float().split(1))

    def learn(
        self, prompt: Row, x: Tensor, sigma: Tensor, strength: float, target: Tensor, weight: Any = 1.0
    ) -> None:
        """Adds the gradient of weight · ‖f_strength(x) − target‖²."""
        with self.slider.attach(torch.tensor([strength])):
            prediction = self.calls.predict([Row(x, prompt.conditioning)], x, sigma)
            self.calls.backward((weight * (prediction.float() - target).square()).mean())

    def rolled_out(self, prompt: str, level: float, cfg: float, strength: float, steps: int = 10) -> Tensor:
        """Euler's method from pure noise to a noise level."""
        like = self.pairs[0][0].latent
        sigmas = [
            self.sigma(float(at)) for at in torch.linspace(1, level, max(2, round(steps * (1 - level)) + 1))
        ]
        x = self.calls.noised(torch.zeros_like(like), self.noise(self.pairs[0][0]), sigmas[0])
        for now, after in zip(sigmas[:-1], sigmas[1:], strict=True):
            shown = self.prompts[prompt], self.prompts["empty"]
            with_prompt, without = self.base(x, now, *shown, strength=strength)
            denoised = self.calls.sampling.calculate_denoised(now, without + cfg * (with_prompt - without), x)
            x = x + (x - denoised) / now * (after - now)
        return x


Step = Callable[[Run], None]


def simpletuner(run: Run) -> None:
    """bghira/SimpleTuner: one bucket a step, + and − by turns, each with a picture, noise and level of its own."""
    sign = 1 if run.step % 2 == 0 else -1
    row = run.pick()[0 if sign > 0 else 1]
    noise, sigma = run.noise(row), run.sigma(run.usual_level())
    target = run.calls.target(row.latent, noise, sigma)
    run.learn(row, run.calls.noised(row.latent, noise, sigma), sigma, 0.5 * sign, target)


def both_sides(run: Run, strength: float, shared: bool, prompt: str | None, weighted: bool = False) -> None:
    more, less = run.pick()
    noise, sigma = run.noise(more), run.sigma(run.usual_level())
    weight: Any = 1.0
    if weighted:
        apart = (more.latent - less.latent).abs().mean(1, keepdim=True)
        weight = (apart / apart.mean()).clamp(max=8)
        weight = weight / weight.mean()
    for row, sign in ((more, 1), (less, -1)):
        if not shared and sign < 0:
            noise, sigma = run.noise(row), run.sigma(run.usual_level())
        shown = run.prompts[prompt] if prompt else row
        x, target = run.calls.noised(row.latent, noise, sigma), run.calls.target(row.latent, noise, sigma)
        run.learn(shown, x, sigma, sign * strength, target, weight)


def concept_sliders_pictures(run: Run) -> None:
    """rohitgandikota/sliders, imagesliders: pairs at ±1, same noise and level, prompts empty as by default."""
    both_sides(run, 1.0, shared=True, prompt="empty")


def t2itrainer(run: Run) -> None:
    """lrzjason/T2ITrainer: pairs at ±1, noise and level of each its own."""
    both_sides(run, 1.0, shared=False, prompt=None)


def fizgig(run: Run) -> None:
    """shootthesound/Fizgig: pairs, each cell weighted by min(difference over mean difference, 8), mean 1."""
    both_sides(run, 1.0, shared=True, prompt=None, weighted=True)


def addift(run: Run) -> None:
    """hako-mikan/sd-webui-traintrain, ADDifT: at ±1/4, the target is the base prediction on the other picture."""
    more, less = run.pick()
    noise, sigma = run.noise(more), run.sigma(run.level(0.5, 1.0))
    of_more, of_less = (run.calls.noised(row.latent, noise, sigma) for row in (more, less))
    if run.step % 2 == 0:
        run.learn(more, of_more, sigma, 0.25, run.base(of_less, sigma, less)[0])
    else:
        run.learn(less, of_less, sigma, -0.25, run.base(of_more, sigma, more)[0])


def words_target(run: Run, x: Tensor, sigma: Tensor, start: str, amount: float, norm: str) -> Tensor:
    neutral, more, less = run.base(x, sigma, run.prompts[start], run.prompts["more"], run.prompts["less"])
    target = neutral + amount * (more - less)
    if norm == "deviation":
        target = (target - target.mean()) / target.std() * neutral.std() + neutral.mean()
    elif norm == "more":
        target = target * (more.norm() / target.norm())
    return target


def concept_sliders_words(run: Run) -> None:
    """rohitgandikota/sliders, textsliders: a latent sampled with the slider on, guidance 4, strength +1 alone."""
    level = run.level(0.02, 0.98)
    x, sigma = run.rolled_out("neutral", level, 3.0, 1.0), run.sigma(level)
    run.learn(run.prompts["neutral"], x, sigma, 1.0, words_target(run, x, sigma, "neutral", 4.0, ""))


def flux_sliders(run: Run) -> None:
    """rohitgandikota/sliders, flux-sliders: sampled without the slider, η = 2 at the norm of more, +1 alone."""
    level = run.level()
    x, sigma = run.rolled_out("neutral", level, 2.5, 0.0), run.sigma(level)
    run.learn(run.prompts["neutral"], x, sigma, 1.0, words_target(run, x, sigma, "neutral", 2.0, "more"))


def leco(run: Run) -> None:
    """kohya-ss/sd-scripts, train_leco: one of the two signs a step, sampled with the slider at that sign."""
    sign = 1 if run.level() < 0.5 else -1
    level = run.level(0.02, 0.98)
    x, sigma = run.rolled_out("neutral", level, 3.0, float(sign)), run.sigma(level)
    run.learn(run.prompts["neutral"], x, sigma, float(sign), words_target(run, x, sigma, "neutral", sign, ""))


def ai_toolkit(run: Run) -> None:
    """ostris/ai-toolkit, concept_slider: noised pictures, guidance 3, mean and deviation matched, an empty anchor."""
    row = run.pick()[int(run.step % 2)]
    noise, sigma = run.noise(row), run.sigma(float(torch.randn(1, generator=run.random).sigmoid()))
    x = run.calls.noised(row.latent, noise, sigma)
    (anchor,) = run.base(x, sigma, run.prompts["empty"])
    for sign in (1, -1):
        target = words_target(run, x, sigma, "neutral", 3.0 * sign, "deviation")
        run.learn(run.prompts["neutral"], x, sigma, float(sign), target, 2 / 3)
        run.learn(run.prompts["empty"], x, sigma, float(sign), anchor, 1 / 3)


def musubi(run: Run) -> None:
    """AkaneTendo25/musubi-tuner, text sliders: scaled pure noise, from the empty prompt, guidance 1, both signs."""
    like = run.pairs[0][0]
    sigma = run.sigma(run.usual_level())
    x = sigma * run.noise(like)
    for sign in (1, -1):
        target = words_target(run, x, sigma, "empty", float(sign), "deviation")
        run.learn(run.prompts["neutral"], x, sigma, float(sign), target)


def train_peer(
    request: TrainRequest, step: Step, pairs: Sequence[tuple[Example, Example]], prompts: dict[str, Example]
):
    """The slider that `step` trains, with the model, plan, steps, rate, schedule and seed of the request."""
    with torch.inference_mode(False), torch.random.fork_rng():
        torch.manual_seed(request.seed)
        load([request.model])
        slider = OnModel(request, lambda event: None)
        parameters = [slider.flat.whole]
        optimiser = make_optimiser(request.optimiser, parameters, request.learning_rate, request.weight_decay)
        with trainable(request.model):
            calls = ModelCalls(request.model)
            shown = [(calls.row(one), calls.row(other)) for one, other in pairs]
            words = {name: calls.row(example) for name, example in prompts.items()}
            run = Run(calls, slider, torch.Generator().manual_seed(request.seed), shown, words)
            for run.step in range(request.steps):
                factor = rate_at(run.step, request.steps, request.schedule, 0)
                optimiser.param_groups[0]["lr"] = request.learning_rate * factor
                slider.refresh()
                step(run)
                torch.nn.utils.clip_grad_norm_(parameters, request.max_norm)
                optimiser.step()
        return to_slider(slider.adapters, {})
