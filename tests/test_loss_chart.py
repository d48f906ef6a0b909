"""The demo's chart of losses."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageColor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts" / "demo"))

from loss_chart import COLOURS, loss_chart, smoothed, ticks


def count(pixels, colour, tolerance=0):
    return int((np.abs(pixels.astype(int) - np.array(colour)) <= tolerance).all(-1).sum())


def test_the_chart_has_a_line_for_each_sign():
    steps = np.arange(60)
    pixels = np.asarray(
        loss_chart(
            {
                "positive": (0.5 * np.exp(-steps / 20)).tolist(),
                "negative": [math.nan if s % 2 else 0.3 for s in steps],
                "neutral": [],
            }
        )
    )
    assert pixels.shape == (400, 720, 3)
    assert count(pixels, ImageColor.getrgb(COLOURS["positive"]), 12) > 200
    assert count(pixels, ImageColor.getrgb(COLOURS["negative"]), 12) > 200
    assert count(pixels, ImageColor.getrgb(COLOURS["neutral"]), 12) < 60  # grey edges of letters


@pytest.mark.parametrize(
    "losses", [{}, {"loss": []}, {"loss": [0.5]}, {"loss": [0.0, 0.0]}, {"loss": [math.nan]}]
)
def test_a_chart_of_little(losses):
    assert loss_chart(losses, (300, 200)).size == (300, 200)


def test_smoothing_starts_at_the_first_value():
    assert smoothed([3, 3, 3], 10) == pytest.approx([3, 3, 3])
    assert smoothed([1, 2], 2) == pytest.approx([1, (0.25 * 1 + 0.5 * 2) / 0.75])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 0.43, [0, 0.1, 0.2, 0.3, 0.4]), (1, 300, [100, 200, 300])],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)
