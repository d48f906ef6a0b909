"""Writes web/docs/reference/compatibility.md: what works on which model family, and which tests show it.

    python3 scripts/run.py python scripts/compatibility.py

Families come from the registry, marks from the tests that pytest finds: a mark stands only where each of the tests
named for it runs on that family, and since all tests must pass, the table cannot claim more than is so.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "web" / "docs" / "reference" / "compatibility.md"
COLLECTED = ("tests/architectures", "tests/files", "tests/test_gradients.py", "tests/test_control.py")

TARGETS = "tests/architectures/test_slider.py::test_"
KIND = "tests/architectures/test_kinds.py::test_the_kind_runs_on_the_family"
TRAINED = (
    "tests/test_gradients.py::test_every_targets_gradient_equals_finite_differences",
    "tests/test_gradients.py::test_training_changes_the_adapter_and_nothing_else",
    "tests/test_gradients.py::test_each_row_of_a_batch_has_its_own_strength",
    "tests/files/test_stock_loader.py::test_lora_on_every_family",
)
CONTROL = (
    f"{TARGETS}control_net",
    "tests/test_control.py::test_gradients_are_exact_with_a_control_active",
    "tests/test_control.py::test_rows_and_conditionings_have_their_own_strength",
)
YES, LAYERS, NONE = "✓", "layers", "–"

HEAD = """\
# What works on which model

A slider needs the right layers of a model, exact gradients there, and adapters that run on them. This table says for
every model family how far that is shown, by tests on ComfyUI's own model code with random weights. It is generated
(`scripts/compatibility.py`); a test fails where it is out of date.

- **✓** every test named for the column below the table runs on this family.
- **layers** the layers are checked on the real modules, but not each of these tests runs on them, or no slider can be
  trained on the family yet.
- **–** ComfyUI has no such thing, or no test shows it.

MiniMax H3 takes one sample a call, so its samples have their own strengths in calls of their own.

| Family | Tried as | LoRA | LyCORIS | full | ControlNet |
|---|---|---|---|---|---|
"""


NEWER_THAN_TESTED = """\
Newer than the ComfyUI that the tests run on (0.30): {}. Their layers are checked by
name and size, and against the real modules wherever the tests run on a ComfyUI that has them.

A family that this table does not know gets the general rule: self-attention, found by the structure of the modules,
and a warning in the reports of Slider Targets and Train Slider.

"""


@dataclass(frozen=True)
class Shown:
    """Which tests run on which variant: node id without parameters, to the sets of its parameters."""

    runs: dict[str, list[set[str]]] = field(default_factory=dict)

    def on(self, test: str, *parameters: str) -> bool:
        return any(set(parameters) <= run for run in self.runs.get(test, ()))


def collected() -> Shown:
    """What pytest would run.

    Raises:
        LookupError: if a test that a mark stands for is gone, or renamed.
    """
    options = ["-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", "--collect-only", "-q"]
    command = [sys.executable, "-m", "pytest", *options, *COLLECTED]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    runs: dict[str, list[set[str]]] = {}
    for test, parameters in re.findall(r"^(tests/\S+::\w+)\[(.+)\]$", output, flags=re.MULTILINE):
        runs.setdefault(test, []).append(set(parameters.split("-")))
    gone = {*TRAINED, *CONTROL, KIND} - runs.keys()
    if gone:
        raise LookupError(
            f"no such test: {', '.join(sorted(gone))}. Name the tests in {Path(__file__).name} anew."
        )
    return Shown(runs)


def table(shown: Shown) -> str:
    """The page."""
    from architectures.test_kinds import LYCORIS
    from concept_sliders.slider_core.architectures import all_families
    from families import CONTROL as CONTROL_NETS
    from families import NEWER, TINY, WIDE

    tried = {**TINY, **WIDE}
    rows = []
    for family in all_families():
        names = [name for name, variant in tried.items() if variant.family == family.name]
        if family.control or not names:
            continue
        steering = [other.name for other in all_families() if family.name in other.control]
        controls = [name for name, control in CONTROL_NETS.items() if control.family in steering]
        marks = (
            mark(shown, names, TRAINED),
            mark(shown, names, [KIND], *LYCORIS),
            mark(shown, names, [KIND], "full"),
            control_mark(shown, controls),
        )
        if family.untrainable:
            marks = tuple(LAYERS if each == YES else each for each in marks)
        rows.append(f"| {family.name} | {', '.join(names)} | {' | '.join(marks)} |")
    untrainable = [f"{family.untrainable}\n\n" for family in all_families() if family.untrainable]
    newer = NEWER_THAN_TESTED.format(", ".join(sorted(newer.family for newer in NEWER.values())))
    return HEAD + "\n".join(rows) + "\n\n" + "".join(untrainable) + newer + differences() + footnotes(LYCORIS)


def differences() -> str:
    """Where SimpleTuner's lists, read letter by letter, select other layers than the rule means."""
    from concept_sliders.slider_core.architectures import all_families

    lines = [f"- {family.name}: {family.literal}" for family in all_families() if family.literal]
    return "\n".join(["Layers that differ from what SimpleTuner's lists select there:", "", *lines, "", ""])


def mark(shown: Shown, names: Iterable[str], tests: Iterable[str], *kinds: str) -> str:
    """Whether the tests run on a family, in one of the variants that it is tried as."""
    small = [name for name in names if shown.on(f"{TARGETS}tiny_model", name)]
    if small and all(shown.on(test, name, *kind) for test in tests for name in small for kind in pairs(kinds)):
        return YES
    return LAYERS


def pairs(kinds: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [(kind,) for kind in kinds] or [()]


def control_mark(shown: Shown, names: list[str]) -> str:
    """Whether the ControlNets that steer a family can be trained."""
    if not names:
        return NONE
    return YES if all(shown.on(test, name) for test in CONTROL for name in names) else LAYERS


def footnotes(lycoris: Iterable[str]) -> str:
    columns = {
        "Layers (all)": [f"{TARGETS}tiny_model", f"{TARGETS}published_model"],
        "LoRA": TRAINED,
        f"LyCORIS ({', '.join(lycoris)}) and full": [
            KIND,
            "tests/adapters/test_kinds.py (gradients, each kind)",
        ],
        "ControlNet": CONTROL,
    }
    lines = ["The tests behind the marks:", ""]
    return (
        "\n".join([*lines, *(f"- {name}: " + ", ".join(f"`{t}`" for t in columns[name]) for name in columns)])
        + "\n"
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(table(collected()), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
