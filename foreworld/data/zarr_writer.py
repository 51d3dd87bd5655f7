"""Arrays of zarr that grow row by row, formats 2 and 3; memory holds one chunk of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.errors import require

CHUNK_BYTES = 2_000_000  # as the replay buffers of diffusion policies have it
PACKING = {"cname": "zstd", "clevel": 3, "blocksize": 0}


class ArrayWriter:
    """One array [rows, *shape] in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, ...],
        dtype: np.dtype,
        version: int,
        attributes: dict[str, Any] | None = None,
    ) -> None:
        self._folder, self._shape, self._version = folder, shape, version
        self._dtype = dtype.newbyteorder("<")
        self._attributes = attributes or {}
        row = max(1, int(np.prod(shape, dtype=int)) * dtype.itemsize)
        self._long = max(1, CHUNK_BYTES // row)  # rows of a chunk
        self._held = np.empty((0, *shape), self._dtype)
        self._written = 0  # rows in chunks
        self._blosc = require("numcodecs.blosc", "data").Blosc(shuffle=1, **PACKING)
        folder.mkdir(parents=True)

    def append(self, rows: np.ndarray) -> None:
        """More rows [n, *shape]; full chunks go to the disk."""
        self._held = np.concatenate([self._held, rows.astype(self._dtype, copy=False)])
        whole = len(self._held) // self._long * self._long
        for start in range(0, whole, self._long):
            self._flush(self._held[start : start + self._long])
        self._held = self._held[whole:].copy()

    def close(self) -> None:
        """The last chunk, which is filled up with zeros, and the description."""
        total = self._written + len(self._held)
        if not self._written:
            self._long = max(1, len(self._held))
        if len(self._held):
            chunk = np.zeros((self._long, *self._shape), self._dtype)
            chunk[: len(self._held)] = self._held
            self._flush(chunk)
        describe = _second if self._version == 2 else _third
        chunks = [self._long, *self._shape]
        for name, document in describe(total, chunks, self._dtype, self._attributes).items():
            (self._folder / name).write_text(json.dumps(document, indent=2))

    def _flush(self, chunk: np.ndarray) -> None:
        at = [self._written // self._long] + [0] * len(self._shape)
        separator = "." if self._version == 2 else "/"
        name = separator.join(map(str, at if self._version == 2 else ["c", *at]))
        (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(self._blosc.encode(np.ascontiguousarray(chunk)))
        self._written += self._long


def write_group(folder: Path, version: int, attributes: dict[str, Any]) -> None:
    """What makes a folder a group."""
    folder.mkdir(parents=True, exist_ok=True)
    if version == 3:
        document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        (folder / "zarr.json").write_text(json.dumps(document, indent=2))
        return
    (folder / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
    (folder / ".zattrs").write_text(json.dumps(attributes, indent=2))


def _second(
    rows: int, chunks: list[int], dtype: np.dtype, attributes: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    array = {
        "zarr_format": 2,
        "shape": [rows, *chunks[1:]],
        "chunks": chunks,
        "dtype": dtype.str,
        "compressor": {"id": "blosc", "shuffle": 1, **PACKING},
        "fill_value": 0,
        "order": "C",
        "filters": None,
    }
    return {".zarray": array, ".zattrs": attributes}


def _third(
    rows: int, chunks: list[int], dtype: np.dtype, attributes: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    packing = {"shuffle": "shuffle", "typesize": dtype.itemsize, **PACKING}
    array = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [rows, *chunks[1:]],
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": False if dtype.kind == "b" else 0,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "blosc", "configuration": packing},
        ],
        "attributes": attributes,
    }
    return {"zarr.json": array}
