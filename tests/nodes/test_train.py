"""Train Slider without a server: what it writes, and that nothing is lost when it ends early."""

import math
from dataclasses import replace

import comfy.sd
import pytest
import torch
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.slider_core.architectures import report as report_on_targets
from concept_sliders.slider_core.architectures import select
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.files import load, read_facts
from concept_sliders.slider_core.files.atomic import NotWrittenError
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.runs import run as runs
from concept_sliders.slider_core.settings import TrainSettings, settings_of
from small_run import Progress, run
from small_training import example
from tiny_models import shared_model
from unknown_models import Attends, Mixes, unknown_model


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
