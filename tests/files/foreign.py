"""LoRA files as other programs make them, on all layers of a tiny model, and the weights that each of them means.

What a file means is written out here by itself, layer by layer, so that it is no copy of what is tested.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd
from zlib import crc32

import torch
from concept_sliders.slider_core.architectures.candidates import candidates
from concept_sliders.slider_core.architectures.network import network_of
from concept_sliders.slider_core.architectures.registry import family_of

Tensors = dict[str, torch.Tensor]
Rows = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """A layer as another program sees it: its name there, and where its rows are in ComfyUI's model."""

    name: str
    native: str
    rows: Rows | None = None
    swapped: bool = False


@dataclass
class Made:
    """A change of a layer: the file's tensors by suffix, and the new weight and bias at strength 1."""

    tensors: Tensors
    weight: torch.Tensor
    bias: torch.Tensor | None = None


def rand(*shape: int, size: float = 0.3) -> torch.Tensor:
    return size * torch.randn(shape)


def magnitudes(weight: torch.Tensor) -> torch.Tensor:
    return weight.flatten(1).norm(dim=1).reshape(-1, *[1] * (weight.ndim - 1))


def _pair(weight: torch.Tensor, rank: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ones = [1] * (weight.ndim - 2)
    up, down = rand(len(weight), rank, *ones), rand(rank, *weight.shape[1:])
    return up, down, (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)


def lora(weight: torch.Tensor) -> Made:
    up, down, change = _pair(weight)
    tensors = {"lora_up.weight": up, "lora_down.weight": down, "alpha": torch.tensor(1.0)}
    return Made(tensors, weight + change / 2)


def without_alpha(weight: torch.Tensor) -> Made:
    up, down, change = _pair(weight, 3)
    return Made({"lora_up.weight": up, "lora_down.weight": down}, weight + change)


def dora(weight: torch.Tensor) -> Made:
    """In the meaning that ComfyUI and LyCORIS's files give it: by the base weight's magnitudes."""
    up, down, change = _pair(weight)
    scale = magnitudes(weight) * (1 + 0.3 * torch.rand(len(weight), *[1] * (weight.ndim - 1)))
    tensors = {"lora_up.weight": up, "lora_down.weight": down, "alpha": torch.tensor(2.0), "dora_scale": scale}
    return Made(tensors, scale / magnitudes(weight) * (weight + change))


def peft(weight: torch.Tensor) -> Made:
    up, down, change = _pair(weight, 3)
    return Made({"lora_B.weight": up, "lora_A.weight": down}, weight + change)


def peft_with_bias(weight: torch.Tensor) -> Made:
    made, bias = peft(weight), rand(len(weight))
    return Made({**made.tensors, "lora_B.bias": bias}, made.weight, bias)


def peft_dora(weight: torch.Tensor) -> Made:
    """In PEFT's meaning: by the changed weight's magnitudes."""
    up, down, change = _pair(weight)
    new = weight + change
    scale = magnitudes(weight) * (1 + 0.3 * torch.rand(len(weight), *[1] * (weight.ndim - 1)))
    kept = scale.flatten() if weight.ndim == 2 else scale.transpose(0, 1)
    tensors = {"lora_B.weight": up, "lora_A.weight": down, "lora_magnitude_vector": kept}
    return Made(tensors, scale / magnitudes(new) * new)


def loha(weight: torch.Tensor) -> Made:
    rows, patch = len(weight), weight[0].numel()
    w1a, w1b, w2a, w2b = rand(rows, 2), rand(2, patch), rand(rows, 2), rand(2, patch)
    tensors = {
        "hada_w1_a": w1a,
        "hada_w1_b": w1b,
        "hada_w2_a": w2a,
        "hada_w2_b": w2b,
        "alpha": torch.tensor(4.0),
    }
    return Made(tensors, weight + 2 * ((w1a @ w1b) * (w2a @ w2b)).reshape(weight.shape))


def lokr(weight: torch.Tensor) -> Made:
    rows, columns = weight.shape[:2]
    a, c = gcd(rows, 4), gcd(columns, 2)
    w1, w2a, w2b = rand(a, c), rand(rows // a, 2), rand(2, weight[0].numel() // c)
    change = torch.kron(w1, w2a @ w2b).reshape(a, rows // a, c, columns // c, -1).reshape(weight.shape)
    return Made(
        {"lokr_w1": w1, "lokr_w2_a": w2a, "lokr_w2_b": w2b, "alpha": torch.tensor(1.0)}, weight + change / 2
    )


def lokr_full(weight: torch.Tensor) -> Made:
    """As lycoris-lora writes it: the second matrix has the layer's kernel."""
    rows, columns, *kernel = weight.shape
    a, c = gcd(rows, 4), gcd(columns, 2)
    w1, w2 = rand(a, c), rand(rows // a, columns // c, *kernel)
    change = torch.einsum("a c, b d ... -> a b c d ...", w1, w2).reshape(weight.shape)
    return Made({"lokr_w1": w1, "lokr_w2": w2, "alpha": torch.tensor(1.0)}, weight + change)


def cayley(blocks: torch.Tensor) -> torch.Tensor:
    q, one = blocks - blocks.transpose(-1, -2), torch.eye(blocks.shape[-1])
    return (one + q) @ torch.linalg.inv(one - q)


def oft(weight: torch.Tensor) -> Made:
    size = gcd(len(weight), 4)
    blocks = rand(len(weight) // size, size, size)
    turned = torch.einsum("k n m, k n ... -> k m ...", cayley(blocks), weight.unflatten(0, (-1, size))).flatten(
        0, 1
    )
    return Made({"oft_blocks": blocks, "alpha": torch.tensor(0.0)}, turned)


def oft_rescaled(weight: torch.Tensor) -> Made:
    made, scale = oft(weight), 1 + rand(len(weight), *[1] * (weight.ndim - 1))
    return Made({**made.tensors, "rescale": scale}, scale * made.weight)


def ia3(weight: torch.Tensor) -> Made:
    factor = rand(len(weight))
    kept = factor if weight.ndim == 2 else factor.reshape(1, -1, *[1] * (weight.ndim - 2))
    new = weight * (1 + factor.reshape(-1, *[1] * (weight.ndim - 1)))
    return Made({"weight": kept, "on_input": torch.tensor(0)}, new)


def ia3_on_input(weight: torch.Tensor) -> Made:
    factor = rand(weight.shape[1])
    kept = factor if weight.ndim == 2 else factor.reshape(1, -1, *[1] * (weight.ndim - 2))
    new = weight * (1 + factor.reshape(1, -1, *[1] * (weight.ndim - 2)))
    return Made({"weight": kept, "on_input": torch.tensor(1)}, new)


def full(weight: torch.Tensor) -> Made:
    diff, bias = rand(*weight.shape), rand(len(weight))
    return Made({"diff": diff, "diff_b": bias}, weight + diff, bias)


Kind = Callable[[torch.Tensor], Made]
LYCORIS: tuple[Kind, ...] = (
    lora,
    loha,
    lokr,
    lokr_full,
    oft,
    oft_rescaled,
    ia3,
    ia3_on_input,
    full,
    without_alpha,
    dora,
)
PEFT: tuple[Kind, ...] = (peft, peft_dora, peft_with_bias, loha, lokr)
STOCK: tuple[Kind, ...] = (
    lora,
    loha,
    lokr,
    full,
    without_alpha,
    dora,
    peft,
)  # all of which ComfyUI reads itself
# Kinds whose rows can come in any order. ComfyUI does not reorder the magnitudes of `dora`.
BY_ROWS = (lora, loha, full, without_alpha, peft, peft_dora, peft_with_bias)


def native_layers(model) -> list[Layer]:
    network = network_of(model)
    return [Layer(name, f"{network.prefix}.{name}") for name in network.layers]


def named_layers(model) -> list[Layer]:
    """The layers that a family's file has diffusers names for."""
    network = network_of(model)
    targets = [entry.target for entry in candidates(network, family_of(network))]
    whole = "to_qkv_mlp_proj"  # of which a slider trains a part
    return [Layer(t.name, t.layer, None if t.name.endswith(whole) else t.rows) for t in targets if t.name]


def layers_of_twin(twin: torch.nn.Module, model) -> list[Layer]:
    """All linear layers and convolutions of diffusers' model, found in ComfyUI's by the numbers in their weights."""
    first = {
        tuple(row[:3].tolist()): (name, index)
        for name in network_of(model).layers
        for index, row in enumerate(model.model.diffusion_model.get_submodule(name).weight.flatten(1))
    }
    found = []
    for name, module in twin.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d):
            rows = [first[tuple(row[:3].tolist())] for row in module.weight.flatten(1)]
            (native,) = {layer for layer, _ in rows}
            at = [index for _, index in rows]
            half = len(at) // 2
            height = len(model.model.diffusion_model.get_submodule(native).weight)
            swapped = at[0] != min(at)
            assert (
                at == [*range(min(at), min(at) + len(at))]
                if not swapped
                else at[:half] == [*range(half, 2 * half)]
            )
            where = None if len(at) == height else (min(at), min(at) + len(at))
            found.append(Layer(name, f"diffusion_model.{native}", where, swapped))
    return found


def some(layers: list[Layer], number: int = 48) -> list[Layer]:
    """Layers from all over the model: enough that each kind meets each sort of layer."""
    return layers[:: len(layers) // number + 1]


def file_of(
    model, layers: list[Layer], named: Callable[[str], str], kinds: tuple[Kind, ...]
) -> tuple[Tensors, Tensors]:
    """A file with one kind after the other on the layers; and the weights and biases that it means, at strength 1."""
    file: Tensors = {}
    meant: Tensors = {}
    for number, layer in enumerate(layers):
        torch.manual_seed(crc32(layer.name.encode()))
        module = model.model.get_submodule(layer.native)
        kind = kinds[number % len(kinds)]
        if (layer.swapped and kind not in BY_ROWS) or getattr(module, "groups", 1) != 1:
            kind = peft if kinds is PEFT else lora
        rows = slice(*layer.rows) if layer.rows else slice(None)
        weight = meant.setdefault(f"{layer.native}.weight", module.weight.detach().clone())
        base = module.weight.detach()[rows]
        turn = (lambda t: t.roll(len(t) // 2, 0)) if layer.swapped else (lambda t: t)
        made = kind(turn(base))
        weight[rows] = turn(made.weight)
        if made.bias is not None and module.bias is not None:
            bias = meant.setdefault(f"{layer.native}.bias", module.bias.detach().clone())
            bias[rows] += turn(made.bias)
        tensors = {
            n: t
            for n, t in made.tensors.items()
            if module.bias is not None or n not in ("diff_b", "lora_B.bias")
        }
        file |= {f"{named(layer.name)}.{suffix}": tensor for suffix, tensor in tensors.items()}
    return file, meant
