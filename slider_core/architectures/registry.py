"""Which family a model belongs to. Each file in `families` adds its own; nothing else lists them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from . import families
from .candidates import PARTS, candidates
from .check import checked
from .family import Family
from .general_rule import general_rule
from .network import Network
from .patterns import ends_with
from .skipped import is_skipped


@cache
def all_families() -> tuple[Family, ...]:
    """Every family known, in the order of their names.

    Raises:
        FamilyError: if one states something that cannot be.
    """
    modules = [info.name for info in pkgutil.iter_modules(families.__path__) if not info.name.startswith("_")]
    files = [importlib.import_module(f"{families.__name__}.{name}").FAMILIES for name in modules]
    found = [family for of_file in files for family in of_file]
    names = [family.name for family in found]
    return tuple(sorted((checked(family, names) for family in found), key=lambda family: family.name.lower()))


def family_of(network: Network) -> Family:
    """The family of a model: by ComfyUI's model config, else its model class, else the network's class.

    A class may derive from a known one and yet have other layers, so it belongs to the family only where the layers
    are those of the family's file. A model of no family gets the general rule, from the structure of its modules.
    """
    named = _named(network.classes)
    fitting = (family for family in named if _fits(network, family))
    return next(fitting, None) or general_rule(network, named[0].name if named else "")


def _named(classes: Iterable[type]) -> list[Family]:
    """The families that name one of the classes, in the order of the classes."""
    found = [family for cls in classes for family in all_families() if is_called(cls, family.recognised_by)]
    return list(dict.fromkeys(found))


def is_called(cls: type, names: Iterable[str]) -> bool:
    """Whether a class has one of the names, which may begin with a part of its module's name."""
    return any(ends_with(f"{cls.__module__}.{cls.__qualname__}", name) for name in names)


def _fits(network: Network, family: Family) -> bool:
    """Whether the network has every part that the family's file describes, and no attention that it does not."""
    possible = candidates(network, family)
    parts = {entry.part for entry in possible}
    if is_called(type(network.module), family.recognised_by):
        return "attention" in parts
    described = {entry.layer for entry in possible}
    rule = (e.layer for e in candidates(network, general_rule(network)) if e.part == "attention")
    unknown = (layer for layer in rule if layer not in described and not is_skipped(family, layer))
    return parts == {part for part in PARTS if getattr(family, part)} and not any(unknown)
