"""A training small enough for a test: a tiny SD3 model, six pictures, four layers."""

import torch
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.data import Bucket, Cycle, Example
from concept_sliders.slider_core.training import TrainRequest

LAYERS = [
    f"diffusion_model.joint_blocks.{i}.x_block.{n}.weight" for i in (0, 1) for n in ("attn.proj", "mlp.fc1")
]


def example(name: str, offset: float = 0.0) -> Example:
    random = torch.Generator().manual_seed(sum(map(ord, name)))
    latent = torch.randn(1, 16, 8, 8, generator=random) + offset
    options = {"pooled_output": torch.randn(1, 24, generator=random)}
    return Example(name, "a face", latent, [[torch.randn(1, 6, 48, generator=random), options]])


def buckets(neutral: bool = True) -> tuple[Bucket, ...]:
    more = Bucket("more", tuple(example(n, 1.0) for n in "abc"), 0.5)
    less = Bucket("less", tuple(example(n, -1.0) for n in "abc"), -0.5)
    plain = Bucket("plain", tuple(example(n) for n in "xy"))
    return (more, less, plain) if neutral else (more, less)


def request(model, cycle=None, kind="lora", **settings) -> TrainRequest:
    plan = uniform_plan([Target(key) for key in LAYERS], AdapterConfig(kind, rank=2))
    return TrainRequest(
        model,
        plan,
        cycle or Cycle(buckets()),
        **{"steps": 6, "learning_rate": 1e-3, "gradient_checkpointing": False, **settings},
    )
