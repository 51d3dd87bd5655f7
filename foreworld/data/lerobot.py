"""LeRobot datasets, versions 3 and 2, from a local folder: no hub, no lerobot, nothing unpickled.

with LeRobotSource("pusht") as source:
    source.features["observation.images.top"]           # Feature((96, 96, 3), "uint8", "image")
    source[17].columns["action"].read(range(10))        # float32 [10, 2]

Frame k of an episode lies in its camera's file at the episode's first second + its time stamp.
Columns whose name begins with "next." tell what the action of their own row led to.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from foreworld.data.bounds import COPY, same_count
from foreworld.data.columns import Lazy
from foreworld.data.depth import DepthCode
from foreworld.data.frames import Film, Stretch, look
from foreworld.data.lerobot_language import language_columns, language_features
from foreworld.data.lerobot_layout import CLOCK, INFO, Column, Entry, placed
from foreworld.data.lerobot_statistics import check_statistics
from foreworld.data.lerobot_tables import REFINISH, read_manifest
from foreworld.data.parquet import Shard
from foreworld.data.pictures import unpack
from foreworld.data.recording import Broken, Feature, Moment, Recording

TASK = "task"
OPEN_SHARDS, OPEN_FILMS = 16, 256  # kept open, and kept in mind
NEAR = 0.25  # of a row: how far a frame may be shown from the stamp of its row
ROUNDING = 1e-3  # of a row, and of float32: stamps that close to the rate are at the rate
T = TypeVar("T")


class LeRobotSource:
    """A folder with `meta/info.json`. Raises Broken for what its tables get wrong."""

    format = "lerobot"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        self.fps: float | None = self.manifest.fps
        check_statistics(self.path, self.manifest.version, self.manifest.columns)
        self._shards: _Recent[Shard] = _Recent(lambda file: Shard(file, REFINISH), OPEN_SHARDS)
        self._films: _Recent[Film] = _Recent(look, OPEN_FILMS)
        # Within one episode the instruction may change: then every row has its own.
        self._changes = any(len(entry.tasks) > 1 for entry in self.manifest.entries)
        self.features: dict[str, Feature] = self._features()

    @classmethod
    def fits(cls, path: Path) -> bool:
        return (path / INFO).is_file()

    def __len__(self) -> int:
        return len(self.manifest.entries)

    def __getitem__(self, id: int) -> Recording:
        if not 0 <= id < len(self):
            raise IndexError(f"no episode {id}: there are {len(self)}")
        entry = self.manifest.entries[id]
        shard = self._shards(entry.data)
        same_count(entry.data, "num_rows", self.manifest.rows[entry.data], shard.rows)
        for name, column in self.manifest.columns.items():
            if column.dtype != "video":
                shard.require(name)
        stamps, tasks = self._clock(id, entry, shard)
        columns: dict[str, Any] = {}
        for name, column in self.manifest.columns.items():
            if column.dtype == "language":
                columns |= language_columns(name, shard, entry, stamps)
            elif name not in CLOCK:
                columns[name] = self._column(name, column, entry, shard, stamps)
        if self._changes:
            texts = np.array([self.manifest.tasks[n] for n in tasks.tolist()], object)
            columns[TASK] = Lazy(stamps, partial(np.take, texts))
        facts = {"episode_index": id, "robot_type": self.manifest.robot}
        name = f"episode {id} of {entry.data}"
        task = self.manifest.tasks[int(tasks[0])]
        return Recording(name, columns, task, self._ended(entry, shard), facts)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        self._shards.clear()
        self._films.clear()

    def __enter__(self) -> LeRobotSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Features

    def _features(self) -> dict[str, Feature]:
        features: dict[str, Feature] = {}
        for name, column in self.manifest.columns.items():
            if column.dtype == "language":
                features |= language_features(name)
            elif name not in CLOCK:
                features[name] = _feature(self.path, name, column)
        return features | ({TASK: Feature((), "str", "text")} if self._changes else {})

    # Time

    def _clock(self, id: int, entry: Entry, shard: Shard) -> tuple[np.ndarray, np.ndarray]:
        """When each row was, seconds float64, and what it was told to do; rows are checked."""
        whole, count = np.dtype(np.int64), entry.length
        rows = {
            name: shard.numbers(name, (1,), whole, entry.row, count)[:, 0] for name in CLOCK[1:]
        }
        wanted = {"episode_index": id, "frame_index": np.arange(count)}
        wanted["index"] = entry.start + np.arange(count)
        for name, right in wanted.items():
            wrong = np.flatnonzero(rows[name] != right)
            if len(wrong):
                n = int(wrong[0])
                said = f"row {entry.row + n} says {rows[name][n]}, it is row {n} of episode {id}"
                raise Broken(shard.path, name, said, "number rows through, without gaps or doubles")
        unknown = sorted(set(rows["task_index"].tolist()) - set(self.manifest.tasks))
        if unknown:
            wrong = f"task {unknown[0]} is in no table of tasks"
            raise Broken(shard.path, "task_index", wrong, "add it to meta/tasks")
        return self._stamps(entry, shard), rows["task_index"]

    def _stamps(self, entry: Entry, shard: Shard) -> np.ndarray:
        single, count = np.dtype(np.float64), entry.length
        stamps = shard.numbers("timestamp", (1,), single, entry.row, count)[:, 0]
        wrong = np.flatnonzero(~np.isfinite(stamps) | (np.diff(stamps, prepend=-np.inf) <= 0))
        if len(wrong):
            n = int(wrong[0])
            said = f"row {entry.row + n} is at {stamps[n]} s, not later than the one before it"
            raise Broken(shard.path, "timestamp", said, "sort the rows and remove doubles")
        steady = np.arange(count) / self.manifest.fps
        rounding = ROUNDING / self.manifest.fps + np.finfo(np.float32).eps * steady
        return steady if (np.abs(stamps - steady) <= rounding).all() else stamps

    def _ended(self, entry: Entry, shard: Shard) -> bool | None:
        """Whether the world ended it: done and not cut short, or a success."""
        said = {}
        for name in ("next.done", "next.truncated", "next.success"):
            if name in self.manifest.columns and name in shard.names:
                last = entry.row + entry.length - 1
                said[name] = bool(shard.numbers(name, (1,), np.dtype(bool), last, 1)[0, 0])
        if said.get("next.success"):
            return True
        if "next.done" not in said:
            return False if said.get("next.truncated") else None
        return said["next.done"] and not said.get("next.truncated", False)

    # Columns

    def _column(
        self, name: str, column: Column, entry: Entry, shard: Shard, stamps: np.ndarray
    ) -> Any:
        if column.dtype == "video":
            return self._stretch(name, column, entry, stamps)
        fetch = {"image": self._images, "string": _texts}.get(column.dtype, _numbers)
        return Lazy(stamps, partial(fetch, name, column, entry, shard))

    def _stretch(self, name: str, column: Column, entry: Entry, stamps: np.ndarray) -> Stretch:
        clip, (height, width, channels) = entry.clips[name], column.shape
        code = _code(self.path, name, column) if column.is_depth else None
        layout = "gray12le" if code else {1: "gray", 3: "rgb24"}[channels]

        def opened() -> Film:
            film = self._films(clip.path)
            if (film.height, film.width) != (height, width):
                wrong = f"{film.width} x {film.height}, info.json says {width} x {height}"
                fix = "correct features in info.json, or encode the video again"
                raise Broken(clip.path, f"frame size of {name}", wrong, fix)
            return film

        near, begin = NEAR / self.manifest.fps, clip.begin + float(stamps[0])
        return Stretch(stamps, opened, begin, near, layout, code.decode if code else None)

    def _images(
        self, name: str, column: Column, entry: Entry, shard: Shard, rows: np.ndarray
    ) -> np.ndarray:
        """Pictures that are files in the table, or named by it."""
        feature = self.features[name]
        most = 64_000_000 + 8 * len(rows) * int(np.prod(feature.shape))
        found = shard.objects(name, entry.row, entry.length, rows, most)
        datas = [self._picture(name, shard, said) for said in found]
        pictures = unpack(datas, feature, shard.path, f"column {name!r}")
        return pictures * np.float32(1e-3) if column.info.get("depth_unit") == "mm" else pictures

    def _picture(self, name: str, shard: Shard, said: Any) -> bytes:
        said = {"bytes": said} if isinstance(said, bytes) else said
        if isinstance(said, dict) and isinstance(said.get("bytes"), bytes):
            return said["bytes"]
        what, file = f"column {name!r}", said.get("path") if isinstance(said, dict) else None
        if not isinstance(file, str):
            raise Broken(shard.path, what, "a picture is missing", "leave out such rows")
        path = placed(self.path, file, shard.path, what)
        if not path.is_file():
            raise Broken(shard.path, what, f"there is no picture {file}", COPY)
        return path.read_bytes()


class _Recent(Generic[T]):
    """What was opened last, by path; for several threads."""

    def __init__(self, make: Callable[[Path], T], most: int) -> None:
        self._make, self._most = make, most
        self._open: OrderedDict[Path, T] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, path: Path) -> T:
        with self._lock:
            if path not in self._open:
                self._open[path] = self._make(path)
                if len(self._open) > self._most:
                    self._open.popitem(last=False)
            self._open.move_to_end(path)
            return self._open[path]

    def clear(self) -> None:
        with self._lock:
            self._open.clear()


def _feature(root: Path, name: str, column: Column) -> Feature:
    moment: Moment = "after" if name.startswith("next.") else "now"
    if column.dtype == "string":
        return Feature((), "str", "text", moment=moment)
    if column.dtype in ("image", "video"):
        return _camera(root, name, column, moment)
    names = _names(column)
    return Feature(column.shape, column.dtype, "number", names, moment=moment)


def _camera(root: Path, name: str, column: Column, moment: Moment) -> Feature:
    if not column.is_depth:
        return Feature(column.shape, "uint8", "image", moment=moment)
    shape, low, high = (*column.shape[:2], 1), None, None
    if column.dtype == "video":
        code = _code(root, name, column)
        low, high = code.near, code.far
    unit = "m" if column.dtype == "video" or column.info.get("depth_unit") else None
    return Feature(shape, "float32", "depth", None, unit, low, high, moment=moment)


def _code(root: Path, name: str, column: Column) -> DepthCode:
    """How a depth video's codes are meant. Raises Broken for a range that is none."""
    try:
        return DepthCode.of(column.info)
    except (ValueError, TypeError) as error:
        what = f"features.{name}.info"
        raise Broken(
            root / INFO, what, str(error), "correct video.depth_min and its like"
        ) from None


def _names(column: Column) -> tuple[str, ...] | None:
    """Of each number: a list, or lists by what they are of; None where they do not add up."""
    said = column.names
    if isinstance(said, dict):
        said = [name for part in said.values() for name in (part if isinstance(part, list) else ())]
    fits = isinstance(said, list) and len(said) == int(np.prod(column.shape))
    return tuple(map(str, said)) if fits else None


def _numbers(name: str, column: Column, entry: Entry, shard: Shard, rows: np.ndarray) -> np.ndarray:
    dtype = np.dtype(column.dtype)
    if not len(rows):
        return np.empty((0, *column.shape), dtype)
    first, count = int(rows[0]), int(rows[-1] - rows[0]) + 1
    values = shard.numbers(name, column.shape, dtype, entry.row + first, count)
    return values if len(rows) == count else values[rows - first]


def _texts(name: str, column: Column, entry: Entry, shard: Shard, rows: np.ndarray) -> np.ndarray:
    texts = np.empty(len(rows), object)
    texts[:] = [text or "" for text in shard.objects(name, entry.row, entry.length, rows)]
    return texts
