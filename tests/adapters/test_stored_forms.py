"""Every kind on base weights in half precision, fp8, quantised by ComfyUI, and in GGUF: none is changed."""

import json

import pytest
import torch
from comfy import ops
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.adapters.difference import difference
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.files import load_into, to_slider
from concept_sliders.slider_core.layers import LayerError
from concept_sliders.slider_core.strength import attached
from torch import nn

KINDS = {
    "lora": {},
    "lora, dora": {"dora": True},
    "loha": {},
    "lokr": {},
    "oft": {},
    "boft": {},
    "glora": {},
    "ia3": {},
    "ia3, input": {"train_on_input": True},
    "dylora": {},
    "full": {},
}
ROWS, COLUMNS = 32, 16


def cast(dtype):
    def make(weight, bias):
        layer = ops.manual_cast.Linear(COLUMNS, ROWS)
        layer.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
        layer.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
        return layer

    return make


def scaled_fp8(weight, bias):
    """As ComfyUI loads a model with fp8 weights and scales."""
    kind = ops.mixed_precision_ops({}, torch.float32, disabled={"float8_e4m3fn"}).Linear
    layer = kind(COLUMNS, ROWS, device="cpu")
    scale = weight.abs().max() / 448
    quantised = {
        "weight": (weight / scale).to(torch.float8_e4m3fn),
        "weight_scale": scale,
        "bias": bias,
        "comfy_quant": torch.tensor(list(json.dumps({"format": "float8_e4m3fn"}).encode()), dtype=torch.uint8),
    }
    layer.load_state_dict(quantised)
    return layer


class GGUFLinear(nn.Module):
    """As ComfyUI-GGUF makes its layers: bytes for a weight, and a method that decodes them."""

    def __init__(self, weight, bias):
        super().__init__()
        self.in_features, self.out_features = COLUMNS, ROWS
        self.weight = nn.Parameter(weight.half().view(torch.uint8), requires_grad=False)
        self.bias = nn.Parameter(bias.half().view(torch.uint8), requires_grad=False)

    def cast_bias_weight(self, like):
        return tuple(part.view(torch.float16).to(like) for part in (self.weight, self.bias))

    def forward(self, x):
        return nn.functional.linear(x, *self.cast_bias_weight(x))


class OpaqueLinear(nn.Module):
    """A layer that lets nobody see its weight."""

    def __init__(self, weight, bias):
        super().__init__()
        self.in_features, self.out_features, self.bias = COLUMNS, ROWS, None
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.uint8), requires_grad=False)
        self.hidden = [weight]

    def forward(self, x):
        return nn.functional.linear(x, self.hidden[0].to(x))


STORED = {
    "float16": cast(torch.float16),
    "bfloat16": cast(torch.bfloat16),
    "fp8": cast(torch.float8_e4m3fn),
    "scaled fp8": scaled_fp8,
    "gguf": GGUFLinear,
}


def model_of(form):
    torch.manual_seed(0)
    return nn.ModuleDict({"layer": form(torch.randn(ROWS, COLUMNS) / 4, torch.randn(ROWS) / 4)})


def trained(model, name, rows=None):
    config = AdapterConfig(name.split(",")[0], 4, options=KINDS[name])
    adapters = make_adapters(model, uniform_plan([Target("layer.weight", rows)], config))
    (adapter,) = adapters["layer"]
    for parameter in adapter.eval().parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return adapters, adapter


@pytest.mark.parametrize("form", STORED)
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("rows", [None, (8, 24)])
def test_the_slider_works_on_top_of_what_is_stored(form, name, rows):
    model = model_of(STORED[form])
    layer, x = model["layer"], torch.randn(3, COLUMNS)
    before = [
        parameter.data.clone().view(torch.uint8) for parameter in layer.parameters() if form != "scaled fp8"
    ]
    adapters, adapter = trained(model, name, rows)
    base = layer(x)
    with torch.no_grad(), attached(model, adapters, torch.tensor([-1.5, 0.0, 1.0])):
        got = layer(x)
    assert torch.equal(got[1], base[1])
    start, stop = rows or (0, ROWS)
    bias = 0 if getattr(adapter, "diff_b", None) is None else adapter.diff_b.detach()
    expected = x @ difference(adapter).T + bias
    for row, strength in ((0, -1.5), (2, 1.0)):
        assert torch.allclose((got - base)[row, start:stop], strength * expected[row], atol=2e-2, rtol=2e-2)
    for parameter, kept in zip(layer.parameters(), before, strict=False):
        assert torch.equal(parameter.data.view(torch.uint8), kept)


@pytest.mark.parametrize("form", STORED)
@pytest.mark.parametrize("name", KINDS)
def test_a_new_adapter_adds_nothing_and_gradients_reach_it(form, name):
    model = model_of(STORED[form])
    config = AdapterConfig(name.split(",")[0], 4, options=KINDS[name])
    adapters = make_adapters(model, uniform_plan([Target("layer.weight")], config))
    x = torch.randn(2, COLUMNS)
    with attached(model, adapters, torch.tensor([1.0, -1.0])):
        got = model["layer"](x)
    assert torch.equal(got, model["layer"](x))
    (got * torch.randn_like(got)).sum().backward()
    (adapter,) = adapters["layer"]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in adapter.parameters())
    assert all(p.dtype == torch.float32 for p in adapter.parameters())


@pytest.mark.parametrize("name", KINDS)
def test_a_slider_file_of_a_quantised_model(name):
    model = model_of(STORED["scaled fp8"])
    adapters, adapter = trained(model, name)
    again, other = trained(model, name)
    load_into(again, to_slider(adapters))
    for key, value in adapter.state_dict().items():
        assert torch.allclose(value, other.state_dict()[key], rtol=1e-4, atol=1e-5)


def test_layers_whose_weight_nobody_can_read():
    model = model_of(OpaqueLinear)
    for name in ("lora", "loha", "lokr", "dylora", "full", "glora", "oft", "ia3"):
        adapters, _ = trained(model, name)
        with attached(model, adapters, torch.ones(1)):
            model["layer"](torch.randn(1, COLUMNS))
    with pytest.raises(LayerError, match="stored as torch.uint8.*without dora.*work on such layers"):
        trained(model, "lora, dora")


def test_bfloat16_adapters_on_request():
    model = model_of(STORED["bfloat16"])
    plan = uniform_plan([Target("layer.weight")], AdapterConfig("lora", 4))
    (adapter,) = make_adapters(model, plan, dtype=torch.bfloat16)["layer"]
    assert {parameter.dtype for parameter in adapter.parameters()} == {torch.bfloat16}
    x = torch.randn(1, COLUMNS, dtype=torch.bfloat16)
    assert adapter.delta(x, model["layer"](x), model["layer"], torch.ones(1, 1)).dtype == torch.bfloat16
