"""A dataset of any format becomes a store of episodes, whole or not at all.

with open_source("pusht") as source:
    report = import_dataset(source, "episodes/pusht", usual(source))

episodes/pusht/  manifest.json, chunks/    the store
                 import.json               what was dropped and why, and the mapping
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import numpy as np

from foreworld.data.alignment import JITTER, PATIENCE, TOGETHER, Piece
from foreworld.data.assembly import Life
from foreworld.data.mapping import Mapping, to_json
from foreworld.data.plan import Patience, Plan, survey
from foreworld.data.recording import Broken, Source
from foreworld.data.report import Report
from foreworld.disk import whole_folder, write_json
from foreworld.episodes import EpisodeStore
from foreworld.episodes.together import keep_together
from foreworld.log import progress
from foreworld.vocab import Episode

MOST_WORKERS = 8
SPARE = 0.05  # of what is free on a disk: an import leaves as much


def import_dataset(
    source: Source,
    path: str | Path,
    mapping: Mapping,
    broken: Patience = "refuse",
    workers: int | None = None,
    plan: Plan | None = None,
) -> Report:
    """Write all recordings to a new store at `path`.

    broken: whether a recording that cannot be believed ends it all ("refuse") or is left out
    ("drop"). workers: threads that decode, each with one episode in memory; None: one a core.
    plan: of `survey`, where that was done. Raises Broken, and ValueError where nothing is left.
    """
    plan = plan or survey(source, mapping, None, broken)
    _check_room(Path(path), plan)
    report = Report(str(source.path), source.format, mapping.fps or source.fps)
    report.tolerance = _said(mapping, source.fps)
    used = {part.column for parts in plan.parts.values() for part in parts}
    report.unused = [name for name in source.features if name not in used]
    for name, error in plan.refused:
        report.recordings += 1
        report.drop(_why(error), name)
    with whole_folder(path) as folder:
        with EpisodeStore.create(folder, plan.specs) as store:
            _fill(store, source, plan, report, broken, workers or _cores())
            if not len(store):
                raise ValueError(f"nothing of {source.path} is left: {_reasons(report)}")
        document = {"report": report.to_json(), "mapping": to_json(mapping)}
        write_json(folder / "import.json", document)
    return report


def _check_room(path: Path, plan: Plan) -> None:
    """Raises ValueError where the store would fill the disk: known before a frame is decoded."""
    there = next(folder for folder in path.absolute().parents if folder.exists())
    free = shutil.disk_usage(there).free
    if plan.bytes > (1 - SPARE) * free:
        raise ValueError(
            f"{path} would take {plan.bytes / 1e9:,.1f} GB ({plan.rows:,} rows), and {there} has "
            f"{free / 1e9:,.1f} GB free: choose smaller pictures, as in --set "
            "keys.NAME.image_size=64, fewer rows (--set fps=5), fewer keys, or another disk"
        )


def _fill(
    store: EpisodeStore,
    source: Source,
    plan: Plan,
    report: Report,
    broken: Patience,
    workers: int,
) -> None:
    seen: dict[bytes, str] = {}
    last, parts = None, []
    with progress("importing", len(plan.ids)) as advance, ThreadPoolExecutor(workers) as pool:
        pieces = _pieces(source, plan, report, broken, advance)
        for life, piece, decoding in _ahead(pieces, pool, workers):
            with _patience(report, life.recording.name, broken):
                episode = decoding.result()
                _refuse_twin(episode, life.recording.name, seen)
                id = _append(store, episode, life)
                parts += [id] * (life is last)
                last = life
                report.episodes += 1
                report.rows += len(episode)
                report.terminal += bool(episode["is_terminal"][-1])
                report.repeated += life.repeated and piece.stop == len(life.clock.rows)
    keep_together(store.path, parts)


def _pieces(
    source: Source, plan: Plan, report: Report, broken: Patience, advance: Callable[..., None]
) -> Iterator[tuple[Life, Piece]]:
    """Everything that becomes an episode, in order, nothing of it decoded."""
    for id in plan.ids:
        report.recordings += 1
        found, life = [], None
        with _patience(report, f"recording {id}", broken):
            life = Life(plan, source[id])
            _check_rate(life, report)
            found = life.pieces(report) if _wanted(life, report) else []
        report.split += len(found) > 1
        yield from ((life, piece) for piece in found if life)
        advance(1, f"{report.rows} rows")


def _ahead(
    pieces: Iterator[tuple[Life, Piece]], pool: ThreadPoolExecutor, room: int
) -> Iterator[tuple[Life, Piece, Future[Episode]]]:
    """The same, being decoded: one more than there are workers, so that memory stays bounded."""
    waiting: deque[tuple[Life, Piece, Future[Episode]]] = deque()
    try:
        for life, piece in pieces:
            waiting.append((life, piece, pool.submit(life.read, piece)))
            if len(waiting) > room:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for _, _, decoding in waiting:
            decoding.cancel()


def _check_rate(life: Life, report: Report) -> None:
    """Raises Broken for rows that are not as long as those of the recordings before it."""
    fps = round(1 / life.clock.period, 6) if life.clock.period else None
    report.fps = report.fps or fps
    if fps and report.fps and abs(fps - report.fps) > JITTER * report.fps:
        wrong = f"{fps:.4g}, the first recording has {report.fps:.4g}"
        fix = "bring all to one rate, as in: --set fps=10"
        raise Broken(life.recording.name, "rows a second", wrong, fix)


def _wanted(life: Life, report: Report) -> bool:
    """Counts what a recording lacks; False where the mapping says to leave it out for that."""
    report.missing.update(life.lacking)
    rules = life.plan.mapping.keys
    absent = [key for key in life.lacking if rules[key].missing == "drop"]
    if absent:
        report.drop(f"has no {', '.join(absent)}", life.recording.name)
    return not absent


@contextmanager
def _patience(report: Report, name: str, broken: Patience) -> Iterator[None]:
    """What is broken inside ends the import, or is counted and left out."""
    try:
        yield
    except Broken as error:
        if broken == "refuse":
            raise
        report.drop(_why(error), name)


def _why(error: Broken) -> str:
    return f"broken: {error.what} {error.wrong}"


def _append(store: EpisodeStore, episode: Episode, life: Life) -> int:
    try:
        return store.append(episode)
    except ValueError as error:
        fix = "correct the file or the mapping, or leave it out: data import --broken drop"
        raise Broken(life.recording.name, "values", str(error), fix) from None


def _refuse_twin(episode: Episode, name: str, seen: dict[bytes, str]) -> None:
    """Raises Broken for an episode that is there already: it would leak from training to test."""
    digest = blake2b(digest_size=16)
    for key in sorted(episode.steps):
        digest.update(np.ascontiguousarray(episode[key]).data)
    other = seen.setdefault(digest.digest(), name)
    if other != name:
        fix = "remove one of them, or keep the first: data import --broken drop"
        raise Broken(name, "rows", f"the same as those of {other}", fix)


def _said(mapping: Mapping, fps: float | None) -> str:
    if mapping.tolerance is not None:
        return f"{mapping.tolerance:g} s"
    shared = fps is not None and mapping.fps in (None, fps)
    return f"{TOGETHER:g} rows" if shared else f"{PATIENCE:g} rows of the slower clock"


def _reasons(report: Report) -> str:
    return "; ".join(f"{n['recordings']} x {why}" for why, n in report.dropped.items()) or "empty"


def _cores() -> int:
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)))
