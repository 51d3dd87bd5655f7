"""The arrow and parquet forms of a Minari dataset: a folder with one table for each episode.

    data/0/part-0.arrow     observations [T], actions, rewards, terminations, … padded to T rows
    data/0/metadata.json    id, total_steps, seed

Dict spaces are struct columns; the row beyond the last action is padding.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import AT_ONCE, COPY, NO_OBJECTS, read_json, same_count
from foreworld.data.columns import Lazy, as_told, clock, feature_of
from foreworld.data.pictures import picture_feature, unpack
from foreworld.data.recording import Broken, Feature
from foreworld.errors import require

PADDED = ("actions", "rewards", "terminations", "truncations")


class TableStored:
    """Episodes as folders 0, 1, 2 … of tables."""

    def __init__(self, folder: Path, form: str) -> None:
        self.file, self._form = folder, form
        names = {int(p.name) for p in folder.iterdir() if p.name.isdigit() and p.is_dir()}
        if names != set(range(len(names))):
            wrong = f"{len(names)} folders of episodes, and no 0 to {len(names) - 1}"
            raise Broken(folder, "episodes", wrong, "number the episodes without gaps")
        self._count = len(names)

    def __len__(self) -> int:
        return self._count

    def steps(self) -> int | None:
        told = [self._facts(id).get("total_steps") for id in range(len(self))]
        return None if None in told else sum(int(n) for n in told)  # type: ignore[arg-type]

    def looks(self, id: int) -> dict[str, Feature]:
        arrays, _, _ = self.episode(id)
        return {key: self._looks(key, values) for key, values in arrays.items()}

    def episode(self, id: int) -> tuple[dict[str, Any], dict[str, Any], str]:
        facts, table = self._facts(id), self._table(id)
        arrays = _flat(table, self.file / str(id))
        if "total_steps" in facts:
            same_count(self.file / str(id), "rows", facts["total_steps"] + 1, len(table))
        kept = {k: v[:-1] if k.split("/")[0] in PADDED else v for k, v in arrays.items()}
        kept.pop("episode_id", None)
        return kept, facts, str(id)

    def column(self, array: Any, feature: Feature, fps: float | None) -> Lazy:
        def fetch(rows: np.ndarray) -> np.ndarray:
            if array.dtype == object and feature.content in ("image", "depth"):
                return unpack(array[rows], feature, self.file, "pictures")
            return (
                array[rows]
                if array.dtype == object
                else as_told(array[rows], feature, self.file, "an array")
            )

        return Lazy(clock(len(array), fps), fetch)

    def last(self, flags: Any) -> bool | None:
        return bool(flags[-1]) if flags is not None and len(flags) else None

    def close(self) -> None:
        pass

    def _facts(self, id: int) -> dict[str, Any]:
        file = self.file / str(id) / "metadata.json"
        return read_json(file) if file.is_file() else {}

    def _table(self, id: int) -> Any:
        dataset = require("pyarrow.dataset", "data")
        folder = self.file / str(id)
        files = sorted(p for p in folder.iterdir() if p.suffix == f".{self._form}")
        if sum(file.stat().st_size for file in files) > AT_ONCE:
            raise Broken(folder, "size", "more than can be read at once", "use the hdf5 form")
        try:
            return dataset.dataset([str(file) for file in files], format=self._form).to_table()
        except (OSError, ValueError, TypeError) as error:
            raise Broken(folder, "the table", str(error), COPY) from error

    def _looks(self, key: str, values: np.ndarray) -> Feature:
        if values.dtype != object:
            return feature_of(key, values.shape[1:], values.dtype)
        if isinstance(values[0], bytes):
            return picture_feature(values[0], self.file, key)
        return Feature((), "str", "text")


def _flat(table: Any, folder: Path) -> dict[str, np.ndarray]:
    """Columns of a table by their path in it; parts of a tuple are called as in HDF5."""
    found: dict[str, np.ndarray] = {}
    waiting = [(name, table[name].combine_chunks()) for name in table.column_names]
    types = require("pyarrow.types", "data")
    while waiting:
        path, array = waiting.pop()
        if types.is_struct(array.type):
            parts = [(field.name, array.field(n)) for n, field in enumerate(array.type)]
            named = [(f"_index_{n}" if n.isdigit() else n, part) for n, part in parts]
            waiting += [(f"{path}/{name}", part) for name, part in named]
        else:
            found[path] = _values(array, types, path, folder)
    return dict(sorted(found.items()))


def _values(array: Any, types: Any, path: str, folder: Path) -> np.ndarray:
    if types.is_fixed_size_list(array.type):
        width = array.type.list_size
        return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), width)
    if types.is_string(array.type):
        return np.array([text or "" for text in array.to_pylist()], object)
    if types.is_binary(array.type):
        return np.array(array.to_pylist(), object)
    if types.is_primitive(array.type):
        return array.to_numpy(zero_copy_only=False)
    raise Broken(folder, path, f"a column of {array.type}", NO_OBJECTS)
