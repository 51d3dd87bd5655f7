"""Train and test episodes, told apart by their id alone: appending and evicting move nobody.

test_fraction 0.1    ids  0 1 2 3 4 5 6 7 8 9 | 10 11 … 19 | …
                            ^ test                   ^ one of each block, picked by a hash
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def split_ids(
    ids: Sequence[int] | np.ndarray,
    test_fraction: float = 0.1,
    follows: Sequence[int] | np.ndarray = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Train and test ids, int64, sorted.

    follows: ids, sorted, of episodes that go where the one before them goes: parts of one recording
        count as one. If there is no other recording its parts are told apart after all.

    Blocks rather than one coin per episode: a small store gets its share too. Of two or more
    episodes neither side is empty; where eviction left no test episode (or no other), one changes
    sides, and only then does anyone.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction={test_fraction}: it lies between 0 and 1, as in 0.1")
    ids = np.sort(np.asarray(ids, np.int64))
    lives = ids - np.searchsorted(np.asarray(follows, np.int64), ids, "right")
    if len(ids) and lives[0] == lives[-1]:
        lives = ids
    test = np.isin(lives, _test_ids(lives[0], lives[-1], test_fraction)) if len(ids) else ids > 0
    if len(ids) >= 2 and (test.all() or not test.any()):
        flipped = lives == min(lives, key=lambda life: _hash(int(life)))
        test[flipped] = ~test[flipped]
    return ids[~test], ids[test]


def _test_ids(low: int, high: int, fraction: float) -> np.ndarray:
    """One id of every block around low … high; block b: the ids with floor(id * fraction) == b."""
    margin = int(1 / fraction) + 1  # so that the blocks at the edges are whole
    around = np.arange(max(0, low - margin), high + margin + 1)
    blocks, first, size = np.unique(
        (around * fraction).astype(np.int64), return_index=True, return_counts=True
    )
    chosen = np.array([_hash(int(b)) % int(n) for b, n in zip(blocks, size, strict=True)])
    chosen[blocks == 0] = np.minimum(1, size[blocks == 0] - 1)  # two episodes: one of each side
    return around[first + chosen]


def _hash(number: int) -> int:
    digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
