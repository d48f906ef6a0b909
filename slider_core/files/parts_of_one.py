"""What is on parts of a fused weight, for a file: as one adapter, as a full difference, or under the parts' names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from .fused import BIAS, Rows, Tensors, can_merge, merged, padded
from .magnitudes import of_own_rows, with_magnitudes


@dataclass(frozen=True)
class OnRows:
    """What is on some rows of a weight.

    Attributes:
        name: ComfyUI's name for this part; empty where its loader has none that takes all the tensors.
        difference: writes the change of the rows out, as `diff` and `diff_b`.
    """

    rows: Rows
    tensors: Tensors
    name: str
    difference: Callable[[], Mapping[str, Tensor]]


def named_tensors(
    key: str, height: int, parts: Sequence[OnRows], base: Callable[[], Tensor], share: bool = False
) -> Iterator[tuple[str, Tensors]]:
    """The tensors of all parts, with the names that they go under.

    Args:
        key, height: the weight's own name, and its rows.
        base: magnitudes of the base weight, [height].
        share: see `merged`.
    """
    at = [(part.rows, part.tensors) for part in parts]
    if can_merge([part.tensors for part in parts]) and of_own_rows(at):
        yield key, with_magnitudes(merged(at, height, share), at, base)
    elif all(part.tensors.keys() <= {"diff", BIAS} for part in parts) or not all(part.name for part in parts):
        written = [(part.rows, part.difference()) for part in parts]
        for name in ("diff", BIAS):
            if some := [(rows, tensors[name]) for rows, tensors in written if name in tensors]:
                yield key, {name: padded(some, height)}
    else:
        yield from ((part.name, part.tensors) for part in parts)
