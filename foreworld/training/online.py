"""Training beside a world that is still being explored: collect some, learn some, in a fixed ratio.

    steps in the store  =  steps before training  +  updates * batch_size * length / train_ratio

Worlds are played in rounds, from fresh starts to the last end. Between two rounds no episode is
open, and what the next round will be follows from weights and store alone: a run that is resumed
collects, bit for bit, what it would have collected without the break.
"""

from __future__ import annotations

from collections.abc import Callable

from foreworld.episodes import EpisodeStore
from foreworld.streams.collect import Stream, collect
from foreworld.vocab import Policy

MASTERED = 20  # episodes in a row, on average, before a world counts as mastered


class Collector:
    """Keeps a store ahead of training: hand `grow` to the `Trainer`.

    play: makes the policy of a round from its seed. next_seed: of the next round; world i of the
    stream starts from it + i. steps_per_update: batch_size * length. train_ratio: steps replayed
    for each one collected. before: steps that were there before training.
    capacity: steps kept in the store, the oldest episodes go first (None: all). until: the mean
    return of the last 20 episodes at which the world is mastered (None: it never is).
    Raises ValueError for a ratio that is not above zero.
    """

    def __init__(
        self,
        stream: Stream,
        store: EpisodeStore,
        play: Callable[[int], Policy],
        next_seed: Callable[[], int],
        steps_per_update: int,
        train_ratio: float,
        before: int = 0,
        capacity: int | None = None,
        until: float | None = None,
    ) -> None:
        if train_ratio <= 0:
            raise ValueError(f"--train-ratio {train_ratio}: above zero, or none to train offline")
        self.stream, self.store, self.play, self.next_seed = stream, store, play, next_seed
        self.steps_each = steps_per_update / train_ratio
        self.before, self.capacity, self.until = before, capacity, until
        self.said: dict[str, float] = {}

    def grow(self, updates: int) -> dict[str, float]:
        """Play until `updates` gradient steps are paid for; whole rounds, so a little more.

        Returns how much there was after the latest round, and how well it went.
        """
        while self.store.total_steps < self.before + updates * self.steps_each:
            seed = self.next_seed()
            num = self.stream.num_envs
            for episode in collect(self.stream, self.play(seed), episodes=num, seed=seed):
                self.store.append(episode)
            latest = float(self.store.returns[-num:].mean())
            self.said = {"world/steps": self.store.total_steps, "world/return": latest}
            if self.capacity is not None:
                self.store.evict(self.capacity)
        return self.said

    def mastered(self) -> bool:
        """Whether the latest episodes returned what was wanted; they are no test, but training.

        Those from before training do not count.
        """
        returns, lengths = self.store.returns[-MASTERED:], self.store.lengths[-MASTERED:]
        since = self.store.total_steps - self.before
        if self.until is None or len(returns) < MASTERED or lengths.sum() > since:
            return False
        return float(returns.mean()) >= self.until
