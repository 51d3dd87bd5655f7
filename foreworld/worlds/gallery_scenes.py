"""Scenes in the gallery: look at something, turn away, come back; it is there, as you left it.

SCENES["returning"](world, rng, 12)      # scenes of a pillar, each with its twin without one

Three revisits: half a circle away, then back, then two whole circles more. Sides are drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from foreworld.worlds.functional import FunctionalWorld
from foreworld.worlds.gallery_state import BOX, STATE, P, X
from foreworld.worlds.scenes import Scenes, join, stage, twinned

HALF_CIRCLE = 9  # turns of 20 degrees
LOOK = 6  # rows before turning away, in which something may be pushed
CONTEXT = LOOK + HALF_CIRCLE
REVISITS = (HALF_CIRCLE, 3 * HALF_CIRCLE, 5 * HALF_CIRCLE)  # steps imagined

Array = np.ndarray
Stage = Callable[[FunctionalWorld, np.random.Generator, int], Scenes]


def empty(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Array:
    """Rooms with nothing in them, you in the middle, looking anywhere."""
    state = np.stack([world.begin(rng) for _ in range(count)])
    angle = rng.uniform(0, 2 * np.pi, count)
    nothing = dict.fromkeys(("pillars_there", "boxes_there", "balls_there", "screen"), 0.0)
    heading = np.stack([np.cos(angle), np.sin(angle)], 1)
    STATE.write(state, **nothing, place=0, heading=heading, kick=0, noise=0, stride=1, turn=1)
    return state


def script(rng: np.random.Generator, count: int, forward: float = 0.0) -> Array:
    """Walk and come back (or stand), turn away to one side, and go on turning: [M, T, 2]."""
    actions = np.zeros((count, CONTEXT - 1 + REVISITS[-1], 2))
    walk = (LOOK - 1) // 2
    actions[:, :walk, 0], actions[:, walk : 2 * walk, 0] = forward, -forward
    actions[:, LOOK - 1 :, 1] = rng.choice((-1.0, 1.0), count)[:, None]
    return actions


def _ahead(state: Array, metres: Array | float) -> Array:
    return STATE.read(state, "heading") * np.reshape(metres, (-1, 1))


def _against(
    world: FunctionalWorld, one: tuple[Array, Array], two: tuple[Array, Array], revisits: bool
) -> Scenes:
    """Two beginnings with their scripts, each the other's other."""
    runs = [stage(world, first, actions, CONTEXT) for first, actions in (one, two)]
    scenes = []
    for when in REVISITS if revisits else REVISITS[:1]:
        parts = []
        for mine, theirs, (_, actions) in ((0, 1, one), (1, 0, two)):
            seen, truth = runs[mine][0], runs[mine][1][:, when - 1]
            count, other = len(seen), runs[theirs][1][:, when - 1]
            parts.append(
                Scenes(seen, actions, np.full(count, when), truth, other, np.arange(count))
            )
        scenes.append(twinned(*parts))
    return join(scenes)


def returning(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """There is a pillar ahead, or there is none: look, turn away, and return three times."""
    bare, actions = empty(world, rng, count), script(rng, count)
    pillars, there = STATE.read(bare, "pillars"), np.zeros((count, P))
    which = rng.integers(P, size=count)
    pillars[np.arange(count), which] = _ahead(bare, rng.uniform(1.2, 2.2, count))
    there[np.arange(count), which] = 1.0
    one = bare.copy()
    STATE.write(one, pillars=pillars, pillars_there=there)
    return _against(world, (one, actions), (bare, actions), True)


def colour(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """A pillar ahead is of one colour or of another."""
    bare, actions = empty(world, rng, count), script(rng, count)
    place = _ahead(bare, rng.uniform(1.2, 2.2, count))
    sides = []
    for pillar in range(2):
        pillars, there = STATE.read(bare, "pillars"), np.zeros((count, P))
        pillars[:, pillar], there[:, pillar] = place, 1.0
        sides.append(bare.copy())
        STATE.write(sides[-1], pillars=pillars, pillars_there=there)
    return _against(world, (sides[0], actions), (sides[1], actions), False)


def edit(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """A box ahead is pushed away, or left alone; then turn away and return."""
    state = empty(world, rng, count)
    # Pushing is along an axis: look along one.
    quarter = rng.integers(4, size=count)
    ways = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)], float)
    STATE.write(state, heading=ways[quarter])
    boxes, there = STATE.read(state, "boxes"), np.zeros((count, X))
    boxes[:, 0], there[:, 0] = _ahead(state, 0.25 + BOX + 0.02), 1.0
    STATE.write(state, boxes=boxes, boxes_there=there)
    turns = rng.integers(2**31)
    pushed, left = (script(np.random.default_rng(turns), count, forward) for forward in (1.0, 0.0))
    return _against(world, (state, pushed), (state, left), False)


SCENES: dict[str, Stage] = {"returning": returning, "colour": colour, "edit": edit}


def forget(world: FunctionalWorld, state: Array) -> Array:
    """States [..., S] without what cannot be seen in them: all that a look by itself can tell."""
    flat = state.reshape(-1, STATE.width).copy()
    seen = world.look(flat, ["visible"])["visible"] > 0.0
    start = 0
    for kind in ("pillars_there", "balls_there", "boxes_there"):
        there = STATE.read(flat, kind)
        STATE.write(flat, **{kind: there * seen[:, start : start + there.shape[1]]})
        start += there.shape[1]
    return flat.reshape(state.shape)
