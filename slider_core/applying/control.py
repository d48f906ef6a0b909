"""Sliders on ControlNets: adapters on the control network for the time of one call, a strength for each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from comfy.controlnet import ControlBase
from torch import Tensor, nn

from ..architectures import batch_dims
from ..deltas.addition import Joined
from ..replaced import replaced
from ..strength import STRENGTH_KEY, Delta, Strength, attached, with_strength
from .applied import READER, AppliedSlider, ByRow


class ControlError(ValueError):
    """The control given has no network that a slider could be on."""


class SlidingControl(ControlBase):
    """What a ControlNet's class gets added to carry sliders; copies carry them too.

    Attributes:
        given: strengths for this control alone, as a CONDITIONING carries them (see `at`).
    """

    sliders: tuple[ByRow, ...] = ()
    given: Strength | None = None

    previous_controlnet: Any
    model_sampling_current: Any

    def get_control(
        self,
        x_noisy: Tensor,
        t: Tensor,
        cond: Mapping[str, Any],
        batched_number: int,
        transformer_options: dict,
    ) -> Any:
        options = self._with_given(transformer_options)
        with ExitStack() as stack:
            if (before := self.previous_controlnet) is not None:  # may share our network, not our sliders
                made = _Made(before.get_control(x_noisy, t, cond, batched_number, transformer_options))
                stack.enter_context(replaced(self, "previous_controlnet", made))
            for by_row in self.sliders:
                slider = by_row.slider
                if slider.active(t, self.model_sampling_current.percent_to_sigma):
                    strengths = slider.row_strengths(x_noisy.shape[0], options)
                    attach = attached_to_control(self, slider.deltas, strengths, by_row.dims, by_row.kept)
                    stack.enter_context(attach)
            return super().get_control(x_noisy, t, cond, batched_number, transformer_options)

    def _with_given(self, options: dict) -> dict:
        if self.given is None:
            return options
        return {**options, READER: dict.fromkeys(options.get("uuids") or [None], self.given)}

    def cleanup(self) -> None:
        super().cleanup()
        for by_row in self.sliders:
            by_row.free()

    def copy(self) -> ControlBase:
        return _sliding(super().copy(), self.sliders, self.given)

    def at(self, strength: Strength) -> ControlBase:
        """A copy for a conditioning of its own strength, with the controls before it."""
        before = self.previous_controlnet
        clone = _sliding(self.copy(), self.sliders, strength)
        return clone.set_previous_controlnet(
            before.at(strength) if isinstance(before, SlidingControl) else before
        )


class _Made:
    """A previous ControlNet whose control is made already."""

    def __init__(self, control: Any):
        self.control = control

    def get_control(self, *args: Any) -> Any:
        return self.control


@contextmanager
def sliders_freed(control_net: ControlBase | None) -> Iterator[None]:
    """Frees what a cancelled sampling has left of a ControlNet's sliders, and at the end what was made meanwhile."""
    with ExitStack() as stack:
        for by_row in getattr(control_net, "sliders", ()):
            by_row.free()
            stack.callback(by_row.free)
        yield


def apply_slider_to_control_net(control_net: ControlBase, slider: AppliedSlider) -> ControlBase:
    """A copy of `control_net` whose calls run with the slider; several stack.

    Its layer names start with `control_model`. Conditionings' strengths arrive with the model call if the model has
    a slider too; else through `SlidingControl.at`.

    Raises:
        ControlError: for controls without a network of their own (Control-LoRA before sampling, T2I-Adapter).
    """
    if getattr(control_net, "control_model", None) is None:
        raise ControlError(
            f"A {type(control_net).__name__} has no network of its own to apply a slider to. Use a full ControlNet."
        )
    sliders = (*getattr(control_net, "sliders", ()), ByRow(slider, batch_dims(control_net)))
    return _sliding(control_net.copy(), sliders, None)


def conditioning_at(
    conditioning: Sequence[Any], strength: float | Sequence[float], slider: str = ""
) -> list[Any]:
    """A copy of a CONDITIONING whose entries, and the controls that they carry by now, have this strength.

    Args:
        slider: name of the slider that is meant; every slider if it is "".
    """
    entries = []
    for tensor, options in conditioning:
        options = with_strength(options, strength, slider)
        if isinstance(options.get("control"), SlidingControl):
            options["control"] = options["control"].at(options[STRENGTH_KEY])
        entries.append([tensor, options])
    return entries


@contextmanager
def attached_to_control(
    control_net: ControlBase,
    deltas: Mapping[str, Sequence[Delta]],
    strength: Tensor,
    batch_dims: Mapping[str, int] | None = None,
    kept: Joined | None = None,
) -> Iterator[None]:
    """`attached`, for a ControlNet: layer names start with `control_model`.

    A control picture that all rows share is given to each row, where their strengths differ.
    """
    network = nn.Module()
    network.control_model = control_net.control_model
    with ExitStack() as stack:
        if len(set(strength.tolist())) > 1:
            hook = control_net.control_model.register_forward_pre_hook(_picture_for_each_row, with_kwargs=True)
            stack.callback(hook.remove)
        stack.enter_context(attached(network, deltas, strength, batch_dims, kept))
        yield


def _picture_for_each_row(network: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict]:
    rows, picture = kwargs["x"].shape[0], kwargs["hint"]
    return args, {**kwargs, "hint": picture.expand(rows, *picture.shape[1:]) if len(picture) == 1 else picture}


def _sliding(
    control: ControlBase,
    sliders: tuple[ByRow, ...],
    given: Strength | None,
) -> ControlBase:
    if not isinstance(control, SlidingControl):
        control.__class__ = _sliding_class(type(control))  # type: ignore[arg-type]
    control.sliders, control.given = sliders, given
    return control


@cache
def _sliding_class(kind: Any) -> Any:
    return type(f"Sliding{kind.__name__}", (SlidingControl, kind), {})
