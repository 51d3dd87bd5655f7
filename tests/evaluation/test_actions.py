"""Actions from the command line, and the errors that teach how to write them."""

import pytest
import torch

from foreworld.evaluation.actions import chosen_actions, parse_actions
from foreworld.evaluation.windows import held_out_windows
from foreworld.vocab import Spec

MOVE = Spec((2,), "float32", "vector", low=-1.0, high=1.0)
BUTTON = Spec((), "int64", "discrete", classes=(4,))


def test_numbers_are_read_and_the_last_is_held(episodes):
    windows = held_out_windows(episodes, 3, 4, per_episode=1)
    actions = chosen_actions("0.5,0;0,1", MOVE, windows)
    assert actions.shape == (12, 4, 2)
    assert actions[7].tolist() == [[0.5, 0], [0, 1], [0, 1], [0, 1]]
    assert parse_actions("3;0", BUTTON).tolist() == [3, 0]


def test_words(episodes):
    windows = held_out_windows(episodes, 3, 4, per_episode=1)
    assert torch.equal(chosen_actions("recorded", MOVE, windows), windows.actions)
    held = chosen_actions("constant", MOVE, windows)
    assert torch.equal(held[:, 3], windows.actions[:, 0])
    random = chosen_actions("random", MOVE, windows, seed=1)
    assert random.shape == windows.actions.shape and random.abs().max() <= 1
    assert not torch.equal(random, chosen_actions("random", MOVE, windows, seed=2))


@pytest.mark.parametrize(
    ("text", "spec", "says"),
    [
        ("recordd", MOVE, r"did you mean 'recorded'\? Valid: recorded, random, constant"),
        ("1,2,3", MOVE, r"takes 2 a step, as in '0,0;0,0'"),
        ("0,0;0,3", MOVE, r"step 2 of the actions has 3; .* from \[-1.0\] to \[1.0\]"),
        ("4", BUTTON, r"whole numbers from \[0.0\] to \[3\]|from \[0.0\] to \[3.0\]"),
        ("0.5", BUTTON, "whole numbers"),
        ("0,nan", MOVE, "has nan"),
    ],
)
def test_wrong_actions(text, spec, says):
    with pytest.raises(ValueError, match=says):
        parse_actions(text, spec)


def test_more_actions_than_steps(episodes):
    windows = held_out_windows(episodes, 3, 2, per_episode=1)
    with pytest.raises(ValueError, match="--horizon 3"):
        chosen_actions("0,0;0,0;0,0", MOVE, windows)
