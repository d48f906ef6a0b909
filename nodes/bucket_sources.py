"""Where the pictures of a bucket come from: a folder, or what another node of the graph gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from ..slider_core.given import quoted

NO_FOLDER = "[connected images]"


def there(values: Sequence[Any] | None) -> list[Any]:
    """The values of an optional input that are there."""
    return [value for value in values or () if value is not None]


class FromGraph(Sequence[Any]):
    """Pictures or clips from the graph, each made when it is asked for.

    Args:
        name: of the bucket.
        reads: for each, gives its pixels when called.
        prompts: captions: one for all, or one for each.
        names: none, or one for each.
        masks: values of MASK, for pictures or for clips of so many frames.
    """

    def __init__(
        self,
        name: str,
        reads: list[Callable[[], Any]],
        prompts: list[str],
        names: list[str],
        masks: list[Any],
        frames: int,
    ):
        from ..slider_core.data.faults import PictureError, bucket, one_for_each
        from ..slider_core.data.masks import masks_for

        count = len(reads)
        one_for_each(bucket(name), count, "prompts", len(prompts), (1, count))
        one_for_each(bucket(name), count, "names", len(names), (0, count))
        if twice := [one for one, number in Counter(names).items() if number > 1]:
            raise PictureError(
                f"The names of bucket {quoted(name)} have {quoted(twice[0])} twice. Pictures of one name are a pair, "
                f"so give each another."
            )
        self.reads, self.prompts, self.names = reads, prompts, names
        self.masks = masks_for(bucket(name), masks, count, frames)

    def __len__(self) -> int:
        return len(self.reads)

    def __getitem__(self, index: Any) -> Any:
        from ..slider_core.data import Picture
        from ..slider_core.data.masks import given_mask

        name = self.names[index] if self.names else f"{index:03}"
        mask = self.masks[index % len(self.masks)] if self.masks else None
        return Picture(
            name,
            self.reads[index](),
            self.prompts[index % len(self.prompts)],
            mask=None if mask is None else given_mask(mask, f"picture {quoted(name)}"),
            named=bool(self.names),
        )


def of_images(name: str, batches: list[torch.Tensor], frames: int) -> list[Callable[[], Any]]:
    """The pictures, or clips of so many frames, of lists and batches of images."""
    from ..slider_core.data.pictures import checked_pixels

    if not batches:
        raise ValueError(f"The images input of bucket {quoted(name)} got an empty list. Give it pictures.")
    clips = []
    for batch in _checked(batches):
        if len(batch) % frames:
            raise ValueError(
                f"{len(batch)} images cannot be cut into clips of {frames} frames. Give a multiple of {frames}."
            )
        clips += [batch[at : at + frames] if frames > 1 else batch[at] for at in range(0, len(batch), frames)]
    return [partial(checked_pixels, clip, f"connected image {i}") for i, clip in enumerate(clips)]


def of_videos(name: str, videos: list[Any], frames: int, stride: int) -> list[Callable[[], Any]]:
    """A clip of each VIDEO."""
    if not videos:
        raise ValueError(f"The videos input of bucket {quoted(name)} got an empty list. Give it videos.")
    return [partial(_clip, video, f"video {i}", frames, stride) for i, video in enumerate(videos)]


def _clip(video: Any, name: str, frames: int, stride: int) -> Any:
    from comfy_api.latest import InputImpl

    from ..slider_core.data import PictureError
    from ..slider_core.data.clips import too_short, video_frames
    from ..slider_core.data.pictures import checked_pixels

    if isinstance(video, InputImpl.VideoFromComponents):
        images = _checked([video.get_components().images])[0]
        clip = images[: (frames - 1) * stride + 1 : stride]
        if len(clip) < frames:
            raise PictureError(too_short(name, frames, stride, len(images)))
        return checked_pixels(clip, name)
    if not callable(getattr(video, "get_stream_source", None)):
        raise PictureError(
            f"{name} is {quoted(type(video).__name__)} and no video. Connect a node that loads some."
        )
    source = video.get_stream_source()
    called = source.replace("\\", "/").rpartition("/")[2] if isinstance(source, str) else name
    return video_frames(source, called, frames, stride, *video.get_active_trim_window())


def controls_of(batches: list[torch.Tensor]) -> list[torch.Tensor]:
    """The control pictures [H, W, 3] of lists and batches, one after the other."""
    from ..slider_core.data.pictures import checked_pixels

    pictures = [picture for batch in _checked(batches) for picture in batch]
    return [checked_pixels(picture, f"control image {index}") for index, picture in enumerate(pictures)]


def _checked(batches: list[torch.Tensor]) -> list[torch.Tensor]:
    from ..slider_core.data.pictures import checked_shape

    return list(map(checked_shape, batches))


def only_one(name: str, sources: dict[str, bool]) -> str:
    """Which of the sockets that give pictures is connected; empty for none.

    Raises:
        ValueError: if it is more than one.
    """
    connected = [source for source, there in sources.items() if there]
    if len(connected) > 1:
        raise ValueError(
            f"Bucket {quoted(name)} got {' and '.join(connected)}. Connect one of them, and load the other with a "
            f"second Load Slider Bucket."
        )
    return connected[0] if connected else ""
