"""Whether a model without a decoder knows anything: its features beside absolute references.

Embeddings that are all the same are predicted perfectly, so the loss of a joint-embedding model
says nothing. This says how many dimensions are in use, how far a linear probe reads true vectors
off the features, and what the same comes to without learning: with fresh weights, and by copying.

    panel = collapse_panel(model, fresh, train_episodes, held_out_episodes)
    panel.watched["effective_rank"], panel.probes["facts"].known
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from foreworld.evaluation.windows import Windows, believe, held_out_windows
from foreworld.vocab import Episode, Spec, WorldModel, map_state, rollout, target_keys

CONTEXT, PER_EPISODE = 4, 8  # rows seen before a probe reads, and windows of each episode
RIDGE = 1e-4  # of the probes, for each row


@dataclass(frozen=True)
class Probe:
    """How much of a recorded number a linear probe explains on held-out episodes: R2, 1 is all."""

    known: float  # of what was just seen
    fresh: float  # the same, by a model with fresh weights: often more than one would think
    imagined: float  # of the instant `horizon` steps on, from the imagined state
    copied: float  # of that instant, from the last state seen


@dataclass(frozen=True)
class CollapsePanel:
    """See the module."""

    watched: dict[str, float]  # the family's own numbers, see `WorldModel.diagnose`
    alarms: tuple[str, ...]
    skill: dict[int, float]  # by steps ahead: 1 - error / error of copying, in features
    probes: dict[str, Probe]
    horizon: int
    windows: int  # held-out ones
    episodes: int  # that they come from

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Read(NamedTuple):
    """Features of M windows."""

    now: Tensor  # [M, D] after the last row seen
    imagined: Tensor  # [M, H, D] from there on
    came: Tensor  # [M, H, D] after really seeing those rows


@torch.no_grad()
def collapse_panel(
    model: WorldModel,
    fresh: WorldModel,
    train: Sequence[Episode],
    held_out: Sequence[Episode],
    horizon: int = 5,
) -> CollapsePanel:
    """fresh: the same model with untrained weights; probes are fitted on `train` episodes.

    Raises ValueError where no episode has CONTEXT + horizon rows.
    """
    fitted, test = (
        held_out_windows(episodes, CONTEXT, horizon, PER_EPISODE) for episodes in (train, held_out)
    )
    known, seen = _read(model, fitted), _read(model, test)
    before, after = _read(fresh, fitted).now, _read(fresh, test).now
    probes = {}
    for key in (k for k in target_keys(model.specs) if model.specs[k].kind == "vector"):
        now, then = _truth(test, key, 0), _truth(test, key, horizon)
        # What is imagined should mean what is seen: one probe reads both.
        probe = fit_probe(known.now, _truth(fitted, key, 0))
        untrained = fit_probe(before, _truth(fitted, key, 0))
        r2s = (
            explained(probe(seen.now), now),
            explained(untrained(after), now),
            explained(probe(seen.imagined[:, -1]), then),
            explained(probe(seen.now), then),
        )
        probes |= _by_number(key, model.specs[key], r2s)
    watched = model.diagnose({k: v.to(model.device) for k, v in test.batch.items()})
    skill = {h: _skill(seen, h) for h in sorted({1, horizon})}
    return CollapsePanel(*watched, skill, probes, horizon, len(seen.now), test.episodes)


def fit_probe(features: Tensor, truth: Tensor) -> Callable[[Tensor], Tensor]:
    """Ridge regression from features [M, D] to truth [M, K]."""
    x, y = features.double(), truth.double()
    mean, middle = x.mean(0), y.mean(0)
    spread = x.std(0).clamp(min=1e-6)
    x = (x - mean) / spread
    square = x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, x.T @ (y - middle))
    return lambda other: ((other.double() - mean) / spread) @ weights + middle


def explained(said: Tensor, truth: Tensor) -> Tensor:
    """R2 of each number [K] over rows [M, K]; NaN where the truth never varies."""
    truth = truth.double()
    variance = truth.var(0, correction=0)
    missed = (said - truth).square().mean(0)
    return torch.where(variance > 1e-8, 1 - missed / variance, torch.nan)


def _by_number(key: str, spec: Spec, r2s: Sequence[Tensor]) -> dict[str, Probe]:
    """One probe for each number that has a name and varies, or one for the whole key."""
    if spec.names is None:
        whole = Probe(*(float(r2.nanmean()) for r2 in r2s))
        return {} if math.isnan(whole.known) else {key: whole}
    each = zip(spec.names, zip(*(r2.tolist() for r2 in r2s), strict=True), strict=True)
    return {f"{key}.{name}": Probe(*r2) for name, r2 in each if not math.isnan(r2[0])}


def _read(model: WorldModel, windows: Windows) -> Read:
    start = believe(model, windows.seen)
    states = rollout(model, start, windows.actions.to(model.device))
    imagined = model.features(map_state(lambda x: x.flatten(0, 1), states))
    came = []
    for row in range(windows.context, windows.context + windows.horizon):
        rows = {k: v[:, : row + 1] for k, v in windows.batch.items()}
        came.append(model.features(believe(model, rows)).cpu())
    imagined = imagined.unflatten(0, (-1, windows.horizon)).cpu()
    return Read(model.features(start).cpu(), imagined, torch.stack(came, 1))


def _skill(read: Read, steps: int) -> float:
    came = read.came[:, steps - 1]
    missed = (read.imagined[:, steps - 1] - came).square().mean()
    return float(1 - missed / (read.now - came).square().mean().clamp(min=1e-12))


def _truth(windows: Windows, key: str, ahead: int) -> Tensor:
    """The vector `ahead` rows after the last one seen, [M, K]."""
    row = windows.batch[key][:, windows.context - 1 + ahead].float()
    return row.reshape(len(row), -1)
