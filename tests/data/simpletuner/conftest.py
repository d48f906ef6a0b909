"""An input folder for datasets."""

import pytest
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
