"""The worlds that ship: small, examined, and believable for a hundred steps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foreworld.cli.staging import GALLERY, gallery, open_stage
from foreworld.policies.planned import step_batch
from foreworld.run import load
from foreworld.vocab import predict_all, rollout

NAMES = ["pendulum", "rooms", "tabletop"]
STEPS = 100


def held_keys(spec, rng):
    """What a person does: one direction for a while, then another."""
    actions = np.zeros((STEPS, *spec.shape), np.float32)
    most = np.broadcast_to(spec.high, spec.shape)
    step = 0
    while step < STEPS:
        length, number = int(rng.integers(5, 15)), rng.integers(spec.width)
        actions[step : step + length, number] = rng.choice([-1.0, 1.0]) * most[number]
        step += length
    return actions


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
    kwargs = {**run.world.env_kwargs, "max_steps": STEPS + 1}
    stream = replace(run.world, env_kwargs=kwargs).stream(8, 7_000_000)
    rng = np.random.default_rng(0)
    actions = np.stack([held_keys(run.model.specs["action"], rng) for _ in range(8)])
    step = stream.reset()
    state = run.model.observe(run.model.initial(8), step_batch(run.model, step))
    start = np.array(step["facts"])
    for t in range(STEPS):
        step = stream.step(actions[:, t])
    stream.close()
    dreamt = predict_all(run.model, rollout(run.model, state, torch.from_numpy(actions)), ["facts"])
    dreamt, true = dreamt["facts"][:, -1, :2].numpy(), step["facts"][:, :2]  # x and y come first
    miss = np.median(np.linalg.norm(dreamt - true, axis=1))
    assert miss < share * np.median(np.linalg.norm(start[:, :2] - true, axis=1))
