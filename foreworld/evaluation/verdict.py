"""What the figures say, in words: a claim, its number with its interval, what it stands beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from foreworld.evaluation.control import Score
from foreworld.evaluation.counterfactual import Counterfactual
from foreworld.evaluation.imagination import Curve, Imagination
from foreworld.evaluation.intervals import Interval
from foreworld.evaluation.page import Line

Scores = Mapping[str, Mapping[str, Score]]  # task -> policy -> score, the policy in question first
FLOOR = ("random", "noop")  # what a policy has to beat to be called good


def verdict(
    imagination: Imagination | None = None,
    counterfactual: Counterfactual | None = None,
    control: Scores | None = None,
) -> list[Line]:
    """Lines in the order of the report; what was not measured is not spoken of."""
    lines = []
    if imagination:
        for key in imagination.images or list(imagination.curves)[:1]:
            lines.append(_skill(key, imagination.curves[key], imagination.episodes))
            lines += _controls(imagination.curves[key])
    if counterfactual:
        lines.append(_differences(counterfactual))
    lines += [_score(task, scores) for task, scores in (control or {}).items()]
    return lines


def better_than_copying(skill: Sequence[Interval]) -> list[int]:
    """The steps, from 1, at which the whole interval lies above copying."""
    return [h for h, i in enumerate(skill, 1) if (i.value if math.isnan(i.low) else i.low) > 0]


def _skill(key: str, curve: Curve, episodes: int) -> Line:
    horizon, better = len(curve.skill), better_than_copying(curve.skill)
    if len(better) == horizon:
        claim = f"beats copying the last one at every step up to {horizon}"
    else:
        claim = f"surely beats copying the last one at {len(better)} of {horizon} steps only"
    steps = sorted({1, min(5, horizon), min(10, horizon), horizon})
    numbers = ", ".join(f"{curve.skill[h - 1].brief} at {h}" for h in steps)
    where = " on changed pixels" if curve.kind == "image" else ""
    text = f"Imagined {key} {claim}: skill{where} {numbers} ({episodes} held-out episodes)."
    return Line(text, len(better) == horizon)


def _controls(curve: Curve) -> list[Line]:
    """What is left of the skill under others' actions, and what a picture without thought gets."""
    ours, horizon = curve.skill[-1], len(curve.skill)
    lines = []
    if curve.shuffled is not None:
        theirs = curve.shuffled[-1]
        listens = theirs.high < ours.low
        text = (
            f"Under the actions of other episodes that skill is {theirs.brief} at {horizon}: "
            f"the model {'listens' if listens else 'hardly listens'} to actions."
        )
        lines.append(Line(text, listens))
    if curve.average is not None:
        dull = curve.average[-1]
        text = f"The average picture, which knows nothing, has skill {dull.brief} at {horizon}."
        lines.append(Line(text, dull.high < ours.low))
    return lines


def _differences(result: Counterfactual) -> Line:
    last = {head: result.correlation[head][-1] for head in result.headline}
    told = [f"{head} {i.brief} ({i.n} starts)" for head, i in last.items() if i.n]
    if not told:
        return Line(
            f"None of the {len(result.pushes)} pushes made a difference: nothing to compare."
        )
    text = (
        f"Same start, {len(result.pushes)} pushes, {result.horizon} steps on: imagined and true "
        f"differences correlate: {', '.join(told)}."
    )
    return Line(text, all(i.low > 0 for i in last.values() if i.n))


def _score(task: str, scores: Mapping[str, Score]) -> Line:
    (name, ours), *others = scores.items()
    result = _main(ours)
    if math.isnan(result.value):
        return Line(f"{task}: every start was already solved, so nothing was measured.")
    claim = "succeeds" if ours.success else "returns"
    beside = ", ".join(f"{other} {_say(s)}" for other, s in others)
    left_out = f", {ours.solved_at_start} solved at the start left out" * bool(ours.solved_at_start)
    floor = [_main(s) for other, s in others if other in FLOOR]
    text = f"{task}: {name} {claim} {_say(ours)} ({result.n} held-out starts{left_out})"
    good = all(result.low > f.high for f in floor) if floor else None
    return Line(f"{text}; {beside}." if beside else f"{text}.", good)


def _main(score: Score) -> Interval:
    """Success where the world knows it, else the return."""
    main = score.success or score.returns
    assert main is not None, "a score has a success or a return"
    return main


def _say(score: Score) -> str:
    i = _main(score)
    return f"{i.value:.0%} [{i.low:.0%}, {i.high:.0%}]" if score.success else i.brief
