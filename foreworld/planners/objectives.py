"""Objectives: what an imagined future is worth, higher is better.

    RewardObjective()                                   predicted rewards (and the value after)
    GoalObjective(goal_features(model, batch))          how near it comes to a goal
    PredicateObjective(lambda p: p["x"] > 0.5, ("x",))  how long something holds
    CostLimitObjective(RewardObjective(), limit=1.0)    reward among the futures that are safe

M futures of H steps each, M = B rows x candidates, rows outermost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from foreworld.errors import unknown
from foreworld.vocab import Batch, Objective, State, WorldModel, map_state, predict_all

INFEASIBLE = -1e9  # scores from here down are of futures that break a limit

_REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x.sum(1),
    "last": lambda x: x[:, -1],
    "min": lambda x: x.amin(1),
    "any": lambda x: x.amax(1),
    "all": lambda x: x.amin(1),
}
_DISTANCE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l2": lambda x, y: (x - y).norm(dim=-1),
    "l1": lambda x, y: (x - y).abs().sum(-1),
    "cosine": lambda x, y: 1 - F.cosine_similarity(x, y, dim=-1),
}


@dataclass(frozen=True)
class RewardObjective:
    """Sum over steps of discount^h * P(still running) * reward, plus the value of the last state.

    P(still running) at step h is the product of the "continue" predictions of the steps before, 1
    if the model has no such head. The value counts if the model has the head and `bootstrap` is
    set.
    """

    discount: float | None = None  # per step; None: what the model's values were learned with
    bootstrap: bool = True  # add the predicted value of the last state

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        """Raises ValueError for a model without a reward head."""
        _require(model, ("reward",), "RewardObjective")
        discount = model.discount if self.discount is None else self.discount
        heads = ["reward", *(h for h in ("continue",) if h in model.heads)]
        means = predict_all(model, states, heads)
        reward_MH = means["reward"]
        alive_MH = means.get("continue", torch.ones_like(reward_MH)).cumprod(1)
        before_MH = F.pad(alive_MH[:, :-1], (1, 0), value=1.0)
        step = torch.arange(reward_MH.shape[1], device=reward_MH.device)
        total = (discount**step * before_MH * reward_MH).sum(1)
        if self.bootstrap and "value" in model.heads:
            last = map_state(lambda x: x[:, -1], states)
            value = model.predict(last, ["value"])["value"].mean
            total = total + discount ** reward_MH.shape[1] * alive_MH[:, -1] * value
        return total


@dataclass(frozen=True, eq=False)
class GoalObjective:
    """Minus the distance of the model's features to those of a goal.

    goal [B, D], or [1, D] for one goal of all rows. distance: l2, l1, cosine. reduce over the
    steps: min (some time: ways round are free), sum (soon and for long), last.
    """

    goal: Tensor
    distance: str = "l2"
    reduce: str = "min"

    def __post_init__(self) -> None:
        _choose("distance", self.distance, tuple(_DISTANCE))
        _choose("reduce", self.reduce, ("sum", "min", "last"))

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        features = model.features(map_state(lambda x: x.flatten(0, 1), states))
        features_MHD = features.unflatten(0, actions.shape[:2])
        goal_MD = self.goal.repeat_interleave(len(actions) // len(self.goal), 0)
        distance_MH = _DISTANCE[self.distance](features_MHD, goal_MD[:, None])
        return -_REDUCE[self.reduce](distance_MH)


def goal_features(model: WorldModel, batch: Batch) -> Tensor:
    """Features [B, D] after seeing goal observations [B, T, ...] and nothing else."""
    rows = len(batch["is_first"])
    with torch.no_grad():
        return model.features(model.observe(model.initial(rows), batch))


@dataclass(frozen=True)
class PredicateObjective:
    """How much of the future a predicate on predictions holds.

    predicate: dict of predicted means [M, H, ...] -> truth or score [M, H]. reduce over the steps:
    sum (how long), any (at some time, or the best score), all (always, or the worst score), last.
    """

    predicate: Callable[[dict[str, Tensor]], Tensor]
    heads: tuple[str, ...]
    reduce: str = "sum"

    def __post_init__(self) -> None:
        _choose("reduce", self.reduce, ("sum", "any", "all", "last"))

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        """Raises ValueError for heads that the model lacks, or a predicate of wrong shape."""
        _require(model, self.heads, "PredicateObjective")
        truth = self.predicate(predict_all(model, states, self.heads))
        if truth.shape != actions.shape[:2]:
            raise ValueError(
                f"the predicate returned shape {tuple(truth.shape)}, expected one value per future "
                f"and step, {tuple(actions.shape[:2])}: reduce the dimensions after the second"
            )
        return _REDUCE[self.reduce](truth.to(torch.float32))


@dataclass(frozen=True)
class CostLimitObjective:
    """`objective` among futures whose predicted cost, summed over the steps, is within `limit`.

    Feasible first (constrained CEM, Wen & Topcu 2018): a future above the limit loses to all within
    it whatever its reward, and to those less far above it; planners move towards feasible elites
    alone as soon as there are any. With several samples per candidate, one above is enough to lose.
    """

    objective: Objective
    limit: float  # of the cost summed over the horizon
    head: str = "cost"

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        """Raises ValueError for a model without that head."""
        _require(model, (self.head,), "CostLimitObjective")
        scores = self.objective(model, states, actions)
        cost = predict_all(model, states, [self.head])[self.head].sum(1)
        # Multiplied, not added: -1e9 - excess would round the excess away in float32.
        violation = INFEASIBLE * (1 + (cost - self.limit))
        return torch.where(cost > self.limit, violation, scores)


@dataclass(frozen=True)
class WeightedObjective:
    """A weighted sum of objectives: WeightedObjective(((1.0, reward), (0.1, goal)))."""

    terms: tuple[tuple[float, Objective], ...]

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        scores = [weight * objective(model, states, actions) for weight, objective in self.terms]
        return torch.stack(scores).sum(0)


def _choose(name: str, given: str, valid: tuple[str, ...]) -> None:
    if given not in valid:
        raise unknown(name, given, valid)


def _require(model: WorldModel, heads: tuple[str, ...], objective: str) -> None:
    for head in heads:
        if head not in model.heads:
            raise unknown(f"head for {objective}", head, model.heads)
