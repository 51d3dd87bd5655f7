"""Arrays of zarr, formats 2 and 3, read chunk by chunk: a folder of them, or a zip file.

    data/img/.zarray   or   data/img/zarr.json      shape, dtype, chunks, how they are packed
    data/img/3.0.0.0   or   data/img/c/3/0/0/0      rows 3 n … of the array

Read here and not by the zarr package, whose codecs include pickle and unpack without a limit.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from foreworld.data.bounds import (
    AT_ONCE,
    COPY,
    NO_OBJECTS,
    REWRITE,
    Reading,
    believable,
    inside,
    json_of,
    members,
    read_bytes,
)
from foreworld.data.recording import Broken
from foreworld.data.unpacking import unpack

CACHE_BYTES = 64_000_000  # of unpacked chunks, one array
SHARDS = "shards are not read; write it again with one chunk a file"
META = (".zarray", "zarr.json", ".zgroup", ".zattrs", ".zmetadata")


class Files(Protocol):
    """Names and bytes below a root, of a folder or a zip file."""

    path: Path

    def sizes(self) -> dict[str, int]:
        """Bytes stored of every file by its name, with slashes."""
        ...

    def read(self, name: str) -> bytes: ...


class Folder:
    """A zarr store that is a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sizes(self) -> dict[str, int]:
        found = ((p, p.relative_to(self.path).as_posix()) for p in self.path.rglob("*"))
        return {name: p.stat().st_size for p, name in found if p.is_file()}

    def read(self, name: str) -> bytes:
        return read_bytes(inside(self.path, name, self.path, "a chunk"), AT_ONCE)


class Archive:
    """A zarr store in a zip file, as replay buffers are passed around."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._infos = {info.filename: info for info in members(path) if not info.is_dir()}

    def sizes(self) -> dict[str, int]:
        return {name: info.file_size for name, info in self._infos.items()}

    def read(self, name: str) -> bytes:
        info = self._infos[name]
        with (
            Reading(self.path, name),
            zipfile.ZipFile(self.path) as archive,
            archive.open(info) as part,
        ):
            return part.read(info.file_size)


@dataclass(frozen=True)
class Layout:
    """What the metadata of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...]
    codec: str
    by_column: bool
    fill: Any
    key: Callable[[tuple[int, ...]], str]  # the file of a chunk
    attributes: dict[str, Any]


class ZarrArray:
    """One array [T, ...]; slices of rows are read. Raises Broken for what cannot be believed."""

    def __init__(self, files: Files, name: str, sizes: dict[str, int], whole: bool = False) -> None:
        self.name, self._files, self._sizes = name, files, sizes
        self.whole = whole  # whether a chunk that is missing is damage, and not fill values
        self.layout = layout = _layout(files, name, sizes)
        self.shape, self.dtype, self.attributes = layout.shape, layout.dtype, layout.attributes
        stored = sum(n for file, n in sizes.items() if file.startswith(f"{name}/"))
        believable(files.path, name, self.shape, self.dtype, stored)
        self._chunk_bytes = believable(files.path, f"{name}, chunks", layout.chunks, self.dtype)
        room = max(1, CACHE_BYTES // max(1, self._chunk_bytes))
        self._chunk = lru_cache(room)(self._unpacked)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(len(self))
        out = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype.newbyteorder("="))
        if not out.size:
            return out
        long = self.layout.chunks[0]
        grid = [
            range(-(-n // c)) for n, c in zip(self.shape[1:], self.layout.chunks[1:], strict=True)
        ]
        for at in product(range(start // long, -(-stop // long)), *grid):
            self._place(out, at, start, stop)
        return out

    def _place(self, out: np.ndarray, at: tuple[int, ...], start: int, stop: int) -> None:
        """Copy what a chunk holds of rows start … stop to where it belongs."""
        long = self.layout.chunks[0]
        first, last = max(start, at[0] * long), min(stop, (at[0] + 1) * long)
        corner = [n * c for n, c in zip(at[1:], self.layout.chunks[1:], strict=True)]
        reach = [
            min(c, side - low)
            for c, side, low in zip(self.layout.chunks[1:], self.shape[1:], corner, strict=True)
        ]
        inner = tuple(slice(0, n) for n in reach)
        outer = tuple(slice(low, low + n) for low, n in zip(corner, reach, strict=True))
        chunk = self._chunk(at)
        taken = slice(first - at[0] * long, last - at[0] * long)
        out[(slice(first - start, last - start), *outer)] = chunk[(taken, *inner)]

    def _unpacked(self, at: tuple[int, ...]) -> np.ndarray:
        layout, name = self.layout, f"{self.name}/{self.layout.key(at)}"
        if name not in self._sizes:
            if self.whole or layout.fill is None:
                raise Broken(self._files.path, name, "this chunk is missing", COPY)
            return np.full(layout.chunks, layout.fill, self.dtype)
        data = unpack(
            layout.codec, self._files.read(name), self._chunk_bytes, self._files.path, name
        )
        order = "F" if layout.by_column else "C"
        return np.frombuffer(data, self.dtype).reshape(layout.chunks, order=order)


def arrays(sizes: dict[str, int], below: str) -> list[str]:
    """Names of the arrays below a group."""
    found = {
        n.rpartition("/")[0] for n in sizes if n.rpartition("/")[2] in (".zarray", "zarr.json")
    }
    return sorted(name for name in found if name.startswith(below) and name != below.rstrip("/"))


def attributes(files: Files, sizes: dict[str, int], group: str) -> dict[str, Any]:
    """What a group or array notes about itself."""
    prefix = f"{group}/" if group else ""
    if f"{prefix}.zattrs" in sizes:
        return _document(files, f"{prefix}.zattrs")
    if f"{prefix}zarr.json" in sizes:
        noted = _document(files, f"{prefix}zarr.json").get("attributes")
        return noted if isinstance(noted, dict) else {}
    return {}


def _document(files: Files, name: str) -> dict[str, Any]:
    told = json_of(files.read(name), files.path, name)
    if not isinstance(told, dict):
        raise Broken(files.path, name, "is no description", COPY)
    return told


def _layout(files: Files, name: str, sizes: dict[str, int]) -> Layout:
    old = f"{name}/.zarray" in sizes
    file = f"{name}/{'.zarray' if old else 'zarr.json'}"
    told = _document(files, file)
    try:
        layout = (_second if old else _third)(told, attributes(files, sizes, name))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Broken(files.path, file, f"{error!r}", REWRITE) from error
    sides = (*layout.shape, *layout.chunks)
    if len(layout.shape) != len(layout.chunks) or not layout.shape or min(layout.chunks) < 1:
        raise Broken(files.path, file, f"shape {layout.shape}, chunks {layout.chunks}", REWRITE)
    if layout.dtype.kind not in "biuf" or math.prod(sides) < 0:
        raise Broken(files.path, f"{name}: dtype", f"{layout.dtype}", NO_OBJECTS)
    return layout


def _second(told: dict[str, Any], noted: dict[str, Any]) -> Layout:
    """Format 2: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html"""
    if told.get("filters"):
        raise ValueError(f"filters {told['filters']}: only packing is undone")
    dtype = told["dtype"]
    if not isinstance(dtype, str):
        raise ValueError(f"dtype {dtype}: one number a place")
    separator = told.get("dimension_separator", ".")
    return Layout(
        tuple(int(n) for n in told["shape"]),
        np.dtype(dtype),
        tuple(int(n) for n in told["chunks"]),
        (told["compressor"] or {"id": ""})["id"],
        told.get("order", "C") == "F",
        _fill(told.get("fill_value"), np.dtype(dtype)),
        lambda at: separator.join(map(str, at)),
        noted,
    )


def _third(told: dict[str, Any], noted: dict[str, Any]) -> Layout:
    """Format 3: https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html"""
    codecs = {codec["name"]: codec.get("configuration") or {} for codec in told["codecs"]}
    if "sharding_indexed" in codecs:
        raise ValueError(SHARDS)
    order = codecs.pop("transpose", {}).get("order")
    by_column = order is not None and list(order) == list(range(len(order)))[::-1]
    if order is not None and not by_column and list(order) != sorted(order):
        raise ValueError(f"transpose {order}: rows first or last only")
    big = codecs.pop("bytes", {}).get("endian") == "big"
    if len(codecs) > 1:
        raise ValueError(f"codecs {', '.join(codecs)}: one that packs, at most")
    dtype = np.dtype(told["data_type"]).newbyteorder(">" if big else "<")
    keys = told.get("chunk_key_encoding", {"name": "default"})
    separator = keys.get("configuration", {}).get(
        "separator", "/" if keys["name"] == "default" else "."
    )
    prefix = f"c{separator}" if keys["name"] == "default" else ""
    return Layout(
        tuple(int(n) for n in told["shape"]),
        dtype,
        tuple(int(n) for n in told["chunk_grid"]["configuration"]["chunk_shape"]),
        next(iter(codecs), ""),
        by_column,
        _fill(told.get("fill_value"), dtype),
        lambda at: prefix + separator.join(map(str, at)),
        noted,
    )


def _fill(value: Any, dtype: np.dtype) -> Any:
    """What stands where no chunk is; None where nothing may be missing."""
    if value is None or dtype.kind not in "biuf":
        return None
    return dtype.type(float(value) if isinstance(value, str) else value)
