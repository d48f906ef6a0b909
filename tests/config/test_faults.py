"""All that is wrong with a config is said at once, before anything is loaded."""

import pytest
from concept_sliders.slider_core.config import ConfigError, read_config
from config.configs import BUCKETS, WHOLE, Nowhere, faults, read
from PIL import Image


def test_a_key_that_stands_twice_in_json_is_refused(folder):
    assert faults(folder, '{"train": {"steps": 1, "steps": 2}}', "config.json") == [
        "'steps' stands twice in one table. Leave one out."
    ]


def test_everything_that_is_wrong_is_said_at_once_with_the_nearest_name(folder):
    said = faults(
        folder,
        """
[model]
checkpont = "model.safetensors"
vae = "ea.safetensors"
type = "fluks"
[targets]
preset = "sliders"
[train]
steps = 0
learning_rte = 1e-4
optimiser = "adamw"
file_name = "loras/"
cycle = "together"
[cycle]
batch_size = "2"
[sweep]
strengths = "1:2"
prompts = { face = { prompt = "a face", strength = 1 } }
[outputs]
log = true
"""
        + BUCKETS.replace('"less"\n[', '"less"\n[').replace('folder = "less"', 'folder = "fewer"'),
    )
    wanted = [
        "config.toml: there is no key 'outputs'. Did you mean 'output'?",
        "[model]: there is no key 'checkpont'. Did you mean 'checkpoint'?",
        "[model]: type is 'fluks'; did you mean 'flux'?",
        "[model] vae: there is no file 'ea.safetensors', neither beside the config nor in ComfyUI's vae folders. "
        "Did you mean 'ae.safetensors'?",
        "[model]: there is no model.",
        "[targets]: preset is 'sliders'; did you mean 'slider'?",
        "[train]: steps is 0; it must be a whole number from 1 to 100000.",
        "[train]: there is no key 'learning_rte'. Did you mean 'learning_rate'?",
        "[train]: optimiser is 'adamw'; did you mean 'AdamW'?",
        "[train]: file_name 'loras/' names no file",
        "[train]: there is no key 'cycle'. It belongs to [cycle].",
        "[cycle]: batch_size is '2'; it must be a whole number from 1 to 64.",
        "[sweep]: '1:2' is no range.",
        "[bucket] 'less' folder: there is no folder 'fewer'",
    ]
    for sentence in wanted:
        assert any(line.startswith(sentence) for line in said), (sentence, said)
    assert said[0].startswith("config.toml cannot be used. 1")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda text: text.replace("-0.5", "0.5"), "There is no negative bucket"),
        (lambda text: text + '[cycle]\npairing = "name"\n', None),
        (lambda text: text + '[targets]\npreset = "custom"\n', "Preset custom needs names"),
        (lambda text: text + '[train]\nlycoris_config = { algo = "lokrr" }\n', "lokr"),
        (
            lambda text: text.replace('name = "more"', 'name = "more"\ncaptions = "text file"'),
            "a.txt is missing",
        ),
        (lambda text: text + "[train]\nassistant_lora = 'none.safetensors'\n", "ComfyUI's loras folders"),
        (lambda text: text + "[[slider]]\nsteps = 3\n", "It belongs to [train] or [sweep]"),
        (lambda text: "bucket = 3\n" + text.replace(BUCKETS, ""), "must be one or more tables"),
        (lambda text: text + "[sweep]\nsampler_name = 'oiler'\n", "did you mean 'euler'"),
        (
            lambda text: text + "train = 3\n[[slider]]\ntrain = 4\n",
            "[bucket] 'less': there is no key 'train'",
        ),
        (lambda text: "[model\n", "is not valid TOML"),
        (
            lambda text: text.replace('folder = "less"', 'folder = "less"\ncontrol_folder = "c"'),
            "no folder 'c'",
        ),
    ],
)
def test_what_is_wrong_with_tables_as_a_whole(folder, change, message):
    if message is None:
        assert read(folder, change(WHOLE))
    else:
        assert any(message in line for line in faults(folder, change(WHOLE))), faults(folder, change(WHOLE))


def test_a_control_picture_is_missed_before_anything_is_loaded(folder):
    (folder / "depth").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "depth" / "a.png")
    text = WHOLE.replace('folder = "more"', 'folder = "more"\ncontrol_folder = "depth"')
    assert "[bucket] 'more' control_folder: 1 picture has none, 'b' the first." in faults(folder, text)


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"[]", b"{", b'{"model": ' * 5000, b"null"])
@pytest.mark.parametrize("name", ["config.json", "config.toml"])
def test_files_that_are_no_config(folder, content, name):
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.(json|toml)"):
        read_config(folder / name, Nowhere())
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(folder / "none.toml", Nowhere())
