"""Our own sliders under every name: known to each program, and the same when they come back."""

import sys
from pathlib import Path

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import SliderFileError, convert, to_slider
from concept_sliders.slider_core.files.unread import unread_by_comfyui
from concept_sliders.slider_core.lora.reading import deltas_for
from tiny_models import shared_model

sys.path.insert(0, str(Path(__file__).parent))
import foreign_kinds
from diffusers_twins import in_diffusers
from test_foreign_files import assert_same, file_of, outputs
from trained_sliders import same, trained


@pytest.mark.parametrize("kind", ["lora", "full", "dora", "ia3"])
def test_flux2_whose_trained_rows_are_a_part_of_one_layer_in_diffusers(kind):
    options = {"dora": {"dora": True}}.get(kind, {})
    config = AdapterConfig("lora" if kind == "dora" else kind, 3, 0.7, options=options)
    model, slider = shared_model("flux2"), trained("flux2", config)
    there = convert(slider, "diffusers", model)
    wide = [
        key for key in there if "to_qkv_mlp_proj" in key and key.endswith(("lora_B.weight", "vector", "diff"))
    ]
    assert wide and all(len(there[key]) == 2304 for key in wide)
    back = convert(there, "native", model)
    assert back.keys() == slider.keys()
    if kind in ("lora", "full"):
        assert same(back, slider)
    magnitudes = [key for key in slider if key.endswith(".dora_scale")]
    assert all(torch.allclose(back[key], slider[key], rtol=1e-4) for key in magnitudes)


@pytest.mark.parametrize("kind", ["oft", "boft"])
def test_rotations_come_back_with_the_difference_that_comfyui_needs(kind):
    slider = trained("flux", AdapterConfig(kind, 64))
    there = convert(slider, "diffusers")
    assert not any(key.endswith(".diff") for key in there)
    assert same(convert(there, "native", shared_model("flux")), slider)
    with pytest.raises(SliderFileError, match="connect the model"):
        convert(there, "native")


FUSED = ["lumina2", "z_image", "hunyuan_video", "flux2", "sd3"]


@pytest.mark.parametrize(
    "name, kind", [(name, kind) for name in FUSED for kind in ("lora", "lokr", "oft", "glora")]
)
def test_comfyui_knows_every_name_of_a_native_file(name, kind):
    assert not unread_by_comfyui(shared_model(name), trained(name, AdapterConfig(kind, 2)))


@pytest.mark.parametrize("name", FUSED)
def test_comfyui_knows_every_name_of_a_lokr_from_diffusers(name):
    file, _ = file_of(name, "lycoris", (foreign_kinds.lokr,))
    assert not unread_by_comfyui(shared_model(name), convert(file, "native", shared_model(name)))


def test_kohya_names_of_sd15_are_those_of_sd_scripts():
    """sd-scripts looks for layers of diffusers' UNet within transformers and, for LoCon, resnets and samplers."""
    model = shared_model("sd15")
    weights = {key: value.clone() for key, value in model.model.diffusion_model.state_dict().items()}
    twin = in_diffusers("sd15", weights)
    known = {
        f"lora_unet_{name}.{below}".replace(".", "_")
        for name, module in twin.named_modules()
        if type(module).__name__ in ("Transformer2DModel", "ResnetBlock2D", "Downsample2D", "Upsample2D")
        for below, layer in module.named_modules()
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)
    }
    slider = trained("sd15", AdapterConfig("lora", 2))
    names = {key.split(".")[0] for key in convert(slider, "kohya")}
    outside = {f"lora_unet_{name}" for name in ("conv_in", "conv_out")}
    outside |= {f"lora_unet_time_embedding_linear_{number}" for number in (1, 2)}
    assert len(names) > 20 and names - known <= outside
    assert same(convert(convert(slider, "kohya"), "native"), slider)
    sdxl = {key.split(".")[0] for key in convert(trained("sdxl", AdapterConfig("lora", 2)), "kohya")}
    assert "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q" in sdxl


def test_rows_that_were_changed_after_training_go_along():
    """A slider on q, k and v of Flux's linear1, merged since with something on the rows of the MLP."""
    slider = trained("flux", AdapterConfig("lora", 2))
    name = "diffusion_model.single_blocks.0.linear1.lora_up.weight"
    slider[name][1000, 0] = 1.0
    there = convert(slider, "diffusers", shared_model("flux"))
    assert there["transformer.single_transformer_blocks.0.proj_mlp.lora_B.weight"][1000 - 768, 0] != 0


OWN = {
    "lora, odd alpha": AdapterConfig("lora", 3, 0.7),
    "dora": AdapterConfig("lora", 2, options={"dora": True}),
    "ia3": AdapterConfig("ia3"),
    "loha": AdapterConfig("loha", 2, 1.0),
    "lokr": AdapterConfig("lokr", 2, 1.0),
    "lokr full": AdapterConfig("lokr", options={"full_matrix": True, "factor": 8}),
    "oft": AdapterConfig("oft", 4, options={"constraint": 0.001}),
    "full": AdapterConfig("full"),
}


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("name", ["sd15", "wan21", "ltxv", "lumina2", "hunyuan_video", "z_image"])
@torch.no_grad()
def test_our_own_files_work_in_apply_slider_under_every_name(name, kind):
    """As the adapters did in training, on every layer."""
    torch.manual_seed(0)
    model = shared_model(name)
    adapters = make_adapters(model, uniform_plan(select_targets(model), OWN[kind]))
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.eval().parameters():
                parameter.data += 0.1 * torch.randn_like(parameter)
    for key_format in ("diffusers", "kohya"):
        deltas, unused = deltas_for(model, convert(to_slider(adapters), key_format, model))
        assert not unused and deltas.keys() == adapters.keys()
        for layer in adapters:
            base, got, _ = outputs(model, deltas, {}, layer)
            assert_same(layer, base, got, outputs(model, adapters, {}, layer)[1])


def test_rotations_are_converted_in_a_node():
    """ComfyUI's nodes run in inference mode."""
    slider = trained("flux", AdapterConfig("oft", 4))
    with torch.inference_mode():
        assert same(convert(convert(slider, "diffusers"), "native", shared_model("flux")), slider)
