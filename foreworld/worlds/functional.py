"""Worlds that are functions of flat arrays, and the Gymnasium environment around such a world.

    begin ──▶ state [S] ──advance(action, noise)──▶ state [S] ──look──▶ {"image": …, "facts": …}
                                                       └──▶ reward, terminal

Everything is in the state: places, speeds, colours, the factors of the episode, its clock, the last
reward. So a state can be kept, compared, put back and written by hand, and the simulator can be
worn as a world model (`evaluation.simulator_model`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Protocol

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from foreworld.errors import unknown
from foreworld.vocab import Spec
from foreworld.worlds.factors import Factors, Wanted, check_factors

Array = np.ndarray
Info = dict[str, Any]
OPTIONS = ("factors", "state")
OF_ENV = ("max_steps", "factors", "render_mode", "render_size")


class FunctionalWorld(Protocol):
    """Pure functions of float64 states [N, S], one row a world; rows do not know of each other."""

    state_width: ClassVar[int]  # S
    noise_width: ClassVar[int]  # K
    action: ClassVar[Spec]
    factors: ClassVar[Factors]

    @property
    def image_size(self) -> int: ...

    @property
    def specs(self) -> Mapping[str, Spec]:
        """Of what `look` returns."""
        ...

    def begin(self, rng: np.random.Generator, factors: Wanted = None) -> Array:
        """The first state [S] of an episode. Raises ValueError for unknown factors."""
        ...

    def advance(self, state: Array, action: Array, noise: Array) -> Array:
        """States [N, S] one step on: actions [N, A] within bounds, noise [N, K] standard normal."""
        ...

    def look(self, state: Array, keys: Sequence[str] | None = None) -> dict[str, Array]:
        """What `specs` describe, or those `keys` of it: arrays [N, ...]."""
        ...

    def reward(self, state: Array) -> Array:
        """What arrived with the states, [N]; 0 where an episode begins."""
        ...

    def terminal(self, state: Array) -> Array:
        """Whether the world ends with the states, bool [N]."""
        ...


class FlatState:
    """Named parts of a flat state: `FlatState(place=(4, 2), clock=())` has 9 numbers."""

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self.parts: dict[str, tuple[slice, tuple[int, ...]]] = {}
        start = 0
        for name, shape in shapes.items():
            stop = start + int(np.prod(shape, dtype=int))
            self.parts[name] = (slice(start, stop), shape)
            start = stop
        self.width = start

    def read(self, state: Array, name: str) -> Array:
        """One part of states [N, S]: a copy [N, ...]."""
        where, shape = self.parts[name]
        return state[:, where].reshape(len(state), *shape).copy()

    def write(self, state: Array, **values: Any) -> None:
        """Set parts of states [N, S] in place; what is set may be smaller and is repeated."""
        for name, value in values.items():
            where, shape = self.parts[name]
            full = np.broadcast_to(value, (len(state), *shape))
            state[:, where] = full.reshape(len(state), -1)


class FunctionalEnv(gymnasium.Env[dict[str, Any], Array]):
    """One episode after another of a `FunctionalWorld`.

    Observed keys of the world's `look` are the observation; the others are in the info: targets to
    be predicted, and `state`, float64 [S], a record of everything. `success` is a bool there.

    max_steps: the clock after which an episode is cut. factors: "train", "test", or a dict factor
    -> split or value. Further options are those of the world. `reset(options=...)` takes `factors`
    for one episode, or the `state` [S] in which it begins. Raises ValueError for unknown names.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}
    World: ClassVar[type]

    def __init__(
        self,
        *,
        max_steps: int = 100,
        factors: Wanted = None,
        render_mode: str | None = None,
        render_size: int = 256,
        **options: Any,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown("render_mode", str(render_mode), self.metadata["render_modes"])
        if max_steps < 1 or render_size < 16:
            raise ValueError(
                f"max_steps={max_steps} must be at least 1, render_size={render_size} at least 16"
            )
        self.world: FunctionalWorld = make_world(self.World, options)
        self._large: FunctionalWorld = make_world(
            self.World, {**options, "image_size": render_size}
        )
        self.max_steps, self.render_mode, self.render_size = max_steps, render_mode, render_size
        self._wish = check_factors(self.world.factors, factors)
        specs = self.world.specs
        self.observation_space = Dict({k: box(s) for k, s in specs.items() if s.observed})
        self.action_space = box(self.world.action)
        self.targets = {k: box(s) for k, s in specs.items() if not s.observed and not s.record}
        self.records = {k: box(s) for k, s in specs.items() if s.record}
        self.names = {k: s.names for k, s in specs.items() if s.names is not None}
        self.FACTORS = self.world.factors
        self._state: Array | None = None
        self._steps = 0

    @property
    def state(self) -> Array:
        """The state [S] of this instant, a copy. Raises ResetNeeded before the first episode."""
        return self._row[0].copy()

    @property
    def _row(self) -> Array:
        if self._state is None:
            raise gymnasium.error.ResetNeeded("call reset() before step(), render() or get_state()")
        return self._state

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], Info]:
        """A new episode. options: `factors`, or the `state` [S] to begin in."""
        super().reset(seed=seed)
        self._state = first_state(self.world, self.np_random, self._wish, options)[None]
        self._steps = 0
        return self._look()

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, Info]:
        """One control step; action [A], cut to its bounds."""
        actions = checked_actions(self.world.action, np.asarray(action)[None], 1)
        noise = self.np_random.standard_normal(self.world.noise_width)
        self._state = self.world.advance(self._row, actions, noise[None])
        self._steps += 1
        reward = float(self.world.reward(self._state)[0])
        terminal = bool(self.world.terminal(self._state)[0])
        observation, info = self._look()
        return observation, reward, terminal, self._steps >= self.max_steps, info

    def _look(self) -> tuple[dict[str, Any], Info]:
        return split_row(self.world, self.world.look(self._row), 0)

    def render(self) -> Any:
        """The picture, larger: uint8 [render_size, render_size, 3]; None without a render_mode."""
        picture = self._large.look(self._row, ["image"])["image"][0]
        return None if self.render_mode is None else picture

    def get_state(self) -> dict[str, Any]:
        """The whole state in plain numbers and strings (JSON keeps it exactly)."""
        return {
            "version": 1,
            "rng": self.np_random.bit_generator.state,
            "steps": self._steps,
            "state": self._row[0].tolist(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `get_state`, of this or another environment, bit for bit."""
        if state.get("version") != 1:
            raise ValueError(f"state of version {state.get('version')}; valid: 1, of get_state()")
        self.np_random.bit_generator.state = state["rng"]
        self._state = checked_state(self.world, state["state"])[None]
        self._steps = int(state["steps"])


def make_world(kind: type, options: Mapping[str, Any]) -> Any:
    """A world of a frozen dataclass. Raises ValueError for options that it does not have."""
    valid = [field.name for field in fields(kind)]
    for name in options:
        if name not in valid:
            raise unknown(f"option of {kind.__name__}", name, [*valid, *OF_ENV])
    return kind(**options)


def first_state(
    world: FunctionalWorld,
    rng: np.random.Generator,
    wish: Mapping[str, str | float],
    options: Mapping[str, Any] | None,
) -> Array:
    """The state [S] in which an episode begins, as the reset options want it."""
    options = options or {}
    for name in options:
        if name not in OPTIONS:
            raise unknown("reset option", name, OPTIONS)
    wanted = {**wish, **check_factors(world.factors, options.get("factors"))}
    drawn = world.begin(rng, wanted)
    return checked_state(world, options["state"]) if "state" in options else drawn


def checked_state(world: FunctionalWorld, state: Any) -> Array:
    """A state as float64 [S]. Raises ValueError for another shape, NaN and infinity."""
    array = np.array(state, np.float64)
    if array.shape != (world.state_width,) or not np.isfinite(array).all():
        raise ValueError(
            f"state of shape {array.shape}; valid: {world.state_width} finite numbers, such as "
            "the key 'state' of an episode of this world"
        )
    return array


def checked_actions(spec: Spec, actions: Array, num: int) -> Array:
    """Actions as float64 [N, A], cut to their bounds. Raises ValueError for another shape, NaN."""
    array = np.asarray(actions, np.float64)
    if array.shape != (num, *spec.shape):
        raise ValueError(f"action of shape {array.shape[1:]}; valid: {spec.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"action {actions} is not finite; valid: {spec.low} to {spec.high}")
    return np.clip(array, spec.low, spec.high)


def split_row(world: FunctionalWorld, seen: Mapping[str, Array], row: int) -> tuple[Any, Info]:
    """Observation and info of one row of what `look` gave."""
    row_of = {key: values[row] for key, values in seen.items()}
    observation = {k: v for k, v in row_of.items() if world.specs[k].observed}
    info = {k: v if v.shape else bool(v) for k, v in row_of.items() if k not in observation}
    return observation, info


def box(spec: Spec) -> Box:
    """The space that a spec of a functional world describes."""
    if spec.kind == "image":
        return Box(0, 255, spec.shape, np.uint8)
    low, high = (
        np.broadcast_to(np.asarray(edge if bound is None else bound, spec.dtype), spec.shape)
        for bound, edge in ((spec.low, -np.inf), (spec.high, np.inf))
    )
    return Box(low, high, spec.shape, np.dtype(spec.dtype).type)
