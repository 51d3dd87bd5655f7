"""One HTML file that needs nothing else: text, tables, pictures and plots as blocks on a page.

html = page("A title", "written today", [line], [Section("Films", "What it saw.", [picture(png)])])
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs


@dataclass(frozen=True)
class Line:
    """One sentence of the verdict; good: True, False, or None for one that only tells."""

    text: str
    good: bool | None = None


@dataclass(frozen=True)
class Section:
    title: str
    text: str
    blocks: Sequence[str]  # HTML, made by the functions below


def page(title: str, meta: str, verdict: Sequence[Line], sections: Sequence[Section]) -> str:
    """The whole document."""
    body = "".join(_section(s) for s in sections)
    plots = 'class="plot"' in body
    script = f"<script>{get_plotlyjs()}</script>" if plots else ""
    style = (resources.files("foreworld.evaluation") / "page.css").read_text()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style>{script}</head><body><main>"
        f'<h1>{escape(title)}</h1><p class="meta">{escape(meta)}</p>{_verdict(verdict)}{body}'
        "</main></body></html>\n"
    )


def picture(data: bytes, alt: str, caption: str = "", wide: bool = False) -> str:
    """A PNG or GIF file inside the page; wide ones scroll sideways on a phone."""
    mime = "gif" if data[:3] == b"GIF" else "png"
    source = f"data:image/{mime};base64,{base64.b64encode(data).decode()}"
    kind = "wide" if wide else "plain"
    image = f'<img class="{kind}" src="{source}" alt="{escape(alt)}">'
    return f'<figure><div class="scroll">{image}</div>{_caption(caption)}</figure>'


def heading(text: str) -> str:
    """A title inside a section."""
    return f"<h3>{escape(text)}</h3>"


def row(blocks: Sequence[str]) -> str:
    """Blocks side by side where there is room."""
    return f'<div class="row">{"".join(blocks)}</div>'


def plot(figure: go.Figure, caption: str = "") -> str:
    """A plotly figure that follows the width of the page."""
    config = {"displayModeBar": False, "responsive": True}
    inner = figure.to_html(full_html=False, include_plotlyjs=False, config=config)
    return f'<figure><div class="plot">{inner}</div>{_caption(caption)}</figure>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], strong: int | None = None) -> str:
    """Text in rows; row number `strong` stands out."""
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    lines = []
    for number, cells in enumerate(rows):
        cells = "".join(f"<td>{escape(c)}</td>" for c in cells)
        lines.append(f'<tr class="first">{cells}</tr>' if number == strong else f"<tr>{cells}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def facts(values: Mapping[str, Any]) -> str:
    """Names and values, for the appendix; None is left out."""
    rows = (
        f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in values.items() if v is not None
    )
    return f"<dl>{''.join(rows)}</dl>"


def _verdict(lines: Sequence[Line]) -> str:
    names = {True: "good", False: "bad", None: "plain"}
    items = (f'<li class="{names[line.good]}">{escape(line.text)}</li>' for line in lines)
    return f'<ul class="verdict">{"".join(items)}</ul>' if lines else ""


def _section(section: Section) -> str:
    text = f'<p class="lead">{escape(section.text)}</p>' if section.text else ""
    return f"<section><h2>{escape(section.title)}</h2>{text}{''.join(section.blocks)}</section>"


def _caption(text: str) -> str:
    return f"<figcaption>{escape(text)}</figcaption>" if text else ""
