"""The first step goes the right way: to more of the concept at +s, to less at −s, whatever the model predicts.

Each of these fails when a sign is exchanged: in the target, in a row's strength, or between the two pictures.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from comfy.model_base import ModelType, model_sampling
from concept_sliders.slider_core.data import Bucket, Cycle, Words
from concept_sliders.slider_core.settings.training import OBJECTIVES
from concept_sliders.slider_core.training.model_call import ModelCalls, Row
from concept_sliders.slider_core.training.rows import rows_of_turn
from concept_sliders.slider_core.training.step import forward_backward
from concept_sliders.slider_core.training.words import Steering
from small_training import example, request
from tiny_models import shared_model

KINDS = [
    ModelType.FLOW,
    ModelType.FLUX,
    ModelType.FLOW_COSMOS,
    ModelType.V_PREDICTION,
    ModelType.V_PREDICTION_EDM,
    ModelType.EPS,
    ModelType.EDM,
    ModelType.STABLE_CASCADE,
]


class Settings:
    unet_config: dict = {}
    sampling_settings: dict = {}


class Formula(ModelCalls):
    """A model whose denoised picture is `kept` · the clean one + an error that all pictures share, of any size.

    Where the prompt says what is to be seen, that takes the clean picture's place.

    Its slider adds strength · `change` to the prediction.
    """

    def __init__(self, kind, kept, change):
        self.model = type("Model", (), {"model_sampling": model_sampling(Settings(), kind)})
        self.kept, self.change, self.device = kept, change, torch.device("cpu")
        self.error = 3 * torch.randn(change.shape, generator=torch.Generator().manual_seed(5))
        self.strengths = torch.zeros(1)

    def row(self, example):
        return Row(example.latent, {})

    def batches(self, rows):
        return [list(range(len(rows)))] if rows else []

    @contextmanager
    def attach(self, strengths):
        before, self.strengths = self.strengths, strengths
        yield
        self.strengths = before

    def predict(self, rows, x, sigmas):
        pictures = [row.conditioning.get("says", row.latent) for row in rows]
        denoised = self.kept * torch.cat(pictures) + self.error
        of_input, of_output = self.factors(sigmas)
        base = (denoised - of_input * x) / of_output
        return base + self.strengths.reshape(-1, 1, 1, 1) * self.change

    def backward(self, loss):
        loss.backward()

    def factors(self, sigmas):
        """Of the noised picture and of the prediction in the denoised picture."""
        shape = (len(sigmas), 1, 1, 1)
        one, zero = torch.ones(shape), torch.zeros(shape)
        denoised = self.sampling.calculate_denoised
        return denoised(sigmas, zero, one), denoised(sigmas, one, zero)


def sides(strengths=(0.5, -0.5)):
    """A pair of pictures; the first has more of whatever it is that they differ in."""
    more, less = (Bucket(str(s), (example(name, 0.3 * s),), s) for name, s in zip("ab", strengths, strict=True))
    return more, less


def one_step(kind, kept, objective, cycle, rows_at_once=0):
    """Losses of the first step, the change of the prediction that lowers them fastest, and the rows."""
    change = torch.zeros(1, 16, 8, 8, requires_grad=True)
    calls = Formula(kind, kept, change)
    wanted = request(shared_model("sd3"), cycle, objective=objective)
    rows = rows_of_turn(next(cycle.turns()), calls, wanted, torch.Generator().manual_seed(1))
    losses = forward_backward(rows, calls, calls.attach, rows_at_once)
    return losses, -change.grad * change.numel(), calls, rows


@pytest.mark.parametrize("pairing", ["order", "random"])
@pytest.mark.parametrize("objective", [one for one in OBJECTIVES if one != "prompts"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_first_step_moves_the_denoised_picture_towards_more(kind, objective, pairing):
    """By (1 − k)/2 · (p⁺ − p⁻) at +1, k the part of the visible difference that the base model keeps."""
    more, less = sides()
    apart = more.examples[0].latent - less.examples[0].latent
    for kept in (-0.5, 0.0, 0.3, 0.9):
        _, change, calls, rows = one_step(kind, kept, objective, Cycle((more, less), pairing=pairing))
        moved = calls.factors(rows[0].sigmas)[1] * change
        assert (moved * apart).sum() > 0
        torch.testing.assert_close(moved, (1 - kept) / 2 * apart, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_difference_asks_for_what_the_errors_differ_by_and_for_no_more(kind):
    """Its losses do not know the error that both pictures share; those of `denoise` do."""
    strengths, kept = (0.5, -0.5), 0.3
    more, less = sides(strengths)
    apart = more.examples[0].latent - less.examples[0].latent
    for at_once in (0, 1):
        losses, _, calls, rows = one_step(kind, kept, "difference", Cycle((more, less)), at_once)
        expected = float(((1 - kept) / 2 * apart / calls.factors(rows[0].sigmas)[1]).square().mean())
        assert losses == pytest.approx({1: expected, -1: expected}, rel=1e-2)
    assert min(one_step(kind, kept, "denoise", Cycle((more, less)))[0].values()) > 2 * expected


def test_sides_of_unequal_strength_share_what_differs_in_proportion():
    """One slope for both: four fifths of the way belong to strength 1, one fifth to −0.25."""
    more, less = sides((1.0, -0.25))
    apart = more.examples[0].latent - less.examples[0].latent
    losses, _, calls, rows = one_step(ModelType.FLOW, 0.3, "difference", Cycle((more, less)))
    whole = float((0.7 * apart / calls.factors(rows[0].sigmas)[1]).square().mean())
    assert losses == pytest.approx({1: 0.8**2 * whole, -1: 0.2**2 * whole}, rel=1e-3)


def test_a_picture_without_a_partner_in_its_turn_has_its_own_target():
    more, less = sides()
    larger = Bucket("less", (example("z"),), -0.5)
    larger.examples[0].latent.resize_(1, 16, 8, 4)
    rows = one_step(ModelType.FLOW, 0.3, "difference", Cycle((more, less)))[3]
    assert [row.partner for row in rows] == [1, 0]
    wanted = request(shared_model("sd3"), Cycle((more, larger)), objective="difference")
    calls = Formula(ModelType.FLOW, 0.3, torch.zeros(1))
    rows = rows_of_turn(next(wanted.cycle.turns()), calls, wanted, torch.Generator())
    assert [row.partner for row in rows] == [None, None]


def test_words_are_no_partner_of_a_picture():
    """Their practice pictures have nothing of the concept, so what the model gets wrong in them is no measure."""
    more, less = sides()
    words = Words(([[torch.zeros(1, 4, 8), {}]],), ([[torch.ones(1, 4, 8), {}]],))
    spoken = Bucket("words", tuple(replace(one, words=words) for one in less.examples), -0.5)
    wanted = request(shared_model("sd3"), Cycle((more, spoken), pairing="random"), objective="difference")
    calls = Formula(ModelType.FLOW, 0.3, torch.zeros(1, 16, 8, 8))
    calls.row_under = lambda example, conditioning: Row(example.latent, {})
    rows = rows_of_turn(next(wanted.cycle.turns()), calls, wanted, torch.Generator())
    assert [(row.partner, row.steering is None) for row in rows] == [(None, True), (None, False)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_first_step_of_words_moves_the_denoised_picture_towards_more(kind):
    """The pictures that the two prompts ask for differ by `apart`."""
    more, less = sides()
    apart = more.examples[0].latent - less.examples[0].latent
    of_more, of_less = (Row(0 * apart, {"says": side.examples[0].latent}) for side in (more, less))
    _, _, calls, rows = one_step(kind, 0.9, "denoise", Cycle((more, less)))
    steering, shown = Steering((of_more,), (of_less,), 1.0), Row(0 * apart, {})
    for sign in (1, -1):
        calls.change.grad = None
        row = replace(rows[0], row=shown, strength=float(sign), sign=sign, steering=steering)
        forward_backward([row], calls, calls.attach)
        moved = calls.factors(row.sigmas)[1] * -calls.change.grad
        assert (moved * apart).sum() > 0, "at either sign, what the slider adds at +1 is more of it"
