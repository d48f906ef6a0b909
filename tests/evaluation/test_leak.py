"""What a report says of leaks: worked out by hand, and on drawn faces that change in more than the concept."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from concept_sliders.slider_core.evaluation.leak import LEAKY, WHOLE, Sides, middle_pixel, triangle_deficit, way
from concept_sliders.slider_core.evaluation.measures import changes, spearman
from concept_sliders.slider_core.evaluation.report import report
from concept_sliders.slider_core.evaluation.report_text import text_of
from concept_sliders.slider_core.evaluation.sweep import small

sys.path.append(str(Path(__file__).parent.parent.parent / "scripts" / "demo"))
from draw_faces import draw
from faces import random_faces

STRENGTHS = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]
FACES = [replace(face, smile=0.0, eye_brightness=0.5) for face in random_faces(3, seed=5)]


def test_the_middle_pixel_of_channels_together():
    change = np.zeros((1, 1, 3, 1, 3))
    change[0, 0, :, 0, 1] = 0.3, 0.0, 0.0
    change[0, 0, :, 0, 2] = 0.9, 0.9, 0.9
    assert middle_pixel(change) == pytest.approx([0.3 / np.sqrt(3)])
    assert middle_pixel(np.array([[-1.0, 2.0, -3.0]])) == pytest.approx([2])


def test_only_what_turns_its_sign_with_the_strength_is_the_sliders():
    """What both ±s change alike cancels; with a sign exchanged, the concept would cancel and the leak be 1."""
    concept, both = np.array([1.0, 0, 0, 0, 0]), np.full(5, 0.2)
    row = np.stack([-concept + both, 0 * both, concept + both])
    sides = Sides.of([-1.0, 0.0, 1.0], [row])
    assert sides.middle.item() == pytest.approx(0) and sides.size.item() == pytest.approx(1 / np.sqrt(5))
    assert sides.leak(0.01) == pytest.approx(0)
    leaky = np.stack([-concept - both, 0 * both, concept + both])
    assert Sides.of([-1.0, 0.0, 1.0], [leaky]).leak(0.01) == pytest.approx(0.2 / np.sqrt(1.6 / 5))


def test_the_leak_is_told_at_the_smallest_strength_that_can_be_seen():
    row = np.stack([s * np.array([1.0, 0.1 * abs(s), 0.1 * abs(s)]) for s in (-2, -0.001, 0, 0.001, 2)])
    sides = Sides.of([-2.0, -0.001, 0.0, 0.001, 2.0], [row])
    assert sides.leak(0.01) == pytest.approx(0.2 / np.sqrt(1.08 / 3))
    assert sides.leak(5) is None


def test_one_side_alone_is_measured_too():
    row = np.stack([np.zeros(3), np.array([1.0, 0.5, 0.5])])
    assert Sides.of([0.0, -1.0], [row]).leak(0.1) == pytest.approx(0.5 / np.sqrt(0.5))


@pytest.mark.parametrize(
    ("less", "expected"), [([-1.0, 0], 0), ([1.0, 0], 1), ([0, 1.0], 1 - np.sqrt(2) / 2), ([-3.0, 0], 0)]
)
def test_triangle_deficit(less, expected):
    assert triangle_deficit(np.array([1.0, 0]), np.array(less)) == pytest.approx(expected)


def test_the_way_of_a_thing_that_moves_goes_on_where_the_change_does_not():
    moving = np.zeros((7, 1, 1, 1, 30))
    for place, s in enumerate(range(-3, 4)):
        moving[place, ..., 14 + 3 * s : 16 + 3 * s] = 1.0
    strengths = list(range(-3, 4))
    gone = way(changes(moving, strengths), strengths, 0.1)
    assert gone / gone[-1] == pytest.approx(np.arange(-3, 4) / 3)
    sizes = np.abs(changes(moving, strengths)).sum((1, 2, 3, 4))
    assert sizes[4] == sizes[5] == sizes[6]


def test_what_the_whole_picture_does_is_no_part_of_the_way_unless_it_is_the_concept():
    strengths = [-1.0, 0.0, 1.0]
    row = np.stack([s * np.array([1.0, 0.1, 0.1, 0.1]) for s in strengths])
    assert way(row, strengths, 0.2) == pytest.approx(np.array([-0.4, 0, 0.4]))  # (1 − 2 · 0.1) / √4
    assert way(row, strengths, 0.9)[2] == pytest.approx(np.sqrt(1.03 / 4))


def rows(change):
    """Small pictures of each face at each strength, as a sweep measures them; `change` draws a face at a strength."""
    drawn = [np.stack([change(face, s) for s in STRENGTHS]) for face in FACES]
    return [small(torch.from_numpy(row[:, None]).float()) for row in drawn]


def smile(face, s, span=1.0, leak=0.0):
    """A smile, and the rest of the picture darker and redder by `leak` of what it changes."""
    tint = np.float32([0.02, -0.02, -0.02]) * leak * span * s
    return np.clip(draw(replace(face, smile=np.clip(span * s / 2, -1, 1))) + tint, 0, 1)


def test_the_leak_ranks_sliders_as_the_true_one_does_whatever_their_range():
    found = {
        (leak, span): report(STRENGTHS, rows(lambda f, s, leak=leak, span=span: smile(f, s, span, leak)))
        for leak in (0.02, 0.1, 0.2, 0.4)
        for span in (0.25, 0.5, 1.0)
    }
    true = [leak for leak, _ in found]
    assert spearman(true, [got.leak for got in found.values()]) > 0.9
    assert spearman(true, [-got.selectivity for got in found.values()]) > 0.8
    assert abs(spearman([span for _, span in found], [got.leak for got in found.values()])) < 0.3


@pytest.mark.parametrize("sign", [1, -1])
def test_the_range_ends_where_others_change(sign):
    got = report(STRENGTHS, rows(lambda f, s: smile(f, s, leak=sign * s > 1.5)))
    assert got.usable_range == ((-2, 1) if sign > 0 else (-1, 2))
    assert text_of(got).splitlines()[0].endswith("(±1); beyond, more changes than the concept")
    assert report(STRENGTHS, rows(smile)).usable_range == (-2, 2)


def test_others_that_change_from_the_first_strength_on_leave_no_range():
    ends = [row[[0, 3, 6]] for row in rows(lambda f, s: smile(f, s, leak=0.4))]
    got = report([-2.0, 0.0, 2.0], ends)
    assert min(got.beside[0], got.beside[2]) > LEAKY and got.usable_range == (0, 0)
    assert text_of(got).startswith("No usable range: more changes than the concept")


def test_a_concept_of_the_whole_picture_keeps_its_range_and_is_named():
    got = report(STRENGTHS, rows(lambda f, s: 0.25 + 0.5 * draw(f) + np.float32(0.05 * s)))
    assert got.leak > WHOLE and got.usable_range == (-2, 2)
    assert "right for a style" in text_of(got)
    assert "compare sliders of one concept" in text_of(report(STRENGTHS, rows(smile)))


def test_changes_keep_the_shape_of_pictures():
    assert changes(np.ones((3, 1, 3, 2, 2)), [-1.0, 0.0, 1.0]).shape == (3, 1, 3, 2, 2)
