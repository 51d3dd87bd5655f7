"""Videos as a dataset: one file or a folder, each with a table of actions beside it or without.

    drive.mp4  drive.csv        a recording, and its table of the same name
    ep0/front.mp4 ep0/wrist.mp4 ep0/actions.jsonl     several cameras: a folder for each recording
    clips/a.mp4 clips/b.mp4     a recording each

A table has a column of time (`timestamp`, `time`, `t`: seconds; `timestamp_ms`, `timestamp_ns`) or
of frame numbers (`frame`, from 0), or a row for every frame. `task` or `instruction` is what was
to be done. In `actions.csv` every other column is an action unless some are named so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from foreworld.data.frames import Film, Stretch, look
from foreworld.data.recording import Broken, Column, Feature, Recording, Values
from foreworld.data.tables import TABLES, Cells, read_table

VIDEOS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v")
MOST_CAMERAS = 8  # files of a folder that are taken for views of one recording
SECONDS = {"timestamp": 1.0, "time": 1.0, "t": 1.0, "seconds": 1.0, "timestamp_s": 1.0,
           "timestamp_ms": 1e-3, "time_ms": 1e-3, "timestamp_us": 1e-6, "timestamp_ns": 1e-9,
           "time_ns": 1e-9}  # fmt: skip
FRAMES = ("frame", "frame_index", "frame_number")
TASKS = ("task", "instruction")
DATED_S = 1e6  # stamps above are dates: the first one is taken for the first frame
ALIKE = 0.01  # by which rates may differ and still be one


@dataclass(frozen=True)
class Shelf:
    """Files of one recording."""

    name: str
    cameras: dict[str, Path]
    table: Path | None


class VideoSource:
    """Videos, and tables beside them."""

    format = "video"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._film = lru_cache(maxsize=None)(look)
        self._table = lru_cache(maxsize=64)(read_table)
        self._shelves = _shelves(self.path)
        if not self._shelves:
            raise ValueError(f"{path} holds no video ({', '.join(VIDEOS)})")
        self.features = self._features()
        self.fps = self._fps()

    @classmethod
    def fits(cls, path: Path) -> bool:
        return bool(_shelves(path))

    def __len__(self) -> int:
        return len(self._shelves)

    def __getitem__(self, id: int) -> Recording:
        shelf = self._shelves[id]
        films = {camera: self._whole(camera, path) for camera, path in shelf.cameras.items()}
        columns: dict[str, Column] = {
            camera: Stretch(film.stamps, lambda film=film: film) for camera, film in films.items()
        }
        task = None
        if shelf.table is not None:
            table = self._columns(shelf.table)
            stamps = _stamps(shelf.table, table, next(iter(films.values())))
            task = next((str(table[name].values[0]) for name in TASKS if name in table), None)
            told = {name: cells for name, cells in table.items() if not _is_clock(name)}
            columns |= {name: Values(cells.values, stamps) for name, cells in told.items()}
        return Recording(shelf.name, columns, task)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        self._film.cache_clear()

    def _whole(self, camera: str, path: Path) -> Film:
        """A film of the size that its camera has. Raises Broken for another."""
        film, wanted = self._film(path), self.features[camera].shape
        if (film.height, film.width) != wanted[:2]:
            wrong = f"{film.width} x {film.height}, other videos are {wanted[1]} x {wanted[0]}"
            fix = f"scale it, as in: ffmpeg -i FILE -vf scale={wanted[1]}:{wanted[0]} OUT.mp4"
            raise Broken(path, "frame size", wrong, fix)
        return film

    def _features(self) -> dict[str, Feature]:
        """Every camera and column that some recording has, as its first one has it."""
        features: dict[str, Feature] = {}
        for shelf in self._shelves:
            for camera, path in shelf.cameras.items():
                if camera not in features:
                    film = self._film(path)
                    features[camera] = Feature((film.height, film.width, 3), "uint8", "image")
            for name, cells in (self._columns(shelf.table) if shelf.table else {}).items():
                if not _is_clock(name) and name not in TASKS:
                    features.setdefault(name, _feature(cells))
        return features

    def _columns(self, path: Path) -> dict[str, Cells]:
        """The columns of a table, of actions where the file is called so."""
        table = self._table(path)
        named = any(name.split(".")[0] in ("action", "actions") for name in table)
        if "action" not in path.stem.lower() or named:
            return table
        plain = {"reward", "done", "terminal", *TASKS}
        return {
            name if _is_clock(name) or name in plain or cells.is_text else f"action.{name}": cells
            for name, cells in table.items()
        }

    def _fps(self) -> float | None:
        """The rate of all videos, where tables have no clock of their own."""
        rates = [self._film(path).fps for s in self._shelves for path in s.cameras.values()]
        tables = [self._columns(s.table) for s in self._shelves if s.table]
        own = any(name in SECONDS for table in tables for name in table)
        alike = max(rates) - min(rates) <= ALIKE * max(rates)
        return round(float(np.median(rates)), 6) if alike and not own else None


def _shelves(path: Path) -> list[Shelf]:
    """The recordings below a path."""
    if path.is_file():
        return [Shelf(str(path), {"video": path}, _beside(path))] if _is_video(path) else []
    if not path.is_dir():
        return []
    folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
    sets = {folder: _videos(folder) for folder in folders}
    sets = {folder: videos for folder, videos in sets.items() if videos}
    flat = _videos(path)
    if not flat and _are_views([[video.stem for video in videos] for videos in sets.values()]):
        return [
            Shelf(str(folder), {video.stem: video for video in videos}, _only_table(folder))
            for folder, videos in sets.items()
        ]
    files = [*flat, *(video for videos in sets.values() for video in videos)]
    return [Shelf(str(file), {"video": file}, _beside(file)) for file in files]


def _are_views(folders: list[list[str]]) -> bool:
    """Whether names in folders are cameras: few, and the same ones again (some may be missing)."""
    names = {name for videos in folders for name in videos}
    again = len(folders) == 1 or sum(map(len, folders)) > len(names)
    return 0 < len(names) <= MOST_CAMERAS and again


def _videos(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and _is_video(file))


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".")


def _beside(video: Path) -> Path | None:
    """The table with the name of a video."""
    tables = (video.with_suffix(suffix) for suffix in TABLES)
    return next((table for table in tables if table.is_file()), None)


def _only_table(folder: Path) -> Path | None:
    tables = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in TABLES]
    if len(tables) > 1:
        wrong = f"{len(tables)} tables: {', '.join(table.name for table in tables)}"
        raise Broken(folder, "the table", wrong, "keep the one that belongs to its videos")
    return tables[0] if tables else None


def _is_clock(name: str) -> bool:
    return name in SECONDS or name in FRAMES


def _stamps(path: Path, table: dict[str, Cells], film: Film) -> np.ndarray:
    """When each row was, in seconds since the first frame."""
    rows = len(next(iter(table.values())).values)
    for name, unit in SECONDS.items():
        if name in table:
            stamps = table[name].values.astype(np.float64) * unit
            return stamps - stamps[0] if len(stamps) and stamps[0] > DATED_S else stamps
    for name in FRAMES:
        if name in table:
            return film.stamps[_frames(path, name, table[name].values, film)]
    if rows not in (len(film), len(film) - 1):
        wrong = f"{rows}, the video has {len(film)} frames"
        raise Broken(path, "rows", wrong, "add a column `timestamp` (seconds) or `frame`")
    return film.stamps[:rows]


def _frames(path: Path, name: str, values: np.ndarray, film: Film) -> np.ndarray:
    frames = values.astype(np.int64)
    wrong = np.flatnonzero((frames != values) | (frames < 0) | (frames >= len(film)))
    if len(wrong):
        said = f"row {wrong[0]} is {values[wrong[0]]}, frames are 0 to {len(film) - 1}"
        raise Broken(path, f"column {name!r}", said, "count frames from 0")
    return frames


def _feature(cells: Cells) -> Feature:
    if cells.is_text:
        return Feature((), "str", "text")
    return Feature(cells.values.shape[1:], cells.values.dtype.name, names=cells.names)
