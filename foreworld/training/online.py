"""Training beside a world that is still being explored: collect some, learn some, in a fixed ratio.

updates * batch_size * length  =  train_ratio * steps collected since training began
"""

from __future__ import annotations

from foreworld.episodes import EpisodeStore
from foreworld.streams.collect import Stream, collect
from foreworld.vocab import Policy


class Collector:
    """Keeps a store ahead of training: hand `grow` to the `Trainer`.

    steps_per_update: batch_size * length. train_ratio: steps replayed for each one collected.
    capacity: steps kept in the store, the oldest episodes go first (None: all).
    Raises ValueError for a ratio that is not above zero.
    """

    def __init__(
        self,
        stream: Stream,
        store: EpisodeStore,
        policy: Policy,
        steps_per_update: int,
        train_ratio: float,
        capacity: int | None = None,
    ) -> None:
        if train_ratio <= 0:
            raise ValueError(f"--train-ratio {train_ratio}: above zero, or none to train offline")
        self.store, self.capacity = store, capacity
        self.steps_per_update, self.train_ratio = steps_per_update, train_ratio
        self.collected = 0
        self._first: int | None = None  # a resumed run begins with updates that are paid for
        self._episodes = collect(stream, policy, steps=2**62)

    def grow(self, updates: int) -> None:
        """Collect until `updates` gradient steps are paid for; whole episodes, so a little more."""
        self._first = updates if self._first is None else self._first
        due = (updates - self._first) * self.steps_per_update / self.train_ratio
        while self.collected < due:
            episode = next(self._episodes)
            self.store.append(episode)
            self.collected += len(episode)
            if self.capacity is not None:
                self.store.evict(self.capacity)
