"""A target: one weight of the model, or some rows of a fused one, that an adapter is added to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Target:
    """Where one adapter goes.

    Attributes:
        key: native weight key, as in the model's state dict: `diffusion_model.blocks.0.attn.qkv.weight`
            (`control_model.…` for a ControlNet).
        rows: range along the output dimension where weights are fused (q, k and v in one matrix), else None.
        name: the layer's name in diffusers, without `.weight`, where diffusers has the layer; q, k and v of a
            fused weight have a name each.
            Where `Layers.part` is set, it is the name of a whole layer of which these rows are a part.
        role: `attention`, `projection`, `time`, `other` (text and cross-attention), `mlp` or `custom`, for the
            report.
    """

    key: str
    rows: tuple[int, int] | None = None
    name: str | None = None
    role: str = "attention"

    @property
    def layer(self) -> str:
        """The module that holds the weight, named from the root that `key` is named from."""
        return self.key.removesuffix(".weight")
