"""How long to train: gradient steps, seconds, or whichever ends first.

Budget(updates=10_000, seconds=parse_duration("5m"))
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """`None` means unlimited, but not both. Raises ValueError for that, and for nothing at all."""

    updates: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [x for x in (self.updates, self.seconds) if x is not None]
        if not given:
            raise ValueError("training without an end: give --steps 10000 or --budget 5m")
        if min(given) <= 0:
            raise ValueError(f"a budget of {min(given)}: it must be above zero")

    def spent(self, updates: int, elapsed_s: float) -> float:
        """Share of the budget used, from 0 to 1 and beyond."""
        shares = []
        if self.updates is not None:
            shares.append(updates / self.updates)
        if self.seconds is not None:
            shares.append(elapsed_s / self.seconds)
        return max(shares)


def parse_duration(text: str) -> float:
    """'90s', '5m', '1h30m' or plain seconds -> seconds. Raises ValueError for anything else."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write 90s, 5m or 1h30m")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
