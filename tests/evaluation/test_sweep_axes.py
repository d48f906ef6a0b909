"""Slider Sweep with a second axis, and where its pictures are kept."""

import json
import os
from io import BytesIO

import av
import folder_paths
import numpy as np
import pytest
import torch
from comfy_api.latest import io
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.nodes.loras import NO_FILE
from concept_sliders.nodes.sweep import SliderSweep
from concept_sliders.slider_core.evaluation import Prompt
from concept_sliders.slider_core.files.beside import thumbnail_of
from PIL import Image
from safetensors.torch import save_file
from small_sampling import prompt, slider
from tiny_models import shared_model

STEPS = ("smile_00100", "smile_00200", "smile_00300")


class TinyVae:
    def decode(self, latents):
        return latents[:, :3].movedim(1, -1).repeat_interleave(8, 1).repeat_interleave(8, 2).sigmoid()


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    for name in ("temp", "output", "loras"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "temp"))
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    paths = ([str(tmp_path / "loras")], {".safetensors"})
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", paths)
    for seed, name in enumerate((*STEPS, "age")):
        save_file(slider("sd3", seed), tmp_path / "loras" / f"{name}.safetensors")
    return tmp_path


@pytest.fixture
def sweep():
    """Runs the node on a tiny model with two strengths beside 0; inputs as given."""
    defaults = {
        i.id: i.default for i in SliderSweep.define_schema().inputs if getattr(i, "default", None) is not None
    }
    small = {"strengths": "-1, 1", "steps": 1, "cfg": 1.0, "width": 64, "height": 48}
    positive = prompt("sd3", 1)

    def run(**inputs):
        given = {**defaults, **small, "vae": TinyVae(), "negative": prompt("sd3", 2), **inputs}
        given.setdefault("model", shared_model("sd3"))
        if "prompts" not in given:
            given["positive"] = positive
        return SliderSweep.execute(**given)

    with torch.inference_mode():
        yield run


def frames_of(output):
    """Frames by the labels of their rows, [strengths, H, W, 3]."""
    (shown,) = output.ui["slider_sweep"]
    rows = output.result[1].unflatten(0, (len(shown["rows"]), -1))
    return dict(zip([row["seed"] for row in shown["rows"]], rows, strict=True)), shown


def test_several_files_are_rows_of_their_own(sweep):
    """Steps 100, 200 and 300 of one training, by a pattern; each as in a sweep of its own."""
    output = sweep(compare="smile_*", seeds=2)
    frames, shown = frames_of(output)
    assert list(frames) == [f"seed {seed} · {file}" for seed in (0, 1) for file in STEPS]
    assert shown["second_axis"]["name"] == "slider" and shown["second_axis"]["labels"] == STEPS
    assert [row["second"] for row in shown["rows"]] == [0, 1, 2, 0, 1, 2]
    assert [row["start"] for row in shown["rows"]] == ["0"] * 3 + ["1"] * 3
    assert len(shown["second_axis"]["usable_ranges"]) == 3
    for file in STEPS:
        alone = sweep(slider_file=f"{file}.safetensors", seeds=2).result[1]
        for seed in (0, 1):
            assert torch.allclose(frames[f"seed {seed} · {file}"], alone[3 * seed : 3 * seed + 3], atol=1e-5)
    assert not torch.allclose(frames[f"seed 0 · {STEPS[0]}"], frames[f"seed 0 · {STEPS[1]}"], atol=1e-3)
    report = output.result[2]
    assert [part.splitlines()[0] for part in report.split("\n\n") if part.startswith("smile")] == list(STEPS)


def test_a_chosen_slider_comes_first_and_its_range_is_written(sweep):
    output = sweep(slider_file="age.safetensors", compare="smile_00200\nsmile_00100.safetensors")
    (shown,) = output.ui["slider_sweep"]
    assert shown["second_axis"]["labels"] == ("age", "smile_00200", "smile_00100")
    written = json.loads(output.result[3].metadata["usable_range"])
    assert tuple(written) == tuple(shown["usable_range"]) == tuple(shown["second_axis"]["usable_ranges"][0])


def test_strengths_of_a_second_slider(sweep):
    """Each row is a sweep of the first slider on a model that has the second one at that strength."""
    second = {"second_file": "age.safetensors", "second_strengths": "-1, 0, 2"}
    frames, shown = frames_of(sweep(slider_file="smile_00100.safetensors", **second))
    assert list(frames) == ["seed 0 · age -1", "seed 0 · age 0", "seed 0 · age +2"]
    assert shown["second_axis"]["name"] == "age"
    for strength, label in ((-1.0, "age -1"), (0.0, "age 0"), (2.0, "age +2")):
        aged = SliderApply.execute(strength, model=shared_model("sd3"), slider_file="age.safetensors").result[0]
        alone = sweep(model=aged, slider_file="smile_00100.safetensors").result[1]
        assert torch.allclose(frames[f"seed 0 · {label}"], alone, atol=1e-4)


def test_one_axis_needs_no_second(sweep):
    (shown,) = sweep(slider_file="age.safetensors").ui["slider_sweep"]
    assert shown["second_axis"] is None and shown["rows"][0]["seed"] == "seed 0"


def test_axes_that_cannot_be_are_said(sweep):
    age = {"slider_file": "age.safetensors"}
    with pytest.raises(ValueError, match="one second axis"):
        sweep(**age, compare="smile_*", second_strengths="1", second_file="smile_00100.safetensors")
    with pytest.raises(ValueError, match="need a second slider"):
        sweep(**age, second_strengths="-1, 1")
    with pytest.raises(ValueError, match="second_strengths is empty"):
        sweep(**age, second_file="smile_00100.safetensors")
    with pytest.raises(ValueError, match=r"is called 'frown_\*'"):
        sweep(**age, compare="frown_*")


def test_a_compared_file_that_changes_is_read_again(folders):
    before = SliderSweep.fingerprint_inputs(NO_FILE, "smile_*")
    os.utime(folders / "loras" / f"{STEPS[1]}.safetensors", (1, 1))
    assert SliderSweep.fingerprint_inputs(NO_FILE, "smile_*") != before


@pytest.mark.parametrize(
    ("keep", "places"),
    [("grid", ("output", "temp")), ("grid and frames", ("output", "output")), ("nothing", ("temp", "temp"))],
)
def test_grid_and_frames_are_ordinary_images_of_the_history(sweep, folders, keep, places):
    faces = (Prompt("face", "a smiling face: red/blue", conditioning=prompt("sd3", 1)),)
    output = sweep(slider_file="age.safetensors", keep=keep, prompts=faces, seed=7)
    grid, *frames = output.ui["images"]
    assert (grid["type"], frames[0]["type"]) == places
    assert frames == output.ui["slider_sweep"][0]["frames"][0]
    start = grid["filename"].removesuffix(".png")
    assert [frame["filename"].removeprefix(start) for frame in frames] == [
        f"001_a-smiling-face-red-blue_seed-7_{strength}.png" for strength in ("-1", "0", "+1")
    ]
    for frame, pixels in zip(frames, output.result[1], strict=True):
        with Image.open(folders / frame["type"] / frame["filename"]) as picture:
            assert np.abs(np.asarray(picture) / 255 - pixels.numpy()).max() < 0.01
    with Image.open(folders / frames[2]["type"] / frames[2]["filename"]) as picture:
        said = json.loads(picture.text["slider_sweep"])
    assert said == {"prompt": "a smiling face: red/blue", "name": "face", "seed": 7, "strength": 1.0}


def test_another_sweep_has_files_of_its_own(sweep, folders):
    first, second = (sweep(slider_file="age.safetensors").ui["images"] for _ in range(2))
    names = [file["filename"] for file in [*first, *second]]
    assert len(set(names)) == len(names) == 8


def test_files_carry_the_workflow_as_those_of_save_image(sweep, folders, monkeypatch):
    hidden = io.HiddenHolder.from_dict(
        {io.Hidden.prompt: {"1": {}}, io.Hidden.extra_pnginfo: {"workflow": {"id": 5}}}
    )
    monkeypatch.setattr(SliderSweep, "hidden", hidden)
    grid, *_, moving = sweep(slider_file="age.safetensors", animation="webp").ui["images"]
    with Image.open(folders / "output" / grid["filename"]) as picture:
        assert json.loads(picture.text["prompt"]) == {"1": {}} and json.loads(picture.text["workflow"]) == {
            "id": 5
        }
    with Image.open(folders / "output" / moving["filename"]) as picture:
        assert (
            picture.getexif()[0x0110] == 'prompt:{"1": {}}'
            and picture.getexif()[0x010F] == 'workflow:{"id": 5}'
        )


def test_an_animated_webp_goes_there_and_back(sweep, folders):
    output = sweep(slider_file="age.safetensors", strengths="-1:1:5", seeds=2, animation="webp")
    moving = [file for file in output.ui["images"] if file["filename"].endswith(".webp")]
    assert [file["type"] for file in moving] == ["output"] * 2
    row = output.result[1][:5]
    with Image.open(folders / "output" / moving[0]["filename"]) as picture:
        assert picture.n_frames == 8 and picture.info["loop"] == 0
        for index, column in enumerate([0, 1, 2, 3, 4, 3, 2, 1]):
            picture.seek(index)
            assert np.abs(np.asarray(picture.convert("RGB")) / 255 - row[column].numpy()).mean() < 0.05


def test_an_mp4_goes_there_and_back(sweep, folders):
    output = sweep(slider_file="age.safetensors", strengths="-1:1:5", animation="mp4")
    with av.open(str(folders / "output" / output.ui["images"][-1]["filename"])) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 8 and frames[0].shape == (48, 64, 3)
    for frame, column in zip(frames, [0, 1, 2, 3, 4, 3, 2, 1], strict=True):
        assert np.abs(frame / 255 - output.result[1][column].numpy()).mean() < 0.06


def test_the_slider_gets_a_picture_of_both_ends_of_its_range(sweep):
    output = sweep(slider_file="age.safetensors")
    low, high = output.ui["slider_sweep"][0]["usable_range"]
    assert low < high
    with Image.open(BytesIO(thumbnail_of(output.result[3].metadata))) as picture:
        ends = np.asarray(picture) / 255
    strengths = [-1.0, 0.0, 1.0]
    expected = np.concatenate([output.result[1][strengths.index(end)].numpy() for end in (low, high)], axis=1)
    assert ends.shape == expected.shape and np.abs(ends - expected).mean() < 0.05
