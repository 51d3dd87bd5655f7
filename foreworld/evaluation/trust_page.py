"""The trust report as one HTML file: lights first, then where every metric stands, then the films.

blind ├────────────●━━◆━━●────┤ perfect      a metric: its value and interval between its ends
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from foreworld.disk import write_whole
from foreworld.evaluation import film, page
from foreworld.evaluation.curves import COLOURS, INK, bands, dressed
from foreworld.evaluation.futures import eventful_windows, film_futures
from foreworld.evaluation.metric import Reading
from foreworld.evaluation.page import Section
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.trust import GROUPS, Readings
from foreworld.evaluation.trust_report import scope_in_words
from foreworld.evaluation.uses import USES, Verdict, judge_uses
from foreworld.evaluation.worst import Foretold

ENDS = (
    "Each line runs from what a model gets that listens to nothing (left) to what the simulator "
    "itself gets (right); the bar is the 95 % interval over episodes. The pale stretch at the "
    "right is as good as perfect."
)
FILMS = "The windows in which most happens, judged by the truth alone."
WORST = (
    "One window of each of the twelve held-out episodes in which the imagined future was most "
    "wrong: where to look first."
)
COUNT = 12
FRAME_PX = 76


def write_page(
    path: str | Path,
    title: str,
    subject: Subject,
    readings: Readings,
    foretold: Foretold | None,
    report: Mapping[str, Any],
    cost: Mapping[str, Any],
) -> None:
    """Write the page, whole or not at all."""
    sections = [
        Section("What it can be used for", scope_in_words(report["scope"]), [_cards(readings)]),
        Section("Between blind and perfect", ENDS, _ends(readings)),
        *_curves(readings),
        *_films(subject, foretold),
        *_worst(foretold),
        _unmeasured(readings),
        _appendix(report, cost),
    ]
    html = page.page(title, _meta(report), [], [s for s in sections if s.blocks])
    write_whole(path, html)


def _cards(readings: Readings) -> str:
    return f'<div class="cards">{"".join(_card(v) for v in judge_uses(readings))}</div>'


def _card(verdict: Verdict) -> str:
    use = USES[verdict.use]
    far = f"holds for {verdict.horizon} steps" if verdict.horizon is not None else ""
    binding = f"<b>{escape(verdict.binding)}</b> decides. " if verdict.binding else ""
    return (
        f'<div class="card {verdict.light}"><div class="light">{verdict.light}</div>'
        f"<h3>{escape(use.title)}</h3><p>{escape(use.says)}</p>"
        f'<p class="far">{escape(far)}</p><p class="why">{binding}{escape(verdict.why)}.</p></div>'
    )


def _ends(readings: Readings) -> list[str]:
    """A heading a group and a line a metric that was measured."""
    blocks = []
    for name, group in readings.items():
        measured = [r for r in group if r.value is not None]
        if measured and not GROUPS[name].timed:
            lines = "".join(_line(r) for r in measured)
            says = f'<p class="lead">{escape(GROUPS[name].says)}</p>'
            blocks += [page.heading(GROUPS[name].title), says, f'<div class="ends">{lines}</div>']
    return blocks


def _line(reading: Reading) -> str:
    metric, value = reading.metric, reading.value
    assert value is not None
    low, at, high = (
        100 * metric.grade(v if v == v else value.value)
        for v in (value.low, value.value, value.high)
    )
    left, width = min(low, high), max(abs(high - low), 0.6)
    good = 100 * (1 - metric.tolerance / abs(metric.perfect - metric.blind))
    state = "alarm" if reading.alarm else "fine"
    ends = f"blind {metric.blind:g} · perfect {metric.perfect:g}{metric.unit and ' ' + metric.unit}"
    return (
        f'<div class="end {state}"><div class="name" title="{escape(ends)}">{escape(metric.name)}'
        f"<small>{escape(metric.says)}</small></div>"
        f'<div class="rule"><i class="ok" style="left:{max(0.0, good):.1f}%"></i>'
        f'<i class="bar" style="left:{left:.1f}%;width:{width:.1f}%"></i>'
        f'<i class="dot" style="left:{at:.1f}%"></i></div>'
        f'<div class="value">{escape(value.brief)}<small>n = {value.n}</small></div></div>'
    )


def _curves(readings: Readings) -> list[Section]:
    blocks = []
    for group in readings.values():
        for reading in group:
            if len(reading.curve) > 1:
                blocks.append(page.plot(_curve(reading), reading.metric.says))
    if not blocks:
        return []
    lead = "Lines are means over episodes, bands 95 % intervals; dashed: perfect and blind."
    return [Section("Over the horizon", lead, [f'<div class="grid">{"".join(blocks)}</div>'])]


def _curve(reading: Reading) -> go.Figure:
    metric = reading.metric
    figure = bands({metric.name: reading.curve})
    for end, name in ((metric.perfect, "perfect"), (metric.blind, "blind")):
        figure.add_hline(end, line={"color": INK, "width": 1, "dash": "dash"})
        figure.add_annotation(
            x=1, xref="paper", y=end, text=name, showarrow=False, yanchor="bottom",
            xanchor="right", font={"size": 11, "color": INK},
        )  # fmt: skip
    figure.update_layout(height=280, title={"text": metric.name, "font": {"size": 13}, "x": 0.02})
    figure.update_layout(showlegend=False, margin={"t": 36})
    return figure


def _films(subject: Subject, foretold: Foretold | None) -> list[Section]:
    if foretold is None or not _is_picture(foretold):
        return []
    key, p = foretold.headline, subject.protocol
    windows = eventful_windows(subject.held_out, key, p.context, p.horizon, 3, p.seed)
    films = film_futures(subject.model, windows, key)
    alt = "true and imagined future, and their difference"
    moving = page.row([page.picture(f.moving, f"{alt}, moving") for f in films])
    strips = [page.picture(f.strip, alt, wide=True) for f in films]
    return [Section("Imagined futures", FILMS, [moving, *strips])]


def _worst(foretold: Foretold | None) -> list[Section]:
    if foretold is None:
        return []
    rows = foretold.worst(COUNT)
    if not _is_picture(foretold):
        return [Section("The worst episodes", WORST, [page.plot(_traces(foretold, rows))])]
    blocks = [
        page.picture(_strip(foretold, row), "true and imagined", _caption(foretold, row))
        for row in rows
    ]
    return [Section("The worst episodes", WORST, [f'<div class="grid">{"".join(blocks)}</div>'])]


def _strip(foretold: Foretold, row: int) -> bytes:
    """Truth, imagination and their difference at a few steps of one window."""
    key = foretold.headline
    truth, ours = foretold.windows.future(key)[row], foretold.imagined[key][row]
    steps = sorted({round(s) for s in np.linspace(0, len(truth) - 1, 6)})
    truth, ours = truth[steps], ours[steps]
    films = {"true": truth, "imagined": ours, "difference": film.difference(truth, ours)}
    return film.png(film.strip(films, [f"+{s + 1}" for s in steps], FRAME_PX))


def _caption(foretold: Foretold, row: int) -> str:
    error, copied = foretold.errors[foretold.headline][row]
    name = foretold.names[row // foretold.windows.per_episode]
    share = f", {error / copied:.2f} of copying's" if copied > 0 else ""
    return f"episode {name}: squared error {error:.3g}{share}"


def _traces(foretold: Foretold, rows: Sequence[int]) -> go.Figure:
    """The number that each window got most wrong, as it came and as it was imagined."""
    key, columns = foretold.headline, 3
    titles = [foretold.names[r // foretold.windows.per_episode] for r in rows]
    figure = make_subplots(-(-len(rows) // columns), columns, subplot_titles=titles)
    for place, row in enumerate(rows):
        pair = foretold.windows.future(key)[row], foretold.imagined[key][row]
        truth, ours = (x.reshape(len(x), -1) for x in pair)
        most = int((truth - ours).square().sum(0).argmax())
        for name, values, colour in (("true", truth, INK), ("imagined", ours, COLOURS[0])):
            figure.add_scatter(
                x=list(range(1, len(values) + 1)), y=values[:, most].tolist(), name=name,
                line={"color": colour, "width": 2}, mode="lines", showlegend=place == 0,
                legendgroup=name, row=place // columns + 1, col=place % columns + 1,
            )  # fmt: skip
    dressed(figure, None)
    figure.update_annotations(font={"size": 11, "color": INK})
    figure.update_layout(height=150 * -(-len(rows) // columns) + 60)
    return figure


def _is_picture(foretold: Foretold) -> bool:
    return foretold.imagined[foretold.headline].ndim == 5


def _unmeasured(readings: Readings) -> Section:
    rows = [
        (r.metric.name, r.reason or "")
        for group in readings.values()
        for r in group
        if r.value is None
    ]
    block = [page.table(("metric", "N/A because"), rows)] if rows else []
    return Section("Not measured", "What is not known is not zero.", block)


def _appendix(report: Mapping[str, Any], cost: Mapping[str, Any]) -> Section:
    groups = cost["groups"].values()
    timed = {r["metric"]["name"]: _timed(r) for group in groups for r in group}
    blocks = [
        page.facts({f"{k} hash": v for k, v in report["hashes"].items()}),
        page.facts(report["protocol"]),
        page.facts(timed),
        page.facts(cost["provenance"]),
    ]
    return Section("Where these numbers come from", "", blocks)


def _timed(reading: Mapping[str, Any]) -> str:
    if reading["value"] is None:
        return f"N/A because {reading['reason']}"
    return f"{reading['value']['value']:.4g} {reading['metric']['unit']}"


def _meta(report: Mapping[str, Any]) -> str:
    model, hashes = report["model"], report["hashes"]
    size = f"{model['parameters'] / 1e6:.2f} M weights" if model["parameters"] else "no weights"
    counted = f"{report['scope']['episodes']} held-out episodes"
    return " · ".join((model["family"], size, counted, f"model {hashes['model']}"))
