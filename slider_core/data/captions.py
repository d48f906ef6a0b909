"""Captions of picture files: from a text file beside them, from their names, or one for all."""

from __future__ import annotations

from pathlib import Path

from ..given import checked_text, quoted
from .faults import PictureError

LONGEST = 100_000  # bytes of a caption file


def captions_of(file: Path, captions: str, prompt: str = "", text_file: str = "whole file") -> tuple[str, ...]:
    """The captions of a picture file: its .txt neighbour's, its name in words, or `prompt`. Each draw takes one.

    Args:
        captions: one of `BucketSettings`' choices.
        text_file: whether the whole .txt file is one caption, or each of its lines that has words.

    Raises:
        PictureError: if the .txt file is missing or is not UTF-8 text, or a caption cannot be encoded.
    """
    if captions == "prompt":
        return (prompt,)
    if captions == "file name":
        words = " ".join(file.stem.replace("_", " ").replace("-", " ").split())
        return (checked_text(words, f"the name of {quoted(file.name)}", PictureError),)
    text = checked_text(_text_beside(file), f"the caption of {quoted(file.name)}", PictureError)
    lines = text.splitlines() if text_file == "one a line" else [text]
    return tuple(" ".join(line.split()) for line in lines if line.strip()) or ("",)


def _text_beside(file: Path) -> str:
    places = [file.with_suffix(ending) for ending in (".txt", ".TXT")]
    text = next((place for place in places if place.is_file()), places[0])
    if not text.is_file():
        raise PictureError(
            f"{file.name} has no caption: {text.name} is missing. Write it, or set captions to 'file name' or 'prompt'."
        )
    try:
        if text.stat().st_size > LONGEST:
            raise PictureError(f"{text.name} has more than {LONGEST:,} bytes, so it is no caption. Shorten it.")
        return text.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PictureError(f"{text.name} is not UTF-8 text. Save it again as UTF-8.") from error
    except OSError as error:
        raise PictureError(f"{text.name} cannot be read ({error.strerror}).") from error
