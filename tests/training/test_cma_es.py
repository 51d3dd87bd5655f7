"""Evolution finds the best, and goes on from its history as if nothing had happened."""

import numpy as np
import pytest

from foreworld.training.cma_es import CmaEs

pytest.importorskip("cma")


def score(x):
    return -float(((x - np.arange(len(x))) ** 2).sum())


def play(search, generations):
    for _ in range(generations):
        search.tell([score(x) for x in search.ask()])
    return search


@pytest.mark.parametrize("diagonal", [False, True])
def test_it_finds_the_best(diagonal):
    search = play(CmaEs(6, 12, 0.5, diagonal=diagonal), 120)
    np.testing.assert_allclose(search.mean, np.arange(6), atol=1e-2)


@pytest.mark.parametrize("asked", [False, True], ids=["told", "asked"])
def test_its_history_is_its_state(asked):
    whole, broken = play(CmaEs(6, 8, 0.5, seed=3), 30), play(CmaEs(6, 8, 0.5, seed=3), 12)
    if asked:  # as when a checkpoint is written between two verbs
        broken.ask()
    state = {k: v.copy() for k, v in broken.state().items()}
    np.random.seed(5)  # somebody else's chance
    other = CmaEs(6, 8, 0.9, seed=3)
    other.restore(state)
    assert other.generation == 12 and other.sigma == broken.sigma
    assert np.array_equal(play(other, 18).ask(), whole.ask())


def test_where_arithmetic_differs_it_begins_anew_from_where_it_stood():
    search = play(CmaEs(4, 8, 0.5), 10)
    state = search.state()
    state["mean"] = state["mean"] + 1e-9
    other = CmaEs(4, 8, 0.5)
    other.restore(state)
    assert other.generation == 0 and other.sigma == search.sigma
    assert np.array_equal(other.mean, state["mean"])


def test_solutions_stay_until_they_are_judged():
    search = CmaEs(4, 8, 0.5)
    assert np.array_equal(search.ask(), search.ask())
    with pytest.raises(AssertionError, match="ask for solutions first"):
        play(CmaEs(4, 8, 0.5), 1).tell([0.0] * 8)
