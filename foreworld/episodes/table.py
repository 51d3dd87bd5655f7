"""Where every episode of a store lies, as columns over consecutive ids.

id       42   43   44      first_id = 42: 0 … 41 were evicted
chunk     0    0    1
start   900  960    0      row within the chunk
length   60   35   80
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from foreworld.episodes.chunk import RECORD, Chunk


class Table(NamedTuple):
    """Arrays over the episodes that are there, oldest first."""

    first_id: int
    chunk: np.ndarray
    start: np.ndarray
    length: np.ndarray
    episode_return: np.ndarray

    @property
    def next_id(self) -> int:
        return self.first_id + len(self.length)


def build_table(chunks: Sequence[Chunk], evicted_below: int) -> Table:
    """Lines up the records of consecutive chunks; raises ValueError where one is cut short."""
    for chunk, after in zip(chunks, chunks[1:], strict=False):
        if (missing := after.first_id - chunk.next_id) != 0:
            raise ValueError(
                f"{chunk.path} is damaged: {missing} of its episodes are not readable. Restore the "
                "folder from a copy, or delete it and those before it to keep the rest"
            )
    first = chunks[0].first_id if chunks else 0
    first_id = max(first, evicted_below)
    kept = slice(first_id - first, None)
    records = np.concatenate([chunk.records for chunk in chunks] or [np.empty(0, RECORD)])[kept]
    return Table(
        first_id,
        np.repeat(np.arange(len(chunks)), [len(chunk.records) for chunk in chunks])[kept],
        records["start"].astype(np.int64),
        records["length"].astype(np.int64),
        records["return"].copy(),
    )
