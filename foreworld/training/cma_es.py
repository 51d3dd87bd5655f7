"""Evolution of a list of numbers by CMA-ES (Hansen 2016), the package `cma`, kept without pickle.

    search = CmaEs(size=10, population=16, sigma=0.1)
    search.tell([score(x) for x in search.ask()])       higher is better; again and again

Its state is its history: what every solution scored, generation by generation, and where it began.
Playing that back asks for the same solutions again, bit for bit, and judges none of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from foreworld.errors import require


class CmaEs:
    """Asks for `population` solutions [size], and learns from what they score.

    diagonal: learns a scale for each number, and not how they go together: n of them cost n, not
    n^2 (Ros & Hansen 2008). Raises ModuleNotFoundError, with the command to type, without `cma`.
    """

    def __init__(
        self, size: int, population: int, sigma: float, seed: int = 0, diagonal: bool = False
    ) -> None:
        self.population, self.seed, self.diagonal = population, seed, diagonal
        self._begin(np.zeros(size), sigma)

    def ask(self) -> np.ndarray:
        """The next generation [population, size]; the same until it is told."""
        asked = self._asked = self._asked or self._search.ask()
        return np.stack(asked)

    def tell(self, scores: Sequence[float] | np.ndarray) -> None:
        """What the solutions asked for scored, higher is better."""
        assert self._asked is not None, "ask for solutions first"
        scores = np.asarray(scores, float)
        self._search.tell(self._asked, list(-scores))
        self._asked = None
        self._history.append(scores)

    @property
    def generation(self) -> int:
        """How many generations were judged since it began."""
        return len(self._history)

    @property
    def mean(self) -> np.ndarray:
        """The middle of what it will ask for [size]: a guess at the best that no luck chose."""
        return np.array(self._search.mean)

    @property
    def sigma(self) -> float:
        """The size of its steps."""
        return float(self._search.sigma)

    def state(self) -> dict[str, np.ndarray]:
        """Where it began, what was scored since, and where it stands, as float64."""
        return {
            "origin": self._origin,
            "first_sigma": np.array([self._first_sigma]),
            "scores": np.reshape(self._history, (-1, self.population)).astype(float),
            "mean": self.mean,
            "sigma": np.array([self.sigma]),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from `state`.

        Where another machine's arithmetic leads somewhere else, the search begins anew from where
        it stood, with that step size and no other memory.
        """
        self._begin(state["origin"], float(state["first_sigma"][0]))
        for scores in state["scores"]:
            self.ask()
            self.tell(scores)
        if not np.array_equal(self.mean, state["mean"]):
            self._begin(state["mean"], float(state["sigma"][0]))

    def _begin(self, origin: np.ndarray, sigma: float) -> None:
        self._origin, self._first_sigma = np.array(origin, float), sigma
        self._history: list[np.ndarray] = []
        self._asked: list[np.ndarray] | None = None
        chance = np.random.RandomState(self.seed)
        options: dict[str, Any] = {
            "popsize": self.population,
            "CMA_diagonal": self.diagonal,
            "randn": chance.randn,
            "seed": np.nan,  # no: it would seed NumPy's global generator
            "verbose": -9,
        }
        with warnings.catch_warnings():  # it would like to plot
            warnings.simplefilter("ignore")
            cma = require("cma", "evolution")
        self._search = cma.CMAEvolutionStrategy(self._origin, sigma, options)
