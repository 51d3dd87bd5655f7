"""A point that chance kicks: who knows how hard is calibrated, and nobody else."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from foreworld.evaluation.calibration import METRICS, read
from foreworld.evaluation.draws import draw
from foreworld.evaluation.rulers import sit
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.outputs import Bernoulli, Mse
from foreworld.vocab import Batch, Episode, Loss, Spec, WorldModel

KICK, LENGTH = 0.3, 24
SPECS = {
    "place": Spec((2,), "float32", "vector"),
    "action": Spec((1,), "float32", "vector", low=-1.0, high=1.0),
}


class Point(NamedTuple):
    place: Tensor  # [B, 2]
    action: Tensor


class Kicked(WorldModel):
    """place' = 0.9 place + (action, 0) + kick * normal; kick: how hard it thinks that chance is."""

    Config = object
    heads = ("place", "reward", "continue")

    def __init__(self, kick: float = KICK, reward: float = 0.0, width: int = 2) -> None:
        super().__init__()
        self.specs, self.width, self.more = SPECS, width, reward
        self.kick = torch.nn.Parameter(torch.tensor(kick))

    def initial(self, batch_size: int) -> Point:
        return Point(torch.zeros(batch_size, 2), torch.zeros(batch_size, 1))

    def observe(self, state: Point, batch: Batch) -> Point:
        return Point(batch["place"][:, -1], batch["action"][:, -1])

    def imagine(self, state: Point, action: Tensor, noise: Tensor | None = None) -> Point:
        place = 0.9 * state.place + torch.cat([action, 0 * action], -1)
        if noise is not None and self.width:
            place = place + self.kick * noise
        return Point(place, torch.zeros_like(action))

    def predict(self, state: Point, heads=None):
        said = {
            "place": Mse(state.place, 1),
            "reward": Mse(state.place[:, 0] + self.more, 0),
            "continue": Bernoulli(5.0 * (2.5 - state.place[:, 1].abs())),
        }
        return {h: said[h] for h in heads or self.heads}

    def features(self, state: Point) -> Tensor:
        return state.place

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(batch_size, horizon, self.width, generator=generator)


def live(seed: int) -> Episode:
    rng, place, rows = np.random.default_rng(seed), np.zeros(2, np.float32), []
    actions = rng.uniform(-1, 1, (LENGTH, 1)).astype(np.float32)
    for action in actions:
        rows.append(place)
        kick = KICK * rng.standard_normal(2)
        place = np.float32(0.9 * place + np.array([action[0], 0]) + kick)
    flags = {k: np.zeros(LENGTH, bool) for k in ("is_first", "is_last", "is_terminal")}
    flags["is_first"][0] = flags["is_last"][-1] = True
    places = np.stack(rows)
    return Episode({"place": places, "reward": places[:, 0], "action": actions, **flags})


@pytest.fixture(scope="module")
def subject():
    episodes = [live(seed) for seed in range(24)]
    return Subject(Kicked(), episodes, protocol=Protocol(context=2, horizon=8, draws=10))


def readings(subject, model=None, **changes):
    subject = replace(subject, **({"model": model} if model else {}), **changes)
    return {r.metric.name.split(".")[1]: r for r in read(subject)}


def test_who_knows_the_size_of_chance_raises_no_alarm(subject):
    found = readings(subject)
    assert not [name for name, r in found.items() if r.alarm]
    assert found["overconfidence"].details["spread / error"] == pytest.approx(1.0, abs=0.1)
    assert found["risk_coverage"].reason == "the model claims to be as uncertain everywhere" or (
        found["risk_coverage"].value.high > 0.5
    )
    assert found["reward"].value.value < 0.1 and found["reward"].details["Brier"] < 0.2


@pytest.mark.parametrize("factor, one, other", [(0.3, "over", "under"), (3.0, "under", "over")])
def test_too_sure_and_not_sure_enough_are_told_apart(subject, factor, one, other):
    found = readings(subject, Kicked(factor * KICK))
    assert found[f"{one}confidence"].alarm and not found[f"{other}confidence"].alarm
    assert found["coverage"].alarm and found["ranks"].alarm


def test_a_model_of_no_chance_claims_nothing_alone_and_something_in_company(subject):
    alone = readings(subject, Kicked(width=0))
    assert "claims no uncertainty" in alone["coverage"].reason
    others = [Kicked(kick) for kick in (0.29, 0.31)]
    assert draw(replace(subject, ensemble=others), sit(subject))["place"].shape[0] == 9
    company = readings(subject, Kicked(width=0), ensemble=[Kicked(width=0)] * 3)
    assert company["overconfidence"].alarm, "four that always agree are too sure"


def test_reward_for_nothing_is_seen(subject):
    found = readings(subject, Kicked(reward=3.0))
    assert found["reward"].alarm and found["reward"].details["bins"]["claimed"][-1] > 0.95


def test_ends_are_scored_where_there_are_any(subject):
    assert readings(subject)["continue"].reason == "the world ends in none of the windows"
    ended = []
    for number, episode in enumerate(subject.held_out):
        end = np.abs(episode["place"][:, 1]) > 2.5
        end[-1] |= number % 2 == 0
        ended.append(Episode({**episode.steps, "is_terminal": end}))
    found = readings(subject, held_out=ended)["continue"]
    assert 0.5 < found.value.value < 2 and found.details["ECE"] < 0.2


def test_too_short_episodes_are_a_reason(subject):
    short = [Episode({k: v[:5] for k, v in e.steps.items()}) for e in subject.held_out]
    found = read(replace(subject, held_out=short))
    assert [r.metric for r in found] == list(METRICS)
    assert all("shorten --horizon" in r.reason for r in found)
