"""The numbers that are a gallery at one instant, and how an episode's first ones are drawn.

Lengths are in metres; the room is the square [-HALF, HALF]^2, x to the east, y to the north.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

import numpy as np

from foreworld.worlds.functional import FlatState

HALF = 3.0
PILLARS = ("gold", "red", "green")  # the first is where you are to go
BOXES = ("orange", "teal")
BALLS = ("blue", "pink")
DOORS = ("north", "south")
THINGS = (*PILLARS, *BALLS, *BOXES, "screen")
P, X, B, D = len(PILLARS), len(BOXES), len(BALLS), len(DOORS)
BODY, PILLAR, BOX, BALL = 0.25, 0.28, 0.3, 0.24  # radii of you, pillars, balls; half a box
DOOR_HALF = 0.5
SCREEN_THICK = 0.06  # half of it
HSV = {
    "pillar_rgb": ((0.13, 0.85, 0.95), (0.99, 0.8, 0.85), (0.35, 0.75, 0.65)),
    "box_rgb": ((0.06, 0.75, 0.85), (0.49, 0.7, 0.7)),
    "ball_rgb": ((0.61, 0.8, 0.95), (0.9, 0.6, 0.95)),
}
WALLS = ((0.60, 0.16, 0.72), (0.09, 0.18, 0.74), (0.33, 0.14, 0.66), (0.93, 0.14, 0.70))  # N E S W
FLOOR, CEILING, SCREEN, DOOR = (
    (0.08, 0.3, 0.5),
    (0.58, 0.08, 0.9),
    (0.75, 0.3, 0.55),
    (0.07, 0.6, 0.4),
)
CELLS = 4  # things begin in different cells of a grid

STATE = FlatState(
    place=(2,),  # you
    heading=(2,),  # cosine and sine, counted from east
    pillars=(P, 2),
    pillars_there=(P,),
    boxes=(X, 2),
    boxes_there=(X,),
    balls=(B, 2),
    speed=(B, 2),  # of the balls, metres per step
    balls_there=(B,),
    screen=(4,),  # x, y, half its length in x (0: none) and in y
    doors=(D,),  # x of the doors in the north and in the south wall
    open=(D,),
    pillar_rgb=(P, 3),
    box_rgb=(X, 3),
    ball_rgb=(B, 3),
    screen_rgb=(3,),
    door_rgb=(3,),
    walls_rgb=(4, 3),
    floor_rgb=(3,),
    ceiling_rgb=(3,),
    stride=(),
    turn=(),
    kick=(),
    noise=(),  # of the sensor
    seed=(),
    clock=(),
    reward=(),
)

Array = np.ndarray


def first(rng: np.random.Generator, factors: Mapping[str, float]) -> Array:
    """The first state [S] of an episode with these factors; always as many random numbers."""
    cells, jitter = rng.permutation(CELLS**2), rng.random((CELLS**2, 2))
    angles, doors, seed = rng.random(1 + B) * (2 * np.pi), rng.random(D), rng.integers(2**31)
    pitch = 2 * HALF / CELLS
    corner = np.stack([cells % CELLS, cells // CELLS], 1) * pitch - HALF + pitch / 2
    place = corner + (pitch / 2 - 0.4) * (2 * jitter - 1)
    # The screen takes two cells side by side in the middle; what was there moves to free ones.
    centre = np.array((0.0, 0.0))
    long = factors["screen"]
    beside = np.abs(place[:, 1]) > 0.55
    beside |= np.abs(place[:, 0]) > long + 0.4
    place = place[np.argsort(~beside, kind="stable")]
    balls_there = _some(factors["balls"], B, "balls")
    state = np.zeros((1, STATE.width))
    STATE.write(
        state,
        place=place[0],
        heading=(np.cos(angles[0]), np.sin(angles[0])),
        pillars=place[1 : 1 + P],
        pillars_there=_some(factors["pillars"], P, "pillars"),
        boxes=place[1 + P : 1 + P + X],
        boxes_there=_some(factors["boxes"], X, "boxes"),
        balls=place[1 + P + X : 1 + P + X + B],
        speed=_ways(angles[1:], factors["speed"]) * balls_there[:, None],
        balls_there=balls_there,
        screen=(*centre, long, SCREEN_THICK),
        doors=(2 * doors - 1) * (HALF - 2 * DOOR_HALF),
        seed=seed,
        **_looks(factors),
        **{name: factors[name] for name in ("stride", "turn", "kick", "noise")},
    )
    return state[0]


def _some(count: float, most: int, what: str) -> Array:
    if not 0 <= round(count) <= most:
        raise ValueError(f"{what}={count:g}; valid: 0 to {most}")
    return (np.arange(most) < round(count)).astype(float)


def _ways(angles: Array, length: float) -> Array:
    return length * np.stack([np.cos(angles), np.sin(angles)], 1)


def _looks(factors: Mapping[str, float]) -> dict[str, Array]:
    """The colours of everything, 0 to 255."""
    hue, bright, light = factors["hue"], factors["brightness"], factors["light"]
    looks = {k: np.array([_shade(c, bright * light, hue) for c in v]) for k, v in HSV.items()}
    walls = np.array([_shade(c, light, factors["wall_hue"]) for c in WALLS])
    rest = {"floor_rgb": FLOOR, "ceiling_rgb": CEILING, "screen_rgb": SCREEN, "door_rgb": DOOR}
    return looks | {"walls_rgb": walls} | {k: np.array(_shade(c, light)) for k, c in rest.items()}


def _shade(
    hsv: tuple[float, float, float], brightness: float, hue: float = 0.0
) -> tuple[float, float, float]:
    rgb = colorsys.hsv_to_rgb((hsv[0] + hue) % 1.0, hsv[1], min(hsv[2] * brightness, 1.0))
    return rgb[0] * 255.0, rgb[1] * 255.0, rgb[2] * 255.0
