"""The models of the benchmarks: published sizes, a tiny size of each, and what one row of a call takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

TINY_TOKENS = 6


@dataclass(frozen=True)
class Size:
    """A model by its configuration.

    Attributes:
        kind: ComfyUI's class in `comfy.supported_models`.
        config: as its model detection reads it from the published weights.
        tiny: what is other in the tiny size, which has the same code at a small width.
        text: tokens and width of the encoded prompt, and the name by which `tiny` sets the width.
        pooled: width of the pooled prompt, 0 for models without.
        frames: frames of a latent, 0 for pictures.
        cfg: of a sampling, as the model is used: above 1 the negative prompt is a second row.
        found: whether ComfyUI recognises the tiny size by its weights (it does for every published size).
    """

    kind: str
    config: dict[str, Any]
    tiny: dict[str, Any]
    text: tuple[int, int, str]
    channels: int = 16
    pooled: int = 0
    frames: int = 0
    cfg: float = 1.0
    found: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def configuration(self, tiny: bool) -> dict[str, Any]:
        return {**self.config, **(self.tiny if tiny else {})}

    def conditioning(self, tiny: bool) -> list[Any]:
        """A random CONDITIONING of one prompt."""
        tokens, width, name = self.text
        if tiny:
            tokens, width = TINY_TOKENS, self.configuration(tiny).get(name, width)
        options = dict(self.options)
        if self.pooled:
            pooled = self.tiny.get("vec_in_dim", self.pooled) if tiny else self.pooled
            options["pooled_output"] = torch.randn(1, pooled)
        return [[torch.randn(1, tokens, width), options]]

    def latents(self, rows: int, pixels: int, tiny: bool) -> Tensor:
        """Random latents of `pixels` × `pixels`; a video's are of 480p (832 × 480) at 1024, else so much smaller."""
        video = [60 * pixels // 1024, 104 * pixels // 1024]
        edges = [8, 8] if tiny else video if self.frames else [pixels // 8, pixels // 8]
        frames = [2 if tiny else self.frames] if self.frames else []
        return torch.randn(rows, self.channels, *frames, *edges)


SIZES = {
    "sdxl": Size(
        "SDXL",
        {
            "use_checkpoint": False, "image_size": 32, "in_channels": 4, "out_channels": 4, "legacy": False,
            "use_spatial_transformer": True, "num_classes": "sequential", "adm_in_channels": 2816,
            "model_channels": 320, "num_res_blocks": [2, 2, 2], "transformer_depth": [0, 0, 2, 2, 10, 10],
            "channel_mult": [1, 2, 4], "transformer_depth_middle": 10, "use_linear_in_transformer": True,
            "context_dim": 2048, "num_head_channels": 64, "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10],
            "use_temporal_attention": False, "use_temporal_resblock": False,
        },
        {
            "model_channels": 64, "num_res_blocks": [1, 1], "channel_mult": [1, 2], "transformer_depth": [0, 2],
            "transformer_depth_output": [0, 0, 2, 2], "transformer_depth_middle": 2, "context_dim": 48,
        },
        text=(77, 2048, "context_dim"), channels=4, pooled=1280, cfg=7.0, found=False,
    ),
    "z_image": Size(
        "ZImage",
        {
            "image_model": "lumina2", "patch_size": 2, "in_channels": 16, "qk_norm": True, "dim": 3840, "n_layers": 30,
            "n_refiner_layers": 2, "cap_feat_dim": 2560, "n_heads": 30, "n_kv_heads": 30, "axes_dims": [32, 48, 48],
            "axes_lens": [1536, 512, 512], "rope_theta": 256.0, "ffn_dim_multiplier": 8 / 3, "time_scale": 1000.0,
            "z_image_modulation": True, "pad_tokens_multiple": 32,
        },
        {"dim": 256, "n_layers": 2, "n_refiner_layers": 1, "cap_feat_dim": 48, "n_heads": 2, "n_kv_heads": 2},
        text=(128, 2560, "cap_feat_dim"), found=False,
    ),
    "flux": Size(
        "Flux",
        {
            "image_model": "flux", "in_channels": 16, "out_channels": 16, "vec_in_dim": 768, "context_in_dim": 4096,
            "hidden_size": 3072, "mlp_ratio": 4.0, "num_heads": 24, "depth": 19, "depth_single_blocks": 38,
            "axes_dim": [16, 56, 56], "theta": 10000, "patch_size": 2, "qkv_bias": True, "guidance_embed": True,
            "txt_ids_dims": [], "yak_mlp": False, "txt_norm": False,
        },
        {
            "vec_in_dim": 24, "context_in_dim": 48, "hidden_size": 256, "num_heads": 2, "depth": 2,
            "depth_single_blocks": 2,
        },
        text=(256, 4096, "context_in_dim"), pooled=768, options={"guidance": 3.5},
    ),
    "wan": Size(
        "WAN21_T2V",
        {
            "image_model": "wan2.1", "model_type": "t2v", "dim": 5120, "out_dim": 16, "num_heads": 40,
            "ffn_dim": 13824, "num_layers": 40, "patch_size": (1, 2, 2), "freq_dim": 256, "window_size": (-1, -1),
            "qk_norm": True, "cross_attn_norm": True, "eps": 1e-6, "in_dim": 16, "text_dim": 4096,
        },
        {"dim": 256, "num_heads": 2, "ffn_dim": 256, "num_layers": 2},
        text=(512, 4096, "text_dim"), frames=5, cfg=5.0,
    ),
}  # fmt: skip
