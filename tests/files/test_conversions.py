"""Save Slider on files of other programs, and on what only some programs know: nothing is lost, nothing is in vain."""

import sys
from pathlib import Path

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, AdapterError, make_adapters, uniform_plan
from concept_sliders.slider_core.adapters.base import put
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import SliderFileError, convert, load, load_into, save, to_slider
from concept_sliders.slider_core.files.unread import unread_by_comfyui
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import attached
from tiny_models import shared_model, tiny_call

sys.path.insert(0, str(Path(__file__).parent))
import foreign
from diffusers_twins import TWINS, in_diffusers
from test_foreign_files import assert_same, file_of, outputs
from test_stock_loader import in_stock_loader

PROJ = "diffusion_model.double_blocks.0.img_attn.proj"
QKV = "diffusion_model.double_blocks.0.img_attn.qkv"
TEXT = "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"


def trained(name, config):
    """A slider as after a training."""
    torch.manual_seed(0)
    model = shared_model(name)
    adapters = make_adapters(model, uniform_plan(select_targets(model), config))
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.eval().parameters():
                parameter.data += 0.1 * torch.randn_like(parameter)
    return to_slider(adapters)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def lora_of(layer, rows, columns):
    return {
        f"{layer}.lora_up.weight": torch.randn(rows, 2),
        f"{layer}.lora_down.weight": torch.randn(2, columns),
    }


@pytest.mark.parametrize("name", TWINS)
@torch.no_grad()
def test_a_lora_on_all_layers_to_diffusers_and_kohya(name, tmp_path):
    """Under native names and without metadata, fused weights and all, as TrainLoRA or OneTrainer makes it."""
    model = shared_model(name)
    file, meant = file_of(name, "diffusers", (foreign.lora, foreign.peft_dora))
    native = convert(file, "native", model)
    for key_format in ("diffusers", "kohya"):
        there = load(save(dict(native), tmp_path / "there.safetensors", key_format, model))
        assert there.keys() != native.keys()
        deltas, unused = deltas_for(model, dict(there))
        assert not unused
        for layer in deltas:
            assert_same(layer, *outputs(model, deltas, meant, layer))


@pytest.mark.parametrize("name", TWINS)
def test_every_layer_of_diffusers_is_known_by_its_name(name):
    model = shared_model(name)
    weights = {key: value.clone() for key, value in model.model.diffusion_model.state_dict().items()}
    found = foreign.layers_of_twin(in_diffusers(name, weights), model)
    file, _ = foreign.file_of(model, found, lambda layer: f"transformer.{layer}", (foreign.peft,))
    native = convert(file, "native", model)
    back = convert(dict(native), "diffusers", model)
    component = "unet" if TWINS[name].cls == "UNet2DConditionModel" else "transformer"
    assert {key.removeprefix(component) for key in back} == {key.removeprefix("transformer") for key in file}


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
    file, _ = file_of(name, "lycoris", (foreign.lokr,))
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


def test_a_foreign_lora_on_fused_weights_is_written_for_diffusers(tmp_path):
    file = lora_of(QKV, 768, 256)
    path = save(file, tmp_path / "there.safetensors", "diffusers", shared_model("flux"))
    assert len(load(path)) == 6


def test_rows_that_were_changed_after_training_go_along():
    """A slider on q, k and v of Flux's linear1, merged since with something on the rows of the MLP."""
    slider = trained("flux", AdapterConfig("lora", 2))
    name = "diffusion_model.single_blocks.0.linear1.lora_up.weight"
    slider[name][1000, 0] = 1.0
    there = convert(slider, "diffusers", shared_model("flux"))
    assert there["transformer.single_transformer_blocks.0.proj_mlp.lora_B.weight"][1000 - 768, 0] != 0


def test_text_encoder_tensors_stay_in_comfyuis_formats_and_are_no_fault():
    model, file = shared_model("flux"), {**lora_of(PROJ, 256, 256), TEXT: torch.ones(4, 2)}
    for key_format in ("native", "kohya"):
        assert torch.equal(convert(file, key_format, model)[TEXT], file[TEXT])
    assert TEXT not in convert(file, "diffusers", model)


def test_what_has_no_place_is_named_and_not_left_out_in_silence():
    model = shared_model("flux")
    other = {**lora_of(PROJ, 256, 256), **lora_of("transformer.transformer_blocks.99.attn.to_q", 256, 256)}
    with pytest.raises(SliderFileError, match="2 of 4 tensors have no place.*transformer_blocks.99"):
        convert(other, "native", model)
    with pytest.raises(SliderFileError, match="for 128 rows, and the layer has 256"):
        convert(lora_of("transformer.transformer_blocks.0.attn.to_out.0", 128, 256), "native", model)


def start_from(name, file, config):
    model = shared_model(name)
    adapters = make_adapters(model, uniform_plan(select_targets(model), config))
    return adapters, load_into(adapters, file, model)


@pytest.mark.parametrize("name", ["flux", "wan21", "sd15", "lumina2"])
def test_training_starts_from_files_under_any_names(name):
    slider = trained(name, AdapterConfig("lora", 2))
    native, nothing = start_from(name, slider, AdapterConfig("lora", 2))
    assert not nothing
    for key_format in ("diffusers", "kohya"):
        there = convert(slider, key_format)
        adapters, unused = start_from(name, {**there, TEXT: torch.ones(1)}, AdapterConfig("lora", 2))
        assert unused == [TEXT]
        for layer, of_layer in native.items():
            for one, other in zip(of_layer, adapters[layer], strict=True):
                assert torch.allclose(one.up * one.ratio, other.up * other.ratio)


def test_one_lora_of_a_fused_weight_starts_all_its_parts():
    """As kohya and TrainLoRA have it: the same ranks for q, k and v."""
    model = shared_model("flux")
    (target, *_) = [t for t in select_targets(model) if t.layer == QKV]
    plan = uniform_plan([t for t in select_targets(model) if t.layer == QKV], AdapterConfig("lora", 2))
    adapters, file = make_adapters(model, plan), lora_of(QKV, 768, 256)
    assert load_into(adapters, file, model) == []
    for adapter in adapters[QKV]:
        assert torch.equal(adapter.up, file[f"{QKV}.lora_up.weight"][slice(*adapter.rows)])
        assert torch.equal(adapter.down, file[f"{QKV}.lora_down.weight"])


def test_ranks_of_a_fused_weight_that_do_not_come_apart_are_refused():
    """Six ranks that q, k and v share are not two for each."""
    file = {f"{QKV}.lora_up.weight": torch.randn(768, 6), f"{QKV}.lora_down.weight": torch.randn(6, 256)}
    plan = uniform_plan(
        [t for t in select_targets(shared_model("flux")) if t.layer == QKV], AdapterConfig("lora", 2)
    )
    with pytest.raises(SliderFileError, match="where one of .256, 2. is trained"):
        load_into(make_adapters(shared_model("flux"), plan), file, shared_model("flux"))


def test_a_tensor_of_another_shape_is_not_bent_into_place():
    with pytest.raises(AdapterError, match=r"shape \(2, 4\) where one of \(4, 2\)"):
        put(torch.zeros(4, 2), torch.ones(2, 4))


def test_a_start_that_does_not_fit_is_refused_or_told():
    slider = trained("flux", AdapterConfig("lora", 1))
    with pytest.raises(SliderFileError, match="shape"):  # not stretched to the larger rank
        start_from("flux", slider, AdapterConfig("lora", 4))
    magnitudes = {f"{PROJ}.dora_scale": torch.ones(256, 1)}
    _, unused = start_from("flux", {**slider, **magnitudes}, AdapterConfig("lora", 1))
    assert unused == [f"{PROJ}.dora_scale"]


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


@pytest.mark.parametrize("name", ["sd15", "wan21", "lumina2", "hunyuan_video"])
@torch.no_grad()
def test_the_same_picture_of_a_file_and_of_its_conversion_in_the_stock_loader(name):
    """A LoRA of diffusers on the layers of a slider, each sample at a strength of its own."""
    model, call = shared_model(name), tiny_call(name)
    file = dict(convert(trained(name, AdapterConfig("lora", 2, 1.0)), "diffusers"))
    deltas, unused = deltas_for(model, file)
    assert not unused
    with attached(model.model, deltas, torch.tensor([-0.7, 1.3])):
        got = model.model.apply_model(**call)
    base = model.model.apply_model(**call)
    for row, strength in enumerate((-0.7, 1.3)):
        expected = in_stock_loader(model, convert(file, "native", model), strength, call)
        effect = (expected[row] - base[row]).abs().max()
        assert effect > 1e-3 and (got[row] - expected[row]).abs().max() < 1e-3 * effect + 1e-5


def test_changes_of_norms_stay_in_comfyuis_formats():
    norm = "diffusion_model.double_blocks.0.img_attn.norm.query_norm.diff"
    file = {
        f"{PROJ}.lora_A.weight": torch.ones(2, 256),
        f"{PROJ}.lora_B.weight": torch.ones(256, 2),
        norm: torch.ones(128),
    }
    native = convert(file, "native", shared_model("flux"))
    assert torch.equal(native[norm], file[norm]) and f"{PROJ}.lora_up.weight" in native
    with pytest.raises(SliderFileError, match=r"1 of 3 tensors have no place.*query_norm"):
        convert(file, "diffusers", shared_model("flux"))


def test_columns_that_do_not_fit_are_named():
    with pytest.raises(SliderFileError, match="for 64 columns, and the layer has 256"):
        convert(
            lora_of("transformer.transformer_blocks.0.attn.to_out.0", 256, 64), "native", shared_model("flux")
        )


def test_a_kronecker_product_of_another_size_is_named():
    name = "transformer.transformer_blocks.0.attn.to_q"
    file = {f"{name}.lokr_w1": torch.ones(4, 4), f"{name}.lokr_w2": torch.ones(64, 16)}
    with pytest.raises(SliderFileError, match="for 64 columns, and the layer has 256"):
        convert(file, "native", shared_model("flux"))


def test_rotations_are_converted_in_a_node():
    """ComfyUI's nodes run in inference mode."""
    slider = trained("flux", AdapterConfig("oft", 4))
    with torch.inference_mode():
        assert same(convert(convert(slider, "diffusers"), "native", shared_model("flux")), slider)


def test_a_file_that_lacks_one_tensor_of_a_pair_is_used_without_that_layer():
    other = "diffusion_model.double_blocks.1.img_attn.proj"
    file = lora_of(PROJ, 256, 256) | lora_of(other, 256, 256)
    del file[f"{other}.lora_down.weight"]
    deltas, unused = deltas_for(shared_model("flux"), file)
    assert list(deltas) == [PROJ] and unused == [
        f"{other}.lora_up.weight (lora_down.weight is missing beside it)"
    ]
