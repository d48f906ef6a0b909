"""Save Slider, as the server runs it, and ComfyUI's own nodes on the same socket."""

import folder_paths
import nodes
import pytest
import torch
from comfy_extras.nodes_train import LoraModelLoader, SaveLoRA
from concept_sliders.nodes.files import SliderSave
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import load, to_slider
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import attached
from tiny_models import shared_model, tiny_call

ALPHA = 2 + 2**-20  # bfloat16 has no such number


@pytest.fixture
def output(tmp_path):
    before = folder_paths.get_output_directory()
    folder_paths.set_output_directory(str(tmp_path))
    yield tmp_path
    folder_paths.set_output_directory(before)


@pytest.fixture(scope="module")
def slider():
    patcher = shared_model("flux")
    adapters = make_adapters(patcher, uniform_plan(select_targets(patcher), AdapterConfig(rank=2, alpha=ALPHA)))
    for of_layer in adapters.values():
        for adapter in of_layer:
            torch.nn.init.normal_(adapter.up, std=0.1)
    return to_slider(adapters, {"kind": "lora"})


def run(**inputs):
    with torch.inference_mode():
        return SliderSave.execute(**inputs).result


def test_writes_below_the_output_folder_and_counts(output, slider):
    first, report = run(slider=slider, file_name="loras/smile")
    second, _ = run(slider=slider, file_name="loras/smile", key_format="kohya")
    assert (first, second) == ("loras/smile_00001_.safetensors", "loras/smile_00002_.safetensors")
    assert load(output / first).metadata["kind"] == "lora"
    assert all(key.startswith("lora_unet_") for key in load(output / second))
    assert report.startswith("Written to loras/smile_00001_.safetensors")


def test_precision_halves_the_size_and_keeps_alpha(output, slider):
    whole, _ = run(slider=slider, file_name="whole")
    half, _ = run(slider=slider, file_name="half", precision="bfloat16")
    assert (output / half).stat().st_size < 0.6 * (output / whole).stat().st_size
    stored = load(output / half)
    assert {t.dtype for key, t in stored.items() if not key.endswith(".alpha")} == {torch.bfloat16}
    alphas = {key: t for key, t in load(output / whole).items() if key.endswith(".alpha")}
    assert ALPHA in alphas.values() and all(float(stored[key]) == float(t) for key, t in alphas.items())


def test_names_that_lead_outside_are_refused(output, slider):
    for name in ("../outside", "/tmp/outside", "loras/../../outside"):
        with pytest.raises(ValueError, match="leads out of ComfyUI's output folder"):
            run(slider=slider, file_name=name)
    assert "leads out" not in SliderSave.validate_inputs("loras/ ")


def test_what_other_loaders_cannot_do_is_said(output):
    patcher = shared_model("wan21")
    plan = uniform_plan(select_targets(patcher)[:3], AdapterConfig("oft", 4))
    slider = to_slider(make_adapters(patcher, plan))
    _, report = run(slider=slider, file_name="turn", key_format="diffusers", model=patcher)
    assert "square of the strength" in report and "own loader does not know" in report
    _, report = run(slider=slider, file_name="turn")
    assert "it is large" in report


def test_comfyuis_save_and_load_nodes_take_a_slider(output, slider):
    patcher, call = shared_model("flux"), tiny_call("flux")
    base = patcher.model.apply_model(**call)
    SaveLoRA.execute(slider, "loras/core", 10)
    (path,) = (output / "loras").glob("core*.safetensors")
    outputs = []
    for lora in (slider, load(path)):
        changed = LoraModelLoader.execute(patcher, lora, -0.7).result[0]
        changed.unpatch_model()  # ComfyUI passes over layers that a test before this one has loaded
        changed.patch_model()
        outputs.append(changed.model.apply_model(**call))
        changed.unpatch_model()
    assert torch.equal(*outputs) and not torch.allclose(outputs[0], base, atol=1e-3)


def test_comfyuis_lora_loaders_read_the_file_by_name(output, slider, monkeypatch, caplog):
    patcher, call = shared_model("flux"), tiny_call("flux")
    monkeypatch.setitem(
        folder_paths.folder_names_and_paths,
        "loras",
        ([str(output / "loras")], folder_paths.supported_pt_extensions),
    )
    run(slider=slider, file_name="loras/smile")
    outputs = []
    for loader in (nodes.LoraLoader(), nodes.LoraLoaderModelOnly()):
        if isinstance(loader, nodes.LoraLoaderModelOnly):
            (changed,) = loader.load_lora_model_only(patcher, "smile_00001_.safetensors", -1.3)
        else:
            changed, _ = loader.load_lora(patcher, None, "smile_00001_.safetensors", -1.3, 0.0)
        changed.unpatch_model()  # ComfyUI passes over layers that a test before this one has loaded
        changed.patch_model()
        outputs.append(changed.model.apply_model(**call))
        changed.unpatch_model()
    deltas, _ = deltas_for(patcher, slider)
    with torch.no_grad(), attached(patcher.model, deltas, torch.tensor([-1.3, -1.3])):
        ours = patcher.model.apply_model(**call)
    assert torch.equal(*outputs) and torch.allclose(outputs[0], ours, atol=1e-4)
    assert not [record.message for record in caplog.records if "not loaded" in record.message.lower()]


def test_a_foreign_file_on_fused_weights_with_a_text_encoder_is_written_for_each_program(output):
    qkv = "diffusion_model.double_blocks.0.img_attn.qkv"
    text = "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"
    lora = {f"{qkv}.lora_up.weight": torch.randn(768, 2), f"{qkv}.lora_down.weight": torch.randn(2, 256)}
    for key_format, kept in (("diffusers", "not in the file"), ("kohya", "in the file as before")):
        file, report = run(
            slider={**lora, text: torch.ones(4, 2)},
            file_name="x",
            key_format=key_format,
            model=shared_model("flux"),
        )
        assert f"1 tensor is for the text encoder, which sliders leave alone, and {kept}." in report
        assert (text in load(output / file)) == (key_format == "kohya")
