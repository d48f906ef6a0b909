"""A slider goes the right way: at +s there is more of the concept, at −s less, whatever the model predicts.

Each of these fails when a sign is exchanged: in the target, in a row's strength, or between the two pictures.
"""

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfy.model_base import ModelType, model_sampling
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Words
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.settings.training import OBJECTIVES
from concept_sliders.slider_core.training import TrainRequest, train
from concept_sliders.slider_core.training.model_call import ModelCalls, Row
from concept_sliders.slider_core.training.rows import rows_of_turn
from concept_sliders.slider_core.training.step import forward_backward
from concept_sliders.slider_core.training.words import Steering
from small_training import example, request
from tiny_concepts import amount_seen, cycle, graded_cycle, learned_model, mixed_cycle, named_model
from tiny_models import shared_model

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))
import sliders

pytestmark = pytest.mark.xdist_group("direction")  # the models learn once

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


WAYS = [("denoise", True), ("difference", True), ("difference", False)]


@pytest.mark.parametrize(("objective", "paired"), WAYS)
@pytest.mark.parametrize("name", ["sd3", "sd15", "sd2"])  # velocity, noise, v
def test_a_trained_slider_goes_the_right_way_on_noise_it_has_not_seen(name, objective, paired):
    more_and_less(learned_model(name), name, cycle(name, paired), objective)


@pytest.mark.parametrize("objective", ["denoise", "difference"])
@pytest.mark.parametrize("name", ["sd3", "sd15", "sd2"])
def test_several_strengths_a_side_go_the_right_way(name, objective):
    more_and_less(learned_model(name), name, graded_cycle(name), objective)


@pytest.mark.parametrize("name", ["sd3", "sd15", "sd2"])
def test_what_the_sides_share_by_accident_does_not_turn_a_slider_round(name):
    """Two strengths a side and no pairs. At a rate of 2e-2 the steps are so large that any way may come of it."""
    more_and_less(learned_model(name), name, graded_cycle(name, paired=False), "difference", 0.0)


@pytest.mark.parametrize("objective", ["denoise", "difference"])
@pytest.mark.parametrize("name", ["sd3", "sd15", "sd2"])
def test_pictures_and_words_together_go_the_right_way(name, objective):
    more_and_less(named_model(name), name, mixed_cycle(name), objective)


def more_and_less(model, name, cycle, objective, rate=1e-2):
    plan = uniform_plan(select_targets(model), AdapterConfig("lora", rank=2))
    settings = {"steps": 12, "learning_rate": rate, "objective": objective}
    deltas, _ = deltas_for(model, train(TrainRequest(model, plan, cycle, **settings)).slider)
    for level, clearly in ((0.5, 0.005), (0.8, 0.02)):
        less, base, more = (
            amount_seen(name, apply_slider(model, AppliedSlider(deltas, s)), level).mean() for s in (-1, 0, 1)
        )
        assert less + clearly < base < more - clearly, (level, less, base, more)


ADAPTERS = {"lora": AdapterConfig("lora", rank=4), **sliders.methods.KINDS}


@pytest.mark.parametrize("kind", ADAPTERS)
def test_every_kind_of_adapter_goes_the_right_way(kind):
    goes_the_right_way("sd3", uniform_plan(select_targets(learned_model("sd3")), ADAPTERS[kind]))


@pytest.mark.parametrize("preset", ["attention", "mlp"])
@pytest.mark.parametrize("name", ["sd3", "sd15", "sd2"])
def test_every_preset_goes_the_right_way(name, preset):
    targets = select_targets(learned_model(name), preset=preset)
    goes_the_right_way(name, uniform_plan(targets, AdapterConfig("lora", rank=4)))


def goes_the_right_way(name, plan):
    model = learned_model(name)
    trained = train(TrainRequest(model, plan, cycle(name, True), steps=12, learning_rate=1e-2))
    deltas, _ = deltas_for(model, trained.slider)
    less, base, more = (
        amount_seen(name, apply_slider(model, AppliedSlider(deltas, s)), 0.8).mean() for s in (-1, 0, 1)
    )
    assert less + 0.01 < base < more - 0.01, (less, base, more)


@pytest.fixture(scope="module", params=sliders.grounds.MODELS)
def faces(request):
    return sliders.load_ground(request.param)


@pytest.mark.parametrize(("objective", "paired"), WAYS)
def test_a_smile_trained_on_faces_is_a_smile_at_plus_one_and_a_frown_at_minus_one(faces, objective, paired):
    concept = sliders.demo.CONCEPTS["smile"]
    settings = {"steps": 40, "learning_rate": 2e-3, "objective": objective}
    slider = sliders.trained(faces, concept, paired, seed=0, **settings).slider
    frown, plain, smile = sliders.look(faces, slider, concept, (-1.0, 0.0, 1.0), seeds=1).means()
    assert frown + 0.15 < plain < smile - 0.15


def test_a_smile_that_words_ask_for_is_a_smile_at_plus_one_and_a_frown_at_minus_one(monkeypatch):
    """On the model whose captions name it."""
    faces, method = sliders.load_ground("noise"), sliders.methods.METHODS["words"]
    monkeypatch.setattr(sliders.methods, "STEPS", 30)
    monkeypatch.setattr(sliders.methods, "RATE", 2e-3)
    slider, _ = sliders.methods.trained(faces, "smile", sliders.Setup(), method, seed=0)
    concept = sliders.demo.CONCEPTS["smile"]
    frown, plain, smile = sliders.look(faces, slider, concept, (-1.0, 0.0, 1.0), seeds=1).means()
    assert frown + 0.15 < plain < smile - 0.15
