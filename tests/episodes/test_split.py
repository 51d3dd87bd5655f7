from __future__ import annotations

import numpy as np
import pytest

from foreworld.episodes import split_ids


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.25, 0.3, 0.5, 0.8])
def test_the_share_is_kept_at_every_size(fraction):
    for n in range(2, 200):
        train, test = split_ids(range(n), fraction)
        assert len(train) > 0
        assert len(test) > 0
        assert sorted([*train, *test]) == list(range(n))
        assert abs(len(test) - fraction * n) <= 1.01


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.8])
def test_appending_and_evicting_move_nobody(fraction):
    all_test = set(split_ids(range(300), fraction)[1].tolist())
    for low, high in [(0, 2), (0, 17), (40, 120), (123, 300)]:
        test = set(split_ids(range(low, high), fraction)[1].tolist())
        assert test == {i for i in all_test if low <= i < high}


def test_a_lone_remainder_still_has_both_sides():
    _, all_test = split_ids(range(400), 0.1)
    gap = max(np.diff(all_test))
    start = int(all_test[np.argmax(np.diff(all_test))]) + 1
    train, test = split_ids(range(start, start + gap - 1), 0.1)
    assert len(test) == 1
    assert len(train) == gap - 2
    assert [len(side) for side in split_ids([5], 0.1)] in ([1, 0], [0, 1])
    assert [len(side) for side in split_ids([], 0.1)] == [0, 0]


def test_test_episodes_are_no_fixed_beat():
    _, test = split_ids(range(1000), 0.1)
    assert len(set((test % 10).tolist())) > 5


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 10])
def test_the_fraction_is_a_fraction(fraction):
    with pytest.raises(ValueError, match="test_fraction"):
        split_ids(range(4), fraction)


def test_parts_of_one_recording_are_on_one_side():
    follows = [n for n in range(200) if n % 7 in (2, 3, 6)]
    train, test = split_ids(range(200), 0.1, follows)
    assert sorted([*train, *test]) == list(range(200)) and 10 <= len(test) <= 40
    for side in (train, test):
        assert all(n - 1 in side for n in side if n in follows)
    assert np.array_equal(test[test < 90], split_ids(range(90), 0.1, follows)[1])


def test_a_lone_recording_is_parted_after_all():
    train, test = split_ids(range(5), 0.2, [1, 2, 3, 4])
    assert len(test) == 1 and len(train) == 4


def test_of_two_recordings_one_is_held_out():
    assert [s.tolist() for s in split_ids([4, 5, 6, 7], 0.1, [5, 7])] in (
        [[4, 5], [6, 7]],
        [[6, 7], [4, 5]],
    )
