"""Numbers with their uncertainty: Wilson for rates, bootstrap over episodes for everything else.

    print(wilson(45, 50))  # 0.90 [0.79, 0.96], n = 50

The unit is the episode, never the frame: frames of one episode resemble each other, and counting
them as independent makes every interval look far too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate from n episodes with its 95 % interval; NaN where n says nothing."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.brief}, n = {self.n}" if self.n > 1 else self.brief

    @property
    def brief(self) -> str:
        """Value and bounds, for tables in which n has a column of its own."""
        if math.isnan(self.value):
            return "n/a"
        digits = 2 if abs(self.value) < 10 else 1 if abs(self.value) < 100 else 0
        value = f"{self.value:.{digits}f}"
        if math.isnan(self.low):
            return f"{value} (n = {self.n})"  # one episode says nothing about the next
        return f"{value} [{self.low:.{digits}f}, {self.high:.{digits}f}]"

    def to_json(self) -> dict[str, float | int | None]:
        """JSON has no NaN: null."""
        values = {"value": self.value, "low": self.low, "high": self.high}
        return {k: None if math.isnan(v) else v for k, v in values.items()} | {"n": self.n}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Interval:
        """What `to_json` gave."""
        ends = {k: math.nan if data[k] is None else data[k] for k in ("value", "low", "high")}
        return cls(**ends, n=data["n"])


def wilson(successes: int, n: int) -> Interval:
    """The rate of `successes` among n trials (Wilson 1927), sensible at 0 and n too."""
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    bounds = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / n, float(bounds.low), float(bounds.high), n)


def bootstrap_mean(values: Sequence[float] | np.ndarray, seed: int = 0) -> Interval:
    """The mean of one number per episode."""
    return bootstrap(lambda x, axis: x.mean(axis), [np.asarray(values, float)], seed)


def bootstrap_skill(errors: np.ndarray, reference: np.ndarray, seed: int = 0) -> Interval:
    """1 - sum(errors) / sum(reference) over episodes [E]; those without reference error drop out.

    1: perfect. 0: as good as the reference. Below: worse.
    """
    kept = np.asarray(reference) > 0
    columns = [np.asarray(errors, float)[kept], np.asarray(reference, float)[kept]]
    return bootstrap(lambda x, y, axis: 1 - x.sum(axis) / y.sum(axis), columns, seed)


def bootstrap(
    statistic: Callable[..., np.ndarray], columns: Sequence[np.ndarray], seed: int = 0
) -> Interval:
    """The percentile interval of a statistic of paired columns [E, ...], resampled together.

    statistic: (*columns, axis) -> what the columns say, episodes on `axis`.
    """
    n = len(columns[0])
    value = float(statistic(*columns, axis=0)) if n else math.nan
    if n < 2:
        return Interval(value, math.nan, math.nan, n)
    drawn = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    resampled = statistic(*(column[drawn] for column in columns), axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return Interval(value, float(low), float(high), n)
