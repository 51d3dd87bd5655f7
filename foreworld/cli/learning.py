"""Wires a run together: model, replay, loop, and where wanted a world that is still explored.

begin(path, family, ...)          writes run.json
learn(path, model, store, ...)    trains, and writes metrics and checkpoints; goes on where one is
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from foreworld import catalog, config
from foreworld.checkpoint import latest, load_checkpoint
from foreworld.cli.collect import fresh_seed
from foreworld.data.merging import weigh_parts
from foreworld.episodes import EpisodeStore
from foreworld.errors import unknown
from foreworld.log import make_logger
from foreworld.planners import Cem, RewardObjective
from foreworld.policies import PlannedPolicy
from foreworld.policies.exploring import ExploringPolicy
from foreworld.replay import Ahead, Replay
from foreworld.run import World, make_learner, make_planner, make_stream, save
from foreworld.training import Budget, Collector, LoopConfig, Trainer
from foreworld.training.learner import Learner
from foreworld.vocab import Policy, WorldModel

PLANNER = Cem(horizon=12, num_candidates=64, num_elites=8, iterations=3)  # while exploring


@dataclass(frozen=True)
class Learning:
    """How a run learns: kept in run.json, so that it can be gone on with."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    steps: int | None = None
    budget_s: float | None = None
    seed: int = 0  # of weights, batches and worlds
    policy: str | None = None  # who collects first; None: the episodes came from elsewhere
    prefill: int = 0  # steps collected before training
    train_ratio: float | None = None  # steps replayed for each one collected; None: none are
    until: float | None = None  # mean return of the latest episodes at which training is over
    num_envs: int = 8
    planner: str | None = None  # whose plans collect where nothing is learned; None: `PLANNER`
    planner_config: dict[str, Any] = field(default_factory=dict)  # what differs from its default
    replan_every: int = 2  # steps between two of these plans
    learner: str | None = None  # of a policy in imagination, which then collects; None: plans do
    learner_config: dict[str, Any] = field(default_factory=dict)  # what differs from its default
    noise: float = 0.0  # on what a learner does while it collects: see `ExploringPolicy`
    mix: dict[str, float] = field(default_factory=dict)  # share of each part of a merged store

    @property
    def budget(self) -> Budget:
        return Budget(self.steps, self.budget_s)


def overrides(family: str, presets: Sequence[str], assignments: Sequence[str]) -> dict[str, Any]:
    """The config of a family: its presets laid over each other, then key=value texts."""
    model_class = catalog.resolve(catalog.FAMILIES, family)
    known = catalog.beside(model_class, "PRESETS")
    data: dict[str, Any] = {}
    for name in presets:
        if name not in known:
            raise unknown(f"preset of {family}", name, known)
        data = _laid_over(data, known[name])
    chosen = config.from_dict(model_class.Config, data)
    return config.to_dict(config.override(chosen, assignments))


def learner_overrides(learner: str | None, assignments: Sequence[str]) -> dict[str, Any]:
    """The config of a learner from key=value texts. Raises ValueError for those without one."""
    if learner is None:
        _none_for("learner", "actor_critic", assignments)
        return {}
    learner_class = catalog.resolve(catalog.LEARNERS, learner)
    return config.to_dict(config.override(learner_class.Config(), assignments))


def planner_overrides(planner: str | None, assignments: Sequence[str]) -> dict[str, Any]:
    """The settings of a planner from key=value texts. Raises ValueError for those without one."""
    if planner is None:
        _none_for("planner", "mppi", assignments)
        return {}
    planner_class = catalog.resolve(catalog.PLANNERS, planner)
    return config.to_dict(config.override(planner_class(), assignments))


def shares(mix: Sequence[str]) -> dict[str, float]:
    """Of the parts of a merged store, from texts: kitchen=3 garage=1."""
    found = {}
    for text in mix:
        name, _, share = text.partition("=")
        try:
            found[name] = float(share)
        except ValueError:
            raise ValueError(f"--mix {text}: PART=SHARE, as in: --mix kitchen=3 garage=1") from None
    return found


def _none_for(flag: str, example: str, assignments: Sequence[str]) -> None:
    if assignments:
        raise ValueError(f"--{flag}-set is for a --{flag}, as in: --{flag} {example}")


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _laid_over(merged[key], value) if nested else value
    return merged


def learn(
    path: Path,
    model: WorldModel,
    store: EpisodeStore,
    learning: Learning,
    world: World | None = None,
    log: Sequence[str] = ("jsonl",),
) -> bool:
    """Train a run to the end of its budget, from its newest checkpoint on; False: interrupted.

    store: open for appending where a world is explored. Only its training episodes are learned
    from. Raises Diverged.
    """
    newest = latest(path / "checkpoints")
    checkpoint = load_checkpoint(newest) if newest else None
    step = checkpoint.step if checkpoint else 0
    loop = learning.loop
    torch.manual_seed(learning.seed)
    weigh = weigh_parts(store.path, learning.mix) if learning.mix else None
    replay: Replay | Ahead = Replay(
        store, lambda s: s.split()[0], loop.batch_size, loop.length, learning.seed, weigh=weigh
    )
    learner = make_learner(model, learning.learner, learning.learner_config)
    beside: dict[str, Any] = {}
    if learning.train_ratio and world:
        collector = _collector(model, store, learning, world, learner)
        beside = {"grow": collector.grow, "mastered": collector.mastered}
    else:
        replay = Ahead(replay)  # nothing is appended meanwhile
    with make_logger(log, path, config.flatten(config.to_dict(loop)), after=step) as logger:
        keep = partial(save, path)
        trainer = Trainer(
            model, replay, learning.budget, loop, logger, keep, learner=learner, **beside
        )
        if checkpoint:
            trainer.restore(checkpoint)
        return trainer.train()


def _collector(
    model: WorldModel,
    store: EpisodeStore,
    learning: Learning,
    world: World,
    learner: Learner | None,
) -> Collector:
    """Plays with the policy that is being learned, or with plans of the model that is."""
    assert learning.policy is not None and learning.train_ratio is not None
    next_seed = partial(fresh_seed, store, learning.num_envs, learning.seed)
    stream = make_stream(world, learning.num_envs, next_seed())
    first = catalog.resolve(catalog.POLICIES, learning.policy)
    spec = stream.specs["action"]
    planner = PLANNER
    if learning.planner is not None:
        planner = make_planner(learning.planner, learning.planner_config)
    itself = getattr(planner, "exploring", None)  # some need no noise from outside

    def play(seed: int) -> Policy:
        if learner is not None:
            acting = learner.policy(seed, sample=True)
            if not learning.noise:
                return acting
            chance = first(spec, seed)
            return ExploringPolicy(acting, chance, spec, 0.0, learning.noise, seed)
        search = itself() if itself else planner
        planned = PlannedPolicy(model, search, RewardObjective(), learning.replan_every, seed)
        if itself:
            return planned
        return ExploringPolicy(planned, first(spec, seed), spec, seed=seed)

    steps = learning.loop.batch_size * learning.loop.length
    return Collector(
        stream,
        store,
        play,
        next_seed,
        steps,
        learning.train_ratio,
        learning.prefill,
        until=learning.until,
    )


def device_named(name: str) -> torch.device:
    """auto: CUDA where there is some. Raises ValueError for CUDA where there is none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch finds no CUDA device here; leave --device out")
    return torch.device(name)
