"""The conformance suite's toy, a dot that goes where the action says, as a functional world."""

from __future__ import annotations

import numpy as np
import torch
from subject import Subject
from toy import STEP, draw, toy_specs

from foreworld.evaluation.simulator_model import SimulatorModel
from foreworld.vocab import Spec


class PointWorld:
    """State: where the dot is, and two numbers of noise that were added on the way (float64)."""

    state_width, noise_width = 2, 2

    def __init__(self, kick: float = 0.02) -> None:
        self.kick = kick
        specs = toy_specs(discrete=False)
        self.action = specs["action"]
        self.specs = {k: specs[k] for k in ("image", "position", "far")}
        self.specs["state"] = Spec((2,), "float64", "vector", observed=False)

    def begin(self, rng, factors=None):
        return rng.random(2)

    def advance(self, state, action, noise):
        return np.clip(state + STEP * action + self.kick * noise, 0, 1)

    def look(self, state, keys=None):
        said = {
            "image": lambda: draw(torch.from_numpy(state)).numpy(),
            "position": lambda: state.astype(np.float32),
            "far": lambda: np.linalg.norm(state - 0.5, axis=-1).astype(np.float32),
            "state": lambda: state,
        }
        return {k: said[k]() for k in (self.specs if keys is None else keys)}

    def reward(self, state):
        return state[:, 0] - 0.5

    def terminal(self, state):
        return np.zeros(len(state), bool)


class Worn(Subject):
    """The toy of the conformance suite, its simulator in place of a family."""

    def __init__(self) -> None:
        super().__init__("simulator", discrete=False)

    @property
    def specs(self):
        return {**toy_specs(False), "state": Spec((2,), "float64", "vector", observed=False)}

    @property
    def model(self):
        return SimulatorModel(PointWorld(), self.specs)

    def windows(self, num, length, seed, **settings):
        batch = super().windows(num, length, seed, **settings)
        return {**batch, "state": batch["position"].double()}
