"""Episodes with the actions that a model has: what it finds in a video stands where nothing stood.

held_out = Owned(model, episodes)      # the same episodes, for models that take recorded actions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import torch

from foreworld.vocab import Episode, WorldModel


class Owned(Sequence[Episode]):
    """Each episode is read when it is asked for; see `WorldModel.own`."""

    def __init__(self, model: WorldModel, episodes: Sequence[Episode]) -> None:
        self.model, self.episodes = model, episodes

    def __len__(self) -> int:
        return len(self.episodes)

    @overload
    def __getitem__(self, place: int) -> Episode: ...
    @overload
    def __getitem__(self, place: slice) -> Owned: ...
    def __getitem__(self, place: int | slice) -> Episode | Owned:
        if isinstance(place, slice):
            return Owned(self.model, self.episodes[place])
        return own_episode(self.model, self.episodes[place])


@torch.no_grad()
def own_episode(model: WorldModel, episode: Episode) -> Episode:
    """One episode with the model's own actions; itself where those are the recorded ones."""
    arrays = {k: torch.from_numpy(np.array(v))[None] for k, v in episode.steps.items()}
    batch = {k: v.to(model.device) for k, v in arrays.items()}
    own = model.own(batch)
    if own is batch:
        return episode
    changed = {k: v[0].cpu().numpy() for k, v in own.items() if v is not batch.get(k)}
    return Episode({**episode.steps, **changed})
