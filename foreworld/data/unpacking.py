"""Packed bytes unpacked to a size that is known before: a bomb is refused, not unpacked.

unpack("zstd", data, 1_000_000, file, "data/img/0.0")     # exactly a million bytes, or Broken

Names are those of zarr and of MCAP: blosc, zstd, lz4 (zarr's, with the size in front), lz4-frame,
zlib, gzip, bz2, lzma, and "" for bytes as they are.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

from foreworld.data.bounds import COPY
from foreworld.data.recording import Broken
from foreworld.errors import require

BLOSC_HEADER = 16  # bytes: versions, flags, itemsize, then three sizes
ANY_ZLIB = 47  # window bits that accept zlib's and gzip's headers


def unpack(codec: str, data: bytes, size: int, file: Path | str, what: str) -> bytes:
    """`size` bytes from packed ones. Raises Broken for other sizes and for damage."""
    if codec not in CODECS:
        known = ", ".join(name for name in CODECS if name)
        raise Broken(file, what, f"is packed by {codec!r}", f"pack it by one of: {known}")
    try:
        out = CODECS[codec](data, size)
    except _Swollen as error:
        raise Broken(file, what, f"unpacks to {error}, not to {size:,} bytes", COPY) from None
    except (ValueError, RuntimeError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Broken(file, what, f"cannot be unpacked: {error}", COPY) from error
    if len(out) != size:
        raise Broken(file, what, f"unpacks to {len(out):,} bytes, not to {size:,}", COPY)
    return out


class _Swollen(Exception):
    """Holds more than was said."""


def _plain(data: bytes, size: int) -> bytes:
    return data


def _blosc(data: bytes, size: int) -> bytes:
    if len(data) < BLOSC_HEADER:
        raise ValueError("no header")
    claimed, stored = (int.from_bytes(data[at : at + 4], "little") for at in (4, 12))
    _hold(claimed, size)
    if stored != len(data):
        raise ValueError(f"{len(data)} bytes, its header says {stored}")
    return require("numcodecs.blosc", "data").decompress(data)


def _zstd(data: bytes, size: int) -> bytes:
    zstandard = require("zstandard", "data")
    try:
        _hold(zstandard.frame_content_size(data), size)
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def _lz4(data: bytes, size: int) -> bytes:
    _hold(int.from_bytes(data[:4], "little"), size)
    return require("numcodecs.lz4", "data").decompress(data)


def _lz4_frame(data: bytes, size: int) -> bytes:
    unpacking = require("lz4.frame", "data").LZ4FrameDecompressor()
    return _whole(unpacking.decompress(data, size + 1), size)


def _zlib(data: bytes, size: int) -> bytes:
    return _whole(zlib.decompressobj(ANY_ZLIB).decompress(data, size + 1), size)


def _bz2(data: bytes, size: int) -> bytes:
    return _whole(bz2.BZ2Decompressor().decompress(data, size + 1), size)


def _lzma(data: bytes, size: int) -> bytes:
    return _whole(lzma.LZMADecompressor().decompress(data, size + 1), size)


def _hold(claimed: int, size: int) -> None:
    """A header's claim; -1 where it makes none, and the limit of the decoder holds."""
    if claimed > size:
        raise _Swollen(f"{claimed:,} bytes")


def _whole(out: bytes, size: int) -> bytes:
    if len(out) > size:
        raise _Swollen("more")
    return out


CODECS: dict[str, Callable[[bytes, int], bytes]] = {
    "": _plain,
    "blosc": _blosc,
    "zstd": _zstd,
    "lz4": _lz4,
    "lz4-frame": _lz4_frame,
    "zlib": _zlib,
    "gzip": _zlib,
    "bz2": _bz2,
    "lzma": _lzma,
}
