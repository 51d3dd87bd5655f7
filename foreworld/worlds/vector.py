"""Many worlds of one kind in one process: stepped one by one, drawn all at once.

What is special about a world is in two methods of a subclass: which painter draws it, and what is
observed in some of its rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from foreworld.errors import unknown

Array = np.ndarray
Info = dict[str, Any]
Observation = dict[str, Any]


class World(Protocol):
    """What a single world offers besides gymnasium's interface."""

    observation_space: Any
    action_space: Any
    render_mode: str | None

    def begin(self, *, seed: int | None, options: dict[str, Any] | None) -> Info: ...
    def advance(self, action: Any) -> tuple[float, bool, bool, Info]: ...
    def prepare(self, painter: Any, row: int) -> None: ...
    def render(self) -> Any: ...
    def get_state(self) -> dict[str, Any]: ...
    def set_state(self, state: dict[str, Any]) -> None: ...


class ManyWorlds(VectorEnv[Observation, Array, Array]):
    """What vectors share however their worlds are stepped: who begins anew when, and from where."""

    _over: Array  # bool [N]

    def _settle(self, num_envs: int, autoreset_mode: str | AutoresetMode) -> None:
        """Raises ValueError for no envs, and for a mode that is none."""
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs}; valid: 1 or more")
        modes = [mode.value for mode in AutoresetMode]
        if not isinstance(autoreset_mode, AutoresetMode) and autoreset_mode not in modes:
            raise unknown("autoreset_mode", str(autoreset_mode), modes)
        self.autoreset_mode, self.num_envs = AutoresetMode(autoreset_mode), num_envs
        self._over = np.zeros(num_envs, bool)

    def _resemble(self, single: Any) -> None:
        """Take the spaces, pictures and metadata of one world for many."""
        self.metadata = {**single.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = single.render_mode
        self.single_observation_space = single.observation_space
        self.single_action_space = single.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def _wishes(
        self, seed: int | Sequence[int | None] | None, options: dict[str, Any] | None
    ) -> tuple[Array, Sequence[int | None], dict[str, Any]]:
        """Of a reset: which envs begin anew, bool [N], their seeds, and what else was asked."""
        rest = dict(options or {})
        mask = rest.pop("reset_mask", np.ones(self.num_envs, bool))
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise ValueError(
                f"reset_mask {mask.dtype} {mask.shape}; valid: bool ({self.num_envs},), some True"
            )
        if seed is None or isinstance(seed, (int, np.integer)):
            seed = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"{len(seed)} seeds for {self.num_envs} envs; give one for each")
        return mask, seed, rest

    def _check_going(self) -> None:
        """Raises ValueError for envs that are over where nobody begins them anew."""
        if self.autoreset_mode is AutoresetMode.DISABLED and self._over.any():
            raise ValueError(
                f"envs {np.flatnonzero(self._over).tolist()} are over; type: "
                'reset(options={"reset_mask": terminated | truncated})'
            )


class WorldVector(ManyWorlds, ABC):
    """N worlds behind gymnasium's vector interface; bit for bit what each alone would give.

    Takes the options of the single world, and `autoreset_mode`: "NextStep" (an env that is over is
    reset by the next step, with reward 0), "SameStep" (reset at once; the last instant is in the
    infos as `final_obs` and `final_info`), "Disabled" (`reset(options={"reset_mask": ...})`).
    Infos are dicts of arrays, each with a mask `_key` of the envs that have it.
    """

    single: ClassVar[Any]  # the class of the single world

    @abstractmethod
    def _make_painter(self) -> Any:
        """What draws `num_envs` worlds; single worlds `prepare` a row of it for each episode."""

    @abstractmethod
    def _look(self, rows: list[int]) -> dict[str, Any]:
        """Observations of the envs `rows` [M]: arrays [M, ...], and tuples for text."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **options: Any,
    ) -> None:
        self._settle(num_envs, autoreset_mode)
        self.envs: list[World] = [self.single(**options) for _ in range(num_envs)]
        self._resemble(self.envs[0])
        self._painter = self._make_painter()

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, Info]:
        """New episodes in all envs, or in those of the bool array `options["reset_mask"]` [N]."""
        mask, seeds, options = self._wishes(seed, options)
        infos: list[Info | None] = [None] * self.num_envs
        for i in np.flatnonzero(mask).tolist():
            infos[i] = self._begin(i, seeds[i], options)
        return self.observe(), self._merge(infos)

    def _begin(
        self, i: int, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> Info:
        info = self.envs[i].begin(seed=seed, options=options)
        self.envs[i].prepare(self._painter, i)
        self._over[i] = False
        return info

    def step(self, actions: Array) -> tuple[Observation, Array, Array, Array, Info]:
        """One control step in every env; `autoreset_mode` says when those over begin anew."""
        self._check_going()
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), bool)
        infos: list[Info | None] = [None] * self.num_envs
        for i, env in enumerate(self.envs):
            if self._over[i]:
                infos[i] = self._begin(i)
            else:
                rewards[i], terminated[i], truncated[i], infos[i] = env.advance(actions[i])
        self._over = terminated | truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            self._reset_at_once(infos)
        return self.observe(), rewards, terminated, truncated, self._merge(infos)

    def _reset_at_once(self, infos: list[Info | None]) -> None:
        over = np.flatnonzero(self._over).tolist()
        for i, last in zip(over, self._single(over), strict=True):
            infos[i] = {"final_obs": last, "final_info": infos[i], **self._begin(i)}

    def _single(self, rows: list[int]) -> list[Observation]:
        """The observations of some envs, each as the env alone would give it."""
        seen = self._look(rows) if rows else {}
        return [{key: values[i] for key, values in seen.items()} for i in range(len(rows))]

    def _merge(self, infos: Sequence[Info | None]) -> Info:
        """Gymnasium's form: arrays [N, ...] by key, and masks; in one go where all envs agree."""
        first = infos[0]
        if first is None or any(info is None or info.keys() != first.keys() for info in infos):
            merged: Info = {}
            for i, info in enumerate(infos):
                if info is not None:
                    merged = self._add_info(merged, info, i)
            return merged
        merged = {}
        for key, value in first.items():
            column = [info[key] for info in infos if info is not None]
            if key == "final_obs":
                merged[key] = np.fromiter(column, object, len(column))
            else:
                merged[key] = self._merge(column) if isinstance(value, dict) else np.array(column)
            merged[f"_{key}"] = np.ones(self.num_envs, bool)
        return merged

    def render(self) -> tuple[Any, ...]:
        """The larger pictures of all envs."""
        return tuple(env.render() for env in self.envs)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of every env, or read an attribute."""
        found = [getattr(env, name) for env in self.envs]
        return tuple(value(*args, **kwargs) if callable(value) else value for value in found)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every env."""
        return tuple(getattr(env, name) for env in self.envs)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute in every env: one value for all, or a list with one for each."""
        given = list(values) if isinstance(values, (list, tuple)) else [values] * self.num_envs
        if len(given) != self.num_envs:
            raise ValueError(f"{len(given)} values for {self.num_envs} envs; give one for each")
        for env, value in zip(self.envs, given, strict=True):
            setattr(env, name, value)

    def get_state(self) -> dict[str, Any]:
        """The whole state of all envs, in plain numbers and strings."""
        return {"over": self._over.tolist(), "envs": [env.get_state() for env in self.envs]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state of `get_state`, bit for bit. Raises ValueError for another size."""
        if len(state["envs"]) != self.num_envs:
            raise ValueError(f"state of {len(state['envs'])} envs; this has {self.num_envs}")
        self._over = np.array(state["over"], bool)
        for i, (env, one) in enumerate(zip(self.envs, state["envs"], strict=True)):
            env.set_state(one)
            env.prepare(self._painter, i)

    def observe(self) -> Observation:
        """The observation of this instant, e.g. after `set_state`."""
        return self._look(list(range(self.num_envs)))
