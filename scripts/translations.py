"""Lists what is missing, extra or not translated, by language: locales/, web/words/ and the help pages in web/docs/.

    python3 scripts/run.py python scripts/translations.py [--tidy] [LANGUAGE ...]

--tidy first brings locales/LANGUAGE/nodeDefs.json into the order of the nodes' schemas, without what no node has, and
with the English text where a translation is missing: that is what is then left to translate.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

import help_pages
from help_words import WORDS

WEB = help_pages.ROOT / "web"
OWN_CATEGORY = "slider"  # the last part of the nodes' category: ComfyUI translates the others
SENTENCES = ("tooltip", "description")  # names may be the same in a language: VAE, LoRA
SYNTAX = re.compile("[{}|@]")  # vue-i18n reads these in names and descriptions, though not in tooltips
ENTRY = re.compile(r'^ +(\w+): (".*"),$', re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")


def languages() -> list[str]:
    """The languages other than English, by ComfyUI's codes."""
    return sorted(folder.name for folder in help_pages.LOCALES.iterdir() if folder.is_dir())


def gaps(language: str) -> list[str]:
    """What has to be done for a language to be complete: nothing, if the list is empty."""
    return [*_node_gaps(language), *_category_gaps(language), *_word_gaps(language), *_page_gaps(language)]


def tidy(language: str) -> str:
    """The text of a language's nodeDefs.json in the order of the schemas, English where a translation is missing."""
    nodes = {schema.node_id: help_pages.filled(schema, language) for schema in help_pages.schemas()}
    return json.dumps(nodes, ensure_ascii=False, indent=2) + "\n"


def _node_gaps(language: str) -> Iterator[str]:
    wanted = dict(_leaves({s.node_id: help_pages.english(s) for s in help_pages.schemas()}))
    told = dict(_leaves(help_pages.translated(language)))
    for path in sorted(wanted.keys() | told.keys()):
        yield from (f"{path}: {fault}" for fault in _faults(path, wanted.get(path), told.get(path)))
    place = help_pages.LOCALES / language / "nodeDefs.json"
    if wanted.keys() == told.keys() and place.read_text(encoding="utf-8") != tidy(language):
        yield "nodeDefs.json is not in the order of the schemas: run this script with --tidy"


def _faults(path: str, wanted: str | None, told: str | None) -> Iterator[str]:
    if not told:
        yield f"missing: {wanted}"
    elif wanted is None:
        yield "no node has this"
    elif told == wanted if path.endswith(SENTENCES) else "_" in told:
        yield f"not translated: {told}"
    elif not path.endswith(".tooltip") and SYNTAX.search(told):
        yield f"{SYNTAX.pattern} cannot stand in names and descriptions: {told}"


def _leaves(tree: dict, above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, dict):
            yield from _leaves(value, path)
        else:
            yield path, value


def _category_gaps(language: str) -> Iterator[str]:
    place = help_pages.LOCALES / language / "main.json"
    told = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    if set(told) != {"nodeCategories"} or set(told["nodeCategories"]) != {OWN_CATEGORY}:
        yield f"main.json must translate the category {OWN_CATEGORY!r} and nothing else"


def _word_gaps(language: str) -> Iterator[str]:
    wanted = words("en")
    told = words(language)
    for key in sorted(wanted.keys() | told.keys()):
        if key not in told:
            yield f"words/{language}.js: {key} is missing: {wanted[key]}"
        elif key not in wanted:
            yield f"words/{language}.js: the page has no {key}"
        elif _holes(told[key]) != _holes(wanted[key]):
            yield f"words/{language}.js: {key} must have {_holes(wanted[key])}: {told[key]}"
        elif told[key] == wanted[key] and wanted[key].endswith("."):
            yield f"words/{language}.js: {key} is not translated"


def words(language: str) -> dict[str, str]:
    """The words of the page in a language."""
    place = WEB / ("words.js" if language == "en" else f"words/{language}.js")
    text = place.read_text(encoding="utf-8") if place.is_file() else ""
    return {key: json.loads(word) for key, word in ENTRY.findall(text)}


def _holes(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


def _page_gaps(language: str) -> Iterator[str]:
    if language not in WORDS:
        return
    for schema in help_pages.schemas():
        place = help_pages.place(schema.node_id, language)
        name = place.relative_to(WEB)
        if not place.is_file():
            yield f"{name} is missing"
            continue
        text = place.read_text(encoding="utf-8")
        if text != help_pages.page(schema, text, language):
            yield f"{name} has old lists: run scripts/help_pages.py"
        for left in _english_left(text, language):
            yield f"{name} says {left}, which has another name in this language"


def _english_left(text: str, language: str) -> Iterator[str]:
    """Names of nodes and inputs in what is written by hand that ComfyUI's page shows under other names."""
    told = {schema.node_id: help_pages.filled(schema, language) for schema in help_pages.schemas()}
    labels = {
        i["name"] for node in told.values() for part in ("inputs", "outputs") for i in node[part].values()
    }
    choices = {o for s in help_pages.schemas() for i in s.inputs for o in getattr(i, "options", None) or []}
    hand = re.sub(r"```.*?```|^- \*\*.+?\*\* `.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    inputs = {i.id for s in help_pages.schemas() for i in s.inputs} - labels - choices - {"neutral", "file"}
    yield from (f"`{word}`" for word in CODE.findall(hand) if word in inputs)
    for schema in help_pages.schemas():
        if f"*{schema.display_name}*" in hand and told[schema.node_id]["display_name"] != schema.display_name:
            yield f"*{schema.display_name}*"


if __name__ == "__main__":
    wished = [argument for argument in sys.argv[1:] if not argument.startswith("-")] or languages()
    for language in wished:
        if "--tidy" in sys.argv:
            place = help_pages.LOCALES / language / "nodeDefs.json"
            place.write_text(tidy(language), encoding="utf-8")
            help_pages.translated.cache_clear()
        for gap in gaps(language):
            print(f"{language}: {gap}")
