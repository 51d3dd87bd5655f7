"""What a trained tabletop model is put through: futures, pushes, planning, before a clock runs out.

shown = show(load("runs/demo"), store, RECIPE, until_s=time.monotonic() + 60, seed=0)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from foreworld import catalog
from foreworld.cli.demo import Recipe
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import (
    HELD_OUT,
    BranchingWorld,
    Counterfactual,
    Film,
    Imagination,
    Score,
    branch,
    compare,
    eventful_windows,
    film_futures,
    film_pushes,
    measure_counterfactual,
    measure_imagination,
    provenance,
    verdict,
)
from foreworld.evaluation.page import Line
from foreworld.log import progress
from foreworld.planners import Cem, RewardObjective
from foreworld.policies import PlannedPolicy
from foreworld.policies.instructed import InstructedPolicy
from foreworld.run import Run, World, make_stream
from foreworld.streams.registry import find_spec, make_env
from foreworld.vocab import Episode, Policy, Step

WORDS = {"move": "Move to the named mark", "push": "Push the named thing onto a mark"}
BASELINES = ("random", "expert")


@dataclass(frozen=True, eq=False)
class Shown:
    """Everything measured, and its films."""

    imagination: Imagination
    films: list[Film]
    counterfactual: Counterfactual
    pushes: Film
    control: dict[str, dict[str, Score]]
    given_up: dict[str, int]  # steps without a plan by task, because the clock had run out

    @property
    def lines(self) -> list[Line]:
        late = [
            Line(f"{task}: the clock ran out; {n} steps went without a plan.", False)
            for task, n in self.given_up.items()
            if n
        ]
        return [*verdict(self.imagination, self.counterfactual, self.control), *late]

    @property
    def pictures(self) -> dict[str, Film]:
        futures = {f"future_{n}": film for n, film in enumerate(self.films, 1)}
        return futures | {"pushes": self.pushes}

    def to_json(self) -> dict[str, Any]:
        return {
            "imagination": self.imagination.to_json(),
            "counterfactual": self.counterfactual.to_json(),
            "control": {
                task: {name: score.to_json() for name, score in scores.items()}
                for task, scores in self.control.items()
            },
            "given_up": self.given_up,
            "provenance": provenance(),
        }


def show(opened: Run, store: EpisodeStore, recipe: Recipe, until_s: float, seed: int) -> Shown:
    """Measure a run on held-out episodes and starts; planning takes the time that is left."""
    model = opened.model
    with progress("looking at what it imagines", 4) as advance:
        held_out = _held_out(store, recipe)
        context, horizon = recipe.context, recipe.horizon
        imagination = measure_imagination(model, held_out, context, horizon, 2, seed)
        advance()
        windows = eventful_windows(held_out, "image", context, horizon, 3, seed)
        films = film_futures(model, windows, "image")
        advance()
        counterfactual = _pushes(opened, recipe, seed)
        advance()
        pushes = film_pushes(counterfactual, "image")
        advance()
    control, given_up = {}, {}
    for left, task in zip(range(len(recipe.tasks), 0, -1), recipe.tasks, strict=True):
        now = time.monotonic()
        clock = Clock(now + (until_s - now) / left)
        control[WORDS[task]] = _control(opened, recipe, task, clock, seed)
        given_up[WORDS[task]] = clock.missed
    return Shown(imagination, films, counterfactual, pushes, control, given_up)


def _held_out(store: EpisodeStore, recipe: Recipe) -> list[Episode]:
    """The first held-out episodes that are long enough."""
    episodes: Iterator[Episode] = (store[i] for i in store.split()[1])
    long = [e for e in episodes if len(e) >= recipe.context + recipe.horizon]
    return long[: recipe.futures]


def _pushes(opened: Run, recipe: Recipe, seed: int) -> Counterfactual:
    """The same starts under four pushes, in the model and in truth."""
    world = _world(opened)
    env = make_env(find_spec(world.env), world.env_kwargs)
    branching = BranchingWorld(env, image_size=world.image_size)
    policy = catalog.resolve(catalog.POLICIES, "noisy")(branching.specs["action"], seed)
    branches = branch(
        branching, policy, recipe.starts, recipe.context, recipe.horizon, HELD_OUT + seed
    )
    branching.close()
    facts = env.unwrapped.FACTS  # pyright: ignore[reportAttributeAccessIssue]
    places = [i for i, name in enumerate(facts) if name.endswith(("_x", "_y"))]
    parts = {
        name: ("facts", [i for i in places if facts[i].startswith(name)])
        for name in ("pusher", "cup", "box", "ball")
    }
    return measure_counterfactual(opened.model, branches, parts)


def _control(opened: Run, recipe: Recipe, task: str, clock: Clock, seed: int) -> dict[str, Score]:
    """Planning in the model beside chance and the expert, on held-out starts of one task."""
    world = replace(_world(opened), env_kwargs={"task": task})
    spec = opened.model.specs["action"]
    planner = Cem(
        horizon=recipe.plan_horizon,
        action_block=recipe.action_block,
        num_candidates=recipe.candidates,
        num_elites=recipe.elites,
        iterations=recipe.iterations,
    )
    model, every = opened.model, recipe.replan_every
    planned: Policy = (
        InstructedPolicy(model, planner, every, seed)
        if recipe.judge == "instruction"
        else PlannedPolicy(model, planner, RewardObjective(), every, seed)
    )
    policies: dict[str, Policy] = {
        b: catalog.resolve(catalog.POLICIES, b)(spec, seed) for b in BASELINES
    }
    policies["cem"] = Hurried(planned, clock)  # last: it takes the time that is left
    with progress(f"acting ({task})", recipe.episodes * len(policies)) as advance:
        done: dict[str, int] = dict.fromkeys(policies, 0)

        def tell(name: str, count: int, total: int) -> None:
            advance(count - done[name], f"{name} {count}/{total}")
            done[name] = count

        scores = compare(
            policies, partial(make_stream, world), recipe.episodes, HELD_OUT + seed, progress=tell
        )
    return {name: scores[name] for name in ("cem", *BASELINES)}


def _world(opened: Run) -> World:
    assert opened.world is not None
    return opened.world


class Clock:
    """An instant that no decision may outlast, and how many steps went without one for that."""

    def __init__(self, until_s: float) -> None:
        self.until_s = until_s
        self.longest_s = 0.0  # a decision took so far
        self.missed = 0

    @property
    def over(self) -> bool:
        return time.monotonic() + self.longest_s > self.until_s


@dataclass(frozen=True, eq=False)
class Hurried:
    """A policy until the clock runs out; from then on it stands still, which seldom succeeds."""

    policy: Policy
    clock: Clock

    def init(self, num_envs: int) -> Any:
        return self.policy.init(num_envs)

    def act(self, carry: Any, step: Step) -> tuple[Any, np.ndarray]:
        if self.clock.over:
            rows = len(step["is_first"])
            self.clock.missed += rows
            return carry, np.zeros((rows, 2), np.float32)
        begun = time.monotonic()
        decision = self.policy.act(carry, step)
        self.clock.longest_s = max(self.clock.longest_s, time.monotonic() - begun)
        return decision
