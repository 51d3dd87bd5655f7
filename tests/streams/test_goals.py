"""Goals reach policies through streams; episodes, stores and models never hear of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from foreworld.cli.collect import fill, open_store
from foreworld.episodes import EpisodeStore
from foreworld.families.rssm import PRESETS
from foreworld.policies import RandomPolicy
from foreworld.run import World, build
from foreworld.streams import GymStream, collect
from foreworld.vocab import Spec, goals_of, lasting, observation_keys, target_keys
from foreworld.worlds.rooms import Rooms

ID = "foreworld/Rooms-v0"


class Aimed(Rooms):
    """The rooms, declared otherwise."""

    goals = {"goal": "imagee"}


class Askew(Rooms):
    """A picture as the goal of six numbers."""

    goals = {"goal": "facts"}


@pytest.mark.parametrize("make", [ID, Rooms])
def test_goals_are_in_every_step_and_shrink_alike(make):
    stream = GymStream(make, 3, seed=5, image_size=32)
    assert goals_of(stream.specs) == {"goal": "image", "goal_facts": "facts"}
    assert stream.specs["goal"].shape == stream.specs["image"].shape == (32, 32, 3)
    first, second = stream.reset(), stream.step(np.ones((3, 2), np.float32))
    for key in ("goal", "goal_facts"):
        assert np.array_equal(first[key], second[key]) and len(np.unique(first[key], axis=0)) == 3
    assert not np.array_equal(first["image"], second["image"])


def test_models_neither_see_nor_predict_them():
    stream = GymStream(ID, image_size=16)
    seen, predicted = observation_keys(stream.specs), target_keys(stream.specs)
    assert seen == ["image"] and predicted == ["facts", "image", "success"]
    model = build("rssm", stream.specs, PRESETS["debug"])
    assert "facts" in model.heads and not {"goal", "goal_facts"} & {*model.heads, *model.specs}


def test_episodes_and_stores_do_not_keep_them(tmp_path):
    stream = GymStream(ID, 2, image_size=16)
    policy = RandomPolicy(stream.specs["action"])
    with EpisodeStore.create(tmp_path / "s", stream.specs) as store:
        for episode in collect(stream, policy, steps=40, truncate=True):
            store.append(episode)
        assert (
            set(store.specs)
            == set(lasting(stream.specs))
            == {"image", "facts", "success", "action"}
        )
        assert set(episode.steps) == set(store[0].steps) and "goal" not in episode.steps
    EpisodeStore.open(tmp_path / "s", "a", stream.specs).close()  # the same specs as before


def test_collecting_from_the_command_line_drops_them(tmp_path):
    world = World(ID, {"wall": "random"}, image_size=16)
    with open_store(tmp_path / "s", GymStream(ID, image_size=16).specs, world) as store:
        fill(store, world, "wander", 100, 2)
        assert "goal" not in store.specs and store.num_steps == 100
        assert len({store[i]["facts"][0, 2] for i in store.ids}) == len(store)


def test_specs_with_goals_go_through_json():
    spec = Spec((2,), "float32", "vector", goal_of="place")
    assert Spec.from_json(spec.to_json()) == spec
    assert "goal_of" not in Spec((2,), "float32", "vector").to_json()


@pytest.mark.parametrize(("kind", "said"), [(Aimed, "no such key"), (Askew, "of the same shape")])
def test_goals_of_nothing_are_explained(kind, said):
    with pytest.raises(ValueError, match=said):
        GymStream(partial(kind, image_size=16))
