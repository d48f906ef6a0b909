"""A model's own prediction for rows of latents, noised and conditioned as ComfyUI's samplers do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import torch
from comfy import model_management, model_patcher, model_sampling, sampler_helpers, samplers
from comfy.controlnet import ControlBase
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import copy_nested_dicts
from torch import Tensor

from ..data.bucket import Example
from ..gradients.trainable import normal
from ..gradients.wrapped_calls import WrappedCalls
from ..replaced import replaced

# Options of a conditioning that limit it to part of the picture or of the sampling.
ONLY_PART = {"area", "mask", "mask_strength", "start_percent", "end_percent", "timestep_start", "timestep_end"}


@dataclass(frozen=True)
class Row:
    """An example on the model's device: its latent in the model's scale and its processed conditioning.

    The latent has one row, but for models whose frames are rows of the batch as many as there are frames.
    """

    latent: Tensor
    conditioning: dict[str, Any]

    @property
    def size(self) -> int:
        return self.latent.shape[0]


def load(patchers: Sequence[ModelPatcher], memory: float = 0) -> None:
    """Loads models, so that their layers have the weights that they compute with, and no other clone's patches.

    Args:
        memory: bytes to keep free for activations.
    """
    model_management.load_models_gpu(patchers, memory_required=memory)


def is_oom(error: BaseException) -> bool:
    """Whether the device's memory ran out, in any of the ways in which torch says so."""
    return bool(model_management.is_oom(error))


class ModelCalls:
    """The calls that training makes on a loaded model.

    Args:
        patcher: loaded (see `trainable`); its wrappers, patches and hooks take part in every call.
        control_net: gives every example with a control picture its control.
        vae: encodes control pictures for the ControlNets that need it.
    """

    def __init__(self, patcher: ModelPatcher, control_net: ControlBase | None = None, vae: Any = None):
        self.patcher, self.model, self.device = patcher, patcher.model, patcher.load_device
        self.control_net, self.vae = control_net, vae
        self.options = model_patcher.create_model_options_clone(patcher.model_options)
        sampler_helpers.prepare_model_patcher(patcher, {}, self.options)
        samplers.cast_to_load_options(self.options, device=self.device, dtype=patcher.model_dtype())
        self._rows: dict[int, Row] = {}
        self._under: dict[tuple[int, int], Row] = {}
        self._wrapped = WrappedCalls()

    @property
    def sampling(self) -> Any:
        """ComfyUI's model_sampling: sigmas, noise scaling, what the model predicts."""
        return self.model.model_sampling

    @property
    def is_flow(self) -> bool:
        """Whether the model predicts a velocity between picture and noise."""
        return isinstance(self.sampling, model_sampling.CONST | model_sampling.COSMOS_RFLOW)

    def row(self, example: Example) -> Row:
        """The example made ready for this model, once."""
        if id(example) not in self._rows:
            latent = self.model.process_latent_in(normal(example.latent).to(self.device, torch.float32))
            self._rows[id(example)] = Row(latent, self._processed(example, latent))
        return self._rows[id(example)]

    def row_under(self, example: Example, conditioning: list[Any]) -> Row:
        """The example's latent under another CONDITIONING, once."""
        key = (id(example), id(conditioning))
        if key not in self._under:
            latent = self.row(example).latent
            self._under[key] = Row(latent, self._processed(replace(example, conditioning=conditioning), latent))
        return self._under[key]

    def _processed(self, example: Example, latent: Tensor) -> dict[str, Any]:
        tensor, options = normal(list(example.conditioning[0]))
        whole = {key: value for key, value in options.items() if key not in ONLY_PART}
        conds = {"positive": sampler_helpers.convert_cond([(tensor, whole)])}
        if self.control_net is not None and example.control is not None:
            hint = normal(example.control).movedim(-1, 1)
            vae = self.vae and _Encoder(self.vae)
            conds["positive"][0]["control"] = self.control_net.copy().set_cond_hint(hint, vae=vae)
        shapes = [latent.shape]
        noise = torch.zeros_like(latent)
        return samplers.process_conds(
            self.model, noise, conds, self.device, latent_image=latent, seed=0, latent_shapes=shapes
        )["positive"][0]

    def noised(self, latents: Tensor, noise: Tensor, sigmas: Tensor) -> Tensor:
        """Latents [batch, …] with noise mixed in at sigmas [batch], as this model's sampler has them."""
        return self.sampling.noise_scaling(sigmas, noise, latents)

    def target(self, latents: Tensor, noise: Tensor, sigmas: Tensor) -> Tensor:
        """What a perfect model would predict: noise, v or velocity, as this model's sampling defines it.

        Both the noised latent and the denoised result are linear, so probing them with 0 and 1 gives the two
        factors of `target = a · latent + b · noise`, for any kind of model.
        """
        a, b = self._target_factors(sigmas.double())
        shape = (-1, *[1] * (latents.ndim - 1))
        return a.reshape(shape).to(latents.dtype) * latents + b.reshape(shape).to(latents.dtype) * noise

    def _target_factors(self, sigmas: Tensor) -> tuple[Tensor, Tensor]:
        one, zero = torch.ones_like(sigmas), torch.zeros_like(sigmas)
        sampling = self.sampling
        per_output = sampling.calculate_denoised(sigmas, one, zero)
        per_input = sampling.calculate_denoised(sigmas, zero, one)
        of_latent = sampling.noise_scaling(sigmas, zero.clone(), one)
        of_noise = sampling.noise_scaling(sigmas, one.clone(), zero)
        return (1 - per_input * of_latent) / per_output, -per_input * of_noise / per_output

    def batches(self, rows: Sequence[Row]) -> list[list[int]]:
        """Indices of rows that one call can take together, as ComfyUI's samplers decide it."""
        entries = [self._entry(row, row.latent, torch.ones(1)) for row in rows]
        groups: list[list[int]] = []
        for index, entry in enumerate(entries):
            for group in groups:
                if samplers.can_concat_cond(entry, entries[group[0]]):
                    group.append(index)
                    break
            else:
                groups.append([index])
        return groups

    def _entry(self, row: Row, x: Tensor, sigma: Tensor) -> Any:
        return samplers.get_area_and_mult(row.conditioning, x, sigma)

    def predict(self, rows: Sequence[Row], x: Tensor, sigmas: Tensor) -> Tensor:
        """The model's own prediction (noise, v or velocity; float32) for noised latents `x` [batch, …].

        `x` and `sigmas` have the rows' own rows one after the other.
        """
        sizes = [row.size for row in rows]
        parts = zip(rows, x.split(sizes), sigmas.split(sizes), strict=True)
        entries = [self._entry(row, part, sigma) for row, part, sigma in parts]
        c = samplers.cond_cat([entry.conditioning for entry in entries])
        options = copy_nested_dicts(self.options["transformer_options"])
        options |= {"cond_or_uncond": [0] * len(rows), "uuids": [uuid4() for _ in rows], "sigmas": sigmas}
        c["transformer_options"] = options
        if entries[0].control is not None:
            c["control"] = entries[0].control.get_control(x, sigmas, c, len(rows), options)
        self._wrapped.record(options)
        with replaced(self.sampling, "calculate_denoised", _as_predicted):
            return self.model.apply_model(x, sigmas, **c)

    def backward(self, loss: Tensor) -> None:
        """The backward pass of what the last `predict` gave, under the wrappers that the model ran in."""
        self._wrapped.run_again(loss.backward)


class _Encoder:
    """A VAE through which no gradient goes: ControlNets encode their picture in the middle of a model call."""

    def __init__(self, vae: Any):
        self.vae = vae

    def encode(self, pixels: Tensor) -> Tensor:
        with torch.no_grad():
            encoded: Tensor = self.vae.encode(pixels)
        return encoded

    def __getattr__(self, name: str) -> Any:
        return getattr(self.vae, name)


def _as_predicted(sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
    """In the place of `calculate_denoised`: what the network gave, without the step to the denoised picture."""
    return model_output
