"""Results as columns and rows of text, for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Mapping

from foreworld.evaluation.control import Score
from foreworld.evaluation.imagination import Imagination
from foreworld.evaluation.intervals import Interval

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]  # columns, rows
MEASURES = {"success": "success", "returns": "return", "cost": "cost", "length": "steps"}


def skill_table(result: Imagination) -> Table:
    """A row a prediction, images first: skill at a few steps, error beside that of copying."""
    last = result.horizon
    steps = sorted({min(h, last) for h in (1, 5, 10, last)})
    columns = ("prediction", *(f"skill at {h}" for h in steps), f"error at {last}", "if copied")
    curves = sorted(result.curves.items(), key=lambda item: item[1].kind != "image")
    rows = [
        (
            key,
            *(c.skill[h - 1].brief for h in steps),
            f"{c.error[-1]:.3g}",
            f"{c.copy_error[-1]:.3g}",
        )
        for key, c in curves
    ]
    return columns, rows


def control_table(scores: Mapping[str, Score]) -> Table:
    """A row a policy; what none of them measured has no column."""
    shown = [k for k in MEASURES if any(getattr(s, k) is not None for s in scores.values())]
    columns = ("policy", *(MEASURES[k] for k in shown), "episodes", "solved at start", "seconds")
    rows = [
        (
            name,
            *(_cell(getattr(s, k)) for k in shown),
            str(s.episodes - s.solved_at_start),
            str(s.solved_at_start),
            f"{s.wall_s:.1f}",
        )
        for name, s in scores.items()
    ]
    return columns, rows


def _cell(interval: Interval | None) -> str:
    return "n/a" if interval is None else interval.brief
