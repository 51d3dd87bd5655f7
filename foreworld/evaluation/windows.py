"""Windows of held-out episodes: some real steps to look at, then a future to be foretold.

rows       0 ... C-1 | C ... C+H-1
model      sees      | imagines, given the actions of rows C-1 ... C+H-2
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.vocab import Batch, Episode, State, WorldModel, map_state, predict_all, rollout


@dataclass(frozen=True, eq=False)
class Windows:
    """K windows of each of E episodes, in rows episode by episode."""

    batch: Batch  # tensors [E * K, context + horizon, ...]
    context: int  # rows the model gets to see
    episodes: int
    skipped: int  # episodes that were too short

    @property
    def horizon(self) -> int:
        return self.batch["is_first"].shape[1] - self.context

    @property
    def per_episode(self) -> int:
        return len(self.batch["is_first"]) // self.episodes

    @property
    def seen(self) -> Batch:
        return {k: v[:, : self.context] for k, v in self.batch.items()}

    @property
    def actions(self) -> Tensor:
        """What was done [M, H, ...]; the first of them leads from the last row seen to the next."""
        return self.batch["action"][:, self.context - 1 : -1]

    @property
    def strangers_actions(self) -> Tensor:
        """For each window the actions of a window of another episode [M, H, ...]."""
        return self.actions.roll(self.per_episode, 0)

    def future(self, key: str) -> Tensor:
        """What came [M, H, ...], images in [0, 1]."""
        return unit(self.batch[key][:, self.context :])

    def last_seen(self, key: str) -> Tensor:
        """What the last row seen showed, images in [0, 1]: [M, 1, ...]."""
        return unit(self.batch[key][:, self.context - 1 : self.context])

    def rows(self, rows: Tensor) -> Windows:
        """Only these rows [R], each as if it were an episode of its own."""
        batch = {k: v[rows] for k, v in self.batch.items()}
        return Windows(batch, self.context, len(rows), self.skipped)


def held_out_windows(
    episodes: Iterable[Episode], context: int, horizon: int, per_episode: int = 4, seed: int = 0
) -> Windows:
    """Random windows of every episode that is long enough.

    Raises ValueError where none is.
    """
    episodes = list(episodes)
    length, rng = context + horizon, np.random.default_rng(seed)
    if context < 1 or horizon < 1:
        raise ValueError(f"context={context}, horizon={horizon}: both are at least 1")
    long = [e for e in episodes if len(e) >= length]
    if not long:
        longest = max((len(e) for e in episodes), default=0)
        raise ValueError(
            f"{len(episodes)} held-out episodes, the longest of {longest} steps; a context of "
            f"{context} and a horizon of {horizon} need {length}: shorten --horizon or collect more"
        )
    starts = [(e, int(s)) for e in long for s in rng.integers(0, len(e) - length + 1, per_episode)]
    batch = {
        key: torch.from_numpy(np.stack([e[key][s : s + length] for e, s in starts]))
        for key in long[0].steps
    }
    # Whatever came before a window is unknown to the model: its belief begins there.
    batch["is_first"][:, 0] = True
    return Windows(batch, context, len(long), len(episodes) - len(long))


@torch.no_grad()
def believe(model: WorldModel, seen: Batch) -> State:
    """The model's states [M] after rows [M, T, ...]."""
    seen = {k: v.to(model.device) for k, v in seen.items()}
    return model.observe(model.initial(len(seen["is_first"])), seen)


@torch.no_grad()
def foretell(
    model: WorldModel, state: State, actions: Tensor, heads: list[str], rows: int = 64
) -> dict[str, Tensor]:
    """Predicted means [M, H, ...] on the CPU of futures imagined without noise, `rows` at once."""
    parts = []
    for start in range(0, len(actions), rows):
        some = slice(start, start + rows)
        states = rollout(model, map_state(lambda x: x[some], state), actions[some].to(model.device))  # noqa: B023
        parts.append({k: v.cpu() for k, v in predict_all(model, states, heads).items()})
    return {k: torch.cat([part[k] for part in parts]) for k in heads}


def unit(x: Tensor) -> Tensor:
    """Images from bytes to [0, 1]; everything else as floats."""
    return x.float() / 255 if x.dtype == torch.uint8 else x.float()
