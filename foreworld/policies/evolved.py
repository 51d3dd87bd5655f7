"""One matrix between what a world model knows and what is done: the controller of World Models.

    step --observe--> state --features--> W [features, 1] --> action --> world

Ha & Schmidhuber 2018, eq. 1. How W is found is in `foreworld.training.evolution`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.outputs import Categorical
from foreworld.policies.actor_critic import bounds
from foreworld.policies.planned import step_batch
from foreworld.vocab import State, Step, WorldModel


class LinearController:
    """What a flat list of `size` weights does over the features of `model`.

    A class is the largest of its outputs; a number is centre + reach * tanh(output), so that it is
    within its bounds. Raises ValueError for unbounded actions.
    """

    def __init__(self, model: WorldModel) -> None:
        self.spec = spec = model.specs["action"]
        with torch.no_grad():
            self.inputs = model.features(model.initial(1)).shape[-1] + 1  # and a one
        self.size = spec.width * self.inputs
        if spec.classes is None:
            low, high = (bound.to(model.device) for bound in bounds(spec))
            self._centre, self._reach = (low + high) / 2, (high - low) / 2

    def __call__(self, weights: Tensor, features: Tensor) -> Tensor:
        """P solutions [P, size], E rows of features for each [P * E, D] -> actions [P * E, ...]."""
        matrices = weights.unflatten(-1, (self.spec.width, self.inputs))
        rows = features.unflatten(0, (len(weights), -1))
        wanted = rows @ matrices[..., :-1].mT + matrices[..., -1].unsqueeze(1)
        out = wanted.flatten(0, 1)
        if self.spec.classes:
            return Categorical(out, self.spec.classes, scalar=not self.spec.shape).mean
        flat = self._centre + self._reach * torch.tanh(out)
        return flat.unflatten(-1, self.spec.shape) if self.spec.shape else flat.squeeze(-1)


@dataclass(frozen=True, eq=False)
class EvolvedPolicy:
    """See, remember, multiply."""

    model: WorldModel
    controller: LinearController
    weights: Tensor  # [size]

    def init(self, num_envs: int) -> State:
        return self.model.initial(num_envs)

    @torch.no_grad()
    def act(self, carry: State, step: Step) -> tuple[State, np.ndarray]:
        """step: arrays [N, ...], at least the model's observation keys and `is_first`."""
        state = self.model.observe(carry, step_batch(self.model, step))
        action = self.controller(self.weights.unsqueeze(0), self.model.features(state))
        dtype = self.controller.spec.dtype
        return state._replace(action=action), action.cpu().numpy().astype(dtype)
