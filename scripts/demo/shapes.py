"""Shapes with smooth edges, by distance functions.

Coordinates run from -1 to 1, x to the right and y downwards. A distance function gives each pixel its distance to a
shape, negative inside; a fill covers the part of a pixel that lies inside.
"""

from __future__ import annotations

import numpy as np

INK = np.array((44, 30, 48), np.float32)
LINE = 0.022  # half the width of an outline


class Canvas:
    """A picture under work, with the coordinates of its pixels."""

    def __init__(self, size: int, background: np.ndarray):
        axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
        self.x, self.y = axis[None, :], axis[:, None]
        self.pixel = 2 / size
        self.picture = np.broadcast_to(background, (size, size, 3)).astype(np.float32).copy()

    def fill(self, distance: np.ndarray, colour: np.ndarray, opacity: float = 1.0) -> None:
        """Lays a colour over the inside of a shape."""
        cover = np.clip(0.5 - distance / self.pixel, 0, 1)[..., None] * opacity
        self.picture += cover * (colour - self.picture)

    def shape(self, distance: np.ndarray, colour: np.ndarray) -> None:
        """A filled shape with an ink outline around it."""
        self.fill(distance - LINE, INK)
        self.fill(distance + LINE, colour)

    def glow(self, x: float, y: float, radius: float, colour: np.ndarray, opacity: float) -> None:
        """A soft spot."""
        cover = opacity * np.exp(-((self.x - x) ** 2 + (self.y - y) ** 2) / (radius * radius))[..., None]
        self.picture += cover * (colour - self.picture)


def ellipse(canvas: Canvas, x: float, y: float, width: float, height: float) -> np.ndarray:
    """Distance to an ellipse with these half axes (first order, exact at its edge)."""
    u, v = (canvas.x - x) / width, (canvas.y - y) / height
    length = np.sqrt(u * u + v * v) + 1e-6
    slope = np.sqrt((u / width) ** 2 + (v / height) ** 2) / length + 1e-6
    return (length - 1) / slope


def box(canvas: Canvas, x: float, y: float, width: float, height: float, corner: float) -> np.ndarray:
    """Distance to a rounded rectangle with these half sides."""
    u = np.abs(canvas.x - x) - width + corner
    v = np.abs(canvas.y - y) - height + corner
    return np.hypot(np.maximum(u, 0), np.maximum(v, 0)) + np.minimum(np.maximum(u, v), 0) - corner


def segment(canvas: Canvas, ax: float, ay: float, bx: float, by: float) -> np.ndarray:
    """Distance to a line from a to b."""
    dx, dy = bx - ax, by - ay
    along = np.clip(((canvas.x - ax) * dx + (canvas.y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(canvas.x - ax - along * dx, canvas.y - ay - along * dy)


def triangle(canvas: Canvas, x: float, y: float, angle: float, width: float, height: float) -> np.ndarray:
    """Distance to a spike standing at (x, y) that points `angle` radians to the right of upwards."""
    sin, cos = np.sin(angle), np.cos(angle)
    across = np.abs((canvas.x - x) * cos + (canvas.y - y) * sin)
    up = (canvas.x - x) * sin - (canvas.y - y) * cos
    side = (across * height + (up - height) * width) / np.hypot(width, height)
    return np.maximum(side, -up)
