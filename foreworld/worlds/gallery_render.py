"""Pictures of the gallery: walls and floor first, then the things of each column, far ones first.

picture(state, 64)          # uint8 [N, 64, 64, 3]
scan(state, 32)             # what 32 rays meet first: colours [N, 32, 3] and depths [N, 32]

Drawn twice as large, four bytes a pixel, and shrunk by averaging whole pixels at once.
"""

from __future__ import annotations

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
TILES = 0.88  # brightness of every other tile of the floor, a metre wide
FAR = 8.5  # metres, the depth that is 255; nothing in the room is as far
FLOOR_ID, CEILING_ID, WALL_ID, DOOR_ID = 0, 1, 2, 3  # in a segmentation; then the things

Array = np.ndarray


class Scene(NamedTuple):
    """N pictures before they are coloured in; columns first, K things sorted far to near."""

    at: Array
    way: Array
    walls: Walls
    hits: Hits
    ids: Array  # [N, W, K] in a segmentation
    size: int


def scene(state: Array, columns: int) -> Scene:
    """What there is to be drawn in so many columns."""
    at, way = rays(state, columns)
    walls = meet_walls(state, at, way)
    hits = meet_things(state, at, way, walls)
    order = np.argsort(-hits.depth, axis=2, kind="stable")  # what is missed comes first
    near = Hits(
        *(np.take_along_axis(p, order.reshape(*order.shape, *[1] * (p.ndim - 3)), 2) for p in hits)
    )
    ids = np.array([*range(DOOR_ID + 1, DOOR_ID + 1 + len(THINGS)), DOOR_ID, DOOR_ID], np.uint8)
    return Scene(at, way, walls, near, ids[order], columns)


def picture(state: Array, size: int) -> Array:
    """What you see, uint8 [N, size, size, 3]."""
    drawn = scene(state, FINE * size)
    canvas = paint(
        drawn, _packed(drawn.walls.rgb), _background(state, drawn), _packed(drawn.hits.rgb)
    )
    for axis in (1, 2):  # averages of neighbours, all four bytes at once, rounded down
        one, two = (canvas[:, k::2] if axis == 1 else canvas[:, :, k::2] for k in range(2))
        canvas = (((one ^ two) & np.uint32(0xFEFEFEFE)) >> np.uint32(1)) + (one & two)
    small = np.ascontiguousarray(canvas.transpose(0, 2, 1)).view(np.uint8)
    return np.ascontiguousarray(small.reshape(len(state), size, size, 4)[..., :3])


def paint(drawn: Scene, wall: Array, background: Array, things: Array) -> Array:
    """Fill pictures [N, W, H], of one number a pixel: wall [N, W] over background, then things.

    things: [N, W, K], what each thing is filled with.
    """
    canvas, row = background, np.arange(drawn.size) + 0.5
    low, high = (_line(z, drawn.walls.depth, drawn.size) for z in (0.0, WALL_HIGH))
    is_wall = (row > high[..., None]) & (row < low[..., None])
    canvas = np.where(is_wall, wall[..., None], canvas)
    for k in range(drawn.ids.shape[2]):
        n, w = np.nonzero(np.isfinite(drawn.hits.depth[:, :, k]))
        if len(n):
            depth = drawn.hits.depth[n, w, k]
            low, high = (
                _line(z[n, w, k], depth, drawn.size) for z in (drawn.hits.low, drawn.hits.high)
            )
            inside = (row > high[:, None]) & (row < low[:, None])
            canvas[n, w] = np.where(inside, things[n, w, k, None], canvas[n, w])
    return canvas


def _line(height: Array | float, depth: Array, size: int) -> Array:
    """At which row of the picture a height in metres is seen."""
    return size / 2 * (1.0 - (height - EYE) / (depth * WIDE))


def _packed(rgb: Array) -> Array:
    """Colours [..., 3], 0 to 255, in four bytes."""
    red, green, blue = np.moveaxis(np.minimum(rgb, 255.0).astype(np.uint32), -1, 0)
    return red | green << np.uint32(8) | blue << np.uint32(16)


def _rows(size: int) -> Array:
    """How far floor or ceiling are in each row of the lower half, in metres [H / 2]."""
    below = (np.arange(size // 2) + 0.5) / (size / 2) * WIDE
    return EYE / below


def _background(state: Array, drawn: Scene) -> Array:
    """Ceiling above, tiles below: [N, W, H]."""
    depth = _rows(drawn.size)
    light = fog(depth)[:, None]
    floor = STATE.read(state, "floor_rgb")[:, None] * light
    ceiling = _packed(STATE.read(state, "ceiling_rgb")[:, None] * light[::-1])
    near = np.minimum(depth, FAR).astype(np.float32)
    x, y = (drawn.at[:, k, None, None].astype(np.float32) for k in range(2))
    x = x + near * drawn.way[..., 0, None].astype(np.float32)
    y = y + near * drawn.way[..., 1, None].astype(np.float32)
    odd = (np.floor(x) + np.floor(y)).astype(np.int32) & 1
    canvas = np.empty((len(state), drawn.size, drawn.size), np.uint32)
    half = drawn.size // 2
    canvas[:, :, :half] = ceiling[:, None]
    canvas[:, :, half:] = np.where(odd, _packed(floor)[:, None], _packed(floor * TILES)[:, None])
    return canvas


def depths(drawn: Scene) -> Array:
    """Depth of every pixel along the heading, float32 [N, H, W] in metres, floor included."""
    rows = _rows(drawn.size)
    both = np.minimum(np.concatenate([rows[::-1] * (WALL_HIGH - EYE) / EYE, rows]), FAR)
    background = np.broadcast_to(both, (*drawn.walls.depth.shape, drawn.size))
    filled = paint(drawn, drawn.walls.depth, background, drawn.hits.depth)
    return filled.transpose(0, 2, 1).astype(np.float32)


def segments(drawn: Scene) -> Array:
    """What every pixel shows, uint8 [N, H, W]: floor 0, ceiling 1, wall 2, door 3, then things."""
    half = drawn.size // 2
    both = np.repeat(np.array((CEILING_ID, FLOOR_ID), np.uint8), (half, drawn.size - half))
    background = np.broadcast_to(both, (*drawn.walls.depth.shape, drawn.size))
    wall = np.full(drawn.walls.depth.shape, WALL_ID, np.uint8)
    return paint(drawn, wall, background, drawn.ids).transpose(0, 2, 1)


def normals(drawn: Scene) -> Array:
    """Where every pixel's surface faces, float32 [N, H, W, 3]: east, north, up."""
    half = drawn.size // 2
    seen = segments(drawn).transpose(0, 2, 1)
    filled = np.zeros((*seen.shape, 3), np.float32)
    for axis in range(2):
        nothing = np.zeros(seen.shape)
        filled[..., axis] = paint(
            drawn, drawn.walls.normal[..., axis], nothing, drawn.hits.normal[..., axis]
        )
    filled[..., 2] = (seen == FLOOR_ID) * 1.0 - (seen == CEILING_ID)
    assert half * 2 == drawn.size
    return filled.transpose(0, 2, 1, 3)


def scan(state: Array, columns: int) -> tuple[Array, Array]:
    """What rays meet first, however low: colours float32 [N, W, 3] in [0, 1], depths [N, W]."""
    drawn = scene(state, columns)
    last, wall = drawn.hits.depth[:, :, -1], drawn.walls
    thing = np.isfinite(last)
    rgb = np.where(thing[..., None], drawn.hits.rgb[:, :, -1], wall.rgb)
    depth = np.where(thing, last, wall.depth)
    return np.clip(rgb / 255.0, 0.0, 1.0).astype(np.float32), depth.astype(np.float32)
