"""A number a picture: from tokens in captions, or by its name from a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..given import number, quoted
from .bucket import MIRRORED
from .faults import raise_all

_NUMBER = r"[-+−]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[-+]?\d+)?"


def without_token(caption: str, word: str) -> tuple[str, float | None]:
    """The caption without its tokens `(word:0.7)`, and the number of the last one; None where it has none."""
    if whole := re.fullmatch(rf"\(\s*(.+?)\s*:\s*{_NUMBER}\s*\)", word, re.IGNORECASE):
        word = whole[1]
    token = re.compile(rf"\(\s*{re.escape(word)}\s*:\s*({_NUMBER})\s*\)", re.IGNORECASE)
    found = token.findall(caption)
    if not found:
        return caption, None
    rest = re.sub(r"\s+([,.;])", r"\1", token.sub("", caption))
    rest = re.sub(r"([,;])(\s*[,;])+", r"\1", " ".join(rest.split())).strip(" ,;")
    return rest, number(found[-1])


def matched_numbers(names: Sequence[str], table: Mapping[str, float]) -> list[float | None]:
    """The number of each picture: by its name below its folder or, where only one row fits, by its file's name.

    Raises:
        PictureError: if one row could be that of several pictures.
    """
    rows = _rows(names, table)
    return [table[row] if row else None for row in rows]


def unmatched(names: Sequence[str], table: Mapping[str, float]) -> list[str]:
    """The rows of a table that are those of no picture."""
    used = set(_rows(names, table))
    return [row for row in table if row not in used]


def _rows(names: Sequence[str], table: Mapping[str, float]) -> list[str]:
    """The row of each picture; empty for none."""
    plain = [name if name in table else name.removesuffix(MIRRORED) for name in names]
    others = table.keys() - set(plain)
    whole, last = _by(str.casefold, others), _by(_last, others)
    fitting = {name: [name] if name in table else whole.get(name.casefold()) or last.get(_last(name), [])
               for name in plain}  # fmt: skip
    _check_one_each(fitting)
    return [fitting[name][0] if len(fitting[name]) == 1 else "" for name in plain]


def _by(key: Callable[[str], str], rows: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _last(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _check_one_each(rows: Mapping[str, Sequence[str]]) -> None:
    pictures: dict[str, list[str]] = {}
    for name, fitting in rows.items():
        if len(fitting) == 1:
            pictures.setdefault(fitting[0], []).append(name)
    raise_all(
        [
            f"{quoted(row)} of the table could be {' or '.join(map(quoted, several))}. Write the folder in front."
            for row, several in pictures.items()
            if len(several) > 1
        ],
        "lines of the table of strengths",
    )
