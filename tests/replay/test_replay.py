from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch

from foreworld.episodes import EpisodeStore
from foreworld.replay import Replay
from foreworld.vocab import Episode, Spec

SPECS = {
    "image": Spec((4, 4, 3), "uint8", "image"),
    "place": Spec((2,), "float32", "vector"),  # (episode id, row)
    "room": Spec((), "int64", "discrete", classes=(3,)),
    "action": Spec((1,), "float32", "vector"),
}


def episode(id: int, length: int) -> Episode:
    rows = np.arange(length)
    return Episode(
        {
            "image": np.full((length, 4, 4, 3), id % 256, np.uint8),
            "place": np.stack([np.full(length, id), rows], 1).astype(np.float32),
            "room": rows % 3,
            "action": rows[:, None].astype(np.float32),
            "reward": rows.astype(np.float32),
            "is_first": rows == 0,
            "is_last": rows == length - 1,
            "is_terminal": (rows == length - 1) & bool(id % 2),
        }
    )


@pytest.fixture
def store(tmp_path):
    with EpisodeStore.create(tmp_path / "store", SPECS, chunk_steps=60) as store:
        for id, length in enumerate([3, 40, 7, 1, 25, 90]):
            store.append(episode(id, length))
        yield store


def test_windows_are_full_stretches_of_episodes_with_seams_at_their_ends(store):
    replay = Replay(store, batch_size=8, length=20)
    for _ in range(20):
        place = replay.sample()["place"]
        first = torch.isclose(place[:, 1:, 1], torch.zeros(()))
        ends = torch.tensor(store.lengths)[place[:, :-1, 0].long()] - 1
        assert torch.equal(first, place[:, :-1, 1] == ends)  # a new one exactly after an end
        within = ~first
        assert (place[:, 1:][within] - place[:, :-1][within] == torch.tensor([0.0, 1.0])).all()


def test_batches_have_the_rows_and_dtypes_of_the_store(store):
    batch = Replay(store, batch_size=8, length=20).sample()
    assert set(batch) == {*SPECS, "reward", "is_first", "is_last", "is_terminal"}
    assert batch["image"].shape == (8, 20, 4, 4, 3)
    dtypes = {"image": torch.uint8, "place": torch.float32, "room": torch.int64}
    dtypes |= {"reward": torch.float32, "is_first": torch.bool}
    assert {key: batch[key].dtype for key in dtypes} == dtypes
    id, row = batch["place"].unbind(-1)
    lengths = torch.tensor(store.lengths)[id.long()]
    assert torch.equal(batch["image"][..., 0, 0, 0].float(), id)
    assert torch.equal(batch["room"], row.long() % 3)
    assert torch.equal(batch["action"][..., 0], row)
    assert torch.equal(batch["reward"], row)
    assert torch.equal(batch["is_first"], row == 0)
    assert torch.equal(batch["is_last"], row == lengths - 1)
    assert torch.equal(batch["is_terminal"], (row == lengths - 1) & (id % 2 == 1))


def test_every_step_opens_a_window_equally_often(store):
    replay = Replay(store, batch_size=64, length=1, keys=["place"])
    opened = np.zeros((6, 90))
    for _ in range(300):
        for id, row in replay.sample()["place"][:, 0].long().tolist():
            opened[id, row] += 1
    expected = 300 * 64 / store.num_steps
    for id, length in enumerate(store.lengths):
        assert (opened[id, length:] == 0).all()
        # 166 counts of a Poisson variable: five standard deviations leave out no honest run.
        assert (abs(opened[id, :length] - expected) < 5 * np.sqrt(expected)).all()


def test_only_the_chosen_episodes_are_drawn(store):
    replay = Replay(store, ids=[1, 4, 77], length=50)
    seen = {int(id) for _ in range(20) for id in replay.sample()["place"][..., 0].unique()}
    assert seen == {1, 4}


def test_the_seed_decides_and_the_state_resumes(store):
    def places(replay, n=5):
        return torch.stack([replay.sample()["place"] for _ in range(n)])

    replay = Replay(store, seed=1, recent=0.5)
    first = places(replay)
    state = json.loads(json.dumps(replay.state()))
    second = places(replay)
    assert torch.equal(places(Replay(store, seed=1, recent=0.5)), first)
    assert not torch.equal(places(Replay(store, seed=2, recent=0.5)), first)
    resumed = Replay(EpisodeStore.open(store.path), seed=9, recent=0.5)
    resumed.restore(state)
    assert torch.equal(places(resumed), second)


def test_batches_are_not_overwritten_by_later_ones(store):
    replay = Replay(store)
    batch = replay.sample()
    before = {key: value.clone() for key, value in batch.items()}
    replay.sample()
    assert all(torch.equal(batch[key], value) for key, value in before.items())
    batch["place"] += 1  # and may be written to


@pytest.mark.parametrize("reading", [True, False])
def test_new_episodes_are_drawn_and_evicted_ones_are_not(store, reading):
    source = EpisodeStore.open(store.path) if reading else store
    replay = Replay(source, length=10, batch_size=64, keys=["place"])
    split = Replay(source, ids=lambda s: s.split(0.5)[1], length=10, batch_size=64, keys=["place"])
    replay.sample(), split.sample()
    for id in range(6, 10):
        store.append(episode(id, 60))
    ids = {int(id) for id in replay.sample()["place"][..., 0].unique()}
    assert {6, 7, 8, 9} <= ids
    store.evict(120)
    ids = {int(id) for id in replay.sample()["place"][..., 0].unique()}
    assert ids == {8, 9}
    ids = {int(id) for id in split.sample()["place"][..., 0].unique()}
    assert ids == set(store.split(0.5)[1].tolist())


def test_recent_windows_open_among_the_newest_steps(store):
    replay = Replay(store, batch_size=4, length=5, recent=1.0, keys=["place"])
    for _ in range(50):
        id, row = replay.sample()["place"][:, 0].unbind(-1)
        assert (id == 5).all()
        assert (row >= 70).all()
    mixed = Replay(store, batch_size=4, length=5, recent=0.5, keys=["place"])
    newest = [
        (replayed[:, 0] == 5) & (replayed[:, 1] >= 70)
        for replayed in (mixed.sample()["place"][:, 0] for _ in range(200))
    ]
    assert 0.5 < torch.cat(newest).float().mean() < 0.64  # 0.5 + 0.5 * 20 / 166


def test_keys_limit_what_is_read(store):
    batch = Replay(store, keys=["room"]).sample()
    assert set(batch) == {"room", "action", "reward", "is_first", "is_last", "is_terminal"}
    with pytest.raises(ValueError, match="'rom'.*did you mean 'room'"):
        Replay(store, keys=["rom"])


def test_wrong_arguments_are_named(store, tmp_path):
    with pytest.raises(ValueError, match="recent=2"):
        Replay(store, recent=2)
    with pytest.raises(ValueError, match="length=0"):
        Replay(store, length=0)
    with EpisodeStore.create(tmp_path / "empty", SPECS) as empty:
        replay = Replay(empty)
        with pytest.raises(ValueError, match="no episode"):
            replay.sample()
        empty.append(episode(0, 4))
        replay.sample()


def test_sampling_costs_milliseconds(tmp_path):
    """Far above what it takes (under one), far below what per-row Python would."""
    image = Spec((64, 64, 3), "uint8", "image")
    with EpisodeStore.create(tmp_path / "s", {"image": image, "action": SPECS["action"]}) as store:
        for id in range(10):
            e = dict(episode(id, 100).steps)
            del e["place"], e["room"]
            store.append(Episode({**e, "image": np.full((100, 64, 64, 3), id, np.uint8)}))
        replay = Replay(store, batch_size=16, length=32)
        times = []
        for _ in range(20):
            start = time.process_time()
            replay.sample()
            times.append(time.process_time() - start)
    assert np.median(times) < 0.01


def test_windows_of_another_length_hold_as_many_steps(store):
    replay = Replay(store, batch_size=4, length=6)
    assert replay.sample(1)["place"].shape == (24, 1, 2)
    assert replay.sample(50)["place"].shape == (1, 50, 2), "at least one"
    assert replay.sample()["place"].shape == (4, 6, 2)


def test_one_sample_may_read_less_and_be_larger(store):
    replay = Replay(store, batch_size=4, length=5)
    batch = replay.sample(10, ("place",), times=3)
    assert set(batch) == {"place", "action", "reward", "is_first", "is_last", "is_terminal"}
    assert batch["place"].shape == (6, 10, 2)
    assert "image" in replay.sample(), "what one sample read is not what the next reads"


def test_weights_say_how_often_steps_are_drawn(store):
    weights = np.array([30.0, 1.0, 1.0, 1.0, 2.0, 1.0])  # 90, 40, 7, 1, 50 and 90 of 278
    replay = Replay(store, None, 64, 1, seed=0, weigh=lambda ids: weights[ids])
    drawn = torch.cat([replay.sample()["place"][:, 0] for _ in range(60)])
    ids, rows = drawn.unbind(1)
    shares = torch.bincount(ids.long(), minlength=6) / len(ids)
    wanted = torch.tensor([90, 40, 7, 1, 50, 90]) / 278
    assert (shares - wanted).abs().max() < 0.03  # four deviations of 3,840 draws
    within = torch.bincount(rows[ids == 0].long(), minlength=3) / int((ids == 0).sum())
    assert (within - 1 / 3).abs().max() < 0.06, "and within an episode all alike"
