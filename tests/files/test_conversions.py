"""Save Slider on files of other programs, and on what only some programs know: nothing is lost, nothing is in vain."""

import sys
from pathlib import Path

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig
from concept_sliders.slider_core.files import SliderFileError, convert, load, save
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import attached
from tiny_models import shared_model, tiny_call

sys.path.insert(0, str(Path(__file__).parent))
import foreign
import foreign_kinds
from diffusers_twins import TWINS, in_diffusers
from test_foreign_files import assert_same, file_of, outputs
from test_stock_loader import in_stock_loader
from trained_sliders import PROJ, QKV, TEXT, lora_of, trained


@pytest.mark.parametrize("name", TWINS)
@torch.no_grad()
def test_a_lora_on_all_layers_to_diffusers_and_kohya(name, tmp_path):
    """Under native names and without metadata, fused weights and all, as TrainLoRA or OneTrainer makes it."""
    model = shared_model(name)
    file, meant = file_of(name, "diffusers", (foreign_kinds.lora, foreign_kinds.peft_dora))
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
    file, _ = foreign.file_of(model, found, lambda layer: f"transformer.{layer}", (foreign_kinds.peft,))
    native = convert(file, "native", model)
    back = convert(dict(native), "diffusers", model)
    component = "unet" if TWINS[name].cls == "UNet2DConditionModel" else "transformer"
    assert {key.removeprefix(component) for key in back} == {key.removeprefix("transformer") for key in file}


def test_a_foreign_lora_on_fused_weights_is_written_for_diffusers(tmp_path):
    file = lora_of(QKV, 768, 256)
    path = save(file, tmp_path / "there.safetensors", "diffusers", shared_model("flux"))
    assert len(load(path)) == 6


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


def test_a_file_that_lacks_one_tensor_of_a_pair_is_used_without_that_layer():
    other = "diffusion_model.double_blocks.1.img_attn.proj"
    file = lora_of(PROJ, 256, 256) | lora_of(other, 256, 256)
    del file[f"{other}.lora_down.weight"]
    deltas, unused = deltas_for(shared_model("flux"), file)
    assert list(deltas) == [PROJ] and unused == [
        f"{other}.lora_up.weight (lora_down.weight is missing beside it)"
    ]
