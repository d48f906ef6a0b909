"""Names that a user writes or pastes: native or diffusers names, SimpleTuner's slider lists, LyCORIS presets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ..given import checked_text, parsed_json
from .candidates import PICTURE, Candidate, whole
from .lycoris_lists import CLASSES, listed_targets
from .network import Network, TargetError
from .patterns import Pieces, ends, matches, pieces_of

EMPTY: Mapping[str, str] = MappingProxyType({})
MOST = 2000  # names in one list; a list of every layer of the largest model has fewer

_QKV = {"to_q", "to_k", "to_v", "to_qkv"}
_ATTENTION = {
    "to_q": {"to_q"},
    "to_k": {"to_k"},
    "to_v": {"to_v"},
    "to_query": {"to_q"},
    "to_key": {"to_k"},
    "to_value": {"to_v"},
    "to_out.0": {"to_out"},
    "to_out": {"to_out"},
    "to_qkv": _QKV,
    "to_qkv_mlp_proj": _QKV,
}
# The names of SimpleTuner's slider lists, which are diffusers' for some models, by what they mean in any model.
MEANING: dict[str, set[str]] = {
    **{f"{prefix}{name}": meant for name, meant in _ATTENTION.items() for prefix in ("", "attn.", "attn1.")},
    "proj_in": {"in"},
    "conv_in": {"in"},
    "proj_out": {"out"},
    "conv_out": {"out"},
    "time_embedding.linear_1": {"linear_1"},
    "time_embedding.linear_2": {"linear_2"},
}


def parsed(text: str | Iterable[str]) -> list[str]:
    """Names from a text field: a JSON list, a LyCORIS config, or names divided by lines, commas or spaces.

    Raises:
        TargetError: if the text is a JSON object that cannot be read or lists no target modules, if a name cannot
            be one, or if there are too many.
    """
    texts = [text] if isinstance(text, str) else text
    names = list(dict.fromkeys(name for item in texts for name in _read(item.strip())))
    if len(names) > MOST:
        raise TargetError(
            f"{len(names)} layer names are given; at most {MOST} are possible. Use * for numbers."
        )
    for name in names:
        try:
            pieces_of(checked_text(name, "a layer name"))
        except ValueError as error:
            raise TargetError(str(error)) from None
    return names


def _read(text: str) -> list[str]:
    if text.startswith("{") and '"' in text:
        return _of_lycoris(text)
    without_comments = re.sub(r"(?m)(^|\s)(#|//).*$", "", text)
    # Commas within braces divide alternatives, not names.
    return re.findall(r"""(?:\{[^{}\s"'\[\]]*\}|[^\s"'\[\],])+""", without_comments)


def _of_lycoris(text: str) -> list[str]:
    try:
        config = parsed_json(text, "it")
    except ValueError as error:
        raise TargetError(
            f"custom_targets starts like a JSON object but cannot be read: {error} Paste a whole LyCORIS config, "
            f"a JSON list of names, or one name a line."
        ) from None
    preset = config.get("apply_preset") or config
    try:
        found = listed_targets(preset) if isinstance(preset, dict) else []
    except ValueError as error:
        raise TargetError(f"custom_targets: {error}") from None
    if not found:
        raise TargetError(
            "the JSON in custom_targets has no `target_module` list (at its top or in `apply_preset`), so it names "
            "no layers."
        )
    return found


def named(
    name: str, possible: Sequence[Candidate], network: Network, classes: Mapping[str, str] = EMPTY
) -> list[Candidate]:
    """What a name selects: a name of SimpleTuner's lists by its meaning in the picture's stream, others as written.

    Args:
        classes: the family's: class names of diffusers, each with the pattern of the layers within.
    """
    if name in classes:
        return _in_pattern(classes[name], possible, network)
    if name in MEANING:
        picture = [entry for entry in possible if entry.part in PICTURE]
        return called(name, picture) or meant(name, picture)
    if name in CLASSES:
        return [entry for entry in possible if entry.target.role in CLASSES[name]]
    described = called(name, possible)
    whole_layers = {entry.layer for entry in described if entry.target.rows is None}
    rest = [whole(network, layer) for layer in network.layers if layer not in whole_layers]
    return [*described, *(called(name, rest) or _in_class(name, rest, network))]


def meant(name: str, entries: Iterable[Candidate]) -> list[Candidate]:
    """The entries that a name of SimpleTuner's lists means, whatever the model calls them."""
    return [entry for entry in entries if entry.word in MEANING.get(name, ())]


def called(name: str, entries: Iterable[Candidate], fused: bool = False) -> list[Candidate]:
    """The entries whose native or diffusers name ends with `name` at a dot, or else lies within a module so called.

    Args:
        fused: whether the native name of a fused weight stands for the ranges of its rows too.
    """
    pieces = pieces_of(name)
    found = [(entry, [_reach(pieces, one) for one in _names(entry, fused)]) for entry in entries]
    layers = [entry for entry, reached in found if "end" in reached]
    return layers or [entry for entry, reached in found if "dot" in reached]


def _reach(pieces: Pieces, name: str) -> str:
    """How far a pattern that begins at a dot comes: to the `end` of the name, to another `dot`, or to neither."""
    starts = [0, *(match.end() for match in re.finditer(r"\.", name))]
    stops = ends(pieces, name, starts)
    if len(name) in stops:
        return "end"
    return "dot" if any(name.startswith(".", stop) for stop in stops) else ""


def _names(entry: Candidate, fused: bool) -> list[str]:
    native = entry.target.layer if fused or entry.target.rows is None else None
    return [name for name in (native, entry.target.name) if name]


def _in_pattern(pattern: str, possible: Sequence[Candidate], network: Network) -> list[Candidate]:
    """Everything the family's file says of the layers that a pattern describes, and the others as a whole."""
    layers = {layer for layer in network.layers if matches(pattern, layer)}
    described = [entry for entry in possible if entry.layer in layers]
    rest = layers - {entry.layer for entry in described}
    return [*described, *(whole(network, layer) for layer in network.layers if layer in rest)]


def _in_class(name: str, entries: Iterable[Candidate], network: Network) -> list[Candidate]:
    """The layers within modules of a class, as LyCORIS's `target_module` names them."""
    holders = [path for path, module in network.module.named_modules() if type(module).__name__ == name]
    return [entry for entry in entries if any(entry.layer.startswith(f"{path}.") for path in holders)]
