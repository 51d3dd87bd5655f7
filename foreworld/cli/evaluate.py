"""Lets a model act in the world it was trained on, beside random, doing nothing and an expert.

foreworld evaluate runs/demo --env task=push
foreworld evaluate runs/demo --policy icem --episodes 100 --candidates 128
foreworld evaluate runs/pole --policy actor_critic --full
foreworld evaluate runs/rooms --judge goal
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from foreworld.catalog import LEARNERS, PLANNERS, POLICIES, resolve
from foreworld.cli.world import EXPERTS, Words, read_keywords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foreworld.run import Run, World
    from foreworld.vocab import Planner, Policy

BASELINES = ("random", "noop", "expert")
ALIASES = {"actor": "actor_critic"}
# What becomes of flags that were left out. A goal in another room is found only by plans that reach
# all the way there, in few decisions (`benchmarks/rooms_planning.py`).
SETTINGS = {  # flags, and what planners call them
    "horizon": "horizon",
    "candidates": "num_candidates",
    "iterations": "iterations",
    "action_block": "action_block",
}
SEARCH = {"candidates": 256, "iterations": 4}
NEAR = {"policy": "cem", "horizon": 12, "action_block": 1, "replan_every": 1} | SEARCH
FAR = {"policy": "icem", "horizon": 30, "action_block": 5, "replan_every": 5} | SEARCH
USUAL = {"reward": NEAR, "instruction": NEAR, "goal": FAR}


@dataclass(frozen=True)
class Args:
    run: Positional[Path]  # directory of a trained run
    # cem, icem (the usual one towards goals), mppi, gradient: plan inside the model;
    # actor_critic (or actor): what was learned in imagination; random, noop, expert.
    # Default: what the run learned, else the planner that it collected with, else cem
    policy: str | None = None
    episodes: int = 50  # held-out starts; those already solved do not count
    env: Words = ()  # constructor argument of the world, key=value
    task: str | None = None  # the same as --env task=...
    horizon: int | None = None  # steps planned ahead; 12, towards goals 30
    candidates: int | None = None  # action sequences weighed in every iteration; 256
    iterations: int | None = None  # times the search is refined; 4
    action_block: int | None = None  # steps that one decision is held for; 1, towards goals 5
    # what plans are for: predicted reward, the task in words, or to look like the goal shown
    judge: Literal["reward", "instruction", "goal"] = "reward"
    replan_every: int | None = None  # steps between two plans; 1, towards goals 5
    full: bool = False  # go on after a success, so that returns can be measured
    baselines: bool = True  # also run random, noop and the expert, where there is one
    seed: int = 0  # of starts (a million further on than training's) and of the search
    out: Path | None = None  # file for the result; default: RUN/evaluation.json
    threads: int | None = None  # of the CPU; default: 2 where that is faster just now, else 1
    family: str | None = None  # module:Class of the model, where it is not in the catalog


def run(args: Args) -> dict[str, Any]:
    """Print the table and write it with its protocol; returns the same as data."""
    from foreworld.cli.tables import print_table
    from foreworld.config import to_dict
    from foreworld.disk import write_json
    from foreworld.evaluation import HELD_OUT, compare, provenance
    from foreworld.evaluation.tables import control_table
    from foreworld.log import progress
    from foreworld.run import load, make_stream
    from foreworld.training.threads import keep_memory, set_threads

    if args.episodes < 1:
        raise ValueError(f"--episodes {args.episodes}: at least 1")
    opened = load(args.run, family=args.family)
    args = _completed(args, opened.document["training"])
    world = _world(opened.world, args)
    set_threads(args.threads)
    keep_memory()
    policies = _policies(args, opened, world)
    seed = HELD_OUT + args.seed
    with progress("evaluating", len(policies) * args.episodes) as advance:
        done: dict[str, int] = {}

        def tell(name: str, count: int, total: int) -> None:
            advance(count - done.get(name, 0), f"{name} {count}/{total}")
            done[name] = count

        scores = compare(
            policies,
            partial(make_stream, world),
            args.episodes,
            seed,
            "success",
            not args.full,
            tell,
        )
    columns, rows = control_table(scores)
    print_table(f"{world.env}, {args.episodes} held-out starts", columns, rows)
    result = {
        "scores": {name: score.to_json() for name, score in scores.items()},
        "protocol": {
            **{k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()},
            "world": to_dict(world),
            "first_seed": seed,
            "step": opened.step,
        },
        "provenance": provenance(),
    }
    out = args.out or args.run / "evaluation.json"
    write_json(out, result)
    print(out)
    return result


def _completed(args: Args, training: Mapping[str, Any]) -> Args:
    """The flags with what becomes of those left out; a run goes on as it collected."""
    usual = USUAL[args.judge]
    if args.judge == "reward":
        own = training.get("learner") or training.get("planner")
        usual = usual | ({"policy": own} if own in (*LEARNERS, *PLANNERS) else {})
    policy = args.policy or usual["policy"]
    if policy == training.get("planner"):
        known = training["planner_config"]
        usual = usual | {k: known[n] for k, n in SETTINGS.items() if n in known}
    return replace(args, **{k: v for k, v in usual.items() if getattr(args, k) is None})


def _world(world: World | None, args: Args) -> World:
    """The run's world with what the command line asks to be different."""
    if world is None:
        raise ValueError(
            f"{args.run} was trained on episodes alone: run.json names no world to act in. "
            f"foreworld trust {args.run} examines it on episodes that it never saw"
        )
    wishes = [*args.env, *([f"task={args.task}"] if args.task else [])]
    return replace(world, env_kwargs={**world.env_kwargs, **read_keywords(wishes)})


def _policies(args: Args, run: Run, world: World) -> dict[str, Policy]:
    """The policy in question first, then the baselines."""
    from foreworld.errors import unknown

    assert args.policy is not None
    baselines = [b for b in BASELINES if b != "expert" or world.env in EXPERTS]
    valid = (*PLANNERS, *LEARNERS, *baselines)
    first = ALIASES.get(args.policy, args.policy)
    if first not in valid:
        raise unknown(f"policy for {world.env}", args.policy, valid)
    names = [first, *(b for b in baselines if args.baselines and b != first)]
    return {name: _policy(name, args, run, world) for name in names}


def _policy(name: str, args: Args, run: Run, world: World) -> Policy:
    from foreworld.planners import RewardObjective
    from foreworld.policies import PlannedPolicy
    from foreworld.policies.goal import GoalPolicy
    from foreworld.policies.instructed import InstructedPolicy
    from foreworld.run import load_policy

    if name in LEARNERS:
        return load_policy(run, seed=args.seed)
    if name not in PLANNERS:
        return resolve(POLICIES, name)(run.model.specs["action"], args.seed)
    planner, model = _planner(name, args, run.document["training"]), run.model
    assert args.replan_every is not None
    if args.judge == "goal":
        return GoalPolicy(model, planner, _goals(world), args.replan_every, args.seed)
    if args.judge == "instruction":
        return InstructedPolicy(model, planner, args.replan_every, args.seed)
    return PlannedPolicy(model, planner, RewardObjective(), args.replan_every, args.seed)


def _planner(name: str, args: Args, training: Mapping[str, Any]) -> Planner:
    """With those of the flags that it knows, over what it collected with if the run is its own."""
    from foreworld.run import make_planner

    known = {field.name for field in fields(resolve(PLANNERS, name))}
    settings = {theirs: getattr(args, ours) for ours, theirs in SETTINGS.items()}
    own = training["planner_config"] if training.get("planner") == name else {}
    if settings["num_candidates"] != own.get("num_candidates"):
        settings["num_elites"] = max(2, settings["num_candidates"] // 8)
    return make_planner(name, {**own, **{k: v for k, v in settings.items() if k in known}})


def _goals(world: World) -> dict[str, str]:
    """Which keys of a world show what others should become."""
    from foreworld.run import make_stream
    from foreworld.vocab import goals_of

    stream = make_stream(world, 1, 0)
    stream.close()
    return goals_of(stream.specs)
