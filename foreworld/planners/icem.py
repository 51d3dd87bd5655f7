"""The improved cross-entropy method: fewer samples, as noise has memory and good ones are kept.

Candidates of iteration i::

    i = 0:   N draws             + the best elites of the previous plan, one step on
    i > 0:   N / decay^i draws   + the best elites of iteration i - 1
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from foreworld.planners.cem import uniform_weights
from foreworld.planners.search import Candidates, SamplingPlanner, Search, advance, best, refine
from foreworld.vocab import Plan


@dataclass(frozen=True)
class Icem(SamplingPlanner):
    """Improved CEM (Pinneri et al. 2020, algorithm 1).

    Differs from the paper: the mean is a candidate of every iteration, and the plan if it is an
    elite; kept elites keep their scores instead of being imagined again; a shifted elite repeats
    its last action.
    """

    num_elites: int = 16
    decay: float = 1.25  # each iteration draws this many times fewer
    keep: float = 0.3  # share of the elites that goes on to the next iteration and the next plan
    colour: float = 2.0

    def refined(self, search: Search, previous: Plan | None) -> Plan:
        return refine(
            search,
            search.start(previous),
            uniform_weights,
            sizes=[self._size(i) for i in range(self.iterations)],
            num_elites=self.num_elites,
            smoothing=self.smoothing,
            min_spread=self.min_spread,
            kept=self._shifted_elites(search, previous),
            num_kept=self._num_kept,
        )

    @property
    def _num_kept(self) -> int:
        return max(1, round(self.keep * self.num_elites))

    def _size(self, iteration: int) -> int:
        return max(int(self.num_candidates * self.decay**-iteration), 2 * self.num_elites)

    def _shifted_elites(self, search: Search, previous: Plan | None) -> Candidates | None:
        """The best candidates of the previous plan one step on, scored from where we are now."""
        if previous is None or not self.warm_start:
            return None
        codes = search.codes(advance(previous, 1).candidates, 2)
        old = best(Candidates(codes, previous.scores), self._num_kept)
        scores = search.raw_scores(old.codes).masked_fill(~old.scores.isfinite(), -torch.inf)
        return Candidates(old.codes, scores)
