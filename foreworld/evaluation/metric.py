"""A measurement that says what it would read for a perfect and for a blind model.

    perfect ◀── tolerance ──┊ alarm ─────────────────▶ blind        grade 1 … 0

A reading is an interval, a curve over horizons, or "N/A because …": what cannot be measured is
never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foreworld.evaluation.intervals import Interval


@dataclass(frozen=True)
class Metric:
    """What is measured, in which unit, and between which ends.

    perfect: what the simulator itself, worn as a model, gets. blind: what a model gets that
    listens to nothing. The better direction is from blind to perfect.
    """

    name: str  # group.name, such as calibration.coverage
    says: str  # one line for people
    unit: str  # "" where it is a ratio
    perfect: float
    blind: float
    tolerance: float  # how far from perfect is still perfect
    catches: tuple[str, ...] = ()  # corruptions of a perfect model that must raise the alarm

    def __post_init__(self) -> None:
        if self.perfect == self.blind:
            raise ValueError(f"{self.name}: perfect and blind are both {self.perfect}")

    @property
    def higher_is_better(self) -> bool:
        return self.perfect > self.blind

    def grade(self, value: float) -> float:
        """1: perfect, 0: blind; clipped, for a value may lie beyond either."""
        return min(1.0, max(0.0, (value - self.blind) / (self.perfect - self.blind)))

    def to_json(self) -> dict[str, Any]:
        direction = "higher is better" if self.higher_is_better else "lower is better"
        return {**vars(self), "catches": list(self.catches), "direction": direction}


@dataclass(frozen=True)
class Reading:
    """What a metric said about a model; exactly one of `value` and `reason` is there."""

    metric: Metric
    value: Interval | None = None
    reason: str | None = None  # why it could not be measured: "N/A because " + reason
    curve: tuple[Interval, ...] = ()  # over horizons, step 1 first, where there are any
    details: Mapping[str, Any] = field(default_factory=dict)  # plain data for the page

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"{self.metric.name}: give a value, or the reason why there is none")
        if self.value is not None and math.isnan(self.value.value):
            raise ValueError(f"{self.metric.name}: NaN is no reading; say why it is not available")

    @property
    def alarm(self) -> bool:
        """Surely worse than perfect: the whole interval lies beyond the tolerance."""
        if self.value is None:
            return False
        m, v = self.metric, self.value
        best = v.high if m.higher_is_better else v.low
        best = v.value if math.isnan(best) else best
        behind = m.perfect - best if m.higher_is_better else best - m.perfect
        return behind > m.tolerance

    @property
    def grade(self) -> float | None:
        return None if self.value is None else self.metric.grade(self.value.value)

    def __str__(self) -> str:
        said = f"N/A because {self.reason}" if self.value is None else str(self.value)
        return f"{self.metric.name}: {said}"

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric.to_json(),
            "value": self.value and self.value.to_json(),
            "reason": self.reason,
            "grade": self.grade,
            "alarm": self.alarm,
            "curve": [i.to_json() for i in self.curve],
            "details": dict(self.details),
        }


def unavailable(metrics: tuple[Metric, ...], reason: str) -> list[Reading]:
    """N/A for all of them, for one reason."""
    return [Reading(metric, reason=reason) for metric in metrics]
