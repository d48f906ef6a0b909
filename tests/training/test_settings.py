"""Each setting of a training does what it says: seen in the slider, in the rates told, or in what is loaded."""

import math
from dataclasses import replace

import pytest
import torch
from comfy import model_management
from comfy.model_patcher import ModelPatcher
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import StepDone, loop, train
from concept_sliders.slider_core.training.timesteps import draw_levels
from safetensors.torch import load_file
from small_training import buckets, example, request
from tiny_models import CPU, model_config, randomise, tiny_model

SGD = {"steps": 1, "optimiser": "SGD", "schedule": "constant", "learning_rate": 1.0, "max_norm": 0.0}


def part(slider, name):
    """All numbers of the tensors of this name, in one vector."""
    return torch.cat([tensor.flatten() for key, tensor in slider.items() if name in key])


def moved(model, **settings):
    """What one step changes; of a new LoRA that is `up` alone, which was 0."""
    return part(train(request(model, **SGD | settings)).slider, "lora_up")


def rates(model, **settings):
    told = []
    train(request(model, **settings), told.append)
    return [event.learning_rate for event in told if isinstance(event, StepDone)]


def test_low_noise_levels_lie_around_a_quarter_and_the_others_around_a_half():
    random = torch.Generator().manual_seed(0)
    drawn = {name: draw_levels(4000, name, True, random) for name in ("low", "logit_normal", "uniform", "auto")}
    medians = {name: float(levels.median()) for name, levels in drawn.items()}
    expected = {"low": 0.269, "logit_normal": 0.5, "uniform": 0.5, "auto": 0.5}
    assert medians == pytest.approx(expected, abs=0.02)
    assert all(0 < levels.min() and levels.max() < 1 for levels in drawn.values())


def test_a_gradient_is_clipped_to_the_norm_given(model):
    free = moved(model)
    clipped = moved(model, max_norm=1e-3)
    assert clipped.norm() == pytest.approx(1e-3, rel=1e-3) and free.norm() > 1e-2
    torch.testing.assert_close(clipped / clipped.norm(), free / free.norm(), rtol=1e-3, atol=1e-6)


def test_weight_decay_shrinks_what_has_no_gradient_by_the_rate(model):
    """As `down` in the first step, while `up` is 0."""
    of = {
        decay: part(train(request(model, steps=1, learning_rate=1e-2, weight_decay=decay)).slider, "lora_down")
        for decay in (0.0, 0.5)
    }
    torch.testing.assert_close(of[0.5], of[0.0] * (1 - 1e-2 * 0.5))
    assert not torch.equal(of[0.5], of[0.0])


@pytest.mark.parametrize(
    "schedule, falling",
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 0.75, 0.5, 0.25]),
        ("cosine", [(1 + math.cos(math.pi * done)) / 2 for done in (0, 0.25, 0.5, 0.75)]),
    ],
)
def test_the_rate_rises_in_the_warm_up_and_then_falls_as_the_schedule_says(model, schedule, falling):
    expected = [1e-3 * factor for factor in (1 / 3, 2 / 3, *falling)]
    assert rates(model, steps=6, warmup=2, schedule=schedule) == pytest.approx(expected)


def test_the_rate_told_is_the_one_stepped_with(model):
    torch.testing.assert_close(moved(model, warmup=1), 0.5 * moved(model))


def test_the_weight_of_anchors_is_theirs_in_the_mean_of_the_losses(model):
    """With two other rows, the gradient is (sum of theirs + weight · that of the anchor) / (2 + weight)."""
    start = train(request(model, learning_rate=0.1)).slider
    still = part(start, "lora_up")
    gradient = {w: still - moved(model, start_from=start, anchor_weight=w) for w in (0.0, 1.0, 3.0)}
    others = 2 * gradient[0.0]
    anchor = 3 * gradient[1.0] - others
    assert anchor.norm() > 1e-2 * others.norm() and not torch.allclose(gradient[0.0], gradient[3.0], rtol=1e-2)
    torch.testing.assert_close(5 * gradient[3.0] - others, 3 * anchor, rtol=1e-2, atol=1e-4)


def test_training_starts_with_the_slider_given(model):
    start = train(request(model, steps=2, learning_rate=1e-2)).slider
    went_on = train(request(model, steps=1, learning_rate=1e-9, start_from=start, seed=1)).slider
    torch.testing.assert_close(dict(went_on), dict(start), rtol=1e-4, atol=1e-7)


def test_anchors_hold_at_low_noise_only(model, monkeypatch):
    seen, real = [], loop.rows_of_turn

    def rows_of_turn(*args):
        rows = real(*args)
        seen.extend(rows)
        return rows

    monkeypatch.setattr(loop, "rows_of_turn", rows_of_turn)
    train(request(model, steps=20, anchor_below=0.2))
    most = model.model.model_sampling.percent_to_sigma(0.8)
    assert all(row.sigma <= most for row in seen if row.anchor) and any(row.anchor for row in seen)
    assert sum(bool(row.sigma > most) for row in seen if not row.anchor) > 20


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_adapter_and_optimiser_have_the_precision_given(model, tmp_path, dtype):
    trained = train(request(model, steps=2, dtype=dtype, checkpoint=tmp_path / "state"))
    (file,) = tmp_path.glob("state-*.safetensors")
    state = {key: tensor.dtype for key, tensor in load_file(file).items() if tensor.ndim}
    assert set(state.values()) == {dtype} and any("exp_avg" in key for key in state)
    assert {tensor.dtype for key, tensor in trained.slider.items() if "lora" in key} == {dtype}


def half_model():
    """In float16, with a last layer whose answer is so weak that gradients of its inputs are 0 in that type."""
    config = model_config("sd3")
    config.set_inference_dtype(torch.float16, None)
    model = config.get_model({}, device=CPU)
    randomise(model.diffusion_model)
    model.diffusion_model.final_layer.register_forward_hook(lambda layer, args, y: y * 1e-6)
    return ModelPatcher(model, load_device=CPU, offload_device=CPU)


def test_gradients_of_a_float16_model_do_not_vanish_and_are_clipped_by_their_own_size():
    """They are scaled for the backward pass, and back before their norm is looked at."""
    assert half_model().model_dtype() == torch.float16
    free = moved(half_model())
    assert 0 < free.norm() < 1e-4 < 2**16 * free.norm()
    torch.testing.assert_close(moved(half_model(), max_norm=1e-4), free, rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_more_memory_is_kept_free_of_weights_than_sampling_asks_for(model, monkeypatch, checkpointing):
    asked, real = [], model_management.load_models_gpu

    def load_models_gpu(models, memory_required=0, **others):
        asked.append(memory_required)
        return real(models, memory_required=memory_required, **others)

    monkeypatch.setattr(model_management, "load_models_gpu", load_models_gpu)
    train(request(model, Cycle(buckets(), batch_size=2), steps=1, gradient_checkpointing=checkpointing))
    sampling = model.model.memory_required([4, 16, 8, 8])
    assert sampling > 0 and len(asked) == 2 and all(memory >= 2 * sampling for memory in asked)


PART = {
    "area": (4, 4, 2, 2),
    "mask": torch.ones(1, 8, 8).triu(),
    "mask_strength": 0.5,
    "start_percent": 0.5,
    "end_percent": 0.6,
}


@pytest.mark.parametrize("option", PART)
def test_a_prompt_for_a_part_of_the_picture_or_of_sampling_counts_for_all_of_it(model, option):
    def limited(example):
        ((text, options),) = example.conditioning
        return replace(example, conditioning=[[text, {**options, option: PART[option]}]])

    whole = tuple(replace(b, examples=tuple(map(limited, b.examples))) for b in buckets())
    plain, others = (train(request(model, Cycle(b), steps=2)).slider for b in (buckets(), whole))
    assert all(torch.equal(plain[key], others[key]) for key in plain)


def clip(name, offset=0.0):
    """An example for Cosmos Predict1, whose layers have tokens first and the rows of the batch second."""
    random = torch.Generator().manual_seed(ord(name))
    latent = torch.randn(1, 16, 1, 6, 10, generator=random) + offset
    return replace(example(name), latent=latent, conditioning=[[torch.randn(1, 6, 48, generator=random), {}]])


def cosmos(**settings):
    model = tiny_model("cosmos_predict1")
    cycle = Cycle(
        (
            Bucket("more", (clip("a", 1.0), clip("b", 1.0)), 0.5),
            Bucket("less", (clip("c", -1.0),), -0.5),
            Bucket("plain", (clip("d"),)),
        )
    )
    settings = {"steps": 3, "learning_rate": 1e-2, **settings}
    wanted = request(settings.pop("model", model), cycle, **settings)
    return train(replace(wanted, plan=uniform_plan(select_targets(model), AdapterConfig(rank=2))))


def test_each_row_trains_at_its_strength_where_the_batch_is_not_the_first_dimension():
    together, alone = (cosmos(rows_at_once=rows) for rows in (0, 1))
    assert together.losses["loss"] == pytest.approx(alone.losses["loss"], rel=1e-4)


def test_an_assistant_is_on_every_row_there_too():
    assistant = cosmos(learning_rate=3e-2, steps=10).slider
    model = tiny_model("cosmos_predict1")
    merged = apply_slider(model, AppliedSlider(deltas_for(model, assistant)[0], 1.0))
    helped, expected, plain = cosmos(assistant=assistant), cosmos(model=merged), cosmos()
    assert helped.losses["loss"] == pytest.approx(expected.losses["loss"], rel=1e-3)
    assert helped.losses["loss"] != pytest.approx(plain.losses["loss"], rel=1e-2)
