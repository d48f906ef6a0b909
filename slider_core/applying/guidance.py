"""One strength for both sides of guidance: what a prompt is given holds for the negative of the same run too.

Guidance takes the difference of the two predictions `cfg` times. A slider in one of them alone would come back
`cfg` times as strong, and beside the subject.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import torch
from comfy.samplers import resolve_areas_and_cond_masks_multidim
from torch import Tensor

from ..strength import ANY, STRENGTH_KEY

# What bounds a conditioning to a part of the picture or of the steps, and its weight there.
WEIGHTS = ("mask", "mask_strength", "strength", "start_percent", "end_percent", "default")
REGION = ("area", "set_area_to_bounds", *WEIGHTS)

Entry = dict[str, Any]


def with_strengths_of_prompt(
    conds: Mapping[str, Sequence[Entry] | None], size: Sequence[int]
) -> dict[str, list[Entry]]:
    """The conditionings of a run, those beside `positive` with its strengths where they have none of their own.

    Where parts of the picture have prompts of different strengths, so has the negative.

    Args:
        size: of the latents, without rows and channels.
    """
    prompts = conds.get("positive") or []
    made: dict[str, list[Entry]] = {}
    for name, entries in conds.items():
        made[name] = list(entries or ())
        if name != "positive" and any(map(given_by, [*prompts, *made[name]])):
            made[name] = [new for entry in made[name] for new in _at_strengths_of(prompts, entry, size)]
            made[name] += _in_areas(prompts, list(entries or ()))
    return made


def _at_strengths_of(prompts: Sequence[Entry], entry: Entry, size: Sequence[int]) -> list[Entry]:
    wanted = [_wanted(prompt, entry) for prompt in prompts]
    if not wanted:
        return [entry]
    if all(strengths == wanted[0] for strengths in wanted):
        return [{**entry, STRENGTH_KEY: wanted[0]}]
    if _region(entry):  # it is bounded to a part itself: that of one of the prompts, or it keeps what it has
        same = [w for w, prompt in zip(wanted, prompts, strict=True) if _same(_region(prompt), _region(entry))]
        return [{**entry, STRENGTH_KEY: same[0]}] if same else [entry]
    return [
        {**entry, **_weights(prompt, size), STRENGTH_KEY: strengths, "uuid": uuid4()}
        for strengths, prompt in zip(wanted, prompts, strict=True)
    ]


def _in_areas(prompts: Sequence[Entry], entries: Sequence[Entry]) -> list[Entry]:
    """The copies of the negative in each prompt's area, which ComfyUI else makes with the prompt's own strength."""
    whole = next((entry for entry in entries if not _region(entry)), None)
    return [
        {**whole, **_region(prompt), STRENGTH_KEY: _wanted(prompt, whole), "uuid": uuid4()}
        for prompt in prompts
        if whole is not None and "area" in prompt and _wanted(prompt, whole) != given_by(prompt)
    ]


def given_by(entry: Entry) -> dict[str, Any]:
    """The strengths that a conditioning carries, by slider name."""
    given = entry.get(STRENGTH_KEY)
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else {ANY: given}


def _wanted(prompt: Entry, entry: Entry) -> dict[str, Any]:
    own = given_by(entry)
    return own if ANY in own else given_by(prompt) | own


def _region(entry: Entry) -> Entry:
    return {key: entry[key] for key in REGION if key in entry}


def _weights(prompt: Entry, size: Sequence[int]) -> Entry:
    """Where a prompt counts, for a prediction of the whole picture."""
    bounds = {key: prompt[key] for key in WEIGHTS if key in prompt}
    return {**bounds, "mask": _mask(prompt["area"], size)} if "area" in prompt else bounds


def _mask(area: Any, size: Sequence[int]) -> Tensor:
    resolved = [{"area": area}]
    resolve_areas_and_cond_masks_multidim(resolved, tuple(size), torch.device("cpu"))
    numbers = resolved[0]["area"]
    mask = torch.zeros(1, *size)
    part, dims = mask, len(numbers) // 2
    for dim, length, start in zip(range(-dims, 0), numbers[:dims], numbers[dims:], strict=True):
        part = part.narrow(dim, start, min(length, size[dim] - start))
    part.fill_(1.0)
    return mask


def _same(one: Entry, other: Entry) -> bool:
    return one.keys() == other.keys() and all(
        one[key] is other[key] or key != "mask" and one[key] == other[key] for key in one
    )
