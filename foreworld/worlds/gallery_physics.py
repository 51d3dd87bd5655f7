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
    B,
    P,
    X,
)

TURN = float(np.tan(np.pi / 18))  # a full turn action is 20 degrees
STRIDE = 0.2  # metres a step
TOP = 0.22  # metres a step of a ball
ROUND_BOX = 1.15 * BOX  # what a ball feels of a box
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
    pillars, pillars_there = STATE.read(state, "pillars"), STATE.read(state, "pillars_there")
    for pillar in range(P):
        out = _out_of_disc(place, pillars[:, pillar], BODY + PILLAR)
        place = place + out * pillars_there[:, pillar, None]
    place = np.clip(place - _into_screen(state, place, BODY), -limit, limit)
    return np.where(_stuck(state, place, boxes)[:, None], before, place), boxes


def _into(place: Array, centre: Array, reach: Array | float) -> Array:
    """How far a square around `centre` must move to leave `place` [N, 2], along one axis."""
    gap = centre - place
    depth = reach - np.abs(gap)
    inside = (depth > 0.0).all(1)
    along_x = depth[:, 0] < depth[:, 1]
    way = np.where(gap >= 0.0, 1.0, -1.0) * depth
    way = np.where(np.stack([along_x, ~along_x], 1), way, 0.0)
    return way * inside[:, None]


def _into_screen(state: Array, place: Array, radius: float) -> Array:
    screen = STATE.read(state, "screen")
    return _into(place, screen[:, :2], screen[:, 2:] + radius) * (screen[:, 2:3] > 0.0)


def _out_of_disc(place: Array, centre: Array, reach: float) -> Array:
    """The way [N, 2] out of a disc, straight from its middle; nothing outside of it."""
    gap = place - centre
    length = np.maximum(np.sqrt(gap[:, 0] ** 2 + gap[:, 1] ** 2), 1e-9)
    return gap / length[:, None] * np.maximum(reach - length, 0.0)[:, None]


def _is_free(state: Array, boxes: Array, box: int) -> Array:
    """Whether a box stands clear of walls, pillars, screen and other boxes: bool [N]."""
    at = boxes[:, box]
    free = (np.abs(at) <= HALF - BOX).all(1)
    pillars, there = STATE.read(state, "pillars"), STATE.read(state, "pillars_there")
    for pillar in range(P):
        hit = (np.abs(at - pillars[:, pillar]) < BOX + PILLAR).all(1)
        free &= ~(hit & (there[:, pillar] > 0.0))
    others = STATE.read(state, "boxes_there")
    for other in range(X):
        if other != box:
            hit = (np.abs(at - boxes[:, other]) < 2 * BOX).all(1)
            free &= ~(hit & (others[:, other] > 0.0))
    return free & (_into_screen(state, at, BOX) == 0.0).all(1)


def _stuck(state: Array, place: Array, boxes: Array) -> Array:
    """Whether you would stand in something after all: bool [N]."""
    slack = 1e-9
    stuck = (np.abs(_into_screen(state, place, BODY - slack)) > 0.0).any(1)
    there = STATE.read(state, "boxes_there")
    for box in range(X):
        into = _into(place, boxes[:, box], BODY + BOX - slack)
        stuck |= (np.abs(into) > 0.0).any(1) & (there[:, box] > 0.0)
    pillars, pillars_there = STATE.read(state, "pillars"), STATE.read(state, "pillars_there")
    for pillar in range(P):
        out = _out_of_disc(place, pillars[:, pillar], BODY + PILLAR - slack)
        stuck |= (np.abs(out) > 0.0).any(1) & (pillars_there[:, pillar] > 0.0)
    return stuck


def opened(state: Array, place: Array, move: Array) -> Array:
    """Doors [N, D] after you have walked: those that you run into open, and stay open."""
    doors, open_ = STATE.read(state, "doors"), STATE.read(state, "open")
    for door, side in enumerate((1.0, -1.0)):
        before_it = np.abs(place[:, 0] - doors[:, door]) < DOOR_HALF
        near = side * place[:, 1] > HALF - BODY - REACH
        touched = before_it & near & (side * move[:, 1] > 0.0)
        open_[:, door] = np.where(touched, 1.0, open_[:, door])
    return open_


def rolled(state: Array, place: Array, boxes: Array) -> tuple[Array, Array, Array]:
    """Balls [N, B, 2], their speeds, and which are there [N, B]; two halves of a step.

    A ball that meets an open door leaves the room for good.
    """
    balls, speed = STATE.read(state, "balls"), STATE.read(state, "speed")
    there = STATE.read(state, "balls_there")
    for _ in range(2):
        balls = balls + 0.5 * speed
        for ball in range(B):
            at, way = balls[:, ball], speed[:, ball]
            gone = _through_door(state, at)
            there[:, ball] = np.where(gone, 0.0, there[:, ball])
            at, way = _off_walls(at, way)
            for centre, reach, is_there in _discs(state, place, boxes):
                out = _out_of_disc(at, centre, reach) * is_there
                at, way = at + out, _off(way, out)
            out = -_into_screen(state, at, BALL)
            balls[:, ball], speed[:, ball] = at + out, _off(way, out)
    return balls, speed * there[..., None], there


def _discs(state: Array, place: Array, boxes: Array) -> list[tuple[Array, float, Array | float]]:
    """What balls bounce off: centres [N, 2], how near a ball gets, and whether it is there."""
    pillars, pillars_there = STATE.read(state, "pillars"), STATE.read(state, "pillars_there")
    boxes_there = STATE.read(state, "boxes_there")
    return [
        (place, BODY + BALL, 1.0),
        *((pillars[:, k], PILLAR + BALL, pillars_there[:, k, None]) for k in range(P)),
        *((boxes[:, k], ROUND_BOX + BALL, boxes_there[:, k, None]) for k in range(X)),
    ]


def _off(speed: Array, out: Array) -> Array:
    """Speeds [N, 2] mirrored where they point against a way out of something."""
    length = np.sqrt(out[:, :1] ** 2 + out[:, 1:] ** 2)
    normal = out / np.maximum(length, 1e-12)
    against = np.minimum(speed[:, :1] * normal[:, :1] + speed[:, 1:] * normal[:, 1:], 0.0)
    return speed - 2.0 * against * normal


def _off_walls(at: Array, speed: Array) -> tuple[Array, Array]:
    bound = HALF - BALL
    beyond = np.abs(at) > bound
    back = np.sign(at) * (2.0 * bound) - at
    return np.where(beyond, back, at), np.where(beyond & (at * speed > 0.0), -speed, speed)


def _through_door(state: Array, at: Array) -> Array:
    """Whether a ball [N, 2] touches the wall where a door is open."""
    doors, open_ = STATE.read(state, "doors"), STATE.read(state, "open") > 0.0
    gone = np.zeros(len(state), bool)
    for door, side in enumerate((1.0, -1.0)):
        in_it = np.abs(at[:, 0] - doors[:, door]) < DOOR_HALF - 0.5 * BALL
        gone |= open_[:, door] & in_it & (side * at[:, 1] > HALF - BALL)
    return gone
