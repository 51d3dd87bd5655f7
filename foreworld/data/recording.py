"""What a log tells, before it becomes an episode: columns with their own names, units and clocks.

    file ──▶ Source ──▶ Recording ──▶ Mapping: names, units, one clock ──▶ Episode ──▶ store

A source opens one dataset of one format. It reads nothing but tables of contents until a column is
asked for its rows, so that hours of video are described, cut and resampled without being decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

Content = Literal["image", "depth", "number", "text"]
Moment = Literal["now", "after"]


@dataclass(frozen=True)
class Feature:
    """A column as its source describes it: what one instant of it is.

    image: uint8 [height, width, channels]. depth: floats [height, width, 1], in `unit`. number:
    bools, integers or floats of any shape. text: one `str` an instant (shape []).
    `classes`: how many values an integer may take, where the source says so.
    `moment`: "after" is what the step led to (a reward that follows the action of its own row).
    """

    shape: tuple[int, ...]
    dtype: str  # numpy's name; text has "str"
    content: Content = "number"
    names: tuple[str, ...] | None = None  # of the numbers, row-major
    unit: str | None = None
    low: tuple[float, ...] | float | None = None
    high: tuple[float, ...] | float | None = None
    classes: int | None = None
    moment: Moment = "now"


class Column(Protocol):
    """The values of one feature through one recording, T' instants on a clock of its own."""

    @property
    def stamps(self) -> np.ndarray:
        """Seconds since the recording began, float64 [T'], increasing."""
        ...

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """The values of some instants, [len(rows), *shape]; rows ascend and may repeat."""
        ...


@dataclass(frozen=True)
class Values:
    """A column that is in memory."""

    values: np.ndarray  # [T', *shape]
    stamps: np.ndarray  # [T']

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        return self.values[np.asarray(rows, np.int64)]


@dataclass(frozen=True)
class Recording:
    """One life as its source tells it."""

    name: str  # for messages and reports: "episode 17 of data/chunk-000/file-000.parquet"
    columns: Mapping[str, Column]
    task: str | None = None  # the instruction that was followed
    terminal: bool | None = None  # whether the world ended it; None: the source does not say
    facts: Mapping[str, Any] = field(default_factory=dict)  # anything else, as plain data


class Source(Protocol):
    """A dataset of one format, opened for reading.

    Built as `Format(path)`; raises ValueError (`Broken` names file, field and fix) for what it
    cannot believe. Ids are 0 … len - 1.
    """

    format: str
    path: Path

    @property
    def features(self) -> Mapping[str, Feature]: ...

    @property
    def fps(self) -> float | None:
        """Rows a second, where all columns share one clock; None: each has its own."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, id: int) -> Recording: ...

    def __iter__(self) -> Iterator[Recording]: ...

    def close(self) -> None: ...


class Broken(ValueError):
    """A dataset that cannot be believed: which file, which field, what is wrong, what to do."""

    def __init__(self, file: Path | str, what: str, wrong: str, fix: str) -> None:
        super().__init__(f"{file}: {what}: {wrong}; {fix}")
        self.what = what
        self.wrong = wrong
