"""What the tests know of a model: how it is made, what one call of it takes, and what must be selected on it.

Targets are spelled out by hand from the model code, below the network: `{a,b}` are alternatives, `{0..3}` and
`{1..7..3}` numbers, `[0:4,4:8]` row ranges.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from families.twin import Twin

QKVO = "{to_q,to_k,to_v,to_out.0}"


@dataclass(frozen=True, kw_only=True)
class Control:
    """The ControlNet that `tiny_control_net` makes for the tiny model of the same name.

    Attributes:
        family: the name of its family.
        targets: what the slider preset selects.
        unused: the beginning of the names of layers whose result the base model does not use.
    """

    name: str = field(kw_only=False)
    family: str
    targets: str
    unused: str = "none"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model of a family.

    Attributes:
        of: its class in comfy.supported_models.
        config: its `unet_config`, as ComfyUI's model detection makes it from a file.
        diffusers: its class there, and the configuration where the default is too large or lacks layers.
    """

    name: str = field(kw_only=False)
    family: str
    of: str
    config: dict[str, Any]
    targets: str
    diffusers: tuple[str, dict[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class Tiny(Variant):
    """A model of ComfyUI's own code at a hundredth of the width: all tests of families run on these.

    Attributes:
        x, sigma: shape of the latents of a call, two samples, and their noise level.
        call: its conditionings: a tensor's shape, or a constant, or {"values": …}.
        step: how far a finite difference moves an adapter, in parts of the adapter's own size.
        single: whether it computes in float32 whatever it is in; others are checked in float64.
        one_noise_level: whether parts take the batch's highest noise level; in sampling all rows have the same.
        on_cpu: whether something is computed while it is built, so that it cannot be built on the meta device.
        references: whether it has blocks for reference pictures, which are targets too.
        twin: how diffusers makes the same model, where a test compares the two.
        fused_norms: two norms whose layer ComfyUI never calls, of queries and of keys.
    """

    x: list[int]
    sigma: float
    call: dict[str, Any]
    step: float = 1e-4
    single: bool = False
    one_noise_level: bool = False
    on_cpu: bool = False
    references: bool = False
    twin: Twin | None = None
    fused_norms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Published(Variant):
    """A published model that is too wide to be tiny: its modules on the meta device; some have fewer blocks."""


@dataclass(frozen=True, kw_only=True)
class Newer(Variant):
    """A model that ComfyUI gained after 0.30, by the names of its classes and layers (`architectures/newer.py`).

    Attributes:
        network: module and class of the network, below comfy.ldm.
        layers: by their names, (rows, columns) or (rows, columns, kernel).
        based_on: the class that it derives from, in comfy.supported_models and comfy.model_base.
    """

    network: str
    layers: dict[str, tuple[int, ...]]
    based_on: str = ""


def expanded(text: str, prefix: str = "diffusion_model") -> set[tuple[str, tuple[int, int] | None]]:
    """The (key, rows) pairs that targets mean."""
    found = set()
    for line in text.split():
        names, _, ranges = line.partition("[")
        rows = (
            [tuple(map(int, part.split(":"))) for part in ranges.rstrip("]").split(",")] if ranges else [None]
        )
        found |= {(f"{prefix}.{name}.weight", part) for name in expanded_names(names) for part in rows}
    return found


def expanded_names(pattern: str) -> list[str]:
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return [pattern]
    counted = re.fullmatch(r"(\d+)\.\.(\d+)(?:\.\.(\d+))?", braces[1])
    choices = braces[1].split(",")
    if counted:
        choices = range(int(counted[1]), int(counted[2]) + 1, int(counted[3] or 1))
    return [
        name
        for c in choices
        for name in expanded_names(f"{pattern[: braces.start()]}{c}{pattern[braces.end() :]}")
    ]
