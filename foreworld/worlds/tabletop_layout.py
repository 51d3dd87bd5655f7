"""Where an episode begins: places for everything, apart from each other and far from being done.

>>> layout = sample_layout(rng, parse("push the cup onto the red mark"), {"cup": 0.055, ...})
>>> layout.motions["cup"]
(0.21, -0.13, 1.9, 0.0, 0.0, 0.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, pi, sin

import numpy as np

from foreworld.worlds.tabletop_physics import GLIDE_M_PER_S2, Motion
from foreworld.worlds.tabletop_task import Task
from foreworld.worlds.tabletop_things import MARKS, PUSHER_RADIUS_M, TABLE_HALF_M

ROOM_M = 0.40  # everything starts within this square, at least 0.1 m from the edge
GAP_M = 0.025
MARKS_APART_M = 0.25
START_AWAY_M = 0.2  # from the goal
FALL_S = (1.7, 2.8)  # when it will fall if nobody helps
TRIES = 10_000

Place = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """The first instant: motions of pusher and objects, places of the marks, and of the cloth."""

    motions: dict[str, Motion]
    marks: dict[str, Place]
    cloth: tuple[float, float, float, float, float]  # centre x, y, half width, half height, angle


def sample_layout(rng: np.random.Generator, task: Task, radii_m: dict[str, float]) -> Layout:
    """A random start for a task: nothing overlaps, the task is not done and not nearly so."""
    for _ in range(TRIES):
        motions = _draw_motions(rng, task, radii_m)
        places = {name: motion[:2] for name, motion in motions.items()}
        places |= {mark: _draw_place(rng) for mark in MARKS}
        if _is_roomy(places, radii_m) and _is_undone(task, places) and _is_free(task, motions):
            marks = {mark: places[mark] for mark in MARKS}
            return Layout(motions, marks, _draw_cloth(rng))
    raise RuntimeError(f"no start found for {task} with radii {radii_m}; ask for smaller objects")


def _draw_place(rng: np.random.Generator) -> Place:
    return float(rng.uniform(-ROOM_M, ROOM_M)), float(rng.uniform(-ROOM_M, ROOM_M))


def _draw_motions(
    rng: np.random.Generator, task: Task, radii: dict[str, float]
) -> dict[str, Motion]:
    motions: dict[str, Motion] = {}
    for name in ("pusher", *radii):
        angle = 0.0 if name == "pusher" else float(rng.uniform(-pi, pi))
        motions[name] = (*_draw_place(rng), angle, 0.0, 0.0, 0.0)
    if task.kind == "keep":
        motions[task.subject] = _draw_slide(rng, motions[task.subject][2])
    return motions


def _draw_slide(rng: np.random.Generator, angle: float) -> Motion:
    """An object on its way to an edge: it starts at a distance it covers in FALL_S seconds."""
    side, ahead = rng.integers(4) * pi / 2, rng.uniform(0.16, 0.26)  # so the edge ahead is near
    across, fall_s = rng.uniform(-0.15, 0.15), rng.uniform(*FALL_S)
    speed = (TABLE_HALF_M - ahead) / fall_s + GLIDE_M_PER_S2 * fall_s / 2.0
    heading = side + rng.uniform(-0.2, 0.2)
    x, y = ahead * cos(side) - across * sin(side), ahead * sin(side) + across * cos(side)
    speed /= cos(heading - side)
    return float(x), float(y), angle, float(speed * cos(heading)), float(speed * sin(heading)), 0.0


def _draw_cloth(rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    x, y = rng.uniform(-0.25, 0.25, 2)
    wide, high = rng.uniform(0.10, 0.16, 2)
    return float(x), float(y), float(wide), float(high), float(rng.uniform(-pi, pi))


def _is_roomy(places: dict[str, Place], radii: dict[str, float]) -> bool:
    """No two solid things touch, marks start uncovered by objects and apart from each other."""
    size = {**{name: 1.2 * r for name, r in radii.items()}, "pusher": PUSHER_RADIUS_M}
    size |= dict.fromkeys(MARKS, 0.02)
    names = list(places)
    for i, a in enumerate(names):
        for b in names[:i]:
            both_marks = a in MARKS and b in MARKS
            least = MARKS_APART_M if both_marks else size[a] + size[b] + GAP_M
            if _apart(places[a], places[b]) < least:
                return False
    return True


def _is_undone(task: Task, places: dict[str, Place]) -> bool:
    if task.kind == "keep":
        return _apart(places["pusher"], places[task.subject]) < 0.5
    return _apart(places[task.subject], places[task.target]) >= START_AWAY_M


def _is_free(task: Task, motions: dict[str, Motion]) -> bool:
    """Whether nothing lies in the way of a sliding object, which would save it by chance."""
    if task.kind != "keep":
        return True
    x, y, _, vx, vy, _ = motions[task.subject]
    speed = hypot(vx, vy)
    for name, other in motions.items():
        dx, dy = other[0] - x, other[1] - y
        ahead, aside = (dx * vx + dy * vy) / speed, abs(dx * vy - dy * vx) / speed
        if name != task.subject and ahead > 0.0 and aside < 0.15:
            return False
    return True


def _apart(a: Place, b: Place) -> float:
    return hypot(a[0] - b[0], a[1] - b[1])
