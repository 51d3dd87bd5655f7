"""The true world follows a session wherever it goes, and wakes it up."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.cli.examinee import branching_world
from foreworld.run import World
from foreworld.sessions import Rows, Session
from foreworld.sessions.shadow import Shadow
from foreworld.vocab import Spec

sys.path.insert(0, str(Path(__file__).parent))  # for walker

from walker import Walker, pushes

ROOMS = World("foreworld/Rooms-v0", {"image_size": 16, "max_steps": 1000}, 16)
SEEN = {
    "image": Spec((16, 16, 3), "uint8", "image"),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
}


class Knowing(Walker):
    """Sees where the dot is, exactly."""

    def observe(self, state, batch):
        image = batch["image"][:, -1].float().flatten(1)
        return state._replace(place=torch.stack([image.mean(1), image.std(1)], 1))


@pytest.fixture
def played():
    rows = Rows(Knowing(SEEN))
    shadow = Shadow(branching_world(ROOMS), rows, seed=5)
    session = Session(rows, 5)
    session.begin(shadow.state)
    shadow.follow(session.tree)
    yield session, shadow
    shadow.close()


def truth(actions):
    world = branching_world(ROOMS)
    rows = [world.reset(5), *(world.step(a[None]) for a in actions)]
    world.close()
    return rows


def equal(row, other):
    return all(np.array_equal(row[k], other[k]) for k in other)


def test_it_shows_what_the_simulator_would(played):
    session, shadow = played
    actions = pushes(70)
    rows = truth(actions)
    assert equal(shadow.row, rows[0])
    for n, action in enumerate(actions, 1):
        session.step(action)
        shadow.follow(session.tree)
        assert equal(shadow.row, rows[n])
    session.tree.rewind(40)
    shadow.follow(session.tree)
    assert equal(shadow.row, rows[40])
    other = [*actions[:40], *(-a for a in actions[40:50])]
    for action in other[40:]:
        session.step(action)
        shadow.follow(session.tree)
    assert equal(shadow.row, truth(other)[-1])
    session.tree.goto(0)
    shadow.follow(session.tree)
    assert equal(shadow.row, rows[70])
    assert np.array_equal(shadow.picture("image"), rows[70]["image"][0])


def test_its_past_can_be_read_without_moving(played):
    session, shadow = played
    actions = pushes(12)
    for action in actions:
        session.step(action)
        shadow.follow(session.tree)
    now = shadow.row
    rows = shadow.rows(session.tree.path(session.tree.here))
    assert all(equal(a, b) for a, b in zip(rows, truth(actions), strict=True))
    assert shadow.row is now
    session.step(actions[0])
    shadow.follow(session.tree)
    assert equal(shadow.row, truth([*actions, actions[0]])[-1])


def test_the_dream_wakes_up(played):
    session, shadow = played
    for action in pushes(6):
        session.step(action)
        shadow.follow(session.tree)
    assert not torch.equal(session.state.place, shadow.state.place)
    session.take_in(shadow.state)
    row = shadow.row
    shadow.follow(session.tree)
    assert shadow.row is row, "no time has passed"
    assert torch.equal(session.state.place, shadow.state.place)


def test_a_world_that_has_ended_stays_so():
    rows = Rows(PoleWalker(POLE))
    shadow = Shadow(branching_world(World("CartPole-v1", {}, None)), rows, seed=1)
    session = Session(rows, 1)
    session.begin(shadow.state)
    shadow.follow(session.tree)
    for _ in range(40):
        session.step(np.ones((), np.int64))
        shadow.follow(session.tree)
    assert shadow.ended and shadow.row["is_terminal"][0]
    session.tree.rewind(3)
    shadow.follow(session.tree)
    assert not shadow.ended
    shadow.close()


POLE = {
    "vector": Spec((4,), "float32", "vector"),
    "place": Spec((2,), "float32", "vector", observed=False),
    "image": Spec((4, 4, 3), "uint8", "image", observed=False),
    "action": Spec((), "int64", "discrete", classes=(2,)),
}


class PoleWalker(Walker):
    def observe(self, state, batch):
        return state._replace(place=batch["vector"][:, -1, :2])

    def initial(self, batch_size):
        return super().initial(batch_size)._replace(action=torch.zeros(batch_size).long())

    def imagine(self, state, action, noise=None):
        return state
