"""What the languages say of the nodes, in locales/*/nodeDefs.json, against the nodes' own schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator

import help_pages

LOCALES = help_pages.LOCALES
ENGLISH = LOCALES / "english.json"  # what the translations say, in English; ComfyUI reads folders only
SENTENCES = ("tooltip", "description")  # names may be the same in a language: VAE, LoRA
SYNTAX = re.compile("[{}|@]")  # vue-i18n reads these in names and descriptions, though not in tooltips


def languages() -> list[str]:
    """The languages other than English, by ComfyUI's codes."""
    return sorted(folder.name for folder in LOCALES.iterdir() if folder.is_dir())


def english() -> dict[str, str]:
    """All that a language can say of the nodes, in English, by its path."""
    return dict(_leaves({schema.node_id: help_pages.english(schema) for schema in help_pages.schemas()}))


def changed() -> dict[str, str]:
    """What the sentences said that now say something else, by their paths."""
    now = english()
    before = json.loads(ENGLISH.read_text(encoding="utf-8"))
    return {path: text for path, text in before.items() if now.get(path, text) != text}


def node_gaps(language: str) -> Iterator[str]:
    """What is missing, extra, not translated, or a translation of what the English no longer says."""
    wanted, told, before = english(), dict(_leaves(help_pages.translated(language))), changed()
    for path in sorted(wanted.keys() | told.keys()):
        yield from (f"{path}: {fault}" for fault in _faults(path, wanted.get(path), told.get(path)))
        if path in before:
            yield f"{path}: translates {before[path]!r}, which is now {wanted[path]!r}"
    place = LOCALES / language / "nodeDefs.json"
    if wanted.keys() == told.keys() and place.read_text(encoding="utf-8") != tidy(language):
        yield "nodeDefs.json is not in the order of the schemas: run scripts/translations.py --tidy"


def _faults(path: str, wanted: str | None, told: str | None) -> Iterator[str]:
    if not told:
        yield f"missing: {wanted}"
    elif wanted is None:
        yield "no node has this"
    elif told == wanted if path.endswith(SENTENCES) else "_" in told:
        yield f"not translated: {told}"
    elif not path.endswith(".tooltip") and SYNTAX.search(told):
        yield f"{SYNTAX.pattern} cannot stand in names and descriptions: {told}"


def tidy(language: str, anew: Container[str] = ()) -> str:
    """The text of a nodeDefs.json in the order of the schemas, English where something is missing or is `anew`."""
    nodes = {schema.node_id: help_pages.filled(schema, language) for schema in help_pages.schemas()}
    return _json(_with_english(nodes, english(), anew))


def tidy_all(keep: bool) -> None:
    """Brings all languages into order, English where it has changed unless to `keep`, and notes what they translate."""
    anew = () if keep else changed()
    for language in languages():
        (LOCALES / language / "nodeDefs.json").write_text(tidy(language, anew), encoding="utf-8")
    help_pages.translated.cache_clear()
    sentences = {path: text for path, text in english().items() if path.endswith(SENTENCES)}
    ENGLISH.write_text(_json(sentences), encoding="utf-8")


def _with_english(tree: dict, texts: dict[str, str], anew: Container[str], above: str = "") -> dict:
    return {
        key: _with_english(value, texts, anew, f"{above}{key}.")
        if isinstance(value, dict)
        else (texts[above + key] if above + key in anew else value)
        for key, value in tree.items()
    }


def _leaves(tree: dict, above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _json(tree: dict) -> str:
    return json.dumps(tree, ensure_ascii=False, indent=2) + "\n"
