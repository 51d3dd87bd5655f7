"""How well the model foretells, step by step, next to what one can guess without a model.

    skill(h) = 1 - error of the imagined row h / error of the guess    (1: perfect)

Images count on pixels that truly changed, numbers in units of their own deviation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from foreworld.evaluation.ensemble_scores import kaplan_meier
from foreworld.evaluation.guesses import guesses
from foreworld.evaluation.intervals import Interval, bootstrap, bootstrap_mean, bootstrap_skill
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.rulers import NOTICED, Ruler, Sitting, sit, spec_of, things
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import Windows, held_out_windows

PER_EPISODE = 4  # training windows of each episode, for the nearest neighbour
IN_A_ROW = 3  # steps in a row no better than copying: the dream has failed
RARE = 4  # times as many windows where rare failures are looked for
MOVED = 1e-4  # of a deviation squared a number: where copying errs by less, nothing happened

MOVING = ("copy_last", "action_blind", "scrambled", "drifting")
_SAYS = "foretells {} better than copying what was last seen"
VECTORS = Metric("accuracy.vectors", _SAYS.format("numbers"), "", 1.0, 0.0, 0.1, MOVING)
IMAGES = Metric(
    "accuracy.images",
    _SAYS.format("pictures, where they change,"),
    "",
    1.0,
    0.0,
    0.2,
    ("copy_last", "scrambled"),
)
CLASSES = Metric("accuracy.classes", _SAYS.format("classes"), "", 1.0, 0.0, 0.05)
REWARD = Metric(
    "accuracy.reward",
    _SAYS.format("reward"),
    "",
    1.0,
    0.0,
    0.1,
    ("copy_last", "reward_hacked", "optimistic"),
)
THINGS = Metric(
    "accuracy.things",
    "foretells the thing that it foretells worst better than copying",
    "",
    1.0,
    0.0,
    0.15,
    ("copy_last", "action_blind", "off_by_one", "scrambled"),
)
GUESSES = Metric(
    "accuracy.guesses",
    "foretells better than the best guess without a model",
    "",
    1.0,
    0.0,
    0.1,
    ("copy_last", "action_blind", "scrambled", "drifting"),
)
HORIZON = Metric(
    "accuracy.horizon",
    "steps until half the dreams are no better than copying, of those foretold",
    "",
    1.0,
    0.0,
    0.1,
    ("copy_last",),
)
LOST = Metric(
    "accuracy.lost",
    "share of dreams that are at some step further off than what was last seen",
    "",
    0.0,
    1.0,
    0.02,
    ("copy_last", "teleporting"),
)
METRICS = (VECTORS, IMAGES, CLASSES, REWARD, THINGS, GUESSES, HORIZON, LOST)
KINDS = {"vector": VECTORS, "image": IMAGES, "discrete": CLASSES}
Errors = dict[str, np.ndarray]  # name of the model or a guess -> errors [E, H]


def read(subject: Subject) -> list[Reading]:
    """Skill by kind of head, against the best guess, and how long it lasts."""
    try:
        sitting = sit(subject)
    except ValueError as error:
        return unavailable(METRICS, str(error))
    training, seed = _training(subject), subject.protocol.seed
    imagined = sitting.imagine(sitting.windows.actions, list(sitting.rulers.values()))
    errors = {h: _errors(sitting, r, imagined[h], training) for h, r in sitting.rulers.items()}
    judged = {r.head: errors[r.head] for r in sitting.chief}
    return [
        *(
            _skill(metric, {h: errors[h] for h in _heads(sitting, metric)}, set(judged), seed)
            for metric in (*KINDS.values(), REWARD)
        ),
        _things(sitting, imagined, seed),
        _against_guesses(judged, seed),
        _horizon(sitting, imagined, subject),
        _lost(subject, sitting),
    ]


def _training(subject: Subject) -> Windows | None:
    p = subject.protocol
    try:
        return held_out_windows(subject.training, p.context, p.horizon, PER_EPISODE, p.seed)
    except ValueError:  # none, or all too short: then there is nothing to look for neighbours in
        return None


def _heads(sitting: Sitting, metric: Metric) -> list[str]:
    if metric is REWARD:
        return [h for h in sitting.rulers if h == "reward"]
    return [h for h, r in sitting.rulers.items() if KINDS[r.kind] is metric and h != "reward"]


def _errors(sitting: Sitting, ruler: Ruler, ours: Tensor, training: Windows | None) -> Errors:
    every = {"model": ours, **guesses(ruler, sitting.windows, training)}
    return {
        name: sitting.by_episode(sitting.errors({ruler.head: guess}, [ruler]))
        for name, guess in every.items()
    }


def _skill(metric: Metric, errors: dict[str, Errors], judged: set[str], seed: int) -> Reading:
    """Mean over the horizon of the skill against copying, of the heads of a kind that are judged
    by, or of all of them; each has its curves in the details.
    """
    if not errors:
        return Reading(metric, reason="the model has no such head whose truth is recorded")
    counted = [errors[h] for h in errors if h in judged] or list(errors.values())
    ours, copied = (_sum(counted, name) for name in ("model", "copy"))
    if not copied.any():
        return Reading(metric, reason="nothing that it foretells changes within the horizon")
    curves = {
        head: {name: _curve(e["model"], reference, seed) for name, reference in e.items()}
        for head, e in errors.items()
    }
    details = {
        head: {
            name: [i.to_json() for i in curve] for name, curve in rows.items() if name != "model"
        }
        for head, rows in curves.items()
    }
    return Reading(
        metric,
        mean_skill(ours, copied, seed),
        curve=tuple(_curve(ours, copied, seed)),
        details={"skill against": details},
    )


def mean_skill(ours: np.ndarray, reference: np.ndarray, seed: int) -> Interval:
    """Mean over horizons of 1 - sum(ours) / sum(reference), of errors [E, H].

    Horizons at which the reference never errs say nothing.
    """
    told = reference.any(0)

    def statistic(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        ratio = x.sum(axis) / np.maximum(y.sum(axis), 1e-12)
        return 1 - ratio.mean(-1)

    return bootstrap(statistic, [ours[:, told], reference[:, told]], seed)


def _curve(ours: np.ndarray, reference: np.ndarray, seed: int) -> list[Interval]:
    return [bootstrap_skill(x, y, seed) for x, y in zip(ours.T, reference.T, strict=True)]


def _sum(errors: Sequence[Errors], name: str) -> np.ndarray:
    return np.sum([e[name] for e in errors], 0)


def _things(sitting: Sitting, imagined: dict[str, Tensor], seed: int) -> Reading:
    """Skill of each named thing; a thing among several hides in the average of all."""
    skills = {}
    specs = sitting.model.specs
    for ruler in sitting.chief:
        future, last = (f(ruler.head) for f in (sitting.windows.future, sitting.windows.last_seen))
        for thing, numbers in things(spec_of(specs, ruler.head)).items():
            ours, copied = (
                sitting.by_episode(ruler.scaled(x - future)[..., numbers].square().sum(-1))
                for x in (imagined[ruler.head], last)
            )
            if copied.any():
                # Beside a thing that hardly moves, trembling would look like the worst of errors.
                least = NOTICED**2 * len(numbers) * sitting.windows.per_episode
                skills[thing] = mean_skill(ours, copied.clip(least), seed)
    if not skills:
        return Reading(THINGS, reason="no head names moving things, as in cup.x and cup.y")
    worst = min(skills, key=lambda thing: skills[thing].value)
    details = {"worst": worst, "skill": {k: v.to_json() for k, v in skills.items()}}
    return Reading(THINGS, skills[worst], details=details)


def _against_guesses(errors: dict[str, Errors], seed: int) -> Reading:
    """Against whichever guess errs least over the horizon."""
    names = set.intersection(*(set(e) for e in errors.values())) - {"model"}
    total = {name: _sum(list(errors.values()), name) for name in sorted(names)}
    best = min(total, key=lambda name: float(total[name].sum()))
    if not total[best].any():
        return Reading(GUESSES, reason=f"the guess {best!r} makes no error: too easy a world")
    ours = _sum(list(errors.values()), "model")
    skills = {name: bootstrap_skill(ours.sum(1), e.sum(1), seed) for name, e in total.items()}
    details = {"best": best, "skill against": {k: v.to_json() for k, v in skills.items()}}
    return Reading(
        GUESSES, skills[best], curve=tuple(_curve(ours, total[best], seed)), details=details
    )


def _lost(subject: Subject, sitting: Sitting) -> Reading:
    """Rare and total failures, which averages forgive; of more windows where numbers are judged."""
    if sitting.chief[0].kind == "vector":
        sitting = sit(subject, RARE)
    rulers, windows = sitting.chief, sitting.windows
    imagined = sitting.imagine(windows.actions, rulers)
    last = {r.head: windows.last_seen(r.head).expand_as(imagined[r.head]) for r in rulers}
    ours, copied = (sitting.errors(guess, rulers) for guess in (imagined, last))
    floor = MOVED * sum(int(r.live.sum()) for r in rulers)
    lost = (ours >= copied.clamp(min=floor)).any(1)
    share = sitting.by_episode(lost.float()) / windows.per_episode
    return Reading(LOST, bootstrap_mean(share), details={"windows": len(lost)})


def _horizon(sitting: Sitting, imagined: dict[str, Tensor], subject: Subject) -> Reading:
    """The median of the Kaplan-Meier curve over windows, resampled by episodes."""
    judged, windows = sitting.chief, sitting.windows
    copies = {r.head: windows.last_seen(r.head).expand_as(imagined[r.head]) for r in judged}
    ours, copied = (sitting.errors(guess, judged).numpy() for guess in (imagined, copies))
    floor = MOVED * sum(int(r.live.sum()) for r in judged)
    times, failed = failures(ours, copied, floor)
    by_episode = [x.reshape(windows.episodes, -1) for x in (times, failed)]
    horizon = windows.horizon

    def median(times: np.ndarray, failed: np.ndarray, axis: int) -> np.ndarray:
        rows = zip(times, failed, strict=True) if axis else [(times, failed)]
        lasting = [trusted(kaplan_meier(t.ravel(), f.ravel(), horizon)) for t, f in rows]
        return np.squeeze(np.array(lasting)) / horizon

    value = bootstrap(median, by_episode, subject.protocol.seed)
    survival = kaplan_meier(times, failed, horizon)
    steps = trusted(survival)
    alive_EH = (by_episode[0][..., None] > np.arange(horizon) + by_episode[1][..., None]).mean(1)
    rate = subject.rate_hz
    details = {
        "steps": steps,
        "at least": bool(steps == horizon),
        "seconds": rate and steps / rate,
        "survival": survival.tolist(),
        "windows": len(times),
    }
    return Reading(HORIZON, value, curve=tuple(map(bootstrap_mean, alive_EH.T)), details=details)


def failures(ours: np.ndarray, copied: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """When dreams fail, by errors [M, H]: at the first of `IN_A_ROW` steps no better than a copy.

    Returns steps [M], the last one watched where it never failed, and whether it did [M]. Where
    copying errs by less than `floor` nothing happened, and only an error larger than it counts.
    """
    lost = np.asarray(ours >= np.maximum(copied, floor))
    horizon = lost.shape[1]
    runs = np.lib.stride_tricks.sliding_window_view(lost, min(IN_A_ROW, horizon), axis=1).all(-1)
    failed = np.asarray(runs.max(1))
    return np.where(failed, runs.argmax(1) + 1, horizon), failed


def trusted(survival: np.ndarray) -> int:
    """Steps after which at least half the dreams live: the trust horizon."""
    return int((survival >= 0.5).sum())
