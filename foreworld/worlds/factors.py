"""Factors of variation: what may differ between two episodes, and how much in training and in test.

Each world has a table of its own, name -> `Factor`::

    sample_factors(FACTORS, rng, {"friction": "test", "size": 1.2})     # {..., "size": 1.2}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from foreworld.errors import unknown

Interval = tuple[float, float]
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Factor:
    """One thing that may vary: its usual value, a range for training, ranges for test outside it.

    An `optional` factor stays at its default when a whole split is asked for ("train", "test"); it
    varies only when it is named. A `structural` one changes what happens, the others only how it
    looks.
    """

    meaning: str
    default: float
    train: Interval
    test: tuple[Interval, ...]
    optional: bool = False
    structural: bool = False

    def ranges(self, split: str) -> tuple[Interval, ...]:
        """The intervals of one split. Raises ValueError for an unknown split."""
        if split not in SPLITS:
            raise unknown("split of a factor", split, SPLITS)
        return (self.train,) if split == "train" else self.test

    def at(self, split: str, u: float) -> float:
        """The value a share `u` in [0, 1] of the way through the ranges of a split."""
        ranges = self.ranges(split)
        left = u * sum(high - low for low, high in ranges)
        for low, high in ranges:
            if left <= high - low:
                return low + left
            left -= high - low
        return ranges[-1][1]


Factors = Mapping[str, Factor]
Shift = dict[str, str | float]  # a wish: factor -> split or value
Wanted = str | Mapping[str, str | float] | None


def check_factors(table: Factors, wanted: Wanted) -> dict[str, str | float]:
    """The wish as a dict factor -> split or value. Raises ValueError for unknown names."""
    if wanted is None:
        return {}
    if isinstance(wanted, str):
        if wanted not in SPLITS:
            raise unknown("factors", wanted, SPLITS)
        return {name: wanted for name, factor in table.items() if not factor.optional}
    for name, value in wanted.items():
        if name not in table:
            raise unknown("factor", name, table)
        if isinstance(value, str) and value not in SPLITS:
            raise unknown(f"value of factor {name!r} (a number, or a split)", value, SPLITS)
    return dict(wanted)


def shifts(table: Factors, pairs: bool = False) -> dict[str, Shift]:
    """What to ask of a world to see it shifted, by name: "gravity", or "gravity+hue" for pairs.

    One factor from its test ranges, or two of them; all the others stay as in training.
    """
    usual: Shift = {name: "train" for name, factor in table.items() if not factor.optional}
    groups = list(combinations(table, 2)) if pairs else [(name,) for name in table]
    return {"+".join(group): {**usual, **dict.fromkeys(group, "test")} for group in groups}


def sample_factors(table: Factors, rng: np.random.Generator, wanted: Wanted) -> dict[str, float]:
    """One value for every factor; those not wanted otherwise stay at their default.

    Draws the same number of random numbers whatever is wanted, so that the same seed gives the same
    layout of the world under every wish. Raises ValueError for unknown names or splits.
    """
    wishes, draws = check_factors(table, wanted), rng.random(len(table))
    values = {}
    for (name, factor), u in zip(table.items(), draws, strict=True):
        wish = wishes.get(name, factor.default)
        values[name] = factor.at(wish, float(u)) if isinstance(wish, str) else float(wish)
    return values
