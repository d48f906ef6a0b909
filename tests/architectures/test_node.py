"""The SliderTargets node."""

import pytest
from concept_sliders.nodes.targets import SliderTargets
from concept_sliders.slider_core import architectures
from concept_sliders.slider_core.settings.targets import PRESETS
from tiny_models import shared_model, tiny_control_net


def test_it_hands_on_the_selection_and_shows_the_report():
    output = SliderTargets.execute(model=shared_model("flux"))
    selection, report = output.args
    assert selection == architectures.select(shared_model("flux"))
    assert report.startswith("Flux, preset slider")
    assert output.ui.as_dict() == {"text": (report,)}


def test_a_control_net():
    selection, report = SliderTargets.execute(preset="attention", control_net=tiny_control_net("sd15")).args
    assert selection.family == "UNet ControlNet" and "preset attention" in report
    assert selection.on_control_net
    assert not SliderTargets.execute(model=shared_model("flux")).args[0].on_control_net


def test_names_count_for_preset_custom_only():
    model = shared_model("flux")
    selection, _ = SliderTargets.execute(preset="slider", custom_targets="txt_in", model=model).args
    assert selection.preset == "slider" and len(selection.targets) == 14
    selection, _ = SliderTargets.execute(preset="custom", custom_targets="txt_in", model=model).args
    assert [target.layer for target in selection.targets] == ["diffusion_model.txt_in"]


@pytest.mark.parametrize("inputs", [{}, {"model": 1, "control_net": 2}])
def test_exactly_one_of_model_and_control_net(inputs):
    with pytest.raises(ValueError, match="either a model or a control_net"):
        SliderTargets.execute(**inputs)


def test_bad_names_are_found_before_the_workflow_runs():
    validate = SliderTargets.validate_inputs
    assert validate("") is True
    assert validate("txt_in") is True
    assert "cannot be read" in validate('{"apply_preset": ')
    with pytest.raises(ValueError, match="needs names"):
        SliderTargets.execute(preset="custom", custom_targets=" \n", model=shared_model("flux"))


def test_presets_of_node_and_core_agree():
    assert tuple(PRESETS) == architectures.PRESETS
