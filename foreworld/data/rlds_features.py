"""What a TFDS dataset says of its steps: `features.json`, and what stands in for it.

{"featuresDict": {"features": {"steps": {"sequence": {"feature": …}}, "episode_metadata": …}}}
    ─▶ {"observation/image": Told(Feature(…), "picture"), "action": Told(Feature((7,), …), "plain")}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foreworld.data.bounds import COPY, REWRITE
from foreworld.data.columns import Lazy, as_told, depth_feature, feature_of
from foreworld.data.pictures import is_picture, picture_feature, unpack
from foreworld.data.recording import Broken, Feature
from foreworld.data.tfrecord import Values
from foreworld.data.unpacking import unpack as inflate

STEPS = "steps/"
DEEPEST = 12
AFTER = ("reward", "discount", "cost")
Form = Literal["plain", "picture", "text", "bytes", "zlib"]


@dataclass(frozen=True)
class Told:
    """One feature of a step, and how its values lie in a record."""

    feature: Feature
    form: Form
    stored: np.dtype | None = None  # of tensors that are bytes


def told_by(document: Any, file: Path) -> dict[str, Told]:
    """The features of a step by name. Raises Broken where the file describes something else.

    Lists within a step, which have another length in each, are left out.
    """
    try:
        top = document["featuresDict"]["features"]["steps"]
        step = top.get("sequence", top.get("dataset", {}))["feature"]
        return dict(_leaves(step, "", 0))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fix = f"its steps are a Dataset feature in RLDS; {REWRITE}"
        raise Broken(file, "steps", f"describes no steps: {error!r}", fix) from error


def told_by_looks(record: dict[str, Values], rows: int, file: Path) -> dict[str, Told]:
    """The same from a record that nothing describes: as many numbers as it has for each step."""
    found = {}
    for key, values in record.items():
        name = key.removeprefix(STEPS)
        if not key.startswith(STEPS) or not len(values) or len(values) % rows:
            continue
        if isinstance(values, list):
            found[name] = _bytes_by_looks(values[0], file, name)
        else:
            shape = () if len(values) == rows else (len(values) // rows,)
            found[name] = Told(replace(feature_of(name, shape, values.dtype)), "plain")
    return {name: _placed(name, told) for name, told in found.items()}


def column(
    told: Told, values: Values, rows: int, stamps: np.ndarray, file: Path, what: str
) -> Lazy:
    """The values of one feature in a record. Raises Broken where they are not `rows` of it."""
    width = int(np.prod(told.feature.shape, dtype=int)) if told.form == "plain" else 1
    if len(values) != rows * width or isinstance(values, list) == (told.form == "plain"):
        wrong = f"{len(values)} values, {rows} steps of {told.feature.shape} would have"
        raise Broken(file, what, f"{wrong} {rows * width}", COPY)
    fetch: Callable[[np.ndarray], np.ndarray]
    if not isinstance(values, list):
        block = values.reshape(rows, *told.feature.shape).astype(told.feature.dtype, copy=False)
        return Lazy(stamps, lambda wanted: block[wanted])
    fetch = {"picture": _pictures, "text": _words}.get(told.form, _tensors)(
        told, values, file, what
    )
    return Lazy(stamps, fetch)


def _leaves(feature: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, Told]]:
    if depth > DEEPEST:
        raise ValueError(f"features more than {DEEPEST} deep")
    if "featuresDict" in feature:
        for name, part in feature["featuresDict"]["features"].items():
            yield from _leaves(part, f"{path}/{name}" if path else name, depth + 1)
        return
    told = _told(feature)
    if told is not None:
        yield path, _placed(path, told)


def _placed(name: str, told: Told) -> Told:
    if name.split("/")[0] not in AFTER:
        return told
    return replace(told, feature=replace(told.feature, moment="after"))


def _told(feature: dict[str, Any]) -> Told | None:
    if "image" in feature:
        image = feature["image"]
        shape, dtype = _shape(image), np.dtype(image.get("dtype", "uint8"))
        bright = Feature(shape, "uint8", "image")
        content = bright if dtype == np.uint8 else depth_feature(shape, dtype)
        return Told(content, "picture") if len(shape) == 3 and min(shape) > 0 else None
    if "text" in feature:
        return Told(Feature((), "str", "text"), "text")
    if "classLabel" in feature:
        return Told(Feature((), "int64", classes=int(feature["classLabel"]["numClasses"])), "plain")
    if "tensor" not in feature:
        return None  # a list of its own length, an audio track, a box
    tensor = feature["tensor"]
    shape, name = _shape(tensor), tensor["dtype"]
    if name in ("string", "object"):
        return None if shape else Told(Feature((), "str", "text"), "text")
    dtype = np.dtype("float32" if name == "bfloat16" else name)
    if min(shape, default=0) < 0 or dtype.kind not in "biuf":
        return None
    form = tensor.get("encoding", "none").lower()
    described = feature_of("", shape, dtype)
    forms: dict[str, Form] = {"none": "plain", "": "plain", "bytes": "bytes", "zlib": "zlib"}
    if described.content == "number":
        described = replace(described, dtype=dtype.name)
    return Told(described, forms[form], dtype)


def _shape(described: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(n) for n in described.get("shape", {}).get("dimensions", ()))


def _bytes_by_looks(first: bytes, file: Path, name: str) -> Told:
    if is_picture(first):
        return Told(picture_feature(first, file, name), "picture")
    return Told(Feature((), "str", "text"), "text")


def _pictures(
    told: Told, values: list[bytes], file: Path, what: str
) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: unpack((values[n] for n in rows), told.feature, file, what)


def _words(
    told: Told, values: list[bytes], file: Path, what: str
) -> Callable[[np.ndarray], np.ndarray]:
    words = {value: value.decode("utf-8", "replace") for value in set(values)}
    return lambda rows: np.array([words[values[n]] for n in rows], object)


def _tensors(
    told: Told, values: list[bytes], file: Path, what: str
) -> Callable[[np.ndarray], np.ndarray]:
    dtype = told.stored or np.dtype("uint8")
    shape = told.feature.shape
    size = int(np.prod(shape, dtype=int)) * dtype.itemsize
    codec = "zlib" if told.form == "zlib" else ""

    def fetch(rows: np.ndarray) -> np.ndarray:
        whole = b"".join(inflate(codec, values[n], size, file, what) for n in rows)
        block = np.frombuffer(whole, dtype).reshape(len(rows), *shape)
        return as_told(block, told.feature, file, what)

    return fetch
