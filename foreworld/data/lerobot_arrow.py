"""Arrays as the Arrow columns that LeRobot's tables have.

[T], [T, 1]   plain numbers              [T, n]        lists of fixed size
[T, n, m, …]  lists of lists             pictures      records {bytes: PNG, path}
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from PIL import Image

from foreworld.errors import require


def arrow_numbers(values: np.ndarray) -> Any:
    """Numbers [T, ...] as a column."""
    arrow = require("pyarrow", "data")
    array = arrow.array(np.ascontiguousarray(values).reshape(-1))
    if values.size == len(values):
        return array
    if values.ndim == 2:
        return arrow.FixedSizeListArray.from_arrays(array, values.shape[1])
    for side in reversed(values.shape[1:]):
        offsets = np.arange(0, len(array) + 1, side, dtype=np.int32)
        array = arrow.ListArray.from_arrays(offsets, array)
    return array


def arrow_pictures(frames: np.ndarray) -> Any:
    """Pictures uint8 [T, H, W, C] as PNG files inside the table."""
    arrow = require("pyarrow", "data")
    files = arrow.array([_png(frame) for frame in frames], arrow.binary())
    paths = arrow.array([f"frame-{n:06d}.png" for n in range(len(frames))])
    return arrow.StructArray.from_arrays([files, paths], ["bytes", "path"])


def pandas_index(index: str, column: str) -> bytes:
    """The note by which pandas makes `index` the index of a data frame of one whole number."""
    fields = [(index, "unicode", "object"), (column, "int64", "int64")]
    described = [
        {"name": n, "field_name": n, "pandas_type": p, "numpy_type": d, "metadata": None}
        for n, p, d in reversed(fields)
    ]
    note = {"index_columns": [index], "column_indexes": [], "columns": described}
    return json.dumps({**note, "creator": {"library": "pyarrow"}, "pandas_version": "2.0"}).encode()


def _png(frame: np.ndarray) -> bytes:
    file = io.BytesIO()
    picture = frame[..., 0] if frame.shape[-1] == 1 else frame
    Image.fromarray(picture).save(file, "PNG", compress_level=3)
    return file.getvalue()
