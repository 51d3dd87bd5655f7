"""Is an ensemble as uncertain as it is wrong? Statistics that a perfect one passes for every size.

    draws [n, ...], truth [...]: numbers of which each draw and the truth are equally likely

A perfect ensemble of n draws looks wrong to careless formulas: its mean errs by sqrt(1 + 1/n) of
its spread, the plain CRPS charges for its being small, and its two ends hold (n-1)/(n+1) of truths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from foreworld.evaluation.intervals import CONFIDENCE, Interval

BINS = 5  # of claimed probability, for reliability


def fair_crps(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """mean |x - y| - sum_{i<j} |x_i - x_j| / (n (n - 1)) of each number [...] (Ferro 2014).

    In the unit of the numbers; in expectation what infinitely many draws would score.
    """
    n = len(draws)
    ordered = np.sort(draws, 0)
    weight = (2 * np.arange(n) - n + 1).reshape(-1, *[1] * truth.ndim)  # of x_(i) in all gaps
    gaps = (weight * ordered).sum(0)
    return np.abs(draws - truth).mean(0) - gaps / (n * (n - 1))


def spread_and_error(draws: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n + 1)/n times the variance of the draws, squared error of their mean: equal on average.

    (Fortin et al. 2014, "Why should ensemble spread match the RMSE of the ensemble mean?")
    """
    n = len(draws)
    return (n + 1) / n * draws.var(0, ddof=1), np.square(draws.mean(0) - truth)


def ranks(
    draws: np.ndarray, truth: np.ndarray, rng: np.random.Generator, same: np.ndarray | float = 0.0
) -> np.ndarray:
    """Where the truth stands among the draws, 0 ... n, ties drawn by lot; uniform if perfect.

    same: differences up to this are none; rounding would decide them otherwise.
    """
    below = (draws < truth - same).sum(0)
    equal = (np.abs(draws - truth) <= same).sum(0)
    return below + rng.integers(0, equal + 1)


def central(level: float, n: int) -> tuple[int, float]:
    """The k whose ranks k ... n - k come closest to `level`, and the share that lies there.

    n draws cannot speak of an interval wider than themselves: 8 of them hold 78 % at most.
    """
    k = min(max(1, round((n + 1) * (1 - level) / 2)), n // 2)
    return k, (n + 1 - 2 * k) / (n + 1)


def unevenness(where: np.ndarray, n: int) -> tuple[Interval, float]:
    """How far independent ranks [M] are from uniform, and the p-value of chi2.

    0: uniform, 1: all in one bin; chi2 / (M n) without what chance adds, with an interval from
    the noncentral chi2 distribution.
    """
    size = len(where)
    expected = size / (n + 1)
    chi2 = float(np.square(np.bincount(where, minlength=n + 1) - expected).sum() / expected)
    beyond = max(0.0, chi2 - n)
    # A noncentral chi2 of n degrees has the variance 2 (n + 2 * noncentrality).
    margin = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * np.sqrt(2 * (n + 2 * beyond))
    low, high = max(0.0, beyond - margin), beyond + margin
    beyond, low, high = (float(x / (size * n)) for x in (beyond, low, high))
    return Interval(beyond, low, high, size), float(stats.chi2.sf(chi2, n))


@dataclass(frozen=True)
class Reliability:
    """Claimed probabilities and what came, by bins of the claim."""

    claimed: tuple[float, ...]  # mean claim of each bin that is not empty
    came: tuple[float, ...]  # how often it came
    share: tuple[float, ...]  # of all claims

    @property
    def error(self) -> float:
        """Expected calibration error: mean |claimed - came|, 0 ... 1."""
        rows = zip(self.claimed, self.came, self.share, strict=True)
        return sum(s * abs(p - q) for p, q, s in rows)


def reliability(probability: np.ndarray, came: np.ndarray, bins: int = BINS) -> Reliability:
    """Of probabilities [N] and whether it came [N], in bins of equal width."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    rows = [
        (float(probability[here].mean()), float(came[here].mean()), float(here.mean()))
        for here in (place == b for b in range(bins))
        if here.any()
    ]
    claimed, rates, shares = zip(*rows, strict=True)
    return Reliability(claimed, rates, shares)


def retained_error(uncertainty: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Mean error of the k most certain of N, k = 1 ... N: the risk-coverage curve."""
    order = np.argsort(uncertainty, kind="stable")
    return np.cumsum(error[order]) / np.arange(1, len(error) + 1)


def kaplan_meier(times: np.ndarray, failed: np.ndarray, horizon: int) -> np.ndarray:
    """Share still alive after steps 1 ... horizon (Kaplan and Meier 1958).

    times [N]: the step of the failure, or the last step that was watched where `failed` is False.
    """
    alive, curve = 1.0, []
    for step in range(1, horizon + 1):
        watched = (times >= step).sum()
        ends = ((times == step) & failed).sum()
        alive *= 1 - ends / watched if watched else 1.0
        curve.append(alive)
    return np.array(curve)
