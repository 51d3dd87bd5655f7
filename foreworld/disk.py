"""Files and folders that are there whole or not at all.

write_json("config.json", {"lr": 1e-3})  # a reader sees the old file or the new, never a part
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_json(path: str | Path, data: Any) -> None:
    """Replace a file by `data` as JSON, in one step."""
    write_whole(path, json.dumps(data, indent=2) + "\n")


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Replace a file's content in one step, flushed to the disk; folders are made as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` when the block ends well, and vanishes otherwise.

    Raises ValueError if there is anything at `path` already.
    """
    path = Path(path).absolute()
    if path.exists():
        raise ValueError(f"{path} exists already; name a folder that does not, or remove this one")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        for part in (temporary, *temporary.rglob("*")):
            os.chmod(part, 0o755 if part.is_dir() else 0o644)  # as for files: others may read
            sync(part)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary)
        raise
    sync(path.parent)


def finite(value: Any) -> Any:
    """Plain data in which null stands for NaN and infinity: JSON has no word for these."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
