"""A world model worn as an environment, so that whatever trains in Gymnasium can train in a dream.

    starts ─▶ state ─▶ observation, reward, terminated   (what the heads say)
                ▲            │
                └─ imagine ◀─┴─ action

    env = ImaginedEnv(run.model, StoreStarts(run.model, store), horizon=100)
    observation, _ = env.reset(seed=0)        # same seed, same dream

The model stands still; nothing here trains it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from torch import Tensor

from foreworld.episodes import EpisodeStore
from foreworld.errors import unknown
from foreworld.streams.spaces import space_of
from foreworld.vocab import State, WorldModel, map_state, observation_keys

Starts = Callable[[int, np.random.Generator], State]  # how many, chance -> states [N] to begin from
FEATURES = "features"


@dataclass(frozen=True, eq=False)
class StoreStarts:
    """States after real steps of stored episodes, every step as likely as any other.

    ids: the episodes to begin in (None: all). context: real steps observed up to the start, fewer
    where the episode has not had as many. first: share of dreams that begin where episodes begin.
    """

    model: WorldModel
    store: EpisodeStore
    ids: Sequence[int] | np.ndarray | None = None
    context: int = 1
    first: float = 0.0

    @torch.no_grad()
    def __call__(self, num: int, rng: np.random.Generator) -> State:
        ids = np.asarray(self.store.ids if self.ids is None else self.ids)
        lengths = self.store.lengths[ids - self.store.table.first_id] - 1  # nothing follows an end
        chosen = rng.choice(len(ids), num, p=lengths / lengths.sum())
        ends = np.where(rng.random(num) < self.first, 1, rng.integers(lengths[chosen]) + 1)
        state, seen = self.model.initial(num), []
        for back in reversed(range(min(self.context, int(ends.max())))):
            rows = np.maximum(ends - 1 - back, 0)
            batch = self._rows(ids[chosen], rows)
            # Who has not begun yet, sees the first row again: it forgets what it saw before.
            batch["is_first"] |= torch.from_numpy(ends - 1 - back <= 0).to(self.model.device)[
                :, None
            ]
            seen.append(batch)
        whole = self.model.own({k: torch.cat([x[k] for x in seen], 1) for k in seen[0]})
        for t, batch in enumerate(seen):
            state = self.model.observe(state, {**batch, "action": whole["action"][:, t : t + 1]})
        return state

    def _rows(self, ids: np.ndarray, rows: np.ndarray) -> dict[str, Tensor]:
        keys = [*observation_keys(self.model.specs), "action", "is_first"]
        columns = {
            k: np.stack([self.store.column(i, k)[t] for i, t in zip(ids, rows, strict=True)])
            for k in keys
        }
        return {k: torch.from_numpy(v).to(self.model.device)[:, None] for k, v in columns.items()}


class ImaginedVectorEnv(VectorEnv):
    """N dreams side by side. An ended one begins anew with the next step (`NEXT_STEP`).

    starts: where dreams begin; None: in the model's belief before anything was seen.
    observe: the model's predictions to show, by name: one key as it is, several as a Dict. None:
    all that a real policy would see. "features": the state itself as one vector.
    horizon: steps after which a dream is truncated. A dream terminates where the model thinks an
    end more likely than not. noise: False: the most likely future instead of a drawn one.

    Raises ValueError for a model without a reward head and for keys it does not predict.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}

    def __init__(
        self,
        model: WorldModel,
        num_envs: int,
        starts: Starts | None = None,
        horizon: int = 100,
        observe: Sequence[str] | str | None = None,
        noise: bool = True,
    ) -> None:
        self.model, self.num_envs, self.horizon, self.noise = model, num_envs, horizon, noise
        self.starts = starts or (lambda num, rng: model.initial(num))
        self.keys = _shown(model, observe)
        self.single_observation_space = self._space()
        self.single_action_space = space_of(model.specs["action"])
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rng = np.random.default_rng()
        self._state: State = None
        self._steps = np.zeros(num_envs, int)
        self._ended = np.zeros(num_envs, bool)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        """seed: of starts and noise of all dreams together; None: go on.

        options: {"reset_mask": bool [N]} begins those dreams anew and leaves the others.
        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        rows = (options or {}).get("reset_mask")
        if rows is None or self._state is None:
            self._state, rows = self.starts(self.num_envs, self._rng), slice(None)
        elif rows.any():
            self._begin(rows)
        self._steps[rows], self._ended[rows] = 0, False
        return self._observation(), {}

    @torch.no_grad()
    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict]:
        begins = self._ended.copy()
        action = torch.as_tensor(np.asarray(actions), device=self.model.device)
        seed = int(self._rng.integers(2**31))
        noise = self.model.noise(self.num_envs, 1, seed)[:, 0] if self.noise else None
        self._state = self.model.imagine(self._state, action, noise)
        if begins.any():
            self._begin(begins)
        self._steps = np.where(begins, 0, self._steps + 1)
        heads = [h for h in ("reward", "continue") if h in self.model.heads]
        said = {k: p.mean.cpu().numpy() for k, p in self.model.predict(self._state, heads).items()}
        reward = np.where(begins, 0.0, said["reward"]).astype(np.float64)
        terminated = (said.get("continue", np.ones(self.num_envs)) < 0.5) & ~begins
        truncated = (self._steps >= self.horizon) & ~terminated
        self._ended = terminated | truncated
        return self._observation(), reward, terminated, truncated, {}

    def _begin(self, rows: np.ndarray) -> None:
        """New dreams in some rows."""
        index = torch.from_numpy(np.flatnonzero(rows)).to(self.model.device)
        fresh = self.starts(int(rows.sum()), self._rng)
        self._state = map_state(lambda x, new: x.index_copy(0, index, new), self._state, fresh)

    def _space(self) -> spaces.Space:
        if self.keys is None:
            with torch.no_grad():
                width = self.model.features(self.model.initial(1)).shape[-1]
            return spaces.Box(-np.inf, np.inf, (width,), np.float32)
        parts: dict[str, spaces.Space] = {k: space_of(self.model.specs[k]) for k in self.keys}
        return spaces.Dict(parts) if len(parts) > 1 else parts[self.keys[0]]

    @torch.no_grad()
    def _observation(self) -> Any:
        if self.keys is None:
            return self.model.features(self._state).cpu().numpy()
        said = self.model.predict(self._state, self.keys)
        shown = {k: _value(said[k].mean, space_of(self.model.specs[k])) for k in self.keys}
        return shown if len(shown) > 1 else shown[self.keys[0]]


class ImaginedEnv(gymnasium.Env):
    """One dream; the same as a row of `ImaginedVectorEnv`, with the same arguments."""

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        model: WorldModel,
        starts: Starts | None = None,
        horizon: int = 100,
        observe: Sequence[str] | str | None = None,
        noise: bool = True,
    ) -> None:
        self.row = ImaginedVectorEnv(model, 1, starts, horizon, observe, noise)
        self.observation_space = self.row.single_observation_space
        self.action_space = self.row.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict]:
        super().reset(seed=seed)
        observation, info = self.row.reset(seed=seed)
        return _first(observation), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        observation, reward, terminated, truncated, info = self.row.step(np.asarray(action)[None])
        return (
            _first(observation), float(reward[0]), bool(terminated[0]), bool(truncated[0]), info
        )  # fmt: skip


def _shown(model: WorldModel, observe: Sequence[str] | str | None) -> list[str] | None:
    """The keys to show; None: the features."""
    if "reward" not in model.heads:
        raise unknown("head for an environment", "reward", model.heads)
    if observe == FEATURES:
        return None
    if observe is None:
        return [k for k in observation_keys(model.specs) if model.specs[k].kind != "text"]
    keys = [observe] if isinstance(observe, str) else list(observe)
    for key in keys:
        if key not in model.heads or key not in model.specs:
            raise unknown(
                "prediction", key, [*(h for h in model.heads if h in model.specs), FEATURES]
            )
    return keys


def _value(mean: Tensor, space: spaces.Space) -> np.ndarray:
    """Predicted means [N, ...] as the values of a space: pictures as bytes, numbers in bounds."""
    values = mean.float().cpu().numpy() if mean.is_floating_point() else mean.cpu().numpy()
    if not isinstance(space, spaces.Box):
        return values
    if space.dtype == np.uint8:
        return (255 * values.clip(0, 1) + 0.5).astype(np.uint8)
    return values.clip(space.low, space.high).astype(space.dtype)


def _first(observation: Any) -> Any:
    """Row 0 of a batch of one."""
    if isinstance(observation, dict):
        return {k: v[0] for k, v in observation.items()}
    return observation[0]
