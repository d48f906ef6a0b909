"""The node that shows the pairs of a cycle before they are trained on."""

import folder_paths
import pytest
import torch
from concept_sliders.nodes.cycle import CycleSampler
from concept_sliders.nodes.pairs import SliderPairs
from concept_sliders.slider_core.data import Bucket, Cycle, Example


class Vae:
    def decode(self, latent):
        return latent[:, :3].movedim(1, -1).repeat_interleave(8, 1).repeat_interleave(8, 2)


def cycle(count=5, odd=()):
    """Pairs in which a square gets brighter; in odd ones another place does."""
    random = torch.Generator().manual_seed(0)
    sides = ([], [])
    for i in range(count):
        ground = torch.rand(1, 4, 16, 24, generator=random)
        more = ground.clone()
        more[..., *((slice(9, 15), slice(15, 21)) if i in odd else (slice(2, 8), slice(2, 8)))] += 0.3
        for side, latent in zip(sides, (more, ground), strict=True):
            side.append(Example(f"face{i}", "", latent, []))
    return Cycle((Bucket("more", tuple(sides[0]), 0.5), Bucket("less", tuple(sides[1]), -0.5)))


@pytest.fixture(autouse=True)
def temp(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))
    return tmp_path


def test_the_odd_pair_comes_first_and_is_named_with_its_files(temp):
    made = cycle(odd=[3])
    output = SliderPairs.execute(made, Vae(), 24)
    same, sheet, report = output.result
    assert same is made
    lines = report.splitlines()
    assert lines[0].startswith("1 of 5 pairs look wrong; partners differ")
    assert lines[1].startswith("more/face3 and less/face3: something else changes than in the other pairs")
    assert sheet.shape[0] == 1 and sheet.shape[-1] == 3 and 0 <= sheet.min() and sheet.max() <= 1
    (shown,) = output.ui["images"]
    assert (temp / shown["subfolder"] / shown["filename"]).is_file(), "it is shown on the node"


def test_the_sheet_has_a_row_for_each_pair_that_is_asked_for():
    heights = [SliderPairs.execute(cycle(), Vae(), most).result[1].shape[1] for most in (1, 2, 3)]
    assert heights[2] - heights[1] == heights[1] - heights[0] > 100


def test_its_rows_show_both_pictures_and_where_they_differ():
    from concept_sliders.slider_core.data.pair_check import check_pairs
    from concept_sliders.slider_core.evaluation.contact_sheet import SIDE, _cell, _picture

    (pair, *_) = check_pairs(cycle()).pairs
    more, less = (_picture(Vae().decode(e.latent)) for e in (pair.example, pair.other))
    cells = [_cell(picture) for picture in (more, less)]
    assert all(cell.size == (SIDE, SIDE) for cell in cells) and cells[0].tobytes() != cells[1].tobytes()


def test_clips_are_shown_by_a_frame():
    made = cycle(3)
    buckets = tuple(
        Bucket(b.name, tuple(Example(e.name, "", e.latent[:, :, None].repeat(1, 1, 4, 1, 1), []) for e in b.examples),
               b.strength)
        for b in made.buckets
    )  # fmt: skip

    class VideoVae(Vae):
        def decode(self, latent):
            return torch.stack([Vae.decode(self, frame) for frame in latent.unbind(2)], 1)

    assert SliderPairs.execute(Cycle(buckets), VideoVae(), 5).result[1].shape[0] == 1


def test_without_pairs_there_is_nothing_to_show():
    with pytest.raises(ValueError, match="There are no pairs to show.*Name both pictures of a pair alike"):
        SliderPairs.execute(Cycle(cycle().buckets, pairing="random"), Vae(), 5)


def test_the_weighting_of_the_loss_is_chosen_on_the_cycle():
    made = cycle()
    assert CycleSampler.execute(made.buckets).result[0].loss_weighting == "none"
    weighted, plan = CycleSampler.execute(made.buckets, loss_weighting="mask").result
    assert weighted.loss_weighting == "mask" and "10 of 10 pictures have no mask" in plan
