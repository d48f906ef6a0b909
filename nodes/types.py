"""The sockets that our nodes share, each defined once."""

from comfy_api.latest import io

SliderTargets = io.Custom("SLIDER_TARGETS")  # slider_core.architectures.Selection
SliderBuckets = io.Custom("SLIDER_BUCKETS")  # tuple[slider_core.data.Bucket, ...]
SliderCycle = io.Custom("SLIDER_CYCLE")  # slider_core.data.Cycle
SliderPrompts = io.Custom("SLIDER_PROMPTS")  # tuple[slider_core.evaluation.Prompt, ...]
MixerRows = io.Custom("SLIDER_ROWS")  # list of objects, see nodes.mixer_rows; a widget of web/slider_mixer.js
LoraModel = io.Custom("LORA_MODEL")  # slider_core.files.Slider, or any dict of LoRA tensors
LossMap = io.Custom("LOSS_MAP")  # {"loss": list[float]}, and more lists of the same length

CATEGORY = "model/training/slider"
