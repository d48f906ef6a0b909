"""Models of families that ComfyUI may gain tomorrow: they run, and nothing here has heard of them."""

import torch
from comfy import latent_formats, model_base, ops, supported_models_base
from comfy.model_patcher import ModelPatcher
from tiny_models import CPU, randomise
from torch import nn
from torch.nn import functional as F

WIDTH, CHANNELS, TEXT = 32, 16, 48  # channels of the latent and width of the text as in `small_training`


class Attends(nn.Module):
    """A block with the usual projections."""

    def __init__(self, operations, **made):
        super().__init__()
        self.to_q, self.to_k, self.to_v, self.to_out = (
            operations.Linear(WIDTH, WIDTH, **made) for _ in range(4)
        )

    def forward(self, x):
        return x + self.to_out(F.scaled_dot_product_attention(self.to_q(x), self.to_k(x), self.to_v(x)))


class Mixes(nn.Module):
    """A block with none of them."""

    def __init__(self, operations, **made):
        super().__init__()
        self.widen, self.narrow = (
            operations.Linear(WIDTH, 64, **made),
            operations.Linear(64, WIDTH, **made),
        )

    def forward(self, x):
        return x + self.narrow(torch.sin(self.widen(x)) + self.widen(x).mean(1, keepdim=True))


class TomorrowsTransformer(nn.Module):
    def __init__(self, block=Attends, dtype=None, device=None, operations=ops.disable_weight_init, **_):
        super().__init__()
        made = {"dtype": dtype, "device": device}
        self.dtype = dtype
        self.patches_in = operations.Linear(CHANNELS, WIDTH, **made)
        self.text_in = operations.Linear(TEXT, WIDTH, **made)
        self.blocks = nn.ModuleList([block(operations, **made) for _ in range(2)])
        self.patches_out = operations.Linear(WIDTH, CHANNELS, **made)

    def forward(self, x, timesteps, context, **_):
        tokens = self.patches_in(x.flatten(2).mT) + self.text_in(context).mean(1, keepdim=True)
        tokens = tokens + timesteps[:, None, None].to(tokens) / 1000
        for block in self.blocks:
            tokens = block(tokens)
        return self.patches_out(tokens).mT.reshape(x.shape)


class Tomorrow(supported_models_base.BASE):
    unet_config = {}
    unet_extra_config = {}
    latent_format = latent_formats.SD3
    sampling_settings = {"shift": 3.0}


def unknown_model(block: type[nn.Module] = Attends) -> ModelPatcher:
    """A random model of an unknown family, float32 on the CPU."""
    config = Tomorrow({"block": block})
    config.set_inference_dtype(torch.float32, None)
    model = model_base.BaseModel(config, model_base.ModelType.FLOW, device=CPU, unet_model=TomorrowsTransformer)
    randomise(model.diffusion_model)
    return ModelPatcher(model, load_device=CPU, offload_device=CPU)
