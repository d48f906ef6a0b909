"""The presets besides the slider rule, and what all presets have in common."""

import pytest
from architectures.published import model_of
from concept_sliders.slider_core.architectures import TargetError, select, select_targets
from families import CONTROL, TINY, WIDE
from families.variant import QKVO, expanded
from tiny_models import shared_model, tiny_control_net

# Parts of layer names that only text passes through, on any family.
TEXT = (
    "txt_ txtfusion txtmlp txt_in text_ context_ cap_embedder caption_ add_q_proj add_k_proj add_v_proj to_add_out "
    "attn2.to_k cross_attn cross_attention cond_seq_linear to_q_t llm_adapter token_refiner y_embedder vector_in "
    "lyric_ instruct_to qkv_y proj_y clip_txt label_emb pooled .txt text_proj t5_y"
).split()


def keys(model, preset="slider", **names):
    return {(target.key, target.rows) for target in select_targets(model, preset, **names)}


def carries_text(layer):
    is_time = "timestep_embedder" in layer  # of an embedding that is named after text too
    return not is_time and any(part in layer for part in TEXT)


@pytest.mark.parametrize("name", [*TINY, *WIDE])
@pytest.mark.parametrize("preset", ["slider", "mlp"])
def test_text_is_left_alone(name, preset):
    model = model_of(name)
    assert not [key for key, _ in keys(model, preset) if carries_text(key)]


@pytest.mark.parametrize("name", [*TINY, *WIDE])
def test_every_layer_that_is_no_target_has_a_reason(name):
    selection = select(model_of(name))
    assert selection.skipped
    assert not [pattern for pattern, reason in selection.skipped if reason == "not part of the rule"]


def test_attention_has_the_text_stream_too():
    assert keys(shared_model("flux"), "attention") == expanded(
        """double_blocks.{0,1}.{img_attn,txt_attn}.qkv[0:256,256:512,512:768]
        double_blocks.{0,1}.{img_attn,txt_attn}.proj single_blocks.{0,1}.linear1[0:256,256:512,512:768]"""
    )
    assert keys(shared_model("wan21_i2v"), "attention") == expanded(
        "blocks.{0,1}.{self_attn,cross_attn}.{q,k,v,o} blocks.{0,1}.cross_attn.{k_img,v_img}"
    )
    assert keys(shared_model("pixart_sigma"), "attention") == expanded(
        """blocks.{0,1}.attn.qkv[0:64,64:128,128:192] blocks.{0,1}.attn.proj
        blocks.{0,1}.cross_attn.{q_linear,proj} blocks.{0,1}.cross_attn.kv_linear[0:64,64:128]"""
    )
    assert keys(shared_model("sd15"), "attention") == expanded(
        f"""input_blocks.{{1,3}}.1.transformer_blocks.0.{{attn1,attn2}}.{QKVO}
        output_blocks.{{2..5}}.1.transformer_blocks.0.{{attn1,attn2}}.{QKVO}
        middle_block.1.transformer_blocks.0.{{attn1,attn2}}.{QKVO}"""
    )
    assert keys(shared_model("kandinsky5_image"), "attention") == expanded(
        """visual_transformer_blocks.{0,1}.{self_attention,cross_attention}.{to_query,to_key,to_value,out_layer}
        text_transformer_blocks.0.self_attention.{to_query,to_key,to_value,out_layer}"""
    )


def test_mlp_has_the_picture_stream_only():
    assert keys(shared_model("flux"), "mlp") == expanded(
        "double_blocks.{0,1}.img_mlp.{0,2} single_blocks.{0,1}.linear1[768:1792]"
    )
    assert keys(shared_model("flux2"), "mlp") == expanded(
        "double_blocks.{0,1}.img_mlp.{0,2} single_blocks.{0,1}.linear1[768:2304]"
    )
    assert keys(shared_model("sd3"), "mlp") == expanded("joint_blocks.{0,1}.x_block.mlp.{fc1,fc2}")
    assert keys(shared_model("hidream"), "mlp") == expanded(
        "{double_stream_blocks,single_stream_blocks}.0.block.ff_i.shared_experts.{w1,w2,w3}"
    )
    assert keys(shared_model("auraflow"), "mlp") == expanded(
        "double_layers.0.mlpX.{c_fc1,c_fc2,c_proj} single_layers.{0,1}.mlp.{c_fc1,c_fc2,c_proj}"
    )


@pytest.mark.parametrize("name", [*TINY, *WIDE])
def test_every_family_has_all_presets(name):
    model = model_of(name)
    assert keys(model, "attention") >= {
        (target.key, target.rows) for target in select_targets(model) if target.role == "attention"
    }
    assert not keys(model, "mlp") & keys(model, "attention")


@pytest.mark.parametrize("name", CONTROL)
def test_control_nets_have_all_presets(name):
    control_net = tiny_control_net(name)
    assert keys(control_net, "mlp") and keys(control_net, "attention")
    assert all(key.startswith("control_model.") for key, _ in keys(control_net, "attention"))


def test_exclude():
    wan = shared_model("wan21")
    without = keys(wan, exclude="patch_embedding, head.head\nblocks.1  time_embedding")
    assert without == expanded("blocks.0.self_attn.{q,k,v,o}")
    # A fused weight's native name takes all of its rows; a diffusers name takes the part that it names.
    flux = shared_model("flux")
    assert keys(flux, exclude="single_blocks") == expanded(
        "double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj"
    )
    assert keys(flux, exclude=["linear1", "qkv"]) == expanded("double_blocks.{0,1}.img_attn.proj")
    assert keys(flux, exclude="to_v to_out.0") == expanded(
        "double_blocks.{0,1}.img_attn.qkv[0:256,256:512] single_blocks.{0,1}.linear1[0:256,256:512]"
    )
    assert "'nonsense'" in " ".join(select(flux, exclude="nonsense").warnings)


def test_a_preset_that_is_none():
    with pytest.raises(TargetError, match="slider, attention, mlp, custom"):
        select(shared_model("flux"), "everything")


def test_nothing_left_is_an_error():
    with pytest.raises(TargetError, match="selects nothing"):
        select(shared_model("flux"), exclude="double_blocks single_blocks")


def test_what_is_no_model():
    with pytest.raises(TargetError, match="MODEL or a CONTROL_NET"):
        select(object())


class Control:
    """What stands in for the two controls that have no network of their own."""


def test_controls_without_a_network_say_why():
    lora, adapter = Control(), Control()
    lora.control_weights, lora.control_model = {}, None
    adapter.t2i_model = None
    with pytest.raises(TargetError, match="Control-LoRA"):
        select(lora)
    with pytest.raises(TargetError, match="T2I adapter"):
        select(adapter)
