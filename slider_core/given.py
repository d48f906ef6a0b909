"""What users and files give, read with care: quoted in short, and parsed so that every fault has a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from reprlib import Repr
from typing import Any

MOST_QUOTED = 80  # characters of the input in an error
STRONGEST = 100.0  # a strength, above and below 0
MOST_DIGITS = 300  # of a whole number; longer ones are no float any more

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = MOST_QUOTED


def quoted(given: object) -> str:
    """What was given, as an error quotes it: its repr, with the middle left out where it is long."""
    if isinstance(given, int) and abs(given) >= 10**MOST_QUOTED:
        return f"a whole number of more than {MOST_QUOTED} digits"
    text = _SHORT.repr(given)
    return text if len(text) <= MOST_QUOTED + 2 else f"{text[:MOST_QUOTED]}…"


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

    def whole(digits: str) -> int:
        if len(digits) > MOST_DIGITS:
            raise error(f"{what} has a number of {len(digits)} digits; at most {MOST_DIGITS} are possible.")
        return int(digits)

    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=pairs, parse_int=whole)
    except json.JSONDecodeError as found:
        at = f"line {found.lineno}, column {found.colno}"
        raise error(f"{what} is not valid JSON: {found.msg} at {at}.") from None
    except RecursionError:
        raise error(f"{what} is nested too deep to be read; a few levels are enough.") from None


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
