"""Does the model do what it is told, all of it, and nothing when told nothing?

response      own actions foretell better than strangers', by as much as the two dreams differ
psnr          how many decibels closer pictures come under the true actions than under random ones
recovery      a linear reader, fitted on real steps, reads the actions off imagined ones
noop          left alone, nothing jumps and nothing drifts (`left_alone`)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.intervals import bootstrap, bootstrap_mean
from foreworld.evaluation.left_alone import DRIFT, JUMPS, drift, jumps
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.rulers import STILL, Ruler, Sitting, sit
from foreworld.evaluation.subject import NO_ACTIONS, Subject
from foreworld.policies import RandomPolicy
from foreworld.vocab import Spec

NEAR = 5  # steps within which an action has to show; later the sum of them hides a shift
PSNR_AT = 4  # the step that Genie reports (Bruce et al. 2024)
MOST_DB = 10.0  # a tenth of the error; beyond that pictures say nothing more
READABLE = 0.2  # R² on real steps from which a reader of actions is one
SAME = 1e-4  # of a deviation: numbers that differ by less are the same
BLOW = 3.0  # times the median change: larger ones, as in a collision, tell a reader no more
RIDGE = 1e-3  # of the variance

LISTENS = ("copy_last", "action_blind", "off_by_one", "scrambled")
RESPONSE = Metric(
    "controllability.response",
    "own actions foretell better than strangers' actions, by as much as the dreams differ",
    "",
    1.0,
    0.0,
    0.3,
    LISTENS,
)
PSNR = Metric(
    "controllability.psnr",
    f"gain in PSNR of true over random actions at step {PSNR_AT}, {MOST_DB:g} at most",
    "dB",
    MOST_DB,
    0.0,
    5.0,
    ("copy_last", "action_blind"),
)
RECOVERY = Metric(
    "controllability.recovery",
    "share of R² left when actions are read off imagined steps instead of real ones",
    "",
    1.0,
    0.0,
    0.2,
    LISTENS,
)
METRICS = (RESPONSE, PSNR, RECOVERY, JUMPS, DRIFT)


def read(subject: Subject) -> list[Reading]:
    """All of it on the windows of the protocol; the last metric needs snapshots."""
    if not subject.acts:
        return unavailable(METRICS, NO_ACTIONS)
    try:
        sitting = sit(subject)
    except ValueError as error:
        return unavailable(METRICS, str(error))
    own = sitting.imagine(sitting.windows.actions, sitting.chief)
    seed = subject.protocol.seed
    return [
        _response(sitting, own, seed),
        _psnr(sitting, seed),
        _recovery(sitting, own, seed),
        jumps(subject, sitting),
        drift(subject),
    ]


def _response(sitting: Sitting, own: dict[str, Tensor], seed: int) -> Reading:
    """(error under strangers' actions - under own) / the larger one, where the two dreams differ.

    1: right where the actions decide, 0: no difference, or one at random. Bounded for each window,
    for a collision that is missed would outweigh all others; near steps only, for the sum of many
    actions hides that they come one step late.
    """
    windows, judged = sitting.windows, sitting.chief
    if windows.episodes < 2:
        return Reading(RESPONSE, reason="one episode has no strangers")
    near = min(NEAR, windows.horizon)
    strange = sitting.imagine(windows.strangers_actions[:, :near], judged)
    own = {h: v[:, :near] for h, v in own.items()}
    ours, theirs = _where_apart(sitting, own, strange)
    gain = (theirs - ours) / torch.maximum(theirs, ours).clamp(min=STILL)
    gain_EH = sitting.by_episode(gain) / windows.per_episode
    whole = [float(sitting.errors(guess, judged).sum()) for guess in (strange, own)]
    shuffled = whole[0] / max(whole[1], STILL)
    return Reading(
        RESPONSE,
        bootstrap(lambda x, axis: x.mean((axis, -1)), [gain_EH], seed),
        curve=tuple(bootstrap_mean(column, seed) for column in gain_EH.T),
        details={"shuffled error / own error": shuffled, "steps": near},
    )


def _where_apart(
    sitting: Sitting, own: dict[str, Tensor], strange: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Errors [M, H] of both dreams, of those numbers only that differ between them."""
    ours, theirs = [], []
    for ruler in sitting.chief:
        mine, other = own[ruler.head], strange[ruler.head]
        future = sitting.windows.future(ruler.head)[:, : mine.shape[1]]
        apart = (mine - other).abs() > SAME * torch.where(
            torch.isfinite(ruler.scale), ruler.scale, 1.0
        )
        ours.append(ruler.errors(mine, future, apart))
        theirs.append(ruler.errors(other, future, apart))
    return torch.stack(ours).sum(0), torch.stack(theirs).sum(0)


def _psnr(sitting: Sitting, seed: int) -> Reading:
    images = [r for r in sitting.rulers.values() if r.kind == "image"]
    windows, spec = sitting.windows, sitting.model.specs["action"]
    if not images or windows.horizon < PSNR_AT:
        return Reading(PSNR, reason="the model foretells no pictures as far as that")
    try:
        chance = random_actions(spec, len(windows.actions), PSNR_AT, seed)
    except ValueError as error:
        return Reading(PSNR, reason=str(error))
    errors = []
    for actions in (windows.actions[:, :PSNR_AT], chance):
        seen = sitting.imagine(actions, images)
        wrong = [r.errors(seen[r.head], windows.future(r.head)[:, :PSNR_AT]) for r in images]
        errors.append(sitting.by_episode(torch.stack(wrong).sum(0)[:, -1]))
    if not errors[1].any():
        return Reading(PSNR, reason="pictures do not change, whatever is done")

    def decibels(own: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        own, other = (np.maximum(x.sum(axis), 1e-9) for x in (own, other))
        return np.minimum(10 * np.log10(other / own), MOST_DB)

    return Reading(PSNR, bootstrap(decibels, errors, seed))


def random_actions(spec: Spec, rows: int, steps: int, seed: int) -> Tensor:
    """Uniform actions [M, H, ...]. Raises ValueError for actions without bounds."""
    policy, several = RandomPolicy(spec, seed), {"is_first": np.zeros(rows, bool)}
    return torch.from_numpy(np.stack([policy.act(h, several)[1] for h in range(steps)], 1))


def _recovery(sitting: Sitting, own: dict[str, Tensor], seed: int) -> Reading:
    """R² over the actions of held-out windows, of imagined steps over that of real ones."""
    windows = sitting.windows
    if windows.horizon < 2:
        return Reading(RECOVERY, reason="it takes two imagined rows to see a step")
    truth = {r.head: windows.future(r.head) for r in sitting.chief}
    real, dreamt = (_steps(sitting.chief, rows, truth) for rows in (truth, own))
    told = _numbers(sitting.model.specs["action"], windows.actions[:, 1:])
    told_ETA = told.unflatten(0, (windows.episodes, -1)).flatten(1, 2)
    half = windows.episodes // 2
    if half < 1:
        return Reading(RECOVERY, reason="one episode: none left to fit the reader on")
    split = [x.unflatten(0, (windows.episodes, -1)).flatten(1, 2) for x in (real, dreamt)]
    size = ((told_ETA - told_ETA.mean((0, 1))) ** 2).sum((1, 2)).numpy()
    errors = np.zeros((2, windows.episodes))
    halves = (slice(None, half), slice(half, None))
    for fit, test in (halves, halves[::-1]):  # fitted on one half, read on the other
        reader = _fit(split[0][fit].flatten(0, 1), told_ETA[fit].flatten(0, 1))
        for which, steps in enumerate(split):
            read_ETA = (_one(steps[test]) @ reader).clamp(told.min(), told.max())
            errors[which, test] = ((read_ETA - told_ETA[test]) ** 2).sum((1, 2)).numpy()
    readable = 1 - errors[0].sum() / max(size.sum(), STILL)
    if readable < READABLE:
        reason = f"a linear reader does not find actions in real steps (R² {readable:.2f})"
        return Reading(RECOVERY, reason=reason)

    def statistic(real: np.ndarray, dreamt: np.ndarray, size: np.ndarray, axis: int) -> np.ndarray:
        real, dreamt, size = (x.sum(axis) for x in (real, dreamt, size))
        return (size - dreamt) / np.maximum(size - real, READABLE / 2 * size)

    value = bootstrap(statistic, [*errors, size], seed)
    return Reading(RECOVERY, value, details={"R² on real steps": float(readable)})


def _numbers(spec: Spec, actions: Tensor) -> Tensor:
    """Actions [M, T, ...] as numbers [M, T, A]: classes one-hot."""
    if spec.classes is None:
        return actions.double().flatten(2)
    parts = actions.long().reshape(*actions.shape[:2], -1).unbind(-1)
    hot = [torch.nn.functional.one_hot(p, n) for p, n in zip(parts, spec.classes, strict=True)]
    return torch.cat(hot, -1).double()


def _steps(rulers: list[Ruler], rows: dict[str, Tensor], truth: dict[str, Tensor]) -> Tensor:
    """What a reader sees of successive rows [M, H, ...]: where they are and how they change.

    Changes are limited by what is usual in truth, for one collision outweighs a hundred actions.
    """
    parts = []
    for ruler in rulers:
        x, real = (ruler.scaled(_coarse(ruler, r[ruler.head])).double() for r in (rows, truth))
        change, usual = x[:, 1:] - x[:, :-1], (real[:, 1:] - real[:, :-1]).abs()
        most = BLOW * usual.flatten(0, 1).median(0).values
        most = torch.where(most > 0, most, torch.inf)
        parts += [x[:, :-1], change.clamp(-most, most)]
    return torch.cat(parts, -1)


def _coarse(ruler: Ruler, x: Tensor) -> Tensor:
    """Pictures as 8 x 8: a linear reader cannot use more."""
    if ruler.kind != "image":
        return x
    frames = x.flatten(0, 1).movedim(-1, 1)
    return torch.nn.functional.adaptive_avg_pool2d(frames, 8).unflatten(0, x.shape[:2])


def _one(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones_like(x[..., :1])], -1)


def _fit(x: Tensor, y: Tensor) -> Tensor:
    """Ridge regression [D + 1, A] of y [N, A] on x [N, D]."""
    x = _one(x)
    square = x.mT @ x
    eye = torch.eye(len(square), dtype=x.dtype)
    return torch.linalg.solve(square + RIDGE * len(x) * eye, x.mT @ y)
