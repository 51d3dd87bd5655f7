"""What a model is worth to a planner, and how much more it promises than it keeps.

    gain     = (model - random) / (simulator - random)        same planner, budget and starts
    optimism = (promised - kept) / (simulator - random)       of the plans that were carried out

Returns are those of the world, over the same stretch of the same episodes. A model that flatters
its plans is found out by the second number even where the first is good.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from foreworld.evaluation.intervals import bootstrap
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.played import (
    FAR,
    NEAR,
    Played,
    Stage,
    on_stage,
    play_list,
    play_plans,
    random_actions,
)
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.yardstick import Yardstick, yardstick

STEPS = 30  # of an episode that count

GAIN = Metric(
    "use.planning_gain",
    "return of planning in the model, between chance (0) and planning in the simulator (1)",
    "",
    perfect=1.0,
    blind=0.0,
    tolerance=0.01,  # the simulator worn as a model plans exactly like its own reference
    # A reward too many is caught where episodes end: it pays to put the end off.
    catches=("copy_last", "action_blind", "teleporting", "reward_hacked", "optimistic"),
)
OPTIMISM = Metric(
    "use.optimism",
    "how much more its plans promised than they returned, in (simulator - chance)",
    "",
    perfect=0.0,
    blind=1.0,
    tolerance=0.1,
    catches=("reward_hacked", "optimistic"),
)
METRICS = (GAIN, OPTIMISM)


def read(subject: Subject) -> list[Reading]:
    """Gain and optimism, paired over the starts; N/A without a world, rewards or a yardstick."""
    return on_stage(subject, STEPS, METRICS, partial(_read, subject))


def _read(subject: Subject, stage: Stage, judge: str) -> list[Reading]:
    best = yardstick(subject, stage, FAR if judge == "goal" else NEAR)
    if best is None:
        return unavailable(
            METRICS,
            "nobody can say what a perfect model would get: this world cannot be put back to an "
            "earlier instant, and no script knows it",
        )
    drawn = random_actions(stage.spec, stage.episodes, stage.steps, seed=1)
    chance = play_list(stage, drawn)
    ours = play_plans(stage, subject.model, best.effort, judge)
    return _compare(subject, stage, judge, best, chance, ours)


def _compare(
    subject: Subject, stage: Stage, judge: str, best: Yardstick, chance: Played, ours: Played
) -> list[Reading]:
    seed = subject.protocol.seed
    columns = {
        "model": ours.returns,
        "random": chance.returns,
        "simulator": best.played.returns,
    }
    room = bootstrap(
        lambda s, r, axis: (s - r).mean(axis), [best.played.returns, chance.returns], seed
    )
    details = {
        "reference": best.how,
        "judge": judge,
        "planner": vars(best.effort),
        "steps": stage.steps,
        **{f"{name}_return": float(values.mean()) for name, values in columns.items()},
    }
    if not (room.value > 0 and (np.isnan(room.low) or room.low > 0)):
        return unavailable(
            METRICS,
            f"{best.how} gets no more than chance here ({columns['simulator'].mean():.3g} and "
            f"{columns['random'].mean():.3g} over {stage.steps} steps): there is nothing to gain",
        )
    share = bootstrap(
        lambda m, r, s, axis: (m - r).mean(axis) / _positive((s - r).mean(axis)),
        list(columns.values()),
        seed,
    )
    gain = Reading(GAIN, share, details=details)
    if ours.promised is None:
        return [gain, Reading(OPTIMISM, reason="plans towards a goal promise no return")]
    promised = ours.promised
    excess = bootstrap(
        lambda p, m, r, s, axis: (p - m).mean(axis) / _positive((s - r).mean(axis)),
        [promised, *columns.values()],
        seed,
    )
    details = {**details, "promised_return": float(promised.mean())}
    return [gain, Reading(OPTIMISM, excess, details=details)]


def _positive(room: np.ndarray) -> np.ndarray:
    """Resamples in which the simulator gains nothing would turn the ratio over."""
    return np.maximum(room, 1e-9)
