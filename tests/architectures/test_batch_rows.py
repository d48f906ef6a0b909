"""Rows of a batch stay apart in the input of every target, in the order of the batch: strength per row relies on it."""

from functools import partial
from itertools import count

import pytest
import torch
from concept_sliders.slider_core.architectures import batch_dims, select_targets
from families import TINY
from tiny_models import NAMES, samples, shared_model, tiny_call


def inputs_of(patcher, layers, call):
    """Layer and number of its call to its input: SeedVR2's layers see video and text one after the other."""
    seen, hooks = {}, []

    def keep(_, args, calls, name):
        seen[name, next(calls)] = args[0].clone()

    for name in layers:
        hook = partial(keep, calls=count(), name=name)
        hooks.append(patcher.model.get_submodule(name).register_forward_pre_hook(hook))
    with torch.no_grad():
        patcher.model.apply_model(**call)
    for hook in hooks:
        hook.remove()
    return seen


def with_another_second_half(call, same=()):
    random = torch.Generator().manual_seed(1)
    changed = {key: value.clone() if torch.is_tensor(value) else value for key, value in call.items()}
    for key, value in changed.items():
        if key not in same and torch.is_tensor(value) and value.is_floating_point():
            rows = value[len(value) // 2 :]
            rows += 0.1 * torch.rand(rows.shape, generator=random)
    return changed


@pytest.mark.parametrize("name", [name for name in NAMES if samples(tiny_call(name)) > 1])
def test_the_first_half_does_not_see_the_second(name):
    patcher, dims = shared_model(name), batch_dims(shared_model(name))
    layers = {
        target.layer for preset in ("slider", "attention", "mlp") for target in select_targets(patcher, preset)
    }
    inputs_of(patcher, layers, tiny_call(name))  # HiDream-O1 keeps what its first call makes of the prompt
    before = inputs_of(patcher, layers, tiny_call(name))
    same = {"t"} if TINY[name].one_noise_level else ()
    after = inputs_of(patcher, layers, with_another_second_half(tiny_call(name), same))
    for (layer, number), x in before.items():
        first = [rows.chunk(2, dims.get(layer, 0))[0] for rows in (x, after[layer, number])]
        assert x.shape[dims.get(layer, 0)] % 2 == 0 and torch.allclose(*first, atol=1e-5), layer
    assert any(not torch.equal(before[key], after[key]) for key in before)
