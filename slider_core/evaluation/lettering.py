"""Text on pictures: a font that has the letters, and lines that fit a width."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Pillow's own font has Latin letters only. For other scripts these are tried in this order, by the names under
# which the usual systems have them.
SYSTEM_FONTS = (
    "DejaVuSans.ttf", "Arial Unicode.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc",
    "PingFang.ttc", "wqy-microhei.ttc", "NotoSansDevanagari-Regular.ttf", "Nirmala.ttf",
)  # fmt: skip


def font_for(text: str, size: int) -> Font:
    """Pillow's own font if it has all letters of `text`, else the first system font that has, else Pillow's."""
    return next(_fonts_with(text, size), ImageFont.load_default(size))


def legible(text: str) -> bool:
    """Whether some font here has all letters of `text`."""
    return next(_fonts_with(text, 12), None) is not None


def _fonts_with(text: str, size: int) -> Iterator[Font]:
    if _has(own := ImageFont.load_default(size), text):
        yield own
    yield from (font for font in _system_fonts(size) if _has(font, text))


def _system_fonts(size: int) -> Iterator[Font]:
    for name in SYSTEM_FONTS:
        try:
            yield ImageFont.truetype(name, size)
        except OSError:
            continue


def _has(font: Font, text: str) -> bool:
    missing = bytes(font.getmask("\U0010fffe"))
    return all(letter.isspace() or bytes(font.getmask(letter)) != missing for letter in set(text))


def wrap(text: str, font: Font, width: int, most: int) -> list[str]:
    """`text` in at most `most` lines of `width` pixels, broken between words if possible; the rest is `…`."""
    lines = [""]
    for word in text.split():
        for piece in _pieces(word, font, width):
            longer = f"{lines[-1]} {piece}".strip()
            if font.getlength(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(piece)
    if len(lines) > most:
        last = lines[most - 1]
        while last and font.getlength(last + "…") > width:
            last = last[:-1]
        lines = [*lines[: most - 1], last.rstrip() + "…"]
    return lines


def _pieces(word: str, font: Font, width: int) -> Iterator[str]:
    """A word that is wider than a line, in parts that are not."""
    piece = ""
    for letter in word:
        if piece and font.getlength(piece + letter) > width:
            yield piece
            piece = ""
        piece += letter
    yield piece
