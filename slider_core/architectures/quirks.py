"""What single families ask of code that serves all, looked up by the names of classes, attributes and layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from .candidates import PARTS
from .family import Family
from .patterns import matches
from .registry import all_families, is_called

MOST_NAMES = 10_000  # of layers that are remembered; they may come from a file


def swaps_prompts(model: Any) -> bool:
    """Whether a call of positive and negative prompts runs with its halves in each other's place."""
    return _is_one_of(_mro(model), _with_swapped_prompts)


def is_copied(argument: Any) -> bool:
    """Whether a block that runs again needs a copy of what it was given."""
    return _is_one_of(_mro(argument), _copied)


def is_opened(module: Any) -> bool:
    """Whether a module that stands in a list of blocks holds the blocks that run again."""
    return _is_one_of(_mro(module), _opened)


@cache
def _is_one_of(mro: tuple[type, ...], classes: Callable[[Family], tuple[str, ...]]) -> bool:
    return any(is_called(cls, classes(family)) for family in all_families() for cls in mro)


def _mro(thing: Any) -> tuple[type, ...]:
    return type(thing).__mro__


def _with_swapped_prompts(family: Family) -> tuple[str, ...]:
    return family.recognised_by if family.prompts_swapped else ()


def _copied(family: Family) -> tuple[str, ...]:
    return family.copied


def _opened(family: Family) -> tuple[str, ...]:
    return family.opened


def kept_of_prompts(network: Any) -> list[str]:
    """The attributes of a diffusion model in which it keeps what it made of a prompt for later calls."""
    return [name for family in all_families() for name in family.keeps if hasattr(network, name)]


@lru_cache(MOST_NAMES)
def component_of(layer: str) -> str:
    """What diffusers calls the model in a pipeline that has a layer of this native name: `unet` or `transformer`."""
    named = (f.component for f in all_families() if f.layer_names and matches(f.layer_names, layer))
    return next(named, Family.component)


@lru_cache(MOST_NAMES)
def is_named_as_in_diffusers(name: str) -> bool:
    """Whether a layer of this diffusers name is only in models whose layers sd-scripts calls as diffusers does."""
    return any(family.kohya_names and matches(family.kohya_names, name) for family in all_families())


def modelspec_of(config: str) -> str:
    """The modelspec standard's name for a class of model config; the class's own name where it has none."""
    stated = (name for family in all_families() for of, name in family.modelspec if of == config)
    return next(stated, config.lower())


def webui_of(config: str) -> str:
    """A1111's name of the models of a class of model config."""
    stated = (f.webui for f in all_families() if f.webui and config in dict(f.modelspec))
    return next(stated, "Unknown")


def part_of(name: str | None) -> str:
    """ComfyUI's word for the rows that can be targets of diffusers' layer of this name; empty where all can."""
    return _parts().get((name or "").rpartition(".")[2], "")


@cache
def _parts() -> dict[str, str]:
    stated = (layers for family in all_families() for part in PARTS for layers in getattr(family, part))
    return {layers.diffusers.rpartition(".")[2]: layers.part for layers in stated if layers.part}
