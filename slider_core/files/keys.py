"""What LoRA files call their tensors, whatever the layer: suffixes by program, and text encoders."""

from __future__ import annotations

from collections.abc import Iterable

from .fused import ALPHA, DORA, DOWN, MID, UP

TEXT_ENCODER = ("lora_te", "text_encoder", "te1.", "te2.", "lora_prior_te", "cond_stage_model", "hydit_clip")
# Suffixes with what divides them from the layer's name, and LyCORIS's name for the same tensor.
OTHER_NAMES = {
    ".lora_A.weight": DOWN,
    ".lora_B.weight": UP,
    ".lora_B.bias": "diff_b",
    ".lora_A.default.weight": DOWN,
    ".lora_B.default.weight": UP,
    ".lora.down.weight": DOWN,
    ".lora.up.weight": UP,
    "_lora.down.weight": DOWN,
    "_lora.up.weight": UP,
    ".lora_linear_layer.down.weight": DOWN,
    ".lora_linear_layer.up.weight": UP,
    ".lora_A": DOWN,
    ".lora_B": UP,
    ".lora_magnitude_vector": "magnitude",
    ".lora_magnitude_vector.weight": "magnitude",
    ".lora_magnitude_vector.default.weight": "magnitude",
}
LYCORIS = (
    "hada_w1_a hada_w1_b hada_w2_a hada_w2_b hada_t1 hada_t2 lokr_w1 lokr_w1_a lokr_w1_b lokr_w2 lokr_w2_a lokr_w2_b "
    "lokr_t2 oft_blocks rescale a1.weight a2.weight b1.weight b2.weight weight on_input"
).split()
OWN = (UP, DOWN, MID, ALPHA, DORA, "diff", "diff_b", "reshape_weight", "set_weight", *LYCORIS)
SUFFIXES = {**{f".{name}": name for name in OWN}, **OTHER_NAMES}
LONGEST_FIRST = sorted(SUFFIXES, key=len, reverse=True)


def for_text_encoder(keys: Iterable[str]) -> list[str]:
    """Those of a LoRA's keys that are for a text encoder, which no slider touches."""
    return [key for key in keys if key.startswith(TEXT_ENCODER)]


def taken_apart(key: str) -> tuple[str, str]:
    """The layer's part of a key, and the suffix that says which tensor it is; "" where none is known."""
    suffix = next((suffix for suffix in LONGEST_FIRST if key.endswith(suffix)), "")
    return key[: len(key) - len(suffix)], suffix
