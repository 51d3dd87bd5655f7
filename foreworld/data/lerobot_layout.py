"""The manifest of a LeRobot dataset, version 2 or 3, held against itself: where every episode lies.

v3.0  meta/info.json  tasks.parquet  episodes/chunk-000/file-000.parquet   many episodes a file
v2.1  meta/info.json  tasks.jsonl    episodes.jsonl                        an episode a file

Nothing is decoded, and no data file opened: counts are compared, paths kept inside the folder, and
files looked for.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY, MOST_EPISODES, believable, inside, read_json, same_count
from foreworld.data.recording import Broken

INFO = "meta/info.json"
CLOCK = ("timestamp", "frame_index", "episode_index", "index", "task_index")
PICTURES = ("image", "video")
WORDS = ("string", "language")
PLACES = {"chunk_index", "file_index", "episode_chunk", "episode_index", "video_key"}
CHUNK = 1000  # episodes in a folder of version 2, where it does not say
OLD = "convert it with LeRobot's own script, as in python -m lerobot.datasets.v30.convert_…"


@dataclass(frozen=True)
class Column:
    """A feature as info.json describes it."""

    dtype: str  # numpy's name, or image, video, string, language
    shape: tuple[int, ...]
    names: Any = None
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_depth(self) -> bool:
        return bool(self.info.get("is_depth_map") or self.info.get("video.is_depth_map"))


@dataclass(frozen=True)
class Clip:
    """Where one camera's frames of an episode lie: from `begin` on, seconds of the file."""

    path: Path
    begin: float


@dataclass(frozen=True)
class Entry:
    """One episode."""

    length: int
    data: Path
    row: int  # of its first frame within the data file
    start: int  # and within the dataset
    tasks: tuple[str, ...]
    clips: Mapping[str, Clip]


@dataclass(frozen=True)
class Manifest:
    """All that a dataset says of itself before any data are read."""

    root: Path
    version: int
    fps: float
    robot: str | None
    columns: Mapping[str, Column]
    tasks: Mapping[int, str]
    entries: list[Entry]
    rows: Mapping[Path, int]  # of each data file, by its episodes

    @property
    def cameras(self) -> list[str]:
        return [name for name, column in self.columns.items() if column.dtype == "video"]


@dataclass(frozen=True)
class Info:
    """info.json, checked field by field; keys that are not known here are left alone."""

    path: Path
    version: int
    fps: float
    columns: Mapping[str, Column]
    data_path: str
    video_path: str | None
    chunks_size: int
    said: Mapping[str, Any]


def read_info(root: Path) -> Info:
    """The description of a dataset. Raises Broken naming the field that cannot be believed."""
    path = root / INFO
    said = read_json(path)
    if not isinstance(said, dict):
        raise Broken(path, "the file", f"holds a {type(said).__name__}, not an object", COPY)
    version = _version(path, said)
    columns = _columns(path, said.get("features"))
    data_path = _template(path, "data_path", said.get("data_path"), {"video_key"})
    video_path = said.get("video_path")
    if any(column.dtype == "video" for column in columns.values()):
        video_path = _template(path, "video_path", video_path, set())
    chunks = _number(path, "chunks_size", said.get("chunks_size", CHUNK), int)
    fps = _number(path, "fps", said.get("fps"), float)
    return Info(path, version, fps, columns, data_path, video_path, chunks, said)


def place(root: Path, info: Info, what: str, values: Mapping[str, Any]) -> Path:
    """The file that a template of info.json names. Raises Broken outside the folder, or for none.

    The templates were checked: they hold these places and nothing else.
    """
    template = info.data_path if what == "data_path" else info.video_path or ""
    path = placed(root, template.format(**values), info.path, what)
    if not path.is_file():
        raise Broken(path, what, "there is no such file", COPY)
    return path


def placed(root: Path, name: str, file: Path, what: str) -> Path:
    """The path of `name` in a dataset; in a hub's cache, whose files are links, of that cache."""
    cache = root.absolute().parent.parent
    if root.absolute().parent.name == "snapshots" and (cache / "blobs").is_dir():
        return inside(cache, f"snapshots/{root.absolute().name}/{name}", file, what)
    return inside(root, name, file, what)


def check_counts(info: Info, entries: list[Entry], tasks: Mapping[int, str]) -> None:
    """Holds what info.json counts against what the tables list."""
    same_count(info.path, "total_episodes", info.said.get("total_episodes"), len(entries))
    frames = sum(entry.length for entry in entries)
    same_count(info.path, "total_frames", info.said.get("total_frames"), frames)
    if info.said.get("total_tasks"):  # older converters write 0
        same_count(info.path, "total_tasks", info.said["total_tasks"], len(tasks))


def check_episodes(file: Path, indices: np.ndarray, lengths: np.ndarray) -> None:
    """Raises Broken unless episodes are 0, 1, 2 … in order, each of at least one frame."""
    if len(indices) > MOST_EPISODES:
        raise Broken(file, "episode_index", f"{len(indices):,} episodes", COPY)
    wrong = np.flatnonzero(indices != np.arange(len(indices)))
    if len(wrong):
        n = int(wrong[0])
        twice = int((indices == indices[n]).sum()) > 1
        what = f"episode {indices[n]} is listed twice" if twice else f"episode {n} is missing"
        fix = "remove the double" if twice else "number the episodes 0, 1, 2 … without gaps"
        raise Broken(file, "episode_index", f"{what} (row {n} says {indices[n]})", fix)
    short = np.flatnonzero(lengths < 1)
    if len(short):
        wrong = f"episode {short[0]} has {lengths[short[0]]} frames"
        raise Broken(file, "length", wrong, "leave out episodes without frames")


def task_table(file: Path, indices: list[Any], texts: list[Any]) -> dict[int, str]:
    """Instruction by number."""
    tasks: dict[int, str] = {}
    for index, text in zip(indices, texts, strict=True):
        if isinstance(index, bool) or not isinstance(index, int) or not isinstance(text, str):
            raise Broken(file, "task_index", f"{index!r} -> {text!r}", "a number and a text each")
        if index in tasks:
            wrong = f"task {index} is listed twice"
            raise Broken(file, "task_index", wrong, "give every task a number of its own")
        tasks[index] = text
    return tasks


def _version(path: Path, said: Mapping[str, Any]) -> int:
    version = str(said.get("codebase_version"))
    major = version.removeprefix("v").split(".")[0]
    if major not in ("2", "3"):
        wrong = f"{version!r}: this program reads v2.x and v3.x"
        raise Broken(path, "codebase_version", wrong, OLD)
    return int(major)


def _number(path: Path, name: str, value: Any, kind: type) -> Any:
    sound = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not sound or not math.isfinite(value) or not 0 < value <= 1e6 or kind(value) != value:
        fix = f"write the {name} the data were recorded with, a number above 0"
        raise Broken(path, name, f"{value!r}", fix)
    return kind(value)


def _columns(path: Path, features: Any) -> dict[str, Column]:
    if not isinstance(features, dict) or not features:
        raise Broken(path, "features", "there are none", "describe the columns of the data files")
    return {name: _column(path, name, said) for name, said in features.items()}


def _column(path: Path, name: str, said: Any) -> Column:
    what = f"features.{name}"
    if not isinstance(said, dict):
        raise Broken(path, what, f"{said!r}", "write dtype, shape and names")
    dtype: Any = said.get("dtype")
    shape: Any = said.get("shape")
    if name.startswith("language_"):
        dtype, shape = "language", [1]
    sound = isinstance(shape, (list, tuple)) and len(shape) <= 5
    if not sound or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape):
        raise Broken(path, f"{what}.shape", f"{shape!r}", "one to five numbers above 0")
    if dtype not in (*PICTURES, *WORDS):
        _check_dtype(path, what, dtype, shape)
    info = {**(said.get("video_info") or {}), **(said.get("info") or {})}
    told = _upright(shape, said.get("names")) if dtype in PICTURES else tuple(shape)
    if dtype in PICTURES and (len(told) != 3 or told[2] not in (1, 3, 4)):
        fix = "height, width and 1, 3 or 4 channels"
        raise Broken(path, f"{what}.shape", f"{shape!r} for pictures", fix)
    believable(path, f"{what}.shape", told, np.dtype(np.float64))
    return Column(str(dtype), told, said.get("names"), info)


def _check_dtype(path: Path, what: str, dtype: Any, shape: Any) -> None:
    try:
        kind = np.dtype(dtype).kind if isinstance(dtype, str) else "O"
    except TypeError:
        kind = "O"
    if kind not in "biuf":
        fix = "a number's dtype as in float32, or image, video, string, language"
        raise Broken(path, f"{what}.dtype", f"{dtype!r}", fix)


def _upright(shape: Any, names: Any) -> tuple[int, ...]:
    """Height, width, channels: some datasets say them in another order."""
    order = [str(name).rstrip("s") for name in names] if isinstance(names, list) else []
    if sorted(order) == ["channel", "height", "width"]:
        return tuple(shape[order.index(side)] for side in ("height", "width", "channel"))
    channels_first = len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
    return (shape[1], shape[2], shape[0]) if channels_first else tuple(shape)


def _template(path: Path, what: str, template: Any, without: set[str]) -> str:
    """A path with places for numbers: nothing else is filled in, since a format can do anything."""
    fix = "as LeRobot writes it: data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
    if not isinstance(template, str):
        raise Broken(path, what, f"{template!r} is no path", fix)
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise Broken(path, what, f"{template!r}: {error}", fix) from None
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        sized = spec in ("", "d") or (len(spec or "") <= 3 and (spec or "")[-1:] == "d")
        if name not in PLACES - without or conversion or not sized:
            raise Broken(path, what, f"{template!r} holds a place {name!r}", fix)
    return template
