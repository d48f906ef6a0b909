"""What is read on the node."""

import pytest
import torch
from architectures.published import published_model
from concept_sliders.slider_core.architectures import lora_parameters, report, select
from tiny_models import shared_model
from torch import nn

WAN_REPORT = """\
Wan, preset slider
12 targets on 12 of 27 layers
23,040 trainable parameters as LoRA of rank 4: 0.77% of the model

attention:
  blocks.*.self_attn.{q,k,v,o} × 8

in and out of the picture:
  patch_embedding × 1
  head.head × 1

time embedding:
  time_embedding.* × 2

left out:
"""


def test_a_whole_report():
    model = shared_model("wan21")
    text = report(select(model), model, 4)
    assert text.startswith(WAN_REPORT)
    assert "  carries only text: the rule leaves text alone:\n    blocks.*.cross_attn.{q,k,v,o}\n" in text
    assert "SimpleTuner" not in text  # that is in the docs


def test_fused_weights_show_their_rows():
    model = shared_model("flux")
    text = report(select(model), model, 4)
    assert "single_blocks.*.linear1 [rows 0:256, 256:512, 512:768] × 2" in text
    assert "single_blocks.*.linear1 rows 768:1792" in text
    assert "also changes the text tokens" in text


def test_parameters_are_those_of_a_lora():
    model = shared_model("sd15")
    targets = [t for t in select(model).targets if t.layer.endswith(("input_blocks.0.0", "time_embed.0"))]
    # A 3×3 convolution from 4 to 32 channels, and a linear layer from 32 to 128.
    assert lora_parameters(targets, model, 2) == 2 * (4 * 9 + 32) + 2 * (32 + 128)
    flux = shared_model("flux")
    (q,) = [t for t in select(flux).targets if t.name == "transformer_blocks.0.attn.to_q"]
    assert lora_parameters([q], flux, 4) == 4 * (256 + 256)


def test_a_large_model_is_reported_without_its_weights():
    model = published_model("wan_s2v")
    text = report(select(model), model, 16)
    assert "164 targets on 164 of 476 layers" in text
    assert text.count("\n") < 40


class QuantisedLinear(nn.Linear):
    """As GGUF loaders have them: the stored tensor has another shape than the matrix it stands for."""

    def __init__(self, layer):
        super().__init__(layer.in_features, layer.out_features, device="meta")
        self.weight = nn.Parameter(torch.zeros(layer.out_features, 7, dtype=torch.uint8), requires_grad=False)


def test_quantised_layers_are_measured_by_what_they_say_they_are():
    model = published_model("longcat_image_full")
    whole = select(model)
    for block in model.diffusion_model.double_blocks:
        block.img_attn.qkv = QuantisedLinear(block.img_attn.qkv)
    assert select(model) == whole
    assert lora_parameters(whole.targets, model, 4) > 0


def test_unwritten_weights_do_not_matter():
    class Packed(nn.Module):
        """A 4-bit layer: it has no `weight` at all."""

        in_features, out_features = 3072, 9216

    model = published_model("ovis_image")
    before = select(model)
    model.diffusion_model.double_blocks[0].img_attn.qkv = Packed()
    assert select(model) == before


@pytest.mark.parametrize("preset", ["slider", "attention", "mlp"])
def test_every_target_is_in_the_report(preset):
    model = shared_model("auraflow")
    selection = select(model, preset)
    text = report(selection, model, 4)
    counted = sum(int(line.rsplit("× ", 1)[1]) for line in text.splitlines() if "× " in line)
    assert counted == len({target.layer for target in selection.targets})
