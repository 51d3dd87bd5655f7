"""Is the model as uncertain as it is wrong? Futures drawn with its noise, or by several models.

    draws [n, M, H, D]   n futures of every window, as the model says they may be
    truth    [M, H, D]   what came: where the model is right, one more draw

A model without noise of its own, and alone, claims nothing that could be wrong: N/A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation import ensemble_scores as scores
from foreworld.evaluation.intervals import bootstrap
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.rulers import STILL, Ruler, Sitting, sit
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import believe
from foreworld.vocab import State, WorldModel

SAME = 1e-4  # of a deviation: closer than rounding tells apart
LEVELS = (0.5, 0.8, 0.95)
APART = 4  # ranks of a window that count as independent: other numbers, other steps
COARSE = 4  # pictures are judged as so many cells a side

OVER = Metric(
    "calibration.overconfidence",
    "how much too small the spread of draws is for the error of their mean",
    "",
    0.0,
    1.0,
    0.1,
    ("copy_last", "over_confident"),
)
UNDER = Metric(
    "calibration.underconfidence",
    "how much too large the spread of draws is for the error of their mean",
    "",
    0.0,
    1.0,
    0.1,
    ("under_confident",),
)
COVERAGE = Metric(
    "calibration.coverage",
    "how far the share of truths within the draws' central intervals is from what it should be",
    "",
    0.0,
    0.8,
    0.1,
    ("copy_last", "over_confident", "under_confident"),
)
RANKS = Metric(
    "calibration.ranks",
    "how uneven the truth's ranks among the draws are: chi2 beyond chance, of its largest",
    "",
    0.0,
    1.0,
    0.01,
    ("copy_last", "over_confident", "under_confident"),
)
CRPS = Metric(
    "calibration.crps",
    "fair CRPS of the draws beside that of futures of other windows",
    "",
    1.0,
    0.0,
    0.2,
    ("copy_last", "scrambled"),
)
REWARD = Metric(
    "calibration.reward",
    "gap between claimed and true chance of more reward than usual (ECE)",
    "",
    0.0,
    0.5,
    0.1,
    ("reward_hacked",),
)
CONTINUE = Metric(
    "calibration.continue",
    "Brier score of the chance that the episode goes on, of that of the base rate",
    "",
    0.0,
    1.0,
    0.2,
    ("optimistic",),
)
KNOWING = Metric(
    "calibration.risk_coverage",
    "how much is gained by leaving uncertain futures out, of what the model claims would be",
    "",
    1.0,
    0.0,
    0.5,
)
METRICS = (OVER, UNDER, COVERAGE, RANKS, CRPS, REWARD, CONTINUE, KNOWING)
OF_DRAWS = (OVER, UNDER, COVERAGE, RANKS, CRPS, KNOWING)


@dataclass(frozen=True, eq=False)
class Claims:
    """Draws [n, M, H, D] and truth [M, H, D] in deviations; D: the numbers that vary at all."""

    draws: np.ndarray
    truth: np.ndarray
    episodes: int
    seed: int

    def by_episode(self, x: np.ndarray) -> np.ndarray:
        """Means over windows and numbers of [M, H, D]: [E, H]."""
        return x.reshape(self.episodes, -1, *x.shape[1:]).mean((1, 3))


def read(subject: Subject) -> list[Reading]:
    """On the windows of the protocol, with as many draws as it says or one of each model."""
    try:
        sitting = sit(subject)
    except ValueError as error:
        return unavailable(METRICS, str(error))
    drawn = draw(subject, sitting)
    claims = _claims(subject, sitting, drawn)
    return [*_of_draws(claims), *_of_heads(subject, sitting, drawn)]


def heads_of(sitting: Sitting) -> list[Ruler]:
    """What is drawn: things, vectors or pictures, and the reward."""
    reward = [r for r in sitting.rulers.values() if r.head == "reward"]
    return [*(r for r in sitting.chief if r.head != "reward"), *reward]


@torch.no_grad()
def draw(subject: Subject, sitting: Sitting) -> dict[str, Tensor]:
    """Futures [n, M, H, ...] of each head, pictures coarse, and "continue" where it is foretold.

    n: the protocol's draws of one model, or as many shared among the models of an ensemble.
    """
    models, p = [subject.model, *subject.ensemble], subject.protocol
    each = max(1, p.draws // len(models)) if sitting_noise(subject.model) else 1
    parts = []
    for number, model in enumerate(models):
        state = sitting.state if number == 0 else believe(model, sitting.windows.seen)
        for k in range(each):
            parts.append(_one_future(model, state, sitting, p.seed + 1 + number * each + k))
    return {head: torch.stack([part[head] for part in parts]) for head in parts[0]}


def sitting_noise(model: WorldModel) -> bool:
    """Whether the model has chance in it at all."""
    return model.noise(1, 1, 0).numel() > 0


def _one_future(model: WorldModel, state: State, sitting: Sitting, seed: int) -> dict[str, Tensor]:
    windows, rulers = sitting.windows, heads_of(sitting)
    rows = len(windows.actions)
    noise = model.noise(rows, windows.horizon, seed)
    generator = torch.Generator().manual_seed(seed)
    heads = [r.head for r in rulers] + ["continue"] * ("continue" in model.heads)
    steps: dict[str, list[Tensor]] = {head: [] for head in heads}
    for h in range(windows.horizon):
        state = model.imagine(state, windows.actions[:, h].to(model.device), noise[:, h])
        said = model.predict(state, heads)
        for ruler in rulers:
            # The head's own doubt is part of the claim, where it has one (a Normal).
            mean = said[ruler.head].mean
            chance = torch.randn(mean.shape, generator=generator).to(mean)
            value = said[ruler.head].sample(chance) if ruler.kind == "vector" else mean
            steps[ruler.head].append(_coarse(ruler, value.cpu()))
        if "continue" in heads:
            steps["continue"].append(said["continue"].mean.cpu())
    return {head: torch.stack(rows, 1) for head, rows in steps.items()}


def _coarse(ruler: Ruler, x: Tensor) -> Tensor:
    """Pictures [M, h, w, c] as a few cells [M, c, 4, 4]: neighbouring pixels say the same."""
    if ruler.kind != "image":
        return x
    return torch.nn.functional.adaptive_avg_pool2d(x.movedim(-1, 1), COARSE)


def _claims(subject: Subject, sitting: Sitting, drawn: dict[str, Tensor]) -> Claims | str:
    """What is claimed of things, vectors or pictures; or why nothing is."""
    if not sitting_noise(subject.model) and not subject.ensemble:
        return "the model has no chance in it and stands alone: it claims no uncertainty"
    judged = [r for r in sitting.chief if r.kind != "discrete" and r.head != "reward"]
    if not judged:
        return "the model foretells neither numbers nor pictures"
    draws, truth = [], []
    for ruler in judged:
        future = sitting.windows.future(ruler.head)
        came = torch.stack([_coarse(ruler, x) for x in future.unbind(1)], 1)
        scale = came.flatten(0, 1).double().std(0)
        live = (scale > STILL).flatten()
        scale = scale.flatten()[live]
        truth.append(came.double().flatten(2)[..., live] / scale)
        draws.append(drawn[ruler.head].double().flatten(3)[..., live] / scale)
    windows = sitting.windows
    draws_nMHD, truth_MHD = torch.cat(draws, -1).numpy(), torch.cat(truth, -1).numpy()
    if np.abs(draws_nMHD - truth_MHD).max() < SAME:
        return "every draw is the truth itself: in this world nothing is uncertain"
    return Claims(draws_nMHD, truth_MHD, windows.episodes, subject.protocol.seed)


def _of_draws(claims: Claims | str) -> list[Reading]:
    if isinstance(claims, str):
        return unavailable(OF_DRAWS, claims)
    return [*_spread(claims), *_ranks(claims), _crps(claims), _knowing(claims)]


def _spread(claims: Claims) -> list[Reading]:
    """Spread / error: their ratio r by horizon; 1 - r is overconfidence, 1 - 1/r the opposite."""
    var, square = (
        claims.by_episode(x) for x in scores.spread_and_error(claims.draws, claims.truth)
    )
    var, square = np.maximum(var, SAME**2), np.maximum(square, SAME**2)

    def too_small(spread: np.ndarray, error: np.ndarray, axis: int) -> np.ndarray:
        sums = spread.sum((axis, -1)), error.sum((axis, -1))
        return np.clip(1 - np.sqrt(sums[0] / sums[1]), 0, 1)

    ratio = float(np.sqrt(var.sum() / square.sum()))
    by_step = np.sqrt(var.sum(0) / square.sum(0)).tolist()
    details = {"spread / error": ratio, "by step": by_step, "draws": len(claims.draws)}
    columns = {OVER: [var, square], UNDER: [square, var]}
    return [
        Reading(metric, bootstrap(too_small, pair, claims.seed), details=details)
        for metric, pair in columns.items()
    ]


def _ranks(claims: Claims) -> list[Reading]:
    """Coverage from all ranks; evenness from a few a window, for neighbours share their luck."""
    n, rng = len(claims.draws), np.random.default_rng(claims.seed)
    where = scores.ranks(claims.draws, claims.truth, rng, SAME)
    open_MHD = (np.abs(claims.draws - claims.truth) > SAME).any(0)
    rates, expected, curves = [], [], {}
    for level in LEVELS:
        k, share = scores.central(level, n)
        inside = np.where(open_MHD, (where >= k) & (where <= n - k), np.nan)
        by_episode = np.nanmean(inside.reshape(claims.episodes, -1), 1)
        rates.append(by_episode[~np.isnan(by_episode)])
        expected.append(share)
        curves[f"{level:.0%}"] = {
            "expected": share,
            "found": float(np.nanmean(inside)),
            "by step": [_mean(inside[:, h]) for h in range(inside.shape[1])],
        }
    coverage = bootstrap(
        lambda *x, axis: np.max(
            [np.abs(r.mean(axis) - s) for r, s in zip(x, expected, strict=True)], 0
        ),
        rates,
        claims.seed,
    )
    picked = _few_a_window(where, open_MHD, rng)
    value, p_value = scores.unevenness(picked, n)
    histogram = np.bincount(where[open_MHD], minlength=n + 1) / open_MHD.sum()
    details = {"histogram": histogram.tolist(), "p": p_value, "ranks": len(picked)}
    return [Reading(COVERAGE, coverage, details=curves), Reading(RANKS, value, details=details)]


def _mean(x: np.ndarray) -> float | None:
    return None if np.isnan(x).all() else float(np.nanmean(x))


def _few_a_window(where: np.ndarray, counted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A few ranks of each window: all of them would be far from independent."""
    rows = []
    for ranks, wanted in zip(*(x.reshape(len(x), -1) for x in (where, counted)), strict=True):
        there = np.flatnonzero(wanted)
        rows.append(ranks[rng.choice(there, min(APART, len(there)), replace=False)])
    return np.concatenate(rows)


def _crps(claims: Claims) -> Reading:
    """1 - fair CRPS / that of an ensemble of what came in the windows of other episodes."""
    each = len(claims.truth) // claims.episodes
    others = [
        np.roll(claims.truth, each * k, 0)
        for k in range(1, min(claims.episodes, len(claims.draws) + 1))
    ]
    if len(others) < 2 or len(claims.draws) < 2:
        return Reading(CRPS, reason="it takes two draws and three episodes")
    ours, theirs = (
        claims.by_episode(scores.fair_crps(draws, claims.truth))
        for draws in (claims.draws, np.stack(others))
    )

    def skill(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return 1 - (x.sum(axis) / y.sum(axis)).mean(-1)

    curve = tuple(
        bootstrap(skill, [ours[:, h : h + 1], theirs[:, h : h + 1]], claims.seed)
        for h in range(ours.shape[1])
    )
    return Reading(CRPS, bootstrap(skill, [ours, theirs], claims.seed), curve=curve)


def _knowing(claims: Claims) -> Reading:
    """Gain of keeping certain windows first, over that when one of the draws is the truth."""
    if len(claims.draws) < 3:
        return Reading(KNOWING, reason="it takes three draws, one of them to play the truth")
    error, claimed = (
        scores.spread_and_error(claims.draws[1:], truth)
        for truth in (claims.truth, claims.draws[0])
    )
    spread, wrong, wanted = (x.mean((1, 2)) for x in (*error, claimed[1]))
    if wanted.max() < SAME**2:
        return Reading(KNOWING, reason="the model claims no uncertainty anywhere")
    gains = _gain(spread, wanted)
    if gains < 0.05:
        return Reading(KNOWING, reason="the model claims to be as uncertain everywhere")
    columns = [x.reshape(claims.episodes, -1) for x in (spread, wrong)]

    def share(spread: np.ndarray, wrong: np.ndarray, axis: int) -> np.ndarray:
        rows = zip(spread, wrong, strict=True) if axis else [(spread, wrong)]
        return np.squeeze(np.array([_gain(s.ravel(), w.ravel()) for s, w in rows]) / gains)

    curve = scores.retained_error(spread, wrong).tolist()
    return Reading(
        KNOWING,
        bootstrap(share, columns, claims.seed),
        details={"error of the most certain": curve, "gain claimed": gains},
    )


def _gain(spread: np.ndarray, wrong: np.ndarray) -> float:
    """1 - mean of the risk-coverage curve / the error of all."""
    return 1 - float(scores.retained_error(spread, wrong).mean() / max(wrong.mean(), STILL))


def _of_heads(subject: Subject, sitting: Sitting, drawn: dict[str, Tensor]) -> list[Reading]:
    return [
        _reward(sitting, drawn, subject.protocol.seed),
        _continue(sitting, drawn, subject.protocol.seed),
    ]


def _reward(sitting: Sitting, drawn: dict[str, Tensor], seed: int) -> Reading:
    if "reward" not in drawn:
        return Reading(REWARD, reason="the model foretells no reward")
    truth = sitting.windows.future("reward")
    if float(truth.std()) < STILL:
        return Reading(REWARD, reason="the reward is the same throughout")
    usual = truth.median()
    claimed, came = (drawn["reward"] > usual).float().mean(0).numpy(), (truth > usual).numpy()
    return _reliability(REWARD, claimed, came, sitting.windows.episodes, seed)


def _reliability(
    metric: Metric, claimed: np.ndarray, came: np.ndarray, episodes: int, seed: int
) -> Reading:
    """Expected calibration error of probabilities [M, H], and the Brier score in the details."""
    table = scores.reliability(claimed.ravel(), came.ravel())
    columns = [x.reshape(episodes, -1).astype(float) for x in (claimed, came)]

    def error(claimed: np.ndarray, came: np.ndarray, axis: int) -> np.ndarray:
        rows = zip(claimed, came, strict=True) if axis else [(claimed, came)]
        return np.squeeze([scores.reliability(p.ravel(), y.ravel()).error for p, y in rows])

    brier, base = np.square(claimed - came).mean(), came.mean() * (1 - came.mean())
    details = {"Brier": float(brier), "Brier of the base rate": float(base), "bins": vars(table)}
    return Reading(metric, bootstrap(error, columns, seed), details=details)


def _continue(sitting: Sitting, drawn: dict[str, Tensor], seed: int) -> Reading:
    if "continue" not in drawn:
        return Reading(CONTINUE, reason="the model does not foretell whether episodes go on")
    windows = sitting.windows
    ended = windows.batch["is_terminal"][:, windows.context :]
    if not ended.any():
        return Reading(CONTINUE, reason="the world ends in none of the windows")
    claimed, goes_on = drawn["continue"].mean(0).numpy(), (~ended).numpy()
    table = scores.reliability(claimed.ravel(), goes_on.ravel())
    wrong = np.square(claimed - goes_on).reshape(windows.episodes, -1).mean(1)
    rate = goes_on.mean()
    base = np.full(windows.episodes, rate * (1 - rate))
    value = bootstrap(lambda x, y, axis: x.sum(axis) / y.sum(axis), [wrong, base], seed)
    return Reading(CONTINUE, value, details={"bins": vars(table), "ECE": table.error})
