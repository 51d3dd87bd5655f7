"""Collecting keeps pace with learning, and goes on after a break as if there had been none."""

from functools import partial

import numpy as np
import pytest

from foreworld.episodes import EpisodeStore
from foreworld.policies import RandomPolicy
from foreworld.streams import GymStream
from foreworld.training import Collector


@pytest.fixture
def explored(tmp_path):
    """Makes collectors beside one store, each with worlds of its own."""
    streams = [GymStream("CartPole-v1", num_envs=2)]
    store = EpisodeStore.create(tmp_path / "store", streams[0].specs, chunk_steps=50)

    def collector(ratio=16, **more):
        stream = streams[-1]
        streams.append(GymStream("CartPole-v1", num_envs=2))
        play = partial(RandomPolicy, stream.specs["action"])
        return Collector(stream, store, play, lambda: store.table.next_id, 64, ratio, **more)

    with store:
        yield store, collector
    for stream in streams:
        stream.close()


def test_the_ratio_holds(explored):
    store, make = explored
    collector = make()
    for updates in range(0, 200, 7):
        said = collector.grow(updates)
        a_round = 2 * int(store.lengths.max(initial=0))
        assert updates * 4 <= store.num_steps <= updates * 4 + a_round
        assert said == {} or said["world/steps"] == store.num_steps
    assert said["world/return"] == store.returns[-2:].mean()


def test_steps_before_training_are_no_advance(explored):
    store, make = explored
    make().grow(10)
    before = store.num_steps
    make(before=before).grow(0)
    assert store.num_steps == before
    make(before=before).grow(10)
    assert store.num_steps >= before + 40


def test_a_world_is_mastered_by_twenty_episodes_on_average(explored):
    store, make = explored
    collector = make(until=10.0)  # a pole left to chance stays up for longer
    assert not collector.mastered()
    collector.grow(40)
    assert 2 <= len(store) < 20 and not collector.mastered()
    collector.grow(200)
    assert len(store) >= 20 and collector.mastered()
    assert not make(until=499.0).mastered() and not make().mastered()
    assert not make(until=10.0, before=store.num_steps - 50).mastered()


def test_a_break_changes_nothing(explored, tmp_path):
    store, make = explored
    whole = make()
    for updates in range(60):
        whole.grow(updates)
    stream = GymStream("CartPole-v1", num_envs=2)
    play = partial(RandomPolicy, stream.specs["action"])
    with EpisodeStore.create(tmp_path / "broken", stream.specs) as broken:
        for start in (0, 7, 30, 59):  # a new process each time
            stream = GymStream("CartPole-v1", num_envs=2)
            part = Collector(stream, broken, play, lambda: broken.table.next_id, 64, 16)
            for updates in range(start, 60):
                part.grow(updates)
                if updates in (6, 29, 58):
                    break
        assert len(broken) == len(store) > 4
        for one, other in zip(store, broken, strict=True):
            assert all(np.array_equal(one[k], other[k]) for k in one.steps)
    assert len({e["vector"][0].tobytes() for e in store}) == len(store), "every start is new"


def test_the_store_stays_within_its_capacity(explored):
    store, make = explored
    collector = make(capacity=200)
    collector.grow(0)
    collector.grow(200)
    assert store.num_steps <= 200 < 800 <= store.total_steps
    assert np.all(np.diff(store.ids) == 1)
    with_the_same_store = make(capacity=200)
    with_the_same_store.grow(200)
    assert EpisodeStore.open(store.path).total_steps == store.total_steps < 2000


def test_a_ratio_is_above_zero(explored):
    _, make = explored
    with pytest.raises(ValueError, match="--train-ratio 0: above zero"):
        make(ratio=0)
