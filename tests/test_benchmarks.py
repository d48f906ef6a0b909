"""Scripts run with ComfyUI importable, and the benchmark measures what it says, on tiny models here."""

import json
import re
import sys
from pathlib import Path

import numpy
import pytest
import torch
from comfy import model_detection, supported_models
from import_path import import_path, in_comfyui

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from sizes import SIZES  # noqa: E402

BILLIONS = {"sdxl": 2.57, "z_image": 6.15, "flux": 11.9, "wan": 14.29}


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
        "--tiny --dtype fp32 --models flux --cases step --dynamic off --checkpointing on --pairs 2".split()
    )
    printed = in_comfyui(ROOT / "benchmarks" / "gpu.py", *options, "--out", tmp_path)
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [row["what"] for row in rows] == ["forward", "bare, checkpointed", "step, checkpointed"]
    assert all(row["ms"] > 0 and row["what"] in printed for row in rows)
    assert rows[2]["to"] == "bare, checkpointed" and rows[2]["ratio"] == pytest.approx(
        rows[2]["ms"] / rows[1]["ms"]
    )


def test_a_ratio_is_of_the_least_times_of_all_rounds():
    from measured import Case
    from meter import Peak

    case = Case("flux", SIZES["flux"], None, 64, 1, 1.0)
    for bare, step in [(1.0, 1.5), (2.0, 1.2), (1.1, 3.0)]:
        case.row("bare", bare, Peak())
        last = {**case.row("step", step, Peak()), **case.ratio("step", "bare")}
    assert last["ms"] == 3000 and last["ratio"] == pytest.approx(1.2)


def test_an_adapter_of_sdxl_costs_few_operations_a_step():
    """Of the whole network in its depth: the bare pass, and a step with adapters on its 304 linear layers."""
    options = "--models sdxl --checkpointing off --steps 1 --counts".split()
    printed = in_comfyui("--cpu", ROOT / "benchmarks" / "launches.py", *options)
    bare, step = (int(number) for number in re.findall(r"(\d+) operations:", printed))
    assert 0 < step - bare < 5 * 304
    assert "deltas/products.py" in printed


def sweep_of(smiles, strengths):
    """Pictures of which only the smile changes, as the regressor would measure them."""
    import sliders

    found = {name: numpy.full((2, len(smiles)), mean) for name, (mean, _) in sliders.measure.NUMBERS.items()}
    found |= {name: numpy.full((2, len(smiles)), names[0]) for name, names in sliders.measure.CHOICES.items()}
    found["smile"] = numpy.array([smiles, smiles])
    return sliders.results.Results("smile", strengths, found)


def test_the_figures_of_a_slider_are_those_of_its_pictures():
    """A smile of −0.5 to 0.7 over ±1, that moves the eyes by half a deviation on one side."""
    import sliders

    looked = sweep_of([-0.5, 0.0, 0.7], [-1.0, 0.0, 1.0])
    deviation = sliders.measure.NUMBERS["eye_size"][1]
    looked.found["eye_size"][:, 2] += 0.5 * deviation
    leak = 0.5 / 2 / 5  # mean of two sides and of five other numbers
    slopes = 0.6 / sliders.measure.NUMBERS["smile"][1], 0.25 / 5
    expected = [1.2, 1.0, 0.7 / 0.6, 1.4, leak, leak / 1.2, slopes[0] / slopes[1], 0.0]
    shown = sliders.figures(looked)
    assert list(shown.values()) == pytest.approx(expected)
    assert sliders.row("mine", [shown]).startswith("| mine | 1 | 1.200 | 1.000 | 1.167 |  | 1.400 | 0.050 ")


def test_a_slider_that_goes_the_wrong_way_has_its_line_in_the_table():
    """It has no evenness, and one run of it spoils no table."""
    import sliders

    wrong = sliders.figures(sweep_of([0.5, 0.0, -0.7], [-1.0, 0.0, 1.0]))
    assert sliders.row("wrong", [wrong, wrong]).startswith(
        "| wrong | 2 | -1.200 (0.000) | -1.000 (0.000) | nan"
    )


def test_half_the_strength_and_where_pictures_change_are_measured():
    import sliders

    looked = sweep_of([-1.0, -0.8, 0.0, 0.8, 1.0], [-1.0, -0.5, 0.0, 0.5, 1.0])
    pictures, mask = torch.zeros(2, 5, 4, 4, 3), torch.zeros(4, 4, dtype=torch.bool)
    mask[:2] = True
    pictures[:, (0, 4), :2], pictures[:, (0, 4), 2:] = 0.6, 0.2
    shown = sliders.figures(looked, pictures, mask)
    assert shown["gain at half"] == pytest.approx(1.6) and shown["inside / outside"] == pytest.approx(3)


def test_cells_come_in_the_order_of_their_importance_and_every_method_is_known():
    import sliders

    cells = list(sliders.grid.cells())
    assert len(set(cells)) == len(cells)
    assert {cell.method for cell in cells} == set(sliders.methods.METHODS)
    assert [cell.seed for cell in cells[:40]] == [0] * 40 and cells[0].method == "denoise"


def test_every_method_is_made_of_settings_that_there_are():
    import sliders
    from concept_sliders.slider_core.data import Cycle
    from concept_sliders.slider_core.settings import LoopSettings, faults, settings_of

    for name, method in sliders.methods.METHODS.items():
        assert method.settings.keys() <= settings_of(LoopSettings).keys(), name
        assert not faults(LoopSettings, dict(method.settings)), name
        assert method.cycle.keys() <= Cycle.__dataclass_fields__.keys(), name
        assert method.setup.keys() <= sliders.Setup.__dataclass_fields__.keys(), name


def test_other_trainers_train_on_the_same_model_pictures_and_steps():
    """One step of each on the demo's model changes the slider, and leaves the model as it was."""
    import sliders

    ground = sliders.load_ground()
    before = {name: weight.clone() for name, weight in ground.model.model.state_dict().items()}
    setup = sliders.Setup(pictures=1)
    for name, method in sliders.methods.METHODS.items():
        if method.step is not None:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(sliders.methods, "STEPS", 2)
                slider, _ = sliders.methods.trained(ground, "smile", setup, method, seed=0)
            assert slider and all(bool(torch.isfinite(tensor).all()) for tensor in slider.values()), name
    after = ground.model.model.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_the_grid_ends_when_its_time_is_up_and_keeps_what_is_done(tmp_path):
    """Its processes are stopped in the middle of a cell."""
    import sliders

    cells = [sliders.grid.Cell("flow", "smile", "6 pairs", "denoise", seed) for seed in range(3)]
    pool = sliders.grid.Pool(cells, tmp_path / "results.jsonl", tmp_path / "none", steps=100_000)
    assert pool.run(cpu=1, gpu=0, seconds=1.0) == [] and not pool.todo
    assert all(worker.poll() is not None for worker in pool.workers)


def test_found_rates_are_held_against_the_best_fixed_one_that_can_be_seen(tmp_path):
    import found_table

    def line(name, leak, span=1.0, **other):
        figures = {"range": span, "leak / range": leak, "choices changed": 0.0, "seconds": 2.0}
        return {
            "model": "flow",
            "concept": "smile",
            "kind": "lora",
            "name": name,
            "seed": 0,
            **figures,
            **other,
        }

    lines = [line("fixed at 1", 0.10), line("fixed at 2", 0.20), line("fixed at 3", 0.01, span=0.1)]
    lines += [line("found from 1", 0.109, seconds=3.0), line("found from 2", 0.111, seconds=3.0)]
    (tmp_path / "rates.jsonl").write_text("\n".join(json.dumps(one) for one in lines))
    text = found_table.summaries(tmp_path / "rates.jsonl")
    assert "| flow, smile, lora | 1 | 1.00 | 0.100 | 1.00 | 0.110 | 1 of 2 | 1.50 |" in text
    assert "found: of 2, 1 end within 10 %" in text and "0 broken" in text
    lines[-1] |= {"choices changed": 0.2}
    assert "1 broken" in found_table.summary(lines)
