"""The cross-entropy method: draw action sequences, keep the best, draw closer to them.

One loop serves every planner here (`search.refine`)::

    draw N candidates --> imagine and score --> fit to the K elites --> draw again ...
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from foreworld.planners.search import SamplingPlanner, Search, counted, refine
from foreworld.vocab import Plan


@dataclass(frozen=True)
class Cem(SamplingPlanner):
    """Cross-entropy planning (Rubinstein 1999; PlaNet, Hafner et al. 2019, algorithm 2).

    Continuous actions are drawn from a Gaussian in [-1, 1], discrete ones from a categorical
    distribution. The mean is the plan, or the best sequence seen where the mean is no elite.
    """

    num_elites: int = 16

    def refined(self, search: Search, previous: Plan | None) -> Plan:
        return refine(
            search,
            search.start(previous),
            uniform_weights,
            sizes=[self.num_candidates] * self.iterations,
            num_elites=self.num_elites,
            smoothing=self.smoothing,
            min_spread=self.min_spread,
        )


def uniform_weights(scores_BK: Tensor) -> Tensor:
    """The same for every elite that counts (finite score; feasible, if any is)."""
    weights = counted(scores_BK).float()
    return weights / weights.sum(1, keepdim=True)
