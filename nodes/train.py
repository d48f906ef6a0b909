"""Trains a slider on the model that is loaded in the graph, and writes its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ..slider_core.given import quoted
from ..slider_core.settings import TrainSettings, taken
from .inputs import checked, one
from .json_text import changed_text, text_or_file
from .output_folder import name_fault, output_folder, previews_for_page
from .progress import TrainingProgress
from .types import CATEGORY, LoraModel, LossMap, SliderBuckets, SliderCycle, SliderTargets
from .widgets import widgets

ORDER = (
    "file_name steps learning_rate seed kind rank alpha objective anchor_weight anchor_below noise_levels optimiser "
    "schedule warmup weight_decay max_norm precision gradient_checkpointing rows_at_once checkpoint_every resume "
    "preview_every preview_steps preview_cfg lycoris_config"
)


class SliderTrainer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderTrainer",
            display_name="Train Slider",
            category=CATEGORY,
            description="Trains a concept slider on the loaded model, which stays as it is. The slider is written to "
            "ComfyUI's output/loras folder and is then in every list of LoRAs.",
            search_aliases=["train lora", "concept slider", "lora training"],
            is_output_node=True,
            is_input_list=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Model.Input("model", tooltip="The model to train on. Its weights are not changed."),
                SliderTargets.Input("targets", tooltip="The layers that get an adapter, from Slider Targets."),
                SliderCycle.Input("cycle", tooltip="The pictures and their order, from Slider Cycle."),
                *widgets(TrainSettings, ORDER),
                LoraModel.Input(
                    "assistant_lora",
                    optional=True,
                    tooltip="A frozen adapter that helps training only (Z-Image Turbo, Flux schnell).",
                ),
                LoraModel.Input(
                    "start_from", optional=True, tooltip="A slider whose weights training starts with."
                ),
                io.ControlNet.Input(
                    "control_net",
                    optional=True,
                    tooltip="Active in training, with the buckets' control images; trained itself if the targets are "
                    "its layers.",
                ),
                io.Vae.Input("vae", optional=True, tooltip="For previews, and for ControlNets that need one."),
                io.Conditioning.Input(
                    "preview_prompt", optional=True, tooltip="Else the first positive picture's caption."
                ),
                io.Conditioning.Input("preview_negative", optional=True, tooltip="Else an empty prompt."),
                *widgets(
                    TrainSettings, "keep_checkpoint save_every stop_at noise_draws store_curve", later=True
                ),
                SliderBuckets.Input(
                    "held_out",
                    optional=True,
                    tooltip="Buckets that are not trained on. The report tells how well the slider fits them.",
                ),
                io.String.Input(
                    "settings",
                    optional=True,
                    force_input=True,
                    tooltip="From Load SimpleTuner Dataset, with a config: takes the place of the widgets that it "
                    "names.",
                ),
            ],
            outputs=[
                LoraModel.Output(
                    display_name="slider", tooltip="The trained slider; its file is written already."
                ),
                LossMap.Output(display_name="loss", tooltip="For Plot Loss Graph."),
                io.String.Output(display_name="report", tooltip="How it went, and where the file is."),
            ],
        )

    @classmethod
    def validate_inputs(cls, file_name: str | list[str] | None) -> bool | str:
        return name_fault(file_name) or True

    @classmethod
    def fingerprint_inputs(cls, lycoris_config: str | list[str] = "", **_: Any) -> str:
        """Changes when the file of the config does."""
        return changed_text(one(lycoris_config))

    @classmethod
    @checked()
    def execute(
        cls,
        model: Any,
        targets: Any,
        cycle: Any,
        assistant_lora: Any = None,
        start_from: Any = None,
        control_net: Any = None,
        vae: Any = None,
        preview_prompt: Any = None,
        preview_negative: Any = None,
        held_out: Any = None,
        settings: str | None = None,
        **given: Any,
    ) -> io.NodeOutput:
        from ..slider_core.runs import Parts, TrainingRun

        given |= (named := taken(TrainSettings, settings or "", others=("preset",)))
        config = text_or_file(given.pop("lycoris_config", ""), "LyCORIS config")
        asked = TrainSettings(**given, lycoris_config=config)
        parts = Parts(
            model,
            targets,
            cycle,
            assistant_lora,
            start_from,
            control_net,
            vae,
            preview_prompt,
            preview_negative,
            held_out or (),
        )
        hidden = cls.hidden
        with TrainingProgress(asked.steps, hidden.unique_id, hidden.extra_pnginfo) as progress:
            output = output_folder()
            run = TrainingRun(
                parts, asked, output, progress, lambda files: progress.kept(previews_for_page(files, output))
            )
            if named:
                run.messages.append(f"From settings: {_listed(named)}.")
            trained = run.train()
        report = run.report(trained)
        shown = {"text": (report,), "slider_previews": previews_for_page(run.shown, output)}
        return io.NodeOutput(trained.slider, trained.losses, report, ui=shown)


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {quoted(value)}" for name, value in settings.items())
