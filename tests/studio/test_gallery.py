"""The worlds that ship: small, examined, and believable for a hundred steps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foreworld.cli.staging import GALLERY, gallery, open_stage
from foreworld.policies.wander import WanderPolicy
from foreworld.run import load
from foreworld.streams import collect
from foreworld.vocab import predict_all, rollout

NAMES = ["pendulum", "rooms", "tabletop"]
STEPS, SEED = 100, 7_000_000  # a seed that no training met


def test_it_is_small_and_examined():
    assert [offer.name for offer in gallery()] == NAMES
    files = [file for file in GALLERY.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 8e6
    for offer in gallery():
        assert offer.about and offer.light in ("green", "amber", "red")


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_as_any_run(name):
    stage = open_stage(next(offer for offer in gallery() if offer.name == name))
    assert "planner" in stage.policies and stage.atlas is not None
    assert stage.truth is not None or stage.store is not None, "somewhere to begin"


@pytest.mark.parametrize(("name", "share"), [("rooms", 0.25), ("tabletop", 0.6)])
def test_what_one_steers_is_about_where_it_should_be_after_a_hundred_steps(name, share):
    run = load(GALLERY / name)
    world = replace(run.world, env_kwargs={**run.world.env_kwargs, "max_steps": STEPS})
    policy = WanderPolicy(run.model.specs["action"])
    lives = list(collect(world.stream(8, SEED), policy, episodes=8))
    seen = {
        key: torch.from_numpy(np.stack([life[key][:1] for life in lives])) for key in lives[0].steps
    }
    actions = torch.from_numpy(np.stack([life["action"][:-1] for life in lives]))
    state = run.model.observe(run.model.initial(8), seen)
    dreamt = predict_all(run.model, rollout(run.model, state, actions), ["facts"])["facts"][:, -1]
    begun, true = (np.stack([life["facts"][t, :2] for life in lives]) for t in (0, -1))
    miss = np.median(np.linalg.norm(dreamt[:, :2].numpy() - true, axis=1))  # x and y come first
    assert miss < share * np.median(np.linalg.norm(begun - true, axis=1))
