"""Branches are compared under the same chance, and measured on one map."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.sessions.atlas import draw_atlas
from foreworld.sessions.compare import compare
from foreworld.sessions.futures import AHEAD, is_certain, spreads

sys.path.insert(0, str(Path(__file__).parent))  # for walker

from walker import JITTER, Walker, pushes, walk

RIGHT, LEFT = np.array([1.0, 0.0], np.float32), np.array([-1.0, 0.0], np.float32)


def forked(steps=3):
    session = walk()
    for push in pushes(5):
        session.step(push)
    for _ in range(steps):
        session.step(RIGHT)
    session.tree.fork(5, "left")
    for _ in range(steps):
        session.step(LEFT)
    return session


def test_the_difference_is_that_of_the_actions_alone():
    found = compare(forked(), [0, 1], h=6, n=8, atlas=None)
    reward = found.heads["reward"]
    assert found.fork == 5 and "place" not in found.heads
    # One to the left for six steps, the last held: 2 x (1 + ... + 6) lower, whatever the noise.
    (difference,) = reward.differences
    assert difference.mean == pytest.approx(-42, abs=1e-3)
    assert difference.high - difference.low < 1e-3, "noise is common, and cancels"
    assert reward.curves[0] == pytest.approx([-2, -4, -6, -8, -10, -12], abs=1e-4)
    assert reward.totals[1] - reward.totals[0] == pytest.approx(-42, abs=1e-3)


def test_a_branch_does_not_differ_from_itself():
    found = compare(forked(), [1, 1], h=6, n=4, atlas=None)
    assert found.heads["reward"].differences[0].mean == 0


def test_several_branches_and_none():
    session = forked()
    session.tree.fork(6, "stop")
    session.step(np.zeros(2, np.float32))
    atlas = draw_atlas(torch.randn(50, 2))
    found = compare(session, [0, 1, 2], h=4, n=2, atlas=atlas)
    assert len(found.heads["reward"].differences) == len(found.divergence) == 2
    assert found.fork == 5
    assert all(d > 0 for d in found.divergence[0])
    with pytest.raises(ValueError, match="no branch 9"):
        compare(session, [0, 9], 4, 2, None)
    session.begin(session.rows.model.initial(1))
    with pytest.raises(ValueError, match="no common past"):
        compare(session, [0, 3], 4, 2, None)


def test_the_map_measures_in_distances_of_unrelated_instants():
    rng = torch.Generator().manual_seed(0)
    sample = torch.randn(2000, 5, generator=rng) * torch.tensor([5.0, 2.0, 0.1, 0.1, 0.1]) + 3
    atlas = draw_atlas(sample)
    pairs = atlas.distance(sample[:1000], sample[1000:])
    assert pairs.square().mean().sqrt() == pytest.approx(1, abs=0.05)
    points = atlas.point(sample)
    assert points.std(0) == pytest.approx(torch.ones(2), abs=0.01)
    assert abs(np.corrcoef(points[:, 0], sample[:, 0])[0, 1]) > 0.99
    assert atlas.spread(sample.unsqueeze(0)) == pytest.approx(1, abs=0.01)
    assert atlas.spread(sample[:1].expand(8, 5).unsqueeze(0)) == 0


def test_futures_spread_as_far_as_chance_takes_them():
    session = forked()
    atlas = draw_atlas(torch.randn(500, 2, generator=torch.Generator().manual_seed(0)))
    (first,), (again,) = (spreads([session], [RIGHT], atlas) for _ in range(2))
    assert first == again, "the same instant, the same answer"
    expected = JITTER * AHEAD**0.5 * 2 / atlas.unit  # two numbers, two futures
    assert 0.4 * expected < first < 1.6 * expected


class Certain(Walker):
    def noise(self, batch_size, horizon, seed):
        return torch.zeros(batch_size, horizon, 0)

    def imagine(self, state, action, noise=None):
        return super().imagine(state, action, None)


def test_a_model_without_chance_does_not_say_how_sure_it_is():
    session = walk(model=Certain())
    assert is_certain(session.rows)
    with pytest.raises(ValueError, match="leaves nothing to chance"):
        spreads([session], [RIGHT], draw_atlas(torch.randn(9, 2)))
