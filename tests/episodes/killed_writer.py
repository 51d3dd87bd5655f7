"""Forks writers that append without end, and prints the id of every episode that is acknowledged.

Reads store paths from standard input; prints "pid N", then ids, then "dead" when the writer is.
"""

import os
import sys

import numpy as np

from foreworld.episodes import EpisodeStore
from foreworld.vocab import Episode


def episode(id: int) -> Episode:
    """The episode with this id: every writer and the test agree on it."""
    generator = np.random.default_rng(id)
    length = int(generator.integers(1, 120))
    rows = np.arange(length)
    return Episode(
        {
            "image": generator.integers(0, 256, (length, 32, 32, 3), dtype=np.uint8),
            "action": generator.normal(size=(length, 2)).astype(np.float32),
            "reward": generator.normal(size=length).astype(np.float32),
            "is_first": rows == 0,
            "is_last": rows == length - 1,
            "is_terminal": rows < 0,
        }
    )


def write_forever(path: str) -> None:
    store = EpisodeStore.open(path, mode="a")
    id = store.table.next_id
    while True:
        assert store.append(episode(id)) == id
        os.write(1, f"{id}\n".encode())
        id += 1


if __name__ == "__main__":
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            write_forever(line.strip())
        os.write(1, f"pid {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"dead\n")
