"""The report of a run as one HTML file: verdict, films, curves, tables and provenance.

write_report("runs/demo/report.html", "demo", imagination=..., films=..., control=...)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foreworld.disk import write_whole
from foreworld.evaluation import page
from foreworld.evaluation.counterfactual import Counterfactual
from foreworld.evaluation.curves import bands, loss_figure, skill_figure
from foreworld.evaluation.futures import Film
from foreworld.evaluation.imagination import Imagination
from foreworld.evaluation.page import Line, Section
from foreworld.evaluation.provenance import provenance
from foreworld.evaluation.tables import control_table, skill_table
from foreworld.evaluation.verdict import Scores, verdict

FUTURES = (
    "The model sees a few real steps, then closes its eyes and imagines what the recorded actions "
    "lead to. None of these episodes was trained on."
)
FILMED = "Shown are the windows in which most happens, judged by the truth alone."
SKILL = (
    "Skill is 1 − squared error of the model ÷ squared error of copying the last frame, on pixels "
    "that truly changed. “On all pixels” charges also for what should have stayed as it was; the "
    "average picture shows how little it takes to beat a copy where things changed."
)
PUSHES = (
    "From one start, simulator and model both try every push; the simulator is put back each time. "
    "A model that does not listen to actions imagines no difference."
)
CONTROL = (
    "Every policy meets the same held-out starts; starts already solved do not count. "
    "Rates with Wilson intervals, means with bootstrap intervals, 95 %."
)


def write_report(
    path: str | Path,
    title: str,
    *,
    imagination: Imagination | None = None,
    films: Sequence[Film] = (),
    counterfactual: Counterfactual | None = None,
    pushes: Film | None = None,
    control: Scores | None = None,
    metrics: Sequence[Mapping[str, Any]] = (),
    protocol: Mapping[str, Any] | None = None,
    lines: Sequence[Line] | None = None,
) -> list[Line]:
    """Write the report, whole or not at all; returns the lines of its verdict.

    control: scores by task and policy. metrics: the lines of metrics.jsonl. protocol: settings and
    seeds for the appendix. lines: the verdict (None: made from the figures).
    """
    lines = verdict(imagination, counterfactual, control) if lines is None else lines
    source = provenance()
    sections = [
        _futures(imagination, films),
        _pushes(counterfactual, pushes),
        _control(control),
        _training(metrics),
        _appendix(source, protocol or {}),
    ]
    html = page.page(title, _meta(source), lines, [s for s in sections if s])
    write_whole(path, html)
    return list(lines)


def _futures(result: Imagination | None, films: Sequence[Film]) -> Section | None:
    if result is None and not films:
        return None
    alt = "true and imagined future, and their difference"
    blocks = [page.row([page.picture(film.moving, f"{alt}, moving") for film in films])]
    for film in films[:-1]:
        blocks.append(page.picture(film.strip, alt, wide=True))
    if films:
        blocks.append(page.picture(films[-1].strip, alt, FILMED, wide=True))
    if result is not None:
        caption = f"{SKILL} Bands: 95 % over {result.episodes} episodes."
        for key in result.images:
            blocks.append(page.plot(skill_figure(result.curves[key]), caption))
        blocks.append(page.table(*skill_table(result)))
    return Section("Imagined futures", FUTURES, blocks)


def _pushes(result: Counterfactual | None, film: Film | None) -> Section | None:
    if result is None:
        return None
    blocks = []
    if film:
        alt = "one start under several pushes, true and imagined"
        blocks.append(page.picture(film.moving, f"{alt}, moving"))
        blocks.append(page.picture(film.strip, alt, wide=True))
    figure = bands({head: result.correlation[head] for head in result.headline})
    figure.update_yaxes(title="correlation", range=[-0.3, 1.02])
    caption = (
        "Correlation of imagined and true differences between two pushes, per start, averaged over "
        f"{result.starts} starts; those where no push makes a difference drop out. Bands: 95 %."
    )
    blocks.append(page.plot(figure, caption))
    return Section("Same start, different pushes", PUSHES, blocks)


def _control(control: Scores | None) -> Section | None:
    if not control:
        return None
    blocks = []
    for task, scores in control.items():
        blocks += [page.heading(task), page.table(*control_table(scores), strong=0)]
    return Section("Acting in the world", CONTROL, blocks)


def _training(metrics: Sequence[Mapping[str, Any]]) -> Section | None:
    if not metrics:
        return None
    caption = "What the model is trained on, over gradient steps, each in its own unit."
    return Section("Training", "", [page.plot(loss_figure(metrics), caption)])


def _appendix(source: Mapping[str, Any], protocol: Mapping[str, Any]) -> Section:
    blocks = [page.facts(source), page.facts(protocol)]
    return Section("Where these numbers come from", "", blocks)


def _meta(source: Mapping[str, Any]) -> str:
    commit = source["commit"] and f"commit {source['commit'][:10]}{' +' if source['dirty'] else ''}"
    parts = (source["date"][:10], commit, source["machine"], f"torch {source['torch']}")
    return " · ".join(part for part in parts if part)
