"""Bad JSON and layer names: LyCORIS configs, prompt libraries, targets."""

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from concept_sliders.nodes.prompts import SliderPromptLibrary
from concept_sliders.slider_core.adapters import lycoris_plan, make_adapters
from concept_sliders.slider_core.architectures import select
from tiny_models import shared_model

from .judging import Case
from .widgets import good, run

CONFIG = {
    "algo": "lokr",
    "multiplier": 1.0,
    "linear_dim": 4,
    "linear_alpha": 1,
    "factor": 4,
    "conv_dim": 2,
    "use_tucker": True,
    "dropout": 0.1,
    "apply_preset": {
        "target_module": ["attn.proj"],
        "name_algo_map": {".*proj": {"algo": "lora", "dim": 2}},
        "module_algo_map": {"Attention": {"factor": 2}},
        "exclude_name": [],
        "enable_conv": True,
    },
}
LIBRARY = {"a": "text", "b": {"prompt": "text", "adapter_strength": 1.2, "neutral": False}}
VALUES = [
    None,
    True,
    -1,
    0,
    0.5,
    10**9,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 3000,
    "\ud800",
    "a\0",
    [],
    {},
    [1],
    {"x": 1},
    [[[]]],
    "*" * 40,
    "(a+)+$",
    "full",
    "1e999",
]
NAMES = [
    "*" * 29,
    "{a,b}" * 20,
    "**" * 50 + "x",
    "{" * 40,
    "}" * 40,
    "*{a,*}" * 30,
    "(a+)+$",
    ".*" * 20,
    ".",
    "..",
    "a" * 5000,
    "#",
    "//",
    "[",
    "]",
    '"',
    "'",
    "{}",
    "{,}",
    "to_q.",
    ".to_q",
    "\ud800",
    "\0",
    "to_{q",
    "to_q}",
    "é",
    "TO_Q",
    "-1",
    "to_q to_q",
]
ENCODED = [
    b"\xff\xfe",
    b"\xfe\xff\0{\0}",
    b"\xef\xbb\xbf{}",
    b"\xff",
    b"\0\0\0{",
    b"{" * 50_000,
    b"",
    b"[]",
    b"NaN",
    b"1e999",
]


def changed(given: Any, chance: random.Random) -> Any:
    """The same with one value, somewhere, exchanged for a bad one."""
    if isinstance(given, dict) and given and chance.random() < 0.8:
        key = chance.choice(list(given))
        if chance.random() < 0.1:
            return {
                **{k: v for k, v in given.items() if k != key},
                chance.choice(["", "x" * 3000, "\ud800", "a\0"]): given[key],
            }
        return {**given, key: changed(given[key], chance)}
    return chance.choice(VALUES)


def broken(text: str, chance: random.Random) -> str:
    """The text with a piece lost, doubled or moved."""
    start, stop = sorted(chance.randrange(len(text)) for _ in range(2))
    return chance.choice(
        [text[:start] + text[stop:], text[:stop] + text[start:], text[start:stop], text[:stop]]
    )


def cases() -> Iterator[Case]:
    chance = random.Random(0)
    for index in range(150):
        text = json.dumps(changed(CONFIG, chance))
        yield Case(f"config {index}", partial(_config, text), given=text)
        text = json.dumps(changed(LIBRARY, chance))
        yield Case(f"library {index}", partial(_library, text), given=text)
    for index in range(50):
        yield Case(f"broken config {index}", partial(_config, broken(json.dumps(CONFIG), chance)))
        yield Case(f"broken library {index}", partial(_library, broken(json.dumps(LIBRARY), chance)))
    for index, name in enumerate(NAMES):
        yield Case(f"targets {index}", partial(_select, name, ""), given=name)
        yield Case(f"exclude {index}", partial(_select, "to_q", name), given=name)
        config = {
            "apply_preset": {
                "target_module": ["to_q"],
                "name_algo_map": {name: {"dim": 2}},
                "exclude_name": [name],
            }
        }
        yield Case(f"name_algo_map {index}", partial(_config, json.dumps(config)), given=name)
    for index, content in enumerate(ENCODED):
        yield Case(f"library file {index}", partial(_library_file, content))


def _config(text: str, folder: Path) -> None:
    model = shared_model("sd3")
    make_adapters(model, lycoris_plan(text, model))


def _library(text: str, folder: Path) -> None:
    run(SliderPromptLibrary, {**good(SliderPromptLibrary), "library": text})


def _library_file(content: bytes, folder: Path) -> None:
    (folder / "library.json").write_bytes(content)
    run(SliderPromptLibrary, {**good(SliderPromptLibrary), "file": "library.json"})


def _select(custom: str, exclude: str, folder: Path) -> None:
    select(shared_model("sd3"), "custom", custom, exclude)
