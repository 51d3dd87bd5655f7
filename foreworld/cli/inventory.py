"""What families say of themselves, and what they are found to do when they are built and tried.

A family may keep, beside its `PRESETS` and `RECIPES`, in the module of its config::

    PAPERS   {"dreamer_v3": "Hafner et al. 2023, arXiv 2301.04104"}   by preset, or any other name
    RESULTS  ("push.json",)                        where it was measured, of `benchmarks/results`

Nothing here knows a family by name: all of it works for yours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from foreworld import catalog
from foreworld.cli.learning import overrides
from foreworld.config import from_dict
from foreworld.evaluation.intervals import Interval
from foreworld.planners import RewardObjective
from foreworld.run import make_learner, make_planner
from foreworld.vocab import Spec, Specs, WorldModel

PLAIN = "(none)"  # the family without a preset
MEASURED = Path(__file__).parents[2] / "benchmarks" / "results"  # of a checkout
ACTIONS = {
    "continuous": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
    "discrete": Spec((), "int64", "discrete", classes=(5,)),
}
SEEN = {  # the worlds that parameters are counted for
    "numbers": {"seen": Spec((4,), "float32", "vector", names=("a.x", "a.y", "b.x", "b.y"))},
    "pictures": {"seen": Spec((64, 64, 3), "uint8", "image")},
}

SMALLEST = {  # of what planners may be asked for, whichever it is: to see whether they work at all
    "horizon": 2, "num_candidates": 4, "num_elites": 2, "iterations": 1, "num_simulations": 2,
}  # fmt: skip


class Size(NamedTuple):
    """What a preset makes of a family."""

    weights: dict[str, int]  # how many it learns, by what there is to see
    phases: dict[str, float]  # of its training, with their shares


class Measured(NamedTuple):
    """What a recorded evaluation gave, beside chance in the same starts."""

    file: str
    world: str
    policy: str
    what: str  # success or return
    value: Interval
    chance: Interval | None

    def to_json(self) -> dict[str, Any]:
        return {k: v.to_json() if isinstance(v, Interval) else v for k, v in self._asdict().items()}


def says(model_class: type[WorldModel]) -> str:
    """The first sentence of the family's module."""
    text = sys.modules[model_class.__module__].__doc__ or model_class.__doc__ or ""
    return text.strip().partition("\n")[0].rstrip(".")


def presets(model_class: type[WorldModel]) -> dict[str, Mapping[str, Any]]:
    """All of them, and first the family as it is without one."""
    return {PLAIN: {}, **catalog.beside(model_class, "PRESETS")}


def size(family: str, preset: str) -> Size:
    """Of one preset; what it cannot be built for is left out."""
    data = overrides(family, [] if preset == PLAIN else [preset], [])
    weights, phases = {}, {}
    for name, seen in SEEN.items():
        built = (_built(family, seen, kind, data) for kind in ACTIONS)
        for model in (model for model in built if model is not None):
            weights[name] = sum(p.numel() for p in model.parameters())
            phases = {phase.name: phase.share for phase in model.phases()}
            break
    return Size(weights, phases)


def tiny(family: str, kind: str) -> WorldModel | None:
    """A model of the preset `debug` that takes such actions; None where the family takes none."""
    model_class = catalog.resolve(catalog.FAMILIES, family)
    data = catalog.beside(model_class, "PRESETS").get("debug", {})
    built = (_built(family, seen, kind, data) for seen in SEEN.values())
    return next((model.eval() for model in built if model is not None), None)


def _built(family: str, seen: Specs, kind: str, data: Mapping[str, Any]) -> WorldModel | None:
    model_class = catalog.resolve(catalog.FAMILIES, family)
    try:
        return model_class({**seen, "action": ACTIONS[kind]}, from_dict(model_class.Config, data))
    except ValueError:
        return None


def goes_with(model: WorldModel) -> dict[str, str | None]:
    """Every learner and planner of the catalog, tried: what speaks against it, None: nothing."""
    objections: dict[str, str | None] = {}
    for name in catalog.LEARNERS:
        objections[name] = _objection(lambda: make_learner(model, name, {}))  # noqa: B023
    for name in catalog.PLANNERS:
        objections[name] = _objection(lambda: _plan(model, name))  # noqa: B023
    return objections


def _plan(model: WorldModel, name: str) -> Any:
    known = {field.name for field in fields(catalog.resolve(catalog.PLANNERS, name))}
    planner = make_planner(name, {k: v for k, v in SMALLEST.items() if k in known})
    return planner(model, model.initial(1), RewardObjective(), seed=0)


def _objection(attempt: Callable[[], Any]) -> str | None:
    try:
        attempt()
    except (ValueError, ImportError) as error:
        return str(error)
    return None


def papers(model_class: type[WorldModel]) -> dict[str, str]:
    return dict(catalog.beside(model_class.Config, "PAPERS"))


def measured(model_class: type[WorldModel]) -> list[Measured]:
    """What the recorded results of a family say, where the checkout has them."""
    found = []
    for name in catalog.beside(model_class.Config, "RESULTS"):
        file = MEASURED / name
        if file.is_file():
            found += [_read(name, e) for e in _evaluations(json.loads(file.read_text()))]
    return found


def _evaluations(data: Any) -> Iterator[Mapping[str, Any]]:
    """What `foreworld evaluate` wrote, wherever a benchmark put it."""
    if isinstance(data, Mapping) and {"scores", "protocol"} <= data.keys():
        yield data
    elif isinstance(data, (Mapping, list)):
        for part in data.values() if isinstance(data, Mapping) else data:
            yield from _evaluations(part)


def _read(file: str, evaluation: Mapping[str, Any]) -> Measured:
    scores, world = evaluation["scores"], evaluation["protocol"]["world"]["env"]
    policy = next(iter(scores))  # the one in question stands first
    what = "success" if scores[policy]["success"] else "returns"
    chance = scores.get("random", {}).get(what)
    value = Interval.from_json(scores[policy][what])
    by_chance = Interval.from_json(chance) if chance else None
    return Measured(file, world, policy, what, value, by_chance)
