"""Pairs that are none are found on the demo's faces, each with its file."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from concept_sliders.slider_core.data import Bucket, Cycle, Example, describe_cycle
from concept_sliders.slider_core.data.pair_check import check_pairs
from concept_sliders.slider_core.data.pair_measures import agreement, motion, outside

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))

import demo
import pairs as planting
from draw_faces import draw
from faces import random_faces
from sliders import load_ground

COUNT = 8


@pytest.fixture(scope="module")
def latents():
    """The latents of pairs of faces: good ones, and each kind of planted ones, for every face."""
    vae, faces, smile = load_ground().vae, random_faces(COUNT, seed=3), demo.CONCEPTS["smile"]

    def encoded(pair):
        with torch.inference_mode():
            return tuple(vae.encode(torch.from_numpy(draw(face))[None].float()) for face in pair)

    made = {"good": [encoded(planting.good(face, smile)) for face in faces]}
    for kind, plant in planting.PLANTED.items():
        made[kind] = [encoded(plant(face, smile, i)) for i, face in enumerate(faces[:2])]
    return made


@pytest.mark.parametrize("kind", planting.PLANTED)
def test_planted_pairs_are_found_and_good_ones_left_alone(latents, kind):
    fine, bad = [], []
    for at in range(2):
        pairs = list(latents["good"])
        pairs[at] = latents[kind][at]
        measured = check_pairs(planting.cycle_of(pairs)).pairs
        bad.append(measured[at])
        fine += [pair for i, pair in enumerate(measured) if i != at]
    assert planting.area_under_curve([p.suspicion for p in fine], [p.suspicion for p in bad]) >= 0.95
    assert all(pair.fault for pair in bad) and not any(pair.fault for pair in fine)


def test_faults_are_named_with_their_files_in_the_plan(latents):
    pairs = list(latents["good"])
    pairs[1], pairs[4], pairs[6] = (latents[k][0] for k in ("nothing changed", "shifted", "other attribute"))
    plan = describe_cycle(planting.cycle_of(pairs))
    assert "8 of 8 positive pictures, by file name, 3 of them look wrong" in plan
    assert "Note: pair more/01 and less/01: the two pictures are the same" in plan
    assert "Note: pair more/04 and less/04: misaligned" in plan
    assert "Note: pair more/06 and less/06: something else changes" in plan


def test_good_pairs_are_said_to_be_pairs(latents):
    check = check_pairs(planting.cycle_of(latents["good"]))
    assert check.ratio < 0.4 and not check.lines()
    assert "look wrong" not in describe_cycle(planting.cycle_of(latents["good"]))


def test_names_alone_make_no_pairs(latents):
    """The plan said 'pairs: 6 of 6' of other faces that had the same file names."""
    good = latents["good"]
    mixed = [(good[i][0], good[(i + 3) % COUNT][1]) for i in range(COUNT)]
    plan = describe_cycle(planting.cycle_of(mixed))
    assert check_pairs(planting.cycle_of(mixed)).ratio > 0.8
    assert "pairs: none: 8 of 8 positive pictures have a partner by file name, but they are no pairs" in plan
    assert "Whatever differs by accident is learned too" in plan


def test_one_that_changes_far_more_than_the_rest(latents):
    """The same change four times as large, as of a picture that was edited too much."""
    pairs = [(more, less) for more, less in latents["good"]]
    more, less = pairs[2]
    pairs[2] = (less + 4 * (more - less), less)
    faulty = check_pairs(planting.cycle_of(pairs)).faulty
    assert [pair.example.name for pair in faulty] == ["02"] and "far more changes" in faulty[0].fault


def test_graded_pairs_are_compared_by_what_changes_for_their_strength(latents):
    """A weak and a strong one differ by as much as their strengths say."""
    sides = []
    for side, sign in ((0, +1), (1, -1)):
        examples = [
            Example(f"{i}", "", less + (more - less) * (0.5 + sign * s), [], strength=sign * s)
            for i, ((more, less), s) in enumerate(zip(latents["good"], [0.02, 0.5] * 4, strict=True))
        ]
        assert side in (0, 1)
        sides.append(Bucket("more" if sign > 0 else "less", tuple(examples), sign * 0.5))
    assert not check_pairs(Cycle(tuple(sides))).faulty


def test_a_mirrored_picture_is_no_other_picture():
    """Of pictures that are nearly symmetric, the mirrored one beside each was taken for another, which looks alike."""
    random = torch.Generator().manual_seed(0)
    sides = ([], [])
    for i in range(6):
        ground = torch.randn(1, 4, 16, 16, generator=random)
        ground = (ground + ground.flip(-1)) / 2
        more = ground.clone()
        more[..., 9:12, 5:11] += 1
        for side, latent in zip(sides, (more, ground), strict=True):
            side += [Example(f"{i}", "", latent, []), Example(f"{i} mirrored", "", latent.flip(-1), [])]
    plain = [Bucket("more", tuple(sides[0][::2]), 0.5), Bucket("less", tuple(sides[1][::2]), -0.5)]
    both = [Bucket("more", tuple(sides[0]), 0.5), Bucket("less", tuple(sides[1]), -0.5)]
    checks = [check_pairs(Cycle(tuple(buckets))) for buckets in (plain, both)]
    assert checks[0].ratio < 0.5 and checks[1].ratio == pytest.approx(checks[0].ratio)
    assert not checks[1].faulty


def test_measures_on_plain_pictures():
    random = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.avg_pool2d(torch.randn(4, 34, 34, generator=random), 3, 1)
    assert motion(picture[:, :, 1:], picture[:, :, :-1]) > 0.3
    square = torch.zeros(4, 32, 32)
    square[:, 8:16, 8:16] = 1
    assert motion(picture + square, picture) < 0.05
    elsewhere = square.flip(-1)
    differences = [square, 0.5 * square, 2 * square, elsewhere]
    assert agreement(differences)[:3].min() > 0.99 and agreement(differences)[3] < 0.1
    thirds = [torch.eye(3)[i].reshape(3, 1, 1) for i in range(3)]
    assert agreement(thirds).abs().max() < 0.05, "each is compared with the others only"
    assert outside(differences)[:3].max() < 0.01 and outside(differences)[3] > 0.4


def test_clips_sounds_and_pictures_of_other_sizes():
    random = torch.Generator().manual_seed(0)

    def cycle(*shapes):
        sides = [
            [Example(f"{i}", "", torch.randn(s, generator=random), []) for i, s in enumerate(shapes)]
            for _ in range(2)
        ]
        return Cycle((Bucket("more", tuple(sides[0]), 0.5), Bucket("less", tuple(sides[1]), -0.5)))

    for shape in ((1, 16, 3, 8, 8), (1, 8, 40), (3, 4, 8, 8)):
        assert check_pairs(cycle(shape, shape, shape)).none
    assert len(check_pairs(cycle((1, 4, 8, 8), (1, 4, 8, 16), (1, 4, 16, 8))).pairs) == 3
    other = cycle((1, 4, 8, 8))
    small = replace(other.buckets[1].examples[0], latent=torch.zeros(1, 4, 4, 4))
    assert (
        check_pairs(
            replace(other, buckets=(other.buckets[0], replace(other.buckets[1], examples=(small,))))
        ).pairs
        == ()
    )
