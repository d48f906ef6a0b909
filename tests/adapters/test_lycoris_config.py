"""LyCORIS configs as SimpleTuner's slider guide and its users write them."""

import json

import pytest
from concept_sliders.slider_core.adapters import (
    AdapterError,
    LycorisConfigError,
    expressions,
    lycoris_plan,
    make_adapters,
)
from concept_sliders.slider_core.architectures import TargetError, select_targets
from tiny_models import shared_model

GUIDE = """{
  "algo": "lokr",
  "multiplier": 1.0,
  "linear_dim": 4,
  "linear_alpha": 1,
  "apply_preset": {
    "target_module": [
      "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0",
      "conv_in", "conv_out", "time_embedding.linear_1", "time_embedding.linear_2"
    ]
  }
}"""


def test_the_guides_preset():
    model = shared_model("sdxl")
    plan = lycoris_plan(GUIDE, model)
    names = {target.name for target, _ in plan}
    assert {"conv_in", "conv_out", "time_embedding.linear_1"} < names
    assert all(config.kind == "lokr" and (config.rank, config.alpha) == (4, 1.0) for _, config in plan)
    assert not any("attn2" in name for name in names)
    assert len(make_adapters(model, plan)) == len(plan)


def test_a_config_file(tmp_path):
    path = tmp_path / "lycoris_config.json"
    path.write_text(GUIDE, encoding="utf-8")
    assert lycoris_plan(path, shared_model("sdxl")) == lycoris_plan(GUIDE, shared_model("sdxl"))


def test_without_target_modules_the_selected_targets_are_used():
    model = shared_model("flux")
    chosen = select_targets(model)[:3]
    assert [target for target, _ in lycoris_plan('{"algo": "loha"}', model, chosen)] == chosen
    assert [target for target, _ in lycoris_plan({"algo": "loha"}, model)] == select_targets(model)


def test_linear_and_conv_dimensions():
    plan = lycoris_plan(
        {"algo": "locon", "linear_dim": 4, "linear_alpha": 2, "conv_dim": 2, "conv_alpha": 1, "dora_wd": True},
        shared_model("sd15"),
    )
    made = make_adapters(shared_model("sd15"), plan)
    assert made["diffusion_model.input_blocks.0.0"][0].rank == 2
    assert made["diffusion_model.time_embed.0"][0].rank == 4
    assert made["diffusion_model.input_blocks.0.0"][0].alpha == 1.0
    assert all(hasattr(adapter, "magnitude") for of_layer in made.values() for adapter in of_layer)


def test_maps_by_module_class_and_by_name():
    config = {
        "algo": "lokr",
        "factor": 4,
        "apply_preset": {
            "target_module": ["Attention", "proj_in", "conv_in"],
            "module_algo_map": {"Attention": {"factor": 16}},
            "name_algo_map": {"*.attn1.to_v": {"algo": "lora", "dim": 2, "alpha": 2}},
            "use_fnmatch": True,
        },
    }
    by_name = {target.name: config for target, config in lycoris_plan(config, shared_model("sdxl"))}
    to_q = next(config for name, config in by_name.items() if name.endswith("attn1.to_q"))
    to_v = next(config for name, config in by_name.items() if name.endswith("attn1.to_v"))
    assert to_q.options == {"factor": 16}
    assert (to_v.kind, to_v.rank, to_v.alpha) == ("lora", 2, 2)
    assert by_name["conv_in"].options == {"factor": 4}


def test_multiplier_scales_the_addition():
    (_, config), *_ = lycoris_plan(
        {"linear_dim": 4, "linear_alpha": 2, "multiplier": 0.5}, shared_model("flux")
    )
    assert config.alpha == 1.0


@pytest.mark.parametrize(
    "config, message",
    [
        ({"multiplier": 0}, "multiplier 0 would train nothing"),
        ({"dropout": 1}, "dropout must be below 1"),
        ({"rank_dropout": 1.0}, "rank_dropout must be below 1"),
        ({"module_dropout": 2}, "module_dropout must be below 1"),
        ('{"algo": "lokr",}', "not valid JSON.*line 1"),
        ("[1]", "a LyCORIS config is a JSON object"),
        ({"algo": "lokrr"}, "no algo 'lokrr'. Did you mean 'lokr'"),
        ({"linear_dims": 4}, "unknown key 'linear_dims'. Did you mean 'linear_dim'"),
        ({"linear_dim": 0}, "linear_dim must be a whole number of 1 to 1000000, not 0"),
        ({"linear_dim": float("inf")}, "linear_dim must be a whole number of 1 to 1000000, not inf"),
        ({"linear_dim": 10**400}, "not a whole number of more than 80 digits"),
        ({"linear_alpha": float("nan")}, "linear_alpha must be a number of 0 to 1000000, not nan"),
        ('{"linear_alpha": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        ("[" * 100_000, "nested too deep"),
        ({"algo": "lokr" * 1000}, "no algo 'lokrlokr"),
        ({"apply_preset": {"target_module": {"to_q": 1}}}, "must be a list of names"),
        ({"apply_preset": {"target_module": 7}}, "must be a list of names, not 7"),
        ({"apply_preset": {"name_algo_map": ["to_q"]}}, "name_algo_map must be an object"),
        ({"apply_preset": {"name_algo_map": {"a" * 600: {}}}}, "has more than 500 characters"),
        ({"apply_preset": {"name_algo_map": {"\ud800+": {}}}}, r"U\+D800"),
        ({"linear_alpha": "much"}, "linear_alpha must be a number of 0 to 1000000, not 'much'"),
        ({"use_tucker": "perhaps"}, "use_tucker must be true or false"),
        ({"apply_preset": {"target_modul": []}}, "apply_preset has the unknown key.*'target_module'"),
        ({"apply_preset": {"target_module": "to_q"}}, "must be a list of names"),
        ({"apply_preset": {"name_algo_map": {"x": {"algo": "lohaa"}}}}, "Did you mean 'loha'"),
        ({"apply_preset": {"module_algo_map": {"x": {"fctor": 2}}}}, "module_algo_map of 'x'.*'factor'"),
        ({"algo": "oft", "dora_wd": True}, "dora_wd works with algo lora, locon, loha and lokr"),
        ({"train_norm": True}, "train_norm is not possible"),
    ],
)
def test_what_is_wrong_is_named(config, message):
    with pytest.raises(AdapterError, match=message) as error:
        lycoris_plan(config, shared_model("flux"))
    assert len(str(error.value)) < 500


def plan_by_name(expression, model="flux"):
    config = {"algo": "lora", "apply_preset": {"name_algo_map": {expression: {"dim": 2}}}}
    return {target.name: config.rank for target, config in lycoris_plan(config, shared_model(model))}


@pytest.mark.parametrize("expression", [r".*attn\.to_[qk]$", r"(?!.*to_v).*attn\.to_q|.*attn\.to_k"])
def test_names_can_be_regular_expressions(expression):
    ranks = plan_by_name(expression)
    assert {rank for name, rank in ranks.items() if name.endswith(("attn.to_q", "attn.to_k"))} == {2}
    assert {rank for name, rank in ranks.items() if name.endswith("attn.to_v")} == {4}


@pytest.mark.parametrize("expression", [".*(?:(?:[a-z]|[a-z])*)*!", "(.|.)*(.|.)*(.|.)*$!"])
def test_an_expression_without_end_is_ended(expression, monkeypatch):
    """`(a+)+$` and its like held ComfyUI for hours, and Cancel did nothing."""
    monkeypatch.setattr(expressions, "PATIENCE", 0.5)
    with pytest.raises(LycorisConfigError, match="takes more than 0.5 seconds"):
        plan_by_name(expression)


def test_an_expression_that_is_none_is_a_name_that_fits_nothing():
    assert set(plan_by_name("(to_q").values()) == {4}


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00", b"\xef\xbb\xbf{}"])
def test_config_files_of_other_encodings(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    if content.endswith(b"{}"):
        assert lycoris_plan(path, shared_model("flux"))
    else:
        with pytest.raises(LycorisConfigError, match="cannot be read as UTF-8"):
            lycoris_plan(path, shared_model("flux"))


def test_a_rank_that_would_fill_the_memory():
    """LoKr's configs write 10000 to have its matrices whole."""
    with pytest.raises(AdapterError, match="rank 10000 is more than a layer has use for"):
        lycoris_plan({"algo": "lora", "linear_dim": 10_000}, shared_model("flux"))
    model = shared_model("flux")
    made = make_adapters(model, lycoris_plan({"algo": "lokr", "linear_dim": 10_000, "factor": 4}, model))
    most = max(weight.numel() for of_layer in made.values() for a in of_layer for weight in a.parameters())
    assert most <= max(weight.numel() for weight in model.model.parameters())


def test_target_modules_that_match_nothing():
    config = json.dumps({"apply_preset": {"target_module": ["attn7.to_z"]}})
    with pytest.raises(TargetError, match="attn7.to_z"):
        lycoris_plan(config, shared_model("flux"))
