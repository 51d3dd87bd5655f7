"""Lets a model act in the world it was trained on, beside random, doing nothing and an expert.

foreworld evaluate runs/demo --env task=push
foreworld evaluate runs/demo --policy icem --episodes 100 --candidates 128
foreworld evaluate runs/pole --policy actor_critic --full
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from foreworld.cli.world import TABLETOP, Words, read_keywords

if TYPE_CHECKING:
    from foreworld.run import Run, World
    from foreworld.vocab import Planner, Policy

BASELINES = ("random", "noop", "expert")
ALIASES = {"actor": "actor_critic"}


@dataclass(frozen=True)
class Args:
    run: Positional[Path]  # directory of a trained run
    policy: str = "cem"  # cem, icem, mppi, gradient: plan; actor_critic (actor): what was learned
    episodes: int = 50  # held-out starts; those already solved do not count
    env: Words = ()  # constructor argument of the world, key=value
    task: str | None = None  # the same as --env task=...
    horizon: int = 12  # steps planned ahead
    candidates: int = 256  # action sequences weighed in every iteration
    iterations: int = 4  # times the search is refined
    action_block: int = 1  # steps that one decision is held for
    judge: Literal["reward", "instruction"] = (
        "reward"  # what plans are for: predicted reward, or the task in words
    )
    replan_every: int = 1  # steps between two plans
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
    world = _world(opened.world, args)
    set_threads(args.threads)
    keep_memory()
    policies = _policies(args, opened, world.env)
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


def _world(world: World | None, args: Args) -> World:
    """The run's world with what the command line asks to be different."""
    if world is None:
        raise ValueError(
            f"{args.run} was trained on episodes alone: run.json names no world to act in. "
            "Collect with: foreworld collect WORLD, and train on that"
        )
    wishes = [*args.env, *([f"task={args.task}"] if args.task else [])]
    return replace(world, env_kwargs={**world.env_kwargs, **read_keywords(wishes)})


def _policies(args: Args, run: Run, env_id: str) -> dict[str, Policy]:
    """The policy in question first, then the baselines."""
    from foreworld import catalog
    from foreworld.errors import unknown

    baselines = [b for b in BASELINES if b != "expert" or env_id == TABLETOP]
    valid = (*catalog.PLANNERS, *catalog.LEARNERS, *baselines)
    first = ALIASES.get(args.policy, args.policy)
    if first not in valid:
        raise unknown(f"policy for {env_id}", args.policy, valid)
    names = [first, *(b for b in baselines if args.baselines and b != first)]
    return {name: _policy(name, args, run) for name in names}


def _policy(name: str, args: Args, run: Run) -> Policy:
    from foreworld import catalog
    from foreworld.planners import RewardObjective
    from foreworld.policies import PlannedPolicy
    from foreworld.policies.instructed import InstructedPolicy
    from foreworld.run import load_policy

    if name in catalog.LEARNERS:
        return load_policy(run, seed=args.seed)
    if name not in catalog.PLANNERS:
        return catalog.resolve(catalog.POLICIES, name)(run.model.specs["action"], args.seed)
    planner = _planner(name, args)
    if args.judge == "instruction":
        return InstructedPolicy(run.model, planner, args.replan_every, args.seed)
    return PlannedPolicy(run.model, planner, RewardObjective(), args.replan_every, args.seed)


def _planner(name: str, args: Args) -> Planner:
    """With those of the flags that it knows."""
    from foreworld import catalog

    planner_class = catalog.resolve(catalog.PLANNERS, name)
    settings = {
        "horizon": args.horizon,
        "num_candidates": args.candidates,
        "num_elites": max(2, args.candidates // 8),
        "iterations": args.iterations,
        "action_block": args.action_block,
    }
    known = {field.name for field in fields(planner_class)}
    return planner_class(**{k: v for k, v in settings.items() if k in known})
