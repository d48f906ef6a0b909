"""SimpleTuner's files as they are: a chain of buckets, and a report on every key."""

import json

import pytest
from as_comfyui import Clip, Vae
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.simpletuner import (
    DatasetError,
    read_config,
    read_dataset,
    training_settings,
)
from concept_sliders.slider_core.encoding import Encoders, encoded_chain
from PIL import Image


@pytest.fixture
def root(tmp_path):
    """An input folder with four faces smiling and frowning, their captions, and neutral ones two folders deep."""
    for side, red in (("more", 200), ("less", 20)):
        place = tmp_path / "input" / "faces" / side
        place.mkdir(parents=True)
        for index, size in enumerate([(64, 64), (128, 64), (64, 128), (40, 40)]):
            Image.new("RGB", size, (red, 60 * index, 0)).save(place / f"face_{index}.png")
            (place / f"face_{index}.txt").write_text(f"face {index}\n\na person {index}\n", encoding="utf-8")
    deep = tmp_path / "input" / "plain" / "a" / "b"
    deep.mkdir(parents=True)
    Image.new("RGB", (64, 64), "blue").save(deep / "blue_sky.png")
    return tmp_path / "input"


def side(name="more", **keys):
    return {
        "id": name,
        "type": "local",
        "instance_data_dir": f"faces/{name}",
        "caption_strategy": "textfile",
        "resolution": 64,
        "slider_strength": 0.5 if name == "more" else -0.5,
        **keys,
    }


def chain(root, *entries, defaults=None):
    dataset = read_dataset(json.dumps(entries), defaults)
    return encoded_chain(dataset, [root], Encoders(Vae(), Clip()))


def only(root, **keys):
    """The one bucket of a dataset, and what is said of its keys."""
    made = chain(root, side(**keys))
    (bucket,) = made.buckets
    said = {
        line.split(" ")[2]: line.partition(": ")[2]
        for line in made.report.splitlines()
        if line.startswith("  ")
    }
    return bucket, said


def sizes(bucket):
    return [tuple(example.latent.shape[2:]) for example in bucket.examples]


def captions(bucket):
    return [[one.caption for one in (example, *example.variants)] for example in bucket.examples]


def test_the_guides_three_buckets(root):
    plain = {"id": "plain", "type": "local", "instance_data_dir": "plain", "resolution": 64}
    text = {"id": "text", "type": "aws", "dataset_type": "text_embeds", "default": True, "cache_dir": "x"}
    made = chain(root, side("more"), side("less"), plain, text)
    assert [(b.name, b.strength, len(b.examples), b.repeats, b.probability) for b in made.buckets] == [
        ("more", 0.5, 4, 1, 1.0),
        ("less", -0.5, 4, 1, 1.0),
        ("plain", None, 1, 1, 1.0),
    ]
    assert captions(made.buckets[2]) == [["blue sky"]], "the folder is walked, and its names are the captions"
    assert "plain: 1 of 1 pictures, neutral" in made.report
    assert "trains it at strength +1" in made.report
    assert "text: left out\n  id 'text': left out" in made.report


def test_every_key_of_the_file_is_in_the_report(root):
    keys = {
        "crop": False,
        "cache_dir_vae": "/tmp/vae",
        "start_step": 300,
        "delete_unwanted_images": True,
        "delete_problematic_images": True,
        "repeatz": 2,
        "maximum_aspect_ratio": 2.0,
        "video": {"num_frames": 5},
    }
    _, said = only(root, **keys)
    assert set(side(**keys)) <= set(said)
    assert said["instance_data_dir"] == "read with the folders below it"
    assert said["delete_unwanted_images"].startswith("not obeyed")
    assert said["start_step"].startswith("NOT USED") and said["maximum_aspect_ratio"].startswith("NOT USED")
    assert said["repeatz"] == "NOT KNOWN here, so not used. Did you mean repeats?"
    assert len(list(root.rglob("*.png"))) == 9, "nothing is deleted"


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [["face 0", "a person 0"], ["face 1", "a person 1"]]),
        ({"disable_multiline_split": True}, [["face 0 a person 0"], ["face 1 a person 1"]]),
        ({"caption_strategy": "filename"}, [["face 0"], ["face 1"]]),
        ({"caption_strategy": "instanceprompt", "instance_prompt": "a cat"}, [["a cat"]] * 2),
        ({"caption_strategy": "instanceprompt", "instance_prompt": ["a cat", "cats"]}, [["a cat", "cats"]] * 2),
        ({"only_instance_prompt": True, "instance_prompt": "a cat"}, [["a cat"]] * 2),
        (
            {"prepend_instance_prompt": True, "instance_prompt": "ohwx"},
            [["ohwx face 0", "ohwx a person 0"], ["ohwx face 1", "ohwx a person 1"]],
        ),
    ],
)
def test_captions(root, keys, expected):
    bucket, _ = only(root, **keys)
    assert captions(bucket)[:2] == expected


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [(8, 8), (6, 12), (12, 6), (8, 8)]),
        ({"resolution_type": "pixel"}, [(8, 8), (8, 16), (16, 8), (8, 8)]),
        ({"resolution": 0.004096, "resolution_type": "area"}, [(8, 8), (6, 12), (12, 6), (8, 8)]),
        ({"crop": True}, [(8, 8)] * 4),
        ({"crop": True, "crop_aspect": "preserve"}, [(8, 8), (6, 12), (12, 6), (8, 8)]),
        ({"minimum_image_size": 50, "resolution_type": "pixel"}, [(8, 8), (8, 16), (16, 8)]),
        ({"minimum_image_size": 50}, [(8, 8), (6, 12), (12, 6)]),
        ({"minimum_image_size": 0.005, "resolution": 0.004096, "resolution_type": "area"}, [(6, 12), (12, 6)]),
    ],
)
def test_sizes(root, keys, expected):
    bucket, _ = only(root, **keys)
    assert sizes(bucket) == expected


def test_random_crops_become_centre_and_that_is_said(root):
    _, said = only(root, crop=True, crop_style="random")
    assert said["crop_style"] == "centre instead: both pictures of a pair must show the same part"
    assert said["crop"].endswith("in a square (SimpleTuner cuts it out of the picture unscaled)")
    _, said = only(root, crop=True, maximum_image_size=1536, target_downsample_size=1280)
    assert said["crop"].endswith("in a square")


def test_a_crop_without_a_style_is_random_there(root):
    report = chain(root, side(crop=True)).report
    assert "crop_style: not given, which is random there; centre instead: both pictures of a pair" in report


def test_what_is_too_small_is_counted(root):
    report = chain(root, side(minimum_image_size=50)).report
    assert "more: 3 of 4 pictures, at +0.5 (1 too small)" in report


def test_of_a_limited_number_pairs_stay_pairs(root):
    more, less = chain(root, side("more", max_num_samples=2), side("less", max_num_samples=2)).buckets
    assert [e.name for e in more.examples] == [e.name for e in less.examples] and len(more.examples) == 2
    chosen, unchanged = {e.name for e in less.examples}, 0
    for number in range(8):  # a picture more on one side seldom takes the place of one that is chosen
        extra = root / "faces" / "more" / f"a{number}.png"
        Image.new("RGB", (64, 64)).save(extra)
        extra.with_suffix(".txt").write_text("a face")
        unchanged += {e.name for e in chain(root, side(max_num_samples=2)).buckets[0].examples} == chosen
        extra.unlink()
    assert unchanged > 2
    (some,) = chain(root, side(max_num_samples=3, minimum_image_size=50)).buckets
    assert len(some.examples) == 3, "those that are too small do not count"


@pytest.mark.parametrize("given, repeats", [(0, 1), (4, 5), ("2", 3), (None, 1)])
def test_repeats_are_one_more_than_theirs(root, given, repeats):
    assert only(root, repeats=given)[0].repeats == repeats


@pytest.mark.parametrize("given, probability", [(None, 1.0), ("", 1.0), (0.25, 0.25), ("2", 2.0)])
def test_probability(root, given, probability):
    assert only(root, probability=given)[0].probability == probability


def test_a_probability_of_zero_is_never_drawn(root):
    made = chain(root, side("more"), side("less", probability=0))
    assert [bucket.name for bucket in made.buckets] == ["more"]
    assert "never drawn, so this dataset is left out" in made.report
    assert "Note: there is no negative" in made.report


@pytest.mark.parametrize("given, strength", [(0, None), (None, None), ("-0.25", -0.25), (1, 1.0)])
def test_strength(root, given, strength):
    assert only(root, slider_strength=given)[0].strength == strength


def test_regularisation_data_is_neutral(root):
    for key in ("is_regularisation_data", "is_regularization_data"):
        bucket, said = only(root, **{key: True})
        assert bucket.strength is None and "holds the slider still" in said[key]


def test_disabled_datasets_are_left_out_whatever_they_are(root):
    cloud = {"id": "cloud", "type": "aws", "dataset_type": "video", "disabled": True}
    assert [bucket.name for bucket in chain(root, cloud, side(), side("less", disable=True)).buckets] == [
        "more"
    ]


def test_held_out_datasets_are_apart(root):
    made = chain(root, side("more"), side("less", dataset_type="eval"))
    assert [b.name for b in made.buckets] == ["more"]
    assert [(b.name, b.strength) for b in made.held_out] == [("less", -0.5)]
    made = chain(root, side("more"), side("less", dataset_type="eval", slider_strength=None))
    assert made.held_out[0].strength is None and "not given: measured as neutral" in made.report


def conditioning(kind, **keys):
    return {"id": "extra", "type": "local", "dataset_type": "conditioning", "conditioning_type": kind} | {
        "instance_data_dir": "faces/less",
        **keys,
    }


def test_a_conditioning_dataset_gives_control_pictures(root):
    for entries in (
        [side(conditioning_data="extra"), conditioning("controlnet")],
        [side(conditioning_data=["extra"]), conditioning("controlnet")],
        [side(), conditioning("controlnet", source_dataset_id="more")],
    ):
        (bucket,) = chain(root, *entries).buckets
        reds = {round(float(example.control[..., 0].mean()) * 255) for example in bucket.examples}
        assert reds == {20}


def test_or_masks(root):
    for index, size in enumerate([(64, 64), (128, 64), (64, 128), (40, 40)]):
        mask = Image.new("L", size)
        mask.paste(255, (size[0] // 2, 0, *size))
        mask.save(root / "faces" / "less" / f"face_{index}.png")
    (bucket,) = chain(root, side(conditioning_data="extra"), conditioning("mask")).buckets
    assert all(float(example.mask[..., 0].max()) == 0 and float(example.mask[..., -1].min()) == 1
               for example in bucket.examples)  # fmt: skip


def test_a_picture_without_its_control_picture_is_named(root):
    (root / "faces" / "less" / "face_1.png").unlink()
    with pytest.raises(
        PictureError, match="'more'.*face_1 has no control picture of that name in dataset 'extra'"
    ):
        chain(root, side(conditioning_data="extra"), conditioning("controlnet"))


def test_clips(root):
    frames = [Image.new("RGB", (64, 64), (50 * i, 0, 0)) for i in range(5)]
    place = root / "clips"
    place.mkdir()
    frames[0].save(place / "x.gif", save_all=True, append_images=frames[1:])
    entry = side(dataset_type="video", instance_data_dir="clips", caption_strategy="filename")
    (bucket,) = chain(root, entry | {"video": {"num_frames": 3}}).buckets
    assert bucket.examples[0].latent.shape[0] == 3
    with pytest.raises(DatasetError, match="'more': video.num_frames is missing"):
        chain(root, entry)
    Image.new("RGB", (64, 64)).save(place / "still.png")
    made = chain(root, entry | {"video": {"num_frames": 3}}, entry | {"id": "stills", "dataset_type": "image"})
    assert [[e.name for e in bucket.examples] for bucket in made.buckets] == [["x"], ["still"]]
    assert "1 not chosen" in made.report and "1 clips not read" in made.report
    (held,) = chain(
        root, side(), entry | {"id": "later", "dataset_type": "eval", "video": {"num_frames": 2}}
    ).held_out
    assert held.examples[0].latent.shape[0] == 2
    with pytest.raises(PictureError, match="Lower video.num_frames"):
        chain(root, entry | {"video": {"num_frames": 9}})


def test_folders_are_found_by_every_way_of_writing_them(root):
    for written in ("faces/more", "input/faces/more", "./faces//more/", str(root / "faces" / "more")):
        assert len(only(root, instance_data_dir=written)[0].examples) == 4


def test_a_folder_outside_is_refused_with_two_ways_out_and_a_link_is_one(root):
    outside = root.parent / "elsewhere"
    outside.mkdir()
    Image.new("RGB", (64, 64)).save(outside / "x.png")
    keys = {"instance_data_dir": str(outside), "caption_strategy": "filename"}
    for written in (str(outside), "../elsewhere", "faces/../../elsewhere", "~/pictures", "/"):
        with pytest.raises(DatasetError, match="'more': instance_data_dir .*lies outside.*copy.*link"):
            only(root, **(keys | {"instance_data_dir": written}))
    (root / "linked").symlink_to(outside)
    for written in ("linked", str(outside)):
        assert len(only(root, **(keys | {"instance_data_dir": written}))[0].examples) == 1


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"type": "aws"}, "'more': type is 'aws'. Only local folders.*disabled to true"),
        ({"type": "huggingface"}, "type is 'huggingface'"),
        ({"dataset_type": "audio"}, "dataset_type is 'audio'.*image, video, conditioning, eval"),
        ({"caption_strategy": "parquet"}, "caption_strategy is 'parquet'.*use textfile"),
        ({"caption_strategy": "instanceprompt"}, "needs an instance_prompt"),
        ({"slider_strength": "strong"}, "slider_strength is 'strong'. Write a number"),
        ({"slider_strength": True}, "slider_strength is True"),
        ({"slider_strength": 1e9}, "from −100 to 100"),
        ({"repeats": -1}, "repeats is -1. Write a whole number of 0 or more"),
        ({"repeats": 1.5}, "repeats is 1.5"),
        ({"probability": -0.5}, "probability is -0.5"),
        ({"resolution": "big"}, "resolution is 'big'"),
        (
            {"resolution": 1.0},
            "resolution is 1.0. With resolution_type pixel_area it is pixels: write from 16 to 8192, or "
            "resolution_type area, which is megapixels",
        ),
        (
            {"resolution": 512, "resolution_type": "area"},
            "With resolution_type area it is megapixels: write from 0.01 to 67, or resolution_type pixel_area, "
            "which is pixels",
        ),
        ({"resolution_type": "pixels"}, "resolution_type is 'pixels'. Here it can be pixel_area, area, pixel"),
        ({"crop": "maybe"}, "crop is 'maybe'. Write true or false"),
        ({"instance_data_dir": ""}, "has no instance_data_dir"),
        ({"instance_data_dir": "gone"}, "'gone' is not there. Put the folder below"),
        ({"instance_data_dir": 7}, "instance_data_dir is 7"),
        ({"instance_data_dir": "a\0b"}, "U\\+0000"),
        ({"conditioning_data": "nothing"}, "conditioning_data names 'nothing', and no dataset has that id"),
        ({"minimum_image_size": 5000}, "'more'.*[Nn]one of 4 pictures is large enough"),
        ({"dataset_type": "video", "video": [3]}, "video is"),
    ],
)
def test_what_is_wrong_is_named(root, keys, message):
    with pytest.raises((DatasetError, PictureError), match=message) as error:
        only(root, **keys)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "not valid JSON"),
        ("{}", "must be a list of datasets"),
        ("[]", "must be a list of datasets"),
        ("[3]", "Dataset 1 of multidatabackend.json is 3"),
        ('[{"id": "a", "disabled": true}, {"id": "a", "disabled": true}]', "Two datasets .* have the id 'a'"),
        ('[{"id": 3}]', "id is 3"),
        ("[" * 100_000, "nested too deep"),
        ("[" + ",".join(["{}"] * 1001) + "]", "at most 1000"),
    ],
)
def test_files_that_are_none(text, message):
    with pytest.raises(DatasetError, match=message) as error:
        read_dataset(text)
    assert len(str(error.value)) < 500


def test_nothing_left_to_train_on(root):
    with pytest.raises(DatasetError, match="No dataset of the file is left"):
        chain(root, side(disabled=True))


def test_a_broken_picture_and_a_missing_caption_are_named_with_their_dataset(root):
    (root / "faces" / "more" / "face_2.txt").unlink()
    with pytest.raises(
        PictureError, match="'more'.*face_2.png has no caption.*set caption_strategy to filename"
    ):
        only(root)
    (root / "faces" / "less" / "face_1.png").write_bytes(b"not a picture")
    with pytest.raises(PictureError, match="'less'.*face_1.png cannot be read"):
        chain(root, side("less"))


CONFIG = {
    "--lora_rank": "8",
    "--lora_alpha": 4,
    "--learning_rate": "1e-4",
    "--max_train_steps": 500,
    "--optimizer": "adamw_bf16",
    "--lr_scheduler": "polynomial",
    "--lr_warmup_steps": 20,
    "--seed": 42,
    "--slider_lora_target": True,
    "--resolution": 64,
    "--caption_strategy": "filename",
    "--train_batch_size": 4,
}


def test_a_config_in_the_words_of_train_slider():
    settings, notes = training_settings(read_config(json.dumps(CONFIG)))
    assert settings == {
        "preset": "slider",
        "kind": "lora",
        "rank": 8,
        "alpha": 4.0,
        "learning_rate": 1e-4,
        "steps": 500,
        "optimiser": "AdamW",
        "schedule": "linear",
        "warmup": 20,
        "weight_decay": 0.01,
        "seed": 42,
    }
    assert any("adamw_bf16" in note and "AdamW" in note for note in notes)
    assert any("batch_size of Slider Cycle to 2" in note for note in notes)


@pytest.mark.parametrize("seed", [-1, None, ""])
def test_a_seed_that_is_drawn_there_stays_as_it_is_here(seed):
    settings, notes = training_settings({"seed": seed})
    assert "seed" not in settings and any(note.startswith("seed: ") for note in notes)


def test_its_settings_are_ones_that_the_node_has():
    from concept_sliders.nodes.targets import SliderTargets
    from concept_sliders.nodes.train import SliderTrainer

    known = {i.id for node in (SliderTrainer, SliderTargets) for i in node.define_schema().inputs}
    for config in (
        CONFIG,
        CONFIG | {"lora_type": "lycoris"},
        CONFIG | {"use_dora": True, "optimizer": "torch-sgd"},
    ):
        assert set(training_settings(read_config(json.dumps(config)))[0]) <= known


def test_a_lycoris_config_takes_the_place_of_rank_and_kind():
    config = read_config(json.dumps(CONFIG | {"lora_type": "lycoris", "lycoris_config": "config/l.json"}))
    settings, _ = training_settings(config, '{"algo": "lokr"}')
    assert settings["lycoris_config"] == '{"algo": "lokr"}' and not {"rank", "kind"} & set(settings)
    settings, notes = training_settings(config)
    assert settings["kind"] == "lokr" and any("config/l.json" in note for note in notes)


def test_a_config_fills_in_what_datasets_leave_out(root):
    entry = {key: value for key, value in side().items() if key not in ("resolution", "caption_strategy")}
    made = chain(root, entry, defaults=read_config(json.dumps(CONFIG)))
    (bucket,) = made.buckets
    assert "resolution 64: 64 pixels squared (from config.json)" in made.report
    assert sizes(bucket)[0] == (8, 8) and captions(bucket)[0] == ["face 0"]


@pytest.mark.parametrize(
    "config, message",
    [
        ("[]", "config.json must be an object"),
        ("{", "config.json is not valid JSON"),
        ('{"lora_rank": 0}', "config.json: lora_rank is 0. Write a whole number of 1 or more"),
        ('{"learning_rate": "fast"}', "learning_rate is 'fast'"),
        ('{"lr_scheduler": "wild"}', "lr_scheduler is 'wild'. Here it can be"),
        ('{"seed": "x"}', "seed is 'x'"),
    ],
)
def test_configs_that_cannot_be_used(config, message):
    with pytest.raises(DatasetError, match=message):
        training_settings(read_config(config))
