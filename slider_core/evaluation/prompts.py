"""A prompt library as SimpleTuner reads it: named prompts, each with the strength it is to be seen at."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..given import STRONGEST, checked_text, number, parsed_json, quoted

MOST = 1000  # entries of a library
TEXTS = ("prompt", "caption", "tags")  # keys of an entry's text, the first one that is there


class PromptLibraryError(ValueError):
    """The library is not in that form; the message names the entry and the key."""


@dataclass(frozen=True)
class Prompt:
    """One entry of a prompt library.

    Attributes:
        strength: the slider's strength for this prompt; None leaves it to SliderApply.
        neutral: the slider should not change this prompt's pictures; what it does there counts as leak.
        conditioning: the text encoded, as ComfyUI's CONDITIONING, once that is done.
        notes: what of the entry is not used, in sentences.
    """

    name: str
    text: str
    strength: float | None = None
    neutral: bool = False
    conditioning: list[Any] | None = field(default=None, compare=False, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)


def parse_library(text: str, strength: float | None = None) -> tuple[Prompt, ...]:
    """The prompts of a library in JSON, in its order.

    Entries are `"name": "prompt"` or `"name": {"prompt": …, "adapter_strength": …}`; the text may also be called
    `caption` or `tags` (which may be a list), and the strength stand in quotes, as in SimpleTuner. The key `neutral`
    (true or false) is ours; others are noted and not used.

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
    key = next((key for key in TEXTS if entry.get(key) is not None), None)
    if key is None:
        raise PromptLibraryError(_no_text(name, entry))
    text, neutral = entry[key], entry.get("neutral", False)
    if key == "tags" and isinstance(text, list) and all(isinstance(tag, str) for tag in text):
        text = ", ".join(text)
    if not isinstance(text, str):
        raise _wrong(name, key, text, "text in quotes")
    if not isinstance(neutral, bool):
        raise _wrong(name, "neutral", neutral, "true or false")
    checked_text(text, f"Entry {quoted(name)}", PromptLibraryError)
    own = _strength(name, entry.get("adapter_strength"))
    return Prompt(name, text, strength if own is None else own, neutral, notes=_notes(entry, key))


def _strength(name: str, given: Any) -> float | None:
    """A number, or one in quotes, as SimpleTuner takes both."""
    if given is None:
        return None
    value = number(given) if isinstance(given, str) else given
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= STRONGEST:
        expected = f"a number from −{STRONGEST:g} to {STRONGEST:g}, like 1.2 or -0.5"
        raise _wrong(name, "adapter_strength", given, expected)
    return float(value)


def _wrong(name: str, key: str, found: Any, expected: str) -> PromptLibraryError:
    return PromptLibraryError(f"Entry {quoted(name)}: {key!r} is {quoted(found)}; it must be {expected}.")


def _no_text(name: str, entry: Mapping[str, Any]) -> str:
    near = next((key for key in entry if difflib.get_close_matches(key[:100], TEXTS, n=1, cutoff=0.5)), None)
    hint = f"Did you mean {quoted(near)} so?" if near else "Write its text there, in quotes."
    return f"Entry {quoted(name)} has no 'prompt' (nor 'caption' or 'tags'). {hint}"


def _notes(entry: Mapping[str, Any], text: str) -> tuple[str, ...]:
    """What of an entry is not used, in sentences."""
    notes = []
    for key in entry:
        if key in (text, "adapter_strength", "neutral"):
            continue
        if key in TEXTS:
            notes.append(f"{key!r} is not used, as there is a {text!r}.")
            continue
        near = difflib.get_close_matches(key[:100], (*TEXTS, "adapter_strength", "neutral"), n=1, cutoff=0.5)
        notes.append(f"{quoted(key)} is not used.{f' Did you mean {near[0]!r}?' if near else ''}")
    return tuple(notes)
