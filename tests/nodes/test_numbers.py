"""The node that gives each picture of a bucket a strength of its own."""

import folder_paths
import pytest
import torch
from as_comfyui import Clip, executed
from concept_sliders.nodes.numbers import SliderNumbers
from concept_sliders.slider_core.data import Bucket, Cycle, Example


def bucket(captions, name="faces", repeats=3):
    examples = tuple(Example(f"{i}", c, torch.zeros(1, 4, 8, 8), [[c, {}]]) for i, c in enumerate(captions))
    return Bucket(name, examples, 0.5, repeats=repeats)


PLAIN = bucket(["a", "b", "c", "d"])


def run(chain=(PLAIN,), **inputs):
    given = {
        "token": "",
        "table": "",
        "scale": "as they are",
        "strongest": 0.5,
        "use": "all",
        "ends": 0.33,
        **inputs,
    }
    lists = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    buckets, reports = executed(SliderNumbers, buckets=[tuple(chain)], **lists)
    return buckets[0], reports[0]


def strengths(buckets):
    return {b.name: {e.name: b.strength_of(e) for e in b.examples} for b in buckets}


def test_a_list_of_numbers_from_another_node():
    buckets, report = run(numbers=[0.5, -0.25, 1.0, -1.0])
    assert strengths(buckets) == {"faces more": {"0": 0.5, "2": 1.0}, "faces less": {"1": -0.25, "3": -1.0}}
    assert {b.repeats for b in buckets} == {3} and "faces more: 2 pictures at +0.5 to +1" in report
    assert len(list(Cycle(buckets).pairs)) == 2


def test_only_the_last_bucket_of_the_chain_is_graded():
    first = bucket(["x"], "before")
    buckets, _ = run((first, PLAIN), numbers=[1.0, 1.0, -1.0, -1.0])
    assert [b.name for b in buckets] == ["before", "faces more", "faces less"] and buckets[0] is first


def test_tokens_of_captions_are_taken_out_and_the_rest_is_encoded():
    faces = bucket(["a face (smile:0.7)", "a face (smile:-0.3)", "a face"])
    buckets, report = run((faces,), token="smile", clip=Clip())
    assert strengths(buckets) == {"faces more": {"0": 0.7}, "faces less": {"1": -0.3}}
    (example,) = buckets[0].examples
    assert example.caption == "a face" and float(example.conditioning[0][0][0, 0, 0]) == len("a face")
    assert "1 of 3 pictures has no number and is left out: 2." in report


def test_lines_of_a_table_that_fit_no_picture_are_told():
    _, report = run(table="0.png,0.5\n1.png,-0.5\nx/gone.png,1\ngone,2")
    assert "Note: 2 lines of the table fit no picture: x/gone, gone." in report
    assert "Note: 2 of 4 pictures have no number and are left out: 2, 3." in report


def test_a_table_pasted_or_as_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    text = "0.png,0.5\n1.png,-0.5\n2.png,0.25\n3.png,-0.25"
    (tmp_path / "scores.csv").write_text(text, encoding="utf-8-sig")
    assert strengths(run(table=text)[0]) == strengths(run(table="scores.csv")[0])
    for name, message in (("gone.csv", "no table of strengths 'gone.csv'"), ("../x.csv", "outside")):
        with pytest.raises(ValueError, match=message):
            run(table=name)


def test_it_runs_again_when_its_table_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    (tmp_path / "scores.csv").write_text("0.png,0.5")
    before = SliderNumbers.fingerprint_inputs(table=["scores.csv"])
    assert before and before == SliderNumbers.fingerprint_inputs(table=["scores.csv"])
    (tmp_path / "scores.csv").write_text("0.png,-0.5")
    assert SliderNumbers.fingerprint_inputs(table=["scores.csv"]) != before
    for text in ("0.png,0.5", "gone.csv", "../x.csv", None, ""):
        assert SliderNumbers.fingerprint_inputs(table=[text]) == ""


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({}, "token, table or numbers; none is given"),
        ({"token": "smile", "table": "0,1"}, "token and table are given"),
        ({"token": "smile"}, "connect clip"),
        ({"token": "smile", "clip": Clip()}, r"No caption of bucket 'faces' has a token such as \(smile:0.7\)"),
        ({"numbers": [1.0, -1.0]}, "'faces' has 4 pictures but 2 numbers"),
        ({"table": "x.png,1"}, "No picture of bucket 'faces' has a number"),
        ({"numbers": [float("nan")] * 4}, "numbers is nan"),
    ],
)
def test_what_is_missing_is_said(inputs, message):
    with pytest.raises(ValueError, match=message):
        run(**inputs)
