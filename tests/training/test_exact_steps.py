"""A training step is exact on models that nodes have changed, and where a later step is unlike the first."""

from dataclasses import replace

import pytest
import torch
from comfy.patcher_extension import WrappersMP
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.gradients.reruns import RecomputeError
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import train
from small_training import LAYERS, request
from tiny_models import tiny_model


def another_slider(model):
    random = torch.Generator().manual_seed(3)
    weights, tensors = model.model.state_dict(), {}
    for key in LAYERS:
        rows, columns = weights[key].shape
        name = key.removesuffix(".weight")
        tensors[f"{name}.lora_up.weight"] = torch.randn(rows, 4, generator=random) * 0.3
        tensors[f"{name}.lora_down.weight"] = torch.randn(4, columns, generator=random) * 0.3
    return tensors


def per_row(model, percent=(0.0, 1.0)):
    """The model with a slider that is added during calls, at a strength that no weight patch could have."""
    deltas, _ = deltas_for(model, another_slider(model))
    return apply_slider(model, AppliedSlider(deltas, 0.8, "other", *percent))


def by_a_pack(kind, layer):
    """A model with a pack's wrapper that changes a layer for the time of a call."""

    def change(model):
        def wrapper(executor, *args, **kwargs):
            network = model.model.diffusion_model
            hook = network.get_submodule(layer).register_forward_hook(lambda module, args, y: 3 * y.sin())
            try:
                return executor(*args, **kwargs)
            finally:
                hook.remove()

        clone = model.clone()
        clone.add_wrapper(kind, wrapper)
        return clone

    return change


CHANGES = {
    "Apply Slider": ("sd3", per_row),
    "around the model": ("sd3", by_a_pack(WrappersMP.APPLY_MODEL, "joint_blocks.0.x_block.mlp.fc2")),
    "around the network": ("flux", by_a_pack(WrappersMP.DIFFUSION_MODEL, "double_blocks.1.img_mlp.2")),
}


def losses(model, targets=LAYERS, **settings):
    plan = uniform_plan([Target(key) for key in targets], AdapterConfig(rank=2))
    wanted = replace(request(model, steps=4, learning_rate=1e-2, **settings), plan=plan)
    return torch.tensor(train(wanted).losses["loss"])


@pytest.mark.parametrize("change", CHANGES)
def test_checkpointing_runs_blocks_again_under_the_wrappers_of_the_first_run(change):
    family, changed = CHANGES[change]
    targets = LAYERS if family == "sd3" else ["diffusion_model.double_blocks.1.img_attn.proj.weight"]
    plain = losses(changed(tiny_model(family)), targets)
    torch.testing.assert_close(losses(changed(tiny_model(family)), targets, gradient_checkpointing=True), plain)
    assert not torch.allclose(losses(tiny_model(family), targets), plain, rtol=1e-3)


def test_a_block_that_gives_other_values_when_it_runs_again_is_refused():
    model, calls = tiny_model("sd3"), []

    def unsteady(module, args, y):
        calls.append(module)
        return y * (1 + 0.3 * (len(calls) % 2))

    model.model.diffusion_model.joint_blocks[1].x_block.mlp.fc2.register_forward_hook(unsteady)
    with pytest.raises(RecomputeError, match="other values .* turn gradient_checkpointing off"):
        train(request(model, gradient_checkpointing=True))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_model_that_starts_to_write_in_place_after_the_first_step_still_trains_exactly(checkpointing):
    def model(in_place):
        patcher, calls = tiny_model("sd3"), []

        def scaled(module, args, y):
            """Writes to what the layer before has kept for its backward pass."""
            calls.append(module)
            kept = y.square()
            y = y.mul_(0.5) if in_place and len(calls) > 8 else y * 0.5
            return y + kept

        patcher.model.diffusion_model.joint_blocks[0].x_block.mlp.fc1.register_forward_hook(scaled)
        return patcher

    expected = losses(model(in_place=False), gradient_checkpointing=checkpointing)
    torch.testing.assert_close(losses(model(in_place=True), gradient_checkpointing=checkpointing), expected)


def test_a_model_that_writes_in_place_in_every_step_takes_each_step_once():
    patcher, calls = tiny_model("sd3"), []

    def scaled(module, args, y):
        kept = y.square()
        calls.append(module)
        return y.mul_(0.5) + kept

    patcher.model.diffusion_model.joint_blocks[0].x_block.mlp.fc1.register_forward_hook(scaled)
    losses(patcher, anchor_weight=0.0)
    assert len(calls) == 4
