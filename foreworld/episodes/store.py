"""Episodes in a directory: append-only, crash-safe, read without being loaded.

    cartpole/
        manifest.json          format, version, specs, chunk_steps
        evicted.json           episodes below this id are gone, and how many steps they had
        lock                   held by the one writer
        chunks/000000000000/   rows.bin, index.bin: see chunk.py
        chunks/000000000042/

Killing the writer costs the episode that it was appending, never one that `append` returned an id
for. A power cut may cost those since the last `sync`; what is there is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.disk import write_json
from foreworld.episodes.check import check_episode
from foreworld.episodes.chunk import Chunk, ChunkWriter
from foreworld.episodes.lock import WriterLock
from foreworld.episodes.row import pack, row_dtype
from foreworld.episodes.split import split_ids
from foreworld.episodes.statistics import Statistics, statistics
from foreworld.episodes.table import Table, build_table
from foreworld.episodes.together import followers
from foreworld.vocab import Episode, Spec, Specs, lasting

FORMAT, VERSION = "foreworld-episodes", 1
CHUNK_BYTES = 128_000_000


class EpisodeStore:
    """A directory of episodes with ids 0, 1, 2 … in the order they came; one writer, many readers.

    Made by `create` and `open`. Ids are never given twice: after an eviction they start higher.
    """

    def __init__(self, path: Path, mode: str) -> None:
        manifest = _read_manifest(path)
        self.path = path
        self.specs: dict[str, Spec] = {k: Spec.from_json(s) for k, s in manifest["specs"].items()}
        self.chunk_steps: int = manifest["chunk_steps"]
        self._dtype = row_dtype(self.specs)
        self._chunks: list[Chunk] = []
        self._evicted_below = self._evicted_steps = 0
        self._table: Table | None = None
        self._writer: ChunkWriter | None = None
        self._lock = WriterLock(path / "lock") if mode == "a" else None
        try:
            if mode == "a":
                self._writer = self._repaired_writer()
            self._load()
            self._table = build_table(self._chunks, self._evicted_below)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: str | Path, specs: Specs, chunk_steps: int | None = None) -> EpisodeStore:
        """A new store, open for appending; goals among the specs are left out.

        chunk_steps: rows per file, what eviction deletes at once (None: about 128 MB of them).
        Raises ValueError if there is anything at `path` already.
        """
        path = Path(path)
        if (path / "manifest.json").exists():
            raise ValueError(f"{path} is a store already: EpisodeStore.open(..., mode='a')")
        if path.exists() and any(path.iterdir()):
            raise ValueError(f"{path} is not empty: a store wants a directory of its own")
        (path / "chunks").mkdir(parents=True, exist_ok=True)
        rows = chunk_steps or max(1, CHUNK_BYTES // row_dtype(lasting(specs)).itemsize)
        described = {key: spec.to_json() for key, spec in lasting(specs).items()}
        manifest = {"format": FORMAT, "version": VERSION, "chunk_steps": rows, "specs": described}
        write_json(path / "manifest.json", manifest)
        return cls(path, "a")

    @classmethod
    def open(cls, path: str | Path, mode: str = "r", specs: Specs | None = None) -> EpisodeStore:
        """An existing store, mode "r" for reading or "a" for appending.

        Raises ValueError if there is none, if it is damaged or of another program, if it has a
        writer already (mode "a"), or if it was written with other specs than `specs` (None: any).
        """
        if mode not in ("r", "a"):
            raise ValueError(f"mode={mode!r}; valid: 'r' (read), 'a' (append)")
        store = cls(Path(path), mode)
        specs = None if specs is None else lasting(specs)
        if specs is not None and specs != store.specs:
            store.close()
            differ = sorted(k for k in {*specs, *store.specs} if specs.get(k) != store.specs.get(k))
            theirs = {key: store.specs.get(key) for key in differ}
            raise ValueError(f"{path} was written with other specs, they differ in {theirs}")
        return store

    # Writing

    def append(self, episode: Episode) -> int:
        """Checks and writes one episode, and returns its id: from then on it survives us."""
        self._require_writer()
        check_episode(episode, self.specs)
        writer, chunk = self._room_for(len(episode))
        writer.append(pack(episode, self._dtype), float(episode["reward"].sum(dtype=np.float64)))
        chunk.refresh()
        self._table = None
        return chunk.next_id - 1

    def evict(self, max_steps: int) -> int:
        """Forgets the oldest episodes until at most `max_steps` rows remain; returns how many went.

        Files are deleted chunk by chunk. Readers that are open keep what they have until `refresh`.
        """
        self._require_writer()
        kept = np.cumsum(self.lengths[::-1]) <= max_steps
        if num_gone := len(self) - int(kept.sum()):
            gone = self._evicted_steps + int(self.lengths[:num_gone].sum())
            mark = {"below": int(self.ids[num_gone - 1]) + 1, "steps": gone}
            write_json(self.path / "evicted.json", mark)
            _delete_evicted(self.path)
            self._load()
        return num_gone

    def sync(self) -> None:
        """Waits until the disk has everything appended so far."""
        if self._writer is not None:
            self._writer.sync()

    def close(self) -> None:
        """Syncs, and lets another writer in. Reading goes on."""
        if self._writer is not None:
            self._writer.close()
        if self._lock is not None:
            self._lock.release()
        self._writer = self._lock = None

    def __enter__(self) -> EpisodeStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    def refresh(self) -> bool:
        """Sees what the writer has appended and evicted since; True if anything changed."""
        return self._lock is None and self._load()

    def column(self, id: int, key: str) -> np.ndarray:
        """One key of one episode, [T, ...]: a read-only view of the memory map."""
        table = self.table
        if not table.first_id <= id < table.next_id:
            raise KeyError(f"no episode {id}: there are {table.first_id} to {table.next_id - 1}")
        n = id - table.first_id
        start = table.start[n]
        return self._chunks[table.chunk[n]].columns[key][start : start + table.length[n]]

    def __getitem__(self, id: int) -> Episode:
        return Episode({key: self.column(id, key) for key in self._dtype.names or ()})

    def __iter__(self) -> Iterator[Episode]:
        return (self[id] for id in self.ids)

    def __contains__(self, id: int) -> bool:
        return self.table.first_id <= id < self.table.next_id

    def __len__(self) -> int:
        return len(self.table.length)

    @property
    def table(self) -> Table:
        """Where every episode lies."""
        if self._table is None:
            self._table = build_table(self._chunks, self._evicted_below)
        return self._table

    @property
    def ids(self) -> np.ndarray:
        """Ids of the episodes that are there: int64, consecutive, oldest first."""
        return np.arange(self.table.first_id, self.table.next_id)

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each episode, in the order of `ids`."""
        return self.table.length

    @property
    def returns(self) -> np.ndarray:
        """Sum of rewards of each episode, in the order of `ids`."""
        return self.table.episode_return

    @property
    def num_steps(self) -> int:
        """Rows of all episodes together."""
        return int(self.table.length.sum())

    @property
    def total_steps(self) -> int:
        """Rows ever appended."""
        return self.num_steps + self._evicted_steps

    # Questions

    def split(self, test_fraction: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
        """Ids to train on and ids to test on; see `split_ids`."""
        return split_ids(self.ids, test_fraction, followers(self.path))

    def statistics(self, ids: Iterable[int] | None = None) -> Statistics:
        """Moments of every key over the episodes `ids` (None: all); see `statistics`."""
        return statistics((self[id] for id in (self.ids if ids is None else ids)), self.specs)

    def verify(self) -> list[int]:
        """Reads every row; returns the ids of episodes that changed since they were written."""
        return [id for chunk in self._chunks for id in chunk.damaged() if id in self]

    def _load(self) -> bool:
        """Reads what is new on disk, keeping the chunks already mapped; True if anything was."""
        before = (self._next_id(), self._evicted_below)
        folder = self.path / "chunks"
        known = {chunk.path.name: chunk for chunk in self._chunks}
        # Listed before they are read: a chunk in the list means the one before it is complete.
        names = _chunk_names(folder)
        chunks = [known.get(name) or Chunk(folder / name, self._dtype) for name in names]
        if self._chunks:
            self._chunks[-1].refresh()
        # Eviction writes its mark before it deletes: a chunk that vanished meanwhile lies below it.
        self._evicted_below, self._evicted_steps = _read_evicted(self.path)
        gone = sum(after.first_id <= self._evicted_below for after in chunks[1:])
        self._chunks = chunks[gone:]
        changed = (self._next_id(), self._evicted_below) != before
        if changed:
            self._table = None
        return changed

    def _next_id(self) -> int:
        return self._chunks[-1].next_id if self._chunks else 0

    def _require_writer(self) -> None:
        if self._lock is None:
            raise ValueError(f"{self.path} is open for reading: EpisodeStore.open(..., mode='a')")

    def _repaired_writer(self) -> ChunkWriter | None:
        _delete_evicted(self.path)
        folder = self.path / "chunks"
        names = _chunk_names(folder)
        return ChunkWriter(folder / names[-1], self._dtype) if names else None

    def _room_for(self, length: int) -> tuple[ChunkWriter, Chunk]:
        """The last chunk if `length` rows fit in, a new one if not (or if it is the first)."""
        writer = self._writer
        if writer is None or (writer.num_rows and writer.num_rows + length > self.chunk_steps):
            if writer is not None:
                writer.close()
            path = self.path / "chunks" / f"{self._next_id():012d}"
            writer = self._writer = ChunkWriter(path, self._dtype)
            self._chunks.append(Chunk(path, self._dtype))
        return writer, self._chunks[-1]


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / "manifest.json").read_text())
        if manifest["format"] != FORMAT:
            raise KeyError(manifest["format"])
    except FileNotFoundError:
        raise ValueError(f"{path} is no episode store: it has no manifest.json") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no episode store, its manifest.json: {error!r}") from error
    if manifest["version"] > VERSION:
        raise ValueError(
            f"{path} has format version {manifest['version']}, this program reads {VERSION}: "
            "pip install --upgrade foreworld"
        )
    return manifest


def _chunk_names(folder: Path) -> list[str]:
    """Names of the chunks, oldest first; anything else in the folder is not ours."""
    return sorted(name for name in os.listdir(folder) if name.isdigit())


def _read_evicted(path: Path) -> tuple[int, int]:
    file = path / "evicted.json"
    mark = json.loads(file.read_text()) if file.exists() else {"below": 0}
    return mark["below"], mark.get("steps", 0)


def _delete_evicted(path: Path) -> None:
    """Deletes chunks that are evicted as a whole; the last one stays, it knows the next id."""
    folder = path / "chunks"
    names, (below, _) = _chunk_names(folder), _read_evicted(path)
    for name, after in zip(names, names[1:], strict=False):
        if int(after) <= below:
            shutil.rmtree(folder / name)
