"""Selects targets: a preset, or names, on a model whose family is recognised."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..given import quoted
from ..settings.targets import PRESETS, TargetSettings
from . import names
from .candidates import PICTURE, Candidate, candidates
from .family import Family
from .general_rule import UNKNOWN
from .network import Network, TargetError, network_of
from .patterns import summed_up
from .registry import family_of
from .selection import Selection
from .skipped import is_text, skipped
from .target import Target

MOST_SAID = 10  # names of which a message speaks one by one


def select_targets(
    model: Any, preset: str = "slider", custom: str | Iterable[str] = (), exclude: str | Iterable[str] = ()
) -> list[Target]:
    """The targets of a model; see `select`."""
    return list(select(model, preset, custom, exclude).targets)


def select(
    model: Any, preset: str = "slider", custom: str | Iterable[str] = (), exclude: str | Iterable[str] = ()
) -> Selection:
    """The targets of a model, with what the report says about them.

    Args:
        model: ModelPatcher, BaseModel or ControlNet.
        preset: `slider`, the rule of Concept Sliders: self-attention of the picture's stream and, on most families,
            the projections and convolutions in and out of the picture and the time embedding; `attention`, all
            attention projections, of text too; `mlp`, the picture stream's MLP layers; `custom`, the names given.
        custom: native or diffusers names, or text that lists them; each selects the layers whose name ends with it
            at a dot. Names of SimpleTuner's slider lists select what they mean, in the picture's stream only.
        exclude: names of layers to leave out, whatever the preset.

    Raises:
        TargetError: if nothing is selected, or the preset or the model is not one.
    """
    if preset not in PRESETS:
        raise TargetError(f"there is no preset {quoted(preset)}; choose one of {', '.join(PRESETS)}.")
    network = network_of(model)
    family = family_of(network)
    possible = candidates(network, family)
    notes: list[str] = []
    if preset == "custom":
        chosen = _custom(names.parsed(custom), possible, network, dict(family.classes), notes)
    else:
        chosen = [entry for entry in possible if entry.part in parts_of(preset, family)]
    chosen = _without(names.parsed(exclude), chosen, notes)
    if not chosen:
        raise TargetError(_nothing(network, family, possible, preset, names.parsed(custom)))
    return Selection(
        targets=tuple(entry.target for entry in chosen),
        family=family.name,
        preset=preset,
        on_control_net=network.is_control_net,
        skipped=skipped(network, family, possible, chosen, preset),
        warnings=(*notes, *_warnings(family, chosen)),
    )


def select_by(settings: TargetSettings, model: Any) -> Selection:
    """`select`, as these settings ask for it."""
    custom = settings.custom_targets if settings.preset == "custom" else ()
    return select(model, settings.preset, custom, settings.exclude)


def names_fault(preset: str, custom: str, exclude: str) -> str:
    """What is wrong with the names of a selection, as far as is known without a model; empty if nothing is."""
    try:
        wanted = names.parsed(custom)
        names.parsed(exclude)
    except ValueError as error:
        return str(error)
    if preset == "custom" and not wanted:
        return "Preset custom needs names in custom_targets: one layer name a line, or a JSON list of them."
    return ""


def untrainable(model: Any) -> str:
    """Why no slider can be trained on a model of this family; empty where one can."""
    return family_of(network_of(model)).untrainable


def parts_of(preset: str, family: Family) -> tuple[str, ...]:
    """The parts of a family's file that a preset takes."""
    if preset == "slider" and family.name == UNKNOWN:
        return ("attention",) if family.attention else ("mlp",)
    if preset == "slider":
        return ("attention",) if family.attention_only else PICTURE
    return {"attention": ("attention", "other_attention"), "mlp": ("mlp",)}[preset]


def _custom(
    wanted: Sequence[str],
    possible: list[Candidate],
    network: Network,
    classes: Mapping[str, str],
    notes: list[str],
) -> list[Candidate]:
    if not wanted:
        raise TargetError("preset custom needs names in custom_targets: a JSON list, or one name a line.")
    found: dict[Target, Candidate] = {}
    missing: list[str] = []
    for name in wanted:
        entries = names.named(name, possible, network, classes)
        found |= {entry.target: entry for entry in entries}
        if not entries:
            missing.append(quoted(name))
    notes += _missing("No layer is called", missing)
    notes += _also_matched(wanted, possible)
    whole_layers = {target.key for target in found if target.rows is None}
    kept = [entry for target, entry in found.items() if target.rows is None or target.key not in whole_layers]
    order = {layer: index for index, layer in enumerate(network.layers)}
    return sorted(kept, key=lambda entry: (order[entry.layer], entry.target.rows or (0, 0)))


def _missing(what: str, names: Sequence[str]) -> list[str]:
    said = [f"{what} {name}." for name in names[:MOST_SAID]]
    return [*said, f"… and {len(names) - MOST_SAID} names more."] if len(names) > MOST_SAID else said


def _also_matched(wanted: Sequence[str], possible: Sequence[Candidate]) -> list[str]:
    """Says which layers the names of SimpleTuner's lists match letter by letter beyond what they mean."""
    other = [entry for entry in possible if entry.part not in PICTURE]
    matched = {entry.layer for name in wanted if name in names.MEANING for entry in names.called(name, other)}
    patterns = [pattern for pattern, _ in summed_up(entry.layer for entry in other if entry.layer in matched)]
    return [f"Left out although the names match letter by letter: {', '.join(patterns)}."] if matched else []


def _without(unwanted: Sequence[str], chosen: list[Candidate], notes: list[str]) -> list[Candidate]:
    missing: list[str] = []
    for name in unwanted:
        hit = set(names.called(name, chosen, fused=True) or names.meant(name, chosen))
        if not hit:
            missing.append(quoted(name))
        chosen = [entry for entry in chosen if entry not in hit]
    notes += _missing("exclude: nothing selected is called", missing)
    return chosen


def _warnings(family: Family, chosen: Sequence[Candidate]) -> list[str]:
    text = [entry.layer for entry in chosen if is_text(family, entry)]
    warnings = [f"Text layers are among the targets: {p} ({n})." for p, n in summed_up(text)]
    untrainable = [family.untrainable] if family.untrainable else []
    return [*untrainable, *warnings, *family.caveats]


def _nothing(
    network: Network, family: Family, possible: list[Candidate], preset: str, wanted: Sequence[str]
) -> str:
    lines = [f"preset {preset} selects nothing on this model (family {family.name})."]
    known = {".".join(n.split(".")[-3:]) for e in possible for n in (e.layer, e.target.name) if n}
    known |= {".".join(layer.split(".")[-2:]) for layer in network.layers}
    for name in wanted[:MOST_SAID]:
        near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "nothing is called so."
        lines.append(f"  {quoted(name)}: {hint}")
    lines.append("The model has:")
    lines += [f"  {pattern} ({count})" for pattern, count in summed_up(network.layers)]
    return "\n".join(lines)
