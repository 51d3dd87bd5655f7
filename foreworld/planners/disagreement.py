"""What a model does not know, as how far the members of an ensemble disagree.

    features [D], action [A] ─▶ K small networks ─▶ K guesses of the next features ─▶ their variance

Where the world was seen often enough all members say the same, noise included: they are asked for
means, which noise leaves alone. Where it was not, they differ (Sekar et al. 2020, Plan2Explore).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreworld.nn.mlp import mlp
from foreworld.planners.proposals import action_space
from foreworld.vocab import Batch, Spec, State, WorldModel, map_state


@dataclass(frozen=True)
class EnsembleConfig:
    members: int = 5
    hidden: int = 128  # width of each
    layers: int = 2  # hidden layers of each


class Ensemble(nn.Module):
    """One-step predictors of a model's features, in deviations of those seen in training.

    They learn from real steps that the model has filtered: what is imagined agrees with itself.
    """

    def __init__(self, model: WorldModel, config: EnsembleConfig) -> None:
        super().__init__()
        with torch.no_grad():
            width = model.features(model.initial(1)).shape[-1]
        self.action: Spec = model.specs["action"]
        self.members = nn.ModuleList(
            mlp(width + self.action.width, width, config.hidden, config.layers)
            for _ in range(config.members)
        )
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self.register_buffer("count", torch.zeros(()))
        self.to(model.device)

    def disagreement(self, features: Tensor, action: Tensor) -> Tensor:
        """Features [..., D] and actions [..., *shape] taken there -> [...], 0 where all agree.

        Standard deviation over the members, the root mean square over the features.
        """
        return self._guesses(features, action).var(0, unbiased=False).mean(-1).sqrt()

    def loss(self, model: WorldModel, batch: Batch) -> Tensor:
        """Squared error of every member on the real steps of a batch [B, T, ...]; one number."""
        features = filtered(model, batch)
        if self.training:
            self._update(features)
        guesses = self._guesses(features[:, :-1], batch["action"][:, :-1])
        error = (guesses - self._scaled(features[:, 1:])).square().mean(-1)  # [K, B, T - 1]
        goes_on = ~batch["is_first"][:, 1:]
        return (error * goes_on).sum() / goes_on.sum().clamp(min=1)

    def _guesses(self, features: Tensor, action: Tensor) -> Tensor:
        """The next features by each member, [K, ..., D]; what they say is added to the last."""
        scaled = self._scaled(features)
        x = torch.cat([scaled, self._vector(action)], -1)
        return scaled + torch.stack([member(x) for member in self.members])

    def _scaled(self, features: Tensor) -> Tensor:
        return (features - self.get_buffer("mean")) / (self.get_buffer("variance") + 1e-4).sqrt()

    def _vector(self, action: Tensor) -> Tensor:
        """One-hot, or flat and scaled to [-1, 1] where bounds are known."""
        return action_space(self.action, action.device).encode(action)

    @torch.no_grad()
    def _update(self, features: Tensor) -> None:
        flat = features.flatten(0, -2)
        count, mean = self.get_buffer("count"), self.get_buffer("mean")
        count += 1
        weight = (1 / count).clamp(min=0.01)
        mean += weight * (flat.mean(0) - mean)
        variance = self.get_buffer("variance")
        variance += weight * ((flat - mean).square().mean(0) - variance)


@torch.no_grad()
def filtered(model: WorldModel, batch: Batch) -> Tensor:
    """The model's features [B, T, D] after each real step of a batch [B, T, ...]."""
    state, features = model.initial(len(batch["is_first"])), []
    for t in range(batch["is_first"].shape[1]):
        state = model.observe(state, {k: v[:, t : t + 1] for k, v in batch.items()})
        features.append(model.features(state))
    return torch.stack(features, 1)


@dataclass(frozen=True, eq=False)
class DisagreementObjective:
    """Sum over the imagined steps of what the ensemble disagrees about.

    Alone it explores; with a negative weight in a `WeightedObjective` it is the penalty for not
    knowing. A future begins after its first action, so that one is not judged: plan two or more.
    """

    ensemble: Ensemble

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        """Raises ValueError for futures of a single step."""
        if actions.shape[1] < 2:
            raise ValueError("disagreement is judged between imagined steps: horizon=2 or more")
        before = map_state(lambda x: x[:, :-1].flatten(0, 1), states)
        features = model.features(before).unflatten(0, (len(actions), -1))
        return self.ensemble.disagreement(features, actions[:, 1:]).sum(1)
