"""Faces whose captions name the smile and the eyes, for part of them, in a world where smiles come with such eyes.

The bench's second model learns these. A smile mostly comes with bright, narrow eyes here, as age comes with glasses in
the pictures of large models, so words alone move more than they name: what a list of things to preserve is for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from faces import Face, random_face
from train_flow import shorten

NEW_WORDS = ("smiling", "frowning", "calm", "eyes", "bright", "dull", "large", "small")
TOGETHER = 0.6  # share of the faces in which the smile decides on the brightness, or on the size, of the eyes
NAMED = {"smile": 0.8, "eye_brightness": 0.5, "eye_size": 0.5}  # share of the captions that name each


def entangled_face(random: np.random.Generator) -> Face:
    face = random_face(random)
    if random.random() < TOGETHER:
        bright = 0.5 + 0.5 * face.smile + 0.1 * random.standard_normal()
        face = replace(face, eye_brightness=float(np.clip(bright, 0, 1)))
    if random.random() < TOGETHER:
        size = 1 - 0.17 * face.smile + 0.04 * random.standard_normal()
        face = replace(face, eye_size=float(np.clip(size, 0.8, 1.2)))
    return face


def entangled_faces(count: int, seed: int) -> list[Face]:
    random = np.random.default_rng(seed)
    return [entangled_face(random) for _ in range(count)]


def third(value: float, low: float, high: float, words: tuple[str, str, str]) -> str:
    return words[0] if value < low else words[2] if value > high else words[1]


def words_for(face: Face) -> dict[str, str]:
    """What a caption may say of each attribute; empty where there is no word for it."""
    return {
        "smile": third(face.smile, -0.4, 0.4, ("frowning", "calm", "smiling")),
        "eye_brightness": third(face.eye_brightness, 0.35, 0.65, ("dull", "", "bright")),
        "eye_size": third(face.eye_size, 0.93, 1.07, ("small", "", "large")),
    }


def named_caption(caption: str, smile: str = "", eye_brightness: str = "", eye_size: str = "") -> str:
    """The caption with these words for the smile and the eyes added, those that are not empty."""
    person, _, rest = caption.partition(" with ")
    eyes = " ".join(word for word in (eye_brightness, eye_size) if word)
    clauses = [f"{eyes} eyes"] * bool(eyes) + [rest] * bool(rest)
    return person.replace("a ", f"a {smile} " if smile else "a ", 1) + (
        " with " + ", ".join(clauses) if clauses else ""
    )


def random_caption(face: Face, random: np.random.Generator) -> str:
    """The face's caption with perhaps fewer clauses, and perhaps with words for smile and eyes."""
    words = {name: word for name, word in words_for(face).items() if random.random() < NAMED[name]}
    return named_caption(shorten(face.caption(), random), **words)
