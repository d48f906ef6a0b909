"""What a bad input may do: be refused with a sentence, or work; never a bare error, and never for long."""

import faulthandler
import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 20.0  # seconds for a case; one that takes ten times as long ends the whole run with a traceback
MOST_ECHOED = 120  # characters of the input in a row


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        run: called with an empty folder of its own; it is ComfyUI's input folder meanwhile.
        refuse: whether an error is the only right answer.
        given: text of the input, which a message must not repeat whole.
    """

    name: str
    run: Callable[[Path], Any]
    refuse: bool = False
    given: str = ""


def verdict(case: Case, folder: Path) -> str:
    """What is wrong with how a case went; empty for nothing."""
    faulthandler.dump_traceback_later(10 * LIMIT, exit=True)
    started = time.monotonic()
    try:
        case.run(folder)
        found = "was accepted" if case.refuse else ""
    except Exception as error:
        found = _wrong_with(error, case)
    finally:
        faulthandler.cancel_dump_traceback_later()
    seconds = time.monotonic() - started
    return f"took {seconds:.0f} s" if seconds > LIMIT else found


def _wrong_with(error: Exception, case: Case) -> str:
    """The pack's own errors, and ValueErrors, in whole sentences."""
    text, own = str(error), type(error).__module__.startswith("concept_sliders")
    if not (own or type(error) is ValueError) or not _is_sentence(text):
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"bare {type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {text[:200]!r}"
    if any(case.given[at : at + MOST_ECHOED] in text for at in range(0, len(case.given) - MOST_ECHOED, 40)):
        return f"echoes the input: {text[:300]!r}"
    return ""


def _is_sentence(text: str) -> bool:
    words, last = re.findall(r"[A-Za-z]{2,}", text), text.splitlines()[-1] if text else ""
    return len(words) >= 5 and re.search(r"[.?…)][\"']?$", last) is not None
