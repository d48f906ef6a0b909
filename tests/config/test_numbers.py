"""A table of numbers in a bucket makes both sides of one folder."""

import pytest
from concept_sliders.slider_core.settings import NumberSettings
from config.configs import MODEL, faults, read

NUMBERED = f"""{MODEL}
[[bucket]]
name = "faces"
folder = "more"
captions = "text file"
numbers = {{ token = "smile" }}
"""


def test_a_number_for_each_picture_makes_both_sides_of_one_folder(folder):
    """As Slider Strength per Picture does it: from tokens of captions, from a table, or from the file of one."""
    for name, strength in (("a", 0.7), ("b", -0.3)):
        (folder / "more" / f"{name}.txt").write_text(f"a face (smile:{strength})")
    (bucket,) = read(folder, NUMBERED).sliders[0].buckets
    assert bucket.numbers == NumberSettings(token="smile")
    (folder / "scores.csv").write_text("\ufeffa.png;0,5\nb.png;-1", encoding="utf-8")
    (bucket,) = read(folder, NUMBERED.replace('token = "smile"', 'table = "scores.csv"')).sliders[0].buckets
    assert bucket.numbers.table == "a.png;0,5\nb.png;-1"
    read(folder, NUMBERED.replace('token = "smile"', r'table = "a,20\nb,30", use = "balanced ends", ends = 0.5,'
                                  ' scale = "middle to 0"'))  # fmt: skip


@pytest.mark.parametrize(
    "numbers, message",
    [
        ('token = "smile"', "[[bucket]]: No caption of bucket 'faces' has a token such as (smile:0.7)"),
        ('tokens = "smile"', "[bucket] 'faces' numbers: there is no key 'tokens'. Did you mean 'token'?"),
        ('table = "gone.csv"', "[bucket] 'faces' numbers: there is no file 'gone.csv'"),
        ('table = "a,1"', "[[bucket]]: There is no negative bucket"),
        ('table = "a,one"', "[[bucket]]: line 1 of the table: 'one' is no number"),
        ('table = "a,1", use = "both"', "[bucket] 'faces' numbers: use is 'both'; choose one of"),
        ("", "[[bucket]]: Numbers come from one place: token, table or numbers; none is given"),
    ],
)
def test_numbers_that_make_no_slider_are_said_before_anything_is_loaded(folder, numbers, message):
    for name in "ab":
        (folder / "more" / f"{name}.txt").write_text("a face")
    found = faults(folder, NUMBERED.replace('token = "smile"', numbers))
    assert any(fault.startswith(message) for fault in found), found


def test_numbers_are_a_table(folder):
    (fault,) = [f for f in faults(folder, NUMBERED.replace('{ token = "smile" }', '"smile"')) if "numbers" in f]
    assert fault.startswith("[bucket] 'faces': numbers is 'smile'; it must be a table such as")
