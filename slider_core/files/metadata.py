"""What a slider file says about itself, as string metadata: how it was made and how to use it.

| key | value |
|---|---|
| `base_model`, `family` | ComfyUI's class of the base model, and the family whose targets were chosen |
| `kind`, `rank`, `alpha` | of the adapters; several with commas between them, where they differ |
| `targets` | JSON: pattern of layer names to the number of layers |
| `objective`, `steps`, `seed`, `learning_rate` | of the training |
| `buckets` | JSON: list of [name, number of examples, strength or null] |
| `usable_range` | JSON: [lowest, highest] strength that a sweep found reliable |
| `pack_version` | of this pack |
| `modelspec.*` | the Stability AI model metadata standard, for other programs |
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ..adapters.base import AdapterConfig
from ..architectures.patterns import summed_up
from ..architectures.quirks import modelspec_of
from ..architectures.target import Target
from ..data.bucket import Bucket
from ..given import parsed_json, quoted

LONGEST = 200_000  # characters of one value that are read
HIGHEST = 2**64  # of a whole number
MOST_BUCKETS = 1000


@dataclass(frozen=True)
class SliderFacts:
    """What metadata says of a slider; None or empty where it says nothing that can be read.

    Attributes:
        buckets: name, number of examples, and strength (None for neutral ones).
        targets: pattern of layer names, and number of layers.
    """

    base_model: str = ""
    family: str = ""
    kind: str = ""
    rank: str = ""
    alpha: str = ""
    objective: str = ""
    steps: int | None = None
    seed: int | None = None
    learning_rate: float | None = None
    buckets: tuple[tuple[str, int, float | None], ...] = ()
    targets: tuple[tuple[str, int], ...] = ()
    usable_range: tuple[float, float] | None = None
    pack_version: str = ""


def describe(
    *,
    base_model: str,
    plan: Sequence[tuple[Target, AdapterConfig]],
    buckets: Iterable[Bucket] = (),
    objective: str = "",
    steps: int = 0,
    seed: int = 0,
    learning_rate: float = 0.0,
    family: str = "",
    title: str = "",
) -> dict[str, str]:
    """The metadata of a slider that was trained so.

    Args:
        base_model: class name of ComfyUI's model config, as ComfyUI writes it.
        plan: each target and the adapter it got.
    """
    kinds = list(dict.fromkeys(config.kind for _, config in plan))
    entries = [[bucket.name, len(bucket.examples), bucket.strength or None] for bucket in buckets]
    facts = {
        "base_model": base_model,
        "family": family,
        "kind": _joined(kinds),
        "rank": _joined(config.rank for _, config in plan),
        "alpha": _joined(config.rank if config.alpha is None else config.alpha for _, config in plan),
        "targets": json.dumps(dict(summed_up(target.layer for target, _ in plan))),
        "objective": objective,
        "steps": str(steps),
        "seed": str(seed),
        "learning_rate": str(learning_rate) if learning_rate else "",
        "buckets": json.dumps(entries, ensure_ascii=False) if entries else "",
        "pack_version": pack_version(),
        **_modelspec(base_model, title, entries),
    }
    return {key: value for key, value in facts.items() if value}


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(
        dict.fromkeys(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    )


def _modelspec(base_model: str, title: str, buckets: Sequence[Sequence[Any]]) -> dict[str, str]:
    more = [name for name, _, strength in buckets if strength and strength > 0]
    less = [name for name, _, strength in buckets if strength and strength < 0]
    hint = "Concept slider: use strengths below and above 0."
    if more and less:
        hint = f"Concept slider: above 0 goes towards {', '.join(more)}, below 0 towards {', '.join(less)}."
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{modelspec_of(base_model)}/lora",
        "modelspec.title": title,
        "modelspec.date": datetime.now(UTC).date().isoformat(),
        "modelspec.usage_hint": hint,
    }


@cache
def pack_version() -> str:
    """The version in this pack's pyproject.toml."""
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    return str(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["version"])


def read_facts(metadata: Mapping[str, str]) -> tuple[SliderFacts, list[str]]:
    """What metadata says, and a message for each value that is not what it should be and was ignored."""
    found: dict[str, Any] = {}
    messages: list[str] = []
    for key, read in READERS.items():
        text = metadata.get(key)
        if not text:
            continue
        try:
            if len(text) > LONGEST:
                raise ValueError
            found[key] = read(text)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            messages.append(f"The file's {key} was ignored: {quoted(text)} is not what should stand there.")
    return SliderFacts(**found), messages


def usable_range(slider: Any) -> tuple[float, float] | None:
    """The strengths that a sweep found reliable, from the metadata of a slider; None if it has none."""
    return read_facts(getattr(slider, "metadata", {}))[0].usable_range


def _line(text: str) -> str:
    if len(text) > 1000:
        raise ValueError
    return " ".join(text.encode(errors="replace").decode().split())


def _range(text: str) -> tuple[float, float]:
    low, high = (float(number) for number in parsed_json(text, "it"))
    if not -1000 <= low <= high <= 1000:
        raise ValueError
    return low, high


def _number(given: Any) -> float:
    number = float(given)
    if not math.isfinite(number):
        raise ValueError
    return number


def _whole(given: Any) -> int:
    number = int(given)
    if not 0 <= number < HIGHEST:
        raise ValueError
    return number


def _buckets(text: str) -> tuple[tuple[str, int, float | None], ...]:
    given = parsed_json(text, "it")
    if len(given) > MOST_BUCKETS:
        raise ValueError
    return tuple(
        (_line(str(name)), _whole(count), None if strength is None else _number(strength))
        for name, count, strength in given
    )


def _targets(text: str) -> tuple[tuple[str, int], ...]:
    return tuple((_line(pattern), _whole(count)) for pattern, count in parsed_json(text, "it").items())


LINES = ("base_model", "family", "kind", "rank", "alpha", "objective", "pack_version")
READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(LINES, _line),
    "steps": _whole,
    "seed": _whole,
    "learning_rate": _number,
    "buckets": _buckets,
    "targets": _targets,
    "usable_range": _range,
}
