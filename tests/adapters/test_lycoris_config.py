"""LyCORIS configs as the guide and SimpleTuner's users write them."""

import json

import pytest
from concept_sliders.slider_core.adapters import AdapterError, lycoris_plan, make_adapters
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
        ('{"algo": "lokr",}', "no valid JSON.*line 1"),
        ("[1]", "a LyCORIS config is a JSON object"),
        ({"algo": "lokrr"}, "no algo 'lokrr'. Did you mean 'lokr'"),
        ({"linear_dims": 4}, "unknown key 'linear_dims'. Did you mean 'linear_dim'"),
        ({"linear_dim": 0}, "linear_dim must be a whole number of 1 or more, not 0"),
        ({"linear_alpha": "much"}, "linear_alpha must be a number, not 'much'"),
        ({"use_tucker": "perhaps"}, "use_tucker must be true or false"),
        ({"apply_preset": {"target_modul": []}}, "apply_preset has the unknown key.*'target_module'"),
        ({"apply_preset": {"target_module": "to_q"}}, "must be a list of names"),
        ({"apply_preset": {"name_algo_map": {"x": {"algo": "lohaa"}}}}, "Did you mean 'loha'"),
        ({"apply_preset": {"module_algo_map": {"x": {"fctor": 2}}}}, "module_algo_map of 'x'.*'factor'"),
        ({"algo": "lokr", "dora_wd": True}, "dora_wd works with algo lora and locon"),
        ({"train_norm": True}, "train_norm is not possible"),
        ({"preset": "attn-mlp"}, "apply_preset.target_module"),
    ],
)
def test_what_is_wrong_is_named(config, message):
    with pytest.raises(AdapterError, match=message):
        lycoris_plan(config, shared_model("flux"))


def test_target_modules_that_match_nothing():
    config = json.dumps({"apply_preset": {"target_module": ["attn7.to_z"]}})
    with pytest.raises(TargetError, match="attn7.to_z"):
        lycoris_plan(config, shared_model("flux"))
