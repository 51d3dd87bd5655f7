"""Episodes with the actions that a model has: what it finds in a video stands where nothing stood.

held_out = owned(model, episodes)      # the same episodes, for models that take recorded actions
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from foreworld.episodes import Each
from foreworld.vocab import Episode, WorldModel


def owned(model: WorldModel, episodes: Sequence[Episode]) -> Sequence[Episode]:
    """The same episodes with the model's own actions (`WorldModel.own`), made as they are read."""
    return Each(partial(own_episode, model), episodes)


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
