"""Same snapshot, other actions: is what the model changes what truly changes, and nothing else?

    snapshot ─┬─ a ─▶        error of the difference  |Δ imagined - Δ true|² / |Δ true|²
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
from foreworld.evaluation.intervals import bootstrap
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.rulers import STILL, Ruler, rulers_of
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.evaluation.windows import unit
from foreworld.policies import NoopPolicy, RandomPolicy
from foreworld.vocab import Spec, WorldModel

UNTOUCHED = 1e-3  # of its deviation: what actions move by less, they do not touch
SMALL = 0.02  # of the difference that actions make: less is no effect of their order
PAIRS = ((0, 1), (2, 3))  # of the sequences: a and b, and both backwards
TURNED = ((0, 2), (1, 3))  # of the sequences: the same actions in another order

DIFFERENCE = Metric(
    "counterfactuals.difference",
    "squared error of the difference between two courses of action, of the true one",
    "",
    0.0,
    1.0,
    0.1,
    ("copy_last", "action_blind", "off_by_one", "scrambled"),
)
REWARD = Metric(
    "counterfactuals.reward",
    "squared error of the difference in reward between two courses of action",
    "",
    0.0,
    1.0,
    0.15,
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
    0.15,
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
    chief = [r for r in rulers.values() if r.kind == "vector" and r.head != "reward"]
    chief = chief or [r for r in rulers.values() if r.kind == "image"]
    rewards = [r for r in rulers.values() if r.head == "reward"]
    if not chief:
        return unavailable(METRICS, "the model foretells neither numbers nor pictures")
    return [
        _difference(DIFFERENCE, chief, imagined, branches, seed),
        _difference(REWARD, rewards, imagined, branches, seed)
        if rewards
        else Reading(REWARD, reason="the model foretells no reward"),
        _locality(subject.model, chief, imagined, branches, seed),
        _order(chief, imagined, branches, seed),
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
) -> tuple[Tensor, Tensor]:
    """|Δ imagined - Δ true|² and |Δ true|² summed over pairs and numbers, per start [N, H].

    Images: over pixels that one of the two courses truly changed.
    """
    i, j = (list(side) for side in zip(*pairs, strict=True))
    ours, theirs = imagined[ruler.head], unit(branches.truth[ruler.head])
    runs, where = running(branches), None
    if ruler.kind == "image":
        moved = changed(theirs, unit(branches.seen[ruler.head][:, -1])[:, None, None])
        where = (moved[:, i] | moved[:, j]).flatten(0, 1)
    ours, theirs = ((x[:, i] - x[:, j]).flatten(0, 1) for x in (ours, theirs))
    wrong = ruler.errors(ours, theirs, where)
    size = ruler.errors(torch.zeros_like(theirs), theirs, where)
    both = runs[:, i] & runs[:, j]
    wrong, size = ((x.unflatten(0, (-1, len(pairs))) * both).sum(1) for x in (wrong, size))
    return wrong, size


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
) -> Reading:
    squares = [_squares(r, imagined, branches, PAIRS) for r in rulers]
    wrong, size = (torch.stack(part).sum(0).numpy() for part in zip(*squares, strict=True))
    if size.sum() < STILL:
        return Reading(metric, reason="no course of action makes a difference from these starts")
    curve = tuple(
        bootstrap(_ratio, [x, y], seed) for x, y in zip(wrong.T, size.T, strict=True) if y.any()
    )
    # Horizons count alike: the far ones are large, and hide what is wrong with the first step.
    told = size.sum(0) > 0

    def statistic(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return _ratio(x, y, axis).mean(-1)

    value = bootstrap(statistic, [wrong[:, told], size[:, told]], seed)
    return Reading(metric, value, curve=curve, details={"starts": len(wrong)})


def _ratio(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    return x.sum(axis) / np.maximum(y.sum(axis), np.finfo(float).tiny)


def _order(
    rulers: list[Ruler], imagined: Mapping[str, Tensor], branches: Branches, seed: int
) -> Reading:
    """Of the state after the last action, where all of them have been taken."""
    turned = [_squares(r, imagined, branches, TURNED) for r in rulers]
    wrong, size = (torch.stack(part).sum(0)[:, -1].numpy() for part in zip(*turned, strict=True))
    between = sum(float(_squares(r, imagined, branches, PAIRS)[1][:, -1].sum()) for r in rulers)
    if size.sum() < SMALL * between or size.sum() < STILL:
        return Reading(ORDER, reason="in this world the order of actions makes no difference")
    return Reading(ORDER, bootstrap(_ratio, [wrong, size], seed))


def things(spec: Spec) -> dict[str, list[int]]:
    """Which numbers belong to which thing, from names such as "cup.x"; {} where none are named."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(spec.names or ()):
        if "." in name:
            found.setdefault(name.split(".")[0], []).append(index)
    return found


def _locality(
    model: WorldModel,
    rulers: list[Ruler],
    imagined: Mapping[str, Tensor],
    branches: Branches,
    seed: int,
) -> Reading:
    """Root of the mean square difference of untouched things / that of touched ones, imagined."""
    named = [(r, things(model.specs[r.head])) for r in rulers if r.kind == "vector"]
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
