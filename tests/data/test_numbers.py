"""A number a picture: read from captions and tables, graded into buckets, ends balanced."""

import random
from itertools import islice

import pytest
import torch
from concept_sliders.slider_core.data import Cycle, Example, PictureError
from concept_sliders.slider_core.data.balance import balanced_ends, covariates
from concept_sliders.slider_core.data.folder import FolderPictures
from concept_sliders.slider_core.data.graded import graded
from concept_sliders.slider_core.data.number_tables import read_table
from concept_sliders.slider_core.data.numbers import matched_numbers, without_token
from concept_sliders.slider_core.settings import NumberSettings
from PIL import Image


@pytest.mark.parametrize(
    "caption, rest, number",
    [
        ("a face (smile:0.7)", "a face", 0.7),
        ("a face, (smile:-.5), red hair", "a face, red hair", -0.5),
        ("(Smile: 1) a face", "a face", 1.0),
        ("(smile:0.2) a face (smile:0.9).", "a face.", 0.9),
        ("a face (smiles:0.7)", "a face (smiles:0.7)", None),
        ("a (red:1.2) face", "a (red:1.2) face", None),
        ("(smile:−1), (age:3)", "(age:3)", -1.0),
        ("a face (smile:0,5), tall", "a face, tall", 0.5),
        ("a face (smile:+5e-1)", "a face", 0.5),
    ],
)
def test_tokens_are_taken_out_of_captions(caption, rest, number):
    assert without_token(caption, "smile") == (rest, number)


def test_a_word_of_a_token_may_be_anything():
    assert without_token("x (a.b+c:2)", "a.b+c") == ("x", 2.0)
    assert without_token("x (aXb+c:2)", "a.b+c") == ("x (aXb+c:2)", None)
    assert without_token("x (smile:2)", "(smile:0.7)") == ("x", 2.0), "the whole token instead of its word"


TABLE = {"a": 0.5, "more/b": -1.0, "c.d": 2.0}


@pytest.mark.parametrize(
    "text",
    [
        "a.png,0.5\nmore/b.jpg,-1\nc.d.webp,2",
        "\ufefffile,strength\na.png,0.5\nmore\\b.jpg,−1\nc.d.webp,2\n",
        "image;caption;score\na.png;x;0.5\n./more/b.jpg;y;-1\nc.d.webp;z;2",
        "a\t0.5\nmore/b\t-1\n\nc.d.png\t2",
        "a.png;0,5\nmore/b.jpg;-1,0\nc.d.webp;2,0",
        '"a.PNG", "0,5"\nmore/b.jpg, - 1\nc.d.webp, 2',
        "sep=;\na.png;0,5\nmore/b.jpg;-1\nc.d.webp;2",
        '[{"file": "a.png", "score": 0.5}, {"file": "more/b.jpg", "score": "-1,0"}, {"file": "c.d.x", "score": 2}]',
        "smile,path\n0.5,a.png\n-1,more/b.png\n2,c.d.png",
        '{"file_name": "a.png", "strength": 0.5}\n{"file": "more/b.jpg", "value": "-1"}\n'
        '{"image": "c.d.png", "score": 2}',
    ],
)
def test_tables(text):
    assert read_table(text) == TABLE


def test_pictures_find_their_numbers():
    assert matched_numbers(["sub/a", "b", "gone"], TABLE) == [0.5, -1.0, None]
    assert matched_numbers(["a", "sub/a", "more/b", "b"], TABLE) == [0.5, None, -1.0, None], "rows of others"
    assert matched_numbers(["a", "a mirrored"], TABLE) == [0.5, 0.5]
    assert matched_numbers(["A", "sub/B"], {"a": 1.0, "b": 2.0}) == [1.0, 2.0], (
        "as Windows and macOS take names"
    )
    assert matched_numbers(["A", "a"], {"a": 1.0, "A": 2.0}) == [2.0, 1.0]
    assert matched_numbers(["b"], {"x/b": 1.0, "y/b": 2.0}) == [None], "which of the two is not known"


def test_a_row_that_several_pictures_could_mean_is_not_given_to_all():
    table = read_table("x.png,0.5")
    assert matched_numbers(["a/x", "b/y"], table) == [0.5, None]
    with pytest.raises(PictureError, match="'x' of the table could be 'a/x' or 'b/x'. Write the folder"):
        matched_numbers(["a/x", "b/x"], table)


def test_names_are_the_same_however_their_letters_are_composed(tmp_path):
    """macOS writes the dots of an umlaut as a letter of their own, spreadsheets do not."""
    composed, apart = "m\u00e4dchen", "ma\u0308dchen"
    Image.new("RGB", (8, 8)).save(tmp_path / f"{apart}.png")
    names = FolderPictures(tmp_path).names
    assert matched_numbers(names, read_table(f"{composed}.png,1")) == [1.0]
    assert matched_numbers([composed], read_table(f"{apart}.png,1")) == [1.0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "table of strengths is empty"),
        ("a.png", "Line 1 .* no two columns"),
        ("a.png,0.5\nb.png", "Line 2 .* no two columns"),
        ("a.png,much\nb.png,1", "line 1 of the table: 'much' is no number"),
        (
            "Datei;Wert\na.png;0,5",
            "line 1 of the table: 'Wert' is no number.*call the columns file and strength",
        ),
        ('[{"file": "a.png"', "table of strengths is not valid JSON"),
        ("[1, 2]", "Line 1 of the table of strengths is '1'. Write lines such as"),
        ("a.png,0.5\nb.png,much", "line 2 of the table: 'much' is no number"),
        ("a.png,0.5\na.jpg,1", "line 2 of the table: 'a' has a number already"),
        ("a.png,nan", "no two columns|is no number"),
        ('{"file": "a.png"}', "Line 1 .* is"),
        ('{"file": "a.png", "strength": 1}\nnonsense', "Line 2 .* is 'nonsense'"),
        ("a\0.png,1", r"U\+0000"),
    ],
)
def test_tables_that_cannot_be_read(text, message):
    with pytest.raises(PictureError, match=message) as error:
        read_table(text)
    assert len(str(error.value)) < 500


def pictures(count, **differing):
    """Examples called 0, 1, …; `differing` gives captions, brightness or shapes by number."""
    made = []
    for i in range(count):
        caption = differing.get("caption", lambda i: "a face")(i)
        size = differing.get("size", lambda i: (8, 8))(i)
        bright = differing.get("brightness", lambda i: 0.5)(i)
        made.append(Example(str(i), caption, torch.zeros(1, 4, *size), [], brightness=bright))
    return made


def strengths(buckets):
    return {bucket.name: [bucket.strength_of(e) for e in bucket.examples] for bucket in buckets}


def test_numbers_become_buckets_of_graded_strengths():
    made, notes = graded("age", pictures(6), [0.5, -0.25, 0.0, None, 1.0, -1.0], NumberSettings())
    assert strengths(made) == {"age more": [0.5, 1.0], "age less": [-0.25, -1.0], "age neutral": [0.0]}
    assert [bucket.sign for bucket in made] == [1, -1, 0] and made[0].strength == 1.0
    assert notes == ["1 of 6 pictures has no number and is left out: 3."]
    drawn = {d.strength for turn in islice(Cycle(made, neutral="off").turns(), 4) for d in turn}
    assert drawn == {0.5, 1.0, -0.25, -1.0}


def test_numbers_of_any_scale():
    years = [20, 30, 40, 50, 80]
    middle, _ = graded("age", pictures(5), years, NumberSettings(scale="middle to 0", strongest=1.0))
    assert strengths(middle) == {"age more": [0.25, 1.0], "age less": [-0.5, -0.25], "age neutral": [0.0]}
    smallest, _ = graded("age", pictures(5), years, NumberSettings(scale="smallest to 0", strongest=0.6))
    assert strengths(smallest) == {"age more": [0.1, 0.2, 0.3, 0.6], "age neutral": [0.0]}


@pytest.mark.parametrize(
    "numbers, grading, message",
    [
        ([None, None], NumberSettings(), "No picture of bucket 'age' has a number.*called '0', '1'"),
        ([20, 300], NumberSettings(), "number 300, which is no strength.*middle to 0"),
        ([7, 7], NumberSettings(scale="middle to 0"), "All 2 pictures have the number 7"),
        ([7, 7], NumberSettings(use="balanced ends"), "two ends of the numbers meet"),
    ],
)
def test_numbers_that_make_no_slider(numbers, grading, message):
    with pytest.raises(PictureError, match=message):
        graded("age", pictures(len(numbers)), numbers, grading)


def test_the_ends_of_an_unsorted_set_are_balanced_against_what_else_differs():
    """High numbers are bright, wide and 'outdoors' more often; there are dark ones too."""
    chance = random.Random(0)
    numbers = [chance.uniform(-1, 1) for _ in range(120)]
    outside = [chance.random() < 0.5 + 0.35 * number for number in numbers]
    made = pictures(
        120,
        caption=lambda i: "a face outdoors" if outside[i] else "a face indoors",
        brightness=lambda i: 0.7 if outside[i] else 0.3,
        size=lambda i: (8, 12) if outside[i] else (12, 8),
    )
    more = [i for i, n in enumerate(numbers) if n > 0.4]
    less = [i for i, n in enumerate(numbers) if n < -0.4]
    balance = balanced_ends(made, more, less)
    assert abs(balance.before["brightness"]) > 0.6 and abs(balance.after["brightness"]) < 0.25
    assert set(balance.after) == {"width over height", "brightness", "“outdoors”", "“indoors”"}
    alike = [min(sum(outside[i] is there for i in end) for end in (more, less)) for there in (True, False)]
    assert len(balance.more) == len(balance.less) == sum(alike), "as many as have a like"
    assert all(outside[a] == outside[b] for a, b in zip(balance.more, balance.less, strict=True))
    buckets, notes = graded("smile", made, numbers, NumberSettings(use="balanced ends", ends=0.3))
    assert [bucket.sign for bucket in buckets] == [1, -1]
    assert min(strengths(buckets)["smile more"]) > 0.3 and "4 differed before, 0 do now" in " ".join(notes)


def test_what_cannot_be_balanced_is_said():
    made = pictures(12, brightness=lambda i: 0.2 + 0.05 * i)
    _, notes = graded("smile", made, [i / 12 for i in range(12)], NumberSettings(use="balanced ends", ends=0.4))
    text = " ".join(notes)
    assert "the end with more still has more brightness (+" in text
    assert Cycle(graded("smile", made, [i / 12 for i in range(12)], NumberSettings(use="balanced ends"))[0])


def test_words_that_all_or_hardly_any_captions_have_are_no_covariates():
    made = pictures(20, caption=lambda i: "a face" + (" red" if i % 2 else "") + (" rare" if i == 3 else ""))
    assert set(covariates(made)) == {"“red”"}
