"""Pictures of the gallery: walls and floor first, then the things of each column, far ones first.

picture(state, 64)          # uint8 [N, 64, 64, 3]
scan(state, 32)             # what 32 rays meet first: colours [N, 32, 3] and depths [N, 32]

Drawn twice as large, four bytes a pixel, and shrunk by averaging whole pixels at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from foreworld.worlds.gallery_rays import (
    WALL_HIGH,
    WIDE,
    Hits,
    Walls,
    fog,
    meet_things,
    meet_walls,
    rays,
)
from foreworld.worlds.gallery_state import STATE, THINGS

EYE = 0.5  # metres above the floor
FINE = 2  # drawn so many times larger
AT_ONCE = 8  # pictures, so that what is worked on stays in the processor's cache
TILES = 0.88  # brightness of every other tile of the floor, a metre wide
FAR = 8.5  # metres; nothing in the room is as far
FLOOR_ID, CEILING_ID, WALL_ID, DOOR_ID = 0, 1, 2, 3  # in a segmentation; then the things
IDS = np.array([*range(4, 4 + len(THINGS)), DOOR_ID, DOOR_ID], np.uint8)  # of `Hits`

Array = np.ndarray
Fill = Callable[[Array, Array, Array], Array]


class Scene(NamedTuple):
    """What there is to be drawn in W columns of N pictures."""

    at: Array
    way: Array
    walls: Walls
    hits: Hits
    order: Array  # [N, W, K] things from far to near; what is missed comes first
    size: int  # W, and rows as well


def scene(state: Array, columns: int) -> Scene:
    """Everything that so many rays meet."""
    at, way = rays(state, columns)
    walls = meet_walls(state, at, way)
    hits = meet_things(state, at, way, walls)
    return Scene(at, way, walls, hits, np.argsort(-hits.depth, axis=2, kind="stable"), columns)


def picture(state: Array, size: int) -> Array:
    """What you see, uint8 [N, size, size, 3]."""
    starts = range(0, len(state), AT_ONCE)
    return np.concatenate([_picture(state[k : k + AT_ONCE], size) for k in starts])


def _picture(state: Array, size: int) -> Array:
    drawn = scene(state, FINE * size)
    hits = drawn.hits
    canvas = paint(
        drawn,
        _packed(drawn.walls.rgb),
        _background(state, drawn),
        lambda n, w, k: _packed(hits.rgb[n, k] * hits.light[n, w, k, None]),
    )
    for axis in (1, 2):  # averages of neighbours, all four bytes at once, rounded down
        one, two = (canvas[:, k::2] if axis == 1 else canvas[:, :, k::2] for k in range(2))
        canvas = (((one ^ two) & np.uint32(0xFEFEFEFE)) >> np.uint32(1)) + (one & two)
    small = np.ascontiguousarray(canvas.transpose(0, 2, 1)).view(np.uint8)
    return small.reshape(len(state), size, size, 4)[..., :3]


def paint(drawn: Scene, wall: Array, background: Array, thing: Fill) -> Array:
    """Fill pictures [N, W, H], of one number a pixel: wall [N, W] over background, then things.

    thing: (row, column, number of the thing), arrays [M] each -> what fills it there [M].
    """
    row = np.arange(drawn.size, dtype=np.int16)
    low, high = (_line(z, drawn.walls.depth, drawn.size)[..., None] for z in (0.0, WALL_HIGH))
    canvas = np.where((row >= high) & (row < low), wall[..., None], background)
    hits = drawn.hits
    for rank in range(drawn.order.shape[2]):
        k = drawn.order[:, :, rank]
        n, w = np.nonzero(np.isfinite(np.take_along_axis(hits.depth, k[..., None], 2)[..., 0]))
        if len(n):
            k = k[n, w]
            depth = hits.depth[n, w, k]
            low, high = (
                _line(z[n, w, k], depth, drawn.size)[:, None] for z in (hits.low, hits.high)
            )
            inside = (row >= high) & (row < low)
            canvas[n, w] = np.where(inside, thing(n, w, k)[:, None], canvas[n, w])
    return canvas


def _line(height: Array | float, depth: Array, size: int) -> Array:
    """The first row of the picture whose middle lies below a height in metres."""
    row = size / 2 * (1.0 - (height - EYE) / (depth * WIDE))
    return np.clip(np.ceil(row - 0.5), 0, size).astype(np.int16)


def _packed(rgb: Array) -> Array:
    """Colours [..., 3], 0 to 255, in four bytes."""
    red, green, blue = np.moveaxis(np.minimum(rgb, 255.0).astype(np.uint32), -1, 0)
    return red | green << np.uint32(8) | blue << np.uint32(16)


def _rows(size: int) -> Array:
    """How far the floor is in each row of the lower half, in metres [H / 2]."""
    below = (np.arange(size // 2) + 0.5) / (size / 2) * WIDE
    return EYE / below


def _background(state: Array, drawn: Scene) -> Array:
    """Ceiling above, tiles below, in squares of `FINE`: [N, W, H]."""
    depth, half = _rows(drawn.size), drawn.size // 2
    light = fog(depth)[:, None]
    floor = STATE.read(state, "floor_rgb")[:, None] * light
    ceiling = _packed(STATE.read(state, "ceiling_rgb")[:, None] * light[::-1])
    near = np.minimum(depth[::FINE], FAR).astype(np.float32)
    way = drawn.way[:, ::FINE, None].astype(np.float32)
    x, y = (drawn.at[:, k, None, None].astype(np.float32) + near * way[..., k] for k in range(2))
    odd = (np.floor(x) + np.floor(y)).astype(np.int32) & 1 > 0
    odd = odd.repeat(FINE, 1).repeat(FINE, 2)
    canvas = np.empty((len(state), drawn.size, drawn.size), np.uint32)
    canvas[:, :, :half] = ceiling[:, None]
    canvas[:, :, half:] = np.where(odd, _packed(floor)[:, None], _packed(floor * TILES)[:, None])
    return canvas


def depths(drawn: Scene) -> Array:
    """Depth of every pixel along the heading, float32 [N, H, W] in metres, floor included."""
    rows = _rows(drawn.size)
    both = np.minimum(np.concatenate([rows[::-1] * (WALL_HIGH - EYE) / EYE, rows]), FAR)
    filled = paint(drawn, drawn.walls.depth, both, lambda n, w, k: drawn.hits.depth[n, w, k])
    return filled.transpose(0, 2, 1).astype(np.float32)


def segments(drawn: Scene) -> Array:
    """What every pixel shows, uint8 [N, H, W]: floor 0, ceiling 1, wall 2, door 3, then things."""
    both = np.repeat(np.array((CEILING_ID, FLOOR_ID), np.uint8), drawn.size // 2)
    wall = np.full(drawn.walls.depth.shape, WALL_ID, np.uint8)
    return paint(drawn, wall, both, lambda n, w, k: IDS[k]).transpose(0, 2, 1)


def normals(drawn: Scene) -> Array:
    """Where every pixel's surface faces, float32 [N, H, W, 3]: east, north, up."""
    seen = segments(drawn)
    up = (seen == FLOOR_ID) * 1.0 - (seen == CEILING_ID)
    flat = [
        paint(
            drawn,
            drawn.walls.normal[..., axis],
            np.zeros(drawn.size),
            lambda n, w, k: drawn.hits.normal[n, w, k, axis],  # noqa: B023
        ).transpose(0, 2, 1)
        for axis in range(2)
    ]
    return np.stack([*flat, up], -1).astype(np.float32)


def nearest(drawn: Scene) -> tuple[Array, Array]:
    """What each ray meets first, however low: which thing [N, W], and whether it is one at all."""
    k = drawn.order[:, :, -1]
    return k, np.isfinite(np.take_along_axis(drawn.hits.depth, k[..., None], 2)[..., 0])


def scan(state: Array, columns: int) -> tuple[Array, Array]:
    """What rays meet first, however low: colours float32 [N, W, 3] in [0, 1], depths [N, W]."""
    drawn = scene(state, columns)
    k, met = nearest(drawn)
    n, w = np.ogrid[: len(state), :columns]
    depth = np.where(met, drawn.hits.depth[n, w, k], drawn.walls.depth)
    rgb = drawn.hits.rgb[n, k] * drawn.hits.light[n, w, k, None]
    rgb = np.where(met[..., None], rgb, drawn.walls.rgb)
    return np.clip(rgb / 255.0, 0.0, 1.0).astype(np.float32), depth.astype(np.float32)
