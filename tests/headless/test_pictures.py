"""Where `run.py train` has its pictures from: SimpleTuner's files, a table of numbers, buckets that are held out."""

import json
import re
import shutil
from pathlib import Path

import folder_paths
import pytest
from concept_sliders.slider_core.data.simpletuner import DatasetError, read_dataset
from concept_sliders.slider_core.encoding import encoded_chain
from concept_sliders.slider_core.files import load, read_facts
from headless.demo_config import DEMO, config_of
from PIL import Image


def test_simpletuners_files_train_as_they_are(tmp_path, output, train):
    """Four keys of [dataset] and [model] are enough: buckets and settings come from SimpleTuner's own files."""
    text = config_of(tmp_path).read_text(encoding="utf-8")
    model = text[text.index("[model]") : text.index("[targets]")]
    common = {"type": "local", "caption_strategy": "textfile", "resolution": 128, "crop_style": "face"}
    datasets = [
        {"id": side, "instance_data_dir": f"pictures/smile/{side}", "slider_strength": strength, **common}
        for side, strength in (("positive", 0.5), ("negative", -0.5), ("neutral", 0.0))
    ]
    datasets[0]["caption_shuffle"] = True
    datasets.append({**datasets[1], "id": "unseen", "dataset_type": "eval"})
    (tmp_path / "multidatabackend.json").write_text(json.dumps(datasets))
    asked = {"max_train_steps": 2, "lora_rank": 2, "learning_rate": 3e-4, "seed": 5, "optimizer": "prodigy"}
    (tmp_path / "config.json").write_text(json.dumps(asked))
    (tmp_path / "st.toml").write_text(
        model + '[dataset]\nfile = "multidatabackend.json"\nconfig = "config.json"\n[sweep]\nmeasure = false\n'
    )
    code, told = train(tmp_path / "st.toml")
    assert code == 0, told
    (file,) = (output / "loras").glob("*.safetensors")
    facts, _ = read_facts(load(file).metadata)
    assert (facts.steps, facts.learning_rate, facts.rank) == (2, 3e-4, "2")
    assert facts.buckets == (("positive", 6, 0.5), ("negative", 6, -0.5), ("neutral", 6, None))
    assert re.search(r"Held out, negative: 6 pictures at -0\.5, loss .* with the slider, .* without", told), (
        told
    )
    end = json.loads((output / "slider_logs" / "slider.jsonl").read_text().splitlines()[-1])
    assert end["held_out"]["negative"]["pictures"] == 6
    assert "Note: multidatabackend.json: caption_shuffle True: NOT USED: captions stay as they are" in told
    assert "Note: config.json: optimizer 'prodigy': not known here, so AdamW." in told
    code, told = train(tmp_path / "st.toml", "--dry-run")
    assert (
        code == 0
        and "crop_style 'face': not used, as crop is false" in told
        and "18 of 18 encodings" not in told
    )


def test_simpletuners_folders_may_lie_anywhere_for_who_gives_a_command(
    tmp_path, tmp_path_factory, output, train
):
    """The node, which strangers may send workflows to, refuses the same file (data/simpletuner/test_places.py)."""
    text = config_of(tmp_path).read_text(encoding="utf-8")
    model = text[text.index("[model]") : text.index("[targets]")]
    far = tmp_path_factory.mktemp("elsewhere")
    datasets = []
    for side, strength in (("positive", 0.5), ("negative", -0.5)):
        shutil.copytree(DEMO / "pictures" / "smile" / side, far / side)
        keys = {"caption_strategy": "textfile", "resolution": 64, "delete_unwanted_images": True}
        datasets.append({"id": side, "instance_data_dir": str(far / side), "slider_strength": strength, **keys})
    (tmp_path / "multidatabackend.json").write_text(json.dumps(datasets))
    (tmp_path / "st.toml").write_text(
        f'{model}[dataset]\nfile = "multidatabackend.json"\n[train]\nsteps = 1\n[sweep]\nmeasure = false\n'
    )
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in far.rglob("*.*")}
    code, told = train(tmp_path / "st.toml")
    assert code == 0 and len(list((output / "loras").glob("*.safetensors"))) == 1, told
    assert before == {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in far.rglob("*.*")}
    with pytest.raises(
        DatasetError, match="lies outside of .*input.*Two ways out: copy the folder below, or link"
    ):
        located_at = Path(folder_paths.get_input_directory())
        encoded_chain(read_dataset(json.dumps(datasets)), [located_at], None)


def test_pairs_that_look_wrong_are_named_before_the_training(tmp_path, output, train):
    file = config_of(tmp_path, steps=1)
    (tmp_path / "pictures").unlink()
    shutil.copytree(DEMO / "pictures", tmp_path / "pictures")
    sides = tmp_path / "pictures" / "smile"
    name = sorted(picture.name for picture in (sides / "positive").glob("*.png"))[2]
    shutil.copy(sides / "positive" / name, sides / "negative" / name)
    code, told = train(file)
    stem = name.removesuffix(".png")
    said = f"Note: pair positive/{stem} and negative/{stem}: the two pictures are the same"
    assert code == 0 and said in told and told.index(said) < told.index("step 1/1"), told


def test_one_folder_with_a_number_for_each_picture(tmp_path, output, train):
    """Smiles at 0.7 and 0.3, frowns at the opposite, each mirrored: four pictures in a folder and a table."""
    text = config_of(tmp_path, steps=1).read_text(encoding="utf-8")
    (tmp_path / "faces").mkdir()
    rows = {"positive_1": 0.7, "positive_2": 0.3, "negative_1": -0.7, "negative_2": -0.3}
    for name in rows:
        side, number = name.split("_")
        source = sorted((DEMO / "pictures" / "smile" / side).glob("*.png"))[int(number)]
        (tmp_path / "faces" / f"{name}.png").write_bytes(source.read_bytes())
    (tmp_path / "scores.csv").write_text("".join(f"{name}.png,{value}\n" for name, value in rows.items()))
    bucket = 'folder = "faces"\nresolution = 64\nmirrored = true\nnumbers = { table = "scores.csv" }\n'
    head, _, tail = text.partition("[[bucket]]")
    (tmp_path / "config.toml").write_text(f"{head}[[bucket]]\n{bucket}{tail[tail.index('[dataset]') :]}")
    code, told = train(tmp_path / "config.toml")
    assert code == 0, told
    (file,) = (output / "loras").glob("*.safetensors")
    facts, _ = read_facts(load(file).metadata)
    assert facts.buckets == (("bucket more", 4, 0.7), ("bucket less", 4, -0.7))


def test_a_bucket_that_is_held_out_is_measured_and_not_trained_on(tmp_path, output, train):
    file = config_of(tmp_path, steps=1)
    text = file.read_text(encoding="utf-8").replace(
        "slider_strength = 0\n", "slider_strength = 0\nheld_out = true\n"
    )
    file.write_text(text)
    code, told = train(file)
    assert code == 0 and "Held out, neutral: 6 pictures at ±0.5, loss " in told, told
    (slider,) = (output / "loras").glob("*.safetensors")
    assert [name for name, *_ in read_facts(load(slider).metadata)[0].buckets] == ["positive", "negative"]
    file.write_text(text.replace("slider_strength = -0.5\n", "slider_strength = -0.5\nheld_out = true\n"))
    code, told = train(file)
    assert code == 2 and "There is no negative bucket" in told


def test_pictures_that_are_left_out_are_told_of(tmp_path, train):
    file = config_of(tmp_path)
    (tmp_path / "mixed").mkdir()
    for name in ("small.png", "large.png"):
        Image.new("RGB", (40, 40) if name == "small.png" else (128, 128)).save(tmp_path / "mixed" / name)
    text = file.read_text().replace('folder = "pictures/smile/neutral"', 'folder = "mixed"\nminimum_size = 64')
    head, _, tail = text.partition("minimum_size = 64")
    file.write_text(
        head + "minimum_size = 64" + tail.replace('captions = "text file"', 'captions = "file name"', 1)
    )
    code, told = train(file, "--dry-run")
    assert code == 0 and "Note: bucket 'neutral': 1 of 2 pictures is smaller than 64 and left out." in told, (
        told
    )
