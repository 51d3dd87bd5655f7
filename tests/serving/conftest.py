"""A world model small enough to be exported in a second: a dot that drifts, with a nested state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from foreworld.outputs import Bernoulli, Mse
from foreworld.vocab import Loss, Spec, WorldModel

SIZE = 8
SPECS = {
    "image": Spec((SIZE, SIZE, 3), "uint8", "image"),
    "place": Spec((2,), "float32", "vector", -1.0, 1.0),
    "action": Spec((2,), "float32", "vector", -1.0, 1.0, names=("x", "y")),
}


class Past(NamedTuple):
    place: Tensor  # [B, 2] where the dot was
    count: Tensor  # [B] steps so far, integers


class DriftState(NamedTuple):
    place: Tensor  # [B, 2]
    past: Past
    words: Tensor  # [B, 0]: there are no words in this world
    action: Tensor  # [B, 2]


@dataclass(frozen=True)
class DriftConfig:
    """Nothing to choose."""


class Drift(WorldModel):
    """place + 0.1 action + 0.05 (place - place before) + 0.02 noise, bent back at the edges."""

    Config = DriftConfig
    config = DriftConfig()
    specs = SPECS
    heads = ("image", "place", "reward", "continue")

    def __init__(self, specs: Any = None, config: Any = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Linear(2, 2)
        self.register_buffer("grid", torch.linspace(-1, 1, SIZE))

    def initial(self, batch_size: int) -> DriftState:
        place = torch.zeros(batch_size, 2)
        past = Past(place, torch.zeros(batch_size, dtype=torch.long))
        return DriftState(place, past, torch.zeros(batch_size, 0), place)

    def observe(self, state: DriftState, batch: Any) -> DriftState:
        state = self.imagine(state, state.action)
        first = batch["is_first"][:, -1:]
        action = batch["action"][:, -1] if "action" in batch else torch.zeros_like(state.action)
        place = torch.where(
            first, batch["place"][:, -1], 0.5 * (batch["place"][:, -1] + state.place)
        )
        return state._replace(place=place, action=action)

    def imagine(self, state: DriftState, action: Tensor, noise: Tensor | None = None) -> DriftState:
        moved = state.place + 0.1 * action + 0.05 * (state.place - state.past.place)
        moved = moved if noise is None else moved + 0.02 * noise
        past = Past(state.place, state.past.count + 1)
        return DriftState(torch.tanh(self.mix(moved)), past, state.words, torch.zeros_like(action))

    def predict(self, state: DriftState, heads: Any = None) -> dict[str, Any]:
        near = -((self.grid - state.place[:, :1]) ** 2), -((self.grid - state.place[:, 1:]) ** 2)
        dot = (4 * (near[1][:, :, None] + near[0][:, None, :])).exp()
        said = {
            "image": Mse(dot.unsqueeze(-1).expand(-1, -1, -1, 3) * 1.0, 3),
            "place": Mse(state.place, 1),
            "reward": Mse(state.place[:, 0], 0),
            "continue": Bernoulli(5.0 - 0.01 * state.past.count),
        }
        return {h: said[h] for h in heads or self.heads}

    def features(self, state: DriftState) -> Tensor:
        return state.place

    def loss(self, batch: Any) -> Loss:
        raise NotImplementedError

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(batch_size, horizon, 2, generator=generator)


@pytest.fixture(scope="session")
def drift() -> Drift:
    return Drift().eval().requires_grad_(False)
