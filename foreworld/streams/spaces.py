"""Turns Gymnasium spaces into `Spec`s, and the values that live in them into arrays.

Dict(camera=Box(0, 255, (96, 96, 3), uint8), arm=Dict(joints=Box(-1, 1, (6,))), task=Text(40))

camera      image   uint8    [64, 64, 3]    shrunk to image_size
arm/joints  vector  float32  [6]
task        text    uint8    [40]           UTF-8 bytes, zero padded
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium import spaces

from foreworld.streams.images import channels_last, image_layout, shrink, shrunk_shape
from foreworld.vocab import CONTROL, Spec

SUPPORTED = "Box, Discrete, MultiDiscrete, MultiBinary, Text, and Dict of these"
MISSION_BYTES = 512  # for text spaces without a length of their own (MiniGrid's missions)
Values = Sequence[Any] | np.ndarray  # N values, one per world


@dataclass(frozen=True)
class Leaf:
    """One key: where it lies in an observation, what it is, how N raw values become an array."""

    path: tuple[str, ...]
    spec: Spec
    convert: Callable[[Values], np.ndarray]  # N values -> a new array [N, *spec.shape]

    def read(self, tree: Any) -> Any:
        """The raw value of this key in a (nested) observation or info."""
        for part in self.path:
            tree = tree[part]
        return tree


def observation_leaves(space: spaces.Space, image_size: int | None = None) -> dict[str, Leaf]:
    """Every key of an observation space; a space that is no Dict gets its kind as its key.

    Raises ValueError for spaces that no `Spec` describes, naming the key.
    """
    if not isinstance(space, spaces.Dict):
        leaf = _leaf("observation", (), space, image_size)
        return {leaf.spec.kind: leaf}
    leaves = {"/".join(path): (path, part) for path, part in _walk(space, ())}
    if taken := sorted(set(leaves) & set(CONTROL)):
        raise ValueError(
            f"observation keys {taken} are words of the time convention: rename them in the "
            "environment (gymnasium.wrappers.TransformObservation)"
        )
    return {key: _leaf(key, path, part, image_size) for key, (path, part) in leaves.items()}


def target_leaves(targets: Mapping[str, spaces.Space], taken: Sequence[str]) -> dict[str, Leaf]:
    """Keys read from `info`: recorded and predicted, never seen by a model."""
    if clash := sorted(set(targets) & {*taken, *CONTROL}):
        raise ValueError(f"targets {clash} have the name of another key: rename them")
    leaves = {}
    for key, space in targets.items():
        leaf = _leaf(key, (key,), space, None)
        leaves[key] = replace(leaf, spec=replace(leaf.spec, observed=False))
    return leaves


def record_leaves(records: Mapping[str, spaces.Space], taken: Sequence[str]) -> dict[str, Leaf]:
    """Numbers read from `info` in their own precision: neither seen nor predicted by a model.

    Raises ValueError for spaces that are no Box.
    """
    leaves = target_leaves(records, taken)
    for key, space in records.items():
        if not isinstance(space, spaces.Box):
            raise ValueError(f"record {key!r}: space {space}; valid: a Box")
        dtype = str(space.dtype)
        spec = Spec(space.shape, dtype, "vector", observed=False, record=True)
        leaves[key] = Leaf((key,), spec, _exact(spec))
    return leaves


def _exact(spec: Spec) -> Callable[[Values], np.ndarray]:
    return lambda values: np.array(values, spec.dtype).reshape(-1, *spec.shape)


def action_spec(space: spaces.Space) -> Spec:
    """The `Spec` of an action space: Box, Discrete, MultiDiscrete or MultiBinary."""
    match space:
        case spaces.Box():
            return _vector_leaf((), space).spec
        case spaces.Discrete() | spaces.MultiDiscrete() | spaces.MultiBinary():
            return _discrete_leaf((), space).spec
    raise ValueError(
        f"action space {space} is not supported; supported: Box, Discrete, MultiDiscrete, "
        "MultiBinary. Flatten it with a gymnasium.ActionWrapper"
    )


def space_of(spec: Spec) -> spaces.Space:
    """The space that a `Spec` describes: the other way round, for a model worn as a world.

    Raises ValueError for text.
    """
    if spec.kind == "text":
        raise ValueError("text is heard, not shown: no space for it")
    if spec.classes is not None:
        return (
            spaces.MultiDiscrete(list(spec.classes))
            if spec.shape
            else spaces.Discrete(spec.classes[0])
        )
    if spec.kind == "image":
        return spaces.Box(0, 255, spec.shape, np.uint8)
    low, high = (
        np.broadcast_to(np.reshape(unbounded if b is None else b, -1), (spec.width,))
        for b, unbounded in ((spec.low, -np.inf), (spec.high, np.inf))
    )
    return spaces.Box(
        low.reshape(spec.shape).astype(np.float32), high.reshape(spec.shape).astype(np.float32)
    )


def named(specs: Mapping[str, Spec], names: Mapping[str, Sequence[str]]) -> dict[str, Spec]:
    """The specs with the names that a world gives to numbers; keys it does not have are ignored."""
    return {
        key: replace(spec, names=tuple(names[key])) if key in names else spec
        for key, spec in specs.items()
    }


def aimed(specs: Mapping[str, Spec], goals: Mapping[str, str]) -> dict[str, Spec]:
    """The specs with goals marked as such; keys that are not there are ignored.

    Raises ValueError for a goal of an unknown key, or of one with another shape.
    """
    marked = dict(specs)
    for key in goals.keys() & specs.keys():
        of = goals[key]
        if of not in specs or specs[of].shape != specs[key].shape:
            shape = specs[of].shape if of in specs else "no such key"
            raise ValueError(
                f"the goal {key!r} {specs[key].shape} is declared to show what {of!r} ({shape}) "
                "should become: name a key of the same shape in the environment's `goals`"
            )
        marked[key] = replace(specs[key], goal_of=of)
    return marked


def env_actions(space: spaces.Space, actions: np.ndarray) -> np.ndarray:
    """Actions [N, *spec.shape] in the environment's shape and dtype, counted from its `start`."""
    actions = actions.astype(space.dtype).reshape(len(actions), *(space.shape or ()))
    return actions + getattr(space, "start", 0)


def _walk(
    space: spaces.Dict, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], spaces.Space]]:
    for name, part in space.spaces.items():
        if isinstance(part, spaces.Dict):
            yield from _walk(part, (*path, name))
        else:
            yield (*path, name), part


def _leaf(key: str, path: tuple[str, ...], space: spaces.Space, image_size: int | None) -> Leaf:
    match space:
        case spaces.Box() if (layout := _image_layout(space)) is not None:
            return _image_leaf(path, space, layout, image_size)
        case spaces.Box():
            return _vector_leaf(path, space)
        case spaces.Discrete() | spaces.MultiDiscrete() | spaces.MultiBinary():
            return _discrete_leaf(path, space)
        case _ if space.dtype is not None and space.dtype.kind == "U":
            return _text_leaf(key, path, space)
    raise ValueError(f"key {key!r}: space {space} is not supported; supported: {SUPPORTED}")


def _image_layout(space: spaces.Box) -> str | None:
    layout = image_layout(space.shape) if space.dtype == np.uint8 else None
    full_range = bool((space.low == 0).all() and (space.high == 255).all())
    return layout if full_range or layout == "HWC" else None  # a small byte grid is no picture


def _image_leaf(
    path: tuple[str, ...], space: spaces.Box, layout: str, image_size: int | None
) -> Leaf:
    height, width, channels = channels_last(space.low[None], layout).shape[1:]
    spec = Spec((*shrunk_shape(height, width, image_size), channels), "uint8", "image")

    def convert(values: Values) -> np.ndarray:
        return np.array(shrink(channels_last(np.asarray(values), layout), image_size))

    return Leaf(path, spec, convert)


def _vector_leaf(path: tuple[str, ...], space: spaces.Box) -> Leaf:
    spec = Spec(space.shape, "float32", "vector", low=_bound(space.low), high=_bound(space.high))
    return Leaf(path, spec, lambda values: np.array(values, np.float32).reshape(-1, *space.shape))


def _discrete_leaf(path: tuple[str, ...], space: spaces.Space) -> Leaf:
    start = np.asarray(getattr(space, "start", 0))
    if isinstance(space, spaces.Discrete):
        shape, classes = (), (int(space.n),)
    elif isinstance(space, spaces.MultiDiscrete):
        shape, classes = (space.nvec.size,), tuple(int(n) for n in space.nvec.flat)
    else:
        shape = (int(np.prod(space.shape or ())),)  # MultiBinary
        classes = (2,) * shape[0]

    def convert(values: Values) -> np.ndarray:
        return (np.asarray(values, np.int64) - start).reshape(-1, *shape)

    return Leaf(path, Spec(shape, "int64", "discrete", classes=classes), convert)


def _text_leaf(key: str, path: tuple[str, ...], space: spaces.Space) -> Leaf:
    num_bytes = MISSION_BYTES
    if isinstance(space, spaces.Text):
        num_bytes = space.max_length * max(len(c.encode()) for c in space.character_list)

    def convert(values: Values) -> np.ndarray:
        return np.stack([_encode(key, str(value), num_bytes) for value in values])

    return Leaf(path, Spec((num_bytes,), "uint8", "text"), convert)


def _encode(key: str, text: str, num_bytes: int) -> np.ndarray:
    data = text.encode()
    if len(data) > num_bytes:
        raise ValueError(
            f"key {key!r}: {text[:40]!r}… has {len(data)} bytes, there is room for {num_bytes}"
        )
    return np.frombuffer(data.ljust(num_bytes, b"\0"), np.uint8)


def _bound(values: np.ndarray) -> float | tuple[float, ...] | None:
    """One number where all agree, one per component (row-major) where not, None where unbounded."""
    bounds = values.astype(np.float64).ravel()
    # Some environments write "unbounded" as the largest float32.
    if not bounds.size or np.abs(bounds).max() >= np.finfo(np.float32).max:
        return None
    return float(bounds[0]) if (bounds == bounds[0]).all() else tuple(bounds.tolist())
