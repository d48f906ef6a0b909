"""Bucket Loader and Slider Cycle run as ComfyUI's executor runs them."""

from as_comfyui import Clip, Vae, executed
from concept_sliders.nodes.buckets import NO_FOLDER, BucketLoader
from concept_sliders.nodes.cycle import CycleSampler

SETTINGS = {
    "name": "more",
    "slider_strength": 0.5,
    "folder": NO_FOLDER,
    "captions": "prompt",
    "prompt": "a face",
    "vae": Vae(),
    "clip": Clip(),
    "resolution": 64,
    "probability": 1.0,
    "repeats": 1,
}


def chains_of(**inputs):
    """The buckets and reports of a loader; what is given as a list is what an upstream node gave."""
    given = {
        name: value if isinstance(value, list) else [value] for name, value in {**SETTINGS, **inputs}.items()
    }
    return executed(BucketLoader, **given)


def load(**inputs):
    """The one bucket of a loader and its report."""
    chains, reports = chains_of(**inputs)
    (bucket,), (report,) = chains[0][-1:], reports
    return bucket, report


def plan_of(*buckets):
    widgets = {
        "cycle": "together",
        "pairing": "auto",
        "weighting": "auto",
        "neutral": "anchor",
        "batch_size": 1,
    }
    (cycle,), (plan,) = executed(
        CycleSampler, buckets=[buckets], seed=[0], **{name: [value] for name, value in widgets.items()}
    )
    return cycle, plan
