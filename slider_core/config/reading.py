"""Reads a config file, and its tables against the settings that each can have; all faults are collected."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..given import parsed_json, quoted
from ..settings import Settings, SettingsError, Text, faults, settings_of

LARGEST = 4 << 20  # bytes of a config


class ConfigError(SettingsError):
    """A config file cannot be read, or asks for what cannot be; a line for each fault."""


def read_file(path: Path) -> dict[str, Any]:
    """What a TOML or JSON file says.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path.name} is larger than {LARGEST >> 20} MB, so it is no config.")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path.name} is not text in UTF-8. Save it again as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}). Name a .toml or .json file.") from None
    if path.suffix.lower() == ".json":
        given = parsed_json(text, path.name, ConfigError, _no_repeats)
    else:
        try:
            given = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(f"{path.name} is not valid TOML: {error}.") from None
    if not isinstance(given, dict):
        raise ConfigError(f"{path.name} must have tables such as [model] and [train].")
    return given


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """TOML refuses a key that stands twice, so JSON shall too."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ConfigError(f"{quoted(twice)} stands twice in one table. Leave one out.")
    return entries


class Faults(list[str]):
    """Faults found so far, each said once; `homes` are the keys of every table, for those in the wrong one."""

    def __init__(self, homes: Mapping[str, Sequence[type[Settings]]]):
        super().__init__()
        self.homes = {table: keys_of(kinds) for table, kinds in homes.items()}

    def say(self, fault: str) -> None:
        if fault not in self:
            self.append(fault)

    def unknown(self, where: str, key: str, known: Sequence[str]) -> None:
        """Names a table that has this key, else the nearest key of this table, else all keys."""
        close = get_close_matches(key[:100], known, n=1, cutoff=0.6)
        others = [f"[{table}]" for table, keys in self.homes.items() if key in keys]
        if others:
            hint = f"It belongs to {' or '.join(others)}."
        else:
            hint = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}."
        self.say(f"{where}: there is no key {quoted(key)}. {hint}")


def keys_of(kinds: Sequence[type[Settings]]) -> list[str]:
    """The keys of a table that has these settings."""
    return [name for kind in kinds for name in settings_of(kind)]


def table(
    given: Any, kinds: Sequence[type[Settings]], where: str, said: Faults, without: Sequence[str] = ()
) -> list[Any]:
    """A table as an object of each kind of settings; where a value is wrong, the default stands in its place.

    Args:
        where: the table, as a fault names it.
        without: settings that a config cannot have.
    """
    if not isinstance(given, Mapping):
        said.say(f"{where} is {quoted(given)}; it must be a table.")
        given = {}
    known = [key for key in keys_of(kinds) if key not in without]
    for key in given:
        if key not in known:
            said.unknown(where, key, known)
    return [_object(given, kind, where, said, without) for kind in kinds]


def _object(
    given: Mapping[str, Any], kind: type[Settings], where: str, said: Faults, without: Sequence[str]
) -> Any:
    settings = settings_of(kind)
    values = {}
    for name, value in given.items():
        if name in settings and name not in without:
            setting = settings[name]
            structured = isinstance(setting, Text) and setting.structured and isinstance(value, dict | list)
            values[name] = json.dumps(value) if structured else value
    wrong = {name: faults(kind, {name: value}) for name, value in values.items()}
    for sentences in wrong.values():
        for sentence in sentences:
            said.say(f"{where}: {sentence}")
    return kind(**{name: value for name, value in values.items() if not wrong[name]})
