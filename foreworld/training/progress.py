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


@contextmanager
def progress_bar(budget: Budget) -> Iterator[Callable[[Progress, str], None]]:
    """A bar in updates where those are limited, else in seconds; yields `show(progress, note)`."""
    total = budget.updates or math.ceil(budget.seconds or 0)
    with progress("training", total) as advance:
        shown = 0

        def show(at: Progress, note: str) -> None:
            nonlocal shown
            done = min(total, at.updates if budget.updates else int(at.elapsed_s))
            advance(done - shown, f"update {at.updates:,}, {note}")
            shown = done

        yield show
