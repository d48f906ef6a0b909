"""Every kind of adapter, compared with lycoris-lora's own module on the same weights and input."""

import pytest
import torch
from concept_sliders.slider_core.adapters import KINDS, AdapterConfig, AdapterError, make_adapters, uniform_plan
from concept_sliders.slider_core.adapters.difference import difference
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.strength import attached
from lycoris import modules
from lycoris.modules import boft, diag_oft, dylora, full, glora, ia3, locon, loha, lokr
from made_adapters import ADAPTERS, INPUTS, four_layers, make, randomise
from torch import nn

STRENGTHS = torch.tensor([-2.0, 0.0, 1.3])


@pytest.fixture
def model():
    return four_layers()


def librarys_difference(name, adapter, layer):
    """The weight difference at strength 1 of LyCORIS's own module, loaded with the adapter's tensors."""
    tensors = {f"it.{suffix}": tensor.detach() for suffix, tensor in adapter.tensors().items()}
    kind, found = modules.get_module(tensors, "it")
    if kind is ia3.IA3Module:  # its loader passes one tensor too many
        module = kind("it", layer, train_on_input=adapter.on_input)
        module.weight.data.copy_(tensors["it.weight"])
    elif adapter.kind == "dylora":
        kind = dylora.DyLoraModule
        module = kind("it", layer, 1.0, adapter.rank, adapter.alpha, block_size=1)
        for rank, (up, down) in enumerate(zip(module.up_list, module.down_list, strict=True)):
            up.data.copy_(adapter.up[:, rank : rank + 1].flatten(1))
            down.data.copy_(adapter.down[rank : rank + 1].flatten(1))
        return kind, module.get_diff_weight(rank=adapter.rank - 1)[0]
    elif kind is lokr.LokrModule:  # its loader guesses the factor
        settings = {key: value for key, value in ADAPTERS[name].items() if key not in ("rslora", "dora")}
        settings["weight_decompose"] = "dora" in ADAPTERS[name]
        module = kind("it", layer, 1.0, adapter.rank, adapter.alpha, **settings)
        module.load_state_dict({key[3:]: tensor for key, tensor in tensors.items()}, strict=False)
    else:
        module = modules.make_module(kind, found, "it", layer)
    if hasattr(module, "get_weight"):  # get_diff_weight of loha and lokr multiplies by alpha / rank twice
        change = module.get_weight(layer.weight.shape)
        if not module.wd:
            return kind, change
        module.dora_scale.data.copy_(tensors["it.dora_scale"])
        return kind, module.apply_weight_decompose(layer.weight + change) - layer.weight
    merged = module.get_merged_weight(1.0)[0] if getattr(module, "wd", False) else None
    return kind, module.get_diff_weight(1.0)[0] if merged is None else merged - layer.weight


LIBRARY = {
    "lora": locon.LoConModule,
    "loha": loha.LohaModule,
    "lokr": lokr.LokrModule,
    "oft": diag_oft.DiagOFTModule,
    "boft": boft.ButterflyOFTModule,
    "glora": glora.GLoRAModule,
    "ia3": ia3.IA3Module,
    "dylora": dylora.DyLoraModule,
    "full": full.FullModule,
}


@pytest.mark.parametrize("layer", INPUTS)
@pytest.mark.parametrize("name", ADAPTERS)
def test_each_row_gets_the_librarys_weight_difference_at_its_strength(model, name, layer):
    adapters = randomise(make(model, name, layer))
    adapter, base, x = adapters[layer][0], model[layer], torch.randn(INPUTS[layer])
    kind, change = librarys_difference(name, adapter, base)
    assert kind is LIBRARY[adapter.kind]
    with torch.no_grad(), attached(model, adapters, STRENGTHS):
        got = base(x)
    bias_change = getattr(adapter, "diff_b", None)
    for row, strength in enumerate(STRENGTHS):
        bias = base.bias if bias_change is None else base.bias + strength * bias_change
        changed = {"weight": base.weight + strength * change.reshape(base.weight.shape), "bias": bias}
        expected = torch.func.functional_call(base, changed, x[row : row + 1])
        assert torch.allclose(got[row : row + 1], expected, atol=3e-5)
    assert torch.equal(got[1], base(x)[1])
    assert not torch.allclose(got[0], base(x)[0], atol=1e-2)


@pytest.mark.parametrize("layer", INPUTS)
@pytest.mark.parametrize("name", ADAPTERS)
def test_a_new_adapter_adds_exactly_nothing_and_learns(model, name, layer):
    adapters = make(model, name, layer)
    x = torch.randn(INPUTS[layer], requires_grad=True)
    with attached(model, adapters, STRENGTHS):
        got = model[layer](x)
    assert torch.equal(got, model[layer](x))
    (got * torch.randn_like(got)).sum().backward()
    gradients = [parameter.grad for parameter in adapters[layer][0].parameters()]
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)
    assert x.grad is not None and x.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ADAPTERS)
def test_rows_of_a_fused_weight(model, name):
    """An adapter on rows acts like one on a layer that has only these rows."""
    adapters = randomise(make(model, name, "linear", rows=(8, 16)))
    alone = nn.Linear(16, 8).requires_grad_(False)
    alone.load_state_dict({key: value[8:16] for key, value in model["linear"].state_dict().items()})
    x = torch.randn(3, 16)
    (adapter,) = adapters["linear"]
    with torch.no_grad(), attached(model, adapters, STRENGTHS):
        got = model["linear"](x)
    base = model["linear"](x)
    assert torch.equal(got[:, :8], base[:, :8]) and torch.equal(got[:, 16:], base[:, 16:])
    change = difference(adapter)
    assert torch.allclose(change, librarys_difference(name, adapter, alone)[1].reshape(8, 16), atol=1e-5)
    bias = 0 if getattr(adapter, "diff_b", None) is None else adapter.diff_b
    expected = base[:, 8:16] + STRENGTHS[:, None] * (x @ change.T + bias)
    assert torch.allclose(got[:, 8:16], expected, atol=1e-5)


@pytest.mark.parametrize("name", ADAPTERS)
def test_state_dict_comes_back_exactly(model, name):
    adapters, others = randomise(make(model, name, "linear")), make(model, name, "linear")
    others["linear"][0].load_state_dict(adapters["linear"][0].state_dict())
    x = torch.randn(3, 16)
    outputs = []
    for these in (adapters, others):
        with torch.no_grad(), attached(model, {"linear": [these["linear"][0].eval()]}, STRENGTHS):
            outputs.append(model["linear"](x))
    assert torch.equal(*outputs)


def test_loha_of_high_rank_builds_the_difference_and_agrees(model):
    small, large = (make(model, "loha", "linear", rank=rank)["linear"][0] for rank in (2, 12))
    for adapter in (small, large):
        randomise({"linear": [adapter]})
        x = torch.randn(3, 16)
        w1a, w1b, w2a, w2b = adapter.factors()
        expected = x @ ((w1a @ w1b) * (w2a @ w2b)).T * 3 / adapter.rank
        got = adapter.delta(x, model["linear"](x), model["linear"], torch.ones(3, 1))
        assert torch.allclose(got, expected, atol=1e-4)


def test_errors_name_what_is_wrong_and_the_nearest_right_thing(model):
    plan = uniform_plan([Target("linear.weight")], AdapterConfig("lokr", options={"facter": 8}))
    with pytest.raises(AdapterError, match="lokr has no option 'facter'. Did you mean 'factor'"):
        make_adapters(model, plan)
    with pytest.raises(AdapterError, match="Did you mean 'loha'"):
        make_adapters(model, uniform_plan([Target("linear.weight")], AdapterConfig("lohaa")))
    with pytest.raises(AdapterError, match="rank of 6 or more, or use oft"):
        make_adapters(model, uniform_plan([Target("linear.weight")], AdapterConfig("boft", 4)))
    assert set(KINDS) >= {"lora", "locon", "loha", "lokr", "oft", "boft", "glora", "ia3", "dylora", "full"}


@pytest.mark.parametrize(
    "settings",
    [{name: value} for name in ("alpha", "conv_alpha") for value in (float("nan"), float("inf"), -1.0, 1e9)]
    + [
        {"options": {name: value}}
        for name in ("dropout", "rank_dropout", "module_dropout")
        for value in (1.0, -0.1)
    ]
    + [{"options": {"constraint": float("nan")}}],
)
def test_numbers_that_train_nothing_or_nan_are_refused(settings):
    with pytest.raises(AdapterError, match="must be"):
        AdapterConfig(**settings)
