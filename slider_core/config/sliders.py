"""A config file as a whole: the model, the sliders, and what is wrong anywhere, all at once.

    [model]  [targets]  [[bucket]]  [cycle]  [train]  [sweep]  [output]  [[slider]]

Each `[[slider]]` has tables of its own, whose keys take the place of those above it; without any there is one slider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..adapters import AdapterError
from ..adapters.lycoris_config import read_config as read_lycoris
from ..architectures import names_fault
from ..data import Bucket, Cycle, CycleError, Example, PairingError
from ..data.folder import FolderPictures
from ..evaluation.prompts import Prompt, PromptLibraryError, parse_library
from ..evaluation.strengths import StrengthsError, sweep_strengths
from ..files.naming import FileNameError, slider_name
from ..settings import BucketSettings, CycleSettings, Settings, SweepSettings, TargetSettings, TrainSettings
from .files import ComfyFolders, Files
from .keys import BucketKeys, ModelKeys, OutputSettings, SweepKeys, TargetKeys, TrainKeys
from .plan import BucketPlan, Config, SliderPlan, SweepPlan
from .reading import ConfigError, Faults, read_file, table

TABLES: dict[str, tuple[type[Settings], ...]] = {
    "model": (ModelKeys,),
    "targets": (TargetSettings, TargetKeys),
    "bucket": (BucketSettings, BucketKeys),
    "cycle": (CycleSettings,),
    "train": (TrainSettings, TrainKeys),
    "sweep": (SweepSettings, SweepKeys),
    "output": (OutputSettings,),
}
OF_SLIDER = ("targets", "bucket", "cycle", "train", "sweep")
# Widgets that need something connected: a latent to start from.
WITHOUT = {"sweep": ("denoise",)}


def read_config(path: Path, places: ComfyFolders) -> Config:
    """Reads and checks a config.

    Raises:
        ConfigError: with a line for each fault.
    """
    given, said = read_file(path), Faults(TABLES)
    reader = _Reader(Files(path.resolve().parent, places, said), said)
    config = reader.config(path, given)
    if said:
        count = f"{len(said)} things are" if len(said) > 1 else "This is"
        raise ConfigError(
            "\n".join([f"{path.name} cannot be used. {count} wrong:", *(f"  {fault}" for fault in said)])
        )
    return config


class _Reader:
    def __init__(self, files: Files, said: Faults):
        self.files, self.said = files, said

    def config(self, path: Path, given: Mapping[str, Any]) -> Config:
        for key in given:
            if key not in (*TABLES, "slider"):
                self.said.unknown(path.name, key, [*TABLES, "slider"])
        (model,) = self.table(given, "model", "[model]")
        (record,) = self.table(given, "output", "[output]")
        output = (self.files.beside / record.folder).resolve() if record.folder else None
        sliders = self.tables(given.get("slider", [{}]), "[[slider]]")
        shared = {key: given[key] for key in OF_SLIDER if key in given}
        plans = tuple(self.slider(shared, own, index, len(sliders)) for index, own in enumerate(sliders, 1))
        return Config(path, self.files.model(model), plans, output, record)

    def tables(self, given: Any, where: str) -> list[Mapping[str, Any]]:
        if isinstance(given, list) and given and all(isinstance(entry, Mapping) for entry in given):
            return given
        self.said.say(f"{where} must be one or more tables.")
        return []

    def table(self, given: Mapping[str, Any], key: str, where: str) -> list[Any]:
        return table(given.get(key, {}), TABLES[key], where, self.said, WITHOUT.get(key, ()))

    def slider(self, shared: Mapping[str, Any], own: Mapping[str, Any], index: int, count: int) -> SliderPlan:
        where = f"[[slider]] {index} " if count > 1 else ""
        for key in own:
            if key not in OF_SLIDER:
                self.said.unknown("[[slider]]", key, OF_SLIDER)
        given = {key: _over(shared.get(key), own.get(key)) for key in {**shared, **own} if key in OF_SLIDER}
        names = {key: f"{where if key in own else ''}[{key}]" for key in OF_SLIDER}
        targets, on = self.table(given, "targets", names["targets"])
        (cycle,) = self.table(given, "cycle", names["cycle"])
        train, keys = self.table(given, "train", names["train"])
        sweep, measured = self.table(given, "sweep", names["sweep"])
        buckets = self.buckets(given.get("bucket", []), names["bucket"])
        self.together(targets, cycle, train, buckets, where)
        sized = not {"width", "height"}.isdisjoint(given.get("sweep", {}))
        return SliderPlan(
            targets,
            on.control_net,
            buckets,
            cycle,
            train,
            self.lora(keys.assistant_lora, f"{names['train']} assistant_lora"),
            self.lora(keys.start_from, f"{names['train']} start_from"),
            keys.preview_prompt,
            keys.preview_negative,
            self.sweep(sweep, measured, sized, names["sweep"]) if measured.measure else None,
        )

    def lora(self, name: str, where: str) -> Path | None:
        return self.files.file("loras", name, where) if name else None

    def buckets(self, given: Any, where: str) -> tuple[BucketPlan, ...]:
        plans = []
        for index, entry in enumerate(self.tables(given, f"[{where}]"), 1):
            named = f"{where} {quoted_name(entry, index)}"
            settings, keys = table(entry, TABLES["bucket"], named, self.said)
            plans.append(self.files.bucket(settings, keys, named))
        return tuple(filter(None, plans))

    def together(
        self,
        targets: TargetSettings,
        cycle: CycleSettings,
        train: TrainSettings,
        buckets: Sequence[BucketPlan],
        where: str,
    ) -> None:
        """What can be wrong with tables as a whole, before a model is there."""
        if fault := names_fault(targets.preset, targets.custom_targets, targets.exclude):
            self.said.say(f"{where}[targets]: {fault}")
        try:
            slider_name(train.file_name)
            if train.lycoris_config.strip():
                read_lycoris(train.lycoris_config)
            if buckets:
                Cycle.of([_named(bucket) for bucket in buckets], cycle)
        except (FileNameError, AdapterError) as error:
            self.said.say(f"{where}[train]: {error}")
        except (CycleError, PairingError) as error:
            self.said.say(f"{where}[[bucket]]: {error}")
        except ValueError:
            pass  # of a folder, and said there

    def sweep(self, settings: SweepSettings, keys: SweepKeys, sized: bool, where: str) -> SweepPlan:
        prompts: tuple[Prompt, ...] = ()
        try:
            sweep_strengths(settings.strengths)
            if keys.prompts:
                given = keys.prompts if isinstance(keys.prompts, Mapping) else {p: p for p in keys.prompts}
                prompts = parse_library(json.dumps(given))
        except (StrengthsError, PromptLibraryError) as error:
            self.said.say(f"{where}: {error}")
        return SweepPlan(settings, sized, prompts, keys.negative)


def _over(shared: Any, own: Any) -> Any:
    """Tables key by key; lists, which buckets are, as a whole."""
    if isinstance(shared, Mapping) and isinstance(own, Mapping):
        return {**shared, **own}
    return shared if own is None else own


def quoted_name(entry: Mapping[str, Any], index: int) -> str:
    """A bucket as a fault names it."""
    name = entry.get("name")
    return repr(name) if isinstance(name, str) and len(name) < 80 else str(index)


def _named(plan: BucketPlan) -> Bucket:
    """A bucket with nothing but the names of its pictures: enough to check the cycle."""
    names = FolderPictures.of(plan.settings, plan.folder).names
    if plan.settings.mirrored:
        names = [name for plain in names for name in (plain, f"{plain} mirrored")]
    nothing: Any = None
    return Bucket.of(plan.settings, tuple(Example(name, "", nothing, []) for name in names))
