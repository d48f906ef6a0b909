"""Names that users paste: SimpleTuner's slider lists, LyCORIS configs, native and diffusers names."""

import json

import pytest
from concept_sliders.slider_core.adapters import lycoris_plan
from concept_sliders.slider_core.architectures import TargetError, select, select_targets
from concept_sliders.slider_core.architectures.names import parsed
from families import TINY
from families.variant import QKVO, expanded
from tiny_models import shared_model

# Copied from that guide, line breaks and all.
GENERAL = """[
    "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0",
    "attn1.to_qkv", "to_qkv",
    "proj_in", "proj_out",
    "conv_in", "conv_out",
    "time_embedding.linear_1", "time_embedding.linear_2"
  ]"""
VISUAL = '["to_q", "to_k", "to_v", "to_out.0", "to_qkv"]'
FLUX2 = "`attn.to_q`, `attn.to_k`, `attn.to_v`, `attn.to_out.0`, `attn.to_qkv_mlp_proj`".replace("`", '"')
KANDINSKY = (
    '["attn1.to_query", "attn1.to_key", "attn1.to_value", "conv_in", "conv_out", "time_embedding.linear_1", '
    '"time_embedding.linear_2"]'
)
LYCORIS = """{
  "algo": "lokr",
  "multiplier": 1.0,
  "linear_dim": 4,
  "linear_alpha": 1,
  "apply_preset": {
    "target_module": [
      "attn1.to_q",
      "attn1.to_k",
      "attn1.to_v",
      "attn1.to_out.0",
      "conv_in",
      "conv_out",
      "time_embedding.linear_1",
      "time_embedding.linear_2"
    ]
  }
}"""
# SimpleTuner has visual attention lists for these; its general list is for all others that it names, and the rest.
VISUAL_ONLY = ["flux", "flux_schnell", "flux2", "flux2_klein", "chroma", "chroma_radiance", "auraflow"]
FOR_GENERAL = [name for name in TINY if name not in (*VISUAL_ONLY, "z_image")]


def keys(name, custom):
    selection = select(shared_model(name), "custom", custom)
    return {(target.key, target.rows) for target in selection.targets}


@pytest.mark.parametrize("name", FOR_GENERAL)
def test_general_list_of_the_guide(name):
    assert keys(name, GENERAL) == expanded(TINY[name].targets)


@pytest.mark.parametrize("name", VISUAL_ONLY)
@pytest.mark.parametrize("names", [VISUAL, FLUX2])
def test_lists_of_the_guide_for_visual_attention(name, names):
    assert keys(name, names) == expanded(TINY[name].targets)


@pytest.mark.parametrize("name", ["kandinsky5_image", "kandinsky5_video"])
def test_kandinsky_list_of_the_guide(name):
    assert keys(name, KANDINSKY) == expanded(TINY[name].targets)


def test_lycoris_config_of_the_guide():
    unet = expanded(
        f"""input_blocks.{{1,3}}.1.transformer_blocks.0.attn1.{QKVO}
        output_blocks.{{2..5}}.1.transformer_blocks.0.attn1.{QKVO} middle_block.1.transformer_blocks.0.attn1.{QKVO}
        input_blocks.0.0 out.2 time_embed.{{0,2}}"""
    )
    assert keys("sd15", LYCORIS) == unet
    for name in (
        "sd3",
        "lumina2",
        "wan21",
        "hidream",
        "ltxv",
        "qwen_image",
        "cosmos_predict2",
        "stable_cascade_c",
    ):
        assert keys(name, LYCORIS) == expanded(TINY[name].targets)


def test_class_names_of_lycoris_configs():
    mlp = {(target.key, target.rows) for target in select(shared_model("flux"), "mlp").targets}
    attention = {(target.key, target.rows) for target in select(shared_model("flux"), "attention").targets}
    assert keys("flux", '{"target_module": ["Attention", "FeedForward"]}') == attention | mlp
    assert keys("sd15", "SpatialTransformer") > keys("sd15", "attn1")


def test_lists_are_read_alike_wherever_a_config_is_pasted():
    config = {"apply_preset": {"target_name": ["proj_out"], "unet_target_module": ["FeedForward"]}}
    assert parsed(json.dumps(config)) == ["proj_out", "FeedForward"]
    of_plan = {target for target, _ in lycoris_plan(config, shared_model("flux"))}
    assert of_plan == set(select_targets(shared_model("flux"), "custom", custom=json.dumps(config)))


def test_names_of_the_guide_leave_text_alone_and_say_so():
    selection = select(shared_model("wan21"), "custom", VISUAL)
    assert {(target.key, target.rows) for target in selection.targets} == expanded(
        "blocks.{0,1}.self_attn.{q,k,v,o}"
    )
    assert any("blocks.*.cross_attn.{q,k,v,o}" in warning for warning in selection.warnings)


def test_text_is_selected_where_it_is_named():
    selection = select(shared_model("wan21"), "custom", "cross_attn.q")
    assert [target.key for target in selection.targets] == [
        "diffusion_model.blocks.0.cross_attn.q.weight",
        "diffusion_model.blocks.1.cross_attn.q.weight",
    ]
    assert any("Text layers are among the targets" in warning for warning in selection.warnings)


@pytest.mark.parametrize(
    "names, targets",
    [
        ("img_attn.proj", "double_blocks.{0,1}.img_attn.proj"),
        ("diffusion_model.double_blocks.0.img_attn.proj", "double_blocks.0.img_attn.proj"),
        ("transformer_blocks.1.attn.to_k", "double_blocks.1.img_attn.qkv[256:512]"),
        ("transformer_blocks.1.attn.add_k_proj", "double_blocks.1.txt_attn.qkv[256:512]"),
        ("ff.net.2", "double_blocks.{0,1}.img_mlp.2"),
        ("img_attn.qkv", "double_blocks.{0,1}.img_attn.qkv"),
        ("linear1", "single_blocks.{0,1}.linear1"),
        ("single_blocks.1", "single_blocks.1.{linear1,linear2,modulation.lin}"),
        ("double_blocks.*.txt_mlp.{0,2}", "double_blocks.{0,1}.txt_mlp.{0,2}"),
        ("txt_in\n# the pooled text\nvector_in.in_layer", "txt_in vector_in.in_layer"),
        ("img_attn.qkv to_q", "double_blocks.{0,1}.img_attn.qkv single_blocks.{0,1}.linear1[0:256]"),
    ],
)
def test_names_on_flux(names, targets):
    assert keys("flux", names) == expanded(targets)


def test_a_part_of_a_name_is_no_name():
    with pytest.raises(TargetError):
        keys("flux", "ear1")


def test_unet_layers_by_their_diffusers_names():
    assert keys("sd15", "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2") == expanded(
        "input_blocks.1.1.transformer_blocks.0.ff.net.2"
    )
    assert keys("sd15", "mid_block.attentions.0.proj_in up_blocks.2.attentions.1") >= expanded(
        "middle_block.1.proj_in output_blocks.5.1.proj_out"
    )


def test_nothing_found_shows_what_there_is_and_the_nearest_names():
    with pytest.raises(TargetError) as error:
        keys("wan21", "self_atn.q, attention.to_query")
    text = str(error.value)
    assert "'self_atn.q': did you mean" in text and "self_attn.q" in text
    assert "blocks.*.self_attn.{q,k,v,o} (8)" in text and "family Wan" in text


def test_a_name_that_is_not_there_is_said():
    selection = select(shared_model("wan21"), "custom", "self_attn.q self_attn.qq")
    assert "No layer is called 'self_attn.qq'." in selection.warnings


@pytest.mark.parametrize(
    "text, message",
    [("", "needs names"), ('{"algo": "lokr"}', "no `target_module`"), ('{"algo": "lokr",', "cannot be read")],
)
def test_text_that_names_nothing(text, message):
    with pytest.raises(TargetError, match=message):
        keys("flux", text)
