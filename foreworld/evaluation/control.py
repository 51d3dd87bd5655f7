"""How well a policy does in the world: success and return over held-out starts, beside baselines.

    scores = compare({"cem": planned, "random": ..., "noop": ...}, make_stream, episodes=50)

Every policy meets the same starts, one a row. Rows that are done leave: planning is what costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from foreworld.evaluation.intervals import Interval, bootstrap_mean, wilson
from foreworld.streams.collect import Stream
from foreworld.vocab import Policy, Step

HELD_OUT = 1_000_000  # added to seeds: starts that no training has met
MakeStream = Callable[[int, int], Stream]  # (num_envs, seed) -> world i starts from seed + i


@dataclass(frozen=True, eq=False)
class Outcomes:
    """One episode a row [N]: what happened from the second row on."""

    solved_at_start: np.ndarray  # bool; such rows are not run
    success: np.ndarray | None  # bool: at any row after the first; None: the world has no such flag
    returns: np.ndarray | None  # sum of rewards; None: episodes were cut at their first success
    lengths: np.ndarray  # actions taken
    cost: np.ndarray | None  # sum of costs; None: the world has none
    wall_s: float


@dataclass(frozen=True)
class Score:
    """What a policy achieved, over episodes that were not solved at the start."""

    success: Interval | None
    returns: Interval | None
    length: Interval
    cost: Interval | None
    episodes: int  # run, the excluded ones included
    solved_at_start: int  # and therefore excluded
    wall_s: float

    def to_json(self) -> dict[str, Any]:
        return {k: v.to_json() if isinstance(v, Interval) else v for k, v in vars(self).items()}


def compare(
    policies: Mapping[str, Policy],
    make_stream: MakeStream,
    episodes: int = 50,
    seed: int = HELD_OUT,
    success_key: str = "success",
    until_success: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Score]:
    """Scores of several policies on the same starts; see `evaluate_policy`.

    progress: called with the policy's name, and episodes done and wanted.
    """
    scores = {}
    for name, policy in policies.items():
        tell = progress and (lambda done, total, name=name: progress(name, done, total))
        scores[name] = evaluate_policy(
            policy, make_stream, episodes, seed, success_key, until_success, tell
        )
    return scores


def evaluate_policy(
    policy: Policy,
    make_stream: MakeStream,
    episodes: int = 50,
    seed: int = HELD_OUT,
    success_key: str = "success",
    until_success: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """Run `episodes` episodes side by side, from the starts of seeds `seed`, `seed + 1`, ...

    success_key: a recorded target; episodes where it is true on the first row are counted and left
    out. until_success: stop an episode at its first success, for speed; what it would have returned
    is then not known, so that returns are None. False: run every episode to its end.
    """
    stream = make_stream(episodes, seed)
    try:
        outcomes = run_episodes(policy, stream, success_key, until_success, progress)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
    return score(outcomes, seed)


def score(outcomes: Outcomes, seed: int = 0) -> Score:
    """Rates by Wilson, means by bootstrap over episodes."""
    kept = ~outcomes.solved_at_start
    success, returns, cost = outcomes.success, outcomes.returns, outcomes.cost
    return Score(
        None if success is None else wilson(int(success[kept].sum()), int(kept.sum())),
        None if returns is None else bootstrap_mean(returns[kept], seed),
        bootstrap_mean(outcomes.lengths[kept], seed),
        None if cost is None else bootstrap_mean(cost[kept], seed),
        len(kept),
        int(outcomes.solved_at_start.sum()),
        outcomes.wall_s,
    )


def run_episodes(
    policy: Policy,
    stream: Stream,
    success_key: str = "success",
    until_success: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Outcomes:
    """One episode in each of the stream's worlds; the policy sees the rows still running."""
    started, num = time.monotonic(), stream.num_envs
    step = stream.reset()
    solved = _flag(step[success_key]) if success_key in step else None
    outcomes = Outcomes(
        np.zeros(num, bool) if solved is None else solved,
        None if solved is None else np.zeros(num, bool),
        None if until_success and solved is not None else np.zeros(num),
        np.zeros(num, int),
        np.zeros(num) if "cost" in step else None,
        0.0,
    )
    rows = np.flatnonzero(~outcomes.solved_at_start)
    carry = select_rows(policy.init(num), rows, num)
    blank = np.zeros((num, *stream.specs["action"].shape), stream.specs["action"].dtype)
    while len(rows):
        carry, chosen = policy.act(carry, {k: v[rows] for k, v in step.items()})
        action = blank.copy()  # worlds that are done go on unwatched, without an action
        action[rows] = chosen
        step = stream.step(action)
        over = _record(outcomes, step, rows, success_key, until_success)
        carry, rows = select_rows(carry, np.flatnonzero(~over), len(rows)), rows[~over]
        if progress is not None and over.any():
            progress(num - len(rows), num)
    return Outcomes(**{**vars(outcomes), "wall_s": time.monotonic() - started})


def _record(
    outcomes: Outcomes, step: Step, rows: np.ndarray, success_key: str, until_success: bool
) -> np.ndarray:
    """Add one row of the worlds `rows`; returns which of them are over."""
    if outcomes.returns is not None:
        outcomes.returns[rows] += step["reward"][rows]
    outcomes.lengths[rows] += 1
    if outcomes.cost is not None:
        outcomes.cost[rows] += np.reshape(step["cost"], (len(step["cost"]), -1)).sum(1)[rows]
    over = step["is_last"][rows].copy()
    if outcomes.success is not None:
        outcomes.success[rows] |= _flag(step[success_key])[rows]
        over |= until_success & outcomes.success[rows]
    return over


def _flag(values: np.ndarray) -> np.ndarray:
    """A yes-or-no key of a step, whatever its shape, as bool [N]."""
    return np.asarray(values, bool).reshape(len(values), -1).max(1)


def select_rows(carry: Any, rows: np.ndarray, num: int) -> Any:
    """A policy's carry for `rows` of its `num` worlds: every array in it has one row a world."""
    if isinstance(carry, (Tensor, np.ndarray)) and carry.ndim and len(carry) == num:
        return carry[rows]
    if isinstance(carry, Mapping):
        return {k: select_rows(v, rows, num) for k, v in carry.items()}
    if isinstance(carry, (tuple, list)):
        parts = [select_rows(v, rows, num) for v in carry]
        return type(carry)(*parts) if hasattr(carry, "_fields") else type(carry)(parts)
    return carry
