"""A fingerprint of anything by what it holds, never by an address or a random id: a restart changes nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from operator import itemgetter
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType
from typing import Any
from uuid import UUID

import numpy as np
import torch
from torch import Tensor, nn

PLAIN = (str, int, float, complex, bytes, type(None), Enum, PurePath, torch.dtype, torch.device)
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# What a pack may hold on to, and what says nothing of a model: only its class is noted.
SURROUNDINGS = {"server", "execution", "asyncio", "aiohttp", "threading", "_thread", "logging", "weakref"}
SMALL, PROBED, DEEPEST = 4096, 16, 60


class Digest:
    """SHA-256 over text, numbers, tensors, functions and objects, however nested.

    Of a function it sees its name, its code, its defaults and its closure; of an object its class and what
    it would pickle; of an `nn.Module` class, tensors and plain attributes, and its children.

    Args:
        whole: all numbers of every tensor; else only `PROBED` of one with more than `SMALL`, evenly spread.
        known: name by id of modules that are described elsewhere, so that only their name is noted.
        deciding: gives, for an object, what is to be looked at in its place.
    """

    def __init__(
        self,
        whole: bool = True,
        known: Mapping[int, str] | None = None,
        deciding: Callable[[Any], Any] = lambda part: part,
    ):
        self.whole, self.known, self.deciding = whole, known or {}, deciding
        self._hash = hashlib.sha256()
        # Digests of objects by id, with the objects: an id is theirs while they live. And what is being fed just now.
        self._memo: dict[int, tuple[str, Any]] = {}
        self._path: dict[int, int] = {}

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def feed(self, part: Any) -> Digest:
        """Adds `part`."""
        if isinstance(part, MethodType) and id(part.__self__) in self.known:
            part = None  # says nothing new: packs keep a module's own methods while they take their place
        if isinstance(part, Tensor):
            self._tensor(part)
        elif isinstance(part, PLAIN):
            self._text(f"{type(part).__name__}:{UUIDS.sub('', repr(part))};")
        elif isinstance(part, UUID) or len(self._path) > DEEPEST:
            self._text(type(part).__name__)
        elif id(part) in self._path:
            self._text(f"round:{len(self._path) - self._path[id(part)]};")
        else:
            self._path[id(part)] = len(self._path)
            self._compound(part)
            del self._path[id(part)]
        return self

    def _compound(self, part: Any) -> None:
        if isinstance(part, Mapping):
            self._mapping(part)
        elif isinstance(part, list | tuple):
            self._sequence(part)
        elif isinstance(part, set | frozenset):
            self._sequence(sorted(self._alone(one) for one in part))
        elif isinstance(part, np.ndarray):
            self._sequence([str(part.dtype), part.shape, part.tobytes()])
        else:
            if id(part) not in self._memo:
                inner = self._inner()
                inner._object(part)
                self._memo[id(part)] = inner.hexdigest(), part
            self._text(self._memo[id(part)][0])

    def _inner(self) -> Digest:
        inner = Digest(self.whole, self.known, self.deciding)
        inner._memo, inner._path = self._memo, self._path
        return inner

    def _alone(self, part: Any) -> str:
        """The digest of a part by itself: the same wherever it is, and however often."""
        return self._inner().feed(part).hexdigest()

    def _text(self, text: str) -> None:
        self._hash.update(text.encode("utf-8", "surrogatepass"))

    def _sequence(self, parts: Iterable[Any]) -> None:
        parts = list(parts)
        self._text(f"[{len(parts)}:")
        for part in parts:
            self.feed(part)

    def _mapping(self, part: Mapping[Any, Any]) -> None:
        self._text(f"{{{len(part)}:")
        for key, value in sorted(((self._alone(key), value) for key, value in part.items()), key=itemgetter(0)):
            self._text(key)
            self.feed(value)

    def _tensor(self, tensor: Tensor) -> None:
        """Its stored form: quantised tensors by their parts, packed ones (GGUF) by their bytes."""
        if hasattr(tensor, "__tensor_flatten__"):
            names, context = tensor.__tensor_flatten__()
            return self._sequence([type(tensor).__name__, context, *(getattr(tensor, name) for name in names)])
        strided = tensor.detach() if tensor.layout == torch.strided else tensor.detach().to_dense()
        plain = torch.Tensor.as_subclass(strided, Tensor)
        self._text(f"{plain.dtype}{tuple(plain.shape)}")
        count = plain.numel()
        step = 1 if self.whole or count <= SMALL else count // PROBED
        if count and not plain.is_meta:  # one that is not loaded yet is all zeros
            stored = plain.contiguous().reshape(-1).view(torch.uint8).reshape(count, -1)[::step].cpu()
            self._hash.update(stored.contiguous().numpy().tobytes() if stored.any() else b"0")
        else:
            self._text("0")

    def _object(self, part: Any) -> None:
        stand_in = self.deciding(part)
        if stand_in is not part:
            self.feed(stand_in)
        elif isinstance(part, MethodType):
            self.feed([part.__func__, part.__self__])
        elif isinstance(part, FunctionType):
            self._function(part)
        elif isinstance(part, partial):
            self.feed([part.func, part.args, part.keywords])
        elif isinstance(part, nn.Module):
            self._module(part)
        elif hasattr(part, "__qualname__"):  # a class, or a function that is not Python's
            self._text(f"{getattr(part, '__module__', '')}.{part.__qualname__};")
        else:
            self._sequence([_classes(part), _state(part)])

    def _function(self, function: FunctionType) -> None:
        held = dict(zip(function.__code__.co_freevars, map(_content, function.__closure__ or ()), strict=True))
        self._code(function.__code__)
        self.feed(
            [function.__module__, function.__qualname__, function.__defaults__, function.__kwdefaults__, held]
        )

    def _code(self, code: CodeType) -> None:
        within = [part for part in code.co_consts if isinstance(part, CodeType)]
        self.feed(
            [code.co_code, code.co_names, [part for part in code.co_consts if not isinstance(part, CodeType)]]
        )
        for part in within:
            self._code(part)

    def _module(self, module: nn.Module) -> None:
        if id(module) in self.known:
            return self._text(f"module {self.known[id(module)]};")
        own = {
            name: value for name, value in vars(module).items() if isinstance(value, PLAIN) and _says_much(name)
        }
        tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        self._sequence([_classes(module), own, dict(tensors), dict(module.named_children())])


def _says_much(attribute: str) -> bool:
    """ComfyUI notes on a layer how it is loaded at the moment; torch.compile notes an address."""
    return not attribute.startswith("_") and "comfy_" not in attribute


def _classes(part: Any) -> list[str]:
    """The class and its bases: some of ComfyUI's are made on the spot, and their name says little."""
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in type(part).__mro__[:-1]]


def _state(part: Any) -> Any:
    """What pickle would take of an object, one level deep; nothing of one that cannot be pickled."""
    if type(part).__module__.partition(".")[0] in SURROUNDINGS:
        return None
    try:
        reduced = part.__reduce_ex__(4)
        return reduced if isinstance(reduced, str) else [*map(_listed, reduced)]
    except Exception:  # whatever a pack's object does there
        return None


def _listed(part: Any) -> Any:
    return list(part) if isinstance(part, Iterator) else part


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None
