"""SimpleTuner's files as they are: a chain of buckets, and a report on every key."""

from data.simpletuner.datasets import captions, chain, only, side


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
