"""The spaces of a Minari dataset, which it keeps as JSON, and the columns that live in them.

{"type": "Dict", "subspaces": {"arm": {"type": "Box", …}, "pair": {"type": "Tuple", …}}}
    ─▶ {"observations/arm": Feature(…), "observations/pair/_index_0": Feature(…)}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.columns import picture_layout, picture_shape
from foreworld.data.recording import Broken, Feature
from foreworld.vocab import Spec

DEEPEST = 12  # spaces within spaces
ALIKE = "spaces are Box, Discrete, MultiDiscrete, MultiBinary, Text, and Dict and Tuple of them"


def leaves(space: Any, path: str, file: Path) -> dict[str, Feature]:
    """The columns of a space that is stored under `path`. Raises Broken for what is no space."""
    if path.count("/") > DEEPEST:
        raise Broken(file, path, f"spaces more than {DEEPEST} deep", ALIKE)
    try:
        match space["type"]:
            case "Dict":
                parts = space["subspaces"].items()
            case "Tuple":
                parts = ((f"_index_{n}", part) for n, part in enumerate(space["subspaces"]))
            case _:
                return {path: _leaf(space)}
        return {
            key: leaf
            for name, part in parts
            for key, leaf in leaves(part, f"{path}/{name}", file).items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, Broken):
            raise
        raise Broken(file, path, f"is no space: {error!r}", ALIKE) from error


def space_json(spec: Spec, charset: str = "") -> dict[str, Any]:
    """The space of a key; `charset`: the characters of a text."""
    if spec.kind == "text":
        size = spec.shape[0]
        return {"type": "Text", "max_length": size, "min_length": 0, "charset": charset}
    if spec.classes is not None and not spec.shape:
        return {"type": "Discrete", "dtype": "int64", "start": 0, "n": spec.classes[0]}
    if spec.classes is not None:
        many = np.reshape(spec.classes, spec.shape)
        start = np.zeros_like(many).tolist()
        return {"type": "MultiDiscrete", "dtype": spec.dtype, "nvec": many.tolist(), "start": start}
    low, high = (0, 255) if spec.kind == "image" else (spec.low, spec.high)
    if spec.dtype == "bool":
        low, high = 0, 1
    return {
        "type": "Box",
        "dtype": spec.dtype,
        "shape": list(spec.shape),
        "low": _everywhere(-np.inf if low is None else low, spec),
        "high": _everywhere(np.inf if high is None else high, spec),
    }


def nested(spaces: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Spaces by key as one Dict; "arm/joints" lies in a Dict of its own."""
    root: dict[str, Any] = {"type": "Dict", "subspaces": {}}
    for key, space in spaces.items():
        here = root
        *outer, last = key.split("/")
        for name in outer:
            here = here["subspaces"].setdefault(name, {"type": "Dict", "subspaces": {}})
        here["subspaces"][last] = space
    return root


def _everywhere(bound: Any, spec: Spec) -> Any:
    values = np.broadcast_to(np.ravel(bound), (spec.width,)).reshape(spec.shape)
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "iu":  # no infinity among whole numbers
        values = np.clip(values, *_range(dtype))
    return values.astype(np.float64 if dtype.kind == "f" else np.int64).tolist()


def _leaf(space: Mapping[str, Any]) -> Feature:
    kind = space["type"]
    if kind == "Text":
        return Feature((), "str", "text")
    if kind == "Discrete":
        return Feature((), "int64", classes=int(space["n"]), low=float(space.get("start", 0)))
    if kind == "MultiDiscrete":
        many = np.asarray(space["nvec"], np.int64)
        same = int(many.flat[0]) if many.size and (many == many.flat[0]).all() else None
        low = np.asarray(space.get("start", np.zeros_like(many)), np.float64)
        return Feature(
            many.shape, "int64", low=_bound(low), high=_bound(low + many - 1), classes=same
        )
    if kind == "MultiBinary":
        n = space["n"]
        return Feature(tuple(np.ravel(n).astype(int).tolist()), "int8", low=0.0, high=1.0)
    if kind == "Box":
        return _box(space)
    raise ValueError(f"type {kind!r}")


def _box(space: Mapping[str, Any]) -> Feature:
    shape, dtype = tuple(int(side) for side in space["shape"]), np.dtype(space["dtype"])
    if min(shape, default=0) < 0 or dtype.kind not in "biuf":
        raise ValueError(f"shape {shape} of {dtype}")
    low, high = (np.asarray(space[end], np.float64) for end in ("low", "high"))
    layout = picture_layout(shape, dtype) if (low == 0).all() and (high == 255).all() else None
    if layout is None:
        least, most = (False, True) if dtype.kind == "b" else _range(dtype)
        free = bool((low == least).all() and (high == most).all())  # what there is cannot be more
        bounds = (None, None) if free else (_bound(low), _bound(high))
        return Feature(shape, dtype.name, low=bounds[0], high=bounds[1])
    return Feature(picture_shape(shape, layout), "uint8", "image")


def _range(dtype: np.dtype) -> tuple[float, float]:
    """The least and the most that numbers of a dtype can be."""
    return (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (-np.inf, np.inf)


def _bound(values: np.ndarray) -> float | tuple[float, ...] | None:
    """One number where all agree, one per number where not, None where there is no bound."""
    flat = values.ravel()
    if not flat.size or not np.isfinite(flat).all() or np.abs(flat).max() >= 3.4e38:
        return None
    return float(flat[0]) if (flat == flat[0]).all() else tuple(flat.tolist())
