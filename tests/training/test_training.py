"""Training a slider: what it learns, and that it leaves the model as it was however it ends."""

import dataclasses
import math

import comfy.sd
import pytest
import torch
from comfy.model_management import InterruptProcessingException, load_models_gpu
from comfy.model_patcher import create_model_options_clone
from comfy.sampler_helpers import prepare_model_patcher
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.deltas.joint import Cast
from concept_sliders.slider_core.gradients.saved_tensors import SavedTensors
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import (
    NotFiniteError,
    Paused,
    RequestError,
    StepDone,
    Stopped,
    TrainRequest,
    train,
)
from small_training import LAYERS, buckets, example, request
from tiny_models import shared_model, tiny_call, tiny_model


def predict(model):
    """The denoised latents of one model call, as a sampler makes it."""
    load_models_gpu([model])
    options = create_model_options_clone(model.model_options)
    prepare_model_patcher(model, {}, options)
    return model.model.apply_model(**tiny_call("sd3"), transformer_options=options["transformer_options"])


def state(model):
    """Every weight's object, place in memory and value."""
    tensors = model.model.state_dict(keep_vars=True)
    return {name: (id(tensor), tensor.data_ptr(), tensor.clone()) for name, tensor in tensors.items()}


def same(before, after):
    return all(
        a[:2] == b[:2] and torch.equal(a[2], b[2]) for a, b in zip(before.values(), after.values(), strict=True)
    )


def loss_of(losses):
    return sum(losses[-10:]) / 10


def test_the_slider_learns_both_sides_and_goes_opposite_ways(model):
    trained = train(request(model, Cycle(buckets(neutral=False)), steps=120, learning_rate=1e-2))
    start = sum(trained.losses["loss"][:10]) / 10
    assert loss_of(trained.losses["loss"]) < 0.9 * start

    deltas, unused = deltas_for(model, trained.slider)
    plus, base, minus = (predict(apply_slider(model, AppliedSlider(deltas, s))) for s in (0.5, 0.0, -0.5))
    assert not unused and torch.equal(base, predict(model))
    more, less = (plus - base).flatten(), (minus - base).flatten()
    assert torch.cosine_similarity(more, less, dim=0) < -0.5
    # At +s the prediction of the clean picture is brighter, at -s darker, as the pictures of the buckets are.
    assert more.mean() > 0 > less.mean()


@pytest.mark.parametrize("mode", ["together", "alternate"])
@pytest.mark.parametrize("neutral", ["anchor", "plain", "off"])
def test_every_mode_of_the_cycle_trains(model, mode, neutral):
    trained = train(request(model, Cycle(buckets(), mode, neutral=neutral, batch_size=2), steps=3))
    assert len(trained.losses["loss"]) == 3 and all(math.isfinite(loss) for loss in trained.losses["loss"])
    seen = {
        name for name in ("positive", "negative", "neutral") if not all(map(math.isnan, trained.losses[name]))
    }
    assert seen == {"positive", "negative"} | ({"neutral"} if neutral != "off" else set())


def test_the_difference_objective_learns_fast_and_needs_both_sides_in_every_step(model):
    cycle = Cycle(buckets(neutral=False))
    trained = train(request(model, cycle, objective="difference", steps=60, learning_rate=1e-2))
    assert loss_of(trained.losses["loss"]) < 0.6 * sum(trained.losses["loss"][:5]) / 5
    one_side = Cycle(buckets()[:1], one_sided=True)
    for cycle in (Cycle(buckets(), mode="alternate"), one_side):
        with pytest.raises(RequestError, match="a positive with a negative picture in every step"):
            request(model, cycle, objective="difference")


def test_examples_that_were_encoded_with_gradients_on_train_as_others_do(model):
    """As of a Python script, where the weights of text encoder and VAE want gradients."""
    weight = torch.ones(1, requires_grad=True)

    def followed(example):
        ((text, options),) = example.conditioning
        conditioning = [[text * weight, {key: value * weight for key, value in options.items()}]]
        return dataclasses.replace(example, latent=example.latent * weight, conditioning=conditioning)

    with torch.inference_mode(False), torch.enable_grad():
        kept = tuple(dataclasses.replace(b, examples=tuple(map(followed, b.examples))) for b in buckets())
    plain, others = (train(request(model, Cycle(b), steps=6)).slider for b in (buckets(), kept))
    assert all(torch.equal(plain[key], others[key]) for key in plain) and weight.grad is None


def test_rows_in_one_call_or_one_by_one_give_the_same_slider(model):
    cycle = Cycle(buckets(), batch_size=2)
    whole, single = (train(request(model, cycle, steps=3, rows_at_once=n)).slider for n in (0, 1))
    for key in whole:
        assert torch.allclose(whole[key], single[key], atol=1e-5)


def test_pictures_of_different_size_train_in_one_step(model):
    larger = dataclasses.replace(example("z"), latent=torch.randn(1, 16, 8, 16))
    more, less = Bucket("more", (example("a"), larger), 0.5), Bucket("less", (example("a"), larger), -0.5)
    trained = train(request(model, Cycle((more, less), batch_size=2), steps=2))
    assert all(math.isfinite(loss) for loss in trained.losses["loss"])


def test_of_weights_that_layers_cast_for_each_use_nothing_is_noted_for_longer_than_a_step(monkeypatch):
    model = tiny_model("sd3")
    for layer in model.model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data, layer.comfy_cast_weights = layer.weight.data.bfloat16(), True
    noted, seen, active = [], [], SavedTensors.active

    def noting(saved):
        noted.append(len(saved.weights._made))
        seen.append(saved.weights.seen)
        return active(saved)

    monkeypatch.setattr(SavedTensors, "active", noting)
    train(request(model, steps=5, gradient_checkpointing=True))
    assert noted == [0] * 5 and seen == [False, True, True, True, True]


def test_room_is_made_for_the_largest_picture(model, monkeypatch):
    wide = dataclasses.replace(example("b"), latent=torch.zeros(1, 16, 8, 12))
    buckets = [Bucket("more", (example("a"), wide), 0.5), Bucket("less", (example("a"), wide), -0.5)]
    asked = []
    monkeypatch.setattr(model.model, "memory_required", lambda shape, **_: asked.append(list(shape)) or 1.0)
    train(request(model, Cycle(buckets), steps=1))
    assert all(shape == [2, 16, 8, 12] for shape in asked) and asked


def test_an_example_of_several_latents_is_one_row_with_one_strength(model):
    """As of video models whose frames are rows of the batch."""

    def clip(example):
        return dataclasses.replace(example, latent=example.latent.repeat(2, 1, 1, 1))

    more, less, plain = (dataclasses.replace(b, examples=tuple(map(clip, b.examples))) for b in buckets())
    clips = train(request(model, Cycle((more, less, plain)), steps=3))
    single = train(request(model, steps=3))
    assert clips.losses["positive"][0] == pytest.approx(single.losses["positive"][0], rel=0.2)
    assert clips.losses["positive"][0] != single.losses["positive"][0]
    train(request(model, Cycle((more, less)), objective="difference", steps=2))


class FaultError(Exception):
    pass


@pytest.mark.parametrize("reason", [None, FaultError, InterruptProcessingException, torch.OutOfMemoryError])
def test_the_model_is_as_it_was_after_success_error_cancel_and_out_of_memory(model, reason):
    events = []

    def on_event(event):
        events.append(event)
        if reason and isinstance(event, StepDone) and event.step == 2:
            raise reason()

    before, picture = state(model), predict(model)
    if reason:
        with pytest.raises(reason):
            train(request(model), on_event)
        assert isinstance(events[-1], Stopped) and events[-1].result.steps == 2
    else:
        train(request(model), on_event)
    assert same(before, state(model)) and torch.equal(picture, predict(model))
    assert not any(module._forward_hooks for module in model.model.modules())


def test_the_model_is_free_for_a_preview_at_each_pause(model):
    picture, seen = predict(model), []

    def on_event(event):
        if isinstance(event, Paused):
            with torch.inference_mode():
                seen.append((event.result.steps, torch.equal(predict(model), picture)))

    paused = train(request(model, preview_every=2, steps=5), on_event).slider
    assert seen == [(2, True), (4, True), (5, True)]
    straight = train(request(model, steps=5)).slider
    assert all(torch.equal(paused[key], straight[key]) for key in straight)


def test_what_is_handed_out_at_a_pause_stays_as_it_is_while_training_goes_on(model):
    handed_out = []

    def on_event(event):
        if isinstance(event, Paused):
            slider, losses = event.result.slider, event.result.losses
            copies = {key: value.clone() for key, value in slider.items()}
            handed_out.append((slider, copies, losses, len(losses["loss"])))

    last = train(request(model, preview_every=2, steps=5), on_event).slider
    for slider, copies, losses, steps in handed_out:
        assert all(torch.equal(slider[key], copies[key]) for key in copies) and len(losses["loss"]) == steps
    assert not torch.equal(
        *(s[f"{LAYERS[0].removesuffix('.weight')}.lora_up.weight"] for s in (handed_out[0][0], last))
    )


def test_a_loss_that_is_not_finite_stops_with_the_last_good_state(model):
    broken = dataclasses.replace(example("b"), latent=torch.full((1, 16, 8, 8), math.nan))
    more = Bucket("more", (example("a"), broken), 0.5)
    cycle = Cycle((more, Bucket("less", (example("a"), example("b")), -0.5)))
    events = []
    with pytest.raises(NotFiniteError, match="not a finite number"):
        train(request(model, cycle, steps=9), events.append)
    kept = events[-1].result
    assert kept.steps < 2 and all(bool(tensor.isfinite().all()) for tensor in kept.slider.values())


@pytest.mark.parametrize("kind", ["dora", "full", "oft", "ia3"])
def test_what_is_loaded_before_makes_no_difference(model, kind):
    """DoRA starts from the magnitudes of the weight's rows: those of the model that it is trained on."""
    layer = LAYERS[0].removesuffix(".weight")
    random = {
        f"{layer}.lora_{way}.weight": torch.randn(shape)
        for way, shape in (("up", (128, 4)), ("down", (4, 128)))
    }
    patched = comfy.sd.load_lora_for_models(model, None, random, 1.0, 0)[0]
    config = AdapterConfig("lora", 2, options={"dora": True}) if kind == "dora" else AdapterConfig(kind, 2)
    plan = uniform_plan([Target(key) for key in LAYERS], config)
    of = {}
    for before in (model, patched):
        for trained in (model, patched):
            load_models_gpu([before])
            of[before, trained] = train(dataclasses.replace(request(trained, steps=2), plan=plan)).slider
    for trained in (model, patched):
        one, other = of[model, trained], of[patched, trained]
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_an_assistant_is_on_at_one_for_every_sign_and_is_not_in_the_file(model):
    assistant = train(request(model, steps=20, learning_rate=3e-2)).slider
    cycle = Cycle(buckets(neutral=False))
    losses = [train(request(model, cycle, steps=1, assistant=a)).losses for a in (None, assistant)]
    # With no slider yet, both signs see the assistant alone: their losses change as if it were merged at +1.
    merged = apply_slider(model, AppliedSlider(deltas_for(model, assistant)[0], 1.0))
    expected = train(request(merged, cycle, steps=1)).losses
    for sign in ("positive", "negative"):
        assert losses[1][sign][0] == pytest.approx(expected[sign][0], rel=1e-5)
        assert losses[1][sign][0] != pytest.approx(losses[0][sign][0], rel=1e-3)
    assert set(train(request(model, cycle, steps=1, assistant=assistant)).slider) == set(assistant)
    with pytest.raises(RequestError, match="No layer of the assistant"):
        train(request(model, assistant={"other.lora_up.weight": torch.ones(2, 2)}))


def test_an_assistant_and_a_start_may_have_weights_of_8_bits(model):
    """As ComfyUI's own Load LoRA Model gives them from a file in fp8."""
    slider = train(request(model, steps=2, learning_rate=1e-2)).slider
    in_fp8 = {k: v if v.ndim < 2 else v.to(torch.float8_e4m3fn) for k, v in slider.items()}
    exact = {k: v if v.ndim < 2 else v.half() for k, v in in_fp8.items()}
    losses = [train(request(model, assistant=a, start_from=a)).losses["loss"] for a in (in_fp8, exact)]
    assert losses[0] == losses[1]


def test_of_a_slider_for_some_of_the_steps_one_copy_is_made_and_nothing_is_left(model, monkeypatch):
    """It is not in the weights, so each model call of the training adds it to the layers' outputs."""
    layer = LAYERS[0].removesuffix(".weight")
    lora = {f"{layer}.lora_up.weight": torch.ones(128, 4), f"{layer}.lora_down.weight": torch.ones(4, 128)}
    deltas, _ = deltas_for(model, lora | {f"{layer}.dora_scale": torch.ones(128, 1)})
    plain, _ = deltas_for(model, {key.replace(".0.", ".1."): value for key, value in lora.items()})
    slid = apply_slider(model, AppliedSlider(deltas | plain, end_percent=0.9))
    made, cast = [], Cast.__init__
    monkeypatch.setattr(Cast, "__init__", lambda *args: made.append(args) or cast(*args))
    train(request(slid))
    assert len(made) == 2  # of the slider that is applied, and of the one that is trained
    (magnitudes,) = deltas[layer]
    assert not magnitudes.tensors.copies and magnitudes._factor is None


def test_settings_are_checked(model):
    for settings, message in (
        ({"steps": 0}, "steps is 0; it must be a whole number from 1 "),
        ({"optimiser": "Magic"}, "optimiser is 'Magic'; choose one of AdamW"),
        ({"anchor_below": 1.5}, "anchor_below is 1.5; it must be a finite number from 0 to 1"),
        ({"seed": 2**64}, "seed is 18446744073709551616; it must be"),
        ({"steps": "6"}, "steps is '6'"),
        (
            {"start_from": {"a.alpha": torch.tensor(math.inf)}},
            "start_from: tensor 'a.alpha' holds NaN or infinity",
        ),
    ):
        with pytest.raises(RequestError, match=message):
            request(model, **settings)


NUMBERS = [f.name for f in dataclasses.fields(TrainRequest) if f.type in ("float", "int")]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1])
def test_no_number_may_be_nan_or_infinite_or_negative(model, name, value):
    """ComfyUI's limits let NaN pass."""
    with pytest.raises(RequestError, match=rf"{name} is \S+; it must be a (whole|finite) number"):
        request(model, **{name: value})


def test_a_model_that_cannot_be_trained_is_refused_with_the_reason():
    with pytest.raises(RequestError, match="MiniMax H3 yet: it takes video and sound together"):
        request(shared_model("minimax_h3"))
