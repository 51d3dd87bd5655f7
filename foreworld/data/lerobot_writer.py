"""Writes a LeRobot v3.0 dataset, as LeRobot's own recorder lays it out.

writer = LeRobotWriter(folder, store.specs, fps=10)            # lossless; or codec="av1"
for episode in store:
    writer.add(episode, "push the block to the target")
writer.finish()

meta/info.json  stats.json  tasks.parquet  episodes/chunk-000/file-000.parquet
data/chunk-000/file-000.parquet            one row group an episode
videos/{camera}/chunk-000/file-000.mp4     many episodes a file

All T rows are written: the last holds what was seen in the end, a zero action and a zero reward.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.depth import DepthCode
from foreworld.data.encoder import find_codec, rate_of
from foreworld.data.lerobot_arrow import arrow_numbers, arrow_pictures, pandas_index
from foreworld.data.lerobot_camera import MEGABYTE, Camera
from foreworld.data.lerobot_layout import CHUNK
from foreworld.data.lerobot_schema import TASK, schema
from foreworld.data.lerobot_statistics import histogram, of_numbers, of_pictures, pooled
from foreworld.disk import write_json
from foreworld.errors import require
from foreworld.log import CONSOLE
from foreworld.vocab import Episode, Specs

SPOT = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH, VIDEO_PATH = f"data/{SPOT}.parquet", f"videos/{{video_key}}/{SPOT}.mp4"
CLOCK = {"timestamp": "float32", **dict.fromkeys(
    ("frame_index", "episode_index", "index", "task_index"), "int64"
)}  # fmt: skip
ENDS = {"next.reward": "float32", "next.done": "bool", "next.truncated": "bool"}
LISTED = 500  # episodes that are put into their table at once
SAMPLED = 16  # pictures of an episode that its statistics are taken of


class LeRobotWriter:
    """Writes one dataset into a folder that is its own.

    codec: "lossless", "h264", "av1" (LeRobot's own setting), see encoder.py; quality: of the lossy
    ones, lower is better. video: False keeps pictures as PNG files in the tables. depth: key or
    keys of metres [H, W] that become 12-bit depth video from `near` to `far`. key_every: frames
    from one that is decoded alone to the next; None: what suits the codec.

    losses: after `finish`, PSNR in decibels by camera.
    """

    def __init__(
        self,
        folder: str | Path,
        specs: Specs,
        fps: float,
        codec: str = "lossless",
        quality: int | None = None,
        video: bool = True,
        depth: str | tuple[str, ...] = (),
        near: float = 0.01,
        far: float = 10.0,
        key_every: int | None = None,
        robot: str | None = None,
        data_megabytes: float = 100,
        video_megabytes: float = 200,
    ) -> None:
        find_codec(codec)
        self.folder, self.fps = Path(folder), float(rate_of(fps))
        self.fields = schema(specs, video, (depth,) if isinstance(depth, str) else depth)
        self.losses: dict[str, float] = {}
        self._robot, self._room = robot, data_megabytes * MEGABYTE
        self._sizes = {"data_files_size_in_mb": data_megabytes}
        self._sizes["video_files_size_in_mb"] = video_megabytes
        self._arrow = require("pyarrow", "data")
        self._tables = require("pyarrow.parquet", "data")
        self._tasks: dict[str, int] = {}
        self._frames, self._episodes, self._file = 0, 0, -1
        self._data: Any = None
        self._index: Any = None
        self._stats: dict[str, list[dict[str, np.ndarray]]] = {}
        self._listed: list[dict[str, Any]] = []  # episodes that are not in their table yet
        self._cameras = {
            f.name: Camera(
                self._films(f.name), self.fps, f.spec.shape, codec, quality, key_every,
                video_megabytes, DepthCode(near, far) if f.how == "depth" else None,
            )
            for f in self.fields
            if f.how in ("video", "depth")
        }  # fmt: skip

    @property
    def columns(self) -> dict[str, str]:
        """What every key of ours is called in the dataset."""
        told = {field.key: field.name for field in self.fields}
        return told | {"reward": "next.reward", "is_terminal": "next.done"}

    def add(self, episode: Episode, task: str | None) -> None:
        """One episode. Raises ValueError for a reward before any action: it has no place."""
        if episode["reward"][0] != 0:
            raise ValueError(
                f"episode {self._episodes}: a reward of {episode['reward'][0]} in row 0, before "
                "any action; LeRobot keeps rewards beside the action that led to them: set it to 0"
            )
        texts = self._told(episode, task)
        numbers = self._numbers(episode, texts)
        stats = {name: of_numbers(values) for name, values in numbers.items()}
        arrays = {name: arrow_numbers(values) for name, values in numbers.items()}
        row = self._clips(episode, stats)
        for field in self.fields:
            values = episode[field.key]
            if field.how == "image":
                arrays[field.name] = arrow_pictures(values)
                picked = values[:: max(1, len(values) // SAMPLED)]
                stats[field.name] = of_pictures(histogram(picked), len(picked))
            elif field.how == "text":
                arrays[field.name] = self._arrow.array(_words(values), self._arrow.string())
        file = self._write_rows(self._arrow.table(arrays))
        self._write_episode(sorted(set(texts), key=texts.index), len(texts), file, row, stats)

    def finish(self) -> None:
        """Close all files, check the films against what they were given, write the manifest."""
        self._list()
        for writer in (self._data, self._index):
            if writer is not None:
                writer.close()
        for name, camera in self._cameras.items():
            camera.close()
            if self._episodes:
                self.losses[name] = camera.likeness()
        if any(loss != float("inf") for loss in self.losses.values()):
            told = ", ".join(f"{name} {loss:.1f} dB" for name, loss in self.losses.items())
            CONSOLE.print(f"what the codec loses, as PSNR: {told}")
        self._write_tasks()
        stats = {name: pooled(parts) for name, parts in self._stats.items()}
        write_json(self.folder / "meta/stats.json", _plain(stats))
        write_json(self.folder / "meta/info.json", self._info())

    # Rows

    def _told(self, episode: Episode, task: str | None) -> list[str]:
        """The instruction of every row."""
        keys = [field.key for field in self.fields if field.how == "task"]
        texts = _words(episode[keys[0]]) if keys else [task or ""] * len(episode)
        for text in texts:
            self._tasks.setdefault(text, len(self._tasks))
        return texts

    def _numbers(self, episode: Episode, texts: list[str]) -> dict[str, np.ndarray]:
        """Columns of numbers, in the order of info.json."""
        rows, last = np.arange(len(episode)), episode["is_last"]
        told = {f.name: episode[f.key] for f in self.fields if f.how == "number"}
        told["next.reward"] = np.append(episode["reward"][1:], np.float32(0))
        told["next.done"] = last
        told["next.truncated"] = last & ~episode["is_terminal"]
        clock = {
            "timestamp": rows / self.fps,
            "frame_index": rows,
            "episode_index": np.full(len(rows), self._episodes),
            "index": self._frames + rows,
            "task_index": np.array([self._tasks[text] for text in texts]),
        }
        return told | {name: values.astype(CLOCK[name]) for name, values in clock.items()}

    def _write_rows(self, table: Any) -> int:
        """One row group; the number of the file it went to."""
        path = None if self._data is None else Path(self._data.where)
        if path is None or path.stat().st_size > self._room:
            if self._data is not None:
                self._data.close()
            self._file += 1
            path = self.folder / DATA_PATH.format(**_spot(self._file))
            path.parent.mkdir(parents=True, exist_ok=True)
            self._data = self._tables.ParquetWriter(str(path), table.schema, compression="snappy")
        writer: Any = self._data
        writer.write_table(table, row_group_size=len(table))
        return self._file

    # Films

    def _films(self, name: str) -> Any:
        """File number -> path, of one camera."""
        return lambda n: self.folder / VIDEO_PATH.format(video_key=name, **_spot(n))

    def _clips(self, episode: Episode, stats: dict[str, Any]) -> dict[str, Any]:
        """Encodes the cameras; where their frames went, as columns of the table of episodes."""
        row: dict[str, Any] = {}
        for field in self.fields:
            if field.name not in self._cameras:
                continue
            place, stats[field.name] = self._cameras[field.name].add(episode[field.key])
            at = f"videos/{field.name}"
            row |= {f"{at}/{name}": number for name, number in _spot(place.file).items()}
            row |= {f"{at}/from_timestamp": place.begin, f"{at}/to_timestamp": place.end}
        return row

    # Manifest

    def _write_episode(
        self, tasks: list[str], length: int, file: int, row: dict[str, Any], stats: dict[str, Any]
    ) -> None:
        told = {"episode_index": self._episodes, "tasks": tasks, "length": length}
        told |= {f"data/{name}": number for name, number in _spot(file).items()}
        told["dataset_from_index"] = self._frames
        told["dataset_to_index"] = self._frames + length
        told |= row | {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        for name, parts in stats.items():
            self._stats.setdefault(name, []).append(parts)
            told |= {f"stats/{name}/{part}": value.tolist() for part, value in parts.items()}
        self._listed.append(told)
        self._frames += length
        self._episodes += 1
        if len(self._listed) == LISTED:
            self._list()

    def _list(self) -> None:
        """Writes the table of the episodes since the last time."""
        if not self._listed:
            return
        schema = None if self._index is None else self._index.schema
        table = self._arrow.Table.from_pylist(self._listed, schema)
        if self._index is None:
            path = self.folder / f"meta/episodes/{SPOT.format(**_spot(0))}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._index = self._tables.ParquetWriter(str(path), table.schema, compression="snappy")
        writer: Any = self._index
        writer.write_table(table)
        self._listed.clear()

    def _write_tasks(self) -> None:
        """A data frame whose index is the text: what pandas would write, without pandas."""
        texts = self._arrow.array(list(self._tasks), self._arrow.string())
        table = self._arrow.table({"task_index": np.arange(len(self._tasks)), TASK: texts})
        table = table.replace_schema_metadata({"pandas": pandas_index(TASK, "task_index")})
        self._tables.write_table(table, self.folder / "meta/tasks.parquet")

    def _info(self) -> dict[str, Any]:
        single = {"shape": [1], "names": None}
        features = {f.name: dict(f.entry) for f in self.fields if f.how != "task"}
        for name, camera in self._cameras.items():
            features[name]["info"] = camera.info() if self._episodes else {}
        features |= {name: {"dtype": dtype, **single} for name, dtype in {**ENDS, **CLOCK}.items()}
        return {
            "codebase_version": "v3.0",
            "robot_type": self._robot,
            "total_episodes": self._episodes,
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK,
            **self._sizes,
            "fps": int(self.fps) if self.fps == int(self.fps) else self.fps,
            "splits": {"train": f"0:{self._episodes}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH if self._cameras else None,
            "features": features,
        }


def _spot(file: int) -> dict[str, int]:
    return {"chunk_index": file // CHUNK, "file_index": file % CHUNK}


def _words(values: np.ndarray) -> list[str]:
    """Zero-padded UTF-8 [T, room] as texts."""
    return [row.tobytes().rstrip(b"\0").decode() for row in np.asarray(values)]


def _plain(stats: dict[str, dict[str, np.ndarray]]) -> dict[str, Any]:
    return {name: {k: v.tolist() for k, v in parts.items()} for name, parts in stats.items()}
