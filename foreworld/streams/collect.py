"""Drives a policy through a stream and yields the episodes that end.

rows of N worlds          world 0  f . . l f . . .        f is_first   l is_last
                          world 1  f . l f . . . l
episodes, as they end              world 1: 3 rows, world 0: 4 rows, world 1: 5 rows
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from foreworld.vocab import Episode, Policy, Specs, Step, goals_of


class Stream(Protocol):
    """N parallel worlds that are reset once, and then stepped."""

    specs: dict
    num_envs: int

    def reset(self) -> Step: ...
    def step(self, action: np.ndarray) -> Step: ...


class EpisodeFold:
    """Assembles the rows of N worlds into episodes; goals are left out."""

    def __init__(self, specs: Specs, num_envs: int) -> None:
        self._action, self._goals = specs["action"], goals_of(specs)
        self._open: list[list[dict[str, np.ndarray]]] = [[] for _ in range(num_envs)]

    def add(self, step: Step, action: np.ndarray) -> list[tuple[int, Episode]]:
        """Adds one row per world, with the actions [N, ...] chosen after seeing it.

        Returns the episodes that end with it, and which world each of them happened in.
        """
        action = np.array(action, self._action.dtype)
        action[step["is_last"]] = 0  # nothing follows: there is no action
        kept = {key: values for key, values in step.items() if key not in self._goals}
        for i, rows in enumerate(self._open):
            assert bool(step["is_first"][i]) == (not rows), f"world {i}: is_first out of place"
            rows.append({key: values[i] for key, values in kept.items()} | {"action": action[i]})
        return [(int(i), self._close(int(i))) for i in np.flatnonzero(step["is_last"])]

    def cut(self) -> list[tuple[int, Episode]]:
        """Closes the open episodes as if the clock had run out; a single row is no episode."""
        cut = []
        for i, rows in enumerate(self._open):
            if len(rows) > 1:
                end = {"is_last": np.True_, "action": np.zeros_like(rows[-1]["action"])}
                rows[-1] = {**rows[-1], **end}
                cut.append((i, self._close(i)))
            rows.clear()
        return cut

    def _close(self, i: int) -> Episode:
        rows, self._open[i] = self._open[i], []
        return Episode({key: np.stack([row[key] for row in rows]) for key in rows[0]})


def collect(
    stream: Stream,
    policy: Policy,
    steps: int | None = None,
    episodes: int | None = None,
    truncate: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Episode]:
    """Resets the stream and acts in it until `steps` rows were seen or `episodes` have ended.

    steps: rows over all worlds, in whole steps of N.
    episodes: exactly so many, each world giving its share: the first to end are the short ones.
    truncate: open episodes at the end of `steps` are cut (is_last, not is_terminal), not dropped.
    progress: called with the rows seen and the episodes yielded so far, after every step.
    """
    if (steps is None) == (episodes is None):
        raise ValueError(f"steps={steps}, episodes={episodes}: give one of them")
    fold = EpisodeFold(stream.specs, stream.num_envs)
    share = _shares(episodes, stream.num_envs)
    step, carry = stream.reset(), policy.init(stream.num_envs)
    seen = yielded = 0
    while True:
        carry, action = policy.act(carry, step)
        for i, episode in fold.add(step, action):
            if share[i] > 0:
                share[i] -= 1
                yielded += 1
                yield episode
        seen += stream.num_envs
        if progress is not None:
            progress(seen, yielded)
        if (steps is not None and seen >= steps) or not share.any():
            break
        step = stream.step(action)
    if truncate and steps is not None:
        yield from (episode for _, episode in fold.cut())


def _shares(episodes: int | None, num_envs: int) -> np.ndarray:
    """How many episodes each world still owes [N]; infinitely many if `episodes` is None."""
    if episodes is None:
        return np.full(num_envs, np.inf)
    return episodes // num_envs + (np.arange(num_envs) < episodes % num_envs)
