"""Logs of robots in MCAP files, as ROS 2 and Foxglove record them: https://mcap.dev

    run_3.mcap      /camera/front/compressed   30 Hz
                    /joint_states             100 Hz     each topic has a clock of its own: the
                    /cmd_vel                   20 Hz     time when its messages were logged

A file is an episode, and so is each part of a bag that was split. A topic is a column, or several;
which of them becomes what is the mapping's matter, and so is the rate to which they are brought.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foreworld.data.bounds import COPY, Reading
from foreworld.data.columns import Lazy
from foreworld.data.hdf5_layouts import natural
from foreworld.data.mcap_file import MAGIC, McapFile, Messages
from foreworld.data.messages import Told, Unread, told_by
from foreworld.data.recording import Broken, Column, Feature, Recording

TASKS = ("task", "instruction", "language_instruction")
BLOCK = 512  # messages decoded at a time, so that pictures of many are not held packed as well


class McapSource:
    """A file, or a folder of them.

    Raises Broken where a file was cut short, or claims more than it holds.
    """

    format = "mcap"
    fps: float | None = None

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._paths = _files(self.path)
        self._first: McapFile | None = McapFile(self._paths[0])
        told, self.unread = _described(self._first)
        if not told:
            why = "; ".join(f"{topic} {why}" for topic, why in self.unread.items())
            raise Broken(self._paths[0], "topics", f"none can be read: {why or 'empty'}", COPY)
        self.features: dict[str, Feature] = {name: t.feature for name, (_, t) in told.items()}

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether it begins as MCAP files do, or holds files of that name."""
        path = Path(path)
        if path.is_dir():
            return any(path.glob("*.mcap"))
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, id: int) -> Recording:
        file = self._first if id == 0 and self._first else McapFile(self._paths[id])
        told, unread = _described(file)
        told = {name: told[name] for name in self.features if name in told}
        begin = min(
            (int(file.messages[channel].times[0]) for channel, _ in told.values()), default=0
        )
        columns: dict[str, Column] = {}
        for name, (channel, column) in told.items():
            _check_alike(file, name, column.feature, self.features[name])
            columns[name] = _column(file, name, file.messages[channel], column, begin)
        notes = file.notes()
        task = next((notes[name] for name in TASKS if name in notes), None)
        doubled = {c.topic: file.messages[n].doubled for n, c in file.channels.items()}
        facts = {"notes": notes, "unread": unread, "doubled": doubled, "begin_ns": begin}
        ended = {"true": True, "false": False}.get(notes.get("terminal", ""))  # as ours say
        return Recording(str(file.path), columns, task, ended, facts)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        self._first = None


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(path.glob("*.mcap"), key=natural)
    if not found:
        raise Broken(path, "files", "there is no .mcap file", COPY)
    return found


def _described(file: McapFile) -> tuple[dict[str, tuple[int, Told]], dict[str, str]]:
    """Columns by name with their channel, and the topics that are none with the reason."""
    told: dict[str, tuple[int, Told]] = {}
    unread: dict[str, str] = {}
    seen: set[str] = set()
    for id, channel in sorted(file.channels.items(), key=lambda item: item[1].topic):
        messages = file.messages[id]
        if not len(messages):
            unread.setdefault(channel.topic, "has no messages")
            continue
        if channel.topic in seen:
            unread[channel.topic] = "is told by several channels: only the first is read"
            continue
        seen.add(channel.topic)
        try:
            with Reading(file.path, channel.topic):
                first = next(file.read(messages, np.array([0])))
                found = told_by(channel, first, file.path)
            told |= {name: (id, column) for name, column in found.items()}
        except Unread as error:
            unread[channel.topic] = str(error)
    return told, unread


def _column(file: McapFile, name: str, messages: Messages, told: Told, begin: int) -> Lazy:
    def fetch(rows: np.ndarray) -> np.ndarray:
        out = [np.empty((0, *told.feature.shape), told.feature.dtype)]
        for start in range(0, len(rows), BLOCK):
            with Reading(file.path, name):
                some = list(file.read(messages, rows[start : start + BLOCK]))
                out.append(told.values(some))
        return np.concatenate(out)

    return Lazy((messages.times - begin) / 1e9, fetch)


def _check_alike(file: McapFile, name: str, given: Feature, wanted: Feature) -> None:
    if (given.shape, given.content) != (wanted.shape, wanted.content):
        wrong = f"{given.content} {given.shape}, the first file has {wanted.content} {wanted.shape}"
        raise Broken(file.path, name, wrong, "split the folder by what was recorded")
