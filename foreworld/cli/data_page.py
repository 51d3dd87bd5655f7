"""The page of `foreworld data preview`: episodes as strips and curves, then all in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from foreworld.cli.data_numbers import numbers
from foreworld.cli.tables import MOMENTS, moments_of
from foreworld.disk import write_whole
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import film, page
from foreworld.evaluation.curves import COLOURS, dressed
from foreworld.evaluation.page import Line, Section
from foreworld.vocab import PRESENT, Episode, Specs

FRAMES = 8  # of each camera
POINTS = 600  # of each curve: more than a page has pixels for
CURVES = 16  # numbers of one key that are drawn
BINS = 40
CURVE_PX = 230


def write_preview(
    path: Path, title: str, store: EpisodeStore, report: Mapping[str, Any] | None, most: int
) -> None:
    """Write the page, whole or not at all."""
    found = numbers(store)
    places = np.linspace(0, len(store) - 1, min(most, len(store))).astype(int)
    fps = (report or {}).get("fps")
    episodes = [_episode(store, int(store.ids[place]), fps) for place in places]
    sections = [
        *episodes,
        Section("Numbers", "Over all episodes that were read.", _numbers(store, found)),
        Section("Missing values", MISSING, [_missing(store.specs, found)]),
        Section("What the import dropped", "", [_dropped(report)] if report else []),
    ]
    meta = f"{found['episodes']} episodes, {found['steps']} steps, {len(store.specs)} keys"
    html = page.page(title, meta, _lines(found, report), [s for s in sections if s.blocks])
    write_whole(path, html)


MISSING = "A key that a recording lacks is stored as zeros, and its flag says so."


def _lines(found: Mapping[str, Any], report: Mapping[str, Any] | None) -> list[Line]:
    """What somebody should know before learning from it."""
    lines = [
        Line(f"{key} is missing in {1 - share:.1%} of the rows.", False)
        for key, share in found["present"].items()
    ]
    lines += [
        Line(f"{key} never changes in: {', '.join(names)}.")
        for key, names in found["still"].items()
    ]
    for why, counts in ((report or {}).get("dropped") or {}).items():
        lines.append(Line(f"Dropped, {counts['rows']} rows: {why}.", False))
    ended = f"{found['terminal']} of {found['episodes']} episodes were ended by the world."
    return [*lines, Line(ended)]


def _episode(store: EpisodeStore, id: int, fps: float | None) -> Section:
    episode, specs = store[id], store.specs
    seconds = f", {len(episode) / fps:.1f} s" if fps else ""
    end = "ended by the world" if episode["is_terminal"][-1] else "cut by the clock"
    said = [
        f"{key}: {episode[key][0].tobytes().rstrip(bytes(1)).decode()!r}"
        for key, spec in specs.items()
        if spec.kind == "text"
    ]
    text = ". ".join([f"{len(episode)} rows{seconds}, {end}", *said])
    blocks = [*_strips(episode, specs, fps), *_signals(episode, specs, fps)]
    return Section(f"Episode {id}", text, blocks)


def _strips(episode: Episode, specs: Specs, fps: float | None) -> list[str]:
    """A row of frames for each camera, all of the same instants."""
    rows = np.unique(np.linspace(0, len(episode) - 1, FRAMES).astype(int))
    times = [f"{row / fps:.1f} s" if fps else str(row) for row in rows]
    blocks = []
    for key, spec in specs.items():
        if spec.kind == "image":
            picture = film.png(film.strip({key: episode[key][rows]}, times))
            blocks.append(page.picture(picture, f"{key} over time", wide=True))
    return blocks


def _signals(episode: Episode, specs: Specs, fps: float | None) -> list[str]:
    """The numbers of each key over time."""
    shown = [key for key, spec in specs.items() if spec.kind in ("vector", "discrete")]
    shown = [k for k in shown if specs[k].width and not k.startswith(PRESENT)]
    blocks = []
    for key in [*shown, "reward"]:
        values = np.asarray(episode[key], np.float64).reshape(len(episode), -1)
        if key == "action":
            values = values[:-1]  # the last one is a filler
        if key != "reward" or np.any(values):
            names, unit = _named(key, specs)
            blocks.append(page.plot(_curves(values, key, names, unit, fps)))
    return blocks


def _named(key: str, specs: Specs) -> tuple[Sequence[str], str | None]:
    spec = specs.get(key)
    if spec is None or spec.names is None:
        return (), spec.unit if spec else None
    return spec.names, spec.unit


def _curves(
    values: np.ndarray, key: str, names: Sequence[str], unit: str | None, fps: float | None
) -> go.Figure:
    figure = go.Figure()
    rows = np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))
    for n in range(min(values.shape[1], CURVES)):
        figure.add_scatter(
            x=rows / (fps or 1.0), y=values[rows, n], mode="lines",
            name=names[n] if names else f"{key} {n}" if values.shape[1] > 1 else key,
            line={"color": COLOURS[n % len(COLOURS)], "width": 1.6},
        )  # fmt: skip
    more = f", {CURVES} of {values.shape[1]}" if values.shape[1] > CURVES else ""
    figure.update_yaxes(title=(f"{key} [{unit}]" if unit else key) + more)
    return dressed(figure, "seconds" if fps else "step").update_layout(height=CURVE_PX)


def _numbers(store: EpisodeStore, found: Mapping[str, Any]) -> list[str]:
    blocks = [page.table(MOMENTS, moments_of(found))]
    lengths = go.Figure(go.Histogram(x=store.lengths, nbinsx=BINS, marker_color=COLOURS[0]))
    lengths.update_yaxes(title="episodes")
    return [*blocks, page.plot(dressed(lengths, "rows of an episode"))]


def _missing(specs: Specs, found: Mapping[str, Any]) -> str:
    keys = [key for key in specs if not key.startswith(PRESENT)]
    rows = [(key, f"{found['present'].get(key, 1.0):.1%}") for key in keys]
    return page.table(("key", "rows that have it"), rows)


def _dropped(report: Mapping[str, Any]) -> str:
    rows = [
        (why, str(n["recordings"]), str(n["rows"]), ", ".join(n["such_as"]))
        for why, n in report["dropped"].items()
    ]
    clock = {"rows a second": report["fps"], "tolerance": report["tolerance"],
             "recordings": report["recordings"], "episodes": report["episodes"],
             "last rows repeated": report["repeated"] or None,
             "columns left out": ", ".join(report.get("unused", ())) or None}  # fmt: skip
    table = page.table(("why", "recordings", "rows", "such as"), rows) if rows else ""
    return page.facts(clock) + (table or "<p>Nothing.</p>")
