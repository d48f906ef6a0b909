"""The parts of the tiny face model, as ComfyUI's own modules, and the checkpoint they are saved in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import comfy.cli_args
import torch

if not torch.cuda.is_available():
    comfy.cli_args.args.cpu = True  # else comfy.model_management looks for a GPU when it is imported

import comfy.memory_management
import comfy.ops
from comfy.ldm.modules.diffusionmodules.mmdit import OpenAISignatureMMDITWrapper
from comfy.taesd.taesd import TAESD
from concept_sliders.slider_core.replaced import replaced
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parent
CHECKPOINT = FOLDER / "model" / "tiny_faces.safetensors"
sys.path.insert(0, str(FOLDER / "custom_nodes" / "comfyui_tiny_faces"))

from text_encoder import LENGTH, WIDTH, WORDS, TinyFacesText, WordTokenizer  # noqa: E402

DEPTH = 3  # blocks; ComfyUI takes the width of an SD3-type model to be 64 * depth
CHANNELS = 16
SCALE, SHIFT = (
    1.5305,
    0.0609,
)  # of SD3's latents: with these in the VAE the transformer sees the encoder's own output


# Under dynamic VRAM, ComfyUI's layers are made empty, to be filled from a file.
with_weights = replaced(comfy.memory_management, "aimdo_enabled", False)


@with_weights
def new_transformer() -> nn.Module:
    """An SD3-type transformer (MMDiT) of 3.7 million parameters that starts as the zero function."""
    model = OpenAISignatureMMDITWrapper(
        input_size=None,
        patch_size=2,
        in_channels=CHANNELS,
        depth=DEPTH,
        adm_in_channels=None,
        context_embedder_config={
            "target": "torch.nn.Linear",
            "params": {"in_features": WIDTH, "out_features": 64 * DEPTH},
        },
        pos_embed_scaling_factor=None,
        qk_norm="rms",
        dtype=torch.float32,
        device="cpu",
        operations=comfy.ops.disable_weight_init,
    )
    start(model)
    for name, weight in model.named_parameters():
        if "adaLN_modulation" in name or name.startswith("final_layer.linear"):
            nn.init.zeros_(weight)
    return model


@with_weights
def new_text(words: int = len(WORDS)) -> TinyFacesText:
    model = TinyFacesText({"words": words}, torch.float32, "cpu", comfy.ops.disable_weight_init)
    start(model)
    for table in (model.words, model.places):
        nn.init.normal_(table.weight, std=0.5)
    return model


def new_vae() -> TAESD:
    vae = TAESD(latent_channels=CHANNELS)
    start(vae.taesd_encoder)
    start(vae.taesd_decoder)
    with torch.no_grad():
        vae.taesd_decoder[-1].weight.mul_(0.1)  # the first pictures are gray
        vae.taesd_decoder[-1].bias.fill_(0.5)
        vae.vae_scale.fill_(SCALE)
        vae.vae_shift.fill_(SHIFT)
    return vae


def start(model: nn.Module) -> None:
    """Usual starting weights; ComfyUI's layers come without any."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.LayerNorm, nn.GroupNorm)) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, (nn.LayerNorm, nn.GroupNorm)) and module.weight is not None:
            nn.init.ones_(module.weight)
    for name, weight in model.named_parameters():
        if name.endswith(("ln_q.weight", "ln_k.weight")):
            nn.init.ones_(weight)
        if name.endswith("conv.4.weight"):  # last of a residual block of the VAE: start near the identity
            with torch.no_grad():
                weight.mul_(0.1)


def tokens(captions: list[str], words: Sequence[str] = WORDS) -> Tensor:
    """Captions as [count, 16] numbers, filled up with 0."""
    tokenizer = WordTokenizer(words)
    rows = [tokenizer(caption)["input_ids"][:LENGTH] for caption in captions]
    return torch.tensor([row + [0] * (LENGTH - len(row)) for row in rows])


def encode_text(text: TinyFacesText, numbers: Tensor) -> Tensor:
    return text(None, None, embeds=text.words(numbers))[0]


def parts(transformer: nn.Module, vae: nn.Module, text: nn.Module) -> dict[str, nn.Module]:
    """Each part by the prefix of its names: what CheckpointLoaderSimple and TinyFacesCLIPLoader look for."""
    return {"model.diffusion_model.": transformer, "first_stage_model.": vae, "tiny_faces_text.": text}


def checkpoint(transformer: nn.Module, vae: nn.Module, text: nn.Module) -> dict[str, Tensor]:
    """All parts as one checkpoint in float16."""
    named = {
        prefix + name: weight
        for prefix, part in parts(transformer, vae, text).items()
        for name, weight in part.state_dict().items()
    }
    return {name: weight.detach().to("cpu", torch.float16).contiguous() for name, weight in named.items()}
