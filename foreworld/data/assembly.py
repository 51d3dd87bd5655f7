"""A recording becomes episodes: rows are found for every key, then read, piece by piece.

life = Life(plan, recording)
for piece in life.pieces(report):
    episode = life.read(piece)      # only now are frames decoded, and of this piece alone
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from foreworld.data.alignment import (
    SLACK,
    Clock,
    Piece,
    check_rate,
    check_stamps,
    followed,
    gather,
    interpolate,
    lasting,
    own_clock,
    steady_clock,
)
from foreworld.data.mapping import TASK, Part, Rule, convert
from foreworld.data.plan import Plan, not_finite
from foreworld.data.recording import Broken, Column, Feature, Recording
from foreworld.data.report import Report
from foreworld.episodes.row import row_dtype, row_specs
from foreworld.streams.images import shrink
from foreworld.vocab import PRESENT, Episode, Spec

PIECE_BYTES = 128_000_000  # of one episode in memory: longer recordings are split
SLAB_BYTES = 32_000_000  # of pictures as they come, before they are shrunk


class Track(NamedTuple):
    """One part of a key in one recording: its values, and when they were seen."""

    part: Part
    column: Column
    stamps: np.ndarray


class Life:
    """One recording under a plan: its clock, and which value belongs to which row."""

    def __init__(self, plan: Plan, recording: Recording) -> None:
        self.plan = plan
        self.recording = recording
        self.lacking = plan.lacks(recording)
        self.tracks: dict[str, list[Track]] = {
            key: [self._track(part) for part in parts]
            for key, parts in plan.parts.items()
            if key not in self.lacking and not self._is_task(key)
        }
        self.clock, self.repeated = self._clock()
        rows = self.clock.rows.copy()
        if self.repeated:
            rows[-1] = rows[-2]
        self.seen = replace(self.clock, rows=rows)  # of what does not follow an action

    def pieces(self, report: Report) -> list[Piece]:
        """The stretches that become episodes; what is left out goes into the report."""
        name, mapping = self.recording.name, self.plan.mapping
        whole, linked = self._fresh(report)
        found = [p for p in self.clock.pieces(whole, linked) if p.stop > p.start]
        long = [p for p in found if p.stop - p.start >= mapping.shortest]
        for piece in found:
            if piece not in long:
                why = f"shorter than {mapping.shortest} rows"
                report.drop(why, name, piece.stop - piece.start)
        if len(long) > 1 and mapping.holes == "drop":
            report.drop("has holes", name, sum(p.stop - p.start for p in long))
            return []
        room = max(mapping.shortest, PIECE_BYTES // row_dtype(self.plan.specs).itemsize)
        return [part for piece in long for part in _cut(piece, room)]

    def read(self, piece: Piece) -> Episode:
        """The episode of some rows. Raises Broken for values that are none."""
        rows = slice(piece.start, piece.stop)
        length = piece.stop - piece.start
        steps = {
            key: self._key(key, spec, rows) for key, spec in row_specs(self.plan.specs).items()
        }
        steps["action"][-1] = 0
        steps["reward"][0] = 0
        steps["is_first"] = np.arange(length) == 0
        steps["is_last"] = np.arange(length) == length - 1
        ended = piece.stop == len(self.clock.rows) and self._ended()
        steps["is_terminal"] = steps["is_last"] & ended
        return Episode(steps)

    # Time

    def _is_task(self, key: str) -> bool:
        parts = self.plan.parts[key]
        return parts[0].column == TASK and TASK not in self.recording.columns

    def _track(self, part: Part) -> Track:
        column = self.recording.columns[part.column]
        stamps = np.asarray(column.stamps, np.float64)
        check_stamps(self.recording.name, part.column, stamps)
        if not len(stamps):
            wrong, fix = "has no rows", "remove the recording, or: data import --broken drop"
            raise Broken(self.recording.name, f"column {part.column!r}", wrong, fix)
        if part.feature.moment == "after":
            stamps = followed(stamps, 1 / self.plan.fps if self.plan.fps else 0.0)
        return Track(part, column, stamps)

    def _clock(self) -> tuple[Clock, bool]:
        """The rows of this recording, and whether the last repeats what the one before it saw."""
        tracks = [track for several in self.tracks.values() for track in several]
        now = {t.part.column: t.stamps for t in tracks if t.part.feature.moment == "now"}
        mapping, fps = self.plan.mapping, self.plan.fps
        if not now:
            wrong = "there is no column to take the time from"
            fix = "leave it out: data import --broken drop"
            raise Broken(self.recording.name, "columns", wrong, fix)
        if mapping.fps is not None and mapping.fps != fps:
            acts = {t.part.column: lasting(t.stamps) for t in self.tracks.get("action", ())}
            return steady_clock({**now, **acts}, mapping.fps), False
        clock = own_clock(now, fps)
        if fps is not None:
            check_rate(self.recording.name, fps, clock.rows)
        last, half = clock.rows[-1], clock.period / 2
        later = any(t.stamps[-1] > last + half for t in tracks if t.part.feature.moment == "after")
        if mapping.ending == "keep" or not later:
            return clock, False
        return replace(clock, rows=np.append(clock.rows, last + clock.period)), True

    def _fresh(self, report: Report) -> tuple[np.ndarray, np.ndarray]:
        """Which rows are whole [K], and which go on from the one before them [K]."""
        whole = np.ones(len(self.clock.rows), bool)
        linked = np.ones(len(self.clock.rows), bool)
        stale: dict[str, np.ndarray] = {}
        for key, tracks in self.tracks.items():
            fresh = np.logical_and.reduce([self._is_fresh(key, track) for track in tracks])
            if key == "action":  # the last one of an episode leads nowhere
                fresh[-1:] = True
                linked[1:] &= fresh[:-1]
            elif all(track.part.feature.moment == "after" for track in tracks):
                linked &= fresh
            else:
                whole &= fresh
            if any(track.part.feature.moment == "now" for track in tracks):
                stale[key] = ~fresh
        _tell_stale(stale, self.recording.name, report)
        return whole, linked

    def _is_fresh(self, key: str, track: Track) -> np.ndarray:
        _, age = self._timing(track).find(track.stamps, self.plan.mapping.keys[key].resample)
        tolerance = self.clock.tolerance(track.stamps, self.plan.mapping.tolerance)
        return age <= tolerance + 1e-9

    def _timing(self, track: Track) -> Clock:
        return self.clock if track.part.feature.moment == "after" else self.seen

    def _ended(self) -> bool:
        """Whether the world ended it: said by the recording, or by a flag at its last row."""
        if self.recording.terminal is not None:
            return self.recording.terminal
        last = self.clock.rows[-1] - SLACK * self.clock.period
        for track in self.tracks.get("is_terminal", ()):
            rows = np.flatnonzero(track.stamps >= last)
            if len(rows) and np.any(track.column.read(rows)):
                return True
        return False

    # Values

    def _key(self, key: str, spec: Spec, rows: slice) -> np.ndarray:
        length = len(self.clock.rows[rows])
        if key.startswith(PRESENT) and key not in self.plan.parts:
            return np.full(length, key.removeprefix(PRESENT) not in self.lacking)
        if key in self.plan.parts and key not in self.lacking:
            if self._is_task(key):
                return _encoded(self.recording, key, spec, [self.recording.task or ""] * length)
            rule, tracks = self.plan.mapping.keys[key], self.tracks[key]
            if spec.kind == "image":
                return self._pictures(tracks[0], rule, spec, rows)
            if spec.kind == "text":
                said = tracks[0].column.read(self._index(tracks[0], rule, rows))
                return _encoded(self.recording, key, spec, [str(text) for text in said])
            return self._numbers(key, rule, spec, tracks, rows)
        return np.zeros((length, *spec.shape), spec.dtype)

    def _index(self, track: Track, rule: Rule, rows: slice) -> np.ndarray:
        index, _ = self._timing(track).find(track.stamps, rule.resample)
        return index[rows]

    def _pictures(self, track: Track, rule: Rule, spec: Spec, rows: slice) -> np.ndarray:
        index = self._index(track, rule, rows)
        out = np.empty((len(index), *spec.shape), spec.dtype)
        feature = track.part.feature
        slab = max(1, SLAB_BYTES // max(1, int(np.prod(feature.shape, dtype=int))))
        for start in range(0, len(index), slab):
            frames = track.column.read(index[start : start + slab])
            if feature.content == "depth":
                frames = _grey(frames, rule, feature)
            if frames.dtype != np.uint8 or frames.shape[1:] != feature.shape:
                wrong = f"{frames.dtype} {frames.shape[1:]}, not uint8 {feature.shape} as it says"
                fix = "correct the shape that the dataset states"
                raise Broken(self.recording.name, f"column {track.part.column!r}", wrong, fix)
            out[start : start + slab] = shrink(frames, rule.image_size)
        return out

    def _numbers(
        self, key: str, rule: Rule, spec: Spec, tracks: list[Track], rows: slice
    ) -> np.ndarray:
        read = [self._values(track, rule, rows) for track in tracks]
        values = np.concatenate(read, 1)
        plain = rule.scale == 1.0 and rule.offset == 0.0 and rule.unit is None
        if not plain:
            values = convert(values, rule, [track.part for track in tracks])
        dtype = np.dtype(spec.dtype)
        if dtype.kind in "iu" and values.dtype.kind == "f":
            self._check_whole(key, values, rows)
        return values.reshape(len(values), *spec.shape).astype(dtype)

    def _values(self, track: Track, rule: Rule, rows: slice) -> np.ndarray:
        """Numbers of some rows [n, width], in the dtype of the column where they are picked."""
        timing, stamps = self._timing(track), track.stamps
        instants = replace(timing, rows=timing.rows[rows])
        if rule.resample in ("previous", "nearest"):
            values = track.part.of(track.column.read(self._index(track, rule, rows)))
        else:
            near = self._around(stamps, instants)
            values = track.part.of(track.column.read(near)).astype(np.float64)
        wrong = np.argwhere(~np.isfinite(values)) if values.dtype.kind == "f" else []
        if len(wrong):
            row, value = rows.start + int(wrong[0][0]), values[tuple(wrong[0])]
            raise not_finite(self.recording.name, track.part.column, row, value)
        if rule.resample == "linear":
            return interpolate(values, stamps[near], instants.rows)
        if rule.resample in ("sum", "any"):
            return gather(values, stamps[near], instants, rule.resample)
        return values

    def _around(self, stamps: np.ndarray, instants: Clock) -> np.ndarray:
        """The rows of a column that may have a say in some instants."""
        first = np.searchsorted(stamps, instants.rows[0] - instants.period) - 1
        last = np.searchsorted(stamps, instants.rows[-1] + instants.period) + 1
        return np.arange(max(0, first), min(len(stamps), last))

    def _check_whole(self, key: str, values: np.ndarray, rows: slice) -> None:
        wrong = np.argwhere(values != np.round(values))
        if len(wrong):
            row, value = rows.start + int(wrong[0][0]), values[tuple(wrong[0])]
            fix = f"give keys.{key} the kind 'vector'"
            what = f"column {', '.join(self.plan.mapping.keys[key].columns)}"
            raise Broken(self.recording.name, what, f"row {row} is {value}, no whole number", fix)


def _tell_stale(stale: dict[str, np.ndarray], name: str, report: Report) -> None:
    """Count rows [K] by what they lack, each of them once."""
    table = np.stack(list(stale.values()), 1) if stale else np.zeros((0, 0), bool)
    kinds, counts = np.unique(table[table.any(1)], axis=0, return_counts=True)
    for kind, count in zip(kinds, counts, strict=True):
        keys = [key for key, lacks in zip(stale, kind, strict=True) if lacks]
        report.drop(f"nothing recent enough of {', '.join(keys)}", name, int(count))


def _cut(piece: Piece, room: int) -> list[Piece]:
    """Parts of at most `room` rows, about alike."""
    count = -(-(piece.stop - piece.start) // room)
    edges = np.linspace(piece.start, piece.stop, count + 1).astype(int)
    return [Piece(int(a), int(b)) for a, b in zip(edges, edges[1:], strict=False)]


def _grey(depth: np.ndarray, rule: Rule, feature: Feature) -> np.ndarray:
    """Depth as bytes: 0 at `low` or nearer, 255 at `high` or farther; unknown depth is 0."""
    near, far = (
        getattr(rule, which) if getattr(rule, which) is not None else getattr(feature, which)
        for which in ("low", "high")
    )
    near, far = float(np.min(near or 0.0)), float(np.max(far))
    share = (np.nan_to_num(depth, nan=near) - near) / (far - near)
    return np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)


def _encoded(recording: Recording, key: str, spec: Spec, said: list[str]) -> np.ndarray:
    """Texts as zero-padded UTF-8 [n, room]."""
    out = np.zeros((len(said), *spec.shape), np.uint8)
    for row, text in zip(out, said, strict=True):
        data = text.encode()
        if len(data) > len(row):
            wrong = f"{text[:40]!r}… has {len(data)} bytes, there is room for {len(row)}"
            fix = f"raise keys.{key}.text_bytes in the mapping"
            raise Broken(recording.name, f"text of {key}", wrong, fix)
        row[: len(data)] = np.frombuffer(data, np.uint8)
    return out
