"""Config files: every key of the nodes, and all faults at once before anything is loaded."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from concept_sliders.slider_core.config import ConfigError, NodeCall, read_config
from concept_sliders.slider_core.config.reading import keys_of
from concept_sliders.slider_core.config.sliders import OF_SLIDER, TABLES, WITHOUT
from concept_sliders.slider_core.settings import NumberSettings, TrainSettings, default_of, settings_of
from PIL import Image

DEMO = Path(__file__).resolve().parent.parent.parent / "scripts" / "demo"


class Nowhere:
    """No ComfyUI folders, but for one VAE."""

    def find(self, kind, name):
        return Path("/models/vae/ae.safetensors") if (kind, name) == ("vae", "ae.safetensors") else None

    def names(self, kind):
        return ["ae.safetensors"] if kind == "vae" else []

    def data(self):
        return []

    def add(self, path):
        assert path.is_file()


@pytest.fixture
def folder(tmp_path):
    for side in ("more", "less"):
        (tmp_path / side).mkdir()
        for name in "ab":
            Image.new("RGB", (8, 8)).save(tmp_path / side / f"{name}.png")
    (tmp_path / "model.safetensors").touch()
    return tmp_path


BUCKETS = """
[[bucket]]
name = "more"
folder = "more"
[[bucket]]
name = "less"
slider_strength = -0.5
folder = "less"
"""
MODEL = '[model]\ncheckpoint = "model.safetensors"\n'
WHOLE = f"{MODEL}{BUCKETS}"


def read(folder, text, name="config.toml"):
    (folder / name).write_text(text, encoding="utf-8")
    return read_config(folder / name, Nowhere())


def faults(folder, text, name="config.toml"):
    with pytest.raises(ConfigError) as error:
        read(folder, text, name)
    return [line.strip() for line in str(error.value).splitlines()]


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


def test_a_key_that_stands_twice_in_json_is_refused(folder):
    assert faults(folder, '{"train": {"steps": 1, "steps": 2}}', "config.json") == [
        "'steps' stands twice in one table. Leave one out."
    ]


def test_the_demo_config_has_every_key_with_a_word_on_it():
    text = (DEMO / "smile.toml").read_text(encoding="utf-8")
    sections = re.split(r"^\[+(\w+)\]+.*$", text.partition("# Several sliders")[0], flags=re.MULTILINE)
    found = {}
    for name, body in zip(sections[1::2], sections[2::2], strict=True):
        found.setdefault(name, set()).update(re.findall(r"^(?:# )?(\w+) = ", body, flags=re.MULTILINE))
    for name, kinds in TABLES.items():
        assert set(keys_of(kinds)) - set(WITHOUT.get(name, ())) == found[name], name


def test_the_values_that_it_shows_behind_a_sign_are_the_defaults():
    text = (DEMO / "smile.toml").read_text().partition("[train]")[2].partition("[sweep]")[0]
    shown = re.findall(r"^# (\w+) = (\S+)", text, re.M)
    values = {
        name: tomllib.loads(f"x = {value}")["x"]
        for name, value in shown
        if name in keys_of(TABLES["train"][:1])
    }
    assert len(values) > 15
    for name, value in values.items():
        assert value == (default_of(TrainSettings, name) or value), name


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


NUMBERED = f"""{MODEL}
[[bucket]]
name = "faces"
folder = "more"
captions = "text file"
numbers = {{ token = "smile" }}
"""


def test_a_number_for_each_picture_makes_both_sides_of_one_folder(folder):
    """As Slider Strength per Picture does it: from tokens of captions, from a table, or from the file of one."""
    for name, strength in (("a", 0.7), ("b", -0.3)):
        (folder / "more" / f"{name}.txt").write_text(f"a face (smile:{strength})")
    (bucket,) = read(folder, NUMBERED).sliders[0].buckets
    assert bucket.numbers == NumberSettings(token="smile")
    (folder / "scores.csv").write_text("\ufeffa.png;0,5\nb.png;-1", encoding="utf-8")
    (bucket,) = read(folder, NUMBERED.replace('token = "smile"', 'table = "scores.csv"')).sliders[0].buckets
    assert bucket.numbers.table == "a.png;0,5\nb.png;-1"
    read(folder, NUMBERED.replace('token = "smile"', r'table = "a,20\nb,30", use = "balanced ends", ends = 0.5,'
                                  ' scale = "middle to 0"'))  # fmt: skip


@pytest.mark.parametrize(
    "numbers, message",
    [
        ('token = "smile"', "[[bucket]]: No caption of bucket 'faces' has a token such as (smile:0.7)"),
        ('tokens = "smile"', "[bucket] 'faces' numbers: there is no key 'tokens'. Did you mean 'token'?"),
        ('table = "gone.csv"', "[bucket] 'faces' numbers: there is no file 'gone.csv'"),
        ('table = "a,1"', "[[bucket]]: There is no negative bucket"),
        ('table = "a,one"', "[[bucket]]: line 1 of the table: 'one' is no number"),
        ('table = "a,1", use = "both"', "[bucket] 'faces' numbers: use is 'both'; choose one of"),
        ("", "[[bucket]]: Numbers come from one place: token, table or numbers; none is given"),
    ],
)
def test_numbers_that_make_no_slider_are_said_before_anything_is_loaded(folder, numbers, message):
    for name in "ab":
        (folder / "more" / f"{name}.txt").write_text("a face")
    found = faults(folder, NUMBERED.replace('token = "smile"', numbers))
    assert any(fault.startswith(message) for fault in found), found


def test_numbers_are_a_table(folder):
    (fault,) = [f for f in faults(folder, NUMBERED.replace('{ token = "smile" }', '"smile"')) if "numbers" in f]
    assert fault.startswith("[bucket] 'faces': numbers is 'smile'; it must be a table such as")


def test_the_demo_config_names_every_key_of_numbers_with_its_default():
    (line,) = re.findall(r"^# (numbers = .*?)(?:  #.*)?$", (DEMO / "smile.toml").read_text(), re.M)
    shown = tomllib.loads(line)["numbers"]
    assert (
        NumberSettings(**{**shown, "table": ""}) == NumberSettings()
        and shown.keys() == settings_of(NumberSettings).keys()
    )


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


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"[]", b"{", b'{"model": ' * 5000, b"null"])
@pytest.mark.parametrize("name", ["config.json", "config.toml"])
def test_files_that_are_no_config(folder, content, name):
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.(json|toml)"):
        read_config(folder / name, Nowhere())
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(folder / "none.toml", Nowhere())


def test_the_page_for_those_who_come_from_simpletuner_names_keys_that_exist():
    page = DEMO.parent.parent / "web" / "docs" / "reference" / "simpletuner.md"
    configs, _, rest = page.read_text(encoding="utf-8").partition("## `multidatabackend.json`")
    named = re.findall(r"^\| [^|]+ \| ([^|]+) \|", configs, re.M)[2:]
    for cell in (cell for cell in named if not cell.startswith("`run.py ")):
        table = None
        for section, key in re.findall(r"`(?:\[(\w+)\] )?(\w+)", cell):
            table = section or table
            assert key in keys_of(TABLES[table]), cell
    buckets = re.findall(r"^\| [^|]+ \| `(\w+)` \|", rest, re.M)
    assert len(named) > 20 and len(buckets) > 7 and set(buckets) <= set(keys_of(TABLES["bucket"]))


@pytest.fixture
def simpletuner(folder):
    """SimpleTuner's files in a folder of their own; paths are relative to the config, or whole."""
    (folder / "st").mkdir()
    datasets = [
        {"id": "smiles", "instance_data_dir": "more", "slider_strength": 0.5, "repeats": 2},
        {"id": "frowns", "instance_data_dir": str(folder / "less"), "slider_strength": -0.5},
        {"id": "cache", "dataset_type": "text_embeds", "cache_dir": "cache"},
    ]
    (folder / "st" / "multidatabackend.json").write_text(json.dumps(datasets))
    config = {"--lora_rank": 8, "--learning_rate": 1e-4, "--max_train_steps": 70, "--resolution": 512}
    (folder / "st" / "config.json").write_text("\ufeff" + json.dumps(config))
    return folder


DATASET = 'file = "st/multidatabackend.json"\nconfig = "st/config.json"\n'


def test_simpletuners_files_take_the_place_of_buckets_and_fill_the_training(simpletuner):
    (plan,) = read(simpletuner, f"{MODEL}[train]\nsteps = 9\n[dataset]\n{DATASET}").sliders
    smiles, frowns = plan.dataset.dataset.backends
    assert plan.buckets == () and (smiles.strength, frowns.strength, smiles.repeats) == (0.5, -0.5, 3)
    assert smiles.folder == str(simpletuner / "more") and smiles.sizing.resolution == 512
    assert (plan.train.rank, plan.train.learning_rate, plan.train.steps) == (8, 1e-4, 9)
    (both,) = read(simpletuner, f"{MODEL}{BUCKETS}[dataset]\n{DATASET}").sliders
    assert len(both.buckets) == 2 and both.train.steps == 70


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("st/multi", "st/mlti", "[dataset] file: there is no file 'st/mltidatabackend.json'"),
        ("file = ", "fil = ", "[dataset]: there is no key 'fil'. Did you mean 'file'?"),
        ('file = "st/multidatabackend.json"', "", "[dataset]: config goes with a file"),
        ("st/config", "st/multidatabackend", "[dataset]: config.json must be an object"),
    ],
)
def test_what_is_wrong_with_the_table_is_said(simpletuner, old, new, message):
    assert any(
        fault.startswith(message)
        for fault in faults(simpletuner, MODEL + "[dataset]\n" + DATASET.replace(old, new))
    )


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            '"more"',
            '"mor"',
            "[dataset]: Dataset 'smiles': instance_data_dir 'mor' is not there. Write the whole path",
        ),
        ('"repeats": 2', '"repeats": "two"', "[dataset]: Dataset 'smiles': repeats is 'two'"),
        ('"slider_strength": -0.5', '"slider_strength": 0.5', "[[bucket]]: There is no negative bucket"),
        (
            '"repeats": 2',
            '"caption_strategy": "textfile"',
            "[dataset]: Dataset 'smiles': 2 captions cannot be used",
        ),
    ],
)
def test_what_is_wrong_with_simpletuners_file_is_said(simpletuner, old, new, message):
    file = simpletuner / "st" / "multidatabackend.json"
    file.write_text(file.read_text().replace(old, new))
    assert any(fault.startswith(message) for fault in faults(simpletuner, f"{MODEL}[dataset]\n{DATASET}"))


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
