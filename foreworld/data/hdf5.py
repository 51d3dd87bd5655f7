"""HDF5 as people lay out their episodes in it; ours is robomimic's.

    data/demo_0/{obs/…, actions, rewards}        robomimic, LIBERO, ManiSkill: groups with numbers
    observations, actions, terminals, timeouts   D4RL: all rows in one, ends by flags,
    pixels, action, ep_len                       or by lengths or ends of the episodes
    episode_0.hdf5, episode_1.hdf5 …             ALOHA: a file for each

What a step led to (`rewards`, `dones`) follows the action of its row. `next_obs` is read for the
one observation that nothing else holds: the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from foreworld.data.bounds import COPY, Reading, rate
from foreworld.data.columns import Chain, Lazy
from foreworld.data.hdf5_files import (
    SUFFIXES,
    attributes,
    datasets,
    described,
    is_hdf5,
    lazy,
    open_hdf5,
    read,
)
from foreworld.data.hdf5_layouts import Place, natural, places, relevant
from foreworld.data.hdf5_writer import steps_of, store, texts
from foreworld.data.recording import Broken, Column, Feature, Recording
from foreworld.errors import require
from foreworld.vocab import Episode, Specs

TERMINALS = ("terminals", "terminations", "terminated", "is_terminal")
AFTER = ("reward", "rewards", "done", "dones", "success", "timeouts", "truncations", "truncated")
NEXT = {"next_obs": "obs", "next_observations": "observations"}
TASKS = ("task", "language_instruction", "instruction", "language_raw", "lang")
KEPT_OPEN = 8  # files; each holds a cache of chunks


class Hdf5Source:
    """A file of episodes, or a folder of files with one or more each.

    Raises Broken where the columns of an episode do not go together.
    """

    format = "hdf5"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._files: dict[Path, Any] = {}
        self._shared: tuple[Path, str] | None = None
        self._places: list[Place] = []
        for file in _files(self.path):
            with Reading(file, "its groups"):
                self._places += places(self._file(file), file)
        if not self._places:
            raise Broken(self.path, "the file", "holds no rows", COPY)
        first = self._places[0]
        with Reading(first.file, first.group):
            self._arrays = self._relevant(first)
            self.features = {
                key: _described(key, array, first.file)
                for key, array in self._arrays.items()
                if key.split("/")[0] not in NEXT
            }
            self.fps: float | None = _rate(self._file(first.file), first)

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether it is an HDF5 file, or a folder whose first file of such a name is one."""
        path = Path(path)
        if path.is_dir():
            names = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
            return bool(names) and is_hdf5(names[0])
        return is_hdf5(path)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, id: int) -> Recording:
        place = self._places[id]
        with Reading(place.file, place.group):
            return self._recording(place)

    def _recording(self, place: Place) -> Recording:
        arrays = self._relevant(place)
        group = self._file(place.file)[place.group]
        columns: dict[str, Column] = {
            key: self._column(key, arrays, place) for key in self.features if key in arrays
        }
        facts = dict(attributes(group))
        task = next((str(facts.pop(name)) for name in TASKS if name in facts), None)
        task = task or self._told(place)
        return Recording(place.name, columns, task, self._ended(arrays, facts, place), facts)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file(self, path: Path) -> Any:
        """An open file; the oldest is forgotten, and closes when no column needs it."""
        if path not in self._files:
            if len(self._files) >= KEPT_OPEN:
                del self._files[next(iter(self._files))]
            self._files[path] = open_hdf5(path)
        return self._files[path]

    def _relevant(self, place: Place) -> dict[str, Any]:
        """Its datasets; those that many episodes share are looked up once."""
        shared = (place.file, place.group) if place.rows else None
        if shared is None or shared != self._shared:
            self._shared, self._arrays = shared, relevant(place, self._file(place.file))
        return self._arrays

    def _column(self, key: str, arrays: dict[str, Any], place: Place) -> Column:
        rows = place.of(len(arrays[key]))
        column = lazy(arrays[key], self.features[key], place.file, self.fps, rows)
        following = _next_of(key)
        if following not in arrays or len(column.stamps) != place.steps:
            return column
        last = slice(rows.stop - 1, rows.stop)
        after = lazy(arrays[following], self.features[key], place.file, self.fps, last)
        return Chain(column, Lazy(after.stamps + place.steps / (self.fps or 1.0), after.fetch))

    def _ended(self, arrays: dict[str, Any], facts: dict[str, Any], place: Place) -> bool | None:
        """Whether the world ended it; flags that mean either end do not tell."""
        if "terminal" in facts:
            return bool(facts.pop("terminal"))
        told = next((arrays[name] for name in TERMINALS if name in arrays), None)
        if told is None:
            return None
        stop = place.of(len(told)).stop
        return bool(read(told, place.file, slice(stop - 1, stop))[0])

    def _told(self, place: Place) -> str | None:
        """The instruction where LIBERO and others keep it: above the episodes, or as a dataset."""
        file = self._file(place.file)
        above = attributes(file[place.group].parent).get("problem_info")
        if isinstance(above, str):
            return _entry(above, "language_instruction")
        for name, array in datasets(file[place.group], place.file).items():
            if name in TASKS and array.size == 1 and array.dtype.kind in "OS":
                said = read(array, place.file, slice(None) if array.shape else ())  # type: ignore[arg-type]
                said = said[0] if array.shape else said
                return said.decode() if isinstance(said, bytes) else str(said)
        return None


class Hdf5Writer:
    """Writes robomimic's layout: one file `data.hdf5`, a group for each episode.

    `obs` has one row more than `actions`: what the last action led to. Targets and records lie in
    `labels`.
    """

    def __init__(self, folder: Path, specs: Specs, fps: float) -> None:
        self.specs = specs
        self._file = require("h5py", "data").File(folder / "data.hdf5", "w", track_order=True)
        self._data = self._file.create_group("data", track_order=True)
        self._data.attrs["fps"] = fps
        self._episodes = self._steps = 0
        self.columns = {"reward": "rewards"} | {key: self._place(key) for key in specs}

    def add(self, episode: Episode, task: str | None) -> None:
        group = self._data.create_group(f"demo_{self._episodes}")
        steps = steps_of(episode, self._episodes)
        group.attrs["num_samples"] = steps
        group.attrs["terminal"] = bool(episode["is_terminal"][-1])
        if task is not None:
            group.attrs["task"] = task
        for key, spec in self.specs.items():
            values = texts(episode[key]) if spec.kind == "text" else episode[key]
            store(group, self._place(key), values[:-1] if key == "action" else values)
        store(group, "rewards", episode["reward"][1:])
        store(group, "dones", episode["is_last"][1:])
        self._episodes, self._steps = self._episodes + 1, self._steps + steps

    def finish(self) -> None:
        self._data.attrs["total"] = self._steps
        self._file.close()

    def _place(self, key: str) -> str:
        if key == "action":
            return "actions"
        return f"{'obs' if self.specs[key].observed else 'labels'}/{key}"


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted((p for p in path.iterdir() if p.suffix in SUFFIXES), key=natural)


def _described(key: str, array: Any, file: Path) -> Feature:
    feature = described(key, array, file)
    return replace(feature, moment="after") if key in (*AFTER, *TERMINALS) else feature


def _next_of(key: str) -> str:
    first, _, rest = key.partition("/")
    name = {now: then for then, now in NEXT.items()}.get(first, "")
    return f"{name}/{rest}" if rest else name


def _rate(root: Any, place: Place) -> float:
    """Rows a second: as noted, or as fast as robomimic's environment was controlled."""
    noted = [attributes(root), attributes(root[place.group].parent), attributes(root[place.group])]
    for attrs in noted:
        if "fps" in attrs:
            return rate(attrs["fps"], place.file)
        if isinstance(attrs.get("env_args"), str):
            kwargs = _entry(attrs["env_args"], "env_kwargs")
            if isinstance(kwargs, dict) and "control_freq" in kwargs:
                return rate(kwargs["control_freq"], place.file)
    return 1.0


def _entry(text: str, name: str) -> Any:
    """An entry of a JSON attribute that others wrote; None where it is not there."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told.get(name) if isinstance(told, dict) else None
