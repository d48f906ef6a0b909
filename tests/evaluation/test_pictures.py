"""The grid of a sweep, and the text on it."""

import numpy as np
import pytest
from concept_sliders.slider_core.evaluation.grid import MARK, SMALLEST, WIDEST, render_grid
from concept_sliders.slider_core.evaluation.lettering import font_for, legible, wrap
from PIL import Image, ImageColor


def grid_of(size, columns=3, rows=2, marked=1):
    colours = [(40 * c + 10, 90 * r + 10, 200) for r in range(rows) for c in range(columns)]
    pictures = [[Image.new("RGB", size, colours[r * columns + c]) for c in range(columns)] for r in range(rows)]
    labels = [("a long prompt " * 9, f"seed {r}") for r in range(rows)]
    grid = render_grid(pictures, labels, [f"{c:+g}" for c in range(columns)], marked)
    return np.asarray(grid), colours


def count(pixels, colour, tolerance=0):
    return int((np.abs(pixels.astype(int) - np.array(colour)) <= tolerance).all(-1).sum())


@pytest.mark.parametrize("size", [(64, 64), (200, 120), (96, 400)])
def test_every_picture_is_on_the_grid_at_a_readable_size(size):
    pixels, colours = grid_of(size)
    scale = max(1, SMALLEST / min(size))
    area = size[0] * size[1] * scale**2
    for colour in colours:
        assert count(pixels, colour) == pytest.approx(area, rel=0.06)  # the marked ones lose their border
    assert count(pixels, ImageColor.getrgb(MARK)) > 4 * SMALLEST


def test_a_long_place_on_the_second_axis_is_not_cut_off_by_the_pictures():
    red = Image.new("RGB", (128, 128), (255, 0, 0))
    labels = [("a person", "seed 0 · a_long_name_of_a_slider_of_step_300")]
    pixels = np.asarray(render_grid([[red, red]], labels, ["0", "1"]))
    first = int(np.argmax((pixels == (255, 0, 0)).all(-1).any(0)))
    assert (pixels[:, first - 4 : first] == 255).all(), "the text goes on under the picture"


def test_rows_and_columns_are_in_order():
    pixels, colours = grid_of((64, 64))
    centres = [np.argwhere((pixels == np.array(colour)).all(-1)).mean(0) for colour in colours]
    assert centres[0][1] < centres[1][1] < centres[2][1] and centres[0][0] < centres[3][0]


def test_a_wide_sweep_is_scaled_down():
    pixels, _ = grid_of((1024, 16), columns=12, rows=1, marked=None)
    assert pixels.shape[1] < 1.2 * WIDEST


def test_text_is_wrapped_and_cut():
    font = font_for("x", 14)
    lines = wrap("one two three " + "x" * 80, font, 90, 4)
    assert len(lines) == 4 and lines[-1].endswith("…")
    assert all(font.getlength(line) <= 90 for line in lines)
    assert wrap("short", font, 90, 4) == ["short"]


def test_letters_without_a_font_are_known():
    assert legible("Strength −2 … é")
    assert not legible("\U00013000")  # a hieroglyph
