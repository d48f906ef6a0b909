"""SliderApply and SliderStrength against the stock LoRA loader, through ComfyUI's own sampler."""

import gc
from weakref import ref

import comfy.sd
import pytest
import torch
from concept_sliders.nodes import apply as nodes_apply
from concept_sliders.nodes.apply import SliderApply, SliderStrength
from concept_sliders.slider_core.files import Slider
from small_sampling import LAYERS, apply, at, close, prompt, sample, slider
from tiny_models import shared_model, tiny_model


@pytest.fixture(params=["sd3", "flux"])
def family(request):
    return request.param


@pytest.fixture
def model(family):
    with torch.inference_mode():
        yield shared_model(family)


def test_five_strengths_in_one_run_equal_five_runs_with_the_stock_loader(model, family):
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    five = "-2, -0.5, 0, 0.5, 2"
    together = sample(apply(model, lora, 9.0), at(positive, five), at(negative, five), count=5)
    base = sample(model, positive, negative)
    for row, strength in zip(together, [-2, -0.5, 0, 0.5, 2], strict=True):
        stock, _ = comfy.sd.load_lora_for_models(model, None, lora, strength, 0)
        expected = sample(stock, positive, negative)[0]
        assert close(row, expected)
        assert strength == 0 or not torch.allclose(row, base[0], atol=1e-3)


def test_strength_zero_is_the_base_model_exactly(model, family):
    positive, negative = prompt(family, 1), prompt(family, 2)
    assert torch.equal(
        sample(apply(model, slider(family), 0.0), positive, negative), sample(model, positive, negative)
    )


def test_sliders_stack_each_with_its_own_strength_also_of_opposite_sign(model, family):
    positive, negative, one, two = prompt(family, 1), prompt(family, 2), slider(family, 1), slider(family, 2)
    stacked = apply(apply(model, one, 0.7, name="one"), two, -1.2, name="two")
    stock, _ = comfy.sd.load_lora_for_models(model, None, one, 0.7, 0)
    stock, _ = comfy.sd.load_lora_for_models(stock, None, two, -1.2, 0)
    assert close(sample(stacked, positive, negative), sample(stock, positive, negative))

    picked = sample(stacked, at(positive, "0", "two"), at(negative, "0", "two"))
    alone, _ = comfy.sd.load_lora_for_models(model, None, one, 0.7, 0)
    assert close(picked, sample(alone, positive, negative))


def test_start_and_end_percent_bound_the_steps(model, family):
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    base, full = sample(model, positive, negative), sample(apply(model, lora, 1.0), positive, negative)
    late = sample(apply(model, lora, 1.0, start_percent=0.5), positive, negative)
    early = sample(apply(model, lora, 1.0, end_percent=0.5), positive, negative)
    assert not any(
        close(one, other) for one, other in [(late, base), (late, full), (early, full), (early, late)]
    )
    assert torch.equal(sample(apply(model, lora, 1.0, start_percent=1.0), positive, negative), base)


def test_a_clone_or_another_branch_does_not_see_the_slider(model, family):
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    before = sample(model, positive, negative)
    patched = apply(model, lora, 2.0)
    sample(patched, positive, negative)
    assert torch.equal(sample(model, positive, negative), before)
    assert torch.equal(sample(model.clone(), at(positive, "2"), negative), before)
    assert not any(module._forward_hooks for module in model.model.modules())


def test_a_new_strength_reads_nothing_again(model, family, monkeypatch, tmp_path):
    read, load, fit = [], nodes_apply.slider_of, nodes_apply.deltas_on
    monkeypatch.setattr(nodes_apply, "slider_of", lambda *given: read.append("file") or load(*given))
    monkeypatch.setattr(nodes_apply, "deltas_on", lambda *given: read.append("fit") or fit(*given))
    one, two = slider(family, 1), slider(family, 2)
    for strength in (1.0, 0.5, 0.25):
        apply(apply(model, one, strength), two, strength)
    assert read == ["file", "fit"] * 2
    apply(tiny_model(family), one, 1.0)  # another model of the same kind
    assert read == ["file", "fit"] * 3


def test_a_slider_made_in_the_place_of_one_that_is_gone_is_another(family):
    """Python gives the address of a slider that nobody holds any more to the next one."""
    other, lora = tiny_model(family), slider(family)
    first = Slider(lora)
    apply(other, first, 1.0)
    address, sliders = id(first), []
    del first
    while len(sliders) < 1000 and not (sliders and id(sliders[-1]) == address):
        sliders.append(Slider({key: 2 * value for key, value in lora.items()}))
    key = next(key for key in lora if key.endswith("lora_up.weight"))
    assert torch.equal(nodes_apply._read(other, sliders[-1], "")[0][key], 2 * lora[key])


def test_a_model_that_is_gone_is_not_kept_by_what_was_read_for_it(family):
    other = tiny_model(family)
    layer = ref(other.model.get_submodule(f"diffusion_model.{LAYERS[family].format(0, 'qkv')}"))
    apply(other, slider(family), 1.0)
    del other
    gc.collect()
    assert layer() is None


def test_bad_input_is_named(model, family):
    with pytest.raises(ValueError, match="choose a file"):
        SliderApply.execute(1.0, model=model)
    with pytest.raises(ValueError, match="either a model or a control_net"):
        SliderApply.execute(1.0, slider=slider(family))
    foreign = Slider({f"x.lora_{side}.weight": torch.ones(2, 2) for side in ("up", "down")})
    with pytest.raises(ValueError, match="No layer"):
        SliderApply.execute(1.0, model=model, slider=foreign)
    with pytest.raises(ValueError, match="'a lot' is not a strength"):
        SliderStrength.execute(prompt(family, 1), "a lot")
    with pytest.raises(ValueError, match="start_percent 0.8 lies after end_percent 0.3"):
        apply(model, slider(family), 1.0, start_percent=0.8, end_percent=0.3)
    for broken in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must .*be .*finite number"):
            apply(model, slider(family), broken)
        with pytest.raises(ValueError, match="must .*be .*finite number"):
            apply(model, slider(family), 1.0, end_percent=broken)
    with pytest.raises(ValueError, match="3 strengths were given for a batch of 2"):
        sample(apply(model, slider(family), 1.0), at(prompt(family, 1), "1 2 3"), prompt(family, 2), count=2)
