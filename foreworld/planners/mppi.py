"""Model predictive path integral control: better sequences weigh more, none is simply dropped.

The proposal moves to the weighted mean of the candidates::

    weight of a candidate = softmax(score / temperature)

Where a model has a head "policy", some candidates of every iteration are what it would do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreworld.outputs import gumbel_from_normal
from foreworld.planners.prior import policy_codes
from foreworld.planners.search import (
    Candidates,
    SamplingPlanner,
    Search,
    best,
    counted,
    refine,
)
from foreworld.vocab import Plan


@dataclass(frozen=True)
class Mppi(SamplingPlanner):
    """Path integral planning (Williams et al. 2016) in the form of TD-MPC2 (Hansen et al. 2024).

    Differs from TD-MPC2 in the temperature, which is in standard deviations of the scores (one
    setting serves rewards and distances of any scale), and in that the mean is the plan (the best
    sequence seen, where the mean is worse than all of the last): a candidate is drawn only to
    explore. TD-MPC2's settings: horizon=3 num_candidates=512 num_policy=24 num_elites=64
    iterations=6 spread=2 min_spread=0.05.
    """

    num_elites: int | None = None  # how many of the best are weighed; None: all
    num_policy: int = 0  # candidates drawn from the model's policy, where it has such a head
    temperature: float = 0.25  # in standard deviations of their scores
    smoothing: float = 0.0
    explore: bool = False  # begin with a candidate drawn by weight, and noise of the last spread

    def exploring(self) -> Mppi:
        """Itself, as it plans while it collects."""
        return replace(self, explore=True)

    def refined(self, search: Search, previous: Plan | None) -> Plan:
        beside = policy_codes(search, self.num_policy)
        drawn = self.num_candidates - (0 if beside is None else self.num_policy)
        plan = refine(
            search,
            search.start(previous),
            self._weigh,
            sizes=[max(1, drawn)] * self.iterations,
            num_elites=self.num_elites or self.num_candidates,
            smoothing=self.smoothing,
            min_spread=self.min_spread,
            beside=beside,
        )
        return self._varied(search, plan) if self.explore else plan

    def _weigh(self, scores: Tensor) -> Tensor:
        return softmax_weights(scores, self.temperature)

    def _varied(self, search: Search, plan: Plan) -> Plan:
        """The plan with another first decision: that of a candidate drawn by weight, disturbed.

        What follows stays, so that the next plan begins from the mean.
        """
        codes = Candidates(search.codes(plan.candidates, 2), plan.scores)
        elites = best(codes, self.num_elites or self.num_candidates)
        weights = self._weigh(elites.scores)
        first = search.start(None).fit(elites.codes, weights, 0.0, self.min_spread)
        chance = torch.randn(weights.shape[1], generator=search.generator).to(weights.device)
        drawn = (weights.log() + gumbel_from_normal(chance)).argmax(1)
        chosen = elites.codes[torch.arange(len(drawn)), drawn]
        noise = torch.randn(1, *chosen.shape[1:], generator=search.generator).to(chosen.device)
        varied = first.around(chosen, self.min_spread).draw(noise)[:, 0]
        block = self.action_block
        actions = torch.cat([search.actions(varied)[:, :block], plan.actions[:, block:]], 1)
        return plan._replace(actions=actions)


def softmax_weights(scores_BK: Tensor, temperature: float) -> Tensor:
    """softmax(scores / (temperature * std)) over those that count, best first; rows sum to 1."""
    counts = counted(scores_BK)
    num = counts.sum(1, keepdim=True)
    gap = (scores_BK - scores_BK[:, :1]).masked_fill(~counts, 0)  # <= 0, cannot overflow
    deviation = (gap - gap.sum(1, keepdim=True) / num).masked_fill(~counts, 0)
    std = (deviation.square().sum(1, keepdim=True) / num).sqrt()
    logits = gap / (temperature * std).clamp(min=1e-12)
    return logits.masked_fill(~counts, -torch.inf).softmax(1)
