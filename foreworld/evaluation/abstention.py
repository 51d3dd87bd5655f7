"""Does a model notice that it is out of its depth? Its surprise at what it has not met in training.

    row t-1 ──imagine──▶ foretold row t ─┐
    world ─────────────▶ true row t ─────┴─▶ loss ──▶ surprise, in deviations of the usual

A factor counts if the model foretells worse where it lies beyond its training range: who is right
there as well has no reason to be surprised, nor to abstain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.control import MakeStream
from foreworld.evaluation.intervals import Interval, bootstrap
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.played import close
from foreworld.evaluation.robustness import LEAST, Kept, open_loop
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.variants import (
    actions_for,
    factors_of,
    shifted,
    single_shifts,
    watch,
)
from foreworld.evaluation.windows import unit
from foreworld.vocab import Batch, WorldModel, observation_keys

EPISODES = 12  # of each factor
ROWS = 20
HARMLESS = 0.9  # of its skill is kept: such a factor is none to be surprised by
CAUGHT = 0.95  # of the strange episodes, at the threshold where false alarms are counted
FALSE = 0.05  # of the usual episodes, at the threshold where the latency is counted

AUROC = Metric(
    "abstention.auroc",
    "how well surprise tells episodes with a factor beyond training from usual ones",
    "",
    perfect=1.0,
    blind=0.5,
    tolerance=0.1,
)
ALARMS = Metric(
    "abstention.false_alarms",
    "share of usual episodes that raise an alarm where 95 % of the strange ones do",
    "",
    perfect=0.0,
    blind=CAUGHT,
    tolerance=0.2,
)
LATENCY = Metric(
    "abstention.latency",
    "frames until a strange episode raises the alarm that 5 % of the usual ones raise",
    "frames",
    perfect=1.0,
    blind=float(ROWS),
    tolerance=5.0,
)
METRICS = (AUROC, ALARMS, LATENCY)

Statistic = Callable[[np.ndarray], np.ndarray]  # numbers of episodes [..., E] -> [...]


class Strange(NamedTuple):
    """Surprise [E, T] at one factor beyond its range, and how much of its skill the model kept."""

    surprise: np.ndarray
    kept: float

    @property
    def mean(self) -> np.ndarray:
        """[E]."""
        return self.surprise.mean(1)


def read(subject: Subject) -> list[Reading]:
    """Surprise at held-out factors; N/A where there are none, or none that misleads the model."""
    if subject.make_stream is None or not factors_of(subject):
        reason = "there is no world with factors that have ranges for training and for test"
        return unavailable(METRICS, reason)
    model, context, seed = subject.model, subject.protocol.context, subject.protocol.seed
    try:
        actions = actions_for(model.specs["action"], EPISODES, ROWS)
    except ValueError as error:  # they have no bounds
        return unavailable(METRICS, str(error))
    make = shifted(subject, "train")
    calm = _watched(make, actions, seed)
    before = open_loop(model, calm, calm, context)
    if 1 - before.ours.sum() / max(before.copied.sum(), 1e-12) < LEAST:
        return unavailable(METRICS, "the model foretells nothing within its own ranges either")
    # The scale of surprise, and the usual episodes, come from different starts.
    scale = losses(model, _watched(make, actions, seed + EPISODES))
    usual = standardised(losses(model, calm), scale)
    strange = {}
    for name, shift in single_shifts(subject).items():
        batch = _watched(shift, actions, seed)
        kept = Kept(open_loop(model, batch, batch, context), before).interval(seed).value
        strange[name] = Strange(standardised(losses(model, batch), scale), kept)
    return compare(usual, strange, seed)


def _watched(make: MakeStream, actions: np.ndarray, seed: int) -> Batch:
    stream = make(EPISODES, seed)
    try:
        return watch(stream, actions, seed)
    finally:
        close(stream)


def compare(usual: np.ndarray, strange: dict[str, Strange], seed: int) -> list[Reading]:
    """Readings from surprise [E, T] in usual episodes and in those of each factor."""
    misled = {name: s for name, s in strange.items() if s.kept < HARMLESS}
    if not misled:
        reason = (
            f"it keeps {HARMLESS:.0%} of its skill whichever of {len(strange)} factors lies beyond "
            "its training range: there is nothing to abstain from"
        )
        return unavailable(METRICS, reason)
    details = {
        "kept": {name: s.kept for name, s in strange.items()},
        "auroc": {n: float(auroc(usual.mean(1), s.mean)) for n, s in strange.items()},
        "counted": sorted(misled),
    }
    threshold = np.quantile(usual.max(1), 1 - FALSE)
    waits = [frames_until(s.surprise, float(threshold)) for s in misled.values()]
    mine, theirs = usual.mean(1), [s.mean for s in misled.values()]
    statistics: dict[Metric, Statistic] = {
        AUROC: lambda rows: np.mean([auroc(mine[rows], s[rows]) for s in theirs], 0),
        ALARMS: lambda rows: np.mean([false_alarms(mine[rows], s[rows]) for s in theirs], 0),
        LATENCY: lambda rows: np.mean([wait[rows].mean(-1) for wait in waits], 0),
    }
    return [
        Reading(metric, over_starts(statistic, len(usual), seed), details=details)
        for metric, statistic in statistics.items()
    ]


def over_starts(statistic: Statistic, episodes: int, seed: int) -> Interval:
    """What a statistic says of episodes, by their numbers [..., E], with its interval."""
    return bootstrap(lambda rows, axis: statistic(rows), [np.arange(episodes)], seed)


def auroc(usual: np.ndarray, strange: np.ndarray) -> np.ndarray:
    """The chance that a strange episode [..., E] surprises more than a usual one; equal: half."""
    difference = strange[..., :, None] - usual[..., None, :]
    return ((difference > 0) + 0.5 * (difference == 0)).mean((-1, -2))


def false_alarms(usual: np.ndarray, strange: np.ndarray) -> np.ndarray:
    """Share of usual episodes at or above the threshold that catches 95 % of the strange ones."""
    missed = strange.shape[-1] - int(np.ceil(CAUGHT * strange.shape[-1]))
    threshold = np.sort(strange, -1)[..., missed, None]
    return (usual >= threshold).mean(-1)


def frames_until(surprise: np.ndarray, threshold: float) -> np.ndarray:
    """Frames until surprise [E, T] exceeds the threshold; T + 1 where it never does."""
    above = surprise > threshold
    return np.where(above.any(1), above.argmax(1) + 1.0, surprise.shape[1] + 1.0)


@torch.no_grad()
def losses(model: WorldModel, batch: Batch) -> np.ndarray:
    """How wrong each row was foretold from those before it: [E, T - 1, heads].

    The losses of the heads that say what is seen next (nats, or squared errors); where a model has
    none, the distance between the features it imagined and those it has once it has seen. Rows that
    begin an episode are foreseen by nobody: 0.
    """
    seen = [k for k in observation_keys(model.specs) if k in model.heads and k in batch]
    rows, state = [], model.initial(len(batch["is_first"]))
    for t in range(batch["is_first"].shape[1]):
        row = {k: v[:, t : t + 1].to(model.device) for k, v in batch.items()}
        foreseen = model.imagine(state, state.action) if t else None
        state = model.observe(state, row)
        if foreseen is None:
            continue
        if seen:
            said = model.predict(foreseen, seen)
            wrong = [said[k].loss(_target(row[k][:, 0])) for k in seen]
        else:
            wrong = [(model.features(foreseen) - model.features(state)).norm(dim=-1)]
        rows.append(torch.stack([w.masked_fill(row["is_first"][:, 0], 0.0) for w in wrong], -1))
    return torch.stack(rows, 1).double().cpu().numpy()


def _target(values: Tensor) -> Tensor:
    return unit(values) if values.is_floating_point() or values.dtype == torch.uint8 else values


def standardised(losses: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Mean over heads [E, T] of losses [E, T, heads], each in deviations from the usual ones."""
    flat = usual.reshape(-1, usual.shape[-1])
    spread = np.maximum(flat.std(0), 1e-9)
    return ((losses - flat.mean(0)) / spread).mean(-1)
