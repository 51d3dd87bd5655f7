"""Model predictive path integral control: better sequences weigh more, none is simply dropped.

The proposal moves to the weighted mean of the candidates::

    weight of a candidate = softmax(score / temperature)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreworld.planners.search import begin, counted, refine
from foreworld.vocab import Objective, Plan, State, WorldModel


@dataclass(frozen=True)
class Mppi:
    """Path integral planning (Williams et al. 2016) in the form of TD-MPC2 (Hansen et al. 2024).

    Differs from TD-MPC2 in the temperature, which is in standard deviations of the scores (one
    setting serves rewards and distances of any scale), and in that all candidates are weighed and
    the mean is the plan (the best sequence seen, where the mean is worse than all of the last).
    """

    horizon: int = 12  # world steps imagined
    num_candidates: int = 256
    num_elites: int | None = None  # how many of the best are weighed; None: all
    iterations: int = 4
    temperature: float = 0.25  # in standard deviations of their scores
    action_block: int = 1  # steps that each decision is held for
    smoothing: float = 0.0  # share of the old proposal that stays in the new one
    spread: float = 1.0  # std at the start; discrete warm starts: twice the uniform share
    min_spread: float = 0.05  # std, or uniform share, that always remains
    colour: float = 0.0  # of the noise over time: 0 white, 1 pink, 2 red
    warm_start: bool = True  # begin from the previous plan where one is given
    num_samples: int | None = None  # futures imagined per candidate; None: the model's mode
    max_rows: int | None = None  # most states imagined at once; None: all

    @torch.no_grad()
    def __call__(
        self,
        model: WorldModel,
        state: State,
        objective: Objective,
        *,
        seed: int,
        previous: Plan | None = None,
    ) -> Plan:
        """Plan from states [B]; `previous` is the plan made one step before.

        Raises ValueError for unbounded actions and where a row has no finite score.
        """
        search = begin(self, model, state, objective, seed)
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
