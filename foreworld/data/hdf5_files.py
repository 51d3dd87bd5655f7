"""HDF5 files opened without trust: no links to other files, no objects, no sizes out of thin air.

with_file = open_hdf5(path)
found = datasets(with_file["data/demo_0"], path)      # {"obs/agentview": <Dataset>, "actions": …}
column = lazy(found["actions"], described("actions", found["actions"], path), path)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import (
    AT_ONCE,
    COPY,
    NO_OBJECTS,
    REWRITE,
    Reading,
    believable,
    same_shape,
)
from foreworld.data.columns import Lazy, as_told, clock, feature_of, rows_of
from foreworld.data.pictures import is_picture, picture_feature, unpack
from foreworld.data.recording import Broken, Feature
from foreworld.errors import require

MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES = (".h5", ".hdf5", ".hdf")
DEEPEST = 12  # groups within groups; a loop of links is deeper
MOST_NAMES = 1_000_000
PLAIN = "biuf"
UNPACK = "copy it again, or unpack it where it was made (h5repack -f NONE)"


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_hdf5(path: Path) -> Any:
    """An `h5py.File` for reading. Raises Broken where it is none or was cut short."""
    h5py = require("h5py", "data")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise Broken(path, "the file", f"cannot be opened as HDF5: {error}", COPY) from error


def datasets(group: Any, path: Path, prefix: str = "") -> dict[str, Any]:
    """Every dataset below a group by its path in it. Raises Broken for links out of the file."""
    found: dict[str, Any] = {}
    waiting = [(prefix, group)]
    while waiting:
        before, here = waiting.pop()
        for name, part in children(here, path).items():
            key = f"{before}{name}"
            if hasattr(part, "shape"):
                found[key] = part
            else:
                waiting.append((f"{key}/", part))
        if before.count("/") > DEEPEST or len(found) + len(waiting) > MOST_NAMES:
            wrong = f"{len(found)} datasets, {before.count('/')} groups deep: a loop of links"
            raise Broken(path, here.name, wrong, REWRITE)
    return dict(sorted(found.items()))


def children(group: Any, path: Path) -> dict[str, Any]:
    """Groups and datasets right below a group."""
    h5py = require("h5py", "data")
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            wrong = f"links to {link.filename!r}"
            raise Broken(path, f"{group.name}/{name}", wrong, "copy what it links to into the file")
    parts = {name: group[name] for name in group}
    return {name: p for name, p in parts.items() if isinstance(p, h5py.Group | h5py.Dataset)}


def described(name: str, dataset: Any, path: Path) -> Feature:
    """What one instant of a dataset [T, ...] is. Raises Broken for what cannot be believed."""
    check_storage(dataset, path)
    if _is_text(dataset) and not _holds_pictures(dataset, path):
        return Feature((), "str", "text")
    if _holds_pictures(dataset, path):
        return picture_feature(read(dataset, path, slice(0, 1))[0], path, dataset.name)
    if dataset.dtype.kind not in PLAIN:
        raise Broken(path, dataset.name, f"dtype {dataset.dtype}", NO_OBJECTS)
    some = read(dataset, path, slice(0, 1)) if dataset.ndim == 4 else None
    return feature_of(name, dataset.shape[1:], dataset.dtype, some)


def lazy(dataset: Any, feature: Feature, path: Path, fps: float | None, rows: slice) -> Lazy:
    """Rows start … stop of a dataset as a column. Raises Broken where it is not as described."""
    start, stop = rows.start, rows.stop
    check_storage(dataset, path)
    fetch = _fetcher(dataset, feature, path)
    return Lazy(clock(stop - start, fps), lambda wanted: fetch(wanted + start))


def read(dataset: Any, path: Path, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
    """Some rows, or all. Raises Broken where the file is damaged or lacks a codec."""
    with Reading(path, dataset.name, UNPACK):
        return rows_of(dataset, rows) if isinstance(rows, np.ndarray) else dataset[rows]


def small(dataset: Any, path: Path) -> np.ndarray:
    """All of a dataset that describes others: ends, flags, lengths."""
    check_storage(dataset, path)
    if dataset.dtype.kind not in PLAIN or dataset.ndim > 2:
        raise Broken(path, dataset.name, f"{dataset.dtype} {dataset.shape}", NO_OBJECTS)
    return read(dataset, path)


def attributes(group: Any) -> Mapping[str, Any]:
    """The plain attributes of a group: numbers and text; what else there is stays unread."""
    found = {}
    for name in group.attrs:
        kind = group.attrs.get_id(name).dtype.kind
        if kind in PLAIN + "OS" and group.attrs.get_id(name).shape == ():
            value = group.attrs[name]
            found[name] = value.item() if isinstance(value, np.generic) else value
    return found


def _fetcher(dataset: Any, feature: Feature, path: Path) -> Callable[[np.ndarray], np.ndarray]:
    def text(rows: np.ndarray) -> np.ndarray:
        return np.array([_decoded(value) for value in read(dataset, path, rows)], object)

    def picture(rows: np.ndarray) -> np.ndarray:
        return unpack(read(dataset, path, rows), feature, path, dataset.name)

    def number(rows: np.ndarray) -> np.ndarray:
        return as_told(read(dataset, path, rows), feature, path, dataset.name)

    if _holds_pictures(dataset, path):
        return picture
    if _is_text(dataset) != (feature.content == "text"):
        wrong = f"{dataset.dtype}, elsewhere it is {feature.dtype}"
        raise Broken(path, dataset.name, wrong, "split the dataset by what it holds")
    if feature.content == "text":
        return text
    if feature.content == "number" and np.prod(dataset.shape[1:]) == np.prod(feature.shape):
        return number
    some = read(dataset, path, slice(0, 1))
    told = feature_of(dataset.name, dataset.shape[1:], dataset.dtype, some)
    same_shape(path, dataset.name, told.shape, feature.shape)
    return number


def check_storage(dataset: Any, path: Path) -> None:
    """Raises Broken for values kept in other files, and for more than the file can hold."""
    if dataset.is_virtual or dataset.external:
        raise Broken(path, dataset.name, "its values are in another file", "copy them into this")
    if dataset.shape is None or not dataset.shape:
        raise Broken(path, dataset.name, "has no rows to speak of", REWRITE)
    stored = dataset.id.get_storage_size()
    dtype = np.dtype("S16") if dataset.dtype.kind == "O" else dataset.dtype
    believable(path, dataset.name, dataset.shape, dtype, stored)
    if dataset.chunks is not None:
        _check_chunks(dataset, path, dtype)


def _check_chunks(dataset: Any, path: Path, dtype: np.dtype) -> None:
    """A chunk that takes more room packed than unpacked is made to swell."""
    size = believable(path, f"{dataset.name} (a chunk)", dataset.chunks, dtype)
    most = size + size // 10 + 4096
    if dataset.id.get_storage_size() <= most or size > AT_ONCE:
        return
    swollen: list[int] = []
    dataset.id.chunk_iter(lambda chunk: swollen.append(chunk.size) if chunk.size > most else None)
    if swollen:
        wrong = f"a chunk of {size:,} bytes is packed into {swollen[0]:,}"
        raise Broken(path, dataset.name, wrong, "it is a bomb: do not use it")


def _is_text(dataset: Any) -> bool:
    h5py = require("h5py", "data")
    return h5py.check_string_dtype(dataset.dtype) is not None and dataset.ndim == 1


def _holds_pictures(dataset: Any, path: Path) -> bool:
    """Whether the first row is a JPEG or PNG file, in bytes of fixed or of varying length."""
    h5py = require("h5py", "data")
    varying = h5py.check_vlen_dtype(dataset.dtype) == np.uint8 and dataset.ndim == 1
    fixed = dataset.dtype == np.uint8 and dataset.ndim == 2 and dataset.shape[1] > 64
    bare = dataset.dtype.kind == "S" and dataset.ndim == 1
    if not (varying or fixed or bare) or not len(dataset):
        return False
    first = read(dataset, path, slice(0, 1))[0]
    return is_picture(first if isinstance(first, bytes) else np.asarray(first).tobytes())


def _decoded(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
