"""The front end's files against the nodes: every node has its help page, and pages and translations tell the truth."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WEB = ROOT / "web"
sys.path.append(str(ROOT / "scripts"))
import help_pages  # noqa: E402

SCHEMAS = {schema.node_id: schema for schema in help_pages.schemas()}
REFRESH = "run: python3 scripts/run.py python scripts/help_pages.py"
SCRIPTS = sorted(WEB.rglob("*.js"))


def test_every_node_has_a_help_page_and_every_page_a_node():
    assert {page.stem for page in (WEB / "docs").glob("*.md")} == set(SCHEMAS)


@pytest.mark.parametrize("node", SCHEMAS)
def test_help_pages_list_what_the_schema_has(node):
    text = (WEB / "docs" / f"{node}.md").read_text(encoding="utf-8")
    assert text == help_pages.page(SCHEMAS[node], text), REFRESH
    assert text.startswith(f"# {SCHEMAS[node].display_name}\n")
    assert "\n## Example\n" in text and "\n## Common mistakes\n" in text


@pytest.mark.parametrize("node", SCHEMAS)
def test_names_in_code_type_on_a_page_exist(node):
    """Words like `slider_strength` on a page are ids or choices of some node, or of SimpleTuner's JSON."""
    text = (WEB / "docs" / f"{node}.md").read_text(encoding="utf-8")
    known = {i.id for s in SCHEMAS.values() for i in s.inputs}
    known |= {o.display_name for s in SCHEMAS.values() for o in s.outputs}
    known |= {o for s in SCHEMAS.values() for i in s.inputs for o in getattr(i, "options", None) or []}
    known |= {"adapter_strength", "load_lora_adapter", "input", "output", "neutral"}
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    unknown = {word for word in re.findall(r"`([a-z][a-z_]+)`", prose)} - known
    assert not unknown


def test_scripts_import_only_what_the_page_has():
    """All are .js: ComfyUI lets browsers keep other files, so that an update would mix old with new ones."""
    assert not list(WEB.rglob("*.mjs"))
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        up = "../" * (len(script.relative_to(WEB).parts) + 1)
        for path in re.findall(r'from "(.+?)"', text):
            local = (script.parent / path).resolve()
            assert path in (f"{up}scripts/app.js", f"{up}scripts/api.js") or local in SCRIPTS, (
                script.name,
                path,
            )
        assert "/extensions/" not in text, "the folder's name is the user's choice"


def test_scripts_speak_of_nodes_and_events_that_exist():
    from concept_sliders.nodes import routes, training_events

    text = "\n".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    named = set(re.findall(r'const NODE = "(\w+)"', text))
    assert named == {"SliderSweep", "SliderTrainer", "SliderApply"} and named <= set(SCHEMAS)
    assert f'const EVENT = "{training_events.EVENT}"' in text
    asked = set(re.findall(r"/concept_sliders/\w+", text))
    served = set(re.findall(r"/concept_sliders/\w+", Path(routes.__file__).read_text(encoding="utf-8")))
    assert asked == served


def test_every_word_of_the_page_is_in_the_table_and_every_word_of_the_table_on_the_page():
    table = (WEB / "words.js").read_text(encoding="utf-8")
    keys = set(re.findall(r"^    (\w+): \"", table, re.M))
    others = "\n".join(s.read_text(encoding="utf-8") for s in SCRIPTS if s.name != "words.js")
    used = set(re.findall(r'words\((?:outside \? )?"(\w+)"', others)) | set(
        re.findall(r'name\("(\w+)"\)', others)
    )
    by_name = {"usable", "finished", "stopped", "failed", "positive", "negative", "neutral", "loss"}
    assert used <= keys and keys == used | by_name


@pytest.mark.parametrize("language", sorted(p.name for p in (ROOT / "locales").glob("*") if p.is_dir()))
def test_translations_name_nodes_inputs_and_outputs_that_exist(language):
    file = ROOT / "locales" / language / "nodeDefs.json"
    nodes = json.loads(file.read_text(encoding="utf-8"))
    assert set(nodes) <= set(SCHEMAS)
    for node, translated in nodes.items():
        schema = SCHEMAS[node]
        assert translated["display_name"] and translated["description"]
        assert set(translated["inputs"]) <= {i.id for i in schema.inputs}, node
        assert set(translated["outputs"]) == {str(i) for i in range(len(schema.outputs))}, node
