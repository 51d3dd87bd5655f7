"""The way to the goal through the door, for those who are told where everything is.

actions = go_to_goal(facts, goal_facts)                  # [N, F], [N, F] -> [N, 2]
"""

from __future__ import annotations

import numpy as np

from foreworld.worlds.rooms_physics import STEP

WIDEST = 0.05  # no dot of `FACTORS` has a larger radius
BESIDE = 0.08  # from the wall's face to the points before and behind the door
SPARE = 0.005

Array = np.ndarray


def go_to_goal(facts: Array, goal_facts: Array) -> Array:
    """Actions float32 [N, 2] for facts of the rooms [N, F], and for what they are at the goal.

    In the other room: to the point before the door, from there to the one behind it. In the goal's
    room: out of the doorway, then straight on. Rooms are convex, so straight lines are free.
    """
    place, goal = facts[:, :2].astype(float), goal_facts[:, :2].astype(float)
    wall_x, wall_width, door_y, door_width = facts[:, 2:].astype(float).T
    side = np.where(place[:, 0] < wall_x, -1.0, 1.0)
    crosses = side != np.where(goal[:, 0] < wall_x, -1.0, 1.0)
    here, there = (
        np.stack([wall_x + way * (wall_width / 2 + BESIDE), door_y], 1) for way in (side, -side)
    )
    aside = np.abs(place[:, 1] - door_y)
    lined_up = aside < door_width / 2 - WIDEST - SPARE
    in_doorway = (np.abs(place[:, 0] - wall_x) < wall_width / 2 + WIDEST) & (aside < door_width / 2)
    target = np.where((crosses & lined_up)[:, None], there, here)
    target = np.where((~crosses & ~in_doorway)[:, None], goal, target)
    move = (target - place) / STEP
    return (move / np.maximum(np.abs(move).max(1, keepdims=True), 1.0)).astype(np.float32)
