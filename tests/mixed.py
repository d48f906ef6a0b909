"""Slider Mixer on three files, and the chain of Apply Sliders that it stands for."""

from concept_sliders.nodes.apply import SliderApply
from concept_sliders.nodes.mixer import SliderMixer

ROWS = [
    {"file": "smile.safetensors", "strength": 0.7, "name": "smile"},
    {"file": "age.safetensors", "strength": 3.0, "on": False},
    {"file": "hair/curly.safetensors", "strength": -1.2, "start": 0.1, "end": 0.4, "name": "curls"},
    {"file": "age.safetensors", "strength": 0.4, "name": "age"},
]


def chain(model, rows=ROWS, by_curve=True):
    """What the rows say, as Apply Sliders one after the other."""
    for row in rows:
        if row.get("on", True):
            model = SliderApply.execute(
                row["strength"],
                model=model,
                slider_file=row["file"],
                start_percent=row.get("start", 0.0),
                end_percent=row.get("end", 1.0),
                name=row.get("name", ""),
                response_curve=by_curve,
            ).result[0]
    return model


def mixed(model, rows=ROWS, **inputs):
    return SliderMixer.execute(model=model, rows=rows, **inputs).result[0]
