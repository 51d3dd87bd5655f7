"""Memory: what is out of sight goes on, stays what it was, and is gone only if it was taken away.

rows seen ──▶ belief ──imagine with eyes closed──▶ said   nearer to the truth, or to what a mind
                                                          would say that is wrong in this one way?

The scenes are staged in `worlds.bounce_scenes` and `worlds.gallery_scenes`, after the suites of
permanence of IntPhys 2 (Bordes et al. 2025), MemoBench and WRBench: pairs whose pictures cancel.
A mind that sees the last row alone must fail; where it does not, the metric is not available.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.intervals import Interval, bootstrap_mean, bootstrap_skill
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import believe
from foreworld.vocab import Batch, State, WorldModel, map_state, observation_keys
from foreworld.worlds import bounce_scenes, gallery_scenes
from foreworld.worlds.bounce import BounceWorld
from foreworld.worlds.functional import FunctionalEnv, FunctionalWorld
from foreworld.worlds.gallery import GalleryWorld
from foreworld.worlds.scenes import Scenes

PAIRS = 12  # scenes of a kind, each with its twin
AT_ONCE = 64  # scenes imagined together
DRAW = 0.05  # of the distance of truth and other: what is said by so little is not said
DIFFERS = 0.02  # of the range of a number: what differs less is not judged
LOST = ("copy_last", "forgetful", "teleporting", "scrambled")


def _share(name: str, says: str, *catches: str) -> Metric:
    return Metric(f"memory.{name}", says, "", 1.0, 0.5, 0.01, catches)  # no chance in scenes


def _skill(name: str, says: str, *catches: str) -> Metric:
    return Metric(f"memory.{name}", says, "", 1.0, 0.0, 0.1, catches)


MOVING = _skill("moving", "What rolls behind a screen comes out where and when it must.", *LOST)
COUNT = _share("count", "As many come out as went in.", *LOST)
IDENTITY = _share("identity", "What comes out has the colour that went in.", *LOST, "colour_blind")
REMOVAL = _share("removal", "What was taken away before one's eyes stays away.", "hoarder")
RETURN = _share("return", "Turned away from and returned to, three times, it stands there.", *LOST)
EDIT = _share("edit", "What was moved is where it was moved to, after a look away.", *LOST)
SURPRISE = _share(
    "surprise",
    "The possible event is expected, and its impossible twin is not.",
    *LOST,
    "hoarder",
    "colour_blind",
)
METRICS = (MOVING, COUNT, IDENTITY, REMOVAL, RETURN, EDIT, SURPRISE)

# Which scenes a metric is made of, by the world they are staged in.
STAGED: dict[type, Mapping[Metric, tuple[str, ...]]] = {
    BounceWorld: {
        MOVING: ("moving",),
        COUNT: ("count",),
        IDENTITY: ("identity", "solidity"),
        REMOVAL: ("removal",),
        SURPRISE: ("permanence", "identity", "continuity", "solidity", "removal"),
    },
    GalleryWorld: {
        IDENTITY: ("colour",),
        RETURN: ("returning",),
        EDIT: ("edit",),
        SURPRISE: ("returning", "colour", "edit"),
    },
}
STAGES: dict[type, Any] = {BounceWorld: bounce_scenes, GalleryWorld: gallery_scenes}
SIGHT = ("removal",)  # kinds in which the last row seen tells it all: no test of memory by itself


@dataclass(frozen=True, eq=False)
class Judged:
    """Mean squared distances of what was said, per scene [M], over what truth and other tell."""

    to_truth: np.ndarray
    to_other: np.ndarray
    apart: np.ndarray  # of truth and other
    twins: np.ndarray

    def skill(self, seed: int) -> Interval:
        """1: as it came. 0: no better than the other."""
        return bootstrap_skill(self.to_truth, self.apart, seed)

    def right(self) -> np.ndarray:
        """For each pair of twins the share that was said right, half for a draw."""
        draw = np.abs(self.to_truth - self.to_other) <= 1e-9 + DRAW * self.apart
        right = np.where(draw, 0.5, (self.to_truth < self.to_other) * 1.0)
        return np.array([right[self.twins == twin].mean() for twin in np.unique(self.twins)])


def read(subject: Subject) -> list[Reading]:
    """The readings of `METRICS`; worlds in which no scenes are staged have none of them."""
    world = _world(subject)
    if world is None or type(world) not in STAGED:
        return unavailable(METRICS, "scenes of permanence are staged in bounce and gallery alone")
    model, seed = subject.model, subject.protocol.seed
    head = next((h for h in ("image", "retina", "facts") if h in model.heads), None)
    if head is None:
        return unavailable(METRICS, "the model shows neither pictures nor facts")
    foreign = [k for k in observation_keys(model.specs) if _differs(model, world, k)]
    if foreign:
        return unavailable(METRICS, f"the model sees {', '.join(foreign)} unlike this world's")
    wanted = STAGED[type(world)]
    kinds = dict.fromkeys(kind for kinds in wanted.values() for kind in kinds)
    stages, judge = STAGES[type(world)], Judge(model, world, head)
    scenes = {
        kind: stages.SCENES[kind](world, np.random.default_rng((seed, n)), PAIRS)
        for n, kind in enumerate(kinds)
    }
    known = {kind: judge(s) for kind, s in scenes.items()}
    blind = {kind: judge(s, stages.forget) for kind, s in scenes.items() if kind not in SIGHT}
    return [_reading(m, wanted.get(m), known, blind, seed) for m in METRICS]


def _world(subject: Subject) -> FunctionalWorld | None:
    """The functions behind the subject's world, where it has any."""
    if subject.branching is None:
        return None
    branching = subject.branching()
    env = branching.unwrapped
    branching.close()
    return env.world if isinstance(env, FunctionalEnv) else None


def _differs(model: WorldModel, world: FunctionalWorld, key: str) -> bool:
    return key not in world.specs or world.specs[key].shape != model.specs[key].shape


def _reading(
    metric: Metric,
    kinds: tuple[str, ...] | None,
    known: Mapping[str, Judged],
    blind: Mapping[str, Judged],
    seed: int,
) -> Reading:
    if kinds is None:
        return Reading(metric, reason="no scene of this kind is staged in this world")
    value = _value(metric, [known[kind] for kind in kinds], seed)
    memory = [blind[kind] for kind in kinds if kind in blind]
    alone = _value(metric, memory, seed) if memory else None
    if alone is not None and alone.low > (metric.blind + metric.perfect) / 2:
        return Reading(metric, reason=f"void: the last row seen alone reads {alone.brief}")
    if math.isnan(value.value):
        return Reading(metric, reason="truth and its alternative look alike to this model")
    details: dict[str, Any] = {"scenes": {kind: _brief(metric, known[kind]) for kind in kinds}}
    if alone is not None:
        details["without_memory"] = alone.to_json()
    return Reading(metric, value, details=details)


def _value(metric: Metric, parts: list[Judged], seed: int) -> Interval:
    """A skill over scenes, or a share over pairs of twins."""
    if metric.blind == 0.0:
        said, apart = (
            np.concatenate([getattr(p, k) for p in parts]) for k in ("to_truth", "apart")
        )
        return bootstrap_skill(said, apart, seed)
    return bootstrap_mean(np.concatenate([part.right() for part in parts]), seed)


def _brief(metric: Metric, part: Judged) -> float:
    return round(part.skill(0).value if metric.blind == 0.0 else float(part.right().mean()), 6)


Forget = Callable[[FunctionalWorld, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Judge:
    """What a model says at the end of scenes, against truth and other."""

    model: WorldModel
    world: FunctionalWorld
    head: str

    def __call__(self, scenes: Scenes, forget: Forget | None = None) -> Judged:
        """forget: the last row seen alone is shown, and what cannot be seen in it is not there."""
        truth, other = (
            _unit(self.world.look(states, [self.head])[self.head])
            for states in (scenes.truth, scenes.other)
        )
        said = self._said(scenes, forget).numpy().reshape(len(truth), -1)
        truth, other = (x.reshape(len(x), -1) for x in (truth, other))
        judged = np.abs(truth - other) > DIFFERS
        count = np.maximum(judged.sum(1), 1)

        def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return (((a - b) ** 2) * judged).sum(1) / count

        return Judged(
            distance(said, truth), distance(said, other), distance(truth, other), scenes.twins
        )

    @torch.no_grad()
    def _said(self, scenes: Scenes, forget: Forget | None) -> Tensor:
        parts = []
        for start in range(0, len(scenes.seen), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            state = believe(self.model, self._rows(scenes, some, forget))
            actions = torch.from_numpy(scenes.imagined[some]).to(self._dtype)
            state = self._imagined(state, actions, torch.from_numpy(scenes.when[some]))
            parts.append(self.model.predict(state, [self.head])[self.head].mean.float().cpu())
        return torch.cat(parts)

    @property
    def _dtype(self) -> torch.dtype:
        return getattr(torch, self.model.specs["action"].dtype)

    def _imagined(self, state: State, actions: Tensor, when: Tensor) -> State:
        """The states [M] after `when` steps, each scene's own."""
        device = self.model.device
        last = state
        for step in range(1, int(when.max()) + 1):
            state = self.model.imagine(state, actions[:, step - 1].to(device))
            now = (when == step).to(device)
            last = map_state(
                lambda old, new: torch.where(now.view(-1, *[1] * (new.ndim - 1)), new, old),  # noqa: B023
                last,
                state,
            )
        return last

    def _rows(self, scenes: Scenes, some: slice, forget: Forget | None) -> Batch:
        """Rows as a model gets to see them: the world's keys, reward, flags, action."""
        states, actions = scenes.seen[some], scenes.actions[some, : scenes.context]
        if forget is not None:
            states, actions = forget(self.world, states[:, -1:]), actions[:, -1:]
        lead = states.shape[:2]
        flat = states.reshape(-1, states.shape[-1])
        keys = [k for k in self.world.specs if k in self.model.specs]
        rows = {k: v.reshape(*lead, *v.shape[1:]) for k, v in self.world.look(flat, keys).items()}
        rows["reward"] = self.world.reward(flat).reshape(lead).astype(np.float32)
        first = np.zeros(lead, bool)
        first[:, 0] = True
        rows |= {"is_first": first, "is_last": ~first & False, "is_terminal": ~first & False}
        rows["action"] = actions.astype(self.model.specs["action"].dtype)
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in rows.items()}


def _unit(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) / (255.0 if values.dtype == np.uint8 else 1.0)
