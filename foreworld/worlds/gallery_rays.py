"""What the rays of a fan of columns meet in the gallery: everything, with its distance.

\\   |   /       one ray a column, through a picture plane at distance 1; distances
 \\  |  /        are along the heading, so that straight walls look straight
   you
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foreworld.worlds.gallery_state import (
    BALL,
    BOX,
    BOXES,
    DOOR_HALF,
    HALF,
    PILLAR,
    PILLARS,
    STATE,
    B,
    D,
    P,
    X,
)

WIDE = 0.84  # half the width of the picture plane: 80 degrees are seen
NOWHERE = np.inf
WALL_HIGH, PILLAR_HIGH, BOX_HIGH, SCREEN_HIGH, DOOR_HIGH = 1.15, 1.15, 0.56, 0.92, 0.9  # metres
FOG = 0.13  # how much darker a metre makes

Array = np.ndarray


class Hits(NamedTuple):
    """What W rays of N galleries meet, of K things: arrays [N, W, K, ...]; walls are apart."""

    depth: Array  # metres along the heading; inf where a ray misses
    low: Array  # metres above the floor
    high: Array
    rgb: Array  # [N, W, K, 3], 0 to 255, shaded
    normal: Array  # [N, W, K, 2], east and north


class Walls(NamedTuple):
    """The wall behind everything: arrays [N, W, ...]."""

    depth: Array
    rgb: Array
    normal: Array


def rays(state: Array, columns: int) -> tuple[Array, Array]:
    """Your place [N, 2] and the rays [N, W, 2], left to right; 1 metre along the heading each."""
    heading = STATE.read(state, "heading")
    right = np.stack([heading[:, 1], -heading[:, 0]], 1)
    aside = ((np.arange(columns) + 0.5) * (2.0 / columns) - 1.0) * WIDE
    return STATE.read(state, "place"), heading[:, None] + aside[:, None] * right[:, None]


def meet_walls(state: Array, at: Array, way: Array) -> Walls:
    """Where rays leave the room, and which of the four walls that is."""
    ahead = np.where(way >= 0.0, 1.0, -1.0)
    steps = (ahead * HALF - at[:, None]) / np.where(np.abs(way) < 1e-9, 1e-9 * ahead, way)
    along_y = steps[..., 1] < steps[..., 0]
    depth = np.where(along_y, steps[..., 1], steps[..., 0])
    which = np.where(along_y, np.where(ahead[..., 1] > 0, 0, 2), np.where(ahead[..., 0] > 0, 1, 3))
    rgb = np.take_along_axis(STATE.read(state, "walls_rgb"), which[..., None], 1)
    normal = np.where(np.stack([~along_y, along_y], -1), -ahead, 0.0)
    return Walls(depth, rgb * fog(depth)[..., None], normal)


def meet_things(state: Array, at: Array, way: Array, walls: Walls) -> Hits:
    """What rays meet on their way to the wall, in the order of `THINGS`, doors last."""
    parts = [
        *(_pillar(state, at, way, k) for k in range(P)),
        *(_box(state, at, way, k) for k in range(X)),
        *(_ball(state, at, way, k) for k in range(B)),
        _screen(state, at, way),
        *(_door(state, at, way, walls, k) for k in range(D)),
    ]
    return Hits(*(np.stack(part, 2) for part in zip(*parts, strict=True)))


def fog(depth: Array) -> Array:
    """How much light comes from so far away."""
    return 1.0 / (1.0 + FOG * depth)


def _disc(at: Array, way: Array, centre: Array, radius: float) -> tuple[Array, Array, Array]:
    """Depth of the nearest point of a disc, depth of its middle, and half the chord [N, W].

    inf for rays that miss, and for discs behind.
    """
    gap = (centre - at)[:, None]  # [N, 1, 2]
    square = way[..., 0] ** 2 + way[..., 1] ** 2
    middle = (gap[..., 0] * way[..., 0] + gap[..., 1] * way[..., 1]) / square
    aside = (gap[..., 0] * way[..., 1] - gap[..., 1] * way[..., 0]) ** 2 / square
    chord = np.sqrt(np.maximum(radius**2 - aside, 0.0))
    hit = (aside < radius**2) & (middle > 0.05)
    depth = np.where(hit, middle - chord / np.sqrt(square), NOWHERE)
    return depth, middle, chord


def _slab(at: Array, way: Array, centre: Array, half: Array) -> tuple[Array, Array]:
    """Depth at which rays enter a rectangle [N, W], and whether across x."""
    safe = np.where(np.abs(way) < 1e-9, np.where(way >= 0.0, 1e-9, -1e-9), way)
    one = (centre - half - at)[:, None] / safe
    two = (centre + half - at)[:, None] / safe
    enter, leave = np.minimum(one, two), np.maximum(one, two)
    across_x = enter[..., 0] > enter[..., 1]
    depth = np.where(across_x, enter[..., 0], enter[..., 1])
    hit = (depth < np.minimum(leave[..., 0], leave[..., 1])) & (depth > 0.02)
    return np.where(hit, depth, NOWHERE), across_x


def _shown(
    depth: Array, low: Array | float, high: Array | float, rgb: Array, normal: Array, way: Array
) -> tuple:
    """A part of `Hits`: lit from where you are, darker far away and where it is seen aslant."""
    length = np.sqrt(way[..., 0] ** 2 + way[..., 1] ** 2)
    facing = -(normal[..., 0] * way[..., 0] + normal[..., 1] * way[..., 1]) / length
    near = np.where(np.isfinite(depth), depth, 0.0)
    light = fog(near) * (0.55 + 0.45 * np.maximum(facing, 0.0))
    full = np.broadcast_to(low, depth.shape), np.broadcast_to(high, depth.shape)
    return depth, *full, rgb[:, None] * light[..., None], normal


def _there(depth: Array, there: Array) -> Array:
    return np.where(there[:, None] > 0.0, depth, NOWHERE)


def _round_normal(at: Array, way: Array, depth: Array, centre: Array, radius: float) -> Array:
    near = np.where(np.isfinite(depth), depth, 0.0)[..., None]
    return (at[:, None] + near * way - centre[:, None]) / radius


def _pillar(state: Array, at: Array, way: Array, k: int) -> tuple:
    centre = STATE.read(state, "pillars")[:, k]
    depth = _there(_disc(at, way, centre, PILLAR)[0], STATE.read(state, "pillars_there")[:, k])
    normal = _round_normal(at, way, depth, centre, PILLAR)
    return _shown(depth, 0.0, PILLAR_HIGH, STATE.read(state, "pillar_rgb")[:, k], normal, way)


def _ball(state: Array, at: Array, way: Array, k: int) -> tuple:
    """A ball is as high in a column as the ray's chord, and as far as its middle: round."""
    centre = STATE.read(state, "balls")[:, k]
    depth, middle, chord = _disc(at, way, centre, BALL)
    depth = _there(depth, STATE.read(state, "balls_there")[:, k])
    normal = _round_normal(at, way, depth, centre, BALL)
    depth = np.where(np.isfinite(depth), middle, NOWHERE)
    rgb = STATE.read(state, "ball_rgb")[:, k]
    return _shown(depth, BALL - chord, BALL + chord, rgb, normal, way)


def _flat_normal(way: Array, across_x: Array) -> Array:
    return np.where(np.stack([across_x, ~across_x], -1), -np.where(way >= 0.0, 1.0, -1.0), 0.0)


def _box(state: Array, at: Array, way: Array, k: int) -> tuple:
    half = np.full((len(state), 2), BOX)
    depth, across_x = _slab(at, way, STATE.read(state, "boxes")[:, k], half)
    depth = _there(depth, STATE.read(state, "boxes_there")[:, k])
    rgb = STATE.read(state, "box_rgb")[:, k]
    return _shown(depth, 0.0, BOX_HIGH, rgb, _flat_normal(way, across_x), way)


def _screen(state: Array, at: Array, way: Array) -> tuple:
    screen = STATE.read(state, "screen")
    depth, across_x = _slab(at, way, screen[:, :2], screen[:, 2:])
    depth = _there(depth, screen[:, 2])
    rgb = STATE.read(state, "screen_rgb")
    return _shown(depth, 0.0, SCREEN_HIGH, rgb, _flat_normal(way, across_x), way)


def _door(state: Array, at: Array, way: Array, walls: Walls, k: int) -> tuple:
    """A piece of the north or the south wall; open, it is dark."""
    side = (1.0, -1.0)[k]
    x = at[:, :1] + walls.depth * way[..., 0]
    hit = walls.normal[..., 1] == -side
    hit &= np.abs(x - STATE.read(state, "doors")[:, k, None]) < DOOR_HALF
    depth = np.where(hit, walls.depth - 1e-6, NOWHERE)
    shut = 1.0 - 0.85 * STATE.read(state, "open")[:, k, None]
    rgb = STATE.read(state, "door_rgb") * shut
    return _shown(depth, 0.0, DOOR_HIGH, rgb, walls.normal, way)


COUNT = len(PILLARS) + len(BOXES) + B + 1 + D
