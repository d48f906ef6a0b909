"""Writes the lists of inputs and outputs in web/docs/*.md from the nodes' own schemas.

    python3 scripts/run.py python scripts/help_pages.py

The rest of a page is written by hand: what the node is for above the lists, from `## Example` on below them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from comfy_api.latest import io

DOCS = Path(__file__).resolve().parent.parent / "web" / "docs"
HAND_WRITTEN = "## Example"
CHOICES_OF_COMFYUI = ("sampler_name", "scheduler", "slider_file")


def schemas() -> list[io.Schema]:
    """The schemas of all nodes of the pack, ids included."""
    from concept_sliders.nodes import SliderExtension

    return [node.GET_SCHEMA() for node in asyncio.run(SliderExtension().get_node_list())]


def lists(schema: io.Schema) -> str:
    """The generated part of a page."""
    inputs = [f"| `{i.id}` | {_kind(i)} | {_sentence(i.tooltip)} |" for i in schema.inputs]
    outputs = [f"| `{o.display_name}` | {o.io_type} | {_sentence(o.tooltip)} |" for o in schema.outputs]
    head = ["| | | |", "|---|---|---|"]
    return "\n".join(["## Inputs", "", *head, *inputs, "", "## Outputs", "", *head, *outputs, "", ""])


def _kind(given: io.Input) -> str:
    kind = "choice" if given.io_type == "COMBO" else given.io_type
    options = getattr(given, "options", None)
    if options and not options[0].startswith("[") and given.id not in CHOICES_OF_COMFYUI:
        kind = "choice: " + ", ".join(options)
    default = getattr(given, "default", None)
    low, high = getattr(given, "min", None), getattr(given, "max", None)
    parts = [kind]
    if isinstance(low, int | float) and isinstance(high, int | float) and high < 1e6:
        parts.append(f"{low:g} to {high:g}")
    if default not in (None, "") and "\n" not in str(default):
        parts.append(f"default {default}")
    if given.optional:
        parts.append("optional")
    return "; ".join(parts).replace("|", "\\|")


def _sentence(tooltip: str | None) -> str:
    return (tooltip or "").replace("|", "\\|").replace("\n", " ")


def page(schema: io.Schema, text: str) -> str:
    """The page `text` with its lists as the schema has them now.

    Raises:
        ValueError: if the part below the lists is missing.
    """
    above = text.partition("## Inputs")[0].partition(HAND_WRITTEN)[0]
    _, found, below = text.partition(HAND_WRITTEN)
    if not found:
        raise ValueError(f"the help page of {schema.node_id} has no {HAND_WRITTEN!r}")
    return f"{above.rstrip()}\n\n{lists(schema)}{HAND_WRITTEN}{below}"


if __name__ == "__main__":
    for found in schemas():
        place = DOCS / f"{found.node_id}.md"
        place.write_text(page(found, place.read_text(encoding="utf-8")), encoding="utf-8")
        print(place.name)
