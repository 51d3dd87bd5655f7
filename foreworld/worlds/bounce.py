"""Balls in a box with a screen before it; one of them is yours, and there is a mark to bring it to.

env = gymnasium.make("foreworld/Bounce-v0", factors={"gravity": "train"})   +-----------+
obs, info = env.reset(seed=0)                                               |  o  ####  |
obs["image"]              # uint8 [64, 64, 3]                               |     #### o|
obs, reward, terminated, truncated, info = env.step([0.5, 0.0])             | @   ####  |
                                                                            |       (*) |
What the screen hides goes on moving. `BounceWorld` is the physics alone, a set of pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from foreworld.errors import unknown
from foreworld.vocab import Spec
from foreworld.worlds.bounce_factors import FACTORS
from foreworld.worlds.bounce_physics import PUSH, fly
from foreworld.worlds.bounce_render import paint, visible
from foreworld.worlds.bounce_state import BALLS, STATE, B, first
from foreworld.worlds.factors import Factors, Wanted, sample_factors
from foreworld.worlds.functional import FunctionalEnv
from foreworld.worlds.functional_vector import FunctionalVector

TOLERANCE = 0.07  # nearer than this to the mark, your ball is there
PACE = 10.0  # steps; facts give speeds in widths per so many, to be of the size of places
MOVING = ("place", "speed", "radius", "there", "gravity", "friction", "kick", "push", "clock")
OF_BALL = ("x", "y", "vx", "vy", "there")
NAMES = (*(f"{ball}.{of}" for ball in BALLS for of in OF_BALL), "mark.x", "mark.y")

Array = np.ndarray


@dataclass(frozen=True)
class BounceWorld:
    """The box as pure functions of states [N, S]; see `bounce_state.STATE` for their numbers.

    Action: the force on your ball in [-1, 1]^2, 1 adding 0.006 widths per step to its speed. Noise:
    kicks on every ball, where the factor `kick` is not 0. Reward: minus the distance to the mark.

    Looks: `image` uint8 [S, S, 3]; and for training and exams only `facts` (places in widths,
    speeds in widths per 10 steps, 1 or 0 for being there; the mark), `visible` (which share of each
    ball the screen leaves), `success`, and the `state` itself.
    """

    image_size: int = 64
    ends: bool = False  # the world ends when your ball is at its mark

    factors: ClassVar[Factors] = FACTORS
    state_width: ClassVar[int] = STATE.width
    noise_width: ClassVar[int] = 2 * B
    action: ClassVar[Spec] = Spec((2,), "float32", "vector", -1.0, 1.0)

    def __post_init__(self) -> None:
        if self.image_size < 16:
            raise ValueError(f"image_size={self.image_size}; valid: 16 pixels or more")

    @property
    def specs(self) -> dict[str, Spec]:
        return _specs(self.image_size)

    def begin(self, rng: np.random.Generator, factors: Wanted = None) -> Array:
        """The first state [S] of an episode. Raises ValueError for unknown factors."""
        return first(rng, sample_factors(FACTORS, rng, factors))

    def advance(self, state: Array, action: Array, noise: Array) -> Array:
        """States [N, S] one step on: actions [N, 2], noise [N, 8] standard normal."""
        after = state.copy()
        read = {name: STATE.read(state, name) for name in MOVING}
        kicks = read["kick"][:, None, None] * noise.reshape(-1, B, 2)
        pull = np.zeros((len(state), B, 2))
        pull[:, :, 1] = -read["gravity"][:, None]
        pull[:, 0] += PUSH * read["push"][:, None] * action
        speed = (read["speed"] + kicks) * (1.0 - read["friction"])[:, None, None]
        place, speed = fly(read["place"], speed, read["radius"], read["there"], pull)
        STATE.write(after, place=place, speed=speed, clock=read["clock"] + 1.0)
        distance = self._distance(after)
        done = (distance < TOLERANCE) & self.ends
        STATE.write(after, reward=-distance, terminal=done.astype(float))
        return after

    def look(self, state: Array, keys: Sequence[str] | None = None) -> dict[str, Array]:
        """What `specs` describe, or those `keys` of it: arrays [N, ...]."""
        ways = {
            "image": lambda: paint(state, self.image_size),
            "facts": lambda: self._facts(state),
            "visible": lambda: self._visible(state),
            "success": lambda: (self._distance(state) < TOLERANCE).astype(np.float32),
            "state": lambda: state.copy(),
        }
        for key in keys or ():
            if key not in ways:
                raise unknown("key", key, ways)
        return {key: ways[key]() for key in (ways if keys is None else keys)}

    def reward(self, state: Array) -> Array:
        """Minus the distance of your ball from its mark, in widths; 0 at the start."""
        return STATE.read(state, "reward")

    def terminal(self, state: Array) -> Array:
        """Whether your ball has come to its mark, in a world that ends then."""
        return STATE.read(state, "terminal") > 0.0

    def _distance(self, state: Array) -> Array:
        way = STATE.read(state, "place")[:, 0] - STATE.read(state, "mark")
        return np.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)

    def _facts(self, state: Array) -> Array:
        place, speed = STATE.read(state, "place"), PACE * STATE.read(state, "speed")
        balls = np.concatenate([place, speed, STATE.read(state, "there")[..., None]], -1)
        facts = np.concatenate([balls.reshape(len(state), -1), STATE.read(state, "mark")], 1)
        return facts.astype(np.float32)

    def _visible(self, state: Array) -> Array:
        parts = (STATE.read(state, name) for name in ("place", "radius", "there", "screen"))
        return visible(*parts).astype(np.float32)


@cache
def _specs(size: int) -> dict[str, Spec]:
    facts = Spec((len(NAMES),), "float32", "vector", -1.0, 1.0, observed=False, names=NAMES)
    return {
        "image": Spec((size, size, 3), "uint8", "image"),
        "facts": facts,
        "visible": Spec((B,), "float32", "vector", 0.0, 1.0, observed=False, names=BALLS),
        "success": Spec((), "float32", "vector", 0.0, 1.0, observed=False),
        "state": Spec((STATE.width,), "float64", "vector", observed=False, record=True),
    }


class Bounce(FunctionalEnv):
    """The box as a Gymnasium environment: options of `FunctionalEnv` and of `BounceWorld`."""

    World = BounceWorld
    FACTORS = FACTORS


class BounceVector(FunctionalVector):
    """N boxes behind gymnasium's vector interface."""

    Single = Bounce
