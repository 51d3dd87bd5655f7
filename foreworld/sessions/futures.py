"""Futures of one instant that are imagined for show: how far they spread, what a planner weighs.

spreads(sessions, actions, atlas)              # how little is known, one number each
fan(rows, state, plan, count, atlas)           # a planner's candidates, best first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from foreworld.sessions.atlas import Atlas
from foreworld.sessions.chance import noise_at
from foreworld.sessions.rows import Rows
from foreworld.sessions.session import Session
from foreworld.vocab import Plan, State, map_state

DRAWS = 8  # futures of each instant
AHEAD = 4  # steps


def spreads(
    sessions: Sequence[Session], actions: Sequence[np.ndarray], atlas: Atlas
) -> list[float]:
    """How far futures of the same action lie apart, in the atlas's units, AHEAD steps on.

    Raises ValueError for a model that leaves nothing to chance: it cannot say.
    """
    rows = sessions[0].rows
    if is_certain(rows):
        raise ValueError("this model leaves nothing to chance: its futures do not spread")
    nodes = [s.node for s in sessions for _ in range(DRAWS)]
    states = [s.state for s in sessions for _ in range(DRAWS)]
    held = [a for a in actions for _ in range(DRAWS)]
    draws = [1 + n % DRAWS for n in range(len(nodes))]
    for step in range(1, AHEAD + 1):
        noises = [
            noise_at(rows.model, node.seed, node.frame + step, draw)
            for node, draw in zip(nodes, draws, strict=True)
        ]
        states = rows.imagine(states, held, noises)
    features = rows.features(states).unflatten(0, (len(sessions), DRAWS))
    return atlas.spread(features).tolist()


def is_certain(rows: Rows) -> bool:
    """Whether the model imagines without chance."""
    return rows.model.noise(1, 1, 0).shape[-1] == 0


@dataclass(frozen=True, eq=False)
class Candidate:
    """A future that a planner weighed. actions [H, ...], points [H, 2], rewards [H] or None."""

    score: float
    actions: np.ndarray
    points: np.ndarray | None
    rewards: np.ndarray | None
    picture: np.ndarray | None  # uint8 [H, W, C] of its last instant


def fan(
    rows: Rows, state: State, plan: Plan, count: int, atlas: Atlas | None, view: str | None
) -> list[Candidate]:
    """The plan itself first, then the best of the candidates, imagined along their modes."""
    order = plan.scores[0].argsort(descending=True)[: max(0, count - 1)]
    actions = torch.cat([plan.actions, plan.candidates[0][order]])
    scores = [float(plan.scores[0].max()), *plan.scores[0][order].tolist()]
    model, paths = rows.model, []
    with torch.no_grad():
        many = map_state(lambda x: x.repeat_interleave(len(actions), 0), state)
        for step in range(actions.shape[1]):
            many = model.imagine(many, actions[:, step], None)
            paths.append(
                [map_state(lambda x, i=i: x[i : i + 1], many) for i in range(len(actions))]
            )
    return [
        _candidate(rows, scores[i], actions[i].cpu().numpy(), [p[i] for p in paths], atlas, view)
        for i in range(len(actions))
    ]


def _candidate(
    rows: Rows,
    score: float,
    actions: np.ndarray,
    path: list[State],
    atlas: Atlas | None,
    view: str | None,
) -> Candidate:
    points = None if atlas is None else atlas.point(rows.features(path)).cpu().numpy()
    rewards = None
    if "reward" in rows.heads:
        rewards = np.array([float(said["reward"]) for said in rows.predict(path, ["reward"])])
    picture = None if view is None else rows.predict(path[-1:], [view])[0][view]
    return Candidate(score, actions, points, rewards, picture)
