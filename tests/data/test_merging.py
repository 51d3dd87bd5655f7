"""Stores become one where their keys agree, and two by the ids of their episodes."""

from dataclasses import replace

import numpy as np
import pytest

from foreworld.data.merging import common, merge, split
from foreworld.data.stored import noted_fps
from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.episodes.together import followers, keep_together
from foreworld.vocab import Spec
from tests.data import stores

SMALL = {
    "state": Spec((2,), "float32", "vector"),
    "instruction": Spec((8,), "uint8", "text"),
    "action": Spec((2,), "float32", "vector", -1.0, 1.0),
}


def made(path, specs, seed, count=3):
    rng = np.random.default_rng(seed)
    short = {key: spec for key, spec in specs.items() if spec.kind != "text"}
    with EpisodeStore.create(path, specs) as store:
        for _ in range(count):
            episode = stores.episode(rng, short, 5, False)
            words = np.frombuffer(b"go".ljust(specs["instruction"].shape[0], b"\0"), np.uint8)
            steps = {**episode.steps, "instruction": np.tile(words, (5, 1))}
            store.append(replace(episode, steps=steps))
    return EpisodeStore.open(path)


def test_bounds_and_texts_get_room_for_all(tmp_path):
    wider = SMALL | {
        "action": replace(SMALL["action"], low=(-3.0, -1.0), high=(1.0, 2.0)),
        "instruction": Spec((20,), "uint8", "text"),
    }
    one, two = made(tmp_path / "a", SMALL, 0), made(tmp_path / "b", wider, 1)
    specs = merge([one, two], tmp_path / "both")
    assert (specs["action"].low, specs["action"].high) == ((-3.0, -1.0), (1.0, 2.0))
    both = EpisodeStore.open(tmp_path / "both")
    assert len(both) == 6 and both.specs == specs
    assert np.array_equal(both[1]["state"], one[1]["state"])
    assert np.array_equal(both[4]["action"], two[1]["action"])
    assert both[0]["instruction"].shape == (5, 20)
    assert both[0]["instruction"][0].tobytes().rstrip(b"\0") == b"go"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"state": Spec((3,), "float32", "vector")},
            "'state' differs: shape",
        ),
        ({"state": Spec((2,), "float64", "vector")}, "dtype float32 or float64"),
        ({"state": Spec((2,), "float32", "vector", unit="rad")}, "unit None or rad"),
        ({"extra": Spec((), "float32", "vector")}, "'extra' is in 1 of 2.*--flag-missing"),
    ],
)
def test_what_differs_is_named(tmp_path, change, said):
    one, two = made(tmp_path / "a", SMALL, 0), made(tmp_path / "b", SMALL | change, 1)
    with pytest.raises(ValueError, match=said):
        merge([one, two], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_what_some_lack_may_be_flagged(tmp_path):
    more = SMALL | {"wrist": Spec((8, 8, 3), "uint8", "image")}
    one, two = made(tmp_path / "a", SMALL, 0), made(tmp_path / "b", more, 1)
    merge([one, two], tmp_path / "both", flag_missing=True)
    both = EpisodeStore.open(tmp_path / "both")
    assert both.specs["present.wrist"].record
    assert [bool(episode["present.wrist"].all()) for episode in both] == [False] * 3 + [True] * 3
    assert not both[0]["wrist"].any() and np.array_equal(both[5]["wrist"], two[2]["wrist"])
    third = made(tmp_path / "c", SMALL, 2)
    specs = common([both.specs, third.specs], flag_missing=True)
    assert set(specs) == set(both.specs)


def test_rates_have_to_agree(tmp_path):
    """Where an import noted how fast rows follow each other; nobody's word is taken for granted."""
    one, two, three = (made(tmp_path / name, SMALL, n) for n, name in enumerate("abc"))
    for store, fps in ((one, 10.0), (two, 10.0), (three, 30.0)):
        write_json(store.path / "import.json", {"report": {"fps": fps, "of": store.path.name}})
    merge([one, two], tmp_path / "both")
    assert noted_fps(tmp_path / "both") == 10.0
    with pytest.raises(ValueError, match="rows a second differ: .*a 10, .*c 30; import them at"):
        merge([one, three], tmp_path / "all")


def test_split_by_episode(tmp_path):
    store = made(tmp_path / "a", SMALL, 0, count=20)
    sides = split(store, tmp_path / "parts", 0.2)
    train, test = (EpisodeStore.open(tmp_path / "parts" / name) for name in ("train", "test"))
    assert sorted(sides["train"] + sides["test"]) == list(range(20)) and len(test) == 4
    for side, ids in ((train, sides["train"]), (test, sides["test"])):
        for episode, id in zip(side, ids, strict=True):
            assert np.array_equal(episode["state"], store[id]["state"])


def test_one_episode_cannot_be_split(tmp_path):
    store = made(tmp_path / "a", SMALL, 0, count=1)
    with pytest.raises(ValueError, match="two are needed"):
        split(store, tmp_path / "parts", 0.5)
    assert not (tmp_path / "parts").exists()


def test_parts_of_one_recording_stay_together(tmp_path):
    one, two = made(tmp_path / "a", SMALL, 0, 4), made(tmp_path / "b", SMALL, 1, 6)
    keep_together(one.path, [1])
    keep_together(two.path, [2, 3, 5])
    merge([one, two], tmp_path / "both")
    both = EpisodeStore.open(tmp_path / "both")
    assert followers(both.path).tolist() == [1, 6, 7, 9]
    sides = split(both, tmp_path / "parts", 0.4)
    for name, ids in sides.items():
        parted = [ids.index(n) for n in (1, 6, 7, 9) if n in ids]
        assert followers(tmp_path / "parts" / name).tolist() == parted
        assert all(n - 1 in ids for n in (1, 6, 7, 9) if n in ids)
