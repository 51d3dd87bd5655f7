"""Left alone, a world does not jump and does not drift: what a model does when nothing is done."""

from __future__ import annotations

import torch
from torch import Tensor

from foreworld.evaluation.intervals import bootstrap
from foreworld.evaluation.interventions import executed, imagined_branches
from foreworld.evaluation.metric import Metric, Reading
from foreworld.evaluation.rulers import NOTICED, Ruler, Sitting, chief
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.systematic import systematic_error
from foreworld.evaluation.windows import unit
from foreworld.policies import NoopPolicy

LEAP = 1.5  # times the largest real step: what leaves no doubt
LONG = 4  # horizons that nothing is done for

JUMPS = Metric(
    "controllability.noop_jumps",
    "share of imagined steps without action that no real step is as large as",
    "",
    0.0,
    1.0,
    0.001,
    ("teleporting",),
)
DRIFT = Metric(
    "controllability.noop_drift",
    "systematic shift from the truth when nothing is done, in deviations",
    "",
    0.0,
    1.0,
    0.05,
    ("drifting",),
)


def jumps(subject: Subject, sitting: Sitting) -> Reading:
    """Against the largest real step of each number; pictures: of the mean change."""
    windows, judged = sitting.windows, sitting.chief
    if judged[0].kind == "discrete":
        return Reading(JUMPS, reason="classes have no size of a step")
    rows, steps = len(windows.actions), LONG * windows.horizon
    nothing = torch.from_numpy(NoopPolicy(sitting.model.specs["action"]).action)
    actions = nothing.expand(rows, steps, *nothing.shape)
    dreams = sitting.imagine(actions, judged)
    leaps = torch.zeros(rows, steps, dtype=torch.bool)
    for ruler in judged:
        largest = _largest_step(subject, ruler)
        first = torch.cat([windows.last_seen(ruler.head), dreams[ruler.head]], 1)
        leaps |= (_sizes(ruler, first) > LEAP * largest).any(-1)
    share = sitting.by_episode(leaps.float().mean(1)) / windows.per_episode
    seed = subject.protocol.seed
    return Reading(JUMPS, bootstrap(lambda x, axis: x.mean(axis), [share], seed))


def _largest_step(subject: Subject, ruler: Ruler) -> Tensor:
    """Of each number [D], in whole episodes: windows alone are too few to know what is rare."""
    held_out = len(subject.held_out)
    episodes = [*subject.held_out, *subject.training[:held_out]]
    steps = [
        _sizes(ruler, unit(torch.tensor(e[ruler.head])[None]))[0].amax(0)
        for e in episodes
        if len(e) > 1
    ]
    least = 1e-4 if ruler.kind == "image" else NOTICED  # what rests in truth may tremble in dreams
    return torch.stack(steps).amax(0).clamp(min=least)


def _sizes(ruler: Ruler, rows: Tensor) -> Tensor:
    """How large each step of [M, T, ...] is: [M, T - 1, D], of pictures [M, T - 1, 1]."""
    change = (rows[:, 1:] - rows[:, :-1]).abs()
    if ruler.kind == "image":
        return change.flatten(2).mean(-1, keepdim=True)
    return ruler.scaled(change)


def drift(subject: Subject) -> Reading:
    """Beside the truth: the world too was left alone from the same snapshots."""
    if subject.branching is None:
        return Reading(DRIFT, reason="the world cannot be put back to a snapshot")
    try:
        branches = executed(subject.branching, subject.protocol)
    except ValueError as error:
        return Reading(DRIFT, reason=str(error))
    imagined, rulers = imagined_branches(subject.model, branches)
    judged = chief(subject.model.specs, rulers)
    if judged[0].kind != "vector":
        return Reading(DRIFT, reason="the model foretells no numbers")
    wrong = [
        r.scaled(imagined[r.head][:, -1] - branches.truth[r.head][:, -1])[..., r.live]
        for r in judged
    ]
    errors = torch.cat(wrong, -1).double().numpy()
    curve = [systematic_error(errors[:, h], subject.protocol.seed) for h in range(errors.shape[1])]
    return Reading(DRIFT, curve[-1], curve=tuple(curve))
