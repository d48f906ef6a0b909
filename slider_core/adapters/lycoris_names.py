"""Which targets the names of a LyCORIS config mean: `name_algo_map`, `module_algo_map` and `exclude_name`."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import reduce
from itertools import chain
from typing import Any

from ..architectures.candidates import candidates, elsewhere
from ..architectures.lycoris_lists import CLASSES
from ..architectures.network import network_of
from ..architectures.patterns import matches
from ..architectures.registry import family_of
from ..architectures.target import Target
from ..given import quoted
from ..layers import root_of
from .expressions import matched, unreadable

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
        self.classes = dict(family_of(network_of(model)).classes) if modules else {}
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
        if name in self.classes:
            return matches(self.classes[name], target.layer.partition(".")[2])
        return target.role in CLASSES.get(name, ()) or name in self._classes_around(target)

    def _classes_around(self, target: Target) -> Iterator[str]:
        """The names of the classes of the layer and of the modules that it lies in."""
        parts = target.layer.split(".")
        for depth in range(1, len(parts) + 1):
            yield type(reduce(getattr, parts[:depth], root_of(self.model))).__name__


def without_excluded(
    targets: Sequence[Target], patterns: Sequence[str], by_fnmatch: bool, model: Any
) -> Sequence[Target]:
    """The targets that no pattern of `exclude_name` fits, by LyCORIS's rule: a path is excluded if it is written in
    the list, or an expression matches it from its beginning on (with `by_fnmatch`, a pattern with `*` all of it).

    Paths are diffusers' names; what fits none of them is tried on the native names. A layer is left out with the
    module that holds it, as LyCORIS does not go into an excluded target module.

    Raises:
        ExpressionError: for an expression that cannot be read, or takes too long.
    """
    if not patterns:
        return targets
    if not by_fnmatch:
        for pattern in patterns:
            unreadable(pattern)
    of_layer = _diffusers_names(model)
    foreign = [_with_holders([t.name] if t.name else of_layer.get(t.layer, [])) for t in targets]
    native = [_with_holders([t.layer.partition(".")[2]]) for t in targets]
    every = [path for paths in (*foreign, *native) for path in paths]
    hits = _fnmatched(patterns, every) if by_fnmatch else matched(patterns, every)
    out: set[int] = set()
    for pattern in patterns:
        fitting = {pattern} | hits[pattern]
        fits = [i for i, paths in enumerate(foreign) if fitting & paths]
        fits = fits or [i for i, paths in enumerate(native) if fitting & paths]
        if not fits:
            logging.warning("exclude_name: no target is called %s.", quoted(pattern))
        out |= set(fits)
    return [target for i, target in enumerate(targets) if i not in out]


def _fnmatched(patterns: Sequence[str], paths: Sequence[str]) -> dict[str, set[str]]:
    return {pattern: {path for path in paths if fnmatch(path, pattern)} for pattern in patterns}


def _diffusers_names(model: Any) -> dict[str, list[str]]:
    """All names that diffusers has for the rows of a layer, by the layer's native name."""
    network = network_of(model)
    family, found = family_of(network), defaultdict(list)
    for entry in [*candidates(network, family), *elsewhere(network, family)]:
        if entry.target.name:
            found[entry.target.layer].append(entry.target.name)
    return found


def _with_holders(paths: Sequence[str]) -> set[str]:
    return {*paths, *map(_holder, paths)}


def _holder(path: str) -> str:
    """The module that holds a projection: `attn1` of `attn1.to_q` and of `attn1.to_out.0`, `ff` of `ff.net.0.proj`."""
    return re.sub(r"(\.net)?(\.\d+)?\.[^.]+(\.0)?$", "", path)


def _names(target: Target) -> list[str]:
    return [name for name in (target.layer, target.layer.partition(".")[2], target.name) if name]
