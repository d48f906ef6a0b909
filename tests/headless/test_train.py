"""`run.py train` on the demo's tiny model and pictures: what it writes, says and ends with."""

import json
import re

import comfy.sd
import pytest
import run as run_script  # scripts/run.py, made importable by conftest
from concept_sliders.slider_core.config import ConfigError
from concept_sliders.slider_core.files import load, read_facts
from concept_sliders.slider_core.headless import measure, pictures
from headless.demo_config import DEMO, ROOT, THREE, command, config_of, with_batch


def test_the_demo_config_trains_a_slider_that_the_stock_loader_takes(tmp_path, output, train, caplog):
    code, told = train(config_of(tmp_path, measured=True))
    assert code == 0, told
    (file,) = (output / "loras").glob("*.safetensors")
    slider = load(file)
    facts, _ = read_facts(slider.metadata)
    assert (file.name, facts.steps, facts.learning_rate) == ("smile_00001_.safetensors", 4, 4e-4)
    assert facts.buckets == (("positive", 6, 0.5), ("negative", 6, -0.5), ("neutral", 6, None))
    figures = json.loads(slider.metadata[measure.MEASURED])
    assert (facts.usable_range or (0, 0)) == tuple(figures["usable_range"]) and figures["strengths"] == [
        -2,
        0,
        2,
    ]
    assert "usable range" in told and file.name in told and "step 4/4" in told
    assert not list((output / "slider_checkpoints").iterdir())
    lines = [json.loads(line) for line in (output / "slider_logs" / "smile.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == [1, 2, 3, 4]
    assert lines[-1]["event"] == "end" and lines[-1]["file"] == file.name and lines[-1]["figures"] == figures
    model = comfy.sd.load_checkpoint_guess_config(str(DEMO / "model" / "tiny_faces.safetensors"))[0]
    comfy.sd.load_lora_for_models(model, None, dict(slider), 1.0, 0)
    assert "not loaded" not in caplog.text


def test_several_sliders_share_the_model_and_its_pictures_and_one_that_fails_stops_no_other(
    tmp_path, output, train, monkeypatch
):
    encoded, loaded = [], []
    encode, load_models = pictures.encoded, command.load_models
    monkeypatch.setattr(pictures, "encoded", lambda *a, **k: encoded.append(1) or encode(*a, **k))
    monkeypatch.setattr(command, "load_models", lambda *a: loaded.append(1) or load_models(*a))
    code, told = train(config_of(tmp_path, THREE))
    assert code == 1 and "bad (2/3) failed: preset custom selects nothing" in told
    assert sorted(f.name for f in (output / "loras").glob("*.safetensors")) == [
        "one_00001_.safetensors",
        "two_00001_.safetensors",
    ]
    assert (len(loaded), len(encoded)) == (1, 3)
    (last,) = (output / "slider_logs" / "bad.jsonl").read_text().splitlines()
    assert json.loads(last)["error"].startswith("preset custom selects nothing")
    table = told[told.index("\nslider ") + 1 :].splitlines()
    assert [line.split()[0] for line in table] == ["slider", "one", "bad", "two"]

    before = {file: file.read_bytes() for file in (output / "loras").glob("*.safetensors")}
    code, told = train(config_of(tmp_path, THREE))
    assert code == 1 and "finished before: two_00001_.safetensors" in told and "step " not in told
    assert {file: file.read_bytes() for file in (output / "loras").glob("*.safetensors")} == before


def test_a_folder_of_configs_is_trained_with_one_model(tmp_path, output, train, monkeypatch):
    file = config_of(tmp_path)
    text = file.read_text()
    (tmp_path / "all").mkdir()
    for name in ("model", "pictures", "custom_nodes", "extra_model_paths.yaml"):
        (tmp_path / "all" / name).symlink_to(DEMO / name)
    for name in "ab":
        (tmp_path / "all" / f"{name}.toml").write_text(text.replace('"smile"', f'"{name}"'))
    loaded, load_models = [], command.load_models
    monkeypatch.setattr(command, "load_models", lambda *a: loaded.append(1) or load_models(*a))
    code, told = train(tmp_path / "all")
    assert code == 0 and len(loaded) == 1
    assert sorted(f.name[:2] for f in (output / "loras").glob("*.safetensors")) == ["a_", "b_"]
    (tmp_path / "all" / "b.toml").write_text(text.replace("cfg = 1.0", "cgf = 1.0"))
    code, told = train(tmp_path / "all")
    assert code == 2 and "b.toml cannot be used" in told and "Did you mean 'cfg'?" in told and len(loaded) == 1


def test_a_dry_run_tells_and_writes_nothing(tmp_path, output, train):
    code, told = train(config_of(tmp_path, steps=300), "--dry-run")
    assert code == 0
    for part in ("SD3, preset mlp", "6 targets", "turn 1: positive", "Memory: weights"):
        assert part in told, told
    assert re.search(r"about \d+ (s|min|h)\b.* for 300 steps", told), told
    assert not [path for path in output.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("steps = 4", "steps = 4\nrank = 0", "rank is 0; it must be a whole number from 1 to 1024."),
        ("TinyFacesCLIPLoader", "NoSuchLoader", "[model] text_encoders: "),
        (
            'model/tiny_faces.safetensors"  #',
            'measure.safetensors"  #',
            "[model] checkpoint: measure.safetensors",
        ),
    ],
)
def test_what_cannot_be_ends_with_2_and_a_sentence(tmp_path, output, train, old, new, message):
    file = config_of(tmp_path)
    (tmp_path / "measure.safetensors").symlink_to(DEMO / "measure.safetensors")  # of no diffusion model
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    code, told = train(file)
    assert code == 2 and message in told and "Traceback" not in told
    assert not (output / "loras").exists()


def test_run_py_hands_comfyuis_options_on_before_the_script():
    script = str(ROOT / "scripts" / "train.py")
    given = run_script.train_arguments(["a.toml", "--dry-run", "--lowvram", "--reserve-vram=2"])
    assert given == ["--lowvram", "--reserve-vram=2", script, "a.toml", "--dry-run"]


def test_run_py_hands_torchruns_options_on_to_it():
    one = ["a.toml", "--lowvram", "--nproc-per-node", "2"]
    assert run_script.train_command(["a.toml", "--lowvram"])[0].endswith("in_comfyui.py")
    start, module, *given = run_script.train_command(one)
    assert [start, module, *given[:2]] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    assert given[2:] == run_script.train_command(["a.toml", "--lowvram"])
    hosts = ["--nnodes=2", "--nproc_per_node=gpu", "--rdzv-backend=c10d", "--rdzv-endpoint=first:29400"]
    assert run_script.train_command([*hosts, "a.toml"])[2:6] == hosts


def test_a_batch_that_processes_cannot_share_is_said_before_anything_is_loaded(tmp_path):
    file = config_of(tmp_path)
    with pytest.raises(
        ConfigError, match=r"config.toml: batch_size is 1, .* Set batch_size to 2 or a multiple"
    ):
        command.configs(file, count=2)
    assert command.configs(with_batch(file, 4), count=2)
