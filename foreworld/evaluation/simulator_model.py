"""The simulator itself, worn as a world model: what a perfect model says about every question.

    episodes (key `state`) ──observe──▶ the whole state of the world ──imagine──▶ world.advance
                                                    └──predict──▶ world.look, reward, terminal

A measurement of trust has to find it without fault, and every spoiled copy of it
(`foreworld.evaluation.corruptions`) guilty of its one fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.errors import unknown
from foreworld.outputs import Bernoulli, Mse
from foreworld.vocab import (
    Batch,
    Loss,
    Prediction,
    Spec,
    Specs,
    WorldModel,
    lasting,
    map_state,
    stack_states,
)

if TYPE_CHECKING:
    from foreworld.worlds.functional import FunctionalWorld

STATE = "state"  # the key under which episodes keep the whole state of the world
SURE = 12.0  # logit of what is known


class Simulated(NamedTuple):
    """One instant of a simulator. `before`: the action that led here, zeros where none did."""

    sim: Tensor  # [B, S] float64, everything there is to know
    action: Tensor  # [B, ...]
    before: Tensor  # [B, ...]


@dataclass(frozen=True)
class SimulatorConfig:
    """A simulator has nothing to choose."""


class SimulatorModel(WorldModel):
    """A functional world as a model that was never trained and knows everything.

    specs: of the episodes to come; they need the key `state`, which this model alone gets to see.
    Heads are the pictures and vectors of the world that the episodes hold, reward and continue.
    Imagining without noise takes the middle of every kick: none. Raises ValueError without `state`.
    """

    Config = SimulatorConfig

    def __init__(self, world: FunctionalWorld, specs: Specs) -> None:
        super().__init__()
        if STATE not in specs:
            raise ValueError(
                f"the episodes hold {', '.join(sorted(specs))}; a simulator is worn as a model "
                f"only where they hold {STATE!r} as well, as those of Bounce-v0 and Gallery-v0 do"
            )
        self.world, self.given, self.config = world, specs, SimulatorConfig()
        self.specs = {**lasting(specs), STATE: replace(specs[STATE], observed=True, record=False)}
        shown = [k for k, s in world.specs.items() if k in specs and s.kind in ("image", "vector")]
        self.heads = (*sorted(k for k in shown if k not in (STATE, "action")), "reward", "continue")

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def initial(self, batch_size: int) -> Simulated:
        spec = self.specs["action"]
        none = torch.from_numpy(np.zeros((batch_size, *spec.shape), spec.dtype))
        sim = torch.zeros(batch_size, self.world.state_width, dtype=torch.float64)
        return Simulated(sim, none, none.clone())

    def observe(self, state: Simulated, batch: Batch) -> Simulated:
        sim, action = batch[STATE][:, -1].double(), batch["action"][:, -1]
        before = batch["action"][:, -2] if batch["action"].shape[1] > 1 else state.action
        first = batch["is_first"][:, -1].view(-1, *[1] * (before.ndim - 1))
        return Simulated(sim, action, torch.where(first, torch.zeros_like(before), before))

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        if noise is None:
            noise = torch.zeros(len(action), self.world.noise_width)
        sim = self.world.advance(state.sim.numpy(), action.numpy(), noise.double().numpy())
        return Simulated(torch.from_numpy(np.asarray(sim)), torch.zeros_like(action), action)

    def predict(
        self, state: Simulated, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        wanted = self.heads if heads is None else heads
        for head in wanted:
            if head not in self.heads:
                raise unknown("head", head, self.heads)
        sim = state.sim.numpy()
        seen = self.world.look(sim, [h for h in wanted if h in self.world.specs])
        return {head: self._said(head, sim, seen) for head in wanted}

    def _said(self, head: str, sim: np.ndarray, seen: Mapping[str, np.ndarray]) -> Prediction:
        if head == "reward":
            return _known(self.world.reward(sim), 0)
        if head == "continue":
            over = torch.from_numpy(np.asarray(self.world.terminal(sim), np.float32))
            return Bernoulli(SURE * (1 - 2 * over))
        spec: Spec = self.world.specs[head]
        return _known(seen[head] / np.float32(255 if spec.kind == "image" else 1), len(spec.shape))

    def features(self, state: Simulated) -> Tensor:
        """The facts of the world, or all of its state where it tells none."""
        sim = state.sim.numpy()
        told = self.world.look(sim, ["facts"])["facts"] if "facts" in self.world.specs else sim
        return torch.from_numpy(np.asarray(told, np.float32)).flatten(1)

    def loss(self, batch: Batch) -> Loss:
        """How wrong each row was foretold from the row before, [B, T]; rows that begin: 0."""
        begins = batch["is_first"].clone()
        begins[:, 0] = True
        state, states = self.initial(len(begins)), []
        rows: list[dict[str, Tensor]] = []
        for t, first in enumerate(begins.unbind(1)):
            said = self.predict(self.imagine(state, state.action))
            rows.append({h: said[h].loss(y) * ~first for h, y in _truth(batch, t, said).items()})
            state = self.observe(state, {k: v[:, t : t + 1] for k, v in batch.items()})
            states.append(state)
        losses = {head: torch.stack([row[head] for row in rows], 1) for head in rows[0]}
        return Loss(losses, map_state(lambda x: x.flatten(0, 1), stack_states(states)))

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(batch_size, horizon, self.world.noise_width, generator=generator)


def _truth(batch: Batch, t: int, said: Mapping[str, Prediction]) -> dict[str, Tensor]:
    """What row t of a batch holds of the heads, images in [0, 1]."""
    row = {k: v[:, t] / 255 if v.dtype == torch.uint8 else v[:, t] for k, v in batch.items()}
    row["continue"] = 1 - row["is_terminal"].float()
    return {head: row[head] for head in said if head in row}


def _known(values: np.ndarray, event_dims: int) -> Mse:
    """A point [B, ...] without doubt."""
    return Mse(torch.from_numpy(np.asarray(values, np.float32)), event_dims)
