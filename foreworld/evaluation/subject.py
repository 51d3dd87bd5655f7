"""Who is examined, and on what: everything that a measurement may look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.control import HELD_OUT, MakeStream
from foreworld.vocab import Episode, Policy, WorldModel

NO_ACTIONS = "nobody acts in these episodes: their actions have no numbers"


@dataclass(frozen=True)
class Protocol:
    """The constants of an examination; their hash stands in every report."""

    context: int = 5  # rows seen before imagining
    horizon: int = 15  # steps foretold
    per_episode: int = 4  # windows of each episode
    draws: int = 8  # futures imagined with different noise from each start
    starts: int = 24  # snapshots that counterfactuals branch from
    episodes: int = 16  # run in the world for each policy
    stretch: int = 1000  # steps of the long dream
    seed: int = HELD_OUT


@dataclass(frozen=True, eq=False)
class Subject:
    """A model, the episodes it never saw, and the world if it can be run.

    make_stream: (num_envs, seed) -> a stream of worlds; None: logged episodes only.
    branching: a world that can be put back; None: its simulator cannot, or there is none.
    """

    model: WorldModel
    held_out: Sequence[Episode]
    training: Sequence[Episode] = ()
    make_stream: MakeStream | None = None
    branching: Callable[[], BranchingWorld] | None = None
    policies: dict[str, Policy] = field(default_factory=dict)  # graded, for ranking them
    ensemble: Sequence[WorldModel] = ()  # others trained alike, whose disagreement counts
    world: Any = None  # `foreworld.run.World`, where it is known
    rate_hz: float | None = None  # rows a second, where time is known
    protocol: Protocol = field(default_factory=Protocol)

    @property
    def acts(self) -> bool:
        """Whether there are actions at all: a film has none."""
        return self.model.specs["action"].width > 0
