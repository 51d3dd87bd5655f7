"""Fourteen ways of being wrong, each put into a model that is otherwise perfect.

    simulator ──▶ SimulatorModel ──▶ CopyLast, ActionBlind, OffByOne, … : one verb changed, no more

An examination is worth the faults that it finds: `foreworld trust selftest` examines them all.
Three of them are about things (who is hidden, who is gone, who is who) and need a world of them:
one whose flat state has the parts `place`, `there` and `rgb`, as that of Bounce-v0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.simulator_model import Simulated, SimulatorModel
from foreworld.evaluation.subject import Subject
from foreworld.outputs import Mse
from foreworld.streams.collect import Stream
from foreworld.vocab import Batch, Prediction, Step
from foreworld.worlds.bounce_physics import HALF
from foreworld.worlds.bounce_state import STATE as PARTS

HIDDEN = 0.02  # share of a thing that is seen: less is nothing
JUMPS = 0.02  # of the steps: at half of that, a dozen short scenes cannot be sure of it
SLIDE = 0.01  # of the floor in a step
LAGS = (1, 0, 3, 1, 7, 2, 5, 0, 6, 4, 8, 2)  # in which order time passes for the scrambled one


class CopyLast(SimulatorModel):
    """Whatever is done, everything stays as it was seen last."""

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        return Simulated(state.sim, torch.zeros_like(action), action)


class ActionBlind(SimulatorModel):
    """Knows how the world moves and what is usually done, and does not listen to what is done.

    Its chance draws the action as the data's random player does, so that it is well calibrated.
    """

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        spec, width = self.specs["action"], self.world.noise_width
        low, high = (torch.as_tensor(bound, dtype=action.dtype) for bound in (spec.low, spec.high))
        if noise is None:
            usual, kicks = (low + high) / 2 + torch.zeros_like(action), None
        else:
            share = torch.special.ndtr(noise[:, width:]).view_as(action)
            usual, kicks = low + (high - low) * share, noise[:, :width]
        return super().imagine(state, usual, kicks)._replace(before=action)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        width = self.world.noise_width + self.specs["action"].width
        return torch.randn(batch_size, horizon, width, generator=generator)


class OffByOne(SimulatorModel):
    """Every action acts one step late."""

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        return super().imagine(state, state.before, noise)._replace(before=action)


class Scrambled(NamedTuple):
    """What is shown, and what has truly passed: the last instants, newest last."""

    sim: Tensor  # [B, S]
    action: Tensor
    before: Tensor
    past: Tensor  # [B, L, S]
    steps: Tensor  # [B] imagined since something was seen


class ScrambledInTime(SimulatorModel):
    """Foresees what will be, and shows it in the wrong order."""

    def initial(self, batch_size: int) -> Any:
        start = super().initial(batch_size)
        past = start.sim[:, None].repeat(1, max(LAGS) + 1, 1)
        return Scrambled(*start, past, torch.zeros(batch_size, dtype=torch.int64))

    def observe(self, state: Any, batch: Batch) -> Any:
        seen = super().observe(Simulated(*state[:3]), batch)
        past = seen.sim[:, None].repeat(1, state.past.shape[1], 1)
        return Scrambled(*seen, past, torch.zeros_like(state.steps))

    def imagine(self, state: Any, action: Tensor, noise: Tensor | None = None) -> Any:
        now = state._replace(sim=state.past[:, -1])
        next = super().imagine(Simulated(*now[:3]), action, noise)
        past = torch.cat([state.past[:, 1:], next.sim[:, None]], 1)
        lag = torch.tensor(LAGS)[state.steps % len(LAGS)]
        shown = past[torch.arange(len(past)), past.shape[1] - 1 - lag]
        return Scrambled(shown, next.action, next.before, past, state.steps + 1)


class OverConfident(SimulatorModel):
    """Thinks that chance plays a third of its part."""

    factor = 0.3

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        return super().imagine(state, action, None if noise is None else noise * self.factor)


class UnderConfident(OverConfident):
    """Thinks that chance plays three times its part."""

    factor = 3.0


class Teleporting(SimulatorModel):
    """Now and then, one step in fifty, every thing is suddenly somewhere else."""

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        next = super().imagine(state, action, noise)
        sim = next.sim.numpy().copy()
        jumps = _chance(sim, 0) < JUMPS
        place = PARTS.read(sim, "place")
        drawn = np.stack([_chance(sim, 1 + n) for n in range(place[0].size)], 1)
        elsewhere = (2 * drawn.reshape(place.shape) - 1) * 0.8 * HALF
        PARTS.write(sim, place=np.where(jumps[:, None, None], elsewhere, place))
        return next._replace(sim=torch.from_numpy(sim))


class Drifting(SimulatorModel):
    """Everything slides to one corner, a hundredth of the floor in a step."""

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        next = super().imagine(state, action, noise)
        sim = next.sim.numpy().copy()
        slid = np.minimum(PARTS.read(sim, "place") + 2 * HALF * SLIDE, HALF)
        PARTS.write(sim, place=slid)
        return next._replace(sim=torch.from_numpy(sim))


class RewardHacked(SimulatorModel):
    """Sees one more of reward wherever it imagines to be."""

    def _said(self, head: str, sim: np.ndarray, seen: Mapping[str, np.ndarray]) -> Prediction:
        said = super()._said(head, sim, seen)
        return Mse(said.mean + 1, 0) if head == "reward" else said


class Optimistic(SimulatorModel):
    """Imagines every failure as a success: the best reward there is, whatever happens."""

    def _said(self, head: str, sim: np.ndarray, seen: Mapping[str, np.ndarray]) -> Prediction:
        if head in ("reward", "success"):
            best = 0.0 if head == "reward" else 1.0
            return Mse(torch.full((len(sim),), best), 0)
        return super()._said(head, sim, seen)


class Forgetful(SimulatorModel):
    """What is hidden is gone, until it is seen again."""

    def observe(self, state: Simulated, batch: Batch) -> Simulated:
        return self._forget(super().observe(state, batch))

    def imagine(self, state: Simulated, action: Tensor, noise: Tensor | None = None) -> Simulated:
        return self._forget(super().imagine(state, action, noise))

    def _forget(self, state: Simulated) -> Simulated:
        sim = state.sim.numpy().copy()
        seen = self.world.look(sim, ["visible"])["visible"] > HIDDEN
        PARTS.write(sim, there=PARTS.read(sim, "there") * seen)
        return state._replace(sim=torch.from_numpy(sim))


class Hoarder(SimulatorModel):
    """What was there once is there for ever, even if it was seen to be taken away."""

    def observe(self, state: Simulated, batch: Batch) -> Simulated:
        for t in range(batch["is_first"].shape[1]):
            row = {k: v[:, t : t + 1] for k, v in batch.items()}
            state = self._keep(state, super().observe(state, row), row["is_first"][:, 0].numpy())
        return state

    def _keep(self, old: Simulated, new: Simulated, first: np.ndarray) -> Simulated:
        before, sim = old.sim.numpy(), new.sim.numpy().copy()
        there = PARTS.read(sim, "there")
        lost = (PARTS.read(before, "there") > there) & ~first[:, None]
        kept = {
            name: np.where(lost[..., None], PARTS.read(before, name), PARTS.read(sim, name))
            for name in ("place", "rgb")
        }
        PARTS.write(sim, there=np.maximum(there, lost), **kept)
        return new._replace(sim=torch.from_numpy(sim))


class ColourBlind(SimulatorModel):
    """Tells no thing from another by its colour: all are of their average."""

    def observe(self, state: Simulated, batch: Batch) -> Simulated:
        seen = super().observe(state, batch)
        sim = seen.sim.numpy().copy()
        PARTS.write(sim, rgb=PARTS.read(sim, "rgb").mean(1, keepdims=True))
        return seen._replace(sim=torch.from_numpy(sim))


def leaked_split(subject: Subject) -> Subject:
    """Half of the held-out episodes were trained on, and the worlds to act in begin solved."""
    make, held_out = subject.make_stream, subject.held_out
    leaked = [*subject.training, *held_out[: len(held_out) // 2]]
    solved = None if make is None else lambda num, seed: SolvedAtStart(make(num, seed))
    return replace(subject, training=leaked, make_stream=solved)


class SolvedAtStart:
    """A stream whose worlds say at once that they are solved."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.specs, self.num_envs = stream, stream.specs, stream.num_envs

    def reset(self, seed: int | None = None) -> Step:
        first = self.stream.reset(seed)
        return {**first, "success": np.ones_like(first["success"])}

    def step(self, action: np.ndarray) -> Step:
        return self.stream.step(action)


def _chance(sim: np.ndarray, stream: int) -> np.ndarray:
    """Numbers in [0, 1) that anything about the states decides: chance without a generator."""
    mixed = np.sin(sim.sum(1) * 12345.678 + 78.233 * stream) * 43758.5453
    return mixed - np.floor(mixed)
