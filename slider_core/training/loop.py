"""The training loop: the steps, the optimiser, what is saved on the way, and an orderly end in every case."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain, islice

import torch
from torch import nn

from ..applying.control import sliders_freed
from ..data.cycle import SIGN_NAMES, Turn
from ..gradients.saved_tensors import SavedTensors
from ..gradients.trainable import trainable
from .events import Event, Intermediate, Message, Paused, StepDone, Stopped, TrainedSlider
from .fit import Fit, OpenAgain, memory_needed
from .kept import Kept
from .last_good import ExplodedError, LastGood, NotFiniteError
from .mismatch import other_text_encoder
from .model_call import ModelCalls, is_oom, load
from .on_model import OnModel
from .optimisers import BY_NUMBER, make_optimiser
from .paced import Paced, pace_of
from .processes import ALONE, Processes
from .request import RequestError, TrainRequest
from .rows import rows_of_turn
from .state import State
from .step import forward_backward


def train(
    request: TrainRequest, on_event: Callable[[Event], None] | None = None, processes: Processes = ALONE
) -> TrainedSlider:
    """Trains a slider on the model of the request, and leaves that model as it was.

    Args:
        on_event: told of every step; what it raises (ComfyUI's interrupt) ends the training.
        processes: those that train it together, each with a model of its own; the first one writes, and the others'
            events are their steps alone.

    Raises:
        RequestError: for settings that do not go together.
        NotFiniteError: if the loss or its gradient is not finite, or explodes. For this, as for every other error and
            for a cancel, `on_event` has got a `Stopped` with the last good state before.
    """

    def tell(event: Event) -> None:
        if on_event and (processes.first or isinstance(event, StepDone)):
            on_event(event)

    devices = [request.model.load_device] if request.model.load_device.type == "cuda" else []
    with torch.inference_mode(False), torch.random.fork_rng(devices=devices):
        with processes.together():
            run = _Run(request, tell, processes)
        processes.check_alike(request)
        if before := processes.from_first(run.kept.finished_before):
            return before
        run.kept.resume()
        try:
            run.all_steps()
            with processes.together():
                run.kept.keep()
            return run.kept.result()
        except BaseException as reason:
            with processes.ending():
                run.stop(reason)
            raise


class _Run:
    """A training while it lasts: slider, optimiser, and how far it has come."""

    calls: ModelCalls

    def __init__(self, request: TrainRequest, tell: Callable[[Event], None], processes: Processes):
        self.request, self.tell, self.processes = request, tell, processes
        started = time.perf_counter()
        torch.manual_seed(request.seed)
        device = request.model.load_device
        self.controls = request.control_net.get_models() if request.control_net is not None else []
        # Some adapters start from the weight, patches included.
        load([request.model, *self.controls], memory_needed(request, processes))
        self.slider = OnModel(request, tell)
        by_number = request.optimiser in BY_NUMBER
        self.parameters = [self.slider.flat.whole] if by_number else self.slider.parameters
        self.optimiser = make_optimiser(
            request.optimiser, self.parameters, request.learning_rate, request.weight_decay
        )
        half = request.model.model_dtype() == torch.float16
        self.scaler = torch.amp.GradScaler(device.type, enabled=half)
        self.state = State(self.parameters, self.optimiser, self.scaler, pace_of(request))
        self.saved, self.good = SavedTensors(), LastGood(self.state)
        self.fit = Fit(request, self.saved, tell)
        self.paced = Paced(request, self.slider, self.state, self.fit, processes)
        self.kept = Kept(request, self.slider, self.state, tell, processes, started)

    @property
    def finished(self) -> bool:
        return self.state.step >= self.state.end(self.request.steps)

    def all_steps(self) -> None:
        """The steps that are left, with pauses outside of the training's hold on the model."""
        turns: Iterator[Turn] = islice(self.request.cycle.turns(), self.state.step, None)
        while not self.finished:
            done, rests = self.state.step, (self.request.preview_every, self.request.save_every)
            until = min([self.request.steps, *((done // every + 1) * every for every in rests if every)])
            with ExitStack() as opened:
                with self.processes.together():
                    self._open(opened)
                taken: list[Turn] = []
                try:
                    self._look()
                    while self.state.step < until and not self.finished:
                        taken = [next(turns)]
                        self._step_and_tell(taken[0])
                        taken = []
                        self._look()
                except OpenAgain:
                    turns = chain(taken, turns)
                    continue
            with self.processes.together():
                self._tell_of_rest()
        if self.state.pace is not None:
            self.tell(Message(self.state.pace.as_text()))

    def _open(self, opened: ExitStack) -> None:
        """Makes the model ready for steps, until `opened` is closed."""
        request = self.request
        memory = memory_needed(request, self.processes)
        opened.enter_context(sliders_freed(request.control_net))
        opened.enter_context(
            trainable(request.model, self.controls, memory, self.fit.checkpointing, self.saved)
        )
        self.calls = ModelCalls(request.model, request.control_net, request.vae)

    def _tell_of_rest(self) -> None:
        """Every so many steps the slider so far is there to be looked at or written."""
        previews, saves = (
            every and self.state.step % every == 0
            for every in (self.request.preview_every, self.request.save_every)
        )
        if previews or (self.request.preview_every and self.finished):
            self.tell(Paused(self.kept.result()))
        if saves and not self.finished:
            self.tell(Intermediate(self.kept.result()))

    def _step_and_tell(self, turn: Turn) -> None:
        before = time.perf_counter()
        by_sign = self._fitting_gradients(turn, self.state.step)
        with self.processes.together():
            losses = self._step(by_sign)
            step = self.state.step
            if self.request.checkpoint_every and step % self.request.checkpoint_every == 0:
                self.kept.keep()
            rate = self.optimiser.param_groups[0]["lr"]
            self.tell(
                StepDone(step, self.state.end(self.request.steps), losses, rate, time.perf_counter() - before)
            )

    def _step(self, by_sign: Mapping[int, float]) -> dict[str, float]:
        rate = self.paced.rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self._check_finite(by_sign)
        losses = {SIGN_NAMES[sign]: loss for sign, loss in by_sign.items()}
        losses = {"loss": sum(losses.values()) / len(losses), **losses}
        self.good.watch(losses["loss"], self.request.learning_rate or rate)
        self.state.update(losses)
        return losses

    def _look(self) -> None:
        self.paced.look(self.calls, self._fitting_gradients, self._check_finite)

    def _first_gradients(self, turn: Turn, step: int) -> tuple[dict[int, float], Counter[int]]:
        """Those of the first step, where it shows whether the captions are for this model."""
        try:
            return self._own_gradients(turn, step)
        except (RuntimeError, KeyError, TypeError, AttributeError) as error:
            reason = other_text_encoder(error, turn)
            if reason is None:
                raise
            raise RequestError(reason) from error

    def _fitting_gradients(self, turn: Turn, step: int) -> dict[int, float]:
        """The gradients of a step, of all processes; the loss of each sign."""
        with self.processes.together():
            is_first = self.state.step == self.kept.continued_from
            by_sign, counts = (self._first_gradients if is_first else self._own_gradients)(turn, step)
        self.processes.add_up(self.slider.flat.gradient)
        return self.processes.mean_losses(by_sign, counts)

    def _own_gradients(self, turn: Turn, step: int) -> tuple[dict[int, float], Counter[int]]:
        """Those of this process, in less memory if it runs out."""
        while True:
            try:
                return self._gradients(turn, step)
            except RuntimeError as error:
                out_of_memory = str(error) if is_oom(error) else None
                if out_of_memory is None and self.saved.careful:
                    raise
            if out_of_memory is not None:
                self.fit.smaller(out_of_memory, len(turn))
            else:
                self.saved.careful = True  # this step writes to what it keeps, as those before it did not

    def _gradients(self, turn: Turn, step: int) -> tuple[dict[int, float], Counter[int]]:
        seed = (self.request.seed * 1_000_003 + step) % 2**63
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.slider.refresh()
        everyones = rows_of_turn(turn, self.calls, self.request, generator)
        rows, total = self.processes.own(everyones), sum(row.weight for row in everyones)
        with torch.enable_grad(), self.saved.active():  # memory may have run out on the way into a no_grad
            by_sign = forward_backward(
                rows, self.calls, self.slider.attach, self.fit.rows_at_once, self.scaler.scale, total
            )
        return by_sign, Counter(row.sign for row in rows)

    def _check_finite(self, by_sign: Mapping[int, float]) -> bool:
        """Clips the gradients, and raises where they or the losses are not finite.

        Returns:
            False where those of a float16 model overflowed: the scaler leaves such a step out.
        """
        self.scaler.unscale_(self.optimiser)
        limit = self.request.max_norm or math.inf
        finite = bool(nn.utils.clip_grad_norm_(self.parameters, limit).isfinite())
        if not all(math.isfinite(loss) for loss in by_sign.values()) or not (
            finite or self.scaler.is_enabled()
        ):
            raise NotFiniteError(
                f"At step {self.state.step + 1} the loss or its gradient is not a finite number. The slider up to "
                "the step before is kept. Lower the learning rate, train in bfloat16 or float32, and look for broken "
                "pictures in the buckets."
            )
        return finite

    def stop(self, reason: BaseException) -> None:
        """Keeps what was trained, and tells of it."""
        try:
            if not isinstance(reason, ExplodedError):  # what it goes on from would explode again
                self.kept.keep()
        finally:
            self.tell(Stopped(self.kept.result(), reason))
