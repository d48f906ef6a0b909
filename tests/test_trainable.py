"""What `trainable` promises: no second copy of a weight, whatever form it has, and a model left as it was."""

import gc
import json
import sys

import pytest
import torch
from allocations import Allocations
from comfy import ops
from comfy.ldm.modules import attention
from comfy.model_management import load_models_gpu
from comfy.model_patcher import ModelPatcher
from comfy.quant_ops import QUANT_ALGOS, QuantizedTensor
from concept_sliders.slider_core.gradients.checkpointing import RecomputeError
from concept_sliders.slider_core.gradients.saved_tensors import OverwrittenError, SavedTensors
from concept_sliders.slider_core.gradients.trainable import normal_twin, trainable
from concept_sliders.slider_core.strength import attached
from tiny_models import CPU, tiny_call, tiny_model
from torch import nn
from torch.nn import functional as F

NARROW, WIDE = 256, 512  # sizes that every quantised format takes
STRENGTH = torch.tensor([1.0, -0.5, 2.0])


class Packed(nn.Module):
    """A layer as ComfyUI-GGUF has it: no nn.Linear; its weight is unpacked for each call."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.in_features, self.out_features, self.bias = in_features, out_features, None

    def store(self, weight):
        self.weight = nn.Parameter((weight * 1000).to(torch.int8), requires_grad=False)

    def unpacked(self):
        return self.weight.float() / 1000

    def forward(self, x):
        return F.linear(x, self.unpacked())


class PackedWithCast(Packed):
    def cast_bias_weight(self, input=None, dtype=None, device=None, bias_dtype=None):
        return self.unpacked(), self.bias

    def forward(self, x):
        return F.linear(x, *self.cast_bias_weight(x))


def packed(kind):
    def make(weight):
        layer = kind(weight.shape[1], weight.shape[0])
        layer.store(weight)
        return layer, layer.unpacked()

    return make


def cast(operations, dtype):
    """A layer of ComfyUI's that stores its weight in `dtype` and computes in its input's."""

    def make(weight):
        layer = operations.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=dtype, device=CPU)
        layer.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
        return layer, layer.weight.float()

    return make


def quantised(form):
    """A layer of ComfyUI's mixed precision, from a state dict in one of its quantised forms."""

    def make(weight):
        operations = ops.mixed_precision_ops({}, torch.float32, disabled=set(QUANT_ALGOS))
        layer = operations.Linear(weight.shape[1], weight.shape[0], bias=False, device=CPU)
        stored = QuantizedTensor.from_float(weight, QUANT_ALGOS[form]["comfy_tensor_layout"]).state_dict(
            "weight"
        )
        stored["comfy_quant"] = torch.tensor(list(json.dumps({"format": form}).encode()), dtype=torch.uint8)
        layer.load_state_dict(stored)
        return layer, layer.weight.dequantize()

    return make


FORMS = {
    "float32": cast(ops.disable_weight_init, torch.float32),
    "float16": cast(ops.manual_cast, torch.float16),
    "bfloat16": cast(ops.manual_cast, torch.bfloat16),
    "fp8": cast(ops.manual_cast, torch.float8_e4m3fn),
    "fp8 computing in fp8": cast(ops.fp8_ops, torch.float8_e4m3fn),
    "GGUF": packed(PackedWithCast),
    "unpacked in forward": packed(Packed),
    **{f"quantised {form}": quantised(form) for form in QUANT_ALGOS},
}


class Network(nn.Module):
    """Two blocks with a wide layer inside."""

    def __init__(self, layer_of):
        super().__init__()
        self.blocks = nn.ModuleList(Block(layer_of) for _ in range(2))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    def __init__(self, layer_of):
        super().__init__()
        self.up, self.down = layer_of(WIDE, NARROW), layer_of(NARROW, WIDE)

    def forward(self, x):
        x += self.down(torch.tanh(self.up(x)))  # in place, as Flux does it
        return x


class LowRank(nn.Module):
    rows = None

    def __init__(self, layer):
        super().__init__()
        self.down = nn.Parameter(torch.randn(2, layer.in_features) / layer.in_features**0.5)
        self.up = nn.Parameter(torch.randn(layer.out_features, 2) / 10)

    def delta(self, x, y, layer, scale):
        return F.linear(F.linear(x, self.down) * scale, self.up)


def patcher_of(network) -> ModelPatcher:
    model = nn.Module()
    model.diffusion_model = network
    return ModelPatcher(model, load_device=CPU, offload_device=CPU)


def made(form):
    """The network as ComfyUI's loaders leave it, made in inference mode, and a float32 one of the same weights."""
    plain = []

    def layer_of(rows, columns):
        layer, weight = FORMS[form](torch.randn(rows, columns) / columns**0.5)
        plain.append(weight)
        return layer

    def plain_layer_of(rows, columns):
        layer = nn.Linear(columns, rows, bias=False)
        layer.weight = nn.Parameter(plain.pop(0).clone(), requires_grad=False)
        return layer

    torch.manual_seed(0)
    with torch.inference_mode():
        patcher = patcher_of(Network(layer_of))
        load_models_gpu([patcher])
    return patcher, patcher_of(Network(plain_layer_of))


def adapters_for(model):
    torch.manual_seed(1)
    layers = [(key, layer) for key, layer in model.named_modules() if key.endswith(("up", "down"))]
    return {key: [LowRank(layer)] for key, layer in layers}


def gradients(patcher, checkpointing=False, between=lambda: None):
    with trainable(patcher, checkpointing=checkpointing) as model:
        adapters = adapters_for(model)
        with attached(model, adapters, STRENGTH):
            torch.manual_seed(2)
            loss = model.diffusion_model(torch.randn(3, NARROW)).square().mean()
            between()
            loss.backward()
    return [p.grad for of_layer in adapters.values() for p in of_layer[0].parameters()]


def whole_weights() -> int:
    """How many float tensors of the size of a weight there are anywhere."""
    gc.collect()
    tensors = (o for o in gc.get_objects() if isinstance(o, torch.Tensor) and type(o) is not QuantizedTensor)
    return len({t.data_ptr() for t in tensors if t.numel() == WIDE * NARROW and t.dtype == torch.float32})


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_weights_stay_in_their_form_and_are_not_kept_in_another(form, checkpointing):
    patcher, plain = made(form)
    expected = gradients(plain)
    del plain
    before, weights = whole_weights(), [(id(p), p.dtype) for p in patcher.model.parameters()]
    kept = []
    got = gradients(patcher, checkpointing, between=lambda: kept.append(whole_weights()))
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert kept == [before]
    assert [(id(p), p.dtype) for p in patcher.model.parameters()] == weights


def test_without_care_a_cast_weight_is_kept():
    """What the test above would see: autograd keeps each weight as it was cast for the computation."""
    patcher, _ = made("bfloat16")
    with torch.inference_mode(False):
        model = patcher.model
        for parameter in model.parameters():
            parameter.data = parameter.detach().clone()
        before = whole_weights()
        x = torch.randn(3, NARROW, requires_grad=True).clone()
        loss = model.diffusion_model(x).sum()
        assert whole_weights() == before + 4 and loss.requires_grad


def test_weights_from_a_buffer_that_the_next_layer_reuses(monkeypatch):
    """So offloaded weights come: the buffer holds another layer's weight by the time of the backward pass."""
    patcher, plain = made("bfloat16")
    expected, original = gradients(plain), ops.cast_bias_weight
    buffer, fetched, released = torch.empty(WIDE * NARROW), [], []

    def through_the_buffer(layer, input=None, *args, offloadable=False, **kwargs):
        weight, bias, _ = original(layer, input, *args, offloadable=True, **kwargs)
        shared = buffer.detach()[: weight.numel()].view(weight.shape)
        shared.copy_(weight.detach())
        fetched.append(layer)
        return shared, bias, layer

    monkeypatch.setattr(ops, "cast_bias_weight", through_the_buffer)
    monkeypatch.setattr(ops, "uncast_bias_weight", lambda layer, weight, bias, stream: released.append(stream))
    for checkpointing in (False, True):
        for a, b in zip(gradients(patcher, checkpointing), expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert released == fetched
    assert len(fetched) == (4 + 3) + (4 + 4 + 3)  # the first weight has no gradient to pass on


@pytest.mark.parametrize("checkpointing", [False, True])
def test_weights_that_stay_on_a_device_hold_no_step(monkeypatch, checkpointing):
    """So dynamic VRAM has them: the layer's weight is elsewhere, what it computes with is one object all the time."""
    patcher, _ = made("bfloat16")
    original, resident, saved = ops.cast_bias_weight, {}, SavedTensors()

    def cast_once(layer, *args, **kwargs):
        if layer not in resident:
            resident[layer] = original(layer, *args, **kwargs)
        return resident[layer]

    monkeypatch.setattr(ops, "cast_bias_weight", cast_once)
    levels = []
    with Allocations() as allocations, trainable(patcher, checkpointing=checkpointing, saved=saved) as model:
        adapters = adapters_for(model)
        for _ in range(4):
            with saved.active(), attached(model, adapters, STRENGTH):
                model.diffusion_model(torch.randn(3, NARROW)).square().mean().backward()
            for parameter in (p for of_layer in adapters.values() for p in of_layer[0].parameters()):
                parameter.grad = None
            levels.append(allocations.alive())
    assert levels[1] == levels[2] == levels[3]


def test_no_byte_of_a_weight_is_copied():
    with torch.inference_mode():
        patcher = tiny_model("sd3")
        load_models_gpu([patcher])
    before = {key: (p.data_ptr(), id(p)) for key, p in patcher.model.named_parameters()}
    with trainable(patcher) as model:
        assert {key: p.data_ptr() for key, p in model.named_parameters()} == {
            k: v[0] for k, v in before.items()
        }
        assert not any(p.is_inference() or p.requires_grad for p in model.parameters())
    assert {key: (p.data_ptr(), id(p)) for key, p in patcher.model.named_parameters()} == before


def test_weights_that_comfyui_moved_to_a_device_train_too():
    """Moving gives an inference tensor new data: it says that it is none then, but autograd still cannot save it."""
    patcher, plain = made("float32")
    expected = gradients(plain)
    for parameter in patcher.model.parameters():
        parameter.data = parameter.detach().clone()
    for a, b in zip(gradients(patcher), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_normal_twin_keeps_what_comfyui_notes_on_a_weight():
    with torch.inference_mode():
        weight = nn.Parameter(torch.randn(4, 4), requires_grad=False)
        weight._model_dtype = torch.float16
        weight.untyped_storage()._comfy_tensor_file_slice = "a part of a file"
    twin = normal_twin(weight)
    assert isinstance(twin, nn.Parameter) and not twin.is_inference() and twin.data_ptr() == weight.data_ptr()
    assert twin._model_dtype == torch.float16
    assert twin.untyped_storage()._comfy_tensor_file_slice == "a part of a file"


def test_attention_without_a_backward_pass_is_replaced(monkeypatch):
    """Sage attention returns a tensor that autograd knows nothing of: the gradient through it would be lost."""
    patcher, call, chosen = tiny_model("sd3"), tiny_call("sd3"), attention.optimized_attention

    def sage(*args, **kwargs):
        return attention.attention_pytorch(*args, **kwargs).detach()

    def override(function, *args, **kwargs):
        return sage(*args, **kwargs)

    def gradient():
        with trainable(patcher) as model:
            torch.manual_seed(0)
            name = "diffusion_model.joint_blocks.0.x_block.attn.qkv"
            adapter = LowRank(model.get_submodule(name))
            options = {"transformer_options": dict(patcher.model_options["transformer_options"])}
            with attached(model, {name: [adapter]}, torch.ones(1)):
                model.apply_model(**call, **options).square().mean().backward()
        return adapter.up.grad

    expected = gradient()
    holders = [
        m for k, m in sys.modules.items() if k.startswith("comfy.") and hasattr(m, "optimized_attention")
    ]
    for module in holders:
        monkeypatch.setattr(module, "optimized_attention", sage)
    patcher.model_options["transformer_options"]["optimized_attention_override"] = override
    torch.testing.assert_close(gradient(), expected, rtol=1e-3, atol=1e-6)
    assert chosen is not sage and all(module.optimized_attention is sage for module in holders)
    assert patcher.model_options["transformer_options"]["optimized_attention_override"] is override


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


def test_an_overwrite_that_nobody_saw_is_refused():
    x = torch.randn(3, requires_grad=True)
    with SavedTensors().active():
        y = x.exp()
        z = y * y
    y.detach().add_(1)
    with pytest.raises(OverwrittenError):
        z.sum().backward()


@pytest.mark.parametrize("over_its_input", [True, False])
def test_a_result_that_is_written_into_a_given_tensor_has_its_gradient(over_its_input):
    """ComfyUI's language models add so from 0.33 on; autograd itself refuses `out=`."""

    def loss(a, b, given):
        x = a.exp()  # autograd keeps this for its backward pass
        out = x if over_its_input else b * 1
        y = torch.mul(x, b, out=out) if given else (out := torch.mul(x, b))
        return y.square().sum() + out.sum()

    random = torch.Generator().manual_seed(0)
    a, b = (torch.randn(3, generator=random, dtype=torch.float64).requires_grad_() for _ in range(2))
    expected = torch.autograd.grad(loss(a, b, given=False), [a, b])
    saved = SavedTensors()
    for _ in range(2):
        with saved.active():
            got = torch.autograd.grad(loss(a, b, given=True), [a, b])
        torch.testing.assert_close(got, expected)


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
