"""Episodes that are parts of one recording, kept beside a store: training and test do not share it.

together.json    [4, 5, 9]       4 and 5 are of the recording that 3 began, 9 of that of 8
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from foreworld.disk import write_json

FILE = "together.json"


def keep_together(path: Path, ids: Iterable[int]) -> None:
    """Note in the store at `path` which episodes belong with the one before them."""
    if follows := sorted(int(id) for id in ids):
        write_json(path / FILE, follows)


def followers(path: Path) -> np.ndarray:
    """Ids of the episodes that belong with the one before them, int64, sorted."""
    file = path / FILE
    return np.asarray(json.loads(file.read_text()) if file.is_file() else [], np.int64)
