"""Which family a model belongs to. Each file in `families` adds its own; nothing else lists them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from . import families
from .family import Family
from .general_rule import general_rule
from .network import Network
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

    A model that none of these names gets the general rule, from the structure of its modules.
    """
    for cls in network.classes:
        qualified = f"{cls.__module__}.{cls.__qualname__}"
        for family in all_families():
            if any(ends_with(qualified, name) for name in family.recognised_by):
                return family
    return general_rule(network)
