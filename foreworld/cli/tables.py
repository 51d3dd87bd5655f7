"""Tables for people: what specs say, and what a dict holds.

print_specs("CartPole-v1", stream.specs)
print_facts("runs/demo", {"step": 1200, "family": "rssm"})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from foreworld.vocab import Spec

MOMENTS = ("", "mean", "std", "low", "high")  # columns of `moments_of`


def print_specs(title: str, specs: Mapping[str, Spec]) -> None:
    """One row a key: its kind, shape, dtype, bounds and unit."""
    rows = [
        (key, spec.kind, _shape(spec), spec.dtype, _bounds(spec), _note(spec))
        for key, spec in specs.items()
    ]
    print_table(title, ("key", "kind", "shape", "dtype", "bounds", ""), rows)


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """One row a fact, nested ones as dotted keys are up to the caller."""
    print_table(title, ("", ""), [(key, _text(value)) for key, value in facts.items()])


def print_table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    headed = any(columns)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_header=headed)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)


def moments_of(statistics: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row a key of what `Statistics.to_json` gives, returns and lengths first."""
    ends = {key: statistics[key] for key in ("returns", "lengths")}
    return [_moments(key, moments) for key, moments in {**ends, **statistics["keys"]}.items()]


def _moments(key: str, moments: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of the table; a discrete key has the shares of its classes in place of a mean."""
    if "counts" in moments:
        shares = [count / moments["count"] for count in moments["counts"]]
        return (key, "shares: " + _few(shares), "", "", "")
    return (key, *(_few(moments.get(name)) for name in ("mean", "std", "low", "high")))


def _few(value: Any, most: int = 4) -> str:
    """A number, or the first few of many."""
    if value is None:
        return ""
    numbers = [value] if isinstance(value, (int, float)) else list(_flat(value))
    more = ", …" if len(numbers) > most else ""
    return ", ".join(f"{number:.3g}" for number in numbers[:most]) + more


def _flat(values: list[Any]) -> Iterator[float]:
    for value in values:
        yield from _flat(value) if isinstance(value, list) else (value,)


def _shape(spec: Spec) -> str:
    return " × ".join(map(str, spec.shape)) or "one number"


def _bounds(spec: Spec) -> str:
    if spec.classes:
        return f"{', '.join(map(str, spec.classes))} values"
    low, high = _text(spec.low), _text(spec.high)
    return "" if spec.low is None and spec.high is None else f"{low or '-∞'} … {high or '∞'}"


def _note(spec: Spec) -> str:
    role = None if spec.observed else "target: only training sees it"
    if spec.record:
        role = "record: kept to the bit, never predicted"
    if spec.goal_of is not None:
        role = f"goal of {spec.goal_of}: only policies see it"
    words = (spec.unit, role)
    return ", ".join(word for word in words if word)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_text, value)) if isinstance(value, (list, tuple)) else str(value)
