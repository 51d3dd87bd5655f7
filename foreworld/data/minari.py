"""Minari datasets (https://minari.farama.org), read and written without Minari, and without JAX.

    walker/expert-v0/data/
        metadata.json      spaces, totals, what is what
        main_data.hdf5     episode_0/{observations [T], actions [T-1], rewards, terminations, …}

Dict spaces are groups, tuples groups of `_index_0`, `_index_1` …; pictures may be JPEG files. The
reward of a row is what its action led to. Of the other forms, arrow and parquet, see
`minari_tables.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from foreworld.data.bounds import COPY, REWRITE, Reading, json_of, rate, read_json, same_count
from foreworld.data.columns import Lazy
from foreworld.data.hdf5_files import attributes, children, datasets, described, lazy, open_hdf5
from foreworld.data.hdf5_writer import steps_of, store, texts
from foreworld.data.minari_spaces import leaves, nested, space_json
from foreworld.data.minari_tables import TableStored
from foreworld.data.recording import Broken, Column, Feature, Recording
from foreworld.disk import write_json
from foreworld.errors import require
from foreworld.vocab import Episode, Specs

MAIN = "main_data.hdf5"
VERSION = "0.5.4"  # of Minari, whose layout this is
AFTER = ("rewards", "terminations", "truncations")
RECORDED = ("observations", "infos")  # what there is once more at the end than actions


class MinariSource:
    """A Minari dataset, opened for reading: its folder, or the folder `data` in it.

    Raises Broken where spaces, totals and arrays do not agree.
    """

    format = "minari"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        folder = _data_folder(self.path)
        self._manifest = folder / "metadata.json"
        self._metadata: dict[str, Any] = _metadata(self._manifest)
        with Reading(folder, "episodes"):
            self._stored = _open(folder, self._metadata, self._manifest)
            self._check_totals()
            told = self._described()
        self._starts = {k: int(f.low) for k, f in told.items() if f.classes and f.low}  # type: ignore[arg-type]
        self.features = {
            key: replace(feature, low=None) if feature.classes else feature
            for key, feature in told.items()
        }

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether the manifest is there and says that it is Minari's."""
        folder = _data_folder(Path(path))
        if (folder / MAIN).is_file() and (folder / "metadata.json").is_file():
            return True
        return (folder / "metadata.json").is_file() and (folder / "0").is_dir()

    @property
    def fps(self) -> float | None:
        """What our writer noted; Minari itself knows steps only: a row a second here."""
        return rate(self._metadata.get("fps"), self._manifest)

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, id: int) -> Recording:
        with Reading(self._stored.file, f"episode {id}"):
            return self._recording(id)

    def _recording(self, id: int) -> Recording:
        arrays, facts, name = self._stored.episode(id)
        rows = self._rows(arrays, facts, name)
        columns: dict[str, Column] = {}
        for key, feature in self.features.items():
            if key not in arrays:
                if key.startswith("infos"):
                    continue  # said of some episodes only
                raise Broken(self._stored.file, f"{name}/{key}", "is not there", COPY)
            here = len(arrays[key])
            most = rows + key.startswith(RECORDED)
            if here != most and not (key.startswith("infos") and here == rows):
                wrong = f"{here} rows beside {rows} actions: there should be {most}"
                raise Broken(self._stored.file, f"{name}/{key}", wrong, COPY)
            column = self._stored.column(arrays[key], feature, self.fps)
            columns[key] = self._from_zero(key, column)
        ended = self._stored.last(arrays.get("terminations"))
        task = facts.pop("task", None)
        return Recording(f"{self._stored.file}, {name}", columns, task, ended, facts)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        self._stored.close()

    def _described(self) -> dict[str, Feature]:
        """What the spaces say; where they say nothing, what the first episode looks like."""
        seen = self._stored.looks(0) if len(self) else {}
        found: dict[str, Feature] = {}
        for name, key in (("observations", "observation_space"), ("actions", "action_space")):
            space = self._metadata.get(key)
            if space is None:  # old datasets name an environment instead, which would have to run
                found |= {k: f for k, f in seen.items() if k.split("/")[0] == name}
                continue
            plain = json_of(space, self._manifest, key) if isinstance(space, str) else space
            found |= leaves(plain, name, self._manifest)
        rest = {k: f for k, f in seen.items() if k.split("/")[0] in ("rewards", "infos")}
        return found | {k: replace(f, moment="after") if k in AFTER else f for k, f in rest.items()}

    def _check_totals(self) -> None:
        same_count(
            self._manifest, "total_episodes", self._metadata.get("total_episodes"), len(self)
        )
        steps = self._stored.steps()
        if steps is not None:
            same_count(self._manifest, "total_steps", self._metadata.get("total_steps"), steps)

    def _rows(self, arrays: dict[str, Any], facts: dict[str, Any], name: str) -> int:
        """How many actions an episode has, on which all its parts agree."""
        actions = [len(array) for key, array in arrays.items() if key.split("/")[0] == "actions"]
        if not actions:
            raise Broken(self._stored.file, f"{name}/actions", "is not there", COPY)
        same_count(self._stored.file, f"{name}, total_steps", facts.get("total_steps"), actions[0])
        return actions[0]

    def _from_zero(self, key: str, column: Lazy) -> Lazy:
        """A choice counted from 0, whatever its space begins with."""
        if key not in self._starts:
            return column
        return Lazy(column.stamps, lambda rows: column.fetch(rows) - self._starts[key])


class Stored(Protocol):
    """Where the arrays of a Minari dataset lie."""

    file: Path

    def __len__(self) -> int: ...
    def steps(self) -> int | None: ...
    def looks(self, id: int) -> dict[str, Feature]: ...
    def episode(self, id: int) -> tuple[dict[str, Any], dict[str, Any], str]: ...
    def column(self, array: Any, feature: Feature, fps: float | None) -> Lazy: ...
    def last(self, flags: Any) -> bool | None: ...
    def close(self) -> None: ...


class Hdf5Stored:
    """The usual form: a group of one HDF5 file for each episode."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open = open_hdf5(file)
        groups = children(self._open, file)
        self._names = [f"episode_{n}" for n in range(len(groups))]
        if strange := sorted(set(groups) ^ set(self._names)):
            wrong = f"{len(groups)} groups, and no 'episode_0' to 'episode_{len(groups) - 1}'"
            raise Broken(file, strange[0], wrong, "number the episodes without gaps")

    def __len__(self) -> int:
        return len(self._names)

    def steps(self) -> int | None:
        told = [self._open[name].attrs.get("total_steps") for name in self._names]
        return None if any(n is None for n in told) else int(sum(int(n) for n in told))

    def looks(self, id: int) -> dict[str, Feature]:
        arrays, _, _ = self.episode(id)
        return {key: described(key, array, self.file) for key, array in arrays.items()}

    def episode(self, id: int) -> tuple[dict[str, Any], dict[str, Any], str]:
        group = self._open[self._names[id]]
        found = datasets(group, self.file)
        arrays = {k: a for k, a in found.items() if k.split("/")[0] != "infos" or a.shape}
        return arrays, dict(attributes(group)), self._names[id]

    def column(self, array: Any, feature: Feature, fps: float | None) -> Lazy:
        return lazy(array, feature, self.file, fps, slice(0, len(array)))

    def last(self, flags: Any) -> bool | None:
        return bool(flags[-1]) if flags is not None and len(flags) else None

    def close(self) -> None:
        self._open.close()


class MinariWriter:
    """Writes a Minari dataset without loss: pictures stay as they are, packed by deflate.

    What a policy sees becomes `observations`; targets and records become `infos`. The action of
    the last row, which leads nowhere, is not kept.
    """

    def __init__(
        self, folder: Path, specs: Specs, fps: float, dataset_id: str = "foreworld/export-v0"
    ) -> None:
        self.folder, self.specs, self.fps, self.dataset_id = folder / "data", specs, fps, dataset_id
        self.folder.mkdir()
        h5py = require("h5py", "data")
        self._file = h5py.File(self.folder / MAIN, "w", track_order=True)
        self._steps = self._episodes = 0
        self.columns = {"reward": "rewards"} | {key: self._place(key) for key in specs}
        self._letters: dict[str, set[str]] = {
            k: set() for k, s in specs.items() if s.kind == "text"
        }

    def add(self, episode: Episode, task: str | None) -> None:
        group = self._file.create_group(f"episode_{self._episodes}")
        steps = steps_of(episode, self._episodes)
        group.attrs.update({"id": self._episodes, "total_steps": steps})
        if task is not None:
            group.attrs["task"] = task
        for key in self.specs:
            self._write(group, key, episode[key])
        store(group, "rewards", episode["reward"][1:])
        store(group, "terminations", episode["is_terminal"][1:])
        store(group, "truncations", (episode["is_last"] & ~episode["is_terminal"])[1:])
        self._episodes, self._steps = self._episodes + 1, self._steps + steps

    def finish(self) -> None:
        self._file.close()
        main = self.folder / MAIN
        seen = {k: self._space(k) for k, s in self.specs.items() if k != "action" and s.observed}
        document = {
            "dataset_id": self.dataset_id,
            "minari_version": VERSION,
            "data_format": "hdf5",
            "jpeg_encoding": False,
            "total_episodes": self._episodes,
            "total_steps": self._steps,
            "dataset_size": round(main.stat().st_size / 1e6, 1),
            "observation_space": json.dumps(nested(seen)),
            "action_space": json.dumps(self._space("action")),
            "fps": self.fps,
        }
        write_json(self.folder / "metadata.json", document)

    def _write(self, group: Any, key: str, values: np.ndarray) -> None:
        spec = self.specs[key]
        if spec.kind == "text":
            values = texts(values)
            self._letters[key].update(*set(values))
        store(group, self._place(key), values[:-1] if key == "action" else values)

    def _place(self, key: str) -> str:
        if key == "action":
            return "actions"
        return f"{'observations' if self.specs[key].observed else 'infos'}/{key}"

    def _space(self, key: str) -> dict[str, Any]:
        return space_json(self.specs[key], "".join(sorted(self._letters.get(key, ()))))


def _data_folder(path: Path) -> Path:
    """The folder that holds the manifest: the one given, or `data` in it."""
    return path if (path / "metadata.json").is_file() else path / "data"


def _metadata(file: Path) -> dict[str, Any]:
    metadata = read_json(file)
    if not isinstance(metadata, dict) or "total_episodes" not in metadata:
        raise Broken(file, "total_episodes", "is not there", REWRITE)
    return metadata


def _open(folder: Path, metadata: dict[str, Any], manifest: Path) -> Stored:
    form = metadata.get("data_format", "hdf5")
    if form == "hdf5":
        return Hdf5Stored(folder / MAIN)
    if form in ("arrow", "parquet"):
        return TableStored(folder, form)
    raise Broken(manifest, "data_format", f"{form!r}", "forms are hdf5, arrow and parquet")
