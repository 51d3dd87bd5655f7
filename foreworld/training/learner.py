"""What learns beside a world model: a policy in imagination, a search that sets targets.

Built as `Learner(model, config)`, the config class in `Config`; catalog.LEARNERS has the names.
"""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from foreworld.checkpoint import Checkpoint
from foreworld.policies.exploring import Thinking
from foreworld.vocab import Batch, State

Arrays = dict[str, dict[str, Tensor]]


class Learner(Protocol):
    """Has weights and an optimiser of its own; learns in the last phase of its model."""

    def prepare(self, batch: Batch) -> Batch:
        """The batch as the model should learn from it: a search adds its verdicts as targets."""
        ...

    def update(self, batch: Batch, starts: State, share: float) -> dict[str, Tensor]:
        """One step from a batch and the states [N] to imagine from; named figures to be logged.

        share: of the peak learning rate. Figures that are not finite stop training.
        """
        ...

    def policy(self, seed: int = 0, sample: bool = False) -> Thinking:
        """How it acts by now; sample: as while it explores."""
        ...

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Groups of arrays and JSON documents that no others are named like; one is `policy`."""
        ...

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue where `checkpoint` was written."""
        ...

    def load(self, weights: dict[str, Tensor]) -> None:
        """The group `policy` alone: enough to act."""
        ...
