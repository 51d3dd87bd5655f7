"""The numbers that are a box of balls at one instant, and how an episode's first ones are drawn."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

import numpy as np

from foreworld.worlds.bounce_physics import HALF
from foreworld.worlds.functional import FlatState

BALLS = ("you", "red", "green", "blue")  # by what they look like in training
RADIUS = (0.065, 0.075, 0.07, 0.08)
COLOURS = ((0.0, 0.0, 0.94), (0.0, 0.78, 0.9), (0.36, 0.7, 0.72), (0.6, 0.75, 0.92))  # HSV
FLOOR, SCREEN = (0.62, 0.35, 0.30), (0.09, 0.35, 0.62)
SCREEN_HALF_Y = 0.27
MARK_RADIUS = 0.06
CELLS = 3  # balls begin in different cells of a grid, so that none overlap
TRIES = 64

B = len(BALLS)
STATE = FlatState(
    place=(B, 2),  # in widths of the picture, the middle is 0, y upwards
    speed=(B, 2),  # widths per step
    radius=(B,),
    rgb=(B, 3),  # 0 to 255
    there=(B,),  # 0: no such ball
    mark=(2,),
    screen=(4,),  # x, y, half the width (0: none), half the height
    screen_rgb=(3,),
    floor_rgb=(3,),
    gravity=(),
    friction=(),
    kick=(),
    push=(),
    noise=(),  # of the sensor
    seed=(),  # of the sensor's noise
    clock=(),  # steps since the episode began
    reward=(),  # that arrived with this state
    terminal=(),
)

Array = np.ndarray


def first(rng: np.random.Generator, factors: Mapping[str, float]) -> Array:
    """The first state [S] of an episode with these factors; always as many random numbers."""
    count = round(factors["balls"])
    if not 1 <= count <= B:
        raise ValueError(f"balls={factors['balls']:g}; valid: 1 to {B}, yours included")
    cells = rng.permutation(CELLS**2)[:B]
    jitter, angle = rng.random((B, 2)), rng.random(B) * (2 * np.pi)
    shuffled, marks, seed = rng.permutation(B - 1), rng.random((TRIES, 2)), rng.integers(2**31)
    radius = np.array(RADIUS) * factors["size"]
    there = np.zeros(B)
    there[[0, *(1 + shuffled[: count - 1])]] = 1.0
    pitch = 2 * HALF / CELLS
    slack = np.maximum(pitch / 2 - radius, 0.0)[:, None]
    corner = np.stack([cells % CELLS, cells // CELLS], 1) * pitch - HALF + pitch / 2
    place = corner + slack * (2 * jitter - 1)
    speed = factors["speed"] * np.stack([np.cos(angle), np.sin(angle)], 1)
    speed[0] = 0.0  # yours rests
    screen = np.array((factors["screen_x"], 0.0, factors["screen"], SCREEN_HALF_Y))
    state = np.zeros((1, STATE.width))
    STATE.write(
        state,
        place=place * there[:, None],
        speed=speed * there[:, None],
        radius=radius,
        rgb=_colours(factors),
        there=there,
        mark=_free_mark(marks, place[0], screen),
        screen=screen,
        screen_rgb=_shade(SCREEN, 1.0, factors["screen_hue"]),
        floor_rgb=_shade(FLOOR, factors["floor_brightness"]),
        seed=seed,
        **{name: factors[name] for name in ("gravity", "friction", "kick", "push", "noise")},
    )
    return state[0]


def _free_mark(shares: Array, you: Array, screen: Array) -> Array:
    """The first of some places [M, 2] where the mark is seen, and not where you are already."""
    places = (2 * shares - 1) * (HALF - MARK_RADIUS)
    x, y, half_x, half_y = screen
    aside = np.abs(places - (x, y)) > np.array((half_x, half_y)) + MARK_RADIUS
    seen = aside.any(1) | (half_x <= 0.0)
    far = ((places - you) ** 2).sum(1) > 0.25**2
    return places[np.argmax(seen & far)]


def _colours(factors: Mapping[str, float]) -> Array:
    return np.array([_shade(c, factors["brightness"], factors["hue"]) for c in COLOURS])


def _shade(
    hsv: tuple[float, float, float], brightness: float, hue: float = 0.0
) -> tuple[float, float, float]:
    rgb = colorsys.hsv_to_rgb((hsv[0] + hue) % 1.0, hsv[1], min(hsv[2] * brightness, 1.0))
    return rgb[0] * 255.0, rgb[1] * 255.0, rgb[2] * 255.0
