"""When a task is done, how near it is, and when it has become impossible: functions of the facts.

>>> reward_of(parse("move to the red mark"), facts)      # facts [..., F] -> float64 [...]

With o the object, g its goal, p the pusher, |..| distances in metres:

    move     1 - |p-g| + bonus(|p-g| / 0.05)
    push     1 - |o-g| + bonus(|o-g| / 0.06) - 0.3 max(|p-o| - contact, 0) - 0.1 (1-align) near
    next_to  the same, with the gap between the two objects for |o-g|, and 0.04 for 0.06
    keep     1 - 2 max(0.25 - margin, 0) - 0.3 |p-b|

`align` is the cosine between the direction of the push (o-p) and the direction wanted (g-o),
`near` = min(|o-g| / 0.1, 1) lets it fade at the goal, `bonus(x)` = 0.5 clip(1.5 - x, 0, 1) is 0.25
at the rim of success. In keep, `margin` is the object's distance to the nearest edge and b the
place between the two where a pusher would block it. An object of the task that fell: -1, lower than
all else; "sparse" is 1 where the goal holds, else 0.
The 1 in front keeps rewards mostly positive, so that no policy gains by ending its episode early.
"""

from __future__ import annotations

import numpy as np

from foreworld.worlds.tabletop_task import Task
from foreworld.worlds.tabletop_things import INDEX, OBJECTS, PUSHER_RADIUS_M, TABLE_HALF_M

FALLEN_REWARD = -1.0
MOVE_RADIUS_M = 0.05
PUSH_RADIUS_M = 0.06
NEXT_TO_GAP_M = 0.04
REWARDS = ("dense", "sparse")

Array = np.ndarray


def _place(facts: Array, name: str) -> tuple[Array, Array]:
    return facts[..., INDEX[f"{name}_x"]], facts[..., INDEX[f"{name}_y"]]


def _distance(a: tuple[Array, Array], b: tuple[Array, Array]) -> Array:
    dx, dy = a[0] - b[0], a[1] - b[1]
    return np.sqrt(dx * dx + dy * dy)


def _radius(facts: Array, name: str) -> Array:
    return facts[..., INDEX[f"{name}_radius"]]


def _miss(task: Task, facts: Array) -> tuple[Array, float]:
    """How far the task is from done, in metres, and the distance at which it counts as done."""
    apart = _distance(_place(facts, task.subject), _place(facts, task.target))
    if task.kind == "next_to":
        touching = _radius(facts, task.subject) + _radius(facts, task.target)
        return np.maximum(apart - touching, 0.0), NEXT_TO_GAP_M
    return apart, MOVE_RADIUS_M if task.kind == "move" else PUSH_RADIUS_M


def impossible_of(task: Task, facts: Array) -> Array:
    """True where an object the task speaks of has fallen. facts [..., F] -> bool [...]."""
    facts = np.asarray(facts)
    fallen = np.zeros(facts.shape[:-1], bool)
    for name in (task.subject, task.target):
        if name in OBJECTS:
            fallen = fallen | (facts[..., INDEX[f"{name}_on_table"]] < 0.5)
    return fallen


def success_of(task: Task, facts: Array) -> Array:
    """True where the goal holds. facts [..., F] -> bool [...].

    For keep: the object is on the table; the world reports that only at an episode's last step.
    """
    facts = np.asarray(facts, np.float64)
    possible = ~impossible_of(task, facts)
    if task.kind == "keep":
        return possible
    miss, radius_m = _miss(task, facts)
    return possible & (miss <= radius_m)


def reward_of(task: Task, facts: Array, reward: str = "dense") -> Array:
    """The reward of an instant for any task. facts [..., F] -> float64 [...]; formulas above."""
    facts = np.asarray(facts, np.float64)
    if reward == "sparse":
        return success_of(task, facts).astype(np.float64)
    value = 1.0 - (_danger(task, facts) if task.kind == "keep" else _shortfall(task, facts))
    return np.where(impossible_of(task, facts), FALLEN_REWARD, value)


def _shortfall(task: Task, facts: Array) -> Array:
    miss, radius_m = _miss(task, facts)
    bonus = 0.5 * np.clip(1.5 - miss / radius_m, 0.0, 1.0)
    if task.kind == "move":
        return miss - bonus
    pusher, thing = _place(facts, "pusher"), _place(facts, task.subject)
    goal = _place(facts, task.target)
    reach, far = _distance(pusher, thing), _distance(thing, goal)
    contact = PUSHER_RADIUS_M + _radius(facts, task.subject)
    along = (thing[0] - pusher[0]) * (goal[0] - thing[0])
    along = along + (thing[1] - pusher[1]) * (goal[1] - thing[1])
    align = along / np.maximum(reach * far, 1e-6)
    near = np.minimum(miss / 0.1, 1.0)
    return miss + 0.3 * np.maximum(reach - contact, 0.0) + 0.1 * (1.0 - align) * near - bonus


def outward(x: Array, y: Array) -> tuple[Array, Array]:
    """The direction of the nearest edge of the table, as unit vectors along an axis."""
    sideways = np.abs(x) >= np.abs(y)
    return np.where(sideways, np.sign(x), 0.0), np.where(sideways, 0.0, np.sign(y))


def _danger(task: Task, facts: Array) -> Array:
    x, y = _place(facts, task.subject)
    margin = TABLE_HALF_M - np.maximum(np.abs(x), np.abs(y))
    out_x, out_y = outward(x, y)
    contact = PUSHER_RADIUS_M + _radius(facts, task.subject)
    block = (x + out_x * contact, y + out_y * contact)
    return 2.0 * np.maximum(0.25 - margin, 0.0) + 0.3 * _distance(_place(facts, "pusher"), block)
