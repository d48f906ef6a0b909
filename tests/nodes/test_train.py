"""Train Slider without a server: what it writes, and that nothing is lost when it ends early."""

import json
import math
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import comfy.sd
import folder_paths
import pytest
import torch
from as_comfyui import executed
from comfy.model_management import InterruptProcessingException
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.nodes.output_folder import previews_for_page
from concept_sliders.nodes.train import SliderTrainer
from concept_sliders.slider_core.architectures import report as report_on_targets
from concept_sliders.slider_core.architectures import select
from concept_sliders.slider_core.curve import curve_of
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.data.simpletuner import training_settings
from concept_sliders.slider_core.files import load, read_facts, save, usable_range
from concept_sliders.slider_core.files.atomic import NotWrittenError
from concept_sliders.slider_core.files.beside import thumbnail_of
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.runs import Parts, TrainingRun
from concept_sliders.slider_core.runs import run as runs
from concept_sliders.slider_core.runs.preview import TrainingPreview
from concept_sliders.slider_core.settings import TrainSettings, settings_of
from nodes import ConditioningZeroOut
from PIL import Image
from small_training import buckets, example
from tiny_models import TinyVAE, shared_model
from unknown_models import Attends, Mixes, unknown_model


class Progress:
    """Records what the page is shown; `cancel_at` is where the user presses cancel."""

    def __init__(self, cancel_at=None):
        self.steps, self.lines, self.pictures, self.cancel_at = [], [], [], cancel_at

    def step(self, done):
        self.steps.append(done.step)
        if done.step == self.cancel_at:
            raise InterruptProcessingException

    def line(self, text):
        self.lines.append(text)

    def picture(self, image):
        self.pictures.append(image)


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    return tmp_path


def run(model, progress=None, cycle=None, **settings):
    given = {"steps": 4, "file_name": "loras/smile", "gradient_checkpointing": False, **settings}
    parts = {name: given.pop(name) for name in given.keys() - settings_of(TrainSettings)}
    parts = Parts(model, select(model), cycle or Cycle(buckets()), **parts)
    output = Path(folder_paths.get_output_directory())
    return TrainingRun(parts, TrainSettings(**given), output, progress or Progress())


def test_the_slider_is_written_with_what_made_it_and_the_stock_loader_takes_it_whole(model, output, caplog):
    trainer = run(model)
    trained = trainer.train()
    (file,) = (output / "loras").glob("*.safetensors")
    slider = load(file)
    facts, ignored = read_facts(slider.metadata)
    assert not ignored and (facts.base_model, facts.family, facts.steps, facts.kind) == (
        "SD3",
        "SD3",
        4,
        "lora",
    )
    assert facts.buckets == (("more", 3, 0.5), ("less", 3, -0.5), ("plain", 2, None))
    assert all(torch.equal(slider[key], trained.slider[key]) for key in slider)
    comfy.sd.load_lora_for_models(model, None, dict(slider), 1.0, 0)
    assert "not loaded" not in caplog.text
    assert file.name in trainer.report(trained) and "4 steps" in trainer.report(trained)


@pytest.mark.parametrize("block", [Attends, Mixes])
def test_a_family_that_nobody_knows_trains_with_a_warning_in_the_report(output, block, caplog):
    with torch.inference_mode():
        model = unknown_model(block)
    trainer = run(model, learning_rate=1e-2)
    trained = trainer.train()
    assert "This model family is not known here. The general rule was used" in trainer.report(trained)
    (file,) = (output / "loras").glob("*.safetensors")
    slider = load(file)
    assert {key.split(".")[2] for key in slider} == {"0", "1"}  # adapters on both blocks
    assert any(bool(value.any()) for key, value in slider.items() if "lora_up" in key)
    comfy.sd.load_lora_for_models(model, None, dict(slider), 1.0, 0)
    assert "not loaded" not in caplog.text


def test_the_next_slider_of_the_same_name_gets_the_next_number(model, output):
    run(model, seed=1).train()
    run(model, seed=2).train()
    assert sorted(f.name for f in (output / "loras").glob("*.safetensors")) == [
        "smile_00001_.safetensors",
        "smile_00002_.safetensors",
    ]


def test_cancel_keeps_what_was_trained_and_the_next_run_goes_on(model, output):
    with pytest.raises(InterruptProcessingException):
        run(model, Progress(cancel_at=3)).train()
    (file,) = (output / "loras").glob("*.safetensors")
    assert file.name == "smile_00001_stopped_at_3.safetensors" and read_facts(load(file).metadata)[0].steps == 3
    progress = Progress()
    run(model, progress).train()
    assert progress.steps == [4] and progress.lines[0] == "Continued from step 3 of 4."
    again = Progress()
    run(model, again, resume="start over").train()
    assert again.steps == [1, 2, 3, 4]


def test_a_finished_training_gives_its_file_and_writes_no_other(model, output):
    run(model).train()
    again = run(model, progress := Progress())
    trained = again.train()
    (file,) = (output / "loras").glob("*.safetensors")
    assert progress.lines == ["This very training was finished before: smile_00001_.safetensors."]
    assert again.report(trained).splitlines()[0] == progress.lines[0] and again.path == file
    file.rename(file.with_name("best.safetensors"))
    again = run(model)
    assert "finished before: best.safetensors" in again.report(again.train())
    (output / "loras" / "best.safetensors").unlink()
    again = run(model, progress := Progress())
    assert again.train().steps == 4 and progress.steps == [1, 2, 3, 4] and again.path.exists()


def test_the_state_of_a_finished_training_is_removed_unless_it_is_to_be_kept(model, output):
    trained = run(model, checkpoint_every=2).train()
    assert not list((output / "slider_checkpoints").iterdir())
    again = run(model, checkpoint_every=2).train()
    assert again.losses["loss"] == pytest.approx(trained.losses["loss"], rel=1e-3)
    assert dict(again.slider).keys() == dict(trained.slider).keys()
    assert all(torch.equal(again.slider[key], trained.slider[key]) for key in trained.slider)
    kept = run(model, seed=1, checkpoint_every=2, keep_checkpoint=True)
    kept.train()
    (state,) = (output / "slider_checkpoints").iterdir()
    kept.path.unlink()
    again = run(model, progress := Progress(), seed=1, keep_checkpoint=True)
    assert "its file has gone" in again.report(again.train()).splitlines()[0] and again.path.exists()
    assert not progress.steps and state.exists()


def test_under_another_name_a_slider_is_trained_anew(model, output):
    run(model).train()
    run(model, progress := Progress(), file_name="grin").train()
    assert progress.steps == [1, 2, 3, 4]
    assert sorted(f.name[:5] for f in (output / "loras").glob("*.safetensors")) == ["grin_", "smile"]


def test_no_state_is_written_where_none_is_wanted(model, output):
    with pytest.raises(InterruptProcessingException):
        run(model, Progress(cancel_at=3), checkpoint_every=0).train()
    assert not (output / "slider_checkpoints").exists()
    (file,) = (output / "loras").glob("*.safetensors")
    assert file.name == "smile_00001_stopped_at_3.safetensors"


def test_a_copy_in_another_precision_is_not_taken_for_the_slider(model, output):
    trained = run(model).train()
    (file,) = (output / "loras").glob("*.safetensors")
    file.unlink()
    save(trained.slider, file, dtype=torch.float16)
    again = run(model, progress := Progress())
    again.train()
    assert progress.steps == [1, 2, 3, 4] and again.path != file


def test_another_model_is_never_given_the_old_slider(model, output):
    first = run(model).train()
    shifted = ModelSamplingSD3().patch(model, 1.0)[0]
    progress = Progress()
    other = run(shifted, progress)
    other.train()
    assert progress.steps == [1, 2, 3, 4] and "finished before" not in other.report(first)
    assert len(list((output / "loras").glob("*.safetensors"))) == 2


def test_a_file_that_appears_while_training_runs_stays(model, output):
    class Meanwhile(Progress):
        def step(self, done):
            (output / "loras" / "smile_00001_.safetensors").write_bytes(b"another's")

    assert run(model, Meanwhile()).train()
    assert (output / "loras" / "smile_00001_.safetensors").read_bytes() == b"another's"
    assert load(output / "loras" / "smile_00002_.safetensors")


def test_states_that_cannot_be_written_cost_nothing_but_a_line(model, output):
    (output / "slider_checkpoints").write_text("no folder")
    trainer = run(model, checkpoint_every=2)
    trained = trainer.train()
    assert trainer.path.is_file() and "The state of the training is not kept" in trainer.report(trained)


def test_a_loss_that_is_not_finite_names_the_file_that_was_kept(model, output):
    broken = replace(example("b"), latent=torch.full((1, 16, 8, 8), math.nan))
    more, less = Bucket("more", (example("a"), broken), 0.5), Bucket("less", (example("a"), example("b")), -0.5)
    with pytest.raises(RuntimeError, match="not a finite number"):
        run(model, cycle=Cycle((more, less), seed=1)).train()


def test_a_full_disk_leaves_the_slider_on_the_output(model, output, monkeypatch):
    def full(slider, output, file_name, ending):
        raise NotWrittenError("smile_00001_.safetensors could not be written (No space left on device).")

    monkeypatch.setattr(runs, "save_numbered", full)
    trainer = run(model)
    trained = trainer.train()
    assert trained.slider and "No space left on device" in trainer.report(trained)


def test_a_lycoris_config_replaces_kind_rank_and_targets(model, output):
    config = """{"algo": "lokr", "multiplier": 1.0, "linear_dim": 4, "linear_alpha": 1,
        "apply_preset": {"target_module": ["attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0"]}}"""
    slider = run(model, lycoris_config=config).train().slider
    assert read_facts(slider.metadata)[0].kind == "lokr"
    assert all("attn" in key for key in slider)


@pytest.mark.parametrize("kind", settings_of(TrainSettings)["kind"].options)
def test_every_kind_on_the_list_trains_and_its_slider_can_be_applied(model, output, kind):
    unseen = Bucket("unseen", (example("p", 1.0),), 0.5)
    trainer = run(model, kind=kind, steps=2, learning_rate=1e-2, held_out=(unseen,))
    slider = trainer.train().slider
    deltas, unused = deltas_for(model, slider)
    assert deltas and not unused
    assert trainer.held_out.of(+1).with_slider != trainer.held_out.of(+1).without


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/slider", "loras/../../slider", "C:\\output\\smile"])
def test_file_names_that_lead_outside_are_refused(model, output, name):
    with pytest.raises(ValueError, match="leads out of"):
        run(model, file_name=name)


def test_previews_need_a_vae(model, output):
    with pytest.raises(ValueError, match="connect vae"):
        run(model, preview_every=2)


class Vae:
    def decode(self, latents):
        return latents[:, :3].movedim(1, -1).repeat_interleave(8, 1).repeat_interleave(8, 2).sigmoid()


def previews(model, **settings):
    run(model, progress := Progress(), preview_every=2, preview_steps=2, vae=Vae(), **settings).train()
    return progress.pictures


def test_previews_show_the_slider_while_it_trains(model, output):
    pictures = previews(model)
    assert len(pictures) == 2 and pictures[0].width > pictures[0].height


def test_previews_are_of_the_prompts_connected_else_of_the_first_caption_and_an_empty_prompt(model, output):
    def preview(**prompts):
        return previews(model, steps=2, resume="start over", **prompts)[0].tobytes()

    caption, other = buckets()[0].examples[0].conditioning, example("other").conditioning
    (empty,) = ConditioningZeroOut().zero_out(caption)
    default = preview()
    assert preview(preview_prompt=caption, preview_negative=empty) == default
    assert len({default, preview(preview_prompt=other), preview(preview_negative=other)}) == 3


class PlannedError(Exception):
    """In the place of a training that the node would begin: its plan."""

    def __init__(self, parts, settings, output, *more):
        self.plan = TrainingRun(parts, settings, output, Progress()).request.plan
        raise self


def test_a_lycoris_config_may_be_a_file_below_the_input_folder(model, output, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    config = '{"algo": "loha", "linear_dim": 3, "dora_wd": true}'
    (tmp_path / "lycoris_config.json").write_text(config, encoding="utf-8-sig")
    monkeypatch.setattr("concept_sliders.slider_core.runs.TrainingRun", PlannedError)

    def planned(config):
        parts = {
            "model": model,
            "targets": select(model),
            "cycle": Cycle(buckets()),
            "file_name": "loras/smile",
        }
        executed(SliderTrainer, **{name: [value] for name, value in parts.items()}, lycoris_config=[config])

    plans = []
    for given in (config, " lycoris_config.json "):
        with pytest.raises(PlannedError) as found:
            planned(given)
        plans.append(found.value.plan)
    assert plans[0] == plans[1] and plans[0][0][1].kind == "loha"
    before = SliderTrainer.fingerprint_inputs(lycoris_config=["lycoris_config.json"])
    (tmp_path / "lycoris_config.json").write_text('{"algo": "lora"}')
    assert SliderTrainer.fingerprint_inputs(lycoris_config=["lycoris_config.json"]) != before
    assert SliderTrainer.fingerprint_inputs(lycoris_config=[config]) == SliderTrainer.fingerprint_inputs() == ""
    for name, message in (("gone.json", "no LyCORIS config 'gone.json'"), ("../x.json", "outside")):
        with pytest.raises(ValueError, match=message):
            planned(name)


ALIKE = {
    "steps": 7,
    "learning_rate": 3e-3,
    "seed": 5,
    "objective": "difference",
    "anchor_weight": 0.3,
    "anchor_below": 0.2,
    "optimiser": "SGD",
    "schedule": "linear",
    "warmup": 3,
    "weight_decay": 0.1,
    "max_norm": 0.7,
    "rows_at_once": 2,
    "checkpoint_every": 9,
    "noise_levels": "uniform",
    "gradient_checkpointing": False,
}
CALLED_OTHERWISE = {"precision": "bfloat16", "resume": "start over"}


def test_the_training_asked_for_is_the_one_of_the_widgets(model, output):
    wanted = run(model, **ALIKE, **CALLED_OTHERWISE).request
    assert {name: getattr(wanted, name) for name in ALIKE} == ALIKE
    assert wanted.dtype == torch.bfloat16 and not wanted.resume
    assert run(model, preview_every=4, vae=Vae()).request.preview_every == 4
    ((_, config), *_) = run(model, kind="dora", rank=3, alpha=1.5).request.plan
    assert (config.kind, config.rank, config.alpha, config.options) == ("lora", 3, 1.5, {"dora": True})


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, InterruptProcessingException])
def test_a_preview_that_fails_costs_no_training_and_one_that_is_cancelled_ends_it(
    model, output, error, monkeypatch
):
    def picture(self, slider):
        raise error("no room")

    monkeypatch.setattr(TrainingPreview, "picture", picture)
    trainer = run(model, preview_every=2, vae=TinyVAE(16))
    if error is InterruptProcessingException:
        with pytest.raises(error):
            trainer.train()
        assert trainer.path.name == "smile_00001_stopped_at_2.safetensors"
    else:
        assert trainer.train().steps == 4
        assert any("There is no preview (no room)" in said for said in trainer.messages)
        assert not trainer.progress.pictures


def test_where_previews_are_made_the_finished_slider_has_its_measured_range_and_curve(model, output):
    trainer = run(model, preview_every=2, preview_steps=2, vae=Vae(), learning_rate=0.05, steps=8)
    slider = trainer.train().slider
    low, high = usable_range(slider)
    curve = curve_of(load(trainer.path))
    assert low < high and curve == curve_of(slider)
    assert low <= curve.raw(-1) < 0 < curve.raw(1) <= high
    assert any(said.startswith("Usable range") for said in trainer.messages)


@pytest.mark.parametrize("settings", [{"preview_every": 2, "store_curve": False}, {"preview_every": 0}])
def test_nothing_is_measured_without_previews_or_when_it_is_turned_off(model, output, settings, monkeypatch):
    monkeypatch.setattr(TrainingPreview, "report", lambda *_: pytest.fail("measured"))
    assert usable_range(run(model, preview_steps=1, vae=Vae(), **settings).train().slider) is None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, InterruptProcessingException])
def test_a_measurement_that_fails_or_is_cancelled_costs_no_slider(model, output, error, monkeypatch):
    def report(self, slider):
        raise error("no room")

    monkeypatch.setattr(TrainingPreview, "report", report)
    trainer = run(model, preview_every=2, preview_steps=1, vae=Vae())
    if error is InterruptProcessingException:
        with pytest.raises(error):
            trainer.train()
    else:
        trainer.train()
        assert any("could not be measured (no room)" in said for said in trainer.messages)
    (file,) = (output / "loras").glob("*.safetensors")
    assert load(file).metadata["steps"] == "4"


def trained_by_node(model, **inputs):
    """The values of Train Slider's outputs."""
    steps = {"steps": 2, "gradient_checkpointing": False, "checkpoint_every": 0}
    given = {"model": model, "targets": select(model), "cycle": Cycle(buckets()), **steps, **inputs}
    outputs = executed(SliderTrainer, **{name: [value] for name, value in given.items()})
    return [value for (value,) in outputs]


def test_settings_of_simpletuners_config_take_the_place_of_widgets(model, output):
    """As the settings output of Load SimpleTuner Dataset has them."""
    config = {"lora_rank": 2, "max_train_steps": 3, "learning_rate": 3e-4, "optimizer": "torch-sgd", "seed": 5}
    named, _ = training_settings(config)
    slider, _, report = trained_by_node(model, rank=7, kind="lokr", settings=json.dumps(named))
    facts, _ = read_facts(slider.metadata)
    assert (facts.rank, facts.kind, facts.steps, facts.learning_rate) == ("2", "lora", 3, 3e-4)
    assert "From settings: rank 2, alpha 2, kind 'lora', steps 3" in report
    slider, _, report = trained_by_node(model, rank=7, settings="{}")
    assert read_facts(slider.metadata)[0].rank == "7" and "From settings" not in report


@pytest.mark.parametrize(
    "settings, message",
    [
        ("[1]", "settings must be an object"),
        ("{", "settings is not valid JSON"),
        ('{"lora_rank": 4}', "settings names 'lora_rank', which is no widget"),
        ('{"rank": 0}', "rank is 0; it must be a whole number from 1"),
        ('{"kind": "lora2"}', "kind is 'lora2'; did you mean"),
    ],
)
def test_settings_that_are_none(model, output, settings, message):
    with pytest.raises(ValueError, match=message):
        trained_by_node(model, settings=settings)
    assert not list(output.rglob("*.safetensors"))


def test_what_is_held_out_is_measured_when_the_slider_is_written(model, output):
    unseen = Bucket("unseen", (example("p", 1.0), example("q", 1.0)), 0.5)
    slider, _, report = trained_by_node(model, held_out=(unseen,), file_name="a")
    assert "Held out, positive: 2 pictures at +0.5, loss " in report
    *_, again = trained_by_node(model, held_out=(unseen,), file_name="a")
    (line,) = (line for line in report.splitlines() if "Held out" in line)
    assert "finished before" in again and line in again, "of the file, to the last digit"
    plain, _, report = trained_by_node(model, file_name="b")
    assert all(torch.equal(slider[key], plain[key]) for key in plain) and "Held out" not in report
    wrong = replace(unseen, examples=(replace(example("p"), latent=torch.zeros(1, 4, 8, 8)),))
    *_, report = trained_by_node(model, held_out=(wrong,), file_name="c", resume="start over")
    assert report.startswith("⚠ What is held out could not be measured (The pictures of bucket 'unseen' were")
    assert len(list(output.rglob("*.safetensors"))) == 3


def test_an_assistant_and_a_start_that_fit_in_part_are_the_first_thing_in_the_report(model, output, caplog):
    trained = run(model, file_name="loras/first").train().slider
    strange = {"transformer.transformer_blocks.9.attn.to_q.lora_A.weight": torch.ones(2, 128)}
    trainer = run(model, assistant={**trained, **strange}, start_from={**trained, **strange})
    first, second, *_ = trainer.report(trainer.train()).splitlines()
    assert first.startswith("⚠ Only") and "layers of this file fit the targets that are trained" in first
    assert second.startswith("⚠ Only") and "fit the model, as an assistant" in second
    assert first in caplog.messages and second in trainer.progress.lines


@pytest.mark.parametrize("family", ["sd3", "flux"])
def test_reports_count_layers_alike_from_targets_to_apply(output, family):
    """Also where a layer has several targets: q, k and v in one weight."""
    with torch.inference_mode():
        base = shared_model(family)
        trainer = run(base, steps=1)
        trained = trainer.train()
        count = len({target.key for target in select(base).targets})
        assert f"targets on {count} of" in report_on_targets(select(base), base, 4)
        said = trainer.report(trained)
        assert "1 step in" in said and f"; adapters on {count} layers." in said and "Loss" not in said
        (file,) = (output / "loras").glob("*.safetensors")
        for slider in (trained.slider, load(file)):
            assert (
                f"Adapters on {count} layers." in SliderApply.execute(1.0, model=base, slider=slider).result[2]
            )


def test_sliders_on_the_way_are_files_that_a_sweep_can_compare(model, output):
    trainer = run(model, steps=5, save_every=2)
    trainer.train()
    files = sorted((output / "loras").glob("*.safetensors"))
    assert [file.name for file in files] == [
        "smile_00001_step_2.safetensors", "smile_00002_step_4.safetensors", "smile_00003_.safetensors",
    ]  # fmt: skip
    assert [read_facts(load(file).metadata)[0].steps for file in files] == [2, 4, 5]
    assert trainer.path == files[-1]


def test_previews_are_kept_by_step_with_an_index(model, output):
    trainer = run(model, steps=4, preview_every=2, preview_steps=1, vae=Vae(), resume="start over")
    trained = trainer.train()
    (folder,) = (output / "slider_previews").iterdir()
    index = json.loads((folder / "index.json").read_text())
    assert index == [{"step": 2, "file": "step_000002.png"}, {"step": 4, "file": "step_000004.png"}]
    place = {"subfolder": f"slider_previews/{folder.name}", "type": "output"}
    assert previews_for_page(trainer.shown, output) == [
        {"filename": entry["file"], "step": entry["step"], **place} for entry in index
    ]
    small = Image.open(BytesIO(thumbnail_of(trained.slider.metadata)))
    with Image.open(folder / "step_000004.png") as last:
        assert last.width > last.height and abs(last.width / last.height - small.width / small.height) < 0.1
    assert trainer.path.with_suffix(".jpg").is_file()


def test_previews_of_a_training_that_is_continued_are_in_one_folder(model, output):
    with pytest.raises(InterruptProcessingException):
        run(model, Progress(cancel_at=3), preview_every=2, preview_steps=1, vae=Vae()).train()
    run(model, preview_every=2, preview_steps=1, vae=Vae()).train()
    (folder,) = (output / "slider_previews").iterdir()
    assert [entry["step"] for entry in json.loads((folder / "index.json").read_text())] == [2, 4]
