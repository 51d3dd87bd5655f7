"""Keys are made from the actions of a world, and do what they say."""

import numpy as np
import pytest

from foreworld.studio.keymap import keymap
from foreworld.vocab import Spec

PLANE = Spec((2,), "float32", "vector", low=-1.0, high=1.0)


def discrete(*classes):
    return Spec((len(classes),) if len(classes) > 1 else (), "int64", "discrete", classes=classes)


def test_numbers_are_pushed_and_cut():
    keys = keymap("foreworld/Tabletop-v0", PLANE)
    still = np.zeros(2, np.float32)
    assert keys.action([], still).tolist() == [0, 0]
    assert keys.action(["arrowright"], still).tolist() == [1, 0]
    assert keys.action(["d", "w"], still).tolist() == [1, 1]
    assert keys.action(["d", "arrowright", "a"], still).tolist() == [1, 0]
    assert keys.action(["a", "d"], still).tolist() == [0, 0]
    assert keys.action(["nonsense"], np.ones(2)).tolist() == [0, 0]


def test_worlds_that_name_their_ends():
    gallery = keymap("foreworld/Gallery-v0", PLANE)
    assert gallery.action(["arrowup", "arrowleft"], None).tolist() == [1, 1]
    pendulum = keymap("Pendulum-v1", Spec((1,), "float32", "vector", low=-2.0, high=2.0))
    assert pendulum.action(["arrowleft"], None).tolist() == [2]


def test_classes_with_names():
    pole = keymap("CartPole-v1", discrete(2))
    assert pole.names == (("left", "right"),) and pole.rest is None
    before = np.array(1)
    assert pole.action([], before) == 1, "the last action goes on"
    assert pole.action(["arrowleft"], before) == 0
    assert pole.action(["a", "d"], before) == 1, "the key that went down last"
    grid = keymap("MiniGrid-Empty-5x5-v0", discrete(7))
    assert grid.action([], before) == 6 and grid.action(["arrowup"], before) == 2
    assert keymap("MiniGrid-Empty-5x5-v0", discrete(3)).rest is None, "names of other actions"


UNEVEN = Spec((3,), "float32", "vector", low=(0.0, -1.0, 2.0), high=(1.0, 1.0, 9.0))
SPECS = {
    "many": discrete(18),
    "two of a kind": discrete(3, 2),
    "too many": discrete(40),
    "plane": PLANE,
    "arm without bounds": Spec((9,), "float32", "vector"),
    "uneven": UNEVEN,
    "one number": Spec((), "float32", "vector", low=0.0, high=1.0),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_any_action_has_keys_that_do_something(spec):
    keys = keymap(None, spec)
    pressed = [k for key in keys.keys for k in key.keys]
    assert len(pressed) == len(set(pressed)) >= 2
    assert {key.part for key in keys.keys} == set(range(len(spec.classes or range(spec.width))))
    before = np.zeros(spec.shape, spec.dtype) if keys.rest is None else keys.rest
    for key in keys.keys:
        action = keys.action([key.keys[0]], before)
        assert action.shape == spec.shape and action.dtype == spec.dtype
        assert np.ravel(action)[key.part] == pytest.approx(key.value)
    assert all(isinstance(k["value"], float) for k in keys.to_json())
