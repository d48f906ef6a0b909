"""Trains sliders as a config file says, without a page.

    python3 scripts/run.py train CONFIG [--dry-run] [options of ComfyUI, such as --lowvram or --output-directory=PATH]
    python3 scripts/run.py train CONFIG --nproc-per-node=2     on two devices; with torchrun's other options on several
                                                               hosts (web/docs/reference/several-gpus.md)

CONFIG is a TOML or JSON file, or a folder of them. scripts/demo/smile.toml has every key with what it means.

Ends with 0 when every slider is trained, 1 when some failed, 2 when a config is wrong (nothing was loaded then), and
130 when it was cancelled (Ctrl-C, SIGTERM): the same command then goes on where it was. torchrun, where it is called
itself, ends with 1 for all of these but the first, and names the process's own code.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import itertools
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

if __name__ == "__main__" and "concept_sliders" not in sys.modules:  # by torchrun, or by hand
    import in_comfyui
    from install import existing_comfyui
    from run import train_arguments

    if found := existing_comfyui():
        os.environ["COMFYUI_PATH"] = str(found)
    sys.argv[1:] = train_arguments(sys.argv[1:])
    in_comfyui.main()

import folder_paths
import nodes as comfy_nodes
from comfy.cli_args import args as comfy_args
from comfy.model_management import get_torch_device
from concept_sliders.nodes.bucket_making import cache_folder
from concept_sliders.slider_core.config import Config, ConfigError, read_config
from concept_sliders.slider_core.encoding import Cache
from concept_sliders.slider_core.headless import (
    Cancel,
    Outcome,
    dry_run,
    load_models,
    table_of,
    train_all,
)
from concept_sliders.slider_core.headless.cancel import INTERRUPTS
from concept_sliders.slider_core.headless.pictures import Pictures
from concept_sliders.slider_core.settings import SettingsError
from concept_sliders.slider_core.training.launched import processes_here
from concept_sliders.slider_core.training.processes import ALONE, LostError, OtherError, Processes, uneven
from utils.extra_config import load_extra_path_config

DONE, FAILED, WRONG, CANCELLED = 0, 1, 2, 130
ENDED = "CONCEPT_SLIDERS_ENDED"  # see run.py
DEAF = 3.0  # seconds: torchrun hands on a signal that its processes may have got themselves


class FoldersOfComfy:
    """ComfyUI's folders."""

    def find(self, kind: str, name: str) -> Path | None:
        if kind == "input":
            return _below(Path(folder_paths.get_input_directory()), name)
        if kind == "custom_nodes":
            found = (_below(Path(folder), name) for folder in folder_paths.get_folder_paths(kind))
            return next(filter(None, found), None)
        path = folder_paths.get_full_path(kind, name)
        return Path(path) if path else None

    def add(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError("there is no such file")
        load_extra_path_config(str(path))

    def names(self, kind: str) -> Sequence[str]:
        return [] if kind in ("input", "custom_nodes") else folder_paths.get_filename_list(kind)


def _below(folder: Path, name: str) -> Path | None:
    path = folder / name
    return path if path.exists() and folder_paths.is_within_directory(str(folder), str(path)) else None


def use_folders() -> None:
    """ComfyUI's folders as its main.py sets them up."""
    default = Path(folder_paths.__file__).parent / "extra_model_paths.yaml"
    named = itertools.chain(*(comfy_args.extra_model_paths_config or []))
    for file in [*([str(default)] if default.is_file() else []), *named]:
        load_extra_path_config(file)
    if comfy_args.output_directory:
        folder_paths.set_output_directory(str(Path(comfy_args.output_directory).absolute()))
    if comfy_args.input_directory:
        folder_paths.set_input_directory(str(Path(comfy_args.input_directory).absolute()))
    if comfy_args.user_directory:
        folder_paths.set_user_directory(str(Path(comfy_args.user_directory).absolute()))
    folder_paths.add_model_folder_path("loras", str(Path(folder_paths.get_output_directory(), "loras")))


def configs(path: Path, count: int = 1) -> list[Config]:
    """The config, or every one of a folder by name.

    Raises:
        ConfigError: with the faults of all of them, among them batches that so many processes cannot share.
    """
    files = sorted(f for f in path.iterdir() if f.suffix in (".toml", ".json")) if path.is_dir() else [path]
    found, faults = [], [] if files else [f"{path} holds no .toml or .json file."]
    for file in files:
        try:
            found.append(read_config(file, FoldersOfComfy()))
        except ConfigError as error:
            faults.append(str(error))
    for config in found:
        sizes = dict.fromkeys(plan.cycle.batch_size for plan in config.sliders)
        faults += [f"{config.file.name}: {fault}" for size in sizes if (fault := uneven(size, count))]
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def run_node(node_id: str, inputs: Mapping[str, Any]) -> Sequence[Any]:
    """A node of ComfyUI, or of a pack that is loaded, on these inputs."""
    node = comfy_nodes.NODE_CLASS_MAPPINGS.get(node_id)
    if node is None:
        raise ConfigError(f"There is no node {node_id!r}. Name its pack under custom_nodes of [model].")
    result = getattr(node(), node.FUNCTION)(**inputs)
    if inspect.isawaitable(result):
        result = asyncio.run(result)
    return tuple(getattr(result, "args", result))


def train(
    group: Sequence[Config], output: Path, dry: bool, cancel: Cancel, processes: Processes = ALONE
) -> list[Outcome]:
    """The sliders of configs that have one model, which each process loads once."""
    with processes.together():
        for pack in group[0].model.custom_nodes:
            asyncio.run(comfy_nodes.load_custom_node(str(pack)))
        loaded = load_models(group[0].model, run_node, folder_paths.get_folder_paths("embeddings"))
        cancel.check()
    pictures = Pictures(loaded, Cache(cache_folder()), cancel.check)
    outcomes: list[Outcome] = []
    for config in group:
        place = config.output or output
        if dry:
            for plan in config.sliders:
                told = dry_run(plan, pictures, place, processes)
                print(f"\n{config.file.name}, {plan.train.file_name}\n\n{told}")
        else:
            outcomes += train_all(config.sliders, pictures, place, config.record, cancel, print, processes)
        if processes.lost or any(outcome.cancelled for outcome in outcomes):
            break
    for note in pictures.finished():
        print(f"Note: {note}")
    return outcomes


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would be trained, and how long it takes"
    )
    return parser.parse_args()


def train_configs(
    given: argparse.Namespace, outcomes: list[Outcome], cancel: Cancel, processes: Processes
) -> None:
    """All sliders; `outcomes` grow meanwhile."""
    with processes.together():
        found = configs(given.config, processes.count)
    output = Path(folder_paths.get_output_directory()).resolve()
    for _, group in groupby(sorted(found, key=lambda c: repr(c.model)), key=lambda c: c.model):
        outcomes += train(list(group), output, given.dry_run, cancel, processes)
        with processes.ending():
            cancel.check()


def run(given: argparse.Namespace, processes: Processes) -> int:
    """Trains what is asked for, and says what became of it; the exit code."""
    outcomes: list[Outcome] = []
    with Cancel(DEAF if processes.count > 1 else 0.0) as cancel:
        try:
            train_configs(given, outcomes, cancel, processes)
        except (ConfigError, LostError, OtherError) as error:
            if processes.first:
                print(error, file=sys.stderr)
            return WRONG if isinstance(error, ConfigError) else FAILED
        except INTERRUPTS:
            cancel.asked = True
    if outcomes:
        print(f"\n{table_of(outcomes)}")
    if cancel.asked and not processes.lost:
        return CANCELLED
    return FAILED if any(outcome.error for outcome in outcomes) else DONE


def main() -> int:
    given = options()
    logging.getLogger().setLevel(logging.WARNING)
    use_folders()
    try:
        processes = processes_here(get_torch_device())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG
    if not processes.first:
        sys.stdout = open(os.devnull, "w")
        logging.getLogger().setLevel(logging.ERROR)
    code = run(given, processes)
    if (ended := os.environ.get(ENDED)) and processes.first:
        Path(ended).write_text(str(code))
    processes.close()
    if processes.lost:  # what is left of the connections may wait for the one that is gone
        sys.stdout.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
