"""Trains sliders as a config file says, without a page.

    python3 scripts/run.py train CONFIG [--dry-run] [options of ComfyUI, such as --lowvram or --output-directory=PATH]

CONFIG is a TOML or JSON file, or a folder of them. scripts/demo/smile.toml has every key with what it means.

Ends with 0 when every slider is trained, 1 when some failed, 2 when a config is wrong (nothing was loaded then), and
130 when it was cancelled (Ctrl-C, SIGTERM): the same command then goes on where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import itertools
import logging
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import folder_paths
import nodes as comfy_nodes
from comfy.cli_args import args as comfy_args
from concept_sliders.slider_core.config import Config, ConfigError, read_config
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
from utils.extra_config import load_extra_path_config

DONE, FAILED, WRONG, CANCELLED = 0, 1, 2, 130


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
    folder_paths.add_model_folder_path("loras", str(Path(folder_paths.get_output_directory(), "loras")))


def configs(path: Path) -> list[Config]:
    """The config, or every one of a folder by name.

    Raises:
        ConfigError: with the faults of all of them.
    """
    files = sorted(f for f in path.iterdir() if f.suffix in (".toml", ".json")) if path.is_dir() else [path]
    found, faults = [], [] if files else [f"{path} holds no .toml or .json file."]
    for file in files:
        try:
            found.append(read_config(file, FoldersOfComfy()))
        except ConfigError as error:
            faults.append(str(error))
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


def train(group: Sequence[Config], output: Path, dry: bool, cancel: Cancel) -> list[Outcome]:
    """The sliders of configs that have one model, which is loaded once."""
    for pack in group[0].model.custom_nodes:
        asyncio.run(comfy_nodes.load_custom_node(str(pack)))
    loaded = load_models(group[0].model, run_node, folder_paths.get_folder_paths("embeddings"))
    cancel.check()
    pictures = Pictures(loaded, cancel.check)
    outcomes: list[Outcome] = []
    for config in group:
        place = config.output or output
        if dry:
            for plan in config.sliders:
                print(f"\n{config.file.name}, {plan.train.file_name}\n\n{dry_run(plan, pictures, place)}")
        else:
            outcomes += train_all(config.sliders, pictures, place, config.record, cancel)
        if cancel.asked:
            break
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="run.py train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would be trained, and how long it takes"
    )
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.WARNING)
    use_folders()
    outcomes: list[Outcome] = []
    with Cancel() as cancel:
        try:
            found = configs(options.config)
            output = Path(folder_paths.get_output_directory()).resolve()
            for _, group in groupby(sorted(found, key=lambda c: repr(c.model)), key=lambda c: c.model):
                outcomes += train(list(group), output, options.dry_run, cancel)
                cancel.check()
        except ConfigError as error:
            print(error, file=sys.stderr)
            return WRONG
        except INTERRUPTS:
            cancel.asked = True
    if outcomes:
        print(f"\n{table_of(outcomes)}")
    if cancel.asked:
        return CANCELLED
    return FAILED if any(outcome.error for outcome in outcomes) else DONE


if __name__ == "__main__":
    sys.exit(main())
