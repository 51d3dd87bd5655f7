"""What a set of episodes looks like in numbers: moments of every key, returns, lengths.

    stats = store.statistics(train_ids)
    stats.keys["vector"].mean       # [*shape], to normalise with
    stats.keys["image"].std         # [channels]
    stats.keys["action"].counts     # how often each class was chosen

Rows are read in slabs and merged (Chan, Golub & LeVeque 1983): memory does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foreworld.episodes.row import row_specs
from foreworld.vocab import FLAGS, Episode, Spec, Specs

SLAB_BYTES = 4_000_000


@dataclass(frozen=True)
class Moments:
    """Numbers over `count` rows: one per channel (image) or component (vector)."""

    count: int
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of rows together."""
        count = self.count + other.count
        a, b = self.count / count, other.count / count
        apart = other.mean - self.mean
        std = np.sqrt(a * self.std**2 + b * other.std**2 + a * b * apart**2)
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Moments(count, self.mean + apart * b, std, low, high)


@dataclass(frozen=True)
class Counts:
    """How often each class occurred in `count` rows, the components' classes in one row."""

    count: int
    counts: np.ndarray

    def merge(self, other: Counts) -> Counts:
        """The counts of both sets of rows together."""
        return Counts(self.count + other.count, self.counts + other.counts)


@dataclass(frozen=True)
class Statistics:
    """`returns` and `lengths` are moments over episodes, `keys` over rows."""

    episodes: int
    steps: int
    returns: Moments
    lengths: Moments
    keys: dict[str, Moments | Counts]

    def to_json(self) -> dict[str, Any]:
        return _plain(asdict(self))


def statistics(episodes: Iterable[Episode], specs: Specs) -> Statistics:
    """One pass over `episodes`. Text has no moments.

    The action of the last row and the reward of the first are fillers of the time convention, and
    left out.
    """
    described = {key: spec for key, spec in row_specs(specs).items() if key not in FLAGS}
    described = {key: spec for key, spec in described.items() if spec.kind != "text"}
    keys: dict[str, Any] = {}
    returns, lengths = [], []
    for episode in episodes:
        returns.append(float(episode["reward"].sum(dtype=np.float64)))
        lengths.append(len(episode))
        for key, spec in described.items():
            for slab in _slabs(_meant(key, episode[key])):
                new = _moments(slab, spec)
                keys[key] = keys[key].merge(new) if key in keys else new
    if not lengths:
        raise ValueError("no episodes, no statistics: append one first")
    scalar = Spec((), "float64", "vector")
    ends: list[Any] = [_moments(np.array(values), scalar) for values in (returns, lengths)]
    return Statistics(len(lengths), sum(lengths), ends[0], ends[1], keys)


def _meant(key: str, values: np.ndarray) -> np.ndarray:
    return values[:-1] if key == "action" else values[1:] if key == "reward" else values


def _slabs(values: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, SLAB_BYTES // max(1, values[:1].nbytes))
    return (values[start : start + rows] for start in range(0, len(values), rows))


def _moments(values: np.ndarray, spec: Spec) -> Moments | Counts:
    if spec.classes is not None:
        columns = values.reshape(len(values), -1).T
        counts = [np.bincount(c, minlength=n) for c, n in zip(columns, spec.classes, strict=True)]
        return Counts(len(values), np.concatenate(counts))
    values = values.astype(np.float32 if spec.kind == "image" else np.float64)
    mean, std, low, high = values.mean(0), values.std(0), values.min(0), values.max(0)
    if spec.kind == "image":  # per pixel so far (fast), now per channel
        std = np.sqrt((std**2).mean((0, 1)) + mean.var((0, 1)))
        mean, low, high = mean.mean((0, 1)), low.min((0, 1)), high.max((0, 1))
    return Moments(len(values), mean, std, low, high)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
