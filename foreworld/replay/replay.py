"""Draws windows of stored episodes: every step is as likely to open one as any other.

episode 7   . . . [ . . . l ]          a window that reaches the end of its episode goes on with
episode 3                 [ f . . ] .  the beginning of another: windows are always full, and
batch row           . . . l f . .      is_first marks the seam
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from foreworld.episodes import EpisodeStore, row_specs
from foreworld.errors import unknown
from foreworld.vocab import CONTROL, Batch

Ids = Sequence[int] | np.ndarray | Callable[[EpisodeStore], Sequence[int] | np.ndarray]


class Piece(NamedTuple):
    """Rows start … start + length of episode `id` go to batch row `row`, from time `time` on."""

    id: int
    start: int
    row: int
    time: int
    length: int


class Replay:
    """Training windows of a store, drawn from a seeded generator.

    ids: the episodes to draw from; None is all, also those that are yet to come; a function of the
        store is asked again when the store has changed, as in `lambda store: store.split()[0]`.
    recent: share of a batch that opens among the newest batch_size * length steps, so that what was
        just lived is learned from soon.
    keys: what to read besides the action, the reward and the flags; None is everything.
    weigh: gives ids [E] their weights [E], above 0: how much likelier their steps are than others'.
    """

    def __init__(
        self,
        store: EpisodeStore,
        ids: Ids | None = None,
        batch_size: int = 16,
        length: int = 32,
        seed: int = 0,
        recent: float = 0.0,
        keys: Sequence[str] | None = None,
        weigh: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        if batch_size < 1 or length < 1:
            raise ValueError(f"batch_size={batch_size}, length={length}: both start at 1")
        if not 0 <= recent <= 1:
            raise ValueError(f"recent={recent}: a share of the batch, between 0 and 1")
        self.store = store
        self.batch_size = batch_size
        self.length = length
        self.recent = recent
        self._layout = _layout(store, keys)
        self._choose, self._weigh = ids, weigh
        self._generator = np.random.default_rng(seed)
        self._update()

    def sample(
        self, length: int | None = None, keys: Sequence[str] | None = None, times: int = 1
    ) -> Batch:
        """Tensors [batch_size, length, ...] in the dtypes of the specs; yours to keep and change.

        length: of these windows, when not the usual; there are as many steps in the batch, or
        `times` as many. keys: what to read of them, when not the usual.
        Raises ValueError if there is no episode to draw from.
        """
        self.store.refresh()
        if self._seen != self._extent():
            self._update()
        if not len(self._ids):
            raise ValueError(f"{self.store.path} has no episode to draw from: append one first")
        length = length or self.length
        lead = (max(1, times * self.batch_size * self.length // length), length)
        layout = self._layout if keys is None else _layout(self.store, keys)
        batch = {k: np.empty((*lead, *shape), dtype) for k, (shape, dtype) in layout.items()}
        pieces = list(self._draw(*lead))
        for key, out in batch.items():
            for id, start, row, time, size in pieces:
                out[row, time : time + size] = self.store.column(id, key)[start : start + size]
        return {key: torch.from_numpy(out) for key, out in batch.items()}

    def state(self) -> dict[str, Any]:
        """The generator's state, ready for JSON: `restore` it and the same batches follow."""
        return dict(self._generator.bit_generator.state)

    def restore(self, state: Mapping[str, Any]) -> None:
        self._generator.bit_generator.state = dict(state)

    def _extent(self) -> tuple[int, int]:
        return self.store.table.first_id, self.store.table.next_id

    def _update(self) -> None:
        """Lines up the steps of the chosen episodes, each as wide as its weight: a place on that
        line is in the first episode whose end is beyond it.
        """
        store = self.store
        chosen = self._choose(store) if callable(self._choose) else self._choose
        ids = store.ids if chosen is None else np.unique(np.asarray(chosen, np.int64))
        if chosen is not None:
            ids = ids[np.isin(ids, store.ids)]  # evicted ones are not missed
        self._seen = self._extent()
        self._ids = ids
        self._lengths = store.lengths[ids - store.table.first_id]
        self._weights = np.ones(len(ids)) if self._weigh is None else self._weigh(ids)
        self._ends = np.cumsum(self._lengths * self._weights)

    def _draw(self, rows: int, window: int) -> Iterator[Piece]:
        total = self._ends[-1]
        newest = max(0.0, total - rows * window)
        num_recent = self._generator.binomial(rows, self.recent)
        for row in range(rows):
            place = self._place(newest if row < num_recent else 0.0, total)
            time = 0
            while time < window:
                n = self._episode_at(place)
                before = int((self._ends[n] - place) / self._weights[n])  # the end
                start = max(0, int(self._lengths[n]) - 1 - before) if time == 0 else 0
                length = min(int(self._lengths[n]) - start, window - time)
                yield Piece(int(self._ids[n]), start, row, time, length)
                time += length
                # Long episodes follow as often as they hold steps: rows stay equally likely.
                place = self._place(0.0, total)

    def _place(self, low: float, high: float) -> float:
        """Somewhere on the line; without weights in the middle of a step."""
        if self._weigh is None:
            return int(self._generator.integers(int(low), int(high))) + 0.5
        return self._generator.uniform(low, high)

    def _episode_at(self, place: float) -> int:
        return min(int(np.searchsorted(self._ends, place, "right")), len(self._ends) - 1)


def _layout(store: EpisodeStore, keys: Sequence[str] | None) -> dict[str, tuple[tuple, np.dtype]]:
    """Shape and dtype of each key to read."""
    specs = row_specs(store.specs)
    for key in keys or ():
        if key not in specs:
            raise unknown("key", key, specs)
    wanted = specs if keys is None else {*keys, *CONTROL}
    return {k: (s.shape, np.dtype(s.dtype)) for k, s in specs.items() if k in wanted}
