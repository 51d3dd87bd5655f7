"""What an import did: how much came over, on which clock, and what was dropped and why, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 3  # recordings named for each reason


@dataclass
class Report:
    """Counts of one import, as they grow."""

    dataset: str
    format: str
    fps: float | None = None
    tolerance: str = ""
    recordings: int = 0
    episodes: int = 0
    rows: int = 0
    repeated: int = 0  # last rows, so that a last reward has one
    split: int = 0  # recordings that became more than one episode
    terminal: int = 0  # episodes that the world ended
    unused: list[str] = field(default_factory=list)  # columns that the mapping does not name
    missing: Counter[str] = field(default_factory=Counter)  # key -> recordings without it
    dropped: dict[str, Counter[str]] = field(default_factory=dict)  # reason -> recordings, rows
    examples: dict[str, list[str]] = field(default_factory=dict)  # reason -> which

    def drop(self, why: str, name: str, rows: int = 0) -> None:
        """Count a recording, or rows of it, that are left out."""
        counts = self.dropped.setdefault(why, Counter())
        named = self.examples.setdefault(why, [])
        counts["rows"] += rows
        if not named or named[-1] != name:
            counts["recordings"] += 1
            if len(named) < EXAMPLES:
                named.append(name)

    def __str__(self) -> str:
        lost = "; ".join(f"{n['rows']} rows dropped: {why}" for why, n in self.dropped.items())
        came = f"{self.episodes} episodes with {self.rows} rows"
        return f"{came} of {self.recordings} recordings" + (f"; {lost}" if lost else "")

    def to_json(self) -> dict[str, Any]:
        told = {k: v for k, v in vars(self).items() if k not in ("dropped", "examples")}
        dropped = {
            why: {**counts, "such_as": self.examples[why]} for why, counts in self.dropped.items()
        }
        return {**told, "missing": dict(self.missing), "dropped": dropped}
