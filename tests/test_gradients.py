"""Every family's gradient is exact, and its model is untouched by training, on ComfyUI's own model code."""

import sys
from zlib import crc32

import pytest
import tiny_models
import torch
from allocations import Allocations
from comfy.model_management import InterruptProcessingException, load_models_gpu
from comfy.model_patcher import ModelPatcher
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import batch_dims, select_targets
from concept_sliders.slider_core.gradients.saved_tensors import SavedTensors
from concept_sliders.slider_core.gradients.trainable import normal, trainable
from concept_sliders.slider_core.strength import attached
from families import TINY

STRENGTHS = torch.tensor([1.0, -0.7])


@pytest.fixture(scope="module", params=tiny_models.NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def loaded(name):
    return as_loaded(name)


def as_loaded(name, dtype=torch.float32) -> ModelPatcher:
    """The tiny model as ComfyUI's loaders leave it: made in inference mode."""
    with torch.inference_mode():
        config = tiny_models.model_config(name)
        config.set_inference_dtype(dtype, None)
        model = config.get_model({}, device=tiny_models.CPU)
        tiny_models.randomise(model.diffusion_model)
        model.diffusion_model.to(dtype)
    return ModelPatcher(model, load_device=tiny_models.CPU, offload_device=tiny_models.CPU)


def call_of(name, dtype=torch.float32) -> dict:
    """Arguments of a model call that reaches every target."""
    call = tiny_models.tiny_call(name)
    if TINY[name].references:
        call["ref_latents"] = [torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(2)).to(dtype)]
    return {k: v.to(dtype) if torch.is_tensor(v) and v.is_floating_point() else v for k, v in call.items()}


def adapters_for(model, dtype=torch.float32) -> dict:
    """Random adapters on every target. (New ones add nothing, so half their weights would have no gradient.)"""
    torch.manual_seed(0)
    adapters = make_adapters(model, uniform_plan(select_targets(model), AdapterConfig(rank=2)), dtype)
    with torch.no_grad():
        for parameter in parameters_of(adapters):
            parameter.normal_(std=0.3 / parameter.shape[1] ** 0.5)
    return adapters


def strengths_of(call) -> torch.Tensor:
    """A strength for each sample of the call."""
    return STRENGTHS[: tiny_models.samples(call)]


def at_strengths(model, adapters, strengths):
    return attached(model, adapters, strengths, batch_dims(model))


def each(adapters) -> list:
    return [adapter for of_layer in adapters.values() for adapter in of_layer]


def parameters_of(adapters) -> list:
    return [parameter for adapter in each(adapters) for parameter in adapter.parameters()]


def loss_of(model, call) -> torch.Tensor:
    """A loss on what the network gives, before ComfyUI rounds it to float32."""
    outputs = []
    hook = model.diffusion_model.register_forward_hook(lambda module, args, y: outputs.extend(as_list(y)))
    model.apply_model(**call)
    hook.remove()
    flat = torch.cat([output.double().flatten() for output in outputs])
    weights = torch.randn(flat.shape, generator=torch.Generator().manual_seed(1))
    return (flat * weights).square().mean()


def as_list(output) -> list:
    """Video and sound of the models that give both."""
    return output if isinstance(output, list) else [output]


def gradient_norm(adapter) -> torch.Tensor:
    return torch.stack([p.grad.norm() for p in adapter.parameters()]).norm()


def effect(adapter) -> torch.Tensor:
    """What the gradient says a step as large as the adapter itself would do to the loss."""
    return gradient_norm(adapter) * torch.stack([p.norm() for p in adapter.parameters()]).norm()


def slope(model, call, adapters, some, step) -> float:
    """The loss's central difference over what the gradient says of it: 1 if the gradient is exact.

    The step goes along the gradient of `some` adapters, each with the same share in the change of the loss.
    """
    before = [[p.detach().clone() for p in adapter.parameters()] for adapter in some]
    change = step * min(effect(adapter) for adapter in some)
    losses = []
    for sign in (1, -1):
        for adapter, values in zip(some, before, strict=True):
            for p, value in zip(adapter.parameters(), values, strict=True):
                p.copy_(value + sign * change / gradient_norm(adapter).square() * p.grad)
        with at_strengths(model, adapters, strengths_of(call)):
            losses.append(loss_of(model, call))
    for adapter, values in zip(some, before, strict=True):
        for p, value in zip(adapter.parameters(), values, strict=True):
            p.copy_(value)
    return float((losses[0] - losses[1]) / (2 * change * len(some)))


def in_groups(adapters, most=4) -> list:
    """Neighbours together: finite differences take two model calls a group."""
    size = -(-len(adapters) // most)
    return [adapters[start : start + size] for start in range(0, len(adapters), size)]


def test_every_targets_gradient_equals_finite_differences(name, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # where ComfyUI's code asks for float32
    dtype = torch.float32 if TINY[name].single else torch.float64
    patcher, call = as_loaded(name, dtype), call_of(name, dtype)
    by_mode = {}
    for checkpointing in (False, True):
        with trainable(patcher, checkpointing=checkpointing) as model:
            adapters = adapters_for(model, dtype)
            with at_strengths(model, adapters, strengths_of(call)):
                loss_of(model, call).backward()
            by_mode[checkpointing] = [p.grad.clone() for p in parameters_of(adapters)]
            if not checkpointing:
                groups = in_groups(sorted(each(adapters), key=effect))
                with torch.no_grad():
                    slopes = [slope(model, call, adapters, group, TINY[name].step) for group in groups]
    for group, value in zip(groups, slopes, strict=True):
        assert value == pytest.approx(1, abs=1e-3 / len(group)), [a.target.key for a in group]
    for kept, recomputed in zip(by_mode[False], by_mode[True], strict=True):
        torch.testing.assert_close(recomputed, kept, rtol=1e-4, atol=1e-4 * float(kept.abs().max()))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_memory_is_level_from_step_to_step(name, loaded, checkpointing):
    call, saved = call_of(name), SavedTensors()
    with Allocations() as allocations, trainable(loaded, checkpointing=checkpointing, saved=saved) as model:
        adapters, levels = adapters_for(model), []
        for _ in range(3):
            with saved.active(), at_strengths(model, adapters, strengths_of(call)):
                loss_of(model, call).backward()
            for parameter in parameters_of(adapters):
                parameter.grad = None
            levels.append(allocations.alive())
    assert levels[0] >= levels[1] == levels[2]


def traces(model) -> dict:
    """Everything that training could leave behind: each tensor's object and bytes, modules' attributes and hooks,
    and the functions and flags of ComfyUI."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    found = {
        key: (id(tensor), tensor.requires_grad, crc32(tensor.detach().reshape(-1).view(torch.uint8).numpy()))
        for key, tensor in tensors.items()
    }
    for key, module in model.named_modules():
        found[f"{key} hooks"] = len(module._forward_hooks), len(module._forward_pre_hooks)
        found |= {
            f"{key}.{name}": id(value) for name, value in vars(module).items() if name != "current_patcher"
        }
    for key, module in list(sys.modules.items()):
        if key.startswith(("comfy.", "comfy_kitchen")):
            found |= {
                f"{key}.{k}": id(v) for k, v in vars(module).items() if callable(v) or isinstance(v, bool)
            }
    return found


def training_step(patcher, call, end: BaseException | None) -> None:
    with trainable(patcher, checkpointing=True) as model:
        adapters = adapters_for(model)
        before = [p.detach().clone() for p in parameters_of(adapters)]
        optimiser = torch.optim.SGD(parameters_of(adapters), lr=1e3)
        with at_strengths(model, adapters, strengths_of(call)):
            loss_of(model, normal(call)).backward()
            if end is not None:
                raise end
        optimiser.step()
        assert not any(torch.equal(a, b) for a, b in zip(before, parameters_of(adapters), strict=True))


@torch.inference_mode()
def test_training_changes_the_adapter_and_nothing_else(name, loaded):
    call, model = call_of(name), loaded.model
    load_models_gpu([loaded])
    model.apply_model(**call)
    first, sample = traces(model), model.apply_model(**call_of(name))
    before = traces(model)
    rewritten = {key for key in before if first.get(key) != before[key]}  # by every call: Cosmos does
    training_step(loaded, call, None)
    for end in (ZeroDivisionError(), InterruptProcessingException()):
        with pytest.raises(type(end)):
            training_step(loaded, call, end)
    after = traces(model)
    assert {key for key in before | after if before.get(key) != after.get(key)} <= rewritten
    assert torch.equal(model.apply_model(**call), sample)


def test_each_row_of_a_batch_has_its_own_strength(name, loaded):
    """Also where frames or windows are folded into the batch: samples together are what each is alone."""

    def rows(call, strengths):
        with torch.inference_mode(), at_strengths(loaded.model, adapters, strengths):
            return loaded.model.apply_model(**call)

    def alone(value, sample):
        if isinstance(value, list):
            return [alone(item, sample) for item in value]
        return value.chunk(len(strengths))[sample] if torch.is_tensor(value) else value

    call, adapters = call_of(name), adapters_for(loaded.model)
    strengths = strengths_of(call)
    together = rows(call, strengths)
    for sample in range(len(strengths)):
        one = rows({key: alone(value, sample) for key, value in call.items()}, strengths[sample : sample + 1])
        near = {"rtol": 1e-3, "atol": 1e-4 * float(one.abs().max())}
        torch.testing.assert_close(alone(together, sample), one, **near)
    others = STRENGTHS.flip(0)[: len(strengths)]
    assert not torch.allclose(together, rows(call, others), rtol=1e-2)
