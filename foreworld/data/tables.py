"""Tables beside a video: CSV, lines of JSON or parquet, as columns in memory.

read_table(Path("drive/actions.csv"))     # {"timestamp": [T], "action": [T, 2], "task": [T] texts}

Columns `action_0, action_1` or `action.steer, action.gas` are one column `action` of two numbers.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foreworld.data.bounds import read_bytes
from foreworld.data.recording import Broken

TABLES = (".csv", ".jsonl", ".parquet")
TABLE_BYTES = 1_000_000_000
NUMBERED = re.compile(r"(.+?)(?:[_.](\d+)|\[(\d+)\])")
GAPS = "fill the gap, or leave the row out"


class Cells(NamedTuple):
    """One column of a table: numbers [T, *shape], or texts [T]."""

    values: np.ndarray
    names: tuple[str, ...] | None = None  # of its numbers

    @property
    def is_text(self) -> bool:
        return self.values.dtype == object


def read_table(path: Path) -> dict[str, Cells]:
    """The columns of a table, all of one length. Raises Broken for what is no table."""
    readers = {".csv": _csv, ".jsonl": _lines, ".parquet": _parquet}
    columns = readers[path.suffix.lower()](path)
    if not columns:
        raise Broken(path, "the table", "has no columns", "write a line with their names first")
    return _grouped({name: _cells(path, name, values) for name, values in columns.items()})


def _csv(path: Path) -> dict[str, list[Any]]:
    text = _decoded(path).splitlines()
    header, *rows = list(csv.reader(text)) or [[]]
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise Broken(path, "line 1", f"names the column {twice!r} twice", "give each its own name")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            wrong = f"{len(row)} cells under {len(header)} names"
            raise Broken(path, f"line {number}", wrong, GAPS)
    return {name: [_number(row[n]) for row in rows] for n, name in enumerate(header)}


def _number(cell: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def _lines(path: Path) -> dict[str, list[Any]]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(_decoded(path).splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or (rows and row.keys() != rows[0].keys()):
            wrong = "is no JSON object with the keys of the first line"
            raise Broken(path, f"line {number}", wrong, GAPS)
        rows.append(row)
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}


def _parquet(path: Path) -> dict[str, list[Any]]:
    from foreworld.data.parquet import Shard

    shard = Shard(path)
    return {name: shard.objects(name, 0, shard.rows) for name in shard.names}


def _decoded(path: Path) -> str:
    try:
        return read_bytes(path, TABLE_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Broken(path, "the table", f"is no UTF-8: {error}", "save it as UTF-8") from None


def _cells(path: Path, name: str, values: Sequence[Any]) -> Cells:
    """A column as an array. Raises Broken for gaps, and for rows that are not alike."""
    if all(isinstance(value, str) for value in values):
        if gaps := [n for n, value in enumerate(values) if value == ""]:
            raise Broken(path, f"column {name!r}", f"row {gaps[0]} is empty", GAPS)
        return Cells(np.array(values, object))
    try:
        array = np.array(values)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        n = next((n for n, v in enumerate(values) if not isinstance(v, (int, float, list))), 0)
        wrong = f"row {n} is {str(values[n])[:40]!r}, other rows are otherwise"
        raise Broken(path, f"column {name!r}", wrong, "write numbers of one length, or texts")
    return Cells(array)


def _grouped(columns: Mapping[str, Cells]) -> dict[str, Cells]:
    """Single numbers with a common name side by side, in their order."""
    groups: dict[str, list[str]] = {}
    for name, cells in columns.items():
        groups.setdefault(_stem(name) if _is_single(cells) else name, []).append(name)
    found = {}
    for stem, names in groups.items():
        if len(names) == 1:
            found[names[0]] = columns[names[0]]
        else:
            stacked = np.stack([columns[name].values for name in names], 1)
            found[stem] = Cells(stacked, tuple(name[len(stem) :].strip("._[]") for name in names))
    return found


def _is_single(cells: Cells) -> bool:
    return cells.values.ndim == 1 and not cells.is_text


def _stem(name: str) -> str:
    """action_0, action[0], action.0, action.steer -> action; anything else as it is."""
    numbered = NUMBERED.fullmatch(name)
    if numbered:
        return numbered[1]
    return name.rpartition(".")[0] or name
