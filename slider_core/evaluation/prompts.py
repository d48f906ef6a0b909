"""A prompt library as SimpleTuner reads it: named prompts, each with the strength it is to be seen at."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..given import STRONGEST, checked_text, number, parsed_json, quoted

MOST = 1000  # entries of a library
KEYS = ("prompt", "adapter_strength", "neutral")


class PromptLibraryError(ValueError):
    """The library is not in that form; the message names the entry and the key."""


@dataclass(frozen=True)
class Prompt:
    """One entry of a prompt library.

    Attributes:
        strength: the slider's strength for this prompt; None leaves it to SliderApply.
        neutral: the slider should not change this prompt's pictures; what it does there counts as leak.
        conditioning: the text encoded, as ComfyUI's CONDITIONING, once that is done.
    """

    name: str
    text: str
    strength: float | None = None
    neutral: bool = False
    conditioning: list[Any] | None = field(default=None, compare=False, repr=False)


def parse_library(text: str, strength: float | None = None) -> tuple[Prompt, ...]:
    """The prompts of a library in JSON, in its order.

    Entries are `"name": "prompt"` or `"name": {"prompt": …, "adapter_strength": …}`; the key `neutral` (true or
    false) is ours.

    Args:
        strength: for the entries that name none.

    Raises:
        PromptLibraryError: naming the entry and the key at fault.
    """
    library = parsed_json(text, "The prompt library", PromptLibraryError, _no_repeats)
    if not isinstance(library, Mapping) or not 0 < len(library) <= MOST:
        raise PromptLibraryError(
            'The prompt library must be a JSON object with at least one entry, like {"plain": "a portrait"}, and at '
            f"most {MOST}."
        )
    return tuple(_prompt(name, entry, strength) for name, entry in library.items())


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise PromptLibraryError(
            f"{quoted(twice)} stands twice in the prompt library. Give each entry its own name."
        )
    return entries


def _prompt(name: str, entry: Any, strength: float | None) -> Prompt:
    if isinstance(entry, str):
        entry = {"prompt": entry}
    checked_text(name, "The name of an entry", PromptLibraryError)
    if not isinstance(entry, Mapping):
        raise PromptLibraryError(
            f"Entry {quoted(name)} is {quoted(entry)}; it must be a prompt in quotes or an object with "
            f"'prompt' and 'adapter_strength'."
        )
    _check_keys(name, entry)
    text, own, neutral = entry["prompt"], entry.get("adapter_strength"), entry.get("neutral", False)
    if isinstance(own, str):
        own = number(own) if number(own) is not None else own
    if not isinstance(text, str):
        raise _wrong(name, "prompt", text, "text in quotes")
    if not isinstance(neutral, bool):
        raise _wrong(name, "neutral", neutral, "true or false")
    if own is not None and not _is_number(own):
        raise _wrong(
            name, "adapter_strength", own, f"a number from −{STRONGEST:g} to {STRONGEST:g}, like 1.2 or -0.5"
        )
    checked_text(text, f"Entry {quoted(name)}", PromptLibraryError)
    return Prompt(name, text, strength if own is None else float(own), neutral)


def _wrong(name: str, key: str, found: Any, expected: str) -> PromptLibraryError:
    return PromptLibraryError(f"Entry {quoted(name)}: {key!r} is {quoted(found)}; it must be {expected}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= STRONGEST


def _check_keys(name: str, entry: Mapping[str, Any]) -> None:
    for key in entry:
        if key not in KEYS:
            near = difflib.get_close_matches(key[:100], KEYS, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(KEYS)}."
            raise PromptLibraryError(f"Entry {quoted(name)} has an unknown key {quoted(key)}. {hint}")
    if "prompt" not in entry:
        raise PromptLibraryError(f"Entry {quoted(name)} has no 'prompt'; write its text there, in quotes.")
