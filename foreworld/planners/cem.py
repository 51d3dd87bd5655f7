"""The cross-entropy method: draw action sequences, keep the best, draw closer to them.

One loop serves every planner here (`search.refine`)::

    draw N candidates --> imagine and score --> fit to the K elites --> draw again ...
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreworld.planners.search import begin, counted, refine
from foreworld.vocab import Objective, Plan, State, WorldModel


@dataclass(frozen=True)
class Cem:
    """Cross-entropy planning (Rubinstein 1999; PlaNet, Hafner et al. 2019, algorithm 2).

    Continuous actions are drawn from a Gaussian in [-1, 1], discrete ones from a categorical
    distribution. The mean is the plan, or the best sequence seen where the mean is no elite.
    """

    horizon: int = 12  # world steps imagined
    num_candidates: int = 256
    num_elites: int = 16
    iterations: int = 4
    action_block: int = 1  # steps that each decision is held for
    smoothing: float = 0.1  # share of the old proposal that stays in the new one
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
