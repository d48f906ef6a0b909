"""Trains a slider on the model that is loaded in the graph, and writes its file."""

from __future__ import annotations

from comfy_api.latest import io

from .inputs import checked, one
from .names import name_error
from .progress import TrainingProgress
from .types import CATEGORY, LoraModel, LossMap, SliderCycle, SliderTargets

# Variants of LoRA have a name of their own here; the others are named as in slider_core.adapters.KINDS.
VARIANTS = {"dora": ("lora", {"dora": True}), "rslora": ("lora", {"rslora": True})}
KINDS = ["lora", *VARIANTS, "loha", "lokr", "oft", "boft", "glora", "ia3", "dylora", "full"]


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
                io.String.Input("file_name", default="loras/slider", tooltip="Below ComfyUI's output folder."),
                io.Int.Input("steps", default=300, min=1, max=100000, tooltip="Steps of the optimiser."),
                io.Float.Input(
                    "learning_rate",
                    default=2e-4,
                    min=1e-7,
                    max=1.0,
                    step=1e-7,
                    tooltip="2e-4 with 300 steps for most; half the steps need about twice the rate. Too high: large "
                    "strengths break pictures. Too low: little happens.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Of the adapter's first weights, the noise and the noise levels.",
                ),
                io.Combo.Input("kind", options=KINDS, default="lora", tooltip="Kind of adapter."),
                io.Int.Input(
                    "rank", default=4, min=1, max=1024, tooltip="Size of the adapter. 4 is plenty for most."
                ),
                io.Float.Input(
                    "alpha",
                    default=0.0,
                    min=0.0,
                    max=1024.0,
                    step=0.5,
                    tooltip="The adapter is scaled by alpha / rank. 0 means alpha = rank.",
                ),
                io.Combo.Input(
                    "objective",
                    options=["denoise", "difference", "prompts"],
                    default="denoise",
                    tooltip="denoise: learn the pictures of each side (the guide's). difference: learn only how the "
                    "two sides differ, and leave to the model what it gets wrong on both; needs cycle together. "
                    "prompts: words alone, from Slider from Words, whose examples train so under every objective.",
                ),
                io.Float.Input(
                    "anchor_weight",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    advanced=True,
                    tooltip="How much neutral pictures hold the slider still, against 1 for the others.",
                ),
                io.Float.Input(
                    "anchor_below",
                    default=0.5,
                    min=0.05,
                    max=1.0,
                    step=0.05,
                    advanced=True,
                    tooltip="Noise level (0 clean to 1) up to which they do: at high noise all pictures look alike.",
                ),
                io.Combo.Input(
                    "noise_levels",
                    options=["auto", "uniform", "logit_normal", "low"],
                    default="auto",
                    advanced=True,
                    tooltip="Density of the noise levels. auto: what this kind of model is usually trained with. low: "
                    "where small things take shape; it needs a higher rate.",
                ),
                io.Combo.Input(
                    "optimiser",
                    options=["AdamW", "Adam", "RAdam", "NAdam", "Adafactor", "SGD"],
                    default="AdamW",
                    advanced=True,
                    tooltip="What makes steps of gradients.",
                ),
                io.Combo.Input(
                    "schedule",
                    options=["cosine", "linear", "constant"],
                    default="cosine",
                    advanced=True,
                    tooltip="How the learning rate falls to 0 over the steps, if at all.",
                ),
                io.Int.Input(
                    "warmup", default=0, min=0, max=10000, advanced=True, tooltip="Steps of rising rate."
                ),
                io.Float.Input(
                    "weight_decay",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    advanced=True,
                    tooltip="Pulls the adapter's weights towards 0.",
                ),
                io.Float.Input(
                    "max_norm",
                    default=1.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    advanced=True,
                    tooltip="Clips gradients.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["float32", "bfloat16"],
                    default="float32",
                    advanced=True,
                    tooltip="Of the adapter and the optimiser. The model computes in its own.",
                ),
                io.Boolean.Input(
                    "gradient_checkpointing",
                    default=True,
                    advanced=True,
                    tooltip="Much less memory, about a third more time.",
                ),
                io.Int.Input(
                    "rows_at_once",
                    default=0,
                    min=0,
                    max=1024,
                    advanced=True,
                    tooltip="Pictures in one model call. 0: all of a step, fewer when memory runs out.",
                ),
                io.Int.Input(
                    "checkpoint_every",
                    default=50,
                    min=0,
                    max=100000,
                    advanced=True,
                    tooltip="Steps between states on disk from which a stopped training goes on.",
                ),
                io.Combo.Input(
                    "resume",
                    options=["continue", "start over"],
                    default="continue",
                    tooltip="continue: a training that was stopped goes on where it was, if nothing else has changed.",
                ),
                io.Int.Input(
                    "preview_every",
                    default=0,
                    min=0,
                    max=100000,
                    tooltip="Steps between previews of what the slider does so far (needs vae). 0: none.",
                ),
                io.Int.Input(
                    "preview_steps", default=20, min=1, max=200, advanced=True, tooltip="Sampler steps."
                ),
                io.Float.Input(
                    "preview_cfg",
                    default=4.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    advanced=True,
                    tooltip="As in KSampler; 1 for distilled models.",
                ),
                io.String.Input(
                    "lycoris_config",
                    default="",
                    multiline=True,
                    advanced=True,
                    tooltip="A LyCORIS config as JSON text; it replaces kind, rank and alpha, and where it has an "
                    "apply_preset also the targets.",
                ),
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
        file_name = one(file_name)
        return (isinstance(file_name, str) and name_error(file_name)) or True

    @classmethod
    @checked()
    def execute(cls, model, targets, cycle, **settings) -> io.NodeOutput:
        from .training_run import TrainingRun

        run = TrainingRun(
            model, targets, cycle, settings, TrainingProgress(settings["steps"], cls.hidden.unique_id)
        )
        trained = run.train()
        return io.NodeOutput(
            trained.slider, trained.losses, run.report(trained), ui={"text": (run.report(trained),)}
        )
