"""Several models that learned alike, as one table and one page: what they return, how far they see.

document = {"asked": settings, "models": {name: {"training": …, "acting": …, "dreaming": …}}, …}

The parts are what `foreworld compare` keeps: counts of training, scores as `foreworld evaluate`
gives them with the model's own policy first, and readings of accuracy as `foreworld trust` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from foreworld.disk import write_whole
from foreworld.evaluation import page
from foreworld.evaluation.curves import COLOURS, INK, dressed, faint
from foreworld.evaluation.intervals import Interval
from foreworld.evaluation.page import Section
from foreworld.evaluation.tables import Table

HORIZON = "accuracy.horizon"
SKILLS = {"accuracy.vectors": "numbers", "accuracy.images": "pictures", "accuracy.reward": "reward"}
LEAD = (
    "One store, one budget, the same held-out starts and episodes for all. Left: what each gets in "
    "the world, beside the baselines. Right: the share of dreams that are still better than "
    "copying what was last seen; where it falls below a half, the trust horizon ends."
)
ONLINE = (
    "The same budget, starts and examination for all; each explored the world for itself. Left: "
    "what each gets in the world, beside the baselines. Right: the share of dreams that are still "
    "better than copying what was last seen, on episodes that none has met; where it falls below a "
    "half, the trust horizon ends."
)
Document = Mapping[str, Any]


def side_by_side(document: Document) -> Table:
    """A row a model, then the baselines; "n/a" where something could not be measured."""
    models = document["models"]
    heads = [s for s in SKILLS if any(_reading(m, s) for m in models.values())]
    columns = (
        "model", "M weights", "updates", "CPU s", "acts by", _measure(document),
        "trust horizon", *(f"skill: {SKILLS[s]}" for s in heads),
    )  # fmt: skip
    rows = []
    for name, model in models.items():
        training, (policy, value) = model["training"], _own(model, _measure(document))
        rows.append(
            (
                name,
                f"{training['weights'] / 1e6:.3g}",
                f"{training['updates']:,}",
                "n/a" if training["cpu_s"] is None else f"{training['cpu_s']:.3g}",
                policy,
                _brief(value),
                _steps(model),
                *(_brief(_reading(model, s)) for s in heads),
            )
        )
    blank = [""] * (len(columns) - 6)
    for name, value in _baselines(document).items():
        rows.append((name, "", "", "", "", _brief(value), *blank))
    return columns, rows


def write_page(path: str | Path, document: Document) -> None:
    """Write the page, whole or not at all."""
    models, asked = document["models"], document["asked"]
    reasons = [
        (name, part, facts["reason"])
        for name, model in models.items()
        for part, facts in model.items()
        if "reason" in facts
    ]
    lead = ONLINE if asked["online"] else LEAD
    caption = "Points and lines are means, bars and bands 95 % intervals over episodes."
    blocks = [page.plot(_figure(document), caption), page.table(*side_by_side(document))]
    sections = [Section("Returns and trust", lead, blocks)]
    if reasons:
        table = page.table(("model", "part", "N/A because"), reasons)
        sections.append(Section("Not measured", "What is not known is not zero.", [table]))
    facts = [page.facts({k: v for k, v in asked.items() if v}), page.facts(document["provenance"])]
    sections.append(Section("Where these numbers come from", "", facts))
    title = f"{len(models)} models of {asked['data']}"
    write_whole(path, page.page(title, " · ".join(models), [], sections))


def _figure(document: Document) -> go.Figure:
    """Returns with their intervals at the left, surviving dreams over the steps at the right."""
    titles = (_measure(document), "share of dreams that hold")
    figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.1)
    dressed(figure, None)
    for (name, model), colour in zip(document["models"].items(), cycle(COLOURS), strict=False):
        _, value = _own(model, _measure(document))
        if value is not None:
            figure.add_trace(_point(name, value, colour), 1, 1)
        for line in _survival(name, model, colour):
            figure.add_trace(line, 1, 2)
    for name, value in _baselines(document).items():
        figure.add_hline(value.value, line={"color": INK, "width": 1, "dash": "dot"}, row=1, col=1,  # type: ignore[arg-type]
                         annotation={"text": name, "font": {"size": 11, "color": INK}})  # fmt: skip
    figure.add_hline(0.5, line={"color": INK, "width": 1, "dash": "dash"}, row=1, col=2)  # type: ignore[arg-type]
    figure.update_annotations(font={"size": 13, "color": INK})
    title = {"text": "steps after the last one seen", "font": {"size": 13}}
    figure.update_xaxes(title=title, row=1, col=2)
    figure.update_xaxes(range=[-0.6, len(document["models"]) - 0.4], row=1, col=1)
    figure.update_yaxes(range=[-0.02, 1.02], row=1, col=2)
    figure.update_layout(height=400, hovermode="closest", legend={"y": -0.2, "yanchor": "top"})
    figure.update_layout(margin={"t": 36})
    return figure


def _point(name: str, value: Interval, colour: str) -> go.Scatter:
    ends = {"array": [value.high - value.value], "arrayminus": [value.value - value.low]}
    return go.Scatter(
        x=[name], y=[value.value], name=name, mode="markers", legendgroup=name, showlegend=False,
        marker={"size": 11, "color": colour}, error_y={"type": "data", "width": 8, **ends},
        text=[str(value)], hovertemplate="%{text}",
    )  # fmt: skip


def _survival(name: str, model: Document, colour: str) -> list[go.Scatter]:
    reading = _data(model, HORIZON)
    curve = [Interval.from_json(i) for i in reading["curve"]] if reading else []
    if not curve:
        return []
    steps = list(range(1, len(curve) + 1))
    band = go.Scatter(
        x=steps + steps[::-1], y=[i.high for i in curve] + [i.low for i in reversed(curve)],
        fill="toself", fillcolor=faint(colour), line={"width": 0}, hoverinfo="skip",
        showlegend=False, legendgroup=name,
    )  # fmt: skip
    line = go.Scatter(
        x=steps, y=[i.value for i in curve], name=name, mode="lines+markers", legendgroup=name,
        line={"color": colour, "width": 2.4}, marker={"size": 5},
        text=[str(i) for i in curve], hovertemplate="%{text}",
    )  # fmt: skip
    return [band, line]


def _measure(document: Document) -> str:
    """Success where the world knows it, else the return."""
    for model in document["models"].values():
        for score in model["acting"].get("scores", {}).values():
            return "success" if score["success"] is not None else "return"
    return "return"


def _own(model: Document, measure: str) -> tuple[str, Interval | None]:
    """The policy in question, which stands first, and what it got."""
    scores = model["acting"].get("scores")
    if not scores:
        return "n/a", None
    policy = next(iter(scores))
    return policy, _score(scores[policy], measure)


def _score(score: Document, measure: str) -> Interval | None:
    found = score["returns" if measure == "return" else measure]
    return None if found is None else Interval.from_json(found)


def _baselines(document: Document) -> dict[str, Interval]:
    """Those of the first model that acted: all meet the same starts."""
    for model in document["models"].values():
        scores = list(model["acting"].get("scores", {}).items())[1:]
        found = {name: _score(score, _measure(document)) for name, score in scores}
        if found:
            return {name: value for name, value in found.items() if value is not None}
    return {}


def _data(model: Document, metric: str) -> Document | None:
    """A reading of the examination, None where it is not available."""
    for reading in model["dreaming"].get("groups", {}).get("accuracy", ()):
        if reading["metric"]["name"] == metric and reading["value"] is not None:
            return reading
    return None


def _reading(model: Document, metric: str) -> Interval | None:
    reading = _data(model, metric)
    return None if reading is None else Interval.from_json(reading["value"])


def _steps(model: Document) -> str:
    """The trust horizon in steps; one that reaches the end of the examination may be longer."""
    reading = _data(model, HORIZON)
    if reading is None:
        return "n/a"
    details, value, most = reading["details"], reading["value"], len(reading["curve"])
    low, high = (f"{value[end] * most:.0f}" for end in ("low", "high"))
    return f"{'≥ ' if details['at least'] else ''}{details['steps']} [{low}, {high}]"


def _brief(value: Interval | None) -> str:
    return "n/a" if value is None else value.brief
