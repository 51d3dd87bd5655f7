"""A model so simple that every future of it is known: a place that goes where it is pushed."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.outputs import Bernoulli, Mse
from foreworld.sessions import Rows, Session
from foreworld.vocab import Loss, Spec, WorldModel

SPECS = {
    "place": Spec((2,), "float32", "vector", names=("x", "y")),
    "image": Spec((4, 4, 3), "uint8", "image"),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
}
JITTER = 0.1


class Place(NamedTuple):
    place: Tensor  # [B, 2]
    action: Tensor  # [B, 2]


@dataclass(frozen=True)
class WalkerConfig:
    pass


class Walker(WorldModel):
    """place += action + JITTER * noise; the reward is x."""

    Config = WalkerConfig

    def __init__(self, specs=SPECS, config=None):
        super().__init__()
        self.specs, self.config = specs, config or WalkerConfig()
        self.heads = ("place", "image", "reward", "continue")
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def initial(self, batch_size):
        return Place(torch.zeros(batch_size, 2), torch.zeros(batch_size, 2))

    def observe(self, state, batch):
        return Place(batch["place"][:, -1].float(), batch["action"][:, -1].float())

    def imagine(self, state, action, noise=None):
        moved = state.place + action + (0 if noise is None else JITTER * noise)
        return Place(moved, torch.zeros_like(action))

    def predict(self, state, heads=None):
        said = {
            "place": Mse(state.place, 1),
            "image": Mse(state.place[:, :1, None, None].sigmoid().expand(-1, 4, 4, 3), 3),
            "reward": Mse(state.place[:, 0], 0),
            "continue": Bernoulli(torch.full((len(state.place),), 9.0)),
        }
        return {h: said[h] for h in (self.heads if heads is None else heads)}

    def features(self, state):
        return state.place

    def loss(self, batch):
        return Loss({}, self.initial(1))

    def noise(self, batch_size, horizon, seed):
        shape = (batch_size, horizon, 2)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Crowd(Walker):
    """A model that looks at the other rows: nobody may notice."""

    def imagine(self, state, action, noise=None):
        moved = super().imagine(state, action, noise)
        return moved._replace(place=moved.place + 1e-4 * moved.place.mean(0, keepdim=True))


def walk(seed=7, model=None):
    """A session that stands at its first instant."""
    session = Session(Rows(model or Walker()), seed)
    session.begin(session.rows.model.initial(1))
    return session


def pushes(count, seed=0):
    return list(np.random.default_rng(seed).uniform(-1, 1, (count, 2)).astype(np.float32))
