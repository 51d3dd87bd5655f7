"""Train and test episodes, told apart by their id alone: appending and evicting move nobody.

test_fraction 0.1    ids  0 1 2 3 4 5 6 7 8 9 | 10 11 … 19 | …
                            ^ test                   ^ one of each block, picked by a hash
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def split_ids(
    ids: Sequence[int] | np.ndarray, test_fraction: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Train and test ids, int64, sorted.

    Blocks rather than one coin per episode: a small store gets its share too. Of two or more
    episodes neither side is empty; where eviction left no test episode (or no other), one changes
    sides, and only then does anyone.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction={test_fraction}: it lies between 0 and 1, as in 0.1")
    ids = np.sort(np.asarray(ids, np.int64))
    test = np.isin(ids, _test_ids(ids[0], ids[-1], test_fraction)) if len(ids) else ids > 0
    if len(ids) >= 2 and (test.all() or not test.any()):
        flipped = min(range(len(ids)), key=lambda n: _hash(int(ids[n])))
        test[flipped] = not test[flipped]
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
