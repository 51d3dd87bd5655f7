"""A model of one number per phase, and batches that can be told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from foreworld.log import Logger
from foreworld.training import Budget, LoopConfig, Trainer
from foreworld.vocab import Batch, Loss, Phase, Spec, WorldModel


class Nothing(NamedTuple):
    action: Tensor


@dataclass(frozen=True)
class TwoConfig:
    pass


class Two(WorldModel):
    """Two parts: one is trained for a quarter of the budget, the other for the rest."""

    Config = TwoConfig
    heads = ()

    def __init__(self) -> None:
        super().__init__()
        self.specs = {"action": Spec((1,), "float32", "vector", low=-1.0, high=1.0)}
        self.first, self.second = nn.Linear(1, 1), nn.Linear(1, 1)
        self.seen: list[tuple[str, bool, tuple[int, ...]]] = []  # phase, training mode, batch shape
        self.poison = float("inf")  # update from which losses are not finite

    def phases(self) -> list[Phase]:
        early = Phase("early", lambda b: self._loss("early", b), 1, ("first",), length=1)
        return [early, Phase("late", lambda b: self._loss("late", b), 3, ("second",))]

    def _loss(self, name: str, batch: Batch) -> Loss:
        self.seen.append((name, self.training, tuple(batch["x"].shape)))
        part = self.first if name == "early" else self.second
        out = part(batch["x"].unsqueeze(-1)).squeeze(-1) + 0.01 * torch.randn(batch["x"].shape)
        bad = torch.nan if len(self.seen) >= self.poison else 0.0
        return Loss({"x": (out - batch["x"] * 2).square() + bad}, Nothing(out))

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError

    def initial(self, batch_size: int) -> Nothing:
        return Nothing(torch.zeros(batch_size, 1))

    def observe(self, state: Any, batch: Batch) -> Any:
        return state

    def imagine(self, state: Any, action: Tensor, noise: Tensor | None = None) -> Any:
        return state

    def predict(self, state: Any, heads: Any = None) -> Any:
        return {}

    def features(self, state: Any) -> Tensor:
        return state.action

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 1)


class Numbers:
    """Random batches from a generator with a state."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(3)

    def sample(self, length: int | None = None, keys: Any = None, times: int = 1) -> Batch:
        shape = (12 // (length or 4), length or 4)
        return {"x": torch.randn(shape, generator=self.generator)}

    def state(self) -> dict[str, Any]:
        return {"bytes": self.generator.get_state().tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        self.generator.set_state(torch.tensor(state["bytes"], dtype=torch.uint8))


class Saved(list):
    """Checkpoints in memory: copies, as files would be."""

    def __call__(self, arrays: Any, documents: Any, step: int) -> None:
        copy = {g: {k: v.clone() for k, v in tensors.items()} for g, tensors in arrays.items()}
        self.append((step, copy, documents))


@pytest.fixture
def make_trainer():
    def make(updates: int = 8, grow: Any = None, logger: Any = None, **config: Any) -> Trainer:
        torch.manual_seed(0)
        settings = LoopConfig(**config)
        budget = Budget(updates=updates)
        return Trainer(Two(), Numbers(), budget, settings, logger or Logger([]), Saved(), grow)

    return make
