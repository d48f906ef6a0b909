"""Cartoon faces with known attributes: the training pictures of the tiny model.

Captions name hair, skin, shirt, background and glasses. They never name the smile, the eyes, the size or the
place of the face: those are left for a slider to take hold of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SKINS = {"light": (255, 219, 190), "tan": (232, 176, 130), "brown": (178, 116, 78), "dark": (126, 80, 58)}
HAIRS = {
    "black": (48, 42, 56),
    "brown": (118, 68, 40),
    "blond": (246, 206, 92),
    "red": (204, 70, 36),
    "gray": (168, 170, 180),
    "blue": (58, 104, 214),
    "pink": (240, 120, 172),
    "green": (70, 158, 92),
}
SHIRTS = {
    "red": (214, 58, 62),
    "blue": (58, 100, 200),
    "green": (60, 146, 92),
    "yellow": (248, 204, 70),
    "white": (246, 246, 242),
    "black": (52, 50, 62),
}
BACKGROUNDS = {
    "white": (250, 248, 242),
    "yellow": (255, 224, 120),
    "orange": (255, 176, 104),
    "pink": (255, 190, 206),
    "purple": (190, 166, 236),
    "blue": (146, 204, 250),
    "green": (166, 226, 176),
    "gray": (176, 182, 192),
}
STYLES = ("short", "long", "curly", "spiky")


@dataclass(frozen=True)
class Face:
    """One face. The first group is named in captions, the second never.

    Attributes:
        smile: -1 (frown) to 1 (open smile).
        eye_brightness: 0 (dark brown iris) to 1 (shining blue).
        eye_size, face_size: 1 is the average.
        x, y: where the face stands, relative to the middle.
    """

    hair: str = "brown"
    style: str = "short"
    skin: str = "light"
    shirt: str = "blue"
    background: str = "white"
    glasses: bool = False

    smile: float = 0.0
    eye_brightness: float = 0.5
    eye_size: float = 1.0
    face_size: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def caption(self) -> str:
        glasses = ", glasses" if self.glasses else ""
        return (
            f"a person with {self.style} {self.hair} hair, {self.skin} skin, {self.shirt} shirt{glasses}, "
            f"{self.background} background"
        )


def random_face(random: np.random.Generator, widen: float = 1.0) -> Face:
    """A face drawn evenly from all there are; `widen` stretches the smile's range (for the measuring network)."""
    return Face(
        hair=str(random.choice(list(HAIRS))),
        style=str(random.choice(STYLES)),
        skin=str(random.choice(list(SKINS))),
        shirt=str(random.choice(list(SHIRTS))),
        background=str(random.choice(list(BACKGROUNDS))),
        glasses=bool(random.random() < 0.25),
        smile=float(random.uniform(-widen, widen)),
        eye_brightness=float(random.uniform(0, 1)),
        eye_size=float(random.uniform(0.8, 1.2)),
        face_size=float(random.uniform(0.9, 1.1)),
        x=float(random.uniform(-0.08, 0.08)),
        y=float(random.uniform(-0.06, 0.06)),
    )


def random_faces(count: int, seed: int, widen: float = 1.0) -> list[Face]:
    random = np.random.default_rng(seed)
    return [random_face(random, widen) for _ in range(count)]


def pair(face: Face, smile: float) -> tuple[Face, Face]:
    """The same face smiling and frowning."""
    return replace(face, smile=smile), replace(face, smile=-smile)
