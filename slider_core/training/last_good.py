"""What a training goes back to when its loss explodes: the slider of some steps before."""

from __future__ import annotations

from torch import Tensor

from .state import State

# A loss of EXPLODED times what the model had without the slider. Targets are about as large as noise, so a first loss
# below 1 (a picture that is nearly clean, say) counts as 1. A tenth of it is no state to go back to any more.
EXPLODED = 100.0
EVERY = 10  # steps


class NotFiniteError(ArithmeticError):
    """The loss or its gradient became infinite or NaN; the slider is as it was before that step."""


class ExplodedError(NotFiniteError):
    """The loss became many times what it was; the slider is as it was some steps before."""


class LastGood:
    """The parameters of a training at one of its latest steps, in main memory."""

    def __init__(self, state: State):
        self.state, self.step = state, 0
        self.kept: list[Tensor] = []

    def watch(self, loss: float, learning_rate: float) -> None:
        """To be called before each step of the optimiser, with the loss of the parameters as they are.

        Raises:
            ExplodedError: if the loss has exploded; the state is taken back by then.
        """
        losses = self.state.losses["loss"]
        limit = EXPLODED * max(1.0, losses[0] if losses else loss)
        if loss > limit and self.kept:
            at = self.state.step + 1
            self.state.take_back_to(self.step, self.kept)
            kept = f"The slider of step {self.step} is kept." if self.step else "No step before was a good one."
            raise ExplodedError(
                f"At step {at} the loss is {loss:.1e}, more than {EXPLODED:g} times what it was at the start: the "
                f"training has exploded. {kept} Lower the learning rate, which is {learning_rate:g}."
            )
        if loss <= limit / 10 and (not self.kept or self.state.step % EVERY == 0):
            self._keep()

    def _keep(self) -> None:
        self.step = self.state.step
        if not self.kept:
            self.kept = [parameter.detach().to("cpu", copy=True) for parameter in self.state.parameters]
        for copy, parameter in zip(self.kept, self.state.parameters, strict=True):
            copy.copy_(parameter.detach())
