"""Text that a user pasted, or has in a file below one of ComfyUI's folders: JSON, or a table."""

from __future__ import annotations

import json
import os
from typing import Any

from ..slider_core.given import names_file, quoted
from .input_folder import DATASETS, input_path

LARGEST = 4 << 20  # bytes of a file
JSON = (".json",)


def file_text(file: str, what: str, endings: tuple[str, ...] = JSON) -> str:
    """The text of a file below ComfyUI's input folder, in any of the encodings of JSON.

    Args:
        what: what the file should be, as the object of a sentence.

    Raises:
        ValueError: if there is no such file, or it is not text.
    """
    path = input_path(file)
    try:
        if path.suffix.lower() not in endings or not os.path.isfile(path):
            raise ValueError(
                f"There is no {what} {quoted(file)} below ComfyUI's input folder. Choose one that is there."
            )
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.name} is larger than {LARGEST >> 20} MB, so it is no {what}.")
        data = path.read_bytes()
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not text in UTF-8. Save it again as UTF-8.") from None
    except OSError as error:
        raise ValueError(f"{quoted(file)} cannot be read ({error.strerror}). Choose another file.") from None


def text_or_file(text: str, what: str, endings: tuple[str, ...] = JSON) -> str:
    """The text itself or, where it is the name of a file below ComfyUI's input or, marked, datasets folder, what stands
    there."""
    return file_text(text.strip(), what, endings) if _is_name(text, endings) else text


def changed_text(text: Any, endings: tuple[str, ...] = JSON) -> str:
    """For `fingerprint_inputs`: when the file that the text names was last changed; empty for no file."""
    try:
        if isinstance(text, str) and _is_name(text, endings):
            stat = input_path(text.strip()).stat()
            return f"{stat.st_mtime_ns} {stat.st_size}"
    except (OSError, ValueError):
        pass  # the run says what is wrong
    return ""


def _is_name(text: str, endings: tuple[str, ...]) -> bool:
    return names_file(text.strip().removesuffix(DATASETS), endings)
