"""A sweep as one labelled picture: prompts and seeds down, strengths across."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from .lettering import font_for, wrap

INK, FAINT, PAPER, MARK = "#1c1c20", "#6b6b73", "#ffffff", "#d9480f"
NOTE_LINES = 3  # of a seed and the place on a second axis
SMALLEST, WIDEST = 112, 6000  # pixels: a picture's shorter side, and the pictures of a row together


def render_grid(
    rows: Sequence[Sequence[Image.Image]],
    row_labels: Sequence[tuple[str, str]],
    column_labels: Sequence[str],
    marked: int | None = None,
) -> Image.Image:
    """One picture of all: small pictures are enlarged until labels are readable beside them.

    Args:
        rows: pictures of one size.
        row_labels: for each row a text (the prompt) and a smaller one (the seed).
        column_labels: strengths, as they are to be read.
        marked: index of the column that shows the model without the slider.
    """
    width, height = _cell_size(rows[0][0].size, len(column_labels))
    text = max(13, min(width, height) // 14)
    gap = max(3, text // 4)
    left = max(text * 9, width // 2) + 2 * gap
    top = text * 2 + 2 * gap
    size = (left + len(column_labels) * (width + gap), top + len(rows) * (height + gap))
    grid = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(grid)
    for column, label in enumerate(column_labels):
        middle = (left + column * (width + gap) + width // 2, top // 2)
        colour = MARK if column == marked else INK
        draw.text(middle, label, fill=colour, font=font_for(label, round(text * 1.3)), anchor="mm")
    for index, (pictures, labels) in enumerate(zip(rows, row_labels, strict=True)):
        y = top + index * (height + gap)
        _write_label(draw, labels, (2 * gap, y), (left - 4 * gap, height), text)
        for column, picture in enumerate(pictures):
            x = left + column * (width + gap)
            grid.paste(picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (x, y))
            if column == marked:
                draw.rectangle((x - 1, y - 1, x + width, y + height), outline=MARK, width=max(2, gap // 2))
    return grid


def _cell_size(picture: tuple[int, int], columns: int) -> tuple[int, int]:
    width, height = picture
    scale = max(1.0, SMALLEST / min(width, height))
    scale = min(scale, WIDEST / columns / width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _write_label(
    draw: ImageDraw.ImageDraw, labels: tuple[str, str], at: tuple[int, int], room: tuple[int, int], size: int
) -> None:
    x, y = at
    width, height = room
    line = round(size * 1.3)
    text, note = labels
    font, small = font_for(text, size), font_for(note, max(11, round(size * 0.85)))
    notes = wrap(note, small, width, NOTE_LINES) if note else []
    for words in wrap(text, font, width, max(1, height // line - len(notes))):
        draw.text((x, y), words, fill=INK, font=font)
        y += line
    for words in notes:
        draw.text((x, y), words, fill=FAINT, font=small)
        y += line
