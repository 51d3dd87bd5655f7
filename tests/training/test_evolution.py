"""A controller bred in dreams of a world that is known exactly."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.checkpoint import Checkpoint
from foreworld.policies.evolved import LinearController
from foreworld.training.evolution import EvolutionConfig, EvolutionLearner
from foreworld.vocab import Spec

pytest.importorskip("cma")
torch.set_num_threads(1)
_spec = importlib.util.spec_from_file_location("line", Path(__file__).with_name("line.py"))
line = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(line)
SMALL = EvolutionConfig(population=16, episodes=8, horizon=8, sigma=0.5, judge_episodes=32)


def starts(model, rows=64):
    return model.initial(rows)._replace(x=torch.linspace(-1, 2.5, rows))


def learner(discrete, updates, config=SMALL, **model):
    torch.manual_seed(0)
    made = EvolutionLearner(line.Line(discrete, **model), config)
    said = {}
    for _ in range(updates):
        said = made.update({}, starts(made.model), 1.0)
    return made, said


def distance(made):
    """From 1, after 12 steps in the world."""
    policy, x = made.policy(), np.linspace(-1, 2.5, 8, dtype=np.float32)
    carry = policy.init(8)
    for t in range(12):
        carry, action = policy.act(carry, {"x": x, "is_first": np.full(8, t == 0)})
        x = x + 0.3 * (action - 1 if action.ndim == 1 else action[:, 0] - 3).astype(np.float32)
    return np.abs(x - 1).max()


@pytest.mark.parametrize("discrete", [True, False], ids=["classes", "numbers"])
def test_it_finds_the_place_in_dreams(discrete):
    before, _ = learner(discrete, 0)
    made, said = learner(discrete, 40)
    assert distance(made) < 0.35 < distance(before)
    assert said["policy/alive"] == 1 and said["policy/best"] >= said["policy/return"]
    assert all(value.isfinite() for value in said.values())


def test_death_ends_what_counts():
    """Beyond 0.5 the world ends: reward there is none, and here every step costs."""
    made, _ = learner(True, 0, EvolutionConfig(horizon=12), deadly=True)
    stays, walks = torch.zeros(2, made.controller.size)
    walks[made.controller.inputs * 3 - 1] = 1  # the bias of going right
    stays[made.controller.inputs * 2 - 1] = 1
    begin = made.model.initial(1)  # at 0, so that the second step is the last
    scores, alive = made.dream(torch.stack([stays, walks]), begin, episodes=2)
    torch.testing.assert_close(scores, torch.tensor([[-12.0] * 2, [-0.7 - 0.4] * 2]))
    assert alive.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_all_solutions_dream_the_same():
    made, _ = learner(False, 0)
    same = torch.ones(4, made.controller.size)
    scores, _ = made.dream(same, starts(made.model), episodes=8)
    assert torch.equal(scores, scores[:1].expand(4, 8)) and len(scores[0].unique()) > 1


def test_temperature_is_for_families_that_know_one():
    made, _ = learner(True, 0, EvolutionConfig(temperature=1.2))
    with pytest.raises(ValueError, match="temperature=1.2: Line dreams at 1 only"):
        made.update({}, starts(made.model), 1.0)


def test_a_model_without_rewards_is_refused():
    model = line.Line(True)
    model.heads = ("continue",)
    with pytest.raises(ValueError, match="'reward'"):
        EvolutionLearner(model, SMALL)


@pytest.mark.parametrize("again", [6, 10])
def test_two_halves_are_the_whole(again):
    """Also where the halves meet between two judgements of the mean."""
    whole, _ = learner(False, 20)
    half, _ = learner(False, again)
    arrays, documents = half.state()
    rng = torch.get_rng_state()
    other = EvolutionLearner(line.Line(False), SMALL)
    other.restore(Checkpoint(arrays, documents, {"step": again}))
    torch.set_rng_state(rng)
    for _ in range(20 - again):
        other.update({}, starts(other.model), 1.0)
    one, two = whole.state()[0], other.state()[0]
    for group, tensors in one.items():
        assert all(torch.equal(v, two[group][k]) for k, v in tensors.items()), group


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        (Spec((), "int64", "discrete", classes=(3,)), [2]),
        (Spec((2,), "int64", "discrete", classes=(2, 3)), [[0, 2]]),
        (Spec((2,), "float32", "vector", low=0.0, high=4.0), [[4.0, 2.0]]),
        (Spec((), "float32", "vector", low=-1.0, high=3.0), [3.0]),
    ],
    ids=["class", "classes", "numbers", "number"],
)
def test_a_matrix_becomes_actions_in_the_worlds_units(action, wanted):
    model = line.Line(True)
    model.specs = {**model.specs, "action": action}
    controller = LinearController(model)
    weights = torch.zeros(1, controller.size)
    # Outputs at the feature 1: its weight and a bias, both of which count.
    weights[0, : 2 * action.width : 2] = 60.0 * (torch.arange(action.width) == 0)
    if action.classes:
        weights[0, 1::2] = torch.arange(action.width) * 50.0
    acted = controller(weights, torch.ones(1, 1))
    assert acted.shape == (1, *action.shape)
    assert acted.tolist() == wanted
