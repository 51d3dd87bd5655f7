"""Planning by gradient: imagine, ask how the score changes with every action, change them.

codes [B, N, D, W] --imagine--> scores [B, N] --backward--> codes + rate * Adam's step --+
   ^                                                                                     |
   +------------------------------ projected to the bounds ------------------------------+
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreworld.planners.proposals import Discrete
from foreworld.planners.search import Candidates, Search, SearchPlanner, best, join
from foreworld.vocab import Plan

INSIDE = 1 - 1e-6  # the largest code: rounded beyond its bound an action would have no gradient


@dataclass(frozen=True)
class Gradient(SearchPlanner):
    """Shooting by backpropagation through the model, from several starts at once.

    Adam (Kingma & Ba 2015) on every candidate by itself; the best sequence met is the plan. The
    first start is the previous plan (or no action), the others are drawn around it. Raises
    ValueError for discrete actions and for objectives that pass no gradient on.
    """

    num_candidates: int = 16
    iterations: int = 20
    rate: float = 0.1  # of Adam, where actions reach from -1 to 1

    def refined(self, search: Search, previous: Plan | None) -> Plan:
        if isinstance(search.space, Discrete):
            raise ValueError(
                "a choice among classes has no gradient: plan discrete actions with cem, icem or "
                "mppi"
            )
        codes = search.start(previous).draw(search.noise(self.num_candidates))
        codes = codes.clamp(-INSIDE, INSIDE)
        optimiser = torch.optim.Adam([codes], lr=self.rate, maximize=True)
        found = None
        for _ in range(self.iterations):
            scores, codes.grad = _ascent(search, codes)
            found = best(join(found, Candidates(codes.clone(), scores)), 1)
            optimiser.step()
            codes.clamp_(-INSIDE, INSIDE)
        pool = join(found, Candidates(codes, search.scores(codes)))
        pool = best(pool, self.num_candidates)
        return Plan(search.actions(pool.codes[:, 0]), search.actions(pool.codes), pool.scores)


def _ascent(search: Search, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Scores [B, N], and the direction in which each grows; none where it is not finite."""
    with torch.enable_grad():
        leaf = codes.clone().requires_grad_()
        scores = search.raw_scores(leaf)
        if not scores.requires_grad:
            raise ValueError(
                "the objective passes no gradient on to the actions: plan with cem, icem or mppi"
            )
        (gradient,) = torch.autograd.grad(scores.sum(), leaf)
    return scores.detach(), gradient.nan_to_num(0.0, 0.0, 0.0)
