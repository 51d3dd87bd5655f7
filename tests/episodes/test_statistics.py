from __future__ import annotations

import json

import numpy as np
import pytest

from foreworld.episodes import EpisodeStore, statistics
from foreworld.episodes import statistics as function
from foreworld.vocab import Episode


@pytest.mark.parametrize("slab_bytes", [1, 1000, 10**9])
def test_slabs_give_the_moments_of_everything_at_once(episode, specs, slab_bytes, monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules[function.__module__], "SLAB_BYTES", slab_bytes)
    episodes = [episode(length, seed) for seed, length in enumerate([1, 5, 17, 30])]
    found = statistics(episodes, specs)

    def together(key, rows=slice(None)):
        return np.concatenate([e[key][rows] for e in episodes]).astype(np.float64)

    images = together("eye/left").reshape(-1, 3)
    expected = {
        "eye/left": images,
        "vector": together("vector"),
        "success": together("success"),
        "action": together("action", slice(None, -1)),
        "reward": together("reward", slice(1, None)),
    }
    for key, values in expected.items():
        moments = found.keys[key]
        np.testing.assert_allclose(moments.mean, values.mean(0), rtol=1e-4, atol=1e-6, err_msg=key)
        np.testing.assert_allclose(moments.std, values.std(0), rtol=1e-4, err_msg=key)
        np.testing.assert_array_equal(moments.low, values.min(0))
        np.testing.assert_array_equal(moments.high, values.max(0))
    rooms = together("room").astype(int)
    counts = [*np.bincount(rooms[:, 0], minlength=3), *np.bincount(rooms[:, 1], minlength=4)]
    np.testing.assert_array_equal(found.keys["room"].counts, counts)
    assert "word" not in found.keys
    assert (found.episodes, found.steps, found.lengths.mean, found.lengths.high) == (
        4,
        53,
        13.25,
        30,
    )
    returns = [e["reward"].sum() for e in episodes]
    np.testing.assert_allclose(found.returns.mean, np.mean(returns), rtol=1e-5)
    np.testing.assert_allclose(found.returns.std, np.std(returns), rtol=1e-5)


def test_a_store_answers_for_a_choice_of_episodes_and_in_json(tmp_path, episode, specs):
    with EpisodeStore.create(tmp_path / "store", specs) as store:
        for n in range(4):
            store.append(episode(5 + n, n))
        assert store.statistics([1, 3]).steps == 6 + 8
        data = json.loads(json.dumps(store.statistics().to_json()))
    assert data["lengths"]["mean"] == 6.5
    assert len(data["keys"]["vector"]["std"]) == 5


def test_no_episodes_have_no_statistics(specs):
    with pytest.raises(ValueError, match="no episodes"):
        statistics([], specs)


def test_discrete_actions_are_counted(specs):
    action = type(specs["action"])((), "int64", "discrete", classes=(3,))
    rows = np.arange(4)
    steps = {"action": np.array([1, 1, 2, 0]), "reward": np.ones(4, np.float32)}
    steps |= {"is_first": rows == 0, "is_last": rows == 3, "is_terminal": rows == 3}
    assert statistics([Episode(steps)], {"action": action}).keys["action"].counts.tolist() == [
        0,
        2,
        1,
    ]
