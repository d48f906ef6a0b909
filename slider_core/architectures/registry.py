"""Which family a model belongs to. Each file in `families` adds its own; nothing else lists them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from . import families
from .family import Family
from .general_rule import general_rule
from .left_out import is_left_out
from .network import Network
from .offer import PARTS, offered
from .patterns import ends_with


@cache
def all_families() -> tuple[Family, ...]:
    """Every family known, in the order of their names."""
    modules = [info.name for info in pkgutil.iter_modules(families.__path__)]
    found = [importlib.import_module(f"{families.__name__}.{name}").FAMILIES for name in modules]
    return tuple(
        sorted((family for group in found for family in group), key=lambda family: family.name.lower())
    )


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
    found = [family for cls in classes for family in all_families() if _names(family, cls)]
    return list(dict.fromkeys(found))


def _names(family: Family, cls: type) -> bool:
    return any(ends_with(f"{cls.__module__}.{cls.__qualname__}", name) for name in family.recognised_by)


def _fits(network: Network, family: Family) -> bool:
    """Whether the network has every part that the family's file describes, and no attention that it does not."""
    offer = offered(network, family)
    parts = {entry.part for entry in offer}
    if _names(family, type(network.module)):
        return "attention" in parts
    described = {entry.layer for entry in offer}
    rule = (e.layer for e in offered(network, general_rule(network)) if e.part == "attention")
    unknown = (layer for layer in rule if layer not in described and not is_left_out(family, layer))
    return parts == {part for part in PARTS if getattr(family, part)} and not any(unknown)
