"""Bad files of SimpleTuner's, tables of strengths and captions with tokens."""

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from as_comfyui import Clip
from concept_sliders.nodes.dataset import SliderDataset
from concept_sliders.nodes.numbers import SliderNumbers
from concept_sliders.slider_core.data.numbers import without_token
from PIL import Image
from small_training import buckets

from .judging import Case
from .texts import ENCODED, VALUES, broken, changed
from .widgets import good, run

DATASET = [
    {
        "id": "more",
        "type": "local",
        "dataset_type": "image",
        "instance_data_dir": "faces",
        "caption_strategy": "filename",
        "instance_prompt": "a face",
        "prepend_instance_prompt": True,
        "resolution": 64,
        "resolution_type": "pixel",
        "minimum_image_size": 8,
        "crop": True,
        "crop_aspect": "square",
        "crop_style": "center",
        "max_num_samples": 2,
        "repeats": 1,
        "probability": 0.5,
        "slider_strength": 0.5,
        "conditioning_data": ["control"],
        "video": {"num_frames": 3},
        "delete_unwanted_images": True,
    },
    {"id": "control", "type": "local", "dataset_type": "conditioning", "instance_data_dir": "faces"},
    {"id": "text", "type": "local", "dataset_type": "text_embeds", "cache_dir": "x"},
]
CONFIG = {
    "lora_rank": 4,
    "lora_alpha": 4,
    "learning_rate": 1e-4,
    "max_train_steps": 3,
    "optimizer": "adamw_bf16",
    "lr_scheduler": "cosine",
    "lr_warmup_steps": 1,
    "seed": 1,
    "resolution": 64,
    "resolution_type": "pixel",
    "train_batch_size": 1,
    "slider_lora_target": True,
    "lora_type": "standard",
}
PLACES = [
    "..",
    "/",
    "/etc",
    "~",
    "faces/../..",
    "faces/.",
    "FACES",
    "C:\\x",
    "//x/y",
    "faces\0",
    "\ud800",
    " ",
    "*",
    "x" * 5000,
]
TABLES = [
    "a,0.5\nb,-0.5\nc,0.1",
    "file,strength\na.png,0.5\nb.png,-0.5",
    '{"file": "a", "strength": 0.5}\n{"file": "b", "strength": -0.5}',
]


def cases() -> Iterator[Case]:
    chance = random.Random(0)
    for index in range(200):
        entries = [changed(DATASET[0], chance), *DATASET[1:]]
        text = json.dumps(
            chance.choice([entries, changed(DATASET[0], chance), [changed(e, chance) for e in DATASET]])
        )
        yield Case(f"dataset {index}", partial(_dataset, text, ""), given=text)
        config = json.dumps(changed(CONFIG, chance))
        yield Case(f"dataset config {index}", partial(_dataset, json.dumps(DATASET), config), given=config)
    for index, value in enumerate(VALUES):
        for key in DATASET[0]:
            text = json.dumps([{**DATASET[0], key: value}, *DATASET[1:]])
            yield Case(f"dataset {key} {index}", partial(_dataset, text, ""), given=text)
    for index, place in enumerate(PLACES):
        text = json.dumps([{**DATASET[0], "instance_data_dir": place}])
        yield Case(f"dataset folder {index}", partial(_dataset, text, ""), given=text)
    for index, content in enumerate(ENCODED):
        yield Case(f"dataset file {index}", partial(_dataset_file, content), refuse=True)
    for index in range(60):
        text = broken(chance.choice(TABLES), chance)
        yield Case(f"numbers table {index}", partial(_numbers, {"table": text}))
    for index, value in enumerate(VALUES):
        yield Case(f"numbers list {index}", partial(_numbers, {"numbers": value}))
        row = json.dumps({"file": "a", "strength": value})
        yield Case(f"numbers row {index}", partial(_numbers, {"table": row}), given=row)
    for index, word in enumerate(["(", "a" * 5000, "[", "\\", "(a+)+", "", "smile:", ")"]):
        yield Case(f"numbers token {index}", partial(_token, word))


def _faces(folder: Path) -> None:
    (folder / "faces").mkdir()
    for name in "abc":
        Image.new("RGB", (64, 48), "red").save(folder / "faces" / f"{name}.png")


def _dataset(text: str, config: str, folder: Path) -> None:
    _faces(folder)
    run(SliderDataset, {**good(SliderDataset), "dataset": text, "config": config})
    assert len(list(folder.rglob("*.png"))) == 3, "nothing is deleted"


def _dataset_file(content: bytes, folder: Path) -> None:
    (folder / "multidatabackend.json").write_bytes(content)
    run(SliderDataset, {**good(SliderDataset), "file": "multidatabackend.json"})


def _numbers(inputs: dict, folder: Path) -> None:
    run(SliderNumbers, {**good(SliderNumbers), "buckets": buckets()[:1], **inputs})


def _token(word: str, folder: Path) -> None:
    without_token(f"a face ({word}:0.5) " + "(smile:" * 200, word)
    run(SliderNumbers, {**good(SliderNumbers), "buckets": buckets()[:1], "token": word, "clip": Clip()})
