"""What a family's file must fulfil, checked when the family is registered."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from .candidates import PARTS
from .family import Family, Layers
from .patterns import PatternError, alternatives, pieces_of

TEXTS = ("name", "attention_only", "untrainable", "literal", "component", "layer_names", "kohya_names", "webui")
LISTS = ("recognised_by", "caveats", "control", "keeps", "copied", "opened")
PAIRS = {"skipped": "pattern and reason", "modelspec": "class and name", "classes": "class and pattern"}


class FamilyError(ValueError):
    """A family's file states something that cannot be."""


def checked(family: Family, known: Collection[str]) -> Family:
    """The family.

    Args:
        known: the names of all families.

    Raises:
        FamilyError: names the family, the field and what is wrong with it.
    """
    for field, problem in (*_texts(family), *_layers(family), *_references(family, known)):
        raise FamilyError(f"family {family.name or '(without name)'}, {field}: {problem}.")
    return family


Problems = Iterator[tuple[str, str]]


def _texts(family: Family) -> Problems:
    for name in TEXTS:
        value = getattr(family, name)
        if not isinstance(value, str):
            yield name, f"{value!r} is not a text"
    for name in LISTS:
        value = getattr(family, name)
        if not isinstance(value, tuple) or not all(isinstance(item, str) and item for item in value):
            yield name, f"{value!r} is not a tuple of texts; one text needs a comma behind it"
    for name, of in PAIRS.items():
        for pair in getattr(family, name):
            is_pair = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
            if not is_pair or not pair[0] or not (pair[1] or name == "classes"):
                yield name, f"{pair!r} is not a pair of {of}"
    for name in ("name", "recognised_by", "attention"):
        if not getattr(family, name):
            yield name, "is empty"


def _layers(family: Family) -> Problems:
    for part in (*PARTS, "elsewhere"):
        value = getattr(family, part)
        if not isinstance(value, tuple) or not all(isinstance(item, Layers) for item in value):
            yield part, "is not a tuple of Layers; one Layers needs a comma behind it"
            continue
        for layers in value:
            yield from ((part, problem) for problem in _problems_of(layers, bool(family.names)))
    patterns = [("skipped", pattern) for pattern, _ in family.skipped]
    patterns += [("classes", pattern) for _, pattern in family.classes if pattern]
    for part, pattern in patterns:
        yield from ((part, problem) for problem in _unreadable(pattern))


def _problems_of(layers: Layers, has_names: bool) -> Iterator[str]:
    natives, foreign = alternatives(layers.native), alternatives(layers.diffusers)
    yield from (*_unreadable(layers.native), *_unreadable(layers.diffusers))
    if not layers.native:
        yield "a Layers has no native pattern"
    if not layers.diffusers:
        return
    if has_names:
        yield f"{layers.native} has a diffusers pattern, and `names` gives the names too"
    if layers.rows is None and len(foreign) != len(natives):
        yield f"{layers.native} has {len(natives)} alternatives, and {layers.diffusers} has {len(foreign)}"
    if layers.rows is not None and len(natives) != 1:
        yield f"{layers.native} divides by rows, so it can have no alternatives of its own"
    stars = {pattern.count("*") for pattern in (*natives, *foreign)}
    if len(stars) != 1:
        yield f"{layers.native} and {layers.diffusers} have not the same number of *"


def _unreadable(pattern: str) -> Iterator[str]:
    try:
        pieces_of(pattern)
    except PatternError as error:
        yield str(error).rstrip(".")
    if re.search(r"\s|\.\.|^\.", pattern):
        yield f"{pattern!r} has a space, or a dot too many"


def _references(family: Family, known: Collection[str]) -> Problems:
    for name in family.control:
        if name not in known:
            yield "control", f"there is no family {name!r}"
    if family.component != Family.component and not family.layer_names:
        yield "layer_names", f"is needed for the component {family.component!r}"
    if sum(name == family.name for name in known) > 1:
        yield "name", "another family has it too"
