"""Records in the shape of RLDS, read without TensorFlow: https://github.com/google-research/rlds

    bridge/1.0.0/features.json, dataset_info.json        what TFDS writes
                 bridge-train.tfrecord-00000-of-00002    an episode a record
    episodes/000.npz, 001.npz                            an episode a file, arrays by name
    steps.jsonl                                          a step a line, ended by is_last

A step is (observation, action, reward, is_first, is_last, is_terminal); its reward is what its
action led to. A last step that has an observation only, the rest zeros, is read as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from foreworld.data.bounds import COPY, rate, read_json, same_count
from foreworld.data.columns import Lazy, clock
from foreworld.data.recording import Broken, Column, Feature, Recording
from foreworld.data.rlds_features import STEPS, column, told_by, told_by_looks
from foreworld.data.rlds_shards import JsonLines, NpzShards
from foreworld.data.tfrecord import Values, example, index, read_record

RECORDS = re.compile(r"(?P<name>.*?)\.(?:tfrecord|tfrecords)(?:-(?P<n>\d+)-of-(?P<of>\d+))?$")
OTHER_FORMS = re.compile(r"\.(array_record|riegeli|bagz)\b")


class RldsSource:
    """A folder of records, opened for reading; of TFDS, the folder of a version.

    Raises Broken where records, checksums and counts do not agree.
    """

    format = "rlds"

    def __init__(self, path: str | Path) -> None:
        self.path = _version_folder(Path(path))
        self._records = _open(self.path)
        self.features: Mapping[str, Feature] = self._records.features
        self.fps: float | None = self._records.fps

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether there are records, or shards of arrays or of steps that say where they begin."""
        path = _version_folder(Path(path))
        if not path.is_dir():
            return RECORDS.match(path.name) is not None or JsonLines.fits(path)
        names = [p.name for p in path.iterdir()]
        if any(RECORDS.match(n) or OTHER_FORMS.search(n) for n in names):
            return True
        return NpzShards.fits(path) or JsonLines.fits(path)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, id: int) -> Recording:
        name, columns, facts = self._records.episode(id)
        ended = columns.get("is_terminal")
        last = None if ended is None else bool(ended.read([len(ended.stamps) - 1])[0])
        return Recording(name, _without_filler(columns), None, last, facts)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        pass


class Records(Protocol):
    """Where episodes lie."""

    @property
    def features(self) -> Mapping[str, Feature]: ...

    @property
    def fps(self) -> float | None: ...

    def __len__(self) -> int: ...

    def episode(self, id: int) -> tuple[str, dict[str, Column], dict[str, Any]]:
        """Its name, its columns, and what else is said of it."""
        ...


class TfRecords:
    """Episodes as `tf.train.Example`s in TFRecord files."""

    def __init__(self, folder: Path, files: list[Path]) -> None:
        self._folder = folder
        self._places = [(file, place) for file in files for place in index(file)]
        if not self._places:
            raise Broken(folder, "records", "there are none", COPY)
        described = folder / "features.json"
        if described.is_file():
            self._told = told_by(read_json(described), described)
        else:
            record = self._example(0)
            self._told = told_by_looks(record, self._rows(record, 0), files[0])
        self.features = {name: told.feature for name, told in self._told.items()}
        self.fps = _check_info(folder, len(self._places), files)

    def __len__(self) -> int:
        return len(self._places)

    def episode(self, id: int) -> tuple[str, dict[str, Column], dict[str, Any]]:
        record, file = self._example(id), self._places[id][0]
        rows = self._rows(record, id)
        name = f"episode {id} in {file}"
        columns: dict[str, Column] = {}
        for key, told in self._told.items():
            if STEPS + key in record:
                values = record[STEPS + key]
                what = f"record {id}, {key}"
                columns[key] = column(told, values, rows, clock(rows, self.fps), file, what)
        facts = {k: _plain(v) for k, v in record.items() if not k.startswith(STEPS)}
        return name, columns, {k: v for k, v in facts.items() if v is not None}

    def _example(self, id: int) -> dict[str, Values]:
        file, place = self._places[id]
        return example(read_record(file, place, f"record {id}"), file, f"record {id}")

    def _rows(self, record: dict[str, Values], id: int) -> int:
        """How many steps: the flags say, of which there is one a step."""
        flags = [record[f"{STEPS}{k}"] for k in ("is_first", "is_last") if f"{STEPS}{k}" in record]
        if not flags or not len(flags[0]):
            fix = "RLDS steps have is_first and is_last: write them"
            raise Broken(self._places[id][0], f"record {id}, steps/is_first", "is not there", fix)
        return len(flags[0])


def _open(path: Path) -> Records:
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
    found = [file for file in files if RECORDS.match(file.name)]
    if found:
        return TfRecords(path if path.is_dir() else path.parent, found)
    if other := [f for f in files if OTHER_FORMS.search(f.name)]:
        fix = "write it as tfrecord: tfds.builder(..., file_format='tfrecord')"
        raise Broken(other[0], "file format", "is not read", fix)
    if path.is_dir() and NpzShards.fits(path):
        return NpzShards(path)
    return JsonLines(path)


def _version_folder(path: Path) -> Path:
    """TFDS keeps versions below a dataset: the newest, where a dataset is named."""
    if not path.is_dir() or (path / "dataset_info.json").is_file():
        return path
    versions = [p for p in path.glob("*.*.*") if (p / "dataset_info.json").is_file()]
    return max(
        versions,
        key=lambda p: [int(n) if n.isdigit() else 0 for n in p.name.split(".")],
        default=path,
    )


def _check_info(folder: Path, records: int, files: list[Path]) -> float:
    """Rows a second. Raises Broken if shards or episodes are fewer than they were."""
    for file in files:
        match = RECORDS.match(file.name)
        if match and match["of"]:
            same = [f for f in files if (m := RECORDS.match(f.name)) and m["name"] == match["name"]]
            same_count(folder, f"shards of {match['name']}", int(match["of"]), len(same))
    info = folder / "dataset_info.json"
    if not info.is_file():
        return 1.0
    told = read_json(info)
    splits = told.get("splits") if isinstance(told, dict) else None
    try:
        here = [s for s in splits or () if any(f"-{s['name']}." in f.name for f in files)]
        total = sum(int(n) for split in here for n in split["shardLengths"])
    except (KeyError, TypeError, ValueError) as error:
        raise Broken(info, "splits", f"cannot be read: {error!r}", COPY) from error
    same_count(info, "splits: shardLengths", total if here else None, records)
    return rate(told.get("fps"), info)


def _without_filler(columns: dict[str, Column]) -> dict[str, Column]:
    """What a last step led to is left out where that step has an observation only, as RLDS says."""
    late = [name for name in columns if name.split("/")[0] in ("reward", "discount", "cost")]
    acts = [name for name in columns if name.split("/")[0] == "action"]
    if not acts or not late or "reward" not in columns:
        return columns
    last = len(columns["reward"].stamps) - 1
    if last < 1 or any(np.any(columns[name].read([last])) for name in (*acts, "reward")):
        return columns
    return columns | {n: Lazy(columns[n].stamps[:-1], columns[n].read) for n in late}


def _plain(values: Values) -> Any:
    """One value that is said of an episode; None for several."""
    if len(values) != 1:
        return None
    value = values[0]
    return value.decode("utf-8", "replace")[:1000] if isinstance(value, bytes) else value.item()
