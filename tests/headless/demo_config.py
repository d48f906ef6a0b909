"""The demo's config, made small, and the command that trains it."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "scripts" / "demo"
SPEC = importlib.util.spec_from_file_location("train_command", ROOT / "scripts" / "train.py")
command = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(command)

NEUTRAL = """\
# [[bucket]]  # pictures on which the slider is to change nothing; rarely worth their time
# name = "neutral"
# slider_strength = 0
# folder = "pictures/smile/neutral"
# captions = "text file"
# resolution = 128
"""


def config_of(folder, more="", steps=4, measured=False):
    """The demo's config with neutral pictures, a rate and little measuring, beside links to what it names."""
    text = (DEMO / "smile.toml").read_text(encoding="utf-8")
    for name in ("model", "pictures", "custom_nodes", "extra_model_paths.yaml"):
        if not (folder / name).exists():
            (folder / name).symlink_to(DEMO / name)
    changes = {
        "steps = 15 ": f"steps = {steps} ",
        "learning_rate = 0.0": "learning_rate = 4e-4",
        "batch_size = 6": "# batch_size = 1",
        **{line: line.removeprefix("# ") for line in NEUTRAL.splitlines()},
        "cfg = 2.5": "cfg = 1.0\nsteps = 1\nsampler_name = 'euler'" + ("" if measured else "\nmeasure = false"),
        'strengths = "-2:2:5"': 'strengths = "-2:2:3"',
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = folder / "config.toml"
    file.write_text(f"{text}\n{more}", encoding="utf-8")
    return file


THREE = """
[[slider]]
train.file_name = "one"
[[slider]]
train.file_name = "bad"
targets = { preset = "custom", custom_targets = ["no.such.layer"] }
[[slider]]
train = { file_name = "two", kind = "lokr" }
cycle.neutral = "off"
"""


def with_batch(file, size):
    text = file.read_text().replace("# batch_size = 1", f"batch_size = {size}")
    file.write_text(text.replace("# checkpoint_every = 50", "checkpoint_every = 3"))
    return file
