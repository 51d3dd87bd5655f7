"""A world small enough to be known exactly: a dot on a dark floor that goes where it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from foreworld.outputs import Mse
from foreworld.streams import GymStream
from foreworld.vocab import Batch, Episode, Loss, WorldModel

SIZE = 16


def draw(position: np.ndarray) -> np.ndarray:
    """The dot at [x, y] in [0, 1]: uint8 [SIZE, SIZE, 3]."""
    ys, xs = np.mgrid[:SIZE, :SIZE]
    x, y = np.clip(position, 0, 1) * (SIZE - 1)
    near = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 3)
    return np.repeat((20 + 200 * near[..., None]).astype(np.uint8), 3, -1)


class DotEnv(gymnasium.Env):
    """Reward is minus the distance to the right edge; success is to reach it.

    solved: these seeds start there.
    """

    def __init__(self, max_steps: int = 20, solved: tuple[int, ...] = ()) -> None:
        self.observation_space = spaces.Dict(
            image=spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8),
            position=spaces.Box(0, 1, (2,), np.float32),
        )
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)
        self.targets = {"success": spaces.Discrete(2), "cost": spaces.Box(0, 1, (), np.float32)}
        self.max_steps, self.solved = max_steps, solved

    def reset(self, *, seed: int | None = None, options: Any = None):
        super().reset(seed=seed)
        self.position, self.steps = self.np_random.uniform(0.2, 0.6, 2), 0
        if seed in self.solved:
            self.position[0] = 1.0
        return self._seen(), self._info()

    def step(self, action: np.ndarray):
        self.position = np.clip(self.position + 0.1 * np.asarray(action, float), 0, 1)
        self.steps += 1
        return self._seen(), self.position[0] - 1, False, self.steps >= self.max_steps, self._info()

    def get_state(self) -> tuple[np.ndarray, int]:
        return self.position.copy(), self.steps

    def set_state(self, state: tuple[np.ndarray, int]) -> None:
        self.position, self.steps = state[0].copy(), state[1]

    def _seen(self) -> dict[str, np.ndarray]:
        return {"image": draw(self.position), "position": self.position.astype(np.float32)}

    def _info(self) -> dict[str, Any]:
        return {"success": int(self.position[0] > 0.95), "cost": float(self.position[1] > 0.95)}


class Dot(NamedTuple):
    position: Tensor  # [B, 2]
    action: Tensor  # [B, 2]


@dataclass(frozen=True)
class DotConfig:
    """Nothing to choose."""


class DotModel(WorldModel):
    """Knows the dot world. gain: how much of each action it heeds (1 all, 0 none)."""

    Config = DotConfig
    config = DotConfig()
    heads = ("image", "position", "reward")

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.specs = GymStream(DotEnv).specs
        self.gain = nn.Parameter(torch.tensor(gain))

    def initial(self, batch_size: int) -> Dot:
        return Dot(*torch.zeros(2, batch_size, 2))

    def observe(self, state: Dot, batch: Batch) -> Dot:
        return Dot(batch["position"][:, -1].float(), batch["action"][:, -1])

    def imagine(self, state: Dot, action: Tensor, noise: Tensor | None = None) -> Dot:
        position = (state.position + 0.1 * self.gain * action).clamp(0, 1)
        return Dot(position, torch.zeros_like(action))

    def predict(self, state: Dot, heads=None):
        values = {"position": state.position, "reward": state.position[:, 0] - 1}
        if heads is None or "image" in heads:
            frames = np.stack([draw(p) for p in state.position.detach().numpy().astype(float)])
            values["image"] = torch.from_numpy(frames).float() / 255
        return {h: Mse(values[h], values[h].ndim - 1) for h in heads or self.heads}

    def features(self, state: Dot) -> Tensor:
        return state.position

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 1)


class Wander:
    """Turns now and then, so that actions differ between episodes."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def init(self, num_envs: int) -> np.ndarray:
        return self.rng.uniform(-1, 1, (num_envs, 2)).astype(np.float32)

    def act(self, carry: np.ndarray, step):
        turn = self.rng.random(len(carry)) < 0.2
        fresh = self.rng.uniform(-1, 1, carry.shape).astype(np.float32)
        carry = np.where(turn[:, None], fresh, carry)
        return carry, carry


@pytest.fixture(scope="session")
def episodes() -> list[Episode]:
    from foreworld.streams import collect

    return list(collect(GymStream(DotEnv, num_envs=6), Wander(), episodes=12))


@pytest.fixture(scope="session")
def dot_env() -> type[DotEnv]:
    return DotEnv


@pytest.fixture(scope="session")
def dot_model() -> type[DotModel]:
    return DotModel


@pytest.fixture
def wander() -> Wander:
    return Wander()
