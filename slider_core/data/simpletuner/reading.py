"""Reads `multidatabackend.json` and `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...given import checked_text, parsed_json, quoted
from .backend import Backend, read_backend
from .entry import DatasetError, Entry
from .keys import lines_of, notes_on_rest

MOST = 1000  # datasets of a file
WHAT = "multidatabackend.json"


@dataclass(frozen=True)
class Dataset:
    """What a `multidatabackend.json` asks for.

    Attributes:
        backends: its datasets of pictures, in their order.
        said: by the name of each entry of the file, a line for each of its keys.
    """

    backends: tuple[Backend, ...]
    said: Mapping[str, tuple[str, ...]]

    def conditioning_of(self, backend: Backend) -> list[Backend]:
        """The conditioning datasets that go with a dataset."""
        return [
            other
            for other in self.backends
            if other.kind in ("controlnet", "mask")
            and (other.id in backend.conditioned_by or other.source == backend.id)
        ]


def read_dataset(text: str, defaults: Mapping[str, Any] | None = None) -> Dataset:
    """The datasets of a file.

    Args:
        defaults: what the companion `config.json` says, see `read_config`.

    Raises:
        DatasetError: naming the entry and the key at fault.
    """
    entries = parsed_json(text, WHAT, DatasetError)
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST:
        raise DatasetError(
            f"{WHAT} must be a list of datasets, [{{…}}, {{…}}], with at least one and at most {MOST}. What it is "
            f"begins with {quoted(entries)}."
        )
    backends: list[Backend] = []
    said: dict[str, tuple[str, ...]] = {}
    for number, raw in enumerate(entries, 1):
        if not isinstance(raw, Mapping):
            raise DatasetError(f"Dataset {number} of {WHAT} is {quoted(raw)}. Write an object, {{…}}.")
        name = _name(raw, number)
        if name in said:
            raise DatasetError(f"Two datasets of {WHAT} have the id {quoted(name)}. Give each its own.")
        entry = Entry(raw, f"Dataset {quoted(name)}")
        backend = read_backend(entry, name, defaults or {})
        if backend:
            entry.say("id", "its name here")
            backends.append(backend)
        rest = notes_on_rest(entry) if backend else dict.fromkeys(set(raw) - set(entry.said), "left out")
        said[name] = tuple(lines_of({**entry.said, **rest}, entry.raw))
    dataset = Dataset(tuple(backends), said)
    _check_links(dataset)
    return dataset


def read_config(text: str) -> dict[str, Any]:
    """The settings of a `config.json`, by their names without dashes before them.

    Raises:
        DatasetError: if it is not an object in JSON.
    """
    config = parsed_json(text, "config.json", DatasetError) if text.strip() else {}
    if not isinstance(config, Mapping):
        raise DatasetError(f"config.json must be an object, {{…}}; it is {quoted(config)}.")
    return {str(key).lstrip("-").replace("-", "_"): value for key, value in config.items()}


def _name(raw: Mapping[str, Any], number: int) -> str:
    name = raw.get("id")
    if name in (None, ""):
        return f"dataset {number}"
    if not isinstance(name, str):
        raise DatasetError(f"Dataset {number} of {WHAT}: id is {quoted(name)}. Write text in quotes.")
    return checked_text(name, f"The id of dataset {number}", DatasetError)


def _check_links(dataset: Dataset) -> None:
    """Conditioning datasets that are named must be there."""
    known = {backend.id: backend for backend in dataset.backends}
    for backend in dataset.backends:
        for key, ids in (
            ("conditioning_data", backend.conditioned_by),
            ("source_dataset_id", (backend.source,)),
        ):
            for name in filter(None, ids):
                if name not in known and name not in dataset.said:
                    raise DatasetError(
                        f"Dataset {quoted(backend.id)}: {key} names {quoted(name)}, and no dataset has that id."
                    )
