"""What users and files give, read with care: quoted in short, and parsed so that every fault has a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from reprlib import Repr
from typing import Any

MOST_QUOTED = 80  # characters of the input in an error
STRONGEST = 100.0  # a strength, above and below 0
MOST_DIGITS = 300  # of a whole number; longer ones are no float any more

MINUS = re.compile("[\u2212\u2013\uff0d]")  # minus, en dash, full-width hyphen
SIGNED = re.compile(r"([+-])\s+(?=[\d.,])")  # a sign and its number, with blanks between them
SPACES = re.compile(r"(?<=[+-])\s+|(?<=\d)[ \u00a0\u2009\u202f](?=\d{3}(?!\d))|^\s+|\s+$")
DECIMAL = re.compile(r"[+-]?\d*,\d+")
OUTSIDE = re.compile(
    r'"(?:[^"\\]|\\[\s\S])*+(?:"|\\?\Z)|\u2212(?=\d)'
)  # a JSON string, or a minus before a digit

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = MOST_QUOTED


def quoted(given: object) -> str:
    """What was given, as an error quotes it: its repr, with the middle left out where it is long."""
    if isinstance(given, int) and abs(given) >= 10**MOST_QUOTED:
        return f"a whole number of more than {MOST_QUOTED} digits"
    text = _SHORT.repr(given)
    return text if len(text) <= MOST_QUOTED + 2 else f"{text[:MOST_QUOTED]}…"


def number(text: str) -> float | None:
    """The number that a person typed, None if it is none: `-0.5`, `−0,5` (U+2212), `+ 1`, `1 000`."""
    plain = SPACES.sub("", MINUS.sub("-", text))
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def number_texts(text: str, several: bool = True) -> list[str]:
    """A list of numbers, and of ranges such as `-1:1:3`, taken apart.

    Numbers are separated by blanks, semicolons or commas. Where there are blanks or semicolons, or in a range, a comma
    between two digits is a decimal comma: `-0,5; 0,5`, `-0,5:0,5:3`. Alone it could be either, see `several`.

    Args:
        several: a list is expected, so that `1,5` is 1 and 5; else it is 1.5, but `-1,1` is −1 and 1 all the same.
    """
    text = SIGNED.sub(r"\1", MINUS.sub("-", text)).strip()
    if not re.search(r"[;\s]", text) and not _is_range(text):
        first, comma, second = text.partition(",")
        mirrored = first.lstrip("+-") == second.lstrip("+-")
        return (
            [text] if DECIMAL.fullmatch(text) and not (several or mirrored) else _without_empty(text.split(","))
        )
    parts = _without_empty(re.split(r"[;\s]+|,(?=\s|$)", text))
    return [
        piece
        for part in parts
        for piece in ([part] if DECIMAL.fullmatch(part) or _is_range(part) else _without_empty(part.split(",")))
    ]


def _without_empty(parts: list[str]) -> list[str]:
    return [stripped for part in parts if (stripped := part.strip(", "))]


def _is_range(text: str) -> bool:
    pieces = text.split(":")
    return len(pieces) == 3 and all(number(piece) is not None for piece in pieces)


def _with_signs(text: str) -> str:
    """JSON text in which a minus (U+2212) before a number, where no text is, is one that JSON knows."""
    return OUTSIDE.sub(lambda found: found[0] if found[0].startswith('"') else "-", text)


def parsed_json(
    text: str,
    what: str,
    error: type[ValueError] = ValueError,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """What JSON text says.

    Args:
        what: what the text is, as the subject of a sentence.
        error: the class of what is raised.
        pairs: makes an object of its pairs of key and value.

    Raises:
        error: if the text is not JSON, is nested hundreds of levels deep, or has a number of hundreds of digits.
    """

    text = _with_signs(text.removeprefix("\ufeff"))

    def whole(digits: str) -> int:
        if len(digits) > MOST_DIGITS:
            raise error(f"{what} has a number of {len(digits)} digits; at most {MOST_DIGITS} are possible.")
        return int(digits)

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_int=whole)
    except json.JSONDecodeError as found:
        at = f"line {found.lineno}, column {found.colno}"
        raise error(f"{what} is not valid JSON: {found.msg} at {at}.") from None
    except RecursionError:
        raise error(f"{what} is nested too deep to be read; a few levels are enough.") from None


def names_file(text: str, endings: tuple[str, ...]) -> bool:
    """Whether text that may be pasted, or the name of a file with such an ending, is the latter."""
    name = text.strip()
    return name.lower().endswith(endings) and "\n" not in name and "," not in name and name[0] not in "{["


def checked_text(text: str, what: str, error: type[ValueError] = ValueError) -> str:
    """The text, if it can be written anywhere.

    Raises:
        error: if it holds half a surrogate pair or a NUL, which no file and no tokenizer takes.
    """
    bad = next((sign for sign in text if sign == "\0" or "\ud800" <= sign <= "\udfff"), None)
    if bad is not None:
        raise error(f"{what} has the character U+{ord(bad):04X}, which is no text. Write {quoted(text)} again.")
    return text


def counted(number: int, noun: str, more: str = "") -> str:
    """`1 picture`, `2 pictures`; `more` is the plural of nouns that do not only take an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {more or noun + 's'}"
