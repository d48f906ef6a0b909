"""Config files: every key of the nodes."""

import json
import tomllib

from concept_sliders.slider_core.config import NodeCall
from concept_sliders.slider_core.config.reading import keys_of
from concept_sliders.slider_core.config.sliders import OF_SLIDER, TABLES
from concept_sliders.slider_core.settings import TrainSettings
from config.configs import BUCKETS, WHOLE, faults, read


def test_a_short_config_has_the_defaults_of_the_nodes(folder):
    config = read(folder, WHOLE)
    (slider,) = config.sliders
    assert slider.train == TrainSettings() and config.model.checkpoint == folder / "model.safetensors"
    assert [b.settings.slider_strength for b in slider.buckets] == [0.5, -0.5]
    assert [b.folder for b in slider.buckets] == [folder / "more", folder / "less"]
    assert slider.sweep.settings.strengths == "-2:2:7" and not slider.sweep.sized and config.output is None


def test_json_with_the_same_keys_is_the_same(folder):
    toml = read(folder, WHOLE + "[train]\nsteps = 7\n")
    same = read(folder, json.dumps(tomllib.loads((folder / "config.toml").read_text())), "config.json")
    assert (same.model, same.sliders) == (toml.model, toml.sliders)


def test_sliders_share_the_tables_above_them(folder):
    config = read(
        folder,
        WHOLE
        + """
[train]
steps = 7
[[slider]]
train.file_name = "one"
[[slider]]
train = { file_name = "two", kind = "lokr", lycoris_config = { algo = "lokr" } }
sweep.measure = false
targets = { preset = "custom", custom_targets = ["to_q", "to_k"] }
[[slider.bucket]]
folder = "less"
[[slider.bucket]]
folder = "more"
slider_strength = -1
""",
    )
    one, two = config.sliders
    assert (one.train.file_name, one.train.steps, one.train.kind) == ("one", 7, "lora")
    assert (two.train.file_name, two.train.steps, two.train.kind) == ("two", 7, "lokr")
    assert json.loads(two.train.lycoris_config) == {"algo": "lokr"} and two.sweep is None and one.sweep
    assert json.loads(two.targets.custom_targets) == ["to_q", "to_k"]
    assert [b.settings.slider_strength for b in two.buckets] == [0.5, -1]
    assert "[[slider]] 2 [train]: steps is 0; it must be a whole number from 1 to 100000." in faults(
        folder, WHOLE + "[[slider]]\n[[slider]]\ntrain.steps = 0\n"
    )


def test_parts_of_the_model_from_comfyuis_folders_and_from_other_packs_nodes(folder):
    text = f"""
[model]
diffusion_model = {{ node = "UnetLoaderGGUF", unet_name = "a.gguf" }}
text_encoders = ["model.safetensors", "model.safetensors"]
type = "flux"
vae = "ae.safetensors"
{BUCKETS}"""
    model = read(folder, text).model
    assert model.diffusion_model == NodeCall("UnetLoaderGGUF", '{"unet_name": "a.gguf"}')
    assert model.text_encoders == (folder / "model.safetensors",) * 2 and model.vae.parent.name == "vae"
    assert (
        "it must be the name of a file, or a table" in faults(folder, text.replace('"ae.safetensors"', "3"))[-1]
    )


def test_lycoris_configs_and_prompt_libraries_may_be_files(folder):
    (folder / "lycoris_config.json").write_text('\ufeff{"algo": "lokr", "linear_dim": 4, "linear_alpha": 1}')
    (folder / "library.json").write_text('{"face": {"caption": "a face", "adapter_strength": "1.5"}}')
    files = '[train]\nlycoris_config = "lycoris_config.json"\n[sweep]\nprompts = "library.json"\n'
    (plan,) = read(folder, WHOLE + files).sliders
    assert '"lokr"' in plan.train.lycoris_config and [p.text for p in plan.sweep.prompts] == ["a face"]
    assert any(
        "there is no file 'lib.json'" in f for f in faults(folder, WHOLE + files.replace("library", "lib"))
    )


def test_no_key_is_left_without_a_table():
    assert {*OF_SLIDER} <= TABLES.keys() and not {"frames"} & set(keys_of(TABLES["train"]))
