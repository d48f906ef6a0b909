"""What other programs write for one layer, kind by kind, and the weight that each of them means.

It is written out here by itself, so that it is no copy of what is tested.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

import torch

Tensors = dict[str, torch.Tensor]


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
