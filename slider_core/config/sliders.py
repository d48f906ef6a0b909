"""A config file as a whole: the model, the sliders, and what is wrong anywhere, all at once.

    [model]  [targets]  [[bucket]]  [dataset]  [cycle]  [train]  [sweep]  [output]  [[slider]]

Each `[[slider]]` has tables of its own, whose keys take the place of those above it; without any there is one slider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..adapters import AdapterError
from ..adapters.lycoris_config import read_config as read_lycoris
from ..architectures import names_fault
from ..data import Cycle, CycleError, PairingError, PictureError
from ..data.number_tables import TABLE_FILES
from ..data.simpletuner import DatasetError
from ..encoding import unencoded
from ..evaluation.prompts import Prompt, PromptLibraryError, parse_library
from ..evaluation.strengths import StrengthsError, sweep_strengths
from ..files.naming import FileNameError, slider_name
from ..given import names_file
from ..settings import (
    BucketSettings,
    CycleSettings,
    NumberSettings,
    Settings,
    SweepSettings,
    TargetSettings,
    TrainSettings,
)
from .files import ComfyFolders, Files
from .keys import BucketKeys, DatasetKeys, ModelKeys, OutputSettings, SweepKeys, TargetKeys, TrainKeys
from .named import named
from .plan import BucketPlan, Config, DatasetPlan, SliderPlan, SweepPlan
from .reading import ConfigError, Faults, read_file, table

TABLES: dict[str, tuple[type[Settings], ...]] = {
    "model": (ModelKeys,),
    "targets": (TargetSettings, TargetKeys),
    "bucket": (BucketSettings, BucketKeys),
    "dataset": (DatasetKeys,),
    "cycle": (CycleSettings,),
    "train": (TrainSettings, TrainKeys),
    "sweep": (SweepSettings, SweepKeys),
    "output": (OutputSettings,),
}
OF_SLIDER = ("targets", "bucket", "dataset", "cycle", "train", "sweep")
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
        given: Mapping[str, Any] = {
            key: _over(shared.get(key), own.get(key)) for key in {**shared, **own} if key in OF_SLIDER
        }
        names = {key: f"{where if key in own else ''}[{key}]" for key in OF_SLIDER}
        (asked,) = self.table(given, "dataset", names["dataset"])
        dataset = self.files.dataset(asked, names["dataset"])
        given = _filled(given, dataset)
        targets, on = self.table(given, "targets", names["targets"])
        (cycle,) = self.table(given, "cycle", names["cycle"])
        train, keys = self.table(given, "train", names["train"])
        sweep, measured = self.table(given, "sweep", names["sweep"])
        train = self.with_lycoris(train, f"{names['train']} lycoris_config")
        wanted = given.get("bucket", None if asked.file else [])
        buckets = () if wanted is None else self.buckets(wanted, names["bucket"])
        self.together(targets, cycle, train, buckets, dataset, where)
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
            dataset,
        )

    def with_lycoris(self, train: TrainSettings, where: str) -> TrainSettings:
        """The settings with the text of the LyCORIS config, where they name its file."""
        if not names_file(train.lycoris_config, (".json",)):
            return train
        return replace(train, lycoris_config=self.files.text(train.lycoris_config.strip(), where)[0])

    def lora(self, name: str, where: str) -> Path | None:
        return self.files.file("loras", name, where) if name else None

    def buckets(self, given: Any, where: str) -> tuple[BucketPlan, ...]:
        plans = []
        for index, entry in enumerate(self.tables(given, f"[{where}]"), 1):
            called = f"{where} {quoted_name(entry, index)}"
            settings, keys = table(entry, TABLES["bucket"], called, self.said)
            plan = self.files.bucket(settings, keys, called)
            plans.append(plan and replace(plan, numbers=self.numbers(keys.numbers, f"{called} numbers")))
        return tuple(filter(None, plans))

    def numbers(self, given: Any, where: str) -> NumberSettings | None:
        """How each picture has a number, with the text of the table where it is a file."""
        if given is None:
            return None
        (settings,) = table(given, (NumberSettings,), where, self.said)
        if names_file(settings.table, TABLE_FILES):
            return replace(settings, table=self.files.text(settings.table.strip(), where)[0])
        return settings

    def together(
        self,
        targets: TargetSettings,
        cycle: CycleSettings,
        train: TrainSettings,
        buckets: Sequence[BucketPlan],
        dataset: DatasetPlan | None,
        where: str,
    ) -> None:
        """What can be wrong with tables as a whole, before a model is there."""
        if fault := names_fault(targets.preset, targets.custom_targets, targets.exclude):
            self.said.say(f"{where}[targets]: {fault}")
        try:
            slider_name(train.file_name)
            if train.lycoris_config.strip():
                read_lycoris(train.lycoris_config)
            of_dataset = unencoded(dataset.dataset, dataset.roots) if dataset else ()
            if buckets or of_dataset:
                of_folders = [(plan, one) for plan in buckets for one in named(plan)]
                Cycle.of([*of_dataset, *(one for plan, one in of_folders if not plan.held_out)], cycle)
        except (FileNameError, AdapterError) as error:
            self.said.say(f"{where}[train]: {error}")
        except (CycleError, PairingError) as error:
            self.said.say(f"{where}[[bucket]]: {error}")
        except (DatasetError, PictureError) as error:
            if dataset:  # those of buckets are said already
                self.said.say(f"{where}[dataset]: {error}")

    def library(self, prompts: Any, where: str) -> str:
        """A prompt library as JSON, of a table, a list of prompts or a file."""
        if isinstance(prompts, str):
            return self.files.text(prompts, f"{where} prompts")[0] or "{}"
        return json.dumps(prompts if isinstance(prompts, Mapping) else {prompt: prompt for prompt in prompts})

    def sweep(self, settings: SweepSettings, keys: SweepKeys, sized: bool, where: str) -> SweepPlan:
        prompts: tuple[Prompt, ...] = ()
        try:
            sweep_strengths(settings.strengths)
            if keys.prompts:
                prompts = parse_library(self.library(keys.prompts, where))
        except (StrengthsError, PromptLibraryError) as error:
            self.said.say(f"{where}: {error}")
        return SweepPlan(settings, sized, prompts, keys.negative)


def _filled(given: Mapping[str, Any], dataset: DatasetPlan | None) -> Mapping[str, Any]:
    """The tables with what SimpleTuner's config.json says where they say nothing."""
    if dataset is None or not dataset.settings:
        return given
    said = dict(dataset.settings)
    targets = {"preset": said.pop("preset")} if "preset" in said else {}
    return {
        **given,
        "targets": _over(targets, given.get("targets")),
        "train": _over(said, given.get("train")),
    }


def _over(shared: Any, own: Any) -> Any:
    """Tables key by key; lists, which buckets are, as a whole."""
    if isinstance(shared, Mapping) and isinstance(own, Mapping):
        return {**shared, **own}
    return shared if own is None else own


def quoted_name(entry: Mapping[str, Any], index: int) -> str:
    """A bucket as a fault names it."""
    name = entry.get("name")
    return repr(name) if isinstance(name, str) and len(name) < 80 else str(index)
