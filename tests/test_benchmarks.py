"""Scripts run with ComfyUI importable, and the benchmark measures what it says, on tiny models here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from comfy import model_detection, supported_models
from import_path import import_path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from sizes import SIZES  # noqa: E402

BILLIONS = {"sdxl": 2.57, "z_image": 6.15, "flux": 11.9, "wan": 14.29}


def in_comfyui(*words, **environment) -> str:
    command = [sys.executable, ROOT / "scripts" / "in_comfyui.py", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_script_needs_no_pytest_and_finds_what_lies_beside_it(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "pytest.py").write_text("raise ImportError('no test tools here')")
    (tmp_path / "beside.py").write_text("WORD = 'found'")
    (tmp_path / "script.py").write_text(
        "import sys, beside, nodes, concept_sliders\nfrom comfy.cli_args import args\n"
        "print(beside.WORD, nodes.__file__, args.force_fp32, sys.argv[1:])"
    )
    printed = in_comfyui(
        "--cpu", "--force-fp32", tmp_path / "script.py", "--steps", "3", PYTHONPATH=import_path(blocked)
    )
    word, of_comfyui, wide, *arguments = printed.split()
    assert word == "found" and wide == "True" and arguments == ["['--steps',", "'3']"]
    assert Path(of_comfyui).parent != ROOT / "nodes"


@pytest.mark.parametrize("name", SIZES)
def test_a_published_size_is_what_comfyui_detects(name):
    config = getattr(supported_models, SIZES[name].kind)(SIZES[name].configuration(tiny=False))
    config.set_inference_dtype(torch.bfloat16, None)
    weights = config.get_model({}, device="meta").diffusion_model.state_dict()
    detected = model_detection.model_config_from_unet(weights, "")
    assert type(detected).__name__ == SIZES[name].kind
    shared = detected.unet_config.keys() & SIZES[name].config.keys()
    assert {k: detected.unet_config[k] for k in shared} == {k: SIZES[name].config[k] for k in shared}
    assert sum(weight.numel() for weight in weights.values()) / 1e9 == pytest.approx(BILLIONS[name], abs=0.01)


def test_the_benchmark_tells_each_measurement_and_keeps_it(tmp_path):
    options = (
        "--tiny --dtype fp32 --models flux --cases step --dynamic off --checkpointing on --steps 3".split()
    )
    printed = in_comfyui(ROOT / "benchmarks" / "gpu.py", *options, "--out", tmp_path)
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [row["what"] for row in rows] == ["forward", "bare, checkpointed", "step, checkpointed"]
    assert all(row["ms"] > 0 and row["what"] in printed for row in rows)
    assert rows[2]["to"] == "bare, checkpointed" and rows[2]["ratio"] == pytest.approx(
        rows[2]["ms"] / rows[1]["ms"]
    )


def test_the_figures_of_a_slider_are_those_of_its_pictures():
    """A smile of −0.5 to 0.7 over ±1, that moves the eyes by half a deviation on one side."""
    import sliders
    from sliders import measure, results

    found = {name: numpy.full((2, 3), mean) for name, (mean, _) in measure.NUMBERS.items()}
    found |= {name: numpy.full((2, 3), names[0]) for name, names in measure.CHOICES.items()}
    found["smile"] = numpy.array([[-0.5, 0.0, 0.7], [-0.5, 0.0, 0.7]])
    found["eye_size"][:, 2] += 0.5 * measure.NUMBERS["eye_size"][1]
    figures = sliders.figures(results.Results("smile", [-1.0, 0.0, 1.0], found))
    leak = 0.5 / 2 / 5  # mean of two sides and of five other numbers
    expected = [1.2, 1.0, 0.7 / 0.6, leak, leak / 1.2, 0.0]
    assert list(figures.values()) == pytest.approx(expected)
    assert sliders.row("mine", [figures]).startswith("| mine | 1.200 | 1.000 | 1.167 | 0.050 ")
