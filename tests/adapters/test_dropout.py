"""Dropouts of adapters, and what DyLoRA trains of a step."""

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures.target import Target
from made_adapters import four_layers, make, randomise
from torch import nn


@pytest.fixture
def model():
    return four_layers()


def test_dropouts_act_in_training_only(model):
    x, scale = torch.ones(1, 16), torch.ones(1, 1)
    for kind in ("lora", "loha", "lokr", "oft", "full"):
        for dropout in ("dropout", "rank_dropout", "module_dropout"):
            config = AdapterConfig(kind, 4, options={dropout: 1 - 1e-9})
            (adapter,) = make_adapters(model, uniform_plan([Target("linear.weight")], config))["linear"]
            randomise({"linear": [adapter]})
            y = model["linear"](x)
            assert adapter.delta(x, y, model["linear"], scale).abs().sum() > 0
            assert adapter.train().delta(x, y, model["linear"], scale).abs().sum() == 0


@pytest.mark.parametrize("kind", ["lora", "loha", "lokr", "full"])
def test_rank_dropout_can_make_up_for_what_it_drops(model, kind):
    """With `rank_dropout_scale`, what is left counts more, by the share that is left."""
    x, scale = torch.ones(1, 16), torch.ones(1, 1)

    def dropped(**options):
        torch.manual_seed(1)
        config = AdapterConfig(kind, 4, options={"rank_dropout": 0.5, **options})
        (adapter,) = make_adapters(model, uniform_plan([Target("linear.weight")], config))["linear"]
        randomise({"linear": [adapter]})
        torch.manual_seed(2)
        return adapter.train().delta(x, model["linear"](x), model["linear"], scale)

    plain, made_up = dropped(), dropped(rank_dropout_scale=True)
    ratio = (made_up / plain)[plain != 0]
    assert bool(plain.any()) and ratio[0] > 1.1 and torch.allclose(ratio, ratio[0])


def test_dylora_trains_one_block_of_a_random_prefix(model):
    torch.manual_seed(1)
    (adapter,) = make(model, "dylora", "linear", rank=4)["linear"]
    nn.init.normal_(adapter.up)
    trained = set()
    for _ in range(40):
        adapter.zero_grad()
        x = torch.randn(2, 16)
        adapter.delta(x, model["linear"](x), model["linear"], torch.ones(2, 1)).sum().backward()
        (column,) = adapter.up.grad.abs().sum(0).nonzero().flatten().tolist()
        trained.add(column)
    assert trained == {0, 1, 2, 3}
