"""LoRA files as other programs make them, on all layers of a tiny model, and the weights that they mean."""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import torch
from concept_sliders.slider_core.architectures.candidates import candidates
from concept_sliders.slider_core.architectures.network import network_of
from concept_sliders.slider_core.architectures.registry import family_of
from foreign_kinds import BY_ROWS, PEFT, Kind, Tensors, lora, peft

Rows = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """A layer as another program sees it: its name there, and where its rows are in ComfyUI's model."""

    name: str
    native: str
    rows: Rows | None = None
    swapped: bool = False


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
