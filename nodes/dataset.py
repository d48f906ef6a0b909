"""Buckets from a dataset file of SimpleTuner's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from comfy.utils import ProgressBar
from comfy_api.latest import io

from ..slider_core.given import names_file
from ..slider_core.settings import BucketSettings
from .input_folder import DATASETS, input_path, json_files, roots
from .inputs import checked
from .json_text import JSON, file_text, text_or_file
from .progress import show
from .types import CATEGORY, SliderBuckets
from .widgets import widgets

NO_FILE = "[text below]"
WHAT = "multidatabackend.json"


class SliderDataset(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderDataset",
            display_name="Load SimpleTuner Dataset",
            category=CATEGORY,
            description="Takes SimpleTuner's multidatabackend.json as it is and gives the chain of buckets. Folders "
            "must lie below ComfyUI's input or datasets folder; nothing in them is ever changed.",
            search_aliases=["simpletuner", "multidatabackend", "slider dataset", "training data"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=[NO_FILE, *json_files(datasets=True)],
                    default=NO_FILE,
                    tooltip="A multidatabackend.json below ComfyUI's input or datasets folder, used instead of the "
                    "text.",
                ),
                io.String.Input(
                    "dataset",
                    default="",
                    multiline=True,
                    tooltip="The file's text, pasted. A relative instance_data_dir is looked for below the input and "
                    "datasets folders.",
                ),
                io.Vae.Input("vae", tooltip="The model's VAE."),
                io.Clip.Input("clip", tooltip="The model's text encoder, for the captions."),
                io.String.Input(
                    "config",
                    default="",
                    multiline=True,
                    optional=True,
                    advanced=True,
                    tooltip="The companion config.json: its text, or the file's name below the input folder. It fills "
                    "in what the datasets leave out, and the settings output.",
                ),
                SliderBuckets.Input(
                    "buckets", optional=True, tooltip="Buckets so far, to which these are added."
                ),
                *widgets(BucketSettings, "keep_encoded", later=True),
            ],
            outputs=[
                SliderBuckets.Output(
                    display_name="buckets", tooltip="Those so far, and one for each dataset, for Slider Cycle."
                ),
                io.String.Output(display_name="report", tooltip="What became of every dataset and every key."),
                SliderBuckets.Output(
                    display_name="held_out", tooltip="The datasets of type eval, which are not trained on."
                ),
                io.String.Output(
                    display_name="settings", tooltip="What config says, in the words of Train Slider, as JSON."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        try:
            if file not in (None, NO_FILE):
                file_text(file, WHAT)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str = NO_FILE, dataset: str = "", config: str = "", **_: Any) -> str:
        """Changes when the files or any picture or caption of their folders do."""
        from ..slider_core.data.listing import files_of
        from ..slider_core.data.simpletuner import read_config, read_dataset
        from ..slider_core.data.simpletuner.places import place_of

        try:
            text = _text(file, dataset)
            companion = text_or_file(config or "", "config.json")
            given = read_config(companion)
            found = [text, companion, _lycoris((file, config or ""), given)]
            for backend in read_dataset(text, given).backends:
                for path in sorted(files_of(place_of(backend.folder, roots(), backend.id), True)):
                    stat = path.stat()
                    found.append(repr((str(path), stat.st_mtime_ns, stat.st_size)))
        except (OSError, ValueError, TypeError):
            return ""  # the run says what is wrong
        return hashlib.sha256("\n".join(found).encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    @checked(own=["file"])
    def execute(
        cls,
        file: str,
        dataset: str,
        vae: Any,
        clip: Any,
        config: str = "",
        buckets: Any = (),
        keep_encoded: bool = True,
    ) -> io.NodeOutput:
        from ..slider_core.data.simpletuner import read_config, read_dataset, training_settings
        from ..slider_core.encoding import Cache, Encoders, encoded_chain
        from .bucket_making import cache_folder

        companion = read_config(text_or_file(config, "config.json"))
        read = read_dataset(_text(file, dataset), companion)
        encoders = Encoders(vae, clip, Cache(cache_folder()) if keep_encoded else None)
        bar = ProgressBar(1)
        chain = encoded_chain(read, roots(), encoders, lambda done, of: bar.update_absolute(done, of))
        report, settings = "\n".join([chain.report, *(f"Note: {note}" for note in encoders.finished())]), {}
        if companion:
            settings, notes = training_settings(companion, _lycoris((file, config), companion))
            said = [f"  {name}: {value}" for name, value in settings.items() if name != "lycoris_config"]
            report = "\n".join(
                [report, "config.json, for Train Slider:", *said, *(f"  Note: {n}" for n in notes)]
            )
        return show(
            report,
            (*(buckets or ()), *chain.buckets),
            report,
            chain.held_out,
            json.dumps(settings, indent=2, ensure_ascii=False),
        )


def _text(file: str, dataset: str) -> str:
    if file not in (None, NO_FILE):
        return file_text(file, WHAT)
    if not dataset.strip():
        raise ValueError(
            f"There is no dataset: choose a {WHAT} below ComfyUI's input or datasets folder, or paste its text."
        )
    return text_or_file(dataset, WHAT)


def _lycoris(files: Sequence[str], config: dict[str, Any]) -> str:
    """The text of the LyCORIS config that a config names, if it lies beside one of the files that have a name."""
    named = config.get("lycoris_config")
    if not isinstance(named, str):
        return ""
    for file in filter(None, files):
        plain = file.strip().removesuffix(DATASETS)
        if file == NO_FILE or not names_file(plain, JSON):
            continue
        folder, ending = plain.rpartition("/")[0], file.strip()[len(plain) :]
        beside = f"{folder}/{Path(named).name}{ending}".lstrip("/")
        with suppress(ValueError):
            if input_path(beside).is_file():
                return file_text(beside, "LyCORIS config")
    return ""
