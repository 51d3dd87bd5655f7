"""What becomes of a dream that nobody interrupts: a thousand steps with eyes closed.

norm, rank     features stay as large, and as many-sided, as those of what was really seen
invariants     what never changes in an episode (how many things there are, energy) does not here
attractor      dreams that began apart do not all end in the same frame
stability      every number stays finite, and not far outside of what was ever seen
bias           short dreams too: errors that do not average out
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.intervals import Interval, bootstrap, wilson
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.rulers import STILL, Ruler, Sitting, sit
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.systematic import systematic_error
from foreworld.evaluation.windows import believe, unit
from foreworld.nn.spread import effective_rank
from foreworld.vocab import State, map_state

LOOKS = 50  # at how many instants of the long dream it is looked at
BEYOND = 2.0  # times the range seen, so far outside a number may be: dreams are longer
KEPT = 0.25  # of its deviation over episodes, or of 1: so far a learned constant may wobble

NORM = Metric(
    "long_dreams.norm",
    "how far the features' size has gone from that of real moments, |log|",
    "",
    0.0,
    1.0,
    0.3,
)
RANK = Metric(
    "long_dreams.rank", "effective rank of the dreams' features, of real ones", "", 1.0, 0.0, 0.3
)
INVARIANTS = Metric(
    "long_dreams.invariants",
    "share of dreams in which something changes that never does in an episode",
    "",
    0.0,
    1.0,
    0.05,
)
ATTRACTOR = Metric(
    "long_dreams.attractor",
    "how different the ends of different dreams are, of how different real moments are",
    "",
    1.0,
    0.0,
    0.4,
)
STABILITY = Metric(
    "long_dreams.stability",
    "share of dreams that stay finite and within what was ever seen",
    "",
    1.0,
    0.0,
    0.05,
)
BIAS = Metric(
    "long_dreams.bias",
    "systematic error at the last step of the protocol's horizon, in deviations",
    "",
    0.0,
    1.0,
    0.05,
    ("drifting",),
)
METRICS = (NORM, RANK, INVARIANTS, ATTRACTOR, STABILITY, BIAS)


@dataclass(frozen=True, eq=False)
class Dream:
    """One dream of every episode, looked at now and then."""

    features: Tensor  # [E, L, D]
    seen: dict[str, Tensor]  # of each ruler's head [E, L, ...]


def read(subject: Subject) -> list[Reading]:
    """Dreams of `protocol.stretch` steps under recorded actions, one from each episode."""
    try:
        sitting = sit(subject)
    except ValueError as error:
        return unavailable(METRICS, str(error))
    dream, real = _dream(subject, sitting), _real_features(sitting)
    judged = [r for r in sitting.chief if r.kind != "discrete"]
    seed = subject.protocol.seed
    return [
        _norm(dream, real, seed),
        _rank(dream, real),
        _invariants(sitting, dream),
        _attractor(sitting, dream, judged, seed),
        _stability(sitting, dream, judged),
        _bias(sitting, judged, seed),
    ]


@torch.no_grad()
def _dream(subject: Subject, sitting: Sitting) -> Dream:
    """From the first window of every episode, under its actions and then those of the others."""
    windows, model = sitting.windows, sitting.model
    first = torch.arange(0, len(windows.actions), windows.per_episode)
    state: State = map_state(lambda x: x[first], sitting.state)
    actions, length = windows.actions.to(model.device), subject.protocol.stretch
    every = max(1, length // LOOKS)
    features, seen = [], {r.head: [] for r in sitting.chief}
    for t in range(length):
        row = (first + t // windows.horizon) % len(actions)
        state = model.imagine(state, actions[row, t % windows.horizon])
        if (t + 1) % every == 0:
            features.append(model.features(state).cpu())
            for head, said in model.predict(state, list(seen)).items():
                seen[head].append(said.mean.cpu())
    return Dream(torch.stack(features, 1), {h: torch.stack(x, 1) for h, x in seen.items()})


@torch.no_grad()
def _real_features(sitting: Sitting) -> Tensor:
    """Of what is believed after the rows really seen, and at the end of the windows: [2 M, D]."""
    states = [sitting.state, believe(sitting.model, sitting.windows.batch)]
    return torch.cat([sitting.model.features(state).cpu() for state in states])


def _late(x: Tensor) -> Tensor:
    """The last fifth of the looks."""
    return x[:, -max(1, x.shape[1] // 5) :]


def _norm(dream: Dream, real: Tensor, seed: int) -> Reading:
    late = _late(dream.features).norm(dim=-1).mean(1).double().numpy()
    if not np.isfinite(late).all():
        return Reading(NORM, Interval(1e3, 1e3, 1e3, len(late)), details={"finite": False})
    usual = max(float(real.norm(dim=-1).mean()), STILL)

    def gone(x: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(np.log(np.maximum(x.mean(axis), STILL) / usual))

    ratio = (dream.features.norm(dim=-1).mean(0) / usual).tolist()
    return Reading(NORM, bootstrap(gone, [late], seed), details={"by look": ratio})


def _rank(dream: Dream, real: Tensor) -> Reading:
    """Of where the dreams are in the end; as many real moments are compared."""
    late, size = dream.features[:, -1], len(dream.features)
    if not torch.isfinite(late).all() or size < 3:
        return Reading(RANK, reason="it takes three dreams that stay finite")
    deviation = real.std(0).clamp(min=STILL)
    even = torch.linspace(0, len(real) - 1, size).long()
    ours, theirs = (float(effective_rank(x / deviation)) for x in (late, real[even]))
    value = ours / theirs
    return Reading(RANK, Interval(value, value, value, size), details={"of real ones": theirs})


def _invariants(sitting: Sitting, dream: Dream) -> Reading:
    """Numbers that no recorded episode changes, taken from the data: no world has to name them."""
    broken, constants = torch.zeros(sitting.windows.episodes, dtype=torch.bool), []
    for ruler in sitting.chief:
        if ruler.kind != "vector" or ruler.live.numel() == 1:
            continue  # single numbers are flags and scores
        rows = unit(sitting.windows.batch[ruler.head]).flatten(2)
        constant = ((rows - rows[:, :1]).abs() <= STILL).all(0).all(0)
        if not constant.any():
            continue
        names = sitting.model.specs[ruler.head].names or tuple(map(str, range(len(constant))))
        constants += [n for n, kept in zip(names, constant, strict=True) if kept]
        start = rows[:: sitting.windows.per_episode, :1, constant]
        moved = (dream.seen[ruler.head].flatten(2)[..., constant] - start).abs()
        scale = rows[..., constant].flatten(0, 1).std(0)
        allowed = KEPT * torch.where(scale > STILL, scale, 1.0)
        broken |= ~(moved <= allowed).all(-1).all(-1)
    if not constants:
        return Reading(INVARIANTS, reason="every recorded number changes within episodes")
    value = wilson(int(broken.sum()), len(broken))
    return Reading(INVARIANTS, value, details={"constant": constants})


def _attractor(sitting: Sitting, dream: Dream, rulers: list[Ruler], seed: int) -> Reading:
    """Root of the mean variance of the ends over dreams / of real last rows over episodes."""
    if not rulers or sitting.windows.episodes < 3:
        return Reading(ATTRACTOR, reason="it takes three episodes, and numbers or pictures")
    ends, real = [], []
    for ruler in rulers:
        last = sitting.windows.future(ruler.head)[:: sitting.windows.per_episode, -1:]
        ends.append(ruler.scaled(dream.seen[ruler.head][:, -1:])[:, 0])
        real.append(ruler.scaled(last)[:, 0])
    columns = [torch.cat(part, -1).double().numpy() for part in (ends, real)]
    if not np.isfinite(columns[0]).all():
        return Reading(ATTRACTOR, reason="the dreams do not stay finite")

    def apart(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        dreamt, true = (z.var(axis).mean(-1) for z in (x, y))
        return np.sqrt(dreamt / np.maximum(true, STILL))

    return Reading(ATTRACTOR, bootstrap(apart, columns, seed))


def _stability(sitting: Sitting, dream: Dream, rulers: list[Ruler]) -> Reading:
    stable = torch.isfinite(dream.features).flatten(1).all(1)
    for ruler in rulers:
        rows = unit(sitting.windows.batch[ruler.head]).flatten(0, 1)
        low, high = rows.amin(0), rows.amax(0)
        varied = (high - low) > STILL  # what never did is `_invariants`' business, and no pixel's
        room = BEYOND * torch.where(varied, high - low, 1.0)
        seen = dream.seen[ruler.head]
        stable &= ((seen >= low - room) & (seen <= high + room)).flatten(1).all(1)
    value = wilson(int(stable.sum()), len(stable))
    return Reading(STABILITY, value, details={"unstable": torch.where(~stable)[0].tolist()})


def _bias(sitting: Sitting, rulers: list[Ruler], seed: int) -> Reading:
    vectors = [r for r in rulers if r.kind == "vector"]
    if not vectors:
        return Reading(BIAS, reason="the model foretells no numbers")
    imagined = sitting.imagine(sitting.windows.actions, vectors)
    wrong = [
        r.scaled(imagined[r.head] - sitting.windows.future(r.head))[..., r.live] for r in vectors
    ]
    errors = torch.cat(wrong, -1).double().numpy()
    curve = [systematic_error(errors[:, h], seed) for h in range(errors.shape[1])]
    return Reading(BIAS, curve[-1], curve=tuple(curve))
