"""The matrix of the selftest as a table: one row a corruption, one column a group of metrics."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from foreworld.evaluation.selftest import Cell, Matrix

WIDTH = 152  # a narrower table would fold the names of its columns


def print_matrix(matrix: Matrix) -> None:
    """X: the alarm that had to be, ·: rightly none, !: wrong, x: an alarm that nobody minds."""
    columns = list(next(iter(matrix.cells.values())))
    title = "corruption × measurement   X found   · clean   x either will do   ! wrong"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="center", no_wrap=True)
    for row, cells in matrix.cells.items():
        table.add_row(row.replace("_", " "), *(_mark(cells[column]) for column in columns))
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    console.print(table)


def _mark(cell: Cell) -> str:
    if cell.wrong:
        return "[bold red]![/]"
    if not cell.alarms:
        return "[dim]·[/]" if cell.measured else "[dim]n/a[/]"
    return "[green]X[/]" if cell.expected == "X" else "[dim]x[/]"
