"""How a slider is trained: what the loop itself takes, and what is decided around it."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import Settings, choice, real, seed, switch, text, whole

OBJECTIVES = ("denoise", "difference", "prompts")
DENSITIES = ("auto", "uniform", "logit_normal", "low")
OPTIMISERS = ("AdamW", "Adam", "RAdam", "NAdam", "Adafactor", "SGD")
SCHEDULES = ("cosine", "linear", "constant")
PRECISIONS = ("float32", "bfloat16")  # torch's names
RESUMES = ("continue", "start over")
# Variants of LoRA have a name of their own here; the others are named as in slider_core.adapters.KINDS.
VARIANTS = {"dora": ("lora", {"dora": True}), "rslora": ("lora", {"rslora": True})}
KINDS = ("lora", *VARIANTS, "loha", "lokr", "oft", "boft", "glora", "ia3", "dylora", "full")


@dataclass(frozen=True, kw_only=True)
class LoopSettings(Settings):
    """What the steps of a training take, as they are; a `TrainRequest` has them too."""

    steps: int = whole(300, 1, 100_000, "Steps of the optimiser.")
    learning_rate: float = real(
        2e-4,
        0.0,
        100.0,
        1e-7,
        "0: found by measuring, for any kind, rank and number of steps. By hand: 2e-4 with 300 steps for most; half "
        "the steps need about twice the rate. Too high: large strengths break pictures. Too low: little happens.",
    )
    seed: int = seed("Of the adapter's first weights, the noise and the noise levels.")
    objective: str = choice(
        "denoise",
        OBJECTIVES,
        "denoise: learn the pictures of each side (as SimpleTuner does). difference: learn only how the "
        "two sides differ, and leave to the model what it gets wrong on both; needs cycle together. "
        "prompts: words alone, from Slider from Words, whose examples train so under every objective.",
    )
    anchor_weight: float = real(
        1.0,
        0.0,
        1000.0,
        0.1,
        "How much neutral pictures hold the slider still, against 1 for the others.",
        advanced=True,
    )
    anchor_below: float = real(
        0.5,
        0.0,
        1.0,
        0.05,
        "Noise level (0 clean to 1) up to which they do: at high noise all pictures look alike.",
        advanced=True,
    )
    noise_levels: str = choice(
        "auto",
        DENSITIES,
        "Density of the noise levels. auto: what this kind of model is usually trained with. low: "
        "where small things take shape; it needs a higher rate.",
        advanced=True,
    )
    optimiser: str = choice("AdamW", OPTIMISERS, "What makes steps of gradients.", advanced=True)
    schedule: str = choice(
        "cosine", SCHEDULES, "How the learning rate falls to 0 over the steps, if at all.", advanced=True
    )
    warmup: int = whole(0, 0, 100_000, "Steps of rising rate.", advanced=True)
    weight_decay: float = real(0.0, 0.0, 1000.0, 0.001, "Pulls the adapter's weights towards 0.", advanced=True)
    max_norm: float = real(1.0, 0.0, 1e6, 0.1, "Clips gradients.", advanced=True)
    gradient_checkpointing: bool = switch(True, "Much less memory, about a third more time.", advanced=True)
    rows_at_once: int = whole(
        0,
        0,
        1024,
        "Pictures in one model call. 0: all of a step, fewer when memory runs out.",
        advanced=True,
    )
    checkpoint_every: int = whole(
        50,
        0,
        100_000,
        "Steps between states on disk from which a stopped training goes on. 0: none is kept.",
        advanced=True,
    )
    preview_every: int = whole(
        0, 0, 100_000, "Steps between previews of what the slider does so far (needs vae). 0: none."
    )
    save_every: int = whole(
        0,
        0,
        100_000,
        "Steps between sliders that are written on the way, as name_…_step_100, to compare in Slider Sweep. 0: none.",
        advanced=True,
    )
    noise_draws: int = whole(
        1,
        1,
        64,
        "How often a step takes each of its pictures, with other noise each time. 6 with 15 steps is a quick slider.",
        advanced=True,
    )
    stop_at: float = real(
        0.0,
        0.0,
        2.0,
        0.05,
        "Ends the training, before all steps are done, when the slider has this part of the size that fits its "
        "pictures best. 0: 1 where the rate is found, else all steps are done.",
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class TrainSettings(LoopSettings):
    """The widgets of Train Slider."""

    file_name: str = text(
        "loras/slider",
        "Name of the slider, with folders before it if you like. It is written to output/loras, a number is added.",
    )
    kind: str = choice("lora", KINDS, "Kind of adapter.")
    rank: int = whole(4, 1, 1024, "Size of the adapter. 4 is plenty for most.")
    alpha: float = real(0.0, 0.0, 1024.0, 0.5, "The adapter is scaled by alpha / rank. 0 means alpha = rank.")
    precision: str = choice(
        "float32",
        PRECISIONS,
        "Of the adapter and the optimiser. The model computes in its own.",
        advanced=True,
    )
    resume: str = choice(
        "continue",
        RESUMES,
        "continue: a training that was stopped goes on where it was, if nothing else has changed.",
    )
    preview_steps: int = whole(20, 1, 200, "Sampler steps.", advanced=True)
    preview_cfg: float = real(4.0, 0.0, 100.0, 0.1, "As in KSampler; 1 for distilled models.", advanced=True)
    lycoris_config: str = text(
        "",
        "A LyCORIS config as JSON text; it replaces kind, rank and alpha, and where it has an "
        "apply_preset also the targets.",
        advanced=True,
        multiline=True,
        structured=True,
    )
    keep_checkpoint: bool = switch(
        False,
        "Keep the last state of a training that is finished (in output/slider_checkpoints); else it is removed.",
        advanced=True,
    )
    store_curve: bool = switch(
        True,
        "Where previews are made: measure the finished slider's range and response, so that ±1 is what can be used.",
        advanced=True,
    )
