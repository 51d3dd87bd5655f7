"""Results as columns and rows of text, for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Mapping

from foreworld.evaluation.collapse import CollapsePanel
from foreworld.evaluation.control import Score
from foreworld.evaluation.imagination import Imagination
from foreworld.evaluation.intervals import Interval

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]  # columns, rows
Titled = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
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


def collapse_tables(panel: CollapsePanel) -> list[Titled]:
    """Titles and tables: how embeddings spread and predict, and what linear probes read."""
    numbers = {k.replace("_", " "): v for k, v in panel.watched.items()}
    numbers |= {f"skill over copying, {h} ahead": v for h, v in panel.skill.items()}
    spread = [(name, f"{value:.3g}") for name, value in numbers.items()]
    spread += [("alarm", alarm) for alarm in panel.alarms]
    columns = ("R2 of", "seen", "by fresh weights", f"imagined, {panel.horizon} ahead", "copied")
    rows = [
        (name, *(f"{r2:.3f}" for r2 in (p.known, p.fresh, p.imagined, p.copied)))
        for name, p in panel.probes.items()
    ]
    counted = f"{panel.windows} windows of {panel.episodes} held-out episodes"
    tables: list[Titled] = [(f"collapse panel, {counted}", ("", ""), spread)]
    return tables + ([("linear probes of the features", columns, rows)] if rows else [])


def _cell(interval: Interval | None) -> str:
    return "n/a" if interval is None else interval.brief
