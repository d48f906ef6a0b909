"""Slider from Words on the demo's model: a cycle that Train Slider takes as it is, and a preview before it."""

import sys
from pathlib import Path

import folder_paths
import pytest
import torch
from concept_sliders.nodes.words import SliderFromWords
from concept_sliders.slider_core.architectures import select
from concept_sliders.slider_core.data import WordsError
from concept_sliders.slider_core.files import read_facts
from concept_sliders.slider_core.runs import Parts, TrainingRun
from concept_sliders.slider_core.settings import TrainSettings

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))
import grounds

HAIR = {"more": "a person with red hair", "less": "a person with blue hair", "neutral": "a person"}
QUICK = {"steps": 4, "cfg": 2.5, "sampler_name": "euler", "scheduler": "simple", "width": 128, "height": 128}


class Silent:
    def step(self, done):
        pass

    line = picture = step


@pytest.fixture(scope="module")
def faces():
    return grounds.load_ground()


def executed(faces, **given):
    settings = {**HAIR, "preserve": "", "guidance": 3.0, "seed": 3, "pictures": 2, **QUICK, **given}
    return SliderFromWords.execute(model=faces.model, clip=faces.clip, vae=faces.vae, **settings).result


def test_words_that_the_model_knows_are_seen_in_the_preview_and_trained_by_train_slider(
    faces, tmp_path, monkeypatch
):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    cycle, buckets, preview, plan = executed(faces)
    assert [(b.strength, len(b.examples)) for b in buckets] == [
        (1.0, 2),
        (-1.0, 2),
    ] and cycle.buckets == buckets
    assert "a person with red hair  against  a person with blue hair" in plan

    columns = preview[0, 40:].chunk(6, dim=1)[1:]  # the first holds the labels
    redness = [float((part[..., 0] - part[..., 2]).mean()) for part in columns]
    assert redness[0] < redness[2] < redness[4]

    settings = TrainSettings(steps=2, checkpoint_every=0)
    trained = TrainingRun(Parts(faces.model, select(faces.model), cycle), settings, tmp_path, Silent()).train()
    assert read_facts(trained.slider.metadata)[0].objective == "prompts"
    assert trained.losses["positive"][0] > 0 and trained.losses["negative"][0] > 0


def test_what_is_to_stay_is_in_both_prompts(faces):
    plan = executed(faces, preserve="glasses, brown skin")[3]
    assert "a person with red hair, glasses  against  a person with blue hair, glasses" in plan
    assert "red hair, brown skin  against" in plan


def test_the_same_words_twice_are_refused_before_anything_is_made(faces):
    with pytest.raises(WordsError, match="both 'a person'"):
        executed(faces, more="a person", less="a person")


def test_the_model_makes_the_practice_pictures_of_the_neutral_prompt(faces):
    first, second = (bucket.examples for bucket in executed(faces)[1])
    assert first is second and first[0].caption == "a person"
    assert first[0].latent.shape == (1, 16, 16, 16) and not torch.equal(first[0].latent, first[1].latent)


def test_the_plan_does_not_complain_that_both_sides_have_the_same_pictures(faces):
    """They must: the words differ."""
    plan = executed(faces)[3]
    assert "pairs: 2 of 2" in plan and "Note:" not in plan and "wrong" not in plan
