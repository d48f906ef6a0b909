"""What ComfyUI leaves unchecked of a node's inputs: values that come by a link or the API, and lists of values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from comfy_api.latest import io

from ..slider_core import internals
from ..slider_core.given import quoted
from ..slider_core.settings import Choice, Real, Setting, Switch, Text, Whole


def checked(many: Sequence[str] = (), own: Sequence[str] = ()) -> Callable[[Callable], Callable]:
    """Makes a node's `execute` refuse what its own schema does not allow.

    ComfyUI checks widgets against their least and greatest value, but lets NaN pass, and whatever comes by a link.
    To a node with `is_input_list` it gives a list of values for each input, which is taken apart here.

    Args:
        many: inputs of which there may be several values; they are handed on as lists.
        own: choices that the node checks itself.
    """

    def decorate(execute: Callable) -> Callable:
        names = list(inspect.signature(execute).parameters)[1:]

        @wraps(execute)
        def run(cls: Any, *args: Any, **kwargs: Any) -> Any:
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            schema = cls.define_schema()
            for widget in schema.inputs:
                if widget.id not in given:
                    continue
                values = _values(widget, given[widget.id]) if schema.is_input_list else [given[widget.id]]
                if widget.id not in many and len(values) != 1:
                    raise ValueError(
                        f"{widget.id} of {schema.display_name} got a list of {len(values)} values, and can use only "
                        f"one. Connect a node that gives one."
                    )
                if widget.id not in own:
                    for value in values:
                        _check(widget, value)
                given[widget.id] = values if widget.id in many else values[0]
            with internals.named():
                return execute(cls, **given)

        return run

    return decorate


def one(value: Any) -> Any:
    """For `validate_inputs` and `fingerprint_inputs` of nodes with `is_input_list`: the value in its list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _values(widget: io.Input, value: Any) -> list[Any]:
    """The values of an input, which is a list of them where ComfyUI calls, and one where a script does."""
    if not isinstance(value, list) or (isinstance(widget, io.Conditioning.Input) and _is_conditioning(value)):
        return [value]
    return value


def _is_conditioning(value: list[Any]) -> bool:
    first = value[0] if value else None
    return isinstance(first, list | tuple) and bool(first) and isinstance(first[0], torch.Tensor)


def _check(widget: io.Input, value: Any) -> None:
    """Raises ValueError for a value that the widget does not allow, or for none on a socket that needs one."""
    if value is None and not widget.optional:
        raise ValueError(
            f"The {widget.id} input got nothing: the checkpoint or node before it has none. Load it with a node of its "
            f"own."
        )
    setting = _setting(widget)
    fault = setting.fault(value) if setting else ""
    nothing = value is None and widget.optional and getattr(widget, "default", None) is None
    if fault and not nothing:
        raise ValueError(f"{widget.id} is {quoted(value)}; {fault}")


def _setting(widget: io.Input) -> Setting | None:
    """What values a widget takes, as the core says it of its own settings."""
    if isinstance(widget, io.Int.Input):
        return Whole(widget.min, widget.max)
    if isinstance(widget, io.Float.Input):
        return Real(widget.min, widget.max, widget.step)
    if isinstance(widget, io.Combo.Input):
        return Choice(list(map(str, widget.options or [])))
    if isinstance(widget, io.String.Input):
        return Text()
    return Switch() if isinstance(widget, io.Boolean.Input) else None
