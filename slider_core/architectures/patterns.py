"""Anchored patterns of dotted layer names, both ways: names by pattern, and names summed up as patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import groupby
from typing import TypeAlias

from ..given import quoted

_NUMBER = re.compile(r"(?:block)?\d+")
_BRACES = re.compile(r"\{([^{}]*)\}")
_PIECES = re.compile(r"\*\*|\*|[{},]|[^*{},]+")
LONGEST = 300  # characters of a pattern

# Text, `*` or `**`, or the choices of a pair of braces.
Piece: TypeAlias = "str | tuple[Pieces, ...]"
Pieces = tuple[Piece, ...]


class PatternError(ValueError):
    """A pattern that a user wrote is too long, or a brace of it has no partner."""


def alternatives(pattern: str) -> list[str]:
    """`a.{b,c}` as `a.b` and `a.c`; several braces in the order of an odometer."""
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [whole for choice in found[1].split(",") for whole in alternatives(before + choice + after)]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """`*` catches anything within one part of a dotted name, `**` any number of parts."""
    steps = {"**": r"(?:.+)", "*": r"([^.]*)"}
    pieces = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join(steps.get(piece, re.escape(piece)) for piece in pieces))


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern, braces and all, describes the whole name."""
    return any(compiled(choice).fullmatch(name) for choice in alternatives(pattern))


@lru_cache(1024)
def pieces_of(pattern: str) -> Pieces:
    """A pattern taken apart, for `ends`.

    Raises:
        PatternError: if it is longer than any name, or has a brace without a partner.
    """
    if len(pattern) > LONGEST:
        raise PatternError(
            f"{quoted(pattern)} has {len(pattern)} characters; a layer name has at most {LONGEST}."
        )
    open_braces: list[list[list[Piece]]] = [[[]]]
    for piece in _PIECES.findall(pattern):
        inside = len(open_braces) > 1
        if piece == "{":
            open_braces.append([[]])
        elif piece == "}" and inside:
            choices = open_braces.pop()
            open_braces[-1][-1].append(tuple(map(tuple, choices)))
        elif piece == "," and inside:
            open_braces[-1].append([])
        else:
            open_braces[-1][-1].append(piece)
    if len(open_braces) > 1:
        raise PatternError(f"{quoted(pattern)} has a {{ without its }}. Write alternatives as to_{{q,k,v}}.")
    return tuple(open_braces[0][0])


def ends(pieces: Pieces, name: str, starts: Iterable[int]) -> set[int]:
    """Where in `name` matches that begin at one of `starts` can end.

    All of them are followed at once, so the time grows with the length of both, whatever the user wrote.
    """
    at = set(starts)
    for piece in pieces:
        if not at:
            break
        if isinstance(piece, tuple):
            at = {end for choice in piece for end in ends(choice, name, at)}
        elif piece == "**":
            at = set(range(min(at) + 1, len(name) + 1))
        elif piece == "*":
            at = _within_part(name, at)
        else:
            at = {start + len(piece) for start in at if name.startswith(piece, start)}
    return at


def _within_part(name: str, starts: set[int]) -> set[int]:
    """The places that can be reached from `starts` without passing a dot."""
    reached: set[int] = set()
    for at in range(min(starts), len(name) + 1):
        if at in starts or (at - 1 in reached and name[at - 1] != "."):
            reached.add(at)
    return reached


def filled(pattern: str, stars: Iterable[str]) -> str:
    """The pattern with its `*` replaced, in order."""
    rest = iter(stars)
    return re.sub(r"\*", lambda _: next(rest), pattern)


def ends_with(name: str, suffix: str) -> bool:
    """Whether `name` ends with `suffix` at a dot: PEFT's rule for target modules."""
    return name == suffix or name.endswith(f".{suffix}")


def summed_up(names: Iterable[str]) -> list[tuple[str, int]]:
    """Names as few patterns with counts: numbers that vary become `*`, siblings stand in braces."""
    groups: dict[str, list[list[str]]] = {}
    for name in names:
        parts = name.split(".")
        groups.setdefault(".".join("#" if _NUMBER.fullmatch(p) else p for p in parts), []).append(parts)
    starred = [(".".join(map(_one_or_star, zip(*group, strict=True))), len(group)) for group in groups.values()]
    return [merged for _, siblings in groupby(starred, _family_of) for merged in _in_braces(list(siblings))]


def _one_or_star(parts: tuple[str, ...]) -> str:
    same = len(set(parts)) == 1
    return parts[0] if same else ("block*" if parts[0].startswith("block") else "*")


def _family_of(entry: tuple[str, int]) -> tuple[str, int]:
    pattern, count = entry
    return pattern.rpartition(".")[0], count


def _in_braces(siblings: list[tuple[str, int]]) -> list[tuple[str, int]]:
    if len(siblings) == 1:
        return siblings
    stem, _, _ = siblings[0][0].rpartition(".")
    lasts = ",".join(pattern.rpartition(".")[2] for pattern, _ in siblings)
    return [(f"{stem}.{{{lasts}}}" if stem else f"{{{lasts}}}", sum(count for _, count in siblings))]
