"""Scenes in the box of balls: what rolls behind the screen comes out, as what it was.

SCENES["identity"](world, rng, 12)      # twelve pairs of scenes

The screen has the floor's colour in every other scene, and things are hidden for as long as chance
wants, so that neither can be what is listened to. Your ball rests in a corner.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from foreworld.worlds.bounce_physics import HALF
from foreworld.worlds.bounce_state import SCREEN_HALF_Y, STATE, B
from foreworld.worlds.functional import FunctionalWorld
from foreworld.worlds.scenes import Scenes, join, stage, twinned

CONTEXT = 12  # rows seen
LONGEST = 32  # steps imagined
CORNER = (-0.37, -0.37)
DEEP = 0.04  # how deep behind the screen's edge a ball is in the last row seen; no pixel shows it
ONE, TWO = 1, 2  # the balls that act: red and green in training

Array = np.ndarray
Stage = Callable[[FunctionalWorld, np.random.Generator, int], Scenes]


def empty(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Array:
    """Boxes without chance, in which nothing but your ball is, far from what is to happen."""
    state = np.stack([world.begin(rng) for _ in range(count)])
    half = rng.uniform(0.13, 0.17, count)
    screen = np.stack([0 * half, 0 * half, half, 0 * half + SCREEN_HALF_Y], 1)
    place = np.zeros((count, B, 2))
    place[:, 0] = CORNER
    STATE.write(state, place=place, speed=0, there=(1, *[0] * (B - 1)), screen=screen)
    STATE.write(state, mark=(0.38, -0.38), gravity=0, friction=0, kick=0, noise=0)
    floor, shown = STATE.read(state, "floor_rgb"), STATE.read(state, "screen_rgb")
    STATE.write(state, screen_rgb=np.where(np.arange(count)[:, None] % 2, floor, shown))
    return state


def enter(state: Array, ball: int, lane: Array, speed: Array, side: float = -1.0) -> Array:
    """Send a ball behind the screen, so that the last row seen is the first without it.

    lane [M] is its height, speed [M], side -1: from the left.
    """
    state = state.copy()
    half, radius = STATE.read(state, "screen")[:, 2], STATE.read(state, "radius")[:, ball]
    x = -half + radius + DEEP - speed * (CONTEXT - 1)
    place, speeds, there = (STATE.read(state, name) for name in ("place", "speed", "there"))
    place[:, ball, 0], place[:, ball, 1] = -side * x, lane
    speeds[:, ball, 0], there[:, ball] = -side * speed, 1.0
    STATE.write(state, place=place, speed=speeds, there=there)
    return state


def out(state: Array, ball: int, speed: Array) -> Array:
    """After how many imagined steps three quarters of a ball are out on the other side [M]."""
    half, radius = STATE.read(state, "screen")[:, 2], STATE.read(state, "radius")[:, ball]
    return np.ceil((2 * half - DEEP - 0.5 * radius) / speed).astype(int)


def _play(world: FunctionalWorld, first: Array, when: Array) -> tuple[Array, Array]:
    """Rows seen, and the states [M, S] at `when`."""
    actions = np.zeros((len(first), CONTEXT - 1 + LONGEST, 2))
    seen, later = stage(world, first, actions, CONTEXT)
    return seen, later[np.arange(len(first)), when - 1]


def _scenes(seen: Array, when: Array, truth: Array, other: Array) -> Scenes:
    actions = np.zeros((len(seen), CONTEXT - 1 + LONGEST, 2))
    return Scenes(seen, actions, when, truth, other, np.arange(len(seen)))


def _drawn(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Lanes and speeds."""
    return rng.uniform(-0.12, 0.12, count), rng.uniform(0.0145, 0.025, count)


def _sides(rng: np.random.Generator) -> float:
    return -1.0 if rng.random() < 0.5 else 1.0


def moving(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """A ball crosses behind the screen; the other: nothing has changed since it went."""
    lane, speed = _drawn(rng, 2 * count)
    first = enter(empty(world, rng, 2 * count), ONE, lane, speed, _sides(rng))
    when = out(first, ONE, speed)
    seen, truth = _play(world, first, when)
    return _scenes(seen, when, truth, seen[:, -1])


def permanence(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """A ball crosses, or there is none; the other is the other."""
    lane, speed = _drawn(rng, count)
    bare = empty(world, rng, count)
    with_ball = enter(bare, ONE, lane, speed, _sides(rng))
    when = out(with_ball, ONE, speed)
    return _against(world, with_ball, bare, when)


def _against(world: FunctionalWorld, one: Array, two: Array, when: Array) -> Scenes:
    """Two beginnings, each the other's other."""
    (seen_1, truth_1), (seen_2, truth_2) = (_play(world, first, when) for first in (one, two))
    scenes = (_scenes(seen_1, when, truth_1, truth_2), _scenes(seen_2, when, truth_2, truth_1))
    return twinned(*scenes)


def count_two(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """Two balls cross in different lanes, or one; the other is the other."""
    speed, side = _drawn(rng, count)[1], _sides(rng)
    one = enter(empty(world, rng, count), ONE, np.full(count, 0.13), speed, side)
    two = enter(one, TWO, np.full(count, -0.13), speed, side)
    return _against(world, two, one, out(one, ONE, speed))


def identity(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """A ball of one colour crosses, or of the other."""
    lane, speed = _drawn(rng, count)
    bare, side = _alike(empty(world, rng, count)), _sides(rng)
    one, two = (enter(bare, ball, lane, speed, side) for ball in (ONE, TWO))
    return _against(world, one, two, out(one, ONE, speed))


def _alike(state: Array) -> Array:
    """Balls of one size, that only their colours tell apart."""
    radius = STATE.read(state, "radius")
    radius[:, TWO] = radius[:, ONE]
    state = state.copy()
    STATE.write(state, radius=radius)
    return state


def continuity(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """A ball crosses in one lane, or in another."""
    lane, speed = _drawn(rng, count)
    bare, side = empty(world, rng, count), _sides(rng)
    lane = np.where(lane >= 0, 1, -1) * np.maximum(np.abs(lane), 0.09)
    one, two = (enter(bare, ONE, way * lane, speed, side) for way in (1, -1))
    return _against(world, one, two, out(one, ONE, speed))


def solidity(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """Two balls meet behind the screen and return each to its side, or miss and pass each other.

    The other shows the two where they are, in each other's colours.
    """
    speed = _drawn(rng, count)[1]
    bare, zero = _alike(empty(world, rng, count)), np.zeros(count)
    screen, radius = STATE.read(bare, "screen"), STATE.read(bare, "radius")[:, ONE]
    screen[:, 2] = rng.uniform(0.195, 0.215, count)  # room for two that have not met yet
    STATE.write(bare, screen=screen)
    scenes = []
    for apart in (0.0, 0.1):
        first = enter(bare, ONE, zero + apart, speed, -1.0)
        first = enter(first, TWO, zero - apart, speed, 1.0)
        shorter = (apart == 0.0) * 2 * radius  # who meets another need not cross it
        when = out(first, ONE, speed) - np.floor(shorter / speed).astype(int)
        seen, truth = _play(world, first, when)
        other, rgb = truth.copy(), STATE.read(truth, "rgb")
        rgb[:, [ONE, TWO]] = rgb[:, [TWO, ONE]]
        STATE.write(other, rgb=rgb)
        scenes.append(_scenes(seen, when, truth, other))
    return twinned(*scenes)


def removal(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
    """A ball that rests in sight is taken away before one's eyes, or stays."""
    state, there = empty(world, rng, count), np.zeros((count, B))
    place = STATE.read(state, "place")
    place[:, ONE, 0] = np.where(rng.random(count) < 0.5, -1, 1) * (HALF - 0.12)
    place[:, ONE, 1] = rng.uniform(0.0, 0.3, count)
    there[:, [0, ONE]] = 1.0
    STATE.write(state, place=place, there=there)
    when = rng.integers(5, 20, count)
    seen, truth = _play(world, state, when)
    gone_seen, half = seen.copy(), CONTEXT // 2
    gone_seen[:, half:] = _without(seen[:, half:], ONE)
    gone = _without(truth, ONE)
    return twinned(_scenes(seen, when, truth, gone), _scenes(gone_seen, when, gone, truth))


def _without(state: Array, ball: int) -> Array:
    """States [..., S] in which one ball is not."""
    flat = state.reshape(-1, STATE.width).copy()
    there = STATE.read(flat, "there")
    there[:, ball] = 0.0
    STATE.write(flat, there=there)
    return flat.reshape(state.shape)


def both_sides(play: Stage) -> Stage:
    """Half of the scenes from each side, as chance has it for each half."""

    def staged(world: FunctionalWorld, rng: np.random.Generator, count: int) -> Scenes:
        return join([play(world, rng, count // 2), play(world, rng, count - count // 2)])

    return staged


SCENES: dict[str, Stage] = {
    "moving": both_sides(moving),
    "permanence": both_sides(permanence),
    "count": both_sides(count_two),
    "identity": both_sides(identity),
    "continuity": both_sides(continuity),
    "solidity": both_sides(solidity),
    "removal": both_sides(removal),
}


def forget(world: FunctionalWorld, state: Array) -> Array:
    """States [..., S] without what cannot be seen in them: all that a look by itself can tell."""
    flat = state.reshape(-1, STATE.width).copy()
    seen = world.look(flat, ["visible"])["visible"] > 0.0
    STATE.write(flat, there=STATE.read(flat, "there") * seen)
    return flat.reshape(state.shape)
