"""Latents of ComfyUI's own dataset nodes make a bucket."""

import pytest
import torch
from as_comfyui import Clip, Vae, executed
from comfy_extras import nodes_dataset as core
from concept_sliders.slider_core.data import PictureError
from loaded_buckets import load


def encoded(folder):
    """What Make Training Dataset gives of the folder."""
    images, texts = executed(core.LoadImageTextDataSetFromFolderNode, folder=["faces"])
    return executed(core.MakeTrainingDataset, images=images, vae=[Vae()], clip=[Clip()], texts=texts)


def test_a_training_dataset_is_a_bucket(folder):
    latents, conditionings = encoded(folder)
    bucket, report = load(latents=latents, conditioning=conditionings, clip=None)
    assert [tuple(e.latent.shape[2:]) for e in bucket.examples] == [
        tuple(one["samples"].shape[2:]) for one in latents
    ]
    assert [e.conditioning for e in bucket.examples] == conditionings
    assert "3 pictures at +0.5" in report


def test_so_is_one_that_was_saved_and_loaded(folder):
    latents, conditionings = encoded(folder)
    executed(
        core.SaveTrainingDataset,
        latents=latents,
        conditioning=conditionings,
        folder_name=["kept"],
        shard_size=[2],
    )
    latents, conditionings = executed(core.LoadTrainingDataset, folder_name=["kept"])
    bucket, _ = load(latents=latents, conditioning=conditionings, clip=None)
    assert len(bucket.examples) == 3
    assert torch.equal(bucket.examples[2].conditioning[0][0], conditionings[2][0][0])


def test_and_one_that_was_sorted_by_resolution(folder):
    """Resolution Bucket gives a batch for each size, and for each batch one conditioning of many entries."""
    latents, conditionings = encoded(folder)
    batches, entries = executed(core.ResolutionBucket, latents=latents, conditioning=conditionings)
    assert sorted(len(batch["samples"]) for batch in batches) == [1, 2]
    bucket, _ = load(latents=batches, conditioning=entries, clip=None)
    assert len(bucket.examples) == 3 and all(len(e.conditioning) == 1 for e in bucket.examples)
    lengths = {tuple(e.latent.shape): float(e.conditioning[0][0][0, 0, 0]) for e in bucket.examples}
    pairs = zip(latents, conditionings, strict=True)
    assert lengths == {tuple(one["samples"].shape): float(given[0][0][0, 0, 0]) for one, given in pairs}


def test_latents_with_a_prompt_and_a_mask(folder):
    latents, _ = encoded(folder)
    for latent in latents:
        latent["noise_mask"] = torch.zeros(1, 1, 64, 64)
        latent["noise_mask"][..., 32:] = 1
    bucket, _ = load(latents=latents)
    assert [e.caption for e in bucket.examples] == ["a face"] * 3
    assert [tuple(e.mask.shape) for e in bucket.examples] == [(1, *one["samples"].shape[2:]) for one in latents]
    assert bucket.examples[0].mask[0, 0].tolist() == [0.0] * 4 + [1.0] * 4


@pytest.mark.parametrize(
    "latents, message",
    [
        ({"samples": torch.zeros(1, 4, 0, 8)}, "Latents of shape 1 × 4 × 0 × 8"),
        ({"samples": torch.zeros(4, 8)}, "Latents of shape 4 × 8"),
        ({"samples": torch.full((1, 4, 8, 8), torch.nan)}, "values that are no numbers"),
        ({"samples": torch.zeros(1, 4, 8, 8, dtype=torch.int64)}, "type torch.int64"),
        ({}, "not ComfyUI's LATENT"),
        (torch.zeros(1, 4, 8, 8), "not ComfyUI's LATENT"),
    ],
)
def test_latents_that_are_none(latents, message):
    with pytest.raises(PictureError, match=message):
        load(latents=[latents])


def test_latents_have_as_many_conditionings(folder):
    latents, conditionings = encoded(folder)
    with pytest.raises(PictureError, match="3 pictures but 2 conditionings"):
        load(latents=latents, conditioning=conditionings[:2])
    with pytest.raises(ValueError, match="latents input .* got an empty list"):
        load(latents=[])


def test_one_socket_at_a_time(folder):
    latents, _ = encoded(folder)
    with pytest.raises(ValueError, match="'more' got images and latents. Connect one of them"):
        load(images=torch.rand(1, 64, 64, 3), latents=latents)
