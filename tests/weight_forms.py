"""A network of two blocks whose weights are in each form that ComfyUI and its packs know."""

import json

import torch
from comfy import ops
from comfy.model_management import load_models_gpu
from comfy.model_patcher import ModelPatcher
from comfy.quant_ops import QUANT_ALGOS, QuantizedTensor
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.strength import attached
from tiny_models import CPU
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
