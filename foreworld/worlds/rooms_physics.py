"""How the dot moves: straight on until its edge touches a wall, and from there along it.

+----------------+   The dot is a point among walls that are thicker by its radius (so it
| . ->  |        |   collides like a square of its size). The moment of contact is computed, not
|               ||   searched in small steps: nothing is tunnelled through at any speed, and what
|       |        |   touches a wall is exactly at its face, from where it is free to leave.
+----------------+
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NamedTuple

HALF = 0.44  # the floor is the square [-HALF, HALF]^2; lengths are in widths of the picture
RADIUS = 0.04
STEP = 0.05  # how far a step with action 1 goes along an axis

Place = tuple[float, float]


class Block(NamedTuple):
    """A rectangle that the dot's centre cannot enter; its faces do not belong to it."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True)
class House:
    """Two rooms with a wall between them, and a door in it; the size of the dot in there."""

    wall_x: float
    wall_width: float
    door_y: float
    door_width: float
    radius: float = RADIUS

    @cached_property
    def half(self) -> float:
        """How far from the middle the dot's centre gets."""
        return HALF - self.radius

    @cached_property
    def wall(self) -> tuple[float, float]:
        """Between these x the dot's centre is in the doorway."""
        reach = self.wall_width / 2 + self.radius
        return self.wall_x - reach, self.wall_x + reach

    @cached_property
    def door(self) -> tuple[float, float]:
        """Between these y the dot's centre passes through the door."""
        reach = self.door_width / 2 - self.radius
        return self.door_y - reach, self.door_y + reach

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The four outer walls and the two pieces of the inner one."""
        (left, right), (bottom, top) = self.wall, self.door
        return (
            Block(-inf, -self.half, -inf, inf),
            Block(self.half, inf, -inf, inf),
            Block(-inf, inf, -inf, -self.half),
            Block(-inf, inf, self.half, inf),
            Block(left, right, -inf, bottom),
            Block(left, right, top, inf),
        )

    def is_free(self, x: float, y: float) -> bool:
        """Whether the dot can be there."""
        return not any(b.left < x < b.right and b.bottom < y < b.top for b in self.blocks)

    def move(self, x: float, y: float, dx: float, dy: float) -> Place:
        """Where a motion by (dx, dy) from a free place ends; at walls the part along them stays."""
        for _ in range(3):  # up to a wall, along it into a corner, and no further
            share, block, across = self._contact(x, y, dx, dy)
            x, y, rest = x + share * dx, y + share * dy, 1.0 - share
            if block is None:
                return self._snapped(x, y)
            if across:  # exactly at the face, whatever rounding says
                x, dx, dy = block.left if dx > 0 else block.right, 0.0, rest * dy
            else:
                y, dx, dy = block.bottom if dy > 0 else block.top, rest * dx, 0.0
            x, y = self._snapped(x, y)
        return x, y

    def _contact(
        self, x: float, y: float, dx: float, dy: float
    ) -> tuple[float, Block | None, bool]:
        """The first wall that a motion meets: after which share of it, and if across x."""
        first, met, across = 1.0, None, False
        for block in self.blocks:
            enter_x, leave_x = _times(x, dx, block.left, block.right)
            enter_y, leave_y = _times(y, dy, block.bottom, block.top)
            enter = max(enter_x, enter_y)
            if 0.0 <= enter < first and enter < min(leave_x, leave_y):
                first, met, across = enter, block, enter_x >= enter_y
        return first, met, across

    def _snapped(self, x: float, y: float) -> Place:
        """Rounding can leave a place inside a wall by its last bit: to the nearest face."""
        for b in self.blocks:
            if b.left < x < b.right and b.bottom < y < b.top:
                ways = (x - b.left, b.right - x, y - b.bottom, b.top - y)
                nearest = ways.index(min(ways))
                x, y = ((b.left, y), (b.right, y), (x, b.bottom), (x, b.top))[nearest]
        return x, y


def _times(place: float, step: float, low: float, high: float) -> Place:
    """When a motion enters the open interval and when it leaves, in shares of the step."""
    if step == 0.0:
        return (-inf, inf) if low < place < high else (inf, -inf)
    a, b = (low - place) / step, (high - place) / step
    return (a, b) if a < b else (b, a)
