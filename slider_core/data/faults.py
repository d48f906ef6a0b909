"""What is wrong with pictures and captions, said at once for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from ..given import counted, quoted

MOST_NAMED = 30


class PictureError(ValueError):
    """A picture, clip, mask or caption is missing or cannot be used."""


def raise_all(faults: Sequence[str], what: str = "pictures") -> None:
    """Raises one PictureError that tells every fault, each on a line of its own; nothing where there is none."""
    if len(faults) == 1:
        raise PictureError(faults[0])
    if faults:
        more = len(faults) - MOST_NAMED
        lines = [f"{len(faults)} {what} cannot be used:", *(f"- {fault}" for fault in faults[:MOST_NAMED])]
        raise PictureError("\n".join([*lines, f"… and {more} more."] if more > 0 else lines))


def one_for_each(where: str, pictures: int, what: str, found: int, allowed: Sequence[int]) -> None:
    """Raises PictureError where the number of something does not fit that of the pictures.

    Args:
        where: whose pictures they are, as the subject of a sentence.
        what: in the plural.
    """
    if found not in allowed:
        given = counted(found, what.removesuffix("s"), what)
        raise PictureError(f"{where} has {counted(pictures, 'picture')} but {given}. Give one for each.")


def bucket(name: str) -> str:
    """A bucket as the subject of a sentence."""
    return f"Bucket {quoted(name)}"


def first_of(names: Sequence[str]) -> str:
    """A few names, for a sentence."""
    return ", ".join([*names[:5], *(["…"] if len(names) > 5 else [])])
