"""Factors of variation: what may differ between two tables, and how much in training and in test.

>>> sample_factors(np.random.default_rng(0), {"friction": "test", "size": 1.2})["size"]
1.2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foreworld.errors import unknown

Interval = tuple[float, float]
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Factor:
    """One thing that may vary: its usual value, a range for training, ranges for test outside it.

    An `optional` factor stays at its default when a whole split is asked for ("train", "test"); it
    varies only when it is named.
    """

    meaning: str
    default: float
    train: Interval
    test: tuple[Interval, ...]
    optional: bool = False

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


FACTORS: dict[str, Factor] = {
    "object_hue": Factor(
        "shift of the objects' hues, in turns", 0.0, (-0.02, 0.02), ((-0.04, -0.03), (0.03, 0.04))
    ),
    "object_brightness": Factor(
        "brightness of the objects, times", 1.0, (0.9, 1.1), ((0.72, 0.82),)
    ),
    "mark_hue": Factor(
        "shift of the marks' hues, in turns", 0.0, (-0.02, 0.02), ((-0.04, -0.03), (0.03, 0.04))
    ),
    "mark_brightness": Factor("brightness of the marks, times", 1.0, (0.9, 1.1), ((0.72, 0.82),)),
    "table_brightness": Factor(
        "brightness of the table top, times", 1.0, (0.92, 1.06), ((0.78, 0.87),)
    ),
    "size": Factor("size of the objects, times", 1.0, (0.9, 1.1), ((0.78, 0.86), (1.15, 1.25))),
    "friction": Factor("friction on the table, times", 1.0, (0.8, 1.25), ((0.4, 0.65), (1.5, 2.0))),
    "mass": Factor("mass of the objects, times", 1.0, (0.8, 1.25), ((0.4, 0.6), (1.6, 2.5))),
    "light": Factor("brightness of the light, times", 1.0, (0.9, 1.08), ((0.7, 0.83),)),
    "light_warmth": Factor(
        "red minus blue in the light", 0.0, (-0.04, 0.04), ((-0.15, -0.08), (0.08, 0.15))
    ),
    "camera_x": Factor(
        "camera shift to the right, in metres", 0.0, (-0.01, 0.01), ((-0.04, -0.02), (0.02, 0.04))
    ),
    "camera_y": Factor(
        "camera shift upwards, in metres", 0.0, (-0.01, 0.01), ((-0.04, -0.02), (0.02, 0.04))
    ),
    "camera_zoom": Factor("camera zoom, times", 1.0, (0.98, 1.02), ((0.92, 0.96), (1.03, 1.05))),
    "camera_roll": Factor(
        "camera rotation, in radians", 0.0, (-0.02, 0.02), ((-0.10, -0.05), (0.05, 0.10))
    ),
    "cloth": Factor(
        "opacity of the cloth; 0 means no cloth", 0.0, (0.85, 0.95), ((0.97, 1.0),), optional=True
    ),
}

Wanted = str | Mapping[str, str | float] | None


def check_factors(wanted: Wanted) -> dict[str, str | float]:
    """The wish as a dict factor -> split or value. Raises ValueError for unknown names."""
    if wanted is None:
        return {}
    if isinstance(wanted, str):
        if wanted not in SPLITS:
            raise unknown("factors", wanted, SPLITS)
        return {name: wanted for name, factor in FACTORS.items() if not factor.optional}
    for name, value in wanted.items():
        if name not in FACTORS:
            raise unknown("factor", name, FACTORS)
        if isinstance(value, str) and value not in SPLITS:
            raise unknown(f"value of factor {name!r} (a number, or a split)", value, SPLITS)
    return dict(wanted)


def sample_factors(rng: np.random.Generator, wanted: Wanted) -> dict[str, float]:
    """One value for every factor; those not wanted otherwise stay at their default.

    Draws the same number of random numbers whatever is wanted, so that the same seed gives the same
    layout of the table under every wish. Raises ValueError for unknown names or splits.
    """
    wishes, draws = check_factors(wanted), rng.random(len(FACTORS))
    values = {}
    for (name, factor), u in zip(FACTORS.items(), draws, strict=True):
        wish = wishes.get(name, factor.default)
        values[name] = factor.at(wish, float(u)) if isinstance(wish, str) else float(wish)
    return values
