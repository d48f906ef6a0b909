"""Fingerprints of anything by what it holds."""

import threading
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from concept_sliders.slider_core.training.digest import PROBED, SMALL, Digest


def of(part, **settings):
    return Digest(**settings).feed(part).hexdigest()


@dataclass(frozen=True)
class Held:
    number: float
    more: object = None


class Slotted:
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


class Counting:
    """Its calls are counted, which changes nothing of what it does."""

    def __init__(self, number):
        self.number, self.calls = number, 0

    def __getstate__(self):
        return {"number": self.number}

    def method(self):
        self.calls += 1


def closure(number):
    return lambda x: x * number


def default(number):
    def function(x, factor=number, *, more=number):
        return x * factor

    return function


KINDS = {
    "a tensor": lambda n: torch.tensor([1.0, n]),
    "a sparse tensor": lambda n: torch.tensor([0.0, n]).to_sparse(),
    "numpy": lambda n: torch.tensor([1.0, n]).numpy(),
    "a dataclass": Held,
    "slots": Slotted,
    "a method": lambda n: Counting(n).method,
    "a closure": closure,
    "defaults": default,
    "a partial": lambda n: partial(max, n),
    "a set": lambda n: {n, "a", "b"},
    "a deque": lambda n: deque([1, n]),
    "nested": lambda n: [{"a": ({("middle", 0): Held(0, SimpleNamespace(x=[n]))},)}],
    "keys of any kind": lambda n: {("middle", 0): 1, 3: n, "a": 2},
    "a module": lambda n: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LayerNorm(2, eps=n)),
    "an ordered dict": lambda n: OrderedDict(a=n),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_something_holds_is_seen_and_where_it_lies_is_not(kind):
    make = KINDS[kind]
    assert of(make(1.0)) == of(make(1.0)) != of(make(2.0))


def test_functions_and_classes_are_told_apart():
    first, second = (lambda x: x), (lambda x: x * 2)
    assert len({of(part) for part in (first, second, max, min, Held, Counting, "max")}) == 7


def test_random_ids_are_not_seen():
    one, other = ({f"slider.{uuid.uuid4()}": 1, "id": uuid.uuid4()} for _ in range(2))
    assert one != other and of(one) == of(other)


def test_things_that_hold_each_other_come_to_an_end():
    def ring(number):
        one, other = SimpleNamespace(number=number), SimpleNamespace()
        one.other, other.other = other, one
        return one

    assert of(ring(1)) == of(ring(1)) != of(ring(2))


def test_what_is_there_twice_is_as_two_that_are_equal():
    once = Held(1.0)
    assert of([once, once]) == of([Held(1.0), Held(1.0)]) != of([Held(1.0), Held(2.0)])
    two = {str(uuid.uuid4()): Held(1.0), str(uuid.uuid4()): Held(2.0)}
    assert of(two) != of({str(uuid.uuid4()): Held(1.0)})
    within = []
    within.append(within)
    assert of(within) != of([[]])


def test_things_that_cannot_be_pickled_do_no_harm():
    assert of(SimpleNamespace(lock=threading.Lock(), n=1)) == of(SimpleNamespace(lock=threading.Lock(), n=1))
    assert of(iter([1])) and of(n for n in [1]) and of(torch.Generator()) and of(closure)


def test_a_large_tensor_is_probed_where_it_is_not_data():
    small, large = torch.zeros(SMALL), torch.zeros(10 * SMALL)
    for tensor in (small, large):
        seen = [of(tensor, whole=whole) for whole in (True, False)]
        tensor[1] = 1.0
        assert of(tensor) != seen[0]
        assert (of(tensor, whole=False) != seen[1]) == (tensor is small)
    scaled = large + torch.arange(len(large)) / len(large)
    assert of(scaled, whole=False) != of(large, whole=False) and PROBED == 16
