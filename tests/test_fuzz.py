"""A part of the fuzz: every eightieth bad input, and that the judge knows bad errors from good."""

from itertools import islice

import fuzz
import pytest
from concept_sliders.slider_core.data import CycleError
from fuzzing.judging import Case, verdict


def test_every_bad_input_is_answered_with_a_sentence():
    assert [
        f"{case.name}: {found}"
        for case in islice(fuzz.cases(), 0, None, 80)
        if (found := fuzz.wrong_with(case))
    ] == []


@pytest.mark.parametrize(
    "error, found",
    [
        (KeyError("lora_down.weight"), "bare KeyError"),
        (RuntimeError("The size of tensor a (7) must match the size of tensor b."), "bare RuntimeError"),
        (ValueError("embedded null byte"), "bare ValueError"),
        (
            UnicodeDecodeError("utf-8", b"", 0, 1, "a long sentence about a wrong byte."),
            "bare UnicodeDecodeError",
        ),
        (ValueError("The name is " + "x" * 5000 + ", which is far too long."), "echoes the input"),
        (CycleError("Bucket 'more' is empty; remove it or give it pictures."), ""),
        (ValueError("There is no slider: connect one, or choose a file."), ""),
        (None, "was accepted"),
    ],
)
def test_the_judge(error, found, tmp_path):
    def run(folder):
        if error is not None:
            raise error

    assert verdict(Case("case", run, refuse=True, given="x" * 5000), tmp_path).startswith(found or "\0"[:0])
    assert bool(verdict(Case("case", run, refuse=True, given="x" * 5000), tmp_path)) == bool(found)
