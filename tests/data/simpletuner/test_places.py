"""Where the folders of a dataset may lie."""

import pytest
from concept_sliders.slider_core.data.simpletuner import DatasetError
from data.simpletuner.datasets import only
from PIL import Image


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
