"""What is on the model during a step: the adapters that are trained, and an assistant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from ..adapters import make_adapters
from ..adapters.base import Adapter
from ..applying.control import attached_to_control
from ..architectures import batch_dims
from ..deltas.addition import Joined
from ..files import load_into, notes_on_fit, sound
from ..layers import layer_at
from ..lora.reading import deltas_for
from ..strength import Delta, attached
from .events import Event, Message
from .flat import FlatParameters
from .request import RequestError, TrainRequest


class OnModel:
    """The adapters of a request, made for its loaded model, and its assistant.

    Attributes:
        adapters: by layer name.
        parameters: of all adapters; they lie in `flat`, those of low-rank adapters first.
    """

    def __init__(self, request: TrainRequest, tell: Callable[[Event], None]):
        self.request, self.tell = request, tell
        self.model = request.model.model
        self.root = request.control_net if request.train_control else self.model
        self.adapters: dict[str, list[Adapter]] = make_adapters(
            self.root, request.plan, request.dtype, request.model.load_device
        )
        if request.start_from is not None:
            start = sound(request.start_from)
            self._tell_left(start, load_into(self.adapters, start, self.root), "the targets that are trained")
        self.assistant = self._assistant()
        self.batch_dims = batch_dims(self.root)
        self.joined = Joined()
        for name, of_layer in self.adapters.items():
            self.joined.at(name, layer_at(self.root, name), of_layer)
        self.parameters = [p for of_layer in self.adapters.values() for a in of_layer for p in a.parameters()]
        self.flat = self._flat()

    def _flat(self) -> FlatParameters:
        """In the order of the joined matrices, which are then cast in one operation."""
        places = {id(tensor): place for place, tensor in enumerate(self.joined.sources(self.parameters[0]))}
        return FlatParameters(
            sorted(self.parameters, key=lambda parameter: places.get(id(parameter), len(places)))
        )

    def _assistant(self) -> Mapping[str, Sequence[Delta]]:
        if self.request.assistant is None:
            return {}
        assistant = sound(self.request.assistant)
        deltas, unused = deltas_for(self.model, assistant)
        if not deltas:
            raise RequestError(
                f"No layer of the assistant LoRA fits this model (it has {', '.join(unused[:3])} …). Choose the one "
                "that was made for this model."
            )
        self._tell_left(assistant, unused, "the model, as an assistant")
        return deltas

    def _tell_left(self, slider: Mapping[str, Tensor], left: Sequence[str], into: str) -> None:
        for note in notes_on_fit(slider, left, into):
            self.tell(Message(note))

    def refresh(self) -> None:
        """Before a step: no gradients, and the adapters as the step before has left them."""
        self.flat.zero_gradient()
        self.joined.refresh()

    @contextmanager
    def attach(self, strengths: Tensor) -> Iterator[None]:
        """Puts the adapters on, each row of the batch at its own strength, and the assistant at 1."""
        with ExitStack() as stack:
            if self.assistant:
                # All rows alike: which dimension of a layer's input counts them does not matter.
                stack.enter_context(attached(self.model, self.assistant, torch.ones(len(strengths))))
            put_on = attached_to_control if self.request.train_control else attached
            stack.enter_context(put_on(self.root, self.adapters, strengths, self.batch_dims, self.joined))
            yield
