"""Tables of files and numbers: CSV as spreadsheets write it, TSV, JSONL and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from ..given import checked_text, parsed_json, quoted
from ..given import number as number_of
from .faults import PictureError, raise_all

TABLE_FILES = (".csv", ".tsv", ".jsonl", ".json")
FILE_NAMES = ("file", "file_name", "filename", "image", "name", "path")
NUMBER_NAMES = ("strength", "slider_strength", "number", "value", "score")
MOST_ROWS = 1_000_000


def read_table(text: str) -> dict[str, float]:
    """The numbers of a table, by file: CSV or TSV, with or without a line of names; JSONL, or a list in JSON.

    Raises:
        PictureError: naming the lines at fault.
    """
    checked_text(text, "The table of strengths", PictureError)
    text = text.removeprefix("\ufeff").strip()
    lines = _lines(text)
    if not lines:
        raise PictureError(
            "The table of strengths is empty. Write a line for each picture: its file, its number."
        )
    if len(lines) > MOST_ROWS:
        raise PictureError(
            f"The table of strengths has {len(lines):,} lines; at most {MOST_ROWS:,} are possible."
        )
    rows = _of_jsonl(lines) if text.startswith(("{", "[")) else _of_csv(lines)
    found: dict[str, float] = {}
    faults = []
    for where, file, given in rows:
        name, value = _plain(file), _number(given)
        if value is None:
            head = ", or call the columns file and strength" if where == "line 1" else ""
            faults.append(f"{where} of the table: {quoted(given)} is no number. Write one such as 0.7{head}.")
        elif name in found:
            faults.append(f"{where} of the table: {quoted(name)} has a number already. Take one of them out.")
        else:
            found[name] = value
    raise_all(faults, "lines of the table of strengths")
    return found


def _lines(text: str) -> list[str]:
    """The lines that are not empty, without the `sep=` line of Excel."""
    if text.startswith("["):
        rows = parsed_json(text, "The table of strengths", PictureError)
        return [json.dumps(row) for row in rows]
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[1:] if lines and re.fullmatch(r"sep=.", lines[0].strip(), re.IGNORECASE) else lines


def _of_csv(lines: Sequence[str]) -> list[tuple[str, str, Any]]:
    delimiter = _delimiter(lines[-1])
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, skipinitialspace=True))
    head = [cell.strip().lower() for cell in rows[0]]
    file_at, number_at = (
        next((i for i, cell in enumerate(head) if cell in names), None) for names in (FILE_NAMES, NUMBER_NAMES)
    )
    start = 0 if file_at is None and number_at is None else 1
    if file_at is None:
        file_at = 1 if number_at == 0 else 0
    if number_at is None:
        number_at = 0 if file_at == 1 else 1
    short = [number for number, row in enumerate(rows, 1) if len(row) <= max(file_at, number_at)]
    if short or len(rows) == start:
        raise PictureError(
            f"Line {short[0] if short else 1} of the table of strengths has no two columns. Write lines such as "
            f"face.png,0.7."
        )
    return [(f"line {i}", row[file_at], row[number_at]) for i, row in enumerate(rows[start:], start + 1)]


def _delimiter(line: str) -> str:
    """What is between the cells of a line with a number; a comma may also stand in the number."""
    for delimiter in "\t;":
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        if len(cells) > 1 and any(_number(cell) is not None for cell in cells):
            return delimiter
    return ","


def _of_jsonl(lines: Sequence[str]) -> list[tuple[str, str, Any]]:
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        keys = row if isinstance(row, dict) else {}
        file = next((keys[name] for name in FILE_NAMES if isinstance(keys.get(name), str)), None)
        given = next((keys[name] for name in NUMBER_NAMES if name in keys), None)
        if file is None or given is None:
            raise PictureError(
                f"Line {number} of the table of strengths is {quoted(line)}. Write lines such as "
                f'{{"file": "face.png", "strength": 0.7}}.'
            )
        rows.append((f"line {number}", file, given))
    return rows


def _plain(file: str) -> str:
    """A file as pictures are named: with forward slashes and without its ending."""
    path = unicodedata.normalize("NFC", file.strip()).replace("\\", "/").removeprefix("./")
    folder, slash, last = path.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    return f"{folder}{slash}{stem if dot and stem and ending.isalnum() and not ending.isdigit() else last}"


def _number(given: Any) -> float | None:
    found = None if isinstance(given, bool) else number_of(str(given))
    return found if found is not None and math.isfinite(found) else None
