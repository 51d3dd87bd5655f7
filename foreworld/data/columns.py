"""Columns that stay in their file until rows are asked for, and what a bare array seems to hold.

Lazy(clock(120, fps=10), lambda rows: rows_of(dataset, rows, start=600))
feature_of((96, 96, 3), np.dtype("uint8"))       # Feature(..., content="image")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.recording import Broken, Column, Feature
from foreworld.streams.images import channels_last

GAP = 16  # rows that are read over rather than reached by another read
SMALLEST_PICTURE = 8  # pixels a side; of smaller byte grids with three channels nobody knows
FAR_MM = 10_000.0  # how far cameras of depth reach
SMALLEST_PLANE = 32  # and of two-dimensional ones, which may be tables


@dataclass(frozen=True)
class Lazy:
    """A column that `fetch`es its rows, int64 and ascending, when they are read."""

    stamps: np.ndarray
    fetch: Callable[[np.ndarray], np.ndarray]

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        return self.fetch(np.asarray(rows, np.int64))


@dataclass(frozen=True)
class Chain:
    """A column and its sequel: the observations of an episode, then the one it ended with."""

    first: Column
    last: Column  # on the same clock, later

    @property
    def stamps(self) -> np.ndarray:
        return np.concatenate([self.first.stamps, self.last.stamps])

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        rows, here = np.asarray(rows, np.int64), len(self.first.stamps)
        parts = [(self.first, rows[rows < here]), (self.last, rows[rows >= here] - here)]
        return np.concatenate([column.read(some) for column, some in parts if len(some)])


def clock(rows: int, fps: float | None) -> np.ndarray:
    """Stamps of rows that follow one another; a row a second where the rate is not known."""
    return np.arange(rows) / (fps or 1.0)


def rows_of(array: Any, rows: np.ndarray, start: int = 0) -> np.ndarray:
    """Rows `start + rows` of anything that is read in slices, with few reads."""
    if not len(rows):
        return array[start:start]
    cuts = np.flatnonzero(np.diff(rows) > GAP) + 1
    runs = [_run(array, run + start) for run in np.split(rows, cuts)]
    return runs[0] if len(runs) == 1 else np.concatenate(runs)


def _run(array: Any, rows: np.ndarray) -> np.ndarray:
    low, high = int(rows[0]), int(rows[-1]) + 1
    block = np.asarray(array[low:high])
    # Strictly ascending: all of them, and nothing to pick.
    return block if high - low == len(rows) and (np.diff(rows) == 1).all() else block[rows - low]


def feature_of(
    name: str, shape: tuple[int, ...], dtype: np.dtype, some: np.ndarray | None = None
) -> Feature:
    """What an array of instants [*shape] that nobody describes holds, by its looks and its name.

    some: a few instants of it. Pictures in floats reach to 255 or to 1, of which only they tell:
    the feature's `high`.
    """
    if (
        "depth" in name.rpartition("/")[2].lower()
        and (depth := _depth_shape(shape))
        and dtype.kind in "fu"
    ):
        return depth_feature(depth, dtype)
    if (layout := picture_layout(shape, dtype)) is not None:
        return Feature(picture_shape(shape, layout), "uint8", "image")
    layout = picture_layout(shape, np.dtype(np.uint8)) if len(shape) == 3 else None
    if layout is not None and dtype.kind == "f" and some is not None:
        high = 255.0 if some.max(initial=0) > 1 else 1.0
        return Feature(picture_shape(shape, layout), "uint8", "image", low=0.0, high=high)
    return Feature(shape, dtype.newbyteorder("=").name)


def depth_feature(shape: tuple[int, ...], dtype: np.dtype) -> Feature:
    """A column of depth: whole numbers are millimetres, as cameras and ROS (REP 118) have it."""
    whole = dtype.kind in "iu"
    return Feature(
        shape, "float32", "depth", unit="mm" if whole else None, high=FAR_MM if whole else None
    )


def picture_shape(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """[height, width, channels] of pictures of `layout`."""
    return channels_last(np.broadcast_to(np.uint8(0), (1, *shape)), layout).shape[1:]


def as_told(values: np.ndarray, feature: Feature, file: Path | str, what: str) -> np.ndarray:
    """Stored instants [N, ...] in the shape and dtype that `feature` promises.

    Raises Broken for pictures in floats that are darker than 0 or brighter than its `high`.
    """
    if feature.content == "image":
        layout = picture_layout(values.shape[1:], np.dtype(np.uint8))
        values = values if layout is None else channels_last(values, layout)
        if values.dtype.kind == "f":
            values = _bytes(values, feature, file, what)
    return values.astype(feature.dtype, copy=False).reshape(len(values), *feature.shape)


def _bytes(values: np.ndarray, feature: Feature, file: Path | str, what: str) -> np.ndarray:
    high = 255.0 if feature.high is None else float(np.max(feature.high))
    if not (values >= 0).all() or not (values <= high).all():
        wrong = (
            f"pixels from {values.min():g} to {values.max():g}, the first picture's reach {high:g}"
        )
        raise Broken(file, what, wrong, "write them as bytes")
    return np.round(values * (255.0 / high))


def picture_layout(shape: tuple[int, ...], dtype: np.dtype) -> str | None:
    """ "HWC", "CHW" or "HW" if bytes of this shape are a picture, None if not."""
    if dtype != np.uint8 or len(shape) not in (2, 3):
        return None
    if len(shape) == 2:
        return "HW" if min(shape) >= SMALLEST_PLANE else None
    if shape[2] in (1, 3, 4) and min(shape[:2]) >= SMALLEST_PICTURE:
        return "HWC"
    return "CHW" if shape[0] in (1, 3, 4) and min(shape[1:]) >= SMALLEST_PICTURE else None


def _depth_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    planes = [side for side in shape if side > 1]
    return (planes[0], planes[1], 1) if len(planes) == 2 and min(planes) >= 8 else None


def flattened(nested: dict[str, Any], between: str) -> dict[str, Any]:
    """Entries of dicts within dicts by their paths, with `between` between two names."""
    found, waiting = {}, [("", nested)]
    while waiting:
        prefix, part = waiting.pop()
        for name, value in part.items():
            if isinstance(value, dict):
                waiting.append((f"{prefix}{name}{between}", value))
            else:
                found[f"{prefix}{name}"] = value
    return found
