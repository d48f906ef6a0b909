"""The report on drawn faces, whose smile is known exactly: what it says must be what was drawn."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from concept_sliders.slider_core.evaluation.report import report
from concept_sliders.slider_core.evaluation.sweep import small

sys.path.append(str(Path(__file__).parent.parent.parent / "scripts" / "demo"))
from draw_faces import draw
from faces import random_faces

STRENGTHS = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]
FACES = [replace(face, smile=0.0) for face in random_faces(3, seed=5)]


def rows(change, faces=FACES):
    """Pictures of each face at each strength; `change` says how a face looks at a strength."""
    drawn = [np.stack([draw(change(face, s)) for s in STRENGTHS]) for face in faces]
    return [small(torch.from_numpy(row[:, None])) for row in drawn]


def smile(face, s):
    return replace(face, smile=s / 2)


@pytest.fixture(scope="module")
def pure():
    return report(STRENGTHS, rows(smile))


def test_a_smile_that_follows_the_strength(pure):
    assert pure.usable_range == (-2, 2)
    assert pure.monotonicity == pytest.approx(1)
    assert pure.evenness < 2


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("eye_brightness", 0, 1), ("face_size", 0.9, 1.1), ("eye_size", 0.8, 1.2), ("x", -0.08, 0.08)],
)
def test_other_concepts_that_follow_the_strength(name, low, high):
    got = report(STRENGTHS, rows(lambda face, s: replace(face, **{name: low + (high - low) * (s + 2) / 4})))
    assert got.usable_range == (-2, 2)
    assert 0.9 < got.symmetry < 1.25 and got.evenness < 2 and got.off_direction < 0.4


def test_a_smile_that_saturates():
    got = report(STRENGTHS, rows(lambda face, s: replace(face, smile=float(np.clip(s, -0.5, 1)))))
    assert got.usable_range == (-0.5, 1)


def test_a_smile_that_turns_back():
    got = report(STRENGTHS, rows(lambda face, s: replace(face, smile=s / 2 if s < 1.5 else 0.2)))
    assert got.usable_range == (-2, 1)
    assert got.monotonicity < 0.99


def test_pictures_that_fall_apart():
    noise = np.random.default_rng(0)
    pictures = rows(smile)
    for row in pictures:
        row[0] = noise.random(row[0].shape)
    assert report(STRENGTHS, pictures).usable_range == (-1.5, 2)


def test_a_slider_that_moves_the_face_about_leaks(pure):
    random = np.random.default_rng(1)
    shifts = {s: random.uniform(-0.08, 0.08) * abs(s) for s in STRENGTHS}
    got = report(STRENGTHS, rows(lambda face, s: replace(smile(face, s), x=face.x + shifts[s])))
    assert got.off_direction > 2 * pure.off_direction


def test_neutral_pictures(pure):
    still = rows(lambda face, s: replace(face, eye_brightness=0.5 + s / 40))
    got = report(STRENGTHS, rows(smile), neutral=still)
    assert got.neutral_leak < 0.5 and got.effect == pure.effect
