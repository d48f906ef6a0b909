"""`run.py train` on the demo's tiny model and pictures: what it writes, says and ends with."""

import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import comfy.sd
import folder_paths
import psutil
import pytest
import torch
from concept_sliders.slider_core.config import ConfigError
from concept_sliders.slider_core.data.simpletuner import DatasetError, read_dataset
from concept_sliders.slider_core.encoding import encoded_chain
from concept_sliders.slider_core.files import load, read_facts
from concept_sliders.slider_core.headless import Cancel, Outcome, measure, pictures, sliders, table_of
from concept_sliders.slider_core.headless.progress import JsonLines, Several, Terminal
from concept_sliders.slider_core.training import StepDone
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "scripts" / "demo"
SPEC = importlib.util.spec_from_file_location("train_command", ROOT / "scripts" / "train.py")
command = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(command)
import run as run_script  # noqa: E402 - scripts/run.py, made importable by conftest

NEUTRAL = """\
# [[bucket]]  # pictures on which the slider is to change nothing; rarely worth their time
# name = "neutral"
# slider_strength = 0
# folder = "pictures/smile/neutral"
# captions = "text file"
# resolution = 128
"""


def config_of(folder, more="", steps=4, measured=False):
    """The demo's config with neutral pictures, a rate and little measuring, beside links to what it names."""
    text = (DEMO / "smile.toml").read_text(encoding="utf-8")
    for name in ("model", "pictures", "custom_nodes", "extra_model_paths.yaml"):
        if not (folder / name).exists():
            (folder / name).symlink_to(DEMO / name)
    changes = {
        "steps = 15 ": f"steps = {steps} ",
        "learning_rate = 0.0": "learning_rate = 4e-4",
        "batch_size = 6": "# batch_size = 1",
        **{line: line.removeprefix("# ") for line in NEUTRAL.splitlines()},
        "cfg = 2.5": "cfg = 1.0\nsteps = 1\nsampler_name = 'euler'" + ("" if measured else "\nmeasure = false"),
        'strengths = "-2:2:5"': 'strengths = "-2:2:3"',
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = folder / "config.toml"
    file.write_text(f"{text}\n{more}", encoding="utf-8")
    return file


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    return tmp_path / "output"


@pytest.fixture
def train(output, monkeypatch, capsys):
    """Runs the command; its exit code, and what it has printed."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["train.py", *map(str, words)])
        code = command.main()
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


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


THREE = """
[[slider]]
train.file_name = "one"
[[slider]]
train.file_name = "bad"
targets = { preset = "custom", custom_targets = ["no.such.layer"] }
[[slider]]
train = { file_name = "two", kind = "lokr" }
cycle.neutral = "off"
"""


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


@pytest.fixture
def encodings(tmp_path, monkeypatch):
    """Counts what the VAE and the text encoder are asked for; nothing was kept before."""
    monkeypatch.setattr(folder_paths, "user_directory", str(tmp_path / "user"))
    asked = []
    for kind, name in ((comfy.sd.VAE, "encode"), (comfy.sd.CLIP, "encode_from_tokens_scheduled")):
        original = getattr(kind, name)
        counting = lambda *a, call=original, what=name, **k: asked.append(what) or call(*a, **k)  # noqa: E731
        monkeypatch.setattr(kind, name, counting)
    return asked


def test_a_second_run_encodes_nothing(tmp_path, output, train, encodings):
    code, told = train(config_of(tmp_path, steps=1))
    assert code == 0 and encodings.count("encode") == 18 and len(encodings) > 18, told
    assert len(list((tmp_path / "user").rglob("*.safetensors"))) == len(encodings)
    encodings.clear()
    code, told = train(config_of(tmp_path, "[[slider]]\ntrain.seed = 1", steps=1))
    assert code == 0 and not encodings, told
    assert re.search(r"Note: (\d+) of \1 encodings were kept from before", told)
    assert len(list((output / "loras").glob("*.safetensors"))) == 2


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
    """The node, which strangers may send workflows to, refuses the same file (tests/data/test_simpletuner.py)."""
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


def test_without_keep_encoded_nothing_is_kept(tmp_path, train, encodings):
    file = config_of(tmp_path, steps=1)
    file.write_text(file.read_text().replace("resolution = 128", "resolution = 128\nkeep_encoded = false"))
    code, told = train(file, "--dry-run")
    assert code == 0 and encodings.count("encode") == 18, told
    assert not list((tmp_path / "user").rglob("*.safetensors"))


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


def test_previews_and_tensorboard(tmp_path, output, train, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    more = "[[slider]]\ntrain = { preview_every = 2, preview_steps = 1, preview_prompt = 'a person' }\n"
    file = config_of(tmp_path, more)
    file.write_text(file.read_text().replace("# tensorboard = false", "tensorboard = true"))
    code, told = train(file)
    assert code == 0 and "TensorBoard is not installed" in told
    shown = sorted(f.name for f in (output / "slider_logs" / "smile").iterdir())
    assert shown == ["preview_000002.png", "preview_000004.png"]


def test_tensorboard_gets_losses_and_rate(tmp_path, monkeypatch):
    """Where the package is there, which the tests do not need: a stand-in takes what is written."""
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

    board = type(sys)("torch.utils.tensorboard")
    board.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    from concept_sliders.slider_core.headless.progress import TensorBoard

    TensorBoard(tmp_path).step(StepDone(3, 9, {"loss": 0.5, "neutral": float("nan")}, 1e-3, 0.1))
    assert written == [("loss/loss", 0.5, 3), ("learning_rate", 1e-3, 3)]


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal


def test_one_line_on_a_terminal_and_plain_lines_elsewhere():
    screen, file = Screen(True), Screen(False)
    both = Several([Terminal("smile", screen), Terminal("smile", file)])
    both.line("Continued from step 1 of 5.")
    for step in range(2, 6):
        both.step(StepDone(step, 5, {"loss": 0.25}, 1e-3, 2.0))
    assert screen.getvalue().count("\n") == 2 and screen.getvalue().count("\r") == 5
    assert file.getvalue().splitlines() == [
        "Continued from step 1 of 5.",
        "smile: step 2/5, loss 0.2500, 2.00 s a step, 6 s left",
        "smile: step 5/5, loss 0.2500, 2.00 s a step, 0 s left",
    ]


def test_the_log_goes_on_where_it_was(tmp_path):
    for step in (1, 2):
        JsonLines(tmp_path / "logs" / "a.jsonl").step(StepDone(step, 2, {"loss": float("nan")}, 1e-3, 1.0))
    lines = (tmp_path / "logs" / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2] and json.loads(lines[0])["loss"] == {}


def test_the_table_tells_of_each_slider():
    figures = {"usable_range": (-1.5, 2.0), "symmetry": 0.9, "leak": 0.05, "neutral_leak": None}
    done = Outcome("smile", Path("smile_00001_.safetensors"), "", False, 300, 0.1234, 95.0, figures)
    table = table_of([done, Outcome("eyes", error="No pictures.\nAt all."), Outcome("age", cancelled=True)])
    assert table.splitlines()[1].split("  ")[-1] == "smile_00001_.safetensors"
    for cell in ("-1.5 to +2", "0.90", "0.05", "–", "2 min", "failed: No pictures.", "cancelled"):
        assert cell in table
    assert "At all" not in table


def test_a_first_signal_is_remembered_and_a_second_ends_at_once():
    before = signal.getsignal(signal.SIGTERM)
    with Cancel() as cancel:
        cancel.check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            cancel.check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_cancel_in_the_first_slider_ends_the_others_and_is_130(tmp_path, output, train, monkeypatch):
    real, seen = sliders.Checked.step, []

    def step(self, done):
        seen.append(done.step)
        self.cancel.asked = done.step == 3
        real(self, done)

    monkeypatch.setattr(sliders.Checked, "step", step)
    code, told = train(config_of(tmp_path, THREE))
    assert code == 130 and seen == [1, 2, 3] and "goes on where it was" in told
    (file,) = (output / "loras").glob("*.safetensors")
    assert file.name == "one_00001_stopped_at_3.safetensors"
    monkeypatch.setattr(sliders.Checked, "step", real)
    code, told = train(config_of(tmp_path, THREE))
    assert code == 1 and "Continued from step 3 of 4." in told
    resumed = load(output / "loras" / "one_00002_.safetensors")
    for file in [*output.rglob("*.safetensors"), *(output / "loras").glob("*.json")]:
        file.unlink()
    train(config_of(tmp_path, THREE))
    straight = load(output / "loras" / "one_00001_.safetensors")
    assert all(torch.equal(resumed[key], straight[key]) for key in straight)


def test_a_terminated_process_keeps_what_was_trained(tmp_path, output):
    """The command itself, as the terminal runs it."""
    words = [sys.executable, ROOT / "scripts" / "in_comfyui.py", "--cpu", f"--output-directory={output}"]
    file = config_of(tmp_path, steps=100_000)
    file.write_text(file.read_text().replace("# checkpoint_every = 50 ", "checkpoint_every = 0 "))
    file.write_text(file.read_text().replace("checkpoint_every = 0 ", "checkpoint_every = 3 "))
    process = subprocess.Popen(
        [*words, ROOT / "scripts" / "train.py", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told = ""
    for line in process.stdout:
        told += line
        if "step 1/100000" in line:
            process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130, told
    assert "Traceback" not in told and "was cancelled" in told and "Stopped at step " in told
    (slider,) = (output / "loras").glob("*.safetensors")
    assert "_stopped_at_" in slider.name and load(slider)
    (state,) = (output / "slider_checkpoints").iterdir()


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


def with_batch(file, size):
    text = file.read_text().replace("# batch_size = 1", f"batch_size = {size}")
    file.write_text(text.replace("# checkpoint_every = 50", "checkpoint_every = 3"))
    return file


def test_a_signal_to_one_of_two_processes_keeps_in_one_place_what_was_trained(
    tmp_path, output, train, monkeypatch
):
    """torchrun as its user starts it; what the two have trained goes on in one."""
    file = with_batch(config_of(tmp_path, steps=100_000), 2)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = subprocess.Popen(
        [*torchrun, ROOT / "scripts" / "train.py", file, "--cpu", f"--output-directory={output}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", run_script.ENDED: str(tmp_path / "code")},
    )
    told = ""
    for line in process.stdout:
        told += line
        if "step 1/100000" in line:
            ranks = {child.environ()["RANK"]: child for child in psutil.Process(process.pid).children()}
            ranks["1"].send_signal(signal.SIGTERM)
    assert process.wait(60) == 1 and "exitcode  : 130" in told, told
    own = told.split("failed (exitcode: 130)")[0]  # the rest is how torchrun tells of it
    assert "Traceback" not in own and own.count("was cancelled") == 1
    assert (tmp_path / "code").read_text() == "130"
    (slider,) = (output / "loras").glob("*.safetensors")
    lines = [json.loads(line) for line in (output / "slider_logs" / "smile.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["event"] == "step"]
    assert steps == [*range(1, len(steps) + 1)] and slider.stem.endswith(f"_stopped_at_{len(steps)}")
    assert len([*(output / "slider_checkpoints").iterdir()]) == 1

    def stop(self, done):
        self.cancel.asked = True
        self.cancel.check()

    monkeypatch.setattr(sliders.Checked, "step", stop)
    code, told = train(file)
    assert code == 130 and f"Continued from step {len(steps)} of 100000." in told
