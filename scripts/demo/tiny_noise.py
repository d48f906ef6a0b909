"""The bench's second model: the demo's transformer, made to predict noise, with words for smile and eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from comfy import model_base, model_detection, model_management, model_patcher, supported_models
from comfy.ldm.modules.diffusionmodules.mmdit import OpenAISignatureMMDITWrapper
from comfy.model_sampling import ModelSamplingDiscrete
from named_faces import NEW_WORDS
from safetensors.torch import load_file
from text_encoder import WORDS, TinyFacesText
from tiny_model import CHECKPOINT, encode_text, new_text, new_transformer, tokens
from torch import Tensor, nn

FILE = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "model" / "tiny_noise.safetensors"
VOCABULARY = (*WORDS, *NEW_WORDS)


SIGMAS = ModelSamplingDiscrete().sigmas.float()  # noise over picture, at times 0 … 999


class NoiseTransformer(OpenAISignatureMMDITWrapper):  # type: ignore[misc]
    """Predicts the noise in what SD1.x's noise levels make of a picture, from what its blocks say of the velocity.

    With picture p, noise n and s their ratio of strengths: the input is (p + s · n) / √(1 + s²), the blocks see
    (p + s · n) / (1 + s) and answer n − p, so n is what they see plus their answer over (1 + s).
    """

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor | None = None, **options: Any) -> Tensor:
        s = SIGMAS.to(x.device)[timesteps.round().long()].reshape(-1, 1, 1, 1)
        seen = (x * (1 + s.square()).sqrt() / (1 + s)).to(x.dtype)
        levels = (1000 * s / (1 + s)).flatten().to(timesteps.dtype)
        velocity: Tensor = super().forward(seen, levels, context=context, **options)
        return seen + velocity / (1 + s).to(x.dtype)


class NoiseModel(model_base.SD3):  # type: ignore[misc]
    def __init__(self, config: Any, device: torch.device | None = None):
        model_base.BaseModel.__init__(
            self, config, model_base.ModelType.EPS, device=device, unet_model=NoiseTransformer
        )

    def encode_adm(self, **options: Any) -> None:
        """It has no use for a pooled text."""


class NoiseFaces(supported_models.SD3):  # type: ignore[misc]
    """SD3's latents, with the noise levels and the prediction of SD1.x."""

    sampling_settings: dict[str, Any] = {}

    def get_model(self, state_dict: Any, prefix: str = "", device: torch.device | None = None) -> nn.Module:
        return NoiseModel(self, device)


class NamedFaceModel(nn.Module):
    """Transformer and text encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer, self.text = new_transformer(NoiseTransformer), new_text(len(VOCABULARY))

    def forward(self, x: Tensor, times: Tensor, numbers: Tensor) -> Tensor:
        """The noise in x [batch, 16, h, w], scaled to unit variance, at times 0 … 999."""
        return self.transformer(x, times, context=encode_text(self.text, numbers))


def from_demo() -> NamedFaceModel:
    """The demo's model, so put that it predicts noise; its new words begin at random."""
    weights = {name: weight.float() for name, weight in load_file(CHECKPOINT).items()}
    model = NamedFaceModel()
    model.transformer.load_state_dict(part(weights, "model.diffusion_model."))
    named = part(weights, "tiny_faces_text.")
    known = named.pop("words.weight")
    model.text.load_state_dict({**model.text.state_dict(), **named})
    with torch.no_grad():
        model.text.words.weight[: len(known)] = known
    return model


def part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}


def conditioning(text: TinyFacesText, caption: str) -> list:
    """As CLIP Text Encode gives it."""
    with torch.no_grad():
        return [[encode_text(text, tokens([caption], VOCABULARY)), {}]]


def load(file: Path = FILE) -> tuple[model_patcher.ModelPatcher, TinyFacesText]:
    """The model as ComfyUI has it, float32, and its text encoder."""
    weights = {name: weight.float() for name, weight in load_file(file).items()}
    transformer = part(weights, "transformer.")
    config = NoiseFaces(model_detection.detect_unet_config(transformer, ""))
    config.set_inference_dtype(torch.float32, None)
    model = config.get_model({}, device=torch.device("cpu"))
    model.diffusion_model.load_state_dict(transformer)
    text = new_text(len(VOCABULARY))
    text.load_state_dict(part(weights, "text."))
    device = model_management.get_torch_device()
    patcher = model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))
    return patcher, text.requires_grad_(False)
