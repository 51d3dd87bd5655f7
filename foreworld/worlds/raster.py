"""A small anti-aliased rasteriser in numpy: how much of each pixel does an outline cover?

    stamp(canvas, rows, centre, direction, sprite, window=14)    # canvas [N, S, S, 3], in place

A shape's edge is where its signed distance is zero; coverage is the distance, in pixels, clipped
to [0, 1]. So a move by a tenth of a pixel changes the picture. Only + - * / sqrt min max are used,
which round alike for one picture and for many: a batch equals its pictures drawn one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Layer(NamedTuple):
    """A disc or square of one colour; lengths in pixels, `x` and `y` are shifts from the centre."""

    x: float
    y: float
    radius: float
    softness: float  # width of the edge; 1 is sharp
    opacity: float
    rgb: tuple[float, float, float]  # 0 to 255


class Sprite(NamedTuple):
    """Layers of N pictures, the lowest first, as arrays [N, L, ...]; all discs, or all squares."""

    x: Array
    y: Array
    radius: Array
    softness: Array
    opacity: Array
    rgb: Array
    square: bool

    def rows(self, rows: Array) -> Sprite:
        """The sprites of some of the pictures."""
        return Sprite(*(field[rows] for field in self[:6]), square=self.square)

    def write(self, row: int, layers: list[Layer]) -> None:
        """Set the layers of one picture."""
        for field, values in zip(self[:6], zip(*layers, strict=True), strict=True):
            field[row] = values


def empty_sprite(count: int, layers: int, square: bool) -> Sprite:
    """A sprite for `count` pictures, to be written to."""
    flat = [np.zeros((count, layers), np.float32) for _ in range(5)]
    return Sprite(*flat, rgb=np.zeros((count, layers, 3), np.float32), square=square)


def stamp(
    canvas: Array, rows: Array, centre: Array, direction: Array, sprite: Sprite, window: int
) -> None:
    """Draw one sprite into each picture canvas[rows], in place.

    canvas uint8 [N, S, S, 3], rows int [M], centre float32 [M, 2] in pixels (column, row),
    direction float32 [M, 2] the cosine and sine by which squares are turned, sprite with M rows.
    `window` is the side, in pixels, of the square around the centre that is looked at.
    """
    size = canvas.shape[1]
    corner = np.clip(np.floor(centre - 0.5 * window), 0, size - window).astype(np.intp)
    steps = np.arange(window)
    columns, lines = corner[:, :1] + steps, corner[:, 1:] + steps  # [M, K]
    at = (rows[:, None, None], lines[:, :, None], columns[:, None, :])
    dx = (columns - centre[:, :1] + 0.5).astype(np.float32)[:, None] - sprite.x[..., None]
    dy = (lines - centre[:, 1:] + 0.5).astype(np.float32)[:, None] - sprite.y[..., None]
    distance = _square(dx, dy, direction) if sprite.square else _disc(dx, dy)
    cover = sprite.radius[..., None, None] - distance  # [M, L, K, K]
    cover /= sprite.softness[..., None, None]
    cover += 0.5
    np.clip(cover, 0.0, 1.0, out=cover)
    cover *= sprite.opacity[..., None, None]
    canvas[at] = _blend(canvas[at].astype(np.float32), cover, sprite.rgb)


def _disc(dx: Array, dy: Array) -> Array:
    return np.sqrt((dx * dx)[:, :, None, :] + (dy * dy)[:, :, :, None])


def _square(dx: Array, dy: Array, direction: Array) -> Array:
    c, s = direction[:, 0, None, None], direction[:, 1, None, None]
    along = (c * dx)[:, :, None, :] + (s * dy)[:, :, :, None]
    across = (c * dy)[:, :, :, None] - (s * dx)[:, :, None, :]
    return np.maximum(np.abs(along), np.abs(across))


def _blend(patch: Array, cover: Array, rgb: Array) -> Array:
    for layer in range(cover.shape[1]):
        patch += (rgb[:, layer, None, None] - patch) * cover[:, layer, :, :, None]
    patch += 0.5  # so that cutting off the fraction rounds
    return patch.astype(np.uint8)


def box_distance(x: Array, y: Array, half_x: float, half_y: float, round_by: float = 0.0) -> Array:
    """Signed distance to a rectangle around the origin with rounded corners; negative inside."""
    dx, dy = np.abs(x) - (half_x - round_by), np.abs(y) - (half_y - round_by)
    outside = np.sqrt(np.maximum(dx, 0.0) ** 2 + np.maximum(dy, 0.0) ** 2)
    return outside + np.minimum(np.maximum(dx, dy), 0.0) - round_by


def over(picture: Array, cover: Array, rgb: Array) -> None:
    """Lay a colour over a picture [S, S, 3], in place, by a coverage [S, S]."""
    picture += (rgb - picture) * cover[..., None]
