"""Columns of a parquet file, some rows at a time, in the shape and dtype they should have.

shard = Shard("data/chunk-000/file-000.parquet")
shard.numbers("action", (2,), np.dtype("float32"), start=600, count=120)     # [120, 2]
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY, believable
from foreworld.data.recording import Broken
from foreworld.errors import require

KEPT_BYTES = 256_000_000  # of columns just read: row groups come whole, of which parts are asked
TOGETHER_BYTES = 32_000_000  # of a row group whose numbers are read in one go
TEXT_BYTES = 256_000_000  # of texts that are read at once


class Shard:
    """One parquet file, opened; may be read from several threads.

    fix: what to do where it is damaged. Raises Broken for a file that is none, or is cut short.
    """

    def __init__(self, path: Path, fix: str = COPY) -> None:
        self.path = path
        self._fix = fix
        self._parquet = require("pyarrow.parquet", "data")
        self._arrow = require("pyarrow", "data")
        try:
            # Repeated texts and pictures stay one: a small file can repeat a large one very often.
            repeated = _leaves(self._parquet.read_metadata(path))
            self._file = self._parquet.ParquetFile(path, read_dictionary=repeated)
        except (OSError, self._arrow.ArrowException) as error:
            raise Broken(
                path, "footer", f"is no whole parquet file: {_first(error)}", fix
            ) from None
        table = self._file.metadata
        self.rows: int = table.num_rows
        self.names: list[str] = list(self._file.schema_arrow.names)
        groups = [table.row_group(n).num_rows for n in range(table.num_row_groups)]
        self._edges = np.concatenate([[0], np.cumsum(groups)])
        believable(path, "num_rows", (self.rows, len(self.names)), np.dtype("i8"), self._size)
        if min(groups, default=0) < 0 or self._edges[-1] != self.rows:
            raise Broken(path, "footer", "its parts do not add up to its rows", fix)
        self._kept: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def _size(self) -> int:
        return self.path.stat().st_size

    def require(self, name: str) -> None:
        """Raises Broken if a column is not there."""
        if name not in self.names:
            wrong = f"is not there; there are: {', '.join(self.names)}"
            raise Broken(self.path, f"column {name!r}", wrong, "correct features in info.json")

    def column(self, name: str, start: int, count: int) -> Any:
        """Rows of a column as a chunked Arrow array."""
        self.require(name)
        if start + count > self.rows:
            wrong = f"{self.rows} rows, the manifest wants {start + count}"
            raise Broken(self.path, "num_rows", wrong, self._fix)
        first = int(np.searchsorted(self._edges, start, "right")) - 1
        last = max(first + 1, int(np.searchsorted(self._edges, start + count, "left")))
        with self._lock:
            parts = [self._group(name, n) for n in range(first, last)]
        whole = self._arrow.chunked_array([c for part in parts for c in part.chunks])
        return whole.slice(start - int(self._edges[first]), count)

    def numbers(
        self, name: str, shape: Sequence[int], dtype: np.dtype, start: int, count: int
    ) -> np.ndarray:
        """Rows of numbers [count, *shape]; a column of single numbers has shape (1,).

        Raises Broken for missing values, other widths, and numbers that `dtype` does not hold.
        """
        array = _chunk(self.column(name, start, count))
        types = self._arrow.types
        wide = list(shape) if types.is_nested(array.type) else []
        for side in wide if wide else ():
            array = self._inner(name, array, side)
        if types.is_nested(array.type) or (not wide and int(np.prod(shape)) != 1):
            self._refuse(name, f"is {array.type}, info.json says shape {tuple(shape)}")
        if array.null_count:
            self._refuse(name, f"{array.null_count} values are missing")
        return self._plain(name, array, dtype).reshape(count, *shape)

    def objects(
        self,
        name: str,
        start: int,
        count: int,
        rows: np.ndarray | None = None,
        most: int = TEXT_BYTES,
    ) -> list[Any]:
        """Rows of texts, lists and records as plain Python, at most `most` bytes of them.

        rows: which of the `count` from `start` on; None: all.
        """
        column, found, weight = self.column(name, start, count), [], 0
        for row in range(count) if rows is None else rows.tolist():
            found.append(column[row].as_py())
            weight += _weight(found[-1])
            if weight > most:
                self._refuse(name, f"holds more than {most:,} bytes in {len(found)} rows")
        return found

    def _inner(self, name: str, array: Any, side: int) -> Any:
        """What lists hold, if every one of them is `side` long."""
        types = self._arrow.types
        if not (types.is_list(array.type) or types.is_large_list(array.type)
                or types.is_fixed_size_list(array.type)):  # fmt: skip
            self._refuse(name, f"is {array.type}, info.json says it has more dimensions")
        if array.null_count:
            self._refuse(name, f"{array.null_count} rows are missing")
        if types.is_fixed_size_list(array.type):
            widths = np.array([array.type.list_size])
        else:
            widths = np.diff(array.offsets.to_numpy())
        if len(array) and (widths != side).any():
            found = sorted({int(w) for w in widths} - {side})[0]
            self._refuse(name, f"a row is {found} wide, info.json says {side}")
        return array.flatten()

    def _plain(self, name: str, array: Any, dtype: np.dtype) -> np.ndarray:
        types = self._arrow.types
        kinds = (types.is_integer, types.is_floating, types.is_boolean)
        if not any(is_kind(array.type) for is_kind in kinds):
            self._refuse(name, f"is {array.type}, info.json says {dtype}")
        values = array.to_numpy(zero_copy_only=False)
        if values.dtype == dtype:
            return values
        with np.errstate(invalid="ignore", over="ignore"):
            cast = values.astype(dtype)
        lost = cast.dtype.kind in "iub" and not np.array_equal(cast, values)
        if lost:
            self._refuse(name, f"is {values.dtype}, and does not fit into {dtype}")
        return cast

    def _group(self, name: str, number: int) -> Any:
        """One column of one row group; the ones read last are kept, up to `KEPT_BYTES`."""
        key = (name, number)
        if key not in self._kept:
            names = self._together(name, number)
            for other in names:
                self._check_inflation(other, number)
            try:
                table = self._file.read_row_group(number, columns=names, use_threads=False)
            except (OSError, self._arrow.ArrowException, MemoryError) as error:
                wrong = f"rows {self._edges[number]} on do not decode: {_first(error)}"
                raise Broken(self.path, f"column {name!r}", wrong, self._fix) from None
            self._kept |= {(other, number): table.column(other) for other in names}
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(c.nbytes for c in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _together(self, name: str, number: int) -> list[str]:
        """What is read with a column: where it is a small one of numbers, all such of the group."""
        fields = self._file.schema_arrow
        numbers = [other for other in self.names if self._holds_numbers(fields.field(other).type)]
        small = self._file.metadata.row_group(number).total_byte_size < TOGETHER_BYTES
        return numbers if small and name in numbers else [name]

    def _holds_numbers(self, kind: Any) -> bool:
        types = self._arrow.types
        while hasattr(kind, "value_type") and not types.is_dictionary(kind):
            kind = kind.value_type
        return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)

    def _check_inflation(self, name: str, number: int) -> None:
        group = self._file.metadata.row_group(number)
        for n in range(group.num_columns):
            part = group.column(n)
            if part.path_in_schema.split(".")[0] == name.split(".")[0]:
                size = (max(0, part.total_uncompressed_size),)
                stored = min(part.total_compressed_size, self._size)
                believable(self.path, f"column {name!r}", size, np.dtype("u1"), max(0, stored))

    def _refuse(self, name: str, wrong: str) -> None:
        fix = "correct features in info.json, or write the column again"
        raise Broken(self.path, f"column {name!r}", wrong, fix)


def _chunk(array: Any) -> Any:
    """The one array of what may be chunked; extension types as what they are stored as."""
    array = array.combine_chunks() if hasattr(array, "chunks") else array
    return array.storage if hasattr(array, "storage") else array


def _leaves(metadata: Any) -> list[str]:
    """Paths of the texts and byte strings in a file."""
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    parts = [group.column(n) for n in range(group.num_columns)]
    return [part.path_in_schema for part in parts if part.physical_type == "BYTE_ARRAY"]


def _weight(value: Any) -> int:
    """Bytes or letters of a value and all in it."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_weight, value.values()))
    return sum(map(_weight, value)) if isinstance(value, list) else 0


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
