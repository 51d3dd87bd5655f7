"""Budgets are read as people write them, and end."""

import pytest

from foreworld.training import Budget, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("45", 45), ("1.5m", 90), ("2h", 7200)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["5x", "", "m5", "5m x", "-3s", "1 h"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="write 90s, 5m or 1h30m"):
        parse_duration(text)


def test_a_budget_must_end():
    with pytest.raises(ValueError, match="--steps 10000 or --budget 5m"):
        Budget()
    with pytest.raises(ValueError, match="above zero"):
        Budget(updates=0)
    with pytest.raises(ValueError, match="above zero"):
        Budget(updates=5, seconds=-1.0)


def test_whichever_ends_first():
    budget = Budget(updates=100, seconds=10.0)
    assert budget.spent(50, 1.0) == 0.5
    assert budget.spent(10, 9.0) == 0.9
    assert Budget(seconds=10.0).spent(10**6, 10.0) == 1.0
