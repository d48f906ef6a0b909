"""LoRA on plain layers, compared with the weight difference that it stands for."""

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, AdapterError, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.layers import LayerError
from concept_sliders.slider_core.strength import attached
from torch import nn

STRENGTHS = torch.tensor([-2.0, 0.0, 1.3])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.ModuleDict({"linear": nn.Linear(6, 12), "conv": nn.Conv2d(3, 5, 3, stride=2, padding=1)})


def lora(model, layer, rows=None, **settings):
    target = Target(f"{layer}.weight", rows)
    adapters = make_adapters(model, uniform_plan([target], AdapterConfig(**settings)))
    return adapters, adapters[layer][0]


@pytest.mark.parametrize("layer, shape", [("linear", (3, 7, 6)), ("conv", (3, 3, 8, 8))])
def test_a_new_lora_adds_exactly_nothing(model, layer, shape):
    adapters, _ = lora(model, layer)
    x = torch.randn(shape)
    with attached(model, adapters, STRENGTHS):
        assert torch.equal(model[layer](x), model.get_submodule(layer).forward(x))


@pytest.mark.parametrize("layer, shape", [("linear", (3, 7, 6)), ("conv", (3, 3, 8, 8))])
def test_each_row_gets_the_weight_difference_at_its_strength(model, layer, shape):
    adapters, adapter = lora(model, layer, rank=2, alpha=3.0)
    nn.init.normal_(adapter.up)
    x = torch.randn(shape)
    base = model[layer]
    difference = 3 / 2 * (adapter.up.flatten(1) @ adapter.down.flatten(1)).reshape(base.weight.shape)
    with attached(model, adapters, STRENGTHS):
        got = base(x)
    for row, strength in enumerate(STRENGTHS):
        changed = {"weight": base.weight + strength * difference, "bias": base.bias}
        expected = torch.func.functional_call(base, changed, x[row : row + 1])
        assert torch.allclose(got[row : row + 1], expected, atol=1e-5)
    assert torch.equal(got[1:2], base(x)[1:2])


def test_conv_rank_is_for_kernels_larger_than_one(model):
    model["pointwise"] = nn.Conv2d(3, 5, 1)
    settings = {"rank": 4, "conv_rank": 2, "conv_alpha": 1.0}
    assert lora(model, "conv", **settings)[1].rank == 2
    assert lora(model, "pointwise", **settings)[1].rank == 4


def test_rslora_divides_by_the_root_of_the_rank(model):
    _, adapter = lora(model, "linear", rank=4, alpha=3.0, options={"rslora": True})
    assert adapter.alpha / adapter.rank == 3.0 / 2


def test_what_does_not_fit_is_named(model):
    with pytest.raises(LayerError, match="no layer 'lineal'"):
        lora(model, "lineal")
    with pytest.raises(AdapterError, match="12 rows.*from 8 to 16"):
        lora(model, "linear", rows=(8, 16))
    with pytest.raises(AdapterError, match="no adapter kind 'lorra'"):
        lora(model, "linear", kind="lorra")
