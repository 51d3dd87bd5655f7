"""Does the model know which of two policies is the better one? Imagined against real returns.

    policy            1 best ... 7 chance    opposite   pushed -x   pushed +x
    real return       what the world gives for its actions
    imagined return   what the model foresees of the same actions from the same opening

Policies are compared by their actions, imagined with eyes closed from a belief that all of them
share. So it works for every family: nothing has to be shown to a policy that reads what a model
does not predict, and a belief formed while a policy acted cannot tell how good it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from foreworld.evaluation.branches import pushes
from foreworld.evaluation.intervals import Interval, bootstrap
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.played import (
    FAR,
    NEAR,
    Played,
    Stage,
    objective_of,
    on_stage,
    play_list,
    play_plans,
    play_policy,
    random_actions,
)
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import believe
from foreworld.evaluation.yardstick import yardstick
from foreworld.vocab import Spec, WorldModel, goals_of, repeat_state, rollout

STEPS = 30  # of an episode that count
LEVELS = 7  # from the best known to chance
FEWEST = 8  # policies that make an order

SPEARMAN = Metric(
    "use.ranking",
    "rank correlation (Spearman) of imagined and real return over graded policies",
    "",
    perfect=1.0,
    blind=0.0,
    tolerance=0.1,
    catches=("copy_last", "action_blind", "optimistic"),
)
PEARSON = Metric(
    "use.return_correlation",
    "correlation (Pearson) of imagined and real return over graded policies",
    "",
    perfect=1.0,
    blind=0.0,
    tolerance=0.1,
    catches=("copy_last", "action_blind", "optimistic"),
)
MMRV = Metric(
    "use.rank_violation",
    "what trusting the imagined order may cost (MMRV), in (best - worst real return)",
    "",
    perfect=0.0,
    blind=0.75,
    tolerance=0.1,
    catches=("copy_last", "action_blind", "optimistic"),
)
ERROR = Metric(
    "use.return_error",
    "how far imagined returns of graded policies are off, in (best - worst real return)",
    "",
    perfect=0.0,
    blind=0.35,
    tolerance=0.1,
    catches=("copy_last", "action_blind", "reward_hacked", "optimistic"),
)
METRICS = (SPEARMAN, PEARSON, MMRV, ERROR)

# Mean imagined and real returns [..., P] -> how they agree [...].
Agreement = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Graded(NamedTuple):
    """Policies as the actions they took, and what those returned."""

    names: tuple[str, ...]
    played: tuple[Played, ...]
    how: str

    @property
    def returns(self) -> np.ndarray:
        """[E, P]."""
        return np.stack([p.returns for p in self.played], 1)


def read(subject: Subject) -> list[Reading]:
    """Agreement over policies, intervals over starts; N/A without a world or a judge."""
    return on_stage(subject, STEPS, METRICS, partial(_read, subject))


def _read(subject: Subject, stage: Stage, judge: str) -> list[Reading]:
    return _compare(subject, stage, judge, grade(subject, stage, judge))


def _compare(subject: Subject, stage: Stage, judge: str, graded: Graded) -> list[Reading]:
    real, seed = graded.returns, subject.protocol.seed
    unit = float(np.ptp(real.mean(0)))
    if unit < 1e-6:
        return unavailable(METRICS, f"all {len(graded.names)} policies return the same here")
    imagined = imagined_returns(subject.model, stage, judge, graded)
    details: dict[str, Any] = {
        "policies": graded.names,
        "real": real.mean(0).tolist(),
        "imagined": imagined.mean(0).tolist(),
        "best": graded.how,
        "judge": judge,
        "steps": stage.steps,
    }
    measures = {SPEARMAN: spearman, PEARSON: pearson, MMRV: mmrv, ERROR: partial(error, unit=unit)}
    readings = [
        Reading(metric, over_starts(measure, imagined, real, seed), details=details)
        for metric, measure in measures.items()
    ]
    if judge == "goal":
        readings[-1] = Reading(ERROR, reason="nearness to a goal is no return")
    return readings


def over_starts(measure: Agreement, imagined: np.ndarray, real: np.ndarray, seed: int) -> Interval:
    """Agreement of the mean returns [E, P], with an interval over the starts."""

    def statistic(starts: np.ndarray, axis: int) -> np.ndarray:
        return measure(imagined[starts].mean(axis), real[starts].mean(axis))

    return bootstrap(statistic, [np.arange(len(real))], seed)


def spearman(imagined: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Pearson correlation of the ranks; equal returns share theirs."""
    return pearson(_ranks(imagined), _ranks(real))


def _ranks(values: np.ndarray) -> np.ndarray:
    """How many are worse, less how many are better."""
    return _order(values).sum(-1)


def pearson(imagined: np.ndarray, real: np.ndarray) -> np.ndarray:
    """0 where either says that all policies are alike."""
    x, y = (v - v.mean(-1, keepdims=True) for v in (imagined, real))
    size = np.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    alike = (_order(imagined) == 0).all((-1, -2)) | (_order(real) == 0).all((-1, -2))
    return np.where(alike, 0.0, (x * y).sum(-1) / np.maximum(size, 1e-12))


def mmrv(imagined: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Mean maximum rank violation (Li et al. 2024, SIMPLER), of the range of real returns.

    For each policy the most that the world tells it apart from one on the wrong side of it.
    """
    wrong = _order(imagined) != _order(real)
    apart = np.abs(real[..., :, None] - real[..., None, :]) * wrong
    return apart.max(-1).mean(-1) / _range(real)


def error(imagined: np.ndarray, real: np.ndarray, unit: float) -> np.ndarray:
    """Mean absolute difference in `unit`s; some starts alone may tell no policies apart."""
    return np.abs(imagined - real).mean(-1) / unit


def _order(values: np.ndarray) -> np.ndarray:
    """1 where policy i is better than j, -1 where worse [..., P, P].

    Differences that float arithmetic alone makes are none.
    """
    difference = values[..., :, None] - values[..., None, :]
    least = 1e-5 * np.abs(values).max(-1)[..., None, None]
    return np.sign(difference) * (np.abs(difference) > least)


def _range(values: np.ndarray) -> np.ndarray:
    return np.maximum(np.ptp(values, -1), 1e-12)


def grade(subject: Subject, stage: Stage, judge: str) -> Graded:
    """The subject's own policies where it brings enough of them, else the best known, spoiled."""
    if len(subject.policies) >= FEWEST:
        played = [play_policy(stage, policy) for policy in subject.policies.values()]
        return Graded(tuple(subject.policies), tuple(played), "the policies that were given")
    effort = FAR if judge == "goal" else NEAR
    best = yardstick(subject, stage, effort)
    if best is None:  # how good it is, is for the world to say
        how, first = "the model's own plans", play_plans(stage, subject.model, effort, judge)
    else:
        how, first = best.how, best.played
    lists = spoiled(stage.spec, first.actions)
    names = tuple(lists)
    return Graded(names, (first, *(play_list(stage, lists[name]) for name in names[1:])), how)


def spoiled(spec: Spec, best: np.ndarray) -> dict[str, np.ndarray]:
    """Ten lists of actions [E, H, ...]: `best`, mixed with chance, reversed, and constant ones."""
    episodes, steps = best.shape[:2]
    lists = {}
    for level in range(LEVELS):
        share = level / (LEVELS - 1)
        chance = random_actions(spec, episodes, steps, seed=100 + level)
        random = np.random.default_rng(level).random((episodes, steps)) < share
        lists[f"{share:.0%} chance"] = np.where(_like(random, best), chance, best)
    lists["opposite"] = opposite(spec, best)
    names, constant = pushes(spec, steps)
    for name, push in list(zip(names, constant, strict=True))[:2]:
        lists[f"always {name}"] = np.broadcast_to(push, best.shape).astype(best.dtype)
    return lists


def opposite(spec: Spec, actions: np.ndarray) -> np.ndarray:
    """The other end of the range; of classes the one half of them further."""
    if spec.classes:
        classes = np.reshape(spec.classes, spec.shape)
        return (actions + classes // 2) % classes
    low, high = (np.broadcast_to(np.ravel(np.array(b)), spec.width) for b in (spec.low, spec.high))
    return ((low + high).reshape(spec.shape) - actions).astype(actions.dtype)


def _like(mask: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return mask.reshape(*mask.shape, *[1] * (actions.ndim - 2))


@torch.no_grad()
def imagined_returns(model: WorldModel, stage: Stage, judge: str, graded: Graded) -> np.ndarray:
    """What the model foresees of each policy's actions from the shared opening [E, P]."""
    num = len(graded.names)
    goals = goals_of(stage.stream.specs)
    first = stage.stream.reset(stage.seed)
    objective = objective_of(model, judge, first, goals, reduce="sum")
    state = repeat_state(believe(model, graded.played[0].seen), num)
    lists = np.stack([p.actions for p in graded.played], 1)
    actions = torch.from_numpy(lists).flatten(0, 1).to(model.device)
    worth = objective(model, rollout(model, state, actions), actions)
    return worth.reshape(-1, num).cpu().numpy().astype(float)
