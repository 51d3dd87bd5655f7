"""Pictures of the gallery: walls and floor first, then the things of each column, far ones first.

picture(state, scene(state, 64))    # uint8 [N, 64, 64, 3]
scan(scene(state, 32))              # what 32 rays meet first: colours [N, 32, 3], depths [N, 32]

Drawn twice as high, four bytes a pixel, and shrunk by averaging whole pixels at once.
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
FINE = 2  # drawn so many times higher, for smooth edges of walls and floor
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


def scene(state: Array, columns: int) -> Scene:
    """Everything that so many rays meet."""
    at, way = rays(state, columns)
    walls = meet_walls(state, at, way)
    hits = meet_things(state, at, way, walls)
    return Scene(at, way, walls, hits, np.argsort(-hits.depth, axis=2, kind="stable"))


def picture(state: Array, drawn: Scene) -> Array:
    """What you see, uint8 [N, W, W, 3]."""
    size = drawn.way.shape[1]
    hits = drawn.hits
    canvas = paint(
        drawn,
        _packed(drawn.walls.rgb),
        _background(state, drawn, FINE * size),
        lambda n, w, k: _packed(hits.rgb[n, k] * hits.light[n, w, k, None]),
    )
    one, two = canvas[:, :, 0::2], canvas[:, :, 1::2]
    # The average of neighbours, all four bytes at once, rounded down.
    canvas = (((one ^ two) & np.uint32(0xFEFEFEFE)) >> np.uint32(1)) + (one & two)
    small = np.ascontiguousarray(canvas.transpose(0, 2, 1)).view(np.uint8)
    return small.reshape(len(state), size, size, 4)[..., :3]


def paint(drawn: Scene, wall: Array, background: Array, thing: Fill) -> Array:
    """Fill pictures [N, W, H], of one number a pixel: wall [N, W] over background, then things.

    background: [..., H]. thing: (row, column, number of the thing), arrays [M] each -> what fills
    it there [M].
    """
    height, hits = background.shape[-1], drawn.hits
    row = np.arange(height, dtype=np.int16)
    low, high = (_line(z, drawn.walls.depth, height)[..., None] for z in (0.0, WALL_HIGH))
    canvas = np.where((row >= high) & (row < low), wall[..., None], background)
    most = int(np.isfinite(hits.depth).sum(2).max())  # things behind one another anywhere
    for rank in range(drawn.order.shape[2] - most, drawn.order.shape[2]):
        k, met = _met(drawn, rank)
        n, w = np.nonzero(met)
        if len(n):
            k = k[n, w]
            depth = hits.depth[n, w, k]
            low, high = (_line(z[n, w, k], depth, height)[:, None] for z in (hits.low, hits.high))
            inside = (row >= high) & (row < low)
            canvas[n, w] = np.where(inside, thing(n, w, k)[:, None], canvas[n, w])
    return canvas


def _met(drawn: Scene, rank: int) -> tuple[Array, Array]:
    """Which thing is of this rank in each column [N, W], and whether it is met at all."""
    k = drawn.order[:, :, rank]
    n, w = np.ogrid[: k.shape[0], : k.shape[1]]
    return k, np.isfinite(drawn.hits.depth[n, w, k])


def nearest(drawn: Scene) -> tuple[Array, Array]:
    """What each ray meets first, however low: which thing [N, W], and whether it is one at all."""
    return _met(drawn, drawn.order.shape[2] - 1)


def _line(height: Array | float, depth: Array, rows: int) -> Array:
    """The first row of the picture whose middle lies below a height in metres."""
    row = rows / 2 * (1.0 - (height - EYE) / (depth * WIDE))
    return np.minimum(np.maximum(np.ceil(row - 0.5), 0), rows).astype(np.int16)


def _packed(rgb: Array) -> Array:
    """Colours [..., 3], 0 to 255, in four bytes."""
    red, green, blue = np.moveaxis(np.minimum(rgb, 255.0).astype(np.uint32), -1, 0)
    return red | green << np.uint32(8) | blue << np.uint32(16)


def _rows(size: int) -> Array:
    """How far the floor is in each row of the lower half, in metres [H / 2]."""
    below = (np.arange(size // 2) + 0.5) / (size / 2) * WIDE
    return EYE / below


def _background(state: Array, drawn: Scene, height: int) -> Array:
    """Ceiling above, tiles below, the latter in steps of `FINE` rows: [N, W, H]."""
    depth, half = _rows(height), height // 2
    light = fog(depth)[:, None]
    floor = STATE.read(state, "floor_rgb")[:, None] * light
    ceiling = _packed(STATE.read(state, "ceiling_rgb")[:, None] * light[::-1])
    near = np.minimum(depth[::FINE], FAR).astype(np.float32)
    way, at = drawn.way.astype(np.float32), drawn.at.astype(np.float32)
    x, y = (at[:, k, None, None] + near * way[:, :, k, None] for k in range(2))
    half_sum = (np.floor(x) + np.floor(y)) * np.float32(0.5)
    odd = half_sum != np.floor(half_sum)
    canvas = np.empty((len(state), way.shape[1], height), np.uint32)
    canvas[:, :, :half] = ceiling[:, None]
    light_tiles, dark_tiles = _packed(floor)[:, None], _packed(floor * TILES)[:, None]
    for k in range(FINE):
        tiles = np.where(odd, light_tiles[..., k::FINE], dark_tiles[..., k::FINE])
        canvas[:, :, half + k :: FINE] = tiles
    return canvas


def depths(drawn: Scene) -> Array:
    """Depth of every pixel along the heading, float32 [N, W, W] in metres, floor included."""
    rows = _rows(drawn.way.shape[1])
    both = np.minimum(np.concatenate([rows[::-1] * (WALL_HIGH - EYE) / EYE, rows]), FAR)
    filled = paint(drawn, drawn.walls.depth, both, lambda n, w, k: drawn.hits.depth[n, w, k])
    return filled.transpose(0, 2, 1).astype(np.float32)


def segments(drawn: Scene) -> Array:
    """What every pixel shows, uint8 [N, W, W]: floor 0, ceiling 1, wall 2, door 3, then things."""
    both = np.repeat(np.array((CEILING_ID, FLOOR_ID), np.uint8), drawn.way.shape[1] // 2)
    wall = np.full(drawn.walls.depth.shape, WALL_ID, np.uint8)
    return paint(drawn, wall, both, lambda n, w, k: IDS[k]).transpose(0, 2, 1)


def normals(drawn: Scene) -> Array:
    """Where every pixel's surface faces, float32 [N, W, W, 3]: east, north, up."""
    seen = segments(drawn)
    up = (seen == FLOOR_ID) * 1.0 - (seen == CEILING_ID)
    flat = [
        paint(
            drawn,
            drawn.walls.normal[..., axis],
            np.zeros(drawn.way.shape[1]),
            lambda n, w, k: drawn.hits.normal[n, w, k, axis],  # noqa: B023
        ).transpose(0, 2, 1)
        for axis in range(2)
    ]
    return np.stack([*flat, up], -1).astype(np.float32)


def scan(drawn: Scene) -> tuple[Array, Array]:
    """What rays meet first, however low: colours float32 [N, W, 3] in [0, 1], depths [N, W]."""
    k, met = nearest(drawn)
    n, w = np.ogrid[: k.shape[0], : k.shape[1]]
    depth = np.where(met, drawn.hits.depth[n, w, k], drawn.walls.depth)
    rgb = drawn.hits.rgb[n, k] * drawn.hits.light[n, w, k, None]
    rgb = np.where(met[..., None], rgb, drawn.walls.rgb)
    return np.clip(rgb / 255.0, 0.0, 1.0).astype(np.float32), depth.astype(np.float32)
