"""What is measured of a sweep's pictures."""

import pytest
import torch
from concept_sliders.slider_core.evaluation import Prompt
from concept_sliders.slider_core.evaluation import sweep as s


def test_pictures_of_images_and_videos():
    latents = torch.zeros(2, 3, 4, 1, 8, 8)
    videos = s.decode(latents, lambda row: torch.arange(3.0)[:, None, None, None, None].expand(3, 5, 16, 16, 3))
    assert videos.shape == (2, 3, 5, 16, 16, 3) and s.stills(videos).shape == (2, 3, 16, 16, 3)
    flat = s.decode(latents, lambda row: torch.zeros(15, 16, 16, 3))
    assert flat.shape == (2, 3, 5, 16, 16, 3)


def test_pictures_are_measured_small():
    pictures = torch.rand(2, 40, 48, 96, 3)
    small = s.small(pictures)
    assert small.shape == (2, 16, 3, 12, 24)
    assert small[1, 0, 2, 3, 5] == pytest.approx(float(pictures[1, 0, 12:16, 20:24, 2].mean()), abs=1e-6)


def test_neutral_prompts_count_as_leak():
    prompts = (Prompt("face", ""), Prompt("mountain", "", neutral=True))
    sweep = s.Sweep(prompts, (1,), (-1.0, 0.0, 1.0))
    pictures = torch.zeros(2, 3, 1, 2, 2, 3)
    pictures[0, 0], pictures[0, 2] = -0.5, 0.5
    pictures[1, 0], pictures[1, 2] = -0.05, 0.05
    got = s.report_on(sweep, pictures)
    assert got.rows == 1 and got.neutral_leak == pytest.approx(0.1)
    assert got.effect == pytest.approx([-0.5, 0, 0.5])
