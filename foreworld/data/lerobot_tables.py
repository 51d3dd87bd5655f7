"""Reads the tables of a LeRobot dataset: tasks and episodes, as parquet (v3) or JSON lines (v2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY, read_bytes
from foreworld.data.lerobot_layout import (
    Clip,
    Entry,
    Info,
    Manifest,
    check_counts,
    check_episodes,
    place,
    read_info,
    task_table,
)
from foreworld.data.parquet import Shard
from foreworld.data.recording import Broken

TASKS, EPISODES = "meta/tasks", "meta/episodes"
UNNAMED = "__index_level_0__"  # how pandas writes an index without a name
NUMBERS = ("episode_index", "length", "data/chunk_index", "data/file_index")
REFINISH = "finish the recording (dataset.finalize()), or copy the dataset again"


def read_manifest(root: Path) -> Manifest:
    """Everything a dataset says of itself. Raises Broken for what does not fit together."""
    info = read_info(root)
    tasks, entries = _version_3(root, info) if info.version == 3 else _version_2(root, info)
    check_counts(info, entries, tasks)
    rows: dict[Path, int] = {}
    for entry in entries:
        rows[entry.data] = rows.get(entry.data, 0) + entry.length
    robot = info.said.get("robot_type")
    robot = robot if isinstance(robot, str) else None
    return Manifest(root, info.version, info.fps, robot, info.columns, tasks, entries, rows)


def _version_3(root: Path, info: Info) -> tuple[dict[int, str], list[Entry]]:
    tasks = _task_parquet(root / f"{TASKS}.parquet")
    folder = root / EPISODES
    files = sorted(folder.glob("*/*.parquet"))
    if not files:
        raise Broken(folder, "episodes", "there is no table of episodes", REFINISH)
    tables = [(file, _episode_parquet(file, info)) for file in files]
    rows = {name: np.concatenate([table[name] for _, table in tables]) for name in tables[0][1]}
    check_episodes(folder, rows["episode_index"], rows["length"])
    starts = np.concatenate([[0], np.cumsum(rows["length"])])
    _check_span(folder, rows, starts)
    return tasks, list(_entries_3(root, info, rows, starts))


def _entries_3(
    root: Path, info: Info, rows: dict[str, np.ndarray], starts: np.ndarray
) -> Iterator[Entry]:
    """Episodes in order; those of one file follow one another."""
    cameras = [name for name, column in info.columns.items() if column.dtype == "video"]
    files: dict[tuple[int, int], tuple[Path, int]] = {}
    films: dict[tuple[str, int, int], Path] = {}
    for id in range(len(rows["length"])):
        spot = (int(rows["data/chunk_index"][id]), int(rows["data/file_index"][id]))
        if spot not in files:
            values = {"chunk_index": spot[0], "file_index": spot[1]}
            files[spot] = (_place(root, info, "data_path", values), int(starts[id]))
        data, first = files[spot]
        clips = {}
        for name in cameras:
            numbers = [int(rows[f"videos/{name}/{part}_index"][id]) for part in ("chunk", "file")]
            at = (name, numbers[0], numbers[1])
            if at not in films:
                values = {"video_key": name, "chunk_index": at[1], "file_index": at[2]}
                films[at] = _place(root, info, "video_path", values)
            clips[name] = Clip(films[at], float(rows[f"videos/{name}/from_timestamp"][id]))
        said = tuple(rows["tasks"][id]) if "tasks" in rows else ()
        start, length = int(starts[id]), int(rows["length"][id])
        yield Entry(length, data, start - first, start, said, clips)


def _place(root: Path, info: Info, what: str, values: dict[str, Any]) -> Path:
    try:
        return place(root, info, what, values)
    except KeyError as error:
        wrong = f"has a place {error} that version {info.version} does not fill"
        raise Broken(info.path, what, wrong, "write it as LeRobot does") from None


def _episode_parquet(file: Path, info: Info) -> dict[str, Any]:
    """The columns that say where an episode lies; statistics are left where they are."""
    shard = Shard(file, REFINISH)
    wanted = list(NUMBERS)
    for name, column in info.columns.items():
        if column.dtype == "video":
            parts = ("chunk_index", "file_index", "from_timestamp")
            wanted += [f"videos/{name}/{part}" for part in parts]
    optional = [n for n in ("dataset_from_index", "dataset_to_index") if n in shard.names]
    rows: dict[str, Any] = {}
    for name in (*wanted, *optional):
        kind = np.float64 if name.endswith("timestamp") else np.int64
        rows[name] = shard.numbers(name, (1,), np.dtype(kind), 0, shard.rows)[:, 0]
    if "tasks" in shard.names:
        rows["tasks"] = np.empty(shard.rows, object)
        rows["tasks"][:] = [_texts(file, said) for said in shard.objects("tasks", 0, shard.rows)]
    return rows


def _texts(file: Path, said: Any) -> tuple[str, ...]:
    texts = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    if any(not isinstance(text, str) for text in texts):
        raise Broken(file, "tasks", f"{said!r}", "a list of texts for every episode")
    return tuple(texts)


def _check_span(folder: Path, rows: dict[str, np.ndarray], starts: np.ndarray) -> None:
    """The frames of the dataset are counted through: episode after episode, none between."""
    for name, wanted in (("dataset_from_index", starts[:-1]), ("dataset_to_index", starts[1:])):
        if name not in rows:
            continue
        wrong = np.flatnonzero(rows[name] != wanted)
        if len(wrong):
            n = int(wrong[0])
            said = f"episode {n} says {rows[name][n]}, by the lengths it is {wanted[n]}"
            raise Broken(folder, name, said, "rebuild the table of episodes")


def _task_parquet(file: Path) -> dict[int, str]:
    """Tasks are the index of a data frame, whose name has been task, nothing, and a column."""
    if not file.is_file():
        raise Broken(file, "tasks", "there is no such file", COPY)
    shard = Shard(file, COPY)
    texts = next((name for name in ("task", UNNAMED) if name in shard.names), None)
    if texts is None or "task_index" not in shard.names:
        wrong = f"has columns {', '.join(shard.names)}"
        raise Broken(file, "task", wrong, "columns task (text) and task_index (number)")
    numbers = shard.objects("task_index", 0, shard.rows)
    return task_table(file, numbers, shard.objects(texts, 0, shard.rows))


def _version_2(root: Path, info: Info) -> tuple[dict[int, str], list[Entry]]:
    file = root / f"{TASKS}.jsonl"
    said = list(_lines(file))
    tasks = task_table(file, [r.get("task_index") for r in said], [r.get("task") for r in said])
    file = root / f"{EPISODES}.jsonl"
    rows = list(_lines(file))
    indices = np.array([_whole(file, row, "episode_index") for row in rows], np.int64)
    lengths = np.array([_whole(file, row, "length") for row in rows], np.int64)
    check_episodes(file, indices, lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    entries = []
    for id, row in enumerate(rows):
        values: dict[str, Any] = {"episode_chunk": id // info.chunks_size, "episode_index": id}
        clips = {
            name: Clip(_place(root, info, "video_path", {**values, "video_key": name}), 0.0)
            for name, column in info.columns.items()
            if column.dtype == "video"
        }
        data = _place(root, info, "data_path", values)
        said = _texts(file, row.get("tasks"))
        entries.append(Entry(int(lengths[id]), data, 0, int(starts[id]), said, clips))
    return tasks, entries


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file."""
    for number, line in enumerate(read_bytes(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Broken(file, f"line {number}", f"is no JSON: {error}", COPY) from None
        if not isinstance(row, dict):
            raise Broken(file, f"line {number}", "is no object", COPY)
        yield row


def _whole(file: Path, row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**40:
        raise Broken(file, name, f"{value!r}", "a whole number for every episode")
    return value
