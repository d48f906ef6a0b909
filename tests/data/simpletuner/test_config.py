"""SimpleTuner's config.json: its settings in the words of Train Slider, and what datasets take from it."""

import json

import pytest
from concept_sliders.slider_core.data.simpletuner import DatasetError, read_config, training_settings
from data.simpletuner.datasets import CONFIG, captions, chain, side, sizes


def test_a_config_in_the_words_of_train_slider():
    settings, notes = training_settings(read_config(json.dumps(CONFIG)))
    assert settings == {
        "preset": "slider",
        "kind": "lora",
        "rank": 8,
        "alpha": 4.0,
        "learning_rate": 1e-4,
        "steps": 500,
        "optimiser": "AdamW",
        "schedule": "linear",
        "warmup": 20,
        "weight_decay": 0.01,
        "seed": 42,
    }
    assert any("adamw_bf16" in note and "AdamW" in note for note in notes)
    assert any("batch_size of Slider Cycle to 2" in note for note in notes)


@pytest.mark.parametrize("seed", [-1, None, ""])
def test_a_seed_that_is_drawn_there_stays_as_it_is_here(seed):
    settings, notes = training_settings({"seed": seed})
    assert "seed" not in settings and any(note.startswith("seed: ") for note in notes)


def test_its_settings_are_ones_that_the_node_has():
    from concept_sliders.nodes.targets import SliderTargets
    from concept_sliders.nodes.train import SliderTrainer

    known = {i.id for node in (SliderTrainer, SliderTargets) for i in node.define_schema().inputs}
    for config in (
        CONFIG,
        CONFIG | {"lora_type": "lycoris"},
        CONFIG | {"use_dora": True, "optimizer": "torch-sgd"},
    ):
        assert set(training_settings(read_config(json.dumps(config)))[0]) <= known


def test_a_lycoris_config_takes_the_place_of_rank_and_kind():
    config = read_config(json.dumps(CONFIG | {"lora_type": "lycoris", "lycoris_config": "config/l.json"}))
    settings, _ = training_settings(config, '{"algo": "lokr"}')
    assert settings["lycoris_config"] == '{"algo": "lokr"}' and not {"rank", "kind"} & set(settings)
    settings, notes = training_settings(config)
    assert settings["kind"] == "lokr" and any("config/l.json" in note for note in notes)


def test_a_config_fills_in_what_datasets_leave_out(root):
    entry = {key: value for key, value in side().items() if key not in ("resolution", "caption_strategy")}
    made = chain(root, entry, defaults=read_config(json.dumps(CONFIG)))
    (bucket,) = made.buckets
    assert "resolution 64: 64 pixels squared (from config.json)" in made.report
    assert sizes(bucket)[0] == (8, 8) and captions(bucket)[0] == ["face 0"]


@pytest.mark.parametrize(
    "config, message",
    [
        ("[]", "config.json must be an object"),
        ("{", "config.json is not valid JSON"),
        ('{"lora_rank": 0}', "config.json: lora_rank is 0. Write a whole number of 1 or more"),
        ('{"learning_rate": "fast"}', "learning_rate is 'fast'"),
        ('{"lr_scheduler": "wild"}', "lr_scheduler is 'wild'. Here it can be"),
        ('{"seed": "x"}', "seed is 'x'"),
    ],
)
def test_configs_that_cannot_be_used(config, message):
    with pytest.raises(DatasetError, match=message):
        training_settings(read_config(config))
