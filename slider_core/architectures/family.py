"""What the file of a model family states, as data: which layers play which part, and how fused weights divide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

Rows = tuple[int, int]
Split = Callable[[nn.Module, Any], tuple[Rows, ...]]
"""The row ranges of q, k and v (or of other parts), from the fused layer and the module that holds it."""


@dataclass(frozen=True)
class Layers:
    """Layers that play the same part, found by an anchored pattern.

    Attributes:
        native: pattern of their names below the diffusion model. `*` stands for anything within one part of a
            dotted name, `{a,b}` for alternatives. Attention lists q, k, v and output in this order; time lists
            the first layer before the second: names of SimpleTuner's lists are understood by this order.
        diffusers: the same layers in diffusers, with as many `*`, and an alternative for each native one, or for
            each row range. Empty where diffusers does not have them.
        rows: how the rows of the fused weight divide; None where the weight is not fused.
        only: limits the pattern to layers of which this is true, given the network and the layer's name.
        batch_dim: the dimension of the layer's input that counts the rows of the batch.
        swapped: whether diffusers has the two halves of the rows (shift and scale) in the other order.
        part: where diffusers has the whole layer under one name, of which these are only some rows: what ComfyUI's
            LoRA loader puts behind the layer's name for these rows.
    """

    native: str
    diffusers: str = ""
    rows: Split | None = None
    only: Callable[[nn.Module, str], bool] | None = None
    batch_dim: int = 0
    swapped: bool = False
    part: str = ""


@dataclass(frozen=True)
class Family:
    """A model family.

    Attributes:
        recognised_by: class names, as long as needed to be unique (`Flux`, `cldm.mmdit.ControlNet`), of ComfyUI's
            model config, its model class, or the diffusion model; subclasses are recognised too.
        attention: self- or joint-attention projections of the picture's own stream.
        inputs, outputs: projections and convolutions that the picture enters and leaves by.
        time: the time embedding.
        other_attention: projections of the text stream, and cross-attention; only the `attention` preset has them.
        mlp: the picture stream's MLP layers.
        attention_only: the slider preset leaves inputs, outputs and time out, for the reason given here.
        skipped: pattern (here `**` stands for any number of parts) and reason, for the report; first match wins.
        caveats: what a user should know before training or applying a slider on this family.
        untrainable: why no slider can be trained on this family, where that is so; one can still be applied.
        literal: where SimpleTuner's literal list selects other layers than the rule means.
        names: diffusers names by layer name, for families where no pattern gives them.
        elsewhere: layers that no preset has, with their diffusers names: LoRAs of others have them.
        control: for ControlNets, the names of the families that they steer.
        classes: class names of diffusers that LyCORIS configs list for this family, each with the pattern of the layers
            that lie in modules of that class; "" where there are none.
        component: what diffusers calls the model in a pipeline: its keys begin so.
        layer_names: pattern (with `**`) of the native layer names, by which a file alone says its component; needed
            where that is not `transformer`.
        kohya_names: pattern (with `**`) of a diffusers name that is in a file only where sd-scripts calls the layers
            as diffusers does.
        modelspec: the modelspec standard's name for ComfyUI's class of model config, where it has one.
        webui: A1111's name of the models, where it tells them apart from others.
        prompts_swapped: whether a call of positive and negative prompts runs with its halves in each other's place.
        keeps: attributes of the diffusion model, lists, in which it keeps what it made of a prompt for later calls.
        copied: classes of what blocks are given and add to, so that a block that runs again needs a copy.
        opened: classes that stand in the model's lists like blocks, and hold the blocks that run again.
    """

    name: str
    recognised_by: tuple[str, ...]
    attention: tuple[Layers, ...]
    inputs: tuple[Layers, ...] = ()
    outputs: tuple[Layers, ...] = ()
    time: tuple[Layers, ...] = ()
    other_attention: tuple[Layers, ...] = ()
    mlp: tuple[Layers, ...] = ()
    attention_only: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    caveats: tuple[str, ...] = ()
    untrainable: str = ""
    literal: str = ""
    names: Callable[[nn.Module], dict[str, str]] | None = None
    elsewhere: tuple[Layers, ...] = ()
    control: tuple[str, ...] = ()
    classes: tuple[tuple[str, str], ...] = ()
    component: str = "transformer"
    layer_names: str = ""
    kohya_names: str = ""
    modelspec: tuple[tuple[str, str], ...] = ()
    webui: str = ""
    prompts_swapped: bool = False
    keeps: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()


def thirds(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """q, k and v of equal height fill the weight."""
    height = layer.out_features // 3
    return (0, height), (height, 2 * height), (2 * height, 3 * height)


def halves(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """Two parts of equal height, such as k and v, fill the weight."""
    height = layer.out_features // 2
    return (0, height), (height, 2 * height)


def qkv_before_mlp(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """q, k and v, each as high as the input is wide, stand before the rows of the MLP."""
    width = layer.in_features
    return (0, width), (width, 2 * width), (2 * width, 3 * width)


def qkv_as_one(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """The rows of q, k and v together, before those of the MLP."""
    return ((0, 3 * layer.in_features),)


def mlp_after_qkv(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """The rows of the MLP, behind those of q, k and v."""
    return ((3 * layer.in_features, layer.out_features),)


def grouped_query(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """Fewer heads for k and v than for q, as the attention module says."""
    query = parent.n_local_heads * parent.head_dim
    key = parent.n_local_kv_heads * parent.head_dim
    return (0, query), (query, query + key), (query + key, query + 2 * key)


TEXT = "carries only text: the rule leaves text alone"
POOLED = "embeds pooled text, sizes or guidance"
MODULATION = "modulation, made from time and text"
IN_PIECES = "sees the batch in pieces: its rows cannot have strengths of their own there"
MIXED_OUT = "attention output and MLP in one weight, not separable by rows"

SHARED = (
    "Text and picture pass through the same projections in single-stream blocks: a slider there also changes "
    "the text tokens."
)
VISUAL_ATTENTION_ONLY = "as in SimpleTuner, only visual attention is trained on this family"
