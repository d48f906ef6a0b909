"""A tiny random model of each family, made by ComfyUI's own classes: the real code at a hundredth of the width.

`families/` has a configuration and the inputs of a model call for each variant. Every weight is random, also of
layers that start at zero, so that gradients reach everything. A name and a seed give one model.
"""

from functools import cache
from zlib import crc32

import torch
from comfy import latent_formats, ops, supported_models
from comfy.cldm import cldm, dit_embedder, mmdit
from comfy.controlnet import ControlNet, ControlNetSD35, QwenFunControlNet, StrengthType
from comfy.ldm.flux.controlnet import ControlNetFlux
from comfy.ldm.hydit.controlnet import HunYuanControlNet
from comfy.ldm.qwen_image.controlnet import QwenImageControlNetModel, QwenImageFunControlNetModel
from comfy.model_patcher import ModelPatcher
from families import TINY

NAMES = list(TINY)
CPU = torch.device("cpu")
TOKENS = {"lyric_token_idx"}


def tiny_model(name: str, seed: int = 0) -> ModelPatcher:
    """A new random model of the variant `name`, float32 on the CPU."""
    config = model_config(name)
    config.set_inference_dtype(torch.float32, None)
    model = config.get_model({}, device=CPU)
    randomise(model.diffusion_model, seed)
    return ModelPatcher(model, load_device=CPU, offload_device=CPU)


def model_config(name: str) -> supported_models.supported_models_base.BASE:
    """ComfyUI's description of the variant, as its model detection would make it from a file."""
    sizes = dict(TINY[name].config)
    config = getattr(supported_models, TINY[name].of)(sizes)
    config.unet_config |= sizes  # Ideogram 4's class states the published sizes
    return config


@cache
def shared_model(name: str) -> ModelPatcher:
    """`tiny_model(name)`, one for all tests that leave it as it is. All variants together need 2.6 GB."""
    return tiny_model(name)


def tiny_call(name: str) -> dict:
    """The arguments of one call of the variant's `apply_model`: `x`, `t` and conditionings, of two samples.

    SVD's samples are videos of two frames, and frames are rows of its batch; MiniMax H3 takes one sample a call;
    ACE-Step 1.5 gives the first sample of a batch the others' timbre too, so it gets no conditioning.
    """
    tiny, random = TINY[name], torch.Generator().manual_seed(crc32(name.encode()))
    call = {key: _input(key, shape, random) for key, shape in tiny.call.items()}
    return {"x": torch.randn(tiny.x, generator=random), "t": torch.full((tiny.x[0],), tiny.sigma), **call}


def samples(call: dict) -> int:
    """How many samples a call has, each of which can have a strength of its own."""
    return len(call["x"]) // call.get("num_video_frames", 1)


def _input(key: str, shape, random: torch.Generator):
    """A random tensor of the shape, or what the variant states itself: a tensor's values, or a constant."""
    if isinstance(shape, dict) and "values" in shape:
        return torch.tensor(shape["values"])
    if not isinstance(shape, list) or not all(isinstance(length, int) for length in shape):
        return shape
    if key in TOKENS:
        return torch.randint(1, 20, shape, generator=random)
    if key.endswith(("mask", "mask_t5")):
        return torch.ones(shape, dtype=torch.long)
    return torch.randn(shape, generator=random)


@torch.no_grad()
def randomise(model: torch.nn.Module, seed: int = 0) -> None:
    """Gives every parameter, and every buffer a checkpoint would fill, a random value of a sane size."""
    random = torch.Generator().manual_seed(seed)
    stored = model.state_dict(keep_vars=True)
    for name, tensor in stored.items():
        if tensor.is_floating_point():
            tensor.copy_(_random_value(name, tensor, random))


def _random_value(name: str, tensor: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    noise = torch.randn(tensor.shape, generator=random)
    if tensor.ndim >= 2:
        fan_in = tensor[0].numel() if name.endswith("weight") else tensor.shape[-1]
        return noise / fan_in**0.5
    is_scale = name.endswith((".weight", ".scale", ".gamma"))
    return 1 + 0.1 * noise if is_scale else 0.1 * noise


class TinyVAE:
    """Stands where a VAE does: a latent pixel is the mean colour of 8 × 8 pixels, repeated to the channels."""

    def __init__(self, channels: int, video: bool = False):
        self.channels, self.video = channels, video

    def spacial_compression_encode(self) -> int:
        return 8

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, H, W, 3] in 0..1 to [B, channels, H/8, W/8], or with a frame dimension before the height."""
        small = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1), 8)
        latent = small.repeat(1, self.channels // 3 + 1, 1, 1)[:, : self.channels]
        return latent.unsqueeze(2) if self.video else latent


def tiny_control_net(name: str, seed: int = 0) -> ControlNet:
    """A random ControlNet for the base model of the same name (`qwen_image_fun` is one more for `qwen_image`).

    Those with a `latent_format` need a VAE in `set_cond_hint`: for SD3 `TinyVAE(16)`, for Qwen-Image
    `TinyVAE(16, video=True)`, for HunyuanDiT `TinyVAE(4)`.
    """
    config = dict(model_config(name.removesuffix("_fun")).unet_config)
    made_by = {"device": CPU, "dtype": torch.float32, "operations": ops.disable_weight_init}
    control_net = _control_net(name, config, made_by)
    control_net.control_model.eval().requires_grad_(False)
    randomise(control_net.control_model, seed)
    return control_net


def _control_net(name: str, config: dict, made_by: dict) -> ControlNet:
    if name in ("sd15", "sd2", "sdxl"):
        del config["out_channels"]
        return ControlNet(cldm.ControlNet(hint_channels=3, **config, **made_by), load_device=CPU)
    if name == "hunyuan_dit":  # of 19 blocks, whatever the configuration: its base model must have 40
        model = HunYuanControlNet(**config, **made_by)
        conds = ("text_embedding_mask", "encoder_hidden_states_t5", "text_embedding_mask_t5")
        return _on_latents(ControlNet, model, latent_formats.SDXL(), conds, strength_type=StrengthType.CONSTANT)
    if name == "sd3":
        model = mmdit.ControlNet(num_blocks=2, control_latent_channels=16, **config, **made_by)
        return _on_latents(ControlNet, model, latent_formats.SD3())
    if name == "sd35_medium":
        sizes = {"num_layers": 2, "main_model_double": 2, "num_attention_heads": 2, "attention_head_dim": 64}
        model = dit_embedder.ControlNetEmbedder(
            img_size=None, patch_size=2, in_chans=16, adm_in_channels=24, double_y_emb=False, **sizes, **made_by
        )
        return _on_latents(ControlNetSD35, model, latent_formats.SD3())
    if name == "flux":
        model = ControlNetFlux(**config, **made_by)
        return ControlNet(model, load_device=CPU, extra_conds=["y", "guidance"])
    if name == "qwen_image":
        model = QwenImageControlNetModel(**config, **made_by)
        return _on_latents(ControlNet, model, latent_formats.Wan21(), extra_conds=[])
    sizes = {"inner_dim": 256, "num_attention_heads": 2, "num_control_blocks": 2, "main_model_double": 2}
    model = QwenImageFunControlNetModel(injection_layers=(0, 1), **sizes, **made_by)
    return _on_latents(QwenFunControlNet, model, latent_formats.Wan21(), extra_conds=[])


def _on_latents(
    kind: type, model: torch.nn.Module, latent_format, extra_conds=("y",), **settings
) -> ControlNet:
    """A ControlNet that takes its control picture encoded by the VAE."""
    settings |= {"compression_ratio": 1, "latent_format": latent_format, "load_device": CPU}
    return kind(model, extra_conds=list(extra_conds), **settings)
