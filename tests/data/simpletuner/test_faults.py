"""Files and datasets that cannot be used are refused with what is wrong and where."""

import pytest
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.simpletuner import DatasetError, read_dataset
from data.simpletuner.datasets import chain, only, side


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
