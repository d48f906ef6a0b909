"""Where a mask is black, or a pair does not differ, the base model's own prediction is the target."""

import sys
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Example, describe_cycle
from concept_sliders.slider_core.data.loss_weights import of_difference, of_mask
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.lora import deltas_for
from concept_sliders.slider_core.training import TrainRequest, train
from concept_sliders.slider_core.training.model_call import ModelCalls
from concept_sliders.slider_core.training.rows import rows_of_turn
from concept_sliders.slider_core.training.step import _shares, _targets, forward_backward
from small_training import example, request

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))
import masks

HALF = torch.zeros(1, 8, 8)
HALF[..., 4:] = 1


def masked(weighting, mask=HALF, neutral=False):
    """A pair of pictures that differ in their upper half only, with a mask of their right half."""
    base = example("a")
    more, less = (base.latent.clone() for _ in range(2))
    more[..., :4, :] += 1
    less[..., :4, :] -= 1
    sides = [replace(base, latent=latent, mask=mask) for latent in (more, less)]
    buckets = [Bucket("more", (sides[0],), 0.5), Bucket("less", (sides[1],), -0.5)]
    if neutral:
        buckets.append(Bucket("plain", (replace(example("x"), mask=mask),)))
    return Cycle(tuple(buckets), loss_weighting=weighting)


@pytest.fixture
def rows_and_targets(model):
    """For a cycle: the rows of its first turn, their targets, what a perfect model would say, and this one."""

    def made(cycle, **settings):
        asked = request(model, cycle, **settings)
        with torch.inference_mode(False), trainable(model):
            calls = ModelCalls(model)
            turn = next(cycle.turns())
            rows = rows_of_turn(turn, calls, asked, torch.Generator().manual_seed(1))

            @contextmanager
            def attach(strengths):
                assert not strengths.any(), "the base model"
                yield

            targets = _targets(rows, calls, attach, 0)
            perfect = [calls.target(row.row.latent, row.noise, row.sigmas) for row in rows]
            with torch.no_grad():
                base = [
                    calls.predict([row.row], calls.noised(row.row.latent, row.noise, row.sigmas), row.sigmas)
                    for row in rows
                ]
        return rows, targets, perfect, base

    return made


def test_a_mask_divides_the_target(rows_and_targets):
    rows, targets, perfect, base = rows_and_targets(masked("mask"))
    for target, right, still in zip(targets, perfect, base, strict=True):
        assert torch.allclose(target[..., 4:], right[..., 4:], atol=1e-5)
        assert torch.allclose(target[..., :4], still[..., :4], atol=1e-4)
        assert not torch.allclose(target[..., :4], right[..., :4], atol=0.1)
    assert _shares(rows, targets[0]).tolist() == [2.0, 2.0], "half of the picture counts as much as all of it"


def test_the_loss_is_that_of_what_is_learned(model):
    """The rest of a picture, which is right as it is, does not make it smaller."""
    cycle = masked("mask")
    with torch.inference_mode(False), trainable(model):
        calls = ModelCalls(model)
        rows = rows_of_turn(next(cycle.turns()), calls, request(model, cycle), torch.Generator().manual_seed(1))
        base, perfect = [], []
        for row in rows:
            x = calls.noised(row.row.latent, row.noise, row.sigmas)
            base.append(calls.predict([row.row], x, row.sigmas).detach())
            perfect.append(calls.target(row.row.latent, row.noise, row.sigmas))
        factor = torch.ones((), requires_grad=True)
        losses = forward_backward(
            rows, calls, lambda strengths: nullcontext(), scale=lambda loss: loss * factor
        )
    inside = [float((b - p)[..., 4:].square().mean()) for b, p in zip(base, perfect, strict=True)]
    assert [losses[1], losses[-1]] == pytest.approx(inside, rel=1e-3)


def test_so_does_the_difference_of_a_pair(rows_and_targets):
    _, targets, perfect, base = rows_and_targets(masked("difference"))
    for target, right, still in zip(targets, perfect, base, strict=True):
        assert torch.allclose(target[..., :3, :], right[..., :3, :], atol=1e-5)
        assert torch.allclose(target[..., 6:, :], still[..., 6:, :], atol=1e-4)


def test_by_default_pictures_are_learned_everywhere(rows_and_targets):
    rows, targets, perfect, _ = rows_and_targets(masked("none"))
    assert all(torch.equal(target, right) for target, right in zip(targets, perfect, strict=True))
    assert _shares(rows, targets[0]).tolist() == [1.0, 1.0]


def test_the_objective_difference_and_neutral_pictures_know_masks_too(rows_and_targets):
    rows, targets, _, base = rows_and_targets(masked("mask", neutral=True), objective="difference")
    assert [row.learned is None for row in rows] == [False, False, True], "an anchor holds all of a picture"
    assert torch.allclose(targets[0][..., :4], base[0][..., :4], atol=1e-4)
    assert not torch.allclose(targets[0][..., 4:], base[0][..., 4:], atol=1e-2)


def test_a_picture_without_a_mask_is_learned_everywhere_and_the_plan_says_so(rows_and_targets):
    cycle = masked("mask", mask=None)
    rows, *_ = rows_and_targets(cycle)
    assert all(row.learned is None for row in rows)
    assert "2 of 2 pictures have no mask and are learned everywhere" in describe_cycle(cycle)
    assert "does nothing without pairs" in describe_cycle(replace(masked("difference"), pairing="random"))
    assert "no mask" not in describe_cycle(masked("mask"))


@pytest.mark.parametrize(
    "latent, mask, shape",
    [((1, 4, 8, 8), (1, 8, 8), (1, 1, 8, 8)), ((1, 16, 3, 8, 8), (3, 8, 8), (1, 1, 3, 8, 8)),
     ((1, 16, 3, 8, 8), (1, 8, 8), (1, 1, 1, 8, 8)), ((14, 4, 8, 8), (14, 8, 8), (14, 1, 8, 8))],
)  # fmt: skip
def test_masks_of_pictures_and_clips(latent, mask, shape):
    made = Example("", "", torch.zeros(latent), [], mask=torch.rand(mask))
    assert of_mask(made).shape == shape
    other = replace(made, latent=torch.rand(latent))
    where = of_difference(made, other)
    assert torch.broadcast_shapes(where.shape, latent) == latent and 0 <= where.min() <= where.max() == 1
    assert of_difference(made, made) is None, "where nothing differs there is nothing to weight"


def test_a_slider_trained_with_masks_changes_less_elsewhere():
    """On the demo's faces, unpaired, so that the two sides differ by accident in all but the mouth too."""
    ground, smile = masks.load_ground(), masks.demo.CONCEPTS["smile"]
    plan = uniform_plan(select_targets(ground.model), AdapterConfig("lora", rank=4))
    with torch.inference_mode():
        seen = [
            masks.example(ground, i, face, smile, 0.0) for i, face in enumerate(masks.random_faces(3, seed=99))
        ]

    def leak(weighting):
        """How much the slider changes the denoised pictures outside of the mouth, over inside of it."""
        cycle = masks.cycle(ground, smile, False, weighting, 0)
        asked = TrainRequest(ground.model, plan, cycle, steps=25, learning_rate=2e-3)
        slid = apply_slider(ground.model, AppliedSlider(deltas_for(ground.model, train(asked).slider)[0], 1.0))
        moved = (predictions(slid, seen) - predictions(ground.model, seen)).square().mean(1)
        where = torch.cat([face.mask for face in seen]) > 0.5
        return float(moved[~where].mean() / moved[where].mean())

    assert leak("mask") < 0.5 * leak("none")


@torch.no_grad()
def predictions(patcher, examples):
    with torch.inference_mode(False), trainable(patcher):
        calls, sigma = ModelCalls(patcher), torch.tensor([0.6])
        noise = torch.randn(examples[0].latent.shape, generator=torch.Generator().manual_seed(3))
        rows = [calls.row(one) for one in examples]
        return torch.cat([calls.predict([row], calls.noised(row.latent, noise, sigma), sigma) for row in rows])
