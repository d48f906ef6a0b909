"""Sliders of ControlNets: the same file form, for Apply Slider."""

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import SliderFileError, convert, load, load_into, save, to_slider
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import added
from tiny_models import tiny_control_net


@pytest.mark.parametrize("kind", ["lora", "loha", "lokr", "full"])
@pytest.mark.parametrize("name", ["sd15", "sd3", "flux", "qwen_image"])
def test_what_was_trained_is_what_the_file_adds(name, kind, tmp_path):
    control_net = tiny_control_net(name)
    plan = uniform_plan(select_targets(control_net), AdapterConfig(kind, 2, 1.0))
    adapters = make_adapters(control_net, plan)
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.eval().parameters():
                parameter.data += 0.1 * torch.randn_like(parameter)
    slider = load(save(to_slider(adapters), tmp_path / "control.safetensors"))
    assert all(key.startswith("control_model.") for key in slider)
    deltas, unused = deltas_for(control_net, slider)
    assert not unused and deltas.keys() == adapters.keys()
    for layer_name, of_layer in adapters.items():
        layer = control_net.control_model.get_submodule(layer_name.removeprefix("control_model."))
        shape = (2, layer.in_channels, 8, 8) if hasattr(layer, "kernel_size") else (2, 5, layer.in_features)
        assert torch.allclose(
            *(added_by(these, layer, shape) for these in (of_layer, deltas[layer_name])), atol=1e-4
        )
    load_into(make_adapters(control_net, plan), slider)


@torch.no_grad()
def added_by(deltas, layer, shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor([1.0, -0.5]).reshape(-1, *[1] * (len(shape) - 1))
    return added(layer, x, layer(x), deltas, scale)


def test_other_formats_are_refused():
    control_net = tiny_control_net("flux")
    slider = to_slider(make_adapters(control_net, uniform_plan(select_targets(control_net), AdapterConfig())))
    for key_format in ("diffusers", "kohya"):
        with pytest.raises(SliderFileError, match="kept in native format"):
            convert(slider, key_format)
