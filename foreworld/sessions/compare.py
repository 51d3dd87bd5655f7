"""What if: branches imagined again from where they part, with the same chance for all.

                ┌─ own actions, the last one held ─▶ totals [n]      same noise for
fork (a node) ──┤                                                     both: pairs
                └─ own actions, the last one held ─▶ totals [n]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from foreworld.sessions.atlas import Atlas
from foreworld.sessions.chance import noise_at
from foreworld.sessions.session import Session
from foreworld.vocab import State

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences with its 95 % interval (Student's t)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Compared:
    """One head over the branches: B of them, n futures of h steps."""

    totals: tuple[float, ...]  # [B], summed over steps, mean over futures
    differences: tuple[Difference, ...]  # [B - 1], to the first branch
    curves: tuple[tuple[float, ...], ...]  # [B - 1][h], mean difference at each step


@dataclass(frozen=True, eq=False)
class Comparison:
    branches: tuple[int, ...]
    fork: int  # node
    h: int
    n: int
    heads: dict[str, Compared]
    divergence: tuple[tuple[float, ...], ...] | None  # [B - 1][h], distance from the first


def compare(
    session: Session, branches: Sequence[int], h: int, n: int, atlas: Atlas | None
) -> Comparison:
    """Raises ValueError for branches that are not there, or have no common past."""
    tree, rows = session.tree, session.rows
    for number in branches:
        if number >= len(tree.branches):
            raise ValueError(f"no branch {number}: there are 0 to {len(tree.branches) - 1}")
    fork = tree.ancestor([tree.branches[b].head for b in branches])
    plans = [_actions(session, b, fork.id, h) for b in branches]
    heads = [k for k in rows.numbers if k not in rows.specs or not rows.specs[k].shape]
    states: list[State] = [session.state_of(fork.id)] * (len(branches) * n)
    values: dict[str, list[np.ndarray]] = {k: [] for k in heads}
    apart: list[np.ndarray] = []
    for step in range(h):
        noise = [
            noise_at(rows.model, fork.seed, fork.frame + step + 1, draw) for draw in range(n)
        ] * len(branches)
        states = rows.imagine(states, [p[step] for p in plans for _ in range(n)], noise)
        said = rows.predict(states, heads)
        for key in heads:
            told = np.array([float(row[key]) for row in said])
            values[key].append(told.reshape(len(branches), n))
        if atlas is not None:
            features = rows.features(states).unflatten(0, (len(branches), n))
            apart.append(atlas.distance(features[1:], features[:1]).mean(-1).cpu().numpy())
    found = {key: _compared(np.stack(rows_, -1)) for key, rows_ in values.items()}
    divergence = tuple(tuple(map(float, d)) for d in np.stack(apart, -1)) if apart else None
    return Comparison(tuple(branches), fork.id, h, n, found, divergence)


def _actions(session: Session, branch: int, fork: int, h: int) -> list[np.ndarray]:
    """What a branch does after the fork, the last of it held up to h steps."""
    head = session.tree.branches[branch].head
    path = [n for n in session.tree.path(head) if n.id > fork and n.action is not None]
    own = [n.action for n in path if n.action is not None][:h]
    spec = session.rows.specs["action"]
    before = session.tree.find(fork).action
    last = own[-1] if own else np.zeros(spec.shape, spec.dtype) if before is None else before
    return own + [last] * (h - len(own))


def _compared(values_BNH: np.ndarray) -> Compared:
    totals_BN = values_BNH.sum(-1)
    differences = tuple(_paired(row - totals_BN[0]) for row in totals_BN[1:])
    curves = (values_BNH[1:] - values_BNH[:1]).mean(1)
    means = tuple(map(float, totals_BN.mean(-1)))
    return Compared(means, differences, tuple(tuple(map(float, c)) for c in curves))


def _paired(gaps: np.ndarray) -> Difference:
    reach = student.ppf((1 + LEVEL) / 2, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
    return Difference(float(gaps.mean()), float(gaps.mean() - reach), float(gaps.mean() + reach))
