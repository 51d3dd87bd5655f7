"""How the box looks from above: floor and walls, the mark, balls, and the screen over all of them.

paint(state, size)        # uint8 [N, size, size, 3], a pure function of the states
"""

from __future__ import annotations

from functools import cache
from math import ceil

import numpy as np

from foreworld.worlds.bounce_physics import HALF
from foreworld.worlds.bounce_state import MARK_RADIUS, STATE
from foreworld.worlds.raster import Sprite, box_distance, empty_sprite, stamp
from foreworld.worlds.sensor import sensed

MARK = np.array((250.0, 214.0, 70.0), np.float32)
WALL = 0.42  # of the floor's brightness
CORE = 45.0  # grey of the core of your ball
SHINE = 0.35  # how white the light on a ball is

Array = np.ndarray


def paint(state: Array, size: int) -> Array:
    """Pictures uint8 [N, size, size, 3] of states [N, S]."""
    canvas = _room(STATE.read(state, "floor_rgb"), size)
    _mark(canvas, state, size)
    place, radius = STATE.read(state, "place"), STATE.read(state, "radius")
    rgb, there = STATE.read(state, "rgb"), STATE.read(state, "there")
    centres, sprites = pixels(place, size), _balls(radius * size, rgb)
    for ball in reversed(range(place.shape[1])):  # yours, the first, lies on top
        rows = np.flatnonzero(there[:, ball] > 0.0)
        if len(rows):
            _stamp(canvas, rows, centres[rows, ball], sprites[ball].rows(rows))
    _screen(canvas, state, size)
    return sensed(canvas, *(STATE.read(state, name) for name in ("noise", "seed", "clock")))


def pixels(place: Array, size: int) -> Array:
    """Places [..., 2], y upwards, as column and row of a picture."""
    return ((place * (1.0, -1.0) + 0.5) * size).astype(np.float32)


@cache
def _walls(size: int) -> tuple[Array, Array]:
    """Pixels [M] that are not all floor, and how bright they are [M], floor being 1."""
    line, column = np.mgrid[:size, :size]
    x, y = (column + 0.5) / size - 0.5, 0.5 - (line + 0.5) / size
    cover = np.clip(0.5 - box_distance(x, y, HALF, HALF) * size, 0.0, 1.0).ravel()
    there = np.flatnonzero(cover < 1.0)
    return there, (WALL + (1.0 - WALL) * cover[there]).astype(np.float32)


def _room(floor: Array, size: int) -> Array:
    there, shade = _walls(size)
    line = np.tile((floor + 0.5).astype(np.uint8), size)  # whole lines at once are quicker to copy
    picture = np.repeat(line[:, None], size, 1).reshape(len(floor), size * size, 3)
    picture[:, there] = shade[:, None] * floor.astype(np.float32)[:, None] + np.float32(0.5)
    return picture.reshape(-1, size, size, 3)


def _stamp(canvas: Array, rows: Array, centre: Array, sprite: Sprite) -> None:
    size = canvas.shape[1]
    # Large enough for the largest disc; what the window holds beyond a disc does not change, so a
    # row does not depend on which others are drawn with it.
    window = min(ceil(2 * float(sprite.radius.max())) + 3, size)
    stamp(canvas, rows, centre, np.zeros_like(centre), sprite, window)


def _balls(radius: Array, rgb: Array) -> list[Sprite]:
    """One sprite a ball: a disc with a darker rim and a light on it; yours has a dark core."""
    layers = np.empty((3, *radius.shape, 5), np.float32)  # 3 layers, [N, B], what a sprite says
    layers[..., :2], layers[..., 3:5] = 0.0, 1.0
    for layer, share in enumerate((1.0, 0.84, 0.34)):
        layers[layer, ..., 2] = share * radius
    layers[2, ..., 0] = layers[2, ..., 1] = -0.3 * radius
    layers[2, ..., 4] = 0.8
    colours = np.stack([rgb * 0.72, rgb, rgb + SHINE * (255.0 - rgb)]).astype(np.float32)
    layers[2, :, 0, :2], layers[2, :, 0, 2], layers[2, :, 0, 4] = 0.0, 0.42 * radius[:, 0], 1.0
    colours[2, :, 0] = CORE
    parts = [np.moveaxis(part, 0, 2) for part in (*np.moveaxis(layers, -1, 0), colours)]
    return [Sprite(*(part[:, b] for part in parts), square=False) for b in range(radius.shape[1])]


def _mark(canvas: Array, state: Array, size: int) -> None:
    """A ring on the floor."""
    sprite = empty_sprite(len(state), 2, square=False)
    sprite.radius[:] = np.array((MARK_RADIUS, 0.66 * MARK_RADIUS)) * size
    sprite.softness[:] = sprite.opacity[:] = 1.0
    sprite.rgb[:, 0], sprite.rgb[:, 1] = MARK, STATE.read(state, "floor_rgb")
    _stamp(canvas, np.arange(len(state)), pixels(STATE.read(state, "mark"), size), sprite)


def _screen(canvas: Array, state: Array, size: int) -> None:
    """A rectangle over everything, in place."""
    screen, rgb = STATE.read(state, "screen"), STATE.read(state, "screen_rgb")
    rows = np.flatnonzero(screen[:, 2] > 0.0)
    if not len(rows):
        return
    at = (np.arange(size) + 0.5) / size - 0.5
    x, y, half_x, half_y = (screen[rows, k, None] for k in range(4))
    across = np.clip(0.5 + (half_x - np.abs(at - x)) * size, 0.0, 1.0)
    down = np.clip(0.5 + (half_y - np.abs(-at - y)) * size, 0.0, 1.0)
    # From the first to the last that any world's screen touches: screens may stand far apart.
    touched = (np.flatnonzero(cover.any(0)) for cover in (across, down))
    columns, lines = (np.arange(t[0], t[-1] + 1) for t in touched)
    # Columns and channels as one axis: numpy is slow where the last one is short.
    across = np.repeat(across[:, columns], 3, 1).astype(np.float32)
    cover = down[:, lines, None].astype(np.float32) * across[:, None]
    part = (rows, slice(lines[0], lines[-1] + 1), slice(columns[0], columns[-1] + 1))
    picture = canvas[part].reshape(cover.shape).astype(np.float32)
    picture += (np.tile(rgb[rows].astype(np.float32), len(columns))[:, None] - picture) * cover
    picture += np.float32(0.5)
    canvas[part] = picture.astype(np.uint8).reshape(len(rows), len(lines), len(columns), 3)


def visible(place: Array, radius: Array, there: Array, screen: Array) -> Array:
    """Which share of each ball [N, B] the screen [N, 4] leaves to be seen; 0 for those not there.

    Counted on 37 points of a disc.
    """
    x, y = (axis[None, None] for axis in _points())
    px = place[..., 0, None] + radius[..., None] * x
    py = place[..., 1, None] + radius[..., None] * y
    sx, sy, half_x, half_y = (screen[:, k, None, None] for k in range(4))
    hidden = (np.abs(px - sx) < half_x) & (np.abs(py - sy) < half_y)
    return (1.0 - hidden.mean(-1)) * there


@cache
def _points() -> tuple[Array, Array]:
    """Points spread over the unit disc."""
    rings = [(r, np.arange(n) * (2 * np.pi / n)) for r, n in ((0.0, 1), (1 / 3, 6), (2 / 3, 12))]
    rings.append((0.95, np.arange(18) * (2 * np.pi / 18)))
    x = np.concatenate([r * np.cos(angle) for r, angle in rings])
    y = np.concatenate([r * np.sin(angle) for r, angle in rings])
    return x, y
