"""The bench's second model: a UNet of SD1.x's shape that predicts noise, on the latents of the demo's VAE."""

from __future__ import annotations

from pathlib import Path

import torch
from comfy import latent_formats, model_management, model_patcher, ops, supported_models
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.model_patcher import ModelPatcher
from named_faces import NEW_WORDS
from safetensors.torch import load_file
from text_encoder import WORDS, TinyFacesText
from tiny_model import CHANNELS, WIDTH, new_text, start, tokens, with_weights
from torch import Tensor, nn

FILE = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "model" / "tiny_unet.safetensors"
VOCABULARY = (*WORDS, *NEW_WORDS)

UNET = {
    "image_size": 16,
    "use_checkpoint": False,
    "legacy": False,
    "use_spatial_transformer": True,
    "in_channels": CHANNELS,
    "out_channels": CHANNELS,
    "use_temporal_resblock": False,
    "use_temporal_attention": False,
    "adm_in_channels": None,
    "model_channels": 64,
    "num_res_blocks": [1, 1, 1],
    "channel_mult": [1, 2, 2],
    "transformer_depth": [0, 1, 1],
    "transformer_depth_output": [0, 0, 1, 1, 1, 1],
    "transformer_depth_middle": 1,
    "use_linear_in_transformer": False,
    "context_dim": WIDTH,
}


class NamedFaces(supported_models.SD15):
    """SD1.x with SD3's latent format, whose numbers the demo's VAE undoes."""

    latent_format = latent_formats.SD3

    def inpaint_model(self) -> bool:
        return False  # SD1.x takes more than four channels for a mask


def configuration() -> NamedFaces:
    config = NamedFaces(dict(UNET))
    config.set_inference_dtype(torch.float32, None)
    return config


@with_weights
def new_unet() -> UNetModel:
    """6.6 million parameters, starting as the zero function."""
    config = configuration().unet_config
    unet = UNetModel(**config, device="cpu", operations=ops.disable_weight_init)
    start(unet)
    for name, weight in unet.named_parameters():
        if name.startswith("out.2.") or name.endswith(("proj_out.weight", "out_layers.3.weight")):
            nn.init.zeros_(weight)
    return unet


class NamedFaceModel(nn.Module):
    """UNet and text encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.unet, self.text = new_unet(), new_text(len(VOCABULARY))

    def forward(self, x: Tensor, times: Tensor, numbers: Tensor) -> Tensor:
        """The noise in x [batch, 16, h, w], scaled to unit variance, at times 0 … 999."""
        return self.unet(x, times, context=encode(self.text, numbers))


def encode(text: TinyFacesText, numbers: Tensor) -> Tensor:
    return text(None, None, embeds=text.words(numbers))[0]


def conditioning(text: TinyFacesText, caption: str) -> list:
    """As CLIP Text Encode gives it."""
    with torch.no_grad():
        return [[encode(text, tokens([caption], VOCABULARY)), {}]]


def load(file: Path = FILE) -> tuple[ModelPatcher, TinyFacesText]:
    """The model as ComfyUI has it, float32, and its text encoder."""
    weights = {name: weight.float() for name, weight in load_file(file).items()}
    model = configuration().get_model({}, device=torch.device("cpu"))
    named = {
        prefix: {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}
        for prefix in ("unet.", "text.")
    }
    model.diffusion_model.load_state_dict(named["unet."])
    text = new_text(len(VOCABULARY))
    text.load_state_dict(named["text."])
    device = model_management.get_torch_device()
    patcher = model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))
    return patcher, text.requires_grad_(False)
