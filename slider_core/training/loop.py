"""The training loop: the steps, the optimiser, what is saved on the way, and an orderly end in every case."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from ..applying.control import sliders_freed
from ..data.cycle import SIGN_NAMES, Turn
from ..files import to_slider
from ..files.atomic import NotWrittenError
from ..gradients.saved_tensors import SavedTensors
from ..gradients.trainable import trainable
from .checkpoint import read_checkpoint, write_checkpoint
from .events import Event, Intermediate, Message, Paused, StepDone, Stopped, TrainedSlider
from .fingerprint import fingerprint
from .finished import LOSSES, TRAINING, finished, losses_text
from .fit import Fit, OpenAgain, memory_needed
from .last_good import ExplodedError, LastGood, NotFiniteError
from .model_call import ModelCalls, is_oom, load
from .on_model import OnModel
from .optimisers import BY_NUMBER, make_optimiser
from .paced import Paced, pace_of
from .request import TrainRequest
from .rows import rows_of_turn
from .state import State
from .step import forward_backward


def train(request: TrainRequest, on_event: Callable[[Event], None] | None = None) -> TrainedSlider:
    """Trains a slider on the model of the request, and leaves that model as it was.

    Args:
        on_event: told of every step; what it raises (ComfyUI's interrupt) ends the training.

    Raises:
        RequestError: for settings that do not go together.
        NotFiniteError: if the loss or its gradient is not finite, or explodes. For this, as for every other error and
            for a cancel, `on_event` has got a `Stopped` with the last good state before.
    """
    tell = on_event or (lambda event: None)
    devices = [request.model.load_device] if request.model.load_device.type == "cuda" else []
    with torch.inference_mode(False), torch.random.fork_rng(devices=devices):
        run = _Run(request, tell)
        if before := run.finished_before():
            return before
        run.resume()
        try:
            run.all_steps()
            run.keep()
            return run.result()
        except BaseException as reason:
            try:
                if not isinstance(reason, ExplodedError):  # what it goes on from would explode again
                    run.keep()
            finally:
                tell(Stopped(run.result(), reason))
            raise


class _Run:
    """A training while it lasts: slider, optimiser, and how far it has come."""

    calls: ModelCalls

    def __init__(self, request: TrainRequest, tell: Callable[[Event], None]):
        self.request, self.tell, self.started = request, tell, time.perf_counter()
        torch.manual_seed(request.seed)
        device = request.model.load_device
        self.controls = request.control_net.get_models() if request.control_net is not None else []
        # Some adapters start from the weight, patches included.
        load([request.model, *self.controls], memory_needed(request))
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
        self.fit, self.continued_from = Fit(request, self.saved, tell), 0
        self.paced = Paced(request, self.slider, self.state, self.fit, tell)
        known = request.checkpoint or request.sliders
        self.fingerprint = fingerprint(request, self.slider.parameters) if known else ""

    @property
    def checkpoint(self) -> Path | None:
        """Where the state of this very training is kept, if it is: no other training has the same file."""
        path = self.request.checkpoint if self.request.checkpoint_every else None
        return path and path.with_name(f"{path.name}-{self.fingerprint[:12]}.safetensors")

    def finished_before(self) -> TrainedSlider | None:
        """The slider of this very training, if that is asked for and its file is there."""
        request = self.request
        if not (request.sliders and request.resume):
            return None
        metadata = {**request.description, TRAINING: self.fingerprint, **self.paced.at_end}
        return finished(request.sliders, to_slider(self.slider.adapters, metadata))

    def resume(self) -> None:
        """Takes over from the checkpoint of this very training, if that is asked for and there is one."""
        if not (self.checkpoint and self.request.resume):
            return
        if read_checkpoint(self.checkpoint, self.fingerprint, self.state):
            self.continued_from = self.state.step
            if not self.finished:
                self.tell(Message(f"Continued from step {self.state.step} of {self.request.steps}."))

    @property
    def finished(self) -> bool:
        return self.state.step >= self.paced.end

    def all_steps(self) -> None:
        """The steps that are left, with pauses outside of the training's hold on the model."""
        request = self.request
        turns, turn = islice(request.cycle.turns(), self.state.step, None), None
        while not self.finished:
            done, rests = self.state.step, (request.preview_every, request.save_every)
            until = min([request.steps, *((done // every + 1) * every for every in rests if every)])
            with (
                sliders_freed(request.control_net),
                trainable(
                    request.model, self.controls, memory_needed(request), self.fit.checkpointing, self.saved
                ),
            ):
                self.calls = ModelCalls(request.model, request.control_net, request.vae)
                try:
                    self.paced.look(self.calls, self._first_gradient)
                    while self.state.step < until and not self.finished:
                        turn = turn or next(turns)
                        self._step_and_tell(turn)
                        turn = None
                        self.paced.look(self.calls, self._first_gradient)
                except OpenAgain:
                    continue
            self._tell_of_rest()
        self.paced.tell_what_was_found()

    def _tell_of_rest(self) -> None:
        """Every so many steps the slider so far is there to be looked at or written."""
        previews, saves = (
            every and self.state.step % every == 0
            for every in (self.request.preview_every, self.request.save_every)
        )
        if previews or (self.request.preview_every and self.finished):
            self.tell(Paused(self.result()))
        if saves and not self.finished:
            self.tell(Intermediate(self.result()))

    def _step_and_tell(self, turn: Turn) -> None:
        before = time.perf_counter()
        losses = self._step(turn)
        step = self.state.step
        if self.request.checkpoint_every and step % self.request.checkpoint_every == 0:
            self.keep()
        rate = self.optimiser.param_groups[0]["lr"]
        self.tell(StepDone(step, self.paced.end, losses, rate, time.perf_counter() - before))

    def _step(self, turn: Turn) -> dict[str, float]:
        rate = self.paced.rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        by_sign = self._fitting_gradients(turn, self.state.step)
        self._check_finite(by_sign)
        losses = {SIGN_NAMES[sign]: loss for sign, loss in by_sign.items()}
        losses = {"loss": sum(losses.values()) / len(losses), **losses}
        self.good.watch(losses["loss"], self.request.learning_rate or rate)
        self.state.update(losses)
        return losses

    def _first_gradient(self, turns: int) -> Tensor:
        """The mean one of the cycle's first turns, finite also for float16 models."""
        total = torch.zeros_like(self.slider.flat.gradient)
        for step, turn in enumerate(islice(self.request.cycle.turns(), turns)):
            by_sign = self._fitting_gradients(turn, step)
            total += self.slider.flat.gradient
        self.slider.flat.gradient.copy_(total / turns)
        finite = self._check_finite(by_sign)
        self.scaler.update()
        return self.slider.flat.gradient.clone() if finite else self._first_gradient(turns)

    def _fitting_gradients(self, turn: Turn, step: int) -> dict[int, float]:
        """The gradients of a step, in less memory if it runs out; the loss of each sign."""
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

    def _gradients(self, turn: Turn, step: int) -> dict[int, float]:
        seed = (self.request.seed * 1_000_003 + step) % 2**63
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.slider.refresh()
        rows = rows_of_turn(turn, self.calls, self.request, generator)
        with self.saved.active():
            return forward_backward(
                rows, self.calls, self.slider.attach, self.fit.rows_at_once, self.scaler.scale
            )

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

    def keep(self) -> None:
        """Writes the checkpoint, where one is wanted; that it cannot be written does not end the training."""
        self.state.settle()
        if not (self.checkpoint and self.state.step):
            return
        try:
            write_checkpoint(self.checkpoint, self.fingerprint, self.state)
        except NotWrittenError as error:
            self.tell(Message(f"The state of the training is not kept: {error}"))

    def result(self) -> TrainedSlider:
        self.state.settle()
        training = {TRAINING: self.fingerprint} if self.fingerprint else {}
        losses = {LOSSES: losses_text(self.state.losses["loss"])} if self.state.step else {}
        found = self.paced.facts()
        metadata = {**self.request.description, "steps": str(self.state.step), **training, **losses, **found}
        return TrainedSlider(
            slider=to_slider(self.slider.adapters, metadata),
            losses=self.state.losses,
            steps=self.state.step,
            seconds=time.perf_counter() - self.started,
            continued_from=self.continued_from,
            finished_before=self.continued_from >= self.paced.end,
            checkpoint=self.checkpoint,
        )
