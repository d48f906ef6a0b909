"""Blocks that run again in the backward pass."""

import pytest
import torch
from concept_sliders.slider_core.gradients.checkpointing import RecomputeError
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.strength import attached
from torch.nn import functional as F
from weight_forms import NARROW, STRENGTH, LowRank, adapters_for, gradients, made


def test_dropouts_are_the_same_when_a_block_runs_again():
    patcher, _ = made("float32")

    class Dropping(LowRank):
        def delta(self, x, y, layer, scale):
            return F.dropout(super().delta(x, y, layer, scale), 0.5)

    def step(checkpointing):
        with trainable(patcher, checkpointing=checkpointing) as model:
            torch.manual_seed(3)
            name = "diffusion_model.blocks.0.up"
            adapter = Dropping(model.get_submodule(name))
            with attached(model, {name: [adapter]}, STRENGTH):
                model.diffusion_model(torch.randn(3, NARROW)).square().mean().backward()
        return adapter.down.grad

    torch.testing.assert_close(step(True), step(False))


def test_a_backward_pass_outside_of_attached_is_refused():
    patcher, _ = made("float32")
    with trainable(patcher, checkpointing=True) as model:
        adapters = adapters_for(model)
        with attached(model, adapters, STRENGTH):
            loss = model.diffusion_model(torch.randn(3, NARROW)).mean()
        with pytest.raises(RecomputeError, match="inside the same `attached`"):
            loss.backward()


def test_training_goes_on_after_memory_ran_out():
    patcher, plain = made("bfloat16")
    expected, layers = gradients(plain), []

    def runs_out(module, args):
        layers.append(module)
        if len(layers) == 3:
            raise torch.OutOfMemoryError

    with trainable(patcher, checkpointing=True) as model:
        adapters = adapters_for(model)
        hooks = [m.register_forward_pre_hook(runs_out) for m in model.modules() if hasattr(m, "in_features")]
        for _ in range(2):
            try:
                with attached(model, adapters, STRENGTH):
                    torch.manual_seed(2)
                    model.diffusion_model(torch.randn(3, NARROW)).square().mean().backward()
            except torch.OutOfMemoryError:
                assert len(layers) == 3
        for hook in hooks:
            hook.remove()
    got = [p.grad for of_layer in adapters.values() for p in of_layer[0].parameters()]
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert "forward" not in vars(patcher.model.diffusion_model.blocks[0])
