"""Is the model as uncertain as it is wrong? Futures drawn with its noise, or by several models.

    draws [n, M, H, D]   n futures of every window, as the model says they may be
    truth    [M, H, D]   what came: where the model is right, one more draw

A model without noise of its own, and alone, claims nothing that could be wrong: N/A.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from foreworld.evaluation import ensemble_scores as scores
from foreworld.evaluation.draws import SAME, Claims, claims_of, draw
from foreworld.evaluation.intervals import bootstrap
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.rulers import STILL, Sitting, sit
from foreworld.evaluation.subject import Subject

LEVELS = (0.5, 0.8, 0.95)
MOST = 10.0  # times what is claimed: more is as bad
NEAR = 5  # steps whose ranks are looked at for evenness
APART = 4  # ranks of a window that count as independent: other numbers, other steps

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
    "fair CRPS of the draws, of what it would be if one of them were the truth",
    "",
    1.0,
    3.0,
    0.4,
    ("copy_last", "over_confident"),
)
REWARD = Metric(
    "calibration.reward",
    "gap between claimed and true chance of more reward than usual (ECE)",
    "",
    0.0,
    0.5,
    0.1,
    ("reward_hacked", "optimistic"),
)
CONTINUE = Metric(
    "calibration.continue",
    "Brier score of the chance that the episode goes on, of that of the base rate",
    "",
    0.0,
    1.0,
    0.2,
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


def read(subject: Subject) -> list[Reading]:
    """On the windows of the protocol, with as many draws as it says or one of each model."""
    try:
        sitting = sit(subject)
    except ValueError as error:
        return unavailable(METRICS, str(error))
    drawn = draw(subject, sitting)
    claims = claims_of(subject, sitting, drawn)
    return [*_of_draws(claims), *_of_heads(subject, sitting, drawn)]


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
    """Coverage from all ranks; evenness from a few a window, for neighbours share
    their luck, and early ones: later on chaos makes all futures equally unlike each other."""
    n, rng = len(claims.draws), np.random.default_rng(claims.seed)
    where = scores.ranks(claims.draws, claims.truth, rng, SAME)
    open_MHD = np.asarray((np.abs(claims.draws - claims.truth) > SAME).max(0))
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
    picked = _few_a_window(where[:, :NEAR], open_MHD[:, :NEAR], rng)
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
    """By horizon too; against the ensemble of what came in other episodes in the details."""
    each, n = len(claims.truth) // claims.episodes, len(claims.draws)
    others = [np.roll(claims.truth, each * k, 0) for k in range(1, min(claims.episodes, n + 1))]
    if len(others) < 2 or n < 3:
        return Reading(CRPS, reason="it takes three draws and three episodes")
    ours, claimed, strangers = (
        np.maximum(claims.by_episode(scores.fair_crps(draws, truth)), SAME)
        for draws, truth in (
            (claims.draws[1:], claims.truth),
            (claims.draws[1:], claims.draws[0]),
            (np.stack(others), claims.truth),
        )
    )

    def ratio(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.minimum(x.sum((axis, -1)) / y.sum((axis, -1)), MOST)

    curve = tuple(
        bootstrap(ratio, [x[:, None], y[:, None]], claims.seed)
        for x, y in zip(ours.T, claimed.T, strict=True)
    )
    details = {"skill against other episodes": float(1 - ours.sum() / strangers.sum())}
    value = bootstrap(ratio, [ours, claimed], claims.seed)
    return Reading(CRPS, value, curve=curve, details=details)


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
    p, y = (x.reshape(episodes, -1).astype(float) for x in (claimed, came))
    place = np.minimum((p * scores.BINS).astype(int), scores.BINS - 1)
    gaps_EB = np.stack([((p - y) * (place == b)).mean(1) for b in range(scores.BINS)], 1)

    def error(gaps: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(gaps.mean(axis)).sum(-1)

    brier, base = np.square(claimed - came).mean(), came.mean() * (1 - came.mean())
    details = {"Brier": float(brier), "Brier of the base rate": float(base), "bins": vars(table)}
    return Reading(metric, bootstrap(error, [gaps_EB], seed), details=details)


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
