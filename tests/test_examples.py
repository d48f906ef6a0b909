"""The example workflows and blocks as files: what they name is there, and README says what they do."""

import json
import re
from pathlib import Path

import pytest
from concept_sliders.slider_core.data.simpletuner import read_dataset
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "scripts" / "demo"
EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
BLOCKS = sorted((ROOT / "subgraphs").glob("*.json"))
SHIPPED = {file.name for folder in ("model", "loras") for file in (DEMO / folder).glob("*.safetensors")}


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


def ids(files):
    return {"ids": [file.stem for file in files]}


@pytest.mark.parametrize("file", EXAMPLES, **ids(EXAMPLES))
def test_no_example_names_a_file_that_nobody_has(file):
    """Weights come along, or the page offers to fetch them; folders of pictures come along."""
    for node in read(file)["nodes"]:
        offered = {model["name"] for model in node["properties"].get("models", [])}
        named = {value for value in node.get("widgets_values", []) if str(value).endswith(".safetensors")}
        assert named <= SHIPPED | offered, node["title"]
        if node["type"] == "BucketLoader":
            (folder,) = (value for value in node["widgets_values"] if str(value).endswith(" [datasets]"))
            assert list((DEMO / "pictures" / folder.removesuffix(" [datasets]")).glob("*.png"))
        if node["type"] == "SliderDataset":
            name, place = node["widgets_values"][0].removesuffix(" [datasets]"), DEMO / "pictures"
            for backend in read_dataset((place / name).read_text(encoding="utf-8")).backends:
                assert list((place / backend.folder).glob("*.png"))


@pytest.mark.parametrize("file", EXAMPLES, **ids(EXAMPLES))
def test_titles_have_no_underscores_and_thumbnails_fit_the_square_cards(file):
    assert "_" not in file.name
    with Image.open(file.with_suffix(".jpg")) as picture:
        assert picture.width == picture.height


@pytest.mark.parametrize("file", EXAMPLES, **ids(EXAMPLES))
def test_nodes_are_called_as_readme_and_notes_call_them(file):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = {kind: name for name, kind in re.findall(r"^\| ([^|]+) \(`(\w+)`\)", readme, re.M)}
    nodes = read(file)["nodes"]
    titles = [node.get("title") or names.get(node["type"], "") for node in nodes]
    for node, title in zip(nodes, titles, strict=True):
        assert title.startswith(names.get(node["type"], "")), title
    spoken = {word for node in nodes if node["type"] == "MarkdownNote" for text in node["widgets_values"]
              for word in re.findall(r"\*([^*]+)\*", text) if word in names.values()}  # fmt: skip
    assert all(any(title.startswith(word) for title in titles) for word in spoken)


def test_no_two_examples_share_a_nodes_number():
    """Vue nodes keep the size that a number had in the workflow before."""
    numbers = [node["id"] for file in EXAMPLES for node in read(file)["nodes"]]
    assert len(set(numbers)) == len(numbers)


def test_a_saved_example_has_nothing_of_a_run():
    for file in EXAMPLES:
        assert "concept_sliders" not in json.dumps([node["properties"] for node in read(file)["nodes"]]), file


def test_the_first_example_has_the_readmes_steps_folders_prompt_and_settings():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = readme.split("## Your first slider in five steps")[1].split("\n## ")[0]
    example, api = EXAMPLES[0], read(ROOT / "example_workflows" / "api" / EXAMPLES[0].name)
    assert f"*{example.stem}*" in steps
    page = read(example)
    headings = [re.sub(r"^\d\s+", "", group["title"]) for group in page["groups"]]
    assert headings == re.findall(r"^\d\. \*\*(.+?)\.\*\*", steps, re.M)
    inputs = {entry["class_type"]: entry["inputs"] for entry in api.values()}
    bucket, train = inputs["BucketLoader"], inputs["SliderTrainer"]
    for side in ("positive", "negative"):
        assert f"`smile/{side}`" in steps and any(side == e["inputs"].get("name") for e in api.values())
    assert bucket["captions"] == "prompt" and f'"{bucket["prompt"]}"' in steps
    assert f"rank {train['rank']}, {train['steps']} steps, learning rate {train['learning_rate']:.0e}".replace(
        "e-0", "e-"
    ) in " ".join(steps.split())
    assert inputs["SliderSweep"]["strengths"].startswith("-2:2")


def test_every_link_to_a_file_in_the_readme_leads_somewhere():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"\]\(((?!https?:|#)[^)]+)\)", readme):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("file", BLOCKS, **ids(BLOCKS))
def test_blocks_have_the_form_that_comfyui_loads(file):
    """One node, whose type is the one subgraph; a widget of the block is a widget inside."""
    data = read(file)
    (node,), (subgraph,) = data["nodes"], data["definitions"]["subgraphs"]
    assert node["type"] == subgraph["id"] and subgraph["name"] == node["title"] == file.stem
    assert subgraph["category"] and subgraph["description"] and data["version"] == 0.4
    assert [i["name"] for i in node["inputs"]] == [i["name"] for i in subgraph["inputs"]]
    assert all(i["linkIds"] for i in subgraph["inputs"]) and all(o["linkIds"] for o in subgraph["outputs"])


def test_the_three_blocks_are_there():
    assert {file.stem for file in BLOCKS} == {"Train a slider", "Sweep a slider", "Mix sliders"}
