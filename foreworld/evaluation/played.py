"""What somebody did over the same stretch of the same worlds, whoever it was.

    rows     0 ........ C-1 | C ................ C+H-1
    actions  the opening    | planned, by a policy, or from a list
             same for all   | what counts

Everybody meets the same starts and the same few random steps, so that a model has seen how things
move before it matters, and no belief tells who will act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.control import MakeStream
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.subject import Subject
from foreworld.planners import Icem
from foreworld.planners.objectives import GoalObjective, RewardObjective, goal_features
from foreworld.policies.planned import step_batch
from foreworld.policies.random import RandomPolicy
from foreworld.streams.collect import Stream
from foreworld.vocab import (
    Batch,
    Objective,
    Planner,
    Policy,
    Spec,
    State,
    Step,
    WorldModel,
    goals_of,
    observation_keys,
    rollout,
)

Choose = Callable[[list[Step]], np.ndarray]  # rows since the reset -> the next actions [E, ...]


@dataclass(frozen=True)
class Effort:
    """What planning may cost; whoever plans gets the same."""

    horizon: int = 12
    candidates: int = 64
    iterations: int = 2
    action_block: int = 1  # steps that one decision is held for
    hold: int = 6  # steps done of a plan before the next one

    @property
    def planner(self) -> Planner:
        return Icem(
            horizon=self.horizon,
            num_candidates=self.candidates,
            iterations=self.iterations,
            action_block=self.action_block,
            num_elites=max(2, self.candidates // 8),
        )


NEAR = Effort()
# A goal in another room is found only by plans that reach there (benchmarks/rooms_planning.py).
FAR = Effort(horizon=30, action_block=5, hold=5)


@dataclass(frozen=True, eq=False)
class Stage:
    """E worlds that begin alike for everybody, and how many steps count."""

    stream: Stream
    seed: int
    opening: np.ndarray  # [E, C - 1, ...] actions before it counts
    steps: int

    @property
    def episodes(self) -> int:
        return len(self.opening)

    @property
    def spec(self) -> Spec:
        return self.stream.specs["action"]

    def close(self) -> None:
        close(self.stream)


@dataclass(frozen=True, eq=False)
class Played:
    """What was done and what came of it, in each of E worlds."""

    actions: np.ndarray  # [E, H, ...] once it counted
    rewards: np.ndarray  # [E, H]; 0 after the end of an episode
    seen: Batch  # the opening, [E, C, ...]; the action of the last row is yet to come
    promised: np.ndarray | None = None  # [E] sum of rewards that a model foresaw of what it chose

    @property
    def returns(self) -> np.ndarray:
        return self.rewards.sum(1)


def set_stage(make_stream: MakeStream, episodes: int, context: int, steps: int, seed: int) -> Stage:
    """Worlds from the starts of seeds `seed`, `seed + 1`, ...; close it when done.

    Where a clock cuts episodes before `steps` are over, so many are left as it allows: no model can
    know of it. Raises ValueError where that is none, or where actions have no bounds.
    """
    stream = make_stream(episodes, seed)
    opening = random_actions(stream.specs["action"], episodes, context - 1)
    allowed = _before_the_clock(Stage(stream, seed, opening, steps))
    if allowed < 1:
        raise ValueError(f"the clock ends episodes within the first {context} rows")
    return Stage(stream, seed, opening, allowed)


def on_stage(
    subject: Subject,
    steps: int,
    metrics: tuple[Metric, ...],
    read: Callable[[Stage, str], list[Reading]],
) -> list[Reading]:
    """What `read(stage, judge)` reads of the protocol's starts; N/A without a world or a judge."""
    if subject.make_stream is None:
        return unavailable(metrics, "there is no world to act in, only logged episodes")
    p = subject.protocol
    try:
        stage = set_stage(subject.make_stream, p.episodes, p.context, steps, p.seed)
    except ValueError as error:
        return unavailable(metrics, str(error))
    try:
        judge = judge_of(subject.model, stage)
        if judge is None:
            return unavailable(metrics, "the model has no reward head, and the world no goals")
        return read(stage, judge)
    finally:
        stage.close()


def _before_the_clock(stage: Stage) -> int:
    """Steps after the opening until some episode is cut, at most those of the stage."""
    context = stage.opening.shape[1]
    drawn = random_actions(stage.spec, stage.episodes, context + stage.steps, seed=1)
    stage.stream.reset(stage.seed)
    for t in range(context + stage.steps):
        step = stage.stream.step(drawn[:, t])
        if (step["is_last"] & ~step["is_terminal"]).any():
            return t + 1 - context
    return stage.steps


def close(stream: Stream) -> None:
    """Lets a stream's worlds go, where it holds any."""
    getattr(stream, "close", lambda: None)()


def random_actions(spec: Spec, episodes: int, steps: int, seed: int = 0) -> np.ndarray:
    """Uniform actions [E, steps, ...]. Raises ValueError where they have no bounds."""
    policy, blank = RandomPolicy(spec, seed), {"is_first": np.zeros(episodes, bool)}
    drawn = [policy.act(t, blank)[1] for t in range(steps)]
    return np.stack(drawn, 1) if drawn else np.zeros((episodes, 0, *spec.shape), spec.dtype)


def play(stage: Stage, choose: Choose) -> Played:
    """The opening, then what `choose` says, to the end of the stretch."""
    rows, rewards = [stage.stream.reset(stage.seed)], []
    context = stage.opening.shape[1]
    alive = np.ones(stage.episodes, bool)
    for t in range(context + stage.steps):
        action = stage.opening[:, t] if t < context else choose(rows)
        rows[-1] = {**rows[-1], "action": action}
        rows.append(stage.stream.step(action))
        if t >= context:
            rewards.append(np.where(alive, rows[-1]["reward"], 0.0))
        alive &= ~rows[-1]["is_last"]
    done = [row["action"] for row in rows[context:-1]]
    last = {k: v for k, v in rows[context].items() if k != "action"}
    seen = as_batch([*rows[:context], last], stage.spec)
    return Played(np.stack(done, 1), np.stack(rewards, 1).astype(float), seen)


def play_list(stage: Stage, actions: np.ndarray) -> Played:
    """These actions [E, H, ...], come what may."""
    before = stage.opening.shape[1] + 1
    return play(stage, lambda rows: actions[:, len(rows) - before])


def play_policy(stage: Stage, policy: Policy) -> Played:
    """A policy, which watches the opening."""
    carry, watched = policy.init(stage.episodes), 0

    def choose(rows: list[Step]) -> np.ndarray:
        nonlocal carry, watched
        for row in rows[watched:]:
            carry, action = policy.act(carry, row)
        watched = len(rows)
        return action.astype(stage.spec.dtype)

    return play(stage, choose)


def play_plans(stage: Stage, model: WorldModel, effort: Effort, judge: str) -> Played:
    """Plans inside the model, `effort.hold` steps of each; what it promised is kept beside."""
    planning = _Planning(model, effort, judge, stage)
    played = play(stage, planning)
    promised = None if planning.promised is None else planning.promised.cpu().numpy().astype(float)
    return Played(played.actions, played.rewards, played.seen, promised)


class _Planning:
    """What a model believes and intends while it plays."""

    def __init__(self, model: WorldModel, effort: Effort, judge: str, stage: Stage) -> None:
        self.model, self.effort, self.judge, self.seed = model, effort, judge, stage.seed
        self.goals, self.left = goals_of(stage.stream.specs), stage.steps
        self.state: State = model.initial(stage.episodes)
        self.folded, self.age = 0, effort.hold
        self.plan: Tensor | None = None
        self.alive: Tensor | None = None
        self.promised: Tensor | None = None

    @torch.no_grad()
    def __call__(self, rows: list[Step]) -> np.ndarray:
        self._observe(rows)
        if self.age == self.effort.hold:
            self._think(rows)
        assert self.plan is not None
        action = self.plan[:, self.age]
        self.age, self.left = self.age + 1, self.left - 1
        self.state = self.state._replace(action=action)
        return action.cpu().numpy().astype(self.model.specs["action"].dtype)

    def _observe(self, rows: list[Step]) -> None:
        fresh = rows[self.folded :]
        batch = {
            k: v.to(self.model.device)
            for k, v in as_batch(fresh, self.model.specs["action"]).items()
        }
        self.state, self.folded = self.model.observe(self.state, batch), len(rows)
        ended = batch["is_last"].any(1)
        self.alive = ~ended if self.alive is None else self.alive & ~ended

    def _think(self, rows: list[Step]) -> None:
        objective = objective_of(self.model, self.judge, rows[0], self.goals)
        plan = self.effort.planner(
            self.model, self.state, objective, seed=self.seed + self.folded, previous=None
        )
        self.plan, self.age = plan.actions, 0
        if self.judge == "reward":
            chosen = plan.actions[:, : min(self.effort.hold, self.left)]
            value = RewardObjective(bootstrap=False)
            foreseen = value(self.model, rollout(self.model, self.state, chosen), chosen)
            assert self.alive is not None
            foreseen = foreseen * self.alive
            self.promised = foreseen if self.promised is None else self.promised + foreseen


def judge_of(model: WorldModel, stage: Stage) -> str | None:
    """What this model can plan for in this world: "goal", "reward", or nothing.

    Where a world shows goals, its rewards are for reaching what a model is not shown.
    """
    goals = goals_of(stage.stream.specs)
    if goals and set(observation_keys(model.specs)) <= set(goals.values()):
        return "goal"
    return "reward" if "reward" in model.heads else None


def objective_of(
    model: WorldModel, judge: str, first: Step, goals: dict[str, str], reduce: str = "min"
) -> Objective:
    """What futures are judged by; `first` is the first row, which shows the goals."""
    if judge == "reward":
        return RewardObjective()
    shown = {**first, **{goals[key]: first[key] for key in goals}}
    return GoalObjective(goal_features(model, step_batch(model, shown)), reduce=reduce)


def as_batch(rows: list[Step], action: Spec) -> dict[str, Tensor]:
    """Rows [E, ...] one after another as tensors [E, T, ...]; an action yet to come is zero."""
    none = np.zeros((len(rows[0]["is_first"]), *action.shape), action.dtype)
    full = [{"action": none, **row} for row in rows]
    return {k: torch.from_numpy(np.stack([row[k] for row in full], 1)) for k in full[0]}
