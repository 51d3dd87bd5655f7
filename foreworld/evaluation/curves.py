"""Plots of the report: skill over the horizon, agreement of differences, losses of training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from foreworld.evaluation.imagination import Curve
from foreworld.evaluation.intervals import Interval

# Middle tones: they read on white paper and on black.
COLOURS = ("#3f7fe8", "#d9822b", "#2f9e6e", "#a45fd0", "#c9506b", "#7d8590")
LOSS_COLUMNS = 3
INK, GRID = "#858b96", "rgba(128, 132, 142, 0.22)"


def skill_figure(curve: Curve) -> go.Figure:
    """The skill of one key over the horizon, with its control; copying the last row is 0."""
    named = {
        "imagined": curve.skill,
        "on all pixels": curve.whole,
        "under strangers' actions": curve.shuffled,
        "the average picture": curve.average,
    }
    shown = {name: values for name, values in named.items() if values}
    figure = bands(shown)
    figure.add_hline(0, line={"color": INK, "width": 1, "dash": "dash"})
    figure.add_annotation(
        x=1, xref="paper", y=0, text="copying the last frame", showarrow=False, yanchor="bottom",
        xanchor="right", font={"size": 12, "color": INK},
    )  # fmt: skip
    lows = [i.low for values in shown.values() for i in values if not math.isnan(i.low)]
    lowest = min(lows, default=0.0)
    figure.update_yaxes(title="skill", range=[max(-1.0, min(-0.1, lowest - 0.05)), 1.02])
    return figure


def bands(named: Mapping[str, Sequence[Interval]]) -> go.Figure:
    """Lists of intervals over the steps 1 ... H as lines with a band."""
    figure = go.Figure()
    for (name, values), colour in zip(named.items(), cycle(COLOURS), strict=False):
        steps = list(range(1, len(values) + 1))
        figure.add_scatter(
            x=steps + steps[::-1],
            y=[i.high for i in values] + [i.low for i in reversed(values)],
            fill="toself", fillcolor=faint(colour), line={"width": 0}, hoverinfo="skip",
            showlegend=False, legendgroup=name,
        )  # fmt: skip
        figure.add_scatter(
            x=steps, y=[i.value for i in values], name=name, mode="lines+markers",
            line={"color": colour, "width": 2.4}, marker={"size": 5}, legendgroup=name,
            text=[str(i) for i in values], hovertemplate="%{text}",
        )  # fmt: skip
    return dressed(figure, "steps after the last one seen")


def loss_figure(metrics: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Every loss in the lines of `metrics.jsonl`, a small plot each: their units differ."""
    names = [k for k in dict.fromkeys(k for m in metrics for k in m) if k.startswith("loss/")]
    names = names or ["loss"]
    rows = -(-len(names) // LOSS_COLUMNS)
    figure = make_subplots(
        rows, LOSS_COLUMNS, subplot_titles=[name.removeprefix("loss/") for name in names],
        horizontal_spacing=0.08, vertical_spacing=0.32 / rows,
    )  # fmt: skip
    for place, name in enumerate(names):
        kept = [m for m in metrics if m.get(name) is not None]
        figure.add_scatter(
            x=[m["step"] for m in kept], y=[m[name] for m in kept], mode="lines", name=name,
            line={"color": COLOURS[0], "width": 1.6}, showlegend=False,
            row=place // LOSS_COLUMNS + 1, col=place % LOSS_COLUMNS + 1,
        )  # fmt: skip
    dressed(figure, None)
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_layout(height=150 * rows + 70, hovermode="closest", margin={"t": 32})
    return figure


def dressed(figure: go.Figure, x_title: str | None) -> go.Figure:
    """The look that all figures share."""
    figure.update_layout(
        height=360,
        margin={"l": 56, "r": 16, "t": 12, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        hovermode="x unified",
        hoverlabel={"bgcolor": "#22252c", "font": {"color": "#e8eaed"}},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(title=x_title, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    return figure


def faint(colour: str) -> str:
    """For bands under a line of that colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.16)"
