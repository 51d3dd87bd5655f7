"""Episodes in the shape of RLDS as plain files: an `.npz` each, or steps as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import AT_ONCE, COPY, NO_OBJECTS, json_of, read_npz, same_shape
from foreworld.data.columns import Lazy, as_told, clock, feature_of, flattened
from foreworld.data.hdf5_layouts import natural
from foreworld.data.recording import Broken, Column, Feature, Values

FLAGS = ("is_first", "is_last")
AFTER = ("reward", "discount", "cost")
VIDEOS = (".mp4", ".mkv", ".webm", ".avi", ".mov")
FPS = 1.0  # a row a second: the files say nothing of time
LONGEST_LINE = 100_000_000


class NpzShards:
    """A folder of `.npz` files, arrays [T, ...] by name; read one at a time."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("*.npz"), key=natural)
        self.fps: float | None = FPS
        arrays = _checked(read_npz(self._files[0]), self._files[0])
        self.features = {name: _described(name, values) for name, values in arrays.items()}

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether it is a folder of such files, and not of videos with tables beside them."""
        return path.is_dir() and any(path.glob("*.npz")) and not _has_videos(path)

    def __len__(self) -> int:
        return len(self._files)

    def episode(self, id: int) -> tuple[str, dict[str, Column], dict[str, Any]]:
        file = self._files[id]
        arrays = _checked(read_npz(file), file)
        return str(file), _columns(arrays, self.features, file), {}


class JsonLines:
    """A file of steps, or a folder of such; nested names are joined by a slash."""

    def __init__(self, path: Path) -> None:
        self._files = _line_files(path)
        if not self._files:
            raise Broken(path, "records", "there are none", COPY)
        self.fps: float | None = FPS
        self._episodes = [part for file in self._files for part in _episodes(file)]
        if not self._episodes:
            raise Broken(path, "steps", "there are none", COPY)
        file, first = self._episodes[0]
        self.features = {name: _described(name, values) for name, values in first.items()}

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether the first line has a flag of RLDS; videos with a table of steps are videos."""
        files = _line_files(path)
        if not files or _has_videos(files[0].parent):
            return False
        with files[0].open("rb") as lines:
            first = lines.readline(LONGEST_LINE)
        return any(f'"{flag}"'.encode() in first for flag in FLAGS)

    def __len__(self) -> int:
        return len(self._episodes)

    def episode(self, id: int) -> tuple[str, dict[str, Column], dict[str, Any]]:
        file, arrays = self._episodes[id]
        return f"episode {id} of {file}", _columns(arrays, self.features, file), {}


def _has_videos(folder: Path) -> bool:
    return any(p.suffix in VIDEOS for p in folder.iterdir())


def _line_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".jsonl" else []
    return sorted(path.glob("*.jsonl"), key=natural)


def _episodes(file: Path) -> Iterator[tuple[Path, dict[str, np.ndarray]]]:
    """The episodes of a file as arrays. Raises Broken where steps differ in what they have."""
    if file.stat().st_size > AT_ONCE:
        raise Broken(file, "size", "more than can be read at once", "write smaller shards")
    steps: list[dict[str, Any]] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            step = _flat(json_of(line, file, f"line {number}"), file, number)
            if step.get("is_first") and steps:
                yield file, _stacked(steps, file, number - 1)
                steps = []
            steps.append(step)
            if step.get("is_last"):
                yield file, _stacked(steps, file, number)
                steps = []
    if steps:
        wrong = f"{len(steps)} steps after the last is_last"
        raise Broken(file, "is_last", wrong, "the file was cut short: copy it again")


def _flat(step: Any, file: Path, number: int) -> dict[str, Any]:
    if not isinstance(step, dict):
        raise Broken(file, f"line {number}", f"a {type(step).__name__}", "a step is an object")
    return flattened(step, "/")


def _stacked(steps: list[dict[str, Any]], file: Path, line: int) -> dict[str, np.ndarray]:
    """Steps as arrays [T, ...] by name."""
    names = set(steps[0])
    for step in steps:
        if set(step) != names:
            wrong = f"steps have {sorted(names)} and {sorted(step)}"
            raise Broken(file, f"lines to {line}", wrong, "every step has the same entries")
    try:
        arrays = {name: np.asarray([step[name] for step in steps]) for name in sorted(names)}
    except ValueError as error:
        raise Broken(file, f"lines to {line}", f"lists of several lengths: {error}", COPY) from None
    return _checked(arrays, file)


def _checked(arrays: dict[str, np.ndarray], file: Path) -> dict[str, np.ndarray]:
    """The arrays that have the rows of an episode. Raises Broken where lengths differ."""
    kept = {}
    rows = {name: len(values) for name, values in arrays.items() if values.ndim}
    for name, values in arrays.items():
        if values.dtype.kind not in "biufU":
            raise Broken(file, name, f"dtype {values.dtype}", NO_OBJECTS)
        if values.ndim:
            kept[name.replace(".", "/")] = (
                values.astype(object) if values.dtype.kind == "U" else values
            )
    wanted = rows.get("is_first", rows.get("action", max(rows.values(), default=0)))
    for name, count in rows.items():
        if count != wanted:
            raise Broken(file, name, f"{count} rows, the steps are {wanted}", COPY)
    if not wanted:
        raise Broken(file, "steps", "there are none", COPY)
    return kept


def _described(name: str, values: np.ndarray) -> Feature:
    if values.dtype == object:
        return Feature((), "str", "text")
    feature = feature_of(name, values.shape[1:], values.dtype, values[:1])
    return replace(feature, moment="after") if name.split("/")[0] in AFTER else feature


def _columns(
    arrays: dict[str, np.ndarray], features: dict[str, Feature], file: Path
) -> dict[str, Column]:
    return {
        name: _column(name, arrays[name], feature, file)
        for name, feature in features.items()
        if name in arrays
    }


def _column(name: str, values: np.ndarray, feature: Feature, file: Path) -> Column:
    stamps = clock(len(values), FPS)
    if feature.content == "text" or values.dtype == object:
        if (feature.content == "text") != (values.dtype == object):
            raise Broken(file, name, f"{values.dtype}, elsewhere {feature.dtype}", COPY)
        return Values(values, stamps)
    if feature.content == "number":
        same_shape(file, name, values.shape[1:], feature.shape)
    else:
        told = feature_of(name, values.shape[1:], values.dtype, values[:1])
        same_shape(file, name, told.shape, feature.shape)
    return Lazy(stamps, lambda rows: as_told(values[rows], feature, file, name))
