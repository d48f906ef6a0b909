"""The bench's second model: a transformer as the demo's that predicts noise, and whose words name smile and eyes."""

from __future__ import annotations

from pathlib import Path

import torch
from comfy import model_base, model_detection, model_management, model_patcher, supported_models
from named_faces import NEW_WORDS
from safetensors.torch import load_file
from text_encoder import WORDS, TinyFacesText
from tiny_model import CHECKPOINT, encode_text, new_text, new_transformer, tokens
from torch import Tensor, nn

FILE = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "model" / "tiny_noise.safetensors"
VOCABULARY = (*WORDS, *NEW_WORDS)


class NoiseFaces(supported_models.SD3):
    """SD3's transformer and latents, with the noise levels and the prediction of SD1.x."""

    sampling_settings: dict = {}

    def get_model(self, state_dict: dict, prefix: str = "", device: torch.device | None = None) -> nn.Module:
        return model_base.SD3(self, model_type=model_base.ModelType.EPS, device=device)


class NamedFaceModel(nn.Module):
    """Transformer and text encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer, self.text = new_transformer(), new_text(len(VOCABULARY))

    def forward(self, x: Tensor, times: Tensor, numbers: Tensor) -> Tensor:
        """The noise in x [batch, 16, h, w], scaled to unit variance, at times 0 … 999."""
        return self.transformer(x, times.float(), context=encode_text(self.text, numbers))


def from_demo() -> NamedFaceModel:
    """With the demo's weights, which predict a velocity, to be trained on; new words begin at random."""
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
