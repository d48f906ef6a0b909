"""Writes the lists of inputs and outputs in the help pages from the nodes' schemas and their translations in locales/.

    python3 scripts/run.py python scripts/help_pages.py

web/docs/NODE.md is in English, web/docs/NODE/LANGUAGE.md a translation: there ComfyUI's Info panel looks for them. The
rest of a page is written by hand: what the node is for above the lists, from the example on below them.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path

from comfy_api.latest import io
from help_words import WORDS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "web" / "docs"
LOCALES = ROOT / "locales"
CHOICES_OF_COMFYUI = ("sampler_name", "scheduler", "slider_file")


def schemas() -> list[io.Schema]:
    """The schemas of all nodes of the pack, ids included."""
    from concept_sliders.nodes import SliderExtension

    return [node.GET_SCHEMA() for node in asyncio.run(SliderExtension().get_node_list())]


def place(node_id: str, language: str) -> Path:
    """Where ComfyUI looks for a node's help page."""
    return DOCS / f"{node_id}.md" if language == "en" else DOCS / node_id / f"{language}.md"


def english(schema: io.Schema) -> dict:
    """What a locale's nodeDefs.json can translate of a node, with the schema's own words."""
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {i.id: _words(i.display_name or i.id, i.tooltip) for i in schema.inputs},
        "outputs": {str(n): _words(o.display_name, o.tooltip) for n, o in enumerate(schema.outputs)},
    }


def _words(name: str, tooltip: str | None) -> dict:
    return {"name": name, "tooltip": tooltip} if tooltip else {"name": name}


@cache
def translated(language: str) -> dict:
    """The nodeDefs.json of a language."""
    return json.loads((LOCALES / language / "nodeDefs.json").read_text(encoding="utf-8"))


def filled(schema: io.Schema, language: str) -> dict:
    """A node's translation in the order of its schema, English where it is missing."""
    told = {} if language == "en" else translated(language).get(schema.node_id, {})
    return _filled(english(schema), told)


def _filled(wanted: dict, told: dict) -> dict:
    return {
        key: _filled(value, told.get(key, {})) if isinstance(value, dict) else told.get(key) or value
        for key, value in wanted.items()
    }


def lists(schema: io.Schema, language: str) -> str:
    """The generated part of a page."""
    words = WORDS[language]
    told = filled(schema, language)
    inputs = [_item(language, told["inputs"][i.id], i.id, _kind(i, language)) for i in schema.inputs]
    outputs = [
        _item(language, told["outputs"][str(n)], o.display_name, o.io_type)
        for n, o in enumerate(schema.outputs)
    ]
    return "\n".join([f"## {words.inputs}", "", *inputs, "", f"## {words.outputs}", "", *outputs, "", ""])


def _item(language: str, told: dict, name: str, kind: str) -> str:
    text = told.get("tooltip", "").replace("\n", " ")
    return WORDS[language].item.format(label=told["name"], id=name, kind=kind, text=text).rstrip(" :：")


def _kind(given: io.Input, language: str) -> str:
    words = WORDS[language]
    kind = given.io_type
    if kind == "COMBO":
        kind = words.choice.format(", ".join(_choices(given))).rstrip(" :：")
    default = getattr(given, "default", None)
    low, high = getattr(given, "min", None), getattr(given, "max", None)
    parts = [kind]
    if isinstance(low, int | float) and isinstance(high, int | float) and high < 1e6:
        parts.append(words.between.format(f"{low:g}", f"{high:g}"))
    if default not in (None, "") and "\n" not in str(default):
        parts.append(words.default.format(default))
    if given.optional:
        parts.append(words.optional)
    return words.apart.join(parts)


def _choices(given: io.Input) -> list[str]:
    """The choices that are the pack's own; others are files, or those of ComfyUI."""
    options = getattr(given, "options", None) or ["["]
    return [] if options[0].startswith("[") or given.id in CHOICES_OF_COMFYUI else options


def page(schema: io.Schema, text: str, language: str = "en") -> str:
    """The page `text` with its lists as the schema, and the language's translation, have them now.

    Raises:
        ValueError: if the part below the lists is missing.
    """
    words = WORDS[language]
    hand_written = f"## {words.example}"
    above = text.partition(f"## {words.inputs}\n")[0].partition(hand_written)[0]
    _, found, below = text.partition(hand_written)
    if not found:
        raise ValueError(f"the help page of {schema.node_id} in {language!r} has no {hand_written!r}")
    return f"{above.rstrip()}\n\n{lists(schema, language)}{hand_written}{below}"


if __name__ == "__main__":
    for language in WORDS:
        for found in schemas():
            file = place(found.node_id, language)
            if file.is_file():
                file.write_text(page(found, file.read_text(encoding="utf-8"), language), encoding="utf-8")
            print(file.relative_to(DOCS), "" if file.is_file() else "is missing")
