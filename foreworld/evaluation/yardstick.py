"""Who plays as well as can be, for models to be measured by: the true simulator, or an expert.

the world is a function        plans inside the simulator, worn as a model
a script knows the world       the scripted expert
it can be put back             plans by really doing every candidate
none of these                  nobody
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foreworld.evaluation.executed import play_executed
from foreworld.evaluation.played import Effort, Played, Stage, play_plans, play_policy
from foreworld.evaluation.simulator_model import STATE, SimulatorModel
from foreworld.evaluation.subject import Subject
from foreworld.policies.scripted import ExpertPolicy
from foreworld.vocab import Policy

SIMULATOR = "planning inside the simulator"
EXPERT = "the scripted expert"
EXECUTED = "planning by doing every candidate in the simulator"
# Doing costs a thousand times what imagining does.
AFFORDABLE = Effort(candidates=16)


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What the best of those there are did, and how."""

    how: str
    played: Played
    effort: Effort  # what a model may spend to be compared with it


def functional_world(subject: Subject) -> Any:
    """The subject's world as a function of flat arrays; None where it is not one."""
    if subject.branching is None or (subject.world and subject.world.frame_skip > 1):
        return None
    world = subject.branching()
    try:
        found = getattr(world.simulator, "world", None)
        return found if STATE in world.specs else None
    finally:
        world.close()


def expert_of(stage: Stage) -> Policy | None:
    """A script that knows this world; None where there is none."""
    expert, first = ExpertPolicy(stage.spec), stage.stream.reset(stage.seed)
    try:
        expert.act(expert.init(stage.episodes), first)
    except ValueError:
        return None
    return expert


def yardstick(subject: Subject, stage: Stage, effort: Effort) -> Yardstick | None:
    """Plays the stretch as well as can be; None where nobody can."""
    simulator = functional_world(subject)
    if simulator is not None:
        model = SimulatorModel(simulator, stage.stream.specs)
        return Yardstick(SIMULATOR, play_plans(stage, model, effort, "reward"), effort)
    expert = expert_of(stage)
    if expert is not None:
        return Yardstick(EXPERT, play_policy(stage, expert), effort)
    if subject.branching is None:
        return None
    world = subject.branching()
    try:
        return Yardstick(EXECUTED, play_executed(world, stage, AFFORDABLE), AFFORDABLE)
    finally:
        world.close()
