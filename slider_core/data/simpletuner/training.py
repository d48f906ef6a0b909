"""The companion `config.json` in the words of Train Slider's widgets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...given import quoted
from .entry import DatasetError, Entry

# Optimisers of SimpleTuner, by the beginning of their names, and the nearest of ours.
OPTIMISERS = {
    "torch-adamw": "AdamW",
    "torch-adam": "Adam",
    "torch-sgd": "SGD",
    "torch-radam": "RAdam",
    "torch-nadam": "NAdam",
    "torch-adafactor": "Adafactor",
    "adamw": "AdamW",
    "ao-adamw": "AdamW",
    "bnb-adamw": "AdamW",
    "sdnq-adamw": "AdamW",
    "optimi-adamw": "AdamW",
    "optimi-stableadamw": "AdamW",
    "optimi-radam": "RAdam",
    "optimi-adam": "Adam",
    "optimi-sgd": "SGD",
    "bnb-adam": "Adam",
    "sdnq-adafactor": "Adafactor",
}
SAME = (
    "torch-adamw",
    "torch-adam",
    "torch-sgd",
    "torch-radam",
    "torch-nadam",
    "torch-adafactor",
    "optimi-adamw",
)
SCHEDULES = {
    "constant": "constant",
    "constant_with_warmup": "constant",
    "cosine": "cosine",
    "cosine_with_restarts": "cosine",
    "polynomial": "linear",
    "linear": "linear",
    "sine": "cosine",
}
RANK = 16  # where `lora_rank` is left out
HIGHEST_RANK = 1024


def training_settings(config: Mapping[str, Any], lycoris: str = "") -> tuple[dict[str, Any], list[str]]:
    """Widgets of Train Slider (and `preset` of Slider Targets) that a config fills, and a note for each key that
    means something else here.

    Args:
        config: as `read_config` gives it.
        lycoris: the text of the LyCORIS config that it names, where that is at hand.

    Raises:
        DatasetError: naming the key whose value cannot be used.
    """
    entry, notes = Entry(config, "config.json"), list[str]()
    settings: dict[str, Any] = {**_adapter(entry, lycoris, notes), **_steps(entry, notes)}
    settings |= _optimiser(entry, notes)
    if (seed := int(entry.number("seed", -1, whole=True))) >= 0:
        settings["seed"] = seed
    else:
        notes.append("seed: SimpleTuner draws one, here it stays as it is.")
    if "gradient_checkpointing" in config:
        settings["gradient_checkpointing"] = entry.switch("gradient_checkpointing")
    return settings, notes


def _adapter(entry: Entry, lycoris: str, notes: list[str]) -> dict[str, Any]:
    if entry.text("model_type", "lora") not in ("lora", "", "controlnet"):
        notes.append(f"model_type {quoted(entry.raw['model_type'])}: only adapters are trained here; kind full is the "
                     "nearest.")  # fmt: skip
    if not entry.switch("slider_lora_target"):
        notes.append("slider_lora_target is not true: SimpleTuner trains its ordinary targets then; preset slider of "
                     "Slider Targets is what sliders use.")  # fmt: skip
    if entry.text("lora_type", "standard").lower() == "lycoris":
        if lycoris.strip():
            return {"preset": "slider", "lycoris_config": lycoris}
        path = entry.text("lycoris_config", "config/lycoris_config.json")
        notes.append(
            f"lycoris_config {quoted(path)}: paste or choose that file too; without it a LoKr is not known."
        )
        return {"preset": "slider", "kind": "lokr"}
    rank = int(entry.number("lora_rank", RANK, 1, whole=True))
    if rank > HIGHEST_RANK:
        raise entry.fault("lora_rank", f"Write at most {HIGHEST_RANK}.")
    if not entry.has("lora_rank"):
        notes.append(f"lora_rank: not given; SimpleTuner's default is {RANK}.")
    settings: dict[str, Any] = {
        "preset": "slider",
        "rank": rank,
        "alpha": entry.number("lora_alpha", rank, 0.0),
    }
    settings["kind"] = "dora" if entry.switch("use_dora") else "lora"
    if entry.number("lora_dropout", 0.1, 0.0):
        notes.append("lora_dropout: not used with kind lora; a LyCORIS config can have dropout.")
    return settings


def _steps(entry: Entry, notes: list[str]) -> dict[str, Any]:
    steps = int(entry.number("max_train_steps", 0, 0, whole=True))
    if not steps:
        epochs = entry.number("num_train_epochs", 1, 0)
        notes.append(f"max_train_steps is not given and num_train_epochs {epochs:g} counts pictures: set steps "
                     "yourself.")  # fmt: skip
    batch = int(entry.number("train_batch_size", 1, 1, whole=True))
    batch *= int(entry.number("gradient_accumulation_steps", 1, 1, whole=True))
    if batch > 1:
        notes.append(f"train_batch_size and gradient_accumulation_steps make {batch} pictures a step: set batch_size "
                     f"of Slider Cycle to {math.ceil(batch / 2)} (it counts each side).")  # fmt: skip
    if steps:
        notes.append("max_train_steps: SimpleTuner takes one side a step; cycle together takes both, so half the "
                     "steps see as many pictures. Cycle alternate is as SimpleTuner does it.")  # fmt: skip
    return {"steps": steps} if steps else {}


def _optimiser(entry: Entry, notes: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if entry.has("learning_rate"):
        settings["learning_rate"] = entry.number("learning_rate", 0.0, 1e-12)
    name = entry.text("optimizer", "adamw_bf16").lower() or "adamw_bf16"
    ours = next((OPTIMISERS[k] for k in sorted(OPTIMISERS, key=len, reverse=True) if name.startswith(k)), None)
    settings["optimiser"] = ours or "AdamW"
    if name not in SAME:
        notes.append(f"optimizer {quoted(name)}: {'the nearest here is' if ours else 'not known here, so'} "
                     f"{settings['optimiser']}.")  # fmt: skip
    schedule = entry.text("lr_scheduler", "constant_with_warmup").lower()
    if schedule not in SCHEDULES:
        raise entry.fault("lr_scheduler", f"Here it can be {', '.join(SCHEDULES)}.")
    settings["schedule"] = SCHEDULES[schedule]
    if SCHEDULES[schedule] != schedule.removesuffix("_with_warmup"):
        notes.append(f"lr_scheduler {schedule}: {SCHEDULES[schedule]} here.")
    settings["warmup"] = int(entry.number("lr_warmup_steps", 0, 0, whole=True))
    settings["weight_decay"] = entry.number("adam_weight_decay", 0.01, 0.0)
    if entry.text("grad_clip_method", "value") == "norm":
        settings["max_norm"] = entry.number("max_grad_norm", 2.0, 0.0)
    elif entry.has("max_grad_norm"):
        notes.append("max_grad_norm: SimpleTuner clips single values by it; here max_norm clips the whole gradient "
                     "and stays as it is.")  # fmt: skip
    return settings


__all__ = ["DatasetError", "training_settings"]
