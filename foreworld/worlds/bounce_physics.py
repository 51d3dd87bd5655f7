"""Balls in a box: free flight, mirrors at the walls, elastic collisions of discs.

Masses are proportional to areas. A collision exchanges momentum along the line of centres::

    j = (1 + e) (v_i - v_j).n / (1/m_i + 1/m_j)        e = 1: kinetic energy is kept to rounding

A step is cut in `SUBSTEPS`, and nobody is faster than `TOP`, so that no ball passes another unseen.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

HALF = 0.46  # the floor is the square [-HALF, HALF]^2; lengths are in widths of the picture
TOP = 0.08  # widths per step
SUBSTEPS = 4
PUSH = 0.006  # what a full action adds to a speed in one step

Array = np.ndarray


def fly(
    place: Array, speed: Array, radius: Array, there: Array, pull: Array
) -> tuple[Array, Array]:
    """Places and speeds [N, B, 2] one step on.

    radius [N, B]; there [N, B]: 0 for balls that are not; pull [N, B, 2]: what is added to speeds.
    """
    share = 1.0 / SUBSTEPS
    speed = capped(speed)
    for _ in range(SUBSTEPS):
        speed = speed + share * pull
        place, speed = _mirrored(place + share * speed, speed, radius)
        place, speed = _collided(place, speed, radius, there)
    return place * there[..., None], capped(speed) * there[..., None]


def capped(speed: Array) -> Array:
    """Speeds [..., 2], none longer than `TOP`."""
    length = np.sqrt(speed[..., :1] ** 2 + speed[..., 1:] ** 2)
    return speed * np.minimum(1.0, TOP / np.maximum(length, 1e-12))


def _mirrored(place: Array, speed: Array, radius: Array) -> tuple[Array, Array]:
    """What went into a wall comes out of it as far as it went in."""
    bound = (HALF - radius)[..., None]
    beyond = np.abs(place) > bound
    back = np.sign(place) * (2.0 * bound) - place
    # Only what moves outwards turns round: gravity may have turned it already.
    outwards = beyond & (place * speed > 0.0)
    return np.where(beyond, back, place), np.where(outwards, -speed, speed)


def _collided(place: Array, speed: Array, radius: Array, there: Array) -> tuple[Array, Array]:
    """Every pair that overlaps and approaches, one pair after the other."""
    i, j = (np.array(side) for side in zip(*combinations(range(place.shape[1]), 2), strict=True))
    gap = place[:, j] - place[:, i]  # [N, P, 2]
    reach = radius[:, i] + radius[:, j]
    near = gap[..., 0] ** 2 + gap[..., 1] ** 2 < reach**2
    near &= (there[:, i] * there[:, j]) > 0.0
    if not near.any():
        return place, speed
    place, speed, mass = place.copy(), speed.copy(), radius**2
    for pair in np.flatnonzero(near.any(0)).tolist():
        # Only rows that were near before any pair moved: a row must not depend on the others.
        _bounce(
            place, speed, radius, mass, np.flatnonzero(near[:, pair]), int(i[pair]), int(j[pair])
        )
    return place, speed


def _bounce(
    place: Array, speed: Array, radius: Array, mass: Array, rows: Array, i: int, j: int
) -> None:
    """Balls i and j of some rows exchange momentum if they approach, and stop overlapping."""
    gap = place[rows, j] - place[rows, i]
    length = np.maximum(np.sqrt(gap[:, 0] ** 2 + gap[:, 1] ** 2), 1e-9)
    normal = gap / length[:, None]
    closing = speed[rows, i] - speed[rows, j]
    approach = np.maximum(closing[:, 0] * normal[:, 0] + closing[:, 1] * normal[:, 1], 0.0)
    lighter, other = 1.0 / mass[rows, i], 1.0 / mass[rows, j]
    impulse = (2.0 * approach / (lighter + other))[:, None] * normal
    speed[rows, i] -= impulse * lighter[:, None]
    speed[rows, j] += impulse * other[:, None]
    overlap = np.maximum(radius[rows, i] + radius[rows, j] - length, 0.0)
    apart = (overlap / (lighter + other))[:, None] * normal
    place[rows, i] -= apart * lighter[:, None]
    place[rows, j] += apart * other[:, None]
