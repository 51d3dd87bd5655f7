"""The examination examined: a perfect model has to pass, and every spoiled one to be found out.

    corruption × column    X: an alarm has to be raised   .: none may be   -: either will do

A column is a group of metrics; its alarm is the alarm of any of them. Nothing is trained: all rows
are the simulator worn as a model, spoiled in one way each (`foreworld.evaluation.corruptions`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from foreworld.evaluation import corruptions
from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.control import HELD_OUT
from foreworld.evaluation.metric import Reading
from foreworld.evaluation.simulator_model import SimulatorModel
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.evaluation.trust import by_name, examine
from foreworld.policies import RandomPolicy
from foreworld.streams import GymStream
from foreworld.streams.collect import collect
from foreworld.streams.registry import find_spec, make_env
from foreworld.worlds.bounce import BounceWorld

WORLD = "foreworld/Bounce-v0"
EPISODES = 32  # held out, and as many to train on
STEPS = 60  # of an episode
SIZE = 32  # pixels
OURS = ("image_size", "ends")  # options of `BounceWorld`, the others are of the environment


@dataclass(frozen=True)
class Exam:
    """A world and what is measured there."""

    options: Mapping[str, Any]  # of Bounce-v0
    groups: tuple[str, ...]


# Chance hides small faults, and only where there is chance can be said who knows its size. A world
# that ends at success is one where an action late, or a reward too many, costs.
EXAMS = {
    "sure": Exam(
        {"factors": {"balls": 2, "push": 3}},
        ("audit", "accuracy", "controllability", "interventions", "long_dreams", "memory"),
    ),
    "chance": Exam({"factors": {"kick": 0.004}}, ("calibration",)),
    "task": Exam(
        {"ends": True, "factors": {"push": 40, "friction": 0.9}}, ("planning_gain", "ranking")
    ),
}
COLUMNS: dict[str, tuple[str, ...]] = {
    "skill": (
        "accuracy.vectors",
        "accuracy.things",
        "accuracy.guesses",
        "accuracy.horizon",
        "accuracy.lost",
    ),
    "pictures": ("accuracy.images",),
    "actions": ("controllability.response",),
    "psnr": ("controllability.psnr",),
    "pushes": ("counterfactuals.difference", "counterfactuals.reward", "counterfactuals.order"),
    "coverage": ("calibration.coverage",),
    "ranks": ("calibration.ranks",),
    "memory": ("memory.",),
    "surprise": ("memory.surprise",),
    "drift": ("long_dreams.",),
    "no-op": ("controllability.noop_jumps", "controllability.noop_drift"),
    "gain": ("use.planning_gain",),
    "optimism": ("use.optimism",),
    "ranking": ("use.ranking",),
    "reward": ("accuracy.reward",),
    "audit": ("audit.",),
}
# In the order of COLUMNS; why some cells are not what one would expect: docs/trust.md.
EXPECTED: dict[str, str] = {
    #                  skill    actions  pushes    ranks     surprise  no-op     optimism  reward
    #                     pictures  psnr   coverage   memory    drift     gain      ranking   audit
    "perfect":         "  .   .   .   .   .    .    .    .    .    .    .    .    .    .    .   .",
    "copy_last":       "  X   X   X   X   X    X    X    X    X    -    -    X    -    X    X   .",
    "action_blind":    "  X   -   X   X   X    .    .    .    .    -    -    X    -    X    -   .",
    "off_by_one":      "  X   -   X   X   X    -    -    .    .    -    .    -    .    .    -   X",
    "scrambled":       "  X   X   X   X   X    -    -    X    X    -    -    -    .    -    X   .",
    "over_confident":  "  .   .   .   .   .    X    X    .    .    .    .    .    .    .    .   .",
    "under_confident": "  .   .   .   .   .    X    X    .    .    .    .    .    .    .    .   .",
    "forgetful":       "  -   -   .   .   .    -    -    X    X    -    -    -    .    .    -   .",
    "hoarder":         "  .   .   .   .   .    .    .    X    X    .    .    .    .    .    .   .",
    "teleporting":     "  X   -   .   -   .    -    -    X    X    -    X    -    -    .    -   .",
    "drifting":        "  X   -   .   -   .    -    -    -    -    X    X    -    .    .    -   .",
    "reward_hacked":   "  .   .   .   .   .    -    .    .    .    .    .    X    X    X    X   .",
    "optimistic":      "  .   .   .   .   X    -    .    .    .    .    .    X    X    X    X   .",
    "colour_blind":    "  .   -   .   -   .    -    -    X    X    .    .    .    .    .    .   .",
    "leaked_split":    "  .   .   .   .   .    .    .    .    .    .    .    .    .    .    .   X",
}  # fmt: skip
SPOILED: dict[str, type[SimulatorModel]] = {
    "perfect": SimulatorModel,
    "copy_last": corruptions.CopyLast,
    "action_blind": corruptions.ActionBlind,
    "off_by_one": corruptions.OffByOne,
    "scrambled": corruptions.ScrambledInTime,
    "over_confident": corruptions.OverConfident,
    "under_confident": corruptions.UnderConfident,
    "forgetful": corruptions.Forgetful,
    "hoarder": corruptions.Hoarder,
    "teleporting": corruptions.Teleporting,
    "drifting": corruptions.Drifting,
    "reward_hacked": corruptions.RewardHacked,
    "optimistic": corruptions.Optimistic,
    "colour_blind": corruptions.ColourBlind,
    "leaked_split": SimulatorModel,  # the fault is in the protocol
}
ROWS = tuple(SPOILED)


@dataclass(frozen=True)
class Cell:
    """One corruption under one group of metrics."""

    expected: str  # X . -
    alarms: tuple[str, ...]  # metrics that raised one
    measured: bool

    @property
    def wrong(self) -> bool:
        if self.expected == "X":
            return not self.alarms
        return self.expected == "." and bool(self.alarms)


@dataclass(frozen=True)
class Matrix:
    cells: Mapping[str, Mapping[str, Cell]]  # corruption -> column -> cell

    @property
    def wrong(self) -> list[str]:
        """One phrase for every cell that is not as expected."""
        return [
            f"{row}, {column}: " + (f"alarm of {', '.join(c.alarms)}" if c.alarms else "no alarm")
            for row, cells in self.cells.items()
            for column, c in cells.items()
            if c.wrong
        ]

    def to_json(self) -> dict[str, Any]:
        cells = {r: {k: vars(c) for k, c in row.items()} for r, row in self.cells.items()}
        return {"cells": cells, "wrong": self.wrong}


def selftest(
    fast: bool = False,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
    rows: Iterable[str] = ROWS,
) -> Matrix:
    """Examine the perfect model and every spoiled one.

    fast: fewer starts, plans and steps of dreams, for tests. tell: called with each row's name.
    """
    cells = {}
    for row in rows:
        if tell is not None:
            tell(row)
        known = read_row(row, fast, seed)
        wanted = EXPECTED[row].split()
        cells[row] = {
            column: _cell(expected, names, known)
            for (column, names), expected in zip(COLUMNS.items(), wanted, strict=True)
        }
    return Matrix(cells)


def read_row(row: str, fast: bool = False, seed: int = 0) -> dict[str, Reading]:
    """Every reading of one corruption, by metric."""
    known = {}
    for name, exam in EXAMS.items():
        subject = spoil(row, sitting(name, fast, seed))
        known |= by_name(examine(subject, exam.groups))
    return known


def spoil(row: str, subject: Subject) -> Subject:
    """The subject with its one fault."""
    assert isinstance(subject.model, SimulatorModel)
    model = SPOILED[row](subject.model.world, subject.model.given)
    spoiled = replace(subject, model=model)
    return corruptions.leaked_split(spoiled) if row == "leaked_split" else spoiled


@lru_cache(maxsize=len(EXAMS))
def sitting(exam: str, fast: bool = False, seed: int = 0) -> Subject:
    """The perfect model of an exam's world, and episodes of random play to examine it on."""
    options = {"max_steps": STEPS, "image_size": SIZE, **EXAMS[exam].options}
    stream = _stream(options, EPISODES, seed)
    held_out, training = (
        list(
            collect(stream, RandomPolicy(stream.specs["action"], first), None, EPISODES, seed=first)
        )
        for first in (HELD_OUT + seed, seed)
    )
    simulator: Any = BounceWorld(**{k: v for k, v in options.items() if k in OURS})
    return Subject(
        SimulatorModel(simulator, stream.specs),
        held_out,
        training,
        partial(_stream, options),
        partial(_branching, options),
        protocol=protocol(fast, seed),
    )


def _stream(options: Mapping[str, Any], num_envs: int, seed: int) -> GymStream:
    return GymStream(WORLD, num_envs, seed, image_size=None, env_kwargs=options)


def _branching(options: Mapping[str, Any]) -> BranchingWorld:
    return BranchingWorld(make_env(find_spec(WORLD), options), image_size=None)


def protocol(fast: bool, seed: int) -> Protocol:
    whole = {"per_episode": 4, "starts": 16, "episodes": 8, "stretch": 200}
    few = {"per_episode": 4, "starts": 8, "episodes": 6, "stretch": 100}
    return Protocol(seed=HELD_OUT + seed, **(few if fast else whole))


def _cell(expected: str, names: tuple[str, ...], known: Mapping[str, Reading]) -> Cell:
    """Names that end in a dot are all metrics that begin so."""
    read = [r for n, r in known.items() if n in names or n.startswith(_families(names))]
    alarms = tuple(r.metric.name for r in read if r.alarm)
    return Cell(expected, alarms, any(r.value is not None for r in read))


def _families(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(n for n in names if n.endswith("."))
