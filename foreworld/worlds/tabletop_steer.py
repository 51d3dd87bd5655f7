"""Ways to move the pusher that know where everything is: go there, push that, stand in its way.

       goal x
             \\
              (o)     push: get behind the object on the line to its goal,
                \\           then drive along the line and correct sideways
                 p

All functions work on N tables at once and return displacements [N, 2] in metres for one step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foreworld.worlds.tabletop_reward import outward
from foreworld.worlds.tabletop_things import (
    CONTROL_HZ,
    INDEX,
    MAX_SPEED_M_PER_S,
    OBJECTS,
    PUSHER_RADIUS_M,
    TABLE_HALF_M,
)

STEP_M = MAX_SPEED_M_PER_S / CONTROL_HZ  # the farthest one action moves
SPARE_M = 0.012  # kept between pusher and what it goes around
PUSH_SPEED = {"cup": 0.8, "box": 0.8, "ball": 0.5}  # share of the full speed: the ball rolls on
ALIGNED = 0.35  # sideways error, in contact distances, up to which a push goes on

Array = np.ndarray


class View(NamedTuple):
    """What facts [N, F] say, in arrays: places in metres, objects in the order of OBJECTS."""

    pusher: Array  # [N, 2]
    objects: Array  # [N, 3, 2]
    contact: Array  # [N, 3] distance of centres at which the pusher touches
    on_table: Array  # [N, 3] bool


def columns(*names: str) -> list[int]:
    return [INDEX[name] for name in names]


_AT = [columns(f"{name}_x", f"{name}_y") for name in OBJECTS]
_RADIUS = columns(*(f"{name}_radius" for name in OBJECTS))
_HERE = columns(*(f"{name}_on_table" for name in OBJECTS))
_SPEEDS = np.array([PUSH_SPEED[name] for name in OBJECTS])


def view_of(facts: Array) -> View:
    """Facts [N, F] as a View."""
    facts = np.asarray(facts, np.float64)
    contact = facts[:, _RADIUS] + PUSHER_RADIUS_M
    contact[:, list(OBJECTS).index("box")] *= 1.1  # its corners reach farther
    pusher = facts[:, columns("pusher_x", "pusher_y")]
    return View(pusher, facts[:, _AT], contact, facts[:, _HERE] > 0.5)


def _length(vector: Array) -> Array:
    return np.sqrt((vector * vector).sum(-1, keepdims=True))


def _unit(vector: Array) -> Array:
    return vector / np.maximum(_length(vector), 1e-9)


def _left(vector: Array) -> Array:
    """Turned a quarter to the left."""
    return np.stack([-vector[..., 1], vector[..., 0]], -1)


def shorten(move: Array, limit: Array | float = STEP_M) -> Array:
    """Displacements cut to a length."""
    return move * np.minimum(1.0, limit / np.maximum(_length(move), 1e-9))


def go_to(view: View, goal: Array) -> Array:
    """Towards goals [N, 2], around the objects in between."""
    goal = np.clip(goal, -TABLE_HALF_M, TABLE_HALF_M)
    way = goal - view.pusher
    ahead = _unit(way)[:, None]
    offset = view.objects - view.pusher[:, None]
    along = (offset * ahead).sum(-1)  # how far ahead each object is [N, 3]
    aside = (offset * _left(ahead)).sum(-1)
    room = _length(view.objects - goal[:, None])[..., 0] - 1e-3  # the goal may be near one
    clear = np.minimum(view.contact + SPARE_M, room)
    blocks = (np.abs(aside) < clear) & (along > 0.0) & (along < _length(way)) & view.on_table
    first = np.where(blocks, along, np.inf).argmin(1)
    row = np.arange(len(goal))
    centre, width = view.objects[row, first], clear[row, first][:, None] + SPARE_M
    side = np.where(aside[row, first] > 0.0, -1.0, 1.0)[:, None]  # pass where the way is shorter
    passing = centre + side * width * _left(ahead[:, 0])
    off_table = np.abs(passing).max(-1, keepdims=True) > TABLE_HALF_M
    passing = np.where(off_table, 2.0 * centre - passing, passing)
    detour = _unit(passing - view.pusher) * STEP_M
    return shorten(np.where(blocks.any(1)[:, None], detour, way))


def push_to(view: View, subject: Array, goal: Array) -> Array:
    """Push objects, by index [N], towards goals [N, 2]."""
    row = np.arange(len(goal))
    thing, contact = view.objects[row, subject], view.contact[row, subject][:, None]
    line = _unit(goal - thing)
    behind = thing - line * (contact + 2.0 * SPARE_M)
    offset = view.pusher - thing
    back = -(offset * line).sum(-1, keepdims=True)
    aside = (offset * _left(line)).sum(-1, keepdims=True)
    fast = _SPEEDS[subject][:, None] * STEP_M
    forward = np.maximum(back - contact, 0.0) + np.minimum(fast, _length(goal - thing))
    forward = forward * (1.0 - np.abs(aside) / (ALIGNED * contact))
    drive = shorten(line * forward - 1.2 * _left(line) * aside)
    aligned = (back > 0.5 * contact) & (np.abs(aside) < ALIGNED * contact) & (back < 2.0 * contact)
    return np.where(aligned, drive, go_to(view, behind))


def block(view: View, subject: Array) -> Array:
    """Stand between objects, by index [N], and the nearest edge, and stay in their way."""
    row = np.arange(len(subject))
    thing, contact = view.objects[row, subject], view.contact[row, subject][:, None]
    out = np.stack(outward(thing[:, 0], thing[:, 1]), -1)
    offset = view.pusher - thing
    ahead = (offset * out).sum(-1, keepdims=True)
    aside = (offset * _left(out)).sum(-1, keepdims=True)
    in_place = (ahead > 0.7 * contact) & (np.abs(aside) < 0.5 * contact)
    hold = (contact + 0.01 - ahead) * out - aside * _left(out)
    return np.where(in_place, shorten(hold), go_to(view, thing + out * (contact + 0.06)))
