"""What trainings with found and with fixed rates say: a row each, and the found beside the best fixed one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

COLUMNS = ("range", "Spearman", "leak", "leak / range", "choices changed")
HEAD = ("model", "concept", "kind", "rate", "seed", "steps", "first rate", "reach", *COLUMNS, "CPU s")
HEADING = f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}"
SPANS = {"smile": 1.9, "eyes": 1.0, "eye_size": 0.4, "face_size": 0.2, "x": 0.16, "y": 0.12}
SEEN = 0.5  # part of what the pictures span that a slider must reach to count as one that works
WITHIN = 1.1  # times the leak / range of the best fixed rate
AS_FAR = 0.9  # part of the range that a fixed rate must give to be compared with at the same range
Line = Mapping[str, Any]


def read(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def row(line: Line) -> str:
    cells = [str(line[name]) for name in ("model", "concept", "kind", "name", "seed")]
    if "error" in line:
        return f"| {' | '.join(cells)} | {line['error']} |"
    reach = f"{float(line['reach']):.2f}" if line["reach"] else ""
    cells += [str(line["steps"]), f"{line['rate']:.2g}", reach]
    cells += [*(f"{line[column]:.3f}" for column in COLUMNS), f"{line['seconds']:.1f}"]
    return f"| {' | '.join(cells)} |"


def seen(lines: Sequence[Line]) -> bool:
    return mean(line["range"] for line in lines) >= SEEN * SPANS[lines[0]["concept"]]


def best(fixed: Mapping[str, list[Line]]) -> str | None:
    """The rate of least leak / range, in the mean over the seeds, among those whose sliders one can see."""
    able = {name: mean(line["leak / range"] for line in lines) for name, lines in fixed.items() if seen(lines)}
    return min(able, key=lambda name: able[name]) if able else None


def of_whole_seeds(by_name: Mapping[str, list[Line]]) -> dict[str, list[Line]]:
    """Without the seeds of which some fixed rate was not trained any more."""
    fixed = [some for name, some in by_name.items() if name.startswith("fixed")]
    whole = set.intersection(*({line["seed"] for line in some} for some in fixed)) if fixed else set()
    kept = {name: [line for line in some if line["seed"] in whole] for name, some in by_name.items()}
    return {name: some for name, some in kept.items() if some}


def beaten(line: Line, by_name: Mapping[str, list[Line]]) -> bool:
    """Whether a fixed rate with the same seed gives at least nearly its range at clearly less leak / range."""
    rivals = [other for name, some in by_name.items() if name.startswith("fixed") for other in some]
    return any(
        other["seed"] == line["seed"]
        and other["range"] >= AS_FAR * line["range"]
        and line["leak / range"] > WITHIN * other["leak / range"]
        for other in rivals
    )


def summaries(file: Path) -> str:
    """One for the rates that are found, and one for each other way to find them."""
    lines = read(file)
    ways = {line["name"].split(" from ")[0] for line in lines if not line["name"].startswith("fixed")}
    return "\n\n".join(summary(lines, way) for way in sorted(ways))


def summary(lines: Sequence[Line], way: str = "found") -> str:
    """A row for each concept and kind, and how many of the trainings come up to those of the best fixed rate."""
    groups: dict[tuple[str, ...], dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if "error" not in line:
            groups[line["model"], line["concept"], line["kind"]][line["name"]].append(line)
    rows, good, as_good, all_of_them, broken = [], 0, 0, 0, 0
    for key, by_name in groups.items():
        by_name = of_whole_seeds(by_name)
        name = best({name: some for name, some in by_name.items() if name.startswith("fixed")})
        found = [line for other, some in by_name.items() if other.startswith(way) for line in some]
        if name is None or not found:
            continue
        fixed = by_name[name]
        wanted = {line["seed"]: WITHIN * line["leak / range"] for line in fixed}
        within = [line["leak / range"] <= wanted[line["seed"]] for line in found]
        good, all_of_them = good + sum(within), all_of_them + len(found)
        as_good += sum(not beaten(line, by_name) for line in found)
        broken += sum(not seen([line]) or line["choices changed"] > 0.05 for line in found)
        rows.append(_row(key, name, fixed, found, sum(within)))
    failed = sum("error" in line for line in lines)
    head = f"| model, concept, kind | best | range | leak / range | {way}: range | leak / range | within 10 % | time |"
    said = (
        f"{way}: of {all_of_them}, {good} end within 10 % of the best fixed rate's leak / range with the same seed, "
        f"{as_good} of the best one's that goes as far; {broken} broken (less than half of the pictures' span, or "
        f"other choices); {failed} trainings failed."
    )
    return "\n".join([head, f"|{'---|' * 8}", *rows, "", said])


def _row(key: tuple[str, ...], name: str, fixed: list[Line], found: list[Line], within: int) -> str:
    def of(lines: list[Line], column: str, digits: int) -> str:
        return f"{mean(line[column] for line in lines):.{digits}f}"

    cells = [
        ", ".join(key),
        name.removeprefix("fixed at "),
        of(fixed, "range", 2),
        of(fixed, "leak / range", 3),
    ]
    cells += [of(found, "range", 2), of(found, "leak / range", 3), f"{within} of {len(found)}"]
    cells += [f"{mean(line['seconds'] for line in found) / mean(line['seconds'] for line in fixed):.2f}"]
    return f"| {' | '.join(cells)} |"
