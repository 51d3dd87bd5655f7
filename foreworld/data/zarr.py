"""Replay buffers of zarr as diffusion policies keep them, formats 2 and 3, folders and zip files.

    pusht.zarr/data/img           [N, 96, 96, 3]    rows of all episodes
               data/action        [N, 2]
               meta/episode_ends  [episodes]        the row after the last of each

A buffer says nothing of rewards and ends; ours do: `data/reward` arrives with its row, and
`meta/terminal` tells whether the world ended an episode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY, rate, same_count, stretches
from foreworld.data.columns import Lazy, as_told, clock, feature_of, rows_of
from foreworld.data.hdf5_writer import texts
from foreworld.data.recording import Broken, Column, Feature, Recording
from foreworld.data.zarr_array import Archive, Files, Folder, ZarrArray, arrays, attributes
from foreworld.data.zarr_writer import ArrayWriter, write_group
from foreworld.vocab import Episode, Specs

ROOTS = (".zgroup", "zarr.json")
ENDS = ("meta/episode_ends", "episode_ends")
AFTER = ("reward", "rewards", "done", "dones", "success", "terminals", "timeouts")


class ZarrSource:
    """A replay buffer, opened for reading.

    Raises Broken where the ends of its episodes or the lengths of its arrays do not go together.
    """

    format = "zarr"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        files: Files = Folder(self.path) if self.path.is_dir() else Archive(self.path)
        sizes = files.sizes()
        noted = attributes(files, sizes, "")
        self.fps: float | None = rate(noted.get("fps"), self.path)
        ends = self._small(files, sizes, next((n for n in ENDS if _there(n, sizes)), None))
        below = "data/" if any(name.startswith("data/") for name in sizes) else ""
        names = [n for n in arrays(sizes, below) if n.split("/")[0] != "meta" and n not in ENDS]
        self._arrays = {n.removeprefix(below): ZarrArray(files, n, sizes) for n in names}
        rows = self._rows()
        self._bounds = stretches(self.path, ENDS[0], ends, rows)
        self.features = {key: self._described(key, array) for key, array in self._arrays.items()}
        self._terminal, self._tasks = self._told(files, sizes, noted)

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether it is a zarr store, by its name if it is a zip file."""
        path = Path(path)
        if path.is_dir():
            return any((path / name).is_file() for name in ROOTS)
        return path.is_file() and path.name.endswith(".zarr.zip")

    def __len__(self) -> int:
        return len(self._bounds)

    def __getitem__(self, id: int) -> Recording:
        start, stop = (int(n) for n in self._bounds[id])
        columns: dict[str, Column] = {
            key: self._column(array, self.features[key], start, stop)
            for key, array in self._arrays.items()
        }
        task = None if self._tasks is None else self._tasks[id]
        ended = None if self._terminal is None else bool(self._terminal[id])
        return Recording(f"episode {id} of {self.path}", columns, task, ended)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        self._arrays.clear()

    def _rows(self) -> int:
        """How long the arrays are, on which all agree."""
        lengths = {key: len(array) for key, array in self._arrays.items()}
        if not lengths:
            raise Broken(self.path, "data", "holds no arrays", COPY)
        longest = max(lengths.values())
        for key, length in lengths.items():
            same_count(self.path, f"data/{key}: rows", length, longest)
        return longest

    def _described(self, key: str, array: ZarrArray) -> Feature:
        if array.attributes.get("content") == "text":
            return Feature((), "str", "text")
        feature = feature_of(key, array.shape[1:], array.dtype, array[:1])
        array.whole = feature.content == "image" or key == "action"
        later = key in AFTER and array.attributes.get("moment") != "now"
        return replace(feature, moment="after" if later else "now")

    def _column(self, array: ZarrArray, feature: Feature, start: int, stop: int) -> Lazy:
        def fetch(rows: np.ndarray) -> np.ndarray:
            values = rows_of(array, rows, start)
            if feature.content == "text":
                return texts(values)
            return as_told(values, feature, self.path, array.name)

        return Lazy(clock(stop - start, self.fps), fetch)

    def _small(self, files: Files, sizes: dict[str, int], name: str | None) -> np.ndarray:
        if name is None:
            fix = "a replay buffer has one end for each episode there: write it"
            raise Broken(self.path, ENDS[0], "is not there", fix)
        return ZarrArray(files, name, sizes, whole=True)[:]

    def _told(
        self, files: Files, sizes: dict[str, int], noted: dict[str, Any]
    ) -> tuple[np.ndarray | None, list[str] | None]:
        """Which episodes the world ended, and their instructions; None where nothing says so."""
        terminal = tasks = None
        if _there("meta/terminal", sizes):
            terminal = self._small(files, sizes, "meta/terminal")
            same_count(self.path, "meta/terminal", len(terminal), len(self))
        if _there("meta/task_index", sizes) and isinstance(noted.get("tasks"), list):
            index = self._small(files, sizes, "meta/task_index")
            same_count(self.path, "meta/task_index", len(index), len(self))
            if index.min(initial=0) < 0 or index.max(initial=0) >= len(noted["tasks"]):
                raise Broken(self.path, "meta/task_index", "names a task that is not there", COPY)
            tasks = [str(noted["tasks"][n]) for n in index]
        return terminal, tasks


class ZarrWriter:
    """Writes a replay buffer; `zarr_format` 2 is what diffusion policies read, 3 the newer one."""

    def __init__(self, folder: Path, specs: Specs, fps: float, zarr_format: int = 2) -> None:
        if zarr_format not in (2, 3):
            raise ValueError(f"zarr_format={zarr_format}; valid: 2, 3")
        self.folder, self.specs, self.fps, self._version = folder, specs, fps, zarr_format
        self.columns = {"reward": "reward"} | {key: key.replace("/", ".") for key in specs}
        if len(set(self.columns.values())) < len(self.columns):
            raise ValueError(f"keys {sorted(self.columns)} differ by / and . only: rename one")
        self._arrays = {key: self._array(key) for key in self.columns if self._stored(key)}
        self._ends: list[int] = []
        self._terminal: list[bool] = []
        self._tasks: list[str | None] = []

    def add(self, episode: Episode, task: str | None) -> None:
        for key, array in self._arrays.items():
            array.append(episode[key])
        self._ends.append((self._ends or [0])[-1] + len(episode))
        self._terminal.append(bool(episode["is_terminal"][-1]))
        self._tasks.append(task)

    def finish(self) -> None:
        for array in self._arrays.values():
            array.close()
        tasks = sorted({task for task in self._tasks if task is not None})
        whole = bool(tasks) and None not in self._tasks
        meta = {
            "episode_ends": np.array(self._ends, np.int64),
            "terminal": np.array(self._terminal),
        }
        if whole:
            index = [tasks.index(task) for task in self._tasks if task is not None]
            meta["task_index"] = np.array(index, np.int64)
        for name, values in meta.items():
            array = ArrayWriter(
                self.folder / "meta" / name, values.shape[1:], values.dtype, self._version
            )
            array.append(values)
            array.close()
        noted = {"fps": self.fps} | ({"tasks": tasks} if whole else {})
        for name, group in (("", noted), ("data", {}), ("meta", {})):
            write_group(self.folder / name, self._version, group)

    def _stored(self, key: str) -> bool:
        return key == "reward" or self.specs[key].width > 0

    def _array(self, key: str) -> ArrayWriter:
        folder = self.folder / "data" / self.columns[key]
        if key == "reward":
            return ArrayWriter(folder, (), np.dtype("float32"), self._version, {"moment": "now"})
        spec = self.specs[key]
        noted = {"content": "text"} if spec.kind == "text" else {}
        return ArrayWriter(folder, spec.shape, np.dtype(spec.dtype), self._version, noted)


def _there(name: str, sizes: dict[str, int]) -> bool:
    return f"{name}/.zarray" in sizes or f"{name}/zarr.json" in sizes
