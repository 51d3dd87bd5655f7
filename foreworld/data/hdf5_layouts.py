"""Where the episodes of an HDF5 file are: in groups with numbers, in stretches, or one in all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import REWRITE, same_count, stretches
from foreworld.data.hdf5_files import attributes, check_storage, children, datasets, small
from foreworld.data.recording import Broken

ACTIONS = ("actions", "action")
SEEN = ("obs", "observations", "observation", "next_obs", "next_observations")
ENDS = ("episode_ends", "meta/episode_ends", "ends")
LENGTHS = ("ep_len", "ep_lens", "episode_lengths", "episode_length", "lengths")
INDICES = ("episode_index", "ep_idx", "episode_id", "episode_idx")
FLAGS = (
    *("terminals", "terminations", "terminated", "is_terminal", "dones", "done", "is_last"),
    *("timeouts", "truncations", "truncated"),
)


@dataclass(frozen=True)
class Place:
    """One episode: a group of a file, and its rows there (None: all of them)."""

    file: Path
    group: str
    rows: slice | None
    steps: int  # rows that have an action
    name: str  # for messages

    def of(self, length: int) -> slice:
        """The rows of this episode in a dataset of `length` rows."""
        return self.rows or slice(0, length)


def places(root: Any, file: Path) -> list[Place]:
    """Every episode of a file. Raises Broken where they run into each other or beyond the end."""
    parent = _parent(root, file)
    numbered = _numbered(parent, file)
    if numbered:
        found = [_whole(parent[name], file) for name in numbered]
        told = parent.attrs.get("total")
        if told is not None:
            same_count(file, f"{parent.name}: total", int(told), sum(p.steps for p in found))
        return found
    arrays = {k: a for k, a in datasets(parent, file).items() if a.shape}
    bounds = _bounds(root, parent, arrays, file)
    if bounds is None:
        return [_whole(parent, file)] if arrays else []
    return [
        Place(file, parent.name, slice(int(a), int(b)), int(b - a), f"episode {n} of {file}")
        for n, (a, b) in enumerate(bounds)
    ]


def relevant(place: Place, root: Any) -> dict[str, Any]:
    """The datasets of an episode that have its rows; constants and tables of contents have not.

    Raises Broken for an observation or action with too few rows, or too many.
    """
    found = datasets(root[place.group], place.file)
    kept: dict[str, Any] = {}
    wanted = place.steps if place.rows is None else _length(found)
    for key, array in found.items():
        rows = len(array) if array.shape else 0
        if wanted <= rows <= wanted + (place.rows is None):
            kept[key] = array
        elif key.split("/")[0] in (*SEEN, *ACTIONS, *FLAGS, "rewards", "reward"):
            wrong = f"{rows} rows, the actions have {wanted}"
            fix = "write the episode again: columns have a row an action, or one more"
            raise Broken(place.file, array.name, wrong, fix)
    return kept


def natural(path: Path) -> list[Any]:
    """Sorts episode_2 before episode_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def _parent(root: Any, file: Path) -> Any:
    """The group that holds the episodes: `data`, where there is one, or the root."""
    parts = children(root, file)
    data = parts.get("data")
    return data if data is not None and not hasattr(data, "shape") else root


def _numbered(parent: Any, file: Path) -> list[str]:
    """Names of groups that are one word and a number, where the parent holds nothing else."""
    parts = children(parent, file)
    if any(hasattr(part, "shape") for part in parts.values()):
        return []
    found = {name: re.fullmatch(r"(.*?)(\d+)", name) for name in parts}
    words = {match[1] for match in found.values() if match}
    if len(words) != 1 or not all(len(parts[n]) for n, match in found.items() if match):
        return []
    return sorted((n for n, m in found.items() if m), key=lambda name: int(found[name][2]))  # type: ignore[index]


def _whole(group: Any, file: Path) -> Place:
    """A group that is one episode: as long as its actions, or else as its longest column."""
    found = {k: a for k, a in datasets(group, file).items() if a.shape}
    for key, array in found.items():
        if key.split("/")[0] in (*ACTIONS, *SEEN):
            check_storage(array, file)
    steps = _length(found)
    if not steps:
        raise Broken(file, group.name, "has no rows", "remove the episode, or copy it again")
    told = attributes(group).get("num_samples")
    same_count(file, f"{group.name}: num_samples", None if told is None else int(told), steps)
    name = f"{group.name.strip('/')} of {file}" if group.name != "/" else str(file)
    return Place(file, group.name, None, steps, name)


def _length(arrays: dict[str, Any]) -> int:
    actions = [len(a) for k, a in arrays.items() if k.split("/")[0] in ACTIONS]
    seen = [len(a) for k, a in arrays.items() if k.split("/")[0] in SEEN]
    every = actions or seen or [len(a) for a in arrays.values() if a.shape]
    return min(every) if actions else max(every, default=0)


def _bounds(root: Any, parent: Any, arrays: dict[str, Any], file: Path) -> np.ndarray | None:
    """First row and end of each episode [episodes, 2]; None where nothing says so."""
    everywhere = {**{k: a for k, a in datasets(root, file).items() if a.shape}, **arrays}
    rows = _length(arrays)
    for name in (*ENDS, *LENGTHS, *INDICES):
        if name not in everywhere:
            continue
        told = small(everywhere[name], file).reshape(-1)
        if name in INDICES:
            return _changes(told, name, rows, file)
        if told.dtype.kind not in "iu":
            raise Broken(file, name, f"{told.dtype} numbers", "one integer for each episode")
        ends = told.astype(np.int64).cumsum() if name in LENGTHS else told
        return stretches(file, name, ends, rows)
    flags = [small(arrays[name], file).reshape(-1) for name in FLAGS if name in arrays]
    if not flags:
        return None
    if any(len(flag) != rows for flag in flags):
        raise Broken(file, "flags", f"{[len(f) for f in flags]} rows beside {rows}", REWRITE)
    ends = np.flatnonzero(np.logical_or.reduce([flag != 0 for flag in flags])) + 1
    ends = ends if len(ends) and ends[-1] == rows else np.append(ends, rows)
    return stretches(file, "flags", ends, rows)


def _changes(index: np.ndarray, name: str, rows: int, file: Path) -> np.ndarray:
    """Stretches of equal numbers. Raises Broken where one comes back."""
    same_count(file, name, len(index), rows)
    ends = np.append(np.flatnonzero(np.diff(index)) + 1, len(index))
    if len(np.unique(index)) != len(ends):
        raise Broken(file, name, "episodes lie in several pieces", "sort the rows by episode")
    return stretches(file, name, ends, rows)
