"""What the rays of a fan of columns meet in the gallery: everything, with its distance.

\\   |   /       one ray a column, through a picture plane at distance 1; distances
 \\  |  /        are along the heading, so that straight walls look straight
   you
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foreworld.worlds.gallery_state import BALL, BOX, DOOR_HALF, HALF, PILLAR, STATE, B, P, X

WIDE = 0.84  # half the width of the picture plane: 80 degrees are seen
WALL_HIGH, PILLAR_HIGH, BOX_HIGH, SCREEN_HIGH, DOOR_HIGH = 1.15, 1.15, 0.56, 0.92, 0.9  # metres
FOG = 0.13  # how much darker a metre makes
ASLANT = 0.55  # light of a surface seen from its side; 1 from before it
RADIUS = np.array([PILLAR] * P + [BALL] * B, np.float32)
ONE, ZERO, TINY, FAR_OUT = (np.float32(x) for x in (1, 0, 1e-6, np.inf))

Array = np.ndarray


class Hits(NamedTuple):
    """What W rays of N galleries meet of K things, those of `THINGS` and the doors."""

    depth: Array  # [N, W, K] metres along the heading; inf where a ray misses
    low: Array  # [N, W, K] metres above the floor
    high: Array
    light: Array  # [N, W, K] how bright that is
    rgb: Array  # [N, K, 3] of what colour, 0 to 255
    normal: Array  # [N, W, K, 2], east and north


class Walls(NamedTuple):
    """The walls behind everything: arrays [N, W, ...]."""

    depth: Array
    rgb: Array  # as bright as they are there
    normal: Array


def rays(state: Array, columns: int) -> tuple[Array, Array]:
    """Your place [N, 2] and the rays [N, W, 2], left to right; 1 metre along the heading each."""
    heading = STATE.read(state, "heading").astype(np.float32)  # exact enough to be seen, and quick
    right = np.stack([heading[:, 1], -heading[:, 0]], 1)
    aside = (((np.arange(columns) + 0.5) * (2.0 / columns) - 1.0) * WIDE).astype(np.float32)
    return _read(state, "place"), heading[:, None] + aside[:, None] * right[:, None]


def _read(state: Array, name: str) -> Array:
    return STATE.read(state, name).astype(np.float32)


def fog(depth: Array) -> Array:
    """How much light comes from so far away."""
    return 1.0 / (1.0 + FOG * depth)


def meet_walls(state: Array, at: Array, way: Array) -> Walls:
    """Where rays leave the room, and through which of the four walls."""
    ahead = np.where(way >= 0.0, ONE, -ONE)
    steps = (ahead * HALF - at[:, None]) / _not_zero(way)
    along_y = steps[..., 1] < steps[..., 0]
    depth = np.where(along_y, steps[..., 1], steps[..., 0])
    which = np.where(along_y, np.where(ahead[..., 1] > 0, 0, 2), np.where(ahead[..., 0] > 0, 1, 3))
    rgb = _read(state, "walls_rgb")[np.arange(len(state))[:, None], which]
    normal = np.where(np.stack([~along_y, along_y], -1), -ahead, ZERO)
    return Walls(depth, rgb * fog(depth)[..., None], normal)


def meet_things(state: Array, at: Array, way: Array, walls: Walls) -> Hits:
    """What rays meet on their way to the wall: pillars, balls, boxes, the screen, doors."""
    groups = [_round(state, at, way), _square(state, at, way), _doors(state, at, way, walls)]
    depth, low, high, normal = (np.concatenate(part, 2) for part in zip(*groups, strict=True))
    length = np.sqrt(way[..., 0] ** 2 + way[..., 1] ** 2)[..., None]
    facing = -(normal[..., 0] * way[..., :1] + normal[..., 1] * way[..., 1:]) / length
    light = fog(depth) * (ASLANT + (1.0 - ASLANT) * np.maximum(facing, 0.0))
    shut = 1.0 - 0.85 * _read(state, "open")[..., None]  # through an open door it is dark
    screen_rgb, door_rgb = (_read(state, f"{k}_rgb")[:, None] for k in ("screen", "door"))
    things = (_read(state, f"{k}_rgb") for k in ("pillar", "ball", "box"))
    return Hits(
        depth, low, high, light, np.concatenate([*things, screen_rgb, door_rgb * shut], 1), normal
    )


def _not_zero(way: Array) -> Array:
    return np.where(np.abs(way) < TINY, np.where(way >= 0.0, TINY, -TINY), way)


def _round(state: Array, at: Array, way: Array) -> tuple[Array, ...]:
    """Pillars, and balls: in each column as high as the ray's chord, as far as their middle."""
    centre = np.concatenate([_read(state, "pillars"), _read(state, "balls")], 1)
    there = [_read(state, f"{kind}_there") for kind in ("pillars", "balls")]
    gap, way = (centre - at[:, None])[:, None], way[:, :, None]  # [N, 1, K, 2], [N, W, 1, 2]
    square = way[..., 0] ** 2 + way[..., 1] ** 2
    middle = (gap[..., 0] * way[..., 0] + gap[..., 1] * way[..., 1]) / square
    aside = (gap[..., 0] * way[..., 1] - gap[..., 1] * way[..., 0]) ** 2 / square
    chord = np.sqrt(np.maximum(RADIUS**2 - aside, 0.0))
    hit = (chord > 0.0) & (middle > 0.05) & (np.concatenate(there, 1) > 0.0)[:, None]
    surface = middle - chord / np.sqrt(square)
    normal = (surface[..., None] * way - gap) / RADIUS[:, None]
    low, high = np.zeros_like(chord), np.full_like(chord, PILLAR_HIGH)
    low[..., P:], high[..., P:] = BALL - chord[..., P:], BALL + chord[..., P:]
    surface[..., P:] = middle[..., P:]
    return np.where(hit, surface, FAR_OUT), low, high, normal


def _square(state: Array, at: Array, way: Array) -> tuple[Array, ...]:
    """Boxes and the screen."""
    screen = _read(state, "screen")
    centre = np.concatenate([_read(state, "boxes"), screen[:, None, :2]], 1)
    half = np.concatenate([np.full((len(state), X, 2), BOX, np.float32), screen[:, None, 2:]], 1)
    there = np.concatenate([_read(state, "boxes_there"), screen[:, 2:3]], 1) > 0.0
    gap, safe = (centre - at[:, None])[:, None], _not_zero(way)[:, :, None]
    one, two = (gap - half[:, None]) / safe, (gap + half[:, None]) / safe
    enter, leave = np.minimum(one, two), np.maximum(one, two)
    across_x = enter[..., 0] > enter[..., 1]
    depth = np.where(across_x, enter[..., 0], enter[..., 1])
    hit = (depth < np.minimum(leave[..., 0], leave[..., 1])) & (depth > 0.02) & there[:, None]
    towards = np.where(safe >= 0.0, -ONE, ONE)
    normal = np.where(np.stack([across_x, ~across_x], -1), towards, ZERO)
    high = np.broadcast_to(np.array([BOX_HIGH] * X + [SCREEN_HIGH], np.float32), depth.shape)
    return np.where(hit, depth, FAR_OUT), np.zeros_like(depth), high, normal


def _doors(state: Array, at: Array, way: Array, walls: Walls) -> tuple[Array, ...]:
    """Pieces of the north and the south wall."""
    x = at[:, None, :1] + walls.depth[..., None] * way[..., :1]
    hit = walls.normal[..., 1:] == (-1.0, 1.0)
    hit &= np.abs(x - _read(state, "doors")[:, None]) < DOOR_HALF
    depth = np.where(hit, walls.depth[..., None] - 1e-4, FAR_OUT)
    normal = np.repeat(walls.normal[:, :, None], hit.shape[2], 2)
    return depth, np.zeros_like(depth), np.full_like(depth, DOOR_HIGH), normal
