"""Same snapshot, other actions: is what the model changes what truly changes, and nothing else?

    snapshot ─┬─ a ─▶        error of the difference between a and b
              ├─ b ─▶        locality                 things that no action touched stand still
              ├─ a backwards order                    the same actions in another order
              └─ nothing

The truth is run once for every exam: it does not depend on the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.branches import Branches, BranchingWorld, branch
from foreworld.evaluation.counterfactual import imagine_branches
from foreworld.evaluation.imagination import changed
from foreworld.evaluation.intervals import bootstrap, bootstrap_mean
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.rulers import STILL, Ruler, chief, rulers_of, spec_of, things
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.evaluation.windows import unit
from foreworld.policies import NoopPolicy, RandomPolicy
from foreworld.vocab import Spec, WorldModel

UNTOUCHED = 1e-3  # of its deviation: what actions move by less, they do not touch
PAIRS = ((0, 1), (2, 3))  # of the sequences: a and b, and both backwards
TURNED = ((0, 2), (1, 3))  # of the sequences: the same actions in another order

DIFFERENCE = Metric(
    "counterfactuals.difference",
    "squared error of the difference between two courses of action, of the true one",
    "",
    0.0,
    1.0,
    0.25,
    ("copy_last", "action_blind", "off_by_one", "scrambled"),
)
REWARD = Metric(
    "counterfactuals.reward",
    "squared error of the difference in reward between two courses of action",
    "",
    0.0,
    1.0,
    0.25,
    ("copy_last", "action_blind", "off_by_one", "scrambled", "optimistic"),
)
LOCALITY = Metric(
    "counterfactuals.locality",
    "how much moves that no action touched, next to what was touched",
    "",
    0.0,
    1.0,
    0.05,
)
ORDER = Metric(
    "counterfactuals.order",
    "squared error of what the order of actions changes",
    "",
    0.0,
    1.0,
    0.25,
    ("copy_last", "action_blind", "off_by_one", "scrambled"),
)
METRICS = (DIFFERENCE, REWARD, LOCALITY, ORDER)


def read(subject: Subject) -> list[Reading]:
    """Differences between courses of action, truly executed and imagined from one belief each."""
    if subject.branching is None:
        return unavailable(METRICS, "the world cannot be put back to a snapshot")
    try:
        branches = executed(subject.branching, subject.protocol)
    except ValueError as error:
        return unavailable(METRICS, str(error))
    imagined, rulers = imagined_branches(subject.model, branches)
    seed = subject.protocol.seed
    judged = chief(subject.model.specs, rulers)
    rewards = [r for r in rulers.values() if r.head == "reward"]
    if not judged:
        return unavailable(METRICS, "the model foretells neither numbers nor pictures")
    return [
        _difference(DIFFERENCE, judged, imagined, branches, seed),
        _difference(REWARD, rewards, imagined, branches, seed)
        if rewards
        else Reading(REWARD, reason="the model foretells no reward"),
        _locality(subject.model, judged, imagined, branches, seed),
        _difference(ORDER, judged, imagined, branches, seed, TURNED),
    ]


@lru_cache(maxsize=2)
def executed(branching: Callable[[], BranchingWorld], protocol: Protocol) -> Branches:
    """What truly followed each of five courses of action: a, b, both backwards, and nothing.

    Raises ValueError for actions without bounds and where episodes end too soon.
    """
    world = branching()
    spec, p = world.specs["action"], protocol
    try:
        return branch(
            world,
            RandomPolicy(spec, p.seed),
            p.starts,
            p.context,
            p.horizon,
            p.seed,
            sequences=courses(spec, p.horizon, p.seed),
        )
    finally:
        world.close()


def courses(spec: Spec, horizon: int, seed: int) -> dict[str, np.ndarray]:
    """Five sequences of actions [H, ...]: two random ones, the same backwards, and no-ops."""
    carry, rows = 0, []
    policy = RandomPolicy(spec, seed + 1)
    for _ in range(horizon):
        carry, action = policy.act(carry, {"is_first": np.zeros(2, bool)})
        rows.append(action)
    a, b = np.stack(rows, 1)
    nothing = np.repeat(NoopPolicy(spec).action[None], horizon, 0)
    return {"a": a, "b": b, "a backwards": a[::-1], "b backwards": b[::-1], "nothing": nothing}


def imagined_branches(
    model: WorldModel, branches: Branches
) -> tuple[dict[str, Tensor], dict[str, Ruler]]:
    """Imagined futures [N, K, H, ...] of every head that is no class, with rulers for them."""
    flat = {k: v.flatten(0, 1) for k, v in branches.truth.items()}
    rulers = {h: r for h, r in rulers_of(model, flat).items() if r.kind != "discrete"}
    return imagine_branches(model, branches, list(rulers)), rulers


def _squares(
    ruler: Ruler,
    imagined: Mapping[str, Tensor],
    branches: Branches,
    pairs: tuple[tuple[int, int], ...],
) -> tuple[Tensor, Tensor, Tensor]:
    """|Δ imagined - Δ true|², |Δ imagined|² and |Δ true|² over numbers and pairs: [N, H] each.

    Images: over pixels that one of the two courses truly changed.
    """
    i, j = (list(side) for side in zip(*pairs, strict=True))
    ours, theirs = imagined[ruler.head], unit(branches.truth[ruler.head])
    runs, where = running(branches), None
    if ruler.kind == "image":
        moved = changed(theirs, unit(branches.seen[ruler.head][:, -1])[:, None, None])
        where = (moved[:, i] | moved[:, j]).flatten(0, 1)
    ours, theirs = ((x[:, i] - x[:, j]).flatten(0, 1) for x in (ours, theirs))
    nothing = torch.zeros_like(theirs)
    both = runs[:, i] & runs[:, j]
    wrong, mine, true = (
        (ruler.errors(x, y, where).unflatten(0, (-1, len(pairs))) * both).sum(1)
        for x, y in ((ours, theirs), (ours, nothing), (theirs, nothing))
    )
    return wrong, mine, true


def running(branches: Branches) -> Tensor:
    """Which rows [N, K, H] are of worlds still running, not the last one of an episode repeated."""
    last = branches.truth["is_last"].long()
    return last.cumsum(2) - last == 0


def _difference(
    metric: Metric,
    rulers: list[Ruler],
    imagined: Mapping[str, Tensor],
    branches: Branches,
    seed: int,
    pairs: tuple[tuple[int, int], ...] = PAIRS,
) -> Reading:
    """|Δ imagined - Δ true|² / (|Δ imagined|² + |Δ true|²), 0 ... 2, mean of starts and steps.

    1 where either is nothing, or both have nothing in common. Bounded for each start, for one
    collision that is missed would outweigh all others.
    """
    parts = zip(*(_squares(r, imagined, branches, pairs) for r in rulers), strict=True)
    wrong, ours, theirs = (torch.stack(part).sum(0).numpy() for part in parts)
    told = theirs > STILL * theirs.max(initial=STILL)
    share = np.divide(wrong, ours + theirs, out=np.full(wrong.shape, np.nan), where=told)
    if not told.any():
        return Reading(metric, reason="what is done makes no difference from these starts")
    curve = tuple(bootstrap_mean(x[~np.isnan(x)], seed) for x in share.T if not np.isnan(x).all())
    by_start = np.nanmean(share[told.any(1)], 1)
    value = bootstrap_mean(by_start, seed)
    return Reading(metric, value, curve=curve, details={"starts": len(by_start)})


def _locality(
    model: WorldModel,
    rulers: list[Ruler],
    imagined: Mapping[str, Tensor],
    branches: Branches,
    seed: int,
) -> Reading:
    """Root of the mean square difference of untouched things / that of touched ones, imagined."""
    named = [(r, things(spec_of(model.specs, r.head))) for r in rulers if r.kind == "vector"]
    parts = [(r, numbers) for r, groups in named for numbers in groups.values()]
    if len(parts) < 2:
        return Reading(LOCALITY, reason="no head names several things, as in cup.x and ball.x")
    i, j = PAIRS[0]
    rows = []
    for ruler, numbers in parts:
        ours, theirs = (
            ruler.scaled(x[:, i] - x[:, j])[..., numbers].abs()
            for x in (imagined[ruler.head], branches.truth[ruler.head])
        )
        touched = theirs.amax((1, 2)) > UNTOUCHED
        rows.append((touched, ours.square().mean((1, 2))))
    touched_PN, ours_PN = (torch.stack(part).numpy() for part in zip(*rows, strict=True))
    still = np.where(touched_PN, 0, ours_PN).sum(0), (~touched_PN).sum(0)
    moving = np.where(touched_PN, ours_PN, 0).sum(0), touched_PN.sum(0)
    if not still[1].any() or moving[0].sum() < STILL:
        return Reading(LOCALITY, reason=_nothing_apart(still[1].any()))

    def statistic(*columns: np.ndarray, axis: int) -> np.ndarray:
        quiet, quiets, loud, louds = (np.maximum(c.sum(axis), 1e-12) for c in columns)
        return np.sqrt(quiet / quiets / (loud / louds))

    value = bootstrap(statistic, [*still, *moving], seed)
    return Reading(LOCALITY, value, details={"untouched": int(still[1].sum())})


def _nothing_apart(untouched: bool) -> str:
    if untouched:
        return "the model lets actions move nothing"
    return "in truth every thing moves otherwise under other actions (or chance differs each time)"
