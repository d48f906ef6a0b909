"""Changes of a tiny SD3 model that each make another training of it, and the training's fingerprint."""

import uuid

import comfy.sd
import torch
from comfy.patcher_extension import WrappersMP
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete, ModelSamplingSD3
from comfy_extras.nodes_torch_compile import TorchCompileModel
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training.fingerprint import fingerprint
from small_training import LAYERS, request
from tiny_models import tiny_model

LAYER = LAYERS[0].removesuffix(".weight")


def of(model, cycle=None, **settings):
    return fingerprint(request(model, cycle, **settings), [])


def lora(scale=0.1, seed=0, dora=False):
    random = torch.Generator().manual_seed(seed)
    rows, columns = 128, 128
    magnitudes = {f"{LAYER}.dora_scale": torch.ones(rows, 1)} if dora else {}
    return {
        f"{LAYER}.lora_up.weight": torch.randn(rows, 4, generator=random) * scale,
        f"{LAYER}.lora_down.weight": torch.randn(4, columns, generator=random) * scale,
        **magnitudes,
    }


def with_lora(model, strength=1.0, **tensors):
    return comfy.sd.load_lora_for_models(model, None, lora(**tensors), strength, 0)[0]


def with_slider(model, strength=1.0, start=0.0, **tensors):
    return apply_slider(model, AppliedSlider(deltas_for(model, lora(**tensors))[0], strength, "", start))


def with_wrapper(model, number):
    clone = model.clone()

    def wrapper(executor, *args, **kwargs):
        return executor(*args, **kwargs) * number

    clone.add_wrapper_with_key(WrappersMP.APPLY_MODEL, str(uuid.uuid4()), wrapper)
    return clone


def with_patch(model, number):
    clone = model.clone()
    clone.set_model_attn1_patch(lambda q, k, v, extra_options: (q * number, k, v))
    return clone


def with_other_matrices(model):
    other = tiny_model("sd3", seed=1)
    norms = {k: v for k, v in model.model.state_dict().items() if v.ndim < 2}
    other.model.load_state_dict(norms, strict=False)
    return other


CHANGES = {
    "a LoRA": with_lora,
    "another LoRA": lambda model: with_lora(model, seed=1),
    "another strength of the LoRA": lambda model: with_lora(model, 0.5),
    "a slider": with_slider,
    "another slider": lambda model: with_slider(model, seed=1),
    "another strength of the slider": lambda model: with_slider(model, -1.0),
    "another start of the slider": lambda model: with_slider(model, start=0.3),
    "two sliders": lambda model: with_slider(with_slider(model), seed=1),
    "shift 1": lambda model: ModelSamplingSD3().patch(model, 1.0)[0],
    "shift 5": lambda model: ModelSamplingSD3().patch(model, 5.0)[0],
    "another kind of prediction": lambda model: ModelSamplingDiscrete().patch(model, "v_prediction", False)[0],
    "all matrices, no norm": with_other_matrices,
    "a wrapper": lambda model: with_wrapper(model, 1.0),
    "another number in the wrapper": lambda model: with_wrapper(model, 2.0),
    "torch.compile": lambda model: TorchCompileModel.execute(model, "inductor").args[0],
    "a patch of attention": lambda model: with_patch(model, 1.0),
    "another number in the patch": lambda model: with_patch(model, 2.0),
}
