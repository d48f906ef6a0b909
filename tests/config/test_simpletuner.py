"""SimpleTuner's files in a config."""

import json

import pytest
from config.configs import BUCKETS, MODEL, faults, read


@pytest.fixture
def simpletuner(folder):
    """SimpleTuner's files in a folder of their own; paths are relative to the config, or whole."""
    (folder / "st").mkdir()
    datasets = [
        {"id": "smiles", "instance_data_dir": "more", "slider_strength": 0.5, "repeats": 2},
        {"id": "frowns", "instance_data_dir": str(folder / "less"), "slider_strength": -0.5},
        {"id": "cache", "dataset_type": "text_embeds", "cache_dir": "cache"},
    ]
    (folder / "st" / "multidatabackend.json").write_text(json.dumps(datasets))
    config = {"--lora_rank": 8, "--learning_rate": 1e-4, "--max_train_steps": 70, "--resolution": 512}
    (folder / "st" / "config.json").write_text("\ufeff" + json.dumps(config))
    return folder


DATASET = 'file = "st/multidatabackend.json"\nconfig = "st/config.json"\n'


def test_simpletuners_files_take_the_place_of_buckets_and_fill_the_training(simpletuner):
    (plan,) = read(simpletuner, f"{MODEL}[train]\nsteps = 9\n[dataset]\n{DATASET}").sliders
    smiles, frowns = plan.dataset.dataset.backends
    assert plan.buckets == () and (smiles.strength, frowns.strength, smiles.repeats) == (0.5, -0.5, 3)
    assert smiles.folder == str(simpletuner / "more") and smiles.sizing.resolution == 512
    assert (plan.train.rank, plan.train.learning_rate, plan.train.steps) == (8, 1e-4, 9)
    (both,) = read(simpletuner, f"{MODEL}{BUCKETS}[dataset]\n{DATASET}").sliders
    assert len(both.buckets) == 2 and both.train.steps == 70


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("st/multi", "st/mlti", "[dataset] file: there is no file 'st/mltidatabackend.json'"),
        ("file = ", "fil = ", "[dataset]: there is no key 'fil'. Did you mean 'file'?"),
        ('file = "st/multidatabackend.json"', "", "[dataset]: config goes with a file"),
        ("st/config", "st/multidatabackend", "[dataset]: config.json must be an object"),
    ],
)
def test_what_is_wrong_with_the_table_is_said(simpletuner, old, new, message):
    assert any(
        fault.startswith(message)
        for fault in faults(simpletuner, MODEL + "[dataset]\n" + DATASET.replace(old, new))
    )


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            '"more"',
            '"mor"',
            "[dataset]: Dataset 'smiles': instance_data_dir 'mor' is not there. Write the whole path",
        ),
        ('"repeats": 2', '"repeats": "two"', "[dataset]: Dataset 'smiles': repeats is 'two'"),
        ('"slider_strength": -0.5', '"slider_strength": 0.5', "[[bucket]]: There is no negative bucket"),
        (
            '"repeats": 2',
            '"caption_strategy": "textfile"',
            "[dataset]: Dataset 'smiles': 2 captions cannot be used",
        ),
    ],
)
def test_what_is_wrong_with_simpletuners_file_is_said(simpletuner, old, new, message):
    file = simpletuner / "st" / "multidatabackend.json"
    file.write_text(file.read_text().replace(old, new))
    assert any(fault.startswith(message) for fault in faults(simpletuner, f"{MODEL}[dataset]\n{DATASET}"))
