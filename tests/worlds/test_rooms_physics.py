"""The dot among walls: nothing is tunnelled through, nothing sticks, and walls are met exactly."""

from __future__ import annotations

from itertools import pairwise
from math import cos, pi, sin

import numpy as np
import pytest

from foreworld.worlds.rooms_factors import FACTORS
from foreworld.worlds.rooms_layout import make_house
from foreworld.worlds.rooms_physics import HALF, House

HOUSE = House(0.0, 0.05, 0.2, 0.2)
USUAL = {name: factor.default for name, factor in FACTORS.items()}


def side(house: House, x: float) -> int:
    """The room, -1 or 1; 0 in the doorway."""
    left, right = house.wall
    return -1 if x <= left else 1 if x >= right else 0


def march(house: House, x: float, y: float, dx: float, dy: float, steps: int) -> tuple:
    """The same motion in tiny steps, each axis for itself, looking at nothing but free places."""
    for _ in range(steps):
        x = x + dx / steps if house.is_free(x + dx / steps, y) else x
        y = y + dy / steps if house.is_free(x, y + dy / steps) else y
    return x, y


def test_no_motion_of_any_length_or_angle_goes_through_a_wall():
    rng, hits, wrong = np.random.default_rng(0), 0, []
    for x, y, angle, length in rng.uniform((-0.4, -0.4, -pi, 0), (0.4, 0.4, pi, 0.12), (2000, 4)):
        if HOUSE.is_free(x, y):
            motion = length * cos(angle), length * sin(angle)
            end = HOUSE.move(x, y, *motion)
            assert HOUSE.is_free(*end)
            there = march(HOUSE, x, y, *motion, 60)
            wrong += [(x, y, *motion)] if np.hypot(*np.subtract(end, there)) > 0.01 else []
            hits += end != (x + motion[0], y + motion[1])
    assert hits > 100
    assert len(wrong) < 0.02 * hits, "only what slides past the door's edge may have got in"


@pytest.mark.parametrize("length", [0.5, 5.0, 1e6])
def test_no_speed_tunnels(length):
    for angle in np.linspace(-pi, pi, 401):
        for y in (-0.3, 0.0, 0.3):
            x, y_end = HOUSE.move(-0.2, y, length * cos(angle), length * sin(angle))
            assert HOUSE.is_free(x, y_end)
            slope = np.tan(angle)
            if x > HOUSE.wall[1]:
                assert HOUSE.door[0] <= y + slope * (HOUSE.wall[0] + 0.2) <= HOUSE.door[1]


def test_long_walks_cross_by_the_door_alone():
    rng = np.random.default_rng(1)
    for split in ("train", "test"):
        for u in (0.05, 0.5, 0.95):
            house = make_house({name: f.at(split, u) for name, f in FACTORS.items()})
            place, rooms = (-0.35, house.door_y), []
            for _ in range(3000):
                place = house.move(*place, *rng.normal(0, 0.04, 2))
                assert house.is_free(*place) and max(map(abs, place)) <= house.half
                rooms.append(side(house, place[0]))
                if rooms[-1] == 0:
                    assert house.door[0] <= place[1] <= house.door[1]
            jumps = sum(a * b == -1 for a, b in pairwise(rooms))
            assert set(rooms) == {-1, 0, 1} and jumps < 5, "the doorway is longer than most steps"


@pytest.mark.parametrize(
    ("start", "motion", "end"),
    [
        ((-0.2, -0.2), (0.5, 0.0), (HOUSE.wall[0], -0.2)),  # stops at the wall's face
        ((-0.2, -0.2), (0.5, 0.1), (HOUSE.wall[0], -0.1)),  # and slides along it
        ((-0.2, 0.2), (0.4, 0.0), (0.2, 0.2)),  # through the door
        ((0.0, 0.2), (0.0, 0.3), (0.0, HOUSE.door[1])),  # against the jamb
        ((0.0, 0.2), (0.2, 0.3), (0.2, HOUSE.door[1])),  # and along it
        ((-0.3, -0.3), (-1.0, -1.0), (-HOUSE.half, -HOUSE.half)),  # into a corner
    ],
)
def test_walls_are_met_exactly(start, motion, end):
    assert HOUSE.move(*start, *motion) == pytest.approx(end, abs=1e-15)


def test_who_touches_a_wall_is_free_to_leave_and_to_go_along():
    x, y = HOUSE.move(-0.2, -0.2, 0.5, 0.0)
    assert HOUSE.move(x, y, 0.3, 0.0) == (x, y)
    assert HOUSE.move(x, y, -0.1, 0.05) == (x - 0.1, y + 0.05)
    assert HOUSE.move(x, y, 0.0, 0.05) == (x, y + 0.05)
    corner = HOUSE.move(-0.3, -0.3, -1.0, -1.0)
    assert corner == (-HOUSE.half, -HOUSE.half)
    assert HOUSE.move(*corner, 0.1, 0.1) == (corner[0] + 0.1, corner[1] + 0.1)


def test_one_long_motion_is_many_short_ones_where_nothing_is_in_the_way():
    place = (-0.3, -0.3)
    for _ in range(8):
        place = HOUSE.move(*place, 0.01, 0.02)
    assert place == pytest.approx(HOUSE.move(-0.3, -0.3, 0.08, 0.16), abs=1e-12)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_dot_fits_through_every_door_and_every_wall_into_the_house(split):
    rng = np.random.default_rng(2)
    for draws in rng.random((300, len(FACTORS))):
        items = zip(FACTORS.items(), draws, strict=True)
        house = make_house({name: factor.at(split, u) for (name, factor), u in items})
        assert house.door[0] < house.door[1]
        assert -house.half < house.wall[0] and house.wall[1] < house.half


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({"door_width": 0.05}, "the dot is 0.08 wide and does not pass"),
        ({"dot_size": 3.0}, "does not pass"),
        ({"wall_x": 0.4}, "lie within 0.4 of the middle"),
        ({"door_y": -0.4}, "lie within"),
    ],
)
def test_impossible_houses_are_explained(factors, said):
    with pytest.raises(ValueError, match=said):
        make_house({**USUAL, **factors})
    assert HOUSE.half == HALF - HOUSE.radius
