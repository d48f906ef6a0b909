"""A VAE or a text encoder of another model is named; it was a shape error of torch."""

from dataclasses import replace

import pytest
import torch
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.training import RequestError, train
from concept_sliders.slider_core.training.mismatch import other_text_encoder, other_vae
from small_training import buckets, example, request
from tiny_models import NAMES, shared_model, tiny_call

TEXT = [
    "sd15",
    "sdxl",
    "sd3",
    "flux",
    "wan",
    "z_image",
    "hunyuan_video",
    "pixart_alpha",
    "qwen_image",
    "chroma",
]


def test_latents_of_another_vae(model):
    small = replace(example("a"), latent=torch.zeros(1, 4, 8, 8))
    mixed = Cycle((*buckets(), Bucket("other", (small,), 0.5)))
    with pytest.raises(
        RequestError,
        match="bucket 'other' were encoded by the VAE of another model: .* 4 channels.* 16",
    ):
        request(model, mixed)


def test_captions_of_another_text_encoder(model):
    wide = [[torch.zeros(1, 6, 40), {"pooled_output": torch.zeros(1, 24)}]]
    changed = [
        replace(bucket, examples=tuple(replace(e, conditioning=wide) for e in bucket.examples))
        for bucket in buckets()
    ]
    with pytest.raises(RequestError, match="bucket 'more', which are 40 numbers a word.* encoder of another"):
        train(request(model, Cycle(tuple(changed))))


@pytest.mark.parametrize("name", [name for name in TEXT if name in NAMES])
def test_every_familys_error_is_known(name):
    """The message that a model gives for text of another width."""
    call = tiny_call(name)
    call["c_crossattn"] = torch.nn.functional.pad(call["c_crossattn"], (0, 8))
    turn = next(Cycle(buckets()).turns())
    with pytest.raises((RuntimeError, KeyError, TypeError, AttributeError)) as error, torch.no_grad():
        shared_model(name).model.apply_model(**call)
    assert other_text_encoder(error.value, turn)


def test_other_errors_stay_what_they_are(model):
    turn = next(Cycle(buckets()).turns())
    assert other_text_encoder(RuntimeError("CUDA error: an illegal memory access"), turn) is None
    assert other_vae(buckets(), model) is None
