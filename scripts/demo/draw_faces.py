"""Draws faces: hair, body, head, eyes, mouth and glasses, one over the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from faces import BACKGROUNDS, HAIRS, SHIRTS, SKINS, Face
from shapes import INK, LINE, Canvas, box, ellipse, segment, triangle

SIZE = 128

WHITE = np.array((255, 255, 255), np.float32)
LIPS = np.array((146, 28, 50), np.float32)
TONGUE = np.array((240, 112, 120), np.float32)
DULL_EYE = np.array((44, 34, 50), np.float32)
BRIGHT_EYE = np.array((96, 226, 255), np.float32)


def draw_hair_behind(canvas: Canvas, face: Face, r: float, colour: np.ndarray) -> None:
    x, y = face.x, face.y
    if face.style == "long":
        cap = ellipse(canvas, x, y - 0.06 * r, 0.60 * r, 0.68 * r)
        fall = box(canvas, x, y + 0.38 * r, 0.60 * r, 0.52 * r, 0.2 * r)
        canvas.shape(np.minimum(cap, fall), colour)
    elif face.style == "curly":
        angles = np.linspace(-2.3, 2.3, 11)
        curls = [
            ellipse(canvas, x + 0.52 * r * np.sin(a), y - 0.08 * r - 0.5 * r * np.cos(a), 0.19 * r, 0.19 * r)
            for a in angles
        ]
        canvas.shape(np.minimum.reduce(curls), colour)
    elif face.style == "spiky":
        angles = np.linspace(-1.3, 1.3, 8)
        spikes = [
            triangle(
                canvas, x + 0.34 * r * np.sin(a), y - 0.1 * r - 0.34 * r * np.cos(a), a, 0.19 * r, 0.42 * r
            )
            for a in angles
        ]
        canvas.shape(np.minimum.reduce([ellipse(canvas, x, y - 0.1 * r, 0.5 * r, 0.56 * r), *spikes]), colour)


def draw_body(canvas: Canvas, face: Face, r: float, skin: np.ndarray) -> None:
    shoulders = box(canvas, face.x, face.y + 1.3 * r, 0.66 * r, 0.56 * r, 0.3 * r)
    canvas.shape(shoulders, np.array(SHIRTS[face.shirt], np.float32))
    neck = box(canvas, face.x, face.y + 0.6 * r, 0.15 * r, 0.24 * r, 0.1 * r)
    canvas.shape(neck, skin)
    canvas.fill(np.maximum(neck + LINE, canvas.y - face.y - 0.66 * r), skin * 0.82)


def draw_head(canvas: Canvas, face: Face, r: float, skin: np.ndarray) -> np.ndarray:
    """Head and ears; gives the distance to the head, which the fringe follows."""
    for side in (-1, 1) if face.style != "long" else ():
        canvas.shape(ellipse(canvas, face.x + side * 0.5 * r, face.y + 0.06 * r, 0.1 * r, 0.13 * r), skin)
    skull = ellipse(canvas, face.x, face.y - 0.06 * r, 0.51 * r, 0.55 * r)
    jaw = ellipse(canvas, face.x, face.y + 0.2 * r, 0.42 * r, 0.40 * r)
    head = np.minimum(skull, jaw)
    canvas.shape(head, skin)
    for side in (-1, 1):
        cheek = skin * 0.55 + np.array((255, 96, 96), np.float32) * 0.45
        canvas.glow(face.x + side * 0.3 * r, face.y + 0.24 * r, 0.11 * r, cheek, 0.7)
    return head


def draw_fringe(canvas: Canvas, face: Face, r: float, head: np.ndarray, colour: np.ndarray) -> None:
    """Hair on the forehead: the part of a slightly larger head above a hairline, inked along both edges."""
    u = (canvas.x - face.x) / r
    zigzag = np.abs(((u * 4.2) % 1) - 0.5) * 2
    line = {
        "short": -0.27 + 0.22 * u + 0.09 * zigzag + 0.35 * u * u,
        "long": -0.46 + 1.15 * np.abs(u + 0.12) ** 1.5,
        "curly": -0.36 + 0.05 * np.cos(u * 22) + 0.5 * u * u,
        "spiky": -0.36 + 0.10 * zigzag + 0.35 * u * u,
    }[face.style]
    lowest = {"short": 0.08, "long": 0.5, "curly": 0.1, "spiky": 0.1}[face.style]
    below = np.maximum(canvas.y - (face.y + line * r), canvas.y - face.y - lowest * r)
    thick = {"short": 0.10, "long": 0.06}.get(face.style, 0.0)
    cap = np.maximum(head - thick * r, below)
    if face.style == "short":
        canvas.shape(cap, colour)
    else:  # no ink towards the hair behind: the two are one
        canvas.fill(np.maximum(head - thick * r, below - 2 * LINE), INK)
        canvas.fill(np.maximum(head - (thick + 0.04) * r, below), colour)
    gleam = ellipse(canvas, face.x - 0.16 * r, face.y - 0.49 * r, 0.16 * r, 0.035 * r)
    canvas.fill(gleam, colour + (WHITE - colour) * 0.4)


def draw_eyes(canvas: Canvas, face: Face, r: float, brow: np.ndarray) -> None:
    iris = DULL_EYE + (BRIGHT_EYE - DULL_EYE) * face.eye_brightness
    for side in (-1, 1):
        x, y, size = face.x + side * 0.215 * r, face.y + 0.05 * r, face.eye_size * r
        canvas.shape(ellipse(canvas, x, y, 0.115 * size, 0.135 * size), WHITE)
        canvas.fill(ellipse(canvas, x, y + 0.01 * size, 0.092 * size, 0.108 * size), iris)
        canvas.fill(ellipse(canvas, x, y + 0.015 * size, 0.046 * size, 0.055 * size), INK)
        canvas.fill(ellipse(canvas, x + 0.03 * size, y - 0.04 * size, 0.03 * size, 0.03 * size), WHITE)
        lift = y - 0.135 * size - 0.075 * r
        stroke = segment(canvas, x - 0.1 * r, lift - side * 0.012 * r, x + 0.1 * r, lift + side * 0.012 * r)
        canvas.fill(stroke - 0.03 * r, brow)


def draw_mouth(canvas: Canvas, face: Face, r: float) -> None:
    """Two curves that meet at the corners: open with teeth for a smile, a thin crescent for a frown."""
    s = face.smile
    width = (0.21 + (0.05 if s > 0 else 0.01) * s) * r
    u = (canvas.x - face.x) / width
    arch = 1 - np.minimum(u * u, 1.5)
    corner = face.y + (0.42 - (0.09 if s > 0 else 0.05) * s) * r
    near, far = (0.06 * s, 0.27 * s) if s > 0 else (0.13 * s, 0.085 * s)
    top, bottom = corner + near * r * arch, corner + far * r * arch
    steep = np.sqrt(1 + (2 * max(abs(near), abs(far)) * r * u / width) ** 2)
    ends = np.abs(canvas.x - face.x) - width
    inside = np.maximum(np.maximum(top - canvas.y, canvas.y - bottom) / steep, ends)
    corners = [np.hypot(canvas.x - face.x - side * width, canvas.y - corner) for side in (-1, 1)]
    canvas.fill(np.minimum(inside, np.minimum(*corners)) - 0.028 * r, INK)
    canvas.fill(inside, LIPS)
    if s > 0:
        canvas.fill(np.maximum(inside, canvas.y - top - 0.42 * (bottom - top)), WHITE)
        canvas.fill(
            np.maximum(inside, ellipse(canvas, face.x, corner + far * r, 0.6 * width, 0.09 * r * s)), TONGUE
        )


def draw_glasses(canvas: Canvas, face: Face, r: float) -> None:
    y = face.y + 0.05 * r
    for side in (-1, 1):
        x = face.x + side * 0.215 * r
        ring = np.abs(box(canvas, x, y, 0.185 * r, 0.185 * r, 0.15 * r))
        canvas.fill(ring - 0.02 * r, INK)
        canvas.fill(segment(canvas, x + side * 0.185 * r, y, x + side * 0.3 * r, y - 0.03 * r) - 0.02 * r, INK)
    canvas.fill(segment(canvas, face.x - 0.04 * r, y, face.x + 0.04 * r, y) - 0.02 * r, INK)


def draw(face: Face, size: int = SIZE) -> np.ndarray:
    """The face as a picture: float32 [size, size, 3] in 0..1. Equal faces give equal pictures."""
    skin = np.array(SKINS[face.skin], np.float32)
    hair = np.array(HAIRS[face.hair], np.float32)
    canvas = Canvas(size, np.array(BACKGROUNDS[face.background], np.float32))
    r = 1.1 * face.face_size
    face = replace(face, y=face.y + 0.06)
    draw_hair_behind(canvas, face, r, hair)
    draw_body(canvas, face, r, skin)
    head = draw_head(canvas, face, r, skin)
    draw_eyes(canvas, face, r, hair * 0.55)
    nose = segment(canvas, face.x - 0.03 * r, face.y + 0.255 * r, face.x + 0.03 * r, face.y + 0.255 * r)
    canvas.fill(nose - 0.022 * r, skin * 0.7)
    draw_mouth(canvas, face, r)
    draw_fringe(canvas, face, r, head, hair)
    if face.glasses:
        draw_glasses(canvas, face, r)
    return canvas.picture / 255


def draw_many(faces: list[Face], size: int = SIZE, workers: int = 1) -> np.ndarray:
    """The pictures as uint8 [count, size, size, 3], drawn by as many processes as `workers`."""
    if workers > 1:
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(workers) as pool:
            parts = pool.map(draw_many, [faces[i::workers] for i in range(workers)], [size] * workers)
            pictures = np.empty((len(faces), size, size, 3), np.uint8)
            for start, part in enumerate(parts):
                pictures[start::workers] = part
            return pictures
    return np.stack([np.rint(draw(face, size) * 255).astype(np.uint8) for face in faces])
