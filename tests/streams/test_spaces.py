from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from foreworld.streams import action_spec, env_actions, observation_leaves
from foreworld.streams.spaces import named
from foreworld.vocab import Spec


def only(space, image_size=None):
    ((key, leaf),) = observation_leaves(space, image_size).items()
    return key, leaf


@pytest.mark.parametrize(
    ("space", "key", "shape", "dtype"),
    [
        (spaces.Box(-1, 1, (3,), np.float64), "vector", (3,), "float32"),
        (spaces.Box(-1, 1, ()), "vector", (), "float32"),
        (spaces.Box(0, 9, (2, 2), np.int32), "vector", (2, 2), "float32"),
        (spaces.Box(0, 255, (128,), np.uint8), "vector", (128,), "float32"),
        (spaces.Box(0, 3, (8, 8), np.uint8), "vector", (8, 8), "float32"),
        (spaces.Box(0, 255, (8, 9, 3), np.uint8), "image", (8, 9, 3), "uint8"),
        (spaces.Box(0, 255, (8, 9, 1), np.uint8), "image", (8, 9, 1), "uint8"),
        (spaces.Box(0, 255, (8, 9), np.uint8), "image", (8, 9, 1), "uint8"),
        (spaces.Box(0, 255, (3, 8, 9), np.uint8), "image", (8, 9, 3), "uint8"),
        (spaces.Box(0, 255, (3, 8, 3), np.uint8), "image", (3, 8, 3), "uint8"),
        (spaces.Box(0, 255, (8, 9, 4), np.uint8), "vector", (8, 9, 4), "float32"),
        (spaces.Discrete(4, start=-2), "discrete", (), "int64"),
        (spaces.MultiDiscrete([2, 3], start=[1, 5]), "discrete", (2,), "int64"),
        (spaces.MultiDiscrete([[2, 3], [4, 5]]), "discrete", (4,), "int64"),
        (spaces.MultiBinary((2, 2)), "discrete", (4,), "int64"),
        (spaces.Text(5), "text", (5,), "uint8"),
        (spaces.Text(5, charset="aé"), "text", (10,), "uint8"),
    ],
)
def test_every_supported_space_has_a_spec_that_its_samples_fit(space, key, shape, dtype):
    name, leaf = only(space)
    assert (name, leaf.spec.kind) == (key, key)
    assert (leaf.spec.shape, leaf.spec.dtype) == (shape, dtype)
    space.seed(0)
    values = leaf.convert([space.sample() for _ in range(6)])
    assert values.shape == (6, *shape)
    assert values.dtype == dtype
    if leaf.spec.classes:
        assert (values >= 0).all()
        assert (values < np.array(leaf.spec.classes).reshape(shape)).all()


@pytest.mark.parametrize(
    ("shape", "pick"),
    [((2, 8, 9), lambda x: x[:, :, :, None]), ((2, 3, 8, 9), lambda x: x.transpose(0, 2, 3, 1))],
)
def test_images_end_up_channels_last(shape, pick):
    space = spaces.Box(0, 255, shape[1:], np.uint8)
    frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(only(space)[1].convert(frames), pick(frames))


@pytest.mark.parametrize("channels", [1, 3])
def test_shrinking_averages_areas_and_keeps_small_images(channels):
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 16, channels), dtype=np.uint8)
    space = spaces.Box(0, 255, frames.shape[1:], np.uint8)
    small = only(space, image_size=8)[1].convert(frames)
    areas = frames.reshape(2, 8, 4, 8, 2, channels).mean((2, 4))
    np.testing.assert_allclose(small, areas, atol=1)
    np.testing.assert_array_equal(only(space, image_size=32)[1].convert(frames), frames)


def test_bounds_are_one_number_or_one_per_component_or_none():
    low = np.array([-1, -2], np.float32)
    mixed = only(spaces.Box(low, np.array([1, 1], np.float32)))[1].spec
    assert (mixed.low, mixed.high) == ((-1.0, -2.0), 1.0)
    assert only(spaces.Box(-np.inf, 1, (2,)))[1].spec.low is None
    huge = np.finfo(np.float32).max
    assert only(spaces.Box(-huge, huge, (2,)))[1].spec.high is None


def test_text_is_utf8_with_zero_padding():
    leaf = only(spaces.Text(4, charset="aé"))[1]
    assert bytes(leaf.convert(["éa"])[0]) == "éa".encode() + b"\0" * 5
    with pytest.raises(ValueError, match="'text|'observation'"):
        leaf.convert(["é" * 9])


@pytest.mark.parametrize(
    "space",
    [
        spaces.Graph(spaces.Box(0, 1, (2,)), None),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Tuple([spaces.Discrete(2)]),
    ],
)
def test_unsupported_spaces_name_their_key_and_what_is_supported(space):
    nested = spaces.Dict({"a": spaces.Dict({"b": space})})
    with pytest.raises(ValueError, match=r"'a/b'.*supported: Box, Discrete"):
        observation_leaves(nested)
    with pytest.raises(ValueError, match="action space"):
        action_spec(space)


def test_words_of_the_time_convention_are_no_observation_keys():
    with pytest.raises(ValueError, match="reward"):
        observation_leaves(spaces.Dict({"reward": spaces.Discrete(2)}))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3, start=4),
        spaces.MultiDiscrete([2, 3], start=[1, 5]),
        spaces.MultiDiscrete([[2, 3], [4, 5]]),
        spaces.MultiBinary((2, 2)),
        spaces.Box(-2, 2, (3,), np.float64),
        spaces.Box(-2, 2, (2, 2)),
    ],
)
def test_actions_of_the_spec_land_in_the_space(space):
    spec = action_spec(space)
    generator = np.random.default_rng(0)
    if spec.classes:
        actions = generator.integers(0, spec.classes, (8, len(spec.classes)))
    else:
        actions = generator.uniform(-2, 2, (8, *spec.shape))
    given = env_actions(space, actions.reshape(8, *spec.shape).astype(spec.dtype))
    assert all(action in space for action in given)
    assert len(given) == 8


def test_numbers_get_the_names_that_a_world_gives_them():
    specs = {"arm": Spec((2,), "float32", "vector"), "image": Spec((8, 8, 3), "uint8", "image")}
    found = named(specs, {"arm": ["elbow.pos", "wrist.pos"], "gone": ["x"]})
    assert found["arm"].names == ("elbow.pos", "wrist.pos")
    assert found["image"] == specs["image"]
    assert Spec.from_json(found["arm"].to_json()) == found["arm"]


def test_every_number_needs_its_name():
    with pytest.raises(ValueError, match="1 names for 2 numbers"):
        Spec((2,), "float32", "vector", names=("x",))
