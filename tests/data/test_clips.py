"""Clips of a folder: cut to frames, read where frames are asked for, and refused by name."""

import av
import numpy as np
import pytest
import torch
from concept_sliders.slider_core.data import PictureError
from data.folders import examples, moving_picture, picture, written_video


@pytest.mark.parametrize(
    "name, codec", [("x.mp4", "libx264"), ("x.webm", "libvpx"), ("x.gif", ""), ("x.webp", "")]
)
def test_clips_are_cut_to_frames_with_a_stride(tmp_path, name, codec):
    _ = written_video(tmp_path / name, codec=codec) if codec else moving_picture(tmp_path / name)
    (example,) = examples(tmp_path, frames=4, stride=3)
    greys = example.latent[:, 0].mean((1, 2))
    assert torch.allclose(greys, torch.linspace(0, 1, 12)[::3], atol=0.05)
    with pytest.raises(
        PictureError, match=rf"{name} has 12 frames; 5 frames, one of every 3, need 13\. Lower frames"
    ):
        examples(tmp_path, frames=5, stride=3)


def test_clips_are_only_read_where_frames_are_asked_for(tmp_path):
    written_video(tmp_path / "x.webm")
    with pytest.raises(PictureError, match="holds 1 clip and no pictures. Set frames to read clips"):
        examples(tmp_path)
    picture(tmp_path / "a.png")
    assert [e.name for e in examples(tmp_path)] == ["a"]
    assert [len(e.latent) for e in examples(tmp_path, frames=4)] == [1, 4]


def test_a_gif_of_one_frame_is_a_picture(tmp_path):
    picture(tmp_path / "a.GIF", colour="white")
    moving_picture(tmp_path / "b.gif", 4)
    assert [e.name for e in examples(tmp_path)] == ["a"]
    assert [len(e.latent) for e in examples(tmp_path, frames=4)] == [1, 4]


def test_clips_that_are_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.webm").write_bytes(b"this is text")
    whole = written_video(tmp_path / "c.webm").read_bytes()
    (tmp_path / "c.webm").write_bytes(whole[:300])
    (tmp_path / "d.gif").write_bytes(b"GIF89a")
    with pytest.raises(PictureError) as error:
        examples(tmp_path, frames=4)
    said = str(error.value).splitlines()
    assert said[0] == "4 pictures cannot be used:"
    for line, name in zip(said[1:], ("a.mp4", "b.webm", "c.webm", "d.gif"), strict=True):
        assert line.startswith(f"- {name} ") and line.endswith("out of the folder.") or "has no frames" in line


def test_a_video_of_sound_alone(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(PictureError, match=r"a\.mp4 has no picture in it, only sound"):
        examples(tmp_path, frames=2)
