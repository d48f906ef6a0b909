"""A family that ComfyUI gains tomorrow gets the general rule, and a warning."""

import pytest
from architectures.newer import called, model_around, tree
from architectures.published import model_of
from comfy import model_base, supported_models
from concept_sliders.slider_core.architectures import TargetError, report, select
from concept_sliders.slider_core.architectures.candidates import candidates
from concept_sliders.slider_core.architectures.general_rule import general_rule
from concept_sliders.slider_core.architectures.network import network_of
from concept_sliders.slider_core.architectures.registry import family_of
from concept_sliders.slider_core.architectures.skipped import is_text
from families import TINY, WIDE
from families.variant import expanded
from tiny_models import shared_model
from torch import nn
from unknown_models import Mixes, unknown_model


class Attention(nn.Module):
    def __init__(self, width, context=None):
        super().__init__()
        self.to_q = nn.Linear(width, width)
        self.to_k = nn.Linear(context or width, width)
        self.to_v = nn.Linear(context or width, width)
        self.to_out = nn.Sequential(nn.Linear(width, width))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = Attention(16)
        self.look = Attention(16, context=24)  # cross-attention, though its name does not say so
        self.mlp = nn.Linear(16, 16)


class TomorrowsTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.text_refiner = nn.ModuleList([Block()])
        self.blocks = nn.ModuleList([Block(), Block()])
        self.proj_out = nn.Linear(16, 16)


class TomorrowsModel(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.diffusion_model = network


def test_self_attention_is_found_by_its_structure():
    model = TomorrowsModel(TomorrowsTransformer())
    selection = select(model)
    assert selection.family == "unknown"
    assert {(target.key, target.rows) for target in selection.targets} == expanded(
        "blocks.{0,1}.attn.{to_q,to_k,to_v,to_out.0}"
    )
    assert "general rule" in selection.warnings[0] and "general rule" in report(selection, model, 4)


def test_where_nothing_attends_the_blocks_linear_layers_are_taken():
    model = unknown_model(Mixes)
    selection = select(model)
    assert {(target.key, target.rows) for target in selection.targets} == expanded(
        "blocks.{0,1}.{widen,narrow}"
    )
    assert selection.warnings[0].startswith("This model family is not known here.")
    assert "no self-attention" in selection.warnings[0]


LAYERS = {
    "img_in": (64, 64),
    "txt_in": (64, 48),
    "transformer_blocks.{0,1}.attn.{to_q,to_k,to_v,to_out.0}": (64, 64),
    "transformer_blocks.{0,1}.attn.{add_q_proj,add_k_proj,add_v_proj,to_add_out}": (64, 64),
    "transformer_blocks.{0,1}.img_mlp.{net.0.proj,net.2}": (64, 64),
    "time_text_embed.timestep_embedder.{linear_1,linear_2}": (64, 64),
    "proj_out": (64, 64),
}


def derived(layers):
    """A model whose classes derive from Qwen-Image's, with a network of its own."""
    config = called("comfy.supported_models.QwenImage9", supported_models.QwenImage)
    kind = called("comfy.model_base.QwenImage9", model_base.QwenImage)
    return model_around(tree(layers, "comfy.ldm.qwen_image9.model.Transformer"), kind, config)


def test_a_class_that_derives_from_a_known_family_and_has_its_layers_belongs_to_it():
    selection = select(derived(LAYERS))
    assert selection.family == "Qwen-Image" and len(selection.targets) == 12


@pytest.mark.parametrize("missing", ["img_in", "add_q_proj", "timestep_embedder"])
def test_a_class_that_derives_from_a_known_family_and_lacks_its_layers_gets_the_general_rule(missing):
    selection = select(derived({name: size for name, size in LAYERS.items() if missing not in name}))
    assert selection.family == "unknown"
    assert {(target.key, target.rows) for target in selection.targets} == expanded(
        "transformer_blocks.{0,1}.attn.{to_q,to_k,to_v,to_out.0}"
    )
    assert selection.warnings[0].startswith("This model's class derives from one of Qwen-Image, but")


def test_a_class_that_derives_from_a_known_family_and_attends_elsewhere_too_gets_the_general_rule():
    more = {**LAYERS, "single_blocks.{0..3}.attn.{to_q,to_k,to_v}": (64, 64)}
    selection = select(derived(more))
    assert selection.family == "unknown" and len(selection.targets) == 8 + 12


def test_names_of_the_guide_work_there_too():
    selection = select(TomorrowsModel(TomorrowsTransformer()), "custom", "attn1.to_q proj_out")
    assert {(target.key, target.rows) for target in selection.targets} == expanded("blocks.{0,1}.attn.to_q")
    with_name = select(TomorrowsModel(TomorrowsTransformer()), "custom", "blocks.1.mlp")
    assert [target.key for target in with_name.targets] == ["diffusion_model.blocks.1.mlp.weight"]


def test_a_model_without_attention():
    with pytest.raises(TargetError, match=r"The model has:\n  \* \(2\)"):
        select(TomorrowsModel(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))))


@pytest.mark.parametrize("name", [*TINY, *WIDE])
def test_it_never_takes_what_is_known_to_carry_only_text(name):
    network = network_of(model_of(name))
    family = family_of(network)
    found = [entry for entry in candidates(network, general_rule(network)) if entry.part == "attention"]
    assert not [entry.layer for entry in found if is_text(family, entry)]


@pytest.mark.parametrize("name", ["sd15", "z_image", "sd3", "qwen_image", "wan21", "hidream", "anima", "krea2"])
def test_it_finds_the_attention_that_the_family_file_lists(name):
    network = network_of(shared_model(name))
    by_rule, by_file = (
        {(e.layer, e.target.rows) for e in candidates(network, family) if e.part == "attention"}
        for family in (general_rule(network), family_of(network))
    )
    assert by_rule == by_file
