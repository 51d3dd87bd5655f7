"""What a file claims is held against what it can be, before memory is taken or a path followed.

inside(folder, "../../etc/passwd", manifest, "data_path")   # Broken: leads out of the folder
believable(file, "observations", (10**12, 7), float32, stored=40_000)  # Broken: 28 TB in 40 kB
stretches(file, "meta/episode_ends", ends, rows=1000)       # Broken: not increasing, beyond the end

Nothing here unpickles, and nothing that a file names is opened outside its own folder.
"""

from __future__ import annotations

import json
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from foreworld.data.recording import Broken

JSON_BYTES = 256_000_000  # of one manifest
AT_ONCE = 4_000_000_000  # bytes of one value that cannot be read in parts
INFLATION = 2_000  # deflate reaches 1,032 to 1
SMALL = 64_000_000  # bytes that may be claimed whatever is stored
MOST_EPISODES = 10_000_000
MOST_FILES = 10_000_000
COPY = "copy it again from where it came from"
REWRITE = "write it again with its own tool"
# What libraries raise when the bytes they were given are not what these say they are
DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, IndexError, TypeError, RuntimeError, OverflowError),
    *(struct.error, zlib.error, zipfile.BadZipFile, tokenize.TokenError, SyntaxError, MemoryError),
)
NO_OBJECTS = "store numbers, booleans or text: objects would have to be unpickled, which runs code"


def inside(folder: Path, name: str, file: Path | str, what: str) -> Path:
    """The path of `name` under `folder`.

    Raises Broken, in the name of field `what` of `file`, for absolute paths, for `..` and for links
    that lead elsewhere.
    """
    fix = "a dataset may only name what lies in its own folder: correct the entry"
    parts = PurePosixPath(name.replace("\\", "/")).parts
    windows = PureWindowsPath(name)
    if not name or "\0" in name or ".." in parts or name.startswith("/") or windows.anchor:
        raise Broken(file, what, f"{name!r} leads out of the folder", fix)
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise Broken(file, what, f"{name!r} is a link that leads out of the folder", fix)
    return path


@dataclass(frozen=True)
class Reading:
    """Whatever a library cannot make of a file inside the block is the file's fault: Broken."""

    file: Path | str
    what: str
    fix: str = COPY

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        if isinstance(error, DAMAGE) and not isinstance(error, Broken):
            said = str(error) or type(error).__name__
            raise Broken(self.file, self.what, f"cannot be read: {said}", self.fix) from error


def read_json(path: Path, limit: int = JSON_BYTES) -> Any:
    """The content of a JSON file of at most `limit` bytes. Raises Broken for anything else."""
    return json_of(read_bytes(path, limit), path, "the file")


def read_bytes(path: Path, limit: int = JSON_BYTES) -> bytes:
    """All of a file that is to be small. Raises Broken where it is not, or not there."""
    try:
        size = path.stat().st_size
        if size > limit:
            raise Broken(path, "size", f"{size:,} bytes, at most {limit:,} are believed", REWRITE)
        return path.read_bytes()
    except OSError as error:
        raise Broken(path, "the file", error.strerror or str(error), COPY) from error


def json_of(text: str | bytes, file: Path | str, what: str) -> Any:
    """`text` as JSON. Raises Broken where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Broken(file, what, f"is no JSON: {error}", COPY) from error


def believable(
    file: Path | str,
    what: str,
    shape: Sequence[int],
    dtype: np.dtype,
    stored: int | None = None,
) -> int:
    """How many bytes an array takes. Raises Broken for objects and for absurd shapes.

    stored: bytes that the file spends on it (None: unknown, so that the array has to be small
    enough to be read at once).
    """
    if dtype.hasobject or dtype.kind == "V":
        raise Broken(file, what, f"dtype {dtype}", NO_OBJECTS)
    size = math.prod(shape) * dtype.itemsize
    room = AT_ONCE if stored is None else max(SMALL, stored * INFLATION)
    if min(shape, default=0) < 0 or size > room:
        have = "" if stored is None else f", of which the file holds {stored:,}"
        wrong = f"shape {tuple(shape)} of {dtype} would be {size:,} bytes{have}"
        raise Broken(file, what, wrong, COPY)
    return size


def stretches(file: Path | str, what: str, ends: np.ndarray, rows: int) -> np.ndarray:
    """First row and end of each episode, int64 [episodes, 2], from where the episodes end.

    Rows after the last end are nobody's, as in buffers that grow ahead of what is written. Raises
    Broken where an episode is empty, runs backwards, or ends beyond the `rows` there are.
    """
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or len(ends) > MOST_EPISODES:
        wrong = f"{ends.dtype} {ends.shape} are no ends of episodes"
        raise Broken(file, what, wrong, "one increasing integer for each episode")
    bounds = np.concatenate([[0], ends.astype(np.int64)])
    if (wrong := np.flatnonzero(np.diff(bounds) <= 0)).size:
        n = int(wrong[0])
        said = f"episode {n} ends at row {bounds[n + 1]} and begins at {bounds[n]}"
        raise Broken(file, what, said, "the ends have to increase: write them again")
    if bounds[-1] > rows:
        said = f"the last episode ends at row {bounds[-1]}, there are {rows}"
        raise Broken(file, what, said, COPY)
    return np.stack([bounds[:-1], bounds[1:]], 1)


def same_count(file: Path | str, what: str, said: Any, found: int) -> None:
    """Raises Broken if a manifest counts otherwise than what was found; None said is no claim."""
    if said is not None and (isinstance(said, bool) or said != found):
        raise Broken(file, what, f"says {said}, there are {found}", COPY)


def same_shape(file: Path | str, what: str, given: Sequence[int], wanted: Sequence[int]) -> None:
    """Raises Broken if one instant of a column is not what the rest of the dataset says."""
    if tuple(given) != tuple(wanted):
        wrong = f"shape {tuple(given)} an instant, the dataset says {tuple(wanted)}"
        raise Broken(file, what, wrong, "split the dataset by shape, or correct this episode")


def rate(given: Any, file: Path | str) -> float:
    """Rows a second as a manifest says; one where it says nothing. Raises Broken for nonsense."""
    if given is None:
        return 1.0
    number = isinstance(given, int | float | np.integer | np.floating) and not isinstance(
        given, bool
    )
    if not number or not 0 < given < 1e6:
        raise Broken(file, "fps", f"{given!r}", "rows a second, a number above 0")
    return float(given)


def members(path: Path) -> list[zipfile.ZipInfo]:
    """What a zip file holds. Raises Broken if it is none, holds bombs, or names paths outside."""
    with Reading(path, "the archive"), zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    stored, size = 0, path.stat().st_size
    for info in infos:
        inside(path.parent, info.filename, path, "a name in the archive")
        if info.file_size > max(SMALL, info.compress_size * INFLATION) or info.flag_bits & 1:
            wrong = f"{info.filename}: {info.file_size:,} bytes from {info.compress_size:,}"
            raise Broken(path, "the archive", wrong, "it is encrypted or a zip bomb: do not use it")
        stored += info.compress_size
    if stored > size or len(infos) > MOST_FILES:  # parts that overlap: the other kind of bomb
        wrong = f"{len(infos)} parts of {stored:,} bytes in a file of {size:,}"
        raise Broken(path, "the archive", wrong, "it is a zip bomb: do not use it")
    return infos


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, each of which has the size that the archive says.

    Raises Broken for objects, bombs, and members that are no arrays.
    """
    infos = [info for info in members(path) if info.filename.endswith(".npy")]
    if sum(info.file_size for info in infos) > AT_ONCE:
        raise Broken(path, "the archive", "more than can be read at once", "write smaller shards")
    return dict(_arrays(path, infos))


def _arrays(path: Path, infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        for info in infos:
            name = info.filename.removesuffix(".npy")
            with Reading(path, name), archive.open(info) as part:
                yield name, _array(part, path, name, info.file_size)


def _array(part: Any, path: Path, name: str, size: int) -> np.ndarray:
    """An array of a stream that is `size` bytes long, which its header has to agree with."""
    version = np.lib.format.read_magic(part)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    shape, by_column, dtype = read(part)
    if believable(path, name, shape, dtype) > size:
        raise Broken(path, name, f"says shape {shape}, and holds {size:,} bytes", COPY)
    values = np.frombuffer(part.read(math.prod(shape) * dtype.itemsize), dtype)
    return values.reshape(shape, order="F" if by_column else "C")
