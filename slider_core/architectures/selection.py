"""What `SliderTargets` hands on: the targets that were selected, and why just these."""

from __future__ import annotations

from dataclasses import dataclass

from .target import Target


@dataclass(frozen=True)
class Selection:
    """Targets of one model, with what the report says about them.

    Attributes:
        family: name of the model family (`Flux`, `Wan`, …), or `unknown` where the general rule was used.
        on_control_net: whether the targets are a ControlNet's, and not a diffusion model's.
        skipped: pattern of layer names to the reason why they are not targets.
        warnings: caveats of the family, or of this selection.
    """

    targets: tuple[Target, ...]
    family: str
    preset: str
    on_control_net: bool = False
    skipped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
