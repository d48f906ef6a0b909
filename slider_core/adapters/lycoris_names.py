"""Which entry of a LyCORIS config's `name_algo_map` and `module_algo_map` is for which target."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import reduce
from itertools import chain
from typing import Any

from ..architectures.target import Target
from ..given import quoted
from ..layers import root_of
from .expressions import matched

ROLES = {"Attention": ("attention", "other"), "FeedForward": ("mlp",)}  # classes of diffusers

Entry = Mapping[str, Any]


class AlgoMaps:
    """The two maps of a config, on the targets of a model.

    Args:
        by_fnmatch: whether names are patterns with `*`, else regular expressions too.

    Raises:
        ExpressionError: if the expressions take too long.
    """

    def __init__(
        self,
        names: Mapping[str, Entry],
        modules: Mapping[str, Entry],
        by_fnmatch: bool,
        model: Any,
        targets: Sequence[Target],
    ):
        self.names, self.modules, self.model, self.targets = names, modules, model, targets
        every = [name for target in targets for name in _names(target)]
        self.matched = {} if by_fnmatch else matched(names, every)

    def entry_for(self, target: Target) -> Entry:
        """The entry for a target: that of its name wins over that of its module."""
        of_name = (entry for name, entry in self.names.items() if self._is_called(target, name))
        of_module = (entry for name, entry in self.modules.items() if self._is_within(target, name))
        return next(chain(of_name, of_module), {})

    def warn_of_unused(self) -> None:
        for pattern in self.names:
            if not any(self._is_called(target, pattern) for target in self.targets):
                logging.warning("name_algo_map: no target is called %s.", quoted(pattern))
        for name in self.modules:
            if not any(self._is_within(target, name) for target in self.targets):
                logging.warning("module_algo_map: no target lies in a %s.", quoted(name))

    def _is_called(self, target: Target, pattern: str) -> bool:
        """Whether the layer's native or diffusers name is, or ends at a dot with, or matches the pattern."""
        expression = self.matched.get(pattern, ())
        return any(
            name == pattern or name.endswith(f".{pattern}") or fnmatch(name, pattern) or name in expression
            for name in _names(target)
        )

    def _is_within(self, target: Target, name: str) -> bool:
        """Whether the layer lies within a module of the class, or plays the part that the class of diffusers holds."""
        return target.role in ROLES.get(name, ()) or name in self._classes_around(target)

    def _classes_around(self, target: Target) -> Iterator[str]:
        """The names of the classes of the layer and of the modules that it lies in."""
        parts = target.layer.split(".")
        for depth in range(1, len(parts) + 1):
            yield type(reduce(getattr, parts[:depth], root_of(self.model))).__name__


def _names(target: Target) -> list[str]:
    return [name for name in (target.layer, target.layer.partition(".")[2], target.name) if name]
