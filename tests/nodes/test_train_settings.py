"""What Train Slider is asked for, by widgets, a LyCORIS config or SimpleTuner's settings, is what is trained."""

import json
from dataclasses import replace

import folder_paths
import pytest
import torch
from as_comfyui import executed
from concept_sliders.nodes.train import SliderTrainer
from concept_sliders.slider_core.architectures import select
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.data.simpletuner import training_settings
from concept_sliders.slider_core.files import read_facts
from concept_sliders.slider_core.runs import TrainingRun
from small_run import Progress, Vae, run
from small_training import buckets, example


def test_a_lycoris_config_replaces_kind_rank_and_targets(model, output):
    config = """{"algo": "lokr", "multiplier": 1.0, "linear_dim": 4, "linear_alpha": 1,
        "apply_preset": {"target_module": ["attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0"]}}"""
    slider = run(model, lycoris_config=config).train().slider
    assert read_facts(slider.metadata)[0].kind == "lokr"
    assert all("attn" in key for key in slider)


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
