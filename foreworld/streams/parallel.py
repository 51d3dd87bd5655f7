"""N worlds in step, whatever their autoreset mode: an ended world shows its end, then its reset.

    what a vector environment does at the end of an episode   what a stream shows, in every mode
    NEXT_STEP  o_T | o_0 (action ignored) | o_1               row T    o_T  is_last
    SAME_STEP  o_0, with o_T in info["final_obs"]             row T+1  o_0  is_first, action ignored
    DISABLED   o_T | an error until reset                     row T+2  o_1

Only NEXT_STEP lets a world rest for one step while the others move. In the other two modes it moves
along, and is reset once more afterwards: what it draws at random differs from a lone environment's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv

from foreworld.streams.mujoco_pictures import put_brush_down, take_turn

Read = Callable[[Any], Any]  # picks one key out of a (nested) observation or info
Columns = Callable[[Read], Any]  # the N values of that key


class Rows(NamedTuple):
    """One instant of N worlds before conversion; flags and reward are arrays [N]."""

    observation: Columns
    info: Columns
    reward: np.ndarray
    first: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray


class Parallel(Protocol):
    """N worlds that are stepped together."""

    num_envs: int
    observation_space: spaces.Space
    action_space: spaces.Space
    targets: Mapping[str, spaces.Space]
    names: Mapping[str, Sequence[str]]
    goals: Mapping[str, str]
    records: Mapping[str, spaces.Space]
    turns: bool

    def reset(self, seed: int | None) -> Rows: ...
    def step(self, actions: np.ndarray) -> Rows: ...
    def render(self) -> Sequence[np.ndarray]: ...
    def close(self) -> None: ...


class Declared(NamedTuple):
    """What a world says beyond Gymnasium."""

    targets: Mapping[str, spaces.Space]  # entries of `info` to record
    names: Mapping[str, Sequence[str]]  # of the numbers of a key
    goals: Mapping[str, str]  # key -> the key that should become so
    records: Mapping[str, spaces.Space]  # entries of `info` to keep to the bit, and not to predict


def declared(env: Any) -> Declared:
    """What `env` declares; empty where it declares nothing."""
    return Declared(*(getattr(env, what, {}) for what in Declared._fields))


class SingleWorlds:
    """Single environments stepped one after the other; exact, and each may skip frames."""

    def __init__(self, envs: Sequence[gymnasium.Env], frame_skip: int = 1) -> None:
        self.envs = list(envs)
        self.frame_skip = frame_skip
        self.num_envs = len(self.envs)
        self.observation_space = self.envs[0].observation_space
        self.action_space = self.envs[0].action_space
        self.targets, self.names, self.goals, self.records = declared(self.envs[0].unwrapped)
        self.turns = bool(getattr(self.envs[0].unwrapped, "turns", False))
        self._ended = np.zeros(self.num_envs, bool)

    def reset(self, seed: int | None) -> Rows:
        seeds = [None if seed is None else seed + i for i in range(self.num_envs)]
        shown = [_opening(env, s) for env, s in zip(self.envs, seeds, strict=True)]
        return self._rows(shown, np.ones(self.num_envs, bool))

    def step(self, actions: np.ndarray) -> Rows:
        first = self._ended
        shown = [
            _opening(env, None) if ended else self._advance(env, action)
            for env, action, ended in zip(self.envs, actions, first, strict=True)
        ]
        return self._rows(shown, first)

    def render(self) -> Sequence[np.ndarray]:
        frames = []
        for env in self.envs:
            take_turn(env)
            frames.append(np.asarray(env.render()))
        return frames

    def close(self) -> None:
        for env in self.envs:
            put_brush_down(env)
            env.close()

    def _advance(self, env: gymnasium.Env, action: np.ndarray) -> tuple:
        total = 0.0
        for _ in range(self.frame_skip):
            observation, reward, terminated, truncated, info = env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return observation, total, terminated, truncated, info

    def _rows(self, shown: Sequence[tuple], first: np.ndarray) -> Rows:
        observations, rewards, terminated, truncated, infos = zip(*shown, strict=True)
        terminated, truncated = np.array(terminated, bool), np.array(truncated, bool)
        self._ended = terminated | truncated
        return Rows(
            lambda read: [read(o) for o in observations],
            lambda read: [read(i) for i in infos],
            np.array(rewards, np.float32),
            first,
            terminated,
            truncated,
        )


class VectorWorlds:
    """A vector environment of any autoreset mode."""

    def __init__(self, env: VectorEnv) -> None:
        self.env = env
        self.mode = _autoreset_mode(env)
        self.num_envs = env.num_envs
        self.observation_space = env.single_observation_space
        self.action_space = env.single_action_space
        self.targets, self.names, self.goals, self.records = declared(env.unwrapped)
        self.turns = bool(getattr(env.unwrapped, "turns", False))
        self._ended = np.zeros(self.num_envs, bool)

    def reset(self, seed: int | None) -> Rows:
        observation, info = self.env.reset(seed=seed)
        no = self._ended = np.zeros(self.num_envs, bool)
        return Rows(
            _columns(observation), _columns(info), np.zeros(len(no), np.float32), ~no, no, no
        )

    def step(self, actions: np.ndarray) -> Rows:
        first = self._ended
        if self.mode is AutoresetMode.DISABLED and first.any():
            self.env.reset(options={"reset_mask": first.copy()})  # an ended world refuses to move
        observation, reward, terminated, truncated, info = self.env.step(actions)
        terminated = np.asarray(terminated, bool) & ~first
        truncated = np.asarray(truncated, bool) & ~first
        self._ended = terminated | truncated
        # What the worlds show where the vector environment returned something else.
        shown, told = {}, {}
        if self.mode is AutoresetMode.SAME_STEP:
            for i in np.flatnonzero(self._ended).tolist():
                shown[i], told[i] = _final(info, "final_obs", i), _final(info, "final_info", i)
        if self.mode is not AutoresetMode.NEXT_STEP and first.any():
            opening, opening_info = self._reset_alone(first, observation)
            for i in np.flatnonzero(first).tolist():
                shown[i], told[i] = _row(opening, i), _row(opening_info, i)
        reward = np.where(first, 0, reward).astype(np.float32)
        return Rows(
            _columns(observation, shown), _columns(info, told), reward, first, terminated, truncated
        )

    def render(self) -> Sequence[np.ndarray]:
        frames = self.env.render()
        return [] if frames is None else [np.asarray(frame) for frame in frames]

    def close(self) -> None:
        self.env.close()

    def _reset_alone(self, mask: np.ndarray, before: Any) -> tuple[Any, Any]:
        observation, info = self.env.reset(options={"reset_mask": mask.copy()})
        if not _same_rows(before, observation, ~mask):
            raise ValueError(
                f"{self.env} ignores options={{'reset_mask': ...}} and resets every world, so with "
                f"AutoresetMode.{self.mode.name} its episodes cannot be shown row by row: build it "
                "with AutoresetMode.NEXT_STEP, or pass a function that makes one environment"
            )
        return observation, info


def _opening(env: gymnasium.Env, seed: int | None) -> tuple:
    observation, info = env.reset(seed=seed)
    return observation, 0.0, False, False, info


def _autoreset_mode(env: VectorEnv) -> AutoresetMode:
    mode = env.metadata.get("autoreset_mode")
    if not isinstance(mode, AutoresetMode):
        raise ValueError(
            f"{env} does not say when it resets: metadata['autoreset_mode'] is {mode!r}; valid: "
            f"{', '.join(map(str, AutoresetMode))} (gymnasium.vector)"
        )
    return mode


def _columns(tree: Any, replaced: Mapping[int, Read] | None = None) -> Columns:
    """The N values of a key in a batched tree, some worlds' values read from elsewhere."""

    def column(read: Read) -> Any:
        values = read(tree)
        if not replaced:
            return values
        return [replaced[i](read) if i in replaced else value for i, value in enumerate(values)]

    return column


def _row(tree: Any, i: int) -> Read:
    return lambda read: read(tree)[i]


def _final(info: Mapping[str, Any], key: str, i: int) -> Read:
    """World i's last observation or info: from an object array of them, or from a batched tree."""

    def final(read: Read) -> Any:
        tree = info[key]
        if isinstance(tree, np.ndarray) and tree.dtype.hasobject:
            return read(tree[i])
        return read(tree)[i]

    return final


def _same_rows(a: Any, b: Any, mask: np.ndarray) -> bool:
    if isinstance(a, Mapping):
        return all(_same_rows(a[key], b[key], mask) for key in a)
    if isinstance(a, np.ndarray):
        return np.array_equal(a[mask], b[mask])
    return all(x == y for x, y, kept in zip(a, b, mask, strict=True) if kept)
