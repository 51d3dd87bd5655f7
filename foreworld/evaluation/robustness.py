"""How much of its foresight a model keeps when its eyes are bad or the world is another one.

    kept = skill under the disturbance / skill without it       1: all of it, 0: none

    sensors   what is seen before imagining is disturbed; what is foretold is the undisturbed truth
    factors   one property of the world lies beyond its training range
    pairs     two of either at once

The same starts and actions throughout, so that nothing else differs. Late actions are told beside,
and not counted: without being told of the delay, no model can be right about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.control import MakeStream
from foreworld.evaluation.imagination import changed, kind_of, recorded_heads
from foreworld.evaluation.intervals import Interval, bootstrap
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.played import close
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.variants import (
    actions_for,
    factors_of,
    paired_shifts,
    shifted,
    single_shifts,
    watch,
)
from foreworld.evaluation.windows import Windows, believe, foretell
from foreworld.streams.disturbed import disturbed
from foreworld.vocab import Batch, WorldModel, map_state, rollout

EPISODES = 8  # of each condition
LEAST = 0.05  # skill below which there is nothing to lose
SENSORS: dict[str, tuple[float, ...]] = {  # strengths of `streams.disturbed`, mildest first
    "noise": (0.05, 0.1, 0.2),
    "dropped_frames": (0.2, 0.4, 0.6),
    "dropped_modality": (0.25, 0.5, 1.0),
    "distractor": (0.05, 0.15, 0.3),
}
DELAYS = (1.0, 2.0, 4.0)
PAIRED = 1  # which strength two sensors at once have


def _metric(name: str, says: str) -> Metric:
    return Metric(f"robustness.{name}", says, "", perfect=1.0, blind=0.0, tolerance=0.1)


SENSOR = _metric("sensors", "share of open-loop skill kept with disturbed senses, mean of curves")
FACTOR = _metric("factors", "share of open-loop skill kept with a factor beyond its training range")
PAIRS = _metric("pairs", "share of open-loop skill kept with two disturbances, or factors, at once")
METRICS = (SENSOR, FACTOR, PAIRS)


class Errors(NamedTuple):
    """Of one condition, one number an episode [E]; copying the last row is the reference."""

    ours: np.ndarray
    copied: np.ndarray


def read(subject: Subject) -> list[Reading]:
    """Kept skill by disturbance and factor; N/A without a world, or where no skill is to lose."""
    if subject.make_stream is None:
        return unavailable(METRICS, "there is no world to disturb, only logged episodes")
    try:
        senses = _Bench(subject, subject.make_stream)
    except ValueError as error:  # actions without bounds
        return unavailable(METRICS, str(error))
    sensors = dict(senses.sensors())
    doubles = dict(senses.sensor_pairs())
    late = dict(senses.delays())
    if not factors_of(subject):
        reason = "this world has no factors with ranges for training and for test"
        return [
            senses.reading(SENSOR, sensors, {"delay": late}),
            Reading(FACTOR, reason=reason),
            senses.reading(PAIRS, doubles),
        ]
    usual = _Bench(subject, shifted(subject, "train"))
    factors = dict(usual.shifts(single_shifts(subject)))
    pairs = dict(usual.shifts(paired_shifts(subject)))
    return [
        senses.reading(SENSOR, sensors, {"delay": late}),
        usual.reading(FACTOR, factors),
        usual.reading(PAIRS, {**doubles, **pairs}),
    ]


class _Bench:
    """A world to disturb, what is done in it, and how well a model foretells it as it is."""

    def __init__(self, subject: Subject, make: MakeStream) -> None:
        self.model, self.make, self.seed = subject.model, make, subject.protocol.seed
        self.context = subject.protocol.context
        rows = self.context + subject.protocol.horizon
        stream = make(EPISODES, self.seed)
        self.actions = actions_for(stream.specs["action"], EPISODES, rows)
        self.clean = watch(stream, self.actions, self.seed)
        close(stream)
        self.calm = open_loop(self.model, self.clean, self.clean, self.context)

    def sensors(self) -> Iterator[tuple[str, Kept]]:
        for name, strengths in SENSORS.items():
            for strength in strengths:
                yield from self._disturbed({name: strength}, self.clean)

    def sensor_pairs(self) -> Iterator[tuple[str, Kept]]:
        for pair in combinations(SENSORS, 2):
            yield from self._disturbed({name: SENSORS[name][PAIRED] for name in pair}, self.clean)

    def delays(self) -> Iterator[tuple[str, Kept]]:
        for strength in DELAYS:
            yield from self._disturbed({"delay": strength}, None)

    def _disturbed(
        self, strengths: dict[str, float], truth: Batch | None
    ) -> Iterator[tuple[str, Kept]]:
        """Nothing where the world shows nothing that could be disturbed so."""
        stream = base = self.make(EPISODES, self.seed)
        try:
            for name, strength in strengths.items():
                stream = disturbed(stream, name, strength, self.seed)
        except ValueError:
            close(base)
            return
        seen = watch(stream, self.actions, self.seed)
        close(base)
        errors = open_loop(self.model, seen, seen if truth is None else truth, self.context)
        yield "+".join(f"{name} {s:g}" for name, s in strengths.items()), self.kept(errors)

    def shifts(self, makes: dict[str, MakeStream]) -> Iterator[tuple[str, Kept]]:
        for name, make in makes.items():
            stream = make(EPISODES, self.seed)
            seen = watch(stream, self.actions, self.seed)
            close(stream)
            yield name, self.kept(open_loop(self.model, seen, seen, self.context))

    def kept(self, errors: Errors) -> Kept:
        return Kept(errors, self.calm)

    @property
    def skill(self) -> Interval:
        return bootstrap(_skill, list(self.calm), self.seed)

    def reading(
        self,
        metric: Metric,
        kept: dict[str, Kept],
        beside: dict[str, dict[str, Kept]] | None = None,
    ) -> Reading:
        skill = self.skill
        if not skill.low > LEAST:
            return Reading(metric, reason=f"undisturbed skill is {skill.brief}: nothing to lose")
        if not kept:
            return Reading(metric, reason="this world shows nothing that can be disturbed")
        each = {name: one.interval(self.seed) for name, one in kept.items()}
        details = {
            "undisturbed_skill": skill.to_json(),
            "kept": {name: interval.to_json() for name, interval in each.items()},
            "worst": min(each, key=lambda name: each[name].value),
            **{
                what: {name: one.interval(self.seed).to_json() for name, one in ones.items()}
                for what, ones in (beside or {}).items()
            },
        }
        return Reading(metric, mean_kept(list(kept.values()), self.seed), details=details)


class Kept(NamedTuple):
    """A condition beside the calm one."""

    errors: Errors
    calm: Errors

    def interval(self, seed: int) -> Interval:
        return mean_kept([self], seed)


def mean_kept(kept: Sequence[Kept], seed: int) -> Interval:
    """The mean share of skill over conditions, paired over the starts."""

    def statistic(starts: np.ndarray, axis: int) -> np.ndarray:
        shares = []
        for errors, calm in kept:
            now, before = (_skill(o[starts], c[starts], axis) for o, c in (errors, calm))
            shares.append(np.clip(now / np.maximum(before, LEAST), 0.0, 1.0))
        return np.mean(shares, 0)

    return bootstrap(statistic, [np.arange(len(kept[0].calm.ours))], seed)


def _skill(ours: np.ndarray, copied: np.ndarray, axis: int) -> np.ndarray:
    return 1 - ours.sum(axis) / np.maximum(copied.sum(axis), 1e-12)


def open_loop(model: WorldModel, seen: Batch, truth: Batch, context: int) -> Errors:
    """Errors of what is imagined after rows of `seen`, against the rows of `truth` that follow.

    Images count on the pixels that change; every head weighs the same. Models that predict nothing
    that is recorded are judged by their features, against those they have after seeing the truth.
    """
    windows = Windows(truth, context, len(truth["is_first"]), 0)
    # After an early end other episodes begin, of which nothing can be foretold.
    first = truth["is_first"].clone()
    first[:, 0] = False
    alive = (~first[:, context:].cumsum(1).bool()).float()
    state = believe(model, {k: v[:, :context] for k, v in seen.items()})
    heads = [h for h in recorded_heads(model, truth) if h != "reward" and _counts(model, h)]
    if not heads:
        return _of_features(model, state, windows, alive)
    imagined = foretell(model, state, windows.actions, heads)
    ours, copied = np.zeros(windows.episodes), np.zeros(windows.episodes)
    for head in heads:
        future = windows.future(head)
        last = windows.last_seen(head).expand_as(future)
        counted = alive.view(*alive.shape, *[1] * (future.ndim - 2)).expand_as(future)
        if kind_of(model, head) == "image":
            counted = counted * changed(future, last)
        wrong, moved = (
            ((guess - future).square() * counted).flatten(1).sum(1).double().numpy()
            for guess in (imagined[head], last)
        )
        scale = max(float(moved.mean()), 1e-12)
        if moved.any():
            ours, copied = ours + wrong / scale, copied + moved / scale
    return Errors(ours, copied)


def _counts(model: WorldModel, head: str) -> bool:
    return kind_of(model, head) in ("image", "vector")


@torch.no_grad()
def _of_features(model: WorldModel, state: object, windows: Windows, alive: Tensor) -> Errors:
    """Errors in the model's own features."""
    actions = windows.actions.to(model.device)
    states = rollout(model, state, actions)
    shape = actions.shape[:2]
    imagined = model.features(map_state(lambda x: x.flatten(0, 1), states)).unflatten(0, shape)
    truth, now = [], state
    for t in range(windows.context, windows.batch["is_first"].shape[1]):
        row = {k: v[:, t : t + 1].to(model.device) for k, v in windows.batch.items()}
        now = model.observe(now, row)
        truth.append(model.features(now))
    future, last = torch.stack(truth, 1), model.features(state)[:, None]
    weight = alive.to(future.device)
    ours, copied = (
        ((guess - future).square().sum(-1) * weight).sum(1).double().cpu().numpy()
        for guess in (imagined, last)
    )
    return Errors(ours, copied)
