"""Widgets made of settings: what a node shows is what the core says of a setting."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.settings import Choice, Real, Setting, Settings, Switch, Text, Whole, default_of, settings_of

FIXED = io.ControlAfterGenerate.fixed


def widgets(kind: type[Settings], names: str, later: bool = False) -> list[io.Input]:
    """The widgets of these settings (names with blanks between them), in this order, which saved workflows rely on.

    Args:
        later: they came after the node did, so that workflows may lack them.
    """
    known = settings_of(kind)
    return [_widget(name, known[name], default_of(kind, name), later) for name in names.split()]


def _widget(name: str, setting: Setting, default: Any, optional: bool) -> io.Input:
    told: dict[str, Any] = {"default": default, "tooltip": setting.help, "advanced": setting.advanced or None}
    told["optional"] = optional
    match setting:
        case Whole(low, high, step, drawn):
            told |= {"step": step if step > 1 else None} if not drawn else {"control_after_generate": FIXED}
            return io.Int.Input(name, min=low, max=high, **told)
        case Real(low, high, step, rounded):
            return io.Float.Input(name, min=low, max=high, step=step, round=rounded or None, **told)
        case Choice():
            return io.Combo.Input(name, options=setting.options, **told)
        case Switch():
            return io.Boolean.Input(name, **told)
        case Text():
            return io.String.Input(name, multiline=setting.multiline, **told)
    raise TypeError(f"there is no widget for {type(setting).__name__}")
