"""A trained slider goes the right way: at +1 there is more of the concept, at −1 less, on noise it has not seen."""

import sys
from pathlib import Path

import pytest
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import TrainRequest, train
from tiny_concepts import amount_seen, cycle, graded_cycle, learned_model, mixed_cycle, named_model

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))
import sliders

pytestmark = pytest.mark.xdist_group("direction")  # the models learn once
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


@pytest.mark.parametrize(
    ("name", "objective"), [("sd3", "denoise"), ("sd15", "difference"), ("sd2", "denoise")]
)
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
