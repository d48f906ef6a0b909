"""LoRA files that cannot be what their names say are refused when they are read, with the tensor named."""

import math

import pytest
import torch
from concept_sliders.slider_core.files import Slider, SliderFileError, load, save, sound
from concept_sliders.slider_core.lora.reading import deltas_for
from tiny_models import shared_model

UP, DOWN, ALPHA = (f"diffusion_model.x.{name}" for name in ("lora_up.weight", "lora_down.weight", "alpha"))
GOOD = {UP: torch.ones(8, 2), DOWN: torch.ones(2, 6), ALPHA: torch.tensor(2.0)}
CONVOLUTION = {UP: torch.ones(8, 2, 1, 1), DOWN: torch.ones(2, 6, 3, 3)}


@pytest.mark.parametrize(
    "tensors",
    [
        GOOD,
        CONVOLUTION,
        {
            **CONVOLUTION,
            DOWN: torch.ones(3, 6, 1, 1),
            "diffusion_model.x.lora_mid.weight": torch.ones(2, 3, 3, 3),
        },
        {**GOOD, "diffusion_model.x.dora_scale": torch.ones(8, 1)},
        {f"x.{name}": torch.ones(2, 2) for name in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")},
        {f"x.{name}": torch.ones(2, 2) for name in ("lokr_w1", "lokr_w2_a", "lokr_w2_b")},
        {"x.diff": torch.ones(2, 2), "text_encoder.anything": torch.ones(1)},
    ],
)
def test_whole_files_are_as_they_were(tensors):
    slider = sound(Slider(tensors, {"kind": "lora"}))
    assert slider.metadata == {"kind": "lora"}
    assert all(slider[key] is tensor for key, tensor in tensors.items())


@pytest.mark.parametrize(
    "change, message",
    [
        ({ALPHA: torch.ones(2)}, "alpha of 'diffusion_model.x' has 2 values"),
        ({ALPHA: torch.tensor(math.nan)}, "holds NaN or infinity"),
        ({UP: torch.full((8, 2), math.inf)}, "holds NaN or infinity"),
        ({UP: torch.ones(8, 3)}, "do not fit together: they are 8×3 and 2×6"),
        ({UP: torch.ones(16)}, "do not fit together: they are 16 and 2×6"),
        ({DOWN: torch.ones(2, 0)}, "is empty or a single number"),
        ({UP: torch.ones(8, 2, dtype=torch.int8)}, "is torch.int8, which is no weight"),
        ({UP: torch.ones(8, 2, dtype=torch.complex64)}, "is torch.complex64"),
        (
            {"diffusion_model.x.dora_scale": torch.ones(3, 1)},
            "dora_scale of 'diffusion_model.x' has 3 magnitudes",
        ),
        ({"y.lokr_w1": torch.ones(2, 2)}, "'y' has a lokr_w1 alone"),
        ({"z" * 5000 + ".alpha": torch.ones(2)}, "a name of 5006 characters, 'zzz"),
        ({"z" * 90 + ".alpha": torch.ones(2)}, "alpha of 'zzz"),
    ],
)
def test_what_cannot_be_is_named(change, message):
    tensors = {key: tensor for key, tensor in {**GOOD, **change}.items() if tensor is not None}
    with pytest.raises(SliderFileError, match=message) as error:
        sound(tensors)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "names", [["lora_up.weight"], ["lora_A.weight"], ["hada_w1_a", "hada_w1_b", "hada_w2_b"]]
)
def test_a_layer_that_is_not_whole_is_left_out_and_named(names):
    """A missing lora_down was a bare KeyError; the other layers of the file are good."""
    model, layer = shared_model("sd3"), "diffusion_model.joint_blocks.0.x_block.attn.proj"
    good = {f"{layer}.lora_up.weight": torch.ones(128, 2), f"{layer}.lora_down.weight": torch.ones(2, 128)}
    other = layer.replace("0.x_block", "1.x_block")
    deltas, unused = deltas_for(
        model, sound({**good, **{f"{other}.{name}": torch.ones(2, 2) for name in names}})
    )
    assert list(deltas) == [layer]
    assert len(unused) == len(names) and all(key.startswith(other) for key in unused)


def test_weights_of_8_bits_keep_their_values():
    weight = torch.tensor([[-448.0, 0.001953125], [0.4375, 240.0]])
    small = {**GOOD, UP: weight.to(torch.float8_e4m3fn)}
    assert torch.equal(sound(small)[UP].float(), weight)


def test_a_fused_lora_of_another_program_can_be_saved_for_diffusers(tmp_path):
    """q, k and v share its thin matrix, and safetensors writes no tensor twice."""
    model, layer = shared_model("sd3"), "diffusion_model.joint_blocks.0.x_block.attn.qkv"
    rows, columns = model.model.state_dict()[f"{layer}.weight"].shape
    lora = {
        f"{layer}.lora_up.weight": torch.randn(rows, 2),
        f"{layer}.lora_down.weight": torch.randn(2, columns),
    }
    saved = load(save(lora, tmp_path / "lora.safetensors", "diffusers", model))
    thin = [tensor for key, tensor in saved.items() if key.endswith("lora_A.weight")]
    assert len(thin) == 3 and all(torch.equal(tensor, lora[f"{layer}.lora_down.weight"]) for tensor in thin)
