"""Toy worlds whose dynamics a planner can know exactly."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from foreworld.outputs import Mse
from foreworld.vocab import Batch, Loss, Spec, WorldModel

torch.set_num_threads(1)


class Point(NamedTuple):
    position: Tensor  # [B, 2] in metres
    velocity: Tensor  # [B, 2]
    action: Tensor  # [B, 2]


class PointMass(WorldModel):
    """A mass with friction; the reward is minus the distance to (1, 1), a pit costs 1 per step."""

    Config = object
    heads = ("position", "reward", "cost")

    def __init__(self, low=(-1.0, -1.0), high=(1.0, 1.0), scale=1.0, noise_scale=0.0):
        super().__init__()
        self.specs = {
            "position": Spec((2,), "float32", "vector"),
            "action": Spec((2,), "float32", "vector", low=low, high=high),
        }
        self.target = nn.Parameter(torch.ones(2))
        self.scale, self.noise_scale = scale, noise_scale
        self.num_imagined = 0

    def initial(self, batch_size: int) -> Point:
        return Point(*torch.zeros(3, batch_size, 2))

    def observe(self, state: Point, batch: Batch) -> Point:
        first = batch["is_first"][:, -1, None]
        velocity = torch.where(first, 0.0, state.velocity)
        return Point(batch["position"][:, -1], velocity, torch.zeros_like(velocity))

    def imagine(self, state: Point, action: Tensor, noise: Tensor | None = None) -> Point:
        self.num_imagined += len(action)
        velocity = 0.8 * state.velocity + 0.1 * action / self.scale
        if noise is not None:
            velocity = velocity + self.noise_scale * noise
        return Point(state.position + velocity, velocity, action)

    def predict(self, state: Point, heads=None):
        distance = (state.position - self.target).norm(dim=-1)
        in_pit = ((state.position - 0.5).norm(dim=-1) < 0.3).float()
        values = {"position": state.position, "reward": -distance, "cost": in_pit}
        return {h: Mse(values[h], values[h].ndim - 1) for h in heads or self.heads}

    def features(self, state: Point) -> Tensor:
        return state.position

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(batch_size, horizon, 2, generator=generator)


class Chain(NamedTuple):
    cell: Tensor  # [B]
    action: Tensor  # [B] or [B, 2]


class Corridor(WorldModel):
    """Cells 0 .. 20: class 2 goes right, 0 goes left, 1 stays; reward 1 in the last cell, else 0.05
    in the first. With two components, the second must be 1 for the first to take effect."""

    Config = object
    heads = ("reward", "continue")

    def __init__(self, components: int = 1, length: int = 8, deadly: int = -1):
        super().__init__()
        classes = (3,) if components == 1 else (3, 2)
        shape = () if components == 1 else (2,)
        self.specs = {"action": Spec(shape, "int64", "discrete", classes=classes)}
        self.length, self.deadly = length, deadly
        self.unused = nn.Parameter(torch.zeros(1))

    def initial(self, batch_size: int) -> Chain:
        cells = torch.zeros(batch_size, dtype=torch.long)
        return Chain(cells, torch.zeros(batch_size, *self.specs["action"].shape, dtype=torch.long))

    def observe(self, state: Chain, batch: Batch) -> Chain:
        return state

    def imagine(self, state: Chain, action: Tensor, noise: Tensor | None = None) -> Chain:
        step = action - 1 if action.ndim == 1 else (action[:, 0] - 1) * action[:, 1]
        return Chain((state.cell + step).clamp(0, self.length), action)

    def predict(self, state: Chain, heads=None):
        reward = (state.cell == self.length).float() + 0.05 * (state.cell == 0)
        values = {"reward": reward, "continue": (state.cell != self.deadly).float()}
        return {h: Mse(values[h], 0) for h in heads or self.heads}

    def features(self, state: Chain) -> Tensor:
        return state.cell[:, None].float()

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 1)


@pytest.fixture
def point_mass() -> type[PointMass]:
    return PointMass


@pytest.fixture
def corridor() -> type[Corridor]:
    return Corridor
