"""One writer at a time: a lock file that the operating system releases when its holder dies.

with WriterLock(path / "lock"): ...      # ValueError if someone else holds it
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class WriterLock:
    """Held from creation to `release`. Windows has no flock: there the lock file is only a mark."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            if sys.platform != "win32":
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 20).decode() or "unknown"
            os.close(self._file)
            raise ValueError(
                f"{path.parent} has a writer already (process {holder}): close it first, or open "
                "the store for reading, mode='r'"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        # Unlocked by hand: worker processes forked meanwhile share the lock and outlive a close.
        if sys.platform != "win32":
            fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)
