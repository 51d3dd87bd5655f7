from __future__ import annotations

import numpy as np
import pytest

from foreworld.episodes import check_episode
from foreworld.vocab import Episode


def changed(episode, key, value=None, at=None):
    steps = {k: v.copy() for k, v in episode.steps.items()}
    if at is None:
        steps[key] = value
    else:
        steps[key][at] = value
    return Episode(steps)


def test_a_good_episode_passes(episode, specs):
    check_episode(episode(6), specs)
    check_episode(episode(1), specs)


@pytest.mark.parametrize(
    ("key", "at", "value", "words"),
    [
        ("vector", (3, 2), np.nan, "row 3.*nan"),
        ("vector", (0, 0), np.inf, "row 0.*inf"),
        ("success", 2, -np.inf, "row 2"),
        ("reward", 4, np.nan, "row 4"),
        ("action", (1, 0), np.nan, "row 1"),
        ("action", (1, 0), 1.1, "row 1.*bounds"),
        ("action", (2, 1), -1.1, "row 2.*bounds"),
        ("room", (5, 0), 3, "row 5.*classes"),
        ("room", (5, 1), -1, "row 5.*classes"),
        ("is_first", 0, False, "row 0"),
        ("is_first", 2, True, "row 2"),
        ("is_last", 5, False, "row 5"),
        ("is_last", 2, True, "row 2"),
        ("is_terminal", 2, True, "row 2.*is_last"),
    ],
)
def test_wrong_values_are_named_with_key_and_row(episode, specs, key, at, value, words):
    with pytest.raises(ValueError, match=f"'{key}'.*{words}"):
        check_episode(changed(episode(6), key, value, at), specs)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vector", np.zeros((6, 4), np.float32)),
        ("vector", np.zeros((6, 5), np.float64)),
        ("vector", [[0.0] * 5] * 6),
        ("eye/left", np.zeros((5, 8, 6, 3), np.uint8)),
        ("room", np.zeros((6, 2), np.int32)),
        ("reward", np.zeros((6, 1), np.float32)),
        ("is_terminal", np.zeros(6, np.uint8)),
    ],
)
def test_wrong_shapes_and_dtypes_are_named(episode, specs, key, value):
    with pytest.raises(ValueError, match=f"key '{key}': (shape|dtype)"):
        check_episode(changed(episode(6), key, value), specs)


def test_unknown_and_missing_keys_are_named(episode, specs):
    e = episode(6)
    with pytest.raises(ValueError, match="'vectr'.*did you mean 'vector'"):
        check_episode(changed(e, "vectr", e["vector"]), specs)
    steps = dict(e.steps)
    del steps["room"]
    with pytest.raises(ValueError, match="missing.*room"):
        check_episode(Episode(steps), specs)


def test_an_empty_episode_is_refused(episode, specs):
    empty = Episode({key: value[:0] for key, value in episode(3).steps.items()})
    with pytest.raises(ValueError, match="no rows"):
        check_episode(empty, specs)


def test_rounding_and_the_filler_of_the_last_row_are_forgiven(episode, specs):
    e = episode(6)
    check_episode(changed(e, "action", 1.0005, (2, 0)), specs)
    specs["action"] = type(specs["action"])((2,), "float32", "vector", low=0.5, high=1.0)
    action = np.full((6, 2), 0.7, np.float32)
    action[-1] = 0
    check_episode(changed(e, "action", action), specs)
