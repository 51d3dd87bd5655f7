"""One MCAP file: which messages it has, and where; chunks are unpacked when messages are read.

https://mcap.dev/spec. The summary, which is at the end, names channels, schemas and chunks; an
index behind each chunk names its messages. A file without a summary was cut short.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import AT_ONCE, believable
from foreworld.data.recording import Broken
from foreworld.data.unpacking import unpack
from foreworld.errors import require

MAGIC = b"\x89MCAP0\r\n"
RECORD = 9  # bytes before the content of a record: what it is, and its length
MESSAGE = struct.Struct("<BQHIQQ")  # record header, channel, sequence, log and publish times
MESSAGE_RECORD, CHUNK_RECORD, INDEX_RECORD = 5, 6, 7
CACHED = 4  # chunks
RECOVER = "copy it again, or keep what is whole of it: mcap recover FILE -o NEW"
CODECS = {"": "", "zstd": "zstd", "lz4": "lz4-frame"}


@dataclass(frozen=True)
class Channel:
    """A topic, how its messages are packed, and what they are."""

    topic: str
    encoding: str  # cdr, json, protobuf …
    schema: str  # the name of a type
    schema_encoding: str
    definition: bytes


@dataclass(frozen=True)
class Messages:
    """Where the messages of a channel are, by log time."""

    times: np.ndarray  # nanoseconds, int64 [n], increasing
    blocks: np.ndarray  # which chunk [n]
    offsets: np.ndarray  # of the record in its unpacked chunk [n]
    doubled: int  # messages left out, as another has their time

    def __len__(self) -> int:
        return len(self.times)


class McapFile:
    """An MCAP file, opened. Raises Broken where it is none, was cut short, or claims too much."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = path.stat().st_size
        self._summary = summary = self._read_summary()
        self._chunks = sorted(summary.chunk_indexes, key=lambda chunk: chunk.chunk_start_offset)
        self._unpacked = lru_cache(CACHED)(self._unpack)
        self.channels = {id: self._channel(c) for id, c in summary.channels.items()}
        self.messages = self._indexed()
        self._check_count()

    def read(self, messages: Messages, rows: np.ndarray) -> Iterator[memoryview]:
        """The payloads of some messages of a channel."""
        blocks, offsets = messages.blocks[rows].tolist(), messages.offsets[rows].tolist()
        for block, offset in zip(blocks, offsets, strict=True):
            yield self._payload(self._unpacked(block), offset)

    def notes(self) -> dict[str, str]:
        """The metadata records, all in one."""
        found: dict[str, str] = {}
        records = require("mcap.records", "data")
        stream = require("mcap.data_stream", "data")
        for place in self._summary.metadata_indexes:
            data = self._bytes(place.offset + RECORD, place.length - RECORD, "metadata")
            try:
                note = records.Metadata.read(stream.ReadDataStream(io.BytesIO(data)))
            except ERRORS as error:
                raise Broken(self.path, "metadata", repr(error), RECOVER) from error
            found |= note.metadata
        return found

    def _read_summary(self) -> Any:
        reader = require("mcap.reader", "data")
        exceptions = require("mcap.exceptions", "data")
        with self.path.open("rb") as file:
            try:
                limit = min(self._size, AT_ONCE)
                summary = reader.SeekingReader(file, record_size_limit=limit).get_summary()
            except (exceptions.McapError, *ERRORS) as error:
                wrong = f"its summary cannot be read: {error!r}"
                raise Broken(self.path, "footer", wrong, RECOVER) from error
        if summary is None:
            raise Broken(self.path, "summary", "is not there", RECOVER)
        return summary

    def _channel(self, told: Any) -> Channel:
        schema = self._summary.schemas.get(told.schema_id)
        name, encoding, text = ("", "", b"")
        if schema is not None:
            name, encoding, text = schema.name, schema.encoding, schema.data
        elif told.schema_id:
            wrong = f"has schema {told.schema_id}, which is not there"
            raise Broken(self.path, told.topic, wrong, RECOVER)
        return Channel(told.topic, told.message_encoding, name, encoding, text)

    def _indexed(self) -> dict[int, Messages]:
        """Messages by channel, from the index behind each chunk or else from the chunk."""
        found: dict[int, list[np.ndarray]] = {id: [] for id in self.channels}
        for block, chunk in enumerate(self._chunks):
            entries = self._index(chunk) if chunk.message_index_offsets else self._walked(block)
            for channel, entry in entries:
                if channel not in found:
                    raise Broken(self.path, f"channel {channel}", "is not described", RECOVER)
                found[channel].append(np.column_stack([entry, np.full(len(entry), block)]))
        return {id: _sorted(parts) for id, parts in found.items()}

    def _index(self, chunk: Any) -> Iterator[tuple[int, np.ndarray]]:
        """Channel, and log times and offsets [n, 2], of each index behind a chunk."""
        start = chunk.chunk_start_offset + chunk.chunk_length
        data = self._bytes(start, chunk.message_index_length, "message index")
        at = 0
        while at + RECORD + 6 <= len(data):
            kind, length, channel, size = struct.unpack_from("<BQHI", data, at)
            end = at + RECORD + length
            if kind != INDEX_RECORD or size + 6 > length or end > len(data) or size % 16:
                raise Broken(self.path, "message index", "is damaged", RECOVER)
            values = np.frombuffer(data, "<u8", size // 8, at + RECORD + 6).reshape(-1, 2)
            yield channel, values.astype(np.int64)
            at = end

    def _walked(self, block: int) -> Iterator[tuple[int, np.ndarray]]:
        """The same of a chunk that has no index."""
        data, at = self._unpacked(block), 0
        found: dict[int, list[tuple[int, int]]] = {}
        while at + MESSAGE.size <= len(data):
            kind, length, channel, _, time, _ = MESSAGE.unpack_from(data, at)
            if kind == MESSAGE_RECORD:
                found.setdefault(channel, []).append((time, at))
            at += RECORD + length
        return ((id, np.array(entries, np.int64)) for id, entries in found.items())

    def _unpack(self, block: int) -> memoryview:
        """A chunk, whose checksum is checked where it has one."""
        chunk, what = self._chunks[block], f"chunk {block}"
        data = self._bytes(chunk.chunk_start_offset, chunk.chunk_length, what)
        head = struct.Struct("<BQQQQII")
        if len(data) < head.size or data[0] != CHUNK_RECORD:
            raise Broken(self.path, what, "is not where the summary says", RECOVER)
        _, _, _, _, size, crc, letters = head.unpack_from(data)
        codec = bytes(data[head.size : head.size + letters]).decode("utf-8", "replace")
        packed = data[head.size + letters + 8 :]
        believable(self.path, what, (size,), np.dtype("u1"), len(packed))
        whole = unpack(CODECS.get(codec, codec), bytes(packed), size, self.path, what)
        if crc and zlib.crc32(whole) != crc:
            raise Broken(self.path, what, "its checksum does not match", RECOVER)
        return memoryview(whole)

    def _payload(self, data: memoryview, offset: int) -> memoryview:
        if 0 <= offset <= len(data) - MESSAGE.size:
            kind, length, *_ = MESSAGE.unpack_from(data, offset)
            if kind == MESSAGE_RECORD and offset + RECORD + length <= len(data):
                return data[offset + MESSAGE.size : offset + RECORD + length]
        raise Broken(self.path, f"message at {offset}", "is not where its index says", RECOVER)

    def _bytes(self, start: int, length: int, what: str) -> bytes:
        if not 0 <= start <= start + length <= self._size or length > AT_ONCE:
            wrong = f"bytes {start:,} to {start + length:,} of {self._size:,}"
            raise Broken(self.path, what, wrong, RECOVER)
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def _check_count(self) -> None:
        told = self._summary.statistics
        found = sum(len(m) + m.doubled for m in self.messages.values())
        if told is None or told.message_count == found:
            return
        if not self._chunks:
            fix = "write it in chunks: mcap compress FILE -o NEW"
            raise Broken(self.path, "chunks", "there are none, and so no index", fix)
        wrong = f"says {told.message_count} messages, there are {found}"
        raise Broken(self.path, "statistics", wrong, RECOVER)


ERRORS = (struct.error, EOFError, OSError, ValueError, KeyError, IndexError, MemoryError)


def _sorted(parts: list[np.ndarray]) -> Messages:
    """By log time; of messages with one time the last, as what was written over the others."""
    entries = np.concatenate(parts or [np.empty((0, 3), np.int64)])
    entries = entries[np.argsort(entries[:, 0], kind="stable")]
    last = np.append(np.diff(entries[:, 0]) > 0, True)[: len(entries)]
    kept = entries[last]
    return Messages(kept[:, 0], kept[:, 2], kept[:, 1], len(entries) - len(kept))
