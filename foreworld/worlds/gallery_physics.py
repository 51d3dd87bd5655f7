"""How you walk, how boxes are pushed, how balls roll: pure functions of arrays [N, ...].

Nothing here takes a sine: a turn is a rational rotation (Cayley's), so that a row of a batch is to
the last bit what it would be alone, and full turns close to rounding::

    cos = (1 - t^2) / (1 + t^2)     sin = 2 t / (1 + t^2)     t = action * tan(half the angle)
"""

from __future__ import annotations

import numpy as np

from foreworld.worlds.gallery_state import (
    BALL,
    BODY,
    BOX,
    DOOR_HALF,
    HALF,
    PILLAR,
    STATE,
    P,
    X,
)

TURN = float(np.tan(np.pi / 18))  # a full turn action is 20 degrees
STRIDE = 0.2  # metres a step
TOP = 0.22  # metres a step of a ball
FEELS = np.array([BODY] + [PILLAR] * P + [1.15 * BOX] * X)  # radii of what balls bounce off
SIDES = np.array((1.0, -1.0))  # of the north and the south wall
REACH = 0.12  # how near you are to a door that opens

Array = np.ndarray


def turned(heading: Array, turn: Array) -> Array:
    """Headings [N, 2] turned to the left by `turn` [N], in full actions."""
    t = TURN * turn
    cos, sin = (1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)
    x, y = heading[:, 0], heading[:, 1]
    after = np.stack([cos * x - sin * y, sin * x + cos * y], 1)
    return after / np.sqrt(after[:, :1] ** 2 + after[:, 1:] ** 2)


def walked(state: Array, move: Array) -> tuple[Array, Array]:
    """Your place [N, 2] after a move [N, 2], and the boxes [N, X, 2] you have pushed."""
    before, boxes = STATE.read(state, "place"), STATE.read(state, "boxes")
    there, limit = STATE.read(state, "boxes_there"), HALF - BODY
    place = np.clip(before + move, -limit, limit)
    for box in range(X):
        into = _into(place, boxes[:, box], BODY + BOX) * there[:, box, None]
        pushed = boxes.copy()
        pushed[:, box] += into
        free = _is_free(state, pushed, box)[:, None]
        boxes = np.where(free[..., None], pushed, boxes)
        place = np.where(free, place, place - into)
    standing = STATE.read(state, "pillars_there")
    out = _out_of_discs(place[:, None], STATE.read(state, "pillars"), BODY + PILLAR, standing)
    place = place + out[:, 0]
    place = np.clip(place - _into_screen(state, place, BODY), -limit, limit)
    return np.where(_stuck(state, place, boxes)[:, None], before, place), boxes


def _into(place: Array, centre: Array, reach: Array | float) -> Array:
    """How far rectangles around `centre` must move to leave places [..., 2], along one axis."""
    gap = centre - place
    depth = reach - np.abs(gap)
    inside = (depth > 0.0).all(-1)
    along_x = depth[..., 0] < depth[..., 1]
    way = np.where(gap >= 0.0, depth, -depth)
    return np.where(np.stack([along_x & inside, ~along_x & inside], -1), way, 0.0)


def _into_screen(state: Array, place: Array, radius: float) -> Array:
    """The same for the screen and places [N, 2] or [N, M, 2]."""
    screen = STATE.read(state, "screen")
    if place.ndim == 3:
        screen = screen[:, None]
    into = _into(place, screen[..., :2], screen[..., 2:] + radius)
    return into * (screen[..., 2:3] > 0.0)


def _out_of_discs(place: Array, centre: Array, reach: Array | float, there: Array) -> Array:
    """The ways [N, M, 2] of M places out of K discs, straight from their middles, summed.

    place [N, M, 2], centre [N, K, 2], reach [K] or one for all, there [N, K].
    """
    gap = place[:, :, None] - centre[:, None]
    length = np.maximum(np.sqrt(gap[..., 0] ** 2 + gap[..., 1] ** 2), 1e-9)
    inside = np.maximum(reach - length, 0.0) * there[:, None]
    return (gap * (inside / length)[..., None]).sum(2)


def _is_free(state: Array, boxes: Array, box: int) -> Array:
    """Whether a box stands clear of walls, pillars, screen and other boxes: bool [N]."""
    at = boxes[:, box]
    away = [np.abs(at[:, None] - STATE.read(state, "pillars")), np.abs(at[:, None] - boxes)]
    near = np.concatenate([away[0] < BOX + PILLAR, away[1] < 2 * BOX], 1).all(2)
    there = [STATE.read(state, f"{kind}_there") for kind in ("pillars", "boxes")]
    near &= np.concatenate(there, 1) > 0.0
    near[:, P + box] = False  # itself
    inside = (np.abs(at) <= HALF - BOX).all(1)
    return inside & ~near.any(1) & (_into_screen(state, at, BOX) == 0.0).all(1)


def _stuck(state: Array, place: Array, boxes: Array) -> Array:
    """Whether you would stand in something after all: bool [N]."""
    slack = 1e-9
    stuck = (_into_screen(state, place, BODY - slack) != 0.0).any(1)
    near = (np.abs(boxes - place[:, None]) < BODY + BOX - slack).all(2)
    stuck |= (near & (STATE.read(state, "boxes_there") > 0.0)).any(1)
    standing = STATE.read(state, "pillars_there")
    reach = BODY + PILLAR - slack
    out = _out_of_discs(place[:, None], STATE.read(state, "pillars"), reach, standing)
    return stuck | (out != 0.0).any((1, 2))


def opened(state: Array, place: Array, move: Array) -> Array:
    """Doors [N, D] after you have walked: those that you run into open, and stay open."""
    before_it = np.abs(place[:, :1] - STATE.read(state, "doors")) < DOOR_HALF
    near = place[:, 1:] * SIDES > HALF - BODY - REACH
    touched = before_it & near & (move[:, 1:] * SIDES > 0.0)
    return np.where(touched, 1.0, STATE.read(state, "open"))


def rolled(state: Array, place: Array, boxes: Array) -> tuple[Array, Array, Array]:
    """Balls [N, B, 2] one step on, their speeds, and which are there [N, B].

    A ball that meets an open door leaves the room for good.
    """
    speed, there = STATE.read(state, "speed"), STATE.read(state, "balls_there")
    balls = STATE.read(state, "balls") + speed
    there = np.where(_through_door(state, balls), 0.0, there)
    balls, speed = _off_walls(balls, speed)
    one = np.ones((len(state), 1))
    standing = [one, *(STATE.read(state, f"{kind}_there") for kind in ("pillars", "boxes"))]
    centre = np.concatenate([place[:, None], STATE.read(state, "pillars"), boxes], 1)
    out = _out_of_discs(balls, centre, FEELS + BALL, np.concatenate(standing, 1))
    balls, speed = balls + out, _off(speed, out)
    out = -_into_screen(state, balls, BALL)
    return balls + out, _off(speed, out) * there[..., None], there


def _off(speed: Array, out: Array) -> Array:
    """Speeds [..., 2] mirrored where they point against a way out of something."""
    square = np.maximum(out[..., :1] ** 2 + out[..., 1:] ** 2, 1e-24)
    against = np.minimum(speed[..., :1] * out[..., :1] + speed[..., 1:] * out[..., 1:], 0.0)
    return speed - 2.0 * against / square * out


def _off_walls(at: Array, speed: Array) -> tuple[Array, Array]:
    bound = HALF - BALL
    beyond = np.abs(at) > bound
    back = np.sign(at) * (2.0 * bound) - at
    return np.where(beyond, back, at), np.where(beyond & (at * speed > 0.0), -speed, speed)


def _through_door(state: Array, balls: Array) -> Array:
    """Whether balls touch the wall where a door is open: bool [N, B]."""
    doors, open_ = STATE.read(state, "doors")[:, None], STATE.read(state, "open")[:, None]
    in_it = np.abs(balls[..., :1] - doors) < DOOR_HALF - 0.5 * BALL  # [N, B, D]
    gone = in_it & (open_ > 0.0) & (balls[..., 1:] * SIDES > HALF - BALL)
    return np.any(gone, axis=2)
