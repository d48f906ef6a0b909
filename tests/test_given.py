"""Numbers as people type them: one reader for every widget with text."""

import pytest
from as_comfyui import executed
from concept_sliders.nodes.apply import SliderStrength
from concept_sliders.slider_core.evaluation import parse_library, parse_strengths
from concept_sliders.slider_core.given import number, number_texts, parsed_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-0.5", -0.5),
        ("\u22120.5", -0.5),
        ("\u2212 0,5", -0.5),
        ("\u20131", -1.0),
        ("1,25", 1.25),
        (" + 2 ", 2.0),
        (",5", 0.5),
        ("1 000", 1000.0),
        ("1\u00a0000,5", 1000.5),
        ("\u0663", 3.0),
        ("one", None),
        ("", None),
        ("1.000,5", None),
        ("1,2,3", None),
        ("1 2", None),
        ("--1", None),
    ],
)
def test_a_number(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "one", "many"),
    [
        ("-1, 0, 1", [-1, 0, 1], None),
        ("-1,0,1", [-1, 0, 1], None),
        ("\u22121,\u00a00; 1", [-1, 0, 1], None),
        ("-1 0 1", [-1, 0, 1], None),
        ("- 1, 0, + 1", [-1, 0, 1], None),
        ("-0,5; 0,5", [-0.5, 0.5], None),
        ("-0,5 0,5", [-0.5, 0.5], None),
        ("-0,5, 0, 0,5", [-0.5, 0, 0.5], None),
        ("0,5", [0.5], [0, 5]),
        ("\u22121,5", [-1.5], [-1, 5]),
        ("-1,1", [-1, 1], None),
        ("1,", [1], None),
        ("1.5,2.5", [1.5, 2.5], None),
        ("1,2,3 4", [1, 2, 3, 4], None),
    ],
)
def test_a_list_of_numbers(text, one, many):
    assert list(map(number, number_texts(text, several=False))) == one
    assert list(map(number, number_texts(text))) == (many or one)


@pytest.mark.parametrize(
    ("text", "strengths"),
    [
        ("\u22122:2:5", [-2, -1, 0, 1, 2]),
        ("-0,5:0,5:3", [-0.5, 0, 0.5]),
        ("\u2212 0,5 : 0,5:3", None),
        ("-4,-2:2:5,4", [-4, -2, -1, 0, 1, 2, 4]),
        ("-4; -0,5:0,5:3; 4", [-4, -0.5, 0, 0.5, 4]),
        ("\u22121,5, 1,5", [-1.5, 1.5]),
    ],
)
def test_strengths_of_a_sweep(text, strengths):
    if strengths is None:
        with pytest.raises(ValueError, match="no range|no number"):
            parse_strengths(text)
    else:
        assert parse_strengths(text) == strengths


@pytest.mark.parametrize(
    ("typed", "strength"),
    [("\u22120,5", -0.5), ("\u2212 1", -1.0), ("-1; 0,5", [-1.0, 0.5]), ("-2,2", [-2.0, 2.0])],
)
def test_the_strength_of_a_prompt(typed, strength):
    assert SliderStrength.validate_inputs(typed) is True
    ((conditioning,),) = executed(SliderStrength, conditioning=[[["text", {}]]], strength=[typed])
    ((_, options),) = conditioning
    assert strength in options.values() or [strength] in [list(v.values()) for v in options.values()]


def test_the_strengths_of_a_library():
    library = """{
        "less": {"prompt": "it is \u22125 outside", "adapter_strength": \u22121.5},
        "more": {"prompt": "p", "adapter_strength": "\u2212 0,5"}
    }"""
    less, more = parse_library(library)
    assert (less.text, less.strength, more.strength) == ("it is \u22125 outside", -1.5, -0.5)


def test_json_is_left_as_it_is_elsewhere():
    assert parsed_json(r'["\"\u22121", -1]', "it") == ['"\u22121', -1]
    with pytest.raises(ValueError, match="is not valid JSON"):
        parsed_json("[\u2212]", "it")


@pytest.mark.parametrize(
    "text", ['"\\"' * 400_000 + "\u22121", '"' * 400_001 + "\u22121", "1,2:" * 100_000 + "\u22121"]
)
def test_long_texts_take_no_time(text):
    """Quadratic ones would take minutes here."""
    with pytest.raises(ValueError, match="is not valid JSON"):
        parsed_json(text, "it")
    assert number_texts(text) is not None and number(text) is None
