"""Where an episode begins and where it should end: free places in the rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foreworld.worlds.rooms_physics import RADIUS, House, Place

TASKS = ("cross", "any")


@dataclass(frozen=True)
class Layout:
    """One episode's house, start and goal; `seed` is of the sensor's noise."""

    house: House
    start: Place
    goal: Place
    seed: int


def make_house(factors: Mapping[str, float]) -> House:
    """The house of some factors. Raises ValueError for a door that the dot does not fit through."""
    walls = {name: factors[name] for name in ("wall_x", "wall_width", "door_y", "door_width")}
    house = House(**walls, radius=RADIUS * factors["dot_size"])
    if house.door_width <= 2 * house.radius:
        raise ValueError(
            f"door_width={house.door_width:.3g}: the dot is {2 * house.radius:.3g} wide and does "
            "not pass; valid: more than that"
        )
    (left, right), (bottom, top) = house.wall, house.door
    if max(right, -left, top, -bottom) > house.half + 1e-9:
        raise ValueError(
            f"wall_x={house.wall_x:.3g}, door_y={house.door_y:.3g}: wall and door lie within "
            f"{house.half:.3g} of the middle, their own widths included"
        )
    return house


def sample_layout(rng: np.random.Generator, house: House, task: str) -> Layout:
    """Start and goal anywhere in the rooms, in different ones if the task is "cross".

    Draws the same number of random numbers in any case.
    """
    side, other, *shares = rng.random(6).tolist()
    starts_left = side < 0.5
    ends_left = not starts_left if task == "cross" else other < 0.5
    start = _place(house, starts_left, shares[0], shares[1])
    goal = _place(house, ends_left, shares[2], shares[3])
    return Layout(house, start, goal, int(rng.integers(2**31)))


def _place(house: House, in_left: bool, u: float, v: float) -> Place:
    """A share u and v of the way through one of the rooms."""
    low, high = (-house.half, house.wall[0]) if in_left else (house.wall[1], house.half)
    return low + u * (high - low), -house.half + v * (2 * house.half)
