"""The training loop: the steps, the optimiser, what is saved on the way, and an orderly end in every case."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch

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
from .last_good import ExplodedError, LastGood
from .model_call import ModelCalls, load
from .on_model import OnModel
from .optimisers import BY_NUMBER, make_optimiser
from .paced import Paced, pace_of
from .request import TrainRequest
from .state import State
from .turn_gradient import TurnGradient


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
        self.gradient = TurnGradient(request, self.slider, self.state, self.fit, self.saved)
        self.paced = Paced(request, self.slider, self.state, self.gradient, tell)
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
                    self.paced.look(self.calls)
                    while self.state.step < until and not self.finished:
                        turn = turn or next(turns)
                        self._step_and_tell(turn)
                        turn = None
                        self.paced.look(self.calls)
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
        by_sign = self.gradient.of(turn, self.calls)
        losses = {SIGN_NAMES[sign]: loss for sign, loss in by_sign.items()}
        losses = {"loss": sum(losses.values()) / len(losses), **losses}
        self.good.watch(losses["loss"], self.request.learning_rate or rate)
        self.state.update(losses)
        return losses

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
