"""The strengths that a sweep's widget takes."""

import pytest
from concept_sliders.slider_core.evaluation import StrengthsError, parse_strengths, sweep_strengths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-2:2:5", [-2, -1, 0, 1, 2]),
        ("-2, -1, 0, 1", [-2, -1, 0, 1]),
        ("1 -0.5;3", [1, -0.5, 3]),
        ("-4, -1:1:3, 4", [-4, -1, 0, 1, 4]),
        ("2:-2:3", [2, 0, -2]),
        ("0.5", [0.5]),
    ],
)
def test_ranges_and_lists(text, expected):
    assert parse_strengths(text) == expected


def test_a_symmetric_range_meets_zero_exactly():
    assert parse_strengths("-0.7:0.7:15")[7] == 0.0
    assert str(parse_strengths("-0.0")[0]) == "0.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No strengths"),
        ("-2:2", "start:stop:count"),
        ("-2:2:1", "from 2 to 101"),
        ("-2:2:4.5", "whole number"),
        ("-2:2:9999999", "whole number"),
        ("one", "'one'.*is no number"),
        ("nan", "is no number"),
        ("1, 2, 1", "1 is given twice"),
        ("0:1:60, 2:3:60", "120 strengths"),
        ("1e9", "no number from −100 to 100"),
        ("-1e308:1e308:3", "no number from −100 to 100"),
        ("x" * 10_000, "no number from −100 to 100"),
        ("1:" * 10_000, "start:stop:count"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(StrengthsError, match=message) as error:
        parse_strengths(text)
    assert len(str(error.value)) < 400


def test_a_sweep_is_sorted_and_has_zero():
    assert sweep_strengths("2, -1") == [-1, 0, 2]
    with pytest.raises(StrengthsError, match="other than 0"):
        sweep_strengths("0")
