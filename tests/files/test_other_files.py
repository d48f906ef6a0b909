"""LoRAs that others made, in Apply Slider: the same output as in ComfyUI's own loader, with a strength for each row."""

import comfy.sd
import pytest
import torch
from concept_sliders.slider_core.files.keys import for_text_encoder
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import attached
from tiny_models import shared_model, tiny_call

SQUARE = "diffusion_model.double_blocks.0.img_attn.proj"
QKV = "diffusion_model.double_blocks.0.img_attn.qkv"
ATTENTION = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q"
CONV = "diffusion_model.input_blocks.0.0"


def rand(*shape):
    return torch.randn(shape) * 0.2


def lora_of(name, rows, columns, rank=3, kernel=()):
    return {
        f"{name}.lora_up.weight": rand(rows, rank, *[1] * len(kernel)),
        f"{name}.lora_down.weight": rand(rank, columns, *kernel),
    }


def loha(name):
    tucker = {f"{name}.hada_t{n}": rand(2, 2, 3, 3) for n in (1, 2)}
    sides = {f"{name}.hada_w{n}_{side}": rand(2, 32 if side == "a" else 4) for n in (1, 2) for side in "ab"}
    return {**tucker, **sides, f"{name}.alpha": torch.tensor(5.0)}


def magnitudes(rows):
    return 1 + 0.3 * torch.rand(rows)


FLUX = {
    "peft names": {
        "transformer.transformer_blocks.0.attn.to_k.lora_A.weight": rand(2, 256),
        "transformer.transformer_blocks.0.attn.to_k.lora_B.weight": rand(256, 2),
    },
    "kohya names": {
        "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight": rand(768, 2),
        "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": rand(2, 256),
        "lora_unet_double_blocks_0_img_attn_qkv.alpha": torch.tensor(1.0),
    },
    "a whole weight and a part of it": {
        **lora_of("diffusion_model.single_blocks.0.linear1_qkv", 768, 256),
        **lora_of("transformer.single_transformer_blocks.0.attn.to_v", 256, 256),
    },
    "reordered rows": lora_of("transformer.norm_out.linear", 512, 256),
    "dora by rows": {**lora_of(SQUARE, 256, 256), f"{SQUARE}.dora_scale": magnitudes(256).reshape(-1, 1)},
    "dora by columns": {**lora_of(SQUARE, 256, 256), f"{SQUARE}.dora_scale": magnitudes(256).reshape(1, -1)},
    "dora on rows of a weight": {
        **lora_of("transformer.transformer_blocks.1.attn.to_q", 256, 256),
        "transformer.transformer_blocks.1.attn.to_q.dora_scale": magnitudes(256).reshape(1, -1),
    },
    "glora": {
        f"{QKV}.{name}.weight": rand(*shape)
        for name, shape in zip(("a1", "a2", "b1", "b2"), ((256, 2), (2, 256), (768, 2), (2, 256)), strict=True)
    },
    "glora, older form": {
        f"{QKV}.{name}.weight": rand(*shape)
        for name, shape in zip(("a1", "a2", "b1", "b2"), ((2, 256), (256, 2), (2, 256), (768, 2)), strict=True)
    },
    "lokr with dora": {
        f"{SQUARE}.lokr_w1": rand(4, 4),
        f"{SQUARE}.lokr_w2_a": rand(64, 2),
        f"{SQUARE}.lokr_w2_b": rand(2, 64),
        f"{SQUARE}.alpha": torch.tensor(1.0),
        f"{SQUARE}.dora_scale": magnitudes(256).reshape(1, -1),
    },
    "differences of weight and bias": {f"{SQUARE}.diff": rand(256, 256), f"{SQUARE}.diff_b": rand(256)},
    "norms": {
        "diffusion_model.double_blocks.0.img_attn.norm.query_norm.diff": rand(128),
        "diffusion_model.single_blocks.0.norm.key_norm.diff": rand(128),
    },
}
SD15 = {
    "convolution": {**lora_of(CONV, 32, 4, kernel=(3, 3)), f"{CONV}.alpha": torch.tensor(2.0)},
    "convolution, tucker": {
        **lora_of(CONV, 32, 4, kernel=(1, 1)),
        f"{CONV}.lora_mid.weight": rand(3, 3, 3, 3),
        f"{CONV}.dora_scale": magnitudes(4).reshape(1, -1, 1, 1),
    },
    "loha, tucker": loha(CONV),
    "linear matrices for a 1×1 convolution": lora_of("diffusion_model.input_blocks.1.1.proj_in", 32, 32),
    "norms": {
        "diffusion_model.input_blocks.1.0.in_layers.0.w_norm": rand(32),
        "diffusion_model.input_blocks.1.0.in_layers.0.b_norm": rand(32),
    },
    "kohya's diffusers names": {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight": rand(32, 2),
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": rand(2, 32),
    },
}
FILES = [("flux", kind, file) for kind, file in FLUX.items()] + [
    ("sd15", kind, file) for kind, file in SD15.items()
]


def stock(patcher, lora, strength, call):
    loaded, _ = comfy.sd.load_lora_for_models(patcher, None, lora, strength, 0)
    loaded.patch_model()
    try:
        return loaded.model.apply_model(**call)
    finally:
        loaded.unpatch_model()


@pytest.mark.parametrize("name, kind, lora", FILES, ids=[f"{name}: {kind}" for name, kind, _ in FILES])
@torch.no_grad()
def test_each_row_as_comfyui_would_make_it(name, kind, lora):
    patcher, call = shared_model(name), tiny_call(name)
    deltas, unused = deltas_for(patcher, lora)
    assert not unused and deltas
    with attached(patcher.model, deltas, torch.tensor([-0.7, 1.3])):
        got = patcher.model.apply_model(**call)
    base = patcher.model.apply_model(**call)
    for row, strength in enumerate((-0.7, 1.3)):
        expected = stock(patcher, lora, strength, call)[row]
        effect = (expected - base[row]).abs().max()
        assert effect > 1e-4
        assert (got[row] - expected).abs().max() < 1e-3 * effect + 2e-6


@torch.no_grad()
def test_what_a_file_sets_is_the_base_models_own_at_strength_0():
    patcher, call = shared_model("flux"), tiny_call("flux")
    lora = {"diffusion_model.single_blocks.0.norm.key_norm.set_weight": 1 + rand(128)}
    deltas, unused = deltas_for(patcher, lora)
    assert not unused
    with attached(patcher.model, deltas, torch.tensor([0.0, 0.3])):
        got = patcher.model.apply_model(**call)
    assert torch.equal(got[0], patcher.model.apply_model(**call)[0])
    assert torch.allclose(got[1], stock(patcher, lora, 0.3, call)[1], atol=1e-5)


def test_rotations_work_at_the_strength_where_comfyui_squares_it():
    """So −1 is the opposite of +1; a file with a full difference beside the blocks is the same everywhere."""
    patcher, call = shared_model("flux"), tiny_call("flux")
    lora = {f"{SQUARE}.oft_blocks": rand(64, 4, 4)}
    deltas, _ = deltas_for(patcher, lora)
    with torch.no_grad(), attached(patcher.model, deltas, torch.tensor([1.0, 0.25])):
        got = patcher.model.apply_model(**call)
    with torch.no_grad():
        for row, strength in enumerate((1.0, 0.5)):
            expected = stock(patcher, lora, strength, call)[row]
            effect = (expected - patcher.model.apply_model(**call)[row]).abs().max()
            assert effect > 1e-2 and (got[row] - expected).abs().max() < 1e-3 * effect


def test_keys_that_are_not_used_are_told_apart():
    lora = {
        **FLUX["peft names"],
        "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": rand(4, 2),
        "transformer.transformer_blocks.99.attn.to_q.lora_A.weight": rand(2, 256),
    }
    _, unused = deltas_for(shared_model("flux"), lora)
    assert len(unused) == 2
    assert for_text_encoder(unused) == ["lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"]


def test_changes_that_do_not_fit_are_named_and_not_made():
    too_small = lora_of(SQUARE, 128, 256)
    larger = {
        **lora_of("diffusion_model.img_in", 256, 128),
        "diffusion_model.img_in.reshape_weight": torch.tensor([1]),
    }
    for lora, why in ((too_small, "shape"), (larger, "makes the layer larger")):
        deltas, unused = deltas_for(shared_model("flux"), lora)
        assert not deltas and len(unused) == 1 and why in unused[0]


def test_gradients_pass_through_a_lora_loaded_in_a_node():
    """ComfyUI's nodes run in inference mode, whose tensors autograd cannot save: an assistant LoRA in training."""
    patcher = shared_model("flux")
    with torch.inference_mode():
        lora = {**lora_of(SQUARE, 256, 256), **FLUX["dora by rows"], f"{QKV}.diff": rand(768, 256)}
        deltas, _ = deltas_for(patcher, lora)
    layer = patcher.model.get_submodule(SQUARE)
    x = torch.randn(2, 5, 256, requires_grad=True)
    with torch.enable_grad(), attached(patcher.model, deltas, torch.ones(2)):
        layer(x).sum().backward()
    assert x.grad is not None and bool(x.grad.isfinite().all())
