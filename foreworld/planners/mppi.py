"""Model predictive path integral control: better sequences weigh more, none is simply dropped.

The proposal moves to the weighted mean of the candidates::

    weight of a candidate = softmax(score / temperature)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreworld.planners.search import SamplingPlanner, Search, counted, refine
from foreworld.vocab import Plan


@dataclass(frozen=True)
class Mppi(SamplingPlanner):
    """Path integral planning (Williams et al. 2016) in the form of TD-MPC2 (Hansen et al. 2024).

    Differs from TD-MPC2 in the temperature, which is in standard deviations of the scores (one
    setting serves rewards and distances of any scale), and in that all candidates are weighed and
    the mean is the plan (the best sequence seen, where the mean is worse than all of the last).
    """

    num_elites: int | None = None  # how many of the best are weighed; None: all
    temperature: float = 0.25  # in standard deviations of their scores
    smoothing: float = 0.0

    def refined(self, search: Search, previous: Plan | None) -> Plan:
        return refine(
            search,
            search.start(previous),
            lambda scores: softmax_weights(scores, self.temperature),
            sizes=[self.num_candidates] * self.iterations,
            num_elites=self.num_elites or self.num_candidates,
            smoothing=self.smoothing,
            min_spread=self.min_spread,
        )


def softmax_weights(scores_BK: Tensor, temperature: float) -> Tensor:
    """softmax(scores / (temperature * std)) over those that count, best first; rows sum to 1."""
    counts = counted(scores_BK)
    num = counts.sum(1, keepdim=True)
    gap = (scores_BK - scores_BK[:, :1]).masked_fill(~counts, 0)  # <= 0, cannot overflow
    deviation = (gap - gap.sum(1, keepdim=True) / num).masked_fill(~counts, 0)
    std = (deviation.square().sum(1, keepdim=True) / num).sqrt()
    logits = gap / (temperature * std).clamp(min=1e-12)
    return logits.masked_fill(~counts, -torch.inf).softmax(1)
