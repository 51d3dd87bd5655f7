"""One clock for columns that each have their own: which value belongs to which row.

    clock     |    |    |    |    |      rows at a steady rate, or those of the slowest column
    camera   a      b      c      d      previous: the newest that is there already ─▶ - a b b c
    joints  1 2 3 4 5 6 7 8 9 …          linear: between its neighbours, one of them yet to come
    reward  r   r  r  r     r            sum: all that came since the row before; any: alike

A value may be old by a stated tolerance. Where one is older the row is a hole, and a recording with
holes is split there or dropped.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foreworld.data.mapping import Way
from foreworld.data.recording import Broken

SLACK = 0.01  # of a row: stamps are rounded
PATIENCE = 1.5  # rows of the slower clock that a value may be old, where nothing else is said
TOGETHER = 0.5  # rows, where all columns of a log share one clock
JITTER = 0.1  # by which the rows of a log may differ from its rate, on the median


class Piece(NamedTuple):
    """Rows start … stop of a clock that become one episode."""

    start: int
    stop: int


@dataclass(frozen=True)
class Clock:
    """The instants [K] of a recording's rows in seconds, and how far apart they should be."""

    rows: np.ndarray
    period: float
    shared: bool = False  # all columns of the log have these instants

    def tolerance(self, stamps: np.ndarray, stated: float | None) -> float:
        """Seconds by which a value of a column may be older than its row."""
        if stated is not None:
            return stated
        if self.shared:
            return TOGETHER * self.period
        return PATIENCE * max(self.period, period_of(stamps, self.period))

    def find(self, stamps: np.ndarray, way: Way) -> tuple[np.ndarray, np.ndarray]:
        """For every row the index of a value and its age in seconds [K]; inf where there is none.

        previous, linear, sum, any: the newest that is not later. nearest: the nearest.
        """
        slack = SLACK * self.period
        index = np.searchsorted(stamps, self.rows + slack, "right") - 1
        if way == "nearest":
            after = np.minimum(index + 1, len(stamps) - 1)
            ahead, behind = stamps[after] - self.rows, self.rows - stamps[np.maximum(index, 0)]
            index = np.where((index < 0) | (ahead < behind), after, index)
        known = np.maximum(index, 0)
        age = np.where(index < 0, np.inf, np.abs(self.rows - stamps[known]))
        return known, age

    def pieces(self, whole: np.ndarray, linked: np.ndarray) -> list[Piece]:
        """Stretches of rows that are `whole` [K], each `linked` [K] to the one before it."""
        late = np.diff(self.rows, prepend=self.rows[:1]) > PATIENCE * self.period
        begins = whole & (late | ~linked | ~np.concatenate([[False], whole[:-1]]))
        starts = np.flatnonzero(begins)
        breaks = np.append(np.flatnonzero(~whole), len(whole))
        stops = np.minimum(
            np.append(starts[1:], len(whole)), breaks[np.searchsorted(breaks, starts)]
        )
        return [Piece(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]


def interpolate(values: np.ndarray, stamps: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Numbers [T', width] at instants [K], straight lines between them."""
    columns = [np.interp(rows, stamps, column) for column in values.T]
    return np.stack(columns, -1) if columns else np.zeros((len(rows), 0))


def gather(values: np.ndarray, stamps: np.ndarray, clock: Clock, way: Way) -> np.ndarray:
    """Numbers [T', width] as one sum, or whether there was any, of each row [K, width].

    A row holds what came since the row before it; the first, what came within one period.
    """
    rows, slack = clock.rows, SLACK * clock.period
    index = np.searchsorted(rows + slack, stamps, "left")
    inside = (index < len(rows)) & (stamps > rows[0] - clock.period + slack)
    out = np.zeros((len(rows), values.shape[1]))
    merge = np.add if way == "sum" else np.maximum
    taken = values[inside] if way == "sum" else values[inside] != 0
    merge.at(out, index[inside], taken.astype(np.float64))
    return out


def followed(stamps: np.ndarray, period: float) -> np.ndarray:
    """When what a row's action led to was seen: at the next stamp; after the last, a period on."""
    return np.append(stamps[1:], stamps[-1:] + period_of(stamps, period))


def lasting(stamps: np.ndarray) -> np.ndarray:
    """Stamps of actions, and when the last of them is over."""
    return np.append(stamps, stamps[-1:] + period_of(stamps, 0.0))


def period_of(stamps: np.ndarray, otherwise: float) -> float:
    """Median seconds between stamps."""
    return float(np.median(np.diff(stamps))) if len(stamps) > 1 else otherwise


def check_stamps(name: str, column: str, stamps: np.ndarray) -> None:
    """Raises Broken for stamps that are no clock."""
    if stamps.ndim != 1 or not np.isfinite(stamps).all():
        wrong = f"row {int(np.flatnonzero(~np.isfinite(stamps))[0])} is not finite"
        raise Broken(name, f"stamps of {column!r}", wrong, "write them in seconds")
    back = np.flatnonzero(np.diff(stamps) <= 0)
    if len(back):
        n = int(back[0])
        wrong = f"row {n + 1} is at {stamps[n + 1]:.6g} s, after {stamps[n]:.6g} s at row {n}"
        raise Broken(name, f"stamps of {column!r}", wrong, "sort its rows and remove doubles")


def check_rate(name: str, fps: float, stamps: np.ndarray) -> None:
    """Raises Broken where the stamps of a log run at another rate than it says."""
    told, seen = 1 / fps, period_of(stamps, 1 / fps)
    if abs(seen - told) > JITTER * told:
        raise Broken(
            Path(name), "fps", f"{fps:g} is told, {1 / seen:.4g} rows a second are there",
            "correct the rate or the stamps in the file",
        )  # fmt: skip


def own_clock(stamps: MappingOf[str, np.ndarray], fps: float | None) -> Clock:
    """The rows of the log itself: those of its column with the fewest rows a second.

    Of columns on one clock the longest: actions may be one fewer than what was seen.
    """
    periods = {key: period_of(s, 1 / fps if fps else 0.0) for key, s in stamps.items()}
    slowest = max(periods.values())
    alike = [key for key, period in periods.items() if period > (1 - JITTER) * slowest]
    rows = stamps[max(alike, key=lambda key: len(stamps[key]))]
    return Clock(rows, 1 / fps if fps else slowest, shared=fps is not None)


def steady_clock(stamps: MappingOf[str, np.ndarray], fps: float) -> Clock:
    """Rows at a rate, from where every column has begun to where the first one ends."""
    begin = max(float(s[0]) for s in stamps.values())
    end = min(float(s[-1]) for s in stamps.values())
    count = max(0, int(np.floor((end - begin) * fps + SLACK)) + 1)
    return Clock(begin + np.arange(count) / fps, 1 / fps)
