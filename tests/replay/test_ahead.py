"""Reading ahead changes nothing but when the reading is done."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from foreworld.episodes import EpisodeStore
from foreworld.replay import Ahead, Replay
from foreworld.vocab import Episode, Spec

SPECS = {"place": Spec((2,), "float32", "vector"), "action": Spec((1,), "float32", "vector")}


def episode(id, length):
    rows = np.arange(length)
    place = np.stack([np.full(length, id), rows], 1).astype(np.float32)
    action, reward = rows[:, None].astype(np.float32), rows.astype(np.float32)
    flags = {"is_first": rows == 0, "is_last": rows == length - 1, "is_terminal": rows < 0}
    return Episode({"place": place, "action": action, "reward": reward, **flags})


@pytest.fixture
def store(tmp_path):
    with EpisodeStore.create(tmp_path / "store", SPECS) as store:
        for id, length in enumerate((9, 30, 4, 12)):
            store.append(episode(id, length))
        yield store


def replay(store, seed=3):
    return Replay(store, batch_size=3, length=5, seed=seed)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_the_same_batches_in_the_same_order(store):
    plain, ahead = replay(store), Ahead(replay(store))
    for _ in range(5):
        assert equal(plain.sample(), ahead.sample())


def test_another_question_is_answered_as_if_none_had_been_read_ahead(store):
    plain, ahead = replay(store), Ahead(replay(store))
    for question in ((None, None, 1), (1, ["place"], 2), (1, ["place"], 2), (None, None, 1)):
        assert equal(plain.sample(*question), ahead.sample(*question))


def test_its_state_leads_to_the_batch_that_is_being_read(store):
    plain, ahead = replay(store), Ahead(replay(store))
    for _ in range(3):
        plain.sample(), ahead.sample()
    assert ahead.state() == plain.state()
    again = Ahead(replay(store, seed=9))
    again.sample()
    again.restore(ahead.state())
    coming = plain.sample()
    assert equal(again.sample(), coming) and equal(ahead.sample(), coming)


def test_it_reads_while_nobody_asks(store, monkeypatch):
    reading, ahead = threading.Event(), Ahead(inner := replay(store))
    sample = inner.sample

    def noted(*asked):
        if threading.current_thread() is not threading.main_thread():
            reading.set()
        return sample(*asked)

    monkeypatch.setattr(inner, "sample", noted)
    ahead.sample()
    reading.clear()
    ahead.sample()
    assert reading.wait(10)


def test_nothing_to_draw_from_is_said_at_every_asking(tmp_path):
    with EpisodeStore.create(tmp_path / "empty", SPECS) as store:
        ahead = Ahead(replay(store))
        for _ in range(2):
            with pytest.raises(ValueError, match="no episode to draw from"):
                ahead.sample()
        store.append(episode(0, 8))
        assert ahead.sample()["place"].shape == (3, 5, 2)
