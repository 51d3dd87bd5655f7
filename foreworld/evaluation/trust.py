"""The examination of a model: every group of measurements, the audit of the protocol first.

    subject ──▶ audit · accuracy · … ──▶ readings ──▶ uses (green, amber, red) ──▶ report.json, page
                  └── an alarm here voids the rest

readings = examine(subject)
for use in judge_uses(readings): print(use)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module

from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.subject import Subject


@dataclass(frozen=True)
class Group:
    """Measurements that belong together: a file of `foreworld.evaluation` with METRICS and read."""

    title: str
    says: str  # one line for people
    timed: bool = False  # read from a clock: another number every time


GROUPS: dict[str, Group] = {
    "audit": Group("Protocol", "Whether the examination itself is sound; an alarm voids the rest."),
    "accuracy": Group("Accuracy by horizon", "What is foretold, beside guesses without thought."),
    "controllability": Group("Controllability", "Whether actions do what they do in the world."),
    "interventions": Group("Counterfactuals", "One start, several actions: the differences."),
    "calibration": Group("Calibration", "Whether the model is as sure as it has reason to be."),
    "long_dreams": Group("Long dreams", "What becomes of a dream that nobody interrupts."),
    "memory": Group("Memory and space", "Whether what is out of sight is still there."),
    "robustness": Group("Robustness", "What noise, loss, delay and new looks cost."),
    "planning_gain": Group("Planning", "What planning in the model earns in the world."),
    "ranking": Group("Ranking policies", "Whether the model knows which policy is better."),
    "abstention": Group("Abstention", "Whether the model notices that it is out of its depth."),
    "cost": Group("Cost", "Time and memory, on this machine.", timed=True),
}
Readings = Mapping[str, list[Reading]]  # by group, in the order of GROUPS
Tell = Callable[[str], None]


def examine(
    subject: Subject, groups: Iterable[str] | None = None, tell: Tell | None = None
) -> dict[str, list[Reading]]:
    """Read every group (or those named); what cannot be measured says why.

    tell: called with the title of each group before it is read.
    """
    readings = {}
    for name in GROUPS if groups is None else groups:
        if tell is not None:
            tell(GROUPS[name].title)
        readings[name] = read_group(name, subject)
    return readings


def read_group(name: str, subject: Subject) -> list[Reading]:
    """The readings of one group; a ValueError (too few episodes, …) is a reason, no crash."""
    module = import_module(f"foreworld.evaluation.{name}")
    try:
        return module.read(subject)
    except ValueError as error:
        return unavailable(module.METRICS, str(error))


def metrics_of(name: str) -> tuple[Metric, ...]:
    return import_module(f"foreworld.evaluation.{name}").METRICS


def by_name(readings: Readings) -> dict[str, Reading]:
    """All readings by the name of their metric."""
    return {r.metric.name: r for group in readings.values() for r in group}
