"""A slider under other key names, and back without losing a bit."""

import json

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import (
    FORMATS,
    Slider,
    SliderFileError,
    convert,
    load,
    load_into,
    save,
    to_slider,
)
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import attached
from tiny_models import shared_model, tiny_call

KINDS = {
    "lora": AdapterConfig("lora", 4, 1.0),
    "lora, odd alpha": AdapterConfig("lora", 3, 0.7),
    "rslora": AdapterConfig("lora", 3, 1.0, options={"rslora": True}),
    "loha": AdapterConfig("loha", 3, 1.0),
    "lokr": AdapterConfig("lokr", 2, 1.0),
    "loha dora": AdapterConfig("loha", 2, 1.0, options={"dora": True}),
    "lokr dora": AdapterConfig("lokr", 2, 1.0, options={"dora": True}),
    "oft": AdapterConfig("oft", 4),
    "glora": AdapterConfig("glora", 2),
    "full": AdapterConfig("full"),
}
CONTINUED = {
    **KINDS,
    "dora": AdapterConfig("lora", 2, options={"dora": True}),
    "ia3": AdapterConfig("ia3"),
    "boft": AdapterConfig("boft", 1024),
    "dylora": AdapterConfig("dylora", 4),
}


def trained(patcher, config):
    torch.manual_seed(0)
    adapters = make_adapters(patcher, uniform_plan(select_targets(patcher), config))
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.eval().parameters():
                parameter.data += 0.1 * torch.randn_like(parameter)
    return adapters


def same(a, b):
    return a.keys() == b.keys() and all(
        torch.equal(a[key], b[key]) and a[key].dtype == b[key].dtype for key in a
    )


@pytest.mark.parametrize("name", ["flux", "sd15", "z_image", "wan21", "lumina2"])
@pytest.mark.parametrize("kind", ["lora", "lora, odd alpha", "rslora"])
def test_every_format_and_back_is_the_same_to_the_bit(name, kind, tmp_path):
    slider = to_slider(trained(shared_model(name), KINDS[kind]), {"name": "smile"})
    for first in ("diffusers", "kohya"):
        there = load(save(slider, tmp_path / "there.safetensors", first))
        back = load(save(there, tmp_path / "back.safetensors", "native"))
        assert same(back, slider) and not same(there, slider)
        assert back.metadata["name"] == "smile"
        across = convert(convert(there, "kohya"), "diffusers")
        assert same(across, convert(slider, "diffusers"))


@pytest.mark.parametrize("kind", ["loha", "lokr", "glora", "full", "oft"])
def test_other_kinds_too(kind):
    slider = to_slider(trained(shared_model("flux"), KINDS[kind]))
    there = convert(slider, "diffusers")
    assert all(key.startswith("lycoris_") for key in there)
    back = convert(there, "native", shared_model("flux"))
    assert same(back, slider)
    assert same(convert(convert(slider, "kohya"), "native"), slider)


def test_separate_q_k_and_v_in_diffusers_one_weight_in_native():
    slider = to_slider(trained(shared_model("flux"), KINDS["lora"]))
    there = convert(slider, "diffusers")
    prefix = "transformer.transformer_blocks.0.attn"
    assert {f"{prefix}.to_{x}.lora_A.weight" for x in "qkv"} <= there.keys()
    fused = slider["diffusion_model.double_blocks.0.img_attn.qkv.lora_up.weight"]
    assert fused.shape == (768, 12) and there[f"{prefix}.to_k.lora_B.weight"].shape == (256, 4)
    assert torch.equal(there[f"{prefix}.to_k.lora_B.weight"], fused[256:512, 4:8] / 4)
    config = json.loads(there.metadata["lora_adapter_metadata"])
    assert (config["transformer.r"], config["transformer.lora_alpha"]) == (4, 4)


NAMED_BY_COMFYUI = ["flux", "flux2", "sd3", "z_image"]  # families with diffusers names in ComfyUI's key map


FORMATS_OF = [(name, key_format) for name in NAMED_BY_COMFYUI for key_format in FORMATS]


@pytest.mark.parametrize("name, key_format", [*FORMATS_OF, ("wan21", "native"), ("wan21", "kohya")])
def test_apply_slider_takes_them_all(name, key_format):
    patcher = shared_model(name)
    adapters = trained(patcher, KINDS["lora, odd alpha"])
    deltas, unused = deltas_for(patcher, convert(to_slider(adapters), key_format))
    assert not unused
    outputs = []
    for these in (adapters, deltas):
        with torch.no_grad(), attached(patcher.model, these, torch.tensor([1.0, -0.5])):
            outputs.append(patcher.model.apply_model(**tiny_call(name)))
    assert torch.allclose(*outputs, atol=1e-4)


def test_other_peoples_lora_needs_the_model(tmp_path):
    """As TrainLoRA makes it: one LoRA of the whole fused weight, and no metadata."""
    qkv = "diffusion_model.double_blocks.0.img_attn.qkv"
    lora = {f"{qkv}.lora_up.weight": torch.randn(768, 4), f"{qkv}.lora_down.weight": torch.randn(4, 256)}
    with pytest.raises(SliderFileError, match="Connect the model"):
        convert(lora, "diffusers")
    there = convert(lora, "diffusers", shared_model("flux"))
    assert len(there) == 6
    back = convert(there, "native", shared_model("flux"))
    assert all(torch.equal(back[key], lora[key]) for key in lora)


def test_dora_needs_the_model_and_agrees_with_itself():
    patcher = shared_model("flux")
    slider = to_slider(trained(patcher, AdapterConfig("lora", 2, options={"dora": True})))
    with pytest.raises(SliderFileError, match="connect the model"):
        convert(slider, "diffusers")
    there = convert(slider, "diffusers", patcher)
    assert any(key.endswith("lora_magnitude_vector") for key in there)
    back = convert(there, "native", patcher)
    assert back.keys() == slider.keys()
    assert all(torch.allclose(back[key].float(), slider[key].float(), rtol=1e-5) for key in slider)


@pytest.mark.parametrize("kind", CONTINUED)
@pytest.mark.parametrize("name", ["flux", "sd15"])
def test_training_continues_from_a_file(name, kind, tmp_path):
    """To the bit, unless the file holds magnitudes that depend on the base model."""
    patcher, config = shared_model(name), CONTINUED[kind]
    adapters = trained(patcher, config)
    again = make_adapters(patcher, uniform_plan(select_targets(patcher), config))
    load_into(again, load(save(to_slider(adapters), tmp_path / "slider.safetensors")))
    for layer, of_layer in adapters.items():
        for first, second in zip(of_layer, again[layer], strict=True):
            assert first.alpha == second.alpha
            for key, value in first.state_dict().items():
                tolerance = 1e-5 if "dora" in kind or kind == "ia3" else 0
                assert torch.allclose(value, second.state_dict()[key], rtol=tolerance, atol=tolerance), key


def test_an_alpha_beside_pefts_names_counts_as_in_comfyui():
    name = "transformer.transformer_blocks.0.attn.to_out.0"
    lora = {f"{name}.lora_B.weight": torch.ones(256, 2), f"{name}.lora_A.weight": torch.ones(2, 256)}
    native = convert({**lora, f"{name}.alpha": torch.tensor(1.0)}, "native", shared_model("flux"))
    assert native["diffusion_model.double_blocks.0.img_attn.proj.alpha"] == 1.0


def test_nothing_of_a_file_is_left_out_in_silence():
    proj = "diffusion_model.double_blocks.0.img_attn.proj"
    lora = {f"{proj}.lora_up.weight": torch.ones(256, 1), f"{proj}.lora_down.weight": torch.ones(1, 256)}
    with pytest.raises(SliderFileError, match="PEFT has no name for diff_b"):
        convert({**lora, f"{proj}.diff_b": torch.ones(256)}, "diffusers", shared_model("flux"))


def test_errors_say_what_to_do():
    slider = to_slider(trained(shared_model("flux"), KINDS["lora"]))
    with pytest.raises(SliderFileError, match="no key format 'peft'; choose one of native"):
        convert(slider, "peft")
    with pytest.raises(SliderFileError, match="of no known kind"):
        convert(Slider({**slider, "diffusion_model.img_in.something": torch.ones(1)}, slider.metadata), "kohya")
    other = make_adapters(
        shared_model("flux"), uniform_plan(select_targets(shared_model("flux")), AdapterConfig(rank=8))
    )
    with pytest.raises(SliderFileError, match="Continue with the targets, kind and rank"):
        load_into(other, slider)


def test_lokr_on_fused_weights_for_whose_parts_comfyui_has_no_names():
    """One adapter on q, k and v together, as small in the file as anywhere, and out of it again."""
    patcher = shared_model("hunyuan_video")
    adapters = trained(patcher, KINDS["lokr"])
    of_linear1 = adapters["diffusion_model.single_blocks.0.linear1"]
    assert [adapter.rows for adapter in of_linear1] == [(0, 768)]
    assert [adapter.rows for adapter in adapters["diffusion_model.double_blocks.0.img_attn.qkv"]] == [None]
    slider = to_slider(adapters)
    assert not any(key.endswith(".diff") for key in slider)
    again = make_adapters(patcher, uniform_plan(select_targets(patcher), KINDS["lokr"]))
    load_into(again, slider)
    (first,), (second,) = of_linear1, again["diffusion_model.single_blocks.0.linear1"]
    assert all(torch.equal(value, second.state_dict()[key]) for key, value in first.state_dict().items())
