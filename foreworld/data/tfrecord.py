"""TFRecord files and the `tf.train.Example`s in them, read without TensorFlow.

    length u64 | masked crc32c of it u32 | record | masked crc32c of it u32        and so on
    record: Example { features: { "steps/action": float_list [T * 7], "steps/image": bytes_list } }

https://www.tensorflow.org/tutorials/load_data/tfrecord; tensorflow/core/example/example.proto.
Numbers are decoded all at once; bytes stay where they are until they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import AT_ONCE, COPY, MOST_EPISODES
from foreworld.data.recording import Broken
from foreworld.errors import require

HEADER, FOOTER = 12, 4  # bytes around a record
MASK = 0xA282EAD8
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
LONGEST_VARINT = 10  # bytes

Values = np.ndarray | list[bytes]


def index(file: Path) -> list[tuple[int, int]]:
    """Where the records of a file are: offset and length. Raises Broken where one is cut short."""
    found: list[tuple[int, int]] = []
    size, at = file.stat().st_size, 0
    with file.open("rb") as data:
        while at < size:
            data.seek(at)
            header = data.read(HEADER)
            length = _length(header, file, len(found))
            if at + HEADER + length + FOOTER > size:
                wrong = f"{length:,} bytes, the file ends after {size - at - HEADER:,}"
                raise Broken(file, f"record {len(found)}", wrong, COPY)
            if length > AT_ONCE or len(found) >= MOST_EPISODES:
                wrong = f"{length:,} bytes in one"
                raise Broken(file, f"record {len(found)}", wrong, "write smaller episodes")
            found.append((at + HEADER, length))
            at += HEADER + length + FOOTER
    return found


def read_record(file: Path, place: tuple[int, int], what: str) -> bytes:
    """One record. Raises Broken where it is not what was written."""
    offset, length = place
    with file.open("rb") as data:
        data.seek(offset)
        record, crc = data.read(length), data.read(FOOTER)
    if _masked_crc(record) != int.from_bytes(crc, "little"):
        raise Broken(file, what, "its checksum does not match", COPY)
    return record


def example(record: bytes, file: Path | str, what: str) -> dict[str, Values]:
    """The features of an Example, or of a SequenceExample, by name: numbers, or lists of bytes.

    A list of a SequenceExample is laid end to end, as Examples have it.
    """
    try:
        return _example(memoryview(record))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise Broken(file, what, f"is no tf.train.Example: {error}", COPY) from error


def fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field of a message; bytes are views."""
    at, size = 0, len(data)
    while at < size:
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == VARINT:
            value, at = _varint(data, at)
        elif wire == LENGTH:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(f"wire type {wire}")
        if at > size:
            raise ValueError("a field is cut short")
        yield tag >> 3, wire, value


def varints(data: memoryview) -> np.ndarray:
    """Packed whole numbers, int64 [n]."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    if not len(octets):
        return np.empty(0, np.int64)
    if not len(ends) or ends[-1] != len(octets) - 1:
        raise ValueError("a number is cut short")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LONGEST_VARINT:
        raise ValueError("a number of more than 64 bits")
    place = np.arange(len(octets)) - np.repeat(starts, lengths)
    parts = (octets & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.bitwise_or.reduceat(parts, starts).view(np.int64)


def _example(data: memoryview) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for number, _, features in fields(data):
        for _, _, entry in fields(features):
            parts = {n: value for n, _, value in fields(entry)}
            name = str(parts.get(1, b""), "utf-8")
            # 1: features or context of single values; 2: feature_lists, one feature a step
            found[name] = _feature(parts[2]) if number == 1 else _feature_list(parts[2])
    return found


def _feature_list(data: memoryview) -> Values:
    steps = [_feature(value) for _, _, value in fields(data)]
    if steps and isinstance(steps[0], list):
        return [item for step in steps for item in step]
    return np.concatenate(steps) if steps else np.empty(0, np.float32)


def _feature(data: memoryview) -> Values:
    """A bytes_list (1), float_list (2) or int64_list (3)."""
    for number, _, values in fields(data):
        if number == 1:
            return [bytes(value) for _, _, value in fields(values)]
        if number == 2:
            return _floats(values)
        if number == 3:
            return _whole_numbers(values)
    return np.empty(0, np.float32)


def _floats(data: memoryview) -> np.ndarray:
    if len(data) and data[0] == (1 << 3 | FIXED32):  # not packed: a tag before each
        return np.frombuffer(data, np.uint8).reshape(-1, 5)[:, 1:].copy().view("<f4")[:, 0]
    parts = [np.frombuffer(value, "<f4") for _, _, value in fields(data)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _whole_numbers(data: memoryview) -> np.ndarray:
    if len(data) and data[0] == (1 << 3 | VARINT):
        return varints(data)[1::2]
    parts = [varints(value) for _, _, value in fields(data)]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for n in range(LONGEST_VARINT):
        octet = data[at + n]
        value |= (octet & 0x7F) << (7 * n)
        if octet < 0x80:
            return value, at + n + 1
    raise ValueError("a number of more than 64 bits")


def _length(header: bytes, file: Path, record: int) -> int:
    if len(header) < HEADER:
        raise Broken(file, f"record {record}", "its header is cut short", COPY)
    if _masked_crc(header[:8]) != int.from_bytes(header[8:], "little"):
        raise Broken(file, f"record {record}", "its length does not match its checksum", COPY)
    return int.from_bytes(header[:8], "little")


def _masked_crc(data: bytes) -> int:
    crc = require("google_crc32c", "data").value(data)
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF
