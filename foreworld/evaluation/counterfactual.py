"""Same start, different pushes: does the model know what an action changes?

    imagined(push i) - imagined(push j)   correlates with   truth(push i) - truth(push j)

A blurred average future can look right and still show no difference between two pushes; and no
difference can be guessed without listening to the action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.branches import Branches
from foreworld.evaluation.imagination import changed, kind_of, recorded_heads
from foreworld.evaluation.intervals import Interval, bootstrap_mean
from foreworld.evaluation.windows import believe, foretell, unit
from foreworld.vocab import WorldModel, repeat_state

Parts = Mapping[str, tuple[str, Sequence[int]]]  # name: (head, which of its numbers)


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """How imagined differences between pushes agree with true ones."""

    pushes: tuple[str, ...]
    starts: int
    horizon: int
    seed: int
    correlation: Mapping[str, list[Interval]]  # per head or part [H]; n: starts where truths differ
    headline: tuple[str, ...]  # images and parts, or where there are none every vector
    seen: Mapping[str, Tensor]  # the films: what was seen [N, context, ...],
    truth: Mapping[str, Tensor]  # and per head [N, K, H, ...], images in [0, 1]
    imagined: Mapping[str, Tensor]

    def to_json(self) -> dict[str, Any]:
        lists = {k: [i.to_json() for i in v] for k, v in self.correlation.items()}
        counts = {k: getattr(self, k) for k in ("starts", "horizon", "seed")}
        return {**counts, "pushes": list(self.pushes), "correlation": lists}


def measure_counterfactual(
    model: WorldModel, branches: Branches, parts: Parts | None = None
) -> Counterfactual:
    """Correlation of imagined and true differences, one per start, averaged over starts.

    Images: over the pixels that a push changes in truth. Vectors and rewards: over all numbers.
    Starts where no push makes a difference say nothing and drop out.
    parts: numbers of a vector head to judge apart, as in {"cup": ("facts", (2, 3))}.
    """
    heads = [h for h in recorded_heads(model, branches.truth) if kind_of(model, h) != "discrete"]
    imagined = imagine_branches(model, branches, heads)
    truth = {h: unit(branches.truth[h]) for h in heads}
    for name, (head, columns) in (parts or {}).items():
        truth[name] = truth[head][..., list(columns)]
        imagined[name] = imagined[head][..., list(columns)]
    correlation = {}
    for head in truth:
        counted = torch.ones_like(truth[head])
        if head in heads and kind_of(model, head) == "image":
            last = unit(branches.seen[head][:, -1])[:, None, None]
            counted = changed(truth[head], last).expand_as(truth[head])
        by_start_NH = difference_correlation(imagined[head], truth[head], counted.bool())
        correlation[head] = [bootstrap_mean(c[~np.isnan(c)], branches.seed) for c in by_start_NH.T]
    starts, _, horizon = branches.truth["reward"].shape
    images = [h for h in heads if kind_of(model, h) == "image"]
    vectors = [h for h in heads if h not in (*images, "reward")]
    headline = (*images, *(parts or {})) or tuple(vectors)
    return Counterfactual(
        branches.pushes,
        starts,
        horizon,
        branches.seed,
        correlation,
        headline,
        branches.seen,
        truth,
        imagined,
    )


def difference_correlation(imagined: Tensor, truth: Tensor, counted: Tensor) -> np.ndarray:
    """Pearson correlation per start and horizon [N, H] of all differences between two pushes.

    imagined, truth, counted: [N, K, H, ...]; a number counts for a pair of pushes if it does for
    either. NaN where the true differences are all alike; 0 where the imagined ones are.
    """
    pairs = list(combinations(range(truth.shape[1]), 2))
    i, j = (torch.tensor(side) for side in zip(*pairs, strict=True))

    def rows(x: Tensor) -> np.ndarray:
        """[N, P, H, ...] -> [N, H, everything else]."""
        return x.transpose(1, 2).flatten(2).numpy()

    ours, theirs = (rows(x[:, i] - x[:, j]).astype(np.float64) for x in (imagined, truth))
    where = rows(counted[:, i] | counted[:, j])
    result = np.full(where.shape[:2], np.nan)
    for n, h in np.ndindex(result.shape):
        result[n, h] = _pearson(ours[n, h][where[n, h]], theirs[n, h][where[n, h]])
    return result


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    if len(y) < 2 or np.ptp(y) == 0:
        return np.nan
    # Differences that float arithmetic alone makes are none.
    return 0.0 if np.ptp(x) < 1e-6 * np.ptp(y) else float(np.corrcoef(x, y)[0, 1])


def imagine_branches(model: WorldModel, branches: Branches, heads: list[str]) -> dict[str, Tensor]:
    """Every push from every start, imagined from one belief a start: [N, K, H, ...]."""
    starts, num = branches.truth["reward"].shape[:2]
    state = repeat_state(believe(model, branches.seen), num)
    actions = branches.actions.repeat(starts, *[1] * (branches.actions.ndim - 1))
    flat = foretell(model, state, actions, heads)
    return {k: v.unflatten(0, (starts, num)) for k, v in flat.items()}
