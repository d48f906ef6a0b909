"""Models of a published size with random weights: built on the device, or written to a file and loaded from it."""

from __future__ import annotations

import math
from pathlib import Path

import comfy.sd
import torch
from comfy import model_management, supported_models
from comfy.model_patcher import ModelPatcher
from safetensors.torch import save_file
from sizes import SIZES
from torch import Tensor, nn

FP8 = torch.float8_e4m3fn
# Name of a --dtype: what weights are stored in, and what is computed in where that is another.
DTYPES = {
    "fp32": (torch.float32, None),
    "fp16": (torch.float16, None),
    "bf16": (torch.bfloat16, None),
    "fp8": (FP8, torch.bfloat16),
    "fp8_scaled": (torch.bfloat16, None),
}


def built(name: str, dtype: str, tiny: bool, disable_dynamic: bool = False) -> ModelPatcher:
    """The model as ComfyUI's classes make it, on the device at once, under the patcher without dynamic VRAM."""
    device = model_management.get_torch_device()
    config = getattr(supported_models, SIZES[name].kind)(SIZES[name].configuration(tiny))
    config.set_inference_dtype(*DTYPES[dtype])
    with torch.inference_mode(not disable_dynamic):
        model = config.get_model({}, device=device)
        fill(model.diffusion_model)
    patcher = ModelPatcher(model, device, model_management.unet_offload_device())
    patcher.cached_patcher_init = (built, (name, dtype, tiny))
    return patcher


@torch.no_grad()
def fill(model: nn.Module) -> None:
    """Random weights with which activations stay finite: every layer keeps the size of its input or lowers it."""
    torch.manual_seed(0)
    for name, tensor in model.state_dict(keep_vars=True).items():
        if not tensor.is_floating_point():
            continue
        if tensor.ndim < 2:
            tensor.fill_(1.0 if name.endswith((".weight", ".scale")) else 0.0)
            continue
        std = min(0.02, math.prod(tensor.shape[1:]) ** -0.5)
        tensor.copy_(torch.randn(tensor.shape, dtype=torch.bfloat16, device=tensor.device) * std)


def write(path: Path, name: str, dtype: str, tiny: bool) -> None:
    """The same weights as a file of the diffusion model alone."""
    model = built(name, dtype, tiny).model.diffusion_model
    weights = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
    if dtype == "fp8_scaled":
        linear = [key for key, module in model.named_modules() if isinstance(module, nn.Linear)]
        weights |= _scaled(weights, linear)
    save_file(weights, str(path))


def _scaled(weights: dict[str, Tensor], layers: list[str]) -> dict[str, Tensor]:
    """The layers' weights in float8 with a scale each, as ComfyUI's scaled files have them."""
    changed = {"scaled_fp8": torch.tensor([], dtype=FP8)}
    for layer in layers:
        weight = weights[f"{layer}.weight"].float()
        scale = weight.abs().max() / torch.finfo(FP8).max
        changed[f"{layer}.weight"] = (weight / scale).to(FP8)
        changed[f"{layer}.scale_weight"] = scale.reshape(())
    return changed


def loaded(path: Path) -> ModelPatcher:
    """The file as ComfyUI's loader node loads it; under dynamic VRAM where that is on."""
    return comfy.sd.load_diffusion_model(str(path))
