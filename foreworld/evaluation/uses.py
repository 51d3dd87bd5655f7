"""What a model can be used for: green, amber or red, by the one measurement that holds it back.

    use       needs these metrics ── grades (1 perfect … 0 blind) ──▶ the lowest one decides
    planning  use.planning_gain, counterfactuals.…                  until which step, and why

green: surely grade .8 or better in everything needed. red: surely below .5 in something, or the
protocol is unsound. amber: in between, or not known well enough to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from foreworld.evaluation.intervals import Interval
from foreworld.evaluation.metric import Reading
from foreworld.evaluation.trust import Readings, by_name

GOOD, POOR = 0.8, 0.5  # grades between which a use is amber
LIGHTS = ("green", "amber", "red", "grey")


@dataclass(frozen=True)
class Use:
    """Something people want of a world model, and the metrics that decide about it."""

    title: str
    says: str
    needs: tuple[str, ...]


USES: dict[str, Use] = {
    "planning": Use(
        "Planning",
        "choosing actions by imagining what they lead to",
        ("use.planning_gain", "counterfactuals.difference", "use.optimism"),
    ),
    "ranking": Use(
        "Ranking policies",
        "telling which of several policies is better, without running them",
        ("use.ranking", "use.rank_violation"),
    ),
    "play": Use(
        "Play",
        "people acting inside it",
        ("controllability.response", "controllability.noop_drift", "long_dreams.stability"),
    ),
    "data": Use(
        "Data generation",
        "learning from what it imagines",
        ("accuracy.guesses", "accuracy.horizon", "calibration.coverage"),
    ),
}


@dataclass(frozen=True)
class Verdict:
    """One use, its light, what binds it, and how far it holds."""

    use: str
    light: str  # of LIGHTS; grey: nothing of what it needs could be measured
    binding: str | None  # the metric that decides
    value: Interval | None  # of that metric
    grade: float | None
    horizon: int | None  # steps until a curve that it needs falls below POOR; None: has no curve
    why: str  # one sentence for people
    missing: tuple[str, ...]  # metrics that it needs and that could not be measured

    def to_json(self) -> dict[str, Any]:
        value = self.value and self.value.to_json()
        return {**vars(self), "value": value, "missing": list(self.missing)}


def judge_uses(readings: Readings) -> list[Verdict]:
    """A verdict on every use, in the order of USES."""
    unsound = [r for r in readings.get("audit", ()) if r.alarm]
    known = by_name(readings)
    return [_judge(name, use, known, unsound) for name, use in USES.items()]


def _judge(name: str, use: Use, known: dict[str, Reading], unsound: Sequence[Reading]) -> Verdict:
    there = [known[n] for n in use.needs if n in known and known[n].value is not None]
    missing = tuple(n for n in use.needs if n not in {r.metric.name for r in there})
    if unsound:
        r = unsound[0]
        why = f"the protocol is unsound ({r.metric.says}), so nothing below counts"
        return Verdict(name, "red", r.metric.name, r.value, r.grade, None, why, missing)
    if not there:
        why = "nothing that it needs could be measured"
        return Verdict(name, "grey", None, None, None, None, why, missing)
    binding = min(there, key=_sure)
    light = _light(there, missing)
    return Verdict(
        name, light, binding.metric.name, binding.value, binding.grade, _horizon(there),
        _why(binding, light, missing), missing,
    )  # fmt: skip


def _light(there: Iterable[Reading], missing: Sequence[str]) -> str:
    there = list(there)
    if any(_hopeful(r) < POOR for r in there):
        return "red"
    return "green" if all(_sure(r) >= GOOD for r in there) and not missing else "amber"


def _why(binding: Reading, light: str, missing: Sequence[str]) -> str:
    metric, value = binding.metric, binding.value
    assert value is not None
    said = (
        f"{metric.says}: {value.brief}{metric.unit and ' ' + metric.unit} "
        f"(perfect {metric.perfect:g}, blind {metric.blind:g})"
    )
    unknown = f"; not measured: {', '.join(missing)}" if missing and light == "amber" else ""
    return said + unknown


def _sure(reading: Reading) -> float:
    """The grade at the worse end of the interval."""
    return min(_ends(reading))


def _hopeful(reading: Reading) -> float:
    """The grade at the better end of the interval."""
    return max(_ends(reading))


def _ends(reading: Reading) -> list[float]:
    value = reading.value
    assert value is not None
    ends = [v for v in (value.low, value.value, value.high) if not math.isnan(v)]
    return [reading.metric.grade(v) for v in ends]


def _horizon(there: Iterable[Reading]) -> int | None:
    """The last step up to which all curves keep a grade of at least POOR."""
    curves = [(r.metric, r.curve) for r in there if r.curve]
    if not curves:
        return None
    reached = []
    for metric, curve in curves:
        below = [h for h, i in enumerate(curve) if not metric.grade(i.value) >= POOR]
        reached.append(below[0] if below else len(curve))
    return min(reached)
