"""Open-loop skill: how well a model foretells held-out futures, next to "nothing changes".

    skill(h) = 1 - error of the imagined row h / error of copying the last row seen

Images count where they matter: on pixels whose true value at h differs from the last frame seen.
There a copy is wrong by construction, and any dull average picture beats it; so three controls
stand beside: the average picture, the skill over whole frames (which charges for what should have
stayed), and the same futures imagined under the actions of other episodes, where skill must fall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.intervals import Interval, bootstrap_skill
from foreworld.evaluation.windows import Windows, believe, foretell, held_out_windows
from foreworld.vocab import Episode, WorldModel

CHANGED = 0.04  # a pixel has changed where a channel differs by more than this, of 1 (10 of 255)


@dataclass(frozen=True)
class Curve:
    """One key over the horizon: lists [H], step 1 first.

    Errors are root mean squares in the key's own unit (images: of 1), rates for discrete keys.
    """

    kind: str
    skill: list[Interval]  # against copying; images on changed pixels
    shuffled: list[Interval] | None  # the same under other episodes' actions; None: one episode
    whole: list[Interval] | None  # images: on all pixels
    average: list[Interval] | None  # images: of the average picture, on changed pixels
    error: list[float]
    copy_error: list[float]

    def to_json(self) -> dict[str, Any]:
        names = ("skill", "shuffled", "whole", "average")
        intervals = {name: getattr(self, name) for name in names}
        lists = {k: v and [i.to_json() for i in v] for k, v in intervals.items()}
        return {"kind": self.kind, **lists, "error": self.error, "copy_error": self.copy_error}


@dataclass(frozen=True)
class Imagination:
    """Open-loop skill of every head whose truth is recorded."""

    context: int
    horizon: int
    episodes: int
    windows: int
    skipped: int  # held-out episodes that were too short
    seed: int
    curves: Mapping[str, Curve]

    @property
    def images(self) -> list[str]:
        return [k for k, c in self.curves.items() if c.kind == "image"]

    def to_json(self) -> dict[str, Any]:
        counts = {k: v for k, v in vars(self).items() if k != "curves"} | {"changed": CHANGED}
        return {**counts, "curves": {k: c.to_json() for k, c in self.curves.items()}}


def measure_imagination(
    model: WorldModel,
    episodes: Iterable[Episode],
    context: int = 5,
    horizon: int = 15,
    per_episode: int = 4,
    seed: int = 0,
) -> Imagination:
    """Skill at every horizon with intervals over episodes; the futures are imagined without noise.

    Raises ValueError where no episode is `context + horizon` steps long.
    """
    windows = held_out_windows(episodes, context, horizon, per_episode, seed)
    heads = recorded_heads(model, windows.batch)
    state = believe(model, windows.seen)
    imagined = foretell(model, state, windows.actions, heads)
    shuffled: dict[str, Tensor] = {}
    if windows.episodes > 1:
        shuffled = foretell(model, state, windows.strangers_actions, heads)
    curves = {
        key: _curve(kind_of(model, key), windows, key, imagined[key], shuffled.get(key), seed)
        for key in heads
    }
    rows = len(windows.batch["is_first"])
    return Imagination(context, horizon, windows.episodes, rows, windows.skipped, seed, curves)


def recorded_heads(model: WorldModel, recorded: Iterable[str]) -> list[str]:
    """Heads that predict something the episodes hold."""
    return [h for h in model.heads if h in set(recorded) and (h in model.specs or h == "reward")]


def changed(future: Tensor, last: Tensor) -> Tensor:
    """Where frames [..., h, w, c] differ from the last one seen in any channel: [..., h, w, 1]."""
    return ((future - last).abs() > CHANGED).any(-1, keepdim=True)


def kind_of(model: WorldModel, head: str) -> str:
    """The kind of what a head predicts; rewards are numbers."""
    return "vector" if head == "reward" else model.specs[head].kind


def _curve(
    kind: str, windows: Windows, key: str, imagined: Tensor, shuffled: Tensor | None, seed: int
) -> Curve:
    future, last = windows.future(key), windows.last_seen(key).expand_as(windows.future(key))
    everywhere = torch.ones_like(future)
    average = last[:, :1].mean(0, keepdim=True).expand_as(future)
    counted = changed(future, last).expand_as(future).float() if kind == "image" else everywhere

    def errors(guess: Tensor, where: Tensor) -> np.ndarray:
        """Summed over the windows of an episode: [E, H]."""
        wrong = (guess != future).float() if kind == "discrete" else (guess - future).square()
        sums_MH = (wrong * where).reshape(*where.shape[:2], -1).sum(-1, dtype=torch.float64)
        return sums_MH.unflatten(0, (windows.episodes, -1)).sum(1).numpy()

    def skill(guess: Tensor, where: Tensor) -> list[Interval]:
        pairs = zip(errors(guess, where).T, errors(last, where).T, strict=True)
        return [bootstrap_skill(ours, copied, seed) for ours, copied in pairs]

    def mean(guess: Tensor) -> list[float]:
        count_H = counted.transpose(0, 1).reshape(windows.horizon, -1).sum(1).clamp(min=1).numpy()
        means = errors(guess, counted).sum(0) / count_H
        return (means if kind == "discrete" else np.sqrt(means)).tolist()

    return Curve(
        kind=kind,
        skill=skill(imagined, counted),
        shuffled=None if shuffled is None else skill(shuffled, counted),
        whole=skill(imagined, everywhere) if kind == "image" else None,
        average=skill(average, counted) if kind == "image" else None,
        error=mean(imagined),
        copy_error=mean(last),
    )
