"""The model's own prediction and its target, for every kind of prediction that ComfyUI's models make."""

import pytest
import torch
from comfy.model_base import ModelType, model_sampling
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.training.model_call import ModelCalls
from concept_sliders.slider_core.training.timesteps import draw_levels, sigmas_at
from small_training import example


class Settings:
    unet_config: dict = {}
    sampling_settings: dict = {}


class Calls(ModelCalls):
    """Only the sampling part."""

    def __init__(self, sampling):
        self.model = type("Model", (), {"model_sampling": sampling})


KINDS = [
    ModelType.EPS,
    ModelType.V_PREDICTION,
    ModelType.V_PREDICTION_EDM,
    ModelType.STABLE_CASCADE,
    ModelType.EDM,
]
FLOWS = [ModelType.FLOW, ModelType.FLUX, ModelType.FLOW_COSMOS]


@pytest.mark.parametrize("kind", [*KINDS, *FLOWS], ids=lambda kind: kind.name)
def test_a_model_that_predicts_the_target_denoises_perfectly(kind):
    calls = Calls(model_sampling(Settings(), kind))
    random = torch.Generator().manual_seed(0)
    latents, noise = (torch.randn(3, 4, 8, 8, generator=random) for _ in range(2))
    sigmas = sigmas_at(draw_levels(3, "uniform", False, random), calls.sampling.percent_to_sigma)
    x = calls.noised(latents, noise, sigmas)
    target = calls.target(latents, noise, sigmas)
    assert torch.allclose(calls.sampling.calculate_denoised(sigmas, target, x), latents, atol=1e-3)
    assert calls.is_flow == (kind in FLOWS)


def test_flow_models_predict_noise_minus_picture_and_noise_models_noise():
    latents, noise, sigmas = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8), torch.tensor([0.3, 0.9])
    flow, eps = (Calls(model_sampling(Settings(), kind)) for kind in (ModelType.FLOW, ModelType.EPS))
    assert torch.allclose(flow.target(latents, noise, sigmas), noise - latents, atol=1e-5)
    assert torch.allclose(eps.target(latents, noise, sigmas), noise, atol=1e-5)


def test_predictions_agree_with_what_the_sampler_gets(model):
    """The denoised latents of ComfyUI's own call, from our prediction by the model's own formula."""
    with trainable(model), torch.no_grad():
        calls = ModelCalls(model)
        row = calls.row(example("a"))
        noise, sigma = torch.randn_like(row.latent), torch.tensor([0.6])
        x = calls.noised(row.latent, noise, sigma)
        prediction = calls.predict([row], x, sigma)
        conditioning = example("a").conditioning[0]
        denoised = model.model.apply_model(
            x, sigma, c_crossattn=conditioning[0], y=conditioning[1]["pooled_output"]
        )
    assert torch.allclose(
        model.model.model_sampling.calculate_denoised(sigma, prediction, x), denoised, atol=1e-5
    )
    assert "calculate_denoised" not in vars(model.model.model_sampling)
