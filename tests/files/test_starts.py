"""Training starts from files: under any names, and refused where they do not fit."""

import sys
from pathlib import Path

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, AdapterError, make_adapters, uniform_plan
from concept_sliders.slider_core.adapters.base import put
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import SliderFileError, convert, load_into
from tiny_models import shared_model

sys.path.insert(0, str(Path(__file__).parent))
from trained_sliders import PROJ, QKV, TEXT, lora_of, trained


def start_from(name, file, config):
    model = shared_model(name)
    adapters = make_adapters(model, uniform_plan(select_targets(model), config))
    return adapters, load_into(adapters, file, model)


@pytest.mark.parametrize("name", ["flux", "wan21", "sd15", "lumina2"])
def test_training_starts_from_files_under_any_names(name):
    slider = trained(name, AdapterConfig("lora", 2))
    native, nothing = start_from(name, slider, AdapterConfig("lora", 2))
    assert not nothing
    for key_format in ("diffusers", "kohya"):
        there = convert(slider, key_format)
        adapters, unused = start_from(name, {**there, TEXT: torch.ones(1)}, AdapterConfig("lora", 2))
        assert unused == [TEXT]
        for layer, of_layer in native.items():
            for one, other in zip(of_layer, adapters[layer], strict=True):
                assert torch.allclose(one.up * one.ratio, other.up * other.ratio)


def test_one_lora_of_a_fused_weight_starts_all_its_parts():
    """As kohya and TrainLoRA have it: the same ranks for q, k and v."""
    model = shared_model("flux")
    (target, *_) = [t for t in select_targets(model) if t.layer == QKV]
    plan = uniform_plan([t for t in select_targets(model) if t.layer == QKV], AdapterConfig("lora", 2))
    adapters, file = make_adapters(model, plan), lora_of(QKV, 768, 256)
    assert load_into(adapters, file, model) == []
    for adapter in adapters[QKV]:
        assert torch.equal(adapter.up, file[f"{QKV}.lora_up.weight"][slice(*adapter.rows)])
        assert torch.equal(adapter.down, file[f"{QKV}.lora_down.weight"])


def test_ranks_of_a_fused_weight_that_do_not_come_apart_are_refused():
    """Six ranks that q, k and v share are not two for each."""
    file = {f"{QKV}.lora_up.weight": torch.randn(768, 6), f"{QKV}.lora_down.weight": torch.randn(6, 256)}
    plan = uniform_plan(
        [t for t in select_targets(shared_model("flux")) if t.layer == QKV], AdapterConfig("lora", 2)
    )
    with pytest.raises(SliderFileError, match="where one of .256, 2. is trained"):
        load_into(make_adapters(shared_model("flux"), plan), file, shared_model("flux"))


def test_a_tensor_of_another_shape_is_not_bent_into_place():
    with pytest.raises(AdapterError, match=r"shape \(2, 4\) where one of \(4, 2\)"):
        put(torch.zeros(4, 2), torch.ones(2, 4))


def test_a_start_that_does_not_fit_is_refused_or_told():
    slider = trained("flux", AdapterConfig("lora", 1))
    with pytest.raises(SliderFileError, match="shape"):  # not stretched to the larger rank
        start_from("flux", slider, AdapterConfig("lora", 4))
    magnitudes = {f"{PROJ}.dora_scale": torch.ones(256, 1)}
    _, unused = start_from("flux", {**slider, **magnitudes}, AdapterConfig("lora", 1))
    assert unused == [f"{PROJ}.dora_scale"]
