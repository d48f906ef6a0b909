"""The second axis of a sweep: several files, or strengths of a second slider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import folder_paths

from ..slider_core.given import quoted
from .loras import NO_FILE, changed, curve_used, deltas_on, file_label, slider_of

if TYPE_CHECKING:
    from ..slider_core.evaluation.sweep import Variant

MOST = 64  # places
SECOND = "concept_sliders.second"  # the name of the second slider on the model


@dataclass(frozen=True)
class SecondAxis:
    """What is varied beside the strength of the slider.

    Attributes:
        name: of the axis; empty where there is none.
        labels: of its places; one empty label where there is none.
        slider: the slider of the first place.
        notes: what to say first of tensors that do not fit.
    """

    name: str
    labels: tuple[str, ...]
    variants: tuple[Variant, ...]
    slider: Any
    notes: tuple[str, ...] = ()


def second_axis(
    model: Any,
    slider: Any,
    slider_file: str,
    compare: str,
    second_slider: Any,
    second_file: str,
    strengths: str,
    by_curve: bool = True,
) -> SecondAxis:
    """The axis that the inputs of Slider Sweep ask for.

    Args:
        by_curve: whether strengths go by the response curves that the sliders have.

    Raises:
        ValueError: for two axes at once, files that are not there, strengths without a slider, ….
    """
    files = files_of(compare)
    if files and strengths.strip():
        raise ValueError(
            "A sweep has one second axis: empty compare (several files) or second_strengths (a second slider)."
        )
    if strengths.strip():
        return _of_strengths(
            model, slider_of(slider, slider_file), second_slider, second_file, strengths, by_curve
        )
    if second_slider is not None or second_file != NO_FILE:
        raise ValueError("There is a second slider, but second_strengths is empty. Give them: -1, 0, 1.")
    own = [] if files and slider is None and slider_file == NO_FILE else [_named(slider, slider_file)]
    return _of_files(model, [*own, *((file_label(file), slider_of(None, file)) for file in files)], by_curve)


def _of_files(model: Any, sliders: Sequence[tuple[str, Any]], by_curve: bool) -> SecondAxis:
    from ..slider_core.evaluation.sweep import Variant

    variants, notes = [], []
    for label, slider in sliders:
        deltas, said = deltas_on(model, slider)
        variants.append(Variant(model, deltas, curve_used(slider, by_curve)))
        notes += [f"{label}: {note}" for note in said] if len(sliders) > 1 else said
    several = len(sliders) > 1
    labels = [label for label, _ in sliders] if several else [""]
    return SecondAxis("slider" if several else "", tuple(labels), tuple(variants), sliders[0][1], tuple(notes))


def _of_strengths(
    model: Any, slider: Any, second: Any, file: str, strengths: str, by_curve: bool
) -> SecondAxis:
    from ..slider_core.applying.apply import AppliedSlider, apply_slider
    from ..slider_core.evaluation.strengths import parse_strengths
    from ..slider_core.evaluation.sweep import Variant

    if second is None and file == NO_FILE:
        raise ValueError("second_strengths need a second slider: connect one, or choose a second_file.")
    values = parse_strengths(strengths)
    other = slider_of(second, file)
    (deltas, notes), (others, more) = deltas_on(model, slider), deltas_on(model, other)
    name = "second slider" if second is not None else file_label(file)
    curve, of_other = curve_used(slider, by_curve), curve_used(other, by_curve)
    models = [apply_slider(model, AppliedSlider(others, value, SECOND, curve=of_other)) for value in values]
    return SecondAxis(
        name,
        tuple(f"{name} {value:+.3g}" if value else f"{name} 0" for value in values),
        tuple(Variant(patched, deltas, curve) for patched in models),
        slider,
        (*notes, *more),
    )


def _named(slider: Any, slider_file: str) -> tuple[str, Any]:
    return ("slider" if slider is not None else file_label(slider_file)), slider_of(slider, slider_file)


def files_of(compare: str) -> list[str]:
    """The files of the LoRA folders that lines of names and patterns (`smile_*`) name, each once.

    Raises:
        ValueError: for a line that names none.
    """
    known = folder_paths.get_filename_list("loras")
    lines = [line.strip() for line in compare.splitlines() if line.strip()]
    files = list(dict.fromkeys(file for line in lines for file in _matches(line, known)))
    if len(files) > MOST:
        raise ValueError(f"compare names {len(files)} files; at most {MOST} are possible.")
    return files


def _matches(line: str, known: Sequence[str]) -> list[str]:
    wanted = line.replace("\\", "/")
    found = [
        file
        for file in known
        if any(fnmatchcase(given, wanted) for given in (file.replace("\\", "/"), file_label(file)))
    ]
    if not found:
        raise ValueError(
            f"No file of the LoRA folders is called {quoted(line)}. Give its name, or a pattern such as smile_*."
        )
    return found


def changed_files(compare: str, *files: str) -> list[float]:
    """For `fingerprint_inputs`: when the files were last written."""
    try:
        return [changed(file) for file in [*files, *files_of(compare)]]
    except ValueError:
        return []
