"""Losses over the steps, as a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOURS = {"positive": "#d9480f", "negative": "#1c7ed6", "neutral": "#74808c", "loss": "#2b8a3e"}
OTHER_COLOURS = ("#7048e8", "#c2255c", "#0c8599", "#5f3dc4")
INK, LINE, PAPER = "#1c1c20", "#e3e3e8", "#ffffff"
SHARPNESS = 2  # drawn larger and scaled down, which smooths the lines

Point = tuple[float, float]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Box = tuple[float, float, float, float]


def smoothed(values: Sequence[float], span: float) -> np.ndarray:
    """Exponential mean over about `span` values, without the pull to 0 at its start (as Adam corrects it)."""
    keep = max(0.0, 1 - 1 / max(span, 1.0))
    out, mean, weight = [], 0.0, 0.0
    for value in values:
        mean, weight = keep * mean + (1 - keep) * value, keep * weight + (1 - keep)
        out.append(mean / weight)
    return np.array(out)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`."""
    span = max(high - low, 1e-12)
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def loss_chart(losses: Mapping[str, Sequence[float]], size: tuple[int, int] = (720, 400)) -> Image.Image:
    """A line for each series (`positive`, `negative`, `neutral`, …): its values faint, their mean strong.

    Series may be empty, hold NaN where a step had no such loss, and differ in length (all from step 1).
    """
    series = {name: _points(values) for name, values in losses.items()}
    series = {name: points for name, points in series.items() if points}
    image = Image.new("RGB", (size[0] * SHARPNESS, size[1] * SHARPNESS), PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(13 * SHARPNESS)
    box = (64 * SHARPNESS, 34 * SHARPNESS, (size[0] - 18) * SHARPNESS, (size[1] - 40) * SHARPNESS)
    if not series:
        draw.text((box[0], box[1]), "no losses yet", fill=INK, font=font)
    else:
        _draw_series(draw, series, box, font)
    return image.resize(size, Image.Resampling.LANCZOS)


def _points(values: Sequence[float]) -> list[Point]:
    return [(step, float(value)) for step, value in enumerate(values, 1) if math.isfinite(value)]


def _draw_series(draw: ImageDraw.ImageDraw, series: Mapping[str, list[Point]], box: Box, font: Font) -> None:
    means = {name: _mean_line(points) for name, points in series.items()}
    last = max(points[-1][0] for points in series.values())
    low, high = _value_range(series, means)
    left, top, right, bottom = box

    def place(point: Point) -> Point:
        x = left + (right - left) * (point[0] - 1) / max(1, last - 1)
        return x, bottom - (bottom - top) * (min(point[1], high) - low) / (high - low)

    _draw_axes(draw, box, place, ticks(low, high), ticks(1, last), font)
    for index, (name, points) in enumerate(series.items()):
        colour = COLOURS.get(name, OTHER_COLOURS[index % len(OTHER_COLOURS)])
        _draw_line(draw, [place(point) for point in points], _faint(colour), SHARPNESS)
    x = left
    for index, name in enumerate(series):
        colour = COLOURS.get(name, OTHER_COLOURS[index % len(OTHER_COLOURS)])
        _draw_line(draw, [place(point) for point in means[name]], colour, 2 * SHARPNESS)
        words = f"{name} {means[name][-1][1]:.4g}"
        draw.text((x, 8 * SHARPNESS), words, fill=colour, font=font)
        x += font.getlength(words) + 22 * SHARPNESS


def _mean_line(points: list[Point]) -> list[Point]:
    means = smoothed([value for _, value in points], max(3.0, len(points) / 12))
    return [(step, float(mean)) for (step, _), mean in zip(points, means, strict=True)]


def _value_range(series: Mapping[str, list[Point]], means: Mapping[str, list[Point]]) -> Point:
    """Room for all mean lines and for all values but single spikes."""
    values = np.array([value for points in series.values() for _, value in points])
    lines = np.array([value for points in means.values() for _, value in points])
    low = min(0.0, float(values.min()))
    high = max(float(np.quantile(values, 0.98)), float(lines.max()))
    return low, high + 0.08 * (high - low) if high > low else low + 1.0


def _draw_axes(
    draw: ImageDraw.ImageDraw,
    box: Box,
    place: Callable[[Point], Point],
    levels: Sequence[float],
    steps: Sequence[float],
    font: Font,
) -> None:
    left, top, right, bottom = box
    for level in levels:
        y = place((1, level))[1]
        draw.line((left, y, right, y), fill=LINE, width=SHARPNESS)
        draw.text((left - 8 * SHARPNESS, y), f"{level:g}", fill=INK, font=font, anchor="rm")
    for step in steps:
        x = place((step, 0))[0]
        draw.line((x, bottom, x, bottom + 4 * SHARPNESS), fill=INK, width=SHARPNESS)
        draw.text((x, bottom + 7 * SHARPNESS), f"{step:g}", fill=INK, font=font, anchor="mt")
    draw.line((left, bottom, right, bottom), fill=INK, width=SHARPNESS)
    draw.text((right, bottom + 24 * SHARPNESS), "step", fill=INK, font=font, anchor="rt")


def _draw_line(draw: ImageDraw.ImageDraw, points: list[Point], colour: str, width: int) -> None:
    if len(points) == 1:
        (x, y), r = points[0], 1.5 * width
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    else:
        draw.line(points, fill=colour, width=width, joint="curve")


def _faint(colour: str) -> str:
    """The colour at a quarter of its strength on the paper."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{255 - (255 - part) // 4:02x}" for part in parts)
