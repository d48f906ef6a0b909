"""Names with `*`, `**` and braces: what they match, and that none of them keeps ComfyUI busy."""

import random
import re
import time

import pytest
from concept_sliders.slider_core.architectures import TargetError, select
from concept_sliders.slider_core.architectures.names import parsed
from concept_sliders.slider_core.architectures.patterns import PatternError, ends, pieces_of
from tiny_models import shared_model


def fits(pattern, name):
    return len(name) in ends(pieces_of(pattern), name, [0])


@pytest.mark.parametrize(
    "pattern, fitting, other",
    [
        ("a.*.c", "a.bb.c", "a.b.b.c"),
        ("a.**.c", "a.b.b.c", "a..c"),
        ("to_{q,k,v}", "to_k", "to_out"),
        ("a{,.b}.{c,{d,e}}", "a.b.e", "a.c.b"),
        ("x*y*z", "xyyz", "xy.yz"),
        ("a+b", "a+b", "aab"),
    ],
)
def test_what_patterns_match(pattern, fitting, other):
    assert fits(pattern, fitting) and not fits(pattern, other)


def test_the_same_as_a_regular_expression():
    """On 2,000 random patterns and names of few letters, so that many match."""
    chance = random.Random(0)
    matches = 0
    for _ in range(2000):
        pattern = "".join(
            chance.choice(["a", "b", ".", "*", "**", "{a,b.}"]) for _ in range(chance.randint(1, 5))
        )
        name = "".join(chance.choice("ab.") for _ in range(chance.randint(1, 6)))
        pieces = {"**": ".+", "*": "[^.]*", "{a,b.}": r"(?:a|b\.)", ".": r"\."}
        found = re.findall(r"\*\*|\*|\{a,b\.\}|.", pattern)
        expected = re.fullmatch("".join(pieces.get(piece, piece) for piece in found), name) is not None
        assert fits(pattern, name) == expected, (pattern, name)
        matches += expected
    assert matches > 100


ENDLESS = [
    "*" * 29 + "x",
    "{a,b}" * 20,
    "*a" * 29,
    "{to,to_}*" * 20,
    "{" * 60 + "to_q" + "}" * 60,
    "**" * 100,
    "a*" * 149,
]


@pytest.mark.parametrize("name", ENDLESS)
def test_no_name_takes_long(name):
    """29 stars or 20 pairs of braces held ComfyUI for minutes, and Cancel did nothing."""
    started = time.process_time()
    try:
        select(shared_model("flux"), "custom", name)
        select(shared_model("flux"), "slider", exclude=name)
    except TargetError:
        pass
    assert time.process_time() - started < 5


def test_long_texts_are_read_at_once():
    started = time.process_time()
    for text in ("," * 200_000, "{" * 200_000, "{a," * 70_000, "#" * 200_000, "[" * 200_000, '{"' * 100_000):
        try:
            parsed(text)
        except TargetError as error:
            assert len(str(error)) < 400
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "text, message",
    [
        ("to_{q,k", r"a \{ without its \}"),
        ("x" * 500, "has 500 characters; a layer name has at most 300"),
        ("\n".join(map(str, range(5000))), "5000 layer names are given; at most 2000"),
        ("to_q\0", r"U\+0000"),
        ("to_\ud800", r"U\+D800"),
        ('{"target_module": 5}', "list of names, not 5"),
        ('{"target_module": ["to_q"], "x": ' + "[" * 100_000, "nested too deep|is not valid JSON"),
        ('{"apply_preset": [1]}', "no `target_module` list"),
        ('{"x": ' + "9" * 5000 + "}", "a number of 5000 digits"),
    ],
)
def test_what_is_no_name_is_said_in_short(text, message):
    with pytest.raises(TargetError, match=message) as error:
        parsed(text)
    assert len(str(error.value)) < 300


def test_a_brace_without_its_partner():
    with pytest.raises(PatternError, match="without its"):
        pieces_of("a{b")
