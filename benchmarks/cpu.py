"""Times a training step against the bare model, and against ComfyUI's own Train LoRA node, in one run.

    python3 scripts/run.py python benchmarks/cpu.py [--family flux] [--size 64] [--rows 2] [--dtype bfloat16] …

The model is random, built by ComfyUI's classes at a middle width. Three things are timed on the same rows:

- bare: the network's forward and backward pass, its weights frozen, the gradient going to its input;
- slider: a whole step of `slider_core.training.train` (two signs, adapters on the slider's targets, optimiser),
  without and with gradient checkpointing;
- node: ComfyUI's TrainLoraNode, which trains a LoRA on every layer, without and with its checkpointing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext

import torch
from comfy import model_management, model_patcher, supported_models
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Example
from concept_sliders.slider_core.gradients.trainable import normal_tensors
from concept_sliders.slider_core.replaced import replaced
from concept_sliders.slider_core.training import TrainRequest, train
from concept_sliders.slider_core.training.model_call import ModelCalls
from torch.autograd.graph import allow_mutation_on_saved_tensors

# Per family: ComfyUI's description, the latent's channels, the conditionings; widths grow with `width`.
TEXT, TOKENS = 1024, 77
FAMILIES: dict[str, Callable[[int, int], tuple[str, dict, int, dict]]] = {
    "sd3": lambda width, depth: (
        "SD3",
        {
            "in_channels": 16, "patch_size": 2, "out_channels": 16, "depth": width // 64, "input_size": None,
            "adm_in_channels": 2048, "num_patches": 36864, "pos_embed_max_size": 192, "pos_embed_scaling_factor": None,
            "context_embedder_config": {
                "target": "torch.nn.Linear", "params": {"in_features": TEXT, "out_features": width},
            },
        },
        16,
        {"pooled_output": torch.randn(1, 2048)},
    ),
    "flux": lambda width, depth: (
        "Flux",
        {
            "image_model": "flux", "in_channels": 16, "out_channels": 16, "vec_in_dim": 768, "context_in_dim": TEXT,
            "hidden_size": width, "mlp_ratio": 4.0, "num_heads": width // 128, "depth": depth // 3,
            "depth_single_blocks": depth - depth // 3, "axes_dim": [16, 56, 56], "theta": 10000, "patch_size": 2,
            "qkv_bias": True, "guidance_embed": True, "txt_ids_dims": [], "yak_mlp": False, "txt_norm": False,
        },
        16,
        {"pooled_output": torch.randn(1, 768), "guidance": 3.5},
    ),
    "z_image": lambda width, depth: (
        "ZImage",
        {
            "image_model": "lumina2", "patch_size": 2, "in_channels": 16, "qk_norm": True, "n_layers": depth,
            "n_refiner_layers": 2, "dim": width, "cap_feat_dim": TEXT, "n_heads": width // 128,
            "n_kv_heads": width // 128, "axes_dims": [32, 48, 48], "axes_lens": [1536, 512, 512], "rope_theta": 256.0,
            "ffn_dim_multiplier": 8 / 3, "z_image_modulation": True, "time_scale": 1000.0, "pad_tokens_multiple": 32,
        },
        16,
        {},
    ),
}  # fmt: skip


def random_model(family: str, width: int, depth: int, dtype: torch.dtype):
    """A model as a loader node gives it, its latent channels and a conditioning."""
    torch.manual_seed(0)
    name, config, channels, options = FAMILIES[family](width, depth)

    def loaded(disable_dynamic: bool = False):
        with torch.inference_mode(not disable_dynamic):  # ComfyUI's node asks again, outside of inference mode
            described = getattr(supported_models, name)(dict(config))
            described.set_inference_dtype(dtype, None)
            model = described.get_model({}, device="cpu")
            for parameter in model.diffusion_model.parameters():
                parameter.normal_(std=0.02)
            kind = model_patcher.ModelPatcher if disable_dynamic else model_patcher.CoreModelPatcher
            device, offload = model_management.get_torch_device(), model_management.unet_offload_device()
            return kind(model, load_device=device, offload_device=offload)

    patcher = loaded()
    patcher.cached_patcher_init = (loaded, ())
    return patcher, channels, [[torch.randn(1, TOKENS, TEXT), options]]


class Meter:
    """Times pieces of work on the model's device, and notes the most memory that they took."""

    def __init__(self, device: torch.device):
        self.cuda = device.type == "cuda"

    def reset(self) -> None:
        model_management.unload_all_models()
        if self.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def now(self) -> float:
        if self.cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def peak(self) -> str:
        return f"{torch.cuda.max_memory_allocated() / 2**30:6.2f} GiB" if self.cuda else ""


@contextmanager
def nothing_but_gradients(patcher):
    """The least that a backward pass through a model loaded by ComfyUI takes, by hand."""
    with torch.inference_mode(False), torch.enable_grad():
        model_management.load_models_gpu([patcher])
        with normal_tensors(patcher.model), replaced(model_management, "in_training", True):
            yield ModelCalls(patcher)


def bare(patcher, conditioning, latents, steps: int, meter: Meter) -> float:
    """Seconds of a forward and backward pass of the network on all rows together."""
    seconds = []
    in_place = allow_mutation_on_saved_tensors if "Flux" in type(patcher.model).__name__ else nullcontext
    with nothing_but_gradients(patcher) as calls:
        rows = [calls.row(Example("", "", latent[None], conditioning)) for latent in latents]
        sigmas = torch.full((len(rows),), 0.5, device=calls.device)
        for _ in range(steps + 2):
            x = latents.to(calls.device, copy=True).requires_grad_()
            started = meter.now()
            with in_place():
                calls.predict(rows, x, sigmas).square().mean().backward()
            seconds.append(meter.now() - started)
    return statistics.median(seconds[2:])


def slider(patcher, conditioning, latents, steps: int, meter: Meter, rank: int, checkpointing: bool) -> float:
    """Seconds of a step of our training: half of the rows at +1, half at -1."""
    half = len(latents) // 2
    examples = [Example(str(i), "", latent[None], conditioning) for i, latent in enumerate(latents)]
    sides = Bucket("more", tuple(examples[:half]), 1.0), Bucket("less", tuple(examples[half:]), -1.0)
    plan = uniform_plan(select_targets(patcher), AdapterConfig(rank=rank))
    cycle = Cycle(sides, neutral="off", batch_size=half)
    seconds: list[float] = []
    last = [meter.now()]

    def note(event) -> None:
        now = meter.now()
        seconds.append(now - last[0])
        last[0] = now

    train(TrainRequest(patcher, plan, cycle, steps=steps + 2, gradient_checkpointing=checkpointing), note)
    return statistics.median(seconds[2:])


def node(patcher, conditioning, latents, steps: int, meter: Meter, rank: int, checkpointing: bool) -> float:
    """Seconds of a step of ComfyUI's node: what more steps take more."""
    from comfy_extras.nodes_train import TrainLoraNode

    settings = {
        "batch_size": len(latents), "grad_accumulation_steps": 1, "learning_rate": 5e-4, "rank": rank,
        "optimizer": "AdamW", "loss_function": "MSE", "seed": 0, "training_dtype": "none", "lora_dtype": "fp32",
        "quantized_backward": False, "algorithm": "LoRA", "gradient_checkpointing": checkpointing,
        "checkpoint_depth": 2, "offloading": False, "existing_lora": "[None]", "bucket_mode": False,
        "bypass_mode": True,
    }  # fmt: skip
    wrapped = {key: [value] for key, value in settings.items()}
    data = {"model": [patcher], "latents": [{"samples": latents}], "positive": [conditioning * len(latents)]}
    taken = []
    for count in (2, steps + 2):
        started = meter.now()
        TrainLoraNode.execute(**data, steps=[count], **wrapped)
        taken.append(meter.now() - started)
    return (taken[1] - taken[0]) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, default="sd3")
    parser.add_argument("--width", type=int, default=512, help="of the network, a multiple of 128")
    parser.add_argument("--depth", type=int, default=6, help="blocks of the network (SD3: follows the width)")
    parser.add_argument("--size", type=int, default=32, help="latent pixels along an edge")
    parser.add_argument("--rows", type=int, default=2, help="pictures of a step, an even number")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5, help="timed steps, after two that are not")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    given = parser.parse_args()

    patcher, channels, conditioning = random_model(
        given.family, given.width, given.depth, getattr(torch, given.dtype)
    )
    latents = torch.randn(given.rows, channels, given.size, given.size)
    meter = Meter(patcher.load_device)
    million = sum(p.numel() for p in patcher.model.parameters()) / 1e6
    print(
        f"{given.family}, {million:.0f} million parameters in {given.dtype} on {patcher.load_device}, ", end=""
    )
    print(f"{given.rows} rows of {given.size} x {given.size}, rank {given.rank}, {type(patcher).__name__}")

    def timed(label: str, work: Callable[..., float], *options) -> float:
        meter.reset()
        seconds = work(patcher, conditioning, latents, given.steps, meter, *options)
        print(f"{label:34} {seconds * 1000:9.1f} ms a step  {meter.peak()}", flush=True)
        return seconds

    base = timed("bare forward and backward", bare)
    for label, work, checkpointing in (
        ("slider", slider, False),
        ("slider, checkpointing", slider, True),
        ("TrainLoraNode", node, False),
        ("TrainLoraNode, checkpointing", node, True),
    ):
        try:
            seconds = timed(label, work, given.rank, checkpointing)
        except (RuntimeError, TypeError) as error:
            print(f"{label:34} raises: {str(error)[:120]}")
        else:
            print(f"{'':34} {seconds / base:9.2f} of bare")


if __name__ == "__main__":
    main()
