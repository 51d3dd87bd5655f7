"""One clock: which value a row gets, how old it may be, where a recording breaks."""

import numpy as np
import pytest

from foreworld.data.alignment import (
    Clock,
    check_rate,
    check_stamps,
    gather,
    interpolate,
    own_clock,
    steady_clock,
)
from foreworld.data.recording import Broken

ROWS = Clock(np.arange(5) / 10, 0.1)


def test_previous_never_looks_ahead_and_nearest_does():
    stamps = np.array([0.0, 0.09, 0.16, 0.31, 0.4])
    index, age = ROWS.find(stamps, "previous")
    assert index.tolist() == [0, 1, 2, 2, 4]
    assert np.allclose(age, [0, 0.01, 0.04, 0.14, 0])
    assert ROWS.find(stamps, "nearest")[0].tolist() == [0, 1, 2, 3, 4]


def test_rounded_stamps_belong_to_their_row():
    stamps = (np.arange(5) / 10).astype(np.float32).astype(np.float64)  # 0.1 is a little more
    assert ROWS.find(stamps, "previous")[0].tolist() == [0, 1, 2, 3, 4]


def test_rows_before_the_first_value_have_none():
    _, age = ROWS.find(np.array([0.15, 0.3]), "previous")
    assert np.isinf(age[:2]).all() and np.isfinite(age[2:]).all()


def test_values_between_and_values_together():
    stamps, values = np.array([0.0, 0.2, 0.4]), np.array([[0.0], [2.0], [6.0]])
    assert np.allclose(interpolate(values, stamps, ROWS.rows).ravel(), [0, 1, 2, 4, 6])
    often = np.arange(1, 9) / 20  # two in every row
    ones = np.ones((8, 1))
    assert gather(ones, often, ROWS, "sum").ravel().tolist() == [0, 2, 2, 2, 2]
    once = np.eye(8)[:, 2:3]
    assert gather(once, often, ROWS, "any").ravel().tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("whole", "linked", "pieces"),
    [
        ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [(0, 5)]),
        ([0, 1, 1, 1, 0], [1, 1, 1, 1, 1], [(1, 4)]),
        ([1, 1, 0, 1, 1], [1, 1, 1, 1, 1], [(0, 2), (3, 5)]),
        ([1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [(0, 2), (2, 5)]),
        ([0, 0, 0, 0, 0], [1, 1, 1, 1, 1], []),
    ],
)
def test_pieces_end_where_rows_are_missing(whole, linked, pieces):
    found = ROWS.pieces(np.array(whole, bool), np.array(linked, bool))
    assert [tuple(piece) for piece in found] == pieces


def test_a_gap_in_the_rows_is_a_hole():
    rows = Clock(np.array([0.0, 0.1, 0.2, 0.6, 0.7]), 0.1)
    yes = np.ones(5, bool)
    assert [tuple(piece) for piece in rows.pieces(yes, yes)] == [(0, 3), (3, 5)]


def test_clocks():
    fast, slow = np.arange(0.05, 2, 0.02), np.arange(0, 2.0001, 0.1)
    clock = own_clock({"joints": fast, "camera": slow}, None)
    assert clock.period == pytest.approx(0.1) and np.array_equal(clock.rows, slow)
    clock = steady_clock({"joints": fast, "camera": slow}, 4)
    assert clock.rows[0] == 0.05 and np.allclose(np.diff(clock.rows), 0.25)
    assert clock.rows[-1] <= fast[-1] + 1e-9
    shorter = own_clock({"action": np.arange(4) / 10, "state": np.arange(5) / 10}, 10)
    assert len(shorter.rows) == 5


def test_what_a_value_may_be_old():
    assert ROWS.tolerance(np.arange(9) / 10, 0.03) == 0.03
    assert ROWS.tolerance(np.arange(9) / 10, None) == pytest.approx(0.15)
    assert ROWS.tolerance(np.arange(9) / 2, None) == pytest.approx(0.75)
    assert own_clock({"state": ROWS.rows}, 10).tolerance(ROWS.rows, None) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("stamps", "said"),
    [([0, 0.1, 0.1], "row 2 is at 0.1 s, after 0.1 s"), ([0, np.nan], "row 1 is not finite")],
)
def test_stamps_that_are_no_clock(stamps, said):
    with pytest.raises(Broken, match=said):
        check_stamps("episode 3", "state", np.array(stamps))


def test_a_rate_that_is_not_there():
    check_rate("episode 3", 10, np.arange(5) / 10)
    with pytest.raises(Broken, match="episode 3: fps: 30 is told, 10 rows a second are there"):
        check_rate("episode 3", 30, np.arange(5) / 10)
