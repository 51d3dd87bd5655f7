"""Arrays of an episode as HDF5 datasets that every reader of HDF5 understands."""

from __future__ import annotations

from typing import Any

import numpy as np

from foreworld.errors import require
from foreworld.vocab import Episode

CHUNK_BYTES = 1_000_000  # what is unpacked at least when one row is read
LEVEL = 1  # of deflate, the one codec that all builds of HDF5 have; more costs time, saves little


def store(group: Any, name: str, values: np.ndarray) -> None:
    """Rows [T, ...] as one packed dataset; an object array is text."""
    if values.dtype == object:
        h5py = require("h5py", "data")
        group.create_dataset(name, data=values, dtype=h5py.string_dtype())
        return
    if not values.size:
        group.create_dataset(name, data=values)
        return
    rows = min(len(values), max(1, CHUNK_BYTES // values[:1].nbytes))
    chunks = (rows, *values.shape[1:])
    packed = {"compression": "gzip", "compression_opts": LEVEL, "shuffle": values.itemsize > 1}
    group.create_dataset(name, data=values, chunks=chunks, **packed)


def steps_of(episode: Episode, number: int) -> int:
    """How many actions led somewhere. Raises ValueError where none did."""
    if len(episode) < 2:
        raise ValueError(
            f"episode {number} has one row: this format keeps steps, and it has none. Leave such "
            "episodes out, or write another format (zarr, lerobot)"
        )
    return len(episode) - 1


def texts(values: np.ndarray) -> np.ndarray:
    """Zero-padded UTF-8 [T, room] as words [T]; what is said twice is decoded once."""
    said, which = np.unique(values, axis=0, return_inverse=True)
    words = [row.tobytes().rstrip(b"\0").decode() for row in said]
    return np.array(words, object)[which.reshape(-1)]
