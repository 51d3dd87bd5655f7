"""Our own store of episodes as a source: to be exported, resampled, merged and looked at alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.mapping import NO_ACTION, Mapping, Rule
from foreworld.data.recording import Content, Feature, Recording, Values
from foreworld.episodes import EpisodeStore
from foreworld.vocab import Spec

PARTS = "parts.json"  # beside a merged store: whose episodes come first, and how many
RATE = 1.0  # rows a second, where nobody noted how fast steps follow each other


@dataclass(frozen=True)
class Texts:
    """A text column: zero-padded UTF-8 [T, room] told as words."""

    values: np.ndarray
    stamps: np.ndarray

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        said = [row.tobytes().rstrip(b"\0").decode() for row in self.values[np.asarray(rows)]]
        return np.array(said, object)


class StoredSource:
    """A `foreworld` store; every key is a column of its own name."""

    format = "foreworld"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.store = EpisodeStore.open(path)
        self.fps = noted_fps(self.path) or RATE

    @classmethod
    def fits(cls, path: Path) -> bool:
        return (path / "manifest.json").is_file() and (path / "chunks").is_dir()

    @property
    def features(self) -> dict[str, Feature]:
        told = {key: _feature(spec) for key, spec in self.store.specs.items()}
        return told | {"reward": Feature((), "float32"), "is_terminal": Feature((), "bool")}

    @property
    def mapping(self) -> Mapping:
        """The mapping that copies it as it is."""
        specs = {k: s for k, s in self.store.specs.items() if (k, s) != ("action", NO_ACTION)}
        ends = {"reward": Rule(("reward",), shape=(), resample="sum")}
        return Mapping({key: same(key, spec) for key, spec in specs.items()} | ends, shortest=1)

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, id: int) -> Recording:
        number = int(self.store.ids[id])
        episode = self.store[number]
        stamps = np.arange(len(episode)) / self.fps
        columns = {
            key: (Texts if feature.content == "text" else Values)(episode[key], stamps)
            for key, feature in self.features.items()
        }
        terminal = bool(episode["is_terminal"][-1])
        return Recording(f"episode {number} of {self.path}", columns, terminal=terminal)

    def __iter__(self) -> Iterator[Recording]:
        return (self[id] for id in range(len(self)))

    def close(self) -> None:
        self.store.close()


def same(column: str, spec: Spec) -> Rule:
    """The rule that makes exactly `spec` of a column that holds its values."""
    rule = Rule((column,), observed=spec.observed, record=spec.record)
    if spec.kind == "image":
        return replace(rule, kind="image", image_size=None)
    if spec.kind == "text":
        return replace(rule, kind="text", text_bytes=spec.shape[0])
    rule = replace(rule, shape=spec.shape, dtype=spec.dtype)
    if spec.kind == "discrete":
        return replace(rule, kind="discrete", classes=spec.classes)
    return replace(rule, low=spec.low, high=spec.high, given=spec.unit, names=spec.names)


def noted(path: Path) -> dict[str, Any] | None:
    """The report of the import that made a store; None where it was made otherwise."""
    file = path / "import.json"
    return json.loads(file.read_text())["report"] if file.is_file() else None


def noted_fps(path: Path) -> float | None:
    """Rows a second of a store, where it was imported and the import knew, or its parts were."""
    report, parts = noted(path), path / PARTS
    if report is not None:
        return report["fps"]
    rates = {part.get("fps") for part in json.loads(parts.read_text())} if parts.is_file() else ()
    return next(iter(rates)) if len(rates) == 1 else None


def _feature(spec: Spec) -> Feature:
    if spec.kind == "text":
        return Feature((), "str", "text")
    content: Content = "image" if spec.kind == "image" else "number"
    classes = spec.classes[0] if spec.classes and len(set(spec.classes)) == 1 else None
    return Feature(
        spec.shape, spec.dtype, content, spec.names, spec.unit, spec.low, spec.high, classes
    )
