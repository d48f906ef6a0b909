"""Finds the files that a config names: beside the config itself, or in ComfyUI's folders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

from ..data import PictureError
from ..data.controls import files_by_name
from ..data.folder import FolderPictures
from ..given import quoted
from ..settings import BucketSettings
from .keys import BucketKeys, ModelKeys
from .plan import BucketPlan, ModelPlan, NodeCall, Source
from .reading import Faults


class ComfyFolders(Protocol):
    """ComfyUI's folders, which the core does not know itself."""

    def find(self, kind: str, name: str) -> Path | None:
        """A file of the model folders of a kind (`checkpoints`, `vae`, `loras` …) or of the `input` folder."""

    def names(self, kind: str) -> Sequence[str]:
        """The files there."""

    def add(self, path: Path) -> None:
        """More folders: those of a file such as ComfyUI's extra_model_paths.yaml."""


class Files:
    """Finds files, and says which are missing.

    Args:
        beside: the folder of the config.
    """

    def __init__(self, beside: Path, places: ComfyFolders, said: Faults):
        self.beside, self.places, self.said = beside, places, said

    def file(self, kind: str, name: str, where: str) -> Path | None:
        """A file relative to the config, else one of ComfyUI's folders of this kind."""
        near = self.beside / name
        found = near if near.is_file() else self.places.find(kind, name)
        if found is None:
            close = get_close_matches(name, list(self.places.names(kind)), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            self.said.say(
                f"{where}: there is no file {quoted(name)}, neither beside the config nor in ComfyUI's {kind} folders."
                f"{hint}"
            )
        return found

    def folder(self, name: str, where: str) -> Path | None:
        """A folder relative to the config, else below ComfyUI's input folder."""
        near = self.beside / name
        found = near if near.is_dir() else self.places.find("input", name)
        if found is None or not found.is_dir():
            self.said.say(
                f"{where}: there is no folder {quoted(name)}, neither beside the config nor in ComfyUI's input folder."
            )
            return None
        return found

    def model(self, keys: ModelKeys) -> ModelPlan:
        """Where each part of the model comes from."""
        if keys.extra_model_paths:
            self._more_folders(keys.extra_model_paths)
        encoders = keys.text_encoders
        several = encoders if isinstance(encoders, list | tuple) else [encoders] if encoders else []
        plan = ModelPlan(
            self.source("checkpoints", keys.checkpoint, "checkpoint"),
            self.source("diffusion_models", keys.diffusion_model, "diffusion_model"),
            keys.weight_dtype,
            _call(encoders) if isinstance(encoders, Mapping) else self._all("text_encoders", several),
            keys.type,
            self.source("vae", keys.vae, "vae"),
            self.source("controlnet", keys.control_net, "control_net"),
            tuple(filter(None, (self._pack(name) for name in _listed(keys.custom_nodes)))),
        )
        if not (keys.checkpoint or keys.diffusion_model):
            self.said.say(
                "[model]: there is no model. Name a checkpoint, or diffusion_model, text_encoders and vae."
            )
        return plan

    def _more_folders(self, name: str) -> None:
        try:
            self.places.add(self.beside / name)
        except Exception as error:  # ComfyUI's reader raises whatever it meets
            self.said.say(f"[model] extra_model_paths: {quoted(name)} cannot be used ({error}).")

    def _all(self, kind: str, names: Sequence[str]) -> tuple[Path, ...]:
        return tuple(filter(None, (self.file(kind, name, f"[model] {kind}") for name in names)))

    def source(self, kind: str, given: Any, key: str) -> Source | None:
        if isinstance(given, Mapping):
            return _call(given)
        return self.file(kind, given, f"[model] {key}") if given else None

    def _pack(self, name: str) -> Path | None:
        near = self.beside / name
        found = near if near.exists() else self.places.find("custom_nodes", name)
        if found is None:
            self.said.say(f"[model] custom_nodes: there is no node pack {quoted(name)}.")
        return found

    def bucket(self, settings: BucketSettings, keys: BucketKeys, where: str) -> BucketPlan | None:
        """A bucket whose pictures, captions and control pictures are there."""
        if not keys.folder:
            self.said.say(f"{where}: there are no pictures. Name their folder.")
            return None
        folder = self.folder(keys.folder, f"{where} folder")
        control = self.folder(keys.control_folder, f"{where} control_folder") if keys.control_folder else None
        try:
            if folder:
                names = FolderPictures.of(settings, folder).names
                missing = set(names) - set(files_by_name(control)) if control else ()
                if missing:
                    first = quoted(min(missing))
                    self.said.say(
                        f"{where} control_folder: {len(missing)} pictures have none, {first} the first."
                    )
        except PictureError as error:
            self.said.say(f"{where}: {error}")
        return BucketPlan(settings, folder, control) if folder else None


def _listed(given: Any) -> Sequence[str]:
    return [given] if isinstance(given, str) else given or ()


def _call(given: Mapping[str, Any]) -> NodeCall:
    inputs = {name: value for name, value in given.items() if name != "node"}
    return NodeCall(given["node"], json.dumps(inputs, sort_keys=True))
