"""The gradient of a step: in less memory where it runs out, clipped, and finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice

import torch
from torch import Generator, Tensor, nn

from ..data.cycle import Turn
from ..gradients.saved_tensors import SavedTensors
from .fit import Fit
from .last_good import NotFiniteError
from .model_call import ModelCalls, is_oom
from .on_model import OnModel
from .request import TrainRequest
from .rows import rows_of_turn
from .state import State
from .step import forward_backward


class TurnGradient:
    """Gives the slider's parameters the gradient of a turn."""

    def __init__(
        self, request: TrainRequest, slider: OnModel, state: State, fit: Fit, saved: SavedTensors
    ) -> None:
        self.request, self.slider, self.state, self.fit, self.saved = request, slider, state, fit, saved

    def of(self, turn: Turn, calls: ModelCalls) -> dict[int, float]:
        """Of the next step; the loss of each sign.

        Raises:
            NotFiniteError: if a loss or the gradient is not finite.
        """
        by_sign = self._fitting(turn, self.state.step, calls)
        self._check_finite(by_sign)
        return by_sign

    def of_first(self, turns: int, calls: ModelCalls) -> Tensor:
        """The mean one of the cycle's first turns, finite also for float16 models.

        Raises:
            NotFiniteError: as `of`.
        """
        total = torch.zeros_like(self.slider.flat.gradient)
        for step, turn in enumerate(islice(self.request.cycle.turns(), turns)):
            by_sign = self._fitting(turn, step, calls)
            total += self.slider.flat.gradient
        self.slider.flat.gradient.copy_(total / turns)
        finite = self._check_finite(by_sign)
        self.state.scaler.update()
        return self.slider.flat.gradient.clone() if finite else self.of_first(turns, calls)

    def _fitting(self, turn: Turn, step: int, calls: ModelCalls) -> dict[int, float]:
        """In less memory if it runs out."""
        while True:
            try:
                return self._gradient(turn, step, calls)
            except RuntimeError as error:
                out_of_memory = str(error) if is_oom(error) else None
                if out_of_memory is None and self.saved.careful:
                    raise
            if out_of_memory is not None:
                self.fit.smaller(out_of_memory, len(turn))
            else:
                self.saved.careful = True  # this step writes to what it keeps, as those before it did not

    def _gradient(self, turn: Turn, step: int, calls: ModelCalls) -> dict[int, float]:
        seed = (self.request.seed * 1_000_003 + step) % 2**63
        generator = Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.slider.refresh()
        rows = rows_of_turn(turn, calls, self.request, generator)
        with self.saved.active():
            return forward_backward(
                rows, calls, self.slider.attach, self.fit.rows_at_once, self.state.scaler.scale
            )

    def _check_finite(self, by_sign: Mapping[int, float]) -> bool:
        """Clips the gradient, and raises where it or the losses are not finite.

        Returns:
            False where the gradient of a float16 model overflowed: the scaler leaves such a step out.
        """
        scaler = self.state.scaler
        scaler.unscale_(self.state.optimiser)
        limit = self.request.max_norm or math.inf
        finite = bool(nn.utils.clip_grad_norm_(self.state.parameters, limit).isfinite())
        overflow = scaler.is_enabled() and not finite
        if not all(math.isfinite(loss) for loss in by_sign.values()) or not (finite or overflow):
            raise NotFiniteError(
                f"At step {self.state.step + 1} the loss or its gradient is not a finite number. The slider up to "
                "the step before is kept. Lower the learning rate, train in bfloat16 or float32, and look for broken "
                "pictures in the buckets."
            )
        return finite
