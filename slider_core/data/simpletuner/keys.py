"""What becomes of the keys that are not read: why each does nothing here, or what is not done."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from ...given import quoted
from .entry import Entry

READ = (
    "id type dataset_type disabled disable instance_data_dir caption_strategy disable_multiline_split instance_prompt "
    "prepend_instance_prompt only_instance_prompt resolution resolution_type crop crop_aspect crop_style "
    "minimum_image_size max_num_samples repeats probability slider_strength is_regularisation_data "
    "is_regularization_data video conditioning_data conditioning_type source_dataset_id"
).split()
CACHE = "not used: what is encoded is kept by its content, in ComfyUI's user folder"
NOTHING_DELETED = "not obeyed: nothing of yours is ever deleted"
ELSEWHERE = "not used: this is set on Slider Cycle or Train Slider"
NO_SCHEDULE = "NOT USED: every bucket takes part from the first step to the last"
OTHER_SOURCE = "not used: only pictures of a local folder are read"

# Keys that change the pictures or the training there, and are not done here, say so in capitals.
NOTES: dict[str, str] = {
    **dict.fromkeys(
        "cache_dir cache_dir_vae cache_dir_text cache_dir_conditioning_image_embeds vae_cache_clear_each_epoch "
        "vae_cache_ondemand vae_cache_disable text_cache_ondemand text_cache_disable preserve_data_backend_cache "
        "hash_filenames skip_file_discovery metadata_backend metadata_update_interval text_embeds image_embeds "
        "conditioning_image_embeds default write_batch_size text_encoder_batch_size vae_batch_size "
        "conditioning_image_embed_batch_size cache_file_suffix encode_during_training".split(),
        CACHE,
    ),
    **dict.fromkeys("train_batch_size ignore_epochs".split(), ELSEWHERE),
    **dict.fromkeys("start_epoch start_step end_epoch end_step disable_after_epoch_step".split(), NO_SCHEDULE),
    **dict.fromkeys(
        "parquet csv webshart huggingface config dataset_name streaming audio".split(), OTHER_SOURCE
    ),
    "crop_aspect_buckets": "NOT USED: pictures keep their own shape",
    "maximum_image_size": "not used: pictures are scaled to their size in one step, however large they are",
    "target_downsample_size": "not used: pictures are scaled to their size in one step, however large they are",
    "max_upscale_threshold": "NOT USED: small pictures are scaled up; minimum_image_size leaves them out",
    "minimum_aspect_ratio": "NOT USED: pictures up to ten times as long as wide are taken",
    "maximum_aspect_ratio": "NOT USED: pictures up to ten times as long as wide are taken",
    "caption_shuffle": "NOT USED: captions stay as they are written",
    "timestep_sampling_offset": "NOT USED: the noise levels of Train Slider are those of every bucket",
    "conditioning": "NOT USED: control pictures are not made here; make them with a node and give their folder as a "
    "dataset of dataset_type conditioning",
    "s2v_datasets": "NOT USED: sound is not trained",
    "disable_validation": "not used: what a slider does is seen with Slider Sweep",
    "_comment": "a comment",
}


def notes_on_rest(entry: Entry) -> dict[str, str]:
    """A sentence for each key that was not looked at."""
    return {key: _note(key) for key in entry.raw if key not in entry.said}


def _note(key: str) -> str:
    if key.startswith("delete_"):
        return NOTHING_DELETED
    if key.startswith(("aws_", "memory_", "csv_")):
        return OTHER_SOURCE
    if key in NOTES:
        return NOTES[key]
    if key in READ:
        return "nothing to do"
    near = get_close_matches(key[:100], READ, n=1, cutoff=0.75)
    return f"NOT KNOWN here, so not used.{f' Did you mean {near[0]}?' if near else ''}"


def lines_of(said: Mapping[str, str], raw: Mapping[str, object]) -> list[str]:
    """A line for each key, in the file's order: its value, and what became of it."""
    lines = [f"  {quoted(key)[1:-1]} {quoted(raw[key])}: {said[key]}" for key in raw if key in said]
    return [*lines, *(f"  {key}: {became}" for key, became in said.items() if key not in raw)]
