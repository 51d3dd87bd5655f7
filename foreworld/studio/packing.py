"""Binary frames and JSON as they go over the wire: docs/protocol.md in code.

pack(Header(node=7, ...), picture, truth, extras)    # bytes of one frame
"""

from __future__ import annotations

import json
import math
import struct
from enum import IntFlag
from typing import Any, NamedTuple

from foreworld.disk import finite

MAGIC = b"FW01"


class Flag(IntFlag):
    ENDED = 1
    LOST = 2
    PAUSED = 4
    POLICY = 8
    TRUTH = 16
    RAW = 32
    RECORDING = 64
    OBSERVED = 128
    TRUTH_ENDED = 256


HEADER = struct.Struct("<4sIHHIdIfffffIIII")
assert HEADER.size == 64


class Header(NamedTuple):
    """The fixed part of a frame, without the lengths of what follows."""

    node: int
    branch: int
    flags: int
    frame: int
    time: float
    applied_seq: int
    surprise: float = math.nan
    uncertainty: float = math.nan
    reward: float = math.nan
    ms_step: float = 0.0
    ms_decode: float = 0.0
    late: int = 0


class Frame(NamedTuple):
    """A frame as a client reads it."""

    header: Header
    picture: bytes
    truth: bytes
    extras: dict[str, Any]


def pack(header: Header, picture: bytes, truth: bytes, extras: dict[str, Any]) -> bytes:
    text = dumps(extras).encode()
    *fields, late = header
    lengths = (len(picture), len(truth), len(text))
    return HEADER.pack(MAGIC, *fields, *lengths, late) + picture + truth + text


def unpack(data: bytes) -> Frame:
    """Raises ValueError for anything but a whole frame."""
    if len(data) < HEADER.size or data[:4] != MAGIC:
        raise ValueError("this is no frame of protocol 1")
    _, *fields, n_image, n_truth, n_extra, late = HEADER.unpack_from(data)
    ends = [HEADER.size + sum((n_image, n_truth, n_extra)[:k]) for k in range(4)]
    if ends[-1] != len(data):
        raise ValueError(f"a frame of {ends[-1]} bytes came as {len(data)}")
    picture, truth, text = (data[a:b] for a, b in zip(ends, ends[1:], strict=False))
    return Frame(Header._make([*fields, late]), picture, truth, json.loads(text))


def dumps(data: Any) -> str:
    """JSON that every browser reads: what is not finite is null."""
    return json.dumps(finite(data), separators=(",", ":"), ensure_ascii=False)
