"""What is decided before a frame is decoded: the keys, their room and bounds, what is missing.

plan = survey(source, mapping)      # opens every recording, reads no picture
plan.specs["action"].low            # measured where neither the mapping nor the source says it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from foreworld.data.mapping import (
    NO_ACTION,
    TASK,
    Mapping,
    Part,
    Rule,
    convert,
    parts_of,
    spec_of,
)
from foreworld.data.recording import Broken, Feature, Recording, Source
from foreworld.episodes.row import row_dtype
from foreworld.log import progress
from foreworld.vocab import PRESENT, Spec

Patience = Literal["refuse", "drop"]
TOLD = Spec((), "bool", "vector", record=True)  # whether a key was recorded


@dataclass(frozen=True)
class Plan:
    """A mapping that was held against its source."""

    mapping: Mapping
    specs: dict[str, Spec]  # of the store
    parts: MappingOf[str, list[Part]]  # by key: what its rule takes
    fps: float | None  # of the source
    flagged: frozenset[str]  # keys that some recordings lack
    ids: tuple[int, ...]  # recordings to take
    rows: int  # of all of them, about
    refused: tuple[tuple[str, Broken], ...] = ()  # recordings that cannot be believed, and why

    @property
    def bytes(self) -> int:
        """What the store will take of the disk, about."""
        return self.rows * row_dtype(self.specs).itemsize

    def lacks(self, recording: Recording) -> list[str]:
        """Keys that a recording does not have."""
        return [key for key, parts in self.parts.items() if not _has(recording, parts)]


def survey(
    source: Source,
    mapping: Mapping,
    ids: Sequence[int] | None = None,
    broken: Patience = "refuse",
) -> Plan:
    """Hold a mapping against the recordings `ids` of a source (None: all).

    broken: whether one that cannot be believed, or lacks what may not be missing, raises Broken
    ("refuse") or is left out ("drop"). Raises ValueError for a mapping that does not fit.
    """
    features = features_of(source)
    parts = {key: parts_of(key, rule, features) for key, rule in mapping.keys.items()}
    specs = {key: spec_of(key, rule, features) for key, rule in mapping.keys.items()}
    found = _Found(mapping, parts)
    rows = 0
    taken, refused = [], []
    ids = range(len(source)) if ids is None else ids
    with progress("looking", len(ids)) as advance:
        for id in ids:
            try:
                found.look(recording := source[id], specs)
                rows += _rows(recording, parts, mapping.fps)
                taken.append(id)
            except Broken as error:
                if broken == "refuse":
                    raise
                refused.append((f"recording {id}", error))
            advance()
    for key in ("reward", "is_terminal"):
        specs.pop(key, None)
    specs = {key: found.measured(key, spec) for key, spec in specs.items()}
    specs.setdefault("action", NO_ACTION)
    flagged = {key for key, n in found.missing.items() if mapping.keys[key].missing == "flag"}
    told = {PRESENT + key: TOLD for key in sorted(flagged)}
    kept = frozenset(flagged)
    specs = {**specs, **told}
    return Plan(mapping, specs, parts, source.fps, kept, tuple(taken), rows, tuple(refused))


def features_of(source: Source) -> dict[str, Feature]:
    """The columns of a source, and the instruction of each recording as one more."""
    return {TASK: Feature((), "str", "text"), **source.features}


class _Found:
    """What the recordings hold that specs have to make room for."""

    def __init__(self, mapping: Mapping, parts: MappingOf[str, list[Part]]) -> None:
        self.mapping = mapping
        self.parts = parts
        self.missing: Counter[str] = Counter()
        self.low: dict[str, np.ndarray] = {}
        self.high: dict[str, np.ndarray] = {}

    def look(self, recording: Recording, specs: MappingOf[str, Spec]) -> None:
        """Measure one recording."""
        for key, rule in self.mapping.keys.items():
            parts = self.parts[key]
            if not _has(recording, parts):
                self.missing[key] += 1
                _may_lack(recording, key, rule, parts)
            elif _open_ended(key, rule, specs[key], parts):
                values = _measures(recording, rule, parts)
                if len(values):
                    low, high = values.min(0), values.max(0)
                    self.low[key] = np.minimum(low, self.low.setdefault(key, low))
                    self.high[key] = np.maximum(high, self.high.setdefault(key, high))

    def measured(self, key: str, spec: Spec) -> Spec:
        """A spec with the room and bounds that were found."""
        if key not in self.high:
            return spec
        low, high = self.low[key], self.high[key]
        if spec.kind == "text":
            return replace(spec, shape=(max(1, int(high[0])),))
        if spec.kind == "discrete":
            if low.min() < 0:
                wrong = f"{low.min():g} is no choice, which are counted from 0"
                raise ValueError(f"keys.{key}: {wrong}; give it the kind 'vector'")
            return replace(spec, classes=tuple(int(n) + 1 for n in high))
        still = low == high  # a range of nothing could be neither scaled nor searched
        low, high = np.where(still, low - 1, low), np.where(still, high + 1, high)
        return replace(spec, low=tuple(low.tolist()), high=tuple(high.tolist()))


def _rows(recording: Recording, parts: MappingOf[str, list[Part]], fps: float | None) -> int:
    """How many there will be, as far as one can tell without holding clocks together."""
    used = {part.column for several in parts.values() for part in several}
    clocks = [np.asarray(c.stamps) for name, c in recording.columns.items() if name in used]
    clocks = [clock for clock in clocks if len(clock)]
    if not clocks:
        return 0
    if fps is None:
        return min(map(len, clocks))
    return round(fps * max(float(clock[-1] - clock[0]) for clock in clocks)) + 1


def _has(recording: Recording, parts: list[Part]) -> bool:
    return all(
        part.column in recording.columns or (part.column == TASK and recording.task is not None)
        for part in parts
    )


def _may_lack(recording: Recording, key: str, rule: Rule, parts: list[Part]) -> None:
    if rule.missing == "refuse":
        absent = [part.column for part in parts if part.column not in recording.columns]
        fix = f"set keys.{key}.missing to 'flag' or 'drop' in the mapping"
        raise Broken(recording.name, f"column {', '.join(absent)}", "is not there", fix)


def _open_ended(key: str, rule: Rule, spec: Spec, parts: list[Part]) -> bool:
    """Whether a key's room or bounds are still to be found in the data."""
    if spec.kind == "text":
        return rule.text_bytes is None
    if spec.kind == "discrete":
        return rule.classes is None and parts[0].feature.classes is None
    return key == "action" and spec.kind == "vector" and None in (spec.low, spec.high)


def _measures(recording: Recording, rule: Rule, parts: list[Part]) -> np.ndarray:
    """What bounds are taken of: the numbers of a key [n, width], or the lengths of texts [n, 1]."""
    if rule.kind == "text":
        return np.array([[len(text.encode())] for text in texts(recording, parts[0])])
    stacked = []
    for part in parts:
        column = recording.columns[part.column]
        values = part.of(column.read(np.arange(len(column.stamps))))
        wrong = np.argwhere(~np.isfinite(values))
        if len(wrong):
            raise not_finite(recording.name, part.column, int(wrong[0, 0]), values[tuple(wrong[0])])
        stacked.append(values)
    shortest = min(map(len, stacked))
    return convert(np.concatenate([v[:shortest] for v in stacked], 1), rule, parts)


def texts(recording: Recording, part: Part) -> list[str]:
    """All that a text column says."""
    if part.column not in recording.columns:
        return [recording.task or ""]
    column = recording.columns[part.column]
    return [str(text) for text in column.read(np.arange(len(column.stamps)))]


def not_finite(name: str, column: str, row: int, value: Any) -> Broken:
    """The error for a number that is none."""
    fix = "correct the file, or leave such recordings out: data import --broken drop"
    return Broken(name, f"column {column!r}", f"row {row} is {value}, not finite", fix)
