"""Where sessions begin besides a fresh simulator: in a stored episode."""

from __future__ import annotations

import numpy as np
import torch

from foreworld.episodes import EpisodeStore
from foreworld.sessions.chance import seed_at
from foreworld.sessions.rows import Rows
from foreworld.vocab import CONTROL, State, observation_keys

CONTEXT = 16  # rows that are seen, at most


def episode_start(
    rows: Rows, store: EpisodeStore, seed: int, id: int | None = None, t: int | None = None
) -> tuple[State, int, int]:
    """The state after the first `t` rows of an episode, its id, and t. None: drawn by the seed.

    The action of the last row is not taken yet. Raises ValueError for what is not there.
    """
    if id is None:
        id = int(store.ids[seed_at(seed, 0, 1) % len(store)])
    if id not in store:
        raise ValueError(f"no episode {id}: there are {store.ids[0]} to {store.ids[-1]}")
    length = len(store.column(id, "is_first"))
    if t is None:
        t = 1 + seed_at(seed, 1, 1) % (length - 1)
    if not 1 <= t < length:
        raise ValueError(f"t={t}: episode {id} has {length} rows, begin after 1 to {length - 1}")
    keys = [
        k for k in (*observation_keys(rows.specs), *CONTROL) if k in store.specs or k in CONTROL
    ]
    first = max(0, t - CONTEXT)
    batch = {k: torch.tensor(np.array(store.column(id, k)[None, first:t])) for k in keys}
    batch["is_first"][:, 0] = True
    batch["action"][:, -1] = 0
    model = rows.model
    batch = model.own({k: v.to(model.device) for k, v in batch.items()})
    return rows.observe(model.initial(1), batch), id, t
