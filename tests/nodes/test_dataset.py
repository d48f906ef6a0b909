"""The node that takes SimpleTuner's multidatabackend.json."""

import json

import folder_paths
import pytest
from as_comfyui import Clip, Vae, executed, validated
from concept_sliders.nodes.dataset import NO_FILE, SliderDataset
from concept_sliders.slider_core.data import Cycle
from PIL import Image

DATASET = [
    {
        "id": name,
        "type": "local",
        "instance_data_dir": f"faces/{name}",
        "resolution": 64,
        "slider_strength": strength,
    }
    for name, strength in (("more", 0.5), ("less", -0.5))
]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "datasets", ([str(tmp_path / "ours")], set()))
    for name in ("more", "less"):
        place = tmp_path / "faces" / name
        place.mkdir(parents=True)
        for index in range(2):
            Image.new("RGB", (64, 64), (90 * index, 0, len(name))).save(place / f"{index}.png")
    (tmp_path / "ours").mkdir()
    return tmp_path


def run(**inputs):
    given = {"file": NO_FILE, "dataset": "", "vae": Vae(), "clip": Clip(), "keep_encoded": False, **inputs}
    outputs = executed(SliderDataset, **{name: [value] for name, value in given.items()})
    return [output[0] for output in outputs]


def test_pasted_or_as_a_file_with_and_without_byte_order_mark(root):
    text = json.dumps(DATASET)
    (root / "multidatabackend.json").write_text(text, encoding="utf-8-sig")
    (root / "ours" / "mine.json").write_text(text, encoding="utf-8")
    for given in (
        {"dataset": text},
        {"dataset": "\ufeff" + text},
        {"dataset": "multidatabackend.json"},
        {"file": "multidatabackend.json"},
        {"file": "mine.json [datasets]"},
    ):
        buckets, report, held_out, settings = run(**given)
        assert [bucket.name for bucket in buckets] == ["more", "less"] and held_out == ()
        assert "more: 2 of 2 pictures, at +0.5" in report and json.loads(settings) == {}
        assert len(Cycle(buckets).pairs) == 2


def test_it_adds_to_a_chain_and_reads_the_companions(root):
    (root / "multidatabackend.json").write_text(json.dumps(DATASET))
    (root / "lycoris_config.json").write_text('{"algo": "lokr"}', encoding="utf-8-sig")
    config = {"lora_type": "lycoris", "lycoris_config": "config/lycoris_config.json", "max_train_steps": 70}
    first = run(dataset=json.dumps(DATASET))[0]
    buckets, report, _, settings = run(file="multidatabackend.json", buckets=first, config=json.dumps(config))
    assert [bucket.name for bucket in buckets] == ["more", "less"] * 2
    assert json.loads(settings)["lycoris_config"] == '{"algo": "lokr"}'
    assert json.loads(settings)["steps"] == 70 and "  steps: 70" in report


def test_a_lycoris_config_is_found_beside_either_file(root):
    """Also where the dataset is pasted and config is the name of a file."""
    (root / "ours" / "st").mkdir()
    config = {"lora_type": "lycoris", "lycoris_config": "config/lycoris_config.json"}
    (root / "ours" / "st" / "config.json").write_text(json.dumps(config))
    (root / "ours" / "st" / "lycoris_config.json").write_text('{"algo": "loha"}')
    *_, settings = run(dataset=json.dumps(DATASET), config="st/config.json [datasets]")
    assert json.loads(settings)["lycoris_config"] == '{"algo": "loha"}'
    given = (NO_FILE, json.dumps(DATASET), "st/config.json [datasets]")
    before = SliderDataset.fingerprint_inputs(*given)
    (root / "ours" / "st" / "lycoris_config.json").write_text('{"algo": "lora"}')
    assert SliderDataset.fingerprint_inputs(*given) != before, "and it runs again when that changes"
    *_, settings = run(dataset=json.dumps(DATASET), config=json.dumps(config))
    assert json.loads(settings)["kind"] == "lokr"


def test_it_runs_again_when_a_picture_or_caption_changes(root):
    text = json.dumps(DATASET)
    before = SliderDataset.fingerprint_inputs(NO_FILE, text)
    assert before and before == SliderDataset.fingerprint_inputs(NO_FILE, text)
    (root / "faces" / "more" / "0.txt").write_text("a face")
    assert SliderDataset.fingerprint_inputs(NO_FILE, text) != before
    assert SliderDataset.fingerprint_inputs(NO_FILE, "[") == ""


def test_files_that_are_none(root):
    (root / "x.json").write_bytes(b"\xff\xff\xff")
    for name, message in (
        ("x.json", "not text in UTF-8"),
        ("../x.json", "outside"),
        ("gone.json", "no multidata"),
    ):
        given = {"file": name, "dataset": "", "config": "", "keep_encoded": True}
        assert any(message in error for error in validated(SliderDataset, **given)), message
    with pytest.raises(ValueError, match="There is no dataset: choose a multidatabackend.json"):
        run()
    with pytest.raises(ValueError, match="input got nothing"):
        run(dataset=json.dumps(DATASET), clip=None)
