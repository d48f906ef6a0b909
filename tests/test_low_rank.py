"""All low-rank adapters of a model as one: the same sums and gradients as each for itself, in any type."""

import dataclasses

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.deltas.addition import Joined
from concept_sliders.slider_core.strength import added, attached, scale_for
from concept_sliders.slider_core.training import train
from concept_sliders.slider_core.training.flat import FlatParameters
from small_training import request as small_request
from tiny_models import tiny_model
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

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


def test_in_one_piece_of_memory_sums_and_gradients_are_the_same():
    """As training has them: one parameter for all, taken over and handed back in one operation."""
    network, adapters, x = made()
    expected = one_by_one(network, adapters, x)
    of_each = gradients(adapters, expected.square().sum())
    joined = Joined()
    for name, of_layer in adapters.items():
        joined.at(name, network.get_submodule(name), of_layer)
    flat = FlatParameters(joined.sources(x))
    for _ in range(2):  # a step on the numbers as they are, and one after they were changed and changed back
        flat.zero_gradient()
        joined.refresh()
        with attached(network, adapters, STRENGTH, kept=joined):
            y = network(x)
            y.square().sum().backward()
        torch.testing.assert_close(y, expected)
        torch.testing.assert_close([p.grad for p in parameters_of(adapters)], of_each)
        with torch.no_grad():
            flat.whole.mul_(3.0)
        joined.refresh()
        with attached(network, adapters, STRENGTH, kept=joined):
            assert not torch.allclose(network(x), expected)
        with torch.no_grad():
            flat.whole.div_(3.0)


def test_a_backward_pass_that_broke_off_leaves_nothing_in_the_next():
    network, adapters, x = made()
    joined = Joined()
    with attached(network, adapters, STRENGTH, kept=joined):
        expected = gradients(adapters, network(x).square().sum())
    broken = network.fused.register_full_backward_pre_hook(lambda *_: (_ for _ in ()).throw(ZeroDivisionError))
    with attached(network, adapters, STRENGTH, kept=joined), pytest.raises(ZeroDivisionError):
        network(x.requires_grad_()).square().sum().backward()
    broken.remove()
    joined.refresh()
    with attached(network, adapters, STRENGTH, kept=joined):
        torch.testing.assert_close(gradients(adapters, network(x).square().sum()), expected)


class Operations(TorchDispatchMode):
    """Counts what torch computes, views and new memory aside: on a fast card each costs as much time as the next."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not (func.is_view or "empty" in func.name())
        return func(*args, **(kwargs or {}))


def test_an_adapter_costs_few_operations_a_step():
    model = tiny_model("sd3")
    targets = select_targets(model)
    layers = [target for target in targets if target.layer.endswith(("attn.proj", "attn.qkv"))]
    counts = []
    for chosen in (layers[:1], layers):
        request = dataclasses.replace(
            small_request(model, steps=3), plan=uniform_plan(chosen, AdapterConfig(rank=2))
        )
        with Operations() as operations:
            train(request, lambda event: counts.append(operations.count))
    first, more = counts[2] - counts[1], counts[5] - counts[4]
    assert (more - first) / (len(layers) - 1) <= 5


def test_what_was_made_in_inference_mode_serves_where_gradients_flow_through():
    """ComfyUI samples in inference mode; a slider that is applied may be on the model that is trained next."""
    network, adapters, x = made()
    for parameter in parameters_of(adapters):
        parameter.requires_grad_(False)
    kept = Joined()
    with torch.inference_mode(), attached(network, adapters, STRENGTH, kept=kept):
        first = network(x)
    with attached(network, adapters, STRENGTH, kept=kept):
        again = network(x.requires_grad_())
    again.sum().backward()
    assert torch.equal(first, again) and bool(x.grad.any())
