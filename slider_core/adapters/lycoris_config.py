"""LyCORIS configs, pasted as JSON or read from a file, as a plan: which kind of adapter goes on which target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..architectures import select_targets
from ..architectures.lycoris_lists import LISTS, listed_targets, names_in
from ..architectures.target import Target
from ..given import checked_text, parsed_json, quoted
from ..layers import layer_at
from .base import DROPOUTS, AdapterConfig
from .expressions import ExpressionError
from .lycoris_names import AlgoMaps, without_excluded
from .lycoris_presets import named_preset
from .lycoris_values import KNOWN, LycorisConfigError, checked_settings, switch
from .registry import KINDS, Plan, adapter_class, nearest, target_shape

PRESET = {"enable_conv", "target_module", "target_name", "module_algo_map", "name_algo_map"}
PRESET |= {"use_fnmatch", "exclude_name", "lora_prefix"}
TEXT_LISTS = {"text_encoder_target_module", "text_encoder_target_name"}  # sliders leave text encoders alone
PRESET |= {*LISTS, *TEXT_LISTS}
MOST_ENTRIES = 1000  # of a map


@dataclass(frozen=True)
class LycorisConfig:
    """A config that has been read and checked.

    Attributes:
        base: what goes on a target that neither map speaks of.
        modules, names: what differs, by module class or layer name: `module_algo_map` and `name_algo_map`.
        targets: names that select the targets; empty where the config leaves them to the caller.
        by_fnmatch: whether names are patterns with `*`, else regular expressions.
    """

    base: Mapping[str, Any]
    modules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    by_fnmatch: bool = False
    enable_conv: bool = True


def lycoris_plan(
    config: str | Path | Mapping[str, Any], model: Any, targets: Sequence[Target] | None = None
) -> Plan:
    """The plan of a LyCORIS config on a model.

    Args:
        config: JSON text, a file that has it, or what it says.
        targets: used where the config names no target modules; None for the slider preset.

    Raises:
        LycorisConfigError: if it cannot be read, or has an unknown key or value.
        TargetError: if its target modules match nothing.
    """
    read = read_config(config)
    if read.targets:
        targets = select_targets(model, "custom", custom=read.targets)
    elif targets is None:
        targets = select_targets(model)
    targets = _not_excluded(read, targets, model)
    try:
        maps = AlgoMaps(read.names, read.modules, read.by_fnmatch, model, targets)
    except ExpressionError as error:
        raise LycorisConfigError(f"name_algo_map: {error}") from None
    plan = [(target, adapter_config({**read.base, **maps.entry_for(target)})) for target in targets]
    maps.warn_of_unused()
    if not read.enable_conv:
        plan = [
            (target, c) for target, c in plan if target_shape(layer_at(model, target.layer), target).pointwise
        ]
    return plan


def _not_excluded(read: LycorisConfig, targets: Sequence[Target], model: Any) -> Sequence[Target]:
    try:
        left = without_excluded(targets, read.exclude, read.by_fnmatch, model)
    except ExpressionError as error:
        raise LycorisConfigError(f"exclude_name: {error}") from None
    if not left:
        raise LycorisConfigError(
            f"exclude_name {quoted(list(read.exclude))} leaves out all {len(targets)} targets."
        )
    return left


def read_config(config: str | Path | Mapping[str, Any]) -> LycorisConfig:
    """Reads and checks a config; what it says on a single target is checked too."""
    settings = _parsed(config)
    preset = _preset(settings)
    _check_keys(settings, KNOWN, "a LyCORIS config")
    _check_keys(preset, PRESET, "apply_preset")
    maps = {name: _map(preset, name) for name in ("module_algo_map", "name_algo_map")}
    try:
        listed, excluded = listed_targets(preset), names_in(preset, "exclude_name")
    except ValueError as error:
        raise LycorisConfigError(f"apply_preset.{error}") from None
    mapped = [*maps["module_algo_map"], *maps["name_algo_map"]] if listed else []
    read = LycorisConfig(
        base=checked_settings(settings),
        modules=maps["module_algo_map"],
        names=maps["name_algo_map"],
        targets=tuple(dict.fromkeys([*listed, *mapped])),
        exclude=tuple(excluded),
        by_fnmatch=switch("use_fnmatch", preset.get("use_fnmatch", False)),
        enable_conv=switch("enable_conv", preset.get("enable_conv", True)),
    )
    for entry in ({}, *read.modules.values(), *read.names.values()):
        adapter_class(adapter_config({**read.base, **entry}))
    return read


def _preset(settings: dict[str, Any]) -> Mapping[str, Any]:
    """What `apply_preset` says, or the list of LyCORIS's own that it or `preset` names; both keys are taken out."""
    given, name = settings.pop("apply_preset", None) or {}, settings.pop("preset", None)
    if isinstance(given, str) or (name is not None and not given):
        return named_preset(given or name)
    if not isinstance(given, Mapping):
        raise LycorisConfigError(
            "apply_preset must be an object with lists such as target_module, or the name of a preset."
        )
    return given


def _map(preset: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    given = preset.get(name) or {}
    if not isinstance(given, Mapping) or len(given) > MOST_ENTRIES:
        raise LycorisConfigError(
            f"{name} must be an object of at most {MOST_ENTRIES} entries, such as {{'attn1': {{'algo': 'lokr'}}}}, "
            f"not {quoted(given)}."
        )
    read = {}
    for key, entry in given.items():
        where = f"{name} of {quoted(key)}"
        if not isinstance(entry, Mapping):
            raise LycorisConfigError(f"{where} must be an object such as {{'algo': 'lokr'}}.")
        _check_keys(entry, KNOWN - {"apply_preset"}, where)
        read[checked_text(key, where, LycorisConfigError)] = checked_settings(entry)
    return read


def _parsed(config: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(config, Path):
        file = config
        try:
            config = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise LycorisConfigError(
                f"the LyCORIS config {file.name} cannot be read as UTF-8 text ({error})."
            ) from None
    if isinstance(config, str):
        config = parsed_json(config, "the LyCORIS config", LycorisConfigError)
    if not isinstance(config, Mapping):
        raise LycorisConfigError('a LyCORIS config is a JSON object: {"algo": "lokr", "linear_dim": 4, …}.')
    return dict(config)


def _check_keys(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise LycorisConfigError(f"{where} has the unknown key {quoted(key)}. {nearest(key[:100], known)}")


def adapter_config(settings: Mapping[str, Any]) -> AdapterConfig:
    """The config of an adapter from checked settings; what another algo would use is left out, as in LyCORIS."""
    kind = settings.get("algo", "lora")
    if settings.get("train_norm"):
        raise LycorisConfigError("train_norm is not possible: sliders go on linear layers and convolutions.")
    if settings.get("dora") and "dora" not in KINDS[kind].OPTIONS:
        raise LycorisConfigError(f"dora_wd works with algo lora, locon, loha and lokr, not with {kind}.")
    if settings.get("dora") and not settings.get("wd_on_output", True):
        raise LycorisConfigError("dora_wd works on the output only: leave wd_on_output out.")
    known = KINDS[kind].OPTIONS | DROPOUTS
    config = AdapterConfig(
        kind=kind,
        rank=settings.get("dim", 4),
        alpha=settings.get("alpha", 1.0),
        conv_rank=settings.get("conv_dim"),
        conv_alpha=settings.get("conv_alpha"),
        options={key: value for key, value in settings.items() if key in known and value},
    )
    return _multiplied(config, settings.get("multiplier", 1.0))


def _multiplied(config: AdapterConfig, multiplier: float) -> AdapterConfig:
    """LyCORIS's multiplier, moved into alpha: it scales the addition all the same."""
    if multiplier == 1.0:
        return config
    if multiplier == 0.0:
        raise LycorisConfigError("multiplier 0 would train nothing: leave it out, or give another number.")
    if config.kind not in ("lora", "locon", "loha", "lokr", "glora", "dylora"):
        raise LycorisConfigError(f"multiplier must be 1 for algo {config.kind}: choose strengths instead.")
    conv = None if config.conv_alpha is None else config.conv_alpha * multiplier
    return replace(config, alpha=(config.alpha or config.rank) * multiplier, conv_alpha=conv)
