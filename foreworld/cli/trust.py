"""Examines a model: what it can be trusted with, how far, and what holds it back.

foreworld trust runs/demo
foreworld trust runs/demo --gate baseline.json
foreworld trust --compare runs/a runs/b
foreworld trust selftest

Writes report.json (the same bytes every time), cost.json and report.html to RUN/trust. --gate ends
with exit code 1 where a model is surely worse than an earlier report says, and names the metric and
the episode. selftest examines the simulator worn as a model, and spoiled copies of it: every fault
has to be found, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

if TYPE_CHECKING:
    from foreworld.evaluation.comparison import Comparison
    from foreworld.evaluation.subject import Subject
    from foreworld.evaluation.trust import Readings

SELFTEST = "selftest"


@dataclass(frozen=True)
class Args:
    run: Positional[str | None] = None  # directory of a trained run, or: selftest
    compare: tuple[Path, Path] | None = None  # two runs that were examined, or their report.json
    gate: Path | None = None  # an earlier report.json of the same data that must not be undercut
    episodes: int = 48  # held-out ones to look at, at most
    fast: bool = False  # a quarter of everything, for a look
    groups: tuple[str, ...] = ()  # only these: audit, accuracy, calibration, ...
    data: Path | None = None  # episodes to hold out; default: those the run kept from training
    seed: int = 0  # of windows, starts and noise (a million further on than training's)
    out: Path | None = None  # folder for the report; default: RUN/trust
    threads: int | None = None  # of the CPU; default: 2 where that is faster just now, else 1
    family: str | None = None  # module:Class of the model, where it is not in the catalog


def run(args: Args) -> dict[str, Any]:
    """Print what was found and write the report; returns it as data."""
    from foreworld.training.threads import keep_memory, set_threads

    if args.compare is not None:
        return _compare(*args.compare)
    if args.run is None:
        raise ValueError("what to examine? foreworld trust RUN, or: foreworld trust selftest")
    set_threads(args.threads)
    keep_memory()
    return _selftest(args) if args.run == SELFTEST else _examine(args)


def _examine(args: Args) -> dict[str, Any]:
    from foreworld.cli.examinee import subject_of
    from foreworld.evaluation.trust import GROUPS, examine
    from foreworld.evaluation.trust_page import write_page
    from foreworld.evaluation.trust_report import (
        cost_report,
        read_trust,
        trust_report,
        write_trust,
    )
    from foreworld.log import progress
    from foreworld.run import load

    assert args.run is not None
    wanted = _groups(args.groups)
    baseline = read_trust(args.gate) if args.gate else None  # a wrong path should not cost minutes
    opened = load(args.run, family=args.family)
    subject = subject_of(opened, args)
    with progress("examining", len(wanted) + 1) as advance:
        readings = examine(subject, wanted, lambda title: advance(1, title))
        foretold = _foretold(subject)
        advance(1, "the report")
    report, cost = trust_report(subject, readings, foretold), cost_report(readings)
    out = args.out or Path(args.run) / "trust"
    write_trust(out, report, cost)
    title = f"How far to trust {Path(args.run).name}"
    write_page(out / "report.html", title, subject, readings, foretold, report, cost)
    _say(readings, list(GROUPS))
    print(out / "report.html")
    if baseline is not None:
        _gate(baseline, report, args.gate)
    return report


def _foretold(subject: Subject) -> Any:
    """None where no held-out episode is long enough; the readings say so."""
    from foreworld.evaluation.worst import foretell_all

    try:
        return foretell_all(subject)
    except ValueError:
        return None


def _groups(wanted: tuple[str, ...]) -> list[str]:
    from foreworld.errors import unknown
    from foreworld.evaluation.trust import GROUPS

    for name in wanted:
        if name not in GROUPS:
            raise unknown("group of measurements", name, GROUPS)
    return [name for name in GROUPS if not wanted or name in wanted]


def _say(readings: Readings, order: list[str]) -> None:
    """Verdicts first, then every metric."""
    from foreworld.cli.tables import print_table
    from foreworld.evaluation.uses import USES, judge_uses

    rows = [(USES[v.use].title, v.light, _steps(v.horizon), v.why) for v in judge_uses(readings)]
    print_table("What it can be used for", ("use", "verdict", "holds for", "because"), rows)
    columns = ("metric", "value", "n", "perfect", "blind", "")
    lines: list[tuple[str, ...]] = []
    missing: dict[str | None, list[str]] = {}
    for r in (r for name in order for r in readings.get(name, ())):
        m, v = r.metric, r.value
        if v is None:
            missing.setdefault(r.reason, []).append(m.name)
        else:
            ends = (f"{m.perfect:g}", f"{m.blind:g}")
            lines.append((m.name, v.brief, str(v.n), *ends, "alarm" if r.alarm else ""))
    print_table("Every metric, between its ends", columns, lines)
    for reason, names in missing.items():
        print(f"N/A: {', '.join(names)}, because {reason}")


def _steps(horizon: int | None) -> str:
    return "" if horizon is None else f"{horizon} steps"


def _gate(baseline: Mapping[str, Any], report: Mapping[str, Any], name: Path | None) -> None:
    """Raises ValueError where the model is surely worse than the baseline."""
    from foreworld.evaluation.comparison import compare_reports

    comparison = compare_reports(baseline, report)
    _print_comparison(comparison)
    if comparison.worse:
        raise ValueError(f"worse than {name}: {'; '.join(comparison.worse)}")


def _compare(a: Path, b: Path) -> dict[str, Any]:
    from foreworld.evaluation.comparison import compare_reports
    from foreworld.evaluation.trust_report import read_trust

    comparison = compare_reports(read_trust(a), read_trust(b))
    _print_comparison(comparison)
    return comparison.to_json()


def _print_comparison(comparison: Comparison) -> None:
    from foreworld.cli.tables import print_table

    skills = [
        (d.head, f"{d.a:.3f}", f"{d.b:.3f}", d.change.brief, d.episode, "worse" * d.worse)
        for d in comparison.differences
    ]
    columns = ("head", "skill of A", "of B", "change, paired", "lost most in", "")
    print_table("The same episodes, foretold by both", columns, skills)
    shifts = [(s.metric, s.a.brief, s.b.brief, "worse" * s.worse) for s in comparison.shifts]
    print_table("Every metric of both", ("metric", "A", "B", ""), shifts)


def _selftest(args: Args) -> dict[str, Any]:
    """Raises ValueError where a cell of the matrix is wrong."""
    from foreworld.cli.matrix import print_matrix
    from foreworld.evaluation.selftest import ROWS, selftest
    from foreworld.log import progress

    with progress("examining spoiled simulators", len(ROWS)) as advance:
        matrix = selftest(fast=args.fast, seed=args.seed, tell=lambda name: advance(1, name))
    print_matrix(matrix)
    if matrix.wrong:
        raise ValueError(f"{len(matrix.wrong)} cells are wrong: {'; '.join(matrix.wrong)}")
    return matrix.to_json()
