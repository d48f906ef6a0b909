"""Regular expressions that a user wrote, matched in a process of their own, so that one without end can be ended.

Python's `re` holds its process until it is done, and for `(a+)+$` that takes hours: ComfyUI could not even cancel.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable

from ..given import quoted

PATIENCE = 5.0  # seconds for all expressions of a config
LONGEST = 500  # characters of an expression
# Nothing in these repeats or branches, so that they are matched on the spot.
_HARMLESS = re.compile(r"[\w.^$-]*")
_MATCHING = """
import json, re, sys
expressions, names = json.load(sys.stdin)
for expression in expressions:
    print(json.dumps(expression), flush=True)
    try:
        found = [name for name in names if re.match(expression, name)]
    except (re.error, OverflowError, RecursionError):
        found = []
    print(json.dumps(found), flush=True)
"""


class ExpressionError(ValueError):
    """An expression is too long, or takes too long."""


def unreadable(expression: str) -> None:
    """Raises ExpressionError for what is no regular expression, saying why."""
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ExpressionError(
            f"{quoted(expression)} is no regular expression ({error}). Write one, such as .*attn2, or set use_fnmatch."
        ) from None


def matched(expressions: Iterable[str], names: Iterable[str]) -> dict[str, set[str]]:
    """Which of `names` each expression matches, from their beginning on (`re.match`); none for an invalid one.

    Raises:
        ExpressionError: if an expression is longer than LONGEST, or all together take more than PATIENCE seconds.
    """
    asked, among = list(dict.fromkeys(expressions)), list(dict.fromkeys(names))
    for expression in asked:
        if len(expression) > LONGEST:
            raise ExpressionError(f"the name {quoted(expression)} has more than {LONGEST} characters.")
    found = {one: {name for name in among if re.match(one, name)} for one in asked if _HARMLESS.fullmatch(one)}
    others = [one for one in asked if one not in found]
    return found | (_in_a_process(others, among) if others else {})


def _in_a_process(expressions: list[str], names: list[str]) -> dict[str, set[str]]:
    command = [sys.executable, "-I", "-S", "-c", _MATCHING]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows
    try:
        done = subprocess.run(
            command,
            input=json.dumps([expressions, names]),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            creationflags=hidden,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        written = error.stdout or b""
        at = (written.decode() if isinstance(written, bytes) else written).splitlines()
        slow = json.loads(at[-1 - (len(at) + 1) % 2]) if at else expressions[0]
        raise ExpressionError(
            f"matching the expression {quoted(slow)} takes more than {PATIENCE:g} seconds. Repeats within repeats, "
            "such as (a+)+, do that: write it without, or as a name with *."
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise ExpressionError(
            f"regular expressions need a second Python process, which could not be started ({error}). Write names "
            "with * instead."
        ) from None
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {expression: set(found) for expression, found in zip(lines[::2], lines[1::2], strict=True)}
