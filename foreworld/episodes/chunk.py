"""A stretch of the store: rows in one file, one record per whole episode in another.

    chunks/000000000042/      named after its first episode
        rows.bin              row after row, see row.py
        index.bin             start, length, return, checksum of the rows | checksum of the record

The rows are written first, the record after them: an episode exists once its record is whole.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from foreworld.disk import sync

RECORD = np.dtype(
    [("start", "<u8"), ("length", "<u8"), ("return", "<f8"), ("rows_crc", "<u4"), ("crc", "<u4")]
)


class Chunk:
    """One chunk folder, for reading. It is mapped at once: deleted files stay readable that way."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self.path = path
        self.first_id = int(path.name)
        self.records = np.empty(0, RECORD)
        self.columns: Mapping[str, np.ndarray] = {}  # read-only views [rows, ...] by key
        self._dtype = dtype
        self.refresh()

    @property
    def next_id(self) -> int:
        return self.first_id + len(self.records)

    def refresh(self) -> None:
        """Reads the records written since, and maps their rows."""
        new = read_records(self.path / "index.bin", skip=len(self.records))
        if not len(new):
            return
        rows = _map_rows(self.path / "rows.bin", self._dtype, num_rows(new))
        if rows is not None:
            self.records = np.concatenate([self.records, new])
            # Views handed out before keep the older map alive.
            self.columns = {key: rows[key] for key in self._dtype.names or ()}

    def damaged(self) -> list[int]:
        """Ids of the episodes whose rows do not match their checksum."""
        with open(self.path / "rows.bin", "rb") as file:
            intact = [_is_intact(file, record, self._dtype) for record in self.records]
        return [self.first_id + n for n, whole in enumerate(intact) if not whole]


class ChunkWriter:
    """The chunk that grows. Opening it drops what a crash left unfinished."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        path.mkdir(exist_ok=True)
        self._rows, self._index = _open(path / "rows.bin"), _open(path / "index.bin")
        sync(path)
        sync(path.parent)
        records = _intact_records(path, dtype)
        self.num_rows, self._num_records = num_rows(records), len(records)
        self._rows.truncate(self.num_rows * dtype.itemsize)
        self._index.truncate(records.nbytes)

    def append(self, rows: np.ndarray, episode_return: float) -> None:
        """Rows first, then the record that makes them count; both are with the system then."""
        data = rows.view(np.uint8).data
        record = np.zeros(1, RECORD)
        record[0] = (self.num_rows, len(rows), episode_return, zlib.crc32(data), 0)
        record["crc"] = _record_crc(record)
        # Placed, not appended: what a full disk cut off is written over the next time.
        _write(self._rows, data, self.num_rows * rows.itemsize)
        _write(self._index, record.view(np.uint8).data, self._num_records * RECORD.itemsize)
        self.num_rows += len(rows)
        self._num_records += 1

    def sync(self) -> None:
        """Waits until the disk has it: safe from a power cut as well."""
        os.fsync(self._rows.fileno())
        os.fsync(self._index.fileno())

    def close(self) -> None:
        self.sync()
        self._rows.close()
        self._index.close()


def num_rows(records: np.ndarray) -> int:
    """Rows that the records of one chunk, in order, account for."""
    return int(records["start"][-1] + records["length"][-1]) if len(records) else 0


def read_records(path: Path, skip: int = 0) -> np.ndarray:
    """The leading whole records of an index from number `skip` on; none if there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(skip * RECORD.itemsize)
            data = file.read()
    except FileNotFoundError:
        return np.empty(0, RECORD)
    records = np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)
    wrong = np.flatnonzero(_record_crc(records) != records["crc"])
    return records[: wrong[0]] if len(wrong) else records


def _intact_records(path: Path, dtype: np.dtype) -> np.ndarray:
    """The leading records whose rows are whole too: a power cut may keep a record and lose rows."""
    records = read_records(path / "index.bin")
    with (path / "rows.bin").open("rb") as file:
        for n, record in enumerate(records):
            if not _is_intact(file, record, dtype):
                return records[:n]
    return records


def _map_rows(path: Path, dtype: np.dtype, num_rows: int) -> np.ndarray | None:
    try:
        # A plain array: slicing the memmap subclass costs microseconds.
        return np.asarray(np.memmap(path, dtype, "r", shape=(num_rows,)))
    except FileNotFoundError:
        return None  # evicted since the index was read
    except ValueError as error:
        raise ValueError(f"{path} is shorter than its index says: not all was copied") from error


def _is_intact(file: BinaryIO, record: np.void, dtype: np.dtype) -> bool:
    file.seek(int(record["start"]) * dtype.itemsize)
    data = file.read(int(record["length"]) * dtype.itemsize)
    return len(data) == record["length"] * dtype.itemsize and zlib.crc32(data) == record["rows_crc"]


def _record_crc(records: np.ndarray) -> np.ndarray:
    body = RECORD.itemsize - RECORD["crc"].itemsize
    return np.array([zlib.crc32(record.tobytes()[:body]) for record in records], np.uint32)


def _open(path: Path) -> FileIO:
    path.touch()
    return path.open("r+b", buffering=0)


def _write(file: FileIO, data: memoryview, position: int) -> None:
    file.seek(position)
    while len(data):  # unbuffered writes may be partial
        data = data[file.write(data) :]
