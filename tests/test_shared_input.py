"""Layers with low-rank adapters that share an input, computed together: what each gives alone, in few operations."""

import pytest
import torch
from comfy.ops import fp8_ops, manual_cast
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.strength import attached
from test_low_rank import STRENGTH, Operations, gradients, parameters_of
from torch import nn


class Attention(nn.Module):
    """q, k and v, by the names that ComfyUI's models give them; k and v may get another input, or none."""

    def __init__(self, linear, bias):
        super().__init__()
        self.to_q, self.to_k, self.to_v = (linear(6, 6, bias=bias) for _ in range(3))
        for parameter in self.parameters():
            nn.init.normal_(parameter)
        self.change = lambda x: x
        self.asked = ("to_q", "to_k", "to_v")

    def forward(self, x):
        x = torch.tanh(x)
        outputs = [self.to_q(x)]
        for name in self.asked[1:]:
            outputs.append(getattr(self, name)(self.change(x)))
        return torch.stack(outputs)


def attention(bias=False, alphas=(4.0, 4.0, 4.0), ranks=(2, 2, 2), linear=None):
    torch.manual_seed(0)
    network = Attention(linear or nn.Linear, bias).requires_grad_(False)
    network = (
        network if linear else network.to(torch.float64)
    )  # ComfyUI's layers cast their weight for each use
    targets = [Target(f"{name}.weight", None) for name in network.asked]
    configs = [AdapterConfig(rank=rank, alpha=alpha) for rank, alpha in zip(ranks, alphas, strict=True)]
    adapters = make_adapters(network, list(zip(targets, configs, strict=True)), torch.float64)
    for parameter in parameters_of(adapters):
        nn.init.normal_(parameter)
    return network, adapters, torch.randn(3, 7, 6, dtype=torch.float64)


class Plain(dict):
    """Adapters that do not tell that they are low-rank: each layer is itself, with their additions to its output."""

    class Delta:
        rows = None

        def __init__(self, adapter):
            self.delta = adapter.delta

    def __init__(self, adapters):
        super().__init__({name: [self.Delta(one) for one in of_layer] for name, of_layer in adapters.items()})


def results(network, adapters, x, form=dict):
    """The output, and the gradients of the input and of the adapters (0 where there is none)."""
    x = x.clone().requires_grad_()
    for parameter in parameters_of(adapters):
        parameter.grad = None
    with attached(network, form(adapters), STRENGTH):
        y = network(x)
        y.square().sum().backward()
    grads = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters_of(adapters)]
    return y.detach(), x.grad, grads


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"bias": True},
        {"ranks": (2, 3, 2), "alphas": (2.0, 3.0, 2.0)},
        {"linear": manual_cast.Linear},
        {"linear": manual_cast.Linear, "bias": True},
        {"linear": fp8_ops.Linear},
        {"alphas": (4.0, 1.0, 4.0)},
        {"asked": ("to_q",)},
        {"asked": ("to_q", "to_v")},
        {"asked": ("to_q", "to_v", "to_k", "to_q")},
        {"change": lambda x: x * 2},
    ],
    ids=lambda given: "-".join(given) or "all",
)
def test_layers_that_share_an_input_give_what_each_gives_alone(given):
    of_network = {name: given.pop(name) for name in ("asked", "change") if name in given}
    network, adapters, x = attention(**given)
    vars(network).update(of_network)
    torch.testing.assert_close(results(network, adapters, x), results(network, adapters, x, Plain))


def test_an_input_that_is_written_to_between_layers_is_another_one():
    network, adapters, x = attention()

    def outputs(form):
        given = x.clone()
        with attached(network, form(adapters), STRENGTH):
            first = network.to_q(given)
            given *= 2
            return first, network.to_k(given)

    torch.testing.assert_close(outputs(dict), outputs(Plain))


def test_models_may_write_to_each_output_of_layers_that_share_an_input():
    network, adapters, x = attention()
    with attached(network, adapters, STRENGTH):
        expected = gradients(adapters, (network(x)[0] * 2).sum() + network(x)[1].square().sum())
        x = torch.tanh(x)
        q, k = network.to_q(x), network.to_k(x)
        q *= 2
        written = gradients(adapters, q.sum() + k.square().sum() + 0 * network.to_v(x).sum())
    torch.testing.assert_close(written, expected)


def test_a_second_slider_on_one_of_the_layers_is_added_to_the_layer_alone():
    network, adapters, x = attention()
    other = {"to_k": adapters["to_q"]}
    with attached(network, Plain(adapters), STRENGTH), attached(network, Plain(other), -STRENGTH):
        expected = network(x)
    for outer, inner in (
        ((adapters, STRENGTH), (other, -STRENGTH)),
        ((other, -STRENGTH), (adapters, STRENGTH)),
    ):
        with attached(network, *outer), attached(network, *inner):
            torch.testing.assert_close(network(x), expected)
        assert not any("forward" in vars(layer) or layer._forward_hooks for layer in network.children())


@pytest.mark.parametrize(("asked", "most"), [(("to_q", "to_k", "to_v"), 7), (("to_q",), 8)])
def test_layers_that_share_an_input_cost_few_operations_more_than_the_bare_ones(asked, most):
    network, adapters, x = attention()
    network.asked, adapters = asked, {name: adapters[name] for name in asked}
    grad = torch.ones(len(asked), *x.shape, dtype=x.dtype)

    def operations(calls):
        inputs = [x.clone().requires_grad_() for _ in range(calls)]
        with Operations() as counted:
            torch.autograd.backward([network(one) for one in inputs], [grad] * calls)
        return counted.count

    bare = operations(2) - operations(1)
    with attached(network, adapters, STRENGTH):
        operations(1)  # what is made once a step is made
        count = operations(2) - operations(1)
    assert count - bare <= most
