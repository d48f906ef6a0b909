"""Datasets of SimpleTuner as the tests write them, and the buckets that they make."""

import json

from as_comfyui import Clip, Vae
from concept_sliders.slider_core.data.simpletuner import read_dataset
from concept_sliders.slider_core.encoding import Encoders, encoded_chain


def side(name="more", **keys):
    return {
        "id": name,
        "type": "local",
        "instance_data_dir": f"faces/{name}",
        "caption_strategy": "textfile",
        "resolution": 64,
        "slider_strength": 0.5 if name == "more" else -0.5,
        **keys,
    }


def chain(root, *entries, defaults=None):
    dataset = read_dataset(json.dumps(entries), defaults)
    return encoded_chain(dataset, [root], Encoders(Vae(), Clip()))


def only(root, **keys):
    """The one bucket of a dataset, and what is said of its keys."""
    made = chain(root, side(**keys))
    (bucket,) = made.buckets
    said = {
        line.split(" ")[2]: line.partition(": ")[2]
        for line in made.report.splitlines()
        if line.startswith("  ")
    }
    return bucket, said


def sizes(bucket):
    return [tuple(example.latent.shape[2:]) for example in bucket.examples]


def captions(bucket):
    return [[one.caption for one in (example, *example.variants)] for example in bucket.examples]


CONFIG = {
    "--lora_rank": "8",
    "--lora_alpha": 4,
    "--learning_rate": "1e-4",
    "--max_train_steps": 500,
    "--optimizer": "adamw_bf16",
    "--lr_scheduler": "polynomial",
    "--lr_warmup_steps": 20,
    "--seed": 42,
    "--slider_lora_target": True,
    "--resolution": 64,
    "--caption_strategy": "filename",
    "--train_batch_size": 4,
}
