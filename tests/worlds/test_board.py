"""Boards: PettingZoo's games from the mover's side, and our rules are theirs."""

import gymnasium
import numpy as np
import pytest

pytest.importorskip("pettingzoo")
pytest.importorskip("pygame")

from random import Random

from gymnasium.utils.env_checker import check_env

import foreworld.worlds  # noqa: F401 (registers)
from foreworld.policies import RandomPolicy
from foreworld.streams import GymStream
from foreworld.worlds.board_rules import RULES

ID = "foreworld/Board-v0"


@pytest.mark.filterwarnings("ignore:.*render.*")
@pytest.mark.parametrize("game", RULES)
def test_gymnasium_has_no_complaint(game):
    check_env(gymnasium.make(ID, game=game).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("game", RULES)
def test_our_rules_are_pettingzoos(game):
    env, rules = gymnasium.make(ID, game=game).unwrapped, RULES[game]
    for seed in range(30):
        seen, _ = env.reset(seed=seed)
        rng, over = Random(seed), False
        while not over:
            mine, theirs = rules.read(seen["board"])
            moves = rules.legal(mine | theirs)
            assert moves == np.flatnonzero(seen["legal"]).tolist()
            action = rng.choice(moves)
            stone = rules.square(action, mine | theirs)
            seen, reward, over, _, _ = env.step(action)
            assert rules.read(seen["board"]) == (theirs, mine | stone)
            assert rules.won(mine | stone) == (reward == 1)
            assert over == (reward == 1 or not rules.legal(mine | theirs | stone))


def test_rows_are_the_movers_and_so_is_the_reward():
    stream = GymStream(ID, 1, 0)
    assert stream.specs["action"].turns
    step = stream.reset()
    for action in (0, 3, 1, 4, 2):  # x takes the upper row
        assert not step["is_last"][0] and step["reward"][0] == 0
        step = stream.step(np.array([action]))
    assert step["is_terminal"][0] and step["reward"][0] == 1
    assert step["board"][0, ..., 1].sum() == 3 and not step["legal"].any()


def test_against_an_opponent_rows_are_ones_own():
    stream = GymStream(ID, 1, 0, env_kwargs={"opponent": "random", "side": "second"})
    assert not stream.specs["action"].turns
    step = stream.reset()
    assert step["board"][0].sum((0, 1)).tolist() == [0, 1]
    step = stream.step(np.array([int(step["legal"][0].argmax())]))
    assert step["board"][0].sum((0, 1)).tolist() == [1, 2]


@pytest.mark.parametrize("game", RULES)
def test_pictures_show_the_stones(game):
    env = gymnasium.make(ID, game=game, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    pictures = [env.render()]
    for action in (0, 2):
        env.step(action)
        pictures.append(env.render())
    assert pictures[0].ndim == 3 and pictures[0].dtype == np.uint8
    assert not any(np.array_equal(a, b) for a, b in zip(pictures, pictures[1:], strict=False))


def test_an_illegal_move_loses():
    env = gymnasium.make(ID)
    env.reset(seed=0)
    env.step(4)
    assert env.step(4)[1:3] == (-1.0, True)


def test_random_play_is_legal():
    stream, policy = GymStream(ID, 4, 0, env_kwargs={"game": "connect_four"}), None
    policy = RandomPolicy(stream.specs["action"], 0)
    step, carry = stream.reset(), policy.init(4)
    for _ in range(100):
        carry, action = policy.act(carry, step)
        assert (step["legal"][np.arange(4), action] == 1)[~step["is_last"]].all()
        step = stream.step(action)
        assert (step["reward"] >= 0).all()


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"game": "chess"}, "unknown game 'chess'"),
        ({"opponent": "perfct"}, "did you mean 'perfect'"),
        ({"game": "connect_four", "opponent": "perfect"}, "nobody plays connect_four perfectly"),
    ],
)
def test_mistakes_are_told(kwargs, says):
    with pytest.raises(ValueError, match=says):
        gymnasium.make(ID, **kwargs)
