"""One batch with rows of different strength, on plain layers."""

import pytest
import torch
from concept_sliders.slider_core.strength import StrengthError, attached, scale_for
from torch import nn


class Twice:
    """An adapter whose addition is easy to predict: twice the input."""

    def __init__(self, rows=None):
        self.rows = rows

    def delta(self, x, y, layer, scale):
        return 2 * x * scale


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 12))


def test_each_row_has_its_own_strength(model):
    x = torch.randn(3, 5, 4)
    strength = torch.tensor([1.0, 0.0, -0.5])
    with attached(model[0], {"": [Twice()]}, strength):
        got = model[0](x)
    expected = model[0](x) + 2 * x * strength.reshape(3, 1, 1)
    assert torch.allclose(got, expected)
    assert torch.equal(got[1], model[0](x)[1])


def test_rows_of_a_fused_weight(model):
    x = torch.randn(2, 4)
    with attached(model, {"1": [Twice((4, 8))]}, torch.tensor([1.0, 1.0])):
        got = model(x)
    base = model(x)
    assert torch.equal(got[:, :4], base[:, :4]) and torch.equal(got[:, 8:], base[:, 8:])
    assert torch.allclose(got[:, 4:8], base[:, 4:8] + 2 * model[0](x))


def test_nothing_stays_behind_after_an_error(model):
    with pytest.raises(ZeroDivisionError), attached(model, {"0": [Twice()]}, torch.ones(1)):
        raise ZeroDivisionError
    assert not model[0]._forward_hooks


def test_frames_folded_into_the_batch():
    scale = scale_for(torch.zeros(6, 4), torch.tensor([1.0, -1.0]))
    assert scale.flatten().tolist() == [1, 1, 1, -1, -1, -1]


def test_a_layer_that_has_its_batch_second(model):
    x = torch.randn(5, 2, 4)
    with attached(model, {"0": [Twice()]}, torch.tensor([1.0, 0.0]), {"0": 1}):
        got = model[0](x)
    assert torch.allclose(got[:, 0], model[0](x)[:, 0] + 2 * x[:, 0])
    assert torch.equal(got[:, 1], model[0](x)[:, 1])


def test_rows_that_do_not_divide_are_refused():
    with pytest.raises(StrengthError, match="3 rows for a batch of 2"):
        scale_for(torch.zeros(3, 4), torch.tensor([1.0, -1.0]))


class Thrice:
    """An adapter that needs the base layer's output: twice that of it, so that it triples."""

    rows = None

    def delta(self, x, y, layer, scale):
        return 2 * y * scale


def test_sliders_add_to_the_base_layer_whatever_their_order(model):
    x = torch.randn(2, 4)
    one, two = torch.tensor([1.0, 0.5]), torch.tensor([-0.5, 1.0])
    base = model[0](x)
    with attached(model[0], {"": [Twice()]}, one), attached(model[0], {"": [Thrice()]}, two):
        got = model[0](x)
    with attached(model[0], {"": [Thrice()]}, two), attached(model[0], {"": [Twice()]}, one):
        other_way = model[0](x)
    expected = base + 2 * x * one.reshape(2, 1) + 2 * base * two.reshape(2, 1)
    assert torch.allclose(got, expected, atol=1e-6) and torch.allclose(other_way, expected, atol=1e-6)
    assert not model[0]._forward_hooks


@pytest.mark.parametrize("backend", ["eager", "inductor"])
@torch.no_grad()
def test_a_compiled_model_never_runs_what_it_compiled_without_the_slider(model, backend):
    compiled, x = torch.compile(model, backend=backend), torch.randn(1, 4)

    def at(strength):
        with attached(compiled, {"0": [Twice()]}, torch.tensor([strength])):
            return compiled(x)

    base = compiled(x)  # compiled without
    assert torch.equal(at(0.0), base)
    for strength in (1.0, -2.0):
        with attached(model, {"0": [Twice()]}, torch.tensor([strength])):
            expected = model(x)
        assert torch.allclose(at(strength), expected, atol=1e-5)
        assert not torch.allclose(expected, base, atol=1e-3)
        assert torch.equal(compiled(x), base)


@torch.no_grad()
def test_a_model_whose_first_compiled_call_has_the_slider(model):
    compiled, x = torch.compile(model, backend="eager"), torch.randn(1, 4)
    with attached(model, {"0": [Twice()]}, torch.ones(1)):
        assert torch.equal(compiled(x), model(x))
    assert torch.equal(compiled(x), model(x))
