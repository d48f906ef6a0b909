"""ComfyUI's wrappers around a model call, opened once more around its backward pass.

Nodes and packs change a model for the time of a call by wrapping it: Apply Slider adds its adapters so. A block that
runs again in the backward pass must find the model changed in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from comfy.patcher_extension import WrapperExecutor, WrappersMP

KINDS = (WrappersMP.APPLY_MODEL, WrappersMP.DIFFUSION_MODEL)  # from the outside to the inside
KEY = "concept_sliders.record"


@dataclass(frozen=True)
class Entered:
    """What was called in wrappers: the object that the function belongs to, the wrappers and the arguments."""

    owner: Any
    wrappers: Sequence[Callable[..., Any]]
    args: tuple
    kwargs: dict[str, Any]


class WrappedCalls:
    """The wrappers of the last model call, in the order in which they were entered."""

    def __init__(self) -> None:
        self.entered: list[Entered] = []

    def record(self, transformer_options: dict[str, Any]) -> None:
        """Puts a wrapper of its own before all others in the options of the next model call."""
        self.entered = []
        wrappers = dict(transformer_options.get("wrappers", {}))
        for kind in KINDS:
            if any(wrappers.get(kind, {}).values()):
                wrappers[kind] = {KEY: [self._enter], **wrappers[kind]}
        if wrappers:
            transformer_options["wrappers"] = wrappers

    def _enter(self, executor: WrapperExecutor, *args: Any, **kwargs: Any) -> Any:
        if torch.is_grad_enabled():
            others = executor.wrappers[executor.idx + 1 :]
            self.entered.append(Entered(executor.class_obj, others, args, kwargs))
        return executor(*args, **kwargs)

    def run_again(self, function: Callable[[], None]) -> None:
        """Calls `function` once, inside the wrappers of the last model call."""
        entered, self.entered = self.entered, []
        done: list[bool] = []

        def once() -> None:
            if not done:
                done.append(True)
                function()

        _inside(entered, once)
        once()  # where a wrapper did not call the model at all


def _inside(entered: Sequence[Entered], function: Callable[[], None]) -> None:
    if not entered:
        return function()
    outer, *inner = entered

    def model(x: Any, *args: Any, **kwargs: Any) -> Any:
        _inside(inner, function)
        return (
            x.detach().clone() if isinstance(x, torch.Tensor) else x
        )  # wrappers may work on what a model returns

    executor = WrapperExecutor.new_class_executor(model, outer.owner, list(outer.wrappers))
    executor.execute(*outer.args, **outer.kwargs)
    return None
