"""The page in other languages: nodes, the pack's own words, and help that fits into the Info panel."""

import json

import help_pages
import pytest
import translations
from comfy_page import PLAIN, node
from help_words import WORDS

APP = "document.querySelector('#vue-app').__vue_app__.config.globalProperties"
PANEL = f"{APP}.$pinia._s.get('rightSidePanel')"
HELP = "document.querySelector('.node-help-content .markdown-content')"


WIDER = f"part.getBoundingClientRect().right > {HELP}.getBoundingClientRect().right + 1"
CODE = "ja"


@pytest.fixture
def tab(comfy):
    """A page of its own, whose language and panel may be changed: the server keeps both as settings."""
    tab = comfy.open()
    yield tab
    speak(tab, "en")
    tab.run(f"{{ {PANEL}.closePanel(); localStorage.clear(); sessionStorage.clear() }}")
    tab.wait_for("!app.extensionManager.setting.get('Comfy.RightSidePanel.IsOpen')")
    tab.close()


def speak(tab, code: str) -> None:
    """The page in a language: once that is set, ComfyUI asks for its nodes and loads the workflow anew."""
    if tab.run("app.extensionManager.setting.get('Comfy.Locale')") == code:
        return
    tab.run(f"""{{
        window.anew = false;
        const name = 'speak ' + crypto.randomUUID();
        app.registerExtension({{ name, afterConfigureGraph() {{ window.anew = true }} }});
        await app.extensionManager.setting.set('Comfy.Locale', '{code}');
        }}""")
    tab.wait_for(f"window.anew && {APP}.$i18n.locale === '{code}'")


def test_a_node_and_the_words_on_it_are_in_the_language(tab):
    told = help_pages.translated(CODE)["SliderApply"]
    speak(tab, CODE)
    tab.reload()
    tab.load({"1": node("Apply", "SliderApply", slider_file=PLAIN)}, {"Apply": (100, 100)})
    apply = tab.node("SliderApply")
    assert tab.run("LiteGraph.registered_node_types.SliderApply.title") == told["display_name"]
    assert tab.run("LiteGraph.registered_node_types.SliderApply.category").endswith("/スライダー")
    labels = dict(tab.run(f"{apply}.widgets.map((widget) => [widget.name, widget.label])"))
    assert labels["start_percent"] == told["inputs"]["start_percent"]["name"]
    labels = tab.run(f"{apply}.outputs.map((output) => output.localized_name)")
    assert labels == [output["name"] for output in told["outputs"].values()]
    unknown = json.dumps(translations.words(CODE)["noFileRange"], ensure_ascii=False)
    tab.wait_for(f"document.querySelector('.concept-sliders').outerHTML.includes({unknown})")


def test_help_fits_into_the_info_panel(tab):
    """The page of each node in each language is there, and nothing on it but code is wider than the panel."""
    for code in WORDS:
        speak(tab, code)
        for schema in help_pages.schemas():
            text = help_pages.place(schema.node_id, code).read_text(encoding="utf-8")
            title = json.dumps(text.partition("\n")[0].removeprefix("# "), ensure_ascii=False)
            tab.run(f"{{ app.graph.clear(); window.node = LiteGraph.createNode('{schema.node_id}'); "
                    "app.graph.add(node); app.canvas.selectItems([node]) }")  # fmt: skip
            tab.wait_for(f"{PANEL}.openPanel('info') ?? {HELP}?.querySelector('h1')?.textContent === {title}")
            wide = f"[...{HELP}.querySelectorAll('*')].filter((part) => !part.closest('pre') && {WIDER})"
            assert tab.run(f"{wide}.map((part) => part.textContent.slice(0, 60))") == [], (code, schema.node_id)
