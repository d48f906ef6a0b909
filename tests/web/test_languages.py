"""Every language of ComfyUI's front end has every node, input, output and word of the page; five have help pages."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "scripts"))
import help_pages  # noqa: E402
import node_words  # noqa: E402
import translations  # noqa: E402
from help_words import WORDS  # noqa: E402

FUTURE = {"hi"}  # for when the front end has it


def test_the_languages_are_those_of_the_front_end():
    package = pytest.importorskip("comfyui_frontend_package")
    scripts = (Path(package.__file__).parent / "static" / "assets").glob("i18n-*.js")
    text = "".join(script.read_text(encoding="utf-8") for script in scripts)
    shipped = set(re.findall(r"loadersFor\([`'\"]([\w-]+)[`'\"]\)", text))
    assert {"zh", "zh-TW", "pt-BR"} <= shipped, "the front end tells its languages in another way"
    assert set(node_words.languages()) == shipped | FUTURE


@pytest.mark.parametrize("language", node_words.languages())
def test_a_language_is_complete(language):
    assert translations.gaps(language) == [], "see: python3 scripts/run.py python scripts/translations.py"


def test_the_english_that_was_translated_is_noted():
    noted = json.loads(node_words.ENGLISH.read_text(encoding="utf-8"))
    sentences = {
        path: text for path, text in node_words.english().items() if path.endswith(node_words.SENTENCES)
    }
    assert noted == sentences, "run: python3 scripts/run.py python scripts/translations.py --tidy"


def test_help_pages_are_in_languages_that_there_are():
    assert {"en", "zh", "ja", "es", "fr"} <= set(WORDS) <= {"en", *node_words.languages()}
    nodes = {schema.node_id for schema in help_pages.schemas()}
    pages = {page for page in help_pages.DOCS.glob("*/*.md") if page.parent.name != "reference"}
    assert pages == {help_pages.place(node, language) for node in nodes for language in set(WORDS) - {"en"}}


def test_help_pages_have_lists_in_place_of_tables():
    """ComfyUI's Info panel is too narrow for a table of three columns."""
    nodes = {schema.node_id for schema in help_pages.schemas()}
    pages = [help_pages.place(node, language) for node in nodes for language in WORDS]
    assert not [page for page in pages if re.search(r"^\|", page.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.mark.parametrize(
    "spoil, told",
    [
        (lambda node: node["inputs"].pop("steps"), "inputs.steps.name: missing: steps"),
        (lambda node: node["inputs"]["steps"].update(tooltip=""), "inputs.steps.tooltip: missing: Steps of"),
        (lambda node: node["inputs"].update(stepps={"name": "步数"}), "inputs.stepps.name: no node has this"),
        (
            lambda node: node["inputs"]["rank"].update(name="rank_of"),
            "inputs.rank.name: not translated: rank_of",
        ),
        (lambda node: node.update(description="A {step}"), "description: [{}|@] cannot stand"),
        (lambda node: node["outputs"]["1"].pop("tooltip"), "outputs.1.tooltip: missing: For Plot"),
    ],
)
def test_what_is_wrong_in_a_language_is_said(monkeypatch, spoil, told):
    nodes = json.loads((help_pages.LOCALES / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
    spoil(nodes["SliderTrainer"])
    monkeypatch.setattr(help_pages, "translated", lambda language: nodes)
    assert any(gap.startswith(f"SliderTrainer.{told}") for gap in translations.gaps("zh"))


def test_a_sentence_in_english_is_not_translated(monkeypatch):
    english = {schema.node_id: help_pages.english(schema) for schema in help_pages.schemas()}
    monkeypatch.setattr(help_pages, "translated", lambda language: english)
    assert "SliderTrainer.inputs.steps.tooltip: not translated: Steps of the optimiser." in translations.gaps(
        "zh"
    )


def test_a_translation_of_what_the_english_no_longer_says_is_done_anew(monkeypatch, tmp_path):
    (tmp_path / "zh").mkdir()
    for name in ("english.json", "zh/nodeDefs.json"):
        (tmp_path / name).write_bytes((help_pages.LOCALES / name).read_bytes())
    monkeypatch.setattr(node_words, "LOCALES", tmp_path)
    monkeypatch.setattr(node_words, "ENGLISH", tmp_path / "english.json")
    path = "SliderTrainer.inputs.rank.tooltip"
    before = json.loads(node_words.ENGLISH.read_text(encoding="utf-8")) | {path: "What it said."}
    node_words.ENGLISH.write_text(json.dumps(before), encoding="utf-8")
    assert any(gap.startswith(f"{path}: translates 'What it said.'") for gap in node_words.node_gaps("zh"))
    node_words.tidy_all(keep=False)
    nodes = json.loads((tmp_path / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
    assert nodes["SliderTrainer"]["inputs"]["rank"]["tooltip"] == node_words.english()[path]
    assert (
        nodes["SliderTrainer"]["inputs"]["steps"]
        == help_pages.translated("zh")["SliderTrainer"]["inputs"]["steps"]
    )
    assert not node_words.changed()


def test_words_without_their_holes_are_said(monkeypatch, tmp_path):
    (tmp_path / "words").mkdir()
    (tmp_path / "words.js").write_text(
        (ROOT / "web" / "words.js").read_text(encoding="utf-8"), encoding="utf-8"
    )
    text = (ROOT / "web" / "words" / "fr.js").read_text(encoding="utf-8")
    text = text.replace("{low}", "").replace('  hint: "', '  hintt: "')
    (tmp_path / "words" / "fr.js").write_text(text, encoding="utf-8")
    monkeypatch.setattr(translations, "WEB", tmp_path)
    told = "\n".join(translations.word_gaps("fr"))
    assert "usable must have" in told and "hint is missing" in told and "the page has no hintt" in told
