"""Wandering actions have a memory within an episode and none across, and keep to the bounds."""

import numpy as np
import pytest

from foreworld.policies.wander import WanderPolicy
from foreworld.vocab import Spec

SPEC = Spec((2,), "float32", "vector", low=(-1.0, 2.0), high=(1.0, 8.0))


def walk(policy: WanderPolicy, rows: int, steps: int, anew: tuple[int, ...] = ()) -> np.ndarray:
    """Actions [T, N, 2]; every world begins anew at 0 and at the steps `anew`."""
    carry, actions = policy.init(rows), []
    for t in range(steps):
        carry, action = policy.act(carry, {"is_first": np.full(rows, t == 0 or t in anew)})
        actions.append(action)
    return np.stack(actions)


def test_memory_and_spread_are_as_said():
    actions = walk(WanderPolicy(SPEC, 0, memory=0.8, spread=0.2), 4000, 6, anew=(4,))
    wish = (actions - [0.0, 5.0]) / [1.0, 3.0]
    assert wish.std(1) == pytest.approx(0.2, abs=0.02)
    for a, b, memory in ((0, 1, 0.8), (0, 2, 0.64), (2, 3, 0.8), (3, 4, 0.0), (4, 5, 0.8)):
        both = np.corrcoef(wish[a, :, 0], wish[b, :, 0])[0, 1]
        assert both == pytest.approx(memory, abs=0.06), (a, b)


def test_bounds_hold_and_seeds_repeat():
    actions = walk(WanderPolicy(SPEC, 3), 50, 40)
    assert actions.dtype == np.float32 and actions.shape == (40, 50, 2)
    assert (actions >= [-1, 2]).all() and (actions <= [1, 8]).all()
    assert np.array_equal(actions, walk(WanderPolicy(SPEC, 3), 50, 40))
    assert not np.array_equal(actions, walk(WanderPolicy(SPEC, 4), 50, 40))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (Spec((), "int64", "discrete", classes=(3,)), "discrete: --policy random"),
        (Spec((2,), "float32", "vector"), "finite bounds"),
    ],
)
def test_other_actions_are_explained(spec, said):
    with pytest.raises(ValueError, match=said):
        WanderPolicy(spec)
