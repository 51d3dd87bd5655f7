"""Collecting keeps pace with learning."""

import numpy as np
import pytest

from foreworld.episodes import EpisodeStore
from foreworld.policies import RandomPolicy
from foreworld.streams import GymStream
from foreworld.training import Collector


@pytest.fixture
def explored(tmp_path):
    stream = GymStream("CartPole-v1", num_envs=2)
    store = EpisodeStore.create(tmp_path / "store", stream.specs, chunk_steps=50)
    with store:
        yield stream, store, RandomPolicy(stream.specs["action"])
    stream.close()


def test_the_ratio_holds(explored):
    stream, store, policy = explored
    collector = Collector(stream, store, policy, steps_per_update=64, train_ratio=16)
    for updates in range(0, 200, 7):
        collector.grow(updates)
        longest = int(store.lengths.max(initial=0))
        assert updates * 4 <= store.num_steps <= updates * 4 + longest
    assert store.num_steps == collector.collected


def test_updates_before_a_break_are_paid_for(explored):
    stream, store, policy = explored
    collector = Collector(stream, store, policy, 64, 16)
    collector.grow(1000)
    assert len(store) == 0
    collector.grow(1010)
    assert 40 <= store.num_steps <= 40 + store.lengths.max()


def test_the_store_stays_within_its_capacity(explored):
    stream, store, policy = explored
    collector = Collector(stream, store, policy, 64, 16, capacity=200)
    collector.grow(0)
    collector.grow(200)
    assert store.num_steps <= 200 < collector.collected
    assert np.all(np.diff(store.ids) == 1)


def test_a_ratio_is_above_zero(explored):
    with pytest.raises(ValueError, match="--train-ratio 0: above zero"):
        Collector(*explored, 64, 0)
