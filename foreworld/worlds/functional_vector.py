"""Many functional worlds behind Gymnasium's vector interface: one call of `advance` and of `look`.

    envs = gymnasium.make_vec("foreworld/Bounce-v0", num_envs=16, factors="train")
    obs, infos = envs.reset(seed=0)                   # env i is seeded with 0 + i
    obs, rewards, terminated, truncated, infos = envs.step(actions)      # actions [16, 2]

The results are those of single environments with the same seeds, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode

from foreworld.worlds.functional import (
    FunctionalEnv,
    checked_actions,
    checked_state,
    first_state,
    split_row,
)
from foreworld.worlds.vector import ManyWorlds

Array = np.ndarray
Info = dict[str, Any]
Observation = dict[str, Array]


class FunctionalVector(ManyWorlds):
    """N episodes of a `FunctionalWorld` at once; takes the options of the single environment.

    `autoreset_mode` as in `worlds.vector`. Infos are dicts of arrays [N, ...], each with a mask
    `_key` of the envs that have it.
    """

    Single: ClassVar[type[FunctionalEnv]]

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **options: Any,
    ) -> None:
        self._settle(num_envs, autoreset_mode)
        self.single = self.Single(**options)  # what one of them takes and shows; never stepped
        self._resemble(self.single)
        self.world = self.single.world
        self.targets, self.records = self.single.targets, self.single.records
        self.names = self.single.names
        self._state = np.zeros((num_envs, self.world.state_width))
        self._steps = np.zeros(num_envs, np.int64)
        self._rngs: list[np.random.Generator] | None = None

    @property
    def state(self) -> Array:
        """The states [N, S] of this instant, a copy."""
        return self._state.copy()

    @property
    def rngs(self) -> list[np.random.Generator]:
        """One generator for each env. Raises ResetNeeded before the first episode."""
        if self._rngs is None:
            raise gymnasium.error.ResetNeeded("call reset() before step() or get_state()")
        return self._rngs

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, Info]:
        """New episodes in all envs, or in those of the bool array `options["reset_mask"]` [N]."""
        mask, seeds, options = self._wishes(seed, options)
        if self._rngs is None:
            self._rngs = [np_random()[0] for _ in range(self.num_envs)]
        for i in np.flatnonzero(mask).tolist():
            if seeds[i] is not None:
                self._rngs[i] = np_random(seeds[i])[0]
        self._begin(mask, options)
        observation, info = self._look()
        return observation, info | {f"_{key}": mask.copy() for key in info if key[0] != "_"}

    def _begin(self, mask: Array, options: dict[str, Any] | None = None) -> None:
        for i in np.flatnonzero(mask).tolist():
            self._state[i] = first_state(self.world, self.rngs[i], self.single._wish, options)
        self._steps[mask], self._over[mask] = 0, False

    def step(self, actions: Array) -> tuple[Observation, Array, Array, Array, Info]:
        """One control step in every env; `autoreset_mode` says when those over begin anew."""
        self._check_going()
        rests = self._over.copy()
        rewards, terminated, truncated = self._advance(actions, ~rests)
        self._begin(rests)
        self._over = terminated | truncated
        finals: dict[int, Info] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._over.any():
            finals = self._finals(np.flatnonzero(self._over).tolist())
            self._begin(self._over.copy())
        observation, info = self._look()
        for i, final in finals.items():
            info = self._add_info(info, final, i)
        return observation, rewards, terminated, truncated, info

    def _finals(self, over: list[int]) -> dict[int, Info]:
        """The last instants of envs that are about to begin anew."""
        last, finals = self.world.look(self._state[over]), {}
        for row, i in enumerate(over):
            observation, info = split_row(self.world, last, row)
            finals[i] = {"final_obs": observation, "final_info": info}
        return finals

    def _advance(self, actions: Array, moves: Array) -> tuple[Array, Array, Array]:
        """Move the envs of a mask [N]: rewards, terminated, truncated [N]."""
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), bool)
        if not moves.any():
            return rewards, terminated, truncated
        actions = checked_actions(self.world.action, actions, self.num_envs)[moves]
        width, who = self.world.noise_width, np.flatnonzero(moves).tolist()
        noise = np.stack([self.rngs[i].standard_normal(width) for i in who])
        state = self.world.advance(self._state[moves], actions, noise)
        self._state[moves] = state
        self._steps[moves] += 1
        rewards[moves], terminated[moves] = self.world.reward(state), self.world.terminal(state)
        truncated[moves] = self._steps[moves] >= self.single.max_steps
        return rewards, terminated, truncated

    def _look(self) -> tuple[Observation, Info]:
        """Of all envs; the info with masks that are True everywhere."""
        seen, info = self.world.look(self._state), {}
        observation = {k: v for k, v in seen.items() if self.world.specs[k].observed}
        for key in seen.keys() - observation.keys():
            info[key] = seen[key] if seen[key].ndim > 1 else seen[key].astype(bool)
            info[f"_{key}"] = np.ones(self.num_envs, bool)
        return observation, info

    def render(self) -> tuple[Any, ...] | None:
        """The larger pictures of all envs; None without a render_mode."""
        if self.render_mode is None:
            return None
        return tuple(self.single._large.look(self._state, ["image"])["image"])

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every env."""
        return (getattr(self.single, name),) * self.num_envs

    def get_state(self) -> dict[str, Any]:
        """The whole state of all envs, in plain numbers and strings."""
        return {
            "rngs": [rng.bit_generator.state for rng in self.rngs],
            "over": self._over.tolist(),
            "steps": self._steps.tolist(),
            "states": self._state.tolist(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state of `get_state`, bit for bit. Raises ValueError for another size."""
        if len(state["states"]) != self.num_envs:
            raise ValueError(f"state of {len(state['states'])} envs; this has {self.num_envs}")
        self._rngs = [np_random()[0] for _ in range(self.num_envs)]
        for rng, kept in zip(self._rngs, state["rngs"], strict=True):
            rng.bit_generator.state = kept
        self._state = np.stack([checked_state(self.world, one) for one in state["states"]])
        self._steps, self._over = np.array(state["steps"]), np.array(state["over"], bool)

    def observe(self) -> Observation:
        """The observation of this instant, e.g. after `set_state`."""
        return self._look()[0]
