"""Two trust reports side by side: who foretells the same episodes better, and did anything break.

episodes   e1   e2   e3 …       one difference an episode, and a bootstrap over the differences:
A        .20  .31  .18          far sharper than two intervals side by side, for what makes an
B        .22  .35  .18          episode hard is hard for both
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foreworld.evaluation.intervals import Interval, bootstrap_skill

Report = Mapping[str, Any]
MARGIN = 0.005  # of skill: a loss that nobody would notice is none


@dataclass(frozen=True)
class Difference:
    """B - A in skill over copying, paired by episode."""

    head: str
    a: float  # skill over all episodes
    b: float
    change: Interval
    episode: str  # the one whose error grew most
    before: float  # its squared error under A
    after: float  # and under B

    @property
    def worse(self) -> bool:
        """B is surely worse, by more than the margin."""
        return self.change.high < -MARGIN

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "change": self.change.to_json(), "worse": self.worse}


@dataclass(frozen=True)
class Shift:
    """One metric in both reports, with intervals that may or may not overlap."""

    metric: str
    a: Interval
    b: Interval
    worse: bool  # B lies surely on the bad side of A, and beyond the metric's tolerance

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "a": self.a.to_json(), "b": self.b.to_json()}


@dataclass(frozen=True)
class Comparison:
    differences: tuple[Difference, ...]
    shifts: tuple[Shift, ...]

    @property
    def worse(self) -> list[str]:
        """One sentence for everything that surely got worse."""
        skills = [
            f"skill of {d.head} fell from {d.a:.3f} to {d.b:.3f} (by {-d.change.high:.3f} to "
            f"{-d.change.low:.3f}), most in episode {d.episode}, whose squared error went from "
            f"{d.before:.4g} to {d.after:.4g}"
            for d in self.differences
            if d.worse
        ]
        metrics = [
            f"{s.metric} went from {s.a.brief} to {s.b.brief}" for s in self.shifts if s.worse
        ]
        return [*skills, *metrics]

    def to_json(self) -> dict[str, Any]:
        return {
            "differences": [d.to_json() for d in self.differences],
            "shifts": [s.to_json() for s in self.shifts],
            "worse": self.worse,
        }


def compare_reports(a: Report, b: Report) -> Comparison:
    """What changes from A to B. Raises ValueError unless both saw the same data and protocol."""
    for what in ("protocol", "data"):
        ours, theirs = a["hashes"][what], b["hashes"][what]
        if ours != theirs:
            raise ValueError(
                f"the reports differ in {what} ({ours} and {theirs}), so that no episode has its "
                "pair: examine both with the same options and --data"
            )
    heads = [h for h in a["episodes"] if h in b["episodes"]]
    differences = [_difference(h, a["episodes"][h], b["episodes"][h]) for h in heads]
    old, new = _by_name(a), _by_name(b)
    shifts = [_shift(old[name], new[name]) for name in old if name in new]
    return Comparison(tuple(d for d in differences if d), tuple(s for s in shifts if s))


def _difference(
    head: str, a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]]
) -> Difference | None:
    """None where copying makes no error: there is nothing to be better at."""
    names = [n for n in a if n in b and a[n][1] > 0]
    if not names:
        return None
    ours, theirs, copied = (
        np.array([report[n][column] for n in names]) for report, column in ((a, 0), (b, 0), (a, 1))
    )
    gain = bootstrap_skill(theirs - ours, copied)  # 1 - sum of what B errs more / sum of copying
    change = Interval(gain.value - 1, gain.low - 1, gain.high - 1, gain.n)
    most = int((theirs - ours).argmax())
    before, after = (float(1 - errors.sum() / copied.sum()) for errors in (ours, theirs))
    grew = float(ours[most]), float(theirs[most])
    return Difference(head, before, after, change, names[most], grew[0], grew[1])


def _shift(a: Mapping[str, Any], b: Mapping[str, Any]) -> Shift | None:
    if a["value"] is None or b["value"] is None:
        return None
    old, new = Interval.from_json(a["value"]), Interval.from_json(b["value"])
    metric = a["metric"]
    sign = 1 if metric["perfect"] > metric["blind"] else -1
    lost = min(sign * _ends(old)) - max(sign * _ends(new))
    return Shift(metric["name"], old, new, bool(lost > metric["tolerance"]))


def _by_name(report: Report) -> dict[str, Mapping[str, Any]]:
    return {r["metric"]["name"]: r for group in report["groups"].values() for r in group}


def _ends(interval: Interval) -> np.ndarray:
    ends = np.array([interval.low, interval.value, interval.high])
    return ends[~np.isnan(ends)]
