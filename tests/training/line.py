"""A world on a line that a model knows exactly: reward is minus the distance to 1."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from foreworld.outputs import Mse
from foreworld.vocab import Batch, Loss, Spec, WorldModel


class Place(NamedTuple):
    x: Tensor  # [B]
    action: Tensor


class Line(WorldModel):
    """Moves by 0.3 * (action - 3), or by -0.3, 0, 0.3. `deadly`: beyond 0.5 the world ends."""

    Config = object

    def __init__(self, discrete: bool, deadly: bool = False) -> None:
        super().__init__()
        self.heads = ("reward", "continue")
        self.deadly = deadly
        spec = Spec((1,), "float32", "vector", low=2.0, high=4.0)
        self.specs = {
            "x": Spec((), "float32", "vector"),
            "action": Spec((), "int64", "discrete", classes=(3,)) if discrete else spec,
        }
        self.gain = nn.Parameter(torch.tensor(0.3))

    def initial(self, batch_size: int) -> Place:
        spec = self.specs["action"]
        action = torch.zeros(batch_size, *spec.shape, dtype=getattr(torch, spec.dtype))
        return Place(torch.zeros(batch_size), action)

    def observe(self, state: Place, batch: Batch) -> Place:
        return Place(batch["x"][:, -1], batch["action"][:, -1])

    def imagine(self, state: Place, action: Tensor, noise: Tensor | None = None) -> Place:
        move = action.float() - 1 if action.ndim == 1 else action[:, 0] - 3
        return Place(state.x + self.gain * move, action)

    def predict(self, state: Place, heads=None):
        alive = 1 - (state.x > 0.5).float() * self.deadly
        values = {"reward": -(state.x - 1).abs(), "continue": alive}
        return {h: Mse(values[h], 0) for h in heads or self.heads}

    def features(self, state: Place) -> Tensor:
        return state.x[:, None]

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 1)
