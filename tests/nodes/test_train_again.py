"""Train Slider once more: what was cancelled goes on, what is finished is given, and nothing else is taken for it."""

import pytest
import torch
from comfy.model_management import InterruptProcessingException
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from concept_sliders.slider_core.files import load, read_facts, save
from small_run import Progress, run


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
