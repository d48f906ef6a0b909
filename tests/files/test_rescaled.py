"""Save Slider writes a file whose strength 1 is the end of the measured range, in other loaders too."""

import comfy.sd
import pytest
import torch
from concept_sliders.nodes.files import SliderSave
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.curve import Curve, curve_of
from concept_sliders.slider_core.evaluation.response import with_curve
from concept_sliders.slider_core.files import Slider, SliderFileError, load, to_slider, usable_range
from concept_sliders.slider_core.files.rescaled import rescaled, unit_of
from small_sampling import apply, close, prompt, sample
from tiny_models import shared_model

CURVE = Curve(((-1.0, -0.6), (0.0, 0.0), (0.5, 0.2), (1.0, 0.8)))


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    import folder_paths

    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    return tmp_path


def trained(kind="lora", **options):
    torch.manual_seed(0)
    model = shared_model("sd3")
    adapters = make_adapters(model, uniform_plan(select_targets(model), AdapterConfig(kind, 4, **options)))
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.parameters():
                parameter.data += 0.05 * torch.randn_like(parameter)
    return to_slider(adapters, {"usable_range": "[-0.6, 1.2]", "alpha": "4", "concept_sliders.training": "x"})


def saved(output, slider, **inputs):
    with torch.inference_mode():
        file, report = SliderSave.execute(
            slider=slider, file_name="one", one_is="usable range", **inputs
        ).result
    return load(output / file), report


@pytest.mark.parametrize("kind", ["lora", "loha", "lokr", "glora", "full"])
@pytest.mark.parametrize("key_format", ["native", "kohya", "diffusers"])
def test_strength_1_in_comfyuis_own_loader_is_the_end_of_the_range(output, kind, key_format):
    slider = trained(kind)
    with torch.inference_mode():
        model, positive, negative = shared_model("sd3"), prompt("sd3", 1), prompt("sd3", 2)
        written, report = saved(output, slider, key_format=key_format, model=model)
        expected = sample(apply(model, slider, 0.6), positive, negative)
        if key_format == "diffusers" and kind != "lora":  # which ComfyUI's loader does not read
            assert close(sample(apply(model, written, 1.0), positive, negative), expected)
        else:
            stock, _ = comfy.sd.load_lora_for_models(model, None, written, 1.0, 0)
            assert close(sample(stock, positive, negative), expected)
        assert not close(sample(apply(model, slider, 1.0), positive, negative), expected)
    assert "strength 1 is 0.6 of the slider given" in report
    assert usable_range(written) == (-1, 2) and written.metadata["alpha"] == "2.4"
    assert "concept_sliders.training" not in written.metadata  # no training finds this one for its own


def test_apply_slider_makes_the_same_picture_of_both_by_the_curve(output):
    slider = with_curve(trained(), CURVE)
    written, _ = saved(output, slider)
    assert curve_of(written).raw(1.0) == pytest.approx(0.8 / 0.6)
    with torch.inference_mode():
        model, positive, negative = shared_model("sd3"), prompt("sd3", 1), prompt("sd3", 2)
        for strength in (-1.0, 0.5, 1.0):
            one, other = (sample(apply(model, s, strength), positive, negative) for s in (slider, written))
            assert close(one, other)


def test_the_unit_is_where_both_sides_can_be_used():
    assert unit_of(with_curve(Slider({}), CURVE)) == pytest.approx(0.6)
    assert unit_of(Slider({}, {"usable_range": "[-2, 1.5]"})) == 1.5
    assert unit_of(Slider({}, {"usable_range": "[0, 1.5]"})) == 1.5
    for metadata in ({}, {"usable_range": "[0, 0]"}):
        with pytest.raises(SliderFileError, match="no measured usable range"):
            unit_of(Slider({}, metadata))


@pytest.mark.parametrize(("kind", "options"), [("lora", {"dora": True}), ("oft", {}), ("ia3", {})])
def test_kinds_that_are_not_in_proportion_to_the_strength_are_refused(kind, options):
    with pytest.raises(SliderFileError, match="not in proportion"):
        rescaled(trained(kind, options=options), 0.5)


def test_what_is_for_a_text_encoder_and_the_slider_given_stay_as_they_are():
    text = "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"
    given = Slider({**trained(), text: torch.ones(2, 2)})
    before = {key: tensor.clone() for key, tensor in given.items()}
    assert torch.equal(rescaled(given, 0.5)[text], torch.ones(2, 2))
    assert all(torch.equal(given[key], before[key]) for key in given)
