"""All low-rank adapters of a model as one: the same sums and gradients as each for itself, in any type."""

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.strength import added, attached, scale_for
from torch import nn

STRENGTH = torch.tensor([1.0, -0.5, 0.0])
FUSED = [("fused", rows) for rows in ((0, 4), (4, 8), (10, 12))]


class Network(nn.Module):
    """A fused layer of which some rows are targets, and a plain one."""

    def __init__(self):
        super().__init__()
        self.fused, self.plain = nn.Linear(6, 12), nn.Linear(12, 5)

    def forward(self, x):
        return self.plain(torch.tanh(self.fused(x)))


def made(dtype=torch.float64, ranks=(2, 2, 2, 3), alphas=(4.0, 4.0, 4.0, 1.0)):
    torch.manual_seed(0)
    network = Network().to(dtype).requires_grad_(False)
    targets = [Target(f"{layer}.weight", rows) for layer, rows in [*FUSED, ("plain", None)]]
    configs = [AdapterConfig(rank=rank, alpha=alpha) for rank, alpha in zip(ranks, alphas, strict=True)]
    adapters = make_adapters(network, list(zip(targets, configs, strict=True)), torch.float64)
    for parameter in parameters_of(adapters):
        nn.init.normal_(parameter)
    return network, adapters, torch.randn(3, 7, 6, dtype=dtype)


def parameters_of(adapters):
    return [p for of_layer in adapters.values() for adapter in of_layer for p in adapter.parameters()]


def one_by_one(network, adapters, x):
    """The formula: each adapter's own addition."""

    def through(name, x):
        layer = network.get_submodule(name)
        return added(layer, x, layer(x), adapters[name], scale_for(x, STRENGTH))

    return through("plain", torch.tanh(through("fused", x)))


def gradients(adapters, loss):
    for parameter in parameters_of(adapters):
        parameter.grad = None
    loss.backward()
    return [parameter.grad.clone() for parameter in parameters_of(adapters)]


@pytest.mark.parametrize("ranks", [(2, 2, 2, 3), (1, 2, 3, 4)])
def test_sums_and_gradients_are_those_of_each_adapter_for_itself(ranks):
    network, adapters, x = made(ranks=ranks, alphas=tuple(map(float, ranks)))
    x.requires_grad_()
    expected = one_by_one(network, adapters, x)
    of_each = gradients(adapters, expected.square().sum())
    of_x, x.grad = x.grad, None
    with attached(network, adapters, STRENGTH):
        y = network(x)
        together = gradients(adapters, y.square().sum())
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(together, of_each)
    torch.testing.assert_close(x.grad, of_x)


def test_a_row_of_strength_0_is_the_base_model_exactly():
    network, adapters, x = made(torch.bfloat16)
    with attached(network, adapters, STRENGTH):
        together = network(x)
    assert torch.equal(together[2], network(x)[2]) and not torch.allclose(together[:2], network(x)[:2])


def test_gradients_add_up_over_calls_and_come_in_the_type_of_the_adapter():
    network, adapters, x = made(torch.bfloat16)
    with attached(network, adapters, STRENGTH):
        once = gradients(adapters, network(x).square().sum())
    with attached(network, adapters, STRENGTH):
        network(x).square().sum().backward()
    assert all(p.grad.dtype == p.dtype == torch.float64 for p in parameters_of(adapters))
    torch.testing.assert_close([p.grad for p in parameters_of(adapters)], [2 * grad for grad in once])


def test_adapters_that_a_call_does_not_reach_get_no_gradient():
    network, adapters, x = made()
    with attached(network, adapters, STRENGTH):
        network.fused(x).sum().backward()
    reached = [p.grad is not None for p in parameters_of(adapters)]
    assert reached == [True] * 6 + [False] * 2


def test_frozen_adapters_pass_the_gradient_on_and_keep_none():
    network, adapters, x = made()
    for parameter in parameters_of(adapters):
        parameter.requires_grad_(False)
    x.requires_grad_()
    one_by_one(network, adapters, x).square().sum().backward()
    expected, x.grad = x.grad, None
    with attached(network, adapters, STRENGTH):
        network(x).square().sum().backward()
    torch.testing.assert_close(x.grad, expected)
    assert all(p.grad is None for p in parameters_of(adapters))


def test_models_may_write_to_what_a_layer_with_adapters_returns():
    network, adapters, x = made()
    with attached(network, adapters, STRENGTH):
        expected = gradients(adapters, (network.fused(x) * 2).square().sum() + network(x).sum())
        y = network.fused(x)
        y *= 2
        written = gradients(adapters, y.square().sum() + network(x).sum())
    torch.testing.assert_close(written, expected)
