"""A slider file says how it was made and how to use it."""

import json

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.data.bucket import Bucket
from concept_sliders.slider_core.files import (
    Slider,
    SliderFacts,
    describe,
    load,
    read_facts,
    save,
    usable_range,
)
from concept_sliders.slider_core.files.layout import LAYOUT, read_layout

TARGETS = [Target(f"diffusion_model.blocks.{index}.attn.qkv.weight") for index in range(3)]


def described():
    return describe(
        base_model="Flux",
        family="Flux",
        plan=uniform_plan(TARGETS, AdapterConfig("lokr", 4, 1.0)),
        buckets=[Bucket("smiling", (1, 2), 0.5), Bucket("sad", (1, 2), -0.5), Bucket("plain", (1,), None)],
        objective="denoise",
        steps=300,
        seed=7,
        learning_rate=5e-4,
        title="Smile",
    )


def test_what_is_written_is_read_back(tmp_path):
    slider = Slider({"diffusion_model.x.diff": torch.ones(2)}, described())
    facts, messages = read_facts(load(save(slider, tmp_path / "smile.safetensors")).metadata)
    assert not messages
    assert (facts.base_model, facts.kind, facts.rank, facts.alpha) == ("Flux", "lokr", "4", "1")
    assert (facts.steps, facts.seed, facts.learning_rate) == (300, 7, 5e-4)
    assert facts.buckets == (("smiling", 2, 0.5), ("sad", 2, -0.5), ("plain", 1, None))
    assert facts.targets == (("diffusion_model.blocks.*.attn.qkv", 3),)
    assert facts.pack_version.count(".") == 2 and facts.usable_range is None


def test_other_programs_read_modelspec():
    metadata = described()
    assert metadata["modelspec.architecture"] == "flux-1-dev/lora"
    assert metadata["modelspec.title"] == "Smile"
    assert "above 0 goes towards smiling, below 0 towards sad" in metadata["modelspec.usage_hint"]


def test_the_usable_range():
    assert usable_range(Slider({}, {"usable_range": "[-1.5, 2]"})) == (-1.5, 2.0)
    assert usable_range({}) is None


def test_bad_values_are_ignored_and_named():
    bad = {
        "steps": "many",
        "usable_range": "[NaN, 1]",
        "buckets": "[" * 100_000,
        "targets": "[1]",
        "learning_rate": "inf",
        "kind": "x" * 2000,
        "seed": "3",
    }
    facts, messages = read_facts(bad)
    assert facts.seed == 3 and facts.usable_range is None and facts.buckets == ()
    assert len(messages) == len(bad) - 1
    assert any("usable_range was ignored" in message for message in messages)


@pytest.mark.parametrize(
    "key, text",
    [
        ("steps", "9" * 5000),
        ("seed", "-1"),
        ("learning_rate", "nan"),
        ("buckets", '[["a", Infinity, 1]]'),
        ("buckets", '[["a", 1, ' + "9" * 4000 + "]]"),
        ("buckets", "[" + '["a", 1, 1],' * 9000 + '["a", 1, 1]]'),
        ("buckets", "7"),
        ("usable_range", "[1e400, 1]"),
        ("usable_range", "[" + "9" * 400 + ", 1]"),
        ("targets", '{"a": 1e999}'),
        ("targets", "[" * 150_000),
        ("kind", "x" * 300_000),
    ],
)
def test_no_value_is_a_bare_error_and_none_is_quoted_whole(key, text):
    facts, (message,) = read_facts({key: text})
    assert facts == SliderFacts()
    assert message.startswith(f"The file's {key} was ignored: ") and len(message) < 200


def test_half_a_surrogate_pair_can_be_shown():
    facts, _ = read_facts({"kind": "lo\ud800ra"})
    assert facts.kind.encode() == b"lo?ra"


def test_a_layout_that_cannot_be_trusted_is_none():
    good = {"layer": [8, [0, 4, 2, 1.0, "to_q"]]}
    assert read_layout({LAYOUT: json.dumps(good)})[0].rows == (0, 4)
    huge = '{"layer": [%s, [0, 4, 2, 1.0, "to_q"]]}'
    for bad in (
        huge % 10**12,
        huge % "1e400",
        huge % ("9" * 5000),
        "[" * 100_000,
        "no json",
        "[1]",
        '{"layer": [8, [0, 99, 2, 1.0, "to_q"]]}',
        '{"layer": 3}',
    ):
        assert read_layout({LAYOUT: bad}) == []
