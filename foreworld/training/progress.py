"""Where training stands, and a bar that shows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from foreworld.log import progress
from foreworld.training.budget import Budget


@dataclass
class Progress:
    """Written into every checkpoint."""

    phase: int = 0
    updates: int = 0  # in all phases so far
    elapsed_s: float = 0.0
    phase_updates: int = 0  # of these in this phase
    mastered: int | None = None  # updates after which nothing was left to learn

    def rate_left(self, settle: int) -> float:
        """1 until all is mastered, then down to 0 within `settle` updates, where training ends.

        A constant rate that falls at last: the schedule of Hu et al. 2024 (MiniCPM, section 4),
        whose end is not a number of updates here but a world mastered.
        """
        if self.mastered is None:
            return 1.0
        return 1 - min(1.0, (self.updates - self.mastered) / settle) if settle else 0.0


@contextmanager
def progress_bar(budget: Budget, begun: Progress) -> Iterator[Callable[[Progress, str], None]]:
    """A bar in updates where those are limited, else in seconds; yields `show(progress, note)`."""
    total = budget.updates or math.ceil(budget.seconds or 0)

    def done(at: Progress) -> int:
        return min(total, at.updates if budget.updates else int(at.elapsed_s))

    shown = done(begun)
    with progress("training", total, shown) as advance:

        def show(at: Progress, note: str) -> None:
            nonlocal shown
            advance(done(at) - shown, f"update {at.updates:,}, {note}")
            shown = done(at)

        yield show
