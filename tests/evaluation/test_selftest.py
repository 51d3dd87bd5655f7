"""The corruption matrix: the perfect model passes, every fault is found, and nothing else is."""

from __future__ import annotations

import pytest

from foreworld.evaluation import selftest as suite
from foreworld.evaluation.trust import metrics_of


def test_the_matrix_is_whole():
    assert list(suite.EXPECTED) == list(suite.SPOILED) and len(suite.ROWS) == 15
    for row, cells in suite.EXPECTED.items():
        assert len(cells.split()) == len(suite.COLUMNS), row
        assert ("X" in cells) == (row != "perfect"), row


def test_columns_name_metrics():
    groups = {g for exam in suite.EXAMS.values() for g in exam.groups}
    known = [m.name for g in groups for m in metrics_of(g)]
    for column, names in suite.COLUMNS.items():
        for name in names:
            assert any(k == name or (name[-1] == "." and k.startswith(name)) for k in known), column


@pytest.mark.parametrize("row", suite.ROWS)
def test_every_cell_is_right(row):
    matrix = suite.selftest(fast=True, rows=[row])
    assert matrix.wrong == []


def test_a_measurement_that_finds_nothing_is_found_out(monkeypatch):
    """Were an alarm deaf, or too quick, the matrix would say so."""
    known = suite.read_row("perfect", fast=True)
    deaf = suite.EXPECTED["copy_last"].split()
    monkeypatch.setattr(suite, "read_row", lambda *_: known)
    wrong = suite.selftest(fast=True, rows=["copy_last"]).wrong
    assert len(wrong) == deaf.count("X") and all("no alarm" in line for line in wrong)
