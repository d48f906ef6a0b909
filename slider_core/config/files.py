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
from ..data.simpletuner import DatasetError, located, read_dataset, training_settings
from ..data.simpletuner import read_config as read_simpletuner_config
from ..given import counted, quoted
from ..settings import BucketSettings
from .keys import BucketKeys, DatasetKeys, ModelKeys
from .plan import BucketPlan, DatasetPlan, ModelPlan, NodeCall, Source
from .reading import LARGEST, Faults


class ComfyFolders(Protocol):
    """ComfyUI's folders, which the core does not know itself."""

    def find(self, kind: str, name: str) -> Path | None:
        """A file of the model folders of a kind (`checkpoints`, `vae`, `loras` …) or of `data`, as kind `input`."""

    def names(self, kind: str) -> Sequence[str]:
        """The files there."""

    def data(self) -> Sequence[Path]:
        """The folders of training data: `input`, and `datasets` folders."""

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
        """A folder relative to the config, else below ComfyUI's input or datasets folder."""
        near = self.beside / name
        found = near if near.is_dir() else self.places.find("input", name)
        if found is None or not found.is_dir():
            self.said.say(
                f"{where}: there is no folder {quoted(name)}, neither beside the config nor in ComfyUI's input folder."
            )
            return None
        return found

    def text(self, name: str, where: str) -> tuple[str, Path | None]:
        """What stands in a file beside the config or below ComfyUI's input folder, and where it is; else nothing."""
        path = self.file("input", name, where)
        try:
            if path and path.stat().st_size > LARGEST:
                self.said.say(f"{where}: {path.name} is larger than {LARGEST >> 20} MB.")
            elif path:
                data = path.read_bytes()
                return data.decode(json.detect_encoding(data)), path
        except (OSError, UnicodeDecodeError) as error:
            self.said.say(f"{where}: {path.name if path else name} cannot be read as text ({error}).")
        return "", None

    def dataset(self, keys: DatasetKeys, where: str) -> DatasetPlan | None:
        """SimpleTuner's files, if they are named and all that they name is there."""
        if not keys.file:
            if keys.config:
                self.said.say(
                    f"{where}: config goes with a file, and there is none. Name the multidatabackend.json."
                )
            return None
        text, file = self.text(keys.file, f"{where} file")
        companion, config = self.text(keys.config, f"{where} config") if keys.config else ("", None)
        if file is None:
            return None
        roots = (self.beside, file.parent, *self.places.data())
        try:
            given = read_simpletuner_config(companion)
            dataset = located(read_dataset(text, given), roots)
            settings, notes = training_settings(given, self._lycoris(given, file)) if given else ({}, [])
        except DatasetError as error:
            self.said.say(f"{where}: {error}")
            return None
        anchors = {Path(Path(backend.folder).anchor) for backend in dataset.backends}
        return DatasetPlan(file, config, dataset, tuple(sorted(anchors)), settings, tuple(notes))

    def _lycoris(self, given: Mapping[str, Any], file: Path) -> str:
        """The LyCORIS config that a config.json names, if it lies beside the dataset file or the config."""
        named = given.get("lycoris_config")
        if not isinstance(named, str):
            return ""
        places = [folder / name for folder in (file.parent, self.beside) for name in (named, Path(named).name)]
        found = next((place for place in places if place.is_file()), None)
        return self.text(str(found), "lycoris_config")[0] if found else ""

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
                        f"{where} control_folder: {counted(len(missing), 'picture has', 'pictures have')} none, "
                        f"{first} the first."
                    )
        except PictureError as error:
            self.said.say(f"{where}: {error}")
        return BucketPlan(settings, folder, control, keys.held_out) if folder else None


def _listed(given: Any) -> Sequence[str]:
    return [given] if isinstance(given, str) else given or ()


def _call(given: Mapping[str, Any]) -> NodeCall:
    inputs = {name: value for name, value in given.items() if name != "node"}
    return NodeCall(given["node"], json.dumps(inputs, sort_keys=True))
